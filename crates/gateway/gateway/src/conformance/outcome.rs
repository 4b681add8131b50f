//! The verdict on a case and the sums of a run.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::alternatives;
use super::case::{Case, Expectation};
use super::matching::matches;
use super::runner::CaseRun;

/// What a case gave.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub name: String,
    pub tier: String,
    pub alerts_exact: bool,
    pub events_met: usize,
    /// Expectations; those of a case that contradicts itself count once for each other.
    pub events_wanted: usize,
    /// The case lists what two versions of the reference log.
    pub two_versions: bool,
    /// One line for each difference.
    pub differences: Vec<String>,
}

impl Outcome {
    /// Compares the log of a run with what the case wants.
    #[must_use]
    pub fn compare(case: &Case, run: &CaseRun) -> Outcome {
        let mut differences = Vec::new();
        let alerts_exact = compare_alerts(case, &run.log, &mut differences);
        let groups = alternatives::groups(&case.events);
        let mut events_met = 0;
        for group in &groups {
            let misses: Vec<String> =
                group.iter().filter_map(|i| case.events.get(*i)).filter_map(|e| miss(e, run)).collect();
            if misses.len() < group.len() {
                events_met += 1;
            } else {
                differences.extend(misses);
            }
        }
        Outcome {
            name: case.name.clone(),
            tier: case.tier.clone(),
            alerts_exact,
            events_met,
            events_wanted: groups.len(),
            two_versions: groups.len() < case.events.len(),
            differences,
        }
    }

    /// A case that could not be run to its end.
    #[must_use]
    pub fn broken(case: &Case, why: String) -> Outcome {
        Outcome {
            name: case.name.clone(),
            tier: case.tier.clone(),
            alerts_exact: false,
            events_met: 0,
            events_wanted: case.events.len(),
            two_versions: false,
            differences: vec![why],
        }
    }

    #[must_use]
    pub fn events_exact(&self) -> bool {
        self.events_met == self.events_wanted
    }

    /// Whether the case passes by the rule of its tier.
    #[must_use]
    pub fn passed(&self) -> bool {
        match self.tier.as_str() {
            "core-log" => self.alerts_exact && self.events_exact(),
            "core-logonly" => self.events_exact(),
            _ => self.alerts_exact,
        }
    }

    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "tier": self.tier,
            "passed": self.passed(),
            "alerts_exact": self.alerts_exact,
            "events_met": self.events_met,
            "events_wanted": self.events_wanted,
            "two_versions": self.two_versions,
            "differences": self.differences,
        })
    }
}

/// What is wrong about an expectation, if anything is.
fn miss(wanted: &Expectation, run: &CaseRun) -> Option<String> {
    let log = run.log_for(wanted);
    let found = log.iter().filter(|e| matches(e, &wanted.matching)).count() as u64;
    let text = || Value::Object(wanted.matching.clone());
    (found != wanted.count).then(|| format!("event wanted {} found {found}: {}", wanted.count, text()))
}

fn compare_alerts(case: &Case, log: &[Value], differences: &mut Vec<String>) -> bool {
    let mut found: BTreeMap<u64, u64> = BTreeMap::new();
    let mut drops = 0;
    for event in log {
        match event.get("event_type").and_then(Value::as_str) {
            Some("alert") => {
                let sid = event.pointer("/alert/signature_id").and_then(Value::as_u64);
                *found.entry(sid.unwrap_or(0)).or_default() += 1;
            }
            Some("drop") => drops += 1,
            _ => {}
        }
    }
    let mut exact = true;
    let sids: BTreeSet<u64> = case.alerts.keys().chain(found.keys()).copied().collect();
    for sid in sids {
        let wanted = case.alerts.get(&sid).copied().unwrap_or(0);
        let got = found.get(&sid).copied().unwrap_or(0);
        if wanted != got {
            exact = false;
            let word = if got < wanted { "missing" } else { "too much" };
            differences.push(format!("alerts {word}: sid {sid} wanted {wanted} found {got}"));
        }
    }
    if case.compares_drops().unwrap_or(true) && drops != case.drops {
        exact = false;
        differences.push(format!("drops wanted {} found {drops}", case.drops));
    }
    exact
}

/// Sums of a tier.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    pub cases: usize,
    pub passed: usize,
    pub alerts_exact: usize,
    pub events_met: usize,
    pub events_wanted: usize,
    /// Passed cases that list two versions' records.
    pub two_versions: usize,
}

impl Tally {
    pub fn add(&mut self, outcome: &Outcome) {
        self.cases += 1;
        self.passed += usize::from(outcome.passed());
        self.alerts_exact += usize::from(outcome.alerts_exact);
        self.events_met += outcome.events_met;
        self.events_wanted += outcome.events_wanted;
        self.two_versions += usize::from(outcome.two_versions && outcome.passed());
    }
}
