//! The live transactions of a flow, oldest first.
//!
//! Holds always: ids rise by one from 0 and never repeat; at most `cap` transactions live, and
//! the policy when full is the parser's ([`TxList::is_full`]).

use std::collections::VecDeque;

use crate::transaction::Transaction;

/// Transactions by rising id, from which any may be taken out.
#[derive(Debug)]
pub struct TxList<T> {
    live: VecDeque<T>,
    next_id: u64,
    cap: usize,
}

impl<T: Transaction> TxList<T> {
    #[must_use]
    pub fn new(cap: usize) -> Self {
        TxList { live: VecDeque::new(), next_id: 0, cap }
    }

    /// Adds the transaction that `make` builds for the next id, and gives that id.
    pub fn push_with(&mut self, make: impl FnOnce(u64) -> T) -> u64 {
        let id = self.next_id;
        self.live.push_back(make(id));
        self.next_id += 1;
        id
    }

    #[must_use]
    pub fn is_full(&self) -> bool {
        self.live.len() >= self.cap
    }

    /// Forgets the oldest transaction where the list is full: for protocols whose transactions
    /// have been inspected by the time the next comes.
    pub fn make_room(&mut self) {
        if self.is_full() {
            self.live.pop_front();
        }
    }

    /// With more than `most` that `waits` holds for, the oldest of these is given up by `end`; room
    /// is made as by [`TxList::make_room`].
    pub fn give_up_oldest(&mut self, most: usize, waits: impl Fn(&T) -> bool, end: impl FnOnce(&mut T)) {
        if self.live.len() >= most
            && self.live.iter().filter(|tx| waits(tx)).count() >= most
            && let Some(oldest) = self.live.iter_mut().find(|tx| waits(tx))
        {
            end(oldest);
        }
        self.make_room();
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.live.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// Ids given so far.
    #[must_use]
    pub fn created(&self) -> u64 {
        self.next_id
    }

    #[must_use]
    pub fn get(&self, index: usize) -> Option<&T> {
        self.live.get(index)
    }

    #[must_use]
    pub fn dyn_get(&self, index: usize) -> Option<&dyn Transaction> {
        self.live.get(index).map(|t| t as &dyn Transaction)
    }

    #[must_use]
    pub fn dyn_get_mut(&mut self, index: usize) -> Option<&mut dyn Transaction>
    where
        T: 'static,
    {
        self.live.get_mut(index).map(|t| t as &mut dyn Transaction)
    }

    fn position(&self, id: u64) -> Option<usize> {
        let at = self.live.partition_point(|t| t.id() < id);
        self.live.get(at).filter(|t| t.id() == id).map(|_| at)
    }

    pub fn by_id_mut(&mut self, id: u64) -> Option<&mut T> {
        let at = self.position(id)?;
        self.live.get_mut(at)
    }

    pub fn last_mut(&mut self) -> Option<&mut T> {
        self.live.back_mut()
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.live.iter()
    }

    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut T> {
        self.live.iter_mut()
    }

    pub fn retire(&mut self, id: u64) {
        if let Some(at) = self.position(id) {
            self.live.remove(at);
        }
    }
}
