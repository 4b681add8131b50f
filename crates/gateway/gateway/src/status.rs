//! How the running gateway is doing, in a small file that `status` and the local page read.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mimamori_base::Timestamp;
use mimamori_report::BlindSpots;
use mimamori_uplink::{SpoolStats, UplinkState, UplinkStatus};
use serde::{Deserialize, Serialize};

use crate::health::Health;

/// Older than this, the program is not running any more.
pub const STALE: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    pub at: Timestamp,
    pub started: Timestamp,
    pub software: String,
    pub definitions: String,
    pub rules_loaded: u32,
    pub rules_refused: u32,
    pub received: u64,
    pub inspected: u64,
    pub dropped: u64,
    pub lost: u64,
    pub bytes: u64,
    pub devices: u64,
    pub detections: u64,
    pub links: Vec<(String, mimamori_base::Zone, bool)>,
    pub passing_uninspected: bool,
    pub blind_spots: BlindSpots,
    pub waiting_reports: u64,
    pub dropped_reports: u64,
    pub cloud: CloudState,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CloudState {
    NotConfigured,
    Connecting,
    Online { delivered: u64 },
    Offline { reason: String },
}

impl Status {
    #[must_use]
    pub fn new(now: Timestamp, health: &Health, spool: SpoolStats, uplink: Option<UplinkStatus>) -> Self {
        let s = health.snapshot();
        Status {
            at: now,
            started: health.started(),
            software: env!("CARGO_PKG_VERSION").to_owned(),
            definitions: s.definitions,
            rules_loaded: s.rules_loaded,
            rules_refused: s.rules_refused,
            received: s.packets.received,
            inspected: s.packets.inspected,
            dropped: s.packets.dropped_by_verdict,
            lost: s.packets.lost,
            bytes: s.packets.bytes,
            devices: s.devices.len() as u64 + u64::from(s.devices_omitted),
            detections: s.detections,
            links: s.links,
            passing_uninspected: s.passing_uninspected,
            blind_spots: s.blind_spots,
            waiting_reports: spool.records,
            dropped_reports: spool.dropped,
            cloud: match uplink {
                None => CloudState::NotConfigured,
                Some(UplinkStatus { state: UplinkState::Connecting, .. }) => CloudState::Connecting,
                Some(UplinkStatus { state: UplinkState::Online, delivered, .. }) => {
                    CloudState::Online { delivered }
                }
                Some(UplinkStatus { state: UplinkState::Offline { reason }, .. }) => {
                    CloudState::Offline { reason }
                }
            },
        }
    }
}

fn file(state_dir: &Path) -> PathBuf {
    state_dir.join("status.json")
}

/// Best effort: a status that cannot be written must not disturb traffic.
pub fn write(state_dir: &Path, status: &Status) {
    let temporary = state_dir.join("status.new");
    if let Ok(json) = serde_json::to_vec(status)
        && fs::write(&temporary, json).is_ok()
    {
        let _ = fs::rename(temporary, file(state_dir));
    }
}

pub fn clear(state_dir: &Path) {
    let _ = fs::remove_file(file(state_dir));
}

/// `None`: not running.
#[must_use]
pub fn read(state_dir: &Path, now: Timestamp) -> Option<Status> {
    let status: Status = serde_json::from_slice(&fs::read(file(state_dir)).ok()?).ok()?;
    (now.since(status.at) <= STALE).then_some(status)
}
