//! Rating policies as an operator may hand them in: read or refused with lines that exist, never a
//! panic; the same text is read the same twice.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mimamori_domain::policy::Policy;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let once = Policy::parse(&text);
    if let Err(errors) = &once {
        let lines = text.lines().count().max(1);
        assert!(!errors.0.is_empty());
        assert!(errors.0.iter().all(|e| (1..=lines + 1).contains(&e.line)), "{errors:?} of {lines}");
    }
    assert_eq!(once.is_ok(), Policy::parse(&text).is_ok());
});
