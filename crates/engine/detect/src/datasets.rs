//! Sets that rules ask and change (`dataset`, `datarep`).
//!
//! Holds always: what was loaded stays shared and unchanged, what rules add and take away lies
//! over it; at most [`MAX_VALUES`] values were added in all sets, more are refused and counted.
//! Deliberately not here: reading and writing files — the program does.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use mimamori_rules::{Dataset, DatasetOp, RepOp};

use crate::lists::{Lists, SetFacts, dataset_key, dataset_line};
use crate::matcher::Datasets;

/// Values that rules added, of all sets together.
pub const MAX_VALUES: usize = 1 << 20;

/// Longest value kept.
const MAX_VALUE_BYTES: usize = 4_096;

/// What a value costs besides its bytes, for `memcap`.
const VALUE_OVERHEAD_BYTES: u64 = 64;

/// A set as it is to be written to its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedSet {
    /// The file's name as the rule wrote it.
    pub file: String,
    /// One value a line, sorted.
    pub text: String,
}

/// What rules changed in one set.
#[derive(Debug, Default)]
struct Changes {
    added: HashSet<Box<[u8]>>,
    /// Loaded values that were taken away.
    removed: HashSet<Box<[u8]>>,
    bytes: u64,
}

/// All sets by name.
#[derive(Debug, Default)]
pub struct DatasetStore {
    lists: Arc<Lists>,
    changes: HashMap<Box<str>, Changes>,
    values: usize,
    pub refused: u64,
}

impl DatasetStore {
    /// Takes what a rule set has loaded; changes made so far stay, save those of sets that are
    /// of another type now.
    pub fn set_lists(&mut self, lists: Arc<Lists>) {
        self.changes.retain(|name, _| match (self.lists.facts.get(name), lists.facts.get(name)) {
            (Some(old), Some(new)) => old.kind == new.kind,
            _ => false,
        });
        self.values = self.changes.values().map(|c| c.added.len() + c.removed.len()).sum();
        self.lists = lists;
    }

    #[must_use]
    pub fn lists(&self) -> &Lists {
        &self.lists
    }

    /// Adds a value to the set `name`; false when it was there or found no room.
    pub fn insert(&mut self, name: &str, value: &[u8]) -> bool {
        if self.contains(name, value) {
            return false;
        }
        let memcap = self.lists.facts.get(name).and_then(|f| f.memcap_bytes).unwrap_or(u64::MAX);
        let cost = u64::try_from(value.len()).unwrap_or(u64::MAX).saturating_add(VALUE_OVERHEAD_BYTES);
        let used = self.changes.get(name).map_or(0, |c| c.bytes);
        let full = self.values >= MAX_VALUES || used.saturating_add(cost) > memcap;
        if full || value.len() > MAX_VALUE_BYTES {
            self.refused = self.refused.saturating_add(1);
            return false;
        }
        let changes = self.changes.entry(name.into()).or_default();
        if changes.removed.remove(value) {
            self.values = self.values.saturating_sub(1);
            return true;
        }
        changes.added.insert(value.into());
        changes.bytes = changes.bytes.saturating_add(cost);
        self.values += 1;
        true
    }

    /// Takes a value away; false when it was not there or could not be noted as gone.
    pub fn remove(&mut self, name: &str, value: &[u8]) -> bool {
        if !self.contains(name, value) {
            return false;
        }
        let changes = self.changes.entry(name.into()).or_default();
        if changes.added.remove(value) {
            let cost = u64::try_from(value.len()).unwrap_or(u64::MAX).saturating_add(VALUE_OVERHEAD_BYTES);
            changes.bytes = changes.bytes.saturating_sub(cost);
            self.values = self.values.saturating_sub(1);
            return true;
        }
        if self.values >= MAX_VALUES {
            self.refused = self.refused.saturating_add(1);
            return false;
        }
        changes.removed.insert(value.into());
        self.values += 1;
        true
    }

    #[must_use]
    pub fn contains(&self, name: &str, value: &[u8]) -> bool {
        let changes = self.changes.get(name);
        if changes.is_some_and(|c| c.added.contains(value)) {
            return true;
        }
        self.lists.sets.get(name).is_some_and(|s| s.contains(value))
            && !changes.is_some_and(|c| c.removed.contains(value))
    }

    /// The sets that rules want written, as they stand now.
    #[must_use]
    pub fn to_save(&self) -> Vec<SavedSet> {
        let mut all: Vec<SavedSet> = self
            .lists
            .facts
            .iter()
            .filter_map(|(name, facts)| {
                let file = facts.save.as_deref()?;
                Some(SavedSet { file: file.to_owned(), text: self.text(name, facts) })
            })
            .collect();
        all.sort_by(|a, b| a.file.cmp(&b.file));
        all
    }

    fn text(&self, name: &str, facts: &SetFacts) -> String {
        let changes = self.changes.get(name);
        let loaded = self.lists.sets.get(name).into_iter().flatten();
        let kept = loaded.filter(|v| !changes.is_some_and(|c| c.removed.contains(*v)));
        let added = changes.map(|c| &c.added).into_iter().flatten();
        let mut lines: Vec<String> = kept.chain(added).map(|v| dataset_line(facts.kind, v) + "\n").collect();
        lines.sort_unstable();
        lines.concat()
    }
}

impl Datasets for DatasetStore {
    fn lookup(&mut self, set: &Dataset, buffer: &[u8]) -> bool {
        let Some(value) = dataset_key(set.kind, buffer) else {
            return set.op == DatasetOp::IsNotSet;
        };
        match set.op {
            DatasetOp::IsSet => self.contains(&set.name, value),
            DatasetOp::IsNotSet => !self.contains(&set.name, value),
            DatasetOp::Set => self.insert(&set.name, value),
            DatasetOp::Unset => self.remove(&set.name, value),
            DatasetOp::Reputation { op, value: want } => self
                .lists
                .ratings
                .get(&set.name)
                .and_then(|m| m.get(value))
                .is_some_and(|have| compare(op, *have, want)),
        }
    }
}

pub(crate) fn compare(op: RepOp, have: u16, want: u16) -> bool {
    match op {
        RepOp::Lt => have < want,
        RepOp::Gt => have > want,
        RepOp::Eq => have == want,
        RepOp::Le => have <= want,
        RepOp::Ge => have >= want,
    }
}
