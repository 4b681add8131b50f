//! Kerberos (RFC 4120) over UDP and TCP: who asks for which service, and how badly protected.
//!
//! Holds always: one transaction a message; at most [`MAX_MESSAGE_BYTES`] are kept a side, longer
//! messages are passed over and marked. Deliberately not here: anything encrypted.

mod message;
mod names;

use mimamori_base::{Direction, Timestamp};
use serde_json::{Map, Value, json};

use crate::event::AppEvent;
use crate::field::{Field, Sides};
use crate::parser::{Outcome, Parser, transactions_in};
use crate::pending::Pending;
use crate::session::{Input, Transport};
use crate::text::printable;
use crate::transaction::Transaction;
use crate::txlist::TxList;
use message::{Message, is_weak, kind};

/// Longest message over TCP that is read.
pub const MAX_MESSAGE_BYTES: usize = 64 << 10;

/// Kerberos of one flow.
#[derive(Debug)]
pub struct Krb5Parser {
    transport: Transport,
    txs: TxList<Krb5Tx>,
    pending: [Pending; 2],
    /// Bytes of a too long message still to be passed over.
    skip_bytes: [usize; 2],
    /// What was asked for last; an error does not say.
    asked: u8,
}

impl Krb5Parser {
    #[must_use]
    pub fn new(transport: Transport, max_tx: usize) -> Self {
        Krb5Parser {
            transport,
            txs: TxList::new(max_tx),
            pending: [Pending::default(), Pending::default()],
            skip_bytes: [0, 0],
            asked: 0,
        }
    }

    /// Records of TCP: four bytes of length, then a message.
    fn stream(&mut self, dir: Direction, bytes: &[u8]) {
        let at = dir.index();
        let (Some(pending), Some(skip)) = (self.pending.get_mut(at), self.skip_bytes.get_mut(at)) else {
            return;
        };
        let skipped = (*skip).min(bytes.len());
        *skip -= skipped;
        let joined = pending.take_joined(bytes.get(skipped..).unwrap_or_default());
        let mut used = 0;
        while let Some(head) = joined.get(used..used + 4).and_then(|h| <[u8; 4]>::try_from(h).ok()) {
            let length = usize::try_from(u32::from_be_bytes(head)).unwrap_or(usize::MAX);
            if length > MAX_MESSAGE_BYTES {
                let here = length.saturating_add(4).min(joined.len() - used);
                if let Some(skip) = self.skip_bytes.get_mut(at) {
                    *skip = length.saturating_add(4) - here;
                }
                used += here;
                self.add(dir, Message::default(), vec!["krb5.malformed_data"]);
                continue;
            }
            let Some(body) = joined.get(used + 4..used + 4 + length) else { break };
            used += 4 + length;
            self.message(dir, body);
        }
        if let Some(pending) = self.pending.get_mut(at) {
            pending.restore(joined, used);
        }
    }

    fn message(&mut self, dir: Direction, bytes: &[u8]) {
        let Some(message) = Message::read(bytes) else {
            self.add(dir, Message::default(), vec!["krb5.malformed_data"]);
            return;
        };
        let weak = message.encryption.is_some_and(is_weak);
        if matches!(message.kind, kind::AS_REQ | kind::TGS_REQ | kind::AP_REQ) {
            self.asked = message.kind;
        }
        self.add(dir, message, if weak { vec!["krb5.weak_encryption"] } else { Vec::new() });
    }

    fn add(&mut self, dir: Direction, message: Message, events: Vec<AppEvent>) {
        self.txs.make_room();
        let asked = self.asked;
        self.txs.push_with(|id| Krb5Tx { id, dir, message, asked, events });
    }
}

impl Parser for Krb5Parser {
    fn feed(&mut self, dir: Direction, input: Input<'_>, _now: Timestamp) -> Outcome {
        match (input, self.transport) {
            (Input::Data(bytes), Transport::Tcp) => self.stream(dir, bytes),
            (Input::Data(bytes), Transport::Udp) => self.message(dir, bytes),
            (Input::Gap(_), _) => return Outcome::Failed,
            (Input::End, _) => {}
        }
        Outcome::Continue
    }

    transactions_in!(txs);
}

/// One message.
#[derive(Debug)]
struct Krb5Tx {
    id: u64,
    dir: Direction,
    message: Message,
    asked: u8,
    events: Vec<AppEvent>,
}

impl Krb5Tx {
    /// The type that rules and records speak of: of an error, what had been asked for.
    fn kind(&self) -> u8 {
        if self.message.kind == kind::ERROR { self.asked } else { self.message.kind }
    }
}

/// A signed number as the fields carry it.
fn signed(n: i32) -> u64 {
    i64::from(n).cast_unsigned()
}

impl Transaction for Krb5Tx {
    fn id(&self) -> u64 {
        self.id
    }

    fn sides(&self) -> Sides {
        Sides::of(self.dir)
    }

    fn events(&self) -> &[AppEvent] {
        &self.events
    }

    fn bytes(&self, field: Field, _dir: Direction, visit: &mut dyn FnMut(&[u8])) {
        match field {
            Field::Krb5Cname => self.message.cname.iter().for_each(|part| visit(part)),
            Field::Krb5Sname => self.message.sname.iter().for_each(|part| visit(part)),
            _ => {}
        }
    }

    fn numbers(&self, field: Field, _dir: Direction, visit: &mut dyn FnMut(u64)) {
        match field {
            Field::Krb5MsgType => visit(self.kind().into()),
            Field::Krb5ErrCode => self.message.error_code.iter().for_each(|c| visit(signed(*c))),
            Field::Krb5TicketEncryption => {
                self.message.ticket_encryption.iter().for_each(|e| visit(signed(*e)));
            }
            _ => {}
        }
    }

    fn event_type(&self) -> Option<&'static str> {
        Some("krb5")
    }

    fn log(&self, out: &mut Map<String, Value>) {
        let m = &self.message;
        let joined = |name: &[Vec<u8>]| match name {
            [] => "<empty>".to_owned(),
            parts => parts.iter().map(|p| printable(p)).collect::<Vec<_>>().join("/"),
        };
        let mut object = Map::new();
        object.insert("msg_type".into(), json!(names::message(m.kind)));
        if let Some(code) = m.error_code {
            object.insert("failed_request".into(), json!(names::message(self.asked)));
            object.insert("error_code".into(), json!(names::error(code)));
        }
        object.insert("cname".into(), json!(joined(&m.cname)));
        let realm = m.realm.as_deref().map_or_else(|| "<empty>".to_owned(), printable);
        object.insert("realm".into(), json!(realm));
        object.insert("sname".into(), json!(joined(&m.sname)));
        let encryption = m.encryption.map_or_else(|| "<none>".to_owned(), names::encryption);
        object.insert("encryption".into(), json!(encryption));
        object.insert("weak_encryption".into(), json!(m.encryption.is_some_and(is_weak)));
        if let Some(ticket) = m.ticket_encryption {
            object.insert("ticket_encryption".into(), json!(names::encryption(ticket)));
            object.insert("ticket_weak_encryption".into(), json!(is_weak(ticket)));
        }
        out.insert("krb5".into(), Value::Object(object));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![tag, u8::try_from(content.len()).expect("short")];
        out.extend(content);
        out
    }

    fn text(s: &str) -> Vec<u8> {
        tlv(0x1b, s.as_bytes())
    }

    fn principal(parts: &[&str]) -> Vec<u8> {
        let list: Vec<u8> = parts.iter().flat_map(|p| text(p)).collect();
        tlv(0x30, &[tlv(0xa0, &[2, 1, 1]), tlv(0xa1, &tlv(0x30, &list))].concat())
    }

    fn error(code: u8) -> Vec<u8> {
        let body = [tlv(0xa6, &[2, 1, code]), tlv(0xa9, &text("R")), tlv(0xaa, &principal(&["krbtgt", "R"]))]
            .concat();
        tlv(0x7e, &tlv(0x30, &body))
    }

    fn reply() -> Vec<u8> {
        let sealed = |e: u8| tlv(0x30, &tlv(0xa0, &[2, 1, e]));
        let ticket = [tlv(0xa2, &principal(&["http", "www"])), tlv(0xa3, &sealed(18))].concat();
        let ticket = tlv(0x61, &tlv(0x30, &ticket));
        let body = [
            tlv(0xa3, &text("R")),
            tlv(0xa4, &principal(&["jo"])),
            tlv(0xa5, &ticket),
            tlv(0xa6, &sealed(23)),
        ]
        .concat();
        tlv(0x6b, &tlv(0x30, &body))
    }

    fn request() -> Vec<u8> {
        let inner = [tlv(0xa1, &principal(&["jo"])), tlv(0xa2, &text("R"))].concat();
        tlv(0x6a, &tlv(0x30, &tlv(0xa4, &tlv(0x30, &inner))))
    }

    fn record(message: &[u8]) -> Vec<u8> {
        [&u32::try_from(message.len()).expect("short").to_be_bytes()[..], message].concat()
    }

    fn eve(tx: &Krb5Tx) -> Value {
        let mut out = Map::new();
        tx.log(&mut out);
        out["krb5"].clone()
    }

    #[test]
    fn a_login_is_told_however_it_is_cut() {
        let server = [record(&error(25)), record(&reply())].concat();
        for cut in 0..server.len() {
            let mut parser = Krb5Parser::new(Transport::Tcp, 8);
            parser.feed(Direction::ToServer, Input::Data(&record(&request())), Timestamp::EPOCH);
            for piece in [&server[..cut], &server[cut..]] {
                parser.feed(Direction::ToClient, Input::Data(piece), Timestamp::EPOCH);
            }
            assert_eq!(parser.txs.len(), 3, "cut at {cut}");
            let failed = eve(parser.txs.get(1).expect("there"));
            assert_eq!(failed["error_code"], "KDC_ERR_PREAUTH_REQUIRED");
            assert_eq!(
                (&failed["failed_request"], &failed["sname"]),
                (&json!("KRB_AS_REQ"), &json!("krbtgt/R"))
            );
            let done = parser.txs.get(2).expect("there");
            assert_eq!(eve(done)["ticket_weak_encryption"], false);
            assert_eq!(eve(done)["sname"], "http/www");
            assert_eq!(done.events, ["krb5.weak_encryption"]);
        }
    }

    #[test]
    fn what_is_no_kerberos_is_marked() {
        let mut parser = Krb5Parser::new(Transport::Udp, 8);
        parser.feed(Direction::ToServer, Input::Data(b"\x6a\x03abc"), Timestamp::EPOCH);
        assert_eq!(parser.txs.get(0).expect("there").events, ["krb5.malformed_data"]);
        let mut parser = Krb5Parser::new(Transport::Tcp, 8);
        let long = [&[0, 1, 0, 1][..], &[0; 65_537], &record(&request())].concat();
        for piece in long.chunks(1_000) {
            parser.feed(Direction::ToServer, Input::Data(piece), Timestamp::EPOCH);
        }
        assert_eq!(parser.txs.len(), 2, "the message after a too long one is read");
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Message::read(&bytes);
            let mut parser = Krb5Parser::new(Transport::Tcp, 8);
            parser.feed(Direction::ToServer, Input::Data(&bytes), Timestamp::EPOCH);
        }

        #[test]
        fn never_panics_on_near_misses(at in any::<prop::sample::Index>(), with in any::<u8>()) {
            let mut bytes = reply();
            let at = at.index(bytes.len());
            bytes[at] = with;
            let _ = Message::read(&bytes);
        }
    }
}
