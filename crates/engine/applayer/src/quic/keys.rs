//! Initial packet protection (RFC 9001 5.2, RFC 9369 3.3): anyone on the path can undo it.

use mimamori_base::Direction;
use ring::aead::quic::{AES_128, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

use crate::quic::header::{Header, V1, V2, Version};
use crate::reader::Reader;

const SALT_V1: [u8; 20] = [
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc,
    0xbb, 0x7f, 0x0a,
];
const SALT_V2: [u8; 20] = [
    0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9,
    0xbd, 0x2e, 0xd9,
];
const SALT_DRAFT_29: [u8; 20] = [
    0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43,
    0x90, 0xa8, 0x99,
];
const SALT_DRAFT_23: [u8; 20] = [
    0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7, 0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65, 0xbe,
    0xf9, 0xf5, 0x02,
];

const SALT_DRAFT_22: [u8; 20] = [
    0x7f, 0xbc, 0xdb, 0x0e, 0x7c, 0x66, 0xbb, 0xe9, 0x19, 0x3a, 0x96, 0xcd, 0x21, 0x51, 0x9e, 0xbd, 0x7a,
    0x02, 0x64, 0x4a,
];
const SALT_Q050: [u8; 20] = [
    0x50, 0x45, 0x74, 0xef, 0xd0, 0x66, 0xfe, 0x2f, 0x9d, 0x94, 0x5c, 0xfc, 0xdb, 0xd3, 0xa7, 0xf0, 0xd3,
    0xb5, 0x6b, 0x45,
];
const SALT_T050: [u8; 20] = [
    0x7f, 0xf5, 0x79, 0xe5, 0xac, 0xd0, 0x72, 0x91, 0x55, 0x80, 0x30, 0x4c, 0x43, 0xa2, 0x36, 0x7c, 0x60,
    0x48, 0x83, 0x10,
];
const SALT_T051: [u8; 20] = [
    0x7a, 0x4e, 0xde, 0xf4, 0xe7, 0xcc, 0xee, 0x5f, 0xa4, 0x50, 0x6c, 0x19, 0x12, 0x4f, 0xc8, 0xcc, 0xda,
    0x6e, 0x03, 0x3d,
];

/// Keys of both sides' Initial packets.
#[derive(Debug)]
pub struct InitialKeys {
    sides: [SideKeys; 2],
}

struct SideKeys {
    packet: LessSafeKey,
    iv: [u8; 12],
    header: HeaderProtectionKey,
}

impl std::fmt::Debug for SideKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SideKeys")
    }
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl InitialKeys {
    /// The keys that follow from the client's first destination id; `None` for a version that
    /// protects its first packets in another way.
    #[must_use]
    pub fn derive(version: Version, destination_id: &[u8]) -> Option<InitialKeys> {
        let salt = match version {
            V1 => &SALT_V1,
            V2 => &SALT_V2,
            // The last drafts have the salt of the standard.
            [0xff, 0, 0, 33..=34] => &SALT_V1,
            [0xff, 0, 0, 29..=32] | [0xfa, 0xce, 0xb0, 2] => &SALT_DRAFT_29,
            [0xff, 0, 0, 23..=28] => &SALT_DRAFT_23,
            _ => return None,
        };
        Self::from_salt(salt, version, destination_id)
    }

    /// The same for versions that are read for their names only: Google's and Facebook's own, and
    /// older drafts.
    #[must_use]
    pub fn derive_unusual(version: Version, destination_id: &[u8]) -> Option<InitialKeys> {
        let salt = match &version {
            b"Q050" => &SALT_Q050,
            b"T050" => &SALT_T050,
            b"T051" => &SALT_T051,
            [0xfa, 0xce, 0xb0, 0x0e] => &SALT_DRAFT_23,
            [0xfa, 0xce, 0xb0, 1] | [0xff, 0, 0, 21..=22] => &SALT_DRAFT_22,
            _ => return Self::derive(version, destination_id),
        };
        Self::from_salt(salt, version, destination_id)
    }

    fn from_salt(salt: &[u8; 20], version: Version, destination_id: &[u8]) -> Option<InitialKeys> {
        let secret = Salt::new(HKDF_SHA256, salt).extract(destination_id);
        let side = |label: &[u8]| SideKeys::derive(&secret, label, version == V2);
        Some(InitialKeys { sides: [side(b"client in")?, side(b"server in")?] })
    }

    /// Removes the protection of the packet at the head of `datagram`: its frames.
    #[must_use]
    pub fn open(&self, dir: Direction, header: &Header, datagram: &[u8]) -> Option<Vec<u8>> {
        dir.of(&self.sides).open(header, datagram)
    }
}

impl SideKeys {
    fn derive(secret: &Prk, label: &[u8], v2: bool) -> Option<SideKeys> {
        let secret = Prk::new_less_safe(HKDF_SHA256, &expand::<32>(secret, label)?);
        let (key, iv, header): (&[u8], &[u8], &[u8]) = if v2 {
            (b"quicv2 key", b"quicv2 iv", b"quicv2 hp")
        } else {
            (b"quic key", b"quic iv", b"quic hp")
        };
        let packet = UnboundKey::new(&AES_128_GCM, &expand::<16>(&secret, key)?).ok()?;
        Some(SideKeys {
            packet: LessSafeKey::new(packet),
            iv: expand::<12>(&secret, iv)?,
            header: HeaderProtectionKey::new(&AES_128, &expand::<16>(&secret, header)?).ok()?,
        })
    }

    fn open(&self, header: &Header, datagram: &[u8]) -> Option<Vec<u8>> {
        let mut r = Reader::new(datagram);
        let clear = r.take(header.header_bytes)?;
        let protected = r.take(header.payload_bytes)?;
        // The sample is taken as if the packet number had four bytes (RFC 9001 5.4.2).
        let mask = self.header.new_mask(protected.get(4..20)?).ok()?;
        let (first, rest_of_header) = clear.split_first()?;
        let first = first ^ (mask.first()? & 0x0f);
        let number_bytes = usize::from(first & 3) + 1;
        let (number, sealed) = protected.split_at_checked(number_bytes)?;
        let number: Vec<u8> = number.iter().zip(mask.iter().skip(1)).map(|(n, m)| n ^ m).collect();
        let value = number.iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
        let mut nonce = self.iv;
        for (n, v) in nonce.iter_mut().rev().zip(value.to_le_bytes()) {
            *n ^= v;
        }
        let associated: Vec<u8> = [first].iter().chain(rest_of_header).chain(&number).copied().collect();
        let mut plain = sealed.to_vec();
        let opened = self
            .packet
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(associated), &mut plain)
            .ok()?
            .len();
        plain.truncate(opened);
        Some(plain)
    }
}

/// HKDF-Expand-Label of TLS 1.3 (RFC 8446 7.1) with an empty context.
fn expand<const N: usize>(secret: &Prk, label: &[u8]) -> Option<[u8; N]> {
    let out_bytes = u16::try_from(N).ok()?.to_be_bytes();
    let label_bytes = [u8::try_from(label.len() + 6).ok()?];
    let mut out = [0u8; N];
    secret
        .expand(&[&out_bytes, &label_bytes, b"tls13 ", label, &[0]], Length(N))
        .ok()?
        .fill(&mut out)
        .ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_9001_a_1_keys() {
        let id = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
        let secret = Salt::new(HKDF_SHA256, &SALT_V1).extract(&id);
        let client = Prk::new_less_safe(HKDF_SHA256, &expand::<32>(&secret, b"client in").unwrap());
        let key: [u8; 16] = expand(&client, b"quic key").unwrap();
        assert_eq!(
            key,
            [0x1f, 0x36, 0x96, 0x13, 0xdd, 0x76, 0xd5, 0x46, 0x77, 0x30, 0xef, 0xcb, 0xe3, 0xb1, 0xa2, 0x2d]
        );
        let iv: [u8; 12] = expand(&client, b"quic iv").unwrap();
        assert_eq!(iv, [0xfa, 0x04, 0x4b, 0x2f, 0x42, 0xa3, 0xfd, 0x3b, 0x46, 0xfb, 0x25, 0x5c]);
    }
}
