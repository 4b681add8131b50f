//! Capture and rules together: rules of a small grammar over a session of a small grammar.
//!
//! Inline, no two copies of a byte that say different things are forwarded, whatever is sent; and the
//! same conversation raises the same alerts however its bytes are cut and repeated.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use mimamori_base::{Timestamp, Zone};
use mimamori_engine::{Engine, EngineConfig, Event, FrameAction, InlineGuards, Reputation, Ruleset};

const SYN: u8 = 2;
const ACK: u8 = 16;

const WORDS: [&str; 16] = [
    "GET ", "POST ", "/evil", " HTTP/1.1\r\n", "Host: a\r\n", "\r\n", "Content-Length: 5\r\n", "attack",
    "Transfer-Encoding: chunked\r\n", "5\r\n", "0\r\n\r\n", "HTTP/1.1 200 OK\r\n", "aaaa", "pattern", "%2e%2e/", "x",
];

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(4, |b| *b == 0xff);
    let (rules, client, server) = (rules(next(&mut parts)), words(next(&mut parts)), words(next(&mut parts)));
    let how = next(&mut parts);
    wild(&rules, how);
    let rules = judging_nothing(&rules);
    let whole = alerts(&rules, &client, &server, &[]);
    let cut = alerts(&rules, &client, &server, how);
    assert_eq!(cut, whole, "{rules}");
});

fn next<'a>(parts: &mut impl Iterator<Item = &'a [u8]>) -> &'a [u8] {
    parts.next().unwrap_or_default()
}

/// Rules that look at streams and transactions, for what a single packet holds depends on the cut.
fn rules(data: &[u8]) -> String {
    let mut text = String::new();
    for (n, pair) in data.chunks_exact(2).take(12).enumerate() {
        let word = |i: u8| WORDS[usize::from(i & 15)].trim().replace(':', "|3a|").replace("\r\n", "|0d 0a|");
        let (a, b) = (word(pair[0]), word(pair[1] >> 4));
        if a.is_empty() || b.is_empty() {
            continue;
        }
        let action = ["alert", "alert", "alert", "drop"][usize::from(pair[0] >> 6)];
        let body = match pair[1] & 15 {
            0 => format!("{action} tcp any any -> any 80 (flow:established,to_server; content:\"{a}\"; nocase;"),
            1 => format!("alert http any any -> any any (http.uri; content:\"{a}\"; content:\"{b}\"; distance:0;"),
            2 => format!("{action} http any any -> any any (http.uri.raw; content:\"{a}\"; endswith;"),
            3 => format!("alert http any any -> any any (http.request_body; content:\"{a}\";"),
            4 => format!("alert http any any -> any any (flow:to_client; file.data; content:\"{a}\"; content:!\"{b}\";"),
            5 => format!("alert http any any -> any any (http.method; content:\"{a}\"; flowbits:set,f;"),
            6 => format!("alert http any any -> any any (flow:to_client; flowbits:isset,f; http.stat_code; content:\"200\";"),
            7 => "alert http any any -> any any (http.uri; pcre:\"/e.{1,3}l/R\";".to_owned(),
            8 => format!("pass http any any -> any any (http.host; content:\"{b}\"; bsize:1;"),
            9 => format!("alert http any any -> any any (http.header; content:\"{a}\"; http.uri; content:\"{b}\";"),
            10 => format!("alert http any any -> any any (http.uri; bsize:>4; to_lowercase; content:\"{a}\";"),
            11 => "alert http any any -> any any (http.content_len; byte_test:0,>,3,0,string,dec;".to_owned(),
            _ => format!("alert http any any -> any any (http.request_line; content:\"{b}\"; startswith;"),
        };
        text.push_str(&format!("{body} sid:{};)\n", n + 1));
    }
    text
}

/// What drops or passes a flow does so from some segment on, and what comes later is not looked at:
/// how much that is depends on the cut. So the comparison is of rules that only alert.
fn judging_nothing(rules: &str) -> String {
    let lines = rules.lines().filter(|line| !line.starts_with("pass"));
    lines.map(|line| line.replacen("drop", "alert", 1) + "\n").collect()
}

fn words(data: &[u8]) -> Vec<u8> {
    let all = data.iter().take(60);
    all.flat_map(|b| if *b < 64 { WORDS[usize::from(b & 15)].as_bytes().to_vec() } else { vec![*b] }).collect()
}

fn engine(rules: &str) -> Engine {
    let mut config = EngineConfig::default();
    let _ = config.set("simulate-ips", "true");
    config.flow.stream.check_checksums = false;
    config.guards = InlineGuards { stop_wrong_checksums: false, ..InlineGuards::ALL };
    let rules = Ruleset::compile(rules, &config);
    Engine::new(config, rules, Arc::new(Reputation::default()))
}

fn frame(from_client: bool, flags: u8, seq: u32, ack: u32, payload: &[u8]) -> Vec<u8> {
    let (ends, ports) = ([[192, 168, 1, 5], [198, 51, 100, 9]], [40_000u16, 80]);
    let (src, dst) = if from_client { (0, 1) } else { (1, 0) };
    let mut f = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
    f.extend(u16::try_from(40 + payload.len()).unwrap_or(0).to_be_bytes());
    f.extend([0, 1, 0x40, 0, 64, 6, 0, 0]);
    f.extend(ends[src]);
    f.extend(ends[dst]);
    f.extend(ports[src].to_be_bytes());
    f.extend(ports[dst].to_be_bytes());
    f.extend(seq.to_be_bytes());
    f.extend(ack.to_be_bytes());
    f.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    f.extend(payload);
    f
}

struct Line {
    engine: Engine,
    events: Vec<Event>,
    now: i64,
}

impl Line {
    fn open(rules: &str) -> Line {
        let mut line = Line { engine: engine(rules), events: Vec::new(), now: 0 };
        line.send(&frame(true, SYN, 999, 0, b""));
        line.send(&frame(false, SYN | ACK, 4999, 1000, b""));
        line.send(&frame(true, ACK, 1000, 5000, b""));
        line
    }

    fn send(&mut self, frame: &[u8]) -> FrameAction {
        self.now += 1000;
        let now = Timestamp(self.now);
        self.engine.process(now, Zone::Lan, Some(Zone::Wan), frame, &mut self.events).action
    }
}

/// The client speaks, then the server; `how` cuts, and repeats from further back.
fn alerts(rules: &str, client: &[u8], server: &[u8], how: &[u8]) -> BTreeSet<u32> {
    let mut line = Line::open(rules);
    for (from_client, bytes, seq, ack) in
        [(true, client, 1000u32, 5000u32), (false, server, 5000, 1000 + client.len() as u32)]
    {
        let mut at = 0;
        let mut steps = how.iter();
        while at < bytes.len() {
            let step = steps.next().map_or(bytes.len(), |b| usize::from(b >> 3) + 1);
            let back = steps.next().map_or(0, |b| usize::from(b & 7)).min(at);
            let end = (at + step).min(bytes.len());
            line.send(&frame(from_client, ACK, seq + (at - back) as u32, ack, &bytes[at - back..end]));
            at = end;
        }
        line.send(&frame(!from_client, ACK, ack, seq + bytes.len() as u32, b""));
    }
    line.engine.finish(Timestamp(line.now), &mut line.events);
    line.events.iter().filter_map(|e| e.alert.as_ref()).map(|a| a.sid).collect()
}

/// Segments of any place and content, from both sides.
fn wild(rules: &str, data: &[u8]) {
    let mut line = Line::open(rules);
    let mut passed: [BTreeMap<u32, u8>; 2] = Default::default();
    let mut acked = [1000u32, 5000];
    for piece in data.chunks(8) {
        let [how, at, ack, payload @ ..] = piece else { break };
        let side = usize::from(how & 1);
        let base = [1000, 5000];
        let (seq, ack) = (base[side] + u32::from(at & 31), base[1 - side] + u32::from(ack & 31));
        let sent = frame(side == 0, ACK | (how >> 2 & 1) | (how >> 1 & 4), seq, ack, payload);
        let out = match line.send(&sent) {
            FrameAction::Forward => sent,
            FrameAction::Replace(other) => other,
            _ => continue,
        };
        acked[1 - side] = acked[1 - side].max(ack);
        for (i, byte) in (0u32..).zip(&out[54..]) {
            if seq + i < acked[side] {
                // The receiver has it and takes no other.
                continue;
            }
            let first = *passed[side].entry(seq + i).or_insert(*byte);
            assert_eq!(first, *byte, "two copies of byte {} of side {side} were forwarded", seq + i);
        }
    }
}
