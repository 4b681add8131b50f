//! What an engine in the way of the traffic does so that nobody slips past it by packets that the
//! other end never sees or never takes, and that nobody waits for a flow that was stopped.

mod frames;

use std::sync::Arc;

use frames::{ACK, CLIENT, FIN, RST, SERVER, SYN, fragment, ipv4, ping, tcp, tcp_at, udp, udp_bytes};
use mimamori_base::{Timestamp, Zone};
use mimamori_engine::{
    Engine, EngineConfig, Event, EventKind, FrameAction, InlineGuards, Reputation, Ruleset, Verdict,
};

const RULES: &str = "\
drop tcp any any -> any any (msg:\"file\"; flow:established; content:\"EVIL-PART\"; sid:1;)
alert udp any any -> any any (msg:\"datagram\"; content:\"attack-pattern\"; sid:2;)
alert tcp any any -> any any (msg:\"stream\"; flow:established,to_server; content:\"attack-pattern\"; sid:3;)
";

struct Gateway {
    engine: Engine,
    events: Vec<Event>,
    clock: i64,
}

impl Gateway {
    fn new() -> Gateway {
        let mut config = EngineConfig::default();
        config.set("simulate-ips", "true").expect("an option");
        config.decode.refuse_wrong_header_checksum = true;
        config.guards = InlineGuards::ALL;
        let rules = Ruleset::compile(RULES, &config);
        assert_eq!(rules.report().loaded, 3);
        let engine = Engine::new(config, rules, Arc::new(Reputation::default()));
        Gateway { engine, events: Vec::new(), clock: 0 }
    }

    fn send(&mut self, frame: &[u8]) -> Verdict {
        self.clock += 1000;
        self.engine.process(Timestamp(self.clock), Zone::Lan, Some(Zone::Wan), frame, &mut self.events)
    }

    fn passes(&mut self, frame: &[u8]) -> bool {
        self.send(frame).action == FrameAction::Forward
    }

    fn handshake(&mut self) {
        self.send(&tcp(true, SYN, 1000, 0, b""));
        self.send(&tcp(false, SYN | ACK, 5000, 1001, b""));
        self.send(&tcp(true, ACK, 1001, 5001, b""));
    }

    fn alerts(&self) -> Vec<u32> {
        let alerts = self.events.iter().filter(|e| e.kind == EventKind::Alert);
        alerts.filter_map(|e| e.alert.as_ref().map(|a| a.sid)).collect()
    }

    fn reasons(&self) -> Vec<String> {
        let drops = self.events.iter().filter(|e| e.kind == EventKind::Drop);
        drops.map(|e| e.more["drop"]["reason"].as_str().unwrap_or("").to_owned()).collect()
    }
}

/// The frame with one bit of byte `at` turned.
fn damaged(mut frame: Vec<u8>, at: usize) -> Vec<u8> {
    frame[at] ^= 0x40;
    frame
}

#[test]
fn packets_with_a_wrong_checksum_do_not_pass_and_do_not_count() {
    for frame in [udp(true, 9999, b"hello"), ping(true, b"hello"), tcp(true, SYN, 1, 0, b"")] {
        assert!(Gateway::new().passes(&frame), "right checksums pass");
        // The IPv4 header's, then the transport's own field, then a byte of content.
        for at in [24, frame.len() - 1] {
            let mut g = Gateway::new();
            assert!(!g.passes(&damaged(frame.clone(), at)), "byte {at}");
            assert_eq!(g.reasons(), ["checksum"], "byte {at}");
        }
    }
}

#[test]
fn a_datagram_without_a_checksum_passes_in_ipv4() {
    let mut bytes = udp_bytes(true, 53, b"xx");
    bytes[6..8].fill(0);
    assert!(Gateway::new().passes(&ipv4(17, 64, true, &bytes)));
}

#[test]
fn a_damaged_fragment_does_not_take_the_place_of_the_right_one() {
    let mut g = Gateway::new();
    let datagram = udp_bytes(true, 9999, b"0123456789abcdef-attack-pattern-");
    let (first, second) = datagram.split_at(16);
    assert!(!g.passes(&damaged(fragment(17, 64, true, 7, 0x2000, b"XXXXXXXXXXXXXXXX"), 24)));
    assert!(g.passes(&fragment(17, 64, true, 7, 0x2000, first)));
    assert!(g.passes(&fragment(17, 64, true, 7, 2, second)));
    assert_eq!(g.alerts(), [2]);
}

#[test]
fn joined_fragments_with_a_wrong_checksum_stop_at_the_last() {
    let mut g = Gateway::new();
    let mut datagram = udp_bytes(true, 9999, b"0123456789abcdef");
    datagram[23] ^= 1;
    assert!(g.passes(&fragment(17, 64, true, 7, 0x2000, &datagram[..16])));
    assert!(!g.passes(&fragment(17, 64, true, 7, 2, &datagram[16..])));
}

/// The first copy expires on its way (its time to live is 1); what the server gets is still what was
/// looked at first, whichever copy reaches it.
#[test]
fn a_copy_that_expires_on_the_way_changes_nothing() {
    let mut g = Gateway::new();
    g.handshake();
    let short_lived = tcp_at(40_000, 1, true, ACK, 1001, 5001, b"harmless-bytes");
    assert!(g.passes(&short_lived));
    let FrameAction::Replace(frame) = g.send(&tcp(true, ACK, 1001, 5001, b"attack-pattern")).action else {
        panic!("the packet is rewritten");
    };
    assert!(frame.ends_with(b"harmless-bytes"));

    // A reset and an end that expire on their way do not end the inspection of what comes later.
    for flags in [RST | ACK, FIN | ACK] {
        let mut g = Gateway::new();
        g.handshake();
        g.send(&tcp_at(40_000, 1, true, flags, 1001, 5001, b""));
        let later = g.send(&tcp(true, ACK, 1001, 5001, b"attack-pattern")).action;
        assert!(later == FrameAction::Drop || g.alerts() == [3], "{flags}: {later:?} {:?}", g.alerts());
    }
}

#[test]
fn both_ends_of_a_dropped_flow_are_told() {
    let mut g = Gateway::new();
    g.handshake();
    g.send(&tcp(true, ACK, 1001, 5001, b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n"));
    g.send(&tcp(false, ACK, 5001, 1032, b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"));
    let verdict = g.send(&tcp(false, ACK, 5042, 1032, b"..EVIL-PART.."));
    assert_eq!(verdict.action, FrameAction::Drop);
    let resets: Vec<_> = verdict.inject.iter().map(|i| (i.towards_sender, numbers(&i.frame))).collect();
    // To the server with the number it expects, and to the client likewise.
    assert_eq!(resets, [(true, (CLIENT, RST | ACK, 1032)), (false, (SERVER, RST | ACK, 5042))]);

    // A client that had missed something refuses that reset and asks (RFC 5961): it is told again.
    let asked = g.send(&tcp(true, ACK, 1032, 5020, b""));
    assert_eq!(asked.action, FrameAction::Drop);
    let resets: Vec<_> = asked.inject.iter().map(|i| (i.towards_sender, numbers(&i.frame))).collect();
    assert_eq!(resets, [(true, (SERVER, RST | ACK, 5020))]);
    assert!(g.send(&tcp(true, RST, 1032, 0, b"")).inject.is_empty(), "never an answer to a reset");
}

/// Source address, flags and sequence number of an IPv4 TCP frame whose checksums are right.
fn numbers(frame: &[u8]) -> ([u8; 4], u8, u32) {
    let mut g = Gateway::new();
    g.send(frame);
    assert!(!g.reasons().iter().any(|r| r == "checksum"));
    let src = frame[26..30].try_into().expect("four");
    (src, frame[47], u32::from_be_bytes(frame[38..42].try_into().expect("four")))
}

#[test]
fn tunnels_that_cannot_be_opened_are_told_once() {
    let mut g = Gateway::new();
    let wireguard = [&[1, 0, 0, 0][..], &[7; 144]].concat();
    for _ in 0..3 {
        assert!(g.passes(&udp(true, 51_820, &wireguard)));
        assert!(g.passes(&ipv4(50, 64, true, &[9; 40])));
    }
    let told: Vec<&str> = g
        .events
        .iter()
        .filter(|e| e.kind == EventKind::Anomaly)
        .filter_map(|e| e.more["anomaly"]["tunnel"].as_str())
        .collect();
    assert_eq!(told, ["wireguard", "ipsec"]);
    let stats = g.engine.stats();
    assert_eq!((stats.tunnels, stats.tunnel_packets), (2, 6));
    assert_eq!(stats.uninspected_bytes, 3 * (148 + 40));
}

#[test]
fn many_tunnels_are_remembered_within_bounds() {
    let mut g = Gateway::new();
    for n in 0..500u16 {
        let mut frame = ipv4(50, 64, true, &[9; 40]);
        // Another destination, and the header's checksum moved along.
        let [a, b] = n.to_be_bytes();
        frame[30..34].copy_from_slice(&[10, 1, a, b]);
        frame[24..26].fill(0);
        let sum = frame[14..34].chunks(2).fold(0u32, |s, p| s + (u32::from(p[0]) << 8 | u32::from(p[1])));
        let sum = !(((sum & 0xffff) + (sum >> 16)) as u16);
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
        assert!(g.passes(&frame), "{n}");
    }
    assert_eq!(g.engine.stats().tunnels, 500);
}
