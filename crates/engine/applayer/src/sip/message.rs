//! SIP messages (RFC 3261 7): a first line, headers, a body that is read where it describes a session.

use super::sdp::Description;
use crate::reader::Reader;

/// A message's first line and headers, as bytes of the message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    pub first: FirstLine,
    /// The whole first line, without its end.
    pub line: Vec<u8>,
    /// Name (long form, lower case) and value, in order of appearance.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// What the body says of the session, where it says so of itself.
    pub description: Option<Box<Description>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FirstLine {
    Request { method: Vec<u8>, uri: Vec<u8>, version: Vec<u8> },
    Response { version: Vec<u8>, code: Vec<u8>, reason: Vec<u8> },
}

/// What the bytes held.
#[derive(Debug)]
pub enum Found {
    /// A message, and how many bytes it took with its body.
    Message(Box<Message>, usize),
    /// The headers have not ended yet, or the body has not.
    Incomplete,
    Broken,
}

/// Headers of a message are given up beyond this; the field's user agents stay below 10 kB.
pub const MAX_HEAD_BYTES: usize = 65_536;
const MAX_HEADERS: usize = 256;

/// Reads one message at the head of `bytes`.
#[must_use]
pub fn read(bytes: &[u8]) -> Found {
    let Some(head_bytes) = head_end(bytes) else {
        return if bytes.len() > MAX_HEAD_BYTES { Found::Broken } else { Found::Incomplete };
    };
    let head = bytes.get(..head_bytes).unwrap_or_default();
    let Some(mut message) = read_head(head) else { return Found::Broken };
    let body_bytes = message
        .header(b"content-length")
        .and_then(|v| std::str::from_utf8(v).ok()?.trim().parse::<usize>().ok())
        .unwrap_or(0);
    match head_bytes.checked_add(body_bytes) {
        Some(all) => match bytes.get(head_bytes..all) {
            Some(body) => {
                message.take_body(body);
                Found::Message(Box::new(message), all)
            }
            None => Found::Incomplete,
        },
        None => Found::Broken,
    }
}

/// Reads the message of a datagram, whose body is what is left of it.
#[must_use]
pub fn read_datagram(bytes: &[u8]) -> Option<Message> {
    let head_bytes = head_end(bytes).unwrap_or(bytes.len());
    let mut message = read_head(bytes.get(..head_bytes)?)?;
    message.take_body(bytes.get(head_bytes..)?);
    Some(message)
}

fn head_end(bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4)
}

fn read_head(head: &[u8]) -> Option<Message> {
    let mut r = Reader::new(head);
    let line = next_line(&mut r)?.to_vec();
    let first = read_first(&line)?;
    let mut headers: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    while let Some(text) = next_line(&mut r) {
        if text.is_empty() {
            break;
        }
        if text.first().is_some_and(|b| matches!(b, b' ' | b'\t')) {
            // Folded: the value goes on (RFC 3261 7.3.1).
            if let Some((_, value)) = headers.last_mut() {
                value.push(b' ');
                value.extend_from_slice(text.trim_ascii());
            }
            continue;
        }
        let colon = memchr::memchr(b':', text)?;
        let (name, value) = text.split_at_checked(colon)?;
        if headers.len() < MAX_HEADERS {
            headers.push((long_name(name.trim_ascii()), value.get(1..)?.trim_ascii().to_vec()));
        }
    }
    Some(Message { first, line, headers, description: None })
}

fn next_line<'a>(r: &mut Reader<'a>) -> Option<&'a [u8]> {
    if r.is_empty() {
        return None;
    }
    let line = r.until(b'\n').unwrap_or_else(|| r.take_up_to(usize::MAX));
    Some(line.strip_suffix(b"\r").unwrap_or(line))
}

fn read_first(line: &[u8]) -> Option<FirstLine> {
    let mut parts = line.splitn(3, |b| *b == b' ');
    let (one, two, three) = (parts.next()?, parts.next()?, parts.next().unwrap_or_default());
    if one.starts_with(b"SIP/") {
        return Some(FirstLine::Response {
            version: one.to_vec(),
            code: two.to_vec(),
            reason: three.to_vec(),
        });
    }
    let method_ok =
        !one.is_empty() && one.iter().all(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(b));
    (method_ok && three.starts_with(b"SIP/")).then(|| FirstLine::Request {
        method: one.to_vec(),
        uri: two.to_vec(),
        version: three.to_vec(),
    })
}

/// The compact forms of RFC 3261 7.3.3, spelled out.
fn long_name(name: &[u8]) -> Vec<u8> {
    let lower = name.to_ascii_lowercase();
    match lower.as_slice() {
        b"f" => b"from".to_vec(),
        b"t" => b"to".to_vec(),
        b"v" => b"via".to_vec(),
        b"c" => b"content-type".to_vec(),
        b"l" => b"content-length".to_vec(),
        b"i" => b"call-id".to_vec(),
        b"m" => b"contact".to_vec(),
        b"s" => b"subject".to_vec(),
        b"k" => b"supported".to_vec(),
        b"e" => b"content-encoding".to_vec(),
        _ => lower,
    }
}

impl Message {
    fn take_body(&mut self, body: &[u8]) {
        let is_description = self
            .header(b"content-type")
            .is_some_and(|t| t.get(..15).is_some_and(|t| t.eq_ignore_ascii_case(b"application/sdp")));
        self.description = is_description.then(|| Box::new(Description::read(body)));
    }

    #[must_use]
    pub fn header(&self, name: &[u8]) -> Option<&[u8]> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_slice())
    }

    pub fn values<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_slice())
    }
}
