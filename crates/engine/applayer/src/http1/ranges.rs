//! Bodies that are a part of a larger file (`206`, `Content-Range`).
//!
//! Responsible for collecting such a part and putting the whole together over requests and
//! flows ([`RangeStore`]). Holds always: one store an engine, bounded, or one for engines that
//! work side by side and take their turns; a part with a gap or a content coding is not used.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mimamori_base::{Place, Timestamp, Turn};
use mimamori_files::RangeStore;

/// Bytes of one part collected at most.
const MAX_PART_BYTES: u64 = 8 << 20;

/// Files whose order is watched at most.
const MAX_WATCHED: usize = 1 << 16;

/// The parts seen by one engine. A clone is empty: engines do not share, so that the events of
/// one do not depend on the pace of another.
#[derive(Debug, Default)]
pub struct SharedRanges {
    parts: Arc<Mutex<Parts>>,
    turn: Option<Arc<dyn Turn>>,
    /// Waits for its turn. Otherwise parts come as they come, and it is noted when one engine
    /// alone would have had them in another order.
    waits: bool,
}

#[derive(Debug, Default)]
struct Parts {
    store: RangeStore,
    watched: HashMap<Vec<u8>, Place>,
    out_of_order: bool,
}

impl SharedRanges {
    /// The same parts, for the same engine with another configuration.
    #[must_use]
    pub fn same(&self) -> SharedRanges {
        SharedRanges { parts: self.parts.clone(), turn: self.turn.clone(), waits: self.waits }
    }

    /// The same parts for an engine side by side, whose place `turn` knows.
    #[must_use]
    pub fn beside(&self, turn: Arc<dyn Turn>, waits: bool) -> SharedRanges {
        SharedRanges { parts: self.parts.clone(), turn: Some(turn), waits }
    }

    /// Whether parts came in the order in which one engine alone would have had them.
    #[must_use]
    pub fn in_order(&self) -> bool {
        !self.lock().out_of_order
    }

    fn lock(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, key: &[u8], total: u64, start: u64, bytes: &[u8], now: Timestamp) -> Option<Vec<u8>> {
        let Some(turn) = &self.turn else {
            return self.lock().store.add(key, total, start, bytes, now);
        };
        if !self.lock().store.takes_piece(total, start, bytes.len()) {
            return None;
        }
        if self.waits {
            turn.wait();
            return self.lock().store.add(key, total, start, bytes, now);
        }
        let parts = &mut *self.lock();
        let here = turn.place();
        let before = parts.watched.insert(key.to_vec(), here);
        let evicted = parts.store.evicted();
        let whole = parts.store.add(key, total, start, bytes, now);
        parts.out_of_order |= before.is_some_and(|place| place > here)
            || parts.store.evicted() != evicted
            || parts.watched.len() > MAX_WATCHED;
        whole
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
        shared.add(&self.key, total, self.start, &bytes, now)
    }
}
