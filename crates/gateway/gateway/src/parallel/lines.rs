//! The engines' lines, joined in the order of places.
//!
//! Holds always: a batch's lines are written once all engines have given theirs; an alert that
//! waits is judged then, so in the order in which one engine alone would have. Deliberately not
//! here: what a line says.

use std::collections::{HashSet, VecDeque};
use std::io::{self, Write};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mimamori_base::Place;
use mimamori_engine::{Event, EventSink, Open, Waiting};
use serde_json::Value;

use super::order::Mine;

/// Flows with a judged alert that are remembered until their record is written.
const MAX_ALERTED: usize = 1 << 20;

#[derive(Debug)]
struct Line {
    place: Place,
    text: Range<usize>,
    flow: Option<u64>,
    open: Option<Waits>,
}

#[derive(Debug)]
enum Waits {
    Alert(Box<Waiting>),
    /// The record as it is if an alert was raised.
    Alerted(Range<usize>),
}

/// The lines of one engine and one batch.
#[derive(Debug)]
pub(super) struct Lines {
    turn: Arc<Mine>,
    place: Place,
    text: Vec<u8>,
    list: Vec<Line>,
}

impl Lines {
    pub(super) fn new(turn: Arc<Mine>) -> Lines {
        Lines { turn, place: Place::default(), text: Vec::new(), list: Vec::new() }
    }

    fn write(&mut self, event: &Event) -> Range<usize> {
        let start = self.text.len();
        event.write_eve_line(&mut self.text);
        start..self.text.len()
    }
}

impl EventSink for Lines {
    fn event(&mut self, mut event: Event) {
        let text = self.write(&event);
        let open = match event.open.take() {
            None => None,
            Some(Open::Alert(waiting)) => Some(Waits::Alert(Box::new(waiting))),
            Some(Open::Alerted) => {
                if let Some(Value::Object(flow)) = event.more.get_mut("flow") {
                    flow.insert("alerted".to_owned(), true.into());
                }
                Some(Waits::Alerted(self.write(&event)))
            }
        };
        self.list.push(Line { place: self.place, text, flow: event.flow_id, open });
    }

    fn place(&mut self, place: Place) {
        self.place = place;
        self.turn.reach(place);
    }
}

type IsRaised<'c> = &'c (dyn Fn(&Waiting) -> bool + Sync);

struct State<'c> {
    out: &'c mut (dyn Write + Send),
    failure: Option<io::Error>,
    /// The first batch that is not written.
    next: u64,
    batches: VecDeque<Vec<Option<Lines>>>,
    alerted: HashSet<u64>,
    suppressed: u64,
    written: u64,
}

/// Joins lines.
pub(super) struct Collector<'c> {
    engines: usize,
    with_flows: bool,
    is_raised: IsRaised<'c>,
    state: Mutex<State<'c>>,
}

impl<'c> Collector<'c> {
    pub(super) fn new(
        engines: usize,
        with_flows: bool,
        out: &'c mut (dyn Write + Send),
        is_raised: IsRaised<'c>,
    ) -> Collector<'c> {
        let state = State {
            out,
            failure: None,
            next: 0,
            batches: VecDeque::new(),
            alerted: HashSet::new(),
            suppressed: 0,
            written: 0,
        };
        Collector { engines, with_flows, is_raised, state: Mutex::new(state) }
    }

    /// Takes the lines of a batch; the last to come writes them.
    pub(super) fn take(&self, engine: usize, batch: u64, lines: Lines) {
        let mut state = self.lock();
        let at = usize::try_from(batch.saturating_sub(state.next)).unwrap_or(0);
        while state.batches.len() <= at {
            state.batches.push_back((0..self.engines).map(|_| None).collect());
        }
        if let Some(slot) = state.batches.get_mut(at).and_then(|b| b.get_mut(engine)) {
            *slot = Some(lines);
        }
        while state.batches.front().is_some_and(|b| b.iter().all(Option::is_some)) {
            let Some(whole) = state.batches.pop_front() else { return };
            state.next += 1;
            self.write(&mut state, &whole.into_iter().flatten().collect::<Vec<_>>());
        }
    }

    fn write(&self, state: &mut State<'_>, of: &[Lines]) {
        let mut at = vec![0usize; of.len()];
        loop {
            let heads = of.iter().zip(&at).enumerate();
            let first = heads.filter_map(|(n, (l, at))| l.list.get(*at).map(|line| (line.place, n))).min();
            let Some((_, n)) = first else { return };
            let (Some(lines), Some(cursor)) = (of.get(n), at.get_mut(n)) else { return };
            let Some(line) = lines.list.get(*cursor) else { return };
            *cursor += 1;
            if let Some(text) = self.text(state, line) {
                state.put(lines.text.get(text).unwrap_or_default());
            }
        }
    }

    /// What of a line is written, now that everything before it is.
    fn text(&self, state: &mut State<'_>, line: &Line) -> Option<Range<usize>> {
        match &line.open {
            None => Some(line.text.clone()),
            Some(Waits::Alert(waiting)) if (self.is_raised)(waiting) => {
                if let Some(flow) = line.flow.filter(|_| self.with_flows)
                    && state.alerted.len() < MAX_ALERTED
                {
                    state.alerted.insert(flow);
                }
                Some(line.text.clone())
            }
            Some(Waits::Alert(_)) => {
                state.suppressed += 1;
                None
            }
            Some(Waits::Alerted(other)) => {
                let raised = line.flow.is_some_and(|flow| state.alerted.remove(&flow));
                Some(if raised { other.clone() } else { line.text.clone() })
            }
        }
    }

    /// Alerts that their thresholds held back.
    pub(super) fn suppressed(&self) -> u64 {
        self.lock().suppressed
    }

    /// Writes a last record; gives the number of lines.
    pub(super) fn finish(&self, last: Option<&Event>) -> io::Result<u64> {
        let mut state = self.lock();
        if let Some(event) = last {
            let mut line = Vec::new();
            event.write_eve_line(&mut line);
            state.put(&line);
        }
        match state.failure.take() {
            Some(error) => Err(error),
            None => state.out.flush().map(|()| state.written),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<'c>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State<'_> {
    /// The first failure ends the writing and is told at the end.
    fn put(&mut self, line: &[u8]) {
        if self.failure.is_some() {
            return;
        }
        match self.out.write_all(line) {
            Ok(()) => self.written += 1,
            Err(error) => self.failure = Some(error),
        }
    }
}
