//! Batches from a gateway, wild: a batch decodes or is refused; what decodes says the same again when
//! it is written and read once more.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mimamori_report::{Batch, Report};

fuzz_target!(|data: &[u8]| {
    let _ = Batch::decode(data);
    let Ok(report) = serde_json::from_slice::<Report>(data) else { return };
    let text = serde_json::to_vec(&report).expect("a report can be written");
    let again: Report = serde_json::from_slice(&text).expect("and read");
    assert_eq!(serde_json::to_value(&again).ok(), serde_json::to_value(&report).ok());
});
