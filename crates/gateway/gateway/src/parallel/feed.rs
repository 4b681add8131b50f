//! The capture, read once for all engines.
//!
//! Holds always: at most [`MAX_BATCHES`] batches are in memory; an engine that is that far ahead
//! of the hindmost waits. Whoever finds the next batch missing reads it, and the others go on with
//! what they have meanwhile.

use std::collections::VecDeque;
use std::fs::File;
use std::io::BufReader;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use mimamori_base::Timestamp;
use mimamori_capture::{CaptureError, CaptureReader};
use mimamori_engine::{Deal, LinkType};

use crate::replaying::Replayed;

/// Batches that wait for the hindmost engine.
const MAX_BATCHES: usize = 192;
/// A batch is full with this many frames or bytes.
const BATCH_FRAMES: usize = 2_048;
const BATCH_BYTES: usize = 256 << 10;

/// A frame of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct FrameRef {
    pub at: Timestamp,
    /// The latest time of this and all earlier frames.
    pub clock: Timestamp,
    pub link: LinkType,
    start: u32,
    end: u32,
}

/// Frames that follow each other, dealt.
#[derive(Debug)]
pub(super) struct Batch {
    /// The number of its first frame.
    first: u64,
    bytes: Vec<u8>,
    frames: Vec<FrameRef>,
    /// Of each engine: its frames.
    dealt: Vec<Vec<u32>>,
}

impl Batch {
    pub(super) fn of(&self, engine: usize) -> &[u32] {
        self.dealt.get(engine).map_or(&[], Vec::as_slice)
    }

    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.frames.len()).unwrap_or(u32::MAX)
    }

    /// The frame's number in the capture.
    pub(super) fn number(&self, at: u32) -> u64 {
        self.first + u64::from(at)
    }

    /// The number of the first frame after this batch.
    pub(super) fn after(&self) -> u64 {
        self.first + self.frames.len() as u64
    }

    pub(super) fn frame(&self, at: u32) -> Option<(&FrameRef, &[u8])> {
        let frame = self.frames.get(place(at))?;
        Some((frame, self.bytes.get(place(frame.start)..place(frame.end))?))
    }

    /// The first frame of `range` at which it is later than `time`.
    pub(super) fn first_after(&self, time: Timestamp, range: Range<u32>) -> Option<u32> {
        let frames = self.frames.get(place(range.start)..place(range.end))?;
        if frames.last()?.clock <= time {
            return None;
        }
        let before = frames.partition_point(|f| f.clock <= time);
        Some(range.start.saturating_add(u32::try_from(before).ok()?))
    }
}

fn place(at: u32) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

type Reader = CaptureReader<BufReader<File>>;

/// The capture as far as it was read.
struct Source {
    reader: Option<Reader>,
    clock: Timestamp,
    replayed: Replayed,
}

struct State {
    error: Option<CaptureError>,
    batches: VecDeque<Arc<Batch>>,
    /// The index of the first batch held.
    first_held: u64,
    /// The batch that each engine works on.
    at: Vec<u64>,
    /// No more batches come.
    over: bool,
    replayed: Replayed,
}

/// Hands batches to engines.
pub(super) struct Feed<'f> {
    deal: Deal,
    engines: usize,
    source: Mutex<Source>,
    state: Mutex<State>,
    moved: Condvar,
    progress: &'f (dyn Fn(&Replayed) + Sync),
}

impl<'f> Feed<'f> {
    pub(super) fn new(
        reader: Reader,
        deal: Deal,
        engines: usize,
        progress: &'f (dyn Fn(&Replayed) + Sync),
    ) -> Feed<'f> {
        let replayed = Replayed::default();
        let source = Source { reader: Some(reader), clock: Timestamp(i64::MIN), replayed };
        let state = State {
            error: None,
            batches: VecDeque::new(),
            first_held: 0,
            at: vec![0; engines],
            over: false,
            replayed,
        };
        let (source, state) = (Mutex::new(source), Mutex::new(state));
        Feed { deal, engines, source, state, moved: Condvar::new(), progress }
    }

    /// The batch `index`, which follows the one `engine` had before; `None` at the end.
    pub(super) fn batch(&self, engine: usize, index: u64) -> Option<Arc<Batch>> {
        let mut state = self.lock();
        if let Some(at) = state.at.get_mut(engine) {
            *at = index;
        }
        let hindmost = state.at.iter().min().copied().unwrap_or(0);
        while state.first_held < hindmost && state.batches.pop_front().is_some() {
            state.first_held += 1;
        }
        self.moved.notify_all();
        loop {
            let ahead = usize::try_from(index - state.first_held).unwrap_or(usize::MAX);
            let room = !state.over && state.batches.len() < MAX_BATCHES;
            if let Some(batch) = state.batches.get(ahead).cloned() {
                let is_last = ahead + 1 == state.batches.len();
                drop(state);
                // The next one before it is missed.
                if is_last
                    && room
                    && let Ok(source) = self.source.try_lock()
                {
                    self.read(source);
                }
                return Some(batch);
            }
            if state.over {
                return None;
            }
            match self.source.try_lock() {
                Ok(source) if room => {
                    drop(state);
                    self.read(source);
                    state = self.lock();
                }
                // Someone reads, or must catch up; both tell when they have.
                _ => state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Reads a batch and puts it with the others.
    fn read(&self, mut source: MutexGuard<'_, Source>) {
        let before = source.replayed.frames;
        let (batch, over) = source.read(&self.deal, self.engines);
        let mut state = self.lock();
        state.replayed = source.replayed;
        if let Some(batch) = batch {
            state.batches.push_back(Arc::new(batch));
        }
        if let Some(error) = over {
            state.error = error;
            state.over = true;
        }
        drop(state);
        self.moved.notify_all();
        if before >> 16 != source.replayed.frames >> 16 {
            (self.progress)(&source.replayed);
        }
    }

    /// An engine is gone: nobody waits for it.
    pub(super) fn leave(&self, engine: usize) {
        if let Some(at) = self.lock().at.get_mut(engine) {
            *at = u64::MAX;
        }
        self.moved.notify_all();
    }

    pub(super) fn last_time(&self) -> Timestamp {
        self.lock().replayed.last
    }

    pub(super) fn finish(&self) -> (Replayed, Option<CaptureError>) {
        let mut state = self.lock();
        (state.replayed, state.error.take())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source {
    /// The next batch, and whether it was the last, with the reason if not a clean end.
    fn read(&mut self, deal: &Deal, engines: usize) -> (Option<Batch>, Option<Option<CaptureError>>) {
        let Some(reader) = self.reader.as_mut() else { return (None, Some(None)) };
        let mut batch = Batch {
            first: self.replayed.frames + 1,
            bytes: Vec::with_capacity(BATCH_BYTES + (64 << 10)),
            frames: Vec::with_capacity(BATCH_FRAMES),
            dealt: vec![Vec::new(); engines],
        };
        let mut over = None;
        while batch.frames.len() < BATCH_FRAMES && batch.bytes.len() < BATCH_BYTES {
            let frame = match reader.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => {
                    over = Some(None);
                    break;
                }
                Err(error) => {
                    over = Some(Some(error));
                    break;
                }
            };
            self.clock = self.clock.max(frame.at);
            self.replayed.frames += 1;
            self.replayed.bytes += frame.bytes.len() as u64;
            self.replayed.last = self.replayed.last.max(frame.at);
            let link = super::link_of(frame.link_type);
            let start = batch.bytes.len();
            batch.bytes.extend_from_slice(frame.bytes);
            let [start, end] = [start, batch.bytes.len()].map(|n| u32::try_from(n).unwrap_or(u32::MAX));
            if let Some(list) = batch.dealt.get_mut(deal.engine_of(link, frame.bytes)) {
                list.push(u32::try_from(batch.frames.len()).unwrap_or(u32::MAX));
            }
            batch.frames.push(FrameRef { at: frame.at, clock: self.clock, link, start, end });
        }
        if over.is_some() {
            self.reader = None;
        }
        ((!batch.frames.is_empty()).then_some(batch), over)
    }
}
