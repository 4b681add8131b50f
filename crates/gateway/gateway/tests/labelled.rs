//! Our names for flows against labels that others gave (GW-04); floors, not targets.

use std::path::Path;

use mimamori_catalogue::Catalogue;
use mimamori_gateway::definitions::STARTER_APPLICATIONS;
use mimamori_gateway::labelled::measure;

/// The captures are unpacked once per run into a folder of the test's own.
fn unpack(to: &Path) -> bool {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data/ndpi-labelled.tar.xz");
    if !archive.exists() {
        eprintln!("skipped: {} is not there", archive.display());
        return false;
    }
    let done = std::process::Command::new("tar").arg("-xJf").arg(&archive).arg("-C").arg(to).status();
    done.is_ok_and(|status| status.success())
}

#[test]
fn gw_04_host_names_fingerprints_and_kinds_agree_with_the_labels() {
    let folder = tempfile::tempdir().unwrap();
    if !unpack(folder.path()) {
        return;
    }
    let (catalogue, _) = Catalogue::read(STARTER_APPLICATIONS);
    let figures = measure(folder.path(), &catalogue, &mut |_| {}).unwrap();
    for (name, score, floor) in [
        ("host", figures.host, HOST_FLOOR),
        ("ja4", figures.ja4, JA4_FLOOR),
        ("kind", figures.kind, KIND_FLOOR),
    ] {
        assert!(
            score.percent() >= floor,
            "{name}: {:.2} % of {} is below {floor}",
            score.percent(),
            score.of
        );
    }
}

const HOST_FLOOR: f64 = 98.5;
const JA4_FLOOR: f64 = 99.0;
const KIND_FLOOR: f64 = 92.0;

#[test]
fn gw_04_the_built_in_catalogue_is_whole_and_as_large_as_promised() {
    let (catalogue, bad) = Catalogue::read(STARTER_APPLICATIONS);
    assert_eq!(bad, []);
    let (applications, protocols) = catalogue.len();
    assert!(applications >= 200 && protocols >= 80, "{applications} {protocols}");
}
