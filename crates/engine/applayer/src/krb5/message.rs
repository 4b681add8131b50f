//! One Kerberos message (RFC 4120 5.4, 5.9), as far as it is in clear.

use crate::ber::Element;

/// Message types, which are also the application tags.
pub mod kind {
    pub const AS_REQ: u8 = 10;
    pub const AS_REP: u8 = 11;
    pub const TGS_REQ: u8 = 12;
    pub const TGS_REP: u8 = 13;
    pub const AP_REQ: u8 = 14;
    pub const ERROR: u8 = 30;
}

/// Parts of a name that are kept.
const MAX_NAME_PARTS: usize = 16;

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Message {
    /// See [`kind`].
    pub kind: u8,
    pub cname: Vec<Vec<u8>>,
    pub realm: Option<Vec<u8>>,
    pub sname: Vec<Vec<u8>>,
    /// Encryption of the reply.
    pub encryption: Option<i32>,
    /// Encryption of the ticket in the reply.
    pub ticket_encryption: Option<i32>,
    pub error_code: Option<i32>,
}

impl Message {
    /// Reads a whole message; `None` where it is none.
    pub fn read(bytes: &[u8]) -> Option<Message> {
        let (outer, _) = Element::read(bytes)?;
        let kind = outer.tag.checked_sub(0x60).filter(|k| *k < 0x20)?;
        let mut message = Message { kind, ..Message::default() };
        let body = outer.children().next().filter(|b| b.tag == 0x30)?;
        match kind {
            kind::AS_REQ | kind::TGS_REQ => message.request(body)?,
            kind::AS_REP | kind::TGS_REP => message.reply(body)?,
            kind::ERROR => message.error(body)?,
            _ => {}
        }
        Some(message)
    }

    fn request(&mut self, body: Element<'_>) -> Option<()> {
        let inner = field(body, 4)?;
        self.cname = field(inner, 1).map(name).unwrap_or_default();
        self.realm = field(inner, 2).map(|r| r.content.to_vec());
        self.sname = field(inner, 3).map(name).unwrap_or_default();
        Some(())
    }

    fn reply(&mut self, body: Element<'_>) -> Option<()> {
        self.realm = Some(field(body, 3)?.content.to_vec());
        self.cname = name(field(body, 4)?);
        // The ticket has an application tag of its own around its sequence.
        let ticket = field(body, 5)?.children().next()?;
        self.sname = name(field(ticket, 2)?);
        self.ticket_encryption = field(field(ticket, 3)?, 0).and_then(number);
        self.encryption = field(field(body, 6)?, 0).and_then(number);
        Some(())
    }

    fn error(&mut self, body: Element<'_>) -> Option<()> {
        self.error_code = Some(number(field(body, 6)?)?);
        self.realm = field(body, 7).map(|r| r.content.to_vec());
        self.cname = field(body, 8).map(name).unwrap_or_default();
        self.sname = field(body, 10).map(name).unwrap_or_default();
        Some(())
    }
}

/// What the context tag `[n]` of a sequence holds.
fn field(sequence: Element<'_>, n: u8) -> Option<Element<'_>> {
    sequence.children().find(|c| c.tag == 0xa0 + n)?.children().next()
}

/// The parts of a PrincipalName.
fn name(principal: Element<'_>) -> Vec<Vec<u8>> {
    let parts = field(principal, 1).into_iter().flat_map(|list| list.children());
    parts.take(MAX_NAME_PARTS).map(|p| p.content.to_vec()).collect()
}

/// A signed number of at most four bytes.
fn number(e: Element<'_>) -> Option<i32> {
    let first = *e.content.first()?;
    if e.tag != 2 || e.content.len() > 4 {
        return None;
    }
    let start = if first & 0x80 != 0 { -1 } else { 0 };
    Some(e.content.iter().fold(start, |n, b| (n << 8) | i32::from(*b)))
}

/// Encryption that is not to be used any more: all but AES and Camellia.
pub fn is_weak(encryption: i32) -> bool {
    !matches!(encryption, 17..=20 | 25 | 26)
}
