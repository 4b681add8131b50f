//! The flow table.
//!
//! Holds always: at most `max_flows` flows; when full, the flow idle longest makes room (reason:
//! forced). A flow that ends is handed out once, with its streams flushed.

mod ending;
mod pressure;

use std::collections::VecDeque;

use hashbrown::HashTable;
use mimamori_base::{Direction, Timestamp};
use mimamori_packet::{Packet, Transport};

use crate::config::FlowConfig;
use crate::flow::{EndReason, Flow, FlowState, Traffic};
use crate::key::FlowKey;
use crate::lists::{Link, Lists};
use crate::tcp::{DropReason, Environment, Segment, StreamMemory, TcpOutcome, TcpState};

/// Names a flow in its table; stale handles find nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FlowHandle {
    slot: u32,
    generation: u32,
}

/// What a packet belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Association {
    Flow {
        handle: FlowHandle,
        direction: Direction,
        /// This packet is the flow's first.
        is_new: bool,
        /// The flow was established before this packet (what `flow:established` asks).
        established: bool,
    },
    /// Packets of this kind belong to no flow (fragments, ARP, ICMP errors without a flow …).
    None,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct FlowStats {
    pub active: u64,
    pub created: u64,
    pub created_tcp: u64,
    pub created_udp: u64,
    pub created_icmpv4: u64,
    pub created_icmpv6: u64,
    pub tcp_reuse: u64,
    pub timed_out: u64,
    pub evicted: u64,
    /// Packets while the emergency timeouts applied.
    pub emergency_packets: u64,
    /// TCP sessions, and those picked up without a handshake.
    pub tcp_sessions: u64,
    pub tcp_midstream: u64,
    /// TCP bytes held in buffers now.
    pub stream_memory_bytes: u64,
    /// Segments refused because a memory cap was reached.
    pub stream_memcap_refusals: u64,
    /// Inline: sessions stopped because they held most of a full memory.
    pub starved: u64,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    hash: u64,
    flow: Option<Flow<T>>,
}

/// Table of flows with per-flow data `T`.
#[derive(Debug)]
pub struct FlowTable<T> {
    config: FlowConfig,
    stats: FlowStats,
    slots: Vec<Slot<T>>,
    links: Vec<Link>,
    free: Vec<u32>,
    index: HashTable<u32>,
    lists: Lists,
    ended: VecDeque<Flow<T>>,
    memory: StreamMemory,
    /// Sessions that hold memory (inline), each once; at most as many as the table has flows.
    holders: VecDeque<(u32, u32)>,
    /// When room may be looked for again.
    relieve_from: Timestamp,
    serial: u64,
    /// The latest time of any packet: timeouts go by it, so that a capture whose time steps back
    /// ends the same flows in whatever order its packets are looked at.
    clock: Timestamp,
    /// The frame that is looked at.
    frame: u64,
    /// No flow is due before.
    next_due: Timestamp,
    was_emergency: bool,
}

impl<T> FlowTable<T> {
    #[must_use]
    pub fn new(config: FlowConfig) -> Self {
        let memory = StreamMemory { cap: config.stream.memcap_bytes, ..StreamMemory::default() };
        FlowTable {
            config,
            stats: FlowStats::default(),
            slots: Vec::new(),
            links: Vec::new(),
            free: Vec::new(),
            index: HashTable::new(),
            lists: Lists::new(),
            ended: VecDeque::new(),
            memory,
            holders: VecDeque::new(),
            relieve_from: Timestamp::EPOCH,
            serial: 0,
            clock: Timestamp(i64::MIN),
            frame: 0,
            next_due: Timestamp(i64::MIN),
            was_emergency: false,
        }
    }

    #[must_use]
    pub fn config(&self) -> &FlowConfig {
        &self.config
    }

    #[must_use]
    pub fn stats(&self) -> FlowStats {
        FlowStats {
            active: self.index.len() as u64,
            stream_memory_bytes: self.memory.used as u64,
            stream_memcap_refusals: self.memory.refused,
            ..self.stats
        }
    }

    /// Says which frame comes, and what time it is. Numbers rise; the clock does not step back.
    pub fn begin_frame(&mut self, number: u64, clock: Timestamp) {
        self.frame = number;
        self.clock = self.clock.max(clock);
    }

    /// Finds or makes the flow of a packet and counts the packet. Flows ended by this (TCP reuse,
    /// timeout, table full) wait in [`FlowTable::take_ended`].
    pub fn associate(
        &mut self,
        now: Timestamp,
        packet: &Packet<'_>,
        make: impl FnOnce(&FlowKey) -> T,
    ) -> Association {
        let Some(own_key) = FlowKey::of(packet, &self.config) else {
            return Association::None;
        };
        if let Some(found) = self.associate_error(now, packet, &own_key) {
            return found;
        }
        self.clock = self.clock.max(now);
        let hash = own_key.hash(self.config.hash_seed);
        if let Some(slot) = self.find(hash, &own_key) {
            match self.outdated(slot, packet, &own_key) {
                None => return self.count(slot, now, packet, &own_key),
                Some(reason) => self.end(slot, reason, None),
            }
        }
        if self.emergency() {
            self.stats.emergency_packets += 1;
        }
        let slot = self.create(now, packet, own_key, hash, make);
        match self.count(slot, now, packet, &own_key) {
            Association::Flow { handle, direction, established, .. } => {
                Association::Flow { handle, direction, is_new: true, established }
            }
            Association::None => Association::None,
        }
    }

    /// An ICMP error belongs to the flow it is about. `None`: it is not an error about a flow.
    fn associate_error(
        &mut self,
        now: Timestamp,
        packet: &Packet<'_>,
        own_key: &FlowKey,
    ) -> Option<Association> {
        let icmp = packet.icmp()?;
        if let Some(inner) = &icmp.inner {
            let key = FlowKey::of_quoted(inner, own_key);
            let hash = key.hash(self.config.hash_seed);
            if let Some(slot) = self.find(hash, &key) {
                // The quoted packet went the other way than the error about it.
                return Some(self.count(slot, now, packet, &key.reversed()));
            }
        }
        let is_error_v4 =
            matches!(packet.transport, Transport::Icmpv4(_)) && matches!(icmp.icmp_type, 3 | 4 | 5 | 11 | 12);
        is_error_v4.then_some(Association::None)
    }

    fn find(&self, hash: u64, key: &FlowKey) -> Option<u32> {
        let reversed = key.reversed();
        self.index
            .find(hash, |slot| {
                self.slots
                    .get(position(*slot))
                    .and_then(|s| s.flow.as_ref())
                    .is_some_and(|f| f.key == *key || f.key == reversed)
            })
            .copied()
    }

    /// Why the flow found is not the packet's after all.
    fn outdated(&self, slot: u32, packet: &Packet<'_>, key: &FlowKey) -> Option<EndReason> {
        let flow = self.slots.get(position(slot))?.flow.as_ref()?;
        let list = self.links.get(position(slot)).map_or(0, |l| l.list);
        if self.clock.since(flow.touched) > self.timeout(usize::from(list)) {
            return Some(EndReason::Timeout);
        }
        let tcp = packet.tcp()?;
        if tcp.flags().syn() && !tcp.flags().ack() {
            let direction = direction_of(&flow.key, key);
            let told = flow.told && direction == Direction::ToServer;
            let over = told || flow.tcp.as_ref()?.is_over_for(direction, tcp.seq());
            return over.then_some(EndReason::TcpReuse);
        }
        None
    }

    fn create(
        &mut self,
        now: Timestamp,
        packet: &Packet<'_>,
        key: FlowKey,
        hash: u64,
        make: impl FnOnce(&FlowKey) -> T,
    ) -> u32 {
        self.make_room();
        // From the frame's number: the same whoever else looks at other frames.
        self.serial = self.serial.wrapping_add(1).max(self.frame << 8);
        let id = (hash ^ self.serial.wrapping_mul(0x9e37_79b9_7f4a_7c15)) & ((1 << 53) - 1);
        let icmp = packet.icmp().map(|i| (i.icmp_type, i.code));
        let flow = Flow::new(id, self.serial, key, now, icmp, make(&key));
        let slot = match self.free.pop() {
            Some(slot) => {
                if let Some(s) = self.slots.get_mut(position(slot)) {
                    s.hash = hash;
                    s.flow = Some(flow);
                }
                slot
            }
            None => {
                let slot = u32::try_from(self.slots.len()).unwrap_or(u32::MAX - 1);
                self.slots.push(Slot { generation: 0, hash, flow: Some(flow) });
                self.links.push(Link::default());
                slot
            }
        };
        let slots = &self.slots;
        self.index.insert_unique(hash, slot, |s| slots.get(position(*s)).map_or(0, |s| s.hash));
        self.lists.push(&mut self.links, slot, list_of(key.protocol, FlowState::New));
        self.stats.created += 1;
        match key.protocol {
            6 => self.stats.created_tcp += 1,
            17 => self.stats.created_udp += 1,
            1 => self.stats.created_icmpv4 += 1,
            58 => self.stats.created_icmpv6 += 1,
            _ => {}
        }
        slot
    }

    /// Counts a packet of a flow. `key` is the packet's.
    fn count(&mut self, slot: u32, now: Timestamp, packet: &Packet<'_>, key: &FlowKey) -> Association {
        let Some(s) = self.slots.get_mut(position(slot)) else {
            return Association::None;
        };
        let generation = s.generation;
        let Some(flow) = s.flow.as_mut() else {
            return Association::None;
        };
        let direction = direction_of(&flow.key, key);
        let established =
            flow.is_established() || flow.tcp.as_ref().is_some_and(|t| t.state >= TcpState::Established);
        flow.count(direction, now, packet);
        flow.touched = self.clock;
        flow.touched_in = self.frame;
        let both = flow.traffic.iter().all(|t| t.packets > 0);
        let is_tcp = flow.key.protocol == 6;
        if !is_tcp && both && flow.state == FlowState::New {
            flow.state = FlowState::Established;
        }
        let established = established || (!is_tcp && both);
        let list = list_of(flow.key.protocol, flow.state);
        self.relist(slot, list);
        Association::Flow { handle: FlowHandle { slot, generation }, direction, is_new: false, established }
    }

    /// Follows the TCP session of the flow; `None` when the packet is not TCP or the flow is gone.
    /// Afterwards take the chunks of both directions from `flow.tcp`.
    pub fn handle_tcp(
        &mut self,
        handle: FlowHandle,
        direction: Direction,
        now: Timestamp,
        packet: &Packet<'_>,
    ) -> Option<TcpOutcome> {
        let tcp = packet.tcp()?;
        if self.config.stream.inline {
            self.relieve(handle.slot, now);
        }
        let slot = self.slots.get_mut(position(handle.slot))?;
        if slot.generation != handle.generation {
            return None;
        }
        let flow = slot.flow.as_mut()?;
        let mut out = TcpOutcome::default();
        if flow.bypassed {
            if let Some(tcp) = &mut flow.tcp {
                tcp.settle(&mut self.memory);
            }
            return Some(out);
        }
        let config = &self.config.stream;
        if config.check_checksums && packet.transport_checksum_ok() == Some(false) {
            out.invalid = true;
            out.bad_checksum = true;
            out.drop = config.inline.then_some(DropReason::Checksum);
            return Some(out);
        }
        let is_first = flow.tcp.is_none();
        let session = flow.tcp.get_or_insert_default();
        let segment = Segment {
            seq: tcp.seq(),
            ack: tcp.ack(),
            flags: tcp.flags(),
            window: tcp.window(),
            urgent_pointer: tcp.urgent_pointer(),
            options: tcp.options,
            payload: packet.payload,
            now,
        };
        let memory = &mut self.memory;
        let mut env = Environment { config, memory, out: &mut out };
        session.handle(direction, &segment, &mut env);
        if is_first && session.state != TcpState::None {
            self.stats.tcp_sessions += 1;
            self.stats.tcp_midstream += u64::from(session.midstream);
        }
        let state = match session.state {
            TcpState::None | TcpState::Listen | TcpState::SynSent | TcpState::SynRecv => FlowState::New,
            TcpState::LastAck | TcpState::TimeWait | TcpState::Closed => FlowState::Closed,
            _ => FlowState::Established,
        };
        if out.direction.is_some_and(|d| d != direction) {
            flow.swap_identity();
        }
        let begins_to_hold = config.inline && !flow.holds && session_holds(flow);
        flow.holds |= begins_to_hold;
        if state != flow.state && flow.state != FlowState::Bypassed {
            flow.state = state;
            self.relist(handle.slot, list_of(6, state));
        }
        if begins_to_hold {
            self.note_holder(handle.slot, handle.generation, now);
        }
        Some(out)
    }

    /// Stops following a flow: later packets are only counted.
    pub fn bypass(&mut self, handle: FlowHandle) {
        let Some(flow) = self.get_mut(handle) else { return };
        if !flow.bypassed {
            flow.bypass();
            let list = list_of(flow.key.protocol, flow.state);
            self.relist(handle.slot, list);
        }
    }

    /// Makes the flow the newest of its timeout's list.
    fn relist(&mut self, slot: u32, list: u8) {
        self.lists.touch(&mut self.links, slot, list);
        let touched = self.slots.get(position(slot)).and_then(|s| s.flow.as_ref()).map(|f| f.touched);
        if let Some(touched) = touched {
            self.next_due = self.next_due.min(touched + self.timeout(usize::from(list)));
        }
    }

    /// Client and server were taken the wrong way round (protocol detection says so): swaps the
    /// flow's key, counters and streams.
    pub fn swap_sides(&mut self, handle: FlowHandle) {
        if let Some(flow) = self.get_mut(handle) {
            flow.swap_sides();
        }
    }

    #[must_use]
    pub fn get(&self, handle: FlowHandle) -> Option<&Flow<T>> {
        self.slots.get(position(handle.slot)).filter(|s| s.generation == handle.generation)?.flow.as_ref()
    }

    pub fn get_mut(&mut self, handle: FlowHandle) -> Option<&mut Flow<T>> {
        self.slots.get_mut(position(handle.slot)).filter(|s| s.generation == handle.generation)?.flow.as_mut()
    }

    /// Flows in the table.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }
}

fn session_holds<T>(flow: &Flow<T>) -> bool {
    flow.tcp.as_ref().is_some_and(|t| t.accounted() > 0)
}

fn position(slot: u32) -> usize {
    usize::try_from(slot).unwrap_or(usize::MAX)
}

fn direction_of(flow: &FlowKey, packet: &FlowKey) -> Direction {
    if flow == packet { Direction::ToServer } else { Direction::ToClient }
}

fn list_of(protocol: u8, state: FlowState) -> u8 {
    let row = match protocol {
        6 => 0,
        17 => 1,
        1 | 58 => 2,
        _ => 3,
    };
    row * 4
        + match state {
            FlowState::New => 0,
            FlowState::Established => 1,
            FlowState::Closed => 2,
            FlowState::Bypassed => 3,
        }
}

impl<T> Flow<T> {
    fn count(&mut self, direction: Direction, now: Timestamp, packet: &Packet<'_>) {
        let bytes = packet.data.len() as u64;
        self.last_seen = self.last_seen.max(now);
        let [to_server, to_client] = &mut self.traffic;
        let traffic: &mut Traffic = match direction {
            Direction::ToServer => to_server,
            Direction::ToClient => to_client,
        };
        traffic.packets += 1;
        traffic.bytes += bytes;
        if self.bypassed {
            traffic.bypassed_packets += 1;
            traffic.bypassed_bytes += bytes;
        }
        let Some(ttl) = packet.ttl() else {
            return;
        };
        let [to_server, to_client] = &mut self.ttl;
        let range = match direction {
            Direction::ToServer => to_server,
            Direction::ToClient => to_client,
        };
        *range = match *range {
            (0, 0) => (ttl, ttl),
            (low, high) => (low.min(ttl), high.max(ttl)),
        };
    }
}
