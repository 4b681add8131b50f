//! Received bytes of one direction as sorted blocks that never touch or overlap.

/// Bytes from stream offset `start` on.
#[derive(Debug, Default)]
struct Block {
    start: u64,
    /// Bytes at the front of `bytes` that were let go of but not yet moved out.
    head: usize,
    bytes: Vec<u8>,
}

/// What adding bytes found out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Added {
    /// Bytes that were new.
    pub new_bytes: usize,
    /// Some bytes were there before.
    pub overlap: bool,
    /// Some of those were different. The bytes as first seen, where that is known.
    pub different: Option<Vec<u8>>,
}

/// Sorted blocks. The first copy of a byte stays.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    blocks: Vec<Block>,
    held: usize,
}

impl Block {
    fn first(&self) -> u64 {
        self.start + self.head as u64
    }

    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    fn slice(&self, from: u64, to: u64) -> &[u8] {
        let a = usize::try_from(from.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let b = usize::try_from(to.saturating_sub(self.start)).unwrap_or(usize::MAX);
        self.bytes.get(a..b.min(self.bytes.len())).unwrap_or(&[])
    }
}

impl Blocks {
    /// Bytes held.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// What keeping blocks costs beside their bytes; one is always there.
    pub(crate) fn overhead(&self) -> usize {
        const BLOCK: usize = 64;
        self.blocks.len().saturating_sub(1) * BLOCK
    }

    pub(crate) fn count(&self) -> usize {
        self.blocks.len()
    }

    /// Offset after the last byte held.
    pub(crate) fn end(&self) -> Option<u64> {
        self.blocks.last().map(Block::end)
    }

    /// Adds `bytes` at `start`, none of it before what was let go of.
    pub(crate) fn add(&mut self, start: u64, bytes: &[u8]) -> Added {
        // In order, as nearly always: the bytes go behind the last block.
        if let Some(last) = self.blocks.last_mut()
            && last.end() == start
        {
            last.bytes.extend_from_slice(bytes);
            self.held += bytes.len();
            return Added { new_bytes: bytes.len(), ..Added::default() };
        }
        self.add_anywhere(start, bytes)
    }

    fn add_anywhere(&mut self, start: u64, bytes: &[u8]) -> Added {
        let end = start + bytes.len() as u64;
        let mut added = Added::default();
        let mut at = start;
        let mut index = self.blocks.partition_point(|b| b.end() < start);
        while at < end {
            let next = self.blocks.get(index).map(|b| (b.first(), b.end()));
            match next {
                // An existing block covers `at`: compare, then go on behind it.
                Some((first, block_end)) if first <= at && at < block_end => {
                    let stop = block_end.min(end);
                    self.compare(index, start, at, stop, bytes, &mut added);
                    at = stop;
                }
                // A block ends just here: it grows up to the next block.
                Some((first, block_end)) if first <= at && block_end == at => {
                    let limit = self.blocks.get(index + 1).map_or(end, |b| b.first().min(end));
                    self.grow(index, part(bytes, start, at, limit));
                    added.new_bytes += part(bytes, start, at, limit).len();
                    at = limit;
                    self.merge_with_next(index);
                }
                Some((first, _)) if first <= at => index += 1,
                other => {
                    let limit = other.map_or(end, |(first, _)| first.min(end));
                    let new = part(bytes, start, at, limit);
                    added.new_bytes += new.len();
                    self.insert_block(index, at, new);
                    at = limit;
                    self.merge_with_next(index);
                }
            }
        }
        added
    }

    fn compare(&self, index: usize, start: u64, from: u64, to: u64, bytes: &[u8], added: &mut Added) {
        added.overlap = true;
        let Some(block) = self.blocks.get(index) else {
            return;
        };
        let old = block.slice(from, to);
        if old == part(bytes, start, from, to) {
            return;
        }
        let first_seen = added.different.get_or_insert_with(|| bytes.to_vec());
        let a = usize::try_from(from - start).unwrap_or(usize::MAX);
        if let Some(target) = first_seen.get_mut(a..a.saturating_add(old.len())) {
            target.copy_from_slice(old);
        }
    }

    fn grow(&mut self, index: usize, bytes: &[u8]) {
        if let Some(block) = self.blocks.get_mut(index) {
            block.bytes.extend_from_slice(bytes);
            self.held += bytes.len();
        }
    }

    fn insert_block(&mut self, index: usize, start: u64, bytes: &[u8]) {
        self.held += bytes.len();
        let block = Block { start, head: 0, bytes: bytes.to_vec() };
        self.blocks.insert(index.min(self.blocks.len()), block);
    }

    fn merge_with_next(&mut self, index: usize) {
        let touches = match (self.blocks.get(index), self.blocks.get(index + 1)) {
            (Some(a), Some(b)) => a.end() == b.first(),
            _ => false,
        };
        if !touches {
            return;
        }
        let next = self.blocks.remove(index + 1);
        if let Some(block) = self.blocks.get_mut(index) {
            block.bytes.extend_from_slice(next.bytes.get(next.head..).unwrap_or(&[]));
        }
    }

    /// The bytes held from `from` on, up to `to`, the end of their block, or the next hole: and
    /// where they begin. Empty when nothing is held in between.
    pub(crate) fn run(&self, from: u64, to: u64) -> (u64, &[u8]) {
        // Nearly always there is one block.
        let index = match self.blocks.as_slice() {
            [only] => usize::from(only.end() <= from),
            blocks => blocks.partition_point(|b| b.end() <= from),
        };
        let Some(block) = self.blocks.get(index) else {
            return (from, &[]);
        };
        let begin = from.max(block.first());
        if begin >= to {
            return (from, &[]);
        }
        (begin, block.slice(begin, to.min(block.end())))
    }

    /// Lets go of everything before `offset`.
    pub(crate) fn release(&mut self, offset: u64) {
        // Keep the emptied buffer of a lone block: its memory is used again.
        if let [only] = self.blocks.as_mut_slice() {
            let end = only.end();
            if end <= offset {
                self.held = 0;
                only.bytes.clear();
                if only.bytes.capacity() > 64 << 10 {
                    only.bytes = Vec::new();
                }
                only.head = 0;
                only.start = end;
                return;
            }
        }
        let gone = self.blocks.partition_point(|b| b.end() <= offset);
        for block in self.blocks.drain(..gone) {
            self.held -= block.bytes.len() - block.head;
        }
        if let Some(block) = self.blocks.first_mut()
            && block.first() < offset
        {
            let n = usize::try_from(offset - block.first()).unwrap_or(usize::MAX);
            block.head += n;
            self.held -= n;
            if block.head >= 4096 && block.head * 2 >= block.bytes.len() {
                block.bytes.drain(..block.head);
                block.start += block.head as u64;
                block.head = 0;
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.blocks = Vec::new();
        self.held = 0;
    }
}

/// The part of `bytes` (which begin at `start`) from offset `from` to `to`.
fn part(bytes: &[u8], start: u64, from: u64, to: u64) -> &[u8] {
    let a = usize::try_from(from.saturating_sub(start)).unwrap_or(usize::MAX);
    let b = usize::try_from(to.saturating_sub(start)).unwrap_or(usize::MAX);
    bytes.get(a..b.min(bytes.len())).unwrap_or(&[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_copy_stays_and_the_difference_is_told() {
        let mut b = Blocks::default();
        b.add(4, b"EFGH");
        let added = b.add(2, b"cdXXXXij");
        assert_eq!(added.new_bytes, 4);
        assert_eq!(added.different.as_deref(), Some(&b"cdEFGHij"[..]));
        assert_eq!(b.run(0, 100), (2, &b"cdEFGHij"[..]));
        assert_eq!(b.count(), 1);
    }

    #[test]
    fn holes_end_a_run() {
        let mut b = Blocks::default();
        b.add(0, b"VERY");
        b.add(8, b"DATA");
        assert_eq!(b.run(0, 12), (0, &b"VERY"[..]));
        assert_eq!(b.run(4, 12), (8, &b"DATA"[..]));
        b.release(9);
        assert_eq!(b.run(0, 12), (9, &b"ATA"[..]));
        assert_eq!(b.held(), 3);
    }

    proptest! {
        /// Whatever the order and overlap, each byte is the first copy received, and the count of
        /// held bytes is right.
        #[test]
        fn model(pieces in proptest::collection::vec((0u64..60, 1usize..20), 1..40), cut in 0u64..30) {
            let mut blocks = Blocks::default();
            let mut model: Vec<Option<u8>> = vec![None; 128];
            for (n, (start, len)) in pieces.iter().enumerate() {
                let bytes = vec![u8::try_from(n).unwrap(); *len];
                let mut different = false;
                for slot in &mut model[usize::try_from(*start).unwrap()..][..*len] {
                    different |= slot.is_some_and(|b| b != n as u8);
                    slot.get_or_insert(n as u8);
                }
                let added = blocks.add(*start, &bytes);
                prop_assert_eq!(added.different.is_some(), different);
            }
            prop_assert_eq!(blocks.held(), model.iter().flatten().count());
            blocks.release(cut);
            for slot in &mut model[..usize::try_from(cut).unwrap()] {
                *slot = None;
            }
            prop_assert_eq!(blocks.held(), model.iter().flatten().count());
            let mut seen: Vec<Option<u8>> = vec![None; 128];
            let mut at = 0;
            loop {
                let (begin, run) = blocks.run(at, 128);
                if run.is_empty() { break; }
                for (i, b) in run.iter().enumerate() {
                    seen[usize::try_from(begin).unwrap() + i] = Some(*b);
                }
                at = begin + run.len() as u64;
            }
            prop_assert_eq!(seen, model);
        }
    }
}
