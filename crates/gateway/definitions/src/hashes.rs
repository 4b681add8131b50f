//! Hashes of harmful files with their names: sorted, so that a look-up needs no memory of its
//! own.
//!
//! Layout: magic `MIMAHSH1`; four u64 LE: number of MD5, SHA-1, SHA-256 entries, length of the
//! names; then per algorithm the sorted hashes followed by their name indexes (u32 LE), then the
//! names, each as length (u8) and UTF-8 bytes; an index is the offset of a name.

use std::collections::BTreeMap;
use std::collections::HashMap;

const MAGIC: &[u8; 8] = b"MIMAHSH1";
const HEAD_BYTES: usize = 40;
const ALGORITHM_BYTES: [usize; 3] = [16, 20, 32];
const MAX_NAME_BYTES: usize = 255;

/// A listed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashHit<'a> {
    /// Name or family of what the file is.
    pub name: &'a str,
}

/// A list over the bytes of a part.
#[derive(Clone, Debug)]
pub struct FileHashes<B> {
    bytes: B,
    /// Per algorithm: entries and offset of the hashes.
    tables: [(usize, usize); 3],
    names_at: usize,
}

impl<B: AsRef<[u8]>> FileHashes<B> {
    /// `None`: not such a list, or cut.
    #[must_use]
    pub fn open(bytes: B) -> Option<Self> {
        let b = bytes.as_ref();
        if b.get(..8)? != MAGIC {
            return None;
        }
        let number =
            |at: usize| usize::try_from(u64::from_le_bytes(b.get(at..at + 8)?.try_into().ok()?)).ok();
        let mut tables = [(0, 0); 3];
        let mut at = HEAD_BYTES;
        for (index, (table, width)) in tables.iter_mut().zip(ALGORITHM_BYTES).enumerate() {
            let entries = number(8 + 8 * index)?;
            *table = (entries, at);
            at = at.checked_add(entries.checked_mul(width + 4)?)?;
        }
        let names = number(32)?;
        (at.checked_add(names)? == b.len()).then_some(())?;
        Some(FileHashes { bytes, tables, names_at: at })
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.tables.iter().map(|(n, _)| n).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[must_use]
    pub fn md5(&self, hash: &[u8; 16]) -> Option<HashHit<'_>> {
        self.find(0, hash)
    }

    #[must_use]
    pub fn sha1(&self, hash: &[u8; 20]) -> Option<HashHit<'_>> {
        self.find(1, hash)
    }

    #[must_use]
    pub fn sha256(&self, hash: &[u8; 32]) -> Option<HashHit<'_>> {
        self.find(2, hash)
    }

    fn find(&self, algorithm: usize, wanted: &[u8]) -> Option<HashHit<'_>> {
        let b = self.bytes.as_ref();
        let (entries, at) = *self.tables.get(algorithm)?;
        let width = wanted.len();
        let (mut low, mut high) = (0, entries);
        while low < high {
            let middle = low + (high - low) / 2;
            let start = at + middle * width;
            match b.get(start..start + width)?.cmp(wanted) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => {
                    let index = at + entries * width + middle * 4;
                    let name = u32::from_le_bytes(b.get(index..index + 4)?.try_into().ok()?);
                    return Some(HashHit { name: self.name(name)? });
                }
            }
        }
        None
    }

    fn name(&self, offset: u32) -> Option<&str> {
        let at = self.names_at.checked_add(usize::try_from(offset).ok()?)?;
        let b = self.bytes.as_ref();
        let length = usize::from(*b.get(at)?);
        std::str::from_utf8(b.get(at + 1..at + 1 + length)?).ok()
    }
}

/// Collects hashes; of two names for one hash the first stays.
#[derive(Debug, Default)]
pub struct FileHashesBuilder {
    md5: BTreeMap<[u8; 16], u32>,
    sha1: BTreeMap<[u8; 20], u32>,
    sha256: BTreeMap<[u8; 32], u32>,
    names: Vec<u8>,
    known: HashMap<String, u32>,
}

impl FileHashesBuilder {
    /// Adds a hash in hexadecimal digits; the length says which. `false`: no such hash.
    pub fn add(&mut self, hash: &str, name: &str) -> bool {
        use crate::key::unhex;
        match hash.len() {
            32 => unhex(hash)
                .map(|h| (self.name(name), h))
                .map(|(n, h)| self.md5.entry(h).or_insert(n))
                .is_some(),
            40 => unhex(hash)
                .map(|h| (self.name(name), h))
                .map(|(n, h)| self.sha1.entry(h).or_insert(n))
                .is_some(),
            64 => unhex(hash)
                .map(|h| (self.name(name), h))
                .map(|(n, h)| self.sha256.entry(h).or_insert(n))
                .is_some(),
            _ => false,
        }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.md5.len() + self.sha1.len() + self.sha256.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        for n in [self.md5.len(), self.sha1.len(), self.sha256.len(), self.names.len()] {
            out.extend_from_slice(&(n as u64).to_le_bytes());
        }
        append(&mut out, &self.md5);
        append(&mut out, &self.sha1);
        append(&mut out, &self.sha256);
        out.extend_from_slice(&self.names);
        out
    }

    fn name(&mut self, name: &str) -> u32 {
        let mut end = name.len().min(MAX_NAME_BYTES);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        let name = name.get(..end).unwrap_or_default();
        if let Some(at) = self.known.get(name) {
            return *at;
        }
        let at = u32::try_from(self.names.len()).unwrap_or(0);
        self.names.push(u8::try_from(name.len()).unwrap_or(0));
        self.names.extend_from_slice(name.as_bytes());
        self.known.insert(name.to_owned(), at);
        at
    }
}

fn append<const N: usize>(out: &mut Vec<u8>, table: &BTreeMap<[u8; N], u32>) {
    for hash in table.keys() {
        out.extend_from_slice(hash);
    }
    for name in table.values() {
        out.extend_from_slice(&name.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_hashes_are_found_under_their_names() {
        let mut b = FileHashesBuilder::default();
        assert!(b.add("44d88612fea8a8f36de82e1278abb02f", "EICAR"));
        assert!(b.add("3395856CE81F2B7382DEE72602F798B642F14140", "EICAR"));
        assert!(b.add(&"ab".repeat(32), "Other"));
        assert!(!b.add("44d88612fea8a8f36de82e1278abb0", "short"));
        assert!(!b.add(&"xy".repeat(16), "no digits"));
        let list = FileHashes::open(b.build()).unwrap();
        assert_eq!(list.len(), 3);
        let eicar = crate::key::unhex("44d88612fea8a8f36de82e1278abb02f").unwrap();
        assert_eq!(list.md5(&eicar), Some(HashHit { name: "EICAR" }));
        assert_eq!(list.sha256(&[0xab; 32]), Some(HashHit { name: "Other" }));
        assert_eq!(list.sha256(&[0xac; 32]), None);
        let sha1 = crate::key::unhex("3395856ce81f2b7382dee72602f798b642f14140").unwrap();
        assert_eq!(list.sha1(&sha1), Some(HashHit { name: "EICAR" }));
    }

    #[test]
    fn cut_or_foreign_bytes_are_no_list() {
        let mut b = FileHashesBuilder::default();
        b.add(&"ab".repeat(16), "x");
        let bytes = b.build();
        for end in 0..bytes.len() {
            assert!(FileHashes::open(&bytes[..end]).is_none(), "{end}");
        }
        assert!(FileHashes::open(&bytes).is_some());
    }
}
