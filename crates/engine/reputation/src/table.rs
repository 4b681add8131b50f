//! The table: sorted keyed hashes of entries with a small value each, looked up in place.
//!
//! Holds always: any bytes may be opened and looked up without a panic; a look-up touches one
//! slot of the radix index and one short run of hashes. An entry is kept as 64 bits of SipHash
//! under a key drawn at build time; with five million entries a name that is not listed is taken
//! for one once in 3.7 · 10¹² look-ups, and nobody without the key can prepare such a name.
//!
//! Layout (little-endian): magic `MIMANAM1`; u32 flags (kinds of entries in use), u32 radix
//! bits; u64 × 2 key; u64 entries; u32 values, u32 length of their texts; u64 × 3 prefix lengths
//! in use; then the radix index (u32 each), hashes (u64), value of each (u16), ends of the
//! values' texts (u32), the texts.

use std::hash::Hasher;
use std::net::IpAddr;

use siphasher::sip::SipHasher13;

use crate::host::{Host, Name, canonical};
use crate::indicator::masked;
use crate::path::Target;
use crate::probe::{Probes, Run, Tagged};

pub(crate) const MAGIC: &[u8; 8] = b"MIMANAM1";
pub(crate) const HEAD_BYTES: usize = 72;

/// Labels of a host name that are looked at, from the right. Deeper sub-domains than this do
/// not exist in practice; the last `MAX_LABELS` labels still decide.
pub const MAX_LABELS: usize = 24;
/// Entries that are looked through one after the other.
const RUN_ENTRIES: usize = 32;
/// Segments of a path that are looked at, from the left; the whole path always is.
const MAX_SEGMENTS: usize = 16;

/// What kind of key a hash stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Tag {
    Suffix = 0,
    Exact = 1,
    SuffixPort = 2,
    ExactPort = 3,
    Address = 4,
    AddressPort = 5,
    Network = 6,
    UrlPath = 7,
    UrlQuery = 8,
    /// The host of a listed URL, for where the path cannot be seen.
    UrlHost = 9,
}

/// Where a host was seen, which decides what can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// In HTTP, with its path: the path decides over URL entries.
    WithPath,
    /// In TLS, QUIC or DNS: hosts of listed URLs count.
    NameOnly,
}

/// A table over bytes that someone else holds.
#[derive(Clone, Debug)]
pub struct Table<B> {
    bytes: B,
    flags: u32,
    shift: u32,
    key: (u64, u64),
    entries: usize,
    prefixes: [u64; 3],
    radix_at: usize,
    hashes_at: usize,
    values_at: usize,
    ends_at: usize,
    values: usize,
    texts_at: usize,
}

/// Number of a value in its table.
pub type ValueId = u16;

impl<B: AsRef<[u8]>> Table<B> {
    /// `None`: not a table, or cut.
    #[must_use]
    pub fn open(bytes: B) -> Option<Self> {
        let b = bytes.as_ref();
        if b.get(..8)? != MAGIC {
            return None;
        }
        let bits = read_u32(b, 12)?;
        if bits > 30 {
            return None;
        }
        let entries = usize::try_from(read_u64(b, 32)?).ok()?;
        let values = usize::try_from(read_u32(b, 40)?).ok()?;
        let texts = usize::try_from(read_u32(b, 44)?).ok()?;
        let hashes_at = HEAD_BYTES + ((1usize << bits) + 1) * 4;
        let values_at = hashes_at.checked_add(entries.checked_mul(8)?)?;
        let ends_at = values_at.checked_add(entries.checked_mul(2)?)?;
        let texts_at = ends_at.checked_add(values.checked_mul(4)?)?;
        if texts_at.checked_add(texts)? != b.len() {
            return None;
        }
        Some(Table {
            flags: read_u32(b, 8)?,
            shift: 64 - bits,
            key: (read_u64(b, 16)?, read_u64(b, 24)?),
            prefixes: [read_u64(b, 48)?, read_u64(b, 56)?, read_u64(b, 64)?],
            bytes,
            entries,
            radix_at: HEAD_BYTES,
            hashes_at,
            values_at,
            ends_at,
            values,
            texts_at,
        })
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.entries
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Number of different values.
    #[must_use]
    pub fn values(&self) -> usize {
        self.values
    }

    /// The text of a value.
    #[must_use]
    pub fn value(&self, id: ValueId) -> &str {
        let b = self.bytes.as_ref();
        let end = |index: usize| read_u32(b, self.ends_at + index * 4).and_then(|n| usize::try_from(n).ok());
        let id = usize::from(id);
        let start = if id == 0 { Some(0) } else { end(id - 1) };
        let text = start.zip(end(id)).and_then(|(s, e)| b.get(self.texts_at + s..self.texts_at + e));
        text.and_then(|t| std::str::from_utf8(t).ok()).unwrap_or_default()
    }

    /// The entry that covers a host: the longest listed suffix, the host exactly before that.
    #[must_use]
    pub fn host(&self, host: &Host, port: Option<u16>, seen: Seen) -> Option<ValueId> {
        match host {
            Host::Name(name) => self.name(name, port, seen),
            Host::Address(ip) => self.address(*ip, port),
        }
    }

    /// The entry that covers an address: with its port, alone, then the narrowest network.
    #[must_use]
    pub fn address(&self, ip: IpAddr, port: Option<u16>) -> Option<ValueId> {
        let ip = canonical(ip);
        let octets = key_octets(ip);
        if let Some(port) = port.filter(|_| self.has(Tag::AddressPort))
            && let Some(hit) = self.find(Tag::AddressPort, &[&octets, &port.to_be_bytes()])
        {
            return Some(hit);
        }
        if self.has(Tag::Address)
            && let Some(hit) = self.find(Tag::Address, &[&octets])
        {
            return Some(hit);
        }
        if !self.has(Tag::Network) {
            return None;
        }
        let longest: u8 = if ip.is_ipv4() { 32 } else { 128 };
        let base = if ip.is_ipv4() { 96 } else { 0 };
        (1..=longest)
            .rev()
            .filter(|bits| self.has_prefix(base + bits))
            .find_map(|bits| self.find(Tag::Network, &[&[base + bits], &key_octets(masked(ip, bits))]))
    }

    /// The URL entry that covers host and target of a request: the longest listed path.
    #[must_use]
    pub fn url(&self, host: &Host, port: Option<u16>, target: &[u8]) -> Option<ValueId> {
        if !self.has(Tag::UrlPath) && !self.has(Tag::UrlQuery) {
            return None;
        }
        let target = Target::parse(target);
        let port = port.filter(|p| !matches!(p, 80 | 443 | 21));
        self.url_at(host, port, &target).or_else(|| port.and_then(|_| self.url_at(host, None, &target)))
    }

    fn url_at(&self, host: &Host, port: Option<u16>, target: &Target) -> Option<ValueId> {
        let octets;
        let host = match host {
            Host::Name(name) => name.as_bytes(),
            Host::Address(ip) => {
                octets = key_octets(*ip);
                &octets
            }
        };
        let port = port.unwrap_or(0).to_be_bytes();
        if let Some(query) = target.query.as_deref().filter(|_| self.has(Tag::UrlQuery))
            && let Some(hit) = self.find(Tag::UrlQuery, &[&port, host, &target.path, b"?", query])
        {
            return Some(hit);
        }
        let path = |p: &[u8]| self.find(Tag::UrlPath, &[&port, host, p]);
        let whole = path(&target.path);
        whole.or_else(|| {
            let mut hit = None;
            for prefix in target.prefixes().take(MAX_SEGMENTS) {
                hit = path(prefix).or(hit);
            }
            hit
        })
    }

    fn name(&self, name: &Name, port: Option<u16>, seen: Seen) -> Option<ValueId> {
        let whole = name.as_bytes();
        if let Some(port) = port.filter(|_| self.has(Tag::ExactPort))
            && let Some(hit) = self.find(Tag::ExactPort, &[&port.to_be_bytes(), whole])
        {
            return Some(hit);
        }
        if self.has(Tag::Exact)
            && let Some(hit) = self.find(Tag::Exact, &[whole])
        {
            return Some(hit);
        }
        if let Some(hit) = self.suffix(name, port.filter(|_| self.has(Tag::SuffixPort))) {
            return Some(hit);
        }
        let by_url = seen == Seen::NameOnly && self.has(Tag::UrlHost);
        if by_url { self.find(Tag::UrlHost, &[whole]) } else { None }
    }

    /// The longest listed suffix, with its port before the one without.
    fn suffix(&self, name: &Name, port: Option<u16>) -> Option<ValueId> {
        let whole = name.as_bytes();
        let mut starts = [0_u8; MAX_LABELS];
        let mut count = 0;
        // From the right, so that a name with too many labels is still covered by its parents.
        for (to, start) in starts.iter_mut().zip(suffixes(whole)) {
            *to = u8::try_from(start).unwrap_or(u8::MAX);
            count += 1;
        }
        let mut probes = Probes::new(self);
        let mut tagged = Tagged::new(Tag::Suffix, whole);
        for start in starts.iter().take(count).rev().map(|s| usize::from(*s)) {
            let rest = whole.get(start..).unwrap_or_default();
            if let Some(port) = port
                && let Some(hit) = probes.add(hash(self.key, Tag::SuffixPort, &[&port.to_be_bytes(), rest]))
            {
                return Some(hit);
            }
            if self.has(Tag::Suffix)
                && let Some(hit) = probes.add(tagged.hash(self.key, start))
            {
                return Some(hit);
            }
        }
        probes.settle()
    }

    fn has(&self, tag: Tag) -> bool {
        self.flags & (1 << tag as u8) != 0
    }

    fn has_prefix(&self, bits: u8) -> bool {
        self.prefixes.get(usize::from(bits / 64)).is_some_and(|w| w >> (bits % 64) & 1 != 0)
    }

    fn find(&self, tag: Tag, key: &[&[u8]]) -> Option<ValueId> {
        self.search(hash(self.key, tag, key))
    }

    fn search(&self, hash: u64) -> Option<ValueId> {
        let run = self.run(hash)?;
        self.search_in(run, hash)
    }

    /// Where in the hashes this one would be.
    #[inline]
    pub(crate) fn run(&self, hash: u64) -> Option<Run> {
        let slot = usize::try_from(hash.checked_shr(self.shift).unwrap_or(0)).ok()?;
        let at = self.radix_at + slot * 4;
        let pair = self.bytes.as_ref().get(at..at + 8)?;
        Some(Run { low: read_u32(pair, 0)?, high: read_u32(pair, 4)? })
    }

    /// Any byte of the place where `hash` is to be expected in its run: reading it brings the place near.
    #[inline]
    pub(crate) fn touch(&self, run: Run, hash: u64) -> u8 {
        let within = hash.checked_shl(64 - self.shift).unwrap_or(hash) >> 32;
        let ahead = (u64::from(run.high.saturating_sub(run.low)) * within) >> 32;
        let at = u64::from(run.low).saturating_add(ahead).saturating_mul(8);
        let at = usize::try_from(at).unwrap_or(usize::MAX).saturating_add(self.hashes_at);
        self.bytes.as_ref().get(at).copied().unwrap_or(0)
    }

    #[inline]
    pub(crate) fn search_in(&self, run: Run, hash: u64) -> Option<ValueId> {
        let b = self.bytes.as_ref();
        let (mut low, mut high) = (usize::try_from(run.low).ok()?, usize::try_from(run.high).ok()?);
        // Runs are short; a longer one, of a table that somebody else built, is halved until it is.
        while high.saturating_sub(low) > RUN_ENTRIES {
            let middle = low + (high - low) / 2;
            if read_u64(b, self.hashes_at + middle * 8)? > hash { high = middle } else { low = middle }
        }
        let run = b.get(self.hashes_at + low * 8..self.hashes_at + high * 8)?;
        let mut found = usize::MAX;
        // To the end without a look back: this is quicker than a jump that cannot be foreseen.
        for (index, entry) in run.as_chunks::<8>().0.iter().enumerate() {
            if u64::from_le_bytes(*entry) == hash {
                found = index;
            }
        }
        if found == usize::MAX {
            return None;
        }
        let at = self.values_at + (low + found) * 2;
        Some(u16::from_le_bytes(b.get(at..at + 2)?.try_into().ok()?))
    }
}

/// Start offsets of the suffixes of a name that begin at a label, the shortest first.
fn suffixes(name: &[u8]) -> impl Iterator<Item = usize> + '_ {
    name.iter().enumerate().rev().filter(|(_, b)| **b == b'.').map(|(at, _)| at + 1).chain(std::iter::once(0))
}

pub(crate) fn hash(key: (u64, u64), tag: Tag, parts: &[&[u8]]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(key.0, key.1);
    hasher.write(&[tag as u8]);
    for part in parts {
        hasher.write(part);
    }
    hasher.finish()
}

/// Sixteen bytes for any address; IPv4 as mapped.
pub(crate) fn key_octets(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

fn read_u32(b: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(b.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn read_u64(b: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(b.get(at..at.checked_add(8)?)?.try_into().ok()?))
}
