//! Long and short literals in one pass.
//!
//! Responsible for looking at every second place of a buffer once, whatever lengths the literals
//! have: a literal of four bytes is filed under two windows of three, one of three bytes under two
//! windows of two. Only literals of two bytes ask for the places between. Holds always: finds what
//! a pass for each class would find.

use super::index::{Entry, GramIndex, read};

/// Literals of four, three and two bytes.
#[derive(Debug, Default)]
pub(super) struct Brief {
    four: GramIndex<3, 2>,
    three: GramIndex<2, 2>,
    two: GramIndex<2, 1>,
    /// A bit for each pair of bytes that some window begins with.
    begins: Vec<u64>,
    /// Likewise, of literals of two bytes only.
    between: Vec<u64>,
}

/// Words of a bitmap of all pairs of bytes.
const PAIR_WORDS: usize = 1_024;

impl Brief {
    pub fn build(four: Vec<Entry>, three: Vec<Entry>, two: Vec<Entry>) -> Self {
        let mut brief = Brief::default();
        for entry in four.iter().chain(&three).chain(&two) {
            mark(&mut brief.begins, entry.gram);
        }
        for entry in &two {
            mark(&mut brief.between, entry.gram);
        }
        brief.four = GramIndex::build(four);
        brief.three = GramIndex::build(three);
        brief.two = GramIndex::build(two);
        brief
    }

    pub fn memory_bytes(&self) -> usize {
        self.four.memory_bytes()
            + self.three.memory_bytes()
            + self.two.memory_bytes()
            + (self.begins.capacity() + self.between.capacity()) * 8
    }

    #[inline(never)]
    fn closer(&self, gram: u32, at: usize, look: &mut impl FnMut(&Entry, usize)) {
        self.four.look_at(gram & 0x00ff_ffff, at, look);
        self.three.look_at(gram & 0xffff, at, look);
        self.two.look_at(gram & 0xffff, at, look);
    }

    /// The last places, which have no whole window of four.
    fn tail(&self, buffer: &[u8], look: &mut impl FnMut(&Entry, usize)) {
        let first = buffer.len().saturating_sub(3).next_multiple_of(2);
        for at in (first..buffer.len()).step_by(2) {
            let rest = buffer.get(at..).unwrap_or_default();
            if let Some(three) = rest.get(..3) {
                self.four.look_at(read::<3>(three), at, look);
            }
            if let Some(pair) = rest.get(..2) {
                self.three.look_at(read::<2>(pair), at, look);
                self.two.look_at(read::<2>(pair), at, look);
            }
            if let Some(pair) = rest.get(1..3) {
                self.two.look_at(read::<2>(pair), at + 1, look);
            }
        }
    }
}

fn mark(pairs: &mut Vec<u64>, gram: u32) {
    pairs.resize(PAIR_WORDS, 0);
    let pair = gram & 0xffff;
    if let Some(word) = pairs.get_mut((pair >> 6) as usize) {
        *word |= 1 << (pair & 63);
    }
}

#[inline]
fn has(pairs: &[u64; PAIR_WORDS], pair: u32) -> bool {
    let pair = pair & 0xffff;
    let word = pairs.get((pair >> 6) as usize).copied().unwrap_or(0);
    word >> (pair & 63) & 1 != 0
}

/// Calls `look` with each entry whose window stands in `buffer`, and where.
#[inline]
pub(super) fn scan(
    long: &GramIndex<4, 2>,
    brief: &Brief,
    buffer: &[u8],
    look: &mut impl FnMut(&Entry, usize),
) {
    let Ok(begins) = <&[u64; PAIR_WORDS]>::try_from(brief.begins.as_slice()) else {
        long.scan(buffer, look);
        return;
    };
    match <&[u64; PAIR_WORDS]>::try_from(brief.between.as_slice()) {
        Ok(between) => pass::<true>(long, brief, [begins, between], buffer, look),
        Err(_) => pass::<false>(long, brief, [begins, begins], buffer, look),
    }
    brief.tail(buffer, look);
}

/// `BETWEEN`: windows of two at odd places are looked at, too.
#[inline]
fn pass<const BETWEEN: bool>(
    long: &GramIndex<4, 2>,
    brief: &Brief,
    [begins, between]: [&[u64; PAIR_WORDS]; 2],
    buffer: &[u8],
    look: &mut impl FnMut(&Entry, usize),
) {
    for (place, window) in buffer.windows(4).step_by(2).enumerate() {
        let gram = read::<4>(window);
        if long.may(gram) {
            long.look_closer(gram, place * 2, look);
        }
        if has(begins, gram) {
            brief.closer(gram, place * 2, look);
        }
        if BETWEEN && has(between, gram >> 8) {
            brief.two.look_closer(gram >> 8 & 0xffff, place * 2 + 1, look);
        }
    }
}
