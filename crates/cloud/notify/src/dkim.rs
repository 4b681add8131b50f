//! DKIM signatures (RFC 6376, Ed25519 by RFC 8463): relaxed header and body canonicalisation.
//!
//! Holds always: the signature follows from the message and the key alone (no time, no chance),
//! so that a retry sends the same bytes; every signed header is signed once more than it occurs,
//! so that none can be added. Deliberately not here: publishing the keys in DNS.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mimamori_domain::Line;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};

/// Signed where present, in this order.
const SIGNED: [&str; 9] = [
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "reply-to",
    "mime-version",
    "content-type",
    "auto-submitted",
];

#[derive(Debug, thiserror::Error)]
pub enum DkimKeyError {
    #[error("the file is not a PEM private key (PKCS#8: BEGIN PRIVATE KEY)")]
    NotPem,
    #[error("the key is neither RSA (2048 bits or more) nor Ed25519 in PKCS#8")]
    NotUsable,
    #[error("selector and domain are names of a-z 0-9 . -")]
    BadName,
}

/// A key with the name it is published under.
#[derive(Clone)]
pub struct DkimKey {
    domain: String,
    selector: String,
    key: Key,
}

#[derive(Clone)]
enum Key {
    Rsa(Arc<RsaKeyPair>),
    Ed25519(Arc<Ed25519KeyPair>),
}

impl fmt::Debug for DkimKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DkimKey { domain, selector, .. } = self;
        write!(f, "DkimKey({selector}._domainkey.{domain}, {})", self.algorithm())
    }
}

impl DkimKey {
    /// `pem`: PKCS#8, as `openssl genpkey` writes it for RSA and Ed25519.
    pub fn from_pem(domain: &str, selector: &str, pem: &str) -> Result<Self, DkimKeyError> {
        let name = |s: &str| {
            (1..=253).contains(&s.len())
                && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
        };
        if !name(domain) || !name(selector) {
            return Err(DkimKeyError::BadName);
        }
        let body = pem
            .split_once("-----BEGIN PRIVATE KEY-----")
            .and_then(|(_, rest)| rest.split_once("-----END PRIVATE KEY-----"))
            .map(|(body, _)| body.split_whitespace().collect::<String>())
            .ok_or(DkimKeyError::NotPem)?;
        let der = STANDARD.decode(body).map_err(|_| DkimKeyError::NotPem)?;
        let key = if let Ok(key) = RsaKeyPair::from_pkcs8(&der) {
            Key::Rsa(Arc::new(key))
        } else {
            let key =
                Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| DkimKeyError::NotUsable)?;
            Key::Ed25519(Arc::new(key))
        };
        Ok(DkimKey { domain: domain.to_owned(), selector: selector.to_owned(), key })
    }

    const fn algorithm(&self) -> &'static str {
        match self.key {
            Key::Rsa(_) => "rsa-sha256",
            Key::Ed25519(_) => "ed25519-sha256",
        }
    }

    /// The header line to put before `message`, with its CRLF. `None`: the message has no body.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Option<String> {
        let end = find(message, b"\r\n\r\n")?;
        let headers = unfold(message.get(..end + 2)?);
        let body_hash = STANDARD.encode(digest(&SHA256, &relaxed_body(message.get(end + 4..)?)));
        let mut names = Vec::new();
        let mut signed = Vec::new();
        for name in SIGNED {
            // From the last to the first, as RFC 6376 section 5.4.2 counts; then once more.
            for (_, line) in headers.iter().rev().filter(|(n, _)| n == name) {
                names.push(name);
                signed.extend_from_slice(line.as_bytes());
                signed.extend_from_slice(b"\r\n");
            }
            names.push(name);
        }
        let value = format!(
            "v=1; a={}; c=relaxed/relaxed; d={}; s={};\r\n h={};\r\n bh={body_hash};\r\n b=",
            self.algorithm(),
            self.domain,
            self.selector,
            names.join(":"),
        );
        signed.extend_from_slice(relaxed_header("dkim-signature", &value).as_bytes());
        let signature = self.signature(&signed)?;
        Some(format!("DKIM-Signature: {value}{}\r\n", fold(&signature)))
    }

    fn signature(&self, data: &[u8]) -> Option<String> {
        match &self.key {
            Key::Rsa(key) => {
                let mut out = vec![0; key.public().modulus_len()];
                // PKCS#1 v1.5 takes no randomness.
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), data, &mut out).ok()?;
                Some(STANDARD.encode(out))
            }
            // RFC 8463 section 3: what is signed is the hash.
            Key::Ed25519(key) => Some(STANDARD.encode(key.sign(digest(&SHA256, data).as_ref()))),
        }
    }

    /// For the log at start: what has to stand in DNS and where.
    #[must_use]
    pub fn record_name(&self) -> Line {
        Line::clip(&format!("{}._domainkey.{}", self.selector, self.domain))
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}

/// Headers as (lower-case name, relaxed line without CRLF), in order.
fn unfold(block: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(block);
    let mut headers: Vec<(String, String)> = Vec::new();
    let mut current: Option<(String, String)> = None;
    let mut close = |header: Option<(String, String)>| {
        if let Some((name, value)) = header {
            let name = name.trim().to_ascii_lowercase();
            headers.push((name.clone(), relaxed_header(&name, &value)));
        }
    };
    for line in text.split("\r\n").filter(|l| !l.is_empty()) {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = &mut current {
                value.push_str("\r\n");
                value.push_str(line);
            }
        } else {
            close(current.take());
            current = line.split_once(':').map(|(n, v)| (n.to_owned(), v.to_owned()));
        }
    }
    close(current.take());
    headers
}

/// RFC 6376 section 3.4.2.
fn relaxed_header(name: &str, value: &str) -> String {
    let value = value.replace("\r\n", "");
    let words: Vec<&str> = value.split([' ', '\t']).filter(|w| !w.is_empty()).collect();
    format!("{name}:{}", words.join(" "))
}

/// RFC 6376 section 3.4.4.
fn relaxed_body(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut empty_lines = 0;
    for line in body.split(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut relaxed = Vec::with_capacity(line.len());
        let mut space = false;
        for byte in line {
            if matches!(byte, b' ' | b'\t') {
                space = true;
                continue;
            }
            if std::mem::take(&mut space) {
                relaxed.push(b' ');
            }
            relaxed.push(*byte);
        }
        if relaxed.is_empty() {
            empty_lines += 1;
            continue;
        }
        for _ in 0..std::mem::take(&mut empty_lines) {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(&relaxed);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Base64 in lines of 70 characters.
fn fold(base64: &str) -> String {
    let lines: Vec<String> =
        base64.as_bytes().chunks(70).map(|c| String::from_utf8_lossy(c).into_owned()).collect();
    lines.join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canonical_forms_are_those_of_the_rfc() {
        // The examples of RFC 6376 section 3.4.5.
        assert_eq!(relaxed_header("a", " X"), "a:X");
        assert_eq!(relaxed_header("b", " Y\t\r\n\tZ  "), "b:Y Z");
        assert_eq!(relaxed_body(b" C \r\nD \t E\r\n\r\n\r\n"), b" C\r\nD E\r\n");
        assert_eq!(relaxed_body(b"\r\n\r\n"), b"");
        assert_eq!(relaxed_body(b"x"), b"x\r\n");
    }

    /// The example key of RFC 8463 appendix A.2, as PKCS#8 version 1.
    const ED25519: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";

    #[test]
    fn the_example_of_rfc_8463_is_signed_as_there() {
        let key = DkimKey::from_pem("football.example.com", "brisbane", ED25519).unwrap();
        let message = "From: Joe SixPack <joe@football.example.com>\r\n\
            To: Suzie Q <suzie@shopping.example.net>\r\nSubject: Is dinner ready?\r\n\
            Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
            Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\n\
            Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";
        let header = key.sign(message.as_bytes()).unwrap();
        // The body hash stands in the RFC; headers and tags of the example differ from ours.
        assert!(header.contains("bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;"), "{header}");
        assert!(
            header.contains("h=from:from:to:to:subject:subject:date:date:message-id:message-id:reply-to:")
        );
        assert_eq!(key.sign(message.as_bytes()).unwrap(), header, "a retry sends the same bytes");
        let other = message.replace("hungry", "thirsty");
        assert_ne!(key.sign(other.as_bytes()).unwrap(), header);
        verified_by_ring(&key, message, &header);
    }

    /// Checks the signature as a reader of the mail does, from header and message alone.
    fn verified_by_ring(key: &DkimKey, message: &str, header: &str) {
        use ring::signature::{ED25519 as SCHEME, KeyPair as _, UnparsedPublicKey};
        let Key::Ed25519(pair) = &key.key else { panic!("an Ed25519 key") };
        let (tags, signature) = header.trim_end().rsplit_once("b=").unwrap();
        let signature = STANDARD.decode(signature.split_whitespace().collect::<String>()).unwrap();
        let mut signed = String::new();
        for name in ["From", "To", "Subject", "Date", "Message-ID"] {
            let line = message.lines().find(|l| l.starts_with(&format!("{name}:"))).unwrap();
            let value = line.split_once(':').unwrap().1.trim();
            signed.push_str(&format!("{}:{value}\r\n", name.to_ascii_lowercase()));
        }
        let tags = tags.trim_start_matches("DKIM-Signature:").replace("\r\n", "");
        signed.push_str(&format!(
            "dkim-signature:{} b=",
            tags.split_whitespace().collect::<Vec<_>>().join(" ")
        ));
        let public = UnparsedPublicKey::new(&SCHEME, pair.public_key().as_ref());
        public.verify(digest(&SHA256, signed.as_bytes()).as_ref(), &signature).unwrap();
    }
}
