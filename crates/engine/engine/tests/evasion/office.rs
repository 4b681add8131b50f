//! An engine as a gateway runs it, a client and a server on its two sides, and a record of every
//! byte that got through.
//!
//! Holds always ([`Office::check`]): no two different copies of a stream's byte are forwarded, and
//! what a receiver can read of the pattern was alerted upon.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use mimamori_base::{Timestamp, Zone};
use mimamori_engine::{
    Engine, EngineConfig, Event, EventKind, FrameAction, InlineGuards, Reputation, Ruleset, Verdict,
};

use crate::frame::{ACK, FIN, SYN, Segment};

pub const PATTERN: &[u8] = b"attack-pattern";

/// 1: in a stream to the server, 2: in a datagram, 3: in a stream to the client.
pub const RULES: &str = "\
alert tcp any any -> any any (msg:\"to server\"; flow:to_server; content:\"attack-pattern\"; sid:1;)
alert udp any any -> any any (msg:\"datagram\"; content:\"attack-pattern\"; sid:2;)
alert tcp any any -> any any (msg:\"to client\"; flow:to_client; content:\"attack-pattern\"; sid:3;)
";

pub struct Office {
    pub engine: Engine,
    pub events: Vec<Event>,
    pub clock: i64,
    pub port: u16,
    pub client_seq: u32,
    pub server_seq: u32,
    /// What was forwarded at each sequence number: to the server, to the client.
    through: [BTreeMap<u32, u8>; 2],
    /// What each side has acknowledged: it takes no other copy of that.
    acked: [Option<u32>; 2],
    contradicted: bool,
    pub stopped: usize,
}

pub fn engine(rules: &str, options: &[(&str, &str)]) -> Engine {
    let mut config = EngineConfig::default();
    config.set("simulate-ips", "true").expect("an option");
    config.set("stream.midstream", "yes").expect("an option");
    config.set("app-layer.protocols.http.libhtp.default-config.lzma-enabled", "yes").expect("an option");
    for (key, value) in options {
        config.set(key, value).expect("an option");
    }
    config.skip_past_depth = true;
    config.app.detect_datagrams = 8;
    config.decode.refuse_wrong_header_checksum = true;
    config.guards = InlineGuards::ALL;
    config.ends_per_frame = 8;
    let set = compiled(rules, options, &config);
    Engine::new(config, set, Arc::new(Reputation::default()))
}

/// Compiling takes longer than most conversations: each set is compiled once a test.
fn compiled(rules: &str, options: &[(&str, &str)], config: &EngineConfig) -> Ruleset {
    thread_local! {
        static KNOWN: RefCell<BTreeMap<String, Ruleset>> = const { RefCell::new(BTreeMap::new()) };
    }
    KNOWN.with_borrow_mut(|known| {
        let set =
            known.entry(format!("{options:?} {rules}")).or_insert_with(|| Ruleset::compile(rules, config));
        assert!(set.report().refused.is_empty(), "{:?}", set.report().refused);
        set.clone()
    })
}

impl Office {
    pub fn new(rules: &str) -> Office {
        Office::with(rules, &[])
    }

    pub fn with(rules: &str, options: &[(&str, &str)]) -> Office {
        Office {
            engine: engine(rules, options),
            events: Vec::new(),
            clock: 1_000_000_000,
            port: 80,
            client_seq: 1_001,
            server_seq: 5_001,
            through: [BTreeMap::new(), BTreeMap::new()],
            acked: [None, None],
            contradicted: false,
            stopped: 0,
        }
    }

    /// With the rules of this module and the session established.
    pub fn open() -> Office {
        let mut office = Office::new(RULES);
        office.shake();
        office
    }

    pub fn at_port(rules: &str, port: u16) -> Office {
        let mut office = Office::new(rules);
        office.port = port;
        office.shake();
        office
    }

    pub fn wait(&mut self, seconds: i64) {
        self.clock += seconds * 1_000_000;
    }

    /// A frame from the client's side or the server's.
    pub fn frame(&mut self, from_client: bool, frame: &[u8]) -> Verdict {
        self.clock += 1_000;
        let (from, to) = if from_client { (Zone::Lan, Zone::Wan) } else { (Zone::Wan, Zone::Lan) };
        let verdict = self.engine.process(Timestamp(self.clock), from, Some(to), frame, &mut self.events);
        match &verdict.action {
            FrameAction::Forward => self.passed(from_client, frame),
            FrameAction::Replace(other) => self.passed(from_client, other),
            FrameAction::Drop | FrameAction::Hold { .. } => self.stopped += 1,
        }
        verdict
    }

    pub fn segment(&mut self, mut segment: Segment) -> Verdict {
        segment.port = self.port;
        self.frame(segment.from_client, &segment.frame())
    }

    /// A segment with the right acknowledgement, anywhere in the client's stream.
    pub fn put(&mut self, seq: u32, data: &[u8]) -> Verdict {
        self.segment(Segment::new(true, ACK, seq, self.server_seq, data))
    }

    pub fn shake(&mut self) {
        let (c, s) = (self.client_seq.wrapping_sub(1), self.server_seq.wrapping_sub(1));
        self.segment(Segment::new(true, SYN, c, 0, b""));
        self.segment(Segment::new(false, SYN | ACK, s, c.wrapping_add(1), b""));
        self.segment(Segment::new(true, ACK, c.wrapping_add(1), s.wrapping_add(1), b""));
    }

    /// One side's bytes in order, in segments of `size`, and the other side's acknowledgement.
    pub fn say_in(&mut self, from_client: bool, bytes: &[u8], size: usize) {
        let mut unanswered = 0;
        for piece in bytes.chunks(size) {
            let (seq, ack) = self.numbers(from_client);
            self.segment(Segment::new(from_client, ACK, seq, ack, piece));
            let next = seq.wrapping_add(u32::try_from(piece.len()).expect("short"));
            if from_client {
                self.client_seq = next
            } else {
                self.server_seq = next
            }
            // No receiver lets more come than its window holds before it acknowledges.
            unanswered += piece.len();
            if unanswered >= 0x1000 {
                unanswered = 0;
                self.acknowledge(!from_client);
            }
        }
        self.acknowledge(!from_client);
    }

    fn acknowledge(&mut self, from_client: bool) {
        let (seq, ack) = self.numbers(from_client);
        self.segment(Segment::new(from_client, ACK, seq, ack, b""));
    }

    pub fn say(&mut self, from_client: bool, bytes: &[u8]) {
        self.say_in(from_client, bytes, 1_400);
    }

    fn numbers(&self, from_client: bool) -> (u32, u32) {
        if from_client { (self.client_seq, self.server_seq) } else { (self.server_seq, self.client_seq) }
    }

    /// Both sides close.
    pub fn close(&mut self) {
        for from_client in [true, false] {
            let (seq, ack) = self.numbers(from_client);
            self.segment(Segment::new(from_client, FIN | ACK, seq, ack, b""));
            if from_client { self.client_seq += 1 } else { self.server_seq += 1 }
        }
        let (seq, ack) = self.numbers(true);
        self.segment(Segment::new(true, ACK, seq, ack, b""));
    }

    fn passed(&mut self, from_client: bool, frame: &[u8]) {
        if frame.get(12..14) != Some(&[8, 0]) || frame.get(23) != Some(&6) {
            return;
        }
        let ip = 14 + usize::from(frame[14] & 15) * 4;
        let end = (14 + usize::from(u16::from_be_bytes([frame[16], frame[17]]))).min(frame.len());
        let Some(tcp) = frame.get(ip..end).filter(|t| t.len() >= 20) else { return };
        let flags = tcp[13];
        let data = tcp.get(usize::from(tcp[12] >> 4) * 4..).unwrap_or_default();
        let mut seq = u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]);
        if flags & SYN != 0 {
            seq = seq.wrapping_add(1);
        }
        let (own, other) = (usize::from(!from_client), usize::from(from_client));
        if flags & ACK != 0 {
            let ack = u32::from_be_bytes([tcp[8], tcp[9], tcp[10], tcp[11]]);
            let known = self.acked[other].filter(|known| !is_before(*known, ack));
            self.acked[other] = Some(known.unwrap_or(ack));
        }
        for byte in data {
            if self.acked[own].is_none_or(|acked| !is_before(seq, acked)) {
                let before = self.through[own].insert(seq, *byte);
                self.contradicted |= before.is_some_and(|b| b != *byte);
            }
            seq = seq.wrapping_add(1);
        }
    }

    /// Whether the side can put the pattern together from what it was sent.
    pub fn readable(&self, by_server: bool) -> bool {
        let got = &self.through[usize::from(!by_server)];
        got.keys()
            .any(|seq| PATTERN.iter().zip(0u32..).all(|(b, n)| got.get(&seq.wrapping_add(n)) == Some(b)))
    }

    pub fn finish(&mut self) {
        self.engine.finish(Timestamp(self.clock + 1), &mut self.events);
    }

    /// Signatures that alerted, each once, in order of number.
    pub fn alerts(&self) -> Vec<u32> {
        let alerts = self.events.iter().filter(|e| e.kind == EventKind::Alert);
        let mut sids: Vec<u32> = alerts.filter_map(|e| e.alert.as_ref().map(|a| a.sid)).collect();
        sids.sort_unstable();
        sids.dedup();
        sids
    }

    pub fn alert_count(&self, sid: u32) -> usize {
        let alerts = self.events.iter().filter(|e| e.kind == EventKind::Alert);
        alerts.filter(|e| e.alert.as_ref().is_some_and(|a| a.sid == sid)).count()
    }

    /// Names of the anomalies told of.
    pub fn anomalies(&self) -> Vec<String> {
        let all = self.events.iter().filter(|e| e.kind == EventKind::Anomaly);
        all.filter_map(|e| Some(e.more.get("anomaly")?["event"].as_str()?.to_owned())).collect()
    }

    /// What must hold whatever was sent.
    pub fn check(&self) {
        assert!(!self.contradicted, "two different copies of a byte were forwarded");
        let alerts = self.alerts();
        assert!(!self.readable(true) || alerts.contains(&1), "the server reads it: {alerts:?}");
        assert!(!self.readable(false) || alerts.contains(&3), "the client reads it: {alerts:?}");
    }
}

/// Whether sequence number `a` comes before `b`.
fn is_before(a: u32, b: u32) -> bool {
    a.wrapping_sub(b) > 1 << 31
}

/// What a conversation raises, the same in segments of every size; each turn is the client's or not.
pub fn talk(rules: &str, port: u16, turns: &[(bool, &[u8])]) -> Vec<u32> {
    let mut first: Option<Vec<u32>> = None;
    for size in [1_400, 1, 7, 100] {
        let mut office = Office::at_port(rules, port);
        for (from_client, bytes) in turns {
            office.say_in(*from_client, bytes, size);
        }
        office.close();
        office.finish();
        assert!(!office.contradicted);
        let sids = office.alerts();
        match &first {
            Some(first) => assert_eq!(first, &sids, "segments of {size}"),
            None => first = Some(sids),
        }
    }
    first.unwrap_or_default()
}
