//! Public keys of passkeys (COSE, RFC 9053) and their signatures.

use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};

use super::cbor::{self, Value};

/// The algorithms that we take, by COSE number: ES256, EdDSA, RS256.
pub const ALGORITHMS: [i64; 3] = [-7, -8, -257];
/// A coordinate of P-256.
const FIELD_BYTES: usize = 32;

/// A key that signatures can be checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    Es256([u8; 65]),
    EdDsa([u8; 32]),
    Rs256 { n: Vec<u8>, e: Vec<u8> },
}

impl PublicKey {
    /// Reads one COSE key; answers it and the bytes that follow.
    #[must_use]
    pub fn read(input: &[u8]) -> Option<(Self, &[u8])> {
        let (key, rest) = cbor::read(input)?;
        Some((Self::of(&key)?, rest))
    }

    fn of(key: &Value<'_>) -> Option<Self> {
        let number = |label| key.numbered(label).and_then(Value::int);
        let bytes = |label| key.numbered(label).and_then(Value::bytes);
        match (number(1)?, number(3)?) {
            // EC2, ES256, P-256
            (2, -7) if number(-1)? == 1 => {
                let (x, y) = (bytes(-2)?, bytes(-3)?);
                if x.len() != FIELD_BYTES || y.len() != FIELD_BYTES {
                    return None;
                }
                let mut point = vec![4];
                point.extend(x);
                point.extend(y);
                point.try_into().ok().map(PublicKey::Es256)
            }
            // OKP, EdDSA, Ed25519
            (1, -8) if number(-1)? == 6 => bytes(-2)?.try_into().ok().map(PublicKey::EdDsa),
            (3, -257) => {
                let (n, e) = (bytes(-1)?, bytes(-2)?);
                let fits = (256..=1_024).contains(&n.len()) && (1..=8).contains(&e.len());
                fits.then(|| PublicKey::Rs256 { n: n.to_vec(), e: e.to_vec() })
            }
            _ => None,
        }
    }

    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            PublicKey::Es256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature)
            }
            PublicKey::EdDsa(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
            PublicKey::Rs256 { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
        }
        .is_ok()
    }
}
