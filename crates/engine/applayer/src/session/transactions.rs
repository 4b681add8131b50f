//! The transactions that a session shows.

use crate::parser::Parser;
use crate::transaction::Transaction;

/// The live transactions of a session, oldest first.
#[derive(Clone, Copy)]
pub struct Transactions<'a> {
    pub(super) parser: Option<&'a dyn Parser>,
}

impl<'a> Transactions<'a> {
    #[must_use]
    pub fn len(&self) -> usize {
        self.parser.map_or(0, Parser::tx_count)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[must_use]
    pub fn get(&self, index: usize) -> Option<&'a dyn Transaction> {
        self.parser.and_then(|p| p.tx(index))
    }

    #[must_use]
    pub fn by_id(&self, id: u64) -> Option<&'a dyn Transaction> {
        self.iter().find(|tx| tx.id() == id)
    }

    #[must_use]
    pub fn first_live_id(&self) -> Option<u64> {
        self.get(0).map(Transaction::id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &'a dyn Transaction> + use<'a> {
        let this = *self;
        (0..this.len()).filter_map(move |i| this.get(i))
    }
}

impl std::fmt::Debug for Transactions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transactions").field("len", &self.len()).finish()
    }
}
