//! Many literals in one pass: the prefilter's pattern matcher.
//!
//! Responsible for telling which of up to a million literals occur in a buffer. Each literal is
//! filed under one 4-byte window of its own, the one that real traffic has least; a scan hashes
//! every 4-byte window of the buffer into a bitmap small enough for the first-level cache and
//! looks closer only where a bit is set. Literals of one to three bytes have a pass of their own,
//! which costs nothing where there are none.
//!
//! Holds always: every reported occurrence has been compared byte by byte; memory is linear in
//! the literals' length; building takes no longer than sorting. Deliberately not here: what a
//! hit means, which literals are worth looking for.

mod choice;
mod index;

use index::{Entry, GramIndex};

/// A literal to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal {
    /// Reported on a hit; need not be unique.
    pub id: u32,
    pub bytes: Vec<u8>,
    /// ASCII letters match in either case.
    pub nocase: bool,
    /// An occurrence may not start before this offset of the buffer.
    pub min_start: u32,
    /// An occurrence may not end after this offset of the buffer; `u32::MAX` for no bound.
    pub max_end: u32,
}

/// A compiled set of literals.
#[derive(Debug, Default)]
pub struct LiteralSet {
    literals: Vec<Stored>,
    arena: Vec<u8>,
    long: GramIndex<4>,
    short: GramIndex<2>,
    /// Literals of a single byte, by that byte.
    single: Vec<(u8, u32)>,
}

#[derive(Debug)]
struct Stored {
    start: u32,
    len: u32,
    id: u32,
    min_start: u32,
    max_end: u32,
    nocase: bool,
}

/// Case folding good enough for a filter: it merges letters' cases, and a few other bytes too.
/// Both sides are folded alike, and every hit is compared exactly afterwards.
const fn fold(byte: u8) -> u8 {
    byte | 0x20
}

impl LiteralSet {
    /// Compiles `literals`. An empty literal is left out: it would occur everywhere.
    pub fn build(literals: impl IntoIterator<Item = Literal>) -> Self {
        let mut set = LiteralSet::default();
        let mut long = Vec::new();
        let mut short = Vec::new();
        let mut load = choice::Load::default();
        let mut given: Vec<Literal> = literals
            .into_iter()
            .filter(|l| !l.bytes.is_empty())
            .collect();
        // The short ones have the least choice of windows, so they choose first.
        given.sort_by_key(|l| l.bytes.len());
        for literal in given {
            let index = u32::try_from(set.literals.len()).unwrap_or(u32::MAX);
            match literal.bytes.as_slice() {
                [] => continue,
                [only] => {
                    set.single.push((*only, index));
                    if literal.nocase && only.is_ascii_alphabetic() {
                        set.single.push((*only ^ 0x20, index));
                    }
                }
                bytes if bytes.len() < 4 => {
                    let (offset, gram) = choice::rarest::<2>(bytes, &mut load);
                    short.push(Entry {
                        gram,
                        offset,
                        literal: index,
                    });
                }
                bytes => {
                    let (offset, gram) = choice::rarest::<4>(bytes, &mut load);
                    long.push(Entry {
                        gram,
                        offset,
                        literal: index,
                    });
                }
            }
            set.store(&literal);
        }
        set.single.sort_unstable();
        set.long = GramIndex::build(long);
        set.short = GramIndex::build(short);
        set.arena.shrink_to_fit();
        set.literals.shrink_to_fit();
        set
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.literals.is_empty()
    }

    /// Number of literals.
    #[must_use]
    pub fn len(&self) -> usize {
        self.literals.len()
    }

    /// Bytes of memory that the set holds.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.arena.capacity()
            + self.literals.capacity() * size_of::<Stored>()
            + self.single.capacity() * size_of::<(u8, u32)>()
            + self.long.memory_bytes()
            + self.short.memory_bytes()
    }

    /// Calls `hit` with the id of each literal that occurs in `buffer` within its bounds; more
    /// than once where it occurs more than once. The order is not defined.
    pub fn scan(&self, buffer: &[u8], hit: &mut dyn FnMut(u32)) {
        self.long
            .scan(buffer, &mut |entry, at| self.verify(entry, at, buffer, hit));
        self.short
            .scan(buffer, &mut |entry, at| self.verify(entry, at, buffer, hit));
        if !self.single.is_empty() {
            self.scan_single(buffer, hit);
        }
    }

    fn scan_single(&self, buffer: &[u8], hit: &mut dyn FnMut(u32)) {
        for (byte, literal) in &self.single {
            let Some(stored) = self.literals.get(*literal as usize) else {
                continue;
            };
            let from = (stored.min_start as usize).min(buffer.len());
            let to = (stored.max_end as usize).min(buffer.len());
            if buffer
                .get(from..to)
                .is_some_and(|b| memchr::memchr(*byte, b).is_some())
            {
                hit(stored.id);
            }
        }
    }

    /// The window of `entry` stands at `at` of `buffer`: does the whole literal?
    #[inline]
    fn verify(&self, entry: &Entry, at: usize, buffer: &[u8], hit: &mut dyn FnMut(u32)) {
        let Some(stored) = self.literals.get(entry.literal as usize) else {
            return;
        };
        let Some(start) = at.checked_sub(entry.offset as usize) else {
            return;
        };
        let end = start + stored.len as usize;
        if start < stored.min_start as usize || end > stored.max_end as usize {
            return;
        }
        let arena_end = stored.start as usize + stored.len as usize;
        let (Some(found), Some(wanted)) = (
            buffer.get(start..end),
            self.arena.get(stored.start as usize..arena_end),
        ) else {
            return;
        };
        let equal = if stored.nocase {
            found.eq_ignore_ascii_case(wanted)
        } else {
            found == wanted
        };
        if equal {
            hit(stored.id);
        }
    }

    fn store(&mut self, literal: &Literal) {
        self.literals.push(Stored {
            start: u32::try_from(self.arena.len()).unwrap_or(u32::MAX),
            len: u32::try_from(literal.bytes.len()).unwrap_or(u32::MAX),
            id: literal.id,
            min_start: literal.min_start,
            max_end: literal.max_end,
            nocase: literal.nocase,
        });
        self.arena.extend_from_slice(&literal.bytes);
    }
}

#[cfg(test)]
mod tests;
