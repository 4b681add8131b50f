//! The verdict on a case and the sums of a run.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::case::Case;
use super::matching::matches;

/// What a case gave.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub name: String,
    pub tier: String,
    pub alerts_exact: bool,
    pub events_met: usize,
    pub events_wanted: usize,
    /// One line for each difference.
    pub differences: Vec<String>,
}

impl Outcome {
    /// Compares the log of a run with what the case wants.
    #[must_use]
    pub fn compare(case: &Case, log: &[Value]) -> Outcome {
        let mut differences = Vec::new();
        let alerts_exact = compare_alerts(case, log, &mut differences);
        let mut events_met = 0;
        for wanted in &case.events {
            let found = log.iter().filter(|e| matches(e, &wanted.matching)).count() as u64;
            if found == wanted.count {
                events_met += 1;
            } else {
                differences.push(format!(
                    "event wanted {} found {found}: {}",
                    wanted.count,
                    Value::Object(wanted.matching.clone())
                ));
            }
        }
        Outcome {
            name: case.name.clone(),
            tier: case.tier.clone(),
            alerts_exact,
            events_met,
            events_wanted: case.events.len(),
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
            "differences": self.differences,
        })
    }
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
}

impl Tally {
    pub fn add(&mut self, outcome: &Outcome) {
        self.cases += 1;
        self.passed += usize::from(outcome.passed());
        self.alerts_exact += usize::from(outcome.alerts_exact);
        self.events_met += outcome.events_met;
        self.events_wanted += outcome.events_wanted;
    }
}
