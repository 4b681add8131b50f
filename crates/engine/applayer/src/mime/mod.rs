//! MIME messages (RFC 2045–2049) read line by line.
//!
//! Responsible for headers, nesting, transfer encodings, attachments as files, addresses in the
//! text. Holds always: at most [`MAX_DEPTH`] multiparts deep, [`MAX_HEADERS`] headers of the
//! message kept, [`MAX_FILES`] files; deeper parts are read as text. Deliberately not here: how
//! the message came.

pub mod decode;
pub mod header;
pub mod log;
mod part;
pub mod urls;

use md5::{Digest, Md5};
use mimamori_files::{File, FileConfig};

use crate::config::{AutoSwitch, SmtpConfig};
use crate::event::AppEvent;
use crate::mime::part::{Part, PartKind};
use crate::mime::urls::UrlScan;

/// Multiparts inside multiparts.
const MAX_DEPTH: usize = 32;
/// Headers of the message itself that are kept.
const MAX_HEADERS: usize = 256;
/// Attachments tracked a message.
pub const MAX_FILES: usize = 256;
const MAX_LINE_BYTES: usize = 998;
const MAX_ENCODED_LINE_BYTES: usize = 76;
const MAX_HEADER_NAME_BYTES: usize = 75;
const MAX_BOUNDARY_BYTES: usize = 254;
const MAX_FILE_NAME_BYTES: usize = 255;

/// How far a message came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MimeStatus {
    Started,
    Done,
    Error,
}

#[derive(Debug)]
enum Mode {
    Headers,
    Body(Part),
}

/// What was a line break of the body, held back since the one before a boundary is not its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Eol {
    None,
    Lf,
    CrLf,
}

/// A message being read.
#[derive(Debug)]
pub struct MimeParser {
    mode: Mode,
    /// Lines of the headers being read, unfolded: name, value.
    reading: Vec<(Vec<u8>, Vec<u8>)>,
    /// The current header passed its limit; its further lines are dropped.
    header_full: bool,
    boundaries: Vec<Vec<u8>>,
    /// An attached message that says it is encoded: its name and encoding, until its first line.
    doubtful: Option<(Vec<u8>, Vec<u8>)>,
    /// Inside the message's own headers.
    top: bool,
    /// The piece before this one did not end its line.
    in_line: bool,
    held_eol: Eol,
    header_value_depth: usize,
    decode_base64: bool,
    decode_qp: bool,
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub urls: UrlScan,
    extract_urls: bool,
    md5: Option<Md5>,
    pub body_md5: Option<[u8; 16]>,
    pub status: MimeStatus,
    pub events: Vec<AppEvent>,
}

/// Where attachments go.
pub struct FileSink<'a> {
    pub files: &'a mut Vec<File>,
    pub tx_id: u64,
    pub config: &'a FileConfig,
}

impl MimeParser {
    #[must_use]
    pub fn new(config: &SmtpConfig) -> Self {
        MimeParser {
            mode: Mode::Headers,
            reading: Vec::new(),
            header_full: false,
            boundaries: Vec::new(),
            doubtful: None,
            top: true,
            in_line: false,
            held_eol: Eol::None,
            header_value_depth: config.header_value_depth,
            decode_base64: config.decode_base64,
            decode_qp: config.decode_quoted_printable,
            headers: Vec::new(),
            urls: UrlScan::new(&config.url_schemes, config.log_url_scheme),
            extract_urls: config.extract_urls,
            md5: (config.body_md5 == AutoSwitch::On).then(Md5::new),
            body_md5: None,
            status: MimeStatus::Started,
            events: Vec::new(),
        }
    }

    /// The first header of that name (lower case).
    #[must_use]
    pub fn header(&self, name: &[u8]) -> Option<&[u8]> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_slice())
    }

    /// All headers of that name (lower case), in order.
    pub fn headers_named<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_slice())
    }

    fn event(&mut self, event: AppEvent) {
        if !self.events.contains(&event) {
            self.events.push(event);
        }
    }

    /// Takes a line, or a piece of one that is too long to come whole: then `ended` is false.
    /// `line` is without its line break; `crlf` tells which break it was.
    pub fn line(&mut self, line: &[u8], ended: bool, crlf: bool, sink: &mut FileSink<'_>) {
        let continues = std::mem::replace(&mut self.in_line, !ended);
        if !continues && line.len() > MAX_LINE_BYTES {
            self.event("smtp.mime_long_line");
        }
        if !self.top {
            self.md5_line(line, ended);
        }
        if !continues && line.starts_with(b"--") && self.take_boundary(line, sink) {
            return;
        }
        if let Some((name, encoding)) = self.doubtful.take().filter(|_| matches!(self.mode, Mode::Headers))
            && !header::is_header_line(line)
        {
            self.mode = Mode::Body(self.part_for(Some(name), &encoding, b"message/rfc822", sink));
        }
        match &self.mode {
            Mode::Headers => self.header_line(line, continues, sink),
            Mode::Body(_) => self.body_line(line, continues, ended, crlf, sink),
        }
    }

    /// The message has ended.
    pub fn finish(&mut self, sink: &mut FileSink<'_>) {
        if matches!(self.mode, Mode::Headers) {
            self.end_headers(sink);
        }
        self.close_part(sink);
        self.urls.flush();
        self.body_md5 = self.md5.take().map(|md5| md5.finalize().into());
        if self.status == MimeStatus::Started {
            self.status = MimeStatus::Done;
        }
    }

    /// The message broke off.
    pub fn truncate(&mut self, sink: &mut FileSink<'_>) {
        if let Mode::Body(part) = &mut self.mode {
            part.truncate(sink);
        }
        if self.status == MimeStatus::Started {
            self.status = MimeStatus::Error;
        }
    }

    fn take_boundary(&mut self, line: &[u8], sink: &mut FileSink<'_>) -> bool {
        let text = line.get(2..).unwrap_or_default();
        let found = self.boundaries.iter().enumerate().rev().find_map(|(depth, boundary)| {
            let rest = text.strip_prefix(boundary.as_slice())?;
            let end = rest.starts_with(b"--");
            let blank = rest.iter().all(|b| matches!(b, b' ' | b'\t'));
            (end || blank).then_some((depth, end))
        });
        let Some((depth, end)) = found else { return false };
        if matches!(self.mode, Mode::Headers) && !self.reading.is_empty() {
            self.end_headers(sink);
        }
        self.close_part(sink);
        self.boundaries.truncate(if end { depth } else { depth + 1 });
        self.reading.clear();
        self.mode = if end { Mode::Body(Part::ignored()) } else { Mode::Headers };
        self.top = false;
        true
    }

    fn close_part(&mut self, sink: &mut FileSink<'_>) {
        if let Mode::Body(part) = &mut self.mode {
            part.close(&mut self.urls, sink);
        }
        self.held_eol = Eol::None;
    }

    fn header_line(&mut self, line: &[u8], continues: bool, sink: &mut FileSink<'_>) {
        if line.is_empty() && !continues {
            self.end_headers(sink);
            return;
        }
        let folded = continues || matches!(line.first(), Some(b' ' | b'\t'));
        if folded {
            let text = if continues { line } else { line.trim_ascii_start() };
            self.extend_header(text);
            return;
        }
        let Some(colon) = memchr::memchr(b':', line) else {
            self.event("smtp.mime_parse_failed");
            return;
        };
        let name = line.get(..colon).unwrap_or_default().trim_ascii();
        if name.len() > MAX_HEADER_NAME_BYTES {
            self.event("smtp.mime_long_header_name");
        }
        self.header_full = self.reading.len() >= MAX_HEADERS;
        if !self.header_full {
            self.reading.push((name.to_ascii_lowercase(), Vec::new()));
            self.extend_header(line.get(colon + 1..).unwrap_or_default().trim_ascii_start());
        }
    }

    fn extend_header(&mut self, text: &[u8]) {
        if self.header_full {
            return;
        }
        let depth = self.header_value_depth;
        let mut long = false;
        if let Some((_, value)) = self.reading.last_mut() {
            let room = depth.saturating_sub(value.len());
            long = text.len() > room;
            value.extend_from_slice(text.get(..text.len().min(room)).unwrap_or_default());
        }
        if long {
            self.event("smtp.mime_long_header_value");
            self.header_full = true;
        }
    }

    fn end_headers(&mut self, sink: &mut FileSink<'_>) {
        let headers = std::mem::take(&mut self.reading);
        let find =
            |name: &[u8]| headers.iter().find(|(n, _)| n == name).map_or(&[][..], |(_, v)| v.as_slice());
        let kind = find(b"content-type");
        let disposition = find(b"content-disposition");
        let encoding = header::main_value(find(b"content-transfer-encoding"));
        let main = header::main_value(kind);
        let name = header::parameter(disposition, b"filename").or_else(|| header::parameter(kind, b"name"));
        let boundary = header::parameter(kind, b"boundary").filter(|_| main.starts_with(b"multipart/"));
        self.mode = if let Some(boundary) = boundary {
            if boundary.len() > MAX_BOUNDARY_BYTES {
                self.event("smtp.mime_long_boundary");
            } else if self.boundaries.len() < MAX_DEPTH {
                self.boundaries.push(boundary);
            } else {
                self.event("smtp.mime_malformed_msg");
            }
            Mode::Body(Part::ignored())
        } else if main == b"message/rfc822" {
            // Never encoded (RFC 2046 5.2.1), whatever it says; the first line shows.
            self.doubtful = name.map(|name| (name, encoding.clone()));
            Mode::Headers
        } else {
            Mode::Body(self.part_for(name, &encoding, &main, sink))
        };
        if std::mem::take(&mut self.top) {
            self.headers = headers;
        }
    }

    fn part_for(
        &mut self,
        name: Option<Vec<u8>>,
        encoding: &[u8],
        main: &[u8],
        sink: &mut FileSink<'_>,
    ) -> Part {
        let encoding = match encoding {
            b"base64" if self.decode_base64 => part::Encoding::base64(),
            b"quoted-printable" if self.decode_qp => part::Encoding::QuotedPrintable,
            b"x-uuencode" | b"uuencode" | b"x-uue" => part::Encoding::Uu,
            _ => part::Encoding::Plain,
        };
        let kind = match name {
            Some(mut name) if !name.is_empty() => {
                if name.len() > MAX_FILE_NAME_BYTES {
                    self.event("smtp.mime_long_filename");
                    name.truncate(MAX_FILE_NAME_BYTES);
                }
                PartKind::file(&name, sink)
            }
            _ if main.is_empty() || main.starts_with(b"text/") || main.starts_with(b"message/") => {
                PartKind::Text
            }
            _ => PartKind::Ignored,
        };
        Part::new(kind, encoding)
    }

    /// The line to come had its first dot doubled on the way. The reference hashes both.
    pub fn doubled_dot(&mut self) {
        if !self.top {
            self.md5_line(b".", false);
        }
    }

    fn md5_line(&mut self, line: &[u8], ended: bool) {
        if let Some(md5) = &mut self.md5 {
            md5.update(line);
            if ended {
                md5.update(b"\r\n");
            }
        }
    }

    fn body_line(&mut self, line: &[u8], continues: bool, ended: bool, crlf: bool, sink: &mut FileSink<'_>) {
        let held = std::mem::replace(
            &mut self.held_eol,
            match (ended, crlf) {
                (false, _) => Eol::None,
                (true, true) => Eol::CrLf,
                (true, false) => Eol::Lf,
            },
        );
        let Mode::Body(part) = &mut self.mode else { return };
        let long = !continues && line.len() > MAX_ENCODED_LINE_BYTES && part.is_encoded();
        let break_before: &[u8] = match held {
            Eol::None => b"",
            Eol::Lf => b"\n",
            Eol::CrLf => b"\r\n",
        };
        let urls = self.extract_urls.then_some(&mut self.urls);
        let notes = part.line(line, break_before, ended, urls, sink);
        if long {
            self.event("smtp.mime_long_enc_line");
        }
        if notes.bad_base64 {
            self.event("smtp.mime_invalid_base64");
        }
        if notes.bad_qp {
            self.event("smtp.mime_invalid_qp");
        }
    }
}
