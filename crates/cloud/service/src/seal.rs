//! Secrets that the database must hold in a form that can be read again: sealed with a key that
//! stands outside of it (ChaCha20-Poly1305, RFC 8439), under a key id, so that keys can be
//! changed one after the other.
//!
//! Holds always: what is sealed for one row and purpose opens for no other; the first key seals,
//! all of them open; keys never show in `Debug`. Deliberately not here: where keys are kept.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mimamori_base::{Rng, Timestamp};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;

use crate::secrets::{random_32, sha256};

const VERSION: u8 = 1;
const ID_BYTES: usize = 8;
const NONCE_BYTES: usize = 12;
const HEAD_BYTES: usize = 1 + ID_BYTES + NONCE_BYTES;
const CHALLENGE_BYTES: usize = 16 + 8 + 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("there is no key")]
    NoKey,
    #[error("line {0} is not a key of 32 bytes in base64")]
    BadKey(usize),
    #[error("a stored secret was sealed with a key that is not among the keys given")]
    UnknownKey,
    #[error("a stored secret does not open: it was changed or moved")]
    Broken,
}

#[derive(Clone)]
struct Key {
    id: [u8; ID_BYTES],
    bytes: [u8; 32],
}

/// The keys that seal and open. Cheap enough to clone.
#[derive(Clone)]
pub struct Keyring {
    first: Key,
    older: Vec<Key>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} keys)", self.older.len() + 1)
    }
}

fn key(bytes: [u8; 32]) -> Key {
    let mut named = b"mimamori key id".to_vec();
    named.extend(bytes);
    let digest = sha256(&named);
    Key { id: std::array::from_fn(|i| digest.get(i).copied().unwrap_or(0)), bytes }
}

impl Keyring {
    /// One key for each line, base64; the first seals. Empty lines and `#` lines say nothing.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let mut keys = Vec::new();
        for (n, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bytes = STANDARD.decode(line).ok().and_then(|b| <[u8; 32]>::try_from(b).ok());
            keys.push(key(bytes.ok_or(SealError::BadKey(n + 1))?));
        }
        let mut keys = keys.into_iter();
        Ok(Keyring { first: keys.next().ok_or(SealError::NoKey)?, older: keys.collect() })
    }

    /// A line for a file of keys.
    #[must_use]
    pub fn fresh_line(rng: &dyn Rng) -> String {
        STANDARD.encode(random_32(rng))
    }

    /// One key that nobody keeps: what it seals is lost at the end of the program.
    #[must_use]
    pub fn for_this_run(rng: &dyn Rng) -> Self {
        Keyring { first: key(random_32(rng)), older: Vec::new() }
    }

    fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.first).chain(&self.older)
    }

    /// Seals `plain` for one `purpose` and one row.
    pub(crate) fn seal(
        &self,
        rng: &dyn Rng,
        purpose: &str,
        row: &[u8],
        plain: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_BYTES];
        rng.fill(&mut nonce);
        let mut sealed = Vec::with_capacity(HEAD_BYTES + plain.len() + 16);
        sealed.push(VERSION);
        sealed.extend(self.first.id);
        sealed.extend(nonce);
        let mut body = plain.to_vec();
        cipher(&self.first)?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(about(purpose, row)),
                &mut body,
            )
            .map_err(|_| SealError::Broken)?;
        sealed.append(&mut body);
        Ok(sealed)
    }

    pub(crate) fn open(&self, purpose: &str, row: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let id = sealed.get(1..=ID_BYTES).filter(|_| sealed.first() == Some(&VERSION));
        let id = id.ok_or(SealError::Broken)?;
        let nonce = sealed.get(1 + ID_BYTES..HEAD_BYTES).and_then(|n| n.try_into().ok());
        let nonce: [u8; NONCE_BYTES] = nonce.ok_or(SealError::Broken)?;
        let key = self.all().find(|k| k.id == id).ok_or(SealError::UnknownKey)?;
        let mut body = sealed.get(HEAD_BYTES..).unwrap_or_default().to_vec();
        let plain = cipher(key)?
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(about(purpose, row)), &mut body)
            .map_err(|_| SealError::Broken)?;
        Ok(plain.to_vec())
    }

    /// Whether `sealed` should be sealed anew: an older key, or none.
    pub(crate) fn is_outdated(&self, sealed: &[u8]) -> bool {
        sealed.first() != Some(&VERSION) || sealed.get(1..=ID_BYTES) != Some(&self.first.id)
    }

    fn tag(key: &Key, purpose: &str, row: &[u8], bytes: &[u8]) -> [u8; 32] {
        let mut message = about(purpose, row);
        message.extend(bytes);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key.bytes), &message);
        std::array::from_fn(|i| tag.as_ref().get(i).copied().unwrap_or(0))
    }

    /// A hash that nobody without the key can try values against: for codes of few digits.
    pub(crate) fn keyed_hash(&self, purpose: &str, row: &[u8], bytes: &[u8]) -> [u8; 32] {
        Self::tag(&self.first, purpose, row, bytes)
    }

    /// A challenge that says by itself what it is for, and until when.
    pub(crate) fn challenge(&self, rng: &dyn Rng, purpose: &str, bound: &[u8], until: Timestamp) -> String {
        let mut text = [0; 16].to_vec();
        rng.fill(&mut text);
        text.extend(until.micros().to_be_bytes());
        let tag = Self::tag(&self.first, purpose, bound, &text);
        text.extend(tag);
        URL_SAFE_NO_PAD.encode(text)
    }

    /// The bytes of a challenge of ours that can still be answered, and its end.
    pub(crate) fn check_challenge(
        &self,
        purpose: &str,
        bound: &[u8],
        text: &str,
        now: Timestamp,
    ) -> Option<(Vec<u8>, Timestamp)> {
        if text.len() > 4 * CHALLENGE_BYTES {
            return None;
        }
        let raw = URL_SAFE_NO_PAD.decode(text).ok().filter(|raw| raw.len() == CHALLENGE_BYTES)?;
        let (head, tag) = raw.split_at_checked(24)?;
        let fits = self.all().any(|k| crate::secrets::same(&Self::tag(k, purpose, bound, head), tag));
        let until = head.get(16..24).and_then(|b| b.try_into().ok()).map(i64::from_be_bytes)?;
        let until = Timestamp(until);
        (fits && now < until).then_some((raw, until))
    }
}

fn cipher(key: &Key) -> Result<LessSafeKey, SealError> {
    UnboundKey::new(&CHACHA20_POLY1305, &key.bytes).map(LessSafeKey::new).map_err(|_| SealError::Broken)
}

/// Purpose and row as one text that no other pair makes.
fn about(purpose: &str, row: &[u8]) -> Vec<u8> {
    let mut text = purpose.as_bytes().to_vec();
    text.push(0);
    text.extend(row);
    text.push(0);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use mimamori_base::SeededRng;

    #[test]
    fn what_is_sealed_opens_for_its_row_alone_and_survives_a_change_of_keys() {
        let rng = SeededRng::new(5);
        let (old, new) = (Keyring::fresh_line(&rng), Keyring::fresh_line(&rng));
        let before = Keyring::parse(&format!("# made in 2026\n{old}\n")).unwrap();
        let sealed = before.seal(&rng, "totp", b"a", b"geheim").unwrap();
        assert!(!sealed.windows(6).any(|w| w == b"geheim"));
        assert_eq!(before.open("totp", b"a", &sealed).unwrap(), b"geheim");
        assert_eq!(before.open("totp", b"b", &sealed), Err(SealError::Broken), "moved to another row");
        assert_eq!(before.open("webhook", b"a", &sealed), Err(SealError::Broken), "another purpose");
        for at in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[at] ^= 1;
            assert!(before.open("totp", b"a", &bad).is_err(), "byte {at}");
        }
        let both = Keyring::parse(&format!("{new}\n{old}")).unwrap();
        assert!(both.is_outdated(&sealed) && !before.is_outdated(&sealed));
        assert_eq!(both.open("totp", b"a", &sealed).unwrap(), b"geheim");
        let after = Keyring::parse(&new).unwrap();
        assert_eq!(after.open("totp", b"a", &sealed), Err(SealError::UnknownKey));
        assert_eq!(Keyring::parse("x").unwrap_err(), SealError::BadKey(1));
        assert_eq!(Keyring::parse("# none\n").unwrap_err(), SealError::NoKey);
        assert!(!format!("{both:?}").contains(&new));
    }

    #[test]
    fn a_challenge_holds_for_its_purpose_and_its_time() {
        let rng = SeededRng::new(6);
        let keys = Keyring::for_this_run(&rng);
        let until = Timestamp::from_secs(100);
        let text = keys.challenge(&rng, "login", b"door", until);
        let check = |purpose, bound: &[u8], at| {
            keys.check_challenge(purpose, bound, &text, Timestamp::from_secs(at)).is_some()
        };
        assert!(check("login", b"door", 99));
        assert!(!check("login", b"door", 100) && !check("create", b"door", 1) && !check("login", b"x", 1));
        assert!(keys.check_challenge("login", b"door", "AAAA", Timestamp::from_secs(1)).is_none());
    }
}
