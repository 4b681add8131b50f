//! The hello of DTLS (RFC 6347, 9147), put together from the pieces that datagrams carry.
//!
//! Holds always: at most [`MAX_HELLO_BYTES`] are kept; pieces may come in any order, again, or
//! overlapping (the first copy stays). Deliberately not here: the rest of DTLS.

use crate::reader::Reader;
use crate::tls::hello::ClientHello;

/// A longer hello is not read.
const MAX_HELLO_BYTES: usize = 16 << 10;
/// Records of one datagram that are looked at.
const MAX_RECORDS: usize = 16;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// Pieces of a client's hello.
#[derive(Debug, Default)]
pub struct DatagramHello {
    message_seq: u16,
    body: Vec<u8>,
    have: Vec<bool>,
}

/// Whether a datagram begins like a record of DTLS.
#[must_use]
pub fn is_dtls(datagram: &[u8]) -> bool {
    matches!(datagram, [20..=23 | 25, 0xfe, 0xff | 0xfd | 0xfc, ..] | [20..=23 | 25, 0x01, 0x00, ..])
        && record(&mut Reader::new(datagram)).is_some()
}

fn record<'a>(r: &mut Reader<'a>) -> Option<(u8, &'a [u8])> {
    let kind = r.u8()?;
    r.take(10)?;
    let body = r.prefixed_u16()?;
    Some((kind, body))
}

impl DatagramHello {
    /// Takes a datagram of the client; the hello, once it is whole.
    pub fn take(&mut self, datagram: &[u8]) -> Option<ClientHello> {
        let mut r = Reader::new(datagram);
        for _ in 0..MAX_RECORDS {
            let (kind, body) = record(&mut r)?;
            if kind == HANDSHAKE
                && let Some(hello) = self.handshake(body)
            {
                return Some(hello);
            }
        }
        None
    }

    fn handshake(&mut self, body: &[u8]) -> Option<ClientHello> {
        let mut r = Reader::new(body);
        while !r.is_empty() {
            let kind = r.u8()?;
            let length = u24(&mut r)?;
            let seq = r.u16()?;
            let offset = u24(&mut r)?;
            let piece_len = u24(&mut r)?;
            let piece = r.take(piece_len)?;
            if kind != CLIENT_HELLO || length > MAX_HELLO_BYTES {
                continue;
            }
            if self.body.len() != length || self.message_seq != seq {
                self.message_seq = seq;
                self.body = vec![0; length];
                self.have = vec![false; length];
            }
            let slots = self.body.iter_mut().zip(self.have.iter_mut()).skip(offset);
            for ((slot, have), byte) in slots.zip(piece) {
                if !*have {
                    *slot = *byte;
                    *have = true;
                }
            }
            if self.have.iter().all(|h| *h) {
                return without_cookie(&self.body).and_then(|b| ClientHello::read(&b));
            }
        }
        None
    }
}

fn u24(r: &mut Reader<'_>) -> Option<usize> {
    let high = usize::from(r.u8()?);
    Some(high << 16 | usize::from(r.u16()?))
}

/// The body as TLS has it: DTLS puts a cookie behind the session id.
fn without_cookie(body: &[u8]) -> Option<Vec<u8>> {
    let mut r = Reader::new(body);
    r.take(34)?;
    r.prefixed_u8()?;
    let head = body.get(..r.position())?;
    r.prefixed_u8()?;
    Some([head, r.rest()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hello() -> Vec<u8> {
        let mut body = vec![0xfe, 0xfd];
        body.extend([7; 32]);
        body.extend([0, 4, 1, 2, 3, 4]);
        body.extend([0, 2, 0xc0, 0x2b, 1, 0]);
        let sni = [0, 0, 0, 14, 0, 12, 0, 0, 9, b'c', b'a', b'l', b'l', b'.', b't', b'e', b's', b't'];
        body.extend([0, 18]);
        body.extend(sni);
        body
    }

    fn datagram(body: &[u8], from: usize, to: usize) -> Vec<u8> {
        let piece = &body[from..to];
        let mut out = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0];
        out.extend(u16::try_from(piece.len() + 12).unwrap().to_be_bytes());
        out.push(1);
        let three = |n: usize| [0, (n >> 8) as u8, n as u8];
        out.extend(three(body.len()));
        out.extend([0, 0]);
        out.extend(three(from));
        out.extend(three(piece.len()));
        out.extend(piece);
        out
    }

    proptest! {
        #[test]
        fn a_hello_is_the_same_in_any_pieces(cut in 1usize..60) {
            let body = hello();
            let cut = cut.min(body.len() - 1);
            let mut whole = DatagramHello::default();
            let expected = whole.take(&datagram(&body, 0, body.len())).expect("a whole hello");
            prop_assert_eq!(expected.sni.as_deref(), Some(&b"call.test"[..]));
            let mut parts = DatagramHello::default();
            prop_assert_eq!(parts.take(&datagram(&body, cut, body.len())), None);
            prop_assert_eq!(parts.take(&datagram(&body, 0, cut)), Some(expected));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = is_dtls(&bytes);
            let _ = DatagramHello::default().take(&bytes);
            let _ = DatagramHello::default().handshake(&bytes);
        }
    }
}
