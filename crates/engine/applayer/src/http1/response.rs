//! Responses: from the bytes of the server to the response side of a transaction.

use mimamori_base::Direction;

use super::chunk::Chunked;
use super::disposition::file_name;
use super::events;
use super::framing::{Framing, codings, content_length, holds};
use super::headers::{BlockReader, Headers};
use super::line::{
    FirstLine, first_line, is_blank, is_status_line, parse_status_line, starts_with_nocase, trim_blank,
};
use super::message::{FileMode, Message};
use super::parser::{Http1Parser, State, Step};
use super::tx::HttpTx;
use crate::field::http_step;
use crate::proto::AppProto;

const DIR: Direction = Direction::ToClient;

/// Blanks before a status line that are waited through.
const MAX_BLANKS: usize = 64;

/// What the bytes at the begin of a message are.
enum Begin {
    StatusLine,
    /// A line to skip, of this length.
    Junk(usize),
    /// No response at all: a body without head.
    Body,
    Wait,
}

impl Http1Parser {
    pub(super) fn response_step(&mut self, state: State, data: &[u8], eof: bool) -> Step {
        match state {
            State::Start => self.response_start(data, eof),
            State::Headers(reader) => self.read_block(DIR, reader, data, eof, false),
            State::Trailers(reader) => self.read_trailers(DIR, reader, data, eof),
            State::Finalize => self.response_finalize(data, eof),
            State::Late => self.late_line(DIR, data),
            State::Lost => self.response_resync(data, eof),
            State::MaybeHeaders | State::Hold | State::Ignore | State::Tunnel | State::Body(_) => {
                self.response.state = State::Ignore;
                Step::Used(data.len())
            }
        }
    }

    fn begin(&self, data: &[u8], eof: bool) -> Begin {
        let max = self.config.max_line_bytes;
        let line = match first_line(data, true, eof, max) {
            FirstLine::Whole(line) => line,
            FirstLine::TooLong(_) => {
                let head = data.get(..max).unwrap_or(data);
                return if is_status_line(head) { Begin::StatusLine } else { Begin::Body };
            }
            FirstLine::Wait => return Begin::Wait,
        };
        if line.content.iter().all(|b| is_blank(*b)) {
            return Begin::Junk(line.consumed);
        }
        if is_status_line(line.content) {
            return Begin::StatusLine;
        }
        // A line of junk is skipped if a status line follows it.
        let after = data.get(line.consumed..).unwrap_or_default();
        if is_status_line(after.get(..32).unwrap_or(after)) {
            return Begin::Junk(line.consumed);
        }
        let may_become = trim_blank(after).len() < 4
            && b"HTTP"
                .get(..trim_blank(after).len())
                .is_some_and(|p| trim_blank(after).eq_ignore_ascii_case(p));
        if may_become && !eof { Begin::Wait } else { Begin::Body }
    }

    fn response_start(&mut self, data: &[u8], eof: bool) -> Step {
        match self.begin(data, eof) {
            Begin::Wait => Step::Wait,
            Begin::Junk(len) => Step::Used(len),
            Begin::StatusLine => {
                if !self.open_response() {
                    return Step::Failed;
                }
                self.status_line(data, eof)
            }
            Begin::Body => {
                if !self.open_response() {
                    return Step::Failed;
                }
                let id = self.response.tx;
                if let Some(tx) = self.txs.by_id_mut(id) {
                    tx.response.reach(http_step::HEADERS);
                    tx.response.file_mode = FileMode::Whole { name: tx.uri.path.clone(), range: None };
                }
                self.response.state = State::Body(Framing::UntilClose);
                Step::Used(0)
            }
        }
    }

    /// Finds the transaction that a response belongs to, or makes one.
    fn open_response(&mut self) -> bool {
        let created = self.txs.created();
        while self.next_response < created
            && self.txs.by_id_mut(self.next_response).is_none_or(|tx| tx.stray.is_some())
        {
            self.next_response += 1;
        }
        if self.next_response < created {
            self.response.tx = self.next_response;
        } else {
            if self.txs.is_full() {
                return false;
            }
            let config = self.config.clone();
            let id = self.txs.push_with(|id| HttpTx::without_request(id, &config));
            self.response.tx = id;
            self.next_response = id;
            if let Some(tx) = self.txs.by_id_mut(id) {
                tx.response.event(events::NO_REQUEST);
            }
        }
        let id = self.response.tx;
        if matches!(self.request.state, State::MaybeHeaders) && self.request.tx == id {
            self.finish(Direction::ToServer, id);
        }
        true
    }

    fn status_line(&mut self, data: &[u8], eof: bool) -> Step {
        let id = self.response.tx;
        let max = self.config.max_line_bytes;
        let (content, consumed, long) = match first_line(data, true, eof, max) {
            FirstLine::Whole(line) => (line.content, line.consumed, false),
            FirstLine::TooLong(len) => (data.get(..max).unwrap_or(data), len, true),
            FirstLine::Wait => return Step::Wait,
        };
        if let Some(tx) = self.txs.by_id_mut(id) {
            let parsed = parse_status_line(content);
            tx.response.line = content.to_vec();
            tx.response.protocol = parsed.protocol.to_vec();
            tx.status = parsed.status();
            tx.status_code = parsed.code.to_vec();
            tx.status_message = parsed.message.to_vec();
            if !matches!(parsed.protocol, b"HTTP/0.9" | b"HTTP/1.0" | b"HTTP/1.1") {
                tx.response.event(events::RESPONSE_PROTOCOL);
            }
            if tx.status == 0 {
                tx.response.event(events::RESPONSE_STATUS);
            }
            if long {
                tx.response.event(events::TOO_LONG_RESPONSE);
            }
            tx.response.reach(http_step::LINE);
        }
        let reader = if long { BlockReader::in_long_line() } else { BlockReader::default() };
        self.response.state = State::Headers(reader);
        Step::Used(consumed)
    }

    /// All headers are there: interim, tunnel, or how the body comes.
    pub(super) fn response_headers_done(&mut self, used: usize) -> Step {
        let id = self.response.tx;
        let config = self.config.clone();
        let Some(tx) = self.txs.by_id_mut(id) else {
            self.response.state = State::Finalize;
            return Step::Used(used);
        };
        let headers = &tx.response.headers;
        let has_body_headers =
            headers.get(b"content-length").is_some() || headers.get(b"transfer-encoding").is_some();
        if tx.status == 101 && !has_body_headers {
            let to = upgrade_target(&tx.response.headers).or_else(|| upgrade_target(&tx.request.headers));
            tx.response.finish();
            self.next_response = id + 1;
            self.response.state = State::Ignore;
            return Step::Change { to, expect: to, used };
        }
        if (100..200).contains(&tx.status) && !has_body_headers {
            self.interim(id);
            return Step::Used(used);
        }
        if tx.is_method(b"CONNECT") && matches!(self.request.state, State::Hold) {
            if (200..300).contains(&tx.status) {
                tx.response.finish();
                self.next_response = id + 1;
                self.response.state = State::Tunnel;
                self.request.state = State::Tunnel;
                let early = self.request.held.iter().any(|b| !matches!(b, b'\r' | b'\n'));
                if early {
                    return Step::Change { to: None, expect: Some(AppProto::Tls), used };
                }
                return Step::Used(used);
            }
            self.request.state = State::Start;
        }
        let Some(tx) = self.txs.by_id_mut(id) else { return Step::Failed };
        let framing = response_framing(tx, has_body_headers);
        if !matches!(framing, Framing::None) {
            let found = codings(&tx.response.headers, config.max_layers, config.lzma);
            if found.abnormal {
                tx.response.event(events::ABNORMAL_CE);
            }
            if found.too_many {
                tx.response.event(events::TOO_MANY_LAYERS);
            }
            tx.response.decode_with(&found.undo, &config);
            tx.response.file_mode = file_mode(tx);
        }
        self.response.state = match framing {
            Framing::None => State::Finalize,
            other => State::Body(other),
        };
        Step::Used(used)
    }

    /// An interim response (100, 102, 103): the real one follows.
    fn interim(&mut self, id: u64) {
        let config = self.config.clone();
        if let Some(tx) = self.txs.by_id_mut(id) {
            let mut fresh = Message::new(DIR, &config);
            fresh.progress = 0;
            fresh.events = std::mem::take(&mut tx.response.events);
            if tx.status == 100 && std::mem::replace(&mut tx.seen_continue, true) {
                fresh.event(events::CONTINUE_SEEN);
            }
            tx.response = fresh;
            tx.headers_changed(DIR);
        }
        self.response.state = State::Start;
    }

    /// The last byte of a response has come: whether the next line begins another one.
    fn response_finalize(&mut self, data: &[u8], eof: bool) -> Step {
        self.response.state = State::Finalize;
        if data.is_empty() {
            return Step::Wait;
        }
        let blanks = data.iter().take_while(|b| is_blank(**b) && **b != b'\n').count();
        let rest = data.get(blanks..).unwrap_or_default();
        if starts_with_nocase(rest, b"HTTP") {
            self.close_stray(DIR);
            let id = self.response.tx;
            self.finish(DIR, id);
            self.response.state = State::Start;
            return Step::Used(0);
        }
        let may_become = rest.len() < 4 && starts_with_nocase(b"HTTP", rest);
        if may_become && blanks < MAX_BLANKS && !eof {
            return Step::Wait;
        }
        self.late_line(DIR, data)
    }

    /// After lost bytes: drops what is not the begin of a response.
    fn response_resync(&mut self, data: &[u8], eof: bool) -> Step {
        if starts_with_nocase(data, b"HTTP/") {
            self.response.state = State::Start;
            return Step::Used(0);
        }
        self.response.state = State::Lost;
        if data.len() < 5 && !eof && b"HTTP/".starts_with(data) {
            return Step::Wait;
        }
        Step::Used(memchr::memchr(b'\n', data).map_or(data.len(), |i| i + 1))
    }
}

fn upgrade_target(headers: &Headers) -> Option<AppProto> {
    let upgrade = headers.value(b"upgrade")?;
    if holds(upgrade, b"websocket") {
        Some(AppProto::WebSocket)
    } else if holds(upgrade, b"h2c") {
        Some(AppProto::Http2)
    } else {
        None
    }
}

fn response_framing(tx: &mut HttpTx, has_body_headers: bool) -> Framing {
    if tx.is_method(b"HEAD") {
        return Framing::None;
    }
    let no_body = (100..200).contains(&tx.status) || matches!(tx.status, 204 | 304);
    if no_body && !has_body_headers {
        return Framing::None;
    }
    let length = content_length(&tx.response.headers);
    if length.duplicate {
        tx.response.event(events::RESPONSE_CL_DUPLICATE);
    }
    if let Some(te) = tx.response.headers.value(b"transfer-encoding") {
        if holds(te, b"chunked") {
            if !trim_blank(te).eq_ignore_ascii_case(b"chunked") {
                tx.response.event(events::RESPONSE_TE_ABNORMAL);
            }
            if tx.response.protocol != b"HTTP/1.1" {
                tx.response.event(events::RESPONSE_CHUNKED_OLD);
            }
            return Framing::Chunked(Chunked::default());
        }
        tx.response.event(events::RESPONSE_TE_INVALID);
    }
    let content_type = tx.response.headers.value(b"content-type").unwrap_or_default();
    if starts_with_nocase(content_type, b"multipart/byteranges") {
        tx.response.event(events::BYTE_RANGES);
    }
    if length.invalid {
        tx.response.event(events::RESPONSE_CL_INVALID);
    }
    match length.bytes {
        Some(0) => Framing::None,
        Some(n) => Framing::Length(n),
        None => Framing::UntilClose,
    }
}

fn file_mode(tx: &mut HttpTx) -> FileMode {
    let name = tx
        .response
        .headers
        .value(b"content-disposition")
        .and_then(file_name)
        .unwrap_or_else(|| tx.uri.path.clone());
    FileMode::Whole { name, range: tx.response_range() }
}
