//! Sums of use and of blind spots by device and hour (GW-04, GW-14).
//!
//! Responsible for adding pieces of flows up and handing the sums out as reports. Holds always:
//! at most [`MAX_SUMS`] devices and hours, at most [`MAX_LINES`] lines each (more count as
//! `other`), and both are counted; sums are handed out every [`EVERY`] and only once.
//! Deliberately not here: what a flow counts as (`usage`).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mimamori_base::{Timestamp, Zone};
use mimamori_engine::{Event, FlowUse};
use mimamori_report::{
    Inspected, InspectionLine, InspectionRecord, List, MacAddr, Report, Text, UsageRecord, UseLine, UseOf,
};

use super::usage::{Knowledge, facts_of};

/// Devices and hours that are summed at one time.
const MAX_SUMS: usize = 2_048;
/// Categories and applications of one device and hour.
const MAX_LINES: usize = 192;
/// Lines of one record.
const LINES_PER_RECORD: usize = 16;
/// How often sums are handed out: a page shows the present hour without a long wait.
const EVERY: Duration = Duration::from_secs(600);
const HOUR_SECS: u32 = 3_600;
const HOUR_MICROS: i64 = 3_600_000_000;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Who {
    hour: i64,
    mac: Option<[u8; 6]>,
    /// Kept where no address of the link is known.
    ip: Option<IpAddr>,
}

#[derive(Debug, Default)]
struct Sums {
    ip: Option<IpAddr>,
    uses: BTreeMap<(UseOf, String), Use>,
    depth: BTreeMap<Inspected, (u64, u64)>,
}

#[derive(Clone, Debug, Default)]
struct Use {
    name: String,
    kind: String,
    flows: u64,
    up: u64,
    down: u64,
}

/// The records that wait to be handed out.
#[derive(Debug)]
pub struct Records {
    knowledge: Arc<Knowledge>,
    sums: BTreeMap<Who, Sums>,
    last_out: Option<Timestamp>,
    /// Pieces that found no room of their own.
    pub given_up: u64,
    /// Since the start: `[fully, by name only, not at all]` in bytes, and flows.
    pub bytes_by_depth: [u64; 3],
    pub flows: u64,
    pub flows_encrypted: u64,
}

impl Records {
    #[must_use]
    pub fn new(knowledge: Arc<Knowledge>) -> Records {
        Records {
            knowledge,
            sums: BTreeMap::new(),
            last_out: None,
            given_up: 0,
            bytes_by_depth: [0; 3],
            flows: 0,
            flows_encrypted: 0,
        }
    }

    /// Other definitions from now on.
    pub fn replace(&mut self, knowledge: Arc<Knowledge>) {
        self.knowledge = knowledge;
    }

    /// Adds a piece of a flow.
    pub fn used(&mut self, piece: &FlowUse<'_>) {
        let Some((mac, ip)) = device_of(piece) else { return };
        let knowledge = self.knowledge.clone();
        let found = knowledge.catalogue.look_up(&facts_of(piece));
        let flows = u64::from(piece.first);
        let (up, down) = (piece.up.bytes, piece.down.bytes);
        let how = knowledge.inspected(piece, &found);
        let past = piece.past_depth_bytes.min(up + down);
        self.count(how, flows, up + down - past);
        self.count(Inspected::PastDepth, 0, past);
        let Some(sums) = self.sums_of(piece.at, mac, Some(ip)) else { return };
        let depth = sums.depth.entry(how).or_default();
        *depth = (depth.0 + flows, depth.1 + up + down - past);
        if past > 0 {
            let depth = sums.depth.entry(Inspected::PastDepth).or_default();
            *depth = (depth.0 + flows, depth.1 + past);
        }
        // A connection that carried nothing was no use of anything.
        if piece.heads.iter().all(|h| h.bytes.is_empty()) {
            return;
        }
        let add = |sums: &mut Sums, of: UseOf, id: &str, name: &str, kind: &str| {
            let line = sums.line(of, id, name, kind);
            line.flows += flows;
            line.up += up;
            line.down += down;
        };
        match knowledge.application(piece, &found) {
            Some((app, kind)) => add(sums, UseOf::Application, &app.id, &app.name, kind),
            None => add(sums, UseOf::Application, "unknown", "不明な通信", "other"),
        }
        if is_web(piece) {
            for (id, name) in knowledge.categories(piece.told.host.as_deref()) {
                add(sums, UseOf::WebCategory, &id, &name, "");
            }
        }
    }

    /// Adds a file that was not judged: `file_unjudged` events of the engine.
    pub fn unjudged(&mut self, event: &Event) {
        let Some(object) = event.more.get("unjudged") else { return };
        let how = match object.get("reason").and_then(|r| r.as_str()).unwrap_or_default() {
            "encrypted" => Inspected::ArchivePassword,
            "too_deep" => Inspected::ArchiveTooDeep,
            "too_large" => Inspected::FileTooLarge,
            "scanner_slow" | "no_clamd" | "scanner_dead" | "scanner_busy" => Inspected::ScannerBusy,
            _ => Inspected::Other,
        };
        let bytes = object.get("size").and_then(serde_json::Value::as_u64).unwrap_or(0);
        let (Some((from, to)), Some(src), Some(dst)) = (event.zones, event.src, event.dst) else { return };
        let inner_first = from != Zone::Wan;
        let (mac, ip) = match (inner_first, to) {
            (true, _) => (event.src_mac, src.ip),
            (false, Some(to)) if to != Zone::Wan => (event.dst_mac, dst.ip),
            _ => return,
        };
        self.not_inspected(event.at, mac, Some(ip), how, 1, bytes);
    }

    /// Adds what was not looked into for a reason that flows do not show.
    pub fn not_inspected(
        &mut self,
        at: Timestamp,
        mac: Option<[u8; 6]>,
        ip: Option<IpAddr>,
        how: Inspected,
        flows: u64,
        bytes: u64,
    ) {
        self.count(how, 0, bytes);
        if let Some(sums) = self.sums_of(at, mac, ip) {
            let depth = sums.depth.entry(how).or_default();
            *depth = (depth.0 + flows, depth.1 + bytes);
        }
    }

    fn count(&mut self, how: Inspected, flows: u64, bytes: u64) {
        use mimamori_report::Depth;
        let [fully, names, none] = &mut self.bytes_by_depth;
        match how.depth() {
            Depth::Fully => *fully += bytes,
            Depth::NameOnly => *names += bytes,
            Depth::NotAtAll => *none += bytes,
        }
        self.flows += flows;
        if how != Inspected::Fully && how != Inspected::NoParser {
            self.flows_encrypted += flows;
        }
    }

    fn sums_of(&mut self, at: Timestamp, mac: Option<[u8; 6]>, ip: Option<IpAddr>) -> Option<&mut Sums> {
        let who =
            Who { hour: at.micros().div_euclid(HOUR_MICROS), mac, ip: if mac.is_some() { None } else { ip } };
        if !self.sums.contains_key(&who) && self.sums.len() >= MAX_SUMS {
            self.given_up += 1;
            return None;
        }
        let sums = self.sums.entry(who).or_default();
        // An IPv4 address says more to a person than one of many IPv6 addresses.
        if sums.ip.is_none_or(|old| old.is_ipv6()) {
            sums.ip = ip.or(sums.ip);
        }
        Some(sums)
    }

    /// The records that are due.
    pub fn due(&mut self, now: Timestamp) -> Vec<Report> {
        let last = *self.last_out.get_or_insert(now);
        let hour_over = now.micros().div_euclid(HOUR_MICROS) != last.micros().div_euclid(HOUR_MICROS);
        if now.since(last) < EVERY && !hour_over && self.sums.len() < MAX_SUMS {
            return Vec::new();
        }
        self.last_out = Some(now);
        self.all()
    }

    /// Every record that is there.
    pub fn all(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.sums).into_iter().flat_map(|(who, sums)| reports(who, sums)).collect()
    }
}

impl Sums {
    fn line(&mut self, of: UseOf, id: &str, name: &str, kind: &str) -> &mut Use {
        let full = self.uses.len() >= MAX_LINES && !self.uses.contains_key(&(of, id.to_owned()));
        let (id, name, kind) = if full { ("other", "その他", "other") } else { (id, name, kind) };
        let line = self.uses.entry((of, id.to_owned())).or_default();
        if line.name.is_empty() {
            name.clone_into(&mut line.name);
            kind.clone_into(&mut line.kind);
        }
        line
    }
}

/// The inner side of a flow: the client, or the server that was reached from outside. What
/// comes from outside to a group of devices is nobody's.
fn device_of(piece: &FlowUse<'_>) -> Option<(Option<[u8; 6]>, IpAddr)> {
    let (from, to) = piece.zones?;
    let (mac, ip) = match (from, to) {
        (Zone::Wan, Some(to)) if to != Zone::Wan => (piece.server_mac, piece.server.ip),
        (Zone::Wan, _) => return None,
        _ => (piece.client_mac, piece.client.ip),
    };
    let group = mac.is_some_and(|[first, ..]| first & 1 == 1) || ip.is_multicast();
    (!group).then_some((mac, ip))
}

fn is_web(piece: &FlowUse<'_>) -> bool {
    match piece.app_proto {
        "http" | "http2" | "websocket" => true,
        // Mail and others wrap themselves in TLS too; what browsers use is on these ports.
        "tls" | "quic" => matches!(piece.server.port, 80 | 443 | 8080 | 8443),
        _ => false,
    }
}

fn reports(who: Who, sums: Sums) -> Vec<Report> {
    let at = Timestamp(who.hour * HOUR_MICROS);
    let (device, mac) = (sums.ip, who.mac.map(MacAddr));
    let mut out = Vec::new();
    let lines: Vec<UseLine> = sums
        .uses
        .into_iter()
        .map(|((of, id), u)| UseLine {
            of,
            id: Text::new(&id),
            name: Text::new(&u.name),
            kind: Text::new(&u.kind),
            flows: u.flows,
            bytes_up: u.up,
            bytes_down: u.down,
        })
        .collect();
    for some in lines.chunks(LINES_PER_RECORD) {
        out.push(Report::Usage(Box::new(UsageRecord {
            at,
            span_seconds: HOUR_SECS,
            device,
            mac,
            lines: List::new(some.iter().cloned()),
        })));
    }
    let depth = sums.depth.into_iter().map(|(how, (flows, bytes))| InspectionLine { how, flows, bytes });
    let lines = List::new(depth);
    if !lines.is_empty() {
        out.push(Report::Inspection(Box::new(InspectionRecord {
            at,
            span_seconds: HOUR_SECS,
            device,
            mac,
            lines,
        })));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use mimamori_base::SeededRng;
    use mimamori_engine::{Endpoint, Head, Told, Traffic};
    use mimamori_report::Depth;

    const AT: Timestamp = Timestamp::from_secs(1_795_496_700);

    fn records() -> Records {
        let set = crate::definitions::starter::in_memory(&SeededRng::new(1)).unwrap();
        Records::new(Arc::new(Knowledge::of(&set, (1, 2))))
    }

    /// Hands a piece of a TLS flow from the office to `host` in.
    fn used(records: &mut Records, at: Timestamp, from: Zone, host: &str, first: bool) {
        let told = Told { host: Some(host.as_bytes().to_vec()), ..Told::default() };
        let head = |bytes: &[u8]| Head { bytes: bytes.to_vec(), datagram_bytes: 0 };
        let heads = [head(&[22, 3, 1]), head(&[22, 3, 3])];
        let end = |ip: &str, port| Endpoint { ip: ip.parse().unwrap(), port };
        let traffic = |bytes| Traffic { packets: 1, bytes, ..Traffic::default() };
        records.used(&FlowUse {
            flow_id: 1,
            first,
            start: at,
            at,
            client: end("192.168.1.9", 50_000),
            server: end("203.0.113.9", 443),
            protocol: 6,
            zones: Some((from, Some(Zone::Wan))),
            client_mac: Some([0, 0x0b, 0x5d, 0, 0, 1]),
            server_mac: None,
            app_proto: "tls",
            dtls: false,
            told: &told,
            heads: &heads,
            up: traffic(100),
            down: traffic(900),
            past_depth_bytes: 250,
            dropped: false,
            passed: false,
        });
    }

    fn lines(reports: &[Report], of: UseOf) -> Vec<(String, u64, u64)> {
        let mut out = Vec::new();
        for report in reports {
            if let Report::Usage(u) = report {
                let these = u.lines.iter().filter(|l| l.of == of);
                out.extend(these.map(|l| (l.id.as_str().to_owned(), l.flows, l.bytes_up + l.bytes_down)));
            }
        }
        out
    }

    #[test]
    fn a_group_of_devices_is_no_device() {
        let told = Told::default();
        let head = || Head { bytes: vec![], datagram_bytes: 0 };
        let heads = [head(), head()];
        let end = |ip: &str| Endpoint { ip: ip.parse().unwrap(), port: 0 };
        let traffic = || Traffic { packets: 1, bytes: 90, ..Traffic::default() };
        let piece = |server_mac, server| FlowUse {
            flow_id: 1,
            first: true,
            start: AT,
            at: AT,
            client: end("fe80::1"),
            server,
            protocol: 58,
            zones: Some((Zone::Wan, Some(Zone::Lan))),
            client_mac: None,
            server_mac,
            app_proto: "",
            dtls: false,
            told: &told,
            heads: &heads,
            up: traffic(),
            down: traffic(),
            past_depth_bytes: 0,
            dropped: false,
            passed: false,
        };
        assert!(device_of(&piece(Some([0x33, 0x33, 0, 0, 0, 1]), end("ff02::1"))).is_none());
        assert!(device_of(&piece(Some([0, 0x0b, 0x5d, 0, 0, 1]), end("fe80::9"))).is_some());
    }

    #[test]
    fn gw_04_pieces_add_up_by_device_and_hour_and_carry_no_host_name() {
        let mut r = records();
        used(&mut r, AT, Zone::Lan, "r1.googlevideo.com", true);
        used(&mut r, AT, Zone::Lan, "r1.googlevideo.com", false);
        used(&mut r, AT, Zone::Lan, "unheard-of.example", true);
        let reports = r.all();
        assert_eq!(
            lines(&reports, UseOf::Application),
            [("tls".to_owned(), 1, 1_000), ("youtube".to_owned(), 1, 2_000)]
        );
        assert_eq!(
            lines(&reports, UseOf::WebCategory),
            [("audio-video".to_owned(), 1, 2_000), ("uncategorised".to_owned(), 1, 1_000)]
        );
        let text = serde_json::to_string(&reports).unwrap();
        assert!(!text.contains("googlevideo") && !text.contains("unheard-of"));
        assert!(r.all().is_empty(), "handed out once");
    }

    #[test]
    fn every_byte_is_in_one_line_of_inspection_and_says_why() {
        let mut r = records();
        used(&mut r, AT, Zone::Lan, "www.example.jp", true);
        used(&mut r, AT, Zone::Lan, "dns.google", true);
        used(&mut r, AT, Zone::Wan, "www.example.jp", true);
        r.not_inspected(AT, Some([0, 0x0b, 0x5d, 0, 0, 1]), None, Inspected::ArchivePassword, 1, 77);
        let mut found: Vec<(Inspected, u64)> = Vec::new();
        for report in r.all() {
            if let Report::Inspection(i) = report {
                found.extend(i.lines.iter().map(|l| (l.how, l.bytes)));
            }
        }
        found.sort();
        assert_eq!(
            found,
            [
                (Inspected::Tls, 750),
                (Inspected::EncryptedDns, 750),
                (Inspected::PastDepth, 500),
                (Inspected::ArchivePassword, 77)
            ]
        );
        assert!(found.iter().filter(|(how, _)| how.depth() == Depth::NotAtAll).count() == 3);
    }

    #[test]
    fn a_flood_of_devices_is_bounded_and_counted() {
        let mut r = records();
        for n in 0..3_000u32 {
            let [_, a, b, c] = n.to_be_bytes();
            r.not_inspected(AT, Some([0, 0, 0, a, b, c]), None, Inspected::Other, 1, 1);
        }
        assert_eq!(r.given_up, 3_000 - MAX_SUMS as u64);
        assert_eq!(r.all().len(), MAX_SUMS);
    }

    #[test]
    fn sums_are_due_every_ten_minutes_and_with_the_hour() {
        let mut r = records();
        used(&mut r, AT, Zone::Lan, "www.example.jp", true);
        assert!(r.due(AT).is_empty());
        assert!(r.due(AT + Duration::from_secs(60)).is_empty());
        assert!(!r.due(AT + EVERY).is_empty());
    }
}
