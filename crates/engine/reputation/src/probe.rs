//! Several look-ups of one question, made so that their waits for memory overlap.
//!
//! Responsible for the order of reads alone. Holds always: the first of the keys, in the order
//! they were added, that is listed is the answer; no more than [`TOGETHER`] keys wait. In a table
//! larger than the processor's caches each key costs three waits, one after the other: the slot of
//! the index, the run of hashes, the value. Here the slots of all keys are read first, then a byte
//! of every run, and only then is anything compared.

use std::hint::black_box;

use siphasher::sip::SipHasher13;

use crate::host::MAX_NAME_BYTES;
use crate::table::{Table, Tag, ValueId};

/// Keys that are looked up together: the names of nearly all hosts have no more suffixes.
const TOGETHER: usize = 6;

/// A stretch of the table's hashes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Run {
    pub low: u32,
    pub high: u32,
}

/// Keys that wait for their look-up.
pub(crate) struct Probes<'t, B> {
    table: &'t Table<B>,
    waiting: [(u64, Run); TOGETHER],
    count: usize,
}

impl<'t, B: AsRef<[u8]>> Probes<'t, B> {
    pub fn new(table: &'t Table<B>) -> Self {
        Probes { table, waiting: [(0, Run::default()); TOGETHER], count: 0 }
    }

    /// Adds a key; where there is room for no more, looks all up and tells the first that is listed.
    #[inline]
    pub fn add(&mut self, hash: u64) -> Option<ValueId> {
        let run = self.table.run(hash).unwrap_or_default();
        if let Some(to) = self.waiting.get_mut(self.count) {
            *to = (hash, run);
            self.count += 1;
        }
        if self.count == TOGETHER { self.settle() } else { None }
    }

    /// Looks up what waits; the first that is listed.
    #[inline]
    pub fn settle(&mut self) -> Option<ValueId> {
        let waiting = self.waiting.get(..self.count).unwrap_or_default();
        self.count = 0;
        for (hash, run) in waiting {
            black_box(self.table.touch(*run, *hash));
        }
        waiting.iter().find_map(|(hash, run)| self.table.search_in(*run, *hash))
    }
}

/// A name with room for a tag before each of its suffixes, so that a key is hashed in one piece.
pub(crate) struct Tagged {
    bytes: [u8; MAX_NAME_BYTES + 1],
    length: usize,
    tag: Tag,
}

impl Tagged {
    pub fn new(tag: Tag, name: &[u8]) -> Self {
        let mut bytes = [0; MAX_NAME_BYTES + 1];
        let length = name.len().min(MAX_NAME_BYTES);
        for (to, from) in bytes.iter_mut().skip(1).zip(name) {
            *to = *from;
        }
        Tagged { bytes, length, tag }
    }

    /// The key's hash of the suffix that begins at `start`; from the longest suffix to the
    /// shortest, as each overwrites the byte before it.
    #[inline]
    pub fn hash(&mut self, key: (u64, u64), start: usize) -> u64 {
        if let Some(before) = self.bytes.get_mut(start) {
            *before = self.tag as u8;
        }
        let key_bytes = self.bytes.get(start..=self.length).unwrap_or_default();
        SipHasher13::new_with_keys(key.0, key.1).hash(key_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::hash;

    #[test]
    fn a_tagged_suffix_has_the_hash_that_the_builder_gives_it() {
        let name = b"www.shop.evil.example";
        let mut tagged = Tagged::new(Tag::Suffix, name);
        for start in [0, 4, 9, 14] {
            assert_eq!(tagged.hash((7, 9), start), hash((7, 9), Tag::Suffix, &[&name[start..]]), "{start}");
        }
        let longest = [b'a'; MAX_NAME_BYTES];
        let mut tagged = Tagged::new(Tag::Suffix, &longest);
        assert_eq!(tagged.hash((7, 9), 0), hash((7, 9), Tag::Suffix, &[&longest]));
    }
}
