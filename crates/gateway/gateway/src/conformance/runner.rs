//! Running cases, each in an engine of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use mimamori_engine::{Engine, EngineConfig, Event, Reputation, Ruleset};
use serde_json::Value;

use super::case::Case;
use super::outcome::Outcome;
use crate::replaying::replay_file;

/// Runs one case; a panic is a failed case.
#[must_use]
pub fn run_case(dir: &Path, case: &Case) -> Outcome {
    match catch_unwind(AssertUnwindSafe(|| log_of(dir, case))) {
        Ok(Ok(run)) => {
            let mut outcome = Outcome::compare(case, &run.log);
            outcome.differences.extend(run.remarks);
            outcome
        }
        Ok(Err(error)) => Outcome::broken(case, format!("{error:#}")),
        Err(panic) => Outcome::broken(case, format!("PANIC: {}", panic_text(&*panic))),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}

/// The EVE log of a case, and what is worth knowing when it fails.
#[derive(Debug, Default)]
pub struct CaseRun {
    pub log: Vec<Value>,
    pub remarks: Vec<String>,
}

/// Runs a case to its log.
pub fn log_of(dir: &Path, case: &Case) -> anyhow::Result<CaseRun> {
    let mut config = EngineConfig::default();
    config.log.alert_payload = true;
    config.log.file_hashes = true;
    config.log.community_id = true;
    for (key, value) in &case.settings {
        config.set(key, &setting_text(value))?;
    }
    let rules = Ruleset::compile(&case.rule_text()?, &config);
    let mut remarks: Vec<String> = rules
        .report()
        .refused
        .iter()
        .map(|r| format!("refused rule: sid {} {}", r.sid.unwrap_or(0), r.reason))
        .collect();
    let mut engine = Engine::new(config, rules, Arc::new(Reputation::default()));
    let mut events: Vec<Event> = Vec::new();
    // The reference goes on with what a damaged capture gave; so does a case.
    if let Err(error) = replay_file(&mut engine, &dir.join(&case.pcap), &mut events, &mut |_| {}) {
        remarks.push(format!("{error:#}"));
    }
    let name = case.pcap.file_name().map(|n| n.to_string_lossy().into_owned());
    let mut log: Vec<Value> = events.iter().map(Event::to_eve).collect();
    for event in &mut log {
        if let (Value::Object(o), Some(name)) = (event, &name) {
            o.insert("pcap_filename".to_owned(), name.as_str().into());
        }
    }
    Ok(CaseRun { log, remarks })
}

/// A setting as the text that options are given in.
fn setting_text(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        Value::Array(items) => {
            let words: Vec<String> = items.iter().map(setting_text).collect();
            format!("[{}]", words.join(","))
        }
        other => other.to_string(),
    }
}

/// Runs `cases` over `threads` threads; outcomes come in the order of the cases.
#[must_use]
pub fn run_all(dir: &Path, cases: &[Case], threads: usize) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let outcomes: Mutex<Vec<(usize, Outcome)>> = Mutex::new(Vec::with_capacity(cases.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(at) else { return };
                    let outcome = run_case(dir, case);
                    outcomes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((at, outcome));
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    outcomes.sort_by_key(|(at, _)| *at);
    outcomes.into_iter().map(|(_, o)| o).collect()
}
