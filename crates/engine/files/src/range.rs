//! Files that come in ranges over several transfers, put together again.
//!
//! Malware fetched in pieces is in none of the pieces. Holds always: at most the configured
//! bytes are kept over all files, the least recently touched file making room; the first copy
//! of a byte wins; a file is given out once, when no byte of it is missing.

use std::collections::BTreeMap;

use mimamori_base::Timestamp;

/// Bounds of a [`RangeStore`].
#[derive(Clone, Copy, Debug)]
pub struct RangeLimits {
    /// All kept pieces together, bytes.
    pub total_bytes: usize,
    /// A file larger than this is not put together, bytes.
    pub file_bytes: u64,
    /// Files in the making.
    pub files: usize,
}

impl Default for RangeLimits {
    fn default() -> Self {
        RangeLimits { total_bytes: 32 << 20, file_bytes: 8 << 20, files: 256 }
    }
}

#[derive(Debug)]
struct Partial {
    total: u64,
    /// Offset → bytes; no two overlap.
    pieces: BTreeMap<u64, Vec<u8>>,
    held: usize,
    touched: Timestamp,
}

impl Partial {
    /// Adds what of `bytes` is new. Gives how many bytes that was.
    fn add(&mut self, start: u64, bytes: &[u8]) -> usize {
        let mut at = start;
        let mut rest = bytes;
        let mut added = 0;
        while !rest.is_empty() {
            // Skip what an earlier piece covers.
            if let Some((offset, piece)) = self.pieces.range(..=at).next_back() {
                let covered = offset.saturating_add(piece.len() as u64).saturating_sub(at);
                if covered > 0 {
                    let skip = usize::try_from(covered).unwrap_or(usize::MAX).min(rest.len());
                    rest = rest.get(skip..).unwrap_or_default();
                    at = at.saturating_add(skip as u64);
                    continue;
                }
            }
            let next = self.pieces.range(at..).next().map_or(u64::MAX, |(offset, _)| *offset);
            let room = usize::try_from(next.saturating_sub(at)).unwrap_or(usize::MAX).min(rest.len());
            let (new, later) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            self.pieces.insert(at, new.to_vec());
            added += new.len();
            at = at.saturating_add(new.len() as u64);
            rest = later;
        }
        self.held += added;
        added
    }

    fn is_whole(&self) -> bool {
        self.held as u64 >= self.total
    }
}

/// Files in the making, by a key that the caller chooses.
#[derive(Debug)]
pub struct RangeStore {
    limits: RangeLimits,
    files: BTreeMap<Vec<u8>, Partial>,
    held: usize,
    /// Files given up for want of room.
    evicted: u64,
}

impl Default for RangeStore {
    fn default() -> Self {
        RangeStore::new(RangeLimits::default())
    }
}

impl RangeStore {
    #[must_use]
    pub fn new(limits: RangeLimits) -> Self {
        RangeStore { limits, files: BTreeMap::new(), held: 0, evicted: 0 }
    }

    /// Whether a file of `total` bytes would be put together.
    #[must_use]
    pub fn takes(&self, total: u64) -> bool {
        total > 0 && total <= self.limits.file_bytes
    }

    /// Whether such a piece would be taken: asks only the limits, nothing that was added.
    #[must_use]
    pub fn takes_piece(&self, total: u64, start: u64, len: usize) -> bool {
        let fits = start.checked_add(len as u64).is_some_and(|end| end <= total);
        self.takes(total) && fits && len > 0
    }

    /// Adds the piece at `start` of a file of `total` bytes. Gives the file when it is whole.
    pub fn add(
        &mut self,
        key: &[u8],
        total: u64,
        start: u64,
        bytes: &[u8],
        now: Timestamp,
    ) -> Option<Vec<u8>> {
        if !self.takes_piece(total, start, bytes.len()) {
            return None;
        }
        self.make_room(key, bytes.len());
        let file = self.files.entry(key.to_vec()).or_insert_with(|| Partial {
            total,
            pieces: BTreeMap::new(),
            held: 0,
            touched: now,
        });
        if file.total != total {
            // Another version of the file: begin anew.
            self.held -= file.held;
            *file = Partial { total, pieces: BTreeMap::new(), held: 0, touched: now };
        }
        file.touched = now;
        self.held += file.add(start, bytes);
        if !file.is_whole() {
            return None;
        }
        let file = self.files.remove(key)?;
        self.held -= file.held;
        Some(file.pieces.into_values().flatten().collect())
    }

    fn make_room(&mut self, key: &[u8], more: usize) {
        let is_new = !self.files.contains_key(key);
        while self.held.saturating_add(more) > self.limits.total_bytes
            || (is_new && self.files.len() >= self.limits.files)
        {
            let oldest = self.files.iter().min_by_key(|(_, f)| f.touched).map(|(k, _)| k.clone());
            let Some(file) = oldest.and_then(|k| self.files.remove(&k)) else { break };
            self.held -= file.held;
            self.evicted += 1;
        }
    }

    /// Bytes kept now.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held
    }

    /// Files given up for want of room.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const T: Timestamp = Timestamp::EPOCH;

    #[test]
    fn pieces_in_any_order_with_overlap() {
        let mut s = RangeStore::default();
        assert_eq!(s.add(b"k", 6, 4, b"ef", T), None);
        assert_eq!(s.add(b"k", 6, 0, b"ab", T), None);
        assert_eq!(s.add(b"k", 6, 1, b"XcdX", T).as_deref(), Some(&b"abcdef"[..]));
        assert_eq!(s.held_bytes(), 0);
    }

    #[test]
    fn room_is_made_and_nonsense_refused() {
        let limits = RangeLimits { total_bytes: 10, file_bytes: 8, files: 2 };
        let mut s = RangeStore::new(limits);
        assert_eq!(s.add(b"a", 9, 0, b"x", T), None);
        assert_eq!(s.add(b"a", 3, 2, b"xy", T), None);
        assert_eq!(s.held_bytes(), 0);
        for (i, key) in [b"a", b"b", b"c"].iter().enumerate() {
            s.add(*key, 8, 0, b"xyz", Timestamp::from_secs(i64::try_from(i).unwrap()));
        }
        assert_eq!((s.held_bytes(), s.evicted()), (6, 1));
        s.add(b"d", 8, 0, b"1234567", T);
        assert!(s.held_bytes() <= 10);
    }

    proptest! {
        #[test]
        fn whole_whatever_the_order(
            data in proptest::collection::vec(any::<u8>(), 1..60),
            spans in proptest::collection::vec((0..60_usize, 1..30_usize), 0..30),
        ) {
            let mut s = RangeStore::default();
            let total = data.len() as u64;
            let mut whole = None;
            for (from, len) in spans.into_iter().chain([(0, data.len())]) {
                let from = from.min(data.len() - 1);
                let to = (from + len).min(data.len());
                whole = s.add(b"k", total, from as u64, &data[from..to], T).or(whole);
            }
            prop_assert_eq!(whole, Some(data));
        }
    }
}
