//! The parser of one flow: two streams, one list of transactions.

use std::sync::Arc;

use mimamori_base::{Direction, Timestamp};

use super::config::Http1Config;
use super::framing::Framing;
use super::headers::{BlockReader, BlockRules};
use super::tx::HttpTx;
use crate::http2::Http2Parser;
use crate::parser::{Outcome, Parser};
use crate::proto::AppProto;
use crate::session::Input;
use crate::transaction::Transaction;
use crate::txlist::TxList;

/// Bytes of a side kept while it waits: an incomplete line, or a tunnel not yet opened.
const MAX_HELD_BYTES: usize = 256 * 1024;

/// Changes of state without a byte used, in a row.
const MAX_IDLE_STEPS: usize = 8;

/// Where one stream stands.
#[derive(Debug, Default)]
pub(super) enum State {
    /// Before a message.
    #[default]
    Start,
    /// A request line without protocol came: headers may follow all the same.
    MaybeHeaders,
    Headers(BlockReader),
    Body(Framing),
    Trailers(BlockReader),
    /// The message's last byte has come; the next line begins another one or is late body.
    Finalize,
    /// Within a line of late body.
    Late,
    /// A CONNECT was sent: the answer decides what the bytes are.
    Hold,
    /// The tunnel is open: its first byte on either side is another protocol's.
    Tunnel,
    /// Bytes were lost outside of a body: waiting for the begin of a message.
    Lost,
    /// Nothing of interest follows.
    Ignore,
}

/// One stream.
#[derive(Debug, Default)]
pub(super) struct Side {
    pub state: State,
    /// The transaction being read.
    pub tx: u64,
    pub held: Vec<u8>,
    pub ended: bool,
    /// The transaction of what came after the message's end.
    pub stray: Option<u64>,
}

/// What a step of a state machine did.
pub(super) enum Step {
    /// Went on, having used so many bytes.
    Used(usize),
    /// More bytes are needed.
    Wait,
    /// The flow speaks another protocol from here on.
    Change {
        to: Option<AppProto>,
        expect: Option<AppProto>,
        used: usize,
    },
    Failed,
}

/// Parser of one HTTP/1 flow.
#[derive(Debug)]
pub struct Http1Parser {
    pub(super) config: Arc<Http1Config>,
    pub(super) txs: TxList<HttpTx>,
    pub(super) request: Side,
    pub(super) response: Side,
    /// The transaction that the next response answers.
    pub(super) next_response: u64,
    /// Of the input being read.
    pub(super) now: Timestamp,
}

impl Http1Parser {
    #[must_use]
    pub fn new(config: Arc<Http1Config>) -> Self {
        let txs = TxList::new(config.max_tx);
        Http1Parser {
            config,
            txs,
            request: Side::default(),
            response: Side::default(),
            next_response: 0,
            now: Timestamp::EPOCH,
        }
    }

    pub(super) fn side_mut(&mut self, dir: Direction) -> &mut Side {
        match dir {
            Direction::ToServer => &mut self.request,
            Direction::ToClient => &mut self.response,
        }
    }

    pub(super) fn rules(&self, dir: Direction) -> BlockRules {
        BlockRules {
            max_line_bytes: self.config.max_line_bytes,
            max_headers: self.config.max_headers,
            response: dir == Direction::ToClient,
        }
    }

    fn data(&mut self, dir: Direction, bytes: &[u8], eof: bool) -> Outcome {
        let mut joined = std::mem::take(&mut self.side_mut(dir).held);
        let before = joined.len();
        let data: &[u8] = if joined.is_empty() {
            bytes
        } else {
            joined.extend_from_slice(bytes);
            &joined
        };
        let mut at = 0;
        let mut idle_steps = 0;
        let outcome = loop {
            let rest = data.get(at..).unwrap_or_default();
            if rest.is_empty() && !eof {
                break Outcome::Continue;
            }
            match self.step(dir, rest, eof) {
                Step::Used(n) if n > 0 => {
                    at += n;
                    idle_steps = 0;
                }
                // A change of state alone; never many in a row.
                Step::Used(_) if idle_steps < MAX_IDLE_STEPS => idle_steps += 1,
                Step::Used(_) | Step::Wait => break Outcome::Continue,
                Step::Change { to, expect, used } => {
                    at += used;
                    break Outcome::Change { to, expect, consumed: at.saturating_sub(before) };
                }
                Step::Failed => break Outcome::Failed,
            }
        };
        let left = data.get(at..).unwrap_or_default();
        if outcome == Outcome::Continue && !eof {
            if left.len() > MAX_HELD_BYTES {
                self.side_mut(dir).state = State::Ignore;
            } else {
                self.side_mut(dir).held = left.to_vec();
            }
        }
        self.settle(dir);
        outcome
    }

    fn step(&mut self, dir: Direction, data: &[u8], eof: bool) -> Step {
        let state = std::mem::take(&mut self.side_mut(dir).state);
        match state {
            State::Body(framing) => self.read_body(dir, framing, data, eof),
            State::Tunnel => {
                self.side_mut(dir).state = State::Tunnel;
                // Line ends after the header blocks belong to no one.
                let used = data.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
                if used == data.len() {
                    return if used > 0 { Step::Used(used) } else { Step::Wait };
                }
                Step::Change { to: None, expect: Some(AppProto::Tls), used }
            }
            State::Ignore => {
                self.side_mut(dir).state = State::Ignore;
                Step::Used(data.len())
            }
            other => match dir {
                Direction::ToServer => self.request_step(other, data, eof),
                Direction::ToClient => self.response_step(other, data, eof),
            },
        }
    }

    /// After an input: a message whose last byte has come is complete now.
    fn settle(&mut self, dir: Direction) {
        let side = self.side_mut(dir);
        let (id, finalize) = (side.tx, matches!(side.state, State::Finalize | State::Late));
        if finalize {
            self.finish(dir, id);
        }
        for tx in self.txs.iter_mut() {
            tx.publish_events();
        }
    }

    /// The side `dir` of transaction `id` is complete.
    pub(super) fn finish(&mut self, dir: Direction, id: u64) {
        if let Some(tx) = self.txs.by_id_mut(id) {
            tx.side_mut(dir).finish();
        }
        if dir == Direction::ToClient {
            self.next_response = self.next_response.max(id + 1);
        }
    }

    fn end(&mut self, dir: Direction) -> Outcome {
        let outcome = self.data(dir, &[], true);
        self.close_stray(dir);
        let side = self.side_mut(dir);
        side.ended = true;
        side.held = Vec::new();
        let id = side.tx;
        let idle = matches!(side.state, State::Start | State::Lost | State::Ignore | State::Tunnel);
        if !idle {
            self.finish(dir, id);
        }
        if dir == Direction::ToClient {
            for tx in self.txs.iter_mut() {
                tx.response.complete = true;
            }
        }
        outcome
    }
}

impl Parser for Http1Parser {
    fn feed(&mut self, dir: Direction, input: Input<'_>, now: Timestamp) -> Outcome {
        self.now = now;
        match input {
            Input::Data(bytes) => self.data(dir, bytes, false),
            Input::Gap(len) => {
                self.gap(dir, len);
                self.settle(dir);
                Outcome::Continue
            }
            Input::End => self.end(dir),
        }
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

    fn successor(&mut self, to: AppProto) -> Option<Box<dyn Parser>> {
        // The request that asked for the upgrade is stream 1 (RFC 7540 3.2).
        let request = (to == AppProto::Http2).then(|| self.txs.last_mut())??;
        let parser = Http2Parser::after_upgrade(self.config.clone(), request);
        Some(Box::new(parser))
    }

    fn take_held(&mut self, dir: Direction) -> Vec<u8> {
        let held = std::mem::take(&mut self.side_mut(dir).held);
        let blanks = held.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        held.get(blanks..).unwrap_or_default().to_vec()
    }

    fn retire(&mut self, id: u64) {
        self.txs.retire(id);
    }
}
