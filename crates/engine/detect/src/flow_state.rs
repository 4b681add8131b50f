//! What detection remembers of one flow.
//!
//! Holds always: bounded by the caps below; bits and numbers beyond them are refused and
//! counted in [`FlowDetect::refused`]. Deliberately not here: state across flows (`state`).

use mimamori_base::Direction;
use smallvec::SmallVec;

use crate::signature::SigIndex;
use crate::tags::Tags;
use crate::threshold::{Counted, FlowThreshold};

/// Bits a flow can have set at a time.
pub const MAX_FLOW_BITS: usize = 256;
/// Numbers and captured variables a flow can have.
pub const MAX_FLOW_VARS: usize = 64;
/// Thresholds tracked by flow.
pub const MAX_FLOW_THRESHOLDS: usize = 256;

/// Per-flow state.
#[derive(Debug, Default)]
pub struct FlowDetect {
    bits: SmallVec<[u32; 4]>,
    ints: SmallVec<[(u32, u32); 2]>,
    /// Captured by pcre, for the log: name and value.
    pub vars: Vec<(Box<str>, Box<[u8]>)>,
    pub(crate) ip_only_done: [bool; 2],
    pub(crate) proto_done: [bool; 2],
    /// A pass rule took the whole flow.
    pub passed: bool,
    /// Packets of the flow that are to be logged.
    pub tags: Tags,
    pub(crate) thresholds: Vec<(Counted, FlowThreshold)>,
    pub(crate) txs: Vec<TxDetect>,
    pub(crate) generation: u32,
    /// Numbers and bits that were refused because a cap was reached.
    pub refused: u32,
    /// At least one alert was raised.
    pub alerted: bool,
}

/// What detection remembers of one transaction.
#[derive(Debug, Default)]
pub struct TxDetect {
    pub id: u64,
    pub(crate) sides: [TxSide; 2],
    /// `config: logging disable`
    pub no_log: bool,
}

/// One side of a transaction.
#[derive(Debug, Default)]
pub(crate) struct TxSide {
    /// Signatures without a literal were asked.
    pub started: bool,
    /// Nothing more will be found here.
    pub finished: bool,
    /// Progress that the prefilters have seen, plus one.
    pub progress: u8,
    /// Events that were looked at.
    pub events: usize,
    /// For each streaming filter: end of the bytes that were searched, plus one when ended.
    pub searched: SmallVec<[(u16, u64); 2]>,
    pub pending: SmallVec<[Pending; 2]>,
    /// Signatures that are decided for good.
    pub done: SmallVec<[SigIndex; 2]>,
}

/// A signature that waits for more of the transaction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pending {
    pub sig: SigIndex,
    /// Parts that were met, a bit each.
    pub met: u64,
}

impl FlowDetect {
    #[must_use]
    pub fn has_bit(&self, bit: u32) -> bool {
        self.bits.contains(&bit)
    }

    pub(crate) fn set_bit(&mut self, bit: u32) {
        if !self.has_bit(bit) {
            if self.bits.len() < MAX_FLOW_BITS {
                self.bits.push(bit);
            } else {
                self.refused = self.refused.saturating_add(1);
            }
        }
    }

    pub(crate) fn unset_bit(&mut self, bit: u32) {
        self.bits.retain(|b| *b != bit);
    }

    #[must_use]
    pub fn bits(&self) -> &[u32] {
        &self.bits
    }

    #[must_use]
    pub fn int(&self, var: u32) -> Option<u32> {
        self.ints.iter().find(|(v, _)| *v == var).map(|(_, n)| *n)
    }

    #[must_use]
    pub fn ints(&self) -> &[(u32, u32)] {
        &self.ints
    }

    pub(crate) fn set_int(&mut self, var: u32, value: u32) {
        if let Some(slot) = self.ints.iter_mut().find(|(v, _)| *v == var) {
            slot.1 = value;
        } else if self.ints.len() < MAX_FLOW_VARS {
            self.ints.push((var, value));
        } else {
            self.refused = self.refused.saturating_add(1);
        }
    }

    pub(crate) fn set_var(&mut self, name: &str, value: &[u8]) {
        if let Some(slot) = self.vars.iter_mut().find(|(n, _)| &**n == name) {
            slot.1 = value.into();
        } else if self.vars.len() < MAX_FLOW_VARS {
            self.vars.push((name.into(), value.into()));
        } else {
            self.refused = self.refused.saturating_add(1);
        }
    }

    /// Whether this side of the transaction needs no more inspection.
    #[must_use]
    pub fn is_inspected(&self, id: u64, dir: Direction) -> bool {
        self.txs
            .binary_search_by_key(&id, |t| t.id)
            .ok()
            .and_then(|at| self.txs.get(at))
            .is_some_and(|t| t.sides.get(dir.index()).is_some_and(|s| s.finished))
    }

    /// Whether the transaction's record is suppressed by a `config` rule.
    #[must_use]
    pub fn is_log_suppressed(&self, id: u64) -> bool {
        self.txs
            .binary_search_by_key(&id, |t| t.id)
            .ok()
            .and_then(|at| self.txs.get(at))
            .is_some_and(|t| t.no_log)
    }

    /// Another rule set is in force: bits and numbers keep their names, counters their rules, places
    /// of rules are forgotten.
    pub(crate) fn renumber(&mut self, to: &crate::renumber::Renumber) {
        self.bits = self.bits.iter().filter_map(|bit| to.bit(*bit)).collect();
        self.ints = self.ints.iter().filter_map(|(var, n)| Some((to.int(*var)?, *n))).collect();
        for side in self.txs.iter_mut().flat_map(|tx| &mut tx.sides) {
            side.pending.clear();
            side.done.clear();
            side.searched.clear();
        }
    }

    /// The owner has retired the transaction.
    pub fn forget_tx(&mut self, id: u64) {
        if let Ok(at) = self.txs.binary_search_by_key(&id, |t| t.id) {
            self.txs.remove(at);
        }
    }

    pub(crate) fn tx_mut(&mut self, id: u64) -> Option<&mut TxDetect> {
        let at = match self.txs.binary_search_by_key(&id, |t| t.id) {
            Ok(at) => at,
            Err(at) => {
                self.txs.insert(at, TxDetect { id, ..TxDetect::default() });
                at
            }
        };
        self.txs.get_mut(at)
    }
}
