//! What a list may name: domains, URLs, addresses, networks, with or without a port.

use std::net::{IpAddr, Ipv6Addr};

use crate::host::{Host, Name, canonical};
use crate::path::Target;

/// One entry of a list, in canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Indicator {
    /// With `subdomains`, every name under it too. A port narrows it.
    Domain {
        name: Name,
        subdomains: bool,
        port: Option<u16>,
    },
    /// A port narrows it to connections to or from that port.
    Address {
        ip: IpAddr,
        port: Option<u16>,
    },
    Network {
        ip: IpAddr,
        bits: u8,
    },
    /// The host exactly; the path and what lies under it; a query exactly. Ports other than the
    /// scheme's own count.
    Url {
        host: Host,
        port: Option<u16>,
        target: Target,
    },
}

/// Why a text is no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndicatorError {
    #[error("empty")]
    Empty,
    #[error("a path without a host")]
    NoHost,
    #[error("neither a host name nor an address")]
    Host,
    #[error("a prefix length that does not fit the address")]
    Bits,
    #[error("only http, https and ftp URLs can be recognised")]
    Scheme,
    #[error("a name without a dot")]
    SingleLabel,
    #[error("an address that is in use by everybody (loopback, unspecified, broadcast)")]
    Reserved,
}

impl Indicator {
    /// Reads one entry as lists write them. A bare name covers its sub-domains.
    pub fn parse(text: &str) -> Result<Indicator, IndicatorError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(IndicatorError::Empty);
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return url(scheme, rest);
        }
        if text.starts_with('/') {
            return Err(IndicatorError::NoHost);
        }
        if let Some((ip, bits)) = text.split_once('/') {
            if let Ok(ip) = ip.parse::<IpAddr>() {
                return if bits.bytes().all(|b| b.is_ascii_digit()) && !bits.is_empty() {
                    network(ip, bits)
                } else {
                    url("http", text)
                };
            }
            return url("http", text);
        }
        let name = text.strip_prefix("*.").or_else(|| text.strip_prefix('.')).unwrap_or(text);
        plain(name)
    }

    /// The host exactly, not the names under it.
    #[must_use]
    pub fn exact(self) -> Indicator {
        match self {
            Indicator::Domain { name, port, .. } => Indicator::Domain { name, subdomains: false, port },
            other => other,
        }
    }
}

fn plain(text: &str) -> Result<Indicator, IndicatorError> {
    match host(text)? {
        (Host::Name(name), port) => Ok(Indicator::Domain { name, subdomains: true, port }),
        (Host::Address(ip), port) => Ok(Indicator::Address { ip: fit(ip)?, port }),
    }
}

fn host(text: &str) -> Result<(Host, Option<u16>), IndicatorError> {
    let (host, port) = Host::with_port(text.as_bytes()).ok_or(IndicatorError::Host)?;
    if let Host::Name(name) = &host {
        let fine = name.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b));
        if !fine || name.as_bytes().split(|b| *b == b'.').any(|label| label.is_empty() || label.len() > 63) {
            return Err(IndicatorError::Host);
        }
        if !name.as_bytes().contains(&b'.') {
            return Err(IndicatorError::SingleLabel);
        }
    }
    Ok((host, port))
}

fn fit(ip: IpAddr) -> Result<IpAddr, IndicatorError> {
    let ip = canonical(ip);
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    if ip.is_loopback() || ip.is_unspecified() || broadcast {
        return Err(IndicatorError::Reserved);
    }
    Ok(ip)
}

fn network(ip: IpAddr, bits: &str) -> Result<Indicator, IndicatorError> {
    let bits: u8 = bits.parse().map_err(|_| IndicatorError::Bits)?;
    let longest = if ip.is_ipv4() { 32 } else { 128 };
    // A list that names a tenth of the Internet is a mistake.
    let shortest = if ip.is_ipv4() { 8 } else { 16 };
    if bits > longest || bits < shortest {
        return Err(IndicatorError::Bits);
    }
    if bits == longest {
        return Ok(Indicator::Address { ip: fit(ip)?, port: None });
    }
    Ok(Indicator::Network { ip: masked(fit(ip)?, bits), bits })
}

fn url(scheme: &str, rest: &str) -> Result<Indicator, IndicatorError> {
    let own_port = match scheme.to_ascii_lowercase().as_str() {
        "http" | "hxxp" => 80,
        "https" | "hxxps" => 443,
        "ftp" => 21,
        _ => return Err(IndicatorError::Scheme),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    let authority = authority.rsplit('@').next().unwrap_or(authority);
    let (host, port) = host(authority)?;
    let target = Target::parse(target.as_bytes());
    let port = port.filter(|p| *p != own_port);
    if !target.path.is_empty() || target.query.is_some() {
        if let Host::Address(ip) = host {
            fit(ip)?;
        }
        return Ok(Indicator::Url { host, port, target });
    }
    match host {
        Host::Name(name) => Ok(Indicator::Domain { name, subdomains: false, port }),
        Host::Address(ip) => Ok(Indicator::Address { ip: fit(ip)?, port: Some(port.unwrap_or(own_port)) }),
    }
}

/// The address with all bits after the first `bits` zero. IPv4 counts its own 32.
pub(crate) fn masked(ip: IpAddr, bits: u8) -> IpAddr {
    match ip {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
            IpAddr::V4((u32::from(v4) & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from(u128::from(v6) & mask))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match Indicator::parse(text) {
            Ok(Indicator::Domain { name, subdomains, port }) => {
                format!("{}{}{}", if subdomains { "*." } else { "" }, name.as_str(), tail(port))
            }
            Ok(Indicator::Address { ip, port }) => format!("{ip}{}", tail(port)),
            Ok(Indicator::Network { ip, bits }) => format!("{ip}/{bits}"),
            Ok(Indicator::Url { host, port, target }) => {
                let host = match host {
                    Host::Name(n) => n.as_str().to_owned(),
                    Host::Address(ip) => ip.to_string(),
                };
                let query = target.query.map(|q| format!("?{}", String::from_utf8_lossy(&q)));
                let path = String::from_utf8_lossy(&target.path).into_owned();
                format!("url {host}{} {path}{}", tail(port), query.unwrap_or_default())
            }
            Err(e) => format!("!{e:?}"),
        }
    }

    fn tail(port: Option<u16>) -> String {
        port.map(|p| format!(":{p}")).unwrap_or_default()
    }

    #[test]
    fn entries_as_lists_write_them() {
        for (text, meaning) in [
            ("Evil.example", "*.evil.example"),
            ("*.evil.example", "*.evil.example"),
            (".evil.example", "*.evil.example"),
            ("evil.example:8080", "*.evil.example:8080"),
            ("http://evil.example/", "evil.example"),
            ("hxxps://evil.example:8443", "evil.example:8443"),
            ("http://u:p@evil.example/a/../b?c=1#d", "url evil.example /b?c=1"),
            ("evil.example/login", "url evil.example /login"),
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7:443", "192.0.2.7:443"),
            ("192.0.2.7/24", "192.0.2.0/24"),
            ("192.0.2.7/32", "192.0.2.7"),
            ("http://192.0.2.7", "192.0.2.7:80"),
            ("http://192.0.2.7:81/bin.sh", "url 192.0.2.7:81 /bin.sh"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("[2001:db8::1]:443", "2001:db8::1:443"),
            ("192.0.2.7/bin.sh", "url 192.0.2.7 /bin.sh"),
        ] {
            assert_eq!(shown(text), meaning, "{text}");
        }
    }

    #[test]
    fn what_is_refused() {
        for (text, why) in [
            (" ", "!Empty"),
            ("/pay", "!NoHost"),
            ("localhost", "!SingleLabel"),
            ("com", "!SingleLabel"),
            ("a b.example", "!Host"),
            ("a..example", "!Host"),
            ("gopher://evil.example/", "!Scheme"),
            ("192.0.2.0/33", "!Bits"),
            ("0.0.0.0/0", "!Bits"),
            ("127.0.0.1", "!Reserved"),
            ("0.0.0.0", "!Reserved"),
        ] {
            assert_eq!(shown(text), why, "{text}");
        }
    }
}
