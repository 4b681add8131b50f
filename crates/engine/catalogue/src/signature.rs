//! Protocols by their first bytes.
//!
//! A signature is `SIDE/TRANSPORT[:PORT]/PATTERN`: `SIDE` is `c` (client), `s` (server) or `*`;
//! `TRANSPORT` is `tcp` or `udp`; `PORT` that of the server. `PATTERN` is a row of elements joined
//! by `&`: `"text"` (any case) or hexadecimal digits with `.` for any digit, each optionally
//! behind `@OFFSET`; `#N` or `#N-M` for the length of the datagram (or of the first bytes kept).

use crate::lookup::Facts;

/// Bytes of each direction that a signature can look at.
pub const HEAD_BYTES: usize = 192;

const MAX_ELEMENTS: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    side: Side,
    protocol: u8,
    port: Option<u16>,
    elements: Vec<Element>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Server,
    Either,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Element {
    /// Value and mask of each byte.
    Bytes {
        at: usize,
        want: Vec<(u8, u8)>,
    },
    Text {
        at: usize,
        want: Vec<u8>,
    },
    Length {
        least: usize,
        most: usize,
    },
}

impl Signature {
    pub(crate) fn parse(text: &str) -> Result<Signature, String> {
        let mut parts = text.splitn(3, '/');
        let (side, transport, pattern) = match (parts.next(), parts.next(), parts.next()) {
            (Some(a), Some(b), Some(c)) => (a, b, c),
            _ => return Err(format!("{text:?} is not SIDE/TRANSPORT/PATTERN")),
        };
        let side = match side {
            "c" => Side::Client,
            "s" => Side::Server,
            "*" => Side::Either,
            other => return Err(format!("{other:?} is none of c, s, *")),
        };
        let (transport, port) = match transport.split_once(':') {
            Some((t, p)) => (t, Some(p.parse().map_err(|_| format!("{p:?} is no port"))?)),
            None => (transport, None),
        };
        let protocol = match transport {
            "tcp" => 6,
            "udp" => 17,
            other => return Err(format!("{other:?} is neither tcp nor udp")),
        };
        let elements = pattern.split('&').map(element).collect::<Result<Vec<_>, _>>()?;
        let weighty = elements.iter().any(|e| !matches!(e, Element::Length { .. }));
        if elements.len() > MAX_ELEMENTS || !(weighty || port.is_some()) {
            return Err(format!("{pattern:?} says too little or too much"));
        }
        Ok(Signature { side, protocol, port, elements })
    }

    pub(crate) fn matches(&self, facts: &Facts<'_>) -> bool {
        if facts.protocol != self.protocol {
            return false;
        }
        // Who spoke first is not always the client: a port is that of either end.
        let on_port = self.port.is_none_or(|p| p == facts.server_port || p == facts.client_port);
        if !on_port {
            return false;
        }
        let [client, server] = facts.heads;
        let of = |head: &[u8], bytes: usize| {
            !head.is_empty() && self.elements.iter().all(|e| e.matches(head, bytes))
        };
        let [client_bytes, server_bytes] = facts.datagram_bytes;
        match self.side {
            Side::Client => of(client, client_bytes),
            Side::Server => of(server, server_bytes),
            Side::Either => of(client, client_bytes) || of(server, server_bytes),
        }
    }
}

impl Element {
    fn matches(&self, head: &[u8], datagram_bytes: usize) -> bool {
        match self {
            Element::Bytes { at, want } => {
                head.get(*at..).is_some_and(|rest| rest.len() >= want.len())
                    && head.iter().skip(*at).zip(want).all(|(b, (value, mask))| b & mask == *value)
            }
            Element::Text { at, want } => {
                head.get(*at..*at + want.len()).is_some_and(|have| have.eq_ignore_ascii_case(want))
            }
            Element::Length { least, most } => {
                let have = if datagram_bytes > 0 { datagram_bytes } else { head.len() };
                (*least..=*most).contains(&have)
            }
        }
    }
}

fn element(text: &str) -> Result<Element, String> {
    let bad = || format!("{text:?} is no element of a signature");
    if let Some(lengths) = text.strip_prefix('#') {
        let (least, most) = lengths.split_once('-').unwrap_or((lengths, lengths));
        let least: usize = least.parse().map_err(|_| bad())?;
        let most = if most.is_empty() { usize::MAX } else { most.parse().map_err(|_| bad())? };
        return Ok(Element::Length { least, most });
    }
    let (at, want) = match text.strip_prefix('@') {
        Some(rest) => {
            let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
            let (digits, want) = rest.split_at(end);
            // A colon parts the offset from digits of the pattern.
            (digits.parse().map_err(|_| bad())?, want.strip_prefix(':').unwrap_or(want))
        }
        None => (0, text),
    };
    if at >= HEAD_BYTES || want.is_empty() || want.len() > HEAD_BYTES {
        return Err(bad());
    }
    if let Some(inner) = want.strip_prefix('"') {
        let inner = inner.strip_suffix('"').filter(|t| !t.is_empty()).ok_or_else(bad)?;
        return Ok(Element::Text { at, want: inner.replace('_', " ").into_bytes() });
    }
    if !want.len().is_multiple_of(2) {
        return Err(bad());
    }
    let digit = |b: u8| match b {
        b'.' => Some((0, 0)),
        _ => char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok()).map(|d| (d, 0x0f)),
    };
    let mut bytes = Vec::new();
    for pair in want.as_bytes().chunks_exact(2) {
        let [high, low] = pair else { return Err(bad()) };
        let ((h, hm), (l, lm)) = (digit(*high).ok_or_else(bad)?, digit(*low).ok_or_else(bad)?);
        bytes.push((h << 4 | l, hm << 4 | lm));
    }
    Ok(Element::Bytes { at, want: bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn facts<'a>(client: &'a [u8], server: &'a [u8]) -> Facts<'a> {
        Facts { protocol: 6, server_port: 22, heads: [client, server], ..Facts::default() }
    }

    #[test]
    fn texts_digits_offsets_lengths_and_sides() {
        let s = |t: &str| Signature::parse(t).expect("a signature");
        assert!(s("*/tcp/\"SSH-\"").matches(&facts(b"", b"ssh-2.0-x")));
        assert!(!s("c/tcp/\"SSH-\"").matches(&facts(b"", b"SSH-2.0-x")));
        assert!(s("c/tcp/@4:2112a442&00.1").matches(&facts(&[0, 1, 9, 9, 0x21, 0x12, 0xa4, 0x42], b"")));
        assert!(!s("c/tcp/@4:2112a442").matches(&facts(&[0, 1, 9, 9, 0x21], b"")));
        assert!(s("c/tcp:22/#3").matches(&facts(b"abc", b"")));
        assert!(!s("c/tcp:23/#3").matches(&facts(b"abc", b"")));
        for bad in
            ["x", "c/tcp/", "c/sctp/00", "q/tcp/00", "c/tcp/#3", "c/tcp/0", "c/tcp/\"\"", "c/tcp/@999:00"]
        {
            assert!(Signature::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_and_bytes_do_no_harm(text in "\\PC{0,40}", bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(signature) = Signature::parse(&text) {
                let _ = signature.matches(&facts(&bytes, &bytes));
            }
            let _ = Signature::parse(&format!("*/tcp/{text}"));
        }
    }
}
