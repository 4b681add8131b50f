//! DHCP (RFC 2131): who asks for an address, under which name, and what is given.
//!
//! Holds always: one transaction a message; a message that cannot be read makes none.

mod message;
mod transaction;

use mimamori_base::{Direction, Timestamp};

use crate::dhcp::message::Message;
use crate::dhcp::transaction::DhcpTx;
use crate::parser::{Outcome, Parser, transactions_in};
use crate::session::Input;
use crate::txlist::TxList;

/// DHCP of one flow.
#[derive(Debug)]
pub struct DhcpParser {
    txs: TxList<DhcpTx>,
}

impl DhcpParser {
    #[must_use]
    pub fn new(max_tx: usize) -> Self {
        DhcpParser { txs: TxList::new(max_tx) }
    }
}

impl Parser for DhcpParser {
    fn feed(&mut self, _dir: Direction, input: Input<'_>, _now: Timestamp) -> Outcome {
        if let Input::Data(datagram) = input
            && let Some(message) = Message::read(datagram)
        {
            self.txs.make_room();
            self.txs.push_with(|id| DhcpTx { id, message });
        }
        Outcome::Continue
    }

    transactions_in!(txs);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(options: &[u8]) -> Vec<u8> {
        let mut m = vec![1, 1, 6, 0, 0, 0, 0, 7];
        m.resize(236, 0);
        m.extend([0x63, 0x82, 0x53, 0x63]);
        m.extend(options);
        m
    }

    #[test]
    fn reads_names_and_notes_broken_options() {
        let m = Message::read(&request(b"\x35\x01\x03\x0c\x08KEIRI-PC\xff")).unwrap();
        assert_eq!(m.message_type(), Some("request"));
        assert_eq!(m.option(12), Some(&b"KEIRI-PC"[..]));
        assert!(m.events.is_empty());
        let m = Message::read(&request(b"\x35\x01\x03")).unwrap();
        assert_eq!(m.events, ["dhcp.truncated_options"]);
        let m = Message::read(&request(b"\x0c\x20KEIRI")).unwrap();
        assert_eq!(m.events, ["dhcp.malformed_options"]);
    }

    #[test]
    fn options_in_the_name_fields_are_found() {
        let mut bytes = request(b"\x34\x01\x01\xff");
        bytes[108..118].copy_from_slice(b"\x0c\x08KEIRI-PC");
        assert_eq!(Message::read(&bytes).unwrap().option(12), Some(&b"KEIRI-PC"[..]));
    }

    proptest! {
        #[test]
        fn never_panics(options in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = Message::read(&request(&options));
            let _ = Message::read(&options);
        }
    }
}
