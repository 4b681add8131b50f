//! Running cases, each in an engine of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use mimamori_engine::{DnsVersion, DropLog, Engine, EngineConfig, Event, Reputation, Ruleset};
use serde_json::Value;

use super::case::{Case, Expectation};
use super::log_options;
use super::outcome::Outcome;
use crate::list_files::ListFolders;
use crate::replaying::replay_file;

/// Runs one case; a panic is a failed case.
#[must_use]
pub fn run_case(dir: &Path, case: &Case) -> Outcome {
    match catch_unwind(AssertUnwindSafe(|| log_of(dir, case))) {
        Ok(Ok(run)) => {
            let mut outcome = Outcome::compare(case, &run);
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
    /// The version of the log's DNS records, and the log once more in the other version where a
    /// case expects records of both.
    dns: (DnsVersion, Option<Vec<Value>>),
    pub remarks: Vec<String>,
}

impl CaseRun {
    /// The log that an expectation is about.
    #[must_use]
    pub fn log_for(&self, wanted: &Expectation) -> &[Value] {
        match (&self.dns, log_options::dns_version(wanted)) {
            ((main, Some(other)), Some(version)) if version != *main => other,
            _ => &self.log,
        }
    }
}

/// Runs a case to its log.
pub fn log_of(dir: &Path, case: &Case) -> anyhow::Result<CaseRun> {
    let mut config = EngineConfig::default();
    config.log.alert_payload = true;
    config.log.file_hashes = true;
    config.log.community_id = Some(0);
    config.log.ethernet = !log_options::without_ethernet(case);
    let main = log_options::main_dns_version(case);
    config.log.dns_version = main;
    let certificates = log_options::whole_certificates(case);
    config.set("outputs.1.eve-log.types.0.tls.custom", &format!("[{}]", certificates.join(",")))?;
    config.log.http_extended = log_options::http_extended(case);
    config.log.references = log_options::with_references(case);
    let mut unknown = Vec::new();
    for (key, value) in &case.settings {
        // The reference goes on with its default where it knows no such option.
        if let Err(error) = config.set(key, &setting_text(value, &case.folder)) {
            unknown.push(error.to_string());
        }
    }
    let mut run = run_with(dir, case, &config)?;
    if let Some(seed) = log_options::community_seed(case, &run.log) {
        config.log.community_id = Some(seed);
        run = run_with(dir, case, &config)?;
    }
    if let Some(kinds) = log_options::smb_kinds(case, &run.log) {
        config.set("outputs.1.eve-log.types.0.smb.types", &format!("[{}]", kinds.join(",")))?;
        run = run_with(dir, case, &config)?;
    }
    if case.compares_drops()? && log_options::drops(&run.log) > case.drops {
        let mut once = config.clone();
        once.log.drops = DropLog::Start;
        let other = run_with(dir, case, &once)?;
        if log_options::drops(&other.log) == case.drops {
            (run, config) = (other, once);
        }
    }
    run.dns.0 = main;
    run.remarks.extend(unknown);
    if case.events.iter().filter_map(log_options::dns_version).any(|v| v != main) {
        config.log.dns_version = if main == DnsVersion::V3 { DnsVersion::V2 } else { DnsVersion::V3 };
        run.dns.1 = Some(run_with(dir, case, &config)?.log);
    }
    Ok(run)
}

fn run_with(dir: &Path, case: &Case, config: &EngineConfig) -> anyhow::Result<CaseRun> {
    // A case's files lie beside its rules.
    let files: Vec<_> = case.rules.iter().map(|r| case.folder.join(r)).collect();
    let rules = Ruleset::compile_with(&case.rule_text()?, config, &ListFolders::of(config, &files));
    let mut remarks: Vec<String> = rules
        .report()
        .refused
        .iter()
        .map(|r| format!("refused rule: sid {} {}", r.sid.unwrap_or(0), r.reason))
        .collect();
    let mut engine = Engine::new(config.clone(), rules, Arc::new(Reputation::default()));
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
    Ok(CaseRun { log, remarks, ..CaseRun::default() })
}

/// A setting as the text that options are given in; `${TEST_DIR}` is the case's folder.
fn setting_text(value: &Value, folder: &Path) -> String {
    match value {
        Value::String(s) => s.replace("${TEST_DIR}", &folder.to_string_lossy()),
        Value::Array(items) => {
            let words: Vec<String> = items.iter().map(|i| setting_text(i, folder)).collect();
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
