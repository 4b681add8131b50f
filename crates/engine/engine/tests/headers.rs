//! Keywords on what lies before a payload, and on protocols that have only a header.

#[expect(dead_code, reason = "each test uses some of the frames")]
mod frames;

use std::sync::Arc;

use frames::{ipv4, ping, tcp, udp};
use mimamori_base::Timestamp;
use mimamori_engine::{Engine, EngineConfig, Event, EventKind, LinkType, Reputation, Ruleset};

const ETHERNET: usize = 14;

/// The rules, numbered from 1, that alert on `frame`.
fn alerts(rules: &[(&str, &str)], frame: &[u8]) -> Vec<u32> {
    let text: String = rules
        .iter()
        .enumerate()
        .map(|(n, (proto, options))| format!("alert {proto} any any -> any any ({options} sid:{};)\n", n + 1))
        .collect();
    let config = EngineConfig::default();
    let set = Ruleset::compile(&text, &config);
    assert!(set.report().refused.is_empty(), "{:?}", set.report().refused);
    let mut engine = Engine::new(config, set, Arc::new(Reputation::default()));
    let mut events: Vec<Event> = Vec::new();
    engine.frame(Timestamp(1_000_000), LinkType::ETHERNET, None, frame, &mut events);
    engine.finish(Timestamp(2_000_000), &mut events);
    let alerts = events.iter().filter(|e| e.kind == EventKind::Alert);
    let mut sids: Vec<u32> = alerts.filter_map(|e| Some(e.alert.as_ref()?.sid)).collect();
    sids.sort_unstable();
    sids
}

/// `header` and the type of IPv4 put before what follows the Ethernet header.
fn behind(kind: u16, header: &[u8], frame: &[u8]) -> Vec<u8> {
    let mut out = frame[..12].to_vec();
    out.extend(kind.to_be_bytes());
    out.extend(header);
    out.extend(&frame[ETHERNET..]);
    out
}

#[test]
fn vlan_tags() {
    let rules = [
        ("ip", "vlan.id:5;"),
        ("ip", "vlan.id:6;"),
        ("ip", "vlan.id:5,1;"),
        ("ip", "vlan.id:6,-1;"),
        ("ip", "vlan.id:<6,all;"),
        ("ip", "vlan.layers:2;"),
        ("ip", "vlan.id:count >1;"),
        ("ip", "vlan.id:!9,nb2;"),
    ];
    let plain = udp(true, 53, b"hello");
    assert_eq!(alerts(&rules, &plain), Vec::<u32>::new());
    let one = behind(0x8100, &[0, 5, 8, 0], &plain);
    assert_eq!(alerts(&rules, &one), [1, 5]);
    let two = behind(0x88a8, &[0, 5, 0x81, 0, 0, 6, 8, 0], &plain);
    assert_eq!(alerts(&rules, &two), [1, 2, 4, 6, 7, 8]);
}

#[test]
fn ethernet_headers() {
    let rules = [
        ("ether", "ether.hdr; content:\"|08 00|\"; offset:12; depth:2;"),
        ("ether", "ether.hdr; content:\"|02 00 00 00 00 01|\"; startswith;"),
        ("ether", "ether.hdr; content:\"|08 06|\"; offset:12; depth:2;"),
    ];
    assert_eq!(alerts(&rules, &udp(true, 53, b"hello")), [1, 2]);
}

#[test]
fn remote_procedure_calls() {
    let rules = [
        ("udp", "rpc:100000,2,3;"),
        ("udp", "rpc:100000,*,*;"),
        ("udp", "rpc:100000,3,*;"),
        ("udp", "rpc:100001,2,3;"),
        ("tcp", "rpc:100000,*,3;"),
    ];
    let words = |list: &[u32]| list.iter().flat_map(|w| w.to_be_bytes()).collect::<Vec<u8>>();
    let call = words(&[7, 0, 2, 100_000, 2, 3, 0, 0]);
    assert_eq!(alerts(&rules, &udp(true, 111, &call)), [1, 2]);
    let answer = words(&[7, 1, 2, 100_000, 2, 3, 0, 0]);
    assert_eq!(alerts(&rules, &udp(true, 111, &answer)), Vec::<u32>::new());
    let over_tcp = [&words(&[0x8000_0020])[..], &call].concat();
    assert_eq!(alerts(&rules, &tcp(true, frames::ACK, 1, 1, &over_tcp)), [5]);
}

#[test]
fn igmp() {
    let rules = [("igmp", "igmp.type:0x16;"), ("ip", "igmp.type:>0x16;"), ("igmp", "ttl:1;")];
    assert_eq!(alerts(&rules, &ipv4(2, 1, true, &[0x16, 0, 0, 0, 224, 0, 0, 251])), [1, 3]);
    assert_eq!(alerts(&rules, &udp(true, 53, &[0x17])), Vec::<u32>::new());
}

#[test]
fn sctp() {
    let rules = [
        ("sctp", "sctp.vtag:0x01020304;"),
        ("sctp", "sctp.chunk_type:data;"),
        ("sctp", "sctp.chunk_type:init;"),
        ("sctp", "sctp.chunk_cnt:2;"),
        ("sctp", "sctp.hdr; content:\"|01 02 03 04|\"; offset:4; depth:4;"),
        ("tcp", "sctp.chunk_cnt:2;"),
    ];
    let mut packet = vec![0x9c, 0x40, 0, 80, 1, 2, 3, 4, 0, 0, 0, 0];
    packet.extend([3, 0, 0, 4]);
    packet.extend([0, 3, 0, 17, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, b'x', 0, 0, 0]);
    assert_eq!(alerts(&rules, &ipv4(132, 64, true, &packet)), [1, 2, 4, 5]);
}

#[test]
fn time_servers() {
    let rules = [
        ("ntp", "ntp.mode:client;"),
        ("ntp", "ntp.mode:!server; ntp.version:4;"),
        ("ntp", "ntp.stratum:<2;"),
        ("ntp", "ntp.reference_id; content:\"RATE\";"),
    ];
    let mut question = [0; 48];
    question[0] = 0x23;
    assert_eq!(alerts(&rules, &udp(true, 123, &question)), [1, 2, 3]);
    question[12..16].copy_from_slice(b"RATE");
    assert_eq!(alerts(&rules, &udp(true, 123, &question)), [1, 2, 3, 4]);
}

#[test]
fn tags_of_data_centres_hide_nothing() {
    let rules = [("udp", "content:\"hello\";"), ("pkthdr", "decode-event:etag.unknown_type;")];
    let plain = udp(true, 53, b"hello");
    assert_eq!(alerts(&rules, &behind(0x893f, &[0, 0, 0, 1, 0, 0, 8, 0], &plain)), [1], "802.1BR");
    assert_eq!(alerts(&rules, &behind(0x893f, &[0, 0, 0, 1, 0, 0, 0x99, 0x99], &plain)), [2]);
    assert_eq!(
        alerts(
            &rules,
            &behind(
                0x894f,
                &[0, 6, 1, 1, 0, 0, 1, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                &plain
            )
        ),
        [1],
        "NSH"
    );
    let mut path = plain[..12].to_vec();
    path.extend([0x89, 3, 0, 1]);
    path.extend(&plain);
    assert_eq!(alerts(&rules, &path), [1], "FabricPath");
}

#[test]
fn a_tunnel_is_dropped_with_what_is_in_it() {
    let rules = "drop icmp any any -> any any (sid:2;)\n\
        alert ip any any -> any any (ip_proto:4; ttl:64; sid:1;)";
    let tunnel = ipv4(4, 64, true, &ping(true, b"hello")[ETHERNET..]);
    for (tracked, alerts) in [("no", 2), ("yes", 1)] {
        let mut config = EngineConfig::default();
        config.set("simulate-ips", "yes").expect("an option");
        config.set("decoder.ipv4.ipip.track-parent-flow", tracked).expect("an option");
        let set = Ruleset::compile(rules, &config);
        let mut engine = Engine::new(config, set, Arc::new(Reputation::default()));
        let mut events: Vec<Event> = Vec::new();
        for n in 1..=2 {
            let verdict = engine.frame(Timestamp(n), LinkType::ETHERNET, None, &tunnel, &mut events);
            assert!(verdict.is_drop());
        }
        let of = |sid| {
            events
                .iter()
                .filter(|e| e.alert.as_ref().is_some_and(|a| a.sid == sid) && e.kind == EventKind::Alert)
                .count()
        };
        assert_eq!((of(2), of(1)), (1, alerts), "tracked: {tracked}");
    }
}
