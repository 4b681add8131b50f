//! The definition set that gateways are handed: one at a time, in a folder of files.
//!
//! Responsible for the folder: [`put_up`] writes it, heartbeats name what is in it, gateways
//! fetch it piece by piece. Holds always: what is offered is whole; a piece comes from the file
//! of the hash that was asked for, whatever is offered meanwhile. Deliberately not here: whether
//! a set is good (its signature tells the gateway).

use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use mimamori_report::api::DEFINITION_PIECE;
use mimamori_report::{DefinitionOffer, Sha256, Text};
use ring::digest::{Context, SHA256};

/// Largest set that is handed out; gateways take no larger one.
pub const MAX_SET_BYTES: u64 = 1 << 30;

const OFFER: &str = "offer.json";
const MAX_OFFER_BYTES: u64 = 4 << 10;

#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("定義ファイルは {MAX_SET_BYTES} バイトまでです（{0} バイト）")]
    TooLarge(u64),
}

/// Puts a set up: it is what gateways fetch from their next heartbeat on. The set offered before
/// stays until the one after this, for gateways that are in the middle of it.
pub fn put_up(folder: &Path, set: &Path, label: &str) -> Result<DefinitionOffer, OfferError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| OfferError::Io { path, source }
    };
    std::fs::create_dir_all(folder).map_err(at(folder))?;
    let incoming = folder.join("incoming");
    let (bytes, sha256) = copy(set, &incoming).map_err(at(set))?;
    if bytes > MAX_SET_BYTES {
        let _ = std::fs::remove_file(&incoming);
        return Err(OfferError::TooLarge(bytes));
    }
    let before = read(folder);
    let offer = DefinitionOffer { label: Text::new(label), bytes, sha256 };
    let kept = set_path(folder, &sha256);
    std::fs::rename(&incoming, &kept).map_err(at(&kept))?;
    let json = serde_json::to_vec(&offer).map_err(|e| at(folder)(io::Error::other(e)))?;
    let (new, place) = (folder.join("offer.new"), folder.join(OFFER));
    std::fs::write(&new, json).map_err(at(&new))?;
    std::fs::rename(&new, &place).map_err(at(&place))?;
    let stays = [Some(sha256), before.map(|b| b.sha256)];
    remove_others(folder, &stays).map_err(at(folder))?;
    Ok(offer)
}

fn copy(from: &Path, to: &Path) -> io::Result<(u64, Sha256)> {
    let (mut from, mut to) = (std::fs::File::open(from)?, std::fs::File::create(to)?);
    let mut hash = Context::new(&SHA256);
    let mut bytes = 0;
    let mut piece = vec![0; 1 << 16];
    loop {
        let n = from.read(&mut piece)?;
        let Some(read) = piece.get(..n).filter(|r| !r.is_empty()) else { break };
        io::Write::write_all(&mut to, read)?;
        hash.update(read);
        bytes += n as u64;
        if bytes > MAX_SET_BYTES {
            break;
        }
    }
    to.sync_all()?;
    let mut sha256 = [0; 32];
    for (to, from) in sha256.iter_mut().zip(hash.finish().as_ref()) {
        *to = *from;
    }
    Ok((bytes, Sha256(sha256)))
}

fn remove_others(folder: &Path, stays: &[Option<Sha256>]) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let set = path.extension().is_some_and(|e| e == "mds");
        if set && !stays.iter().flatten().any(|s| set_path(folder, s) == path) {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn set_path(folder: &Path, sha256: &Sha256) -> PathBuf {
    folder.join(format!("{sha256}.mds"))
}

#[expect(clippy::disallowed_methods, reason = "limited by take")]
fn read(folder: &Path) -> Option<DefinitionOffer> {
    let mut json = Vec::new();
    std::fs::File::open(folder.join(OFFER)).ok()?.take(MAX_OFFER_BYTES).read_to_end(&mut json).ok()?;
    serde_json::from_slice(&json)
        .inspect_err(|error| tracing::error!(%error, folder = %folder.display(), "the offer cannot be read"))
        .ok()
}

/// The folder as the listener sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offers {
    pub folder: Option<PathBuf>,
}

impl Offers {
    /// What is offered now.
    pub async fn current(&self) -> Option<DefinitionOffer> {
        let folder = self.folder.clone()?;
        tokio::task::spawn_blocking(move || read(&folder)).await.ok()?
    }

    /// A piece of a set from a place on; `None`: there is no such set or place.
    #[expect(clippy::disallowed_methods, reason = "limited by take")]
    pub async fn piece(&self, sha256: Sha256, from: u64) -> Option<Vec<u8>> {
        let path = set_path(self.folder.as_ref()?, &sha256);
        tokio::task::spawn_blocking(move || {
            let mut file = std::fs::File::open(path).ok()?;
            let length = file.metadata().ok()?.len();
            if from >= length {
                return None;
            }
            file.seek(SeekFrom::Start(from)).ok()?;
            let mut piece = Vec::new();
            file.take(DEFINITION_PIECE).read_to_end(&mut piece).ok()?;
            Some(piece)
        })
        .await
        .ok()?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_set_before_stays_and_those_before_it_go() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, set) = (dir.path().join("offers"), dir.path().join("set"));
        let offers = Offers { folder: Some(folder.clone()) };
        assert_eq!(offers.current().await, None);
        let mut made = Vec::new();
        for n in 1..=3u8 {
            std::fs::write(&set, vec![n; usize::from(n) * 1000]).unwrap();
            made.push(put_up(&folder, &set, &format!("t-{n}")).unwrap());
        }
        assert_eq!(offers.current().await.as_ref(), Some(&made[2]));
        assert_eq!(offers.piece(made[2].sha256, 2_990).await, Some(vec![3; 10]));
        assert_eq!(offers.piece(made[2].sha256, 3_000).await, None);
        assert_eq!(offers.piece(made[1].sha256, 1_999).await, Some(vec![2]));
        assert_eq!(offers.piece(made[0].sha256, 0).await, None);
    }
}
