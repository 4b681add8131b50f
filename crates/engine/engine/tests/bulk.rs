//! A gateway gets out of the way of bulk traffic: what lies within a stream's depth is looked at
//! whatever the order it comes in; what lies beyond passes and is counted as not looked at.

use std::sync::Arc;

use mimamori_base::{Timestamp, Zone};
use mimamori_engine::{Engine, EngineConfig, Event, EventKind, FrameAction, Reputation, Ruleset};

const RULE: &str =
    "alert tcp any any -> any any (msg:\"x\"; flow:established; content:\"attack-pattern\"; sid:1;)";
/// Looks at single packets, not at the stream.
const PACKET_RULE: &str =
    "alert tcp any any -> any any (msg:\"x\"; dsize:1000; content:\"attack-pattern\"; sid:1;)";
const SEGMENT: usize = 1_000;

struct Sender {
    engine: Engine,
    events: Vec<Event>,
    clock: i64,
}

impl Sender {
    /// An established session whose depth is 4 kB.
    fn new(skip: bool, rule: &str) -> Self {
        let mut config = EngineConfig { skip_past_depth: skip, ..EngineConfig::default() };
        for (key, value) in
            [("checksum", "none"), ("simulate-ips", "yes"), ("stream.reassembly.depth", "4kb")]
        {
            config.set(key, value).expect("an option");
        }
        let rules = Ruleset::compile(rule, &config);
        let engine = Engine::new(config, rules, Arc::new(Reputation::default()));
        let mut s = Sender { engine, events: Vec::new(), clock: 0 };
        s.tcp(true, 2, 999, 0, b"");
        s.tcp(false, 18, 4_999, 1_000, b"");
        s.tcp(true, 16, 1_000, 5_000, b"");
        s
    }

    fn tcp(&mut self, from_client: bool, flags: u8, seq: u32, ack: u32, payload: &[u8]) -> FrameAction {
        let (client, server) = ([192, 168, 1, 5], [198, 51, 100, 9]);
        let (src, dst) = if from_client { (client, server) } else { (server, client) };
        let (sport, dport) = if from_client { (40_000u16, 7_000u16) } else { (7_000, 40_000) };
        let mut f = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
        f.extend(u16::try_from(40 + payload.len()).expect("short").to_be_bytes());
        f.extend([0, 1, 0, 0, 64, 6, 0, 0]);
        f.extend(src);
        f.extend(dst);
        f.extend(sport.to_be_bytes());
        f.extend(dport.to_be_bytes());
        f.extend(seq.to_be_bytes());
        f.extend(ack.to_be_bytes());
        f.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        f.extend(payload);
        self.clock += 1_000;
        let zones = if from_client { (Zone::Lan, Zone::Wan) } else { (Zone::Wan, Zone::Lan) };
        self.engine.process(Timestamp(self.clock), zones.0, Some(zones.1), &f, &mut self.events).action
    }

    /// The `n`th kilobyte of the client's stream; one of them carries the pattern.
    fn segment(&mut self, n: u32, pattern: bool) {
        let mut payload = vec![b'.'; SEGMENT];
        if pattern {
            payload[500..514].copy_from_slice(b"attack-pattern");
        }
        let seq = 1_000 + n * u32::try_from(SEGMENT).expect("short");
        assert_eq!(self.tcp(true, 16, seq, 5_000, &payload), FrameAction::Forward);
    }

    fn alerts(&self) -> usize {
        self.events.iter().filter(|e| e.kind == EventKind::Alert).count()
    }
}

#[test]
fn beyond_the_depth_bytes_pass_and_are_counted() {
    for (skip, alerts) in [(true, 0), (false, 1)] {
        let mut s = Sender::new(skip, PACKET_RULE);
        for n in 0..20 {
            s.segment(n, n == 10);
        }
        assert_eq!(s.alerts(), alerts, "skip {skip}");
        let unseen = s.engine.stats().uninspected_bytes;
        let expected = if skip { 14_000..=16_000 } else { 0..=0 };
        assert!(expected.contains(&unseen), "skip {skip}: {unseen}");
    }
}

#[test]
fn within_the_depth_nothing_is_missed_even_when_it_comes_last() {
    for late in 0..4 {
        let mut s = Sender::new(true, RULE);
        for n in (0..8).filter(|n| *n != late) {
            s.segment(n, false);
        }
        s.segment(late, true);
        assert!(s.alerts() >= 1, "segment {late} came last");
    }
}
