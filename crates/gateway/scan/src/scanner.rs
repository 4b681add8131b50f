//! An opinion on a file: its hashes, the rules, clamd, and everything that is packed in it.
//!
//! Holds always: at most [`Limits`] of members, depth, bytes and time are spent on one file. The
//! first harm found ends the search; what could not be looked into makes the file unknown only
//! where nothing harmful was found.

use std::sync::Arc;
use std::time::Duration;

use md5::Md5;
use mimamori_definitions::FileHashes;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::clamd::{Clamd, ClamdAddress};
use crate::rules::{Matcher, YaraRules};
use crate::unpack::{self, Budget};

/// How much is looked into one file.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Archives in archives.
    pub depth: u32,
    /// All members of all depths.
    pub members: u32,
    /// One member, bytes.
    pub member_bytes: u64,
    /// All members together, bytes.
    pub total_bytes: u64,
    /// Unpacked bytes for each packed one, beyond the first megabyte.
    pub ratio: u64,
    /// The rules on one member, seconds.
    pub rules_secs: u64,
    /// The whole file: after so long nothing more is unpacked.
    pub file_secs: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            depth: 6,
            members: 2_000,
            member_bytes: 32 << 20,
            total_bytes: 96 << 20,
            ratio: 250,
            rules_secs: 3,
            file_secs: 15,
        }
    }
}

/// Why no opinion could be formed; the first is the most telling.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Why {
    Encrypted,
    TooDeep,
    TooLarge,
    Unreadable,
    /// clamd, which judges beside the others, does not answer.
    NoClamd,
    /// The scanner is gone.
    Dead,
    /// Its queue is full.
    Busy,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Finding {
    Clean,
    Harmful {
        family: String,
        /// `sha256`, `md5`, `sha1`, `yara`, `clamd`.
        found_by: String,
        /// The way to the harmful member.
        member: Option<String>,
        /// Of the whole file, as it was judged.
        sha256: String,
    },
    Unknown(Why),
}

/// What files are judged by.
#[derive(Clone)]
pub struct Knowledge {
    yara: Option<YaraRules>,
    hashes: Vec<FileHashes<Arc<[u8]>>>,
    clamd: Option<Clamd>,
    pub limits: Limits,
}

impl std::fmt::Debug for Knowledge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Knowledge")
            .field("rules", &self.rule_count())
            .field("hashes", &self.hash_count())
            .field("clamd", &self.clamd)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum KnowledgeError {
    #[error("the compiled YARA rules cannot be used: {0}")]
    Rules(String),
    #[error("the list of file hashes is cut or of another layout")]
    Hashes,
}

impl Knowledge {
    /// `yara`: as [`crate::compile_yara`] gave it, from a set whose signature was checked.
    pub fn new(
        yara: Option<&[u8]>,
        hashes: Vec<Arc<[u8]>>,
        clamd: Option<ClamdAddress>,
        limits: Limits,
    ) -> Result<Self, KnowledgeError> {
        let yara = match yara {
            None | Some([]) => None,
            Some(bytes) => Some(YaraRules::read(bytes).map_err(KnowledgeError::Rules)?),
        };
        let hashes: Option<Vec<_>> = hashes.into_iter().map(FileHashes::open).collect();
        let clamd = clamd.map(Clamd::new);
        Ok(Knowledge { yara, hashes: hashes.ok_or(KnowledgeError::Hashes)?, clamd, limits })
    }

    #[must_use]
    pub fn rule_count(&self) -> usize {
        self.yara.as_ref().map_or(0, YaraRules::len)
    }

    #[must_use]
    pub fn hash_count(&self) -> usize {
        self.hashes.iter().map(FileHashes::len).sum()
    }

    /// Nothing to judge by.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rule_count() == 0 && self.hash_count() == 0 && self.clamd.is_none()
    }
}

/// Judges one file after the other.
pub struct Scanner<'k> {
    knowledge: &'k Knowledge,
    yara: Option<Matcher<'k>>,
}

impl std::fmt::Debug for Scanner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scanner").field("knowledge", &self.knowledge).finish_non_exhaustive()
    }
}

struct Hit {
    family: String,
    found_by: &'static str,
}

impl<'k> Scanner<'k> {
    #[must_use]
    pub fn new(knowledge: &'k Knowledge) -> Self {
        let longest = Duration::from_secs(knowledge.limits.rules_secs.max(1));
        let yara = knowledge.yara.as_ref().map(|rules| Matcher::new(rules, longest));
        Scanner { knowledge, yara }
    }

    /// `whole`: nothing follows. A beginning is judged by what it is; that it cannot be unpacked
    /// yet says nothing.
    pub fn judge(&mut self, bytes: &[u8], whole: bool) -> Finding {
        let mut budget = Budget::new(self.knowledge.limits, bytes.len() as u64);
        let mut found: Option<(Hit, Vec<String>)> = None;
        unpack::walk(bytes, &mut budget, &mut |member, path| {
            if let Some(hit) = self.look(member) {
                found = Some((hit, path.to_vec()));
            }
            found.is_none()
        });
        if found.is_none()
            && let Some(clamd) = &self.knowledge.clamd
        {
            match clamd.scan(bytes) {
                Ok(Some(family)) => found = Some((Hit { family, found_by: "clamd" }, Vec::new())),
                Ok(None) => {}
                // Both judge together: without the one the other's word is not enough.
                Err(_) if whole => budget.note(Why::NoClamd),
                Err(_) => {}
            }
        }
        match found {
            Some((hit, path)) => Finding::Harmful {
                family: hit.family,
                found_by: hit.found_by.to_owned(),
                member: (!path.is_empty()).then(|| path.join(" > ")),
                sha256: hex(&Sha256::digest(bytes)),
            },
            None => match budget.why() {
                Some(why) if whole => Finding::Unknown(why),
                _ => Finding::Clean,
            },
        }
    }

    fn look(&mut self, bytes: &[u8]) -> Option<Hit> {
        if !self.knowledge.hashes.is_empty() {
            let (md5, sha1, sha256) = (Md5::digest(bytes), Sha1::digest(bytes), Sha256::digest(bytes));
            for list in &self.knowledge.hashes {
                let hit = |found_by, name: &str| Some(Hit { family: name.to_owned(), found_by });
                if let Some(h) = list.sha256(&sha256.into()) {
                    return hit("sha256", h.name);
                }
                if let Some(h) = list.sha1(&sha1.into()) {
                    return hit("sha1", h.name);
                }
                if let Some(h) = list.md5(&md5.into()) {
                    return hit("md5", h.name);
                }
            }
        }
        let family = self.yara.as_mut()?.family(bytes)?;
        Some(Hit { family, found_by: "yara" })
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(64), |mut out, b| {
        // Writing into a String cannot fail.
        let _ = write!(out, "{b:02x}");
        out
    })
}
