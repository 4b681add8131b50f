//! Requests: from the bytes of the client to the request side of a transaction.

use mimamori_base::Direction;

use super::chunk::Chunked;
use super::disposition::parameter;
use super::events;
use super::framing::{Framing, content_length, holds};
use super::headers::BlockReader;
use super::line::{
    FirstLine, RequestLine, begins_with_method, first_line, is_blank, is_token, parse_request_line,
    starts_with_nocase,
};
use super::message::FileMode;
use super::multipart::Multipart;
use super::parser::{Http1Parser, State, Step};
use super::tx::HttpTx;
use super::uri::{Target, UriRules, is_valid_host, normalise, split_host};
use crate::field::http_step;

const DIR: Direction = Direction::ToServer;

/// Bytes a client may send into a tunnel that is not open yet.
const MAX_HOLD_BYTES: usize = 128 * 1024;

/// A method or header name is waited for up to this; longer ones are neither, however they come.
const MAX_TOKEN_BYTES: usize = 64;

impl Http1Parser {
    pub(super) fn request_step(&mut self, state: State, data: &[u8], eof: bool) -> Step {
        match state {
            State::Start => self.request_start(data, eof),
            State::MaybeHeaders => self.maybe_headers(data, eof),
            State::Headers(reader) => self.read_block(DIR, reader, data, eof, false),
            State::Trailers(reader) => self.read_trailers(DIR, reader, data, eof),
            State::Finalize => self.request_finalize(data, eof),
            State::Late => self.late_line(DIR, data),
            State::Lost => self.request_resync(data, eof),
            State::Hold if data.len() <= MAX_HOLD_BYTES && !eof => {
                self.request.state = State::Hold;
                Step::Wait
            }
            State::Hold | State::Ignore | State::Tunnel | State::Body(_) => {
                self.request.state = State::Ignore;
                Step::Used(data.len())
            }
        }
    }

    fn request_start(&mut self, data: &[u8], eof: bool) -> Step {
        let max = self.config.max_line_bytes;
        let line = match first_line(data, false, eof, max) {
            FirstLine::Whole(line) => line,
            FirstLine::TooLong(len) => return self.long_request_line(data, max, len),
            FirstLine::Wait => return Step::Wait,
        };
        if line.content.iter().all(|b| is_blank(*b)) {
            return Step::Used(line.consumed);
        }
        let parsed = parse_request_line(line.content);
        if self.new_request(line.content, parsed).is_none() {
            return Step::Failed;
        }
        self.request.state = if parsed.protocol.is_empty() {
            State::MaybeHeaders
        } else {
            State::Headers(BlockReader::default())
        };
        Step::Used(line.consumed)
    }

    /// A request line beyond the limit: its begin is kept, its rest dropped.
    fn long_request_line(&mut self, data: &[u8], max: usize, len: usize) -> Step {
        let head = data.get(..max).unwrap_or(data);
        let Some(id) = self.new_request(head, parse_request_line(head)) else {
            return Step::Failed;
        };
        if let Some(tx) = self.txs.by_id_mut(id) {
            tx.request.event(events::TOO_LONG_REQUEST);
        }
        self.request.state = State::Headers(BlockReader::in_long_line());
        Step::Used(len)
    }

    /// A transaction from a request line; `None` when there are too many.
    fn new_request(&mut self, line: &[u8], parsed: RequestLine<'_>) -> Option<u64> {
        if self.txs.is_full() {
            return None;
        }
        let config = self.config.clone();
        let id = self.txs.push_with(|id| HttpTx::new(id, &config));
        self.request.tx = id;
        let tx = self.txs.by_id_mut(id)?;
        // No answer will be seen any more: nothing to wait for.
        tx.response.complete = self.response.ended;
        tx.request.line = line.to_vec();
        tx.request.protocol = parsed.protocol.to_vec();
        tx.method = parsed.method.to_vec();
        tx.uri_raw = parsed.uri.to_vec();
        let connect = tx.is_method(b"CONNECT");
        let target = Target::parse(parsed.uri, connect);
        let rules = UriRules {
            double_decode_path: config.double_decode_path,
            double_decode_query: config.double_decode_query,
            plus_is_space: config.plus_is_space,
            include_all: config.uri_include_all,
        };
        tx.uri = normalise(&target, rules);
        if tx.uri.double_encoded {
            tx.request.event(events::DOUBLE_ENCODED);
        }
        if parsed.leading_blank {
            tx.request.event(events::LEADING_BLANK);
        }
        if parsed.odd_delimiter {
            tx.request.event(events::METHOD_DELIMITER);
        }
        if parsed.uri.is_empty() {
            tx.request.event(events::LINE_INCOMPLETE);
        }
        let host_port = target.host_port();
        if !host_port.is_empty() {
            let (host, port, bad_port) = split_host(host_port);
            if bad_port {
                tx.request.event(events::INVALID_SERVER_PORT);
            }
            if !is_valid_host(&host) {
                tx.request.event(events::URI_HOST_INVALID);
            }
            tx.host_raw = Some(host_port.to_vec());
            tx.host = Some(host);
            tx.port = port;
        }
        tx.request.reach(http_step::LINE);
        Some(id)
    }

    /// After a line without protocol: HTTP/0.9, or a request that left it out.
    fn maybe_headers(&mut self, data: &[u8], eof: bool) -> Step {
        let token = data.iter().take_while(|b| is_token(**b)).count();
        match data.get(token) {
            Some(b':') if (1..MAX_TOKEN_BYTES).contains(&token) => {
                let id = self.request.tx;
                if let Some(tx) = self.txs.by_id_mut(id) {
                    tx.request.event(events::MISSING_PROTOCOL);
                }
                self.request.state = State::Headers(BlockReader::default());
                Step::Used(0)
            }
            None if !eof && token < MAX_TOKEN_BYTES => {
                self.request.state = State::MaybeHeaders;
                Step::Wait
            }
            _ => {
                let id = self.request.tx;
                if let Some(tx) = self.txs.by_id_mut(id) {
                    tx.request.reach(http_step::HEADERS);
                }
                self.finish(DIR, id);
                self.request.state = State::Ignore;
                Step::Used(data.len())
            }
        }
    }

    /// All headers are there: how the body comes, and what is odd.
    pub(super) fn request_headers_done(&mut self, used: usize) -> Step {
        let id = self.request.tx;
        let Some(tx) = self.txs.by_id_mut(id) else {
            self.request.state = State::Finalize;
            return Step::Used(used);
        };
        take_host(tx);
        check_authorization(tx);
        let framing = request_framing(tx);
        if !matches!(framing, Framing::None) {
            tx.request.file_mode = file_mode(tx);
        }
        self.request.state = match framing {
            _ if tx.is_method(b"CONNECT") => {
                tx.request.finish();
                State::Hold
            }
            Framing::None => State::Finalize,
            other => State::Body(other),
        };
        Step::Used(used)
    }

    /// The last byte of a request has come: whether the next line begins another one.
    fn request_finalize(&mut self, data: &[u8], eof: bool) -> Step {
        self.request.state = State::Finalize;
        let blanks = data.iter().take_while(|b| is_blank(**b)).count();
        if blanks > 0 || data.is_empty() {
            return if blanks > 0 { Step::Used(blanks) } else { Step::Wait };
        }
        let token = data.iter().take_while(|b| is_token(**b)).count();
        let begins_request = match (begins_with_method(data), data.get(token)) {
            (Some(true), _) => true,
            (None, _) if !eof => return Step::Wait,
            (_, None) if !eof && token < MAX_TOKEN_BYTES => return Step::Wait,
            // An unknown method: the line must name the protocol.
            (_, Some(b' ' | b'\t')) if (1..MAX_TOKEN_BYTES).contains(&token) => {
                match first_line(data, false, eof, self.config.max_line_bytes) {
                    FirstLine::Wait if !eof => return Step::Wait,
                    FirstLine::Wait | FirstLine::TooLong(_) => false,
                    FirstLine::Whole(line) => !parse_request_line(line.content).protocol.is_empty(),
                }
            }
            _ => false,
        };
        if begins_request {
            self.close_stray(DIR);
            let id = self.request.tx;
            self.finish(DIR, id);
            self.request.state = State::Start;
            return Step::Used(0);
        }
        self.late_line(DIR, data)
    }

    /// After lost bytes: drops what is not the begin of a request.
    fn request_resync(&mut self, data: &[u8], eof: bool) -> Step {
        match begins_with_method(data) {
            Some(true) => {
                self.request.state = State::Start;
                Step::Used(0)
            }
            None if !eof => {
                self.request.state = State::Lost;
                Step::Wait
            }
            _ => {
                self.request.state = State::Lost;
                Step::Used(memchr::memchr(b'\n', data).map_or(data.len(), |i| i + 1))
            }
        }
    }
}

fn take_host(tx: &mut HttpTx) {
    let header = tx.request.headers.value(b"host").map(<[u8]>::to_vec);
    let Some(value) = header else {
        if tx.request.protocol == b"HTTP/1.1" {
            tx.request.event(events::MISSING_HOST);
        }
        return;
    };
    let (host, port, bad_port) = split_host(&value);
    if bad_port {
        tx.request.event(events::INVALID_SERVER_PORT);
    }
    if !is_valid_host(&host) {
        tx.request.event(events::HEADER_HOST_INVALID);
    }
    let ambiguous = tx.request.headers.get(b"host").is_some_and(|h| h.repeated)
        || tx.host.as_ref().is_some_and(|h| *h != host);
    if ambiguous {
        tx.request.event(events::AMBIGUOUS_HOST);
    }
    if tx.host.is_none() {
        tx.host = Some(host);
        tx.port = port;
        tx.host_raw = Some(value);
    }
}

fn check_authorization(tx: &mut HttpTx) {
    let known = |v: &[u8]| {
        [&b"basic "[..], b"digest ", b"bearer ", b"negotiate", b"ntlm"]
            .iter()
            .any(|scheme| starts_with_nocase(v, scheme))
    };
    if tx.request.headers.value(b"authorization").is_some_and(|v| !known(v)) {
        tx.request.event(events::AUTH_UNRECOGNISED);
    }
}

fn request_framing(tx: &mut HttpTx) -> Framing {
    let length = content_length(&tx.request.headers);
    if length.duplicate {
        tx.request.event(events::REQUEST_CL_DUPLICATE);
    }
    if let Some(te) = tx.request.headers.value(b"transfer-encoding") {
        if holds(te, b"chunked") {
            return Framing::Chunked(Chunked::default());
        }
        tx.request.event(events::REQUEST_TE_INVALID);
    }
    if length.invalid {
        tx.request.event(events::REQUEST_CL_INVALID);
    }
    match length.bytes {
        Some(0) | None => Framing::None,
        Some(n) => Framing::Length(n),
    }
}

fn file_mode(tx: &HttpTx) -> FileMode {
    let (post, put) = (tx.is_method(b"POST"), tx.is_method(b"PUT"));
    if !post && !put {
        return FileMode::None;
    }
    let content_type = tx.request.headers.value(b"content-type").unwrap_or_default();
    if post
        && starts_with_nocase(content_type, b"multipart/form-data")
        && let Some(multipart) = parameter(content_type, b"boundary").and_then(Multipart::new)
    {
        return FileMode::Multipart(Box::new(multipart));
    }
    FileMode::Whole { name: tx.uri.path.clone(), range: None }
}
