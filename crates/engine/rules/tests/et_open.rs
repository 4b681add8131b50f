//! The world's largest open rule set loads whole.

use std::io::BufReader;
use std::path::Path;

use mimamori_rules::{ParseContext, parse_rules};

#[test]
fn every_rule_loads() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data/et-open.rules.xz");
    let Ok(file) = std::fs::File::open(&path) else {
        eprintln!("skipped: the data folder with et-open.rules.xz is not here");
        return;
    };
    let mut text = Vec::new();
    lzma_rs::xz_decompress(&mut BufReader::new(file), &mut text).unwrap();
    let set = parse_rules(&String::from_utf8_lossy(&text), &ParseContext::default());
    assert_eq!(set.refused, []);
    assert!(set.rules.len() >= 31_898, "{}", set.rules.len());
}
