//! A batch of reports as it travels: one JSON header line, then one JSON line a record.
//!
//! Lines, so that one record that cannot be understood is put aside without losing its
//! neighbours. Compression (zstd) is the transport's; the limits here are on plain bytes.

use serde::{Deserialize, Serialize};

use crate::{PROTOCOL_VERSION, Report};

/// Plain bytes of a batch at most.
pub const MAX_BATCH_BYTES: usize = 4 << 20;
pub const MAX_BATCH_RECORDS: usize = 2_000;
/// Plain bytes of one record at most. The longest possible detection is below it.
pub const MAX_RECORD_BYTES: usize = 16 << 10;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    #[error("protocol version {0} is not spoken here")]
    Version(u16),
    #[error("batch is larger than its limit")]
    TooLarge,
    #[error("header line: {0}")]
    Header(String),
    #[error("line {line}: {reason}")]
    Sequence { line: usize, reason: &'static str },
}

#[derive(Serialize, Deserialize)]
struct Header {
    v: u16,
    epoch: u64,
    count: usize,
}

#[derive(Serialize, Deserialize)]
struct Numbered<R> {
    seq: u64,
    report: R,
}

/// One record of a batch that was read: a report, or the reason why it is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub seq: u64,
    pub report: Result<Report, Undecodable>,
}

/// A record whose number is known but whose content is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecodable {
    pub reason: String,
    /// The line as received, at most [`MAX_RECORD_BYTES`].
    pub raw: String,
}

/// Records of one epoch, with rising sequence numbers (gaps are allowed: a full spool drops).
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    pub epoch: u64,
    pub lines: Vec<Line>,
}

impl Batch {
    /// Writes a batch from records that are already JSON, as the spool keeps them.
    #[must_use]
    pub fn encode<'a>(epoch: u64, records: impl ExactSizeIterator<Item = (u64, &'a [u8])>) -> Vec<u8> {
        let mut out = format!("{{\"v\":{PROTOCOL_VERSION},\"epoch\":{epoch},\"count\":{}}}\n", records.len())
            .into_bytes();
        for (seq, json) in records {
            out.extend_from_slice(format!("{{\"seq\":{seq},\"report\":").as_bytes());
            out.extend_from_slice(json);
            out.extend_from_slice(b"}\n");
        }
        out
    }

    /// Reads a batch. Fails as a whole only where numbers cannot be trusted.
    pub fn decode(plain: &[u8]) -> Result<Self, BatchError> {
        if plain.len() > MAX_BATCH_BYTES {
            return Err(BatchError::TooLarge);
        }
        let mut lines = plain.split(|b| *b == b'\n').filter(|l| !l.is_empty());
        let header: Header = serde_json::from_slice(lines.next().unwrap_or_default())
            .map_err(|e| BatchError::Header(e.to_string()))?;
        if header.v != PROTOCOL_VERSION {
            return Err(BatchError::Version(header.v));
        }
        if header.count > MAX_BATCH_RECORDS {
            return Err(BatchError::TooLarge);
        }
        let mut read = Vec::with_capacity(header.count);
        for (at, raw) in lines.enumerate() {
            read.push(decode_line(at + 2, raw, read.last())?);
            if read.len() > header.count {
                break;
            }
        }
        if read.len() != header.count {
            return Err(BatchError::Header("count does not match the lines".into()));
        }
        Ok(Batch { epoch: header.epoch, lines: read })
    }
}

fn decode_line(line: usize, raw: &[u8], before: Option<&Line>) -> Result<Line, BatchError> {
    #[derive(Deserialize)]
    struct OnlySeq {
        seq: u64,
    }
    if raw.len() > MAX_RECORD_BYTES {
        return Err(BatchError::Sequence { line, reason: "record too large" });
    }
    let (seq, report) = match serde_json::from_slice::<Numbered<Report>>(raw) {
        Ok(Numbered { seq, report }) => (seq, Ok(report)),
        Err(e) => {
            let OnlySeq { seq } = serde_json::from_slice(raw)
                .map_err(|_| BatchError::Sequence { line, reason: "no sequence number" })?;
            let raw = String::from_utf8_lossy(raw).into_owned();
            (seq, Err(Undecodable { reason: e.to_string(), raw }))
        }
    };
    if before.is_some_and(|b| b.seq >= seq) {
        return Err(BatchError::Sequence { line, reason: "sequence numbers do not rise" });
    }
    Ok(Line { seq, report })
}
