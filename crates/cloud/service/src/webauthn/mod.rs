//! The two ceremonies of WebAuthn (W3C, Level 2, sections 7.1 and 7.2), relying party's side.
//!
//! Holds always: challenge, origin, party, presence and verification of the user are checked
//! before a key is believed; a counter that does not rise is refused. We ask for no attestation
//! and believe none: which maker built an authenticator decides nothing here. Deliberately not
//! here: challenges (`seal`), rows (`passkeys`).

pub mod cbor;
pub mod cose;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::secrets::{same, sha256};
use cbor::Value;
pub use cose::PublicKey;

/// What a browser sends at most, each part.
const PART_MAX_BYTES: usize = 64 * 1024;
/// Section 4: credential ids are at most so long.
const CREDENTIAL_MAX_BYTES: usize = 1_023;

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const ATTESTED: u8 = 0x40;
const EXTENSIONS: u8 = 0x80;

/// What an answer has to fit.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    pub challenge: &'a [u8],
    /// `https://portal.example.jp`
    pub origin: &'a str,
    /// `portal.example.jp`
    pub party: &'a str,
}

/// Why an answer is refused; for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the client's data cannot be read")]
    ClientData,
    #[error("the answer is for another ceremony")]
    Ceremony,
    #[error("the answer is to another challenge")]
    Challenge,
    #[error("the answer comes from another origin")]
    Origin,
    #[error("the authenticator's data cannot be read")]
    AuthenticatorData,
    #[error("the answer is for another party")]
    Party,
    #[error("nobody touched the authenticator or proved to be its owner")]
    User,
    #[error("the key is of a kind that is not taken")]
    Key,
    #[error("the signature does not fit")]
    Signature,
    #[error("the counter did not rise: the authenticator may have been copied")]
    Counter,
}

/// What a registration gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    pub credential: Vec<u8>,
    /// As COSE, for [`asserted`].
    pub public_key: Vec<u8>,
    pub sign_count: u32,
}

#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
}

fn check_client(raw: &[u8], kind: &str, expected: Expected<'_>) -> Result<(), Refused> {
    if raw.len() > PART_MAX_BYTES {
        return Err(Refused::ClientData);
    }
    let data: ClientData = serde_json::from_slice(raw).map_err(|_| Refused::ClientData)?;
    if data.kind != kind {
        return Err(Refused::Ceremony);
    }
    let challenge = URL_SAFE_NO_PAD.decode(&data.challenge).map_err(|_| Refused::Challenge)?;
    if !same(&challenge, expected.challenge) {
        return Err(Refused::Challenge);
    }
    if data.origin != expected.origin || data.cross_origin {
        return Err(Refused::Origin);
    }
    Ok(())
}

/// Authenticator data (section 6.1).
struct AuthData<'a> {
    flags: u8,
    sign_count: u32,
    rest: &'a [u8],
}

fn auth_data<'a>(raw: &'a [u8], expected: Expected<'_>) -> Result<AuthData<'a>, Refused> {
    let fault = Refused::AuthenticatorData;
    if raw.len() > PART_MAX_BYTES {
        return Err(fault);
    }
    let (party, rest) = raw.split_at_checked(32).ok_or(fault)?;
    let (head, rest) = rest.split_at_checked(5).ok_or(fault)?;
    if party != sha256(expected.party.as_bytes()) {
        return Err(Refused::Party);
    }
    let flags = head.first().copied().ok_or(fault)?;
    let sign_count = head.iter().skip(1).fold(0u32, |n, b| n << 8 | u32::from(*b));
    if flags & USER_PRESENT == 0 || flags & USER_VERIFIED == 0 {
        return Err(Refused::User);
    }
    Ok(AuthData { flags, sign_count, rest })
}

/// What may follow: extensions if the flag says so, nothing otherwise.
fn check_end(flags: u8, rest: &[u8]) -> Result<(), Refused> {
    let ok = if flags & EXTENSIONS == 0 {
        rest.is_empty()
    } else {
        matches!(cbor::read(rest), Some((Value::Map(_), [])))
    };
    if ok { Ok(()) } else { Err(Refused::AuthenticatorData) }
}

/// Section 7.1: a new credential.
pub fn registered(
    expected: Expected<'_>,
    client_data: &[u8],
    attestation: &[u8],
) -> Result<Registered, Refused> {
    let fault = Refused::AuthenticatorData;
    check_client(client_data, "webauthn.create", expected)?;
    if attestation.len() > PART_MAX_BYTES {
        return Err(fault);
    }
    let (object, rest) = cbor::read(attestation).ok_or(fault)?;
    let raw = object.named("authData").and_then(Value::bytes).filter(|_| rest.is_empty()).ok_or(fault)?;
    let data = auth_data(raw, expected)?;
    if data.flags & ATTESTED == 0 {
        return Err(fault);
    }
    let (_aaguid, rest) = data.rest.split_at_checked(16).ok_or(fault)?;
    let (length, rest) = rest.split_at_checked(2).ok_or(fault)?;
    let length = length.iter().fold(0usize, |n, b| n << 8 | usize::from(*b));
    if length == 0 || length > CREDENTIAL_MAX_BYTES {
        return Err(fault);
    }
    let (credential, rest) = rest.split_at_checked(length).ok_or(fault)?;
    let (_, after) = PublicKey::read(rest).ok_or(Refused::Key)?;
    check_end(data.flags, after)?;
    let key = rest.get(..rest.len().saturating_sub(after.len())).unwrap_or_default();
    Ok(Registered { credential: credential.to_vec(), public_key: key.to_vec(), sign_count: data.sign_count })
}

/// Section 7.2: an answer of a known credential. Answers the new count.
pub fn asserted(
    expected: Expected<'_>,
    public_key: &[u8],
    count: u32,
    client_data: &[u8],
    authenticator_data: &[u8],
    signature: &[u8],
) -> Result<u32, Refused> {
    check_client(client_data, "webauthn.get", expected)?;
    let data = auth_data(authenticator_data, expected)?;
    check_end(data.flags & !ATTESTED, data.rest)?;
    let (key, _) = PublicKey::read(public_key).ok_or(Refused::Key)?;
    let mut signed = authenticator_data.to_vec();
    signed.extend(sha256(client_data));
    if !key.verifies(&signed, signature) {
        return Err(Refused::Signature);
    }
    // Many passkeys count nothing: both are zero for ever (section 6.1.1).
    if (data.sign_count != 0 || count != 0) && data.sign_count <= count {
        return Err(Refused::Counter);
    }
    Ok(data.sign_count)
}

#[cfg(test)]
mod tests;
