//! DNS messages (RFC 1035 4.1) as data.
//!
//! Holds always: at most [`MAX_RECORDS`] records kept a section; a section that breaks off
//! keeps what came before it and says so.

use crate::dns::name::{Name, read_name};
use crate::reader::Reader;

/// Records kept of a section; what follows is read no further.
pub const MAX_RECORDS: usize = 2048;

pub const FLAG_RESPONSE: u16 = 0x8000;
pub const FLAG_Z: u16 = 0x0040;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Header {
    pub id: u16,
    pub flags: u16,
    pub questions: u16,
    pub answers: u16,
    pub authorities: u16,
    pub additionals: u16,
}

impl Header {
    #[must_use]
    pub fn is_response(&self) -> bool {
        self.flags & FLAG_RESPONSE != 0
    }

    #[must_use]
    pub fn opcode(&self) -> u8 {
        u8::try_from((self.flags >> 11) & 0xf).unwrap_or(0)
    }

    #[must_use]
    pub fn rcode(&self) -> u16 {
        self.flags & 0xf
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    pub name: Name,
    pub rrtype: u16,
    pub class: u16,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Soa {
    pub mname: Name,
    pub rname: Name,
    pub serial: u32,
    pub refresh: u32,
    pub retry: u32,
    pub expire: u32,
    pub minimum: u32,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RData {
    A([u8; 4]),
    Aaaa([u8; 16]),
    /// CNAME, NS, PTR, MX and their like.
    Name(Name),
    Txt(Vec<Vec<u8>>),
    Null(Vec<u8>),
    Soa(Box<Soa>),
    Srv {
        priority: u16,
        weight: u16,
        port: u16,
        target: Name,
    },
    Sshfp {
        algorithm: u8,
        kind: u8,
        fingerprint: Vec<u8>,
    },
    Opt(Vec<(u16, Vec<u8>)>),
    Other,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    pub name: Name,
    pub rrtype: u16,
    pub class: u16,
    pub ttl: u32,
    pub data: RData,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Message {
    pub header: Header,
    pub questions: Vec<Question>,
    pub answers: Vec<Record>,
    pub authorities: Vec<Record>,
    pub additionals: Vec<Record>,
    pub bad_authorities: bool,
    pub bad_additionals: bool,
}

pub fn read_header(bytes: &[u8]) -> Option<Header> {
    let mut r = Reader::new(bytes);
    Some(Header {
        id: r.u16()?,
        flags: r.u16()?,
        questions: r.u16()?,
        answers: r.u16()?,
        authorities: r.u16()?,
        additionals: r.u16()?,
    })
}

/// The message, or `None` where its questions or answers cannot be read.
pub fn read_message(bytes: &[u8]) -> Option<Message> {
    let header = read_header(bytes)?;
    let mut r = Reader::at(bytes, 12);
    let mut m = Message { header, ..Message::default() };
    for _ in 0..header.questions {
        let q = read_question(bytes, &mut r)?;
        if m.questions.len() < MAX_RECORDS {
            m.questions.push(q);
        }
    }
    read_section(bytes, &mut r, header.answers, &mut m.answers)?;
    if read_section(bytes, &mut r, header.authorities, &mut m.authorities).is_none() {
        m.bad_authorities = true;
        return Some(m);
    }
    m.bad_additionals = read_section(bytes, &mut r, header.additionals, &mut m.additionals).is_none();
    Some(m)
}

fn read_question(message: &[u8], r: &mut Reader<'_>) -> Option<Question> {
    Some(Question { name: read_name(message, r)?, rrtype: r.u16()?, class: r.u16()? })
}

fn read_section(message: &[u8], r: &mut Reader<'_>, count: u16, out: &mut Vec<Record>) -> Option<()> {
    for _ in 0..count {
        let record = read_record(message, r)?;
        if out.len() < MAX_RECORDS {
            out.push(record);
        }
    }
    Some(())
}

fn read_record(message: &[u8], r: &mut Reader<'_>) -> Option<Record> {
    let name = read_name(message, r)?;
    let rrtype = r.u16()?;
    let class = r.u16()?;
    let ttl = r.u32()?;
    let length = usize::from(r.u16()?);
    let start = r.position();
    let data = r.take(length)?;
    let end = start + length;
    let data = read_data(message, start, end, data, rrtype)?;
    Some(Record { name, rrtype, class, ttl, data })
}

fn read_data(message: &[u8], start: usize, end: usize, data: &[u8], rrtype: u16) -> Option<RData> {
    // Names inside may point anywhere in the message, but begin inside the record.
    let within = message.get(..end)?;
    let mut r = Reader::at(within, start);
    Some(match rrtype {
        1 => data.try_into().map_or(RData::Other, RData::A),
        28 => data.try_into().map_or(RData::Other, RData::Aaaa),
        2 | 5 | 12 | 39 => RData::Name(read_name(within, &mut r)?),
        15 => {
            r.u16()?;
            RData::Name(read_name(within, &mut r)?)
        }
        6 => RData::Soa(Box::new(read_soa(within, &mut r)?)),
        10 => RData::Null(data.to_vec()),
        16 => read_txt(data)?,
        33 => RData::Srv {
            priority: r.u16()?,
            weight: r.u16()?,
            port: r.u16()?,
            target: read_name(within, &mut r)?,
        },
        41 => read_opt(data)?,
        44 => {
            let mut r = Reader::new(data);
            RData::Sshfp { algorithm: r.u8()?, kind: r.u8()?, fingerprint: r.rest().to_vec() }
        }
        _ => RData::Other,
    })
}

fn read_soa(message: &[u8], r: &mut Reader<'_>) -> Option<Soa> {
    Some(Soa {
        mname: read_name(message, r)?,
        rname: read_name(message, r)?,
        serial: r.u32()?,
        refresh: r.u32()?,
        retry: r.u32()?,
        expire: r.u32()?,
        minimum: r.u32()?,
    })
}

fn read_txt(data: &[u8]) -> Option<RData> {
    let mut r = Reader::new(data);
    let mut strings = Vec::new();
    while !r.is_empty() {
        strings.push(r.prefixed_u8()?.to_vec());
    }
    Some(RData::Txt(strings))
}

fn read_opt(data: &[u8]) -> Option<RData> {
    let mut r = Reader::new(data);
    let mut options = Vec::new();
    while !r.is_empty() {
        let code = r.u16()?;
        options.push((code, r.prefixed_u16()?.to_vec()));
    }
    Some(RData::Opt(options))
}

/// Whether `bytes` begin like a DNS message, and whether it is a response. `None`: they do not.
#[must_use]
pub fn looks_like(bytes: &[u8], any_port: bool) -> Option<bool> {
    let header = read_header(bytes)?;
    let opcode_ok = header.opcode() <= if any_port { 0 } else { 15 };
    let counts = [header.questions, header.answers, header.authorities, header.additionals];
    let records: usize = counts.iter().map(|n| usize::from(*n)).sum();
    // A question takes at least 5 bytes, a record at least 11.
    let room = bytes.len().saturating_sub(12);
    let least = usize::from(header.questions) * 5 + (records - usize::from(header.questions)) * 11;
    if !opcode_ok || records == 0 || least > room + 11 {
        return None;
    }
    if any_port && (header.questions != 1 || header.flags & 0x70 & !0x30 != 0) {
        return None;
    }
    let message = read_message(bytes);
    match message {
        Some(m) if any_port => {
            let known = m.questions.iter().all(|q| matches!(q.class & 0x7fff, 1 | 3 | 255) && q.rrtype != 0);
            (known && !m.bad_authorities && !m.bad_additionals).then(|| header.is_response())
        }
        Some(_) => Some(header.is_response()),
        None if any_port => None,
        // On its own port a broken message is still one, if its first name can be read.
        None => read_question(bytes, &mut Reader::at(bytes, 12)).map(|_| header.is_response()),
    }
}
