//! The files that rules stand on, and the options that name them.
//!
//! Responsible for reading classification.config, reference.config and threshold.config through
//! the program's loader into what rules are parsed and compiled with. Holds always: a file that
//! is missing or has wrong lines is told in the load report and never stops the rules.

use std::collections::BTreeMap;

use mimamori_detect::{ListFiles, ReputationFiles};
use mimamori_rules::{
    KnownDataset, ParseContext, ThresholdEntry, dataset_type, parse_classifications, parse_references,
    parse_thresholds,
};

use crate::options::{OptionError, bytes, truth};

/// Names of files around rules, as options give them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFiles {
    /// `threshold-file`
    pub threshold: Option<String>,
    /// `classification-file`
    pub classification: Option<String>,
    /// `reference-config-file`
    pub reference: Option<String>,
    /// `default-data-dir`: where data sets are written, and lists looked for after the rules'
    /// own folder.
    pub data_folder: Option<String>,
    /// `default-reputation-path`: where reputation files are that name no folder.
    pub reputation_folder: Option<String>,
    /// `reputation-categories-file`
    pub categories: Option<String>,
    /// `reputation-files`, by their place in the list.
    pub reputation: BTreeMap<u32, String>,
    /// `datasets.NAME.…`: sets that rules may name without describing them.
    pub datasets: BTreeMap<String, KnownDataset>,
    /// `datasets.rules.allow-write`
    pub dataset_writes: bool,
    /// `datasets.rules.allow-absolute-filenames`
    pub absolute_dataset_paths: bool,
}

impl Default for RuleFiles {
    fn default() -> Self {
        RuleFiles {
            threshold: None,
            classification: None,
            reference: None,
            data_folder: None,
            reputation_folder: None,
            categories: None,
            reputation: BTreeMap::new(),
            datasets: BTreeMap::new(),
            dataset_writes: true,
            absolute_dataset_paths: false,
        }
    }
}

/// Something wrong with a file around the rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileProblem {
    #[error("{file}: {reason}")]
    Unusable { file: String, reason: String },
    #[error("{file}:{line}: {reason}")]
    Line { file: String, line: u32, reason: String },
}

impl RuleFiles {
    /// Sets one option. `Ok(false)`: it is none of these.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> Result<bool, OptionError> {
        let file = || Some(value.to_owned()).filter(|v| !v.is_empty());
        match key {
            "threshold-file" => self.threshold = file(),
            "classification-file" => self.classification = file(),
            "reference-config-file" => self.reference = file(),
            "default-data-dir" => self.data_folder = file(),
            "default-reputation-path" => self.reputation_folder = file(),
            "reputation-categories-file" => self.categories = file(),
            "reputation-files" => {
                self.reputation = (0u32..).zip(crate::options::list(value)).collect();
            }
            "datasets.rules.allow-write" => self.dataset_writes = truth(key, value)?,
            "datasets.rules.allow-absolute-filenames" => self.absolute_dataset_paths = truth(key, value)?,
            _ => {
                if let Some(place) = key.strip_prefix("reputation-files.") {
                    self.reputation.insert(crate::options::number(key, place)?, value.to_owned());
                    return Ok(true);
                }
                return match key.strip_prefix("datasets.").and_then(|r| r.rsplit_once('.')) {
                    Some((name, what)) if name != "defaults" && !name.starts_with("limits") => {
                        self.set_dataset(key, name, what, value)
                    }
                    _ => Ok(false),
                };
            }
        }
        Ok(true)
    }

    fn set_dataset(&mut self, key: &str, name: &str, what: &str, value: &str) -> Result<bool, OptionError> {
        let set = self.datasets.entry(name.to_owned()).or_default();
        match what {
            "type" => {
                let kind = dataset_type(value).ok_or_else(|| OptionError::Value {
                    key: key.to_owned(),
                    value: value.to_owned(),
                    wanted: "string, md5, sha256, ipv4 or ip",
                })?;
                set.kind = Some(kind);
            }
            "load" => set.load = Some(value.to_owned()),
            "save" => set.save = Some(value.to_owned()),
            "state" => (set.load, set.save) = (Some(value.to_owned()), Some(value.to_owned())),
            "memcap" => set.memcap_bytes = Some(bytes(key, value)?),
            "hashsize" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Where the reputation of addresses stands.
    pub(crate) fn reputation(&self) -> ReputationFiles {
        let place = |name: &String| match &self.reputation_folder {
            Some(folder) if !name.contains('/') => format!("{}/{name}", folder.trim_end_matches('/')),
            _ => name.clone(),
        };
        ReputationFiles {
            categories: self.categories.clone(),
            files: self.reputation.values().map(place).collect(),
        }
    }

    /// Puts what the files say into `context`; gives the lines of threshold.config.
    pub(crate) fn read(
        &self,
        files: &dyn ListFiles,
        context: &mut ParseContext,
        problems: &mut Vec<FileProblem>,
    ) -> Vec<ThresholdEntry> {
        context.datasets.clone_from(&self.datasets);
        context.dataset_writes = self.dataset_writes;
        context.absolute_dataset_paths = self.absolute_dataset_paths;
        if let Some((name, text)) = read(files, self.classification.as_ref(), problems) {
            let (classes, bad) = parse_classifications(&text);
            context.classifications.extend(classes);
            note(name, bad, problems);
        }
        if let Some((name, text)) = read(files, self.reference.as_ref(), problems) {
            let (references, bad) = parse_references(&text);
            context.references = references;
            note(name, bad, problems);
        }
        let Some((name, text)) = read(files, self.threshold.as_ref(), problems) else { return Vec::new() };
        let (entries, bad) = parse_thresholds(&text, &context.vars);
        note(name, bad, problems);
        entries
    }
}

fn read<'n>(
    files: &dyn ListFiles,
    name: Option<&'n String>,
    problems: &mut Vec<FileProblem>,
) -> Option<(&'n str, String)> {
    let name = name?;
    match files.read(name) {
        Ok(bytes) => Some((name, String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) => {
            problems.push(FileProblem::Unusable { file: name.clone(), reason: error.to_string() });
            None
        }
    }
}

fn note(file: &str, bad: Vec<mimamori_rules::BadLine>, problems: &mut Vec<FileProblem>) {
    problems.extend(bad.into_iter().map(|b| FileProblem::Line {
        file: file.to_owned(),
        line: b.line,
        reason: b.reason,
    }));
}
