//! From what a gateway says to what the cloud keeps.

use mimamori_base::{Rng, Timestamp};
use mimamori_domain as domain;
use mimamori_domain::Line;
use mimamori_report as report;
use report::{Line as Row, Report};

use crate::backend::Item;
use crate::usage;

/// One row of a batch; every row becomes something, so that the cursor can move past it.
pub fn item(row: Row, now: Timestamp, rng: &dyn Rng) -> (u64, Item) {
    let item = match row.report {
        Ok(Report::Detection(d)) => Item::Detection(Box::new(detection(*d, now, rng))),
        Ok(Report::Event(e)) => Item::Note(note(&e)),
        Ok(Report::Usage(u)) => Item::Use(Box::new(usage::device_use(&u))),
        Ok(Report::Inspection(i)) => Item::Inspection(Box::new(usage::device_inspection(&i))),
        Err(bad) => Item::Undecodable { raw: bad.raw.into_bytes(), reason: Line::clip(&bad.reason) },
    };
    (row.seq, item)
}

fn note(event: &report::GatewayEvent) -> Line {
    let mut text = format!("{}: {}", event.kind, event.detail);
    if event.count > 1 {
        text.push_str(&format!(" ({})", event.count));
    }
    if let Some(command) = &event.command {
        text.push_str(&format!(" [{command}]"));
    }
    Line::clip(&text)
}

fn line<const N: usize>(text: &report::Text<N>) -> Line {
    Line::clip(text.as_str())
}

fn opt<const N: usize>(text: &Option<report::Text<N>>) -> Option<Line> {
    text.as_ref().map(line)
}

pub fn detection(d: report::Detection, now: Timestamp, rng: &dyn Rng) -> domain::Detection {
    domain::Detection {
        id: domain::DetectionId::generate(now, rng),
        at: d.first.min(d.at),
        last_at: d.last.max(d.at),
        count: d.count.max(1),
        kind: kind(d.kind),
        outcome: outcome(d.outcome),
        direction: direction(d.traffic),
        device: device(&d),
        source: endpoint(&d.source, d.transport),
        destination: endpoint(&d.destination, d.transport),
        signature: d.signature.as_ref().map(|s| signature(s, d.severity)),
        host: opt(&d.host),
        url: opt(&d.url),
        file: d.file.as_ref().map(file),
        reputation: d
            .reputation
            .as_ref()
            .map(|r| domain::Reputation { kind: reputation(r.kind), family: opt(&r.family) }),
        app_proto: opt(&d.app_protocol),
        from_zone: Some(d.source.zone),
        to_zone: Some(d.destination.zone),
        flow_id: Some(d.flow_id),
    }
}

const fn kind(kind: report::DetectionKind) -> domain::DetectionKind {
    use report::DetectionKind as R;
    match kind {
        R::Attack => domain::DetectionKind::Threat,
        R::CommandAndControl => domain::DetectionKind::CommandAndControl,
        R::MalwareFile => domain::DetectionKind::MalwareFile,
        R::PhishingSite => domain::DetectionKind::Phishing,
        R::MalwareSite => domain::DetectionKind::BadSite,
        R::Scan => domain::DetectionKind::Scan,
        R::Policy => domain::DetectionKind::Policy,
        R::Anomaly | R::Other => domain::DetectionKind::Anomaly,
    }
}

const fn outcome(outcome: report::Outcome) -> domain::Outcome {
    match outcome {
        report::Outcome::Blocked => domain::Outcome::Blocked,
        report::Outcome::Neutralised => domain::Outcome::Neutralised,
        report::Outcome::Allowed => domain::Outcome::Allowed,
    }
}

const fn direction(traffic: report::Traffic) -> domain::TrafficDirection {
    match traffic {
        report::Traffic::Inbound => domain::TrafficDirection::Inbound,
        report::Traffic::Outbound => domain::TrafficDirection::Outbound,
        report::Traffic::Internal => domain::TrafficDirection::Internal,
    }
}

const fn reputation(kind: report::ReputationKind) -> domain::ReputationKind {
    use report::ReputationKind as R;
    match kind {
        R::Malware => domain::ReputationKind::Malware,
        R::CommandAndControl => domain::ReputationKind::CommandAndControl,
        R::Phishing => domain::ReputationKind::Phishing,
        R::Other => domain::ReputationKind::Other,
    }
}

fn endpoint(e: &report::Endpoint, transport: report::Transport) -> domain::Endpoint {
    let has_ports = matches!(transport, report::Transport::Tcp | report::Transport::Udp);
    domain::Endpoint { ip: e.ip, port: has_ports.then_some(e.port) }
}

fn device(d: &report::Detection) -> domain::Device {
    let Some(device) = &d.device else { return domain::Device::default() };
    domain::Device {
        mac: device.mac.map(|m| domain::detection::MacAddress(m.0)),
        ip: Some(device.ip),
        host_name: opt(&device.host_name),
        maker: opt(&device.maker),
    }
}

fn signature(s: &report::Signature, severity: report::Severity) -> domain::Signature {
    let m = &s.metadata;
    // A rule without the metadata still has the gateway's own estimate.
    let author = opt(&m.severity).or_else(|| {
        let word = match severity {
            report::Severity::Critical => "Critical",
            report::Severity::Major => "Major",
            report::Severity::Minor => "Minor",
            report::Severity::Informational => return None,
        };
        Some(word.into())
    });
    domain::Signature {
        gid: s.gid,
        sid: s.sid,
        rev: s.rev,
        msg: line(&s.message),
        class_type: opt(&s.class),
        severity: s.priority,
        signature_severity: author,
        attack_target: opt(&m.attack_target),
        deployment: opt(&m.deployment),
        malware_family: opt(&m.malware_family),
        mitre_tactic: opt(&m.mitre_tactic),
        mitre_technique: opt(&m.mitre_technique),
    }
}

fn file(f: &report::FileEvidence) -> domain::FileEvidence {
    domain::FileEvidence {
        name: opt(&f.name),
        size_bytes: Some(f.size_bytes),
        sha256: f.sha256.map(|h| Line::clip(&h.to_string())),
        md5: f.md5.map(|h| Line::clip(&h.to_string())),
        verdict: f.verdict.map(|v| match v {
            report::FileVerdict::Malicious => domain::FileVerdict::Malicious,
            report::FileVerdict::Suspicious => domain::FileVerdict::Suspicious,
            report::FileVerdict::NotInspected => domain::FileVerdict::NotInspected,
        }),
        threat_name: opt(&f.threat_name),
    }
}

pub fn heartbeat(beat: &report::Heartbeat) -> domain::Heartbeat {
    let memory = beat.memory_used_bytes.saturating_mul(100) / beat.memory_total_bytes.max(1);
    let loss = beat.packets.dropped_by_verdict.saturating_add(beat.packets.lost);
    let unseen = beat.blind_spots.bytes_encrypted.saturating_add(beat.blind_spots.bytes_beyond_depth);
    domain::Heartbeat {
        at: beat.at,
        software: line(&beat.versions.software),
        rule_set: line(&beat.versions.definitions),
        rules_loaded: beat.versions.rules_loaded,
        uptime_secs: beat.at.since(beat.started).as_secs(),
        cpu_percent: u8::try_from(beat.load_milli / 10).unwrap_or(100).min(100),
        memory_percent: u8::try_from(memory).unwrap_or(100).min(100),
        packets_inspected: beat.packets.inspected,
        packets_dropped: loss,
        bytes_inspected: beat.packets.bytes.saturating_sub(unseen),
        bytes_uninspected: unseen,
        files: files(&beat.blind_spots.files),
        spool_depth: beat.spool_records,
        own_ip: None,
        links: beat
            .links
            .iter()
            .map(|l| domain::gateway::Link { name: line(&l.name), zone: l.zone, up: l.up })
            .collect(),
        devices: beat.devices.iter().map(seen_device).collect(),
    }
    .bounded()
}

const fn files(f: &report::FileSpots) -> domain::gateway::FileCounts {
    domain::gateway::FileCounts {
        judged: f.judged,
        harmful: f.harmful,
        locked: f.locked,
        too_deep: f.too_deep,
        too_large: f.too_large,
        unreadable: f.unreadable,
        no_scanner: f.no_scanner,
    }
}

fn seen_device(d: &report::DeviceSeen) -> domain::gateway::SeenDevice {
    domain::gateway::SeenDevice {
        device: domain::Device {
            mac: Some(domain::detection::MacAddress(d.mac.0)),
            ip: d.ip,
            host_name: opt(&d.host_name),
            maker: opt(&d.maker),
        },
        first_seen: d.first_seen,
        last_seen: d.last_seen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gw_03_every_count_of_files_reaches_what_is_kept() {
        let [judged, harmful, locked, too_deep, too_large, unreadable, no_scanner] = [9, 2, 3, 4, 5, 6, 7];
        let spots =
            report::FileSpots { judged, harmful, locked, too_deep, too_large, unreadable, no_scanner };
        let kept = files(&spots);
        assert_eq!(
            [kept.judged, kept.harmful, kept.locked, kept.too_deep, kept.too_large, kept.unreadable],
            [9, 2, 3, 4, 5, 6]
        );
        assert_eq!((kept.no_scanner, kept.not_inspected()), (7, 25));
    }
}
