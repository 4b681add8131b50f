//! Section I: floods against one engine; its tables stay at their caps and honest flows are served.

use mimamori_base::{Timestamp, Zone};
use mimamori_engine::{Engine, EngineConfig, Event, EventKind, FrameAction, InlineGuards, Ruleset};

use crate::frame::{ACK, FIN, Ip4, SYN, Segment, datagram, ethernet, ip4, udp};
use crate::office::{PATTERN, RULES};

const FLOWS: usize = 2_000;

struct Small {
    engine: Engine,
    events: Vec<Event>,
    now: i64,
    dropped: usize,
}

impl Small {
    /// A gateway with small tables.
    fn new() -> Small {
        let mut config = EngineConfig::default();
        for (key, value) in [("simulate-ips", "yes"), ("stream.midstream", "yes"), ("stream.memcap", "1mb")] {
            config.set(key, value).expect("an option");
        }
        config.guards = InlineGuards::ALL;
        config.ends_per_frame = 8;
        config.flow.max_flows = FLOWS;
        config.decode.defrag.max_trackers = 64;
        let rules = Ruleset::compile(RULES, &config);
        let engine = Engine::new(config, rules, std::sync::Arc::default());
        Small { engine, events: Vec::new(), now: 1_000_000_000, dropped: 0 }
    }

    fn send(&mut self, from_client: bool, frame: &[u8]) -> FrameAction {
        self.now += 20;
        let (from, to) = if from_client { (Zone::Lan, Zone::Wan) } else { (Zone::Wan, Zone::Lan) };
        let action = self.engine.process(Timestamp(self.now), from, Some(to), frame, &mut self.events).action;
        self.dropped += usize::from(action == FrameAction::Drop);
        self.events.retain(|e| e.kind == EventKind::Alert);
        action
    }

    fn segment(
        &mut self,
        port: u16,
        from_client: bool,
        flags: u8,
        seq: u32,
        ack: u32,
        data: &[u8],
    ) -> FrameAction {
        let mut s = Segment::new(from_client, flags, seq, ack, data);
        s.client_port = port;
        self.send(from_client, &s.frame())
    }

    fn alerts(&self) -> usize {
        self.events.len()
    }
}

/// While it is flooded, an honest session says something now and then; its pattern comes at the end.
fn honest_through(flood: impl Fn(&mut Small, u32)) -> Small {
    let mut g = Small::new();
    g.segment(40_000, true, SYN, 1_000, 0, b"");
    g.segment(40_000, false, SYN | ACK, 5_000, 1_001, b"");
    g.segment(40_000, true, ACK, 1_001, 5_001, b"");
    let mut seq = 1_001;
    for round in 0..40u32 {
        for n in 0..500u32 {
            flood(&mut g, round * 500 + n);
        }
        assert_eq!(
            g.segment(40_000, true, ACK, seq, 5_001, b"hello "),
            FrameAction::Forward,
            "round {round}"
        );
        seq += 6;
        assert_eq!(g.segment(40_000, false, ACK, 5_001, seq, b""), FrameAction::Forward);
        assert!(g.engine.stats().flow.active <= FLOWS as u64);
    }
    let before = g.alerts();
    g.segment(40_000, true, ACK, seq, 5_001, PATTERN);
    assert_eq!(g.alerts(), before + 1, "the honest session is still looked at");
    g
}

fn source(frame: &mut [u8], n: u32) {
    let [_, a, b, c] = n.to_be_bytes();
    frame[26..30].copy_from_slice(&[10, a, b, c]);
    frame[24..26].fill(0);
    let sum = frame[14..34].chunks(2).fold(0u32, |s, p| s + (u32::from(p[0]) << 8 | u32::from(p[1])));
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = !(((sum & 0xffff) + (sum >> 16)) as u16);
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
}

#[test]
fn a_flood_of_syns() {
    let g = honest_through(|g, n| {
        let port = u16::try_from(n % 60_000).expect("short");
        g.segment(port.max(1), true, SYN, n, 0, b"");
    });
    assert!(g.engine.stats().flow.evicted > 10_000);
}

#[test]
fn a_spray_of_datagrams_and_a_scan_of_ports() {
    honest_through(|g, n| {
        let port = u16::try_from(n % 65_000).expect("short");
        g.send(true, &Ip4::default().frame(17, true, &datagram(true, 50_000, port, b"x")));
        let mut s = Segment::new(true, SYN, n, 0, b"");
        s.port = port;
        g.send(true, &s.frame());
    });
}

#[test]
fn a_flood_of_fragments() {
    let g = honest_through(|g, n| {
        let id = u16::try_from(n % 65_000).expect("short");
        let ip = Ip4 { id, place: 0x2000 | 5, ..Ip4::default() };
        g.send(true, &ip.frame(17, true, &[0; 64]));
    });
    let stats = g.engine.stats().defrag;
    assert!(stats.evicted > 10_000, "{}", stats.evicted);
}

#[test]
fn a_churn_of_whole_sessions() {
    honest_through(|g, n| {
        let port = 1 + u16::try_from(n % 30_000).expect("short");
        g.segment(port, true, SYN, 10, 0, b"");
        g.segment(port, false, SYN | ACK, 90, 11, b"");
        g.segment(port, true, ACK, 11, 91, b"GET / HTTP/1.0\r\n\r\n");
        g.segment(port, false, FIN | ACK, 91, 29, b"");
        g.segment(port, true, FIN | ACK, 29, 92, b"");
    });
}

#[test]
fn streams_that_wait_for_their_beginnings() {
    let g = honest_through(|g, n| {
        let port = 1 + u16::try_from(n % 1_000).expect("short");
        if n < 1_000 {
            g.segment(port, true, SYN, 10, 0, b"");
            g.segment(port, false, SYN | ACK, 90, 11, b"");
            g.segment(port, true, ACK, 11, 91, b"");
        }
        g.segment(port, true, ACK, 12 + n / 1_000 * 300, 91, &[b'x'; 200]);
        g.now += 5_000;
    });
    assert!(g.engine.stats().flow.stream_memory_bytes <= 1 << 20);
}

#[test]
fn half_open_sessions_by_the_hundred_thousand() {
    let mut g = Small::new();
    for n in 0..100_000u32 {
        let mut frame = Segment::new(true, SYN, n, 0, b"").frame();
        source(&mut frame, n);
        // The sum of the segment has the addresses in it.
        let mut engine_sum = 0u32;
        frame[50..52].fill(0);
        for pair in frame[26..34].chunks(2).chain(frame[34..].chunks(2)) {
            engine_sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
        }
        engine_sum += 6 + 20;
        while engine_sum > 0xffff {
            engine_sum = (engine_sum & 0xffff) + (engine_sum >> 16);
        }
        frame[50..52].copy_from_slice(&(!(engine_sum as u16)).to_be_bytes());
        assert_eq!(g.send(true, &frame), FrameAction::Forward, "{n}");
    }
    let stats = g.engine.stats().flow;
    assert!(stats.active <= FLOWS as u64 && stats.created_tcp == 100_000, "{stats:?}");
}

#[test]
fn a_session_of_ten_hours_is_looked_at_to_its_end() {
    let mut g = Small::new();
    g.segment(40_000, true, SYN, 1_000, 0, b"");
    g.segment(40_000, false, SYN | ACK, 5_000, 1_001, b"");
    g.segment(40_000, true, ACK, 1_001, 5_001, b"");
    let mut seq = 1_001;
    for _ in 0..36_000 / 300 {
        g.now += 300 * 1_000_000;
        g.segment(40_000, true, ACK, seq, 5_001, b"tick");
        seq += 4;
        g.segment(40_000, false, ACK, 5_001, seq, b"");
    }
    assert_eq!(g.engine.stats().flow.created, 1, "one flow all the time");
    g.segment(40_000, true, ACK, seq, 5_001, PATTERN);
    assert_eq!(g.alerts(), 1);
}

#[test]
fn after_a_restart_sessions_go_on() {
    // Another engine takes over in the middle: nothing honest is dropped, and it is looked at.
    let mut g = Small::new();
    for n in 0..200u32 {
        let port = 30_000 + u16::try_from(n).expect("short");
        assert_eq!(g.segment(port, n % 2 == 0, ACK, 7_000_000, 9_000_000, b"middle"), FrameAction::Forward);
        assert_eq!(g.segment(port, n % 2 != 0, ACK, 9_000_000, 7_000_006, b"answer"), FrameAction::Forward);
        assert_eq!(g.segment(port, n % 2 == 0, ACK, 7_000_006, 9_000_006, PATTERN), FrameAction::Forward);
    }
    assert_eq!((g.dropped, g.alerts()), (0, 200));
}

#[test]
fn new_rules_in_the_middle_lose_no_flow_and_no_frame() {
    let mut g = Small::new();
    g.segment(40_000, true, SYN, 1_000, 0, b"");
    g.segment(40_000, false, SYN | ACK, 5_000, 1_001, b"");
    g.segment(40_000, true, ACK, 1_001, 5_001, b"attack-");
    for _ in 0..5 {
        let mut config = EngineConfig::default();
        config.set("simulate-ips", "yes").expect("an option");
        g.engine.replace_rules(Ruleset::compile(RULES, &config));
    }
    assert_eq!(g.segment(40_000, true, ACK, 1_008, 5_001, b"pattern"), FrameAction::Forward);
    assert_eq!((g.alerts(), g.dropped, g.engine.stats().flow.created), (1, 0, 1));
}

#[test]
fn frames_of_the_least_length_pass() {
    let mut g = Small::new();
    for n in 0..5_000u16 {
        let mut frame = ethernet(0x800, &ip4(17, &udp(1 + n, b"")));
        frame.resize(60, 0);
        assert_eq!(g.send(true, &frame), FrameAction::Forward);
    }
    assert_eq!(g.engine.stats().frames, 5_000);
}
