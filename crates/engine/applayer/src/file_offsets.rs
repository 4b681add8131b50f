//! Putting a file together from reads and writes at any offset.
//!
//! Holds always: bytes that were there stay, and what overlaps them is left out; at most [`MAX_WAITING_BYTES`]
//! of later bytes wait for what comes before them, then the hole counts as lost.

use std::collections::BTreeMap;

use mimamori_files::File;

/// Bytes kept out of order a file.
const MAX_WAITING_BYTES: usize = 1 << 20;

/// Where the next byte of a file belongs, and what came too early.
#[derive(Debug, Default)]
pub struct FileOffsets {
    next: u64,
    waiting: BTreeMap<u64, Vec<u8>>,
    waiting_bytes: usize,
}

impl FileOffsets {
    /// Where the next byte belongs.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Bytes that wait for what is before them, and how many pieces they are.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        (self.waiting_bytes, self.waiting.len())
    }

    /// Takes bytes at `offset`. True if some of them were there already.
    pub fn put(&mut self, file: &mut File, offset: u64, bytes: &[u8]) -> bool {
        if offset > self.next {
            return self.put_early(file, offset, bytes);
        }
        if offset < self.next {
            // Which of two copies the server keeps is not for us to say: the event tells.
            return !bytes.is_empty();
        }
        file.append(bytes);
        self.next += bytes.len() as u64;
        self.drain(file);
        false
    }

    fn put_early(&mut self, file: &mut File, offset: u64, bytes: &[u8]) -> bool {
        let again = self.waiting.contains_key(&offset);
        if !again {
            self.waiting_bytes += bytes.len();
            self.waiting.insert(offset, bytes.to_vec());
        }
        while self.waiting_bytes > MAX_WAITING_BYTES {
            self.lose_hole(file);
        }
        again
    }

    /// Gives the hole up and goes on behind it.
    fn lose_hole(&mut self, file: &mut File) {
        let Some((offset, _)) = self.waiting.first_key_value() else {
            self.waiting_bytes = 0;
            return;
        };
        file.gap(offset.saturating_sub(self.next));
        self.next = *offset;
        self.drain(file);
    }

    fn drain(&mut self, file: &mut File) {
        while let Some(entry) = self.waiting.first_entry() {
            if *entry.key() > self.next {
                break;
            }
            let (offset, bytes) = entry.remove_entry();
            self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes.len());
            let known = usize::try_from(self.next - offset).unwrap_or(usize::MAX).min(bytes.len());
            let fresh = bytes.get(known..).unwrap_or_default();
            file.append(fresh);
            self.next += fresh.len() as u64;
        }
    }

    /// The file has ended: what still waits comes behind lost bytes.
    pub fn finish(&mut self, file: &mut File) {
        while !self.waiting.is_empty() {
            self.lose_hole(file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mimamori_files::{FileConfig, FileState, HashKinds};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_order_gives_the_same_file(order in Just((0usize..8).collect::<Vec<_>>()).prop_shuffle()) {
            let data: Vec<u8> = (0..80u8).collect();
            let mut file = File::open(b"x", 0, &FileConfig::without_window(HashKinds::ALL));
            let mut offsets = FileOffsets::default();
            for i in order {
                let at = i * 10;
                offsets.put(&mut file, at as u64, &data[at..at + 10]);
            }
            offsets.finish(&mut file);
            file.close(FileState::Closed);
            prop_assert_eq!(file.size(), 80);
            prop_assert!(!file.has_gaps());
        }
    }
}
