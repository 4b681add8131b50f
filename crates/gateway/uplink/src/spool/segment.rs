//! One file of the spool: records of one value class with rising numbers.
//!
//! Name: `<epoch>-<class>-<first seq>.seg`. Holds always: a segment is only appended to by the
//! process that made it; after a restart it is read to its end and a new one is begun.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use mimamori_report::Value;

use super::record::{self, MAGIC, Parsed};

#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    pub epoch: u64,
    pub bytes: u64,
    /// Records not yet acknowledged.
    pub pending: u64,
    pub last_seq: u64,
    /// Bytes in front of this offset are acknowledged.
    read_from: u64,
    writer: Option<File>,
}

/// What a scan of a segment found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub damaged_places: u64,
}

/// One record read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub seq: u64,
    pub json: Vec<u8>,
}

pub(super) const CLASSES: [Value; 3] = [Value::Low, Value::Normal, Value::High];

const fn class_letter(value: Value) -> char {
    match value {
        Value::Low => 'l',
        Value::Normal => 'n',
        Value::High => 'h',
    }
}

impl Segment {
    pub(super) fn create(dir: &Path, epoch: u64, value: Value, first_seq: u64) -> io::Result<Self> {
        let path = dir.join(format!("{epoch:020}-{}-{first_seq:020}.seg", class_letter(value)));
        let file = OpenOptions::new().create_new(true).append(true).open(&path)?;
        Ok(Segment {
            path,
            epoch,
            bytes: 0,
            pending: 0,
            last_seq: first_seq.saturating_sub(1),
            read_from: 0,
            writer: Some(file),
        })
    }

    /// Epoch, class and first number out of a file name; `None` for other files.
    pub(super) fn parse_name(name: &str) -> Option<(u64, Value, u64)> {
        let stem = name.strip_suffix(".seg")?;
        let mut parts = stem.split('-');
        let epoch = parts.next()?.parse().ok()?;
        let letter = parts.next()?.chars().next()?;
        let value = CLASSES.into_iter().find(|v| class_letter(*v) == letter)?;
        let first = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some((epoch, value, first))
    }

    /// Opens a segment of an earlier run and reads it to its end.
    pub(super) fn recover(
        path: PathBuf,
        epoch: u64,
        first_seq: u64,
        committed: u64,
    ) -> io::Result<(Self, Scan)> {
        let mut segment = Segment {
            bytes: fs::metadata(&path)?.len(),
            path,
            epoch,
            pending: 0,
            last_seq: first_seq.saturating_sub(1),
            read_from: 0,
            writer: None,
        };
        let mut scan = Scan::default();
        let mut reader = segment.reader()?;
        while let Some(step) = reader.next_step()? {
            match step {
                Step::Damaged => scan.damaged_places += 1,
                Step::Record { seq, end, .. } => {
                    segment.last_seq = segment.last_seq.max(seq);
                    if seq > committed {
                        segment.pending += 1;
                    } else if segment.pending == 0 {
                        segment.read_from = end;
                    }
                }
            }
        }
        Ok((segment, scan))
    }

    /// Appends; on failure nothing of the record stays behind.
    pub(super) fn append(&mut self, seq: u64, value: Value, payload: &[u8]) -> io::Result<()> {
        let Some(file) = self.writer.as_mut() else {
            return Err(io::Error::other("segment of an earlier run"));
        };
        let record = record::encode(seq, value, payload);
        if let Err(error) = file.write_all(&record) {
            file.set_len(self.bytes)?;
            return Err(error);
        }
        self.bytes += record.len() as u64;
        self.pending += 1;
        self.last_seq = seq;
        Ok(())
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.writer.as_ref().map_or(Ok(()), File::sync_data)
    }

    pub(super) fn is_active(&self) -> bool {
        self.writer.is_some()
    }

    /// Closes for writing.
    pub(super) fn seal(&mut self) -> io::Result<()> {
        self.sync()?;
        self.writer = None;
        Ok(())
    }

    pub(super) fn delete(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }

    /// Puts the segment under another epoch.
    pub(super) fn rename_epoch(&mut self, epoch: u64) -> io::Result<()> {
        let name = self.path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let rest = name.split_once('-').map_or("", |(_, rest)| rest);
        let to = self.path.with_file_name(format!("{epoch:020}-{rest}"));
        fs::rename(&self.path, &to)?;
        self.path = to;
        self.epoch = epoch;
        Ok(())
    }

    pub(super) fn reader(&self) -> io::Result<Reader> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.read_from))?;
        Ok(Reader { file, buffer: Vec::new(), start: 0, offset: self.read_from, ended: false })
    }

    /// Moves past what the cloud has committed; tells how many records that were.
    pub(super) fn acknowledge(&mut self, committed: u64) -> io::Result<u64> {
        if committed >= self.last_seq {
            self.read_from = self.bytes;
            return Ok(std::mem::take(&mut self.pending));
        }
        let mut reader = self.reader()?;
        let mut gone = 0;
        while let Some(step) = reader.next_step()? {
            if let Step::Record { seq, end, .. } = step {
                if seq > committed {
                    break;
                }
                gone += 1;
                self.read_from = end;
            }
        }
        self.pending = self.pending.saturating_sub(gone);
        Ok(gone)
    }
}

/// Reads a segment from where acknowledgement stands; skips damaged places.
#[derive(Debug)]
pub(super) struct Reader {
    file: File,
    buffer: Vec<u8>,
    start: usize,
    /// File offset of `buffer[start]`.
    offset: u64,
    ended: bool,
}

#[derive(Debug)]
pub(super) enum Step {
    Record {
        seq: u64,
        payload: Vec<u8>,
        end: u64,
    },
    /// Bytes that are no record were skipped.
    Damaged,
}

const CHUNK_BYTES: usize = 64 << 10;

impl Reader {
    pub(super) fn next_step(&mut self) -> io::Result<Option<Step>> {
        loop {
            let rest = self.buffer.get(self.start..).unwrap_or_default();
            if rest.is_empty() && self.ended {
                return Ok(None);
            }
            match record::parse(rest) {
                Parsed::Record { seq, payload, total, .. } => {
                    let payload = payload.to_vec();
                    self.advance(total);
                    return Ok(Some(Step::Record { seq, payload, end: self.offset }));
                }
                Parsed::Incomplete if !self.ended => self.fill()?,
                Parsed::Incomplete | Parsed::Bad => {
                    self.resynchronise()?;
                    return Ok(Some(Step::Damaged));
                }
            }
        }
    }

    /// The next whole record, damaged places passed over.
    pub(super) fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        while let Some(step) = self.next_step()? {
            if let Step::Record { seq, payload, .. } = step {
                return Ok(Some(Entry { seq, json: payload }));
            }
        }
        Ok(None)
    }

    fn advance(&mut self, by: usize) {
        self.start += by;
        self.offset += by as u64;
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.start.min(self.buffer.len()));
        self.start = 0;
        let before = self.buffer.len();
        self.buffer.resize(before + CHUNK_BYTES, 0);
        let got = self.file.read(self.buffer.get_mut(before..).unwrap_or_default())?;
        self.buffer.truncate(before + got);
        self.ended = got == 0;
        Ok(())
    }

    /// Goes to the next place that begins like a record and is one.
    fn resynchronise(&mut self) -> io::Result<()> {
        self.advance(1);
        loop {
            let rest = self.buffer.get(self.start..).unwrap_or_default();
            match rest.windows(MAGIC.len()).position(|w| w == MAGIC) {
                Some(at) => {
                    self.advance(at);
                    let candidate = self.buffer.get(self.start..).unwrap_or_default();
                    match record::parse(candidate) {
                        Parsed::Record { .. } => return Ok(()),
                        Parsed::Incomplete if !self.ended => self.fill()?,
                        Parsed::Incomplete | Parsed::Bad => self.advance(1),
                    }
                }
                None if self.ended => {
                    let left = rest.len();
                    self.advance(left);
                    return Ok(());
                }
                None => {
                    let keep = rest.len().min(MAGIC.len() - 1);
                    let skip = rest.len() - keep;
                    self.advance(skip);
                    self.fill()?;
                }
            }
        }
    }
}
