//! The sets that a gateway keeps: the one in force and the one before it.
//!
//! Holds always: `current.mds` is a whole set or missing, at whatever point the power goes; a
//! set is copied into the gateway's own folder and verified there before it can be used, so that
//! nobody changes it afterwards; a lower version, or another channel, does not replace a higher
//! one. Deliberately not here: whether the engine can work with a set (the caller decides that
//! between [`SetStore::examine`] and [`SetStore::keep`]).

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::file::{replace, sync_folder};
use crate::key::VerifyingKey;
use crate::manifest::Manifest;
use crate::set::{DefinitionSet, OpenError};

const CURRENT: &str = "current.mds";
const PREVIOUS: &str = "previous.mds";
const INCOMING: &str = "incoming.mds";

/// Largest set that is taken.
pub const MAX_SET_BYTES: u64 = 1 << 30;

#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("定義ファイルが大きすぎます（{bytes} バイト、上限 {MAX_SET_BYTES} バイト）")]
    TooLarge { bytes: u64 },
    #[error("定義 {offered} は古いため使いません（使用中: {current}）")]
    Old { offered: String, current: String },
    #[error("定義 {offered} は種類が違うため使いません（使用中: {current}）")]
    OtherChannel { offered: String, current: String },
}

/// A set that was found right and lies in the gateway's folder, not yet in force.
#[derive(Debug)]
pub struct Candidate {
    pub set: DefinitionSet,
}

/// What a folder held at the start.
#[derive(Debug)]
pub struct Kept {
    pub set: Option<DefinitionSet>,
    /// Sets that could not be used, with the reason; the one before stood in.
    pub damaged: Vec<OpenError>,
}

/// The folder of a gateway's sets.
#[derive(Clone, Debug)]
pub struct SetStore {
    folder: PathBuf,
    keys: Vec<VerifyingKey>,
}

impl SetStore {
    pub fn open(folder: &Path, keys: Vec<VerifyingKey>) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(SetStore { folder: folder.to_owned(), keys })
    }

    /// The last good set: the current one, or the one before it where that is damaged.
    #[must_use]
    pub fn last_good(&self) -> Kept {
        let mut damaged = Vec::new();
        for name in [CURRENT, PREVIOUS] {
            match DefinitionSet::open(&self.folder.join(name), &self.keys) {
                Ok(set) => return Kept { set: Some(set), damaged },
                Err(OpenError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                Err(error) => damaged.push(error),
            }
        }
        Kept { set: None, damaged }
    }

    /// Copies an offered set into the folder and verifies the copy. `None`: it is the one in
    /// force already.
    pub fn examine(
        &self,
        offered: &Path,
        current: Option<&Manifest>,
    ) -> Result<Option<Candidate>, InstallError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| InstallError::Io { path, source }
        };
        let mut from = File::open(offered).map_err(io(offered))?;
        let bytes = from.metadata().map_err(io(offered))?.len();
        if bytes > MAX_SET_BYTES {
            return Err(InstallError::TooLarge { bytes });
        }
        let incoming = self.folder.join(INCOMING);
        replace(&incoming, |out| io::copy(&mut io::Read::take(&mut from, MAX_SET_BYTES), out).map(drop))
            .map_err(io(&incoming))?;
        let examined = self.judge(&incoming, offered, current);
        if !matches!(examined, Ok(Some(_))) {
            let _ = fs::remove_file(&incoming);
        }
        examined
    }

    fn judge(
        &self,
        incoming: &Path,
        offered: &Path,
        current: Option<&Manifest>,
    ) -> Result<Option<Candidate>, InstallError> {
        let set = DefinitionSet::open(incoming, &self.keys).map_err(|e| e.at(offered))?;
        let Some(current) = current else { return Ok(Some(Candidate { set })) };
        let new = set.manifest();
        if new == current {
            return Ok(None);
        }
        let (offered, in_force) = (new.label(), current.label());
        if new.channel != current.channel {
            return Err(InstallError::OtherChannel { offered, current: in_force });
        }
        if new.version <= current.version {
            return Err(InstallError::Old { offered, current: in_force });
        }
        Ok(Some(Candidate { set }))
    }

    /// Makes an examined set the current one; the current one becomes the one before.
    pub fn keep(&self, candidate: Candidate) -> Result<DefinitionSet, InstallError> {
        let path = |name: &str| self.folder.join(name);
        let io = |source| InstallError::Io { path: path(CURRENT), source };
        // A second name for the current file first: there is never a moment without it.
        let kept = path("previous.new");
        let _ = fs::remove_file(&kept);
        match fs::hard_link(path(CURRENT), &kept) {
            Ok(()) => fs::rename(&kept, path(PREVIOUS)).map_err(io)?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(io(e)),
        }
        fs::rename(path(INCOMING), path(CURRENT)).map_err(io)?;
        sync_folder(&path(CURRENT)).map_err(io)?;
        Ok(candidate.set)
    }

    /// Forgets a candidate that the engine cannot work with.
    pub fn discard(&self, candidate: Candidate) {
        drop(candidate);
        let _ = fs::remove_file(self.folder.join(INCOMING));
    }
}
