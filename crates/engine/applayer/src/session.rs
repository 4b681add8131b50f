//! The application layer of one flow.
//!
//! Responsible for finding out which protocol the flow speaks, handing its bytes to that
//! protocol's parser, and changing the parser when the protocol changes (STARTTLS, CONNECT,
//! upgrade). Holds always: bytes kept before the protocol is known are bounded by
//! [`AppLayerConfig::detect_bytes`] a side; a failed parser is never fed again. Deliberately
//! not here: reassembly, rules.

use std::sync::Arc;

use mimamori_base::{Direction, Timestamp};

use crate::config::AppLayerConfig;
use crate::event::AppEvent;
use crate::parser::{Expectation, ExpectationContext, Outcome, Parser};
use crate::proto::AppProto;
use crate::registry;
use crate::transaction::Transaction;

mod detecting;
mod transactions;

pub use transactions::Transactions;

/// What the transport hands over, in order.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// The next bytes of the stream, or one datagram.
    Data(&'a [u8]),
    /// So many bytes of the stream were lost for good.
    Gap(u64),
    /// The side has ended its stream, or the flow has ended.
    End,
}

/// What carries the flow's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    Tcp,
    Udp,
}

/// What the session asks of whoever inspects raw payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Hints {
    /// Payload from here on is encrypted: raw rules need not search it.
    pub no_raw_inspection: bool,
    /// The flow may pass uninspected from here on.
    pub bypass: bool,
}

#[derive(Debug, Default)]
struct Side {
    /// What this side's own bytes said.
    proto: Option<AppProto>,
    /// This side's bytes have told all they will: found or given up.
    decided: bool,
    /// Bytes kept to tell the protocol by.
    seen: Vec<u8>,
    /// Datagrams that did not tell it.
    silent: u8,
    ended: bool,
    /// The protocol was settled by the other side before this side's bytes could tell.
    forced: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Detecting,
    Parsing,
    /// Encrypted or not to be parsed further; the parser's transactions stay.
    Stopped,
}

#[derive(Debug)]
struct PendingChange {
    to: Option<AppProto>,
    expect: Option<AppProto>,
    dir: Direction,
    rest: Vec<u8>,
}

/// Parser state of one flow.
#[derive(Debug)]
pub struct Session {
    config: Arc<AppLayerConfig>,
    transport: Transport,
    /// Port of the client, port of the server.
    ports: [u16; 2],
    sides: [Side; 2],
    first_data: Option<Direction>,
    proto: AppProto,
    /// The protocol that was left for this one.
    original: Option<AppProto>,
    state: State,
    parser: Option<Box<dyn Parser>>,
    pending: Option<PendingChange>,
    expected: Option<ExpectationContext>,
    expect_after_change: Option<AppProto>,
    events: Vec<AppEvent>,
    seen_parser_events: usize,
    generation: u32,
    revision: u64,
    midstream: bool,
    reversed: bool,
    failed: bool,
}

fn pick<T>(pair: &[T; 2], dir: Direction) -> &T {
    let [server, client] = pair;
    match dir {
        Direction::ToServer => server,
        Direction::ToClient => client,
    }
}

fn pick_mut<T>(pair: &mut [T; 2], dir: Direction) -> &mut T {
    let [server, client] = pair;
    match dir {
        Direction::ToServer => server,
        Direction::ToClient => client,
    }
}

impl Session {
    #[must_use]
    pub fn new(
        config: Arc<AppLayerConfig>,
        transport: Transport,
        client_port: u16,
        server_port: u16,
    ) -> Self {
        Session {
            config,
            transport,
            ports: [client_port, server_port],
            sides: [Side::default(), Side::default()],
            first_data: None,
            proto: AppProto::Unknown,
            original: None,
            state: State::Detecting,
            parser: None,
            pending: None,
            expected: None,
            expect_after_change: None,
            events: Vec::new(),
            seen_parser_events: 0,
            generation: 0,
            revision: 0,
            midstream: false,
            reversed: false,
            failed: false,
        }
    }

    /// The flow was announced by another one, which also says what it speaks.
    #[must_use]
    pub fn expected(mut self, expectation: &Expectation) -> Self {
        self.expected = Some(expectation.context.clone());
        self.sides.iter_mut().for_each(|side| side.decided = true);
        self.start(expectation.proto);
        self
    }

    /// The flow was picked up without its handshake, so client and server may be the wrong
    /// way round; the bytes may tell.
    pub fn set_midstream(&mut self, midstream: bool) {
        self.midstream = midstream;
    }

    /// Takes the next input of one side.
    ///
    /// After each call: look at [`Session::transactions`], then, while
    /// [`Session::change_pending`], call [`Session::proceed`] and look again.
    pub fn feed(&mut self, dir: Direction, input: Input<'_>, now: Timestamp) {
        self.revision = self.revision.wrapping_add(1);
        if self.pending.is_some() {
            self.proceed(now);
        }
        match input {
            Input::Data([]) => {}
            Input::Data(bytes) => self.feed_data(dir, bytes, now),
            Input::Gap(n) => self.feed_gap(dir, n, now),
            Input::End => self.feed_end(dir, now),
        }
    }

    /// The flow's protocol, as decided from both sides.
    #[must_use]
    pub fn proto(&self) -> AppProto {
        self.proto
    }

    /// The other side settled this side's protocol, before its own bytes could: rules on
    /// protocol detection have nothing to see here.
    #[must_use]
    pub fn is_forced(&self, dir: Direction) -> bool {
        pick(&self.sides, dir).forced
    }

    /// What the bytes of the side `dir` said by themselves.
    #[must_use]
    pub fn proto_of(&self, dir: Direction) -> AppProto {
        let side = pick(&self.sides, dir);
        match side.proto {
            Some(proto) => proto,
            None if side.decided => AppProto::Failed,
            None => AppProto::Unknown,
        }
    }

    /// The protocol that this flow spoke before it changed.
    #[must_use]
    pub fn original_proto(&self) -> Option<AppProto> {
        self.original
    }

    /// The live transactions, oldest first.
    #[must_use]
    pub fn transactions(&self) -> Transactions<'_> {
        Transactions { parser: self.parser.as_deref() }
    }

    /// The `index`-th live transaction, to be marked.
    pub fn tx_mut(&mut self, index: usize) -> Option<&mut dyn Transaction> {
        self.parser.as_mut().and_then(|p| p.tx_mut(index))
    }

    /// Detection has run over all transactions' side `dir`: their windows may slide.
    pub fn inspected(&mut self, dir: Direction) {
        let Some(parser) = &mut self.parser else { return };
        for index in 0..parser.tx_count() {
            if let Some(tx) = parser.tx_mut(index) {
                tx.inspected(dir);
            }
        }
    }

    /// Rises by one whenever the protocol changed: transaction ids then begin at 0 again.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Rises with everything that may have changed transactions: while it stays, they are as they
    /// were.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Forgets one transaction that is finished, inspected and logged.
    pub fn retire(&mut self, id: u64) {
        if let Some(parser) = &mut self.parser {
            parser.retire(id);
        }
    }

    /// Forgets every transaction below `id`.
    pub fn retire_below(&mut self, id: u64) {
        while let Some(first) = self.transactions().first_live_id().filter(|first| *first < id) {
            self.retire(first);
        }
    }

    /// Anomalies of the flow as a whole, by their rule names, oldest first; only ever grows.
    #[must_use]
    pub fn events(&self) -> &[AppEvent] {
        &self.events
    }

    /// Data flows that this flow announced since the last call.
    pub fn take_expectations(&mut self) -> Vec<Expectation> {
        self.parser.as_mut().map(|p| p.take_expectations()).unwrap_or_default()
    }

    #[must_use]
    pub fn hints(&self) -> Hints {
        self.parser.as_ref().map_or_else(Hints::default, |p| Hints {
            no_raw_inspection: p.no_raw_inspection(),
            bypass: p.bypass(),
        })
    }

    /// Nothing more will be parsed; what was parsed stays.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.state == State::Stopped
    }

    /// The parser gave up on bytes that it could not read.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.failed
    }

    /// True once, after the bytes showed that client and server are the other way round. The
    /// session has already exchanged its sides; the caller exchanges the flow's.
    pub fn take_reversed(&mut self) -> bool {
        std::mem::take(&mut self.reversed)
    }

    /// The protocol has changed and bytes of the new one may wait.
    #[must_use]
    pub fn change_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Drops the old protocol's transactions and begins with the new protocol.
    pub fn proceed(&mut self, now: Timestamp) {
        let Some(change) = self.pending.take() else { return };
        self.revision = self.revision.wrapping_add(1);
        self.original = Some(self.proto);
        let other = change.dir.reverse();
        let held = self.parser.as_mut().map(|p| p.take_held(other)).unwrap_or_default();
        let successor = self.parser.as_mut().and_then(|p| p.successor(change.to?));
        self.parser = None;
        self.seen_parser_events = 0;
        self.generation = self.generation.wrapping_add(1);
        let ended =
            [pick(&self.sides, Direction::ToServer).ended, pick(&self.sides, Direction::ToClient).ended];
        self.sides = [Side::default(), Side::default()];
        for (side, ended) in self.sides.iter_mut().zip(ended) {
            side.ended = ended;
        }
        self.first_data = None;
        self.expect_after_change = change.expect;
        match change.to {
            Some(to) => {
                self.start(to);
                if successor.is_some() {
                    self.parser = successor;
                }
            }
            None => {
                self.proto = AppProto::Unknown;
                self.state = State::Detecting;
            }
        }
        if !held.is_empty() {
            self.feed_data(other, &held, now);
        }
        if !change.rest.is_empty() {
            self.feed_data(change.dir, &change.rest, now);
        }
    }

    fn start(&mut self, proto: AppProto) {
        self.proto = proto;
        self.parser =
            registry::parser_for(proto, &self.config, self.transport, self.ports, self.expected.as_ref());
        self.state = if self.parser.is_some() { State::Parsing } else { State::Stopped };
        if let Some(expect) = self.expect_after_change.take()
            && expect != proto
        {
            self.events.push(if expect == AppProto::Tls {
                "applayer_no_tls_after_starttls"
            } else {
                "applayer_unexpected_protocol"
            });
        }
    }

    fn feed_data(&mut self, dir: Direction, bytes: &[u8], now: Timestamp) {
        match self.state {
            // Whether the two sides agree must not hang on when the parser gave up.
            State::Stopped if self.proto != AppProto::Failed => self.watch_other_side(dir, bytes),
            State::Stopped => {}
            State::Parsing => {
                self.watch_other_side(dir, bytes);
                self.hand_over(dir, Input::Data(bytes), now);
            }
            State::Detecting => self.detect(dir, bytes, now),
        }
    }

    fn feed_gap(&mut self, dir: Direction, n: u64, now: Timestamp) {
        match self.state {
            State::Stopped => {}
            State::Parsing => {
                let side = pick_mut(&mut self.sides, dir);
                side.decided = true;
                side.seen = Vec::new();
                self.hand_over(dir, Input::Gap(n), now);
            }
            State::Detecting => self.give_up_side(dir),
        }
    }

    fn feed_end(&mut self, dir: Direction, now: Timestamp) {
        let side = pick_mut(&mut self.sides, dir);
        if std::mem::replace(&mut side.ended, true) {
            return;
        }
        match self.state {
            State::Stopped => {}
            State::Parsing => self.hand_over(dir, Input::End, now),
            State::Detecting => self.detect_at_end(dir, now),
        }
    }

    fn hand_over(&mut self, dir: Direction, input: Input<'_>, now: Timestamp) {
        let Some(parser) = &mut self.parser else { return };
        let outcome = parser.feed(dir, input, now);
        if let Some(narrower) = parser.refined().filter(|p| *p != self.proto) {
            self.original = Some(self.proto);
            self.proto = narrower;
            for side in &mut self.sides {
                side.forced = !side.decided;
                side.proto = Some(narrower);
            }
        }
        let seen = self.seen_parser_events;
        let fresh = parser.flow_events().get(seen..).unwrap_or_default();
        self.events.extend_from_slice(fresh);
        self.seen_parser_events = seen + fresh.len();
        match outcome {
            Outcome::Continue => {}
            Outcome::Opaque => self.state = State::Stopped,
            Outcome::Failed => {
                self.failed = true;
                self.state = State::Stopped;
            }
            Outcome::Change { to, expect, consumed } => {
                let rest = match input {
                    Input::Data(bytes) => bytes.get(consumed..).unwrap_or_default().to_vec(),
                    Input::Gap(_) | Input::End => Vec::new(),
                };
                self.pending = Some(PendingChange { to, expect, dir, rest });
            }
        }
    }
}
