//! Sets that rules ask and change (`dataset`, `datarep`).
//!
//! Holds always: at most [`MAX_VALUES`] values in all sets; more are refused and counted.
//! Deliberately not here: reading and writing files — the program loads entries.

use hashbrown::{HashMap, HashSet};
use mimamori_rules::{Dataset, DatasetOp, RepOp};

use crate::matcher::Datasets;

/// Values of all sets together.
pub const MAX_VALUES: usize = 1 << 20;

/// Longest value kept.
const MAX_VALUE_BYTES: usize = 4_096;

/// All sets by name.
#[derive(Debug, Default)]
pub struct DatasetStore {
    sets: HashMap<Box<str>, HashSet<Box<[u8]>>>,
    reputations: HashMap<Box<str>, HashMap<Box<[u8]>, u16>>,
    values: usize,
    pub refused: u64,
}

impl DatasetStore {
    /// Adds a value to the set `name`; false when it was there or found no room.
    pub fn insert(&mut self, name: &str, value: &[u8]) -> bool {
        if self.values >= MAX_VALUES || value.len() > MAX_VALUE_BYTES {
            self.refused = self.refused.saturating_add(1);
            return false;
        }
        let fresh = self.sets.entry(name.into()).or_default().insert(value.into());
        self.values += usize::from(fresh);
        fresh
    }

    pub fn remove(&mut self, name: &str, value: &[u8]) -> bool {
        let gone = self.sets.get_mut(name).is_some_and(|s| s.remove(value));
        self.values = self.values.saturating_sub(usize::from(gone));
        gone
    }

    #[must_use]
    pub fn contains(&self, name: &str, value: &[u8]) -> bool {
        self.sets.get(name).is_some_and(|s| s.contains(value))
    }

    /// Sets the reputation of a value in the set `name`.
    pub fn rate(&mut self, name: &str, value: &[u8], reputation: u16) {
        if self.values < MAX_VALUES {
            self.reputations.entry(name.into()).or_default().insert(value.into(), reputation);
            self.values += 1;
        } else {
            self.refused = self.refused.saturating_add(1);
        }
    }
}

impl Datasets for DatasetStore {
    fn lookup(&mut self, set: &Dataset, buffer: &[u8]) -> bool {
        match set.op {
            DatasetOp::IsSet => self.contains(&set.name, buffer),
            DatasetOp::IsNotSet => !self.contains(&set.name, buffer),
            DatasetOp::Set => self.insert(&set.name, buffer),
            DatasetOp::Unset => self.remove(&set.name, buffer),
            DatasetOp::Reputation { op, value } => self
                .reputations
                .get(&set.name)
                .and_then(|m| m.get(buffer))
                .is_some_and(|have| compare(op, *have, value)),
        }
    }
}

fn compare(op: RepOp, have: u16, want: u16) -> bool {
    match op {
        RepOp::Lt => have < want,
        RepOp::Gt => have > want,
        RepOp::Eq => have == want,
        RepOp::Le => have <= want,
        RepOp::Ge => have >= want,
    }
}
