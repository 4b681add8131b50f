//! Golden alerts of a whole rule set: every capture of a folder, rules loaded once.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use mimamori_engine::{Engine, EngineConfig, Event, EventKind, EventSink, Reputation, Ruleset};

use crate::replaying::replay_file;

/// Alerts by signature id.
pub type Counts = BTreeMap<u64, u64>;

/// A capture whose alerts differ from the golden ones.
#[derive(Debug, Clone)]
pub struct Difference {
    pub capture: String,
    pub lines: Vec<String>,
}

/// Reads `capture<TAB>sid:count sid:count …` lines below a heading.
pub fn read(path: &Path) -> anyhow::Result<BTreeMap<String, Counts>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut all = BTreeMap::new();
    for (index, line) in text.lines().enumerate().skip(1) {
        let (capture, alerts) = line
            .split_once('\t')
            .with_context(|| format!("{} line {}: no tab", path.display(), index + 1))?;
        let mut counts = Counts::new();
        for word in alerts.split([' ', ',', ';']).filter(|w| !w.is_empty()) {
            let (sid, count) = word.split_once([':', '=']).unwrap_or((word, "1"));
            let number = |t: &str| {
                t.parse::<u64>().with_context(|| {
                    format!("{} line {}: {word:?} is not SID:COUNT", path.display(), index + 1)
                })
            };
            counts.insert(number(sid)?, number(count)?);
        }
        all.insert(capture.to_owned(), counts);
    }
    Ok(all)
}

#[derive(Default)]
struct Counter(Counts);

impl EventSink for Counter {
    fn event(&mut self, event: Event) {
        if let (EventKind::Alert, Some(alert)) = (event.kind, &event.alert) {
            *self.0.entry(u64::from(alert.sid)).or_default() += 1;
        }
    }
}

/// Runs every capture of `golden` below `dir/pcaps`; gives those that differ, in order.
pub fn run(
    dir: &Path,
    golden: &BTreeMap<String, Counts>,
    config: &EngineConfig,
    rules: &Ruleset,
    threads: usize,
) -> Vec<Difference> {
    let captures: Vec<(&String, &Counts)> = golden.iter().collect();
    let next = AtomicUsize::new(0);
    let found: Mutex<Vec<Difference>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some((name, wanted)) = captures.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
                    let lines = one(dir, name, wanted, config, rules);
                    if !lines.is_empty() {
                        found
                            .lock()
                            .unwrap_or_else(std::sync::PoisonError::into_inner)
                            .push(Difference { capture: name.clone(), lines });
                    }
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    found.sort_by(|a, b| a.capture.cmp(&b.capture));
    found
}

fn one(dir: &Path, name: &str, wanted: &Counts, config: &EngineConfig, rules: &Ruleset) -> Vec<String> {
    let path = dir.join("pcaps").join(format!("{name}.pcap"));
    let run = catch_unwind(AssertUnwindSafe(|| {
        let mut engine = Engine::new(config.clone(), rules.clone(), Arc::new(Reputation::default()));
        let mut counter = Counter::default();
        // What a damaged capture gave counts.
        let result = replay_file(&mut engine, &path, &mut counter, &mut |_| {});
        (counter.0, result.err())
    }));
    let Ok((found, error)) = run else { return vec!["PANIC".to_owned()] };
    let mut lines = Vec::new();
    let sids: std::collections::BTreeSet<&u64> = wanted.keys().chain(found.keys()).collect();
    for sid in sids {
        let (want, have) = (wanted.get(sid).copied().unwrap_or(0), found.get(sid).copied().unwrap_or(0));
        if want != have {
            lines.push(format!("sid {sid} wanted {want} found {have}"));
        }
    }
    if !lines.is_empty()
        && let Some(error) = error
    {
        lines.push(format!("{error:#}"));
    }
    lines
}
