//! What rules take from files: hash lists, data sets, reputations, and threshold.config.

#[expect(dead_code, reason = "each test uses some of the frames")]
mod frames;

use std::collections::BTreeMap;
use std::sync::Arc;

use frames::{ACK, FIN, SYN, tcp, udp};
use mimamori_base::{Timestamp, Zone};
use mimamori_engine::{
    Engine, EngineConfig, Event, EventKind, ListFileError, ListFiles, Reputation, Ruleset,
};

/// Files in memory.
struct Files(BTreeMap<&'static str, &'static str>);

impl ListFiles for Files {
    fn read(&self, name: &str) -> Result<Vec<u8>, ListFileError> {
        self.0.get(name).map(|t| t.as_bytes().to_vec()).ok_or(ListFileError::NotFound)
    }
}

fn files() -> Files {
    Files(BTreeMap::from([
        // SHA-256, SHA-1 and MD5 of "abc".
        ("abc.sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n"),
        ("abc.sha1", "a9993e364706816aba3e25717850c26c9cd0d89d  abc\n"),
        ("abc.md5", "900150983cd24fb0d6963f7d28e17f72\n"),
        ("broken.md5", "900150983cd24fb0d6963f7d28e17f72\nnothing\n"),
        ("names.lst", "YmFkLmV4YW1wbGU=\n"),
        ("names.rep", "YmFkLmV4YW1wbGU=,201\n"),
        ("hosts.lst", "198.51.100.9\n"),
        ("categories.txt", "1,Bad,Bad hosts\n"),
        ("rep/hosts.list", "198.51.100.0/24,1,90\n"),
        ("threshold.config", "suppress gen_id 1, sig_id 1, track by_dst, ip 198.51.100.9\nnonsense\n"),
    ]))
}

fn config() -> EngineConfig {
    let mut config = EngineConfig::default();
    for (key, value) in [
        ("reputation-categories-file", "categories.txt"),
        ("default-reputation-path", "rep/"),
        ("reputation-files.0", "hosts.list"),
    ] {
        config.set(key, value).expect("an option");
    }
    config
}

struct Run {
    engine: Engine,
    events: Vec<Event>,
    clock: i64,
}

impl Run {
    fn new(rules: &str, config: EngineConfig) -> Run {
        let rules = Ruleset::compile_with(rules, &config, &files());
        assert!(rules.report().refused.is_empty(), "{:?}", rules.report().refused);
        let engine = Engine::new(config, rules, Arc::new(Reputation::default()));
        Run { engine, events: Vec::new(), clock: 0 }
    }

    fn frame(&mut self, frame: &[u8]) {
        self.clock += 1_000;
        let _ = self.engine.process(Timestamp(self.clock), Zone::Lan, None, frame, &mut self.events);
    }

    fn query(&mut self, labels: &[&str]) {
        let mut dns = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in labels {
            dns.push(u8::try_from(label.len()).expect("short"));
            dns.extend(label.as_bytes());
        }
        dns.extend([0, 0, 1, 0, 1]);
        self.frame(&udp(true, 53, &dns));
    }

    fn sids(&self) -> Vec<u32> {
        let alerts = self.events.iter().filter(|e| e.kind == EventKind::Alert);
        let mut sids: Vec<u32> = alerts.filter_map(|e| Some(e.alert.as_ref()?.sid)).collect();
        sids.sort_unstable();
        sids
    }
}

#[test]
fn names_are_found_rated_and_kept() {
    let rules = "\
        alert dns any any -> any any (dns.query; dataset:isset,names,type string,load names.lst; sid:1;)\n\
        alert dns any any -> any any (dns.query; datarep:names,>,200,load names.rep,type string; sid:2;)\n\
        alert dns any any -> any any (dns.query; datarep:names,>,201,load names.rep,type string; sid:3;)\n\
        alert dns any any -> any any (dns.query; dataset:set,seen,type string,state seen.csv; sid:4;)\n\
        alert udp any any -> any any (ip.dst; dataset:isset,hosts,type ip,load hosts.lst; sid:5;)\n\
        alert udp any any -> any any (ip.src; dataset:isset,hosts,type ip,load hosts.lst; sid:6;)\n";
    let mut run = Run::new(rules, config());
    run.query(&["bad", "example"]);
    assert_eq!(run.sids(), [1, 2, 4, 5]);
    run.query(&["bad", "example"]);
    assert_eq!(run.sids(), [1, 1, 2, 2, 4, 5, 5], "a name is new once");
    run.query(&["good", "example"]);
    let saved = run.engine.datasets_to_save();
    assert_eq!((saved.len(), saved[0].file.as_str()), (1, "seen.csv"));
    assert_eq!(saved[0].text, "YmFkLmV4YW1wbGU=\nZ29vZC5leGFtcGxl\n");
    // Another rule set: what was seen stays seen.
    let config = config();
    let _old = run.engine.replace_rules(Ruleset::compile_with(rules, &config, &files()));
    run.events.clear();
    run.query(&["good", "example"]);
    assert!(!run.sids().contains(&4));
}

#[test]
fn files_are_known_by_their_digests() {
    let rules = "\
        alert http any any -> any any (filemd5:abc.md5; sid:1;)\n\
        alert http any any -> any any (filesha1:abc.sha1; sid:2;)\n\
        alert http any any -> any any (filesha256:abc.sha256; sid:3;)\n\
        alert http any any -> any any (filemd5:!abc.md5; sid:4;)\n\
        alert http any any -> any any (file.data; to_sha256; dataset:isset,x,type sha256,load abc.sha256; sid:5;)\n";
    let mut run = Run::new(rules, config());
    let request = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
    let (asked, answered) = (100 + request.len() as u32, 300 + answer.len() as u32);
    run.frame(&tcp(true, SYN, 99, 0, b""));
    run.frame(&tcp(false, SYN | ACK, 299, 100, b""));
    run.frame(&tcp(true, ACK, 100, 300, b""));
    run.frame(&tcp(true, ACK, 100, 300, request));
    run.frame(&tcp(false, ACK, 300, asked, answer));
    run.frame(&tcp(true, ACK | FIN, asked, answered, b""));
    run.frame(&tcp(false, ACK | FIN, answered, asked + 1, b""));
    assert_eq!(run.sids(), [1, 2, 3, 5]);
}

#[test]
fn addresses_have_a_reputation() {
    let rules = "\
        alert ip any any -> any any (iprep:dst,Bad,>,80; sid:1;)\n\
        alert ip any any -> any any (iprep:src,Bad,>,80; sid:2;)\n\
        alert ip any any -> any any (iprep:any,Bad,isset; sid:3;)\n\
        alert ip any any -> any any (iprep:src,Bad,isnotset; sid:4;)\n\
        alert ip any any -> any any (iprep:both,Bad,>,1; sid:5;)\n";
    let mut run = Run::new(rules, config());
    run.query(&["a"]);
    assert_eq!(run.sids(), [1, 3, 4]);
}

#[test]
fn threshold_config_tunes_rules() {
    let rules = "\
        alert udp any any -> any any (xbits:set,seen,track ip_src; sid:1;)\n\
        alert udp any any -> any any (xbits:isset,seen,track ip_src; sid:2;)\n";
    let mut config = config();
    config.set("threshold-file", "threshold.config").expect("an option");
    let compiled = Ruleset::compile_with(rules, &config, &files());
    let told: Vec<String> = compiled.report().problems.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("threshold.config:2: "), "{told:?}");
    let mut run = Run::new(rules, config);
    run.query(&["a"]);
    run.query(&["a"]);
    assert!(!run.sids().contains(&1), "suppressed");
    assert!(run.sids().contains(&2), "what a suppressed rule does besides stays");
}

#[test]
fn a_list_that_cannot_be_used_refuses_its_rules_only() {
    let rules = "alert http any any -> any any (msg:\"a\"; filemd5:no.md5; sid:1;)\n\
        alert http any any -> any any (msg:\"a\"; filemd5:broken.md5; sid:2;)\n\
        alert http any any -> any any (filemd5:abc.md5; sid:3;)\n\
        alert ip any any -> any any (iprep:dst,Other,>,1; sid:4;)\n\
        alert dns any any -> any any (dns.query; dataset:isset,n,type md5,load names.lst; sid:5;)\n";
    let compiled = Ruleset::compile_with(rules, &config(), &files());
    let report = compiled.report();
    let told: Vec<String> = report
        .refused
        .iter()
        .map(|r| format!("{}:{} {} {}", r.line, r.column, r.sid.unwrap_or(0), r.reason))
        .collect();
    assert_eq!(report.loaded, 1, "{told:?}");
    for start in [
        "1:41 1 list file \"no.md5\": there is no such file",
        "2:41 2 list file \"broken.md5\": line 2: not a digest of this kind",
        "4:30 4 the category `Other` is not in the file of categories",
        "5:42 5 list file \"names.lst\": line 1: not a digest of this kind",
    ] {
        assert!(told.iter().any(|t| t == start), "{start} in {told:?}");
    }
    assert_eq!(Ruleset::compile(rules, &config()).report().loaded, 0, "without files none loads");
}

#[test]
fn tagged_packets_are_written() {
    let rules = "\
        alert udp any any -> any any (content:\"one\"; tag:session,2,packets; sid:1;)\n\
        alert udp any any -> any any (content:\"host\"; tag:host,1,packets,src; sid:2;)\n";
    let mut run = Run::new(rules, config());
    for name in ["one", "a", "b", "c"] {
        run.query(&[name]);
    }
    let packets = |run: &Run| run.events.iter().filter(|e| e.kind == EventKind::Packet).count();
    assert_eq!(packets(&run), 2, "the two after the one that matched");
    run.query(&["host"]);
    run.frame(&udp(true, 5_000, b"another flow of the host"));
    run.frame(&udp(true, 5_000, b"no more"));
    assert_eq!(packets(&run), 3);
    let eve = run.events.iter().find(|e| e.kind == EventKind::Packet).expect("there").to_eve();
    assert_eq!(eve["event_type"], "packet");
    assert!(eve.get("packet").is_none(), "content only where it is asked for");
}
