//! TFTP (RFC 1350): which file is read or written. The data travels on another port.
//!
//! Holds always: one transaction a request; other packets make none.

use mimamori_base::{Direction, Timestamp};
use serde_json::{Map, Value, json};

use crate::field::{Field, Sides};
use crate::parser::{Outcome, Parser, transactions_in};
use crate::reader::Reader;
use crate::session::Input;
use crate::text::printable;
use crate::transaction::Transaction;
use crate::txlist::TxList;

/// TFTP of one flow.
#[derive(Debug)]
pub struct TftpParser {
    txs: TxList<TftpTx>,
}

#[derive(Debug)]
struct TftpTx {
    id: u64,
    write: bool,
    file: Vec<u8>,
    mode: Vec<u8>,
}

/// Operation, file name and mode of a request.
fn read(datagram: &[u8]) -> Option<(bool, &[u8], &[u8])> {
    let mut r = Reader::new(datagram);
    let write = match r.u16()? {
        1 => false,
        2 => true,
        _ => return None,
    };
    let (file, mode) = (r.until(0)?, r.until(0)?);
    let known = [&b"netascii"[..], b"octet", b"mail"].iter().any(|m| mode.eq_ignore_ascii_case(m));
    known.then_some((write, file, mode))
}

impl TftpParser {
    #[must_use]
    pub fn new(max_tx: usize) -> Self {
        TftpParser { txs: TxList::new(max_tx) }
    }
}

impl Parser for TftpParser {
    fn feed(&mut self, _dir: Direction, input: Input<'_>, _now: Timestamp) -> Outcome {
        if let Input::Data(datagram) = input
            && let Some((write, file, mode)) = read(datagram)
        {
            self.txs.make_room();
            self.txs.push_with(|id| TftpTx { id, write, file: file.to_vec(), mode: mode.to_vec() });
        }
        Outcome::Continue
    }

    transactions_in!(txs);
}

impl Transaction for TftpTx {
    fn id(&self) -> u64 {
        self.id
    }

    fn sides(&self) -> Sides {
        Sides::ToServer
    }

    fn bytes(&self, field: Field, _dir: Direction, visit: &mut dyn FnMut(&[u8])) {
        if field == Field::FileName {
            visit(&self.file);
        }
    }

    fn numbers(&self, _field: Field, _dir: Direction, _visit: &mut dyn FnMut(u64)) {}

    fn event_type(&self) -> Option<&'static str> {
        Some("tftp")
    }

    fn log(&self, out: &mut Map<String, Value>) {
        let packet = if self.write { "write" } else { "read" };
        let object =
            json!({ "packet": packet, "file": printable(&self.file), "mode": printable(&self.mode) });
        out.insert("tftp".into(), object);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_only() {
        assert_eq!(read(b"\0\x01rfc1350.txt\0octet\0"), Some((false, &b"rfc1350.txt"[..], &b"octet"[..])));
        assert_eq!(read(b"\0\x03\0\x01data"), None);
        assert_eq!(read(b"\0\x01name"), None);
        assert_eq!(read(b"\0\x02a\0sideways\0"), None);
    }
}
