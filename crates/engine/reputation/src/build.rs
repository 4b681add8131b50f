//! Building a table: entries become hashes, values become small numbers.

use std::collections::HashMap;

use crate::host::Host;
use crate::indicator::{Indicator, masked};
use crate::table::{HEAD_BYTES, MAGIC, Tag, ValueId, hash, key_octets};

/// Different values that one table can hold. Values beyond it become the last one.
pub const MAX_VALUES: usize = 65_000;
/// Entries of one slot of the radix index, about.
const ENTRIES_A_SLOT: usize = 8;

/// What becomes of several values for one entry.
#[derive(Clone, Copy, Debug)]
pub enum Several {
    /// The one of least rank stays; of equal ranks the one first given to
    /// [`TableBuilder::value`].
    Least(fn(&str) -> u8),
    /// Their texts are joined with commas, each once, in order.
    Join,
}

/// Collects entries; [`TableBuilder::finish`] gives the bytes for a table.
#[derive(Debug)]
pub struct TableBuilder {
    key: (u64, u64),
    flags: u32,
    prefixes: [u64; 3],
    entries: Vec<(u64, ValueId)>,
    values: Vec<String>,
    known: HashMap<String, ValueId>,
}

impl TableBuilder {
    /// `key` seeds the hash: random, fresh for every table.
    #[must_use]
    pub fn new(key: (u64, u64)) -> Self {
        TableBuilder {
            key,
            flags: 0,
            prefixes: [0; 3],
            entries: Vec::new(),
            values: Vec::new(),
            known: HashMap::new(),
        }
    }

    /// The number of a value; the same text has the same number.
    pub fn value(&mut self, text: &str) -> ValueId {
        if let Some(id) = self.known.get(text) {
            return *id;
        }
        if self.values.len() >= MAX_VALUES {
            return ValueId::try_from(MAX_VALUES - 1).unwrap_or(ValueId::MAX);
        }
        let id = ValueId::try_from(self.values.len()).unwrap_or(ValueId::MAX);
        self.values.push(text.to_owned());
        self.known.insert(text.to_owned(), id);
        id
    }

    /// Entries given so far, equal ones counted again.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn insert(&mut self, indicator: &Indicator, value: ValueId) {
        match indicator {
            Indicator::Domain { name, subdomains: true, port: None } => {
                self.push(Tag::Suffix, &[name.as_bytes()], value);
            }
            Indicator::Domain { name, subdomains: false, port: None } => {
                self.push(Tag::Exact, &[name.as_bytes()], value);
            }
            Indicator::Domain { name, subdomains, port: Some(port) } => {
                let tag = if *subdomains { Tag::SuffixPort } else { Tag::ExactPort };
                self.push(tag, &[&port.to_be_bytes(), name.as_bytes()], value);
            }
            Indicator::Address { ip, port: None } => self.push(Tag::Address, &[&key_octets(*ip)], value),
            Indicator::Address { ip, port: Some(port) } => {
                self.push(Tag::AddressPort, &[&key_octets(*ip), &port.to_be_bytes()], value);
            }
            Indicator::Network { ip, bits } => {
                let length = if ip.is_ipv4() { 96 + bits.min(&32) } else { *bits };
                if let Some(word) = self.prefixes.get_mut(usize::from(length / 64)) {
                    *word |= 1 << (length % 64);
                }
                self.push(Tag::Network, &[&[length], &key_octets(masked(*ip, *bits))], value);
            }
            Indicator::Url { host, port, target } => {
                let octets;
                let host = match host {
                    Host::Name(name) => name.as_bytes(),
                    Host::Address(ip) => {
                        octets = key_octets(*ip);
                        &octets
                    }
                };
                let port = port.unwrap_or(0).to_be_bytes();
                match &target.query {
                    Some(query) => {
                        self.push(Tag::UrlQuery, &[&port, host, &target.path, b"?", query], value);
                    }
                    None => self.push(Tag::UrlPath, &[&port, host, &target.path], value),
                }
            }
        }
    }

    /// Lets the host of a listed URL count where the path cannot be seen (TLS, QUIC, DNS).
    pub fn insert_url_host(&mut self, host: &Host, value: ValueId) {
        if let Host::Name(name) = host {
            self.push(Tag::UrlHost, &[name.as_bytes()], value);
        }
    }

    fn push(&mut self, tag: Tag, key: &[&[u8]], value: ValueId) {
        self.flags |= 1 << tag as u8;
        self.entries.push((hash(self.key, tag, key), value));
    }

    /// The bytes of the table.
    #[must_use]
    pub fn finish(mut self, several: Several) -> Vec<u8> {
        match several {
            Several::Join => {
                self.entries.sort_unstable();
                self.entries.dedup();
                self.join();
            }
            Several::Least(rank) => {
                let ranks: Vec<u8> = self.values.iter().map(|v| rank(v)).collect();
                let rank = |v: ValueId| ranks.get(usize::from(v)).copied().unwrap_or(u8::MAX);
                self.entries.sort_unstable_by_key(|(h, v)| (*h, rank(*v), *v));
            }
        }
        self.entries.dedup_by_key(|(h, _)| *h);
        let slots = (self.entries.len() / ENTRIES_A_SLOT).max(1);
        self.encode(slots.ilog2())
    }

    fn join(&mut self) {
        let entries = std::mem::take(&mut self.entries);
        let mut known: HashMap<Vec<ValueId>, ValueId> = HashMap::new();
        let mut joined = Vec::with_capacity(entries.len());
        for group in entries.chunk_by(|a, b| a.0 == b.0) {
            let Some(&(hash, first)) = group.first() else { continue };
            let id = if group.len() == 1 {
                first
            } else {
                let ids: Vec<ValueId> = group.iter().map(|(_, v)| *v).collect();
                match known.get(&ids) {
                    Some(id) => *id,
                    None => {
                        let texts: Vec<&str> = ids
                            .iter()
                            .filter_map(|i| self.values.get(usize::from(*i)).map(String::as_str))
                            .collect();
                        let id = self.value(&texts.join(","));
                        known.insert(ids, id);
                        id
                    }
                }
            };
            joined.push((hash, id));
        }
        self.entries = joined;
    }

    fn encode(&self, bits: u32) -> Vec<u8> {
        let texts: usize = self.values.iter().map(String::len).sum();
        let radix = (1usize << bits) + 1;
        let total = HEAD_BYTES + radix * 4 + self.entries.len() * 10 + self.values.len() * 4 + texts;
        let mut out = Vec::with_capacity(total);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&self.flags.to_le_bytes());
        out.extend_from_slice(&bits.to_le_bytes());
        out.extend_from_slice(&self.key.0.to_le_bytes());
        out.extend_from_slice(&self.key.1.to_le_bytes());
        out.extend_from_slice(&(self.entries.len() as u64).to_le_bytes());
        out.extend_from_slice(&u32::try_from(self.values.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(&u32::try_from(texts).unwrap_or(u32::MAX).to_le_bytes());
        for word in self.prefixes {
            out.extend_from_slice(&word.to_le_bytes());
        }
        let mut at = 0;
        for slot in 0..radix {
            while self
                .entries
                .get(at)
                .is_some_and(|(h, _)| h.checked_shr(64 - bits).unwrap_or(0) < slot as u64)
            {
                at += 1;
            }
            out.extend_from_slice(&u32::try_from(at).unwrap_or(u32::MAX).to_le_bytes());
        }
        for (hash, _) in &self.entries {
            out.extend_from_slice(&hash.to_le_bytes());
        }
        for (_, value) in &self.entries {
            out.extend_from_slice(&value.to_le_bytes());
        }
        let mut end = 0u32;
        for value in &self.values {
            end = end.saturating_add(u32::try_from(value.len()).unwrap_or(u32::MAX));
            out.extend_from_slice(&end.to_le_bytes());
        }
        for value in &self.values {
            out.extend_from_slice(value.as_bytes());
        }
        out
    }
}
