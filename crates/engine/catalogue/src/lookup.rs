//! Looking a flow up: names first, then what its bytes say, then its port.

use crate::apps::{AppId, Catalogue};
use crate::name::{MAX_LABELS, bare, parents};

/// What is known of a flow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    pub host: Option<&'a [u8]>,
    /// Protocol inside TLS: chosen by the server, or first offered.
    pub alpn: Option<&'a [u8]>,
    pub ja4: Option<&'a str>,
    pub certificate: &'a [Vec<u8>],
    /// The engine's protocol; `unknown` and `failed` say nothing.
    pub app_proto: &'a str,
    /// Number of the transport protocol.
    pub protocol: u8,
    pub client_port: u16,
    pub server_port: u16,
    /// First bytes from the client, from the server.
    pub heads: [&'a [u8]; 2],
    /// Lengths of the first datagrams; 0 for streams.
    pub datagram_bytes: [usize; 2],
}

/// What gave the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Evidence {
    Host,
    Certificate,
    Ja4,
    Alpn,
    /// The engine parses it.
    Parsed,
    Bytes,
    Transport,
    Port,
}

/// What was found: the service by its name, the protocol by its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub application: Option<(AppId, Evidence)>,
    pub protocol: Option<(AppId, Evidence)>,
}

impl Found {
    /// The application, or the protocol where no application was recognised.
    #[must_use]
    pub fn best(&self) -> Option<AppId> {
        self.application.or(self.protocol).map(|(id, _)| id)
    }
}

impl Catalogue {
    #[must_use]
    pub fn look_up(&self, facts: &Facts<'_>) -> Found {
        let mut found = Found::default();
        let mut put = |entry: Option<u16>, evidence: Evidence| {
            let Some(id) = entry.map(AppId) else { return };
            let slot = match self.app(id).is_some_and(|a| a.is_protocol) {
                true => &mut found.protocol,
                false => &mut found.application,
            };
            slot.get_or_insert((id, evidence));
        };
        put(facts.host.and_then(|h| self.host(h)), Evidence::Host);
        for name in facts.certificate {
            put(self.certificate(name), Evidence::Certificate);
        }
        put(facts.ja4.and_then(|j| self.ja4.get(j).copied()), Evidence::Ja4);
        put(facts.alpn.and_then(|a| self.alpn.get(a).copied()), Evidence::Alpn);
        put(self.engine.get(facts.app_proto).copied(), Evidence::Parsed);
        put(self.by_bytes(facts, false), Evidence::Bytes);
        put(self.by_bytes(facts, true), Evidence::Bytes);
        put(self.over_ip.get(&facts.protocol).copied(), Evidence::Transport);
        let port = |p: u16| self.ports.get(&(facts.protocol, p)).copied();
        put(port(facts.server_port).or_else(|| port(facts.client_port)), Evidence::Port);
        found
    }

    /// The entry of a host name or of its nearest parent that has one.
    fn host(&self, host: &[u8]) -> Option<u16> {
        let lower = bare(host).to_ascii_lowercase();
        let covered = parents(&lower).find_map(|name| self.hosts.get(name).copied());
        covered.or_else(|| {
            lower.split(|b| *b == b'.').take(MAX_LABELS).find_map(|l| self.labels.get(l).copied())
        })
    }

    fn certificate(&self, name: &[u8]) -> Option<u16> {
        let lower = name.strip_prefix(b"*.").unwrap_or(name).to_ascii_lowercase();
        parents(&lower)
            .find_map(|part| self.certificates.get(part).copied())
            .or_else(|| parents(&lower).find_map(|part| self.hosts.get(part).copied()))
    }

    fn by_bytes(&self, facts: &Facts<'_>, protocols: bool) -> Option<u16> {
        self.signatures
            .iter()
            .filter(|(_, app)| self.apps.get(usize::from(*app)).is_some_and(|a| a.is_protocol == protocols))
            .find(|(signature, _)| signature.matches(facts))
            .map(|(_, app)| *app)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Catalogue {
        let text = "kind\tweb\tウェブ\nkind\tmeeting\t会議\n\
            app\tbig\tBig\tweb\tbig.example cert=big.test\napp\tbig-meet\tBig Meet\tmeeting\tmeet.big.example\n\
            protocol\ttls\tTLS\tweb\tengine=tls port=tcp/443\nprotocol\tssh\tSSH\tweb\tbytes=*/tcp/\"SSH-\" port=tcp/22\n";
        let (catalogue, bad) = Catalogue::read(text);
        assert_eq!(bad, []);
        catalogue
    }

    fn names(c: &Catalogue, f: Found) -> (Option<&str>, Option<&str>) {
        let of = |x: Option<(AppId, Evidence)>| x.and_then(|(id, _)| c.app(id)).map(|a| a.id.as_str());
        (of(f.application), of(f.protocol))
    }

    #[test]
    fn gw_04_the_most_specific_name_wins_and_the_protocol_is_told_beside_it() {
        let c = catalogue();
        let of = |host: &[u8], cert: &[Vec<u8>]| {
            let facts = Facts {
                host: Some(host),
                certificate: cert,
                app_proto: "tls",
                protocol: 6,
                ..Facts::default()
            };
            c.look_up(&facts)
        };
        assert_eq!(names(&c, of(b"A.Meet.Big.Example.:443", &[])), (Some("big-meet"), Some("tls")));
        assert_eq!(names(&c, of(b"notbig.example", &[])), (None, Some("tls")));
        assert_eq!(names(&c, of(b"x", &[b"*.big.test".to_vec()])), (Some("big"), Some("tls")));
        assert_eq!(names(&c, of(b"x", &[b"www.big.example".to_vec()])), (Some("big"), Some("tls")));
    }

    #[test]
    fn bytes_weigh_more_than_the_port() {
        let c = catalogue();
        let facts = Facts { protocol: 6, server_port: 443, heads: [b"SSH-2.0-x", b""], ..Facts::default() };
        assert_eq!(names(&c, c.look_up(&facts)), (None, Some("ssh")));
        let facts = Facts { protocol: 6, server_port: 443, ..Facts::default() };
        assert_eq!(names(&c, c.look_up(&facts)), (None, Some("tls")));
    }
}
