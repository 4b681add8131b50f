//! Made-up customers, as many as wanted, to measure with: the same from the same seed.
//!
//! Holds always: rows go through the very functions that store reports, so a generated database
//! looks like one that grew. Deliberately not here: accounts (`service` makes them).

use std::ops::{AddAssign, Range};

use async_trait::async_trait;
use mimamori_base::{Rng, SeededRng, Timestamp};
use mimamori_domain::detection::MacAddress;
use mimamori_domain::gateway::{FileCounts, SeenDevice};
use mimamori_domain::jst::JstDay;
use mimamori_domain::usage::{DeviceInspection, DeviceUse, Inspected, InspectionLine, UseLine, UseSubject};
use mimamori_domain::{
    CustomerId, Detection, DetectionId, DetectionKind, Device, Endpoint, GatewayId, Heartbeat, Outcome,
    ResellerId, Signature, TrafficDirection,
};

use crate::error::Result;
use crate::scope::Scope;

/// Customers of one reseller.
pub const PER_RESELLER: u64 = 100;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// What is made.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub seed: u64,
    /// Whole days before `until`.
    pub days: i64,
    pub until: Timestamp,
    /// Detections a day of a middling customer, in tenths.
    pub tenths_a_day: u64,
    /// Detections of customer 0 altogether.
    pub heavy: u64,
    /// So many customers have every hour of use; the others the last six. Heartbeats have all.
    pub full_hours: u64,
}

impl Plan {
    /// About ten detections a day and customer, and for each of a customer's 28 devices (in the
    /// mean) some twenty lines of use: with the lines of inspection, 600 records a working day.
    #[must_use]
    pub const fn new(seed: u64, days: i64, until: Timestamp) -> Self {
        Plan { seed, days, until, tenths_a_day: 100, heavy: 1_000_000, full_hours: 20 }
    }

    fn rng(&self, n: u64, salt: u64) -> SeededRng {
        // Well mixed: streams from seeds that lie near each other run into one another, and ids
        // of different customers would be the same.
        let mut x = [n, salt].iter().fold(self.seed, |x, part| {
            let x = (x ^ part).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
            (x ^ (x >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53)
        });
        x ^= x >> 29;
        SeededRng::new(x)
    }

    /// When everybody enrolled.
    #[must_use]
    pub fn enrolled(&self) -> Timestamp {
        Timestamp::from_secs(self.until.secs() - (self.days + 30) * DAY)
    }

    #[must_use]
    pub fn customer(&self, n: u64) -> CustomerId {
        CustomerId::generate(self.enrolled(), &self.rng(n, 1))
    }

    #[must_use]
    pub fn reseller(&self, n: u64) -> ResellerId {
        ResellerId::generate(self.enrolled(), &self.rng(n / PER_RESELLER, 2))
    }

    /// Most have one, some a few.
    #[must_use]
    pub fn gateways(&self, n: u64) -> Vec<GatewayId> {
        let rng = self.rng(n, 3);
        let count = match rng.next_u64() % 100 {
            _ if n == 0 => 5,
            0..75 => 1,
            75..93 => 2,
            _ => 3 + rng.next_u64() % 3,
        };
        (0..count).map(|_| GatewayId::generate(self.enrolled(), &rng)).collect()
    }

    /// The devices behind gateway `g` of customer `n`.
    pub(crate) fn devices(&self, n: u64, g: usize) -> Vec<SeenDevice> {
        let rng = self.rng(n, 100 + g as u64);
        let count = match rng.next_u64() % 100 {
            _ if n == 0 => 40,
            0..55 => 3 + rng.next_u64() % 7,
            55..85 => 10 + rng.next_u64() % 20,
            _ => 30 + rng.next_u64() % 90,
        };
        (0..count)
            .map(|i| {
                let [a, b, c, ..] = rng.next_u64().to_le_bytes();
                let device = Device {
                    mac: Some(MacAddress([0x00, 0x0b, 0x5d, a, b, c])),
                    ip: format!("192.168.{}.{}", g + 1, 10 + i % 240).parse().ok(),
                    host_name: (i % 4 != 3).then(|| format!("{}-{i:02}", pick(NAMES, &rng)).as_str().into()),
                    maker: Some(pick(MAKERS, &rng).into()),
                };
                SeenDevice { device, first_seen: self.enrolled(), last_seen: self.until }
            })
            .collect()
    }

    pub(crate) fn heartbeat(&self, n: u64, g: usize) -> Heartbeat {
        let rng = self.rng(n, 200 + g as u64);
        Heartbeat {
            at: self.until,
            software: "0.1.0".into(),
            rule_set: "2026-11-24".into(),
            rules_loaded: 31_898,
            uptime_secs: 86_400 * (rng.next_u64() % 40),
            cpu_percent: 12,
            memory_percent: 31,
            packets_inspected: rng.next_u64() % 1_000_000_000,
            packets_dropped: rng.next_u64() % 1_000,
            bytes_inspected: 6_000_000_000,
            bytes_uninspected: 400_000_000,
            files: FileCounts {
                judged: rng.next_u64() % 100_000,
                locked: rng.next_u64() % 100,
                ..FileCounts::default()
            },
            devices: self.devices(n, g),
            ..Heartbeat::default()
        }
    }

    /// Detections at gateway `g` on one day, `day` days before the end.
    pub(crate) fn detections(&self, n: u64, g: usize, day: i64, devices: &[SeenDevice]) -> Vec<Detection> {
        let rng = self.rng(n, 1_000 + day.unsigned_abs() * 16 + g as u64);
        let gateways = self.gateways(n).len() as u64;
        let count = if n == 0 {
            self.heavy / self.days.unsigned_abs().max(1) / gateways
        } else {
            // Some customers are busier than others.
            let busy = 1 + self.rng(n, 4).next_u64() % 3;
            let tenths = self.tenths_a_day * busy / 2 / gateways;
            tenths / 10 + u64::from(rng.next_u64() % 10 < tenths % 10)
        };
        let start = JstDay::of(self.until).plus(-day).start();
        (0..count).filter_map(|_| detection(start, devices, &rng)).collect()
    }

    /// Use of one hour: what three devices in ten do on working days between eight and seven, and
    /// one in fifty at night and on Sundays.
    pub(crate) fn uses(&self, n: u64, hour: Timestamp, devices: &[SeenDevice]) -> Vec<DeviceUse> {
        let rng = self.rng(n, hour.secs().unsigned_abs());
        let day = JstDay::of(hour);
        let open = (hour.micros() - day.start().micros()) / (HOUR * 1_000_000);
        // The first day since 1970 was a Thursday.
        let busy = (8..19).contains(&open) && day.0.rem_euclid(7) != 3;
        devices
            .iter()
            .filter(|_| rng.next_u64() % 100 < if busy { 30 } else { 2 })
            .map(|seen| DeviceUse { hour, device: seen.device.clone(), lines: lines(&rng) })
            .collect()
    }

    pub(crate) fn inspections(
        &self,
        n: u64,
        hour: Timestamp,
        devices: &[SeenDevice],
    ) -> Vec<DeviceInspection> {
        let rng = self.rng(n, hour.secs().unsigned_abs() ^ 0xffff);
        let line =
            |how| InspectionLine { how, flows: 1 + rng.next_u64() % 90, bytes: rng.next_u64() % 9_000_000 };
        devices
            .iter()
            .take(3)
            .map(|seen| DeviceInspection {
                hour,
                device: seen.device.clone(),
                lines: [Inspected::Fully, Inspected::Tls, Inspected::Tunnel].map(line).to_vec(),
            })
            .collect()
    }

    /// The first and the last hour of heartbeats.
    pub(crate) fn span(&self) -> (Timestamp, Timestamp) {
        let last = self.until.secs().div_euclid(HOUR) * HOUR;
        (Timestamp::from_secs(last - (self.days * 24 - 1) * HOUR), Timestamp::from_secs(last))
    }

    /// The hours of which there is use.
    pub(crate) fn hours(&self, n: u64) -> Vec<Timestamp> {
        let last = self.until.secs().div_euclid(HOUR) * HOUR;
        let count = if n < self.full_hours { self.days * 24 } else { 6 };
        (0..count).map(|h| Timestamp::from_secs(last - h * HOUR)).collect()
    }
}

const NAMES: &[&str] = &["KEIRI", "EIGYO", "JIMU", "SOUMU", "TENPO", "SOUKO", "SHACHO", "DESKTOP", "LAPTOP"];
const MAKERS: &[&str] = &["富士通", "NEC", "HP", "デル", "リコー", "アップル", "バッファロー"];
const HOSTS: &[&str] = &[
    "update-check.example",
    "files.example",
    "bank-login.example",
    "cdn.badsite.example",
    "ads.example",
    "mail-verify.example",
    "pool.miner.example",
    "img.tracker.example",
    "dl.softs.example",
    "parcel.example",
];
const MESSAGES: &[&str] = &[
    "SCAN Behavioral unusually fast terminal server traffic",
    "POLICY Outdated TLS version",
    "INFO Dynamic DNS lookup",
    "MALWARE Generic checkin",
    "EXPLOIT Possible path traversal",
    "PHISHING Successful credential form",
    "DROP Listed traffic inbound",
    "HUNTING Suspicious user agent",
];
const ITEMS: &[(&str, &str, &str)] = &[
    ("microsoft-teams", "Microsoft Teams", "chat"),
    ("youtube", "YouTube", "video"),
    ("gmail", "Gmail", "mail"),
    ("google-drive", "Google ドライブ", "storage"),
    ("zoom", "Zoom", "chat"),
    ("line", "LINE", "chat"),
    ("windows-update", "Windows Update", "update"),
    ("freee", "freee", "accounting"),
];
const SITES: &[&str] = &["news", "shopping", "search", "business", "travel", "webmail"];

fn pick<'a>(from: &[&'a str], rng: &dyn Rng) -> &'a str {
    from.get((rng.next_u64() % from.len().max(1) as u64) as usize).copied().unwrap_or_default()
}

fn lines(rng: &dyn Rng) -> Vec<UseLine> {
    let line = |subject, item: &str, title: &str, kind: &str| UseLine {
        subject,
        item: item.into(),
        title: title.into(),
        kind: kind.into(),
        flows: 1 + rng.next_u64() % 60,
        bytes_up: rng.next_u64() % 500_000,
        bytes_down: rng.next_u64() % 20_000_000,
    };
    let start = rng.next_u64() as usize;
    let mut lines: Vec<UseLine> = (0..3)
        .filter_map(|i| ITEMS.get((start + i) % ITEMS.len()))
        .map(|(item, title, kind)| line(UseSubject::Application, item, title, kind))
        .collect();
    let sites = (0..2).filter_map(|i| SITES.get((start + i) % SITES.len()));
    lines.extend(sites.map(|site| line(UseSubject::WebCategory, site, site, "")));
    lines
}

fn kind(rng: &dyn Rng) -> DetectionKind {
    match rng.next_u64() % 1_000 {
        0..550 => DetectionKind::Scan,
        550..700 => DetectionKind::Policy,
        700..800 => DetectionKind::Threat,
        800..880 => DetectionKind::Phishing,
        880..940 => DetectionKind::BadSite,
        940..980 => DetectionKind::Anomaly,
        980..995 => DetectionKind::MalwareFile,
        _ => DetectionKind::CommandAndControl,
    }
}

/// `None`: nothing is behind the gateway.
fn detection(day: Timestamp, devices: &[SeenDevice], rng: &dyn Rng) -> Option<Detection> {
    let seen = devices.get((rng.next_u64() % devices.len().max(1) as u64) as usize)?;
    let at = Timestamp(day.micros() + i64::try_from(rng.next_u64() % 86_400_000_000).unwrap_or(0));
    let kind = kind(rng);
    let [a, b, ..] = rng.next_u64().to_le_bytes();
    let port = |from: u64| Some(u16::try_from(from).unwrap_or(443));
    let own = Endpoint { ip: seen.device.ip?, port: port(49_152 + rng.next_u64() % 16_000) };
    let other = Endpoint { ip: format!("203.0.{a}.{b}").parse().ok()?, port: Some(443) };
    let scan = kind == DetectionKind::Scan;
    Some(Detection {
        id: DetectionId::generate(at, rng),
        at,
        last_at: at,
        count: 1 + u32::try_from(rng.next_u64() % 4).unwrap_or(0),
        kind,
        outcome: if rng.next_u64() % 10 < 8 { Outcome::Blocked } else { Outcome::Allowed },
        direction: if scan { TrafficDirection::Inbound } else { TrafficDirection::Outbound },
        device: seen.device.clone(),
        source: if scan { other } else { own },
        destination: if scan { own } else { other },
        signature: (!rng.next_u64().is_multiple_of(3)).then(|| Signature {
            gid: 1,
            sid: 2_000_000 + u32::from(a) * 7,
            rev: 3,
            msg: pick(MESSAGES, rng).into(),
            class_type: Some("trojan-activity".into()),
            signature_severity: Some("Major".into()),
            ..Signature::default()
        }),
        host: (!scan).then(|| pick(HOSTS, rng).into()),
        url: None,
        file: None,
        reputation: None,
        app_proto: Some("tls".into()),
        from_zone: None,
        to_zone: None,
        flow_id: Some(rng.next_u64() >> 12),
    })
}

/// How many rows were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    pub detections: u64,
    pub alerts: u64,
    /// Hours with heartbeats, of all gateways.
    pub hours: u64,
    /// Lines of use and of inspection.
    pub lines: u64,
}

impl Made {
    /// What gateways reported: detections and lines.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.detections + self.lines
    }
}

impl AddAssign for Made {
    fn add_assign(&mut self, other: Made) {
        self.detections += other.detections;
        self.alerts += other.alerts;
        self.hours += other.hours;
        self.lines += other.lines;
    }
}

/// Indexes in the order of time, which rows made customer by customer would fill page by page all
/// over: they are made anew at the end.
#[derive(Debug)]
#[must_use]
pub struct Prepared {
    pub(crate) indexes: Vec<String>,
}

/// The generator's part of the store.
#[async_trait]
pub trait GenerateStore {
    /// Makes room for the plan's days; once, before anything is made, by nobody else at the same
    /// time. The system's scope alone.
    async fn prepare_generation(&self, scope: Scope, plan: Plan) -> Result<Prepared>;

    /// Gives back what was taken away for the time of generating.
    async fn finish_generation(&self, scope: Scope, prepared: Prepared) -> Result<()>;

    /// Makes customers of these numbers, a few a transaction; the system's scope alone.
    async fn generate(&self, scope: Scope, plan: Plan, customers: Range<u64>) -> Result<Made>;

    /// How many bytes the database has; the system's scope alone.
    async fn database_bytes(&self, scope: Scope) -> Result<u64>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_and_gateways_have_ids_of_their_own() {
        let plan = Plan::new(1, 90, Timestamp::from_secs(1_795_496_700));
        let mut ids = std::collections::HashSet::new();
        for n in 0..3_000 {
            assert!(ids.insert(plan.customer(n).0), "customer {n}");
            for gateway in plan.gateways(n) {
                assert!(ids.insert(gateway.0), "a gateway of {n}");
            }
        }
    }
}
