//! What rules take from files: hash lists, data sets, reputations.
//!
//! Responsible for turning files' contents into tables, and for refusing the rules whose file
//! is missing or broken. Holds always: loaded [`Lists`] never change and are shared; at most
//! [`MAX_LIST_VALUES`] values are loaded in all. Deliberately not here: opening files (the
//! program does, behind [`ListFiles`]), and what rules add to sets later (`datasets`).

mod iprep;
mod load;
mod text;

use hashbrown::{HashMap, HashSet};
use mimamori_rules::{DatasetType, HashKind, ThresholdEntry};

pub use iprep::IpReputation;
pub(crate) use load::Loader;
pub(crate) use text::{dataset_key, dataset_line};

/// Values of all lists together.
pub const MAX_LIST_VALUES: usize = 4 << 20;

/// Why a file gives nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ListFileError {
    #[error("there is no such file")]
    NotFound,
    #[error("it is larger than {max_bytes} bytes")]
    TooLarge { max_bytes: u64 },
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

/// Gives the contents of files that rules and options name.
pub trait ListFiles {
    /// # Errors
    /// Where there is no such file, or it cannot be read.
    fn read(&self, name: &str) -> Result<Vec<u8>, ListFileError>;
}

/// Knows no file.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFiles;

impl ListFiles for NoFiles {
    fn read(&self, _name: &str) -> Result<Vec<u8>, ListFileError> {
        Err(ListFileError::NotFound)
    }
}

/// Where the reputation of addresses stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReputationFiles {
    pub categories: Option<String>,
    pub files: Vec<String>,
}

/// What a rule set is compiled with besides its rules.
pub struct Surroundings<'a> {
    pub files: &'a dyn ListFiles,
    /// Lines of threshold.config.
    pub thresholds: &'a [ThresholdEntry],
    pub reputation: ReputationFiles,
}

impl Default for Surroundings<'_> {
    fn default() -> Self {
        Surroundings { files: &NoFiles, thresholds: &[], reputation: ReputationFiles::default() }
    }
}

pub(crate) type Values = HashSet<Box<[u8]>>;
pub(crate) type Ratings = HashMap<Box<[u8]>, u16>;

/// What is known of a data set besides its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SetFacts {
    pub kind: DatasetType,
    pub save: Option<Box<str>>,
    pub memcap_bytes: Option<u64>,
}

/// Everything that was loaded for a rule set.
#[derive(Debug, Default)]
pub struct Lists {
    pub(crate) sets: HashMap<Box<str>, Values>,
    pub(crate) facts: HashMap<Box<str>, SetFacts>,
    pub(crate) ratings: HashMap<Box<str>, Ratings>,
    hashes: HashMap<(HashKind, Box<str>), Values>,
    pub(crate) iprep: IpReputation,
    values: usize,
}

impl Lists {
    /// Whether the hash list `file` has `digest`.
    #[must_use]
    pub fn has_hash(&self, kind: HashKind, file: &str, digest: &[u8]) -> bool {
        // The key is owned; a file's end is rare enough for the copy.
        self.hashes.get(&(kind, Box::from(file))).is_some_and(|h| h.contains(digest))
    }

    /// Values of all lists.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values == 0
    }
}
