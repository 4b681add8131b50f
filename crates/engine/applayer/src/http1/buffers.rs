//! Buffers that join headers, built when a rule first asks for them.

use std::sync::OnceLock;

use mimamori_base::Direction;

use super::message::Message;

/// The joined buffers of one side.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    header: OnceLock<Vec<u8>>,
    names: OnceLock<Vec<u8>>,
    start: OnceLock<Vec<u8>>,
}

impl Buffers {
    /// `http.header`: `Name: value` lines without the cookie.
    pub(crate) fn header(&self, side: &Message) -> &[u8] {
        self.header.get_or_init(|| {
            let cookie: &[u8] = match side.dir {
                Direction::ToServer => b"cookie",
                Direction::ToClient => b"set-cookie",
            };
            let mut out = Vec::with_capacity(side.headers.raw().len());
            for h in side.headers.iter().filter(|h| !h.name.eq_ignore_ascii_case(cookie)) {
                push_header(&mut out, &h.name, &h.value);
            }
            out
        })
    }

    /// `http.header_names`: `\r\nHost\r\nUser-Agent\r\n\r\n`.
    pub(crate) fn names(&self, side: &Message) -> &[u8] {
        self.names.get_or_init(|| {
            if side.headers.is_empty() {
                return Vec::new();
            }
            let mut out = b"\r\n".to_vec();
            for h in side.headers.iter() {
                out.extend_from_slice(&h.name);
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(b"\r\n");
            out
        })
    }

    /// `http.start`: the first line and all headers, with the empty line.
    pub(crate) fn start(&self, side: &Message) -> &[u8] {
        self.start.get_or_init(|| {
            let mut out = side.line.clone();
            out.extend_from_slice(b"\r\n");
            for h in side.headers.iter() {
                push_header(&mut out, &h.name, &h.value);
            }
            out.extend_from_slice(b"\r\n");
            out
        })
    }
}

fn push_header(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}
