//! Packet headers: IETF QUIC (RFC 9000 17.2, RFC 9369 3.2) and Google QUIC before it.

use crate::reader::Reader;

/// The version field, as it stands on the wire.
pub type Version = [u8; 4];

pub const V1: Version = [0, 0, 0, 1];
pub const V2: Version = [0x6b, 0x33, 0x43, 0xcf];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PacketType {
    Initial,
    ZeroRtt,
    Handshake,
    Retry,
    VersionNegotiation,
    /// Short header: encrypted, nothing to get.
    Short,
}

/// A packet's header, and where its protected part lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    pub kind: PacketType,
    pub version: Version,
    pub destination_id: Vec<u8>,
    /// Bytes of the header before the packet number.
    pub header_bytes: usize,
    /// Bytes from the packet number to the packet's end.
    pub payload_bytes: usize,
}

/// `Q0xx`: Google QUIC, which has its own frames and, up to Q046, no protection of the first ones.
#[must_use]
pub fn is_google(version: Version) -> bool {
    version.first() == Some(&b'Q')
}

impl Header {
    /// Reads the header of the first packet of `datagram`.
    #[must_use]
    pub fn read(datagram: &[u8]) -> Option<Header> {
        let mut r = Reader::new(datagram);
        let first = r.u8()?;
        if first & 0x80 == 0 {
            return Header::read_short(first, datagram);
        }
        let version: Version = r.array()?;
        if is_google(version) && version < *b"Q049" {
            return Header::read_google_long(first, version, r, datagram.len());
        }
        let destination_id = r.prefixed_u8()?.to_vec();
        r.prefixed_u8()?;
        let kind = long_type(first, version);
        if kind == PacketType::Initial {
            let token_bytes = varint(&mut r)?;
            r.take(usize::try_from(token_bytes).ok()?)?;
        }
        let has_length = matches!(kind, PacketType::Initial | PacketType::ZeroRtt | PacketType::Handshake);
        let payload_bytes = if has_length { usize::try_from(varint(&mut r)?).ok()? } else { r.remaining() };
        if payload_bytes > r.remaining() {
            return None;
        }
        Some(Header { kind, version, destination_id, header_bytes: r.position(), payload_bytes })
    }

    /// A short header, or Google's public header up to Q043, which has no fixed bit.
    fn read_short(first: u8, datagram: &[u8]) -> Option<Header> {
        let short = Header {
            kind: PacketType::Short,
            version: [0; 4],
            destination_id: Vec::new(),
            header_bytes: 1,
            payload_bytes: datagram.len().checked_sub(1)?,
        };
        let public_with_version = first & 0x40 == 0 && first & 0x09 == 0x09;
        if !public_with_version {
            return Some(short);
        }
        let mut r = Reader::at(datagram, 1);
        let destination_id = r.take(8)?.to_vec();
        let version: Version = r.array()?;
        if !is_google(version) {
            return Some(short);
        }
        let number_bytes = [1, 2, 4, 6].get(usize::from(first >> 4 & 3)).copied()?;
        r.take(number_bytes)?;
        r.take(AUTHENTICATION_HASH)?;
        Some(Header {
            kind: PacketType::Initial,
            version,
            destination_id,
            header_bytes: r.position(),
            payload_bytes: r.remaining(),
        })
    }

    fn read_google_long(first: u8, version: Version, mut r: Reader<'_>, all: usize) -> Option<Header> {
        let lengths = r.u8()?;
        let id_bytes = |nibble: u8| {
            if nibble == 0 { 0 } else { usize::from(nibble) + 3 }
        };
        let destination_id = r.take(id_bytes(lengths >> 4))?.to_vec();
        r.take(id_bytes(lengths & 0x0f))?;
        r.take(usize::from(first & 3) + 1)?;
        r.take(AUTHENTICATION_HASH)?;
        let header_bytes = r.position();
        Some(Header {
            kind: PacketType::Initial,
            version,
            destination_id,
            header_bytes,
            payload_bytes: all.checked_sub(header_bytes)?,
        })
    }
}

/// Google's first packets carry a hash in place of protection.
const AUTHENTICATION_HASH: usize = 12;

fn long_type(first: u8, version: Version) -> PacketType {
    if version == [0; 4] {
        return PacketType::VersionNegotiation;
    }
    let bits = first >> 4 & 3;
    // Version 2 turns the types by one (RFC 9369 3.2).
    let turned = if version == V2 { bits.wrapping_sub(1) & 3 } else { bits };
    match turned {
        0 => PacketType::Initial,
        1 => PacketType::ZeroRtt,
        2 => PacketType::Handshake,
        _ => PacketType::Retry,
    }
}

/// A variable-length integer (RFC 9000 16).
pub fn varint(r: &mut Reader<'_>) -> Option<u64> {
    let first = r.u8()?;
    let more = (1usize << (first >> 6)) - 1;
    let start = u64::from(first & 0x3f);
    let rest = r.take(more)?;
    Some(rest.iter().fold(start, |value, byte| value << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_of_rfc_9000_a_1() {
        let read = |bytes: &[u8]| varint(&mut Reader::new(bytes));
        assert_eq!(read(&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c]), Some(151_288_809_941_952_652));
        assert_eq!(read(&[0x9d, 0x7f, 0x3e, 0x7d]), Some(494_878_333));
        assert_eq!(read(&[0x7b, 0xbd]), Some(15_293));
        assert_eq!(read(&[0x25]), Some(37));
        assert_eq!(read(&[0x7b]), None);
    }

    #[test]
    fn types_turn_with_version_2() {
        assert_eq!(long_type(0xc0, V1), PacketType::Initial);
        assert_eq!(long_type(0xd0, V2), PacketType::Initial);
        assert_eq!(long_type(0xc0, V2), PacketType::Retry);
        assert_eq!(long_type(0xf0, V1), PacketType::Retry);
    }
}
