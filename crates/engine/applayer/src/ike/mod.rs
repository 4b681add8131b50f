//! IKE (RFC 2409, RFC 7296): which keys a tunnel is made with, as far as it is said in the clear.
//!
//! Responsible for one transaction a message and for naming proposals that no longer protect.
//! Holds always: nothing is kept between messages; ESP and keep-alives on the port of NAT
//! traversal make no transaction.

pub mod message;
mod transaction;

use mimamori_base::{Direction, Timestamp};

use crate::event::AppEvent;
use crate::parser::{Outcome, Parser, transactions_in};
use crate::session::Input;
use crate::txlist::TxList;
use message::Message;
pub use transaction::IkeTx;

/// UDP port of NAT traversal (RFC 3948), where ESP travels too.
const NAT_PORT: u16 = 4500;

/// IKE of one flow.
#[derive(Debug)]
pub struct IkeParser {
    txs: TxList<IkeTx>,
    /// Messages stand behind four zero bytes.
    marked: bool,
}

impl IkeParser {
    #[must_use]
    pub fn new(max_tx: usize, ports: [u16; 2]) -> Self {
        IkeParser { txs: TxList::new(max_tx), marked: ports.contains(&NAT_PORT) }
    }
}

impl Parser for IkeParser {
    fn feed(&mut self, dir: Direction, input: Input<'_>, _now: Timestamp) -> Outcome {
        let Input::Data(datagram) = input else { return Outcome::Continue };
        let bytes = match datagram.strip_prefix(&[0, 0, 0, 0]) {
            Some(rest) if self.marked => rest,
            _ if self.marked => return Outcome::Continue,
            _ => datagram,
        };
        let (message, events) = match message::read(bytes) {
            Some(m) => {
                let events = weaknesses(&m, dir);
                (m, events)
            }
            None => (Message::default(), vec!["ike.malformed_data"]),
        };
        self.txs.make_room();
        self.txs.push_with(|id| IkeTx { id, dir, message, events });
        Outcome::Continue
    }

    transactions_in!(txs);
}

/// What is proposed or chosen and should not be (RFC 8247).
fn weaknesses(m: &Message, dir: Direction) -> Vec<AppEvent> {
    let mut events: Vec<AppEvent> = Vec::new();
    let mut say = |event: AppEvent, it: bool| {
        if it && !events.contains(&event) {
            events.push(event);
        }
    };
    say("ike.payload_extra_data", m.extra);
    say("ike.multiple_server_proposal", dir == Direction::ToClient && m.proposals > 1);
    for (kind, id) in &m.transforms {
        match kind {
            // DES and its kin, 3DES, RC5, IDEA, CAST, Blowfish, none at all.
            1 => say("ike.weak_crypto_enc", matches!(id, 1..=9 | 11)),
            // MD5, SHA-1.
            2 => say("ike.weak_crypto_prf", matches!(id, 0..=2)),
            3 => {
                say("ike.weak_crypto_noauth", *id == 0);
                say("ike.weak_crypto_auth", matches!(id, 1..=4 | 6 | 7));
            }
            4 => {
                say("ike.weak_crypto_nodh", *id == 0);
                say("ike.weak_crypto_dh", matches!(id, 1 | 2 | 5 | 22));
            }
            5 => {}
            _ => say("ike.unknown_proposal", true),
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_groups_are_named_once() {
        let m = Message { transforms: vec![(4, 2), (4, 5), (4, 14), (1, 12)], ..Message::default() };
        assert_eq!(weaknesses(&m, Direction::ToServer), ["ike.weak_crypto_dh"]);
    }

    #[test]
    fn esp_beside_ike_is_passed_over() {
        let mut parser = IkeParser::new(8, [4500, 4500]);
        parser.feed(Direction::ToServer, Input::Data(b"\x01\x02\x03\x04 esp"), Timestamp::EPOCH);
        parser.feed(Direction::ToServer, Input::Data(b"\xff"), Timestamp::EPOCH);
        assert_eq!(parser.tx_count(), 0);
        parser.feed(Direction::ToServer, Input::Data(b"\0\0\0\0short"), Timestamp::EPOCH);
        assert_eq!(parser.tx(0).map(|t| t.events().to_vec()), Some(vec!["ike.malformed_data"]));
    }
}
