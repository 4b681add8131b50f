//! SIP (RFC 3261) over UDP and TCP: calls set up, their addresses and user agents.
//!
//! Holds always: one transaction a message; over TCP at most one message's headers
//! ([`message::MAX_HEAD_BYTES`]) and [`MAX_PENDING_BYTES`] of a body are kept a side.

mod message;
mod sdp;
mod transaction;

use mimamori_base::{Direction, Timestamp};

use crate::parser::{Outcome, Parser, transactions_in};
use crate::pending::Pending;
use crate::session::{Input, Transport};
use crate::sip::message::{Found, Message, read, read_datagram};
use crate::sip::transaction::SipTx;
use crate::txlist::TxList;

/// SIP of one flow.
#[derive(Debug)]
pub struct SipParser {
    transport: Transport,
    txs: TxList<SipTx>,
    pending: [Pending; 2],
}

/// Bytes of a message that may wait for the rest of it.
const MAX_PENDING_BYTES: usize = 256 * 1024;

impl SipParser {
    #[must_use]
    pub fn new(transport: Transport, max_tx: usize) -> Self {
        SipParser { transport, txs: TxList::new(max_tx), pending: [Pending::default(), Pending::default()] }
    }

    fn add(&mut self, dir: Direction, message: Option<Message>) {
        let events = if message.is_none() { vec!["sip.invalid_data"] } else { Vec::new() };
        self.txs.make_room();
        self.txs.push_with(|id| SipTx { id, dir, message, events });
    }

    fn take_datagram(&mut self, dir: Direction, bytes: &[u8]) {
        // Keep-alives are line ends, or single zero bytes (RFC 5626 4.4).
        if bytes.iter().all(|b| matches!(b, b'\r' | b'\n' | 0)) {
            return;
        }
        self.add(dir, read_datagram(bytes));
    }

    fn take_stream(&mut self, dir: Direction, bytes: &[u8]) -> Outcome {
        let joined = self.side(dir).take_joined(bytes);
        let mut used = 0;
        loop {
            let rest = joined.get(used..).unwrap_or_default();
            let blank = rest.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
            let rest = rest.get(blank..).unwrap_or_default();
            used += blank;
            match read(rest) {
                Found::Message(message, bytes) => {
                    used += bytes;
                    self.add(dir, Some(*message));
                }
                Found::Incomplete if rest.len() <= MAX_PENDING_BYTES => break,
                Found::Incomplete | Found::Broken => {
                    self.add(dir, None);
                    return Outcome::Failed;
                }
            }
        }
        self.side(dir).restore(joined, used);
        Outcome::Continue
    }

    fn side(&mut self, dir: Direction) -> &mut Pending {
        let [server, client] = &mut self.pending;
        if dir == Direction::ToServer { server } else { client }
    }
}

impl Parser for SipParser {
    fn feed(&mut self, dir: Direction, input: Input<'_>, _now: Timestamp) -> Outcome {
        match (input, self.transport) {
            (Input::Data(bytes), Transport::Udp) => self.take_datagram(dir, bytes),
            (Input::Data(bytes), Transport::Tcp) => return self.take_stream(dir, bytes),
            (Input::Gap(_), _) => self.side(dir).clear(),
            (Input::End, _) => {}
        }
        Outcome::Continue
    }

    transactions_in!(txs);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INVITE: &[u8] =
        b"INVITE sip:b@example.jp SIP/2.0\r\nf: <sip:a@example.jp>\r\nVia: SIP/2.0/TCP a\r\nVia: SIP/2.0/TCP b\r\nl: 4\r\n\r\nabcd";

    fn lines(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut parser = SipParser::new(Transport::Tcp, 8);
        for piece in pieces {
            let outcome = parser.feed(Direction::ToServer, Input::Data(piece), Timestamp::EPOCH);
            assert_eq!(outcome, Outcome::Continue);
        }
        let lines = parser.txs.iter().map(|tx| tx.message.as_ref().unwrap().line.clone());
        lines.collect()
    }

    #[test]
    fn compact_headers_and_bodies() {
        let Found::Message(message, used) = read(INVITE) else { panic!("not read") };
        assert_eq!(used, INVITE.len());
        assert_eq!(message.header(b"from"), Some(&b"<sip:a@example.jp>"[..]));
        assert_eq!(message.values(b"via").count(), 2);
    }

    #[test]
    fn any_segmentation_gives_the_same_messages() {
        let two = [INVITE, b"\r\n", INVITE].concat();
        let whole = lines(&[&two]);
        assert_eq!(whole.len(), 2);
        for cut in 1..two.len() {
            assert_eq!(lines(&[&two[..cut], &two[cut..]]), whole, "cut at {cut}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
            let _ = read_datagram(&bytes);
        }
    }
}
