//! What browsers send of a passkey: CBOR and keys of any bytes, and an answer that fits but for the
//! authenticator's part. Nothing is believed without the user's presence.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mimamori_service::webauthn::{Expected, PublicKey, asserted, cbor, registered};

const CREATE: &[u8] =
    br#"{"type":"webauthn.create","challenge":"AAAA","origin":"https://portal.example.jp"}"#;
const GET: &[u8] = br#"{"type":"webauthn.get","challenge":"AAAA","origin":"https://portal.example.jp"}"#;

fuzz_target!(|data: &[u8]| {
    if let Some((_, rest)) = cbor::read(data) {
        assert!(data.ends_with(rest));
    }
    if let Some((key, rest)) = PublicKey::read(data) {
        assert!(!key.verifies(b"message", rest));
    }
    let expected =
        Expected { challenge: &[0; 3], origin: "https://portal.example.jp", party: "portal.example.jp" };
    if let Ok(new) = registered(expected, CREATE, data) {
        assert!(!new.credential.is_empty() && PublicKey::read(&new.public_key).is_some());
    }
    let (key, rest) = data.split_at(data.len() / 2);
    let (authenticator, signature) = rest.split_at(rest.len().min(37));
    let _ = asserted(expected, key, 0, GET, authenticator, signature);
    let _ = asserted(expected, key, 0, data, authenticator, signature);
});
