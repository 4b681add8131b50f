//! The gateway's own state: what heartbeats, `status` and the operator's commands work on.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mimamori_base::{Clock, Timestamp, Zone};
use mimamori_report::{
    BlindSpots, Command, CommandKind, DeviceSeen, Exempt, Heartbeat, Link, List, PacketCounters, Text,
    Versions,
};
use mimamori_uplink::{CommandOutcome, Host, Reporter};

use crate::exceptions::ExceptionBox;
use crate::pipeline::Pipeline;

/// What inspection last said about itself.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub packets: PacketCounters,
    pub blind_spots: BlindSpots,
    pub devices: List<DeviceSeen, 256>,
    pub devices_omitted: u32,
    pub links: Vec<(String, Zone, bool)>,
    pub definitions: String,
    pub rules_loaded: u32,
    pub rules_refused: u32,
    pub detections: u64,
    pub passing_uninspected: bool,
}

impl Snapshot {
    /// Takes over what the pipeline knows.
    pub fn take(&mut self, pipeline: &Pipeline) {
        let (devices, omitted) = pipeline.devices().report();
        self.devices = devices;
        self.devices_omitted = omitted;
        self.blind_spots = pipeline.blind_spots();
        self.detections = pipeline.stats().detections;
    }
}

/// Shared between inspection, uplink and the signal handlers.
#[derive(Debug)]
pub struct Health {
    clock: Arc<dyn Clock>,
    started: Timestamp,
    reporter: Reporter,
    snapshot: Mutex<Snapshot>,
    pub restart: AtomicBool,
    pub reload: AtomicBool,
    pub exceptions: ExceptionBox,
}

impl Health {
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, reporter: Reporter) -> Self {
        let started = clock.now();
        Health {
            clock,
            started,
            reporter,
            snapshot: Mutex::default(),
            restart: AtomicBool::new(false),
            reload: AtomicBool::new(false),
            exceptions: ExceptionBox::default(),
        }
    }

    /// Keeps exceptions in the state folder, those of an earlier run first.
    #[must_use]
    pub fn with_exceptions(mut self, state_dir: &std::path::Path) -> Self {
        self.exceptions = ExceptionBox::open(state_dir);
        self
    }

    pub fn update(&self, change: impl FnOnce(&mut Snapshot)) {
        change(&mut self.snapshot.lock().unwrap_or_else(PoisonError::into_inner));
    }

    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    #[must_use]
    pub fn started(&self) -> Timestamp {
        self.started
    }
}

impl Host for Health {
    fn heartbeat(&self) -> Heartbeat {
        let now = self.snapshot();
        let (used, total) = memory_bytes();
        let spool = self.reporter.stats();
        Heartbeat {
            at: self.clock.now(),
            started: self.started,
            versions: Versions {
                software: Text::new(env!("CARGO_PKG_VERSION")),
                definitions: Text::new(&now.definitions),
                rules_loaded: now.rules_loaded,
                rules_refused: now.rules_refused,
            },
            load_milli: load_milli(),
            memory_used_bytes: used,
            memory_total_bytes: total,
            packets: now.packets,
            blind_spots: now.blind_spots,
            links: List::new(now.links.iter().map(|(name, zone, up)| Link {
                name: Text::new(name),
                zone: *zone,
                up: *up,
            })),
            devices: now.devices,
            devices_omitted: now.devices_omitted,
            spool_records: spool.records,
            spool_bytes: spool.bytes,
            spool_dropped: spool.dropped,
            passing_uninspected: now.passing_uninspected,
        }
    }

    fn exempt(&self, exceptions: &[Exempt]) {
        self.exceptions.put(exceptions);
    }

    fn command(&self, command: &Command) -> CommandOutcome {
        match command.kind {
            CommandKind::Restart => {
                self.restart.store(true, Ordering::SeqCst);
                CommandOutcome::Done
            }
            CommandKind::ReloadDefinitions => {
                self.reload.store(true, Ordering::SeqCst);
                CommandOutcome::Done
            }
            CommandKind::Unknown => {
                CommandOutcome::Refused("この装置のソフトウェアが対応していない指示です".into())
            }
        }
    }
}

/// Load of one minute per processor, in thousandths.
fn load_milli() -> u32 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = text.split(' ').next().and_then(|t| t.parse().ok()).unwrap_or(0.0);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (load * 1000.0 / processors as f64) as u32
}

/// Used and total memory of the machine.
fn memory_bytes() -> (u64, u64) {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = |key: &str| {
        text.lines()
            .find_map(|l| l.strip_prefix(key)?.split_ascii_whitespace().next()?.parse::<u64>().ok())
            .unwrap_or(0)
    };
    let total = kib("MemTotal:");
    (total.saturating_sub(kib("MemAvailable:")) * 1024, total * 1024)
}
