//! Many literals in one pass: the prefilter's pattern matcher.
//!
//! Responsible for telling which of up to a million literals occur in a buffer. Each literal is
//! filed under a few neighbouring windows of its own, those that real traffic has least; a scan
//! hashes windows of the buffer into a bitmap small enough for the cache and looks closer only
//! where a bit is set. A literal filed under S neighbouring windows is found by looking at every
//! S-th place only. Literals fall into classes by length (see [`LiteralSet`]); a class without
//! literals costs nothing.
//!
//! Holds always: every reported occurrence has been compared byte by byte; memory is linear in
//! the literals' length; building takes no longer than sorting. Deliberately not here: what a
//! hit means, which literals are worth looking for.

mod choice;
mod index;
mod mixed;

use index::{Entry, GramIndex};
use mixed::Brief;

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
    /// Literals of five bytes and more in sets of at most [`SPARSE_LITERALS`]: windows of four, at
    /// every second place.
    sparse: GramIndex<4, 2>,
    /// The others of four bytes and more: windows of four, everywhere.
    dense: GramIndex<4, 1>,
    /// Literals of two and three bytes, and of four in small sets.
    brief: Brief,
    /// Literals of four bytes and more that end within [`NEAR_BYTES`]: searched there only.
    near: GramIndex<4, 1>,
    /// Likewise, of two and three bytes.
    near_short: GramIndex<2, 1>,
    /// Literals of a single byte, by that byte.
    single: Vec<(u8, u32)>,
}

/// Up to so many literals, two windows a literal and half the places are the faster way: with
/// more, the second choice of a window is too often a common one (measured on Emerging Threats'
/// literals over its captures; see docs/benchmarks.md).
const SPARSE_LITERALS: usize = 6_000;

/// A literal bound to so many first bytes costs nothing behind them.
const NEAR_BYTES: u32 = 128;

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
        let mut sparse = Vec::new();
        let mut dense = Vec::new();
        let (mut four, mut three, mut two) = (Vec::new(), Vec::new(), Vec::new());
        let mut near = Vec::new();
        let mut near_short = Vec::new();
        let mut load = choice::Load::default();
        let mut given: Vec<Literal> = literals.into_iter().filter(|l| !l.bytes.is_empty()).collect();
        let few = given.iter().filter(|l| l.max_end > NEAR_BYTES).count() <= SPARSE_LITERALS;
        // The short ones have the least choice of windows, so they choose first.
        given.sort_by_key(|l| l.bytes.len());
        for literal in given {
            let index = u32::try_from(set.literals.len()).unwrap_or(u32::MAX);
            let bytes = literal.bytes.as_slice();
            match bytes {
                [] => continue,
                [only] => {
                    set.single.push((*only, index));
                    if literal.nocase && only.is_ascii_alphabetic() {
                        set.single.push((*only ^ 0x20, index));
                    }
                }
                [_, _] | [_, _, _] if literal.max_end <= NEAR_BYTES => {
                    file::<2, 1>(bytes, index, &mut load, &mut near_short);
                }
                _ if literal.max_end <= NEAR_BYTES => file::<4, 1>(bytes, index, &mut load, &mut near),
                [_, _] => file::<2, 1>(bytes, index, &mut load, &mut two),
                [_, _, _] => file::<2, 2>(bytes, index, &mut load, &mut three),
                [_, _, _, _] if few => file::<3, 2>(bytes, index, &mut load, &mut four),
                _ if few => file::<4, 2>(bytes, index, &mut load, &mut sparse),
                _ => file::<4, 1>(bytes, index, &mut load, &mut dense),
            }
            set.store(&literal);
        }
        set.single.sort_unstable();
        set.sparse = GramIndex::build(sparse);
        set.dense = GramIndex::build(dense);
        set.brief = Brief::build(four, three, two);
        set.near = GramIndex::build(near);
        set.near_short = GramIndex::build(near_short);
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
            + self.sparse.memory_bytes()
            + self.dense.memory_bytes()
            + self.brief.memory_bytes()
            + self.near.memory_bytes()
            + self.near_short.memory_bytes()
    }

    /// Calls `hit` with the id of each literal that occurs in `buffer` within its bounds; more
    /// than once where it occurs more than once. The order is not defined.
    pub fn scan(&self, buffer: &[u8], hit: &mut dyn FnMut(u32)) {
        mixed::scan(&self.sparse, &self.brief, buffer, &mut |entry, at| {
            self.verify(entry, at, buffer, hit);
        });
        self.dense.scan(buffer, &mut |entry, at| self.verify(entry, at, buffer, hit));
        let head = buffer.get(..NEAR_BYTES as usize).unwrap_or(buffer);
        self.near.scan(head, &mut |entry, at| self.verify(entry, at, head, hit));
        self.near_short.scan(head, &mut |entry, at| self.verify(entry, at, head, hit));
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
            if buffer.get(from..to).is_some_and(|b| memchr::memchr(*byte, b).is_some()) {
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
        let (Some(found), Some(wanted)) =
            (buffer.get(start..end), self.arena.get(stored.start as usize..arena_end))
        else {
            return;
        };
        let equal = if stored.nocase { found.eq_ignore_ascii_case(wanted) } else { found == wanted };
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

/// Files a literal under its `S` neighbouring windows of `W` bytes.
fn file<const W: usize, const S: usize>(
    bytes: &[u8],
    literal: u32,
    load: &mut choice::Load,
    entries: &mut Vec<Entry>,
) {
    let chosen = choice::rarest::<W, S>(bytes, load);
    entries.extend(chosen.into_iter().map(|(offset, gram)| Entry { gram, offset, literal }));
}

#[cfg(test)]
mod tests;
