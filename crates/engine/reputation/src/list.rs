//! The lists: sorted keyed hashes of domains, a sorted list of addresses.

use std::hash::Hasher;
use std::net::IpAddr;

use siphasher::sip::SipHasher13;

/// Labels of a host name that are looked at, from the right. Deeper sub-domains than this do
/// not exist in practice; the last `MAX_LABELS` labels still decide.
pub const MAX_LABELS: usize = 24;

/// Longest host name in bytes (RFC 1035 section 2.3.4, in text form).
const MAX_NAME_BYTES: usize = 255;

/// Why an address or a name is listed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Kind {
    Phishing,
    Malware,
    /// A control server of malware (command and control).
    C2,
}

impl Kind {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Phishing => "phishing",
            Kind::Malware => "malware",
            Kind::C2 => "c2",
        }
    }

    fn parse(text: &str) -> Option<Kind> {
        match text {
            "phishing" => Some(Kind::Phishing),
            "malware" => Some(Kind::Malware),
            "c2" => Some(Kind::C2),
            _ => None,
        }
    }
}

/// Why a list was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    #[error("line {line}: expected NAME-OR-ADDRESS, a tab, and one of phishing, malware, c2")]
    Shape { line: usize },
    #[error("line {line}: {name:?} is neither an address nor a host name")]
    Name { line: usize, name: String },
}

/// An immutable set of listed domains and addresses.
#[derive(Debug, Default)]
pub struct Reputation {
    key: (u64, u64),
    domains: Vec<(u64, Kind)>,
    addresses: Vec<(IpAddr, Kind)>,
}

impl Reputation {
    /// Starts an empty list; `key` seeds the hash and should differ per device.
    #[must_use]
    pub fn builder(key: (u64, u64)) -> ReputationBuilder {
        ReputationBuilder { built: Reputation { key, domains: Vec::new(), addresses: Vec::new() } }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.domains.is_empty() && self.addresses.is_empty()
    }

    /// Number of listed domains and of listed addresses.
    #[must_use]
    pub fn len(&self) -> (usize, usize) {
        (self.domains.len(), self.addresses.len())
    }

    /// The kind under which `host` or one of its parent domains is listed. An address in
    /// text form is looked up as an address. Case, a port and a trailing dot do not matter.
    #[must_use]
    pub fn host(&self, host: &[u8]) -> Option<Kind> {
        if self.is_empty() {
            return None;
        }
        let host = without_port(host);
        let host = host.strip_suffix(b".").unwrap_or(host);
        if host.is_empty() || host.len() > MAX_NAME_BYTES {
            return None;
        }
        if let Some(ip) = std::str::from_utf8(host).ok().and_then(|t| t.parse::<IpAddr>().ok()) {
            return self.address(ip);
        }
        let mut hit = None;
        let mut labels = 0;
        // From the right, so that a name with too many labels is still covered by its parents.
        for start in smallest_suffixes(host) {
            let rest = host.get(start..).unwrap_or_default();
            labels += 1;
            if labels > MAX_LABELS {
                break;
            }
            // The longest listed suffix is the most specific one: keep going.
            hit = self.domain(rest).or(hit);
        }
        hit
    }

    /// The kind under which `ip` is listed.
    #[must_use]
    pub fn address(&self, ip: IpAddr) -> Option<Kind> {
        let at = self.addresses.binary_search_by_key(&ip, |(a, _)| *a).ok()?;
        self.addresses.get(at).map(|(_, kind)| *kind)
    }

    fn domain(&self, name: &[u8]) -> Option<Kind> {
        let hash = hash_lower(self.key, name);
        let at = self.domains.binary_search_by_key(&hash, |(h, _)| *h).ok()?;
        self.domains.get(at).map(|(_, kind)| *kind)
    }
}

/// Collects entries for a [`Reputation`].
#[derive(Debug)]
pub struct ReputationBuilder {
    built: Reputation,
}

impl ReputationBuilder {
    pub fn domain(&mut self, name: &str, kind: Kind) -> &mut Self {
        let name = name.trim_end_matches('.');
        self.built.domains.push((hash_lower(self.built.key, name.as_bytes()), kind));
        self
    }

    pub fn address(&mut self, ip: IpAddr, kind: Kind) -> &mut Self {
        self.built.addresses.push((ip, kind));
        self
    }

    /// Adds lines of `NAME-OR-ADDRESS<TAB>KIND`; empty lines, `#` comments and further columns
    /// (such as a family) are skipped.
    pub fn text(&mut self, text: &str) -> Result<&mut Self, ListError> {
        for (index, line) in text.lines().enumerate() {
            let line_number = index + 1;
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, kind) = line
                .split_once('\t')
                .and_then(|(n, k)| {
                    let kind = k.split('\t').next().unwrap_or(k);
                    Some((n.trim(), Kind::parse(kind.trim())?))
                })
                .ok_or(ListError::Shape { line: line_number })?;
            if let Ok(ip) = name.parse::<IpAddr>() {
                self.address(ip, kind);
            } else if is_host_name(name) {
                self.domain(name, kind);
            } else {
                return Err(ListError::Name { line: line_number, name: name.to_owned() });
            }
        }
        Ok(self)
    }

    #[must_use]
    pub fn build(self) -> Reputation {
        let mut built = self.built;
        built.domains.sort_unstable();
        built.domains.dedup_by_key(|(h, _)| *h);
        built.domains.shrink_to_fit();
        built.addresses.sort_unstable();
        built.addresses.dedup_by_key(|(a, _)| *a);
        built.addresses.shrink_to_fit();
        built
    }
}

/// Start offsets of the suffixes of `host` that begin at a label, the shortest first.
fn smallest_suffixes(host: &[u8]) -> impl Iterator<Item = usize> + '_ {
    host.iter().enumerate().rev().filter(|(_, b)| **b == b'.').map(|(at, _)| at + 1).chain(std::iter::once(0))
}

fn hash_lower(key: (u64, u64), name: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(key.0, key.1);
    let mut lower = [0u8; 64];
    for chunk in name.chunks(lower.len()) {
        let mut n = 0;
        for (to, from) in lower.iter_mut().zip(chunk) {
            *to = from.to_ascii_lowercase();
            n += 1;
        }
        hasher.write(lower.get(..n).unwrap_or_default());
    }
    hasher.finish()
}

fn without_port(host: &[u8]) -> &[u8] {
    if let Some(inner) = host.strip_prefix(b"[") {
        return inner.split(|b| *b == b']').next().unwrap_or_default();
    }
    let colons = host.iter().filter(|b| **b == b':').count();
    match host.iter().position(|b| *b == b':') {
        Some(at) if colons == 1 => host.get(..at).unwrap_or_default(),
        _ => host,
    }
}

fn is_host_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && !name.starts_with('.')
        && !name.contains("..")
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b) || b >= 0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed() -> Reputation {
        let mut b = Reputation::builder((1, 2));
        b.text("# bad names\nevil.example\tphishing\nbad.evil.example\tc2\n192.0.2.7\tmalware\n2001:db8::1\tc2\n")
            .expect("the list is well formed");
        b.build()
    }

    #[test]
    fn a_domain_covers_its_sub_domains_and_the_longest_entry_wins() {
        let r = listed();
        assert_eq!(r.host(b"evil.example"), Some(Kind::Phishing));
        assert_eq!(r.host(b"WWW.Evil.EXAMPLE."), Some(Kind::Phishing));
        assert_eq!(r.host(b"a.bad.evil.example:8080"), Some(Kind::C2));
        assert_eq!(r.host(b"notevil.example"), None);
        assert_eq!(r.host(b"example"), None);
        assert_eq!(r.host(b""), None);
    }

    #[test]
    fn addresses_are_found_as_such_and_as_host() {
        let r = listed();
        assert_eq!(r.host(b"192.0.2.7:80"), Some(Kind::Malware));
        assert_eq!(r.host(b"[2001:db8::1]:443"), Some(Kind::C2));
        assert_eq!(r.address("192.0.2.8".parse().expect("an address")), None);
    }

    #[test]
    fn very_many_labels_are_still_covered_by_the_parent() {
        let r = listed();
        let name = format!("{}evil.example", "a.".repeat(100));
        assert_eq!(r.host(name.as_bytes()), Some(Kind::Phishing));
    }

    #[test]
    fn wrong_lines_are_named() {
        let mut b = Reputation::builder((0, 0));
        assert_eq!(b.text("evil.example").err(), Some(ListError::Shape { line: 1 }));
        assert_eq!(
            b.text("\nhttp://x/\tc2").err(),
            Some(ListError::Name { line: 2, name: "http://x/".into() })
        );
    }
}
