//! The digests of a file, computed while it passes.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// What is to be known of a file: which digests, and whether its bytes go to a judge.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HashKinds {
    pub md5: bool,
    pub sha1: bool,
    pub sha256: bool,
    /// The bytes are kept until [`crate::File::take_tapped`]; no digest.
    pub tap: bool,
}

impl HashKinds {
    pub const NONE: HashKinds = HashKinds { md5: false, sha1: false, sha256: false, tap: false };
    pub const ALL: HashKinds = HashKinds { md5: true, sha1: true, sha256: true, tap: false };
}

/// The finished digests, as far as they were asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FileHashes {
    pub md5: Option<[u8; 16]>,
    pub sha1: Option<[u8; 20]>,
    pub sha256: Option<[u8; 32]>,
}

/// Running digests.
#[derive(Clone, Default)]
pub(crate) struct Hasher {
    md5: Option<Md5>,
    sha1: Option<Sha1>,
    sha256: Option<Sha256>,
}

impl Hasher {
    pub(crate) fn new(kinds: HashKinds) -> Self {
        Hasher {
            md5: kinds.md5.then(Md5::new),
            sha1: kinds.sha1.then(Sha1::new),
            sha256: kinds.sha256.then(Sha256::new),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        if let Some(h) = &mut self.md5 {
            h.update(bytes);
        }
        if let Some(h) = &mut self.sha1 {
            h.update(bytes);
        }
        if let Some(h) = &mut self.sha256 {
            h.update(bytes);
        }
    }

    pub(crate) fn finish(self) -> FileHashes {
        FileHashes {
            md5: self.md5.map(|h| h.finalize().into()),
            sha1: self.sha1.map(|h| h.finalize().into()),
            sha256: self.sha256.map(|h| h.finalize().into()),
        }
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hasher")
    }
}
