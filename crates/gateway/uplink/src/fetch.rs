//! Fetching the definition set that the cloud offers, a piece at a time.
//!
//! Holds always: reports never wait for it (a piece is fetched when none is left to send); what
//! was fetched is kept over a restart; the set's place gets the whole of it, by renaming, and only
//! with the hash that was offered. A set that was fetched once is not fetched again, whatever the
//! gateway found it to be. Deliberately not here: whether a set is good (its signature and version
//! tell).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use mimamori_report::api::DEFINITION_PIECE;
use mimamori_report::{DefinitionOffer, Sha256};
use ring::digest::{Context, SHA256};

/// Largest set that is fetched.
const MAX_SET_BYTES: u64 = 1 << 30;

#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("the set offered has {0} bytes, more than {MAX_SET_BYTES}")]
    TooLarge(u64),
    #[error("the cloud gave {0} bytes where there should be more")]
    Cut(usize),
    #[error("what was fetched is not what was offered")]
    Other,
}

/// One place for a set, and what is on its way there.
#[derive(Debug)]
pub(crate) struct Fetch {
    place: PathBuf,
    wanted: Option<DefinitionOffer>,
}

impl Fetch {
    pub fn new(place: PathBuf) -> Self {
        Fetch { place, wanted: None }
    }

    fn beside(&self, what: &str) -> PathBuf {
        let mut name = self.place.file_name().unwrap_or_default().to_owned();
        name.push(what);
        self.place.with_file_name(name)
    }

    /// Notes what the cloud offers; nothing is to be fetched if it was before.
    pub fn offered(&mut self, offer: Option<&DefinitionOffer>) -> Result<(), FetchError> {
        self.wanted = None;
        let Some(offer) = offer else { return Ok(()) };
        let fetched = fs::read_to_string(self.beside(".fetched")).unwrap_or_default();
        if fetched.trim() == offer.sha256.to_string() {
            return Ok(());
        }
        if offer.bytes > MAX_SET_BYTES || offer.bytes == 0 {
            return Err(FetchError::TooLarge(offer.bytes));
        }
        self.wanted = Some(offer.clone());
        Ok(())
    }

    fn part(&self, sha256: &Sha256) -> PathBuf {
        self.beside(&format!(".{sha256}.part"))
    }

    /// What to ask the cloud for next.
    pub fn next(&self) -> Option<String> {
        let wanted = self.wanted.as_ref()?;
        let have = fs::metadata(self.part(&wanted.sha256)).map_or(0, |m| m.len());
        Some(format!("/v1/definitions/{}/{}", wanted.sha256, have.min(wanted.bytes.saturating_sub(1))))
    }

    /// It cannot go on now; the next offer begins where it stopped.
    pub fn give_up(&mut self) {
        self.wanted = None;
    }

    /// Takes a piece in. `Some`: the set is whole and in its place.
    pub fn piece(&mut self, bytes: &[u8]) -> Result<Option<DefinitionOffer>, FetchError> {
        let Some(wanted) = self.wanted.clone() else { return Ok(None) };
        let path = self.part(&wanted.sha256);
        let io = |source| FetchError::Io { path: path.clone(), source };
        let have = fs::metadata(&path).map_or(0, |m| m.len());
        if have == 0 {
            self.remove_others(&path);
        }
        // A part that is whole already was kept by a gateway that then lost its power.
        if have < wanted.bytes {
            let left = wanted.bytes - have;
            if bytes.len() as u64 != left.min(DEFINITION_PIECE) {
                return Err(FetchError::Cut(bytes.len()));
            }
            let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(io)?;
            file.write_all(bytes).map_err(io)?;
            if bytes.len() as u64 != left {
                return Ok(None);
            }
            file.sync_all().map_err(io)?;
        }
        self.wanted = None;
        if hash(&path).map_err(io)? != (wanted.bytes, wanted.sha256) {
            let _ = fs::remove_file(&path);
            return Err(FetchError::Other);
        }
        fs::rename(&path, &self.place).map_err(io)?;
        fs::write(self.beside(".fetched"), wanted.sha256.to_string()).map_err(io)?;
        Ok(Some(wanted))
    }

    /// Parts of sets that are not offered any more.
    fn remove_others(&self, keep: &Path) {
        let (Some(folder), Some(name)) = (self.place.parent(), self.place.file_name()) else { return };
        let name = name.to_string_lossy().into_owned();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let of_ours =
                entry.file_name().to_string_lossy().strip_prefix(&name).is_some_and(|rest| {
                    rest.ends_with(".part") && rest.len() == ".".len() + 64 + ".part".len()
                });
            if of_ours && entry.path() != keep {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

fn hash(path: &Path) -> io::Result<(u64, Sha256)> {
    let mut file = File::open(path)?;
    let (mut context, mut bytes) = (Context::new(&SHA256), 0);
    let mut piece = vec![0; 1 << 16];
    loop {
        let n = file.read(&mut piece)?;
        let Some(read) = piece.get(..n).filter(|r| !r.is_empty()) else { break };
        context.update(read);
        bytes += n as u64;
    }
    let mut sha256 = [0; 32];
    for (to, from) in sha256.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    Ok((bytes, Sha256(sha256)))
}

#[cfg(test)]
mod tests {
    use mimamori_report::Text;

    use super::*;

    fn offer(bytes: &[u8]) -> DefinitionOffer {
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(ring::digest::digest(&SHA256, bytes).as_ref());
        DefinitionOffer { label: Text::new("t-1"), bytes: bytes.len() as u64, sha256: Sha256(sha256) }
    }

    fn from(path: &str) -> usize {
        path.rsplit('/').next().unwrap().parse().unwrap()
    }

    #[test]
    fn goes_on_after_a_restart_and_is_fetched_once() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("offered.mds");
        let set: Vec<u8> = (0..DEFINITION_PIECE * 2 + 77).map(|n| (n % 251) as u8).collect();
        let piece = |at: usize| &set[at..set.len().min(at + DEFINITION_PIECE as usize)];
        let mut fetch = Fetch::new(place.clone());
        assert_eq!(fetch.next(), None);
        fetch.offered(Some(&offer(&set))).unwrap();
        assert_eq!(fetch.piece(piece(from(&fetch.next().unwrap()))).unwrap(), None);
        assert!(matches!(fetch.piece(&set[..5]), Err(FetchError::Cut(5))));
        // Another process goes on where this one stopped.
        let mut fetch = Fetch::new(place.clone());
        fetch.offered(Some(&offer(&set))).unwrap();
        assert_eq!(from(&fetch.next().unwrap()), DEFINITION_PIECE as usize);
        while let Some(path) = fetch.next() {
            assert!(!place.exists(), "never a part of it");
            fetch.piece(piece(from(&path))).unwrap();
        }
        assert_eq!(fs::read(&place).unwrap(), set);
        fetch.offered(Some(&offer(&set))).unwrap();
        assert_eq!(fetch.next(), None);
    }

    #[test]
    fn what_is_not_what_was_offered_never_gets_there() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("offered.mds");
        let mut fetch = Fetch::new(place.clone());
        fetch.offered(Some(&offer(b"right"))).unwrap();
        assert!(matches!(fetch.piece(b"wrong"), Err(FetchError::Other)));
        assert!(!place.exists());
        // From the begin again, at the next offer.
        fetch.offered(Some(&offer(b"right"))).unwrap();
        assert_eq!(from(&fetch.next().unwrap()), 0);
        assert!(fetch.piece(b"right").unwrap().is_some());
        let large = DefinitionOffer { bytes: MAX_SET_BYTES + 1, ..offer(b"x") };
        assert!(matches!(fetch.offered(Some(&large)), Err(FetchError::TooLarge(_))));
        assert_eq!(fetch.next(), None);
    }
}
