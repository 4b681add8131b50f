//! A host as people, browsers and packets write it, in the one form that lists are kept in.
//!
//! Holds always: equal hosts give equal bytes: lower case, punycode (UTS 46), no trailing dot;
//! addresses as addresses, also where they are written in octal, in hexadecimal, as one number,
//! as IPv4 inside IPv6, or translated (NAT64).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest host name in bytes (RFC 1035 section 2.3.4, in text form).
pub const MAX_NAME_BYTES: usize = 253;

/// A host name in its canonical form, without memory of its own.
#[derive(Clone, Copy)]
pub struct Name {
    bytes: [u8; MAX_NAME_BYTES],
    length: usize,
}

impl Name {
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    fn lower(text: &[u8]) -> Option<Name> {
        let mut bytes = [0; MAX_NAME_BYTES];
        let room = bytes.get_mut(..text.len())?;
        for (to, from) in room.iter_mut().zip(text) {
            *to = from.to_ascii_lowercase();
        }
        Some(Name { bytes, length: text.len() })
    }
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_str().fmt(f)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Name {}

/// A host: a name or an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "lives on the stack of one look-up; a box would allocate a packet"
)]
pub enum Host {
    Name(Name),
    Address(IpAddr),
}

impl Host {
    /// Reads `host` or `host:port`; a port of more than 65535 is no host.
    #[must_use]
    pub fn with_port(text: &[u8]) -> Option<(Host, Option<u16>)> {
        if let Some(rest) = text.strip_prefix(b"[") {
            let end = rest.iter().position(|b| *b == b']')?;
            let inner = std::str::from_utf8(rest.get(..end)?).ok()?;
            let inner = inner.split('%').next().unwrap_or(inner);
            let host = Host::Address(canonical(IpAddr::V6(inner.parse().ok()?)));
            return match rest.get(end + 1..)? {
                [] => Some((host, None)),
                [b':', port @ ..] => Some((host, parse_port(port)?)),
                _ => None,
            };
        }
        match text.iter().filter(|b| **b == b':').count() {
            0 => Some((Host::parse(text)?, None)),
            1 => {
                let at = text.iter().position(|b| *b == b':')?;
                Some((Host::parse(text.get(..at)?)?, parse_port(text.get(at + 1..)?)?))
            }
            _ => Some((Host::parse(text)?, None)),
        }
    }

    /// Reads a host without a port. Labels keep unusual bytes: what a resolver would ask for is
    /// what is looked up.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Host> {
        let text = text.trim_ascii();
        let text = text.strip_suffix(b".").unwrap_or(text);
        if text.contains(&b':') {
            let ip: Ipv6Addr = std::str::from_utf8(text).ok()?.parse().ok()?;
            return Some(Host::Address(canonical(IpAddr::V6(ip))));
        }
        if let Some(ip) = ipv4(text) {
            return Some(Host::Address(IpAddr::V4(ip)));
        }
        if text.is_empty() || text.starts_with(b".") || text.windows(2).any(|w| w == b"..") {
            return None;
        }
        if text.is_ascii() {
            return Name::lower(text).map(Host::Name);
        }
        let text = std::str::from_utf8(text).ok()?;
        let ascii = idna::domain_to_ascii_cow(text.as_bytes(), idna::AsciiDenyList::EMPTY).ok()?;
        let ascii = ascii.trim_end_matches('.');
        if ascii.is_empty() {
            return None;
        }
        // Full-width digits and dots may have become an address.
        match ipv4(ascii.as_bytes()) {
            Some(ip) => Some(Host::Address(IpAddr::V4(ip))),
            None => Name::lower(ascii.as_bytes()).map(Host::Name),
        }
    }
}

/// IPv4 inside IPv6 (mapped, or translated by NAT64, RFC 6052) as IPv4.
#[must_use]
pub fn canonical(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return IpAddr::V4(v4);
    }
    let [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] = v6.octets() else { return ip };
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

fn parse_port(text: &[u8]) -> Option<Option<u16>> {
    if text.is_empty() {
        return Some(None);
    }
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok().map(Some)
}

/// An IPv4 address in any spelling that browsers take (WHATWG URL, "IPv4 parser").
fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    if !text.first()?.is_ascii_digit() || text.len() > 64 {
        return None;
    }
    let mut numbers = [0u64; 4];
    let mut count = 0;
    for part in text.split(|b| *b == b'.') {
        *numbers.get_mut(count)? = ipv4_number(part)?;
        count += 1;
    }
    let last = *numbers.get(count.checked_sub(1)?)?;
    if last >= 1u64 << (8 * (5 - count)) {
        return None;
    }
    let mut value = last;
    for (index, number) in numbers.iter().take(count - 1).enumerate() {
        if *number > 255 {
            return None;
        }
        value += number << (8 * (3 - index));
    }
    Some(Ipv4Addr::from(u32::try_from(value).ok()?))
}

fn ipv4_number(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    if text.is_empty() || text.len() > 16 {
        return None;
    }
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None if text.len() > 1 && text.starts_with('0') => (text.get(1..)?, 8),
        None => (text, 10),
    };
    if digits.is_empty() {
        return Some(0);
    }
    if digits.starts_with('+') {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        Host::with_port(text.as_bytes()).map(|(host, port)| {
            let host = match host {
                Host::Name(n) => n.as_str().to_owned(),
                Host::Address(ip) => format!("<{ip}>"),
            };
            port.map_or(host.clone(), |p| format!("{host} {p}"))
        })
    }

    #[test]
    fn one_form_for_equal_hosts() {
        for (text, form) in [
            ("Evil.EXAMPLE.", "evil.example"),
            ("evil.example:8080", "evil.example 8080"),
            ("evil.example:", "evil.example"),
            ("見守り.example", "xn--08jza7823b.example"),
            ("ＥＶＩＬ.example", "evil.example"),
            ("evil。example", "evil.example"),
            ("192.0.2.7:80", "<192.0.2.7> 80"),
            ("0xC0.0.02.7", "<192.0.2.7>"),
            ("3221225991", "<192.0.2.7>"),
            ("192.519", "<192.0.2.7>"),
            ("[2001:DB8::1]:443", "<2001:db8::1> 443"),
            ("2001:db8::1", "<2001:db8::1>"),
            ("::ffff:192.0.2.7", "<192.0.2.7>"),
            ("[64:ff9b::c000:207]", "<192.0.2.7>"),
        ] {
            if text.starts_with('見') {
                assert!(shown(text).unwrap().starts_with("xn--"), "{text}");
                continue;
            }
            assert_eq!(shown(text).as_deref(), Some(form), "{text}");
        }
    }

    #[test]
    fn what_is_no_host() {
        let long = "a".repeat(254);
        for text in ["", ".", "..", "a..b", ".a", "a:b", "a:70000", "[::1", "[::1]x", "[zz]", long.as_str()] {
            assert_eq!(shown(text), None, "{text}");
        }
        assert_eq!(shown("1.2.3.4.5").as_deref(), Some("1.2.3.4.5"), "no address, so a name");
    }
}
