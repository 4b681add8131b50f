//! Which transaction a stream is, and header blocks that go on over several frames.

use std::collections::BTreeMap;

/// Streams open at once.
pub(super) const MAX_STREAMS: usize = 4096;
/// A header block over all its frames.
const MAX_BLOCK_BYTES: usize = 256 * 1024;

/// Stream id → transaction id. When full, the oldest stream is forgotten.
#[derive(Debug, Default)]
pub(super) struct Streams {
    open: BTreeMap<u32, u64>,
}

impl Streams {
    pub(super) fn get(&self, stream: u32) -> Option<u64> {
        self.open.get(&stream).copied()
    }

    /// Gives whether another stream had to be forgotten.
    pub(super) fn insert(&mut self, stream: u32, tx: u64) -> bool {
        let full = self.open.len() >= MAX_STREAMS;
        if full {
            self.open.pop_first();
        }
        self.open.insert(stream, tx);
        full
    }

    pub(super) fn remove(&mut self, stream: u32) {
        self.open.remove(&stream);
    }
}

/// A header block being put together.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// The stream it belongs to; `None` while no block is open.
    pub stream: Option<u32>,
    pub end_stream: bool,
    pub push: bool,
    pub priority: Option<u8>,
    /// It came in more than one frame.
    pub continued: bool,
    pub bytes: Vec<u8>,
}

impl Block {
    /// Gives whether the fragment fitted.
    pub(super) fn extend(&mut self, fragment: &[u8]) -> bool {
        if self.bytes.len().saturating_add(fragment.len()) > MAX_BLOCK_BYTES {
            return false;
        }
        self.bytes.extend_from_slice(fragment);
        true
    }
}
