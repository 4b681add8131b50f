//! LDAP (RFC 4511) over TCP and UDP: what is asked of the office's directory.
//!
//! Holds always: a request and its responses are one transaction; at most one message of
//! [`MAX_MESSAGE_BYTES`] is kept a side, and [`MAX_RESPONSES`] responses a request.

mod message;
mod transaction;

use mimamori_base::{Direction, Timestamp};

use crate::ber::{Element, header};
use crate::ldap::message::Message;
use crate::ldap::transaction::LdapTx;
use crate::parser::{Outcome, Parser, transactions_in};
use crate::pending::Pending;
use crate::session::{Input, Transport};
use crate::txlist::TxList;

/// LDAP of one flow.
#[derive(Debug)]
pub struct LdapParser {
    transport: Transport,
    txs: TxList<LdapTx>,
    pending: [Pending; 2],
    /// Requests that may wait for their answer.
    max_tx: usize,
}

const MAX_MESSAGE_BYTES: usize = 1 << 20;
const MAX_RESPONSES: usize = 1024;

impl LdapParser {
    #[must_use]
    pub fn new(transport: Transport, max_tx: usize) -> Self {
        LdapParser {
            transport,
            txs: TxList::new(max_tx.saturating_mul(2).max(16)),
            max_tx,
            pending: [Pending::default(), Pending::default()],
        }
    }

    fn take(&mut self, dir: Direction, bytes: &[u8]) -> Outcome {
        let joined = self.side(dir).take_joined(bytes);
        let mut used = 0;
        loop {
            let rest = joined.get(used..).unwrap_or_default();
            let Some(h) = header(rest) else {
                if rest.len() >= 6 {
                    return self.broken();
                }
                break;
            };
            if h.tag != 0x30 || h.content_bytes > MAX_MESSAGE_BYTES {
                return self.broken();
            }
            let Some((outer, after)) = Element::read(rest) else { break };
            used = joined.len() - after.len();
            match Message::read(outer) {
                Some(message) => self.take_message(dir, message),
                None => return self.broken(),
            }
        }
        if self.transport == Transport::Tcp {
            self.side(dir).restore(joined, used);
        }
        Outcome::Continue
    }

    fn broken(&mut self) -> Outcome {
        self.add(None, Vec::new(), true, Some("ldap.invalid_data"));
        if self.transport == Transport::Tcp { Outcome::Failed } else { Outcome::Continue }
    }

    fn take_message(&mut self, dir: Direction, message: Message) {
        if dir == Direction::ToServer {
            if message.is_request() {
                let complete = !message.expects_answer();
                self.add(Some(message), Vec::new(), complete, None);
            } else {
                self.add(None, Vec::new(), true, Some("ldap.request_not_found"));
            }
            return;
        }
        let partial = message.is_partial();
        let question = self
            .txs
            .iter_mut()
            .find(|tx| !tx.complete && tx.request.as_ref().is_some_and(|request| request.id == message.id));
        match question {
            Some(tx) => {
                if tx.responses.len() < MAX_RESPONSES {
                    tx.responses.push(message);
                }
                tx.complete |= !partial;
            }
            // Message id 0 is an unsolicited notification (RFC 4511 4.4).
            None if message.id == 0 => self.add(None, vec![message], true, None),
            None => self.add(None, vec![message], true, Some("ldap.request_not_found")),
        }
    }

    fn add(
        &mut self,
        request: Option<Message>,
        responses: Vec<Message>,
        complete: bool,
        event: Option<&'static str>,
    ) {
        self.txs.give_up_oldest(
            self.max_tx,
            |tx| !tx.complete,
            |tx| {
                tx.complete = true;
                tx.events.push("ldap.too_many_transactions");
            },
        );
        self.txs.push_with(|id| LdapTx {
            id,
            request,
            responses,
            complete,
            events: event.into_iter().collect(),
        });
    }

    fn side(&mut self, dir: Direction) -> &mut Pending {
        let [server, client] = &mut self.pending;
        if dir == Direction::ToServer { server } else { client }
    }
}

impl Parser for LdapParser {
    fn feed(&mut self, dir: Direction, input: Input<'_>, _now: Timestamp) -> Outcome {
        match input {
            Input::Data(bytes) => return self.take(dir, bytes),
            // What was read stands; where the next message begins is not known.
            Input::Gap(_) => return Outcome::Opaque,
            Input::End => {}
        }
        Outcome::Continue
    }

    transactions_in!(txs);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UNBIND: &[u8] = b"\x30\x05\x02\x01\x03\x42\x00";
    const DONE: &[u8] = b"\x30\x0c\x02\x01\x02\x65\x07\x0a\x01\x04\x04\x00\x04\x00";

    fn run(pieces: &[(Direction, &[u8])]) -> LdapParser {
        let mut parser = LdapParser::new(Transport::Tcp, 8);
        for (dir, bytes) in pieces {
            parser.feed(*dir, Input::Data(bytes), Timestamp::EPOCH);
        }
        parser
    }

    #[test]
    fn any_segmentation_gives_the_same() {
        let two = [DONE, DONE].concat();
        for cut in 0..two.len() {
            let parser = run(&[(Direction::ToClient, &two[..cut]), (Direction::ToClient, &two[cut..])]);
            let codes: Vec<_> = parser.txs.iter().map(|t| t.responses[0].result_code).collect();
            assert_eq!(codes, [Some(4), Some(4)], "cut at {cut}");
        }
        let parser = run(&[(Direction::ToServer, UNBIND)]);
        assert!(parser.txs.get(0).unwrap().complete);
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            run(&[(Direction::ToServer, &bytes), (Direction::ToClient, &bytes)]);
        }
    }
}
