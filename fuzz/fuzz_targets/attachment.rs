//! Uploads of any name and content: taken or refused; a name that is taken is harmless to headers,
//! pages and file systems.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mimamori_domain::attachment::check;

fuzz_target!(|data: &[u8]| {
    let split = data.iter().position(|b| *b == 0xff).unwrap_or(data.len());
    let (name, bytes) = data.split_at(split);
    let name = String::from_utf8_lossy(name);
    if let Ok((line, _)) = check(&name, bytes.get(1..).unwrap_or_default()) {
        assert!(!line.chars().any(|c| c.is_control() || "/\\\":;<>|?*%".contains(c)), "{line:?}");
        assert!(!line.starts_with('.') && !line.is_empty(), "{line:?}");
    }
});
