//! Making a set's parts out of lists as the field publishes them.
//!
//! Holds always: a bad line costs itself only, and is named with file, line and reason; a list
//! never blocks a whole public suffix or a host that everybody shares by accident. Deliberately
//! not here: fetching lists, compiling YARA rules (crate `scan`), the application catalogue.

mod csv;
mod hashes;
mod misp;
mod names;
mod shared;
mod stix;

use std::collections::BTreeMap;

use mimamori_base::{Rng, Timestamp};
use mimamori_reputation::host::Host;
use mimamori_reputation::{Indicator, Kind, Several, TableBuilder, rank, value_text};
use mimamori_rules::{ParseContext, parse_rules};

use crate::file::NewPart;
use crate::hashes::FileHashesBuilder;
use crate::manifest::{PartKind, Source};

/// Longest family name that is kept, in characters.
const MAX_FAMILY_CHARS: usize = 64;
/// Problems that are kept with their texts; all are counted.
pub const MAX_PROBLEMS: usize = 100_000;

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Rules, one a line.
    Rules,
    /// Our own: entry, tab, kind, tab, family.
    Mimamori,
    /// One domain, URL, address or network a line.
    Plain,
    /// `0.0.0.0 name`: these hosts exactly.
    Hosts,
    /// abuse.ch URLhaus, CSV.
    Urlhaus,
    /// MISP events or attributes, JSON.
    Misp,
    /// STIX 2.1 bundle with indicators, JSON.
    Stix,
    /// Maltrail: entry, tab, family.
    Maltrail,
    /// UT1: domain, tab, category; or one domain a line of the category that the source names.
    Ut1,
    /// MD5, SHA-1 or SHA-256, and a name.
    Hashes,
}

impl Format {
    pub const ALL: [(&'static str, Format); 10] = [
        ("rules", Format::Rules),
        ("mimamori", Format::Mimamori),
        ("plain", Format::Plain),
        ("hosts", Format::Hosts),
        ("urlhaus", Format::Urlhaus),
        ("misp", Format::Misp),
        ("stix", Format::Stix),
        ("maltrail", Format::Maltrail),
        ("ut1", Format::Ut1),
        ("hashes", Format::Hashes),
    ];

    #[must_use]
    pub fn parse(text: &str) -> Option<Format> {
        Format::ALL.iter().find(|(name, _)| *name == text).map(|(_, f)| *f)
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        Format::ALL.iter().find(|(_, f)| *f == self).map_or("", |(name, _)| name)
    }
}

/// A list to read.
#[derive(Clone, Debug)]
pub struct List<'a> {
    /// Shown with problems: the file's name.
    pub name: &'a str,
    pub format: Format,
    /// Kind of entries where the format does not say.
    pub kind: Kind,
    /// Family, or the category for UT1 folders, where the format does not say.
    pub family: &'a str,
}

/// One usable entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    Name {
        indicator: Indicator,
        kind: Kind,
        family: String,
    },
    Category {
        indicator: Indicator,
        category: String,
    },
    Hash {
        hash: String,
        name: String,
    },
    /// Meant for something else, such as an indicator that is not to be used for detection.
    Skipped,
}

/// A line that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub source: String,
    /// Of the line; of the entry in JSON, from 1.
    pub line: usize,
    pub reason: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.source, self.line, self.reason)
    }
}

/// What a parser hands on: the line and what is on it.
pub type Take<'a> = &'a mut dyn FnMut(usize, Result<Item, String>);

/// Reads any list but rules.
pub fn read_list(bytes: &[u8], list: &List<'_>, now: Timestamp, take: Take<'_>) {
    match list.format {
        Format::Rules => {}
        Format::Mimamori => names::mimamori(bytes, take),
        Format::Plain => names::plain(bytes, list, take),
        Format::Hosts => names::hosts(bytes, list, take),
        Format::Urlhaus => csv::urlhaus(bytes, take),
        Format::Misp => misp::read(bytes, list, take),
        Format::Stix => stix::read(bytes, list, now, take),
        Format::Maltrail => names::maltrail(bytes, list, take),
        Format::Ut1 => names::ut1(bytes, list, take),
        Format::Hashes => hashes::read(bytes, list, take),
    }
}

/// Collects lists into parts.
#[derive(Debug)]
pub struct SetBuilder {
    now: Timestamp,
    rules: String,
    rule_count: u64,
    context: ParseContext,
    names: TableBuilder,
    categories: TableBuilder,
    hashes: FileHashesBuilder,
    sources: Vec<Source>,
    problems: Vec<Problem>,
    refused: u64,
    by_kind: BTreeMap<&'static str, u64>,
}

impl SetBuilder {
    #[must_use]
    pub fn new(rng: &dyn Rng, now: Timestamp) -> Self {
        SetBuilder {
            now,
            rules: String::new(),
            rule_count: 0,
            context: ParseContext::default(),
            names: TableBuilder::new((rng.next_u64(), rng.next_u64())),
            categories: TableBuilder::new((rng.next_u64(), rng.next_u64())),
            hashes: FileHashesBuilder::default(),
            sources: Vec::new(),
            problems: Vec::new(),
            refused: 0,
            by_kind: BTreeMap::new(),
        }
    }

    /// Reads one list. `progress` is told lines read now and then.
    pub fn add(&mut self, bytes: &[u8], list: &List<'_>, progress: &mut dyn FnMut(u64)) {
        let before = self.refused;
        let mut taken = 0;
        if list.format == Format::Rules {
            taken = self.add_rules(&String::from_utf8_lossy(bytes), list.name);
        } else {
            let mut seen = 0u64;
            read_list(bytes, list, self.now, &mut |line, item| {
                seen += 1;
                if seen.is_multiple_of(100_000) {
                    progress(seen);
                }
                match item.and_then(|item| self.take(item)) {
                    Ok(true) => taken += 1,
                    Ok(false) => {}
                    Err(reason) => self.refuse(list.name, line, reason),
                }
            });
        }
        self.note(list.name, list.format.name(), taken, self.refused - before);
    }

    /// Records a source that somebody else turned into a part.
    pub fn note(&mut self, name: &str, format: &str, taken: u64, refused: u64) {
        self.sources.push(Source { name: name.to_owned(), format: format.to_owned(), taken, refused });
    }

    pub fn refuse(&mut self, source: &str, line: usize, reason: String) {
        self.refused += 1;
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem { source: source.to_owned(), line, reason });
        }
    }

    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// All refused lines, also those beyond [`MAX_PROBLEMS`].
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Entries of names by kind, equal ones counted again.
    #[must_use]
    pub fn by_kind(&self) -> &BTreeMap<&'static str, u64> {
        &self.by_kind
    }

    /// The parts; those without entries are left out.
    #[must_use]
    pub fn finish(self) -> (Vec<NewPart>, Vec<Source>) {
        let part = |kind, entries: u64, bytes| NewPart { kind, name: String::new(), entries, bytes };
        let mut parts = Vec::new();
        if !self.rules.is_empty() {
            parts.push(part(PartKind::Rules, self.rule_count, self.rules.into_bytes()));
        }
        if !self.names.is_empty() {
            let bytes = self.names.finish(Several::Least(rank));
            parts.push(part(PartKind::Names, entries(&bytes), bytes));
        }
        if !self.categories.is_empty() {
            let bytes = self.categories.finish(Several::Join);
            parts.push(part(PartKind::Categories, entries(&bytes), bytes));
        }
        if !self.hashes.is_empty() {
            parts.push(part(PartKind::FileHashes, self.hashes.len() as u64, self.hashes.build()));
        }
        (parts, self.sources)
    }

    fn add_rules(&mut self, text: &str, source: &str) -> u64 {
        let set = parse_rules(text, &self.context);
        for r in &set.refused {
            let sid = r.sid.map_or_else(|| "sid ?".to_owned(), |sid| format!("sid {sid}"));
            self.refuse(source, r.line as usize, format!("{sid}: {}", r.reason));
        }
        let taken = set.rules.len() as u64;
        self.rule_count += taken;
        self.rules.push_str(text);
        if !text.ends_with('\n') {
            self.rules.push('\n');
        }
        taken
    }

    /// `false`: not meant for us.
    fn take(&mut self, item: Item) -> Result<bool, String> {
        match item {
            Item::Skipped => return Ok(false),
            Item::Hash { hash, name } => {
                if !self.hashes.add(&hash, &name) {
                    return Err("not an MD5, SHA-1 or SHA-256".to_owned());
                }
            }
            Item::Category { indicator, category } => {
                let value = self.categories.value(&category);
                self.categories.insert(&indicator, value);
            }
            Item::Name { indicator, kind, family } => {
                let indicator = shared::narrowed(indicator)?;
                let value = self.names.value(&value_text(kind, &family_text(&family)));
                self.names.insert(&indicator, value);
                *self.by_kind.entry(kind.name()).or_default() += 1;
                if let Indicator::Url { host: host @ Host::Name(name), .. } = &indicator
                    && !shared::is_shared(name)
                {
                    self.names.insert_url_host(host, value);
                }
            }
        }
        Ok(true)
    }
}

fn entries(table: &[u8]) -> u64 {
    mimamori_reputation::Table::open(table).map_or(0, |t| t.len() as u64)
}

/// A name without tabs and control characters, of bounded length.
fn family_text(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(MAX_FAMILY_CHARS).collect()
}

/// Lines with their numbers, from 1; bytes that are no UTF-8 become replacement characters. A mark
/// of the byte order, as Windows writes it before UTF-8, is nothing.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, std::borrow::Cow<'_, str>)> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes.split(|b| *b == b'\n').enumerate().map(|(index, line)| {
        let line = String::from_utf8_lossy(line);
        (index + 1, line)
    })
}
