//! Bad names and addresses: tables with kind and family, asked together.

use std::net::IpAddr;
use std::sync::Arc;

use crate::build::{Several, TableBuilder};
use crate::host::Host;
use crate::indicator::{Indicator, IndicatorError};
use crate::table::{Seen, Table, ValueId};

/// Why an address or a name is listed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Kind {
    /// A control server of malware (command and control).
    C2,
    Malware,
    Phishing,
    /// Listed for another reason.
    Other,
}

impl Kind {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Phishing => "phishing",
            Kind::Malware => "malware",
            Kind::C2 => "c2",
            Kind::Other => "other",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Kind> {
        match text {
            "phishing" => Some(Kind::Phishing),
            "malware" => Some(Kind::Malware),
            "c2" => Some(Kind::C2),
            "other" => Some(Kind::Other),
            _ => None,
        }
    }
}

/// The bytes of a table: of a mapped file, or in memory.
pub type Shared = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// Bytes that a [`Table`] can be opened over.
#[derive(Clone)]
pub struct SharedBytes(pub Shared);

impl std::fmt::Debug for SharedBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SharedBytes({})", self.as_ref().len())
    }
}

impl AsRef<[u8]> for SharedBytes {
    fn as_ref(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}

/// What a list says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listed<'a> {
    pub kind: Kind,
    /// Malware family, campaign or brand that is imitated; may be empty.
    pub family: &'a str,
}

/// The value text of an entry, as tables keep it: kind, a tab, family.
#[must_use]
pub fn value_text(kind: Kind, family: &str) -> String {
    format!("{}\t{family}", kind.name())
}

/// The worse, the less: the worst stays where an entry is listed twice.
#[must_use]
pub fn rank(value: &str) -> u8 {
    listed(value).kind as u8
}

fn listed(value: &str) -> Listed<'_> {
    let (kind, family) = value.split_once('\t').unwrap_or((value, ""));
    Listed { kind: Kind::parse(kind).unwrap_or(Kind::Other), family }
}

/// Why a list was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    #[error("line {line}: expected NAME-OR-ADDRESS, a tab, and one of phishing, malware, c2, other")]
    Shape { line: usize },
    #[error("line {line}: {name:?}: {why}")]
    Name { line: usize, name: String, why: IndicatorError },
    #[error("these bytes are no table of names")]
    NoTable,
}

/// An immutable set of lists.
#[derive(Debug, Default)]
pub struct Reputation {
    tables: Vec<Table<SharedBytes>>,
}

impl Reputation {
    /// Starts an empty list; `key` seeds the hash and should differ per device.
    #[must_use]
    pub fn builder(key: (u64, u64)) -> ReputationBuilder {
        ReputationBuilder { entries: Vec::new(), key }
    }

    /// Lists that lie in tables, in order of preference.
    pub fn of_tables(tables: impl IntoIterator<Item = Shared>) -> Result<Reputation, ListError> {
        let open = |bytes| Table::open(SharedBytes(bytes)).ok_or(ListError::NoTable);
        Ok(Reputation { tables: tables.into_iter().map(open).collect::<Result<_, _>>()? })
    }

    /// These lists and then others.
    #[must_use]
    pub fn and(mut self, other: Reputation) -> Reputation {
        self.tables.extend(other.tables);
        self
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.iter().all(Table::is_empty)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.tables.iter().map(Table::len).sum()
    }

    /// What is known about a host in TLS, QUIC or DNS. A port written behind it counts before
    /// `port`. Case, trailing dot and spelling of addresses do not matter.
    #[must_use]
    pub fn host(&self, host: &[u8], port: Option<u16>) -> Option<Listed<'_>> {
        let (host, own) = Host::with_port(host)?;
        self.first(|t| t.host(&host, own.or(port), Seen::NameOnly))
    }

    /// What is known about a request in HTTP: its host, or its URL.
    #[must_use]
    pub fn request(&self, host: &[u8], port: Option<u16>, target: &[u8]) -> Option<Listed<'_>> {
        let (host, own) = Host::with_port(host)?;
        let port = own.or(port);
        self.first(|t| t.host(&host, port, Seen::WithPath).or_else(|| t.url(&host, port, target)))
    }

    /// What is known about an address.
    #[must_use]
    pub fn address(&self, ip: IpAddr, port: Option<u16>) -> Option<Listed<'_>> {
        self.first(|t| t.address(ip, port))
    }

    fn first(&self, look: impl Fn(&Table<SharedBytes>) -> Option<ValueId>) -> Option<Listed<'_>> {
        self.tables.iter().find_map(|t| look(t).map(|id| listed(t.value(id))))
    }
}

/// Collects entries for a [`Reputation`] in memory.
#[derive(Debug)]
pub struct ReputationBuilder {
    key: (u64, u64),
    entries: Vec<(Indicator, Kind, String)>,
}

impl ReputationBuilder {
    pub fn add(&mut self, indicator: Indicator, kind: Kind, family: &str) -> &mut Self {
        self.entries.push((indicator, kind, family.to_owned()));
        self
    }

    /// Adds lines of `ENTRY<TAB>KIND[<TAB>FAMILY]`; empty lines and `#` comments are skipped.
    pub fn text(&mut self, text: &str) -> Result<&mut Self, ListError> {
        for (index, line) in text.lines().enumerate() {
            if let Some((indicator, kind, family)) = list_line(line, index + 1)? {
                self.add(indicator, kind, family);
            }
        }
        Ok(self)
    }

    #[must_use]
    pub fn build(self) -> Reputation {
        let mut table = TableBuilder::new(self.key);
        for (indicator, kind, family) in &self.entries {
            let value = table.value(&value_text(*kind, family));
            table.insert(indicator, value);
        }
        let table: Shared = Arc::new(table.finish(Several::Least(rank)));
        Reputation::of_tables([table]).unwrap_or_default()
    }
}

/// One line of our own list format; `None` for a comment.
pub fn list_line(line: &str, number: usize) -> Result<Option<(Indicator, Kind, &str)>, ListError> {
    let line_text = line.trim();
    if line_text.is_empty() || line_text.starts_with('#') {
        return Ok(None);
    }
    let mut columns = line_text.split('\t').map(str::trim);
    let shape = || ListError::Shape { line: number };
    let name = columns.next().ok_or_else(shape)?;
    let kind = columns.next().and_then(Kind::parse).ok_or_else(shape)?;
    let indicator =
        Indicator::parse(name).map_err(|why| ListError::Name { line: number, name: name.to_owned(), why })?;
    Ok(Some((indicator, kind, columns.next().unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "# bad names\nevil.example\tphishing\tBank\nbad.evil.example\tc2\n\
        192.0.2.7\tmalware\n2001:db8::1\tc2\n198.51.100.0/24\tmalware\n203.0.113.5:4444\tc2\tBot\n\
        http://shared.example/u/mallory\tmalware\nhttp://shared.example/q?id=7\tmalware\n\
        http://host.example/\tother\nport.example:8080\tmalware\n";

    fn lists() -> Reputation {
        let mut b = Reputation::builder((1, 2));
        b.text(LIST).expect("the list is well formed");
        b.build()
    }

    fn kind(r: &Reputation, host: &str) -> Option<Kind> {
        r.host(host.as_bytes(), None).map(|l| l.kind)
    }

    #[test]
    fn a_domain_covers_its_sub_domains_and_the_longest_entry_wins() {
        let r = lists();
        assert_eq!(r.host(b"evil.example", None), Some(Listed { kind: Kind::Phishing, family: "Bank" }));
        assert_eq!(kind(&r, "WWW.Evil.EXAMPLE."), Some(Kind::Phishing));
        assert_eq!(kind(&r, "a.bad.evil.example:8080"), Some(Kind::C2));
        assert_eq!(kind(&r, "notevil.example"), None);
        assert_eq!(kind(&r, "example"), None);
        assert_eq!(kind(&r, ""), None);
        assert_eq!(kind(&r, "host.example"), Some(Kind::Other));
        assert_eq!(kind(&r, "www.host.example"), None, "the host of a URL is that host");
    }

    #[test]
    fn addresses_networks_and_ports() {
        let r = lists();
        let address = |ip: &str, port| r.address(ip.parse().unwrap(), port).map(|l| l.kind);
        assert_eq!(kind(&r, "192.0.2.7:80"), Some(Kind::Malware));
        assert_eq!(kind(&r, "[2001:db8::1]:443"), Some(Kind::C2));
        assert_eq!(address("192.0.2.8", None), None);
        assert_eq!(address("::ffff:192.0.2.7", None), Some(Kind::Malware));
        assert_eq!(address("198.51.100.77", Some(1)), Some(Kind::Malware));
        assert_eq!(address("198.51.101.77", Some(1)), None);
        assert_eq!(address("203.0.113.5", Some(4444)), Some(Kind::C2));
        assert_eq!(address("203.0.113.5", Some(443)), None, "the port counts");
        assert_eq!(r.host(b"port.example", Some(8080)).map(|l| l.kind), Some(Kind::Malware));
        assert_eq!(r.host(b"port.example", Some(80)), None);
        assert_eq!(r.host(b"port.example:8080", Some(80)).map(|l| l.kind), Some(Kind::Malware));
    }

    #[test]
    fn urls_count_with_their_paths() {
        let r = lists();
        let hit = |target: &str| r.request(b"shared.example", Some(80), target.as_bytes()).is_some();
        for target in ["/u/mallory", "/u/mallory/x.exe", "/u/./mallory?x=1", "/q?id=7", "/u/%6dallory"] {
            assert!(hit(target), "{target}");
        }
        for target in ["/", "/u", "/u/mallory2", "/q", "/q?id=8", "/U/mallory"] {
            assert!(!hit(target), "{target}");
        }
        assert!(r.host(b"shared.example", None).is_none(), "only the builder of sets decides that");
    }

    #[test]
    fn very_many_labels_are_still_covered_by_the_parent() {
        let name = format!("{}evil.example", "a.".repeat(100));
        assert_eq!(kind(&lists(), &name), Some(Kind::Phishing));
    }

    #[test]
    fn wrong_lines_are_named() {
        let mut b = Reputation::builder((0, 0));
        assert_eq!(b.text("evil.example").err(), Some(ListError::Shape { line: 1 }));
        assert!(matches!(b.text("\n/x/\tc2").err(), Some(ListError::Name { line: 2, .. })));
    }
}
