//! DNS messages (RFC 1035 4.1) as data.
//!
//! Holds always: at most [`MAX_RECORDS`] records kept a section; a section that breaks off
//! keeps what came before it and says so.

use crate::dns::name::{Name, read_name};
use crate::dns::names_of_codes::rrtype_name;
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
///
/// For ports where DNS is at home: a broken message is still one, if its first name can be read.
#[must_use]
pub fn looks_like(bytes: &[u8]) -> Option<bool> {
    let header = read_header(bytes)?;
    let questions = usize::from(header.questions);
    let records: usize =
        [header.answers, header.authorities, header.additionals].iter().map(|n| usize::from(*n)).sum();
    // A question takes at least 5 bytes, a record at least 11; the last may be cut.
    let least = questions * 5 + records * 11;
    if questions + records == 0 || least > bytes.len().saturating_sub(12) + 11 {
        return None;
    }
    if read_message(bytes).is_none() {
        read_question(bytes, &mut Reader::at(bytes, 12))?;
    }
    Some(header.is_response())
}

/// Whether `bytes` are a plain query and nothing else: strict enough to be believed on any port.
#[must_use]
pub fn is_plain_query(bytes: &[u8]) -> bool {
    plain_query(bytes).is_some()
}

fn plain_query(bytes: &[u8]) -> Option<()> {
    let header = read_header(bytes)?;
    // Recursion desired, authentic data, checking disabled: what clients set.
    let flags_fit = header.flags & !0x0130 == 0;
    let counts_fit = header.questions == 1 && header.answers == 0 && header.authorities == 0;
    if !flags_fit || !counts_fit || header.additionals > 1 {
        return None;
    }
    let mut r = Reader::at(bytes, 12);
    let mut labels = 0;
    loop {
        let label = r.prefixed_u8()?;
        if label.is_empty() {
            break;
        }
        let host_like = label.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if label.len() > 63 || !host_like {
            return None;
        }
        labels += 1;
    }
    let (rrtype, class) = (r.u16()?, r.u16()?);
    if labels < 2 || class != 1 || rrtype_name(rrtype).is_none() {
        return None;
    }
    if header.additionals == 1 {
        // EDNS (RFC 6891): the root's name, type OPT.
        let opt = r.u8()? == 0 && r.u16()? == 41;
        r.take(6)?;
        r.prefixed_u16()?;
        opt.then_some(())?;
    }
    r.is_empty().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_queries_are_told_from_chance() {
        let query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01";
        assert!(is_plain_query(query));
        assert!(!is_plain_query(&query[..query.len() - 1]));
        assert!(!is_plain_query(&[query, &b"x"[..]].concat()));
        let mut response = query.to_vec();
        response[2] |= 0x80;
        assert!(!is_plain_query(&response));
        assert!(looks_like(&response) == Some(true));
        assert!(!is_plain_query(&[0; 40]));
    }
}
