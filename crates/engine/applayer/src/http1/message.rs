//! One side of a transaction: line, headers, body, files.
//!
//! Responsible for what becomes of body bytes: decoding, the inspection window, the files.
//! Holds always: body bytes pass once, in order; the window keeps no more than configured.

use mimamori_base::{Direction, Timestamp};
use mimamori_files::decode::{Coding, Decoder, Problem};
use mimamori_files::{File, FileState, View, Window};

use super::config::Http1Config;
use super::events;
use super::headers::Headers;
use super::multipart::{Multipart, Piece};
use super::ranges::RangePart;
use crate::event::AppEvent;
use crate::field::http_step;

/// Events kept a side; later ones are repetitions in practice.
const MAX_EVENTS: usize = 64;
/// Files kept a side of one transaction.
pub(crate) const MAX_FILES: usize = 128;

/// How the bytes of the body become files.
#[derive(Debug, Default)]
pub(crate) enum FileMode {
    /// No files here.
    #[default]
    None,
    /// The whole body is one file of this name, opened with its first byte.
    Whole {
        name: Vec<u8>,
        range: Option<RangePart>,
    },
    Multipart(Box<Multipart>),
}

/// One side of a transaction.
#[derive(Debug)]
pub(crate) struct Message {
    pub dir: Direction,
    pub progress: u8,
    pub complete: bool,
    /// The first line as it came.
    pub line: Vec<u8>,
    pub protocol: Vec<u8>,
    pub headers: Headers,
    pub window: Window,
    pub files: Vec<File>,
    pub file_mode: FileMode,
    decoder: Option<Box<Decoder>>,
    /// Body bytes as transferred, chunk framing included.
    pub body_bytes: u64,
    pub events: Vec<AppEvent>,
}

impl Message {
    pub(crate) fn new(dir: Direction, config: &Http1Config) -> Self {
        let window = events::pick(dir, config.request_window(), config.response_window());
        Message {
            dir,
            progress: 0,
            complete: false,
            line: Vec::new(),
            protocol: Vec::new(),
            headers: Headers::default(),
            window: Window::new(window),
            files: Vec::new(),
            file_mode: FileMode::None,
            decoder: None,
            body_bytes: 0,
            events: Vec::new(),
        }
    }

    pub(crate) fn event(&mut self, event: AppEvent) {
        if self.events.len() < MAX_EVENTS && !self.events.contains(&event) {
            self.events.push(event);
        }
    }

    pub(crate) fn reach(&mut self, step: u8) {
        self.progress = self.progress.max(step);
    }

    /// What the body has been encoded with, outermost first.
    pub(crate) fn decode_with(&mut self, codings: &[Coding], config: &Http1Config) {
        if !codings.is_empty() {
            self.decoder = Some(Box::new(Decoder::new(codings, config.decode)));
        }
    }

    /// Body bytes, transfer coding undone.
    pub(crate) fn body(&mut self, bytes: &[u8], tx_id: u64, config: &Http1Config) {
        if bytes.is_empty() {
            return;
        }
        self.reach(http_step::BODY);
        let Some(mut decoder) = self.decoder.take() else {
            self.decoded(bytes, tx_id, config);
            return;
        };
        decoder.push(bytes, &mut |out| self.decoded(out, tx_id, config));
        self.problems(&mut decoder);
        self.decoder = Some(decoder);
    }

    fn problems(&mut self, decoder: &mut Decoder) {
        for problem in decoder.take_problems() {
            self.event(match problem {
                Problem::Malformed => events::GZIP_FAILED,
                Problem::Bomb => events::BOMB,
                Problem::LzmaMemory => events::LZMA_MEMORY,
            });
        }
    }

    fn decoded(&mut self, bytes: &[u8], tx_id: u64, config: &Http1Config) {
        self.window.append(bytes);
        match &mut self.file_mode {
            FileMode::None => {}
            FileMode::Whole { name, range } => {
                if let Some(part) = range {
                    part.collect(bytes);
                }
                if self.files.is_empty() {
                    let file_config = match self.dir {
                        Direction::ToServer => config.request_file(),
                        Direction::ToClient => config.response_file(),
                    };
                    let mut file = File::open(name, tx_id, &file_config);
                    if let Some(part) = range {
                        file.mark_range(part.start, part.end);
                    }
                    self.files.push(file);
                }
                if let Some(file) = self.files.last_mut() {
                    file.append(bytes);
                }
            }
            FileMode::Multipart(parser) => {
                let (files, found) = (&mut self.files, &mut self.events);
                parser.push(bytes, &mut |piece| take_piece(piece, files, found, tx_id, config));
            }
        }
    }

    /// Bytes after the end of a message that begin no other one. They are no part of a file: a hash
    /// must not change for what clients ignore.
    pub(crate) fn stray_bytes(&mut self, bytes: &[u8]) {
        let event = events::pick(self.dir, events::BODY_UNEXPECTED, events::RESPONSE_BODY_UNEXPECTED);
        self.event(event);
        self.body_bytes = self.body_bytes.saturating_add(bytes.len() as u64);
        self.window.append(bytes);
        self.reach(http_step::BODY);
    }

    /// `len` bytes of the body were lost.
    pub(crate) fn lost(&mut self, len: u64, tx_id: u64, config: &Http1Config) {
        self.body_bytes = self.body_bytes.saturating_add(len);
        if let Some(mut decoder) = self.decoder.take() {
            // What follows cannot be decoded.
            decoder.finish(&mut |out| self.decoded(out, tx_id, config));
            self.problems(&mut decoder);
        }
        self.window.gap(len);
        if let FileMode::Whole { .. } = self.file_mode
            && self.files.is_empty()
        {
            self.decoded(&[], tx_id, config);
        }
        if let Some(file) = self.files.last_mut() {
            file.gap(len);
        }
    }

    /// The body has ended; `whole` as its framing tells.
    pub(crate) fn end_body(&mut self, whole: bool, tx_id: u64, config: &Http1Config, now: Timestamp) {
        let coded = self.decoder.is_some();
        if let Some(mut decoder) = self.decoder.take() {
            decoder.finish(&mut |out| self.decoded(out, tx_id, config));
            self.problems(&mut decoder);
        }
        if let FileMode::Multipart(parser) = &mut self.file_mode {
            let (files, found) = (&mut self.files, &mut self.events);
            parser.finish(&mut |piece| take_piece(piece, files, found, tx_id, config));
        }
        for file in &mut self.files {
            file.close(if whole { FileState::Closed } else { FileState::Truncated });
        }
        if whole && !coded {
            self.join_range(tx_id, config, now);
        }
        self.window.end();
        self.reach(http_step::TRAILER);
    }

    /// Gives the part that this body was to its file; a file that is whole now joins the files.
    fn join_range(&mut self, tx_id: u64, config: &Http1Config, now: Timestamp) {
        let FileMode::Whole { name, range: Some(part) } = &mut self.file_mode else { return };
        if self.files.iter().any(File::has_gaps) {
            return;
        }
        if let Some(bytes) = part.finish(&config.ranges, now) {
            let mut file = File::open(name, tx_id, &config.whole_file());
            file.append(&bytes);
            file.close(FileState::Closed);
            self.files.push(file);
        }
    }

    /// What to inspect now: a file that its last part has made whole, else the body.
    pub(crate) fn views(&self, visit: &mut dyn FnMut(View<'_>) -> bool) {
        let joined = self.files.get(1..).and_then(|f| f.last());
        match joined.filter(|f| f.has_views()) {
            Some(file) => file.views(visit),
            None => self.window.views(visit),
        }
    }

    /// Nothing more comes.
    pub(crate) fn finish(&mut self) {
        self.window.end();
        for file in &mut self.files {
            file.close(FileState::Truncated);
        }
        self.reach(http_step::COMPLETE);
        self.complete = true;
    }

    /// What was in view has been inspected.
    pub(crate) fn inspected(&mut self) {
        self.window.inspected();
        for file in &mut self.files {
            file.inspected();
        }
    }
}

fn take_piece(
    piece: Piece<'_>,
    files: &mut Vec<File>,
    found: &mut Vec<AppEvent>,
    tx_id: u64,
    config: &Http1Config,
) {
    let mut event = |e: AppEvent| {
        if found.len() < MAX_EVENTS && !found.contains(&e) {
            found.push(e);
        }
    };
    match piece {
        Piece::FileBegins(name) => {
            if files.len() < MAX_FILES {
                files.push(File::open(&name, tx_id, &config.request_file()));
            } else {
                event(events::MULTIPART_GENERIC);
            }
        }
        Piece::FileBytes(bytes) => {
            if let Some(file) = files.last_mut() {
                file.append(bytes);
            }
        }
        Piece::FileEnds { whole } => {
            if let Some(file) = files.last_mut() {
                file.close(if whole { FileState::Closed } else { FileState::Truncated });
            }
        }
        Piece::InvalidHeader => event(events::MULTIPART_INVALID),
        Piece::NoFileData => event(events::MULTIPART_NO_DATA),
        Piece::Broken => event(events::MULTIPART_GENERIC),
    }
}
