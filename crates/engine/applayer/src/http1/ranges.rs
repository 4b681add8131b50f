//! Bodies that are a part of a larger file (`206`, `Content-Range`).
//!
//! Responsible for collecting such a part and putting the whole together over requests and
//! flows ([`RangeStore`]). Holds always: one store an engine, bounded, or one for engines that
//! work side by side and take their turns; a part with a gap or a content coding is not used.

use std::sync::{Arc, Mutex, PoisonError};

use mimamori_base::{Timestamp, Turn};
use mimamori_files::RangeStore;

/// Bytes of one part collected at most.
const MAX_PART_BYTES: u64 = 8 << 20;

/// The parts seen by one engine. A clone is empty: engines do not share, so that the events of
/// one do not depend on the pace of another.
#[derive(Debug, Default)]
pub struct SharedRanges {
    store: Arc<Mutex<RangeStore>>,
    turn: Option<Arc<dyn Turn>>,
}

impl SharedRanges {
    /// The same parts, for the same engine with another configuration.
    #[must_use]
    pub fn same(&self) -> SharedRanges {
        SharedRanges { store: self.store.clone(), turn: self.turn.clone() }
    }

    /// The same parts for an engine side by side, which waits for its turn by `turn`.
    #[must_use]
    pub fn beside(&self, turn: Arc<dyn Turn>) -> SharedRanges {
        SharedRanges { store: self.store.clone(), turn: Some(turn) }
    }
}

impl Clone for SharedRanges {
    fn clone(&self) -> Self {
        SharedRanges::default()
    }
}

/// The part that a body is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct RangePart {
    /// Names the whole file: host and target.
    pub key: Vec<u8>,
    pub start: u64,
    pub end: u64,
    pub total: Option<u64>,
    bytes: Vec<u8>,
}

impl RangePart {
    pub(crate) fn new(key: Vec<u8>, start: u64, end: u64, total: Option<u64>) -> Self {
        RangePart { key, start, end, total, bytes: Vec::new() }
    }

    /// Collects body bytes, no more than the part is said to have.
    pub(crate) fn collect(&mut self, bytes: &[u8]) {
        let len = self.end.saturating_sub(self.start).saturating_add(1);
        if self.total.is_none() || len > MAX_PART_BYTES {
            return;
        }
        let room = len.saturating_sub(self.bytes.len() as u64);
        let room = usize::try_from(room).unwrap_or(0).min(bytes.len());
        self.bytes.extend_from_slice(bytes.get(..room).unwrap_or_default());
    }

    /// The part has ended: the whole file, if this was its last missing part.
    pub(crate) fn finish(&mut self, shared: &SharedRanges, now: Timestamp) -> Option<Vec<u8>> {
        let bytes = std::mem::take(&mut self.bytes);
        let total = self.total?;
        if bytes.is_empty() || (self.start == 0 && bytes.len() as u64 == total) {
            return None;
        }
        if let Some(turn) = &shared.turn {
            turn.wait();
        }
        let mut store = shared.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.add(&self.key, total, self.start, &bytes, now)
    }
}
