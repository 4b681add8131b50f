//! Options that shape the log, and which packets a drop is for.

#[expect(dead_code, reason = "each test uses some of the frames")]
mod frames;

use std::sync::Arc;

use frames::{CLIENT, SERVER, SYN, tcp, udp};
use mimamori_base::{Timestamp, Zone};
use mimamori_engine::{
    Engine, EngineConfig, Event, EventKind, FrameAction, Reputation, Ruleset, community_id,
};

const RULES: &str = "\
drop ip 192.168.1.5 any -> 198.51.100.9 81 (msg:\"host\"; sid:1;)
drop tcp any any -> any any (msg:\"bytes\"; content:\"EVIL\"; reference:url,example.org/evil; sid:2;)
";

struct Run {
    engine: Engine,
    events: Vec<Event>,
    clock: i64,
}

impl Run {
    fn new(options: &[(&str, &str)]) -> Run {
        let mut config = EngineConfig::default();
        config.set("simulate-ips", "true").expect("an option");
        for (key, value) in options {
            config.set(key, value).expect("an option");
        }
        let rules = Ruleset::compile(RULES, &config);
        assert_eq!(rules.report().loaded, 2);
        let engine = Engine::new(config, rules, Arc::new(Reputation::default()));
        Run { engine, events: Vec::new(), clock: 0 }
    }

    fn passes(&mut self, frame: &[u8]) -> bool {
        self.clock += 1000;
        let at = Timestamp(self.clock);
        let verdict = self.engine.process(at, Zone::Lan, Some(Zone::Wan), frame, &mut self.events);
        verdict.action == FrameAction::Forward
    }

    fn count(&self, kind: EventKind) -> usize {
        self.events.iter().filter(|e| e.kind == kind).count()
    }
}

fn drops(options: &[(&str, &str)]) -> usize {
    let mut run = Run::new(options);
    for i in 0..4 {
        assert!(!run.passes(&udp(true, 81, b"question")));
        assert!(!run.passes(&udp(false, 81, b"answer")), "answer {i}");
    }
    run.count(EventKind::Drop)
}

#[test]
fn drops_of_a_flow_are_told_once_a_direction_or_all() {
    assert_eq!(drops(&[]), 8);
    assert_eq!(drops(&[("outputs.1.eve-log.types.0.drop.flows", "all")]), 8);
    assert_eq!(drops(&[("outputs.1.eve-log.types.0.drop.flows", "start")]), 2);
}

#[test]
fn data_on_a_syn_stops_the_packet_not_the_flow() {
    let mut run = Run::new(&[]);
    assert!(!run.passes(&tcp(true, SYN, 1000, 0, b"EVIL")));
    assert!(run.passes(&tcp(true, SYN, 1000, 0, b"")), "the client tries again without");
    assert_eq!(run.count(EventKind::Alert), 1);
}

#[test]
fn references_stand_in_alerts_when_asked_for() {
    for (value, there) in [("no", false), ("yes", true)] {
        let mut run = Run::new(&[("outputs.1.eve-log.types.0.alert.reference", value)]);
        run.passes(&tcp(true, SYN, 1000, 0, b"EVIL"));
        let alert = run.events.iter().find(|e| e.kind == EventKind::Alert).expect("an alert").to_eve();
        assert_eq!(alert.pointer("/alert/references").is_some(), there);
    }
}

const QUERY: &[u8] =
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x00\x00\x01\x00\x01";

#[test]
fn dns_records_come_in_the_version_asked_for() {
    for (version, kind, name) in [("2", "query", "/dns/rrname"), ("3", "request", "/dns/queries/0/rrname")] {
        let mut run = Run::new(&[("outputs.1.eve-log.types.0.dns.version", version)]);
        run.passes(&udp(true, 53, QUERY));
        let dns = run.events.iter().find(|e| e.kind == EventKind::App("dns")).expect("a record").to_eve();
        assert_eq!(dns.pointer("/dns/type").and_then(|v| v.as_str()), Some(kind));
        assert_eq!(dns.pointer(name).and_then(|v| v.as_str()), Some("www.example"));
    }
}

#[test]
fn community_ids_are_made_with_the_seed() {
    let mut run = Run::new(&[("outputs.1.eve-log.community-id-seed", "7")]);
    run.passes(&udp(true, 53, QUERY));
    let dns = run.events.iter().find(|e| e.kind == EventKind::App("dns")).expect("a record").to_eve();
    let wanted = community_id((CLIENT.into(), 40_000), (SERVER.into(), 53), 17, 7);
    assert_eq!(dns.pointer("/community_id").and_then(|v| v.as_str()), Some(wanted.as_str()));
}

#[test]
fn a_drop_tells_the_headers_of_its_packet() {
    let mut run = Run::new(&[]);
    run.passes(&tcp(true, SYN, 1000, 0, b"EVIL"));
    run.passes(&udp(true, 81, b"question"));
    let drops: Vec<_> = run.events.iter().filter(|e| e.kind == EventKind::Drop).map(Event::to_eve).collect();
    let at = |n: usize, key: &str| drops[n].pointer(&format!("/drop/{key}")).cloned();
    assert_eq!(at(0, "len"), Some(44.into()));
    assert_eq!(
        (at(0, "syn"), at(0, "psh"), at(0, "urg")),
        (Some(true.into()), Some(false.into()), Some(false.into()))
    );
    assert_eq!(
        (at(0, "tcpseq"), at(0, "tcpurgp"), at(0, "tcpres")),
        (Some(1000.into()), Some(0.into()), Some(0.into()))
    );
    assert_eq!((at(1, "udplen"), at(1, "ttl")), (Some(16.into()), Some(64.into())));
}

const GET: &[u8] = b"GET /a HTTP/1.1\r\nHost: h.example\r\nUser-Agent: u\r\nAccept: x\r\n\r\n";

#[test]
fn records_of_http_are_short_where_they_are_not_extended() {
    for (value, keys) in [("no", 3), ("yes", 6)] {
        let mut run =
            Run::new(&[("outputs.1.eve-log.types.0.http.extended", value), ("stream.midstream", "yes")]);
        run.passes(&tcp(true, 0x18, 1000, 1, GET));
        run.passes(&tcp(false, 0x10, 1, 1000 + u32::try_from(GET.len()).expect("short"), b""));
        run.engine.finish(Timestamp(run.clock + 1), &mut run.events);
        let http = run.events.iter().find(|e| e.kind == EventKind::App("http")).expect("a record").to_eve();
        let http = http["http"].as_object().expect("an object").clone();
        assert_eq!(http.len(), keys, "{http:?}");
        assert_eq!(http["hostname"], "h.example");
    }
}
