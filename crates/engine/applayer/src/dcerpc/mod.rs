//! DCE/RPC over TCP (version 5) and UDP (version 4).
//!
//! Holds always: one message of at most 64 KiB is kept a side; calls without an answer are
//! bounded by the transaction limit.

pub mod call;
pub mod pdu;
mod transaction;
mod udp;

use mimamori_base::{Direction, Timestamp};

use crate::dcerpc::call::{Call, Interfaces};
use crate::dcerpc::pdu::{Body, HEADER_BYTES, Header, read_body};
pub use crate::dcerpc::transaction::DcerpcTx;
pub use crate::dcerpc::udp::DcerpcUdpParser;
use crate::parser::{Outcome, Parser, transactions_in};
use crate::pending::Pending;
use crate::session::Input;
use crate::txlist::TxList;

/// DCE/RPC of one TCP flow.
#[derive(Debug)]
pub struct DcerpcParser {
    txs: TxList<DcerpcTx>,
    interfaces: Interfaces,
    pending: [Pending; 2],
    /// Bytes were lost: look for the next header.
    lost: [bool; 2],
}

impl DcerpcParser {
    #[must_use]
    pub fn new(max_tx: usize) -> Self {
        DcerpcParser {
            txs: TxList::new(max_tx),
            interfaces: Interfaces::default(),
            pending: [Pending::default(), Pending::default()],
            lost: [false, false],
        }
    }

    fn pending(&mut self, dir: Direction) -> &mut Pending {
        dir.of_mut(&mut self.pending)
    }

    fn lost(&mut self, dir: Direction) -> &mut bool {
        dir.of_mut(&mut self.lost)
    }

    fn take(&mut self, dir: Direction, bytes: &[u8]) -> Outcome {
        let joined = self.pending(dir).take_joined(bytes);
        let mut used = 0;
        let mut outcome = Outcome::Continue;
        if *self.lost(dir) {
            match find_header(&joined) {
                Some(at) => {
                    used = at;
                    *self.lost(dir) = false;
                }
                None => used = joined.len().saturating_sub(HEADER_BYTES),
            }
        }
        while let Some(rest) = joined.get(used..).filter(|_| !*self.lost(dir)) {
            let Some(header) = Header::read(rest) else { break };
            let length = usize::from(header.fragment_bytes);
            if header.major != 5 || length < HEADER_BYTES {
                outcome = Outcome::Failed;
                break;
            }
            let Some(message) = rest.get(..length) else { break };
            self.message(dir, &header, message);
            used += length;
        }
        self.pending(dir).restore(joined, used);
        if outcome == Outcome::Failed {
            self.finish();
        }
        outcome
    }

    fn message(&mut self, dir: Direction, header: &Header, message: &[u8]) {
        let Some(body) = read_body(header, message) else { return };
        match (dir, body) {
            (Direction::ToServer, Body::Bind(contexts)) => {
                self.interfaces.asked(contexts, header.is_first());
                self.with_opened(header, |tx| tx.call.request_mut().take(header, &[]));
            }
            (Direction::ToServer, Body::Request { context, opnum, stub }) => {
                let interface = self.interfaces.accepted(context).cloned();
                self.with_opened(header, |tx| {
                    tx.call.opnum = Some(opnum);
                    tx.call.context = context;
                    if tx.call.interfaces.is_empty() {
                        tx.call.interfaces.extend(interface);
                    }
                    tx.call.request_mut().take(header, stub);
                });
            }
            (Direction::ToServer, _) => self.with_opened(header, |tx| {
                tx.call.request_mut().take(header, &[]);
                // AUTH3 and its like have no answer.
                tx.done = true;
            }),
            (Direction::ToClient, Body::BindAck(results)) => {
                self.interfaces.answered(&results);
                let interfaces = self.interfaces.of_last_bind().to_vec();
                self.with_answered(header, |tx| {
                    tx.call.interfaces = interfaces;
                    tx.call.response_mut().take(header, &[]);
                });
            }
            (Direction::ToClient, Body::Response { context, stub }) => self.with_answered(header, |tx| {
                tx.call.context = context;
                tx.call.response_mut().take(header, stub);
            }),
            (Direction::ToClient, _) => {
                self.with_answered(header, |tx| tx.call.response_mut().take(header, &[]))
            }
        }
    }

    /// The call that a client's message belongs to, begun with its first fragment.
    fn with_opened(&mut self, header: &Header, change: impl FnOnce(&mut DcerpcTx)) {
        let goes_on = |tx: &DcerpcTx| {
            tx.call.call_id == header.call_id
                && !tx.call.request().done
                && tx.call.request().kind == Some(header.kind)
        };
        let found = self.txs.iter().rev().find(|tx| goes_on(tx)).map(|tx| tx.id);
        let id = found.unwrap_or_else(|| self.begin(header));
        if let Some(tx) = self.txs.by_id_mut(id) {
            change(tx);
        }
    }

    /// The call that a server's message answers.
    fn with_answered(&mut self, header: &Header, change: impl FnOnce(&mut DcerpcTx)) {
        let waits = |tx: &DcerpcTx| tx.call.call_id == header.call_id && !tx.call.response().done && !tx.done;
        let found = self.txs.iter().find(|tx| waits(tx)).map(|tx| tx.id);
        let unseen = found.is_none();
        let id = found.unwrap_or_else(|| self.begin(header));
        if let Some(tx) = self.txs.by_id_mut(id) {
            if unseen {
                tx.call.request_mut().done = true;
            }
            change(tx);
        }
    }

    fn begin(&mut self, header: &Header) -> u64 {
        if self.txs.is_full() {
            let oldest = self.txs.get(0).map(|tx| tx.id);
            oldest.into_iter().for_each(|id| self.txs.retire(id));
        }
        self.txs.push_with(|id| DcerpcTx {
            id,
            call: Call { call_id: header.call_id, version: (header.major, header.minor), ..Call::default() },
            ..DcerpcTx::default()
        })
    }

    fn finish(&mut self) {
        self.txs.iter_mut().for_each(|tx| tx.done = true);
    }
}

/// Where something like a header begins, after bytes were lost.
fn find_header(bytes: &[u8]) -> Option<usize> {
    bytes.windows(HEADER_BYTES).position(|w| {
        Header::read(w).is_some_and(|h| {
            h.major == 5 && h.minor <= 1 && h.kind <= 19 && usize::from(h.fragment_bytes) >= HEADER_BYTES
        }) && w.get(5..8) == Some(&[0, 0, 0])
    })
}

impl Parser for DcerpcParser {
    fn feed(&mut self, dir: Direction, input: Input<'_>, _now: Timestamp) -> Outcome {
        match input {
            Input::Data(bytes) => return self.take(dir, bytes),
            Input::Gap(_) => {
                self.pending(dir).clear();
                *self.lost(dir) = true;
            }
            Input::End if dir == Direction::ToClient => self.finish(),
            Input::End => {}
        }
        Outcome::Continue
    }

    transactions_in!(txs);
}
