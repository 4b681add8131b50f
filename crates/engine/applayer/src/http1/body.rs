//! Bodies and gaps: the part that both directions share.

use mimamori_base::Direction;

use super::events::{of_chunk, of_header};
use super::framing::Framing;
use super::headers::{BlockReader, Headers};
use super::parser::{Http1Parser, State, Step};
use super::tx::HttpTx;
use crate::field::http_step;

impl Http1Parser {
    pub(super) fn read_body(&mut self, dir: Direction, mut framing: Framing, data: &[u8], eof: bool) -> Step {
        let id = self.side_mut(dir).tx;
        let config = self.config.clone();
        let mut used = data.len();
        let mut done = false;
        if let Some(tx) = self.txs.by_id_mut(id) {
            let message = tx.side_mut(dir);
            match &mut framing {
                Framing::None => used = 0,
                Framing::Length(left) => {
                    used = usize::try_from(*left).unwrap_or(usize::MAX).min(data.len());
                    message.body(data.get(..used).unwrap_or_default(), id, &config);
                    *left -= used as u64;
                }
                Framing::Chunked(chunks) => {
                    let mut notes = Vec::new();
                    used = chunks.read(data, &mut |b| message.body(b, id, &config), &mut |o| {
                        if !notes.contains(&o) {
                            notes.push(o);
                        }
                    });
                    notes.into_iter().for_each(|o| message.event(of_chunk(o, dir)));
                    if eof && used == data.len() && !chunks.is_done() {
                        let rest = chunks.rest();
                        message.body(&rest, id, &config);
                    }
                }
                Framing::UntilClose => message.body(data, id, &config),
            }
            message.body_bytes = message.body_bytes.saturating_add(used as u64);
        } else if let Framing::Length(left) = &mut framing {
            used = usize::try_from(*left).unwrap_or(usize::MAX).min(data.len());
            *left -= used as u64;
        }
        let (ended, whole, next) = match &framing {
            Framing::None | Framing::Length(0) => (true, true, State::Finalize),
            Framing::Chunked(c) if c.is_done() => (true, true, State::Trailers(BlockReader::default())),
            Framing::Chunked(_) => (eof, true, State::Finalize),
            Framing::Length(_) => (eof, false, State::Finalize),
            Framing::UntilClose => (eof, true, State::Finalize),
        };
        if ended {
            self.end_body(dir, id, whole);
            self.side_mut(dir).state = next;
            done = true;
        } else {
            self.side_mut(dir).state = State::Body(framing);
        }
        if used == 0 && !done { Step::Wait } else { Step::Used(used) }
    }

    fn end_body(&mut self, dir: Direction, id: u64, whole: bool) {
        let config = self.config.clone();
        if let Some(tx) = self.txs.by_id_mut(id) {
            tx.side_mut(dir).end_body(whole, id, &config, self.now);
        }
    }

    /// A line after the message's end that begins no other message, or the rest of one. What is in
    /// it is a transaction of its own: the message may long be inspected and gone, and what it
    /// said must not hang on whether such bytes came together with it.
    pub(super) fn late_line(&mut self, dir: Direction, data: &[u8]) -> Step {
        let end = memchr::memchr(b'\n', data).map(|i| i + 1);
        let used = end.unwrap_or(data.len());
        let line = data.get(..used).unwrap_or_default();
        self.side_mut(dir).state = if end.is_some() { State::Finalize } else { State::Late };
        if used == 0 {
            return Step::Wait;
        }
        let known = self.side_mut(dir).stray;
        let id = match known {
            Some(id) => id,
            None if line.trim_ascii().is_empty() || self.txs.is_full() => return Step::Used(used),
            None => {
                let config = self.config.clone();
                self.txs.push_with(|id| HttpTx::stray(id, dir, &config))
            }
        };
        self.side_mut(dir).stray = Some(id);
        if let Some(tx) = self.txs.by_id_mut(id) {
            tx.side_mut(dir).stray_bytes(line);
        }
        Step::Used(used)
    }

    /// Nothing more comes after the message of side `dir`.
    pub(super) fn close_stray(&mut self, dir: Direction) {
        if let Some(id) = self.side_mut(dir).stray.take()
            && let Some(tx) = self.txs.by_id_mut(id)
        {
            tx.side_mut(dir).finish();
        }
    }

    /// Trailer fields after the last chunk join the headers.
    pub(super) fn read_trailers(
        &mut self,
        dir: Direction,
        reader: BlockReader,
        data: &[u8],
        eof: bool,
    ) -> Step {
        self.read_block(dir, reader, data, eof, true)
    }

    /// Reads header lines. When the block ends the caller's state is
    /// [`State::Finalize`]; before that it stays a reading one.
    pub(super) fn read_block(
        &mut self,
        dir: Direction,
        mut reader: BlockReader,
        data: &[u8],
        eof: bool,
        trailers: bool,
    ) -> Step {
        let id = self.side_mut(dir).tx;
        let rules = self.rules(dir);
        let mut oddities = Vec::new();
        let mut notice = |o| {
            if !oddities.contains(&o) {
                oddities.push(o);
            }
        };
        let progress = match self.txs.by_id_mut(id) {
            Some(tx) => {
                let headers = &mut tx.side_mut(dir).headers;
                let progress = reader.read(data, eof, rules, headers, &mut notice);
                for o in oddities {
                    tx.side_mut(dir).event(of_header(o, dir));
                }
                tx.headers_changed(dir);
                progress
            }
            None => reader.read(data, eof, rules, &mut Headers::default(), &mut notice),
        };
        if !progress.ended {
            let side = self.side_mut(dir);
            side.state = if trailers { State::Trailers(reader) } else { State::Headers(reader) };
            return if progress.consumed == 0 { Step::Wait } else { Step::Used(progress.consumed) };
        }
        if trailers {
            self.side_mut(dir).state = State::Finalize;
            return Step::Used(progress.consumed);
        }
        if let Some(tx) = self.txs.by_id_mut(id) {
            tx.side_mut(dir).reach(http_step::HEADERS);
        }
        match dir {
            Direction::ToServer => self.request_headers_done(progress.consumed),
            Direction::ToClient => self.response_headers_done(progress.consumed),
        }
    }

    /// `len` bytes of the stream were lost.
    pub(super) fn gap(&mut self, dir: Direction, len: u64) {
        let config = self.config.clone();
        self.close_stray(dir);
        let side = self.side_mut(dir);
        let id = side.tx;
        side.held.clear();
        let mut lost_in_body = 0;
        let state = std::mem::take(&mut side.state);
        let in_message = !matches!(state, State::Start | State::Lost | State::Hold | State::Tunnel);
        let next = match state {
            State::Body(Framing::Length(left)) if len <= left => {
                lost_in_body = len;
                State::Body(Framing::Length(left - len))
            }
            State::Body(Framing::Length(left)) => {
                lost_in_body = left;
                State::Lost
            }
            State::Body(Framing::Chunked(mut chunks)) => {
                lost_in_body = len;
                if chunks.skip(len) { State::Body(Framing::Chunked(chunks)) } else { State::Lost }
            }
            State::Body(Framing::UntilClose) => {
                lost_in_body = len;
                State::Body(Framing::UntilClose)
            }
            State::Ignore => State::Ignore,
            _ => State::Lost,
        };
        let ends = matches!(next, State::Lost | State::Body(Framing::Length(0)));
        let next = if matches!(next, State::Body(Framing::Length(0))) { State::Finalize } else { next };
        if lost_in_body > 0
            && let Some(tx) = self.txs.by_id_mut(id)
        {
            let message = tx.side_mut(dir);
            message.lost(lost_in_body, id, &config);
            if ends {
                message.end_body(false, id, &config, self.now);
            }
        }
        if matches!(next, State::Lost) && in_message {
            self.finish(dir, id);
        }
        self.side_mut(dir).state = next;
    }
}
