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
