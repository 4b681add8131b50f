//! A message of IKE as rules and logs see it.

use mimamori_base::Direction;
use serde_json::{Map, Value, json};

use super::message::Message;
use crate::event::AppEvent;
use crate::field::{Field, Sides};
use crate::text::hex;
use crate::transaction::Transaction;

/// One message.
#[derive(Debug)]
pub struct IkeTx {
    pub(super) id: u64,
    pub(super) dir: Direction,
    pub(super) message: Message,
    pub(super) events: Vec<AppEvent>,
}

impl Transaction for IkeTx {
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
        let m = &self.message;
        if m.major == 0 || dir != self.dir {
            return;
        }
        match (field, dir) {
            (Field::IkeInitSpi, Direction::ToServer) => visit(hex(&m.init_spi).as_bytes()),
            (Field::IkeRespSpi, Direction::ToClient) => visit(hex(&m.resp_spi).as_bytes()),
            (Field::IkeVendor, Direction::ToServer) => {
                m.vendors.iter().for_each(|v| visit(hex(v).as_bytes()))
            }
            // What the server answers with is what it has chosen.
            (Field::IkeChosenSaAttribute, Direction::ToClient) => {
                m.attributes.iter().for_each(|(name, n)| visit(format!("{name}={n}").as_bytes()));
            }
            (Field::IkeKeyExchangePayload, _) => m.key_exchange.iter().for_each(|k| visit(k)),
            (Field::IkeNoncePayload, _) => m.nonce.iter().for_each(|n| visit(n)),
            _ => {}
        }
    }

    fn numbers(&self, field: Field, dir: Direction, visit: &mut dyn FnMut(u64)) {
        let m = &self.message;
        if m.major == 0 || dir != self.dir {
            return;
        }
        let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|b| b.len() as u64);
        match field {
            Field::IkeExchType => visit(u64::from(m.exchange)),
            Field::IkeKeyExchangePayloadLength => length(&m.key_exchange).into_iter().for_each(visit),
            Field::IkeNoncePayloadLength => length(&m.nonce).into_iter().for_each(visit),
            _ => {}
        }
    }

    fn event_type(&self) -> Option<&'static str> {
        (self.message.major != 0).then_some("ike")
    }

    fn log(&self, out: &mut Map<String, Value>) {
        let m = &self.message;
        let mut ike = Map::new();
        ike.insert("version_major".into(), json!(m.major));
        ike.insert("version_minor".into(), json!(m.minor));
        ike.insert("init_spi".into(), json!(hex(&m.init_spi)));
        ike.insert("resp_spi".into(), json!(hex(&m.resp_spi)));
        ike.insert("message_id".into(), json!(m.message_id));
        ike.insert("exchange_type".into(), json!(m.exchange));
        let server = self.dir == Direction::ToClient;
        if server {
            for (name, value) in &m.attributes {
                ike.insert(format!("{name}_raw"), json!(value));
            }
        }
        if m.major == 1 {
            let mut side = Map::new();
            if let Some(key) = &m.key_exchange {
                side.insert("key_exchange_payload".into(), json!(hex(key)));
                side.insert("key_exchange_payload_length".into(), json!(key.len()));
            }
            if let Some(nonce) = &m.nonce {
                side.insert("nonce_payload".into(), json!(hex(nonce)));
                side.insert("nonce_payload_length".into(), json!(nonce.len()));
            }
            let vendors: Vec<String> = m.vendors.iter().map(|v| hex(v)).collect();
            let name = if server { "server" } else { "client" };
            let mut v1 = Map::new();
            v1.insert("encrypted_payloads".into(), json!(m.encrypted));
            v1.insert(name.into(), Value::Object(side));
            if !vendors.is_empty() {
                v1.insert("vendor_ids".into(), json!(vendors));
            }
            ike.insert("ikev1".into(), Value::Object(v1));
        } else {
            let role = if m.flags & 0x20 != 0 { "responder" } else { "initiator" };
            ike.insert("role".into(), json!(role));
            ike.insert("ikev2".into(), json!({"errors": self.events.len(), "notify": m.notifies}));
        }
        out.insert("ike".into(), Value::Object(ike));
    }
}
