//! Mails to the addresses of deliveries: a final failure or none, never a panic, and only for the
//! delivery that the envelope names.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mimamori_notify::bounce::{delivery_of, read};

fuzz_target!(|data: &[u8]| {
    let to = "bounces+018f3a5e-7c1d-7000-8000-000000000001@mail.example.jp";
    if let Some(bounce) = read(to, data) {
        assert_eq!(Some(bounce.delivery), delivery_of(to));
    }
    let _ = read(&String::from_utf8_lossy(data), data);
});
