//! Reused memory of an inspection.

use crate::signature::SigIndex;

/// Candidates of one step, each once.
#[derive(Debug, Default)]
pub struct Scratch {
    seen: Vec<u64>,
    pub(crate) candidates: Vec<SigIndex>,
    pub(crate) transformed: Vec<u8>,
}

impl Scratch {
    #[must_use]
    pub fn new(signatures: usize) -> Self {
        Scratch { seen: vec![0; signatures.div_ceil(64)], ..Scratch::default() }
    }

    pub(crate) fn add(&mut self, sig: SigIndex) {
        let at = sig.at();
        if let Some(word) = self.seen.get_mut(at / 64) {
            let bit = 1u64 << (at % 64);
            if *word & bit == 0 {
                *word |= bit;
                self.candidates.push(sig);
            }
        }
    }

    /// Takes the candidates, in evaluation order, and forgets them.
    pub(crate) fn take(&mut self) -> Vec<SigIndex> {
        let mut taken = std::mem::take(&mut self.candidates);
        for sig in &taken {
            if let Some(word) = self.seen.get_mut(sig.at() / 64) {
                *word = 0;
            }
        }
        taken.sort_unstable();
        taken
    }

    /// Gives the memory of [`Scratch::take`] back.
    pub(crate) fn give_back(&mut self, mut list: Vec<SigIndex>) {
        list.clear();
        self.candidates = list;
    }
}
