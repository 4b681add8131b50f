//! Reports on disk until the cloud has committed them (GW-12).
//!
//! Holds always:
//! - A record is handed out for sending only after it is on the platter (`fdatasync`), so a
//!   power cut can never make a sequence number mean two different reports.
//! - A record is deleted only when the cloud has committed it, or when the spool is full.
//! - Numbers rise within an epoch; an epoch begins when the spool is made (or found rewound).
//!
//! When full: the oldest segment of the lowest value present goes first; a record of lower value
//! than everything kept is itself given up. Every record given up is counted.
//! Deliberately not here: what a record says, and the network.

mod record;
mod segment;

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mimamori_base::Timestamp;
use mimamori_report::{Cursor, MAX_RECORD_BYTES, Value};
use serde::{Deserialize, Serialize};

pub use segment::Entry;
use segment::{CLASSES, Segment};

#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("spool {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("spool {0} is in use by another process")]
    InUse(PathBuf),
    #[error("the disk of spool {0} is full; the report was given up")]
    DiskFull(PathBuf),
    #[error("a record of {0} bytes is larger than allowed")]
    RecordTooLarge(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolConfig {
    pub max_bytes: u64,
    pub segment_bytes: u64,
}

impl Default for SpoolConfig {
    fn default() -> Self {
        SpoolConfig { max_bytes: 64 << 20, segment_bytes: 1 << 20 }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolStats {
    pub epoch: u64,
    pub committed: u64,
    pub next_seq: u64,
    pub records: u64,
    pub bytes: u64,
    /// Records given up because the spool or the disk was full, since the spool was made.
    pub dropped: u64,
    /// Damaged places found when the spool was opened.
    pub damaged_places: u64,
}

/// What outlives a restart beside the segments.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct State {
    epoch: u64,
    committed: u64,
    dropped: u64,
    /// Numbers below were given out; matters once their records are gone.
    #[serde(default)]
    next_seq: u64,
}

#[derive(Debug)]
pub struct Spool {
    dir: PathBuf,
    config: SpoolConfig,
    state: State,
    next_seq: u64,
    /// Oldest first, one queue a value class, in the order of [`CLASSES`].
    queues: [VecDeque<Segment>; 3],
    damaged_places: u64,
    /// Given up since [`Spool::take_dropped`].
    newly_dropped: u64,
    _lock: File,
}

impl Spool {
    /// Opens or makes the spool in `dir`. `now` names the epoch of a new one.
    pub fn open(dir: &Path, config: SpoolConfig, now: Timestamp) -> Result<Self, SpoolError> {
        let io = |source| SpoolError::Io { path: dir.to_owned(), source };
        fs::create_dir_all(dir).map_err(io)?;
        let lock = lock(dir)?;
        let mut spool = Spool {
            dir: dir.to_owned(),
            config,
            state: read_state(dir).map_err(io)?,
            next_seq: 1,
            queues: Default::default(),
            damaged_places: 0,
            newly_dropped: 0,
            _lock: lock,
        };
        spool.recover().map_err(io)?;
        if spool.state.epoch == 0 {
            spool.state = State { epoch: epoch_at(now), ..State::default() };
            spool.write_state().map_err(io)?;
        }
        Ok(spool)
    }

    /// Keeps one record; tells its number. It is durable after the next [`Spool::sync`].
    pub fn append(&mut self, value: Value, json: &[u8]) -> Result<u64, SpoolError> {
        if json.len() > MAX_RECORD_BYTES {
            return Err(SpoolError::RecordTooLarge(json.len()));
        }
        let size = (record::HEADER_BYTES + json.len()) as u64;
        while self.bytes() + size > self.config.max_bytes {
            if !self.make_room(value)? {
                return Err(self.give_up());
            }
        }
        let seq = self.next_seq;
        loop {
            match self.try_append(seq, value, json) {
                Ok(()) => break,
                Err(e) if is_full(&e) => {
                    if !self.make_room(value)? {
                        return Err(self.give_up());
                    }
                }
                Err(source) => return Err(self.io_error(source)),
            }
        }
        self.next_seq += 1;
        Ok(seq)
    }

    /// Makes everything appended so far durable.
    pub fn sync(&mut self) -> Result<(), SpoolError> {
        for segment in self.queues.iter().filter_map(VecDeque::back) {
            segment.sync().map_err(|e| self.io_error(e))?;
        }
        Ok(())
    }

    /// The oldest records not yet committed, in order, made durable first.
    pub fn next_batch(&mut self, max_records: usize, max_bytes: usize) -> Result<Vec<Entry>, SpoolError> {
        self.sync()?;
        self.read_batch(max_records, max_bytes).map_err(|e| self.io_error(e))
    }

    /// Deletes what the cloud has committed. A cursor beyond what was ever numbered here means
    /// that this disk was set back: what is left is then sent again under a new epoch.
    pub fn acknowledge(&mut self, cursor: Cursor, now: Timestamp) -> Result<(), SpoolError> {
        if cursor.epoch != self.state.epoch {
            return Ok(());
        }
        if cursor.seq >= self.next_seq {
            return self.begin_epoch(now).map_err(|e| self.io_error(e));
        }
        if cursor.seq <= self.state.committed {
            return Ok(());
        }
        self.state.committed = cursor.seq;
        // Deleting first makes room on a full disk. Stopping in between costs a repeated
        // delivery at most: the newest numbers are in segments that stay.
        self.forget_committed().map_err(|e| self.io_error(e))?;
        match self.write_state() {
            Err(e) if !is_full(&e) => Err(self.io_error(e)),
            _ => Ok(()),
        }
    }

    #[must_use]
    pub fn stats(&self) -> SpoolStats {
        SpoolStats {
            epoch: self.state.epoch,
            committed: self.state.committed,
            next_seq: self.next_seq,
            records: self.queues.iter().flatten().map(|s| s.pending).sum(),
            bytes: self.bytes(),
            dropped: self.state.dropped,
            damaged_places: self.damaged_places,
        }
    }

    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.state.epoch
    }

    /// Records given up since the last call: to be reported as an event.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.newly_dropped)
    }

    fn bytes(&self) -> u64 {
        self.queues.iter().flatten().map(|s| s.bytes).sum()
    }

    fn io_error(&self, source: io::Error) -> SpoolError {
        SpoolError::Io { path: self.dir.clone(), source }
    }

    fn give_up(&mut self) -> SpoolError {
        self.count_dropped(1);
        SpoolError::DiskFull(self.dir.clone())
    }

    fn count_dropped(&mut self, n: u64) {
        self.state.dropped += n;
        self.newly_dropped += n;
        self.state.next_seq = self.next_seq;
        // The counter is for people; a full disk must not stop the spool because of it.
        let _ = self.write_state();
    }

    fn try_append(&mut self, seq: u64, value: Value, json: &[u8]) -> io::Result<()> {
        let limit = self.config.segment_bytes;
        let epoch = self.state.epoch;
        let dir = self.dir.clone();
        let Some(queue) = self.queues.get_mut(index(value)) else {
            return Err(io::Error::other("no such class"));
        };
        if let Some(last) = queue.back_mut() {
            if last.is_active() && last.bytes < limit {
                return last.append(seq, value, json);
            }
            last.seal()?;
        }
        queue.push_back(Segment::create(&dir, epoch, value, seq)?);
        File::open(&dir)?.sync_all()?;
        queue.back_mut().map_or(Ok(()), |s| s.append(seq, value, json))
    }

    /// Gives up the oldest segment of the lowest value present, up to `incoming`'s own value.
    /// `false` when only more valuable records are left.
    fn make_room(&mut self, incoming: Value) -> Result<bool, SpoolError> {
        for queue in self.queues.iter_mut().take(index(incoming) + 1) {
            if let Some(oldest) = queue.pop_front() {
                let lost = oldest.pending;
                oldest.delete().map_err(|source| SpoolError::Io { path: self.dir.clone(), source })?;
                self.count_dropped(lost);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn read_batch(&self, max_records: usize, max_bytes: usize) -> io::Result<Vec<Entry>> {
        let mut streams = Vec::new();
        for queue in &self.queues {
            let mut stream = Merge { segments: queue.iter(), reader: None, head: None };
            stream.advance(self.state.committed)?;
            streams.push(stream);
        }
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < max_records {
            let oldest = streams
                .iter_mut()
                .filter(|s| s.head.is_some())
                .min_by_key(|s| s.head.as_ref().map_or(u64::MAX, |e| e.seq));
            let Some(stream) = oldest else { break };
            let Some(entry) = stream.head.take() else { break };
            bytes += entry.json.len();
            if bytes > max_bytes && !batch.is_empty() {
                break;
            }
            batch.push(entry);
            stream.advance(self.state.committed)?;
        }
        Ok(batch)
    }

    /// Deletes whole segments that are committed; the newest file of each run stays, because
    /// its name keeps the numbers rising.
    fn forget_committed(&mut self) -> io::Result<()> {
        let committed = self.state.committed;
        for queue in &mut self.queues {
            for segment in queue.iter_mut() {
                if segment.acknowledge(committed)? == 0 && segment.pending > 0 {
                    break;
                }
            }
            while queue.front().is_some_and(|s| s.pending == 0 && !s.is_active()) {
                if let Some(done) = queue.pop_front() {
                    done.delete()?;
                }
            }
        }
        Ok(())
    }

    fn begin_epoch(&mut self, now: Timestamp) -> io::Result<()> {
        let epoch = epoch_at(now).max(self.state.epoch + 1);
        for segment in self.queues.iter_mut().flatten() {
            segment.seal()?;
            segment.rename_epoch(epoch)?;
        }
        self.state.epoch = epoch;
        self.write_state()
    }

    fn write_state(&self) -> io::Result<()> {
        let json = serde_json::to_vec(&self.state).map_err(io::Error::other)?;
        let temporary = self.dir.join("state.new");
        let mut file = File::create(&temporary)?;
        file.write_all(&json)?;
        file.sync_all()?;
        fs::rename(temporary, self.dir.join("state"))
    }

    fn recover(&mut self) -> io::Result<()> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            if let Some((epoch, value, first)) = Segment::parse_name(name) {
                found.push((epoch, first, value, path));
            }
        }
        found.sort_by_key(|(epoch, first, ..)| (*epoch, *first));
        // The newest epoch is in the file names even when the state file was lost.
        let newest = found.iter().map(|f| f.0).max().unwrap_or(0);
        if newest > self.state.epoch {
            self.state = State { epoch: newest, ..State::default() };
        }
        self.next_seq = self.state.next_seq.max(self.state.committed + 1);
        for (epoch, first, value, path) in found {
            let (mut segment, scan) = Segment::recover(path, epoch, first, self.state.committed)?;
            if segment.epoch != self.state.epoch {
                segment.rename_epoch(self.state.epoch)?;
            }
            self.damaged_places += scan.damaged_places;
            self.next_seq = self.next_seq.max(segment.last_seq + 1).max(first);
            if segment.pending == 0 {
                segment.delete()?;
            } else if let Some(queue) = self.queues.get_mut(index(value)) {
                queue.push_back(segment);
            }
        }
        Ok(())
    }
}

/// The records of one class in order, across its segments.
struct Merge<'a> {
    segments: std::collections::vec_deque::Iter<'a, Segment>,
    reader: Option<segment::Reader>,
    head: Option<Entry>,
}

impl Merge<'_> {
    fn advance(&mut self, committed: u64) -> io::Result<()> {
        loop {
            if let Some(reader) = &mut self.reader {
                while let Some(entry) = reader.next_entry()? {
                    if entry.seq > committed {
                        self.head = Some(entry);
                        return Ok(());
                    }
                }
            }
            let Some(segment) = self.segments.next() else {
                self.reader = None;
                return Ok(());
            };
            self.reader = Some(segment.reader()?);
        }
    }
}

fn index(value: Value) -> usize {
    CLASSES.iter().position(|v| *v == value).unwrap_or(0)
}

/// Microseconds since 1970, so that a later spool has a greater epoch.
fn epoch_at(now: Timestamp) -> u64 {
    u64::try_from(now.micros()).unwrap_or(0).max(1)
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn lock(dir: &Path) -> Result<File, SpoolError> {
    let file =
        File::create(dir.join("lock")).map_err(|source| SpoolError::Io { path: dir.to_owned(), source })?;
    // A process that is just ending, or a child between fork and exec, holds it for a moment.
    for _ in 0..20 {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
            Err(fs::TryLockError::Error(source)) => {
                return Err(SpoolError::Io { path: dir.to_owned(), source });
            }
        }
    }
    Err(SpoolError::InUse(dir.to_owned()))
}

fn read_state(dir: &Path) -> io::Result<State> {
    match fs::read(dir.join("state")) {
        // A damaged state file costs at most a repeated delivery, which the cloud recognises.
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(State::default()),
        Err(e) => Err(e),
    }
}
