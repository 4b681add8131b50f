//! Interfaces bound on a connection, and the calls made through them.
//!
//! Shared by DCE/RPC over TCP and over SMB's pipes. Holds always: at most [`MAX_INTERFACES`]
//! interfaces are remembered; at most [`MAX_STUB_BYTES`] of a call's data are kept a side.

use serde_json::{Map, Value, json};

use crate::dcerpc::pdu::{Context, Header, kind_name, uuid_text};

const MAX_INTERFACES: usize = 256;
/// Bytes of one side's stub data kept; more are counted.
pub const MAX_STUB_BYTES: usize = 1 << 20;

/// An interface asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    pub context: Context,
    pub result: Option<(u16, u16)>,
    /// Asked for in a first fragment: rules without `any_frag` look at these only.
    pub first: bool,
}

/// The interfaces of a connection.
#[derive(Debug, Default)]
pub struct Interfaces {
    bound: Vec<Interface>,
    /// Where those of the last BIND begin, which its answer speaks of.
    last: usize,
}

impl Interfaces {
    /// Takes what a BIND asks for; `first` says whether it is a message's first fragment.
    pub fn asked(&mut self, contexts: Vec<Context>, first: bool) {
        self.last = self.bound.len();
        for context in contexts {
            if self.bound.len() < MAX_INTERFACES {
                self.bound.push(Interface { context, result: None, first });
            }
        }
    }

    pub fn answered(&mut self, results: &[(u16, u16)]) {
        let last = self.last;
        for (interface, result) in self.bound.iter_mut().skip(last).zip(results) {
            interface.result = Some(*result);
        }
    }

    /// Those of the last BIND.
    #[must_use]
    pub fn of_last_bind(&self) -> &[Interface] {
        self.bound.get(self.last..).unwrap_or_default()
    }

    /// The accepted interface that calls by context `id` reach; the newest wins.
    #[must_use]
    pub fn accepted(&self, id: u16) -> Option<&Interface> {
        self.bound.iter().rev().find(|i| i.context.id == id && matches!(i.result, Some((0, _))))
    }
}

/// One side of a call.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CallSide {
    pub kind: Option<u8>,
    pub stub: Vec<u8>,
    pub stub_bytes: u64,
    pub fragments: u32,
    pub little_endian: bool,
    pub done: bool,
}

impl CallSide {
    pub fn take(&mut self, header: &Header, stub: &[u8]) {
        self.kind = Some(header.kind);
        self.little_endian = header.little_endian;
        self.fragments += 1;
        self.stub_bytes += stub.len() as u64;
        let room = MAX_STUB_BYTES.saturating_sub(self.stub.len());
        self.stub.extend_from_slice(stub.get(..stub.len().min(room)).unwrap_or_default());
        self.done |= header.is_last();
    }
}

/// A request and its response, or a bind and its answer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Call {
    pub call_id: u32,
    pub version: (u8, u8),
    pub context: u16,
    pub opnum: Option<u16>,
    pub sides: [CallSide; 2],
    /// What the call is about: the interface it reaches, or those that a bind asks for.
    pub interfaces: Vec<Interface>,
}

impl Call {
    #[must_use]
    pub fn request(&self) -> &CallSide {
        let [request, _] = &self.sides;
        request
    }

    #[must_use]
    pub fn response(&self) -> &CallSide {
        let [_, response] = &self.sides;
        response
    }

    pub fn request_mut(&mut self) -> &mut CallSide {
        let [request, _] = &mut self.sides;
        request
    }

    pub fn response_mut(&mut self) -> &mut CallSide {
        let [_, response] = &mut self.sides;
        response
    }

    /// UUID in the order of its text, then the version: what `dcerpc.iface` compares. Only calls
    /// have it, not binds.
    pub fn visit_interfaces(&self, visit: &mut dyn FnMut(&[u8])) {
        if self.opnum.is_none() {
            return;
        }
        for interface in self.interfaces.iter().filter(|i| i.first) {
            let mut bytes = [0u8; 18];
            let (uuid, version) = bytes.split_at_mut(16);
            uuid.copy_from_slice(&interface.context.uuid);
            version.copy_from_slice(&interface.context.version.to_be_bytes());
            visit(&bytes);
        }
    }

    fn interfaces_json(&self) -> Value {
        self.interfaces
            .iter()
            .map(|i| {
                let mut o = Map::new();
                o.insert("uuid".into(), json!(uuid_text(&i.context.uuid)));
                o.insert(
                    "version".into(),
                    json!(format!("{}.{}", i.context.version, i.context.version_minor)),
                );
                if let Some((result, reason)) = i.result {
                    o.insert("ack_result".into(), json!(result));
                    o.insert("ack_reason".into(), json!(reason));
                }
                Value::Object(o)
            })
            .collect()
    }

    /// The `dcerpc` object: `nested` under `smb`, where the operation number stands outside.
    #[must_use]
    pub fn log(&self, nested: bool) -> Map<String, Value> {
        let mut o = Map::new();
        for (name, object, side) in [("request", "req", self.request()), ("response", "res", self.response())]
        {
            let Some(kind) = side.kind else {
                if !nested && name == "response" {
                    o.insert(name.into(), json!("UNREPLIED"));
                }
                continue;
            };
            o.insert(name.into(), json!(kind_name(kind)));
            if self.opnum.is_some() {
                let mut inner = Map::new();
                if let Some(opnum) = self.opnum.filter(|_| object == "req" && !nested) {
                    inner.insert("opnum".into(), json!(opnum));
                }
                inner.insert("frag_cnt".into(), json!(side.fragments));
                inner.insert("stub_data_size".into(), json!(side.stub_bytes));
                o.insert(object.into(), Value::Object(inner));
            }
        }
        if let Some(opnum) = self.opnum.filter(|_| nested) {
            o.insert("opnum".into(), json!(opnum));
        }
        if !self.interfaces.is_empty() {
            o.insert("interfaces".into(), self.interfaces_json());
        }
        o.insert("call_id".into(), json!(self.call_id));
        if !nested {
            let (major, minor) = self.version;
            o.insert("rpc_version".into(), json!(format!("{major}.{minor}")));
        }
        o
    }
}
