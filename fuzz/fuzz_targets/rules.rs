//! Any text as rules: nothing panics, each rule is taken or refused with a place in the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mimamori_rules::{ParseContext, parse_rules};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let set = parse_rules(&text, &ParseContext::default());
    let lines = text.split('\n').count();
    for refusal in &set.refused {
        assert!(refusal.line >= 1 && usize::try_from(refusal.line).unwrap() <= lines);
        assert!(!refusal.reason.is_empty());
    }
});
