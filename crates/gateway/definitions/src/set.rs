//! Opening a set: nothing of it is used before everything of it was found right.

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;
use sha2::{Digest, Sha256};

use crate::file::{HEAD_BYTES, MAGIC, SIGNATURE_BYTES, SetWriter, entry};
use crate::key::{VerifyingKey, hex};
use crate::manifest::{FORMAT, Manifest, PartEntry, PartKind};
use crate::map::map;

/// Longest manifest that is read.
const MAX_MANIFEST_BYTES: usize = 4 << 20;
/// Most parts that a set may have.
const MAX_PARTS: usize = 4096;

/// Why a set was refused.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("定義ファイル {path} を読めません: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path} は定義ファイルではありません（{reason}）")]
    NotASet { path: PathBuf, reason: &'static str },
    #[error(
        "定義ファイル {path} の形式（{format}）は新しすぎます。ゲートウェイのソフトウェアを更新してください"
    )]
    TooNew { path: PathBuf, format: u32 },
    #[error("定義ファイル {path} の署名が正しくありません。改ざんか、別の鍵で作られたものです")]
    Signature { path: PathBuf },
    #[error("定義ファイル {path} の「{part}」が壊れています（途中で切れているか、改ざんされています）")]
    Damaged { path: PathBuf, part: String },
}

/// The bytes of a part. Cheap to clone; keeps the file mapped.
#[derive(Clone)]
pub struct PartBytes {
    whole: Whole,
    range: Range<usize>,
}

impl AsRef<[u8]> for PartBytes {
    fn as_ref(&self) -> &[u8] {
        self.whole.bytes().get(self.range.clone()).unwrap_or_default()
    }
}

impl fmt::Debug for PartBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartBytes({})", self.range.len())
    }
}

/// Where a set's bytes lie.
#[derive(Clone)]
enum Whole {
    Mapped(Arc<Mmap>),
    /// Of a set that comes with the program.
    Memory(Arc<Vec<u8>>),
}

impl Whole {
    fn bytes(&self) -> &[u8] {
        match self {
            Whole::Mapped(map) => map,
            Whole::Memory(bytes) => bytes,
        }
    }
}

/// A verified set, mapped into memory.
#[derive(Clone)]
pub struct DefinitionSet {
    manifest: Manifest,
    whole: Whole,
}

impl fmt::Debug for DefinitionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DefinitionSet").field("manifest", &self.manifest).finish_non_exhaustive()
    }
}

impl DefinitionSet {
    /// Opens and verifies: signature by one of `keys`, every part's SHA-256.
    pub fn open(path: &Path, keys: &[VerifyingKey]) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        let map = map(&file).map_err(io)?;
        let manifest = check_head(&map, path, keys)?;
        let set = DefinitionSet { manifest, whole: Whole::Mapped(Arc::new(map)) };
        for part in &set.manifest.parts {
            let right = set.bytes(part).is_some_and(|b| hex(&Sha256::digest(b.as_ref())) == part.sha256);
            if !right {
                let part = if part.name.is_empty() { part.kind.name() } else { &part.name };
                return Err(OpenError::Damaged { path: path.to_owned(), part: part.to_owned() });
            }
        }
        Ok(set)
    }

    /// A set out of parts that come with the program: trusted as the program is.
    #[must_use]
    pub fn built_in(writer: &SetWriter) -> Self {
        let mut bytes = Vec::new();
        let mut parts = Vec::new();
        for part in &writer.parts {
            let mut entry = entry(part);
            entry.offset = bytes.len() as u64;
            bytes.extend_from_slice(&part.bytes);
            parts.push(entry);
        }
        let manifest = Manifest {
            format: FORMAT,
            version: writer.version,
            channel: writer.channel.clone(),
            created: writer.created,
            key_id: String::new(),
            parts,
            sources: writer.sources.clone(),
        };
        DefinitionSet { manifest, whole: Whole::Memory(Arc::new(bytes)) }
    }

    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The first part of a kind.
    #[must_use]
    pub fn part(&self, kind: PartKind) -> Option<PartBytes> {
        self.parts(kind).next().map(|(_, bytes)| bytes)
    }

    /// All parts of a kind with their names.
    pub fn parts(&self, kind: PartKind) -> impl Iterator<Item = (&PartEntry, PartBytes)> {
        self.manifest.parts.iter().filter(move |p| p.kind == kind).filter_map(|p| Some((p, self.bytes(p)?)))
    }

    fn bytes(&self, part: &PartEntry) -> Option<PartBytes> {
        let start = usize::try_from(part.offset).ok()?;
        let end = start.checked_add(usize::try_from(part.length).ok()?)?;
        self.whole.bytes().get(start..end)?;
        Some(PartBytes { whole: self.whole.clone(), range: start..end })
    }
}

fn check_head(bytes: &[u8], path: &Path, keys: &[VerifyingKey]) -> Result<Manifest, OpenError> {
    let not = |reason| OpenError::NotASet { path: path.to_owned(), reason };
    if bytes.get(..8) != Some(MAGIC.as_slice()) {
        return Err(not("先頭の印がありません"));
    }
    let number = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let format = number(8).ok_or_else(|| not("短すぎます"))?;
    if format > FORMAT {
        return Err(OpenError::TooNew { path: path.to_owned(), format });
    }
    let length = number(12).and_then(|n| usize::try_from(n).ok()).filter(|n| *n <= MAX_MANIFEST_BYTES);
    let end = HEAD_BYTES + length.ok_or_else(|| not("目次の長さが正しくありません"))?;
    let head = bytes.get(..end).ok_or_else(|| not("短すぎます"))?;
    let signature = bytes.get(end..end + SIGNATURE_BYTES).ok_or_else(|| not("短すぎます"))?;
    if !keys.iter().any(|key| key.verify(head, signature)) {
        return Err(OpenError::Signature { path: path.to_owned() });
    }
    let json = head.get(HEAD_BYTES..).unwrap_or_default();
    let manifest: Manifest = serde_json::from_slice(json).map_err(|_| not("目次を読めません"))?;
    if manifest.format != format || manifest.parts.len() > MAX_PARTS {
        return Err(not("目次が正しくありません"));
    }
    Ok(manifest)
}

impl OpenError {
    /// The same, told of the file that was offered rather than of its copy.
    #[must_use]
    pub(crate) fn at(self, offered: &Path) -> Self {
        let path = offered.to_owned();
        match self {
            OpenError::Io { source, .. } => OpenError::Io { path, source },
            OpenError::NotASet { reason, .. } => OpenError::NotASet { path, reason },
            OpenError::TooNew { format, .. } => OpenError::TooNew { path, format },
            OpenError::Signature { .. } => OpenError::Signature { path },
            OpenError::Damaged { part, .. } => OpenError::Damaged { path, part },
        }
    }
}
