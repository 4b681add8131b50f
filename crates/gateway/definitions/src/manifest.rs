//! What a set says about itself: versions, date, and where each part lies.

use mimamori_base::Timestamp;
use serde::{Deserialize, Serialize};

/// Version of the file layout. A gateway refuses a set with a higher one.
pub const FORMAT: u32 = 1;

/// What a part holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartKind {
    /// Rule text (UTF-8), one rule a line.
    Rules,
    /// A list file that rules name (`filemd5:NAME`, `dataset:… load NAME`), under its name.
    RuleFile,
    /// YARA source, as built from.
    YaraSource,
    /// Compiled YARA rules, as the crate `scan` writes and reads them.
    YaraCompiled,
    /// MD5, SHA-1 and SHA-256 of harmful files with their names ([`crate::FileHashes`]).
    FileHashes,
    /// Bad domains, URLs and addresses with kind and family (`mimamori_reputation`'s table).
    Names,
    /// Web categories: a table whose values are category names joined with commas.
    Categories,
    /// The catalogue of applications and protocols.
    Applications,
    /// A part of a later version: kept and checked, not used.
    #[serde(other)]
    Unknown,
}

impl PartKind {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            PartKind::Rules => "rules",
            PartKind::RuleFile => "rule-file",
            PartKind::YaraSource => "yara-source",
            PartKind::YaraCompiled => "yara-compiled",
            PartKind::FileHashes => "file-hashes",
            PartKind::Names => "names",
            PartKind::Categories => "categories",
            PartKind::Applications => "applications",
            PartKind::Unknown => "unknown",
        }
    }
}

/// One part of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartEntry {
    pub kind: PartKind,
    /// Tells parts of one kind apart; empty where there is one only.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Rules, hashes, names, …: what a reader would count.
    pub entries: u64,
    /// From the begin of the file; a multiple of the page size.
    pub offset: u64,
    pub length: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
}

/// What the set was made of, for `show`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub name: String,
    pub format: String,
    pub taken: u64,
    pub refused: u64,
}

/// The signed head of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// Grows with every set of one channel; a gateway takes no lower one than it has.
    pub version: u64,
    /// Whose set: shown beside the version, and never mixed with another channel's versions.
    pub channel: String,
    pub created: Timestamp,
    /// Which key signed: the first 16 hexadecimal digits of the SHA-256 of the public key.
    pub key_id: String,
    pub parts: Vec<PartEntry>,
    #[serde(default)]
    pub sources: Vec<Source>,
}

impl Manifest {
    /// How the set is named in heartbeat, status and portal: `starter-12`.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}-{}", self.channel, self.version)
    }
}
