//! A made-up authenticator, and everything that a stranger could change.

use super::*;
use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};

const EXPECTED: Expected<'_> =
    Expected { challenge: b"0123456789abcdef", origin: "https://portal.example", party: "portal.example" };

fn client(kind: &str, challenge: &[u8], origin: &str) -> Vec<u8> {
    let challenge = URL_SAFE_NO_PAD.encode(challenge);
    format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}","crossOrigin":false,"x":1}}"#)
        .into_bytes()
}

fn head(party: &str, flags: u8, count: u32) -> Vec<u8> {
    let mut data = sha256(party.as_bytes()).to_vec();
    data.push(flags);
    data.extend(count.to_be_bytes());
    data
}

fn cose_es256(point: &[u8]) -> Vec<u8> {
    let mut key = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
    key.extend(&point[1..33]);
    key.extend([0x22, 0x58, 0x20]);
    key.extend(&point[33..]);
    key
}

fn cose_eddsa(public: &[u8]) -> Vec<u8> {
    let mut key = vec![0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20];
    key.extend(public);
    key
}

fn attestation(flags: u8, credential: &[u8], key: &[u8]) -> Vec<u8> {
    let mut data = head("portal.example", flags, 0);
    data.extend([0; 16]);
    data.extend(u16::try_from(credential.len()).unwrap().to_be_bytes());
    data.extend(credential);
    data.extend(key);
    let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".to_vec();
    object.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    object.extend(data);
    object
}

/// Registers `key` and answers once with `sign`.
fn round(key: Vec<u8>, sign: impl Fn(&[u8]) -> Vec<u8>) {
    let create = client("webauthn.create", EXPECTED.challenge, EXPECTED.origin);
    let new = registered(EXPECTED, &create, &attestation(0x45, b"cred", &key)).unwrap();
    assert_eq!((new.credential.as_slice(), &new.public_key), (&b"cred"[..], &key));
    let get = client("webauthn.get", EXPECTED.challenge, EXPECTED.origin);
    let data = head("portal.example", 0x05, 7);
    let mut signed = data.clone();
    signed.extend(sha256(&get));
    let signature = sign(&signed);
    let answer = |count, get: &[u8], data: &[u8], signature: &[u8]| {
        asserted(EXPECTED, &key, count, get, data, signature)
    };
    assert_eq!(answer(6, &get, &data, &signature), Ok(7));
    assert_eq!(answer(7, &get, &data, &signature), Err(Refused::Counter), "copied");
    let mut bad = signature.clone();
    let last = bad.len() - 1;
    bad[last] ^= 1;
    assert_eq!(answer(0, &get, &data, &bad), Err(Refused::Signature));
    let other = head("portal.example", 0x05, 8);
    assert_eq!(answer(0, &get, &other, &signature), Err(Refused::Signature), "other data");
}

#[test]
fn es256_and_eddsa_register_and_answer() {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).unwrap();
    round(cose_es256(pair.public_key().as_ref()), |m| pair.sign(&random, m).unwrap().as_ref().to_vec());
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
    round(cose_eddsa(pair.public_key().as_ref()), |m| pair.sign(m).as_ref().to_vec());
}

#[test]
fn what_does_not_fit_is_refused() {
    let key = cose_eddsa(&[9; 32]);
    let good = client("webauthn.create", EXPECTED.challenge, EXPECTED.origin);
    let attest = attestation(0x45, b"cred", &key);
    assert!(registered(EXPECTED, &good, &attest).is_ok());
    let cases = [
        (client("webauthn.get", EXPECTED.challenge, EXPECTED.origin), Refused::Ceremony),
        (client("webauthn.create", b"other", EXPECTED.origin), Refused::Challenge),
        (client("webauthn.create", EXPECTED.challenge, "https://evil.example"), Refused::Origin),
        (client("webauthn.create", EXPECTED.challenge, "https://portal.example.evil"), Refused::Origin),
        (b"{}".to_vec(), Refused::ClientData),
    ];
    for (bad, why) in cases {
        assert_eq!(registered(EXPECTED, &bad, &attest), Err(why));
    }
    let framed = String::from_utf8(good.clone()).unwrap().replace("false", "true");
    assert_eq!(registered(EXPECTED, framed.as_bytes(), &attest), Err(Refused::Origin), "in a frame");
    let with = |attest: Vec<u8>| registered(EXPECTED, &good, &attest);
    assert_eq!(with(attestation(0x41, b"cred", &key)), Err(Refused::User), "not verified");
    assert_eq!(with(attestation(0x44, b"cred", &key)), Err(Refused::User), "not present");
    assert_eq!(with(attestation(0x05, b"cred", &key)), Err(Refused::AuthenticatorData));
    assert_eq!(with(attestation(0x45, &[1; 1_024], &key)), Err(Refused::AuthenticatorData));
    assert_eq!(with(attestation(0x45, b"", &key)), Err(Refused::AuthenticatorData));
    assert_eq!(with(attestation(0x45, b"cred", &[0xa0])), Err(Refused::Key));
    let mut longer = key.clone();
    longer.push(0);
    assert_eq!(with(attestation(0x45, b"cred", &longer)), Err(Refused::AuthenticatorData), "more behind");
    let elsewhere = Expected { party: "other.example", ..EXPECTED };
    assert_eq!(registered(elsewhere, &good, &attest), Err(Refused::Party));
    let weak = {
        let mut key = vec![0xa4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20, 0x58, 0x80];
        key.extend([7; 128]);
        key.extend([0x21, 0x43, 1, 0, 1]);
        key
    };
    assert_eq!(with(attestation(0x45, b"cred", &weak)), Err(Refused::Key), "RSA of 1024 bits");
}

proptest! {
    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400), cut in 0usize..200) {
        let good = client("webauthn.create", EXPECTED.challenge, EXPECTED.origin);
        let _ = registered(EXPECTED, &good, &bytes);
        let mut short = attestation(0xc5, b"cred", &cose_eddsa(&[9; 32]));
        short.truncate(cut);
        short.extend(&bytes);
        let _ = registered(EXPECTED, &good, &short);
        let _ = asserted(EXPECTED, &bytes, 0, &good, &bytes, &bytes);
    }
}
