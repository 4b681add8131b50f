//! A compiled rule set: immutable, shared by engines.

use std::sync::Arc;

use mimamori_rules::Rule;

use crate::alert::DEFAULT_MAX_ALERTS;
use crate::compile::{self, NotCompiled};
use crate::groups::Groups;
use crate::lists::{Lists, Surroundings};
use crate::names::Names;
use crate::needs::{self, Needs};
use crate::order::ActionOrder;
use crate::scratch::Scratch;
use crate::signature::{SigIndex, Signature};

/// What the compiler is told.
#[derive(Debug, Clone)]
pub struct DetectOptions {
    pub action_order: ActionOrder,
    /// Alerts kept for one packet (`packet-alert-max`).
    pub max_alerts: usize,
}

impl Default for DetectOptions {
    fn default() -> Self {
        DetectOptions { action_order: ActionOrder::default(), max_alerts: DEFAULT_MAX_ALERTS }
    }
}

/// The compiled rule set.
#[derive(Debug, Default)]
pub struct Detector {
    signatures: Vec<Signature>,
    groups: Groups,
    bits: Names,
    ints: Names,
    refused: Vec<NotCompiled>,
    lists: Arc<Lists>,
    max_alerts: usize,
}

impl Detector {
    /// Compiles `rules` that need no files; see [`Detector::refused`] for those left out.
    #[must_use]
    pub fn build(rules: Vec<Rule>, options: &DetectOptions) -> Detector {
        Detector::build_with(rules, options, &Surroundings::default())
    }

    /// Compiles `rules` with the files and thresholds around them.
    #[must_use]
    pub fn build_with(rules: Vec<Rule>, options: &DetectOptions, around: &Surroundings<'_>) -> Detector {
        let compiled = compile::compile(rules, &options.action_order, around);
        let groups = Groups::build(&compiled);
        Detector {
            signatures: compiled.signatures,
            groups,
            bits: compiled.bits,
            ints: compiled.ints,
            refused: compiled.refused,
            lists: Arc::new(compiled.lists),
            max_alerts: options.max_alerts,
        }
    }

    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    #[must_use]
    pub fn signature(&self, at: SigIndex) -> Option<&Signature> {
        self.signatures.get(at.at())
    }

    /// Rules that passed the parser and are not inspected, with the reason.
    #[must_use]
    pub fn refused(&self) -> &[NotCompiled] {
        &self.refused
    }

    /// What the rules have loaded from files.
    #[must_use]
    pub fn lists(&self) -> &Arc<Lists> {
        &self.lists
    }

    /// What the rules need others to compute.
    #[must_use]
    pub fn needs(&self) -> Needs {
        needs::of(&self.signatures)
    }

    #[must_use]
    pub fn bit_name(&self, bit: u32) -> Option<&str> {
        self.bits.name(bit)
    }

    #[must_use]
    pub fn int_name(&self, var: u32) -> Option<&str> {
        self.ints.name(var)
    }

    /// Working memory fit for this rule set.
    #[must_use]
    pub fn scratch(&self) -> Scratch {
        Scratch::new(self.signatures.len())
    }

    /// Memory of the literal matchers.
    #[must_use]
    pub fn prefilter_memory_bytes(&self) -> usize {
        self.groups.memory_bytes()
    }

    pub(crate) fn bits(&self) -> &Names {
        &self.bits
    }

    pub(crate) fn ints(&self) -> &Names {
        &self.ints
    }

    pub(crate) fn groups(&self) -> &Groups {
        &self.groups
    }

    pub(crate) fn max_alerts(&self) -> usize {
        self.max_alerts
    }
}
