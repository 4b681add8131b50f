//! Names that devices give themselves, and hellos of DTLS in pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mimamori_applayer::tls::datagram::{DatagramHello, is_dtls};

fuzz_target!(|bytes: &[u8]| {
    for port in [137, 138, 5353, 5355] {
        if let Some(name) = mimamori_engine::device_name(port, port, bytes) {
            assert!(name.len() <= 63 && !name.chars().any(char::is_control));
        }
    }
    let _ = is_dtls(bytes);
    let mut hello = DatagramHello::default();
    for piece in bytes.chunks(64) {
        let _ = hello.take(piece);
    }
    let _ = DatagramHello::default().take(bytes);
});
