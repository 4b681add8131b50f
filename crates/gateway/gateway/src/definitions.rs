//! Rules and lists, from a signed set, from files or from the built-in starter set, ready for
//! the engine.

pub mod recipe;
pub mod sets;
pub mod starter;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use mimamori_base::Rng;
use mimamori_definitions::{DefinitionSet, InstallError, KeyError, PartKind, WriteError};
use mimamori_engine::{EngineConfig, ListFileError, ListFiles, Reputation, Ruleset};
use mimamori_reputation::{ListError, Shared};

use crate::list_files::ListFolders;
use crate::pipeline::usage::Knowledge;

use recipe::RecipeError;

pub use starter::{APPLICATIONS as STARTER_APPLICATIONS, DOMAINS as STARTER_DOMAINS, RULES as STARTER_RULES};

#[derive(Debug, thiserror::Error)]
pub enum DefinitionsError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}: {source}")]
    List { path: PathBuf, source: ListError },
    #[error("none of the {refused} rules in {path} can be used; the first: line {line}: {reason}")]
    NoRules { path: PathBuf, refused: usize, line: usize, reason: String },
    #[error(transparent)]
    Install(#[from] InstallError),
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("定義ファイルがありません。[inspection] set のファイルを置いてください")]
    NoSet,
}

/// A loaded set; cheap to clone.
#[derive(Clone, Debug)]
pub struct Definitions {
    pub rules: Ruleset,
    pub reputation: Arc<Reputation>,
    /// Applications and categories, for records of use.
    pub knowledge: Arc<Knowledge>,
    /// All parts, for those who need more than rules and names.
    pub set: DefinitionSet,
    /// Names the set on the portal.
    pub version: String,
}

impl Definitions {
    #[must_use]
    pub fn loaded(&self) -> u32 {
        u32::try_from(self.rules.report().loaded).unwrap_or(u32::MAX)
    }

    #[must_use]
    pub fn refused(&self) -> u32 {
        u32::try_from(self.rules.report().refused.len()).unwrap_or(u32::MAX)
    }

    /// The built-in set.
    pub fn starter(config: &EngineConfig, rng: &dyn Rng) -> Result<Self, DefinitionsError> {
        Self::of_set(starter::in_memory(rng)?, config)
    }

    /// The built-in set by the way of a set from outside: written, signed, verified, mapped.
    pub fn starter_on_disk(
        config: &EngineConfig,
        rng: &dyn Rng,
        folder: &Path,
    ) -> Result<Self, DefinitionsError> {
        Self::of_set(starter::on_disk(&starter::cooked(rng)?.writer, folder, rng)?, config)
    }

    /// From a verified set.
    pub fn of_set(set: DefinitionSet, config: &EngineConfig) -> Result<Self, DefinitionsError> {
        let version = set.manifest().label();
        let text = set.part(PartKind::Rules);
        let text = String::from_utf8_lossy(text.as_ref().map_or(&[], |t| t.as_ref()));
        let rules = Ruleset::compile_with(&text, config, &SetFiles(&set));
        usable(&rules, Path::new(&version))?;
        let tables = set.parts(PartKind::Names).map(|(_, bytes)| Arc::new(bytes) as Shared);
        let reputation = Reputation::of_tables(tables)
            .map_err(|source| DefinitionsError::List { path: PathBuf::from(&version), source })?;
        // Names in the set are hashed by keys of its own; the built-in list is no secret.
        let knowledge = Arc::new(Knowledge::of(&set, (0, 0)));
        Ok(Definitions { rules, reputation: Arc::new(reputation), knowledge, version, set })
    }

    /// From files; with no rule file, the built-in rules.
    pub fn load(
        rules: &[PathBuf],
        lists: &[PathBuf],
        config: &EngineConfig,
        rng: &dyn Rng,
    ) -> Result<Self, DefinitionsError> {
        if rules.is_empty() && lists.is_empty() {
            return Self::starter(config, rng);
        }
        let mut text = String::new();
        for path in rules {
            text.push_str(&read(path)?);
            text.push('\n');
        }
        if rules.is_empty() {
            text.push_str(STARTER_RULES);
        }
        let compiled = Ruleset::compile_with(&text, config, &ListFolders::of(config, rules));
        if let Some(path) = rules.first() {
            usable(&compiled, path)?;
        }
        let mut builder = Reputation::builder((rng.next_u64(), rng.next_u64()));
        for path in lists {
            builder
                .text(&read(path)?)
                .map_err(|source| DefinitionsError::List { path: path.clone(), source })?;
        }
        let names: Vec<String> = rules
            .iter()
            .chain(lists)
            .filter_map(|p| Some(p.file_name()?.to_string_lossy().into_owned()))
            .collect();
        // What rules and lists in files do not say comes from the built-in set.
        let set = starter::in_memory(rng)?;
        Ok(Definitions {
            rules: compiled,
            reputation: Arc::new(builder.build()),
            knowledge: Arc::new(Knowledge::of(&set, (rng.next_u64(), rng.next_u64()))),
            set,
            version: names.join("+"),
        })
    }
}

/// The name of a set whose signature and parts were found right, with the key in a file.
pub fn verified_label(set: &Path, key: &Path) -> anyhow::Result<String> {
    let text = read(key)?;
    let key = mimamori_definitions::VerifyingKey::parse(text.trim())
        .with_context(|| format!("{} は公開鍵のファイルではありません", key.display()))?;
    Ok(DefinitionSet::open(set, &[key])?.manifest().label())
}

/// A text of which no rule can be used is a mistake that should not go unnoticed.
fn usable(rules: &Ruleset, path: &Path) -> Result<(), DefinitionsError> {
    let report = rules.report();
    match report.refused.first() {
        Some(first) if report.loaded == 0 => Err(DefinitionsError::NoRules {
            path: path.to_owned(),
            refused: report.refused.len(),
            line: first.line as usize,
            reason: first.reason.to_string(),
        }),
        _ => Ok(()),
    }
}

/// The list files inside a set.
struct SetFiles<'a>(&'a DefinitionSet);

impl ListFiles for SetFiles<'_> {
    fn read(&self, name: &str) -> Result<Vec<u8>, ListFileError> {
        let last = name.rsplit('/').next().unwrap_or(name);
        let found =
            self.0.parts(PartKind::RuleFile).find(|(entry, _)| entry.name == name || entry.name == last);
        found.map(|(_, bytes)| bytes.as_ref().to_vec()).ok_or(ListFileError::NotFound)
    }
}

fn read(path: &Path) -> Result<String, DefinitionsError> {
    fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .map_err(|source| DefinitionsError::Io { path: path.to_owned(), source })
}
