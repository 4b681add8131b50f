//! The parser of one HTTP/2 connection.

use std::sync::Arc;

use mimamori_base::{Direction, Timestamp};

use super::doh::{Collector, from_target, is_dns};
use super::events;
use super::frame::{
    CONTINUATION, Cutter, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, Head, PING, PRIORITY, PUSH_PROMISE,
    Piece, RST_STREAM, SETTINGS, WINDOW_UPDATE,
};
use super::hpack::{Hpack, HpackError};
use super::messages::{note_frame, set_priority, stream_side, take_request, take_response};
use super::streams::{Block, Streams};
use crate::event::AppEvent;
use crate::field::http_step;
use crate::http1::Http1Config;
use crate::http1::events::pick;
use crate::http1::tx::{HttpTx, StreamPart};
use crate::parser::{Outcome, Parser};
use crate::proto::AppProto;
use crate::session::Input;
use crate::transaction::Transaction;
use crate::txlist::TxList;

/// What a client sends first (RFC 9113 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[derive(Debug, Default)]
struct Side {
    cutter: Cutter,
    hpack: Hpack,
    block: Block,
    /// Bytes lost where they cannot be spared: nothing more is read.
    lost: bool,
}

/// Parser of one HTTP/2 flow.
#[derive(Debug)]
pub struct Http2Parser {
    config: Arc<Http1Config>,
    txs: TxList<HttpTx>,
    streams: Streams,
    sides: [Side; 2],
    /// Bytes of the preface seen; all of them once it is done with.
    preface: usize,
    flow_events: Vec<AppEvent>,
    /// Of the input being read.
    now: Timestamp,
    /// A DNS message came along.
    carries_dns: bool,
}

impl Http2Parser {
    #[must_use]
    pub fn new(config: Arc<Http1Config>) -> Self {
        let txs = TxList::new(config.max_tx);
        Http2Parser {
            config,
            txs,
            streams: Streams::default(),
            sides: [Side::default(), Side::default()],
            preface: 0,
            flow_events: Vec::new(),
            now: Timestamp::EPOCH,
            carries_dns: false,
        }
    }

    /// A connection that was HTTP/1 until `request` asked for more.
    pub(crate) fn after_upgrade(config: Arc<Http1Config>, request: &HttpTx) -> Self {
        let mut parser = Http2Parser::new(config);
        if let Some(id) = parser.open(Direction::ToServer, 1)
            && let Some(tx) = parser.txs.by_id_mut(id)
        {
            tx.copy_request(request);
        }
        parser
    }

    fn side(&mut self, dir: Direction) -> &mut Side {
        let [server, client] = &mut self.sides;
        match dir {
            Direction::ToServer => server,
            Direction::ToClient => client,
        }
    }

    fn event(&mut self, tx: Option<u64>, dir: Direction, event: AppEvent) {
        if let Some(tx) = tx.and_then(|id| self.txs.by_id_mut(id)) {
            tx.side_mut(dir).event(event);
        } else if self.flow_events.len() < 16 && !self.flow_events.contains(&event) {
            self.flow_events.push(event);
        }
    }

    fn data(&mut self, dir: Direction, bytes: &[u8]) {
        if self.side(dir).lost {
            return;
        }
        let bytes = if dir == Direction::ToServer { self.skip_preface(bytes) } else { bytes };
        let mut cutter = std::mem::take(&mut self.side(dir).cutter);
        cutter.push(bytes, &mut |piece| match piece {
            Piece::Data { stream, bytes, end } => self.body(dir, stream, bytes, end),
            Piece::Frame { head, payload, cut } => self.frame(dir, head, payload, cut),
        });
        self.side(dir).cutter = cutter;
        for tx in self.txs.iter_mut() {
            tx.publish_events();
        }
    }

    fn skip_preface<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let want = PREFACE.get(self.preface..).unwrap_or_default();
        let take = want.len().min(bytes.len());
        let (head, rest) = bytes.split_at_checked(take).unwrap_or((bytes, &[]));
        if want.starts_with(head) {
            self.preface += take;
            return rest;
        }
        self.preface = PREFACE.len();
        self.event(None, Direction::ToServer, events::INVALID_MAGIC);
        bytes
    }

    fn frame(&mut self, dir: Direction, head: Head, payload: &[u8], cut: bool) {
        let tx = self.streams.get(head.stream);
        if cut {
            self.event(tx, dir, events::LONG_FRAME);
        }
        match head.kind {
            SETTINGS | PING | GOAWAY | WINDOW_UPDATE if head.stream == 0 => {
                return self.connection_frame(dir, head.kind, payload);
            }
            _ => {
                if let Some(tx) = tx.and_then(|id| self.txs.by_id_mut(id)) {
                    note_frame(tx, dir, head.kind, payload);
                }
            }
        }
        match head.kind {
            HEADERS => {
                let (priority, fragment) = match (head.has(PRIORITY), payload.split_at_checked(5)) {
                    (true, Some((p, rest))) => (p.last().copied(), rest),
                    (true, None) => return self.event(tx, dir, events::INVALID_LENGTH),
                    (false, _) => (None, payload),
                };
                self.side(dir).block = Block {
                    stream: Some(head.stream),
                    end_stream: head.has(END_STREAM),
                    priority,
                    bytes: fragment.to_vec(),
                    ..Block::default()
                };
            }
            PUSH_PROMISE => {
                let Some((promised, fragment)) = payload.split_first_chunk::<4>() else {
                    return self.event(tx, dir, events::INVALID_LENGTH);
                };
                self.side(dir).block = Block {
                    stream: Some(u32::from_be_bytes(*promised) & 0x7fff_ffff),
                    push: true,
                    bytes: fragment.to_vec(),
                    ..Block::default()
                };
            }
            CONTINUATION => {
                if self.side(dir).block.stream.is_none() {
                    return self.event(tx, dir, events::INVALID_FRAME_DATA);
                }
                self.side(dir).block.continued = true;
                if !self.side(dir).block.extend(payload) {
                    // Of a block that never ends there would be nothing to see otherwise.
                    let tx = tx.or_else(|| self.open(dir, head.stream));
                    self.event(tx, dir, events::REASSEMBLY_LIMIT);
                }
            }
            RST_STREAM => {
                for side in Direction::BOTH {
                    self.finish(side, head.stream, false);
                }
                self.streams.remove(head.stream);
                return;
            }
            // What has been noted, and what is unknown.
            _ => return,
        }
        if head.has(END_HEADERS) {
            let block = std::mem::take(&mut self.side(dir).block);
            self.headers(dir, &block);
        }
    }

    /// A frame that concerns the connection: a transaction of its own, over at once.
    fn connection_frame(&mut self, dir: Direction, kind: u8, payload: &[u8]) {
        if self.txs.is_full() {
            return;
        }
        let config = self.config.clone();
        let id = self.txs.push_with(|id| HttpTx::new(id, &config));
        if let Some(tx) = self.txs.by_id_mut(id) {
            tx.stream = Some(StreamPart::default());
            note_frame(tx, dir, kind, payload);
            for side in Direction::BOTH {
                tx.side_mut(side).finish();
            }
        }
    }

    /// The transaction of a stream, made where there is none.
    fn open(&mut self, dir: Direction, stream: u32) -> Option<u64> {
        if let Some(id) = self.streams.get(stream) {
            return Some(id);
        }
        if self.txs.is_full() {
            // Whoever leaves hundreds open must not be able to send the next unseen: the oldest
            // goes, which has been looked at.
            self.event(None, dir, events::TOO_MANY_STREAMS);
            self.txs.make_room();
        }
        let config = self.config.clone();
        let id = self.txs.push_with(|id| match dir {
            Direction::ToServer => HttpTx::new(id, &config),
            Direction::ToClient => HttpTx::without_request(id, &config),
        });
        if let Some(tx) = self.txs.by_id_mut(id) {
            tx.stream = Some(StreamPart { id: stream, ..StreamPart::default() });
        }
        if self.streams.insert(stream, id) {
            self.event(Some(id), dir, events::TOO_MANY_STREAMS);
        }
        Some(id)
    }

    /// A whole header block.
    fn headers(&mut self, dir: Direction, block: &Block) {
        let Some(stream) = block.stream else { return };
        // A promise is a request that the server sends.
        let side = if block.push { Direction::ToServer } else { dir };
        let id = self.open(side, stream);
        let mut list: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let result =
            self.side(dir).hpack.decode(&block.bytes, &mut |n, v| list.push((n.to_vec(), v.to_vec())));
        if let Err(error) = result {
            self.event(
                id,
                side,
                match error {
                    HpackError::Malformed => events::INVALID_HEADER,
                    HpackError::IntegerOverflow => events::INTEGER_OVERFLOW,
                    HpackError::TooLarge => events::REASSEMBLY_LIMIT,
                },
            );
        }
        let table_size = self.side(dir).hpack.take_resized();
        let config = self.config.clone();
        let Some(tx) = id.and_then(|id| self.txs.by_id_mut(id)) else { return };
        if tx.side_mut(side).complete && side == Direction::ToServer && !list.is_empty() {
            tx.side_mut(side).event(events::STREAM_REUSE);
            return;
        }
        if block.priority.is_some() {
            set_priority(tx, side, block.priority);
        }
        if let Some(facts) = stream_side(tx, side) {
            facts.frames |= 1 << if block.push { PUSH_PROMISE } else { HEADERS };
            facts.frames |= u16::from(block.continued) << CONTINUATION;
            facts.table_size = table_size.or(facts.table_size);
        }
        let trailers = tx.side_mut(side).progress >= http_step::HEADERS;
        for (name, value) in &list {
            tx.side_mut(side).headers.push_separate(name, value);
        }
        tx.headers_changed(side);
        if !trailers {
            match side {
                Direction::ToServer => take_request(tx, &config),
                Direction::ToClient => take_response(tx, &config),
            }
            if is_dns(tx.side(side).headers.value(b"content-type"))
                && let Some(slot) = tx.collecting.get_mut(side.index())
            {
                *slot = Some(Collector::default());
            }
            if side == Direction::ToServer && tx.is_method(b"GET") {
                let dns = id.and_then(|id| from_target(&tx.uri_raw, id));
                self.carries_dns |= dns.is_some();
                if let Some(slot) = tx.dns.first_mut() {
                    *slot = dns.map(Box::new);
                }
            }
            // An interim response is followed by the real one.
            let interim = side == Direction::ToClient && (100..200).contains(&tx.status);
            if !interim {
                tx.side_mut(side).reach(http_step::HEADERS);
            }
        }
        if block.end_stream {
            self.finish(side, stream, true);
        } else if block.push
            && let Some(tx) = id.and_then(|id| self.txs.by_id_mut(id))
        {
            tx.request.finish();
        }
    }

    fn body(&mut self, dir: Direction, stream: u32, bytes: &[u8], end: bool) {
        if stream == 0 {
            return self.event(None, dir, events::DATA_STREAM_ZERO);
        }
        let config = self.config.clone();
        if let Some(id) = self.open(dir, stream)
            && let Some(tx) = self.txs.by_id_mut(id)
        {
            if let Some(facts) = stream_side(tx, dir) {
                facts.frames |= 1 << DATA;
            }
            let side = tx.side_mut(dir);
            side.body_bytes = side.body_bytes.saturating_add(bytes.len() as u64);
            side.body(bytes, id, &config);
            if let Some(dns) = tx.collecting.get_mut(dir.index()).and_then(Option::as_mut) {
                dns.push(bytes);
                if dns.too_long {
                    let (request, response) = (events::DNS_REQUEST_TOO_LONG, events::DNS_RESPONSE_TOO_LONG);
                    tx.side_mut(dir).event(pick(dir, request, response));
                }
            }
        }
        if end {
            self.finish(dir, stream, true);
        }
    }

    fn finish(&mut self, dir: Direction, stream: u32, whole: bool) {
        let config = self.config.clone();
        let Some(id) = self.streams.get(stream) else { return };
        let Some(tx) = self.txs.by_id_mut(id) else { return self.streams.remove(stream) };
        tx.side_mut(dir).end_body(whole, id, &config, self.now);
        tx.side_mut(dir).finish();
        let collected = tx.collecting.get_mut(dir.index()).and_then(Option::take);
        if let Some(dns) = collected.and_then(|c| c.finish(id, dir)) {
            self.carries_dns = true;
            if let Some(slot) = tx.dns.get_mut(dir.index()) {
                *slot = Some(Box::new(dns));
            }
        }
        if tx.request.complete && tx.response.complete {
            self.streams.remove(stream);
        }
    }

    fn gap(&mut self, dir: Direction, len: u64) {
        let config = self.config.clone();
        match self.side(dir).cutter.gap(len) {
            Some(stream) => {
                if let Some(id) = self.streams.get(stream)
                    && let Some(tx) = self.txs.by_id_mut(id)
                {
                    tx.side_mut(dir).lost(len, id, &config);
                }
            }
            None => self.side(dir).lost = true,
        }
    }

    fn end(&mut self, dir: Direction) {
        let config = self.config.clone();
        for tx in self.txs.iter_mut() {
            let id = tx.id;
            let side = tx.side_mut(dir);
            if !side.complete {
                side.end_body(false, id, &config, self.now);
                side.complete = true;
            }
            tx.publish_events();
        }
    }
}

impl Parser for Http2Parser {
    fn feed(&mut self, dir: Direction, input: Input<'_>, now: Timestamp) -> Outcome {
        self.now = now;
        match input {
            Input::Data(bytes) => self.data(dir, bytes),
            Input::Gap(len) => self.gap(dir, len),
            Input::End => self.end(dir),
        }
        Outcome::Continue
    }

    fn tx_count(&self) -> usize {
        self.txs.len()
    }

    fn tx(&self, index: usize) -> Option<&dyn Transaction> {
        self.txs.dyn_get(index)
    }

    fn tx_mut(&mut self, index: usize) -> Option<&mut dyn Transaction> {
        self.txs.dyn_get_mut(index)
    }

    fn retire(&mut self, id: u64) {
        self.txs.retire(id);
    }

    fn refined(&self) -> Option<AppProto> {
        self.carries_dns.then_some(AppProto::DoH2)
    }

    fn flow_events(&self) -> &[AppEvent] {
        &self.flow_events
    }
}
