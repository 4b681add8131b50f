//! The whole Emerging Threats set over every capture, against the reference's alerts.
//!
//! Needs `../shared/conformance` and `../shared/data` beside the project; skips without.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use mimamori_engine::{Engine, EngineConfig, Event, Reputation, Ruleset};
use mimamori_gateway::replaying::replay_file;

/// Captures whose alerts differ from the reference's today; lower it when they agree.
const DIFFERING_TODAY: usize = 10;

type Alerts = BTreeMap<u64, u64>;

fn shared() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared")
}

fn expected(line: &str) -> (String, Alerts) {
    let (capture, alerts) = line.split_once('\t').unwrap_or((line, ""));
    let counted = alerts.split(';').filter_map(|one| one.split_once('='));
    (capture.to_owned(), counted.map(|(sid, n)| (sid.parse().unwrap(), n.parse().unwrap())).collect())
}

fn raised(config: &EngineConfig, rules: &Ruleset, capture: &Path) -> Alerts {
    let mut engine = Engine::new(config.clone(), rules.clone(), Arc::new(Reputation::default()));
    let mut events: Vec<Event> = Vec::new();
    // A damaged capture gives what stands before the damage, as the reference takes it.
    let _ = replay_file(&mut engine, capture, &mut events, &mut |_| {});
    let mut alerts = Alerts::new();
    for sid in events.iter().filter_map(|e| e.alert.as_ref()).map(|a| u64::from(a.sid)) {
        *alerts.entry(sid).or_insert(0) += 1;
    }
    alerts
}

#[test]
fn every_capture_raises_what_the_reference_raises() {
    let rules_file = shared().join("data/et-open.rules.xz");
    let golden_file = shared().join("conformance/et-golden.tsv");
    let (Ok(golden), Ok(xz)) =
        (std::fs::read_to_string(&golden_file), Command::new("xz").arg("-dkc").arg(&rules_file).output())
    else {
        println!("skipped: no {} or no xz", golden_file.display());
        return;
    };
    if !xz.status.success() {
        println!("skipped: cannot unpack {}", rules_file.display());
        return;
    }
    let mut config = EngineConfig::default();
    config.set("checksum", "none").unwrap();
    let rules = Ruleset::compile(&String::from_utf8_lossy(&xz.stdout), &config);
    let report = rules.report();
    assert!(report.loaded >= 31_898, "{} loaded, refused: {:?}", report.loaded, report.refused);
    let mut differing = 0;
    for (capture, wanted) in golden.lines().skip(1).map(expected) {
        let path = shared().join(format!("conformance/pcaps/{capture}.pcap"));
        let found = raised(&config, &rules, &path);
        if found != wanted {
            differing += 1;
            println!("{capture}: wanted {wanted:?}, found {found:?}");
        }
    }
    assert!(differing <= DIFFERING_TODAY, "{differing} captures differ");
}
