//! Writing a set: head, signature, parts; whole or not at all.
//!
//! The file: 8 bytes magic, format (u32 LE), length of the manifest (u32 LE), the manifest as
//! JSON, 64 bytes of signature over all that, then the parts, each at a multiple of 4096.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use mimamori_base::Timestamp;
use sha2::{Digest, Sha256};

use crate::key::{SigningKey, hex};
use crate::manifest::{FORMAT, Manifest, PartEntry, PartKind, Source};

pub(crate) const MAGIC: &[u8; 8] = b"MIMADEF1";
pub(crate) const HEAD_BYTES: usize = 16;
pub(crate) const SIGNATURE_BYTES: usize = 64;
const ALIGNMENT: u64 = 4096;

#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("the manifest is too large")]
    Manifest,
}

/// A part to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPart {
    pub kind: PartKind,
    /// Tells parts of one kind apart; empty where there is one only.
    pub name: String,
    /// Rules, hashes, names, …: what a reader would count.
    pub entries: u64,
    pub bytes: Vec<u8>,
}

/// Writes one set.
#[derive(Debug)]
pub struct SetWriter {
    pub channel: String,
    pub version: u64,
    pub created: Timestamp,
    pub parts: Vec<NewPart>,
    pub sources: Vec<Source>,
}

impl SetWriter {
    /// Writes the set to `path`: a reader sees the old file or the new one, also after a power
    /// cut.
    pub fn write(&self, path: &Path, key: &SigningKey) -> Result<Manifest, WriteError> {
        let io = |source| WriteError::Io { path: path.to_owned(), source };
        let (manifest, head) = self.head(key)?;
        replace(path, |out| {
            out.write_all(&head)?;
            out.write_all(&key.sign(&head))?;
            let mut at = (head.len() + SIGNATURE_BYTES) as u64;
            for (entry, part) in manifest.parts.iter().zip(&self.parts) {
                io::copy(&mut io::Read::take(io::repeat(0), entry.offset.saturating_sub(at)), out)?;
                out.write_all(&part.bytes)?;
                at = entry.offset + entry.length;
            }
            Ok(())
        })
        .map_err(io)?;
        Ok(manifest)
    }

    /// The manifest with offsets, and the bytes that are signed. Offsets depend on the head's
    /// length and that on the offsets' digits, so room is kept for the longest.
    fn head(&self, key: &SigningKey) -> Result<(Manifest, Vec<u8>), WriteError> {
        let mut manifest = Manifest {
            format: FORMAT,
            version: self.version,
            channel: self.channel.clone(),
            created: self.created,
            key_id: key.verifying().id(),
            parts: self.parts.iter().map(entry).collect(),
            sources: self.sources.clone(),
        };
        let room = manifest_bytes(&manifest)?.len() + 24 * self.parts.len();
        let mut at = (HEAD_BYTES + room + SIGNATURE_BYTES) as u64;
        for part in &mut manifest.parts {
            at = at.next_multiple_of(ALIGNMENT);
            part.offset = at;
            at += part.length;
        }
        let json = manifest_bytes(&manifest)?;
        let mut head = Vec::with_capacity(HEAD_BYTES + json.len());
        head.extend_from_slice(MAGIC);
        head.extend_from_slice(&FORMAT.to_le_bytes());
        head.extend_from_slice(&u32::try_from(json.len()).map_err(|_| WriteError::Manifest)?.to_le_bytes());
        head.extend_from_slice(&json);
        Ok((manifest, head))
    }
}

fn manifest_bytes(manifest: &Manifest) -> Result<Vec<u8>, WriteError> {
    serde_json::to_vec(manifest).map_err(|_| WriteError::Manifest)
}

pub(crate) fn entry(part: &NewPart) -> PartEntry {
    PartEntry {
        kind: part.kind,
        name: part.name.clone(),
        entries: part.entries,
        offset: 0,
        length: part.bytes.len() as u64,
        sha256: hex(&Sha256::digest(&part.bytes)),
    }
}

/// Writes a file under another name, makes it durable, and gives it its name: a crash at any
/// point leaves the old file or the new one.
pub(crate) fn replace(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let temporary = beside(path);
    let _ = fs::remove_file(&temporary);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&temporary)?;
    let mut out = BufWriter::new(file);
    let written = write(&mut out).and_then(|()| out.flush()).and_then(|()| out.get_ref().sync_all());
    if let Err(error) = written {
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    fs::rename(&temporary, path)?;
    sync_folder(path)
}

/// Makes the names in the folder of `path` durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}
