use mimamori_base::Timestamp;

use super::*;

fn full() -> Detection {
    let line = |text: &str| Some(Line::from(text));
    Detection {
        id: DetectionId([7; 16]),
        at: Timestamp(1_795_496_700_000_000),
        last_at: Timestamp(1_795_496_760_000_001),
        count: 300,
        kind: DetectionKind::MalwareFile,
        outcome: Outcome::Neutralised,
        direction: TrafficDirection::Internal,
        device: Device {
            mac: Some(MacAddress([0, 0x11, 0x22, 0xaa, 0xbb, 0xcc])),
            ip: "192.168.1.23".parse().ok(),
            host_name: line("経理PC"),
            maker: line("富士通"),
        },
        source: Endpoint { ip: "192.168.1.23".parse().unwrap(), port: Some(50_000) },
        destination: Endpoint { ip: "2001:db8::1".parse().unwrap(), port: None },
        signature: Some(Signature { sid: 2_000_001, msg: "MALWARE x".into(), ..Signature::default() }),
        host: line("files.example"),
        url: line("/a?b=c"),
        file: Some(FileEvidence {
            name: line("請求書.zip"),
            size_bytes: Some(1 << 40),
            sha256: line(&"ab".repeat(32)),
            md5: None,
            verdict: Some(FileVerdict::Suspicious),
            threat_name: line("Test.Threat"),
        }),
        reputation: Some(Reputation { kind: ReputationKind::Other, family: line("x") }),
        app_proto: line("http"),
        from_zone: Some(Zone::SecondarySsid),
        to_zone: Some(Zone::Wan),
        flow_id: Some(u64::MAX),
    }
}

fn bare() -> Detection {
    Detection {
        last_at: full().at,
        count: 1,
        device: Device::default(),
        signature: None,
        host: None,
        url: None,
        file: None,
        reputation: None,
        app_proto: None,
        from_zone: None,
        to_zone: None,
        flow_id: None,
        ..full()
    }
}

fn columns(d: &Detection) -> Columns {
    Columns { id: d.id, at: d.at, kind: d.kind, device: d.device.key() }
}

fn through(d: &Detection) -> Detection {
    let named = d.signature.as_ref().map(|s| signature(s).unwrap());
    let bytes = pack(d, named.as_ref().map(|(id, _)| *id));
    assert_eq!(signature_of(&bytes), named.as_ref().map(|(id, _)| *id));
    unpack(&bytes, columns(d), |id| {
        named.as_ref().filter(|(n, _)| n == id).map(|(_, body)| serde_json::from_str(body).unwrap())
    })
    .unwrap()
}

#[test]
fn what_was_packed_comes_out_again() {
    let mut earlier = full();
    earlier.last_at = Timestamp(0);
    earlier.device.mac = None;
    for d in [full(), bare(), earlier] {
        assert_eq!(through(&d), d);
    }
}

/// Rows on disk must stay readable: the bytes of version 1 never change.
#[test]
fn the_bytes_are_those_of_version_one() {
    let bytes = pack(&bare(), None);
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(hex, "0180010102".to_owned() + "04c0a80117c3500620010db8000000000000000000000001");
}

#[test]
fn rows_of_older_versions_are_read() {
    let json = serde_json::to_vec(&full()).unwrap();
    assert_eq!(signature_of(&json), None);
    assert_eq!(unpack(&json, columns(&full()), |_| None).unwrap(), full());
}

#[test]
fn broken_bytes_are_an_error_and_no_panic() {
    let bytes = pack(&full(), Some([1; 12]));
    for n in 0..bytes.len() {
        assert!(unpack(&bytes[..n], columns(&full()), |_| None).is_err(), "{n}");
        let mut other = bytes.clone();
        other[n] ^= 0xff;
        let _ = unpack(&other, columns(&full()), |_| None);
        let _ = signature_of(&other);
    }
}

#[test]
fn a_usual_detection_takes_less_than_a_hundred_bytes() {
    let d = Detection { url: None, file: None, reputation: None, flow_id: Some(1 << 50), ..full() };
    let size = pack(&d, Some([1; 12])).len();
    assert!(size < 100, "{size}");
    let json = serde_json::to_vec(&d).unwrap().len();
    assert!(json > 4 * size, "{json}");
}

#[test]
fn a_search_looks_at_names_addresses_and_evidence() {
    let packed = |d: &Detection| {
        let named = d.signature.as_ref().map(|s| signature(s).unwrap().0);
        pack(d, named)
    };
    let there = |text: &str| {
        let (d, needle) = (full(), crate::needle::Needle::new(text).unwrap());
        let msg = d.signature.as_ref().is_some_and(|s| needle.is_in_text(s.msg.as_str()));
        (needle.is_in(&d), needle.may_be_in(&packed(&d), |_| msg))
    };
    for text in ["経理pc", "Files.EX", "請求書", "192.168.1.", "00-11-22", "00:11:22", "malware x", "2000001"]
    {
        assert_eq!(there(text), (true, true), "{text}");
    }
    for text in ["source", "zzz"] {
        assert_eq!(there(text), (false, false), "{text}");
    }
    assert!(!there("10.0.0.1").0);
}
