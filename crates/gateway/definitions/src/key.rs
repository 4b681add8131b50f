//! The Ed25519 keys that sign and check sets.
//!
//! Holds always: a signing key never appears in `Debug` or in an error.

use std::fmt;
use std::fmt::Write as _;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use sha2::{Digest, Sha256};

/// Signatures are made over this before the set's head, so that nothing else that a key signs
/// can pass for a set.
const DOMAIN: &[u8] = b"mimamori definitions 1\0";

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("a key is one line of 64 hexadecimal digits")]
    Shape,
    #[error("the key is refused by the signature library")]
    Refused,
}

/// Signs sets. 32 bytes from a source fit for secrets.
pub struct SigningKey {
    seed: [u8; 32],
    pair: Ed25519KeyPair,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("public", &self.verifying().id()).finish_non_exhaustive()
    }
}

impl SigningKey {
    pub fn from_seed(seed: [u8; 32]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| KeyError::Refused)?;
        Ok(SigningKey { seed, pair })
    }

    /// Reads the text that [`SigningKey::to_text`] gives.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        Self::from_seed(unhex(text.trim()).ok_or(KeyError::Shape)?)
    }

    /// The secret as one line: for a file that only its owner can read.
    #[must_use]
    pub fn to_text(&self) -> String {
        hex(&self.seed)
    }

    #[must_use]
    pub fn verifying(&self) -> VerifyingKey {
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(self.pair.public_key().as_ref()) {
            *to = *from;
        }
        VerifyingKey(bytes)
    }

    /// A head (magic, format, length and `manifest`) with a right signature: for those who try what
    /// lies behind it.
    #[must_use]
    pub fn signed(&self, manifest: &[u8]) -> Vec<u8> {
        let mut head = crate::file::MAGIC.to_vec();
        head.extend_from_slice(&crate::manifest::FORMAT.to_le_bytes());
        head.extend_from_slice(&u32::try_from(manifest.len()).unwrap_or(u32::MAX).to_le_bytes());
        head.extend_from_slice(manifest);
        let signature = self.sign(&head);
        head.extend_from_slice(&signature);
        head
    }

    pub(crate) fn sign(&self, head: &[u8]) -> [u8; 64] {
        let mut out = [0; 64];
        let signature = self.pair.sign(&[DOMAIN, head].concat());
        for (to, from) in out.iter_mut().zip(signature.as_ref()) {
            *to = *from;
        }
        out
    }
}

/// Checks sets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VerifyingKey([u8; 32]);

impl VerifyingKey {
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        Ok(VerifyingKey(unhex(text.trim()).ok_or(KeyError::Shape)?))
    }

    #[must_use]
    pub fn to_text(&self) -> String {
        hex(&self.0)
    }

    #[must_use]
    pub fn id(&self) -> String {
        hex(&Sha256::digest(self.0)).chars().take(16).collect()
    }

    pub(crate) fn verify(&self, head: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(&[DOMAIN, head].concat(), signature).is_ok()
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}

/// The bytes that exactly `2 * N` hexadecimal digits stand for.
pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    let mut out = [0; N];
    for (to, pair) in out.iter_mut().zip(text.as_bytes().chunks(2)) {
        *to = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        if pair.first() == Some(&b'+') {
            return None;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_key_and_bytes_only() {
        let key = SigningKey::from_seed([7; 32]).unwrap();
        let other = SigningKey::from_seed([8; 32]).unwrap();
        let signature = key.sign(b"head");
        assert!(key.verifying().verify(b"head", &signature));
        assert!(!key.verifying().verify(b"heae", &signature));
        assert!(!other.verifying().verify(b"head", &signature));
        assert_eq!(SigningKey::parse(&key.to_text()).unwrap().verifying(), key.verifying());
        assert_eq!(VerifyingKey::parse(&key.verifying().to_text()), Ok(key.verifying()));
        assert!(!format!("{key:?}").contains("0707"), "the secret is not shown");
    }

    #[test]
    fn texts_of_wrong_shape_are_refused() {
        assert_eq!(VerifyingKey::parse("12"), Err(KeyError::Shape));
        assert_eq!(VerifyingKey::parse(&"+1".repeat(32)), Err(KeyError::Shape));
        assert_eq!(VerifyingKey::parse(&"zz".repeat(32)), Err(KeyError::Shape));
        assert_eq!(VerifyingKey::parse(&"あ".repeat(32)), Err(KeyError::Shape));
    }
}
