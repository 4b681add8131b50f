//! One DCE/RPC call as a transaction.

use mimamori_base::Direction;
use serde_json::{Map, Value, json};

use crate::dcerpc::call::{Call, CallSide};
use crate::field::Field;
use crate::transaction::Transaction;

/// A call.
#[derive(Debug, Default)]
pub struct DcerpcTx {
    pub id: u64,
    pub call: Call,
    /// No answer will come any more.
    pub done: bool,
    /// Version 4 over UDP: the activity and sequence number.
    pub activity: Option<([u8; 16], u32)>,
}

impl DcerpcTx {
    fn side(&self, dir: Direction) -> &CallSide {
        match dir {
            Direction::ToServer => self.call.request(),
            Direction::ToClient => self.call.response(),
        }
    }
}

impl Transaction for DcerpcTx {
    fn id(&self) -> u64 {
        self.id
    }

    fn progress(&self, dir: Direction) -> u8 {
        u8::from(self.done || self.side(dir).done)
    }

    fn is_complete(&self, dir: Direction) -> bool {
        self.done || self.side(dir).done
    }

    fn bytes(&self, field: Field, dir: Direction, visit: &mut dyn FnMut(&[u8])) {
        match field {
            Field::DceIface => self.call.visit_interfaces(visit),
            Field::DceStubData if !self.side(dir).stub.is_empty() => visit(&self.side(dir).stub),
            _ => {}
        }
    }

    fn numbers(&self, field: Field, _dir: Direction, visit: &mut dyn FnMut(u64)) {
        if field == Field::DceOpnum {
            self.call.opnum.iter().for_each(|n| visit(u64::from(*n)));
        }
    }

    fn event_type(&self) -> Option<&'static str> {
        Some("dcerpc")
    }

    fn log(&self, out: &mut Map<String, Value>) {
        let mut o = self.call.log(false);
        if let Some((activity, sequence)) = &self.activity {
            o.insert("activityuuid".into(), json!(crate::dcerpc::pdu::uuid_text(activity)));
            o.insert("seqnum".into(), json!(sequence));
            o.remove("call_id");
        }
        out.insert("dcerpc".into(), Value::Object(o));
    }

    fn little_endian(&self, dir: Direction) -> bool {
        self.side(dir).little_endian
    }
}
