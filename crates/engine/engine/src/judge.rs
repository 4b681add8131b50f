//! What the engine asks of whoever judges files, and what it is told.
//!
//! Responsible for the boundary only: the engine hands out bytes as they come, decoded, and asks
//! now and then for an opinion; the judge answers when it can. Holds always: nothing here waits.
//! Deliberately not here: lists, patterns, archives (the scanner's), what follows from an
//! opinion ([`crate::judging`]).

use std::fmt::Debug;
use std::time::Duration;

/// A file on its way, for the time that it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct FileId(pub u64);

/// What is found in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Harm {
    /// Its family, as the list or rule calls it.
    pub family: String,
    /// What knew it: `sha256`, `md5`, `yara`, `clamd`.
    pub found_by: String,
    /// The way to the harmful member, where the file is an archive.
    pub member: Option<String>,
    /// Of the whole file so far, as hexadecimal digits.
    pub sha256: String,
}

/// Why a file could not be judged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum NotInspected {
    /// A password is needed.
    Encrypted,
    /// Archives in archives, deeper than is looked.
    TooDeep,
    /// The file, or what is packed in it, is larger than is looked at.
    TooLarge,
    /// An archive that is broken, or of a kind that is not known here.
    Unreadable,
    /// The scanner did not answer in time.
    Slow,
    /// The second scanner beside ours does not answer.
    NoClamd,
    /// There is no scanner at the moment.
    Dead,
    /// More files at once than are followed.
    Busy,
}

impl NotInspected {
    pub const ALL: [NotInspected; 8] = [
        NotInspected::Encrypted,
        NotInspected::TooDeep,
        NotInspected::TooLarge,
        NotInspected::Unreadable,
        NotInspected::Slow,
        NotInspected::NoClamd,
        NotInspected::Dead,
        NotInspected::Busy,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            NotInspected::Encrypted => "encrypted",
            NotInspected::TooDeep => "too_deep",
            NotInspected::TooLarge => "too_large",
            NotInspected::Unreadable => "unreadable",
            NotInspected::Slow => "scanner_slow",
            NotInspected::NoClamd => "no_clamd",
            NotInspected::Dead => "scanner_dead",
            NotInspected::Busy => "scanner_busy",
        }
    }

    /// The scanner's fault, not the file's.
    #[must_use]
    pub const fn is_of_scanner(self) -> bool {
        matches!(self, NotInspected::Slow | NotInspected::NoClamd | NotInspected::Dead | NotInspected::Busy)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opinion {
    Clean,
    Harmful(Box<Harm>),
    Unknown(NotInspected),
}

/// The answer to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    pub id: FileId,
    /// It is about so many bytes from the file's start.
    pub bytes: u64,
    /// The file was whole; nothing more will be said of it.
    pub end: bool,
    pub opinion: Opinion,
}

/// Takes files and gives opinions. Must not wait: what cannot be taken now is refused.
pub trait FileJudge: Send + Debug {
    /// A file begins.
    fn open(&mut self, id: FileId, name: &[u8]) -> Result<(), NotInspected>;
    /// Its next bytes.
    fn bytes(&mut self, id: FileId, bytes: &[u8]) -> Result<(), NotInspected>;
    /// Is it harmful as far as it has come? `end`: it is whole, and this is the last question.
    fn ask(&mut self, id: FileId, end: bool) -> Result<(), NotInspected>;
    /// Nobody will ask about it any more.
    fn forget(&mut self, id: FileId);
    /// The next answer that is there.
    fn next(&mut self) -> Option<Judgement>;
}

/// What becomes of what cannot be judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Unjudged {
    /// It goes on, counted as not inspected.
    #[default]
    Pass,
    /// It is stopped like a harmful file.
    Stop,
}

/// How files are judged in transit.
#[derive(Clone, Debug)]
pub struct JudgePolicy {
    /// Larger files are not judged.
    pub file_bytes: u64,
    /// A file is asked about with each packet up to here; beyond, when it is whole or stalls.
    pub ask_bytes: u64,
    /// How long the end of a file waits for its judgement.
    pub wait: Duration,
    /// After so long without a further packet, what is held is asked about.
    pub stall: Duration,
    /// Password, too deep, too large, broken.
    pub uninspectable: Unjudged,
    /// The scanner is slow or dead.
    pub no_scanner: Unjudged,
}

impl Default for JudgePolicy {
    fn default() -> Self {
        JudgePolicy {
            file_bytes: 32 << 20,
            ask_bytes: 1 << 20,
            wait: Duration::from_secs(4),
            stall: Duration::from_millis(30),
            uninspectable: Unjudged::Pass,
            no_scanner: Unjudged::Pass,
        }
    }
}

/// Files since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JudgeStats {
    pub files: u64,
    pub clean: u64,
    pub harmful: u64,
    pub stopped: u64,
    pub neutralised: u64,
    pub not_inspected: [u64; NotInspected::ALL.len()],
    /// Frames waiting at the moment, and their bytes.
    pub held_frames: usize,
    pub held_bytes: usize,
}

impl JudgeStats {
    pub(crate) fn count(&mut self, why: NotInspected) {
        if let Some(at) = NotInspected::ALL.iter().position(|r| *r == why)
            && let Some(n) = self.not_inspected.get_mut(at)
        {
            *n += 1;
        }
    }

    #[must_use]
    pub fn not_inspected(&self, why: NotInspected) -> u64 {
        let at = NotInspected::ALL.iter().position(|r| *r == why);
        at.and_then(|at| self.not_inspected.get(at)).copied().unwrap_or(0)
    }
}

/// What became of a harmful or unjudged file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileOutcome {
    /// The transfer was cut before its end.
    Stopped,
    /// Overwritten on the way; the session went on.
    Neutralised,
    /// It had passed, or nothing may be stopped here.
    Passed,
}

impl FileOutcome {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            FileOutcome::Stopped => "stopped",
            FileOutcome::Neutralised => "neutralised",
            FileOutcome::Passed => "passed",
        }
    }
}

/// A harmful file, for an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MalwareFacts {
    pub harm: Harm,
    pub file_name: String,
    pub size: u64,
    pub outcome: FileOutcome,
}
