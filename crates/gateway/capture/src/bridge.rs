//! A layer-2 bridge between the ports of the zones, with a verdict on every frame that changes
//! zones (GW-01, GW-02).
//!
//! Holds always: a frame leaves by other ports than it came in by, at most once each; a frame
//! that stays within its zone is not shown to the inspector; own frames are never seen again
//! (`PACKET_IGNORE_OUTGOING`). Spanning-tree frames pass, so that switches find a loop that a
//! wrong cable makes. Deliberately not here: what to do when inspection dies (the caller's).

use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use mimamori_base::{Clock, Timestamp, Zone};

use crate::held::{HeldFrame, Kept};
use crate::interface::{Interface, InterfaceError};
use crate::mac_table::{MacTable, is_group};
use crate::socket::{Batch, Outgoing, PacketSocket, wait};

/// Group and unknown-destination frames a second that one port may send to all others.
const FLOOD_PER_SECOND: u64 = 20_000;
const TICK: Duration = Duration::from_millis(50);
/// While frames are kept.
const TICK_HOLDING: Duration = Duration::from_millis(10);
const MAX_PORTS: usize = 16;

/// Number of a port, in the order of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PortId(pub u8);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortConfig {
    pub interface: String,
    pub zone: Zone,
}

#[derive(Debug, thiserror::Error)]
pub enum BridgeError {
    #[error(transparent)]
    Interface(#[from] InterfaceError),
    #[error("a bridge needs two to {MAX_PORTS} ports, not {0}")]
    PortCount(usize),
    #[error("interface `{0}` is named twice")]
    Twice(String),
    #[error(
        "the ports' MTU differ ({a} has {a_mtu}, {b} has {b_mtu}): large frames would be lost; set them equal"
    )]
    Mtu { a: String, a_mtu: u32, b: String, b_mtu: u32 },
    #[error("interface `{interface}` cannot be opened: {source} (inspection needs root or CAP_NET_RAW)")]
    Open { interface: String, source: io::Error },
    #[error("interface `{interface}`: {source}")]
    Io { interface: String, source: io::Error },
}

/// What becomes of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Forward,
    Drop,
    /// This frame goes on instead.
    Replace(Vec<u8>),
    /// The bridge keeps it until a [`Release`] with this token. `instead`: what it goes on as,
    /// as long as it was.
    Hold {
        token: u64,
        instead: Option<Vec<u8>>,
    },
}

/// What becomes of a frame that the bridge keeps.
#[derive(Debug)]
pub struct Release {
    pub token: u64,
    pub verdict: Verdict,
    pub inject: Injections,
}

/// Which way a frame of the inspector's own goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Towards {
    /// Out of the port that the inspected frame came in by.
    Sender,
    /// Out of the ports that it was going to.
    Receiver,
}

/// Frames that the inspector adds (a reset, a block page).
#[derive(Debug, Default)]
pub struct Injections(Vec<(Towards, Vec<u8>)>);

impl Injections {
    /// At most eight for one frame; more are ignored.
    pub fn push(&mut self, towards: Towards, frame: Vec<u8>) {
        if self.0.len() < 8 {
            self.0.push((towards, frame));
        }
    }
}

/// Where a frame is and where it wants to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    pub from: Zone,
    /// `None` when it goes to several zones (broadcast).
    pub to: Option<Zone>,
    pub port: PortId,
}

/// The inspector behind the bridge.
pub trait Inspector {
    fn inspect(&mut self, now: Timestamp, passage: Passage, frame: &[u8], inject: &mut Injections)
    -> Verdict;

    /// Called about twenty times a second and after bursts; `false` ends the bridge.
    fn tick(&mut self, now: Timestamp) -> bool;

    /// What becomes of frames that are kept, in order. Asked after each inspected frame, before
    /// that one goes on, and whenever the bridge wakes.
    fn releases(&mut self, _now: Timestamp, _woken: bool) -> Vec<Release> {
        Vec::new()
    }

    /// Becomes readable when there is something to release.
    fn wake_fd(&self) -> Option<RawFd> {
        None
    }

    fn link_changed(&mut self, _now: Timestamp, _interface: &str, _up: bool) {}
}

/// Counters of one bridge, readable while it runs.
#[derive(Debug, Default)]
pub struct Counters {
    pub received: AtomicU64,
    pub bytes: AtomicU64,
    pub inspected: AtomicU64,
    pub forwarded: AtomicU64,
    pub dropped_by_verdict: AtomicU64,
    /// Not handed over by the kernel, or not accepted by the outgoing port.
    pub lost: AtomicU64,
    pub flood_limited: AtomicU64,
    pub truncated: AtomicU64,
    pub injected: AtomicU64,
}

impl Counters {
    fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Port {
    interface: Interface,
    zone: Zone,
    socket: PacketSocket,
    outgoing: Vec<Outgoing>,
    flood_budget: u64,
}

/// The bridge with its ports open.
pub struct Bridge {
    ports: Vec<Port>,
    macs: MacTable,
    kept: Kept,
    counters: Arc<Counters>,
    clock: Arc<dyn Clock>,
    refilled: Timestamp,
    links_checked: Timestamp,
}

impl std::fmt::Debug for Bridge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bridge").field("ports", &self.ports).finish_non_exhaustive()
    }
}

impl Bridge {
    /// Checks and opens the ports. Frames pass once [`Bridge::run`] is called.
    pub fn open(ports: &[PortConfig], clock: Arc<dyn Clock>) -> Result<Self, BridgeError> {
        if !(2..=MAX_PORTS).contains(&ports.len()) {
            return Err(BridgeError::PortCount(ports.len()));
        }
        let mut opened: Vec<Port> = Vec::new();
        for config in ports {
            if opened.iter().any(|p| p.interface.name == config.interface) {
                return Err(BridgeError::Twice(config.interface.clone()));
            }
            let interface = Interface::read(&config.interface)?;
            if let Some(first) = opened.first()
                && first.interface.mtu != interface.mtu
            {
                return Err(BridgeError::Mtu {
                    a: first.interface.name.clone(),
                    a_mtu: first.interface.mtu,
                    b: interface.name,
                    b_mtu: interface.mtu,
                });
            }
            let socket = PacketSocket::open(interface.index)
                .map_err(|source| BridgeError::Open { interface: config.interface.clone(), source })?;
            opened.push(Port { interface, zone: config.zone, socket, outgoing: Vec::new(), flood_budget: 0 });
        }
        Ok(Bridge {
            ports: opened,
            macs: MacTable::default(),
            kept: Kept::default(),
            counters: Arc::default(),
            clock,
            refilled: Timestamp::EPOCH,
            links_checked: Timestamp::EPOCH,
        })
    }

    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        self.counters.clone()
    }

    /// Moves frames until `stop` is set or the inspector's tick says so.
    pub fn run(&mut self, inspector: &mut dyn Inspector, stop: &AtomicBool) -> Result<(), BridgeError> {
        let mut sockets: Vec<_> = self.ports.iter().map(|p| p.socket.raw()).collect();
        sockets.extend(inspector.wake_fd());
        let mut batch = Batch::new();
        let mut ready = Vec::new();
        let mut last_tick = Timestamp::EPOCH;
        while !stop.load(Ordering::Relaxed) {
            let pause = if self.kept.is_empty() { TICK } else { TICK_HOLDING };
            wait(&sockets, pause, &mut ready).map_err(|source| self.io_error(0, source))?;
            let now = self.clock.now();
            if !self.kept.is_empty() || ready.get(self.ports.len()).copied().unwrap_or(false) {
                let releases = inspector.releases(now, true);
                self.let_go(releases);
                self.send_out(&batch)?;
            }
            if now.since(last_tick) >= TICK || now < last_tick {
                last_tick = now;
                self.housekeeping(now, inspector);
                if !inspector.tick(now) {
                    return Ok(());
                }
            }
            for index in 0..self.ports.len() {
                if ready.get(index).copied().unwrap_or(false) {
                    self.serve(index, &mut batch, inspector, now)?;
                }
            }
        }
        Ok(())
    }

    fn io_error(&self, index: usize, source: io::Error) -> BridgeError {
        let interface = self.ports.get(index).map_or_else(String::new, |p| p.interface.name.clone());
        BridgeError::Io { interface, source }
    }

    /// One batch from one port: verdicts, then everything out in order.
    fn serve(
        &mut self,
        index: usize,
        batch: &mut Batch,
        inspector: &mut dyn Inspector,
        now: Timestamp,
    ) -> Result<(), BridgeError> {
        let Some(port) = self.ports.get(index) else { return Ok(()) };
        match port.socket.receive(batch) {
            Ok(_) => {}
            // The port went down; its frames come again when it is back.
            Err(e) if e.raw_os_error() == Some(libc::ENETDOWN) => return Ok(()),
            Err(source) => return Err(self.io_error(index, source)),
        }
        for slot in 0..batch.len() {
            self.frame(index, slot, batch, inspector, now);
        }
        self.send_out(batch)
    }

    /// Sends everything that is queued, in order.
    fn send_out(&mut self, batch: &Batch) -> Result<(), BridgeError> {
        for index in 0..self.ports.len() {
            let Some(port) = self.ports.get_mut(index) else { continue };
            if port.outgoing.is_empty() {
                continue;
            }
            let sent = port.socket.send(&port.outgoing, batch);
            let count = port.outgoing.len() as u64;
            port.outgoing.clear();
            let lost = match sent {
                Ok(lost) => lost,
                Err(source) => return Err(self.io_error(index, source)),
            };
            Counters::add(&self.counters.lost, lost);
            Counters::add(&self.counters.forwarded, count.saturating_sub(lost));
        }
        Ok(())
    }

    fn frame(
        &mut self,
        index: usize,
        slot: usize,
        batch: &mut Batch,
        inspector: &mut dyn Inspector,
        now: Timestamp,
    ) {
        let partial = batch.partial_checksum(slot);
        let Some((frame, whole)) = batch.frame_mut(slot) else { return };
        Counters::add(&self.counters.received, 1);
        Counters::add(&self.counters.bytes, frame.len() as u64);
        if !whole {
            Counters::add(&self.counters.truncated, 1);
            return;
        }
        let (Some(destination), Some(source)) = (mac_at(frame, 0), mac_at(frame, 6)) else { return };
        let id = PortId(u8::try_from(index).unwrap_or(u8::MAX));
        self.macs.learn(source, id, now);
        let Some(route) = self.route(index, destination, now) else { return };
        let Some(from) = self.ports.get(index).map(|p| p.zone) else { return };
        let zones = self.zones_of(&route, from);
        if zones == Zones::Own {
            self.queue(&route, || Outgoing::Slot(slot));
            return;
        }
        let to = if let Zones::One(zone) = zones { Some(zone) } else { None };
        Counters::add(&self.counters.inspected, 1);
        let saved = partial.and_then(|p| p.complete(frame));
        let mut inject = Injections::default();
        let verdict = inspector.inspect(now, Passage { from, to, port: id }, frame, &mut inject);
        let same_zone = self.ports_in(&route, from);
        let releases = inspector.releases(now, false);
        self.let_go(releases);
        if let (Some(p), Some(before)) = (partial, saved) {
            p.restore(frame, before);
        }
        let length = frame.len();
        match verdict {
            Verdict::Forward => self.queue(&route, || Outgoing::Slot(slot)),
            Verdict::Drop => {
                // A broadcast that may not change zones still reaches its own.
                self.queue(&same_zone, || Outgoing::Slot(slot));
                Counters::add(&self.counters.dropped_by_verdict, 1);
            }
            Verdict::Hold { token, mut instead } => {
                if let (Some(new), Some(p), Some(before)) = (&mut instead, partial, saved) {
                    p.restore(new, before);
                }
                let frame = instead.unwrap_or_else(|| batch.frame(slot).to_vec());
                let header = batch.vnet(slot);
                let sums = partial.zip(saved);
                let held = HeldFrame { at: now, from: index, route: route.clone(), frame, header, sums };
                if !self.kept.keep(token, held) {
                    Counters::add(&self.counters.dropped_by_verdict, 1);
                }
            }
            Verdict::Replace(mut new) => {
                // The kernel finishes the checksum of a frame that it may still have to cut up.
                let keeps_header = new.len() == length;
                if let (true, Some(p), Some(before)) = (keeps_header, partial, saved) {
                    p.restore(&mut new, before);
                }
                self.queue(&route, || {
                    let frame = new.clone();
                    if keeps_header { Outgoing::Rewritten { slot, frame } } else { Outgoing::Made(frame) }
                });
            }
        }
        self.inject(inject, index, &route);
    }

    fn inject(&mut self, inject: Injections, index: usize, route: &[usize]) {
        for (towards, frame) in inject.0 {
            Counters::add(&self.counters.injected, 1);
            match towards {
                Towards::Sender => self.queue(&[index], || Outgoing::Made(frame.clone())),
                Towards::Receiver => self.queue(route, || Outgoing::Made(frame.clone())),
            }
        }
    }

    /// Does with kept frames what has been decided.
    fn let_go(&mut self, releases: Vec<Release>) {
        for release in releases {
            let Some(held) = self.kept.take(release.token) else { continue };
            match release.verdict {
                Verdict::Forward => self.queue(&held.route, || held.outgoing(held.frame.clone())),
                Verdict::Replace(mut new) if new.len() == held.frame.len() => {
                    if let Some((p, before)) = held.sums {
                        p.restore(&mut new, before);
                    }
                    self.queue(&held.route, || held.outgoing(new.clone()));
                }
                _ => Counters::add(&self.counters.dropped_by_verdict, 1),
            }
            self.inject(release.inject, held.from, &held.route);
        }
    }

    /// The ports that a frame goes to; `None` when it goes nowhere.
    fn route(&mut self, index: usize, destination: [u8; 6], now: Timestamp) -> Option<Vec<usize>> {
        if is_reserved(destination) || self.ports.iter().any(|p| p.interface.mac == destination) {
            return None;
        }
        if !is_group(destination)
            && let Some(PortId(port)) = self.macs.port_of(destination, now)
        {
            let port = usize::from(port);
            return (port != index).then(|| vec![port]);
        }
        let budget = &mut self.ports.get_mut(index)?.flood_budget;
        if *budget == 0 {
            Counters::add(&self.counters.flood_limited, 1);
            return None;
        }
        *budget -= 1;
        Some((0..self.ports.len()).filter(|p| *p != index).collect())
    }

    fn zones_of(&self, route: &[usize], from: Zone) -> Zones {
        let mut found = Zones::Own;
        for zone in route.iter().filter_map(|i| self.ports.get(*i)).map(|p| p.zone) {
            if !from.inspected_towards(zone) {
                continue;
            }
            found = match found {
                Zones::Own => Zones::One(zone),
                Zones::One(one) if one == zone => found,
                Zones::One(_) | Zones::Several => Zones::Several,
            };
        }
        found
    }

    fn ports_in(&self, route: &[usize], zone: Zone) -> Vec<usize> {
        route.iter().copied().filter(|i| self.ports.get(*i).is_some_and(|p| p.zone == zone)).collect()
    }

    fn queue(&mut self, route: &[usize], make: impl Fn() -> Outgoing) {
        for port in route {
            if let Some(port) = self.ports.get_mut(*port) {
                port.outgoing.push(make());
            }
        }
    }

    fn housekeeping(&mut self, now: Timestamp, inspector: &mut dyn Inspector) {
        if now.since(self.refilled) >= Duration::from_secs(1) || now < self.refilled {
            self.refilled = now;
            Counters::add(&self.counters.lost, self.kept.expire(now));
            for port in &mut self.ports {
                port.flood_budget = FLOOD_PER_SECOND;
                Counters::add(&self.counters.lost, port.socket.take_kernel_drops());
            }
        }
        if now.since(self.links_checked) < Duration::from_secs(1) && now >= self.links_checked {
            return;
        }
        self.links_checked = now;
        for (index, port) in self.ports.iter_mut().enumerate() {
            let up = Interface::link_is_up(&port.interface.name);
            if up != port.interface.up {
                port.interface.up = up;
                if !up {
                    self.macs.forget_port(PortId(u8::try_from(index).unwrap_or(u8::MAX)));
                }
                inspector.link_changed(now, &port.interface.name, up);
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Zones {
    /// Only the zone that the frame comes from.
    Own,
    One(Zone),
    Several,
}

fn mac_at(frame: &[u8], at: usize) -> Option<[u8; 6]> {
    frame.get(at..at + 6)?.try_into().ok()
}

/// Pause and aggregation frames concern one cable only.
const fn is_reserved(mac: [u8; 6]) -> bool {
    matches!(mac, [0x01, 0x80, 0xc2, 0x00, 0x00, 0x01 | 0x02])
}
