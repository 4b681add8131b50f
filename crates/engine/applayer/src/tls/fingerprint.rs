//! Fingerprints of hellos: JA3, JA3S and JA4 (only JA4 itself of its family).

use md5::Md5;
use sha2::{Digest, Sha256};

use crate::text::hex;
use crate::tls::hello::{ClientHello, ServerHello, is_grease};

/// A JA3 or JA3S fingerprint.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ja3 {
    pub string: String,
    pub hash: String,
}

fn joined<N: ToString>(values: impl Iterator<Item = N>) -> String {
    values.map(|v| v.to_string()).collect::<Vec<_>>().join("-")
}

fn without_grease(values: &[u16]) -> impl Iterator<Item = u16> + '_ {
    values.iter().copied().filter(|v| !is_grease(*v))
}

fn ja3_of(string: String) -> Ja3 {
    let hash = hex(&Md5::digest(string.as_bytes()));
    Ja3 { string, hash }
}

#[must_use]
pub fn ja3(hello: &ClientHello) -> Ja3 {
    ja3_of(format!(
        "{},{},{},{},{}",
        hello.version,
        joined(without_grease(&hello.ciphers)),
        joined(without_grease(&hello.extensions)),
        joined(without_grease(&hello.groups)),
        joined(hello.point_formats.iter())
    ))
}

#[must_use]
pub fn ja3s(hello: &ServerHello) -> Ja3 {
    ja3_of(format!("{},{},{}", hello.legacy_version, hello.cipher, joined(without_grease(&hello.extensions))))
}

/// What carries a hello: the first letter of its JA4.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Carrier {
    Tcp,
    Quic,
    Datagrams,
}

/// JA4 of a hello carried by TCP (`quic` false) or QUIC, as the reference writes it.
#[must_use]
pub fn ja4(hello: &ClientHello, quic: bool) -> String {
    ja4_written(hello, if quic { Carrier::Quic } else { Carrier::Tcp }, true)
}

/// JA4 by its own definition.
#[must_use]
pub fn ja4_as_defined(hello: &ClientHello, carrier: Carrier) -> String {
    ja4_written(hello, carrier, false)
}

/// JA4 as nDPI writes it, for comparing with lists made by it. It differs from the definition in
/// the letter for the name (`i` only where the SNI is an address), in the protocol's characters
/// (the first two of the first one offered), in the version of DTLS, and in a hello without
/// extensions.
#[must_use]
pub fn ja4_as_ndpi(hello: &ClientHello, carrier: Carrier) -> String {
    let defined = ja4_as_defined(hello, carrier);
    let is_address =
        |name: &[u8]| std::str::from_utf8(name).is_ok_and(|t| t.parse::<std::net::IpAddr>().is_ok());
    let named = if hello.sni.as_deref().is_some_and(is_address) { 'i' } else { 'd' };
    let version = match (carrier, hello.version) {
        (Carrier::Datagrams, 0xfeff) => "d1",
        (Carrier::Datagrams, _) => "d2",
        _ => ja4_version(hello),
    };
    let first = hello.alpn.first().map_or(&[][..], Vec::as_slice);
    let protocol: String = match first {
        [] => "00".to_owned(),
        [a, _] if hello.alpn.len() == 1 => format!("{}0", char::from(*a)),
        [a] => format!("{}0", char::from(*a)),
        [a, b, ..] => [char::from(*a), char::from(*b)].iter().collect(),
    };
    let letter = defined.get(..1).unwrap_or_default();
    let counts = defined.get(4..8).unwrap_or_default();
    let mut hashes = defined.split('_').skip(1);
    let (ciphers, rest) = (hashes.next().unwrap_or_default(), hashes.next().unwrap_or_default());
    let extensions = hello.extensions.iter().any(|e| !is_grease(*e) && *e != 0 && *e != 16);
    let rest = if extensions || !hello.signature_algorithms.is_empty() { rest } else { "e3b0c44298fc" };
    format!("{letter}{version}{named}{counts}{protocol}_{ciphers}_{rest}")
}

fn ja4_written(hello: &ClientHello, carrier: Carrier, as_reference: bool) -> String {
    let ciphers: Vec<u16> = without_grease(&hello.ciphers).collect();
    let extensions: Vec<u16> = without_grease(&hello.extensions).collect();
    let first = format!(
        "{}{}{}{:02}{:02}{}",
        match carrier {
            Carrier::Tcp => 't',
            Carrier::Quic => 'q',
            Carrier::Datagrams => 'd',
        },
        ja4_version(hello),
        if hello.extensions.contains(&0) { 'd' } else { 'i' },
        ciphers.len().min(99),
        extensions.len().min(99),
        ja4_alpn(hello.alpn.first().map_or(&[], Vec::as_slice))
    );
    let mut sorted = ciphers;
    sorted.sort_unstable();
    let second = ja4_hash(&sorted, None, as_reference);
    let mut sorted: Vec<u16> = extensions.into_iter().filter(|e| *e != 0 && *e != 16).collect();
    sorted.sort_unstable();
    let third = ja4_hash(&sorted, Some(&hello.signature_algorithms), as_reference);
    format!("{first}_{second}_{third}")
}

fn ja4_version(hello: &ClientHello) -> &'static str {
    let highest = without_grease(&hello.supported_versions).max().unwrap_or(hello.version);
    match highest {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 | 0x0200 => "s2",
        0xfeff => "d1",
        0xfefd => "d2",
        0xfefc => "d3",
        _ => "00",
    }
}

/// First and last character of the first protocol offered; hexadecimal digits where it is
/// not alphanumeric.
fn ja4_alpn(name: &[u8]) -> String {
    let (Some(first), Some(last)) = (name.first(), name.last()) else { return "00".to_owned() };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(*first), char::from(*last)].iter().collect();
    }
    let digits = hex(name);
    let ends = [digits.chars().next(), digits.chars().next_back()];
    ends.into_iter().flatten().collect()
}

fn hex_list(values: impl Iterator<Item = u16>) -> String {
    values.map(|v| format!("{v:04x}")).collect::<Vec<_>>().join(",")
}

fn ja4_hash(values: &[u16], signature_algorithms: Option<&[u16]>, as_reference: bool) -> String {
    if values.is_empty() {
        return "000000000000".to_owned();
    }
    let mut text = hex_list(values.iter().copied());
    if let Some(algorithms) = signature_algorithms.filter(|a| as_reference || !a.is_empty()) {
        // The underscore also where there are none, as the reference has it; the definition of
        // JA4 leaves it out then.
        text.push('_');
        text.push_str(&hex_list(without_grease(algorithms)));
    }
    hex(Sha256::digest(text.as_bytes()).get(..6).unwrap_or_default())
}
