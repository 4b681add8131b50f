//! Which files a rule needs, loaded once for all rules.

use mimamori_rules::{Check, Dataset, DatasetOp, FileCheck, HashKind, Match, Rule};

use super::{ListFileError, Lists, MAX_LIST_VALUES, SetFacts, Surroundings, text};

/// Why a rule cannot be used, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadList {
    pub column: u32,
    pub reason: String,
}

/// Loads lists as rules ask for them.
pub(crate) struct Loader<'a, 'f> {
    around: &'a Surroundings<'f>,
    lists: Lists,
    /// Loaded when the first rule asks; the reason when that failed.
    iprep: Option<Result<(), String>>,
}

impl<'a, 'f> Loader<'a, 'f> {
    pub(crate) fn new(around: &'a Surroundings<'f>) -> Self {
        Loader { around, lists: Lists::default(), iprep: None }
    }

    pub(crate) fn lists(&self) -> &Lists {
        &self.lists
    }

    pub(crate) fn into_lists(self) -> Lists {
        self.lists
    }

    /// Loads what `rule` needs.
    pub(crate) fn rule(&mut self, rule: &Rule) -> Result<(), BadList> {
        for check in &rule.checks {
            let (column, done) = match check {
                Check::File(FileCheck::HashList { kind, file, column, .. }) => {
                    (*column, self.hash_list(*kind, file))
                }
                Check::IpRep { category, column, .. } => (*column, self.category(category)),
                _ => continue,
            };
            done.map_err(|reason| BadList { column, reason })?;
        }
        for buffer in &rule.buffers {
            self.matches(&buffer.matches)?;
        }
        Ok(())
    }

    fn matches(&mut self, list: &[Match]) -> Result<(), BadList> {
        for one in list {
            match one {
                Match::Dataset(set) => {
                    self.dataset(set).map_err(|reason| BadList { column: set.column, reason })?;
                }
                Match::Base64Decode(d) => self.matches(&d.data)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        self.around.files.read(name).map_err(|e| format!("list file {name:?}: {e}"))
    }

    /// Counts values that are about to be kept.
    fn room(&mut self, name: &str, more: usize) -> Result<(), String> {
        let all = self.lists.values.saturating_add(more);
        if all > MAX_LIST_VALUES {
            return Err(format!("list file {name:?}: more than {MAX_LIST_VALUES} values in all lists"));
        }
        self.lists.values = all;
        Ok(())
    }

    fn hash_list(&mut self, kind: HashKind, file: &str) -> Result<(), String> {
        let key = (kind, Box::from(file));
        if self.lists.hashes.contains_key(&key) {
            return Ok(());
        }
        let digests =
            text::hashes(&self.read(file)?, kind).map_err(|e| format!("list file {file:?}: {e}"))?;
        self.room(file, digests.len())?;
        self.lists.hashes.insert(key, digests);
        Ok(())
    }

    fn dataset(&mut self, set: &Dataset) -> Result<(), String> {
        if let Some(known) = self.lists.facts.get_mut(&set.name) {
            if known.kind != set.kind {
                return Err(format!("the set `{}` is of another type in an earlier rule", set.name));
            }
            if known.save.is_none() {
                known.save.clone_from(&set.save);
            }
        } else {
            let (save, memcap_bytes) = (set.save.clone(), set.memcap_bytes);
            let facts = SetFacts { kind: set.kind, save, memcap_bytes };
            self.lists.facts.insert(set.name.clone(), facts);
        }
        let Some(file) = &set.load else { return Ok(()) };
        let rated = matches!(set.op, DatasetOp::Reputation { .. });
        let there = if rated {
            self.lists.ratings.contains_key(&set.name)
        } else {
            self.lists.sets.contains_key(&set.name)
        };
        if there {
            return Ok(());
        }
        let contents = match self.around.files.read(file) {
            // A state file comes into being when it is first written.
            Err(ListFileError::NotFound) if set.save.as_deref() == Some(file) => Vec::new(),
            Err(e) => return Err(format!("list file {file:?}: {e}")),
            Ok(contents) => contents,
        };
        let bad = |e| format!("list file {file:?}: {e}");
        if rated {
            let all = text::ratings(&contents, set.kind).map_err(bad)?;
            self.room(file, all.len())?;
            self.lists.ratings.insert(set.name.clone(), all);
        } else {
            let all = text::values(&contents, set.kind).map_err(bad)?;
            self.room(file, all.len())?;
            self.lists.sets.insert(set.name.clone(), all);
        }
        Ok(())
    }

    fn category(&mut self, name: &str) -> Result<(), String> {
        if self.iprep.is_none() {
            let loaded = self.load_iprep();
            self.iprep = Some(loaded);
        }
        match &self.iprep {
            Some(Err(reason)) => Err(reason.clone()),
            _ if self.lists.iprep.category(name).is_some() => Ok(()),
            _ => Err(format!("the category `{name}` is not in the file of categories")),
        }
    }

    fn load_iprep(&mut self) -> Result<(), String> {
        let sources = &self.around.reputation;
        let Some(categories) = &sources.categories else {
            return Err("`iprep` needs the option `reputation-categories-file`".to_owned());
        };
        let bad = |name: &str, e| format!("list file {name:?}: {e}");
        let contents = self.read(categories)?;
        self.lists.iprep.add_categories(&contents).map_err(|e| bad(categories, e))?;
        for file in &sources.files {
            let contents = self.read(file)?;
            let before = self.lists.iprep.len();
            self.lists.iprep.add_values(&contents).map_err(|e| bad(file, e))?;
            self.room(file, self.lists.iprep.len().saturating_sub(before))?;
        }
        Ok(())
    }
}
