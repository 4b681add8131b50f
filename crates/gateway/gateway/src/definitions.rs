//! Rules and lists, from files or the built-in starter set, ready for the engine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mimamori_base::Rng;
use mimamori_engine::{EngineConfig, Reputation, Ruleset};
use mimamori_reputation::ListError;

use crate::list_files::ListFolders;

/// The starter set: rules and names for the first minutes of an installation and for the demo.
pub const STARTER_RULES: &str = include_str!("../../../../definitions/starter/mimamori.rules");
pub const STARTER_APPLICATIONS: &str = include_str!("../../../../definitions/starter/applications.tsv");
pub const STARTER_DOMAINS: &str = include_str!("../../../../definitions/starter/domains.tsv");

#[derive(Debug, thiserror::Error)]
pub enum DefinitionsError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}: {source}")]
    List { path: PathBuf, source: ListError },
    #[error("none of the {refused} rules in {path} can be used; the first: line {line}: {reason}")]
    NoRules { path: PathBuf, refused: usize, line: usize, reason: String },
}

/// A loaded set; cheap to clone.
#[derive(Clone, Debug)]
pub struct Definitions {
    pub rules: Ruleset,
    pub reputation: Arc<Reputation>,
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
        let mut lists = Reputation::builder((rng.next_u64(), rng.next_u64()));
        lists
            .text(STARTER_DOMAINS)
            .map_err(|source| DefinitionsError::List { path: "built-in domains.tsv".into(), source })?;
        Ok(Definitions {
            rules: Ruleset::compile(STARTER_RULES, config),
            reputation: Arc::new(lists.build()),
            version: "starter".to_owned(),
        })
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
        let report = compiled.report();
        if report.loaded == 0
            && let (Some(first), Some(path)) = (report.refused.first(), rules.first())
        {
            return Err(DefinitionsError::NoRules {
                path: path.clone(),
                refused: report.refused.len(),
                line: first.line as usize,
                reason: first.reason.to_string(),
            });
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
        Ok(Definitions { rules: compiled, reputation: Arc::new(builder.build()), version: names.join("+") })
    }
}

fn read(path: &Path) -> Result<String, DefinitionsError> {
    fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .map_err(|source| DefinitionsError::Io { path: path.to_owned(), source })
}
