//! The same capture gives the same events in every run: neither the tables' random keys nor what was
//! inspected before may show.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mimamori_base::Timestamp;
use mimamori_engine::{Engine, EngineConfig, Event, LinkType, Reputation, Ruleset};

const RULES: &str = include_str!("../../../../definitions/starter/mimamori.rules");

fn captures() -> Vec<PathBuf> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../corpus");
    let folders = std::fs::read_dir(corpus).expect("the corpus");
    let mut all: Vec<PathBuf> =
        folders.filter_map(|f| Some(f.ok()?.path().join("capture.pcap"))).filter(|p| p.exists()).collect();
    all.sort();
    all
}

/// Frames of a little-endian capture with microseconds, as the corpus is recorded.
fn frames(file: &[u8]) -> Vec<(Timestamp, &[u8])> {
    let word = |at: usize| Some(u32::from_le_bytes(file.get(at..at + 4)?.try_into().ok()?));
    let mut out = Vec::new();
    let mut at = 24;
    while let (Some(s), Some(us), Some(len)) = (word(at), word(at + 4), word(at + 8)) {
        let end = at + 16 + len as usize;
        let Some(frame) = file.get(at + 16..end) else { break };
        out.push((Timestamp(i64::from(s) * 1_000_000 + i64::from(us)), frame));
        at = end;
    }
    out
}

fn events(seed: u64, inline: bool, frames: &[(Timestamp, &[u8])]) -> Vec<String> {
    let mut config = EngineConfig::default();
    if inline {
        config.set("simulate-ips", "true").expect("an option");
    }
    config.flow.hash_seed = (seed, !seed);
    config.decode.defrag.hash_seed = (seed.rotate_left(7), seed);
    let rules = Ruleset::compile(RULES, &config);
    let mut engine = Engine::new(config, rules, Arc::new(Reputation::default()));
    let mut events: Vec<Event> = Vec::new();
    for (now, frame) in frames {
        engine.frame(*now, LinkType::ETHERNET, None, frame, &mut events);
    }
    engine.finish(frames.last().map_or(Timestamp::EPOCH, |f| f.0), &mut events);
    // A flow's id is made with the key, so that it is a name of this run alone: numbered here in the
    // order in which the flows come up.
    let mut ids = Vec::new();
    events.iter_mut().for_each(|event| {
        event.flow_id = event.flow_id.map(|id| {
            let known = ids.iter().position(|i| *i == id);
            known.unwrap_or_else(|| {
                ids.push(id);
                ids.len() - 1
            }) as u64
        });
    });
    events.iter().map(|e| e.to_eve().to_string()).collect()
}

#[test]
fn the_keys_of_the_tables_do_not_show() {
    let captures = captures();
    assert!(captures.len() >= 5, "{captures:?}");
    for path in captures {
        let file = std::fs::read(&path).expect("a capture");
        let frames = frames(&file);
        assert!(frames.len() > 10, "{}", path.display());
        for inline in [false, true] {
            let first = events(1, inline, &frames);
            assert!(!first.is_empty(), "{}", path.display());
            for seed in [1, 0x1234_5678_9abc_def0, u64::MAX] {
                let other = events(seed, inline, &frames);
                for (a, b) in first.iter().zip(&other) {
                    assert_eq!(a, b, "{} seed {seed}", path.display());
                }
                assert_eq!(first.len(), other.len());
            }
        }
    }
}
