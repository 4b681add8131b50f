//! A text that detections are searched for.
//!
//! Holds always: what [`Needle::may_be_in`] turns away, [`Needle::is_in`] would have turned away.
//! Deliberately not here: how many rows a search looks at (`sql::detections`).

use mimamori_domain::Detection;

use crate::packed::{SignatureId, VERSION, signature_of};

/// A text that is searched for.
#[derive(Clone, Debug)]
pub(crate) struct Needle {
    lower: String,
    /// Its letters stand in the packed bytes as they are, but for the case of Latin ones.
    plain: bool,
    /// Looks also at what the packed bytes do not have as text.
    like_address: bool,
}

impl Needle {
    /// `None`: nothing is searched for.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let lower = text.trim().to_lowercase();
        let plain = lower.chars().all(|c| c.is_ascii() || c.to_uppercase().eq(std::iter::once(c)));
        let like_address = lower.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, '.' | ':' | '-'));
        (!lower.is_empty()).then_some(Needle { lower, plain, like_address })
    }

    /// Whether the detection of these bytes could be one that [`Needle::is_in`]; quick, because
    /// nothing is unpacked. `by_signature`: whether the signature's text holds it.
    pub(crate) fn may_be_in(&self, bytes: &[u8], by_signature: impl FnOnce(&SignatureId) -> bool) -> bool {
        if self.wants_all() || bytes.first() != Some(&VERSION) {
            return true;
        }
        signature_of(bytes).is_some_and(|id| by_signature(&id)) || holds_bytes(bytes, self.lower.as_bytes())
    }

    /// Whether only a detection that is read whole tells.
    pub(crate) const fn wants_all(&self) -> bool {
        !self.plain || self.like_address
    }

    pub(crate) fn is_in_text(&self, text: &str) -> bool {
        text.to_lowercase().contains(&self.lower)
    }

    pub(crate) fn is_in(&self, d: &Detection) -> bool {
        holds(d, self)
    }
}

/// Latin letters of either case are the same.
fn holds_bytes(bytes: &[u8], lower: &[u8]) -> bool {
    let Some((first, rest)) = lower.split_first() else { return true };
    let begins = |(at, byte): (usize, &u8)| {
        byte.eq_ignore_ascii_case(first)
            && bytes.get(at + 1..at + lower.len()).is_some_and(|b| b.eq_ignore_ascii_case(rest))
    };
    bytes.iter().enumerate().any(begins)
}

/// What a search for text looks at: names, addresses, evidence.
fn holds(d: &Detection, needle: &Needle) -> bool {
    let lines = [
        d.device.host_name.as_ref(),
        d.device.maker.as_ref(),
        d.host.as_ref(),
        d.url.as_ref(),
        d.app_proto.as_ref(),
        d.signature.as_ref().map(|s| &s.msg),
        d.file.as_ref().and_then(|f| f.name.as_ref()),
        d.file.as_ref().and_then(|f| f.sha256.as_ref()),
        d.file.as_ref().and_then(|f| f.md5.as_ref()),
        d.file.as_ref().and_then(|f| f.threat_name.as_ref()),
        d.reputation.as_ref().and_then(|r| r.family.as_ref()),
    ];
    if lines.into_iter().flatten().any(|line| needle.is_in_text(line.as_str())) {
        return true;
    }
    // Addresses and numbers only where the text could be one: they cost more to write out.
    let lower = needle.lower.as_str();
    needle.like_address
        && (d.source.to_string().contains(lower)
            || d.destination.to_string().contains(lower)
            || d.device.ip.is_some_and(|ip| ip.to_string().contains(lower))
            || d.device.mac.is_some_and(|mac| mac.to_string().contains(&lower.replace('-', ":")))
            || d.signature.as_ref().is_some_and(|s| s.sid.to_string().contains(lower)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin_letters_of_either_case_are_the_same() {
        for (bytes, lower, there) in [
            ("xxBank-Login", "bank-login", true),
            ("xxBank-Logi", "bank-login", false),
            ("経理PC-01", "経理pc", true),
            ("abaBAC", "abac", true),
            ("", "a", false),
            ("a", "", true),
        ] {
            assert_eq!(holds_bytes(bytes.as_bytes(), lower.as_bytes()), there, "{bytes} {lower}");
        }
        assert!(Needle::new("  ").is_none());
        assert!(Needle::new("Ａ").is_some_and(|n| n.wants_all()), "letters that have a case of their own");
        assert!(Needle::new("192.168").is_some_and(|n| n.wants_all()));
        assert!(Needle::new("経理pc").is_some_and(|n| !n.wants_all()));
    }
}
