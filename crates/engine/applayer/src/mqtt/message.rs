//! MQTT control packets (versions 3.1, 3.1.1, 5.0).

use serde_json::{Value, json};

use crate::reader::Reader;
use crate::text::printable;

/// Kinds of control packets, by their number.
pub mod kind {
    pub const CONNECT: u8 = 1;
    pub const CONNACK: u8 = 2;
    pub const PUBLISH: u8 = 3;
    pub const PUBACK: u8 = 4;
    pub const PUBREC: u8 = 5;
    pub const PUBREL: u8 = 6;
    pub const PUBCOMP: u8 = 7;
    pub const SUBSCRIBE: u8 = 8;
    pub const SUBACK: u8 = 9;
    pub const UNSUBSCRIBE: u8 = 10;
    pub const UNSUBACK: u8 = 11;
    pub const PINGREQ: u8 = 12;
    pub const PINGRESP: u8 = 13;
    pub const DISCONNECT: u8 = 14;
    pub const AUTH: u8 = 15;
}

pub const NAMES: [&str; 16] = [
    "unassigned",
    "connect",
    "connack",
    "publish",
    "puback",
    "pubrec",
    "pubrel",
    "pubcomp",
    "subscribe",
    "suback",
    "unsubscribe",
    "unsuback",
    "pingreq",
    "pingresp",
    "disconnect",
    "auth",
];

/// The fixed header (5.0, 2.1.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FixedHeader {
    pub kind: u8,
    pub flags: u8,
    pub header_bytes: usize,
    pub remaining_bytes: usize,
}

impl FixedHeader {
    #[must_use]
    pub fn qos(self) -> u8 {
        self.flags >> 1 & 3
    }

    /// `Ok(None)` while more bytes are needed.
    pub fn read(bytes: &[u8]) -> Result<Option<FixedHeader>, ()> {
        let mut r = Reader::new(bytes);
        let Some(first) = r.u8() else { return Ok(None) };
        let mut remaining_bytes = 0usize;
        for shift in [0, 7, 14, 21] {
            let Some(digit) = r.u8() else { return Ok(None) };
            remaining_bytes |= usize::from(digit & 0x7f) << shift;
            if digit & 0x80 == 0 {
                let header_bytes = r.position();
                return Ok(Some(FixedHeader {
                    kind: first >> 4,
                    flags: first & 0x0f,
                    header_bytes,
                    remaining_bytes,
                }));
            }
        }
        Err(())
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Connect {
    pub protocol: Vec<u8>,
    pub version: u8,
    pub flags: u8,
    pub client_id: Vec<u8>,
    pub will_topic: Option<Vec<u8>>,
    pub will_message: Option<Vec<u8>>,
    pub user: Option<Vec<u8>>,
    pub password: Option<Vec<u8>>,
}

/// What a packet carries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    Connect(Box<Connect>),
    ConnAck {
        session_present: bool,
        code: u8,
    },
    Publish {
        topic: Vec<u8>,
        id: Option<u16>,
        message: Vec<u8>,
    },
    /// PUBACK, PUBREC, PUBREL, PUBCOMP.
    Acknowledge {
        id: u16,
        code: u8,
    },
    Topics {
        id: u16,
        topics: Vec<Vec<u8>>,
    },
    Codes {
        id: u16,
        codes: Vec<u8>,
    },
    /// DISCONNECT and AUTH.
    Reason {
        code: u8,
    },
    Empty,
    /// Longer than the limit: its content was not read.
    Truncated,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    pub header: FixedHeader,
    pub content: Content,
}

const MAX_TOPICS: usize = 256;

/// A variable byte integer of version 5 (1.5.5).
fn variable(r: &mut Reader<'_>) -> Option<usize> {
    let mut value = 0usize;
    for shift in [0, 7, 14, 21] {
        let digit = r.u8()?;
        value |= usize::from(digit & 0x7f) << shift;
        if digit & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn skip_properties(r: &mut Reader<'_>, version: u8) -> Option<()> {
    if version == 5 {
        let bytes = variable(r)?;
        r.take(bytes)?;
    }
    Some(())
}

fn read_connect(r: &mut Reader<'_>) -> Option<Connect> {
    let protocol = r.prefixed_u16()?.to_vec();
    let version = r.u8()?;
    let flags = r.u8()?;
    r.u16()?;
    skip_properties(r, version)?;
    let mut connect =
        Connect { protocol, version, flags, client_id: r.prefixed_u16()?.to_vec(), ..Connect::default() };
    if flags & 0x04 != 0 {
        skip_properties(r, version)?;
        connect.will_topic = Some(r.prefixed_u16()?.to_vec());
        connect.will_message = Some(r.prefixed_u16()?.to_vec());
    }
    if flags & 0x80 != 0 {
        connect.user = Some(r.prefixed_u16()?.to_vec());
    }
    if flags & 0x40 != 0 {
        connect.password = Some(r.prefixed_u16()?.to_vec());
    }
    Some(connect)
}

fn read_topics(r: &mut Reader<'_>, version: u8, options: bool) -> Option<Content> {
    let id = r.u16()?;
    skip_properties(r, version)?;
    let mut topics = Vec::new();
    while !r.is_empty() && topics.len() < MAX_TOPICS {
        topics.push(r.prefixed_u16()?.to_vec());
        if options {
            r.u8()?;
        }
    }
    Some(Content::Topics { id, topics })
}

impl Content {
    /// Reads what follows the fixed header; `version` is that of the session.
    #[must_use]
    pub fn read(header: FixedHeader, body: &[u8], version: u8) -> Option<Content> {
        let mut r = Reader::new(body);
        let v5 = version == 5;
        Some(match header.kind {
            kind::CONNECT => Content::Connect(Box::new(read_connect(&mut r)?)),
            kind::CONNACK => Content::ConnAck { session_present: r.u8()? & 1 != 0, code: r.u8()? },
            kind::PUBLISH => {
                let topic = r.prefixed_u16()?.to_vec();
                let id = if header.qos() > 0 { Some(r.u16()?) } else { None };
                skip_properties(&mut r, version)?;
                Content::Publish { topic, id, message: r.rest().to_vec() }
            }
            kind::PUBACK..=kind::PUBCOMP => {
                Content::Acknowledge { id: r.u16()?, code: if v5 { r.u8().unwrap_or(0) } else { 0 } }
            }
            kind::SUBSCRIBE => read_topics(&mut r, version, true)?,
            kind::UNSUBSCRIBE => read_topics(&mut r, version, false)?,
            kind::SUBACK | kind::UNSUBACK => {
                let id = r.u16()?;
                skip_properties(&mut r, version)?;
                Content::Codes { id, codes: r.rest().to_vec() }
            }
            kind::DISCONNECT | kind::AUTH => Content::Reason { code: r.u8().unwrap_or(0) },
            _ => Content::Empty,
        })
    }
}

impl Message {
    /// The id by which an answer finds its question.
    #[must_use]
    pub fn message_id(&self) -> Option<u16> {
        match &self.content {
            Content::Publish { id, .. } => *id,
            Content::Acknowledge { id, .. } | Content::Topics { id, .. } | Content::Codes { id, .. } => {
                Some(*id)
            }
            _ => None,
        }
    }

    pub fn reason_codes(&self, visit: &mut dyn FnMut(u8)) {
        match &self.content {
            Content::ConnAck { code, .. } | Content::Acknowledge { code, .. } | Content::Reason { code } => {
                visit(*code)
            }
            Content::Codes { codes, .. } => codes.iter().for_each(|c| visit(*c)),
            _ => {}
        }
    }

    #[must_use]
    pub fn name(&self) -> &'static str {
        NAMES.get(usize::from(self.header.kind)).copied().unwrap_or("unassigned")
    }

    /// The packet as EVE writes it.
    #[must_use]
    pub fn log(&self) -> Value {
        let flags = self.header.flags;
        let mut out = json!({ "qos": self.header.qos(), "retain": flags & 1 != 0, "dup": flags & 8 != 0 });
        let Some(object) = out.as_object_mut() else { return out };
        let mut put = |key: &str, value: Value| {
            object.insert(key.into(), value);
        };
        if let Some(id) = self.message_id() {
            put("message_id", json!(id));
        }
        match &self.content {
            Content::Connect(c) => {
                put("protocol_string", json!(printable(&c.protocol)));
                put("protocol_version", json!(c.version));
                put("client_id", json!(printable(&c.client_id)));
                let set = |bit: u8| c.flags & bit != 0;
                put(
                    "flags",
                    json!({ "username": set(0x80), "password": set(0x40), "will_retain": set(0x20), "will": set(4), "clean_session": set(2) }),
                );
                if let Some(user) = &c.user {
                    put("username", json!(printable(user)));
                }
            }
            Content::ConnAck { session_present, code } => {
                put("session_present", json!(session_present));
                put("return_code", json!(code));
            }
            Content::Publish { topic, .. } => put("topic", json!(printable(topic))),
            Content::Acknowledge { code, .. } | Content::Reason { code } => put("reason_code", json!(code)),
            Content::Topics { topics, .. } => {
                put("topics", json!(topics.iter().map(|t| printable(t)).collect::<Vec<_>>()));
            }
            Content::Codes { codes, .. } => put("reason_codes", json!(codes)),
            Content::Truncated => put("truncated", json!(true)),
            Content::Empty => {}
        }
        out
    }
}
