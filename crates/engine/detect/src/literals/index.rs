//! From a window of the buffer to the literals filed under it.

use super::fold;

/// A literal, filed under one of its windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// The folded window.
    pub gram: u32,
    /// Where in the literal the window begins.
    pub offset: u32,
    /// Index of the literal in the set.
    pub literal: u32,
}

/// Entries by window of `W` bytes, behind a bitmap that answers "no" from the cache. Each literal
/// is filed under `S` neighbouring windows, so that every `S`-th place of a buffer is enough.
#[derive(Debug, Default)]
pub(super) struct GramIndex<const W: usize, const S: usize> {
    /// Sorted by window.
    entries: Vec<Entry>,
    /// One bit a hash; 64 times as many as entries within bounds.
    bitmap: Vec<u64>,
    /// Number of words less one: which bits of the hash choose the word.
    mask: usize,
    /// Open addressing: index + 1 of the first entry of a window, 0 for none. A power of two.
    slots: Vec<u32>,
}

const MIN_BITS: u32 = 12;
/// 128 kB: measured best for 20,000 literals; more leaves the second-level cache.
const MAX_BITS: u32 = 20;

/// Word (to be masked) and bit of a window; no shift by a variable amount, which costs more.
#[inline]
fn place(gram: u32) -> (usize, u64) {
    let hash = u64::from(gram).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((hash >> 32) as usize, hash >> 58)
}

impl<const W: usize, const S: usize> GramIndex<W, S> {
    pub fn build(mut entries: Vec<Entry>) -> Self {
        if entries.is_empty() {
            return GramIndex::default();
        }
        entries.sort_unstable();
        entries.shrink_to_fit();
        let wanted = (entries.len() * 64).next_power_of_two().trailing_zeros();
        let bits = wanted.clamp(MIN_BITS, MAX_BITS);
        let mut index = GramIndex {
            bitmap: vec![0; 1 << (bits - 6)],
            mask: (1 << (bits - 6)) - 1,
            slots: vec![0; (entries.len() * 2).next_power_of_two()],
            entries,
        };
        let mut previous = None;
        for position in 0..index.entries.len() {
            let Some(gram) = index.entries.get(position).map(|e| e.gram) else {
                break;
            };
            if previous == Some(gram) {
                continue;
            }
            previous = Some(gram);
            let (word, bit) = place(gram);
            if let Some(word) = index.bitmap.get_mut(word & index.mask) {
                *word |= 1 << bit;
            }
            index.insert(gram, position);
        }
        index
    }

    pub fn memory_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>() + self.bitmap.capacity() * 8 + self.slots.capacity() * 4
    }

    /// Calls `look` with each entry whose window stands in `buffer`, and where.
    #[inline]
    pub fn scan(&self, buffer: &[u8], look: &mut impl FnMut(&Entry, usize)) {
        if self.entries.is_empty() {
            return;
        }
        for (place, window) in buffer.windows(W).step_by(S).enumerate() {
            let gram = read::<W>(window);
            if self.may(gram) {
                self.look_closer(gram, place * S, look);
            }
        }
    }

    /// Whether something may be filed under `gram`; seldom yes without reason.
    #[inline]
    pub fn may(&self, gram: u32) -> bool {
        let (word, bit) = place(gram);
        self.bitmap.get(word & self.mask).is_some_and(|w| w >> bit & 1 != 0)
    }

    /// Calls `look` with each entry under `gram`.
    #[inline]
    pub fn look_at(&self, gram: u32, at: usize, look: &mut impl FnMut(&Entry, usize)) {
        if self.may(gram) {
            self.look_closer(gram, at, look);
        }
    }

    #[inline(never)]
    pub fn look_closer(&self, gram: u32, at: usize, look: &mut impl FnMut(&Entry, usize)) {
        let Some(first) = self.find(gram) else { return };
        let same = self.entries.get(first..).unwrap_or_default();
        for entry in same.iter().take_while(|e| e.gram == gram) {
            look(entry, at);
        }
    }

    fn insert(&mut self, gram: u32, position: usize) {
        let mask = self.slots.len() - 1;
        let mut slot = slot_of(gram) & mask;
        while let Some(value) = self.slots.get_mut(slot) {
            if *value == 0 {
                *value = u32::try_from(position + 1).unwrap_or(0);
                return;
            }
            slot = (slot + 1) & mask;
        }
    }

    fn find(&self, gram: u32) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot = slot_of(gram) & mask;
        loop {
            let position = (*self.slots.get(slot)? as usize).checked_sub(1)?;
            if self.entries.get(position)?.gram == gram {
                return Some(position);
            }
            slot = (slot + 1) & mask;
        }
    }
}

/// Another mix than the bitmap's, so that a full bitmap does not mean full slots.
fn slot_of(gram: u32) -> usize {
    (gram.wrapping_mul(0x85EB_CA6B) >> 7) as usize
}

/// The folded window as a little-endian number.
#[inline]
pub(super) fn read<const W: usize>(window: &[u8]) -> u32 {
    match *window {
        [a, b, c, d] => u32::from_le_bytes([a, b, c, d]) | 0x2020_2020,
        [a, b, c] => u32::from_le_bytes([a, b, c, 0]) | 0x0020_2020,
        [a, b] => u32::from(u16::from_le_bytes([fold(a), fold(b)])),
        _ => 0,
    }
}
