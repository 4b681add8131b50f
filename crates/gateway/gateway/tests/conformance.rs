//! The reference engine's own cases: what passes today may only grow.
//!
//! Needs `../shared/conformance` beside the project; skips without.

use std::collections::BTreeMap;
use std::path::Path;

use mimamori_gateway::conformance::{Tally, case, runner};

/// Cases with exact alerts, and cases passed with their events, by tier, as of today.
const FLOOR: &[(&str, usize, usize)] = &[
    ("core", 248, 248),
    ("core+X", 66, 66),
    ("core-log", 460, 455),
    ("core-logonly", 127, 118),
    ("core-other", 11, 11),
    ("extended", 241, 241),
];

#[test]
fn no_tier_falls_below_its_floor() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/conformance");
    if !dir.exists() {
        println!("skipped: no {}", dir.display());
        return;
    }
    let cases = case::read_all(&dir).unwrap();
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for outcome in runner::run_all(&dir, &cases, 2) {
        tallies.entry(outcome.tier.clone()).or_default().add(&outcome);
    }
    for (tier, alerts_exact, passed) in FLOOR {
        let found = tallies.get(*tier).map_or((0, 0), |t| (t.alerts_exact, t.passed));
        println!("{tier}: alerts exact {}, passed {}", found.0, found.1);
        assert!(found.0 >= *alerts_exact && found.1 >= *passed, "{tier} fell to {found:?}");
    }
}
