//! From the engine's events to what the gateway reports: the one place where they meet.
//!
//! Holds always: only alerts and list hits become detections; of the protocol objects only
//! names, addresses, sizes and hashes are read (GW-05 is enforced by the report's types anyway).

use std::net::IpAddr;

use mimamori_base::{Direction, Timestamp, Zone};
use mimamori_engine::{
    AlertFacts, Event, EventKind, FileOutcome, MalwareFacts, ReputationFacts, ReputationKind as ListKind,
};
use mimamori_report::{
    Detection, DetectionKind, Device, Endpoint, FileEvidence, FileVerdict, MacAddr, Outcome, Reputation,
    ReputationKind, Severity, Signature, SignatureMetadata, Text, Traffic, Transport,
};
use serde_json::Value;

use super::classify;
use super::devices::Devices;

/// `None` for events that are no detections (records of transactions, flows, statistics).
#[must_use]
pub fn detection(event: &Event, devices: &Devices) -> Option<Detection> {
    let (kind, severity, outcome, signature, reputation) = match event.kind {
        EventKind::Alert => {
            let alert = event.alert.as_deref()?;
            let severity = classify::severity(alert);
            (classify::kind(alert), severity, stopped(alert.blocked), Some(signature(alert)), None)
        }
        EventKind::Reputation => {
            // What an exception lets pass is no detection (it is told as an event).
            let hit = event.reputation.as_deref().filter(|hit| hit.exception.is_none())?;
            (list_kind(hit.kind), Severity::Major, stopped(hit.blocked), None, Some(reputation_of(hit)))
        }
        EventKind::Malware => {
            let outcome = match event.malware.as_deref()?.outcome {
                FileOutcome::Stopped => Outcome::Blocked,
                FileOutcome::Neutralised => Outcome::Neutralised,
                FileOutcome::Passed => Outcome::Allowed,
            };
            (DetectionKind::MalwareFile, Severity::Critical, outcome, None, None)
        }
        _ => return None,
    };
    let (from, to) = zones(event);
    // A listed site is one that a device went to, also when its answer gave it away.
    let turned = event.kind == EventKind::Reputation && event.direction == Some(Direction::ToClient);
    let Ends { src, dst, from, to, src_mac, dst_mac } = ends(event, from, to, turned)?;
    let source = Endpoint { ip: src.ip, port: src.port, zone: from };
    let destination = Endpoint { ip: dst.ip, port: dst.port, zone: to };
    let host = host(event);
    Some(Detection {
        at: event.at,
        kind,
        severity,
        outcome,
        traffic: traffic(from, to),
        transport: transport(event.proto.as_deref()),
        app_protocol: event.app_proto.map(Text::new),
        device: device(&source, src_mac, &destination, dst_mac, devices),
        source,
        destination,
        url: url(event, host.as_deref()).as_deref().map(Text::new),
        host: host.as_deref().map(Text::new),
        file: event
            .malware
            .as_deref()
            .map(harmful_file)
            .or_else(|| file(event, kind, event.alert.as_deref())),
        signature,
        reputation,
        flow_id: event.flow_id.unwrap_or(0),
        count: 1,
        first: event.at,
        last: event.at,
    })
}

const fn stopped(blocked: bool) -> Outcome {
    if blocked { Outcome::Blocked } else { Outcome::Allowed }
}

/// Both ends of the communication.
struct Ends {
    src: mimamori_engine::Endpoint,
    dst: mimamori_engine::Endpoint,
    from: Zone,
    to: Zone,
    src_mac: Option<[u8; 6]>,
    dst_mac: Option<[u8; 6]>,
}

fn ends(event: &Event, from: Zone, to: Zone, turned: bool) -> Option<Ends> {
    let (src, dst, src_mac, dst_mac) = (event.src?, event.dst?, event.src_mac, event.dst_mac);
    Some(if turned {
        Ends { src: dst, dst: src, from: to, to: from, src_mac: dst_mac, dst_mac: src_mac }
    } else {
        Ends { src, dst, from, to, src_mac, dst_mac }
    })
}

/// An unknown far zone is the WAN: what is broadcast inside concerns the sender's side.
fn zones(event: &Event) -> (Zone, Zone) {
    match event.zones {
        Some((from, Some(to))) => (from, to),
        Some((Zone::Wan, None)) => (Zone::Wan, Zone::Lan),
        Some((from, None)) => (from, Zone::Wan),
        None => (Zone::Lan, Zone::Wan),
    }
}

const fn traffic(from: Zone, to: Zone) -> Traffic {
    match (from, to) {
        (Zone::Wan, _) => Traffic::Inbound,
        (_, Zone::Wan) => Traffic::Outbound,
        _ => Traffic::Internal,
    }
}

fn transport(proto: Option<&str>) -> Transport {
    match proto {
        Some("TCP") => Transport::Tcp,
        Some("UDP") => Transport::Udp,
        Some("ICMP") => Transport::Icmp,
        Some("IPv6-ICMP") => Transport::Icmp6,
        _ => Transport::Other,
    }
}

/// The customer's side: the one that is not in the WAN zone; inside, the sender.
fn device(
    source: &Endpoint,
    src_mac: Option<[u8; 6]>,
    destination: &Endpoint,
    dst_mac: Option<[u8; 6]>,
    devices: &Devices,
) -> Option<Device> {
    let (ip, mac) = match (source.zone, destination.zone) {
        (Zone::Wan, Zone::Wan) => return None,
        (Zone::Wan, _) => (destination.ip, dst_mac),
        _ => (source.ip, src_mac),
    };
    Some(named(ip, mac, devices))
}

fn named(ip: IpAddr, mac: Option<[u8; 6]>, devices: &Devices) -> Device {
    let by_mac = mac.and_then(|m| Some((m, devices.get(m)?)));
    let known = by_mac.or_else(|| devices.by_ip(ip));
    let mac = known.map(|(m, _)| m).or(mac).filter(|m| m[0] & 1 == 0);
    Device {
        ip,
        mac: mac.map(MacAddr),
        host_name: known.and_then(|(_, d)| d.host_name.as_deref()).map(Text::new),
        maker: known.and_then(|(_, d)| d.maker).map(Text::new),
    }
}

fn signature(alert: &AlertFacts) -> Signature {
    let text = |key| classify::metadata(alert, key);
    let class = if alert.class_type.is_empty() { &alert.category } else { &alert.class_type };
    Signature {
        gid: alert.gid,
        sid: alert.sid,
        rev: alert.rev,
        message: Text::new(&alert.msg),
        class: (!class.is_empty()).then(|| Text::new(class)),
        priority: alert.severity,
        metadata: SignatureMetadata {
            severity: text("signature_severity").map(Text::new),
            confidence: text("confidence").map(Text::new),
            attack_target: text("attack_target").map(Text::new),
            affected_product: text("affected_product").map(Text::new),
            malware_family: text("malware_family").map(Text::new),
            mitre_tactic: text("mitre_tactic_id").map(Text::new),
            mitre_technique: text("mitre_technique_id").map(Text::new),
            cve: text("cve").map(Text::new),
            deployment: text("deployment").map(Text::new),
        },
    }
}

const fn list_kind(kind: ListKind) -> DetectionKind {
    match kind {
        ListKind::Phishing => DetectionKind::PhishingSite,
        ListKind::Malware => DetectionKind::MalwareSite,
        ListKind::C2 => DetectionKind::CommandAndControl,
        ListKind::Other => DetectionKind::Other,
    }
}

fn reputation_of(hit: &ReputationFacts) -> Reputation {
    let kind = match hit.kind {
        ListKind::Phishing => ReputationKind::Phishing,
        ListKind::Malware => ReputationKind::Malware,
        ListKind::C2 => ReputationKind::CommandAndControl,
        ListKind::Other => ReputationKind::Other,
    };
    let family = Some(hit.family.as_str()).filter(|f| !f.is_empty()).map(Text::new);
    Reputation { kind, family }
}

fn text_at<'a>(event: &'a Event, object: &str, key: &str) -> Option<&'a str> {
    event.more.get(object)?.get(key)?.as_str().filter(|t| !t.is_empty())
}

fn host(event: &Event) -> Option<String> {
    if let Some(hit) = event.reputation.as_deref()
        && hit.seen_in != "ip"
    {
        return Some(hit.indicator.clone());
    }
    let name = text_at(event, "http", "hostname")
        .or_else(|| text_at(event, "tls", "sni"))
        .or_else(|| text_at(event, "quic", "sni"))
        .or_else(|| first_name(event.more.get("dns")?));
    name.map(|n| n.trim_end_matches('.').to_ascii_lowercase())
}

/// The first queried name of a DNS object, whose shape has changed over the years.
fn first_name(dns: &Value) -> Option<&str> {
    if let Some(name) = dns.get("rrname") {
        return name.as_str();
    }
    let list = dns.get("queries").or_else(|| dns.get("query"))?.as_array()?;
    list.first()?.get("rrname")?.as_str()
}

/// Without a user name and password in front of the host.
fn url(event: &Event, host: Option<&str>) -> Option<String> {
    let path = text_at(event, "http", "url")?;
    if let Some((scheme, rest)) = path.split_once("://") {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at_checked(end)?;
        let bare = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        return Some(format!("{scheme}://{bare}{tail}"));
    }
    Some(format!("http://{}{path}", host?))
}

/// A file that the scanner knows.
fn harmful_file(facts: &MalwareFacts) -> FileEvidence {
    let name = facts.file_name.rsplit(['/', '\\']).find(|p| !p.is_empty()).unwrap_or(&facts.file_name);
    FileEvidence {
        name: (!name.is_empty()).then(|| Text::new(name)),
        size_bytes: facts.size,
        sha256: facts.harm.sha256.parse().ok(),
        md5: None,
        magic: None,
        verdict: Some(FileVerdict::Malicious),
        threat_name: Some(Text::new(&facts.harm.family)),
    }
}

fn file(event: &Event, kind: DetectionKind, alert: Option<&AlertFacts>) -> Option<FileEvidence> {
    let file = match event.more.get("files").and_then(Value::as_array) {
        Some(files) => files.first()?,
        None => event.more.get("fileinfo")?,
    };
    let harmful = kind == DetectionKind::MalwareFile;
    let name = file.get("filename").and_then(Value::as_str);
    // EVE gives the whole path of a web file; people know files by their last part.
    let name = name.map(|n| n.rsplit(['/', '\\']).find(|p| !p.is_empty()).unwrap_or(n));
    Some(FileEvidence {
        name: name.map(Text::new),
        size_bytes: file.get("size").and_then(Value::as_u64).unwrap_or(0),
        sha256: file.get("sha256").and_then(Value::as_str).and_then(|h| h.parse().ok()),
        md5: file.get("md5").and_then(Value::as_str).and_then(|h| h.parse().ok()),
        magic: file.get("magic").and_then(Value::as_str).map(Text::new),
        verdict: harmful.then_some(FileVerdict::Malicious),
        threat_name: alert
            .filter(|_| harmful)
            .and_then(|a| classify::metadata(a, "malware_family"))
            .map(Text::new),
    })
}

/// Whether two detections say the same thing about the same device and other side.
#[must_use]
pub(super) fn same(a: &Detection, b: &Detection) -> bool {
    let rule = |d: &Detection| d.signature.as_ref().map(|s| (s.gid, s.sid));
    let device = |d: &Detection| d.device.as_ref().map(|d| (d.mac, d.ip));
    let peer = |d: &Detection| match d.traffic {
        Traffic::Inbound => d.source.ip,
        Traffic::Outbound | Traffic::Internal => d.destination.ip,
    };
    a.kind == b.kind
        && a.outcome == b.outcome
        && a.traffic == b.traffic
        && rule(a) == rule(b)
        && device(a) == device(b)
        && match (&a.host, &b.host) {
            (Some(a), Some(b)) => site(a.as_str()) == site(b.as_str()),
            (None, None) => peer(a) == peer(b),
            _ => false,
        }
        && a.file.as_ref().map(|f| &f.name) == b.file.as_ref().map(|f| &f.name)
}

/// The name under which somebody registered: `a.b.example` is `b.example`, `a.b.co.jp` `b.co.jp`.
/// A tunnel in DNS asks for a new name each time; it is one thing all the same.
fn site(host: &str) -> &str {
    let mut ends = host.rmatch_indices('.').map(|(at, _)| at);
    let (Some(last), second) = (ends.next(), ends.next()) else { return host };
    let Some(second) = second else { return host };
    let short = |label: &str| label.len() <= 3;
    let country = host.len() - last - 1 == 2;
    let cut = if country && short(host.get(second + 1..last).unwrap_or_default()) {
        match ends.next() {
            Some(third) => third,
            None => return host,
        }
    } else {
        second
    };
    host.get(cut + 1..).unwrap_or(host)
}

/// When a detection happened last, for ordering.
#[must_use]
pub(super) fn last(d: &Detection) -> Timestamp {
    d.last
}

#[cfg(test)]
mod tests {
    use super::site;

    #[test]
    fn sites() {
        for (host, expected) in [
            ("a.b.badcdn.example", "badcdn.example"),
            ("badcdn.example", "badcdn.example"),
            ("www.shop.co.jp", "shop.co.jp"),
            ("shop.co.jp", "shop.co.jp"),
            ("www.shop.jp", "shop.jp"),
            ("localhost", "localhost"),
            ("", ""),
        ] {
            assert_eq!(site(host), expected, "{host}");
        }
    }
}
