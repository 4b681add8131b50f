//! Section D, QUIC: hellos that come in pieces, out of order, after a retry, in version 2.

use ring::aead::quic::{AES_128, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

use crate::frame::{Ip4, datagram};
use crate::office::Office;
use crate::tls::{handshake, hello, sni};

const RULES: &str = "alert quic any any -> any any (quic.sni; content:\"bad.example\"; sid:1;)";

const V1: u32 = 1;
const V2: u32 = 0x6b33_43cf;

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand(secret: &Prk, label: &str, bytes: usize) -> Vec<u8> {
    let label = format!("tls13 {label}");
    let info = [
        &[0, u8::try_from(bytes).expect("short"), u8::try_from(label.len()).expect("short")][..],
        label.as_bytes(),
        &[0],
    ]
    .concat();
    let mut out = vec![0; bytes];
    secret.expand(&[&info], Length(bytes)).expect("a length").fill(&mut out).expect("a length");
    out
}

/// An Initial packet of the client with `frames`, padded as the standard asks.
fn initial(version: u32, id: &[u8], token: &[u8], number: u16, frames: &[u8]) -> Vec<u8> {
    let salt: [u8; 20] = if version == V2 {
        *b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9"
    } else {
        *b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a"
    };
    let secret = Salt::new(HKDF_SHA256, &salt).extract(id);
    let client = Prk::new_less_safe(HKDF_SHA256, &expand(&secret, "client in", 32));
    let name = if version == V2 { "quicv2" } else { "quic" };
    let key = expand(&client, &format!("{name} key"), 16);
    let mut nonce: [u8; 12] = expand(&client, &format!("{name} iv"), 12).try_into().expect("twelve");
    let mask_key = expand(&client, &format!("{name} hp"), 16);

    let mut plain = frames.to_vec();
    plain.resize(plain.len().max(1_100), 0);
    let kind = if version == V2 { 0xd1 } else { 0xc1 };
    let mut packet = vec![kind];
    packet.extend(version.to_be_bytes());
    packet.push(u8::try_from(id.len()).expect("short"));
    packet.extend(id);
    packet.push(0);
    packet.push(u8::try_from(token.len()).expect("short"));
    packet.extend(token);
    let length = u16::try_from(2 + plain.len() + 16).expect("short") | 0x4000;
    packet.extend(length.to_be_bytes());
    let at = packet.len();
    packet.extend(number.to_be_bytes());
    for (byte, own) in nonce[10..].iter_mut().zip(number.to_be_bytes()) {
        *byte ^= own;
    }
    let sealing = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).expect("a key"));
    let nonce = Nonce::assume_unique_for_key(nonce);
    sealing.seal_in_place_append_tag(nonce, Aad::from(&packet), &mut plain).expect("sealed");
    packet.extend(plain);
    let sample: Vec<u8> = packet[at + 4..at + 20].to_vec();
    let mask =
        HeaderProtectionKey::new(&AES_128, &mask_key).expect("a key").new_mask(&sample).expect("a sample");
    packet[0] ^= mask[0] & 15;
    packet[at] ^= mask[1];
    packet[at + 1] ^= mask[2];
    packet
}

fn crypto(offset: usize, bytes: &[u8]) -> Vec<u8> {
    let number = |n: usize| (u16::try_from(n).expect("short") | 0x4000).to_be_bytes();
    [&[6][..], &number(offset), &number(bytes.len()), bytes].concat()
}

fn message() -> Vec<u8> {
    handshake(1, &hello(&[sni(b"bad.example")]))
}

fn seen(datagrams: &[Vec<u8>]) -> Vec<u32> {
    let mut office = Office::new(RULES);
    for bytes in datagrams {
        office.frame(true, &Ip4::default().frame(17, true, &datagram(true, 40_000, 443, bytes)));
    }
    office.finish();
    office.alerts()
}

#[test]
fn a_hello_in_one_packet_of_each_version() {
    for version in [V1, V2] {
        assert_eq!(seen(&[initial(version, b"12345678", b"", 0, &crypto(0, &message()))]), [1], "{version}");
    }
}

#[test]
fn a_hello_in_pieces_out_of_order() {
    let message = message();
    for size in [7, 20, 40] {
        let mut pieces: Vec<(usize, &[u8])> = message.chunks(size).enumerate().collect();
        pieces.reverse();
        // In one packet, with pings and padding between, and in a packet each.
        let frames: Vec<u8> = pieces
            .iter()
            .flat_map(|(n, piece)| [&[1, 0, 0][..], &crypto(n * size, piece)].concat())
            .collect();
        assert_eq!(seen(&[initial(V1, b"12345678", b"", 0, &frames)]), [1], "one packet, {size}");
        let each: Vec<Vec<u8>> = pieces
            .iter()
            .zip(0u16..)
            .map(|((n, piece), number)| initial(V1, b"12345678", b"", number, &crypto(n * size, piece)))
            .collect();
        assert_eq!(seen(&each), [1], "a packet each, {size}");
    }
}

#[test]
fn a_hello_after_a_retry() {
    let retry = [&[0xf0, 0, 0, 0, 1, 0, 8][..], b"87654321", b"token", &[0; 16]].concat();
    let first = initial(V1, b"12345678", b"", 0, &crypto(0, &message()[..20]));
    let second = initial(V1, b"87654321", b"token", 1, &crypto(0, &message()));
    let mut office = Office::new(RULES);
    let send = |office: &mut Office, from_client: bool, bytes: &[u8]| {
        let bytes = datagram(from_client, 40_000, 443, bytes);
        office.frame(from_client, &Ip4::default().frame(17, from_client, &bytes));
    };
    send(&mut office, true, &first);
    send(&mut office, false, &retry);
    send(&mut office, true, &second);
    office.finish();
    assert_eq!(office.alerts(), [1]);
}

#[test]
fn far_and_false_pieces_cost_nothing() {
    let mut datagrams = Vec::new();
    for n in 0..300u16 {
        let far = usize::from(n) * 50 % 16_000;
        datagrams.push(initial(V1, b"12345678", b"", n, &crypto(far + 300, b"x")));
    }
    datagrams.push(vec![0xc1; 1_200]);
    let mut cut = initial(V1, b"12345678", b"", 9, &crypto(0, &message()));
    cut.truncate(600);
    datagrams.push(cut);
    assert!(seen(&datagrams).is_empty());
}
