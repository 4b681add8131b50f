//! What detection remembers across flows: bits of hosts and pairs, thresholds, data sets.
//!
//! Holds always: each table has a cap and a counter; a bit that finds no room is not set. Engines
//! that share the state ask it in the order in which one engine alone would ([`CrossFlow::ask`]).

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashMap;
use mimamori_base::{Timestamp, Turn};
use mimamori_rules::Dataset;

use crate::datasets::{DatasetStore, SavedSet};
use crate::lists::Lists;
use crate::matcher::Datasets;
use crate::renumber::Renumber;
use crate::tags::HostTags;
use crate::threshold::Thresholds;

/// Bits of hosts and of pairs of hosts, together.
pub const MAX_HOST_BITS: usize = 65_536;

/// How long a host bit lives without an expiry of its own.
const DEFAULT_EXPIRE_SECS: u32 = 300;

/// Whose bit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BitOwner {
    Host(IpAddr),
    /// The smaller address first.
    Pair(IpAddr, IpAddr),
}

impl BitOwner {
    #[must_use]
    pub fn pair(a: IpAddr, b: IpAddr) -> BitOwner {
        BitOwner::Pair(a.min(b), a.max(b))
    }
}

/// Bits that outlive a flow.
#[derive(Debug, Default)]
pub struct HostBits {
    bits: HashMap<(BitOwner, u32), Timestamp>,
    /// When room was last made.
    looked: Option<Timestamp>,
    pub refused: u64,
}

impl HostBits {
    #[must_use]
    pub fn is_set(&self, owner: BitOwner, bit: u32, now: Timestamp) -> bool {
        self.bits.get(&(owner, bit)).is_some_and(|until| *until >= now)
    }

    pub fn set(&mut self, owner: BitOwner, bit: u32, expire: Option<u32>, now: Timestamp) {
        // All are looked through at most once a second, so that a full table costs no packet much.
        let looked = self.looked.is_some_and(|at| now >= at && now.since(at).as_secs() < 1);
        if self.bits.len() >= MAX_HOST_BITS && !looked {
            self.looked = Some(now);
            self.bits.retain(|_, until| *until >= now);
        }
        if self.bits.len() >= MAX_HOST_BITS && !self.bits.contains_key(&(owner, bit)) {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        let secs = expire.unwrap_or(DEFAULT_EXPIRE_SECS);
        let until = now + std::time::Duration::from_secs(u64::from(secs));
        self.bits.insert((owner, bit), until);
    }

    pub fn unset(&mut self, owner: BitOwner, bit: u32) {
        self.bits.remove(&(owner, bit));
    }

    /// Another rule set is in force: bits that it knows keep their names, the others go.
    fn renumber(&mut self, to: &Renumber) {
        if !to.changes_no_bit() {
            let all = std::mem::take(&mut self.bits).into_iter();
            self.bits =
                all.filter_map(|((owner, bit), until)| Some(((owner, to.bit(bit)?), until))).collect();
        }
    }
}

/// State across flows.
#[derive(Debug, Default)]
pub struct DetectState {
    pub host_bits: HostBits,
    pub thresholds: Thresholds,
    pub datasets: DatasetStore,
    pub host_tags: HostTags,
}

/// An engine's way to the state across flows: its own, or one that engines side by side share.
#[derive(Debug, Clone, Default)]
pub struct CrossFlow {
    state: Arc<Mutex<DetectState>>,
    turn: Option<Arc<dyn Turn>>,
}

impl CrossFlow {
    /// Fresh state over what a rule set has loaded.
    #[must_use]
    pub fn new(lists: Arc<Lists>) -> CrossFlow {
        let fresh = CrossFlow::default();
        fresh.peek(|state| state.datasets.set_lists(lists));
        fresh
    }

    /// The state for another rule set. Values that rules put into data sets, bits, counters of rules
    /// that are the same, and tags stay.
    #[must_use]
    pub fn renewed(&self, lists: Arc<Lists>, step: &Renumber) -> CrossFlow {
        let mut state = self.peek(std::mem::take);
        state.datasets.set_lists(lists);
        state.host_bits.renumber(step);
        CrossFlow { state: Arc::new(Mutex::new(state)), turn: self.turn.clone() }
    }

    /// The data sets that rules want written, as they stand now.
    #[must_use]
    pub fn datasets_to_save(&self) -> Vec<SavedSet> {
        self.peek(|state| state.datasets.to_save())
    }

    /// The same state for another engine, which waits for its turn by `turn`.
    #[must_use]
    pub fn shared(&self, turn: Arc<dyn Turn>) -> CrossFlow {
        CrossFlow { state: self.state.clone(), turn: Some(turn) }
    }

    /// Asks or changes the state; waits until everything before the place reached is done.
    pub fn ask<R>(&self, what: impl FnOnce(&mut DetectState) -> R) -> R {
        if let Some(turn) = &self.turn {
            turn.wait();
        }
        self.peek(what)
    }

    /// Asks or changes without waiting: for what does not depend on the order.
    pub fn peek<R>(&self, what: impl FnOnce(&mut DetectState) -> R) -> R {
        what(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether other engines work side by side, so that alerts wait for their thresholds.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.turn.is_some()
    }
}

impl Datasets for CrossFlow {
    fn lookup(&mut self, set: &Dataset, buffer: &[u8]) -> bool {
        self.ask(|state| state.datasets.lookup(set, buffer))
    }
}
