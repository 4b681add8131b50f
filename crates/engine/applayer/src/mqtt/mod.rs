//! MQTT (OASIS 3.1.1 and 5.0, IBM 3.1): what sensors and cameras say to their broker.
//!
//! Holds always: a question and its answers are one transaction; at most one packet of the
//! configured size is kept a side, longer ones are skipped and marked.

mod message;
mod transaction;

use mimamori_base::{Direction, Timestamp};

use crate::config::MqttConfig;
use crate::event::AppEvent;
use crate::mqtt::message::{Content, FixedHeader, Message, kind};
use crate::mqtt::transaction::MqttTx;
use crate::parser::{Outcome, Parser, transactions_in};
use crate::pending::Pending;
use crate::session::Input;
use crate::txlist::TxList;

/// MQTT of one flow.
#[derive(Debug)]
pub struct MqttParser {
    txs: TxList<MqttTx>,
    pending: [Pending; 2],
    /// Bytes of a too long packet still to be skipped.
    skip_bytes: [usize; 2],
    /// Transactions that may wait for their end.
    max_tx: usize,
    max_message_bytes: usize,
    version: u8,
    connected: bool,
}

impl MqttParser {
    #[must_use]
    pub fn new(config: &MqttConfig) -> Self {
        MqttParser {
            txs: TxList::new(config.max_tx.saturating_mul(2).max(16)),
            max_tx: config.max_tx,
            pending: [Pending::default(), Pending::default()],
            skip_bytes: [0, 0],
            max_message_bytes: config.max_message_bytes,
            version: 0,
            connected: false,
        }
    }

    fn take(&mut self, dir: Direction, bytes: &[u8]) -> Outcome {
        let [to_server, to_client] = &mut self.skip_bytes;
        let skip = if dir == Direction::ToServer { to_server } else { to_client };
        let skipped = (*skip).min(bytes.len());
        *skip -= skipped;
        let joined = self.side(dir).take_joined(bytes.get(skipped..).unwrap_or_default());
        let mut used = 0;
        loop {
            let rest = joined.get(used..).unwrap_or_default();
            let header = match FixedHeader::read(rest) {
                Ok(Some(header)) => header,
                Ok(None) => break,
                Err(()) => {
                    self.add(dir, None, Some("mqtt.malformed_traffic"));
                    return Outcome::Failed;
                }
            };
            let all = header.header_bytes + header.remaining_bytes;
            if header.remaining_bytes > self.max_message_bytes {
                let here = all.min(rest.len());
                used += here;
                self.set_skip(dir, all - here);
                self.take_message(dir, Message { header, content: Content::Truncated });
                continue;
            }
            let Some(body) = rest.get(header.header_bytes..all) else { break };
            used += all;
            match Content::read(header, body, self.version) {
                Some(content) => self.take_message(dir, Message { header, content }),
                None => {
                    self.add(dir, None, Some("mqtt.malformed_traffic"));
                    return Outcome::Failed;
                }
            }
        }
        self.side(dir).restore(joined, used);
        Outcome::Continue
    }

    fn take_message(&mut self, dir: Direction, message: Message) {
        let packet = message.header.kind;
        if let Content::Connect(connect) = &message.content {
            self.version = connect.version;
        }
        let introduced = self.connected || matches!(packet, kind::CONNECT | kind::CONNACK | kind::AUTH);
        let mut event = None;
        if packet == 0 {
            event = Some("mqtt.unassigned_msg_type");
        } else if message.header.qos() == 3 {
            event = Some("mqtt.invalid_qos_level");
        } else if !introduced {
            event = Some("mqtt.unintroduced_message");
        } else if packet == kind::CONNECT && self.connected {
            event = Some("mqtt.double_connect");
        }
        match packet {
            kind::CONNACK => {
                self.connected = true;
                self.answer(dir, message, kind::CONNECT, true, "mqtt.missing_connect");
            }
            kind::PUBACK | kind::PUBCOMP => {
                self.answer(dir, message, kind::PUBLISH, true, "mqtt.missing_publish")
            }
            kind::PUBREC | kind::PUBREL => {
                self.answer(dir, message, kind::PUBLISH, false, "mqtt.missing_publish")
            }
            kind::SUBACK => self.answer(dir, message, kind::SUBSCRIBE, true, "mqtt.missing_subscribe"),
            kind::UNSUBACK => self.answer(dir, message, kind::UNSUBSCRIBE, true, "mqtt.missing_unsubscribe"),
            kind::PINGRESP => self.answer(dir, message, kind::PINGREQ, true, "mqtt.missing_connect"),
            _ => {
                if packet == kind::DISCONNECT {
                    self.connected = false;
                }
                self.add(dir, Some(message), event);
            }
        }
    }

    /// Joins an answer to its question; where there is none, the answer stands alone with `missing`.
    fn answer(&mut self, dir: Direction, message: Message, asked: u8, last: bool, missing: AppEvent) {
        let id = message.message_id();
        let question = self.txs.iter_mut().rev().find(|tx| {
            let first = tx.messages.first();
            !tx.complete && first.is_some_and(|m| m.header.kind == asked && m.message_id() == id)
        });
        match question {
            Some(tx) => {
                tx.messages.push(message);
                tx.complete |= last;
            }
            None if asked == kind::PINGREQ => self.add(dir, Some(message), None),
            None => self.add(dir, Some(message), Some(missing)),
        }
    }

    fn add(&mut self, dir: Direction, message: Option<Message>, event: Option<AppEvent>) {
        let waits = message.as_ref().is_some_and(|m| match m.header.kind {
            kind::CONNECT | kind::SUBSCRIBE | kind::UNSUBSCRIBE | kind::PINGREQ => true,
            kind::PUBLISH => m.header.qos() > 0 && m.content != Content::Truncated,
            _ => false,
        });
        self.txs.give_up_oldest(
            self.max_tx,
            |tx| !tx.complete,
            |tx| {
                tx.complete = true;
                tx.events.push("mqtt.too_many_transactions");
            },
        );
        let version = self.version;
        self.txs.push_with(|id| MqttTx {
            id,
            dir,
            messages: message.into_iter().collect(),
            complete: !waits || event.is_some(),
            version,
            events: event.into_iter().collect(),
        });
    }

    fn side(&mut self, dir: Direction) -> &mut Pending {
        let [server, client] = &mut self.pending;
        if dir == Direction::ToServer { server } else { client }
    }

    fn set_skip(&mut self, dir: Direction, bytes: usize) {
        let [server, client] = &mut self.skip_bytes;
        *(if dir == Direction::ToServer { server } else { client }) = bytes;
    }
}

impl Parser for MqttParser {
    fn feed(&mut self, dir: Direction, input: Input<'_>, _now: Timestamp) -> Outcome {
        match input {
            Input::Data(bytes) => return self.take(dir, bytes),
            // What was read stands; where the next message begins is not known.
            Input::Gap(_) => return Outcome::Opaque,
            Input::End => self.txs.iter_mut().for_each(|tx| tx.complete = true),
        }
        Outcome::Continue
    }

    transactions_in!(txs);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CONNECT: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a";
    const CONNACK: &[u8] = b"\x20\x02\x00\x00";
    const PUBLISH: &[u8] = b"\x30\x05\x00\x01thi";

    fn run(pieces: &[(Direction, &[u8])]) -> MqttParser {
        let config = MqttConfig { max_message_bytes: 100, max_tx: 8 };
        let mut parser = MqttParser::new(&config);
        for (dir, bytes) in pieces {
            parser.feed(*dir, Input::Data(bytes), Timestamp::EPOCH);
        }
        parser
    }

    #[test]
    fn questions_and_answers_join() {
        use Direction::{ToClient, ToServer};
        let parser = run(&[(ToServer, CONNECT), (ToClient, CONNACK), (ToServer, PUBLISH)]);
        let seen: Vec<(usize, bool)> = parser.txs.iter().map(|t| (t.messages.len(), t.complete)).collect();
        assert_eq!(seen, [(2, true), (1, true)]);
        assert!(parser.txs.iter().all(|t| t.events.is_empty()));
        let parser = run(&[(ToClient, CONNACK)]);
        assert_eq!(parser.txs.get(0).unwrap().events, ["mqtt.missing_connect"]);
    }

    #[test]
    fn a_long_packet_is_skipped_over_segments() {
        use Direction::ToServer;
        let long = [b"\x30\xc8\x01".as_slice(), &[0; 200], PUBLISH].concat();
        for cut in 4..long.len() {
            let parser = run(&[(ToServer, &long[..cut]), (ToServer, &long[cut..])]);
            assert_eq!(parser.txs.len(), 2, "cut at {cut}");
        }
    }

    #[test]
    fn questions_that_nobody_answers_are_given_up() {
        const PING: &[u8] = b"\xc0\x00";
        use Direction::{ToClient, ToServer};
        let parser = run(&[(ToServer, CONNECT), (ToClient, CONNACK), (ToServer, &PING.repeat(11))]);
        let given_up = parser.txs.iter().filter(|t| t.events == ["mqtt.too_many_transactions"]);
        assert_eq!(given_up.count(), 3, "of eleven questions eight may wait");
        assert_eq!(parser.txs.iter().filter(|t| !t.complete).count(), 8);
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            run(&[(Direction::ToServer, &bytes), (Direction::ToClient, &bytes)]);
        }
    }
}
