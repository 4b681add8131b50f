//! Inline, what one host may read differently from another is not forwarded; and however a stream
//! is cut, the rules see the same.

use std::sync::Arc;

use mimamori_base::{Rng, SeededRng, Timestamp, Zone};
use mimamori_engine::{Engine, EngineConfig, Event, EventKind, FrameAction, Reputation, Ruleset, Verdict};

const SYN: u8 = 2;
const ACK: u8 = 16;

const RULES: &str = "\
alert tcp any any -> any any (msg:\"stream\"; flow:established,to_server; content:\"attack-pattern\"; sid:1;)
alert http any any -> any any (msg:\"uri\"; http.uri; content:\"/attack-pattern\"; sid:2;)
alert ip any any -> any any (msg:\"overlap\"; decode-event:ipv4.frag_overlap; sid:3;)
alert tcp any any -> any any (msg:\"conflict\"; stream-event:reassembly_overlap_different_data; sid:4;)
";

fn ethernet(ip: &[u8]) -> Vec<u8> {
    let mut f = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    f.extend(ip);
    f
}

fn ipv4(id: u8, fragment: u16, protocol: u8, from_client: bool, payload: &[u8]) -> Vec<u8> {
    let (client, server) = ([192, 168, 1, 5], [198, 51, 100, 9]);
    let (src, dst) = if from_client { (client, server) } else { (server, client) };
    let total = u16::try_from(20 + payload.len()).expect("short");
    let mut p = vec![0x45, 0];
    p.extend(total.to_be_bytes());
    p.extend([0, id]);
    p.extend(fragment.to_be_bytes());
    p.extend([64, protocol, 0, 0]);
    p.extend(src);
    p.extend(dst);
    p.extend(payload);
    ethernet(&p)
}

fn tcp(from_client: bool, flags: u8, seq: u32, ack: u32, payload: &[u8]) -> Vec<u8> {
    let (sport, dport) = if from_client { (40_000u16, 80u16) } else { (80, 40_000) };
    let mut t = Vec::new();
    t.extend(sport.to_be_bytes());
    t.extend(dport.to_be_bytes());
    t.extend(seq.to_be_bytes());
    t.extend(ack.to_be_bytes());
    t.extend([0x50, flags, 0x20, 0, 0, 0, 0, 0]);
    t.extend(payload);
    ipv4(1, 0, 6, from_client, &t)
}

struct Gateway {
    engine: Engine,
    events: Vec<Event>,
    clock: i64,
}

impl Gateway {
    fn new(inline: bool) -> Gateway {
        let mut config = EngineConfig::default();
        config.set("checksum", "none").expect("an option");
        if inline {
            config.set("simulate-ips", "true").expect("an option");
        }
        let rules = Ruleset::compile(RULES, &config);
        assert_eq!(rules.report().loaded, 4);
        let engine = Engine::new(config, rules, Arc::new(Reputation::default()));
        Gateway { engine, events: Vec::new(), clock: 0 }
    }

    fn send(&mut self, frame: &[u8]) -> Verdict {
        self.clock += 1000;
        self.engine.process(Timestamp(self.clock), Zone::Lan, Some(Zone::Wan), frame, &mut self.events)
    }

    fn handshake(&mut self) {
        self.send(&tcp(true, SYN, 1000, 0, b""));
        self.send(&tcp(false, SYN | ACK, 5000, 1001, b""));
        self.send(&tcp(true, ACK, 1001, 5001, b""));
    }

    /// Signatures that alerted, each once.
    fn alerts(&mut self) -> Vec<u32> {
        self.engine.finish(Timestamp(self.clock), &mut self.events);
        let alerts = self.events.iter().filter(|e| e.kind == EventKind::Alert);
        let mut sids: Vec<u32> = alerts.filter_map(|e| e.alert.as_ref().map(|a| a.sid)).collect();
        sids.sort_unstable();
        sids.dedup();
        sids
    }
}

#[test]
fn a_contradicting_segment_leaves_with_the_bytes_seen_first() {
    let mut g = Gateway::new(true);
    g.handshake();
    assert_eq!(g.send(&tcp(true, ACK, 1001, 5001, b"GET /harmless")).action, FrameAction::Forward);
    let FrameAction::Replace(frame) = g.send(&tcp(true, ACK, 1001, 5001, b"GET /attack-p")).action else {
        panic!("the packet is rewritten");
    };
    assert!(frame.ends_with(b"GET /harmless"));
    assert_eq!(g.alerts(), [4]);
}

#[test]
fn a_contradicting_fragment_is_dropped() {
    let mut g = Gateway::new(true);
    let mut datagram = vec![0x10, 0, 0x20, 0, 0, 32, 0, 0];
    datagram.extend(b"0123456789abcdef01234567");
    assert_eq!(g.send(&ipv4(7, 0x2000, 17, true, &datagram[..24])).action, FrameAction::Forward);
    assert_eq!(g.send(&ipv4(7, 0x2001, 17, true, b"XXXXXXXX")).action, FrameAction::Drop);
    assert_eq!(g.send(&ipv4(7, 3, 17, true, &datagram[24..])).action, FrameAction::Forward);
    assert_eq!(g.alerts(), [3]);
}

#[test]
fn any_cut_of_a_stream_raises_the_same_alerts() {
    let request = b"GET /attack-pattern HTTP/1.1\r\nHost: example.com\r\nUser-Agent: x\r\n\r\n";
    let rng = SeededRng::new(11);
    let random = |below: usize| usize::try_from(rng.next_u64() % below as u64).unwrap_or(0);
    for round in 0..60 {
        let inline = round % 2 == 0;
        let mut g = Gateway::new(inline);
        g.handshake();
        let mut cuts = vec![0, request.len()];
        cuts.extend((0..random(12)).map(|_| random(request.len())));
        cuts.sort_unstable();
        cuts.dedup();
        let mut pieces: Vec<(usize, usize)> = cuts.windows(2).map(|w| (w[0], w[1])).collect();
        // Shuffled, and some of them twice, reaching further back.
        for i in (1..pieces.len()).rev() {
            pieces.swap(i, random(i + 1));
        }
        for (from, to) in pieces {
            let back = if random(3) == 0 { random(from + 1) } else { from };
            let seq = 1001 + u32::try_from(back).expect("short");
            let verdict = g.send(&tcp(true, ACK, seq, 5001, &request[back..to]));
            assert_eq!(verdict.action, FrameAction::Forward);
        }
        let end = 1001 + u32::try_from(request.len()).expect("short");
        g.send(&tcp(false, ACK, 5001, end, b""));
        assert_eq!(g.alerts(), [1, 2], "round {round}, inline {inline}");
    }
}
