//! One SIP message as a transaction.

use mimamori_base::Direction;
use serde_json::{Map, Value, json};

use crate::event::AppEvent;
use crate::field::{Field, Sides};
use crate::sip::message::{FirstLine, Message};
use crate::text::printable;
use crate::transaction::Transaction;

#[derive(Debug)]
pub struct SipTx {
    pub id: u64,
    pub dir: Direction,
    /// `None` where the bytes could not be read; then there is an event.
    pub message: Option<Message>,
    pub events: Vec<AppEvent>,
}

impl Transaction for SipTx {
    fn id(&self) -> u64 {
        self.id
    }

    fn sides(&self) -> Sides {
        Sides::of(self.dir)
    }

    fn events(&self) -> &[AppEvent] {
        &self.events
    }

    fn bytes(&self, field: Field, dir: Direction, visit: &mut dyn FnMut(&[u8])) {
        let Some(message) = self.message.as_ref().filter(|_| dir == self.dir) else { return };
        let header: &[u8] = match field {
            Field::SipFrom => b"from",
            Field::SipTo => b"to",
            Field::SipVia => b"via",
            Field::SipUserAgent => b"user-agent",
            Field::SipContentType => b"content-type",
            Field::SipContentLength => b"content-length",
            _ => {
                message.description.iter().for_each(|d| d.bytes(field, visit));
                return first_line(message, field, visit);
            }
        };
        message.values(header).for_each(visit);
    }

    fn numbers(&self, _field: Field, _dir: Direction, _visit: &mut dyn FnMut(u64)) {}

    fn event_type(&self) -> Option<&'static str> {
        Some("sip")
    }

    fn log(&self, out: &mut Map<String, Value>) {
        let mut sip = Map::new();
        if let Some(message) = &self.message {
            let mut put = |key: &str, value: &[u8]| {
                sip.insert(key.into(), json!(printable(value)));
            };
            match &message.first {
                FirstLine::Request { method, uri, version } => {
                    put("method", method);
                    put("uri", uri);
                    put("version", version);
                    put("request_line", &message.line);
                }
                FirstLine::Response { version, code, reason } => {
                    put("version", version);
                    put("code", code);
                    put("reason", reason);
                    put("response_line", &message.line);
                }
            }
        }
        out.insert("sip".into(), Value::Object(sip));
    }
}

fn first_line(message: &Message, field: Field, visit: &mut dyn FnMut(&[u8])) {
    match (&message.first, field) {
        (FirstLine::Request { method, .. }, Field::SipMethod) => visit(method),
        (FirstLine::Request { uri, .. }, Field::SipUri) => visit(uri),
        (FirstLine::Request { .. }, Field::SipRequestLine) => visit(&message.line),
        (FirstLine::Request { version, .. } | FirstLine::Response { version, .. }, Field::SipProtocol) => {
            visit(version);
        }
        (FirstLine::Response { code, .. }, Field::SipStatCode) => visit(code),
        (FirstLine::Response { reason, .. }, Field::SipStatMsg) => visit(reason),
        (FirstLine::Response { .. }, Field::SipResponseLine) => visit(&message.line),
        _ => {}
    }
}
