//! Passwords, tokens and one-time secrets: made, hashed, compared.

use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mimamori_base::Rng;

use crate::error::ServiceError;

/// Cost of argon2id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordCost {
    pub memory_kib: u32,
    pub passes: u32,
}

impl Default for PasswordCost {
    /// The first recommendation of the OWASP password storage cheat sheet: 19 MiB, two passes.
    fn default() -> Self {
        PasswordCost { memory_kib: 19 * 1_024, passes: 2 }
    }
}

impl PasswordCost {
    /// For tests that log in a thousand times. Never for real passwords.
    #[must_use]
    pub const fn cheap_for_tests() -> Self {
        PasswordCost { memory_kib: 8, passes: 1 }
    }
}

/// A secret that is shown once: a gateway's one-time secret or a temporary password.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimeSecret(String);

impl OneTimeSecret {
    pub(crate) const fn new(text: String) -> Self {
        OneTimeSecret(text)
    }

    /// The only way to read it: say so where it is shown.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for OneTimeSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeSecret(…)")
    }
}

/// Letters that people do not mistake for one another.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789_";

/// `xxxxx-xxxxx-xxxxx-xxxxx`: 100 random bits, readable over the phone.
pub(crate) fn readable_secret(rng: &dyn Rng) -> OneTimeSecret {
    let mut bytes = [0u8; 20];
    rng.fill(&mut bytes);
    let mut text = String::with_capacity(23);
    for (i, b) in bytes.iter().enumerate() {
        if i > 0 && i % 5 == 0 {
            text.push('-');
        }
        let letter = ALPHABET.get(usize::from(b & 31)).copied().unwrap_or(b'a');
        text.push(char::from(if letter == b'_' { b'w' } else { letter }));
    }
    OneTimeSecret(text)
}

pub(crate) fn random_32(rng: &dyn Rng) -> [u8; 32] {
    let mut bytes = [0u8; 32];
    rng.fill(&mut bytes);
    bytes
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut out = [0u8; 32];
    for (to, from) in out.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    out
}

pub(crate) fn token_text(token: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(token)
}

/// Compares hashes of both sides, so that neither length nor content shows in the time.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    let (a, b) = (sha256(a), sha256(b));
    a.iter().zip(b.iter()).fold(0u8, |acc, (x, y)| acc | (x ^ y)) == 0
}

/// Hashes a password; takes tens of milliseconds, so call it off the async threads.
pub(crate) fn hash_password(
    password: &str,
    salt: [u8; 32],
    cost: PasswordCost,
) -> Result<String, ServiceError> {
    let fault = |e: &dyn fmt::Display| ServiceError::Hashing(e.to_string());
    let params = Params::new(cost.memory_kib, cost.passes, 1, None).map_err(|e| fault(&e))?;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let salt = salt.get(..16).unwrap_or(&salt);
    let hash: PasswordHash =
        argon.hash_password_with_salt(password.as_bytes(), salt).map_err(|e| fault(&e))?;
    Ok(hash.to_string())
}

/// The same for what has few bits and is looked up by its hash: recovery codes. `salt`: whose
/// they are.
pub(crate) fn slow_hash(text: &str, salt: [u8; 16], cost: PasswordCost) -> Result<[u8; 32], ServiceError> {
    let fault = |e: argon2::Error| ServiceError::Hashing(e.to_string());
    let params = Params::new(cost.memory_kib, cost.passes, 1, Some(32)).map_err(fault)?;
    let mut out = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(text.as_bytes(), &salt, &mut out)
        .map_err(fault)?;
    Ok(out)
}

/// Whether the password fits; a broken hash fits nothing.
pub(crate) fn verify_password(password: &str, phc: &str) -> bool {
    PasswordHash::new(phc)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// A hash of a random password, for users who do not exist.
pub(crate) fn dummy_hash(cost: PasswordCost, rng: &dyn Rng) -> Result<String, ServiceError> {
    let password = token_text(&random_32(rng));
    hash_password(&password, random_32(rng), cost)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mimamori_base::SeededRng;

    #[test]
    fn passwords_verify_and_secrets_stay_out_of_logs() {
        let rng = SeededRng::new(1);
        let hash = hash_password("竹原1234567890", random_32(&rng), PasswordCost::cheap_for_tests()).unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(verify_password("竹原1234567890", &hash));
        assert!(!verify_password("竹原1234567891", &hash));
        assert!(!verify_password("", ""));
        let secret = readable_secret(&rng);
        assert_eq!(secret.reveal().len(), 23);
        assert!(!format!("{secret:?}").contains(secret.reveal()));
    }

    #[test]
    fn recovery_codes_are_hashed_slowly_for_their_account() {
        let hash = |code: &str, salt| slow_hash(code, [salt; 16], PasswordCost::cheap_for_tests()).unwrap();
        assert_eq!(hash("abcdefghjk", 1), hash("abcdefghjk", 1), "found by its hash");
        assert_ne!(hash("abcdefghjk", 1), hash("abcdefghjk", 2), "of this account alone");
        assert_ne!(hash("abcdefghjk", 1), sha256(b"abcdefghjk"));
    }
}
