//! One message of IKE: its header and the payloads that are sent in the clear (RFC 2408, RFC 7296).
//!
//! Holds always: a message is read to its end or said to be malformed; at most [`MAX_PAYLOADS`]
//! payloads and [`MAX_ATTRIBUTES`] attributes of it are looked at.

use crate::reader::Reader;

const MAX_PAYLOADS: usize = 64;
const MAX_ATTRIBUTES: usize = 256;
const HEADER_BYTES: usize = 28;
/// The payloads after the header are encrypted (version 1).
const FLAG_ENCRYPTED: u8 = 1;

/// What a message says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Message {
    pub init_spi: [u8; 8],
    pub resp_spi: [u8; 8],
    pub major: u8,
    pub minor: u8,
    pub exchange: u8,
    pub flags: u8,
    pub message_id: u32,
    /// Attributes of the proposals, in order: `("alg_enc", 7)`.
    pub attributes: Vec<(&'static str, u64)>,
    /// Kinds and numbers of the transforms (version 2).
    pub transforms: Vec<(u8, u16)>,
    pub proposals: usize,
    pub key_exchange: Option<Vec<u8>>,
    pub nonce: Option<Vec<u8>>,
    pub vendors: Vec<Vec<u8>>,
    /// Types of error notifications (version 2).
    pub notifies: Vec<u16>,
    pub encrypted: bool,
    /// Bytes stand behind the last payload.
    pub extra: bool,
}

/// Reads a message; `None` where it contradicts itself.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<Message> {
    let mut r = Reader::new(bytes);
    let mut m = Message { init_spi: r.array()?, resp_spi: r.array()?, ..Message::default() };
    let first = r.u8()?;
    let version = r.u8()?;
    (m.major, m.minor) = (version >> 4, version & 15);
    m.exchange = r.u8()?;
    m.flags = r.u8()?;
    m.message_id = r.u32()?;
    let length = usize::try_from(r.u32()?).ok()?;
    let body = bytes.get(HEADER_BYTES..length)?;
    match m.major {
        1 if m.flags & FLAG_ENCRYPTED != 0 => m.encrypted = true,
        1 | 2 => m.payloads(first, body)?,
        _ => return None,
    }
    Some(m)
}

impl Message {
    fn payloads(&mut self, first: u8, body: &[u8]) -> Option<()> {
        let mut r = Reader::new(body);
        let mut kind = first;
        for _ in 0..MAX_PAYLOADS {
            if kind == 0 {
                self.extra = !r.is_empty();
                return Some(());
            }
            let next = r.u8()?;
            r.u8()?;
            let payload = block(&mut r)?;
            if self.major == 1 {
                self.payload_v1(kind, payload)?
            } else {
                self.payload_v2(kind, payload)?
            }
            if self.encrypted {
                return Some(());
            }
            kind = next;
        }
        Some(())
    }

    fn payload_v1(&mut self, kind: u8, payload: &[u8]) -> Option<()> {
        match kind {
            1 => self.proposals(payload.get(8..)?, Self::transform_v1)?,
            4 => self.key_exchange = Some(payload.to_vec()),
            10 => self.nonce = Some(payload.to_vec()),
            13 => self.vendors.push(payload.to_vec()),
            _ => {}
        }
        Some(())
    }

    fn payload_v2(&mut self, kind: u8, payload: &[u8]) -> Option<()> {
        match kind {
            33 => self.proposals(payload, Self::transform_v2)?,
            34 => self.key_exchange = Some(payload.get(4..)?.to_vec()),
            40 => self.nonce = Some(payload.to_vec()),
            41 => {
                let mut r = Reader::at(payload, 2);
                self.notifies.push(r.u16()?);
            }
            43 => self.vendors.push(payload.to_vec()),
            // What stands in an encrypted payload, and behind it, is not to be seen.
            46 | 53 => self.encrypted = true,
            _ => {}
        }
        Some(())
    }

    /// Proposals in either version; `transform` reads what is inside each of their transforms.
    fn proposals(&mut self, bytes: &[u8], transform: fn(&mut Self, &[u8]) -> Option<()>) -> Option<()> {
        let mut r = Reader::new(bytes);
        for _ in 0..MAX_PAYLOADS {
            let Some(more) = r.u8() else { break };
            r.u8()?;
            let mut p = Reader::new(block(&mut r)?);
            self.proposals += 1;
            let (_number, _protocol, spi_bytes, transforms) = (p.u8()?, p.u8()?, p.u8()?, p.u8()?);
            p.take(usize::from(spi_bytes))?;
            for _ in 0..transforms {
                p.take(2)?;
                transform(self, block(&mut p)?)?;
            }
            if more == 0 {
                break;
            }
        }
        Some(())
    }

    fn transform_v1(&mut self, transform: &[u8]) -> Option<()> {
        self.attributes_of(transform.get(4..)?, attribute_v1)
    }

    fn transform_v2(&mut self, transform: &[u8]) -> Option<()> {
        let mut t = Reader::new(transform);
        let (kind, _, id) = (t.u8()?, t.u8()?, t.u16()?);
        if self.transforms.len() < MAX_ATTRIBUTES {
            self.transforms.push((kind, id));
            self.attributes.extend(transform_name(kind).map(|name| (name, u64::from(id))));
        }
        self.attributes_of(t.rest(), |n| (n == 14).then_some("sa_key_length"))
    }

    fn attributes_of(&mut self, bytes: &[u8], name: fn(u16) -> Option<&'static str>) -> Option<()> {
        let mut r = Reader::new(bytes);
        while !r.is_empty() {
            let kind = r.u16()?;
            let value = if kind & 0x8000 != 0 { u64::from(r.u16()?) } else { number(r.prefixed_u16()?) };
            if self.attributes.len() < MAX_ATTRIBUTES {
                self.attributes.extend(name(kind & 0x7fff).map(|name| (name, value)));
            }
        }
        Some(())
    }
}

/// A block of which two bytes have been read; its length, of four bytes more than is left, comes
/// next.
fn block<'a>(r: &mut Reader<'a>) -> Option<&'a [u8]> {
    let length = usize::from(r.u16()?).checked_sub(4)?;
    r.take(length)
}

/// A number of up to eight bytes; what is longer is none.
fn number(bytes: &[u8]) -> u64 {
    if bytes.len() > 8 {
        return 0;
    }
    bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b))
}

/// Attributes of version 1 (RFC 2409, appendix A) by the rule language's names.
fn attribute_v1(kind: u16) -> Option<&'static str> {
    Some(match kind {
        1 => "alg_enc",
        2 => "alg_hash",
        3 => "alg_auth",
        4 => "alg_dh",
        5 => "sa_group_type",
        11 => "sa_life_type",
        12 => "sa_life_duration",
        13 => "alg_prf",
        14 => "sa_key_length",
        15 => "sa_field_size",
        _ => return None,
    })
}

/// Kinds of transforms of version 2 (RFC 7296 3.3.2).
fn transform_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        1 => "alg_enc",
        2 => "alg_prf",
        3 => "alg_auth",
        4 => "alg_dh",
        5 => "alg_esn",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Header and payloads, with the length in the header set.
    fn message(version: u8, first: u8, payloads: &[u8]) -> Vec<u8> {
        let mut m = vec![0x11; 8];
        m.extend([0; 8]);
        m.extend([first, version, 2, 0, 0, 0, 0, 0]);
        m.extend(u32::try_from(28 + payloads.len()).unwrap().to_be_bytes());
        m.extend(payloads);
        m
    }

    #[test]
    fn a_proposal_of_version_1_names_its_attributes() {
        let sa: &[u8] = &[
            13, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0, 1, // SA
            0, 0, 0, 28, 1, 1, 0, 1, // proposal
            0, 0, 0, 20, 1, 1, 0, 0, // transform
            0x80, 1, 0, 7, 0, 12, 0, 4, 0, 1, 0x51, 0x80, // AES-CBC, 86400
            0, 0, 0, 6, 0xab, 0xcd, // vendor
        ];
        let m = read(&message(0x10, 1, sa)).unwrap();
        assert_eq!(m.attributes, [("alg_enc", 7), ("sa_life_duration", 86_400)]);
        assert_eq!(m.vendors, [vec![0xab, 0xcd]]);
        assert!(!m.extra);
    }

    #[test]
    fn transforms_of_version_2_are_kept_by_kind() {
        let sa: &[u8] = &[
            34, 0, 0, 28, // SA
            0, 0, 0, 24, 1, 1, 0, 2, // proposal
            3, 0, 0, 8, 1, 0, 0, 3, // 3DES
            0, 0, 0, 8, 4, 0, 0, 2, // group 2
            0, 0, 0, 10, 0, 2, 0, 0, 9, 9, // key exchange
        ];
        let m = read(&message(0x20, 33, sa)).unwrap();
        assert_eq!(m.transforms, [(1, 3), (4, 2)]);
        assert_eq!(m.key_exchange.as_deref(), Some(&[9, 9][..]));
    }

    #[test]
    fn a_payload_longer_than_the_message_is_malformed() {
        assert_eq!(read(&message(0x10, 4, &[0, 0, 0, 9, 1])), None);
        assert_eq!(read(&message(0x10, 4, &[0, 0, 0, 3, 1])), None);
    }

    proptest! {
        #[test]
        fn never_panics(body in prop::collection::vec(any::<u8>(), 0..200), v2: bool, first in 0u8..48) {
            let _ = read(&message(if v2 { 0x20 } else { 0x10 }, first, &body));
            let _ = read(&body);
        }
    }
}
