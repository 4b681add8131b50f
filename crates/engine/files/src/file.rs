//! One file seen in a transaction.
//!
//! Holds always: `size` counts the bytes appended and those lost; once the state is not
//! [`FileState::Open`] nothing changes but marks.

use crate::hash::{FileHashes, HashKinds, Hasher};
use crate::magic::{MAGIC_HEAD_BYTES, magic};
use crate::tap::{Tap, Tapped, Written};
use crate::window::{View, Window, WindowConfig};

/// Rules that matched one file and are remembered with it; more are counted, not kept.
pub const MAX_SIDS_PER_FILE: usize = 32;

/// How a file stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileState {
    Open,
    Closed,
    /// Ended early: the flow ended, bytes were lost, or a limit was passed.
    Truncated,
    Error,
}

impl FileState {
    /// The name in EVE's `fileinfo.state`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            FileState::Open => "UNKNOWN",
            FileState::Closed => "CLOSED",
            FileState::Truncated => "TRUNCATED",
            FileState::Error => "ERROR",
        }
    }
}

/// What is done with the bytes of a file.
#[derive(Clone, Copy, Debug)]
pub struct FileConfig {
    pub hashes: HashKinds,
    /// Which part of the bytes stays for inspection ([`File::views`]).
    pub window: WindowConfig,
}

impl FileConfig {
    /// Track size, name and magic only; keep no window.
    pub const fn without_window(hashes: HashKinds) -> Self {
        FileConfig { hashes, window: WindowConfig::NONE }
    }
}

/// A file seen in a transaction, complete or not.
#[derive(Debug, Clone)]
pub struct File {
    name: Vec<u8>,
    tx_id: u64,
    state: FileState,
    size: u64,
    lost: u64,
    range: Option<(u64, u64)>,
    head: Vec<u8>,
    hasher: Option<Box<Hasher>>,
    hashes: FileHashes,
    window: Window,
    tap: Option<Box<Tap>>,
    /// A rule asked for the file to be stored.
    pub stored: bool,
    sids: Vec<u32>,
}

impl File {
    /// A file of which no byte has come yet.
    #[must_use]
    pub fn open(name: &[u8], tx_id: u64, config: &FileConfig) -> Self {
        File {
            name: name.to_vec(),
            tx_id,
            state: FileState::Open,
            size: 0,
            lost: 0,
            range: None,
            head: Vec::new(),
            hasher: (config.hashes != HashKinds::NONE).then(|| Box::new(Hasher::new(config.hashes))),
            hashes: FileHashes::default(),
            window: Window::new(config.window),
            tap: config.hashes.tap.then(Box::default),
            stored: false,
            sids: Vec::new(),
        }
    }

    /// The next bytes. Ignored once the file is no longer open.
    pub fn append(&mut self, bytes: &[u8]) {
        if self.state != FileState::Open {
            return;
        }
        self.size = self.size.saturating_add(bytes.len() as u64);
        let room = MAGIC_HEAD_BYTES.saturating_sub(self.head.len());
        self.head.extend(bytes.iter().take(room));
        if let Some(h) = &mut self.hasher {
            h.update(bytes);
        }
        if let Some(tap) = &mut self.tap {
            tap.append(bytes);
        }
        self.window.append(bytes);
    }

    /// The bytes appended next stand in a mail as this line.
    pub fn written(&mut self, how: Written, line: &[u8]) {
        if let Some(tap) = &mut self.tap {
            tap.written(how, line);
        }
    }

    /// What came since the last call, where the file is tapped ([`HashKinds::tap`]).
    pub fn take_tapped(&mut self) -> Option<Tapped> {
        self.tap.as_deref_mut().map(Tap::take)
    }

    /// `len` bytes of the file were lost for good; hashes become unknowable.
    pub fn gap(&mut self, len: u64) {
        if self.state == FileState::Open && len > 0 {
            self.lost = self.lost.saturating_add(len);
            self.size = self.size.saturating_add(len);
            self.hasher = None;
            self.window.gap(len);
        }
    }

    /// Ends the file. A file with gaps ends as truncated whatever the caller says.
    pub fn close(&mut self, state: FileState) {
        if self.state != FileState::Open {
            return;
        }
        self.state = match state {
            FileState::Closed if self.lost > 0 => FileState::Truncated,
            FileState::Open => FileState::Truncated,
            other => other,
        };
        self.window.end();
        if let Some(h) = self.hasher.take()
            && self.state == FileState::Closed
        {
            self.hashes = h.finish();
        }
    }

    /// The file is the part `start..=end` of a larger one (HTTP ranges).
    pub fn mark_range(&mut self, start: u64, end: u64) {
        self.range = Some((start, end));
    }

    pub fn rename(&mut self, name: &[u8]) {
        self.name = name.to_vec();
    }

    /// Remembers that rule `sid` matched this file.
    pub fn mark_sid(&mut self, sid: u32) {
        if self.sids.len() < MAX_SIDS_PER_FILE && !self.sids.contains(&sid) {
            self.sids.push(sid);
        }
    }

    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The part of the name after its last dot; empty where there is none.
    #[must_use]
    pub fn extension(&self) -> &[u8] {
        let mut parts = self.name.rsplitn(2, |b| *b == b'.');
        let last = parts.next().unwrap_or_default();
        if parts.next().is_some() { last } else { &[] }
    }

    #[must_use]
    pub fn tx_id(&self) -> u64 {
        self.tx_id
    }

    #[must_use]
    pub fn state(&self) -> FileState {
        self.state
    }

    /// Bytes so far, lost ones counted in.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    #[must_use]
    pub fn has_gaps(&self) -> bool {
        self.lost > 0
    }

    /// First and last byte offset within the whole file, where this is a part.
    #[must_use]
    pub fn range(&self) -> Option<(u64, u64)> {
        self.range
    }

    /// The digests asked for, once the file is closed without gaps.
    #[must_use]
    pub fn hashes(&self) -> &FileHashes {
        &self.hashes
    }

    /// What the first bytes tell about the type.
    #[must_use]
    pub fn magic(&self) -> &'static str {
        magic(&self.head)
    }

    #[must_use]
    pub fn sids(&self) -> &[u32] {
        &self.sids
    }

    /// The parts of the bytes to inspect now; see [`Window::views`].
    pub fn views(&self, visit: &mut dyn FnMut(View<'_>) -> bool) {
        self.window.views(visit);
    }

    /// Some of the bytes are to be inspected now.
    #[must_use]
    pub fn has_views(&self) -> bool {
        let mut any = false;
        self.views(&mut |_| {
            any = true;
            false
        });
        any
    }

    /// What [`File::views`] gave has been inspected.
    pub fn inspected(&mut self) {
        self.window.inspected();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(hashes: HashKinds) -> File {
        File::open(b"report.tar.gz", 7, &FileConfig { hashes, window: WindowConfig::whole(1000) })
    }

    #[test]
    fn closed_file_has_the_hashes_of_its_bytes() {
        let mut f = file(HashKinds::ALL);
        f.append(b"ab");
        f.append(b"c");
        f.close(FileState::Closed);
        assert_eq!(f.size(), 3);
        let md5 = f.hashes().md5.unwrap();
        assert_eq!(md5[..4], [0x90, 0x01, 0x50, 0x98]);
        let sha1 = f.hashes().sha1.unwrap();
        assert_eq!(sha1[..4], [0xa9, 0x99, 0x3e, 0x36]);
        let sha256 = f.hashes().sha256.unwrap();
        assert_eq!(sha256[..4], [0xba, 0x78, 0x16, 0xbf]);
    }

    #[test]
    fn gap_makes_it_truncated_and_unhashed() {
        let mut f = file(HashKinds::ALL);
        f.append(b"ab");
        f.gap(5);
        f.append(b"c");
        f.close(FileState::Closed);
        assert_eq!(f.state(), FileState::Truncated);
        assert!(f.has_gaps());
        assert_eq!(f.size(), 8);
        assert_eq!(*f.hashes(), FileHashes::default());
    }

    #[test]
    fn nothing_changes_after_close() {
        let mut f = file(HashKinds::NONE);
        f.close(FileState::Error);
        f.append(b"late");
        f.close(FileState::Closed);
        assert_eq!((f.size(), f.state()), (0, FileState::Error));
    }

    #[test]
    fn extension_is_what_follows_the_last_dot() {
        assert_eq!(file(HashKinds::NONE).extension(), b"gz");
        let mut f = file(HashKinds::NONE);
        f.rename(b"README");
        assert_eq!(f.extension(), b"");
    }

    #[test]
    fn sids_are_capped() {
        let mut f = file(HashKinds::NONE);
        for sid in 0..100 {
            f.mark_sid(sid);
            f.mark_sid(sid);
        }
        assert_eq!(f.sids().len(), MAX_SIDS_PER_FILE);
    }
}
