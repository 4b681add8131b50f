//! DNS over UDP and TCP (RFC 1035), and its link-local kin: mDNS (RFC 6762), LLMNR (RFC 4795).
//!
//! Holds always: a message that cannot be read becomes an event, never an error; over TCP at
//! most one message (64 KiB) is kept a side.

mod log;
pub mod message;
pub mod name;
pub mod names_of_codes;
mod transaction;

use mimamori_base::{Direction, Timestamp};

use crate::dns::message::{Message, read_header, read_message};
pub use crate::dns::transaction::DnsTx;
use crate::dns::transaction::event_names;
use crate::event::AppEvent;
use crate::parser::{Outcome, Parser, transactions_in};
use crate::pending::Pending;
use crate::proto::AppProto;
use crate::reader::Reader;
use crate::session::{Input, Transport};
use crate::transaction::Transaction;
use crate::txlist::TxList;

/// DNS, mDNS or LLMNR of one flow.
#[derive(Debug)]
pub struct DnsParser {
    proto: AppProto,
    transport: Transport,
    txs: TxList<DnsTx>,
    pending: [Pending; 2],
    /// Bytes were lost: wait for something that looks like the start of a message.
    lost: [bool; 2],
}

impl DnsParser {
    #[must_use]
    pub fn new(proto: AppProto, transport: Transport, max_tx: usize) -> Self {
        DnsParser {
            proto,
            transport,
            txs: TxList::new(max_tx),
            pending: [Pending::default(), Pending::default()],
            lost: [false, false],
        }
    }

    fn take_message(&mut self, dir: Direction, bytes: &[u8]) {
        let names = event_names(self.proto);
        let Some(header) = read_header(bytes) else {
            self.add(dir, Message::default(), Some(names.malformed_data));
            return;
        };
        if self.proto != AppProto::Dns {
            // Multicast: answers go the same way as queries.
            match read_message(bytes) {
                Some(message) => self.add(dir, message, None),
                None => self.add(dir, Message { header, ..Message::default() }, Some(names.malformed_data)),
            }
            return;
        }
        match (dir, header.is_response()) {
            (Direction::ToServer, true) => {
                self.add(dir, Message { header, ..Message::default() }, Some(names.not_a_request));
            }
            (Direction::ToClient, false) => {
                self.add(dir, Message { header, ..Message::default() }, Some(names.not_a_response));
            }
            _ => match read_message(bytes) {
                Some(message) => self.add(dir, message, None),
                None => self.add(dir, Message { header, ..Message::default() }, Some(names.malformed_data)),
            },
        }
    }

    fn add(&mut self, dir: Direction, message: Message, event: Option<AppEvent>) {
        if self.txs.is_full() {
            // The oldest has had every chance to be inspected: one message a feed is usual.
            if let Some(oldest) = self.txs.get(0).map(Transaction::id) {
                self.txs.retire(oldest);
            }
        }
        let proto = self.proto;
        self.txs.push_with(|id| {
            let mut tx = DnsTx::new(id, proto, dir, message);
            if let Some(event) = event {
                tx.broken = true;
                tx.events.insert(0, event);
            }
            tx
        });
    }

    fn take_stream(&mut self, dir: Direction, bytes: &[u8]) -> Outcome {
        let joined = self.side(dir).take_joined(bytes);
        let mut used = 0;
        if self.is_lost(dir) {
            let (at, found) = resync(&joined);
            used = at;
            self.set_lost(dir, !found);
        }
        let mut r = Reader::at(&joined, used);
        if self.is_lost(dir) {
            self.side(dir).restore(joined, used);
            return Outcome::Continue;
        }
        while let Some(message) = r.prefixed_u16() {
            used = r.position();
            if !message.is_empty() {
                self.take_message(dir, message);
            }
        }
        self.side(dir).restore(joined, used);
        Outcome::Continue
    }

    fn side(&mut self, dir: Direction) -> &mut Pending {
        let [server, client] = &mut self.pending;
        if dir == Direction::ToServer { server } else { client }
    }

    fn is_lost(&self, dir: Direction) -> bool {
        let [server, client] = self.lost;
        if dir == Direction::ToServer { server } else { client }
    }

    fn set_lost(&mut self, dir: Direction, lost: bool) {
        let [server, client] = &mut self.lost;
        *(if dir == Direction::ToServer { server } else { client }) = lost;
    }
}

/// After lost bytes: where a message begins, or from where on to look again.
fn resync(bytes: &[u8]) -> (usize, bool) {
    for at in 0..bytes.len() {
        let mut r = Reader::at(bytes, at);
        let Some(length) = r.u16() else { return (at, false) };
        let length = usize::from(length);
        if length < 12 {
            continue;
        }
        let Some(header) = read_header(r.rest()) else { return (at, false) };
        let plausible = header.questions == 1
            && header.opcode() == 0
            && header.answers < 256
            && header.authorities < 256
            && header.additionals < 256;
        if !plausible {
            continue;
        }
        match r.take(length) {
            None => return (at, false),
            Some(message) if read_message(message).is_some() => return (at, true),
            Some(_) => {}
        }
    }
    (bytes.len(), false)
}

impl Parser for DnsParser {
    fn feed(&mut self, dir: Direction, input: Input<'_>, _now: Timestamp) -> Outcome {
        match (input, self.transport) {
            (Input::Data(bytes), Transport::Udp) => self.take_message(dir, bytes),
            (Input::Data(bytes), Transport::Tcp) => return self.take_stream(dir, bytes),
            (Input::Gap(_), _) => {
                self.side(dir).clear();
                self.set_lost(dir, true);
            }
            (Input::End, _) => {}
        }
        Outcome::Continue
    }

    transactions_in!(txs);
}
