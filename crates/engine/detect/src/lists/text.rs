//! The lines of list files, and values as tables hold them.
//!
//! Holds always: no bytes make a reader panic; what is wrong is said with its line.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mimamori_rules::{DatasetType, HashKind};

use super::{Ratings, Values};

/// A line that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {reason}")]
pub(crate) struct BadListLine {
    /// 1-based.
    pub line: usize,
    pub reason: &'static str,
}

/// Lines with something on them, and their numbers. `#` begins a comment line.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &str)> {
    text.split(|b| *b == b'\n')
        .enumerate()
        // Bytes that are no text fit no kind of value and are told as such.
        .map(|(i, l)| (i + 1, std::str::from_utf8(l).unwrap_or("\u{fffd}").trim()))
        .filter(|(_, l)| !l.is_empty() && !l.starts_with('#'))
}

/// One digest a line, in hexadecimal; what follows it (a file's name) is not looked at.
pub(crate) fn hashes(text: &[u8], kind: HashKind) -> Result<Values, BadListLine> {
    let bytes = match kind {
        HashKind::Md5 => 16,
        HashKind::Sha1 => 20,
        HashKind::Sha256 => 32,
    };
    lines(text)
        .map(|(line, l)| {
            let word = l.split_whitespace().next().unwrap_or("");
            hex(word, bytes).ok_or(BadListLine { line, reason: "not a digest of this kind" })
        })
        .collect()
}

/// One value a line, written as the kind of set wants it.
pub(crate) fn values(text: &[u8], kind: DatasetType) -> Result<Values, BadListLine> {
    lines(text).map(|(line, l)| value(l, kind).ok_or(BadListLine { line, reason: wanted(kind) })).collect()
}

/// `value,reputation` a line.
pub(crate) fn ratings(text: &[u8], kind: DatasetType) -> Result<Ratings, BadListLine> {
    lines(text)
        .map(|(line, l)| {
            let no_pair = BadListLine { line, reason: "expected `value,reputation`" };
            let (v, reputation) = l.rsplit_once(',').ok_or(no_pair.clone())?;
            let reputation = reputation.trim().parse().map_err(|_| no_pair)?;
            let v = value(v.trim(), kind).ok_or(BadListLine { line, reason: wanted(kind) })?;
            Ok((v, reputation))
        })
        .collect()
}

fn wanted(kind: DatasetType) -> &'static str {
    match kind {
        DatasetType::String => "not base64",
        DatasetType::Md5 | DatasetType::Sha256 => "not a digest of this kind",
        DatasetType::Ipv4 => "not an IPv4 address",
        DatasetType::Ip => "not an address",
    }
}

fn value(text: &str, kind: DatasetType) -> Option<Box<[u8]>> {
    match kind {
        DatasetType::String => STANDARD.decode(text).ok().map(Into::into),
        DatasetType::Md5 => hex(text, 16),
        DatasetType::Sha256 => hex(text, 32),
        DatasetType::Ipv4 => match text.parse().ok()? {
            IpAddr::V4(a) => Some(a.octets().into()),
            IpAddr::V6(_) => None,
        },
        DatasetType::Ip => Some(address(text.parse().ok()?)),
    }
}

fn address(ip: IpAddr) -> Box<[u8]> {
    match ip.to_canonical() {
        IpAddr::V4(a) => a.octets().into(),
        IpAddr::V6(a) => a.octets().into(),
    }
}

/// What a set of `kind` holds for `buffer`; `None`: nothing of that kind.
pub(crate) fn dataset_key(kind: DatasetType, buffer: &[u8]) -> Option<&[u8]> {
    const MAPPED: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
    match (kind, buffer.len()) {
        (DatasetType::String, n) if n > 0 => Some(buffer),
        (DatasetType::Md5, 16)
        | (DatasetType::Sha256, 32)
        | (DatasetType::Ipv4, 4)
        | (DatasetType::Ip, 4) => Some(buffer),
        (DatasetType::Ip, 16) => Some(buffer.strip_prefix(&MAPPED).unwrap_or(buffer)),
        _ => None,
    }
}

/// A value as a line of a file.
pub(crate) fn dataset_line(kind: DatasetType, value: &[u8]) -> String {
    let as_address = || match value.len() {
        4 => <[u8; 4]>::try_from(value).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(value).ok().map(IpAddr::from),
    };
    match kind {
        DatasetType::String => STANDARD.encode(value),
        DatasetType::Md5 | DatasetType::Sha256 => value.iter().map(|b| format!("{b:02x}")).collect(),
        DatasetType::Ipv4 | DatasetType::Ip => as_address().map(|a| a.to_string()).unwrap_or_default(),
    }
}

fn hex(text: &str, bytes: usize) -> Option<Box<[u8]>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits.filter(|d| d.len() == bytes * 2)?;
    Some(digits.chunks(2).map(|pair| pair.iter().fold(0u8, |all, d| all << 4 | d)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_each_kind() {
        let md5 = "900150983cd24fb0d6963f7d28e17f72";
        let have = hashes(format!("# c\n\n{md5}  abc.txt\r\n").as_bytes(), HashKind::Md5).unwrap();
        assert!(have.len() == 1 && have.iter().all(|h| h.len() == 16 && h.starts_with(&[0x90, 1, 0x50])));
        assert_eq!(hashes(md5.as_bytes(), HashKind::Sha256).unwrap_err().line, 1);
        let strings = values(b"Z29vZ2xl\nYWJj\n", DatasetType::String).unwrap();
        assert!(strings.contains(&b"google"[..]) && strings.contains(&b"abc"[..]));
        assert_eq!(values(b"Z29vZ2xl\n***\n", DatasetType::String).unwrap_err().line, 2);
        let ips = values(b"10.0.0.1\n::ffff:10.0.0.2\n2001:db8::1", DatasetType::Ip).unwrap();
        assert!(ips.contains(&[10, 0, 0, 2][..]) && ips.len() == 3);
        assert!(values(b"2001:db8::1", DatasetType::Ipv4).is_err());
        assert_eq!(ratings(b"YWJj,7", DatasetType::String).unwrap().get(&b"abc"[..]), Some(&7));
        assert!(ratings(b"YWJj", DatasetType::String).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in prop::collection::vec(any::<u8>(), 0..200)) {
            for kind in [DatasetType::String, DatasetType::Md5, DatasetType::Ipv4, DatasetType::Ip] {
                let _ = values(&text, kind);
                let _ = ratings(&text, kind);
            }
            let _ = hashes(&text, HashKind::Sha1);
        }

        #[test]
        fn a_written_line_reads_back(value in prop::collection::vec(any::<u8>(), 1..40)) {
            let line = dataset_line(DatasetType::String, &value);
            let back = values(line.as_bytes(), DatasetType::String).unwrap();
            prop_assert!(back.contains(&value[..]));
        }
    }
}
