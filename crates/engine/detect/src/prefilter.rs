//! A set of literals, and the signatures behind each.
//!
//! Holds always: a hit gives every signature that was filed under the literal. Equal literals
//! are stored once.

use hashbrown::HashMap;

use crate::literals::{Literal, LiteralSet};
use crate::signature::SigIndex;

/// Signatures found by a literal in a buffer.
#[derive(Debug, Default)]
pub struct Prefilter {
    set: LiteralSet,
    /// Start of the literal's signatures in `signatures`; one more entry than literals.
    starts: Vec<u32>,
    signatures: Vec<SigIndex>,
}

impl Prefilter {
    /// Calls `found` for each signature whose literal occurs; perhaps several times.
    pub fn scan(&self, buffer: &[u8], found: &mut dyn FnMut(SigIndex)) {
        if self.set.is_empty() || buffer.is_empty() {
            return;
        }
        self.set.scan(buffer, &mut |id| {
            let id = id as usize;
            let (Some(from), Some(to)) = (self.starts.get(id), self.starts.get(id + 1)) else {
                return;
            };
            for sig in self.signatures.get(*from as usize..*to as usize).unwrap_or_default() {
                found(*sig);
            }
        });
    }

    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.set.memory_bytes() + self.starts.capacity() * 4 + self.signatures.capacity() * 4
    }
}

/// Collects literals for a [`Prefilter`].
#[derive(Debug, Default)]
pub struct PrefilterBuilder {
    by_literal: HashMap<(Vec<u8>, bool, u32, u32), usize>,
    literals: Vec<(Literal, Vec<SigIndex>)>,
}

impl PrefilterBuilder {
    pub fn add(&mut self, mut literal: Literal, sig: SigIndex) {
        if literal.nocase {
            literal.bytes.make_ascii_lowercase();
        }
        let key = (literal.bytes.clone(), literal.nocase, literal.min_start, literal.max_end);
        let next = self.literals.len();
        let at = *self.by_literal.entry(key).or_insert(next);
        match self.literals.get_mut(at) {
            Some((_, sigs)) => sigs.push(sig),
            None => {
                literal.id = u32::try_from(next).unwrap_or(u32::MAX);
                self.literals.push((literal, vec![sig]));
            }
        }
    }

    #[must_use]
    pub fn build(self) -> Prefilter {
        let mut starts = Vec::with_capacity(self.literals.len() + 1);
        let mut signatures = Vec::new();
        let mut literals = Vec::with_capacity(self.literals.len());
        for (literal, sigs) in self.literals {
            starts.push(u32::try_from(signatures.len()).unwrap_or(u32::MAX));
            signatures.extend(sigs);
            literals.push(literal);
        }
        starts.push(u32::try_from(signatures.len()).unwrap_or(u32::MAX));
        signatures.shrink_to_fit();
        Prefilter { set: LiteralSet::build(literals), starts, signatures }
    }
}
