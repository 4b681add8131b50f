//! Captures of the conformance corpus whose rules ask for decode events only: the events found
//! must be exactly those the reference reports.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mimamori_base::Timestamp;
use mimamori_packet::{DecodeConfig, DecodeEvent, Decoder, LinkType};

fn conformance() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/conformance")
}

type Capture = (LinkType, Vec<(Timestamp, Vec<u8>)>);

/// Packets of a pcap file (microseconds or nanoseconds, either byte order).
fn read_pcap(path: &Path) -> Option<Capture> {
    let bytes = std::fs::read(path).ok()?;
    let (big, nano) = match bytes.first_chunk::<4>()? {
        [0xd4, 0xc3, 0xb2, 0xa1] => (false, false),
        [0xa1, 0xb2, 0xc3, 0xd4] => (true, false),
        [0x4d, 0x3c, 0xb2, 0xa1] => (false, true),
        [0xa1, 0xb2, 0x3c, 0x4d] => (true, true),
        _ => return None,
    };
    let number = |at: usize| {
        let b: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(if big { u32::from_be_bytes(b) } else { u32::from_le_bytes(b) })
    };
    let link = LinkType(i32::try_from(number(20)? & 0xffff).ok()?);
    let mut packets = Vec::new();
    let mut at = 24;
    while let (Some(secs), Some(sub), Some(len)) = (number(at), number(at + 4), number(at + 8)) {
        let len = usize::try_from(len).ok()?;
        let Some(frame) = bytes.get(at + 16..at + 16 + len) else { break };
        let micros = i64::from(sub) / if nano { 1000 } else { 1 };
        packets.push((Timestamp(i64::from(secs) * 1_000_000 + micros), frame.to_vec()));
        at += 16 + len;
    }
    Some((link, packets))
}

/// sid and event of the rules, if all of them ask for a decode event.
fn decode_rules(dir: &Path) -> Option<BTreeMap<String, DecodeEvent>> {
    let mut rules = BTreeMap::new();
    for entry in std::fs::read_dir(dir).ok()?.flatten() {
        if entry.path().extension().is_none_or(|e| e != "rules") {
            continue;
        }
        for line in std::fs::read_to_string(entry.path()).ok()?.lines() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            if line.starts_with("pass") {
                return None;
            }
            let value = |key: &str| {
                let rest = line.split_once(key)?.1;
                Some(rest.split(';').next()?.trim().to_owned())
            };
            let event = DecodeEvent::from_name(&value("decode-event:")?)?;
            rules.insert(value("sid:")?, event);
        }
    }
    (!rules.is_empty()).then_some(rules)
}

#[test]
fn decode_events_are_those_of_the_reference() {
    let root = conformance();
    let Ok(cases) = std::fs::read_dir(root.join("cases")) else {
        println!("skipped: no conformance corpus beside the project");
        return;
    };
    let mut checked = 0;
    let mut wrong = Vec::new();
    for case in cases.flatten() {
        let Some(rules) = decode_rules(&case.path()) else { continue };
        let text = std::fs::read_to_string(case.path().join("case.json")).expect("case");
        let json: serde_json::Value = serde_json::from_str(&text).expect("json");
        let pcap = root.join(json["pcap"].as_str().expect("pcap"));
        let Some((link, packets)) = read_pcap(&pcap) else { continue };
        let mut decoder = Decoder::new(DecodeConfig::default());
        let mut found: BTreeMap<String, u64> = BTreeMap::new();
        for (now, frame) in &packets {
            decoder.decode(*now, link, frame, &mut |p| {
                for (sid, event) in &rules {
                    if p.events.contains(*event) {
                        *found.entry(sid.clone()).or_default() += 1;
                    }
                }
            });
        }
        let expected: BTreeMap<String, u64> = json["alerts"]
            .as_object()
            .expect("alerts")
            .iter()
            .map(|(sid, n)| (sid.clone(), n.as_u64().unwrap_or(0)))
            .collect();
        checked += 1;
        if found != expected {
            wrong.push(format!(
                "{}: expected {expected:?}, found {found:?}",
                case.file_name().to_string_lossy()
            ));
        }
    }
    println!("{checked} captures checked");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
