//! What a set is made of (`set.toml`), and making its parts.
//!
//! Holds always: a source that cannot be read is an error, a line that cannot be used is not: it
//! is named, and the rest is taken.

use std::io;

use mimamori_base::{Rng, Timestamp};
use mimamori_definitions::build::{Format, List, Problem, SetBuilder};
use mimamori_definitions::{NewPart, PartKind, SetWriter};
use mimamori_reputation::Kind;
use serde::Deserialize;

/// How one source is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceFormat {
    List(Format),
    /// YARA rules, compiled by whoever builds.
    Yara,
    /// The catalogue of applications.
    Applications,
    /// A list file that rules name, under its file name.
    RuleFile,
}

impl SourceFormat {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "yara" => Some(SourceFormat::Yara),
            "applications" => Some(SourceFormat::Applications),
            "rule-file" => Some(SourceFormat::RuleFile),
            other => Format::parse(other).map(SourceFormat::List),
        }
    }

    /// All names, for help and errors.
    #[must_use]
    pub fn names() -> String {
        let lists = Format::ALL.iter().map(|(name, _)| *name);
        lists.chain(["yara", "applications", "rule-file"]).collect::<Vec<_>>().join(", ")
    }
}

/// One source of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipeSource {
    pub format: SourceFormat,
    pub path: String,
    /// Kind of the entries where the format does not say.
    pub kind: Kind,
    /// Family or category where the format does not say.
    pub family: String,
}

/// A set's recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    pub channel: String,
    pub version: u64,
    pub sources: Vec<RecipeSource>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    channel: String,
    #[serde(default)]
    version: u64,
    #[serde(default)]
    source: Vec<RawSource>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSource {
    format: String,
    path: String,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    family: String,
}

#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    #[error("format {0:?} is not one of {names}", names = SourceFormat::names())]
    Format(String),
    #[error("kind {0:?} is not one of phishing, malware, c2, other")]
    Kind(String),
    #[error("{path}: {source}")]
    Io { path: String, source: io::Error },
}

impl RecipeSource {
    pub fn new(format: &str, kind: Option<&str>, family: &str, path: &str) -> Result<Self, RecipeError> {
        let kind = kind.unwrap_or("malware");
        Ok(RecipeSource {
            format: SourceFormat::parse(format).ok_or_else(|| RecipeError::Format(format.to_owned()))?,
            kind: Kind::parse(kind).ok_or_else(|| RecipeError::Kind(kind.to_owned()))?,
            family: family.to_owned(),
            path: path.to_owned(),
        })
    }

    /// Reads `FORMAT[:KIND[:FAMILY]]=PATH`.
    pub fn parse(text: &str) -> Result<Self, RecipeError> {
        let (what, path) = text.split_once('=').ok_or_else(|| RecipeError::Format(text.to_owned()))?;
        let mut words = what.splitn(3, ':');
        let format = words.next().unwrap_or_default();
        let kind = words.next().filter(|k| !k.is_empty());
        RecipeSource::new(format, kind, words.next().unwrap_or_default(), path)
    }
}

impl Recipe {
    pub fn parse(text: &str) -> Result<Self, RecipeError> {
        let raw: Raw = toml::from_str(text)?;
        let source = |s: RawSource| RecipeSource::new(&s.format, s.kind.as_deref(), &s.family, &s.path);
        Ok(Recipe {
            channel: raw.channel,
            version: raw.version,
            sources: raw.source.into_iter().map(source).collect::<Result<_, _>>()?,
        })
    }
}

/// A file of a source: its name (with the category in front for UT1 folders) and bytes.
#[derive(Clone, Debug)]
pub struct SourceFile {
    pub name: String,
    /// Takes the place of the source's family.
    pub category: Option<String>,
    pub bytes: Vec<u8>,
}

/// Gives the files of a source; `tell` hears how far it is.
pub trait Kitchen {
    fn files(&self, source: &RecipeSource) -> io::Result<Vec<SourceFile>>;
    /// Lines read of a source so far.
    fn tell(&self, name: &str, lines: u64);
    /// Compiles YARA sources (name, text) to a part, its rules and the refused ones. `None`: the
    /// texts go into the set.
    fn yara(&self, sources: &[(String, String)]) -> Option<(Vec<u8>, u64, Vec<Problem>)>;
}

/// A set before it is signed.
#[derive(Debug)]
pub struct Cooked {
    pub writer: SetWriter,
    pub problems: Vec<Problem>,
    pub refused: u64,
    /// Entries of names by kind.
    pub by_kind: Vec<(&'static str, u64)>,
}

/// Reads all sources and makes the parts.
pub fn cook(
    recipe: &Recipe,
    kitchen: &dyn Kitchen,
    rng: &dyn Rng,
    now: Timestamp,
) -> Result<Cooked, RecipeError> {
    let mut builder = SetBuilder::new(rng, now);
    let mut others = Vec::new();
    let mut yara = Vec::new();
    for source in &recipe.sources {
        let io = |e| RecipeError::Io { path: source.path.clone(), source: e };
        for file in kitchen.files(source).map_err(io)? {
            match source.format {
                SourceFormat::List(format) => {
                    let family = file.category.as_deref().unwrap_or(&source.family);
                    let list = List { name: &file.name, format, kind: source.kind, family };
                    builder.add(&file.bytes, &list, &mut |lines| kitchen.tell(&file.name, lines));
                }
                SourceFormat::Yara => {
                    yara.push((file.name, String::from_utf8_lossy(&file.bytes).into_owned()));
                }
                SourceFormat::Applications => others.push(applications(&mut builder, &file)),
                SourceFormat::RuleFile => {
                    let lines = file.bytes.iter().filter(|b| **b == b'\n').count() as u64;
                    builder.note(&file.name, "rule-file", lines, 0);
                    others.push(NewPart {
                        kind: PartKind::RuleFile,
                        name: file.name,
                        entries: lines,
                        bytes: file.bytes,
                    });
                }
            }
        }
    }
    others.extend(yara_part(&mut builder, kitchen, &yara));
    let problems = builder.problems().to_vec();
    let refused = builder.refused();
    let by_kind = builder.by_kind().iter().map(|(k, n)| (*k, *n)).collect();
    let (mut parts, sources) = builder.finish();
    parts.extend(others);
    let version = if recipe.version == 0 { u64::try_from(now.secs()).unwrap_or(1) } else { recipe.version };
    let writer = SetWriter { channel: recipe.channel.clone(), version, created: now, parts, sources };
    Ok(Cooked { writer, problems, refused, by_kind })
}

fn applications(builder: &mut SetBuilder, file: &SourceFile) -> NewPart {
    let text = String::from_utf8_lossy(&file.bytes);
    let (bytes, entries, bad) = mimamori_catalogue::build_applications(&text);
    builder.note(&file.name, "applications", entries, bad.len() as u64);
    for (line, reason) in bad {
        builder.refuse(&file.name, line, reason);
    }
    NewPart { kind: PartKind::Applications, name: String::new(), entries, bytes }
}

fn yara_part(
    builder: &mut SetBuilder,
    kitchen: &dyn Kitchen,
    sources: &[(String, String)],
) -> Option<NewPart> {
    if sources.is_empty() {
        return None;
    }
    let names = sources.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>().join(", ");
    let part = |kind, entries, bytes| Some(NewPart { kind, name: String::new(), entries, bytes });
    let Some((bytes, rules, bad)) = kitchen.yara(sources) else {
        let text = sources.iter().map(|(_, t)| t.as_str()).collect::<Vec<_>>().join("\n");
        let rules = text.lines().filter(|l| l.trim_start().starts_with("rule ")).count() as u64;
        builder.note(&names, "yara", rules, 0);
        return part(PartKind::YaraSource, rules, text.into_bytes());
    };
    builder.note(&names, "yara", rules, bad.len() as u64);
    for p in bad {
        builder.refuse(&p.source, p.line, p.reason);
    }
    if rules == 0 {
        // Also where the program was built without YARA: no part rather than an empty one.
        return None;
    }
    part(PartKind::YaraCompiled, rules, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_on_the_command_line() {
        let s = RecipeSource::parse("hosts:phishing:Bank=/a/b=c").unwrap();
        assert_eq!((s.kind, s.family.as_str(), s.path.as_str()), (Kind::Phishing, "Bank", "/a/b=c"));
        assert_eq!(RecipeSource::parse("rules=x").unwrap().kind, Kind::Malware);
        assert_eq!(RecipeSource::parse("yara=x").unwrap().format, SourceFormat::Yara);
        assert!(RecipeSource::parse("nothing=x").unwrap_err().to_string().contains("urlhaus"));
        assert!(RecipeSource::parse("plain:evil=x").is_err());
        assert!(RecipeSource::parse("plain").is_err());
    }

    #[test]
    fn a_recipe_names_what_is_wrong() {
        assert!(Recipe::parse("channel='x'\n[[source]]\nformat='rules'\npaht='x'\n").is_err());
        assert!(Recipe::parse("channel='x'\nversion=3\n[[source]]\nformat='rules'\npath='x'\n").is_ok());
    }
}
