//! The whole Emerging Threats set over every capture, against the reference's alerts.
//!
//! Needs `../shared/conformance` and `../shared/data` beside the project; skips without.

use std::path::{Path, PathBuf};
use std::process::Command;

use mimamori_engine::{EngineConfig, Ruleset};
use mimamori_gateway::conformance::golden;

fn shared() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared")
}

#[test]
fn every_capture_raises_what_the_reference_raises() {
    let rules_file = shared().join("data/et-open.rules.xz");
    let conformance = shared().join("conformance");
    if !rules_file.exists() || !conformance.exists() {
        println!("skipped: no {} or no {}", rules_file.display(), conformance.display());
        return;
    }
    let Ok(xz) = Command::new("xz").arg("-dkc").arg(&rules_file).output() else {
        println!("skipped: no xz");
        return;
    };
    assert!(xz.status.success(), "{}", String::from_utf8_lossy(&xz.stderr));
    let mut config = EngineConfig::default();
    config.set("checksum", "none").unwrap();
    let rules = Ruleset::compile(&String::from_utf8_lossy(&xz.stdout), &config);
    let report = rules.report();
    assert!(report.loaded >= 31_898, "{} loaded, refused: {:?}", report.loaded, report.refused);

    let wanted = golden::read(&conformance.join("et-golden.tsv")).unwrap();
    let differing = golden::run(&conformance, &wanted, &config, &rules, 2);
    for difference in &differing {
        println!("{}: {}", difference.capture, difference.lines.join("; "));
    }
    assert!(differing.is_empty(), "{} captures differ", differing.len());
}
