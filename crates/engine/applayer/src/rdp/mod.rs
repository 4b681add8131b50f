//! RDP (MS-RDPBCGR): who begins a remote desktop session, and how it is protected.
//!
//! Holds always: one transaction a message of the connection's clear beginning; when TLS begins,
//! its certificates are read and the rest passes unparsed. At most one TPKT packet is kept a side.
//! Deliberately not here: what happens within the session.

mod log;
mod message;

use mimamori_base::{Direction, Timestamp};
use serde_json::{Map, Value};

use crate::config::TlsConfig;
use crate::field::{Field, Sides};
use crate::parser::{Outcome, Parser, transactions_in};
use crate::pending::Pending;
use crate::session::Input;
use crate::tls::TlsParser;
use crate::transaction::Transaction;
use crate::txlist::TxList;
use message::{Message, packet_bytes};

/// What a transaction is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Item {
    Message(Message),
    /// Serial numbers of the server's certificates, in hexadecimal.
    Certificates(Vec<String>),
}

/// RDP of one flow.
#[derive(Debug)]
pub struct RdpParser {
    txs: TxList<RdpTx>,
    pending: [Pending; 2],
    tls_config: TlsConfig,
    /// From the first record of TLS on.
    tls: Option<Box<TlsParser>>,
}

impl RdpParser {
    #[must_use]
    pub fn new(tls: &TlsConfig, max_tx: usize) -> Self {
        RdpParser {
            txs: TxList::new(max_tx),
            pending: [Pending::default(), Pending::default()],
            tls_config: tls.clone(),
            tls: None,
        }
    }

    fn take(&mut self, dir: Direction, bytes: &[u8], now: Timestamp) -> Outcome {
        if self.tls.is_some() {
            return self.in_tls(dir, Input::Data(bytes), now);
        }
        let Some(pending) = self.pending.get_mut(dir.index()) else { return Outcome::Failed };
        let joined = pending.take_joined(bytes);
        let mut used = 0;
        loop {
            let rest = joined.get(used..).unwrap_or_default();
            if rest.first() == Some(&0x16) {
                self.tls = Some(Box::new(TlsParser::new(&self.tls_config)));
                return self.in_tls(dir, Input::Data(rest), now);
            }
            let length = match packet_bytes(rest) {
                Ok(Some(length)) => length,
                Ok(None) => break,
                // Fast-path and whatever else follows the beginning.
                Err(()) => return Outcome::Opaque,
            };
            let Some(packet) = rest.get(..length) else { break };
            used += length;
            match Message::read(packet) {
                Some(Message::Other) => {}
                Some(message) => self.add(dir, Item::Message(message)),
                None => return Outcome::Failed,
            }
        }
        if let Some(pending) = self.pending.get_mut(dir.index()) {
            pending.restore(joined, used);
        }
        Outcome::Continue
    }

    fn in_tls(&mut self, dir: Direction, input: Input<'_>, now: Timestamp) -> Outcome {
        let Some(tls) = &mut self.tls else { return Outcome::Continue };
        let outcome = tls.feed(dir, input, now);
        let mut serials = Vec::new();
        if let Some(tx) = tls.tx(0) {
            tx.bytes(Field::TlsCertSerial, Direction::ToClient, &mut |serial| serials.push(plain(serial)));
        }
        if !serials.is_empty() {
            self.add(Direction::ToClient, Item::Certificates(serials));
            return Outcome::Opaque;
        }
        match outcome {
            Outcome::Continue => Outcome::Continue,
            _ => Outcome::Opaque,
        }
    }

    fn add(&mut self, dir: Direction, item: Item) {
        self.txs.make_room();
        self.txs.push_with(|id| RdpTx { id, dir, item });
    }
}

/// `0A:BC` as `abc`.
fn plain(serial: &[u8]) -> String {
    let digits: String =
        serial.iter().filter(|b| **b != b':').map(|b| char::from(b.to_ascii_lowercase())).collect();
    let short = digits.trim_start_matches('0');
    if short.is_empty() { "0".to_owned() } else { short.to_owned() }
}

impl Parser for RdpParser {
    fn feed(&mut self, dir: Direction, input: Input<'_>, now: Timestamp) -> Outcome {
        match input {
            Input::Data(bytes) => self.take(dir, bytes, now),
            Input::Gap(_) if self.tls.is_some() => self.in_tls(dir, input, now),
            Input::Gap(_) => Outcome::Failed,
            Input::End => Outcome::Continue,
        }
    }

    transactions_in!(txs);
}

#[derive(Debug)]
struct RdpTx {
    id: u64,
    dir: Direction,
    item: Item,
}

impl Transaction for RdpTx {
    fn id(&self) -> u64 {
        self.id
    }

    fn sides(&self) -> Sides {
        Sides::of(self.dir)
    }

    fn bytes(&self, _field: Field, _dir: Direction, _visit: &mut dyn FnMut(&[u8])) {}

    fn numbers(&self, _field: Field, _dir: Direction, _visit: &mut dyn FnMut(u64)) {}

    fn event_type(&self) -> Option<&'static str> {
        Some("rdp")
    }

    fn log(&self, out: &mut Map<String, Value>) {
        out.insert("rdp".into(), log::object(self.id, &self.item));
    }
}

#[cfg(test)]
mod tests;
