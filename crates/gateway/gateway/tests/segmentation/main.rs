//! The same capture raises the same alerts, however its TCP streams are cut.
//!
//! Needs `../shared/conformance` beside the project; skips without. Takes the cases whose rules
//! look at what a protocol carries, not at packets, and cuts every segment of their captures.

mod cut;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mimamori_capture::CaptureReader;
use mimamori_engine::{Engine, EngineConfig, Event, LinkType, Reputation, Ruleset};
use mimamori_gateway::conformance::case::{self, Case};

/// Words of rules whose answer may hang on packets.
const ABOUT_PACKETS: &[&str] = &[
    "dsize",
    "flow.pkts",
    "flow.bytes",
    "stream_size",
    "threshold",
    "detection_filter",
    "flags:",
    "tag:",
    "tcp.",
    "window:",
    "seq:",
    "ack:",
    "pkt_data",
    "raw",
    "xbits",
    "iprep",
    "limit",
    "bypass",
    "noalert",
];
const APP: &[&str] = &["http", "http1", "dns", "smtp", "ftp", "tls", "ssh", "smb"];
const BUFFERS: &[&str] = &[
    "http_",
    "http.",
    "urilen",
    "uricontent",
    "dns.",
    "smtp.",
    "email.",
    "ftp.",
    "tls.",
    "ssh.",
    "smb.",
    "file",
];

/// The rules of a case that look at transactions only.
fn rules(case: &Case) -> Option<String> {
    let text = case.rule_text().ok()?;
    let rule = |l: &&str| !l.trim().is_empty() && !l.trim_start().starts_with('#');
    let lines: Vec<&str> = text.lines().filter(rule).collect();
    let fits = |l: &&str| {
        let mut words = l.split_whitespace();
        let head = (words.next(), words.next());
        head.0 == Some("alert")
            && head.1.is_some_and(|p| APP.contains(&p))
            && BUFFERS.iter().any(|b| l.contains(b))
            && !ABOUT_PACKETS.iter().any(|b| l.contains(b))
    };
    let plain =
        !case.settings.keys().any(|k| k.contains("ips") || k.contains("depth") || k.contains("limit"));
    (plain && !lines.is_empty() && lines.iter().all(fits)).then_some(text)
}

fn alerts(rules: &str, capture: &Path, piece: usize) -> BTreeMap<u32, usize> {
    let mut config = EngineConfig::default();
    for (key, value) in [("checksum", "none"), ("stream.midstream", "true")] {
        config.set(key, value).expect("an option");
    }
    let rules = Ruleset::compile(rules, &config);
    let mut engine = Engine::new(config, rules, Arc::new(Reputation::default()));
    let mut events: Vec<Event> = Vec::new();
    let mut reader = CaptureReader::open(capture).expect("a capture");
    let mut last = mimamori_base::Timestamp::default();
    while let Ok(Some(frame)) = reader.next_frame() {
        last = last.max(frame.at);
        let link = LinkType(i32::try_from(frame.link_type).expect("a link type"));
        for bytes in cut::cut(frame.bytes, piece) {
            engine.frame(frame.at, link, None, &bytes, &mut events);
        }
    }
    engine.finish(last, &mut events);
    let mut found = BTreeMap::new();
    for alert in events.iter().filter_map(|e| e.alert.as_deref()) {
        *found.entry(alert.sid).or_default() += 1;
    }
    found
}

#[test]
fn alerts_do_not_hang_on_where_segments_end() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/conformance");
    if !dir.exists() {
        println!("skipped: no {}", dir.display());
        return;
    }
    let cases: Vec<(String, PathBuf, String)> = case::read_all(&dir)
        .expect("cases")
        .into_iter()
        .filter_map(|c| Some((c.name.clone(), dir.join(&c.pcap), rules(&c)?)))
        .collect();
    let mut different = Vec::new();
    let mut raised = 0;
    for (name, capture, rules) in &cases {
        let whole = alerts(rules, capture, usize::MAX);
        raised += whole.values().sum::<usize>();
        for piece in [1, 7, 100] {
            let cut = alerts(rules, capture, piece);
            if cut != whole {
                different.push(format!("{name} in pieces of {piece}: {cut:?}, whole: {whole:?}"));
            }
        }
    }
    println!("{} cases, {raised} alerts", cases.len());
    assert!(cases.len() > 100 && raised > 100, "too little was looked at");
    assert!(different.is_empty(), "{}", different.join("\n"));
}
