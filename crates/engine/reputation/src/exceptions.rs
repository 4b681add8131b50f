//! What may pass although it is listed or a rule would drop it: 「これは業務です」.
//!
//! Holds always: an exception ends at its time, counts for its device or for the whole gateway
//! only, and is named when it is used. Deliberately not here: who may grant one (the cloud).

use std::net::IpAddr;

use mimamori_base::Timestamp;

use crate::host::Host;
use crate::indicator::{Indicator, masked};
use crate::path::Target;

/// Exceptions that one gateway keeps; more are refused when they are set.
pub const MAX_EXCEPTIONS: usize = 10_000;

/// What may pass.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "few and long-lived; a box would cost a look-up more")]
pub enum Excepted {
    /// A name with the names under it, an address, a network or a URL.
    Indicator(Indicator),
    /// The verdict of one rule.
    Signature(u32),
    /// A file by its SHA-256.
    File([u8; 32]),
}

/// One exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Under which the cloud knows it.
    pub id: String,
    /// The device's MAC address; `None`: every device of this gateway.
    pub device: Option<[u8; 6]>,
    pub what: Excepted,
    /// `None`: until it is taken back.
    pub until: Option<Timestamp>,
}

/// Whose traffic it is: both hardware addresses of the frame.
pub type Devices = [Option<[u8; 6]>; 2];

/// All exceptions of a gateway.
#[derive(Clone, Debug, Default)]
pub struct Exceptions {
    list: Vec<Exception>,
}

impl Exceptions {
    /// Those beyond [`MAX_EXCEPTIONS`] are left out.
    #[must_use]
    pub fn new(mut list: Vec<Exception>) -> Self {
        list.truncate(MAX_EXCEPTIONS);
        Exceptions { list }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    #[must_use]
    pub fn list(&self) -> &[Exception] {
        &self.list
    }

    /// The exception for a host, seen with or without a request's target.
    #[must_use]
    pub fn host(
        &self,
        host: &[u8],
        port: Option<u16>,
        target: Option<&[u8]>,
        devices: Devices,
        now: Timestamp,
    ) -> Option<&Exception> {
        if self.list.is_empty() {
            return None;
        }
        let (host, own) = Host::with_port(host)?;
        let port = own.or(port);
        let target = target.map(Target::parse);
        self.find(devices, now, |what| match what {
            Excepted::Indicator(indicator) => covers(indicator, &host, port, target.as_ref()),
            _ => false,
        })
    }

    #[must_use]
    pub fn address(
        &self,
        ip: IpAddr,
        port: Option<u16>,
        devices: Devices,
        now: Timestamp,
    ) -> Option<&Exception> {
        let host = Host::Address(crate::host::canonical(ip));
        self.find(devices, now, |what| match what {
            Excepted::Indicator(indicator) => covers(indicator, &host, port, None),
            _ => false,
        })
    }

    #[must_use]
    pub fn signature(&self, sid: u32, devices: Devices, now: Timestamp) -> Option<&Exception> {
        self.find(devices, now, |what| *what == Excepted::Signature(sid))
    }

    #[must_use]
    pub fn file(&self, sha256: &[u8; 32], devices: Devices, now: Timestamp) -> Option<&Exception> {
        self.find(devices, now, |what| matches!(what, Excepted::File(f) if f == sha256))
    }

    fn find(&self, devices: Devices, now: Timestamp, fits: impl Fn(&Excepted) -> bool) -> Option<&Exception> {
        self.list.iter().find(|e| {
            e.until.is_none_or(|end| now < end)
                && e.device.is_none_or(|mac| devices.contains(&Some(mac)))
                && fits(&e.what)
        })
    }
}

fn covers(indicator: &Indicator, host: &Host, port: Option<u16>, target: Option<&Target>) -> bool {
    let port_fits = |own: &Option<u16>| own.is_none_or(|p| port == Some(p));
    match (indicator, host) {
        (Indicator::Domain { name, subdomains, port }, Host::Name(seen)) => {
            let under = seen.as_bytes().strip_suffix(name.as_bytes());
            let name_fits = match under {
                Some(b"") => true,
                Some(rest) => *subdomains && rest.ends_with(b"."),
                None => false,
            };
            name_fits && port_fits(port)
        }
        (Indicator::Address { ip, port }, Host::Address(seen)) => ip == seen && port_fits(port),
        (Indicator::Network { ip, bits }, Host::Address(seen)) => {
            ip.is_ipv4() == seen.is_ipv4() && masked(*seen, *bits) == *ip
        }
        (Indicator::Url { host: own, target: allowed, .. }, _) => {
            // Where the path cannot be seen, the host of an excepted URL passes.
            let path_fits = target.is_none_or(|t| {
                t.prefixes().any(|p| p == allowed.path.as_slice())
                    && (allowed.query.is_none() || allowed.query == t.query)
            });
            own == host && path_fits
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

    fn exceptions() -> Exceptions {
        let one = |id: &str, device, text: &str, until: Option<i64>| Exception {
            id: id.to_owned(),
            device,
            what: Excepted::Indicator(Indicator::parse(text).unwrap()),
            until: until.map(Timestamp::from_secs),
        };
        Exceptions::new(vec![
            one("all", None, "work.example", None),
            one("device", Some(MAC), "tool.example", None),
            one("short", None, "192.0.2.0/24", Some(100)),
            one("url", None, "http://files.example/a", None),
            Exception { id: "rule".to_owned(), device: None, what: Excepted::Signature(7), until: None },
        ])
    }

    fn used(host: &str, target: Option<&str>, devices: Devices, now: i64) -> Option<String> {
        let all = exceptions();
        let target = target.map(str::as_bytes);
        all.host(host.as_bytes(), Some(80), target, devices, Timestamp::from_secs(now)).map(|e| e.id.clone())
    }

    #[test]
    fn scope_and_time_count() {
        let nobody = [None, None];
        assert_eq!(used("WWW.work.example.", None, nobody, 0).as_deref(), Some("all"));
        assert_eq!(used("network.example", None, nobody, 0), None);
        assert_eq!(used("tool.example", None, nobody, 0), None, "another device");
        assert_eq!(used("tool.example", None, [None, Some(MAC)], 0).as_deref(), Some("device"));
        assert_eq!(used("192.0.2.9:8080", None, nobody, 99).as_deref(), Some("short"));
        assert_eq!(used("192.0.2.9:8080", None, nobody, 100), None, "its time is over");
        assert_eq!(used("files.example", Some("/a/b"), nobody, 0).as_deref(), Some("url"));
        assert_eq!(used("files.example", Some("/b"), nobody, 0), None);
        assert!(exceptions().signature(7, nobody, Timestamp::EPOCH).is_some());
        assert!(exceptions().signature(8, nobody, Timestamp::EPOCH).is_none());
    }
}
