//! DNS inside HTTP/2 (RFC 8484).
//!
//! Responsible for collecting the message of one side, from a body or a `?dns=` query, and
//! reading it. Holds always: no more than a DNS message can have is kept.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mimamori_base::Direction;

use crate::dns::DnsTx;
use crate::dns::message::read_message;
use crate::proto::AppProto;

/// Longest DNS message.
const MAX_MESSAGE_BYTES: usize = 65_535;

/// The DNS message of one side in the making.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    bytes: Vec<u8>,
    pub too_long: bool,
}

impl Collector {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.bytes.len().saturating_add(bytes.len()) > MAX_MESSAGE_BYTES {
            self.too_long = true;
        }
        let room = MAX_MESSAGE_BYTES.saturating_sub(self.bytes.len());
        self.bytes.extend(bytes.iter().take(room));
    }

    /// The body has ended: its message, if it is one.
    pub(crate) fn finish(self, tx_id: u64, dir: Direction) -> Option<DnsTx> {
        if self.too_long { None } else { read(&self.bytes, tx_id, dir) }
    }
}

fn read(bytes: &[u8], tx_id: u64, dir: Direction) -> Option<DnsTx> {
    let message = read_message(bytes)?;
    let fits = message.header.is_response() == (dir == Direction::ToClient);
    fits.then(|| DnsTx::new(tx_id, AppProto::Dns, dir, message))
}

/// Whether a content type is DNS.
pub(super) fn is_dns(content_type: Option<&[u8]>) -> bool {
    content_type.is_some_and(|t| t.trim_ascii().eq_ignore_ascii_case(b"application/dns-message"))
}

/// The message in a target such as `/dns-query?dns=AAABAAAB…`.
pub(super) fn from_target(target: &[u8], tx_id: u64) -> Option<DnsTx> {
    let at = memchr::memmem::find(target, b"?dns=").map(|i| i + 5)?;
    let text = target.get(at..)?;
    let text = text.split(|b| matches!(b, b'&' | b'=')).next()?;
    let bytes = URL_SAFE_NO_PAD.decode(text.get(..text.len().min(MAX_MESSAGE_BYTES))?).ok()?;
    read(&bytes, tx_id, Direction::ToServer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &[u8] = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x02\0\x01";

    #[test]
    fn messages_in_bodies_and_targets() {
        let mut c = Collector::default();
        c.push(&QUERY[..9]);
        c.push(&QUERY[9..]);
        assert_eq!(c.finish(0, Direction::ToServer).unwrap().message.questions.len(), 1);
        let target = format!("/dns-query?dns={}", URL_SAFE_NO_PAD.encode(QUERY));
        assert!(from_target(target.as_bytes(), 0).is_some());
        assert!(from_target(b"/dns-query?dns=!!", 0).is_none());
        assert!(is_dns(Some(b"Application/DNS-message")) && !is_dns(Some(b"text/html")) && !is_dns(None));
    }

    #[test]
    fn too_long_is_noticed() {
        let mut c = Collector::default();
        c.push(&[0; 40_000]);
        assert!(!c.too_long);
        c.push(&[0; 40_000]);
        assert!(c.too_long && c.finish(0, Direction::ToServer).is_none());
    }
}
