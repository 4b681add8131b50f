//! The application catalogue: what its lines say.
//!
//! `kind ID NAME`, `app ID NAME KIND MATCHERS`, `protocol ID NAME KIND MATCHERS`, columns parted
//! by tabs, matchers by spaces: a host name (covers its sub-domains), `label=…` (one part of a
//! host name that no entry covers), `alpn=…`, `ja4=…`, `cert=…`
//! (a name on the certificate), `engine=…` (a protocol that the engine parses), `port=tcp/80`,
//! `ip=50` (a protocol over IP) and `bytes=…` (see `signature`).

use hashbrown::HashMap;

use crate::lines::{BadLine, is_id, told};
use crate::name::is_name;
use crate::signature::Signature;

/// Entries of a catalogue.
pub const MAX_APPS: usize = 8_192;
/// Matchers of one entry.
const MAX_MATCHERS: usize = 512;
const MAX_NAME_BYTES: usize = 96;

/// Number of an entry within its catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppId(pub(crate) u16);

/// What sort of thing an application is: mail, meeting, storage, …
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    pub id: String,
    /// As the portal shows it.
    pub name: String,
}

/// An application or a protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    pub id: String,
    /// As the portal shows it.
    pub name: String,
    pub kind: u16,
    pub is_protocol: bool,
}

/// The catalogue, ready for look-ups.
#[derive(Debug, Default)]
pub struct Catalogue {
    pub(crate) kinds: Vec<Kind>,
    pub(crate) apps: Vec<App>,
    by_id: HashMap<String, u16>,
    pub(crate) hosts: HashMap<Vec<u8>, u16>,
    /// Single labels within a host name.
    pub(crate) labels: HashMap<Vec<u8>, u16>,
    pub(crate) certificates: HashMap<Vec<u8>, u16>,
    pub(crate) alpn: HashMap<Vec<u8>, u16>,
    pub(crate) ja4: HashMap<String, u16>,
    pub(crate) engine: HashMap<String, u16>,
    pub(crate) ports: HashMap<(u8, u16), u16>,
    pub(crate) over_ip: HashMap<u8, u16>,
    pub(crate) signatures: Vec<(Signature, u16)>,
}

impl Catalogue {
    /// Reads a catalogue; lines that say nothing that can be used are left out and told.
    #[must_use]
    pub fn read(text: &str) -> (Catalogue, Vec<BadLine>) {
        let mut catalogue = Catalogue::default();
        let mut bad = Vec::new();
        for (line, content) in told(text) {
            let columns: Vec<&str> = content.split('\t').collect();
            let done = match columns.as_slice() {
                ["kind", id, name] => catalogue.add_kind(id, name),
                [what @ ("app" | "protocol"), id, name, kind, matchers] => {
                    catalogue.add_app(*what == "protocol", id, name, kind, matchers)
                }
                _ => Err("expected kind, app or protocol with its columns".to_owned()),
            };
            bad.extend(done.err().map(|reason| BadLine::new(line, reason)));
        }
        (catalogue, bad)
    }

    /// How many applications and how many protocols it holds.
    #[must_use]
    pub fn len(&self) -> (usize, usize) {
        let protocols = self.apps.iter().filter(|a| a.is_protocol).count();
        (self.apps.len() - protocols, protocols)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.apps.is_empty()
    }

    #[must_use]
    pub fn app(&self, id: AppId) -> Option<&App> {
        self.apps.get(usize::from(id.0))
    }

    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<AppId> {
        self.by_id.get(id).copied().map(AppId)
    }

    #[must_use]
    pub fn kind_of(&self, id: AppId) -> Option<&Kind> {
        self.app(id).and_then(|app| self.kinds.get(usize::from(app.kind)))
    }

    #[must_use]
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    #[must_use]
    pub fn apps(&self) -> &[App] {
        &self.apps
    }

    fn add_kind(&mut self, id: &str, name: &str) -> Result<(), String> {
        check(id, name)?;
        if self.kinds.iter().any(|k| k.id == id) || self.kinds.len() >= 256 {
            return Err(format!("the kind {id:?} is there already, or there are too many"));
        }
        self.kinds.push(Kind { id: id.to_owned(), name: name.to_owned() });
        Ok(())
    }

    fn add_app(
        &mut self,
        is_protocol: bool,
        id: &str,
        name: &str,
        kind: &str,
        matchers: &str,
    ) -> Result<(), String> {
        check(id, name)?;
        let kind = self.kinds.iter().position(|k| k.id == kind);
        let kind = kind.and_then(|k| u16::try_from(k).ok()).ok_or("its kind was not said before")?;
        if self.by_id.contains_key(id) || self.apps.len() >= MAX_APPS {
            return Err(format!("{id:?} is there already, or there are too many"));
        }
        let number = u16::try_from(self.apps.len()).map_err(|_| "there are too many".to_owned())?;
        let words: Vec<Matcher> =
            matchers.split_ascii_whitespace().map(Matcher::parse).collect::<Result<_, _>>()?;
        if words.is_empty() || words.len() > MAX_MATCHERS {
            return Err("no matchers, or too many".to_owned());
        }
        self.apps.push(App { id: id.to_owned(), name: name.to_owned(), kind, is_protocol });
        self.by_id.insert(id.to_owned(), number);
        words.into_iter().for_each(|word| self.add_matcher(word, number));
        Ok(())
    }

    /// The first entry that names something has it.
    fn add_matcher(&mut self, matcher: Matcher, app: u16) {
        match matcher {
            Matcher::Host(name) => drop(self.hosts.try_insert(name, app)),
            Matcher::Label(name) => drop(self.labels.try_insert(name, app)),
            Matcher::Certificate(name) => drop(self.certificates.try_insert(name, app)),
            Matcher::Alpn(name) => drop(self.alpn.try_insert(name, app)),
            Matcher::Ja4(text) => drop(self.ja4.try_insert(text, app)),
            Matcher::Engine(name) => drop(self.engine.try_insert(name, app)),
            Matcher::Port(protocol, port) => drop(self.ports.try_insert((protocol, port), app)),
            Matcher::OverIp(protocol) => drop(self.over_ip.try_insert(protocol, app)),
            Matcher::Bytes(signature) => self.signatures.push((signature, app)),
        }
    }
}

/// The lines of a catalogue that can be used, as a definition set carries them; how many entries
/// they make, and the lines that were left out with the reason.
#[must_use]
pub fn build_applications(text: &str) -> (Vec<u8>, u64, Vec<(usize, String)>) {
    let (catalogue, bad) = Catalogue::read(text);
    let left_out = |line: usize| bad.iter().any(|b| b.line == line);
    let kept: String =
        told(text).filter(|(line, _)| !left_out(*line)).map(|(_, content)| format!("{content}\n")).collect();
    let entries = u64::try_from(catalogue.apps.len()).unwrap_or(u64::MAX);
    (kept.into_bytes(), entries, bad.into_iter().map(|b| (b.line, b.reason)).collect())
}

fn check(id: &str, name: &str) -> Result<(), String> {
    if !is_id(id) {
        return Err(format!("{id:?} is no identifier"));
    }
    if name.trim().is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
        return Err(format!("{name:?} is no name"));
    }
    Ok(())
}

enum Matcher {
    Host(Vec<u8>),
    Label(Vec<u8>),
    Certificate(Vec<u8>),
    Alpn(Vec<u8>),
    Ja4(String),
    Engine(String),
    Port(u8, u16),
    OverIp(u8),
    Bytes(Signature),
}

impl Matcher {
    fn parse(word: &str) -> Result<Matcher, String> {
        let Some((key, value)) = word.split_once('=') else { return name(word).map(Matcher::Host) };
        Ok(match key {
            "label" if !value.contains('.') => Matcher::Label(name(value)?),
            "cert" => Matcher::Certificate(name(value)?),
            "alpn" if !value.is_empty() => Matcher::Alpn(value.as_bytes().to_vec()),
            "ja4" if value.len() == 36 => Matcher::Ja4(value.to_owned()),
            "engine" if !value.is_empty() => Matcher::Engine(value.to_owned()),
            "port" => {
                let (transport, port) =
                    value.split_once('/').ok_or_else(|| format!("{word:?} is no port"))?;
                let protocol = match transport {
                    "tcp" => 6,
                    "udp" => 17,
                    _ => return Err(format!("{word:?} is neither tcp nor udp")),
                };
                Matcher::Port(protocol, port.parse().map_err(|_| format!("{word:?} is no port"))?)
            }
            "ip" => Matcher::OverIp(value.parse().map_err(|_| format!("{word:?} is no protocol number"))?),
            "bytes" => Matcher::Bytes(Signature::parse(value)?),
            _ => return Err(format!("{word:?} is no matcher")),
        })
    }
}

fn name(text: &str) -> Result<Vec<u8>, String> {
    let lower = text.to_ascii_lowercase();
    if is_name(&lower) { Ok(lower.into_bytes()) } else { Err(format!("{text:?} is no host name")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_lines_are_named_and_the_others_stay() {
        let text = "# a comment\nkind\tmail\tメール\napp\tx\tエックス\tmail\tx.example\n\
                    app\tx\tagain\tmail\ty.example\napp\ty\tワイ\tnone\ty.example\nnonsense\n\
                    app\tz\tゼット\tmail\tbytes=q\n";
        let (catalogue, bad) = Catalogue::read(text);
        assert_eq!(catalogue.len(), (1, 0));
        assert_eq!(bad.iter().map(|b| b.line).collect::<Vec<_>>(), [4, 5, 6, 7]);
        let (bytes, entries, left_out) = build_applications(text);
        assert_eq!((entries, left_out.len()), (1, 4));
        let (again, bad) = Catalogue::read(std::str::from_utf8(&bytes).expect("text"));
        assert_eq!((again.apps(), bad.as_slice()), (catalogue.apps(), &[][..]));
        assert!(catalogue.by_id("x").is_some_and(|id| catalogue.kind_of(id).is_some()));
    }
}
