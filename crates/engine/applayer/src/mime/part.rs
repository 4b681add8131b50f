//! The body of one MIME part.

use mimamori_files::{File, FileState, Written};

use crate::mime::decode::{Base64, quoted_printable, uuencoded};
use crate::mime::urls::UrlScan;
use crate::mime::{FileSink, MAX_FILES};

/// What a part's bytes are for.
#[derive(Debug)]
pub(super) enum PartKind {
    /// An attachment: its place among the transaction's files.
    File(usize),
    /// Text that a person reads: searched for addresses and uuencoded files.
    Text,
    Ignored,
}

impl PartKind {
    pub(super) fn file(name: &[u8], sink: &mut FileSink<'_>) -> PartKind {
        if sink.files.len() >= MAX_FILES {
            return PartKind::Ignored;
        }
        sink.files.push(File::open(name, sink.tx_id, sink.config));
        PartKind::File(sink.files.len() - 1)
    }
}

/// How a part's bytes are written.
#[derive(Debug)]
pub(super) enum Encoding {
    Plain,
    Base64(Base64),
    QuotedPrintable,
    Uu,
}

impl Encoding {
    pub(super) fn base64() -> Encoding {
        Encoding::Base64(Base64::default())
    }
}

/// What was wrong with a line.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Notes {
    pub bad_base64: bool,
    pub bad_qp: bool,
}

/// A part being read.
#[derive(Debug)]
pub(super) struct Part {
    kind: PartKind,
    encoding: Encoding,
    /// Inside `begin` … `end` of uuencode.
    uu: bool,
    /// The last line of quoted-printable ended softly: no break follows.
    soft: bool,
    /// The start of a quoted-printable line that has not come whole.
    partial: Vec<u8>,
}

impl Part {
    pub(super) fn ignored() -> Part {
        Part::new(PartKind::Ignored, Encoding::Plain)
    }

    pub(super) fn new(kind: PartKind, encoding: Encoding) -> Part {
        Part { kind, encoding, uu: false, soft: false, partial: Vec::new() }
    }

    pub(super) fn is_encoded(&self) -> bool {
        matches!(self.encoding, Encoding::Base64(_) | Encoding::QuotedPrintable)
    }

    /// Takes a line, before which the body had `break_before`.
    pub(super) fn line(
        &mut self,
        line: &[u8],
        break_before: &[u8],
        ended: bool,
        urls: Option<&mut UrlScan>,
        sink: &mut FileSink<'_>,
    ) -> Notes {
        let mut notes = Notes::default();
        if matches!(self.kind, PartKind::Ignored) {
            return notes;
        }
        if matches!(self.encoding, Encoding::Plain | Encoding::Uu) && self.take_uu(line, sink) {
            return notes;
        }
        self.written(line, sink);
        let mut out = Vec::with_capacity(line.len() + 2);
        match &mut self.encoding {
            Encoding::Plain | Encoding::Uu => {
                out.extend_from_slice(break_before);
                out.extend_from_slice(line);
            }
            Encoding::Base64(decoder) => {
                decoder.push(line, &mut out);
                notes.bad_base64 = std::mem::take(&mut decoder.dirty);
            }
            Encoding::QuotedPrintable => {
                if !self.soft {
                    out.extend_from_slice(break_before);
                }
                // An escape cut by the end of a piece waits for the next one.
                self.partial.extend_from_slice(line);
                let joined = std::mem::take(&mut self.partial);
                let whole = if ended { joined.len() } else { joined.len() - cut_escape(&joined) };
                let (now, later) = joined.split_at_checked(whole).unwrap_or((&joined, &[]));
                let (soft, clean) = quoted_printable(now, &mut out);
                self.soft = soft || !ended;
                notes.bad_qp = !clean;
                self.partial = later.to_vec();
            }
        }
        self.deliver(&out, urls, sink);
        notes
    }

    /// Tells the file which text its next bytes are written as.
    fn written(&self, line: &[u8], sink: &mut FileSink<'_>) {
        let how = match self.encoding {
            Encoding::Plain => Written::Plain,
            Encoding::Base64(_) => Written::Base64,
            Encoding::QuotedPrintable => Written::QuotedPrintable,
            Encoding::Uu => Written::Uuencoded,
        };
        if let PartKind::File(index) = self.kind
            && let Some(file) = sink.files.get_mut(index)
        {
            file.written(if self.uu { Written::Uuencoded } else { how }, line);
        }
    }

    fn deliver(&mut self, bytes: &[u8], urls: Option<&mut UrlScan>, sink: &mut FileSink<'_>) {
        match self.kind {
            PartKind::File(index) => {
                if let Some(file) = sink.files.get_mut(index) {
                    file.append(bytes);
                }
            }
            PartKind::Text => {
                if let Some(urls) = urls {
                    urls.push(bytes);
                }
            }
            PartKind::Ignored => {}
        }
    }

    /// Looks for uuencoded files in plain text; true if the line belonged to one.
    fn take_uu(&mut self, line: &[u8], sink: &mut FileSink<'_>) -> bool {
        if self.uu {
            if line == b"end" || line == b"`" {
                if line == b"end" {
                    self.uu = false;
                    self.close_file(FileState::Closed, sink);
                    self.kind = PartKind::Text;
                }
                return true;
            }
            let mut out = Vec::new();
            if uuencoded(line, &mut out).is_some() {
                self.written(line, sink);
                self.deliver(&out, None, sink);
                return true;
            }
            self.uu = false;
            self.close_file(FileState::Truncated, sink);
            self.kind = PartKind::Text;
            return false;
        }
        let Some(rest) = line.strip_prefix(b"begin ") else { return false };
        let Some((mode, name)) = rest.split_at_checked(3) else { return false };
        let Some(name) = name.strip_prefix(b" ").map(<[u8]>::trim_ascii) else { return false };
        if !mode.iter().all(|b| matches!(b, b'0'..=b'7')) || name.is_empty() {
            return false;
        }
        match self.kind {
            PartKind::Text => self.kind = PartKind::file(name, sink),
            // An attachment that is itself declared as uuencoded: its name is known already.
            PartKind::File(_) if matches!(self.encoding, Encoding::Uu) => {}
            _ => return false,
        }
        self.uu = true;
        true
    }

    fn close_file(&mut self, state: FileState, sink: &mut FileSink<'_>) {
        if let PartKind::File(index) = self.kind
            && let Some(file) = sink.files.get_mut(index)
        {
            file.close(state);
        }
    }

    pub(super) fn close(&mut self, urls: &mut UrlScan, sink: &mut FileSink<'_>) {
        let mut out = Vec::new();
        match &mut self.encoding {
            Encoding::Base64(decoder) => decoder.finish(&mut out),
            Encoding::QuotedPrintable => {
                let partial = std::mem::take(&mut self.partial);
                quoted_printable(&partial, &mut out);
            }
            Encoding::Plain | Encoding::Uu => {}
        }
        self.deliver(&out, Some(urls), sink);
        urls.flush();
        self.close_file(FileState::Closed, sink);
        self.kind = PartKind::Ignored;
    }

    pub(super) fn truncate(&mut self, sink: &mut FileSink<'_>) {
        self.close_file(FileState::Truncated, sink);
        self.kind = PartKind::Ignored;
    }
}

/// Bytes at the end that may be the start of an escape.
fn cut_escape(bytes: &[u8]) -> usize {
    let tail = bytes.len().min(2);
    let from = bytes.len() - tail;
    bytes.get(from..).and_then(|t| t.iter().position(|b| *b == b'=')).map_or(0, |at| tail - at)
}
