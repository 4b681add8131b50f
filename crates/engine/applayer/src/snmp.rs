//! SNMP (RFC 1157, RFC 3416, RFC 3412): who reads and sets what on the office's devices.
//!
//! Holds always: one transaction a message; a message that cannot be read makes one with an event.

use mimamori_base::{Direction, Timestamp};
use serde_json::{Map, Value, json};

use crate::ber::Element;
use crate::event::AppEvent;
use crate::field::{Field, Sides};
use crate::parser::{Outcome, Parser, transactions_in};
use crate::session::Input;
use crate::text::printable;
use crate::transaction::Transaction;
use crate::txlist::TxList;

/// SNMP of one flow.
#[derive(Debug)]
pub struct SnmpParser {
    /// Of the flow's first message.
    version: Option<u64>,
    txs: TxList<SnmpTx>,
}

/// What a message says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Message {
    /// 1, 2 or 3.
    version: u64,
    /// Of version 3: 3 is the user-based model.
    security_model: Option<u64>,
    community: Option<Vec<u8>>,
    user: Option<Vec<u8>>,
    /// Context tag of the PDU, without its class bits.
    pdu_type: Option<u8>,
    trap: Option<Trap>,
    variables: Vec<String>,
}

/// A trap of version 1.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Trap {
    kind: u64,
    oid: String,
    address: Option<String>,
}

const PDU_TRAP_V1: u8 = 4;
/// Object names kept of a message.
const MAX_VARIABLES: usize = 64;

impl Message {
    fn read(bytes: &[u8]) -> Option<Message> {
        let (outer, _) = Element::read(bytes).filter(|(e, _)| e.tag == 0x30)?;
        let mut parts = outer.children();
        // 0 is version 1, 1 is version 2c, and 3 is version 3 (RFC 3412 section 6).
        let version = match parts.next()?.number()? {
            3 => 3,
            number => number.checked_add(1)?,
        };
        let mut message = Message { version, ..Message::default() };
        if version == 3 {
            message.security_model = parts.next()?.children().nth(3).and_then(|m| m.number());
            message.user = user_of(parts.next()?.content);
            let scoped = parts.next()?;
            // An encrypted PDU is a string (tag 4): the user is all there is to see.
            if scoped.tag == 0x30
                && let Some(pdu) = scoped.children().nth(2)
            {
                message.take_pdu(pdu);
            }
        } else {
            message.community = Some(parts.next()?.content.to_vec());
            message.take_pdu(parts.next()?);
        }
        Some(message)
    }

    fn take_pdu(&mut self, pdu: Element<'_>) {
        let kind = pdu.tag & 0x1f;
        self.pdu_type = Some(kind);
        let parts: Vec<Element<'_>> = pdu.children().take(8).collect();
        if kind == PDU_TRAP_V1
            && let [oid, address, generic, ..] = parts.as_slice()
        {
            let octets: Option<[u8; 4]> = address.content.try_into().ok();
            self.trap = Some(Trap {
                kind: generic.number().unwrap_or(0),
                oid: oid.oid(),
                address: octets.map(|a| std::net::Ipv4Addr::from(a).to_string()),
            });
        }
        if let Some(list) = parts.last() {
            self.variables = list
                .children()
                .filter_map(|v| v.children().next())
                .take(MAX_VARIABLES)
                .map(|o| o.oid())
                .collect();
        }
    }
}

/// The user name in the security parameters of the user-based model (RFC 3414 2.4).
fn user_of(parameters: &[u8]) -> Option<Vec<u8>> {
    let (sequence, _) = Element::read(parameters)?;
    sequence.children().nth(3).map(|user| user.content.to_vec())
}

fn pdu_name(kind: u8) -> &'static str {
    match kind {
        0 => "get_request",
        1 => "get_next_request",
        2 => "response",
        3 => "set_request",
        PDU_TRAP_V1 => "trap_v1",
        5 => "get_bulk_request",
        6 => "inform_request",
        7 => "trap_v2",
        8 => "report",
        _ => "unknown",
    }
}

#[derive(Debug)]
struct SnmpTx {
    id: u64,
    dir: Direction,
    message: Message,
    events: Vec<AppEvent>,
}

impl Transaction for SnmpTx {
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
        let trap = self.message.trap.as_ref();
        match field {
            Field::SnmpCommunity => self.message.community.iter().for_each(|c| visit(c)),
            Field::SnmpUsm => self.message.user.iter().for_each(|u| visit(u)),
            Field::SnmpTrapOid => trap.iter().for_each(|t| visit(t.oid.as_bytes())),
            Field::SnmpTrapAddress => {
                trap.and_then(|t| t.address.as_ref()).iter().for_each(|a| visit(a.as_bytes()));
            }
            _ => {}
        }
    }

    fn numbers(&self, field: Field, _dir: Direction, visit: &mut dyn FnMut(u64)) {
        match field {
            Field::SnmpVersion => visit(self.message.version),
            Field::SnmpPduType => self.message.pdu_type.iter().for_each(|k| visit(u64::from(*k))),
            Field::SnmpTrapType => self.message.trap.iter().for_each(|t| visit(t.kind)),
            _ => {}
        }
    }

    fn event_type(&self) -> Option<&'static str> {
        Some("snmp")
    }

    fn log(&self, out: &mut Map<String, Value>) {
        let mut snmp = Map::new();
        let m = &self.message;
        snmp.insert("version".into(), json!(m.version));
        if let Some(community) = &m.community {
            snmp.insert("community".into(), json!(printable(community)));
        }
        if let Some(user) = &m.user {
            snmp.insert("usm".into(), json!(printable(user)));
        }
        if let Some(kind) = m.pdu_type {
            snmp.insert("pdu_type".into(), json!(pdu_name(kind)));
        }
        if let Some(trap) = &m.trap {
            snmp.insert("trap_type".into(), json!(trap.kind.to_string()));
            snmp.insert("trap_oid".into(), json!(trap.oid));
            if let Some(address) = &trap.address {
                snmp.insert("trap_address".into(), json!(address));
            }
        }
        if !m.variables.is_empty() {
            snmp.insert("vars".into(), json!(m.variables));
        }
        out.insert("snmp".into(), Value::Object(snmp));
    }
}

impl SnmpParser {
    #[must_use]
    pub fn new(max_tx: usize) -> Self {
        SnmpParser { version: None, txs: TxList::new(max_tx) }
    }
}

impl Parser for SnmpParser {
    fn feed(&mut self, dir: Direction, input: Input<'_>, _now: Timestamp) -> Outcome {
        if let Input::Data(datagram) = input {
            let message = Message::read(datagram);
            let mut events = if message.is_none() { vec!["snmp.malformed_data"] } else { Vec::new() };
            if let Some(message) = &message {
                if message.security_model.is_some_and(|model| model != 3) {
                    events.push("snmp.unknown_security_model");
                }
                if *self.version.get_or_insert(message.version) != message.version {
                    events.push("snmp.version_mismatch");
                }
            }
            self.txs.make_room();
            self.txs.push_with(|id| SnmpTx { id, dir, message: message.unwrap_or_default(), events });
        }
        Outcome::Continue
    }

    transactions_in!(txs);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_a_get_request() {
        let bytes = b"\x30\x26\x02\x01\x01\x04\x06public\xa0\x19\x02\x01\x01\x02\x01\x00\x02\x01\x00\x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x01\x00\x05\x00";
        let m = Message::read(bytes).unwrap();
        assert_eq!((m.version, m.pdu_type), (2, Some(0)));
        assert_eq!(m.community.as_deref(), Some(&b"public"[..]));
        assert_eq!(m.variables, ["1.3.6.1.2.1.1.1.0"]);
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let get = b"\x30\x26\x02\x01\x01\x04\x06public\xa0\x19\x02\x01\x01\x02\x01\x00\x02\x01\x00\x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x01\x00\x05\x00";
        let v3 = b"\x30\x1a\x02\x01\x03\x30\x0d\x02\x01\x01\x02\x01\x7f\x04\x01\x04\x02\x02\x00\x09\x04\x00\x30\x04\x04\x00\x04\x00";
        let mut parser = SnmpParser::new(8);
        for datagram in [&get[..], v3] {
            parser.feed(Direction::ToServer, Input::Data(datagram), Timestamp::EPOCH);
        }
        let events: Vec<&[AppEvent]> = parser.txs.iter().map(|t| t.events.as_slice()).collect();
        assert_eq!(events, [&[][..], &["snmp.unknown_security_model", "snmp.version_mismatch"]]);
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Message::read(&bytes);
        }
    }
}
