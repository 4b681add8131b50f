//! DCE/RPC messages (C706 chapter 12), connection-oriented version 5.
//!
//! Holds always: lists are as long as the message says and has; a body that breaks off gives
//! what came before.

use crate::reader::Reader;

pub const HEADER_BYTES: usize = 16;
const FLAG_FIRST: u8 = 0x01;
const FLAG_LAST: u8 = 0x02;
const FLAG_OBJECT: u8 = 0x80;

/// Message types.
pub mod kind {
    pub const REQUEST: u8 = 0;
    pub const RESPONSE: u8 = 2;
    pub const FAULT: u8 = 3;
    pub const BIND: u8 = 11;
    pub const BIND_ACK: u8 = 12;
    pub const BIND_NAK: u8 = 13;
    pub const ALTER_CONTEXT: u8 = 14;
    pub const ALTER_CONTEXT_RESPONSE: u8 = 15;
    pub const AUTH3: u8 = 16;
}

/// The type as EVE writes it.
#[must_use]
pub fn kind_name(kind: u8) -> &'static str {
    match kind {
        0 => "REQUEST",
        1 => "PING",
        2 => "RESPONSE",
        3 => "FAULT",
        4 => "WORKING",
        5 => "NOCALL",
        6 => "REJECT",
        7 => "ACK",
        8 => "CL_CANCEL",
        9 => "FACK",
        10 => "CANCEL_ACK",
        11 => "BIND",
        12 => "BINDACK",
        13 => "BINDNAK",
        14 => "ALTER_CONTEXT",
        15 => "ALTER_CONTEXT_RESP",
        16 => "AUTH3",
        17 => "SHUTDOWN",
        18 => "CO_CANCEL",
        19 => "ORPHANED",
        _ => "UNKNOWN",
    }
}

/// The header that every message begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Header {
    pub major: u8,
    pub minor: u8,
    pub kind: u8,
    pub flags: u8,
    pub little_endian: bool,
    pub fragment_bytes: u16,
    pub auth_bytes: u16,
    pub call_id: u32,
}

impl Header {
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Header> {
        let mut r = Reader::new(bytes);
        let (major, minor, kind, flags) = (r.u8()?, r.u8()?, r.u8()?, r.u8()?);
        let little_endian = r.u8()? & 0x10 != 0;
        r.take(3)?;
        let mut n = Numbers { r, little_endian };
        Some(Header {
            major,
            minor,
            kind,
            flags,
            little_endian,
            fragment_bytes: n.u16()?,
            auth_bytes: n.u16()?,
            call_id: n.u32()?,
        })
    }

    #[must_use]
    pub fn is_first(&self) -> bool {
        self.flags & FLAG_FIRST != 0
    }

    #[must_use]
    pub fn is_last(&self) -> bool {
        self.flags & FLAG_LAST != 0
    }
}

/// A reader of numbers in the message's own byte order.
struct Numbers<'a> {
    r: Reader<'a>,
    little_endian: bool,
}

impl<'a> Numbers<'a> {
    fn u16(&mut self) -> Option<u16> {
        if self.little_endian { self.r.u16_le() } else { self.r.u16() }
    }

    fn u32(&mut self) -> Option<u32> {
        if self.little_endian { self.r.u32_le() } else { self.r.u32() }
    }

    /// A UUID in the order of its text.
    fn uuid(&mut self) -> Option<[u8; 16]> {
        let mut id: [u8; 16] = self.r.array()?;
        if self.little_endian {
            let (first, rest) = id.split_at_mut(4);
            let (second, rest) = rest.split_at_mut(2);
            let (third, _) = rest.split_at_mut(2);
            first.reverse();
            second.reverse();
            third.reverse();
        }
        Some(id)
    }

    fn rest(&self) -> &'a [u8] {
        self.r.rest()
    }
}

/// `367abb81-9844-35f1-ad32-98f038001003`
#[must_use]
pub fn uuid_text(uuid: &[u8; 16]) -> String {
    let hex = crate::text::hex(uuid);
    let parts = [hex.get(..8), hex.get(8..12), hex.get(12..16), hex.get(16..20), hex.get(20..)];
    parts.into_iter().flatten().collect::<Vec<_>>().join("-")
}

/// An interface that a client asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Context {
    pub id: u16,
    pub uuid: [u8; 16],
    pub version: u16,
    pub version_minor: u16,
}

/// What a message says beyond its header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body<'a> {
    /// BIND and ALTER_CONTEXT.
    Bind(Vec<Context>),
    /// Result and reason for each context asked for, in order.
    BindAck(Vec<(u16, u16)>),
    Request {
        context: u16,
        opnum: u16,
        stub: &'a [u8],
    },
    Response {
        context: u16,
        stub: &'a [u8],
    },
    Other,
}

/// Reads the body of one whole message.
#[must_use]
pub fn read_body<'a>(header: &Header, message: &'a [u8]) -> Option<Body<'a>> {
    let auth = usize::from(header.auth_bytes);
    let end = if auth > 0 { message.len().saturating_sub(auth + 8) } else { message.len() };
    let r = Reader::new(message.get(HEADER_BYTES..)?);
    let mut n = Numbers { r, little_endian: header.little_endian };
    Some(match header.kind {
        kind::BIND | kind::ALTER_CONTEXT => {
            n.r.take(8)?;
            Body::Bind(read_contexts(&mut n)?)
        }
        kind::BIND_ACK | kind::ALTER_CONTEXT_RESPONSE => Body::BindAck(read_results(&mut n)?),
        kind::REQUEST => {
            n.u32()?;
            let (context, opnum) = (n.u16()?, n.u16()?);
            if header.flags & FLAG_OBJECT != 0 {
                n.r.take(16)?;
            }
            let from = message.len() - n.rest().len();
            Body::Request { context, opnum, stub: message.get(from..end).unwrap_or_default() }
        }
        kind::RESPONSE | kind::FAULT => {
            n.u32()?;
            let context = n.u16()?;
            n.r.take(2)?;
            let from = message.len() - n.rest().len();
            Body::Response { context, stub: message.get(from..end).unwrap_or_default() }
        }
        _ => Body::Other,
    })
}

fn read_contexts(n: &mut Numbers<'_>) -> Option<Vec<Context>> {
    let count = n.r.u8()?;
    n.r.take(3)?;
    let mut contexts = Vec::new();
    for _ in 0..count {
        let Some(id) = n.u16() else { break };
        let transfers = n.r.u8()?;
        n.r.take(1)?;
        let Some(uuid) = n.uuid() else { break };
        let (Some(version), Some(version_minor)) = (n.u16(), n.u16()) else { break };
        contexts.push(Context { id, uuid, version, version_minor });
        if n.r.take(usize::from(transfers) * 20).is_none() {
            break;
        }
    }
    Some(contexts)
}

fn read_results(n: &mut Numbers<'_>) -> Option<Vec<(u16, u16)>> {
    n.r.take(8)?;
    let address = usize::from(n.u16()?);
    n.r.take(address)?;
    // The list is aligned to four bytes from the start of the message.
    let misaligned = (2 + address) % 4;
    if misaligned != 0 {
        n.r.take(4 - misaligned)?;
    }
    let count = n.r.u8()?;
    n.r.take(3)?;
    let mut results = Vec::new();
    for _ in 0..count {
        let (Some(result), Some(reason)) = (n.u16(), n.u16()) else { break };
        results.push((result, reason));
        if n.r.take(20).is_none() {
            break;
        }
    }
    Some(results)
}
