//! A replay on several engines at once, with the events of one.
//!
//! Responsible for dealing a capture's frames to engines on threads of their own and for joining
//! their events again. Holds always: the same lines in the same order whatever the number of
//! engines. Three things make it so: all packets of two hosts meet in one engine
//! ([`mimamori_engine::Dealer`]); state across hosts is asked in the order of frames ([`order`]);
//! alerts with thresholds, and the lines of all, are joined in that order ([`lines`]).
//! Deliberately not here: live traffic.

mod feed;
mod lines;
mod order;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use mimamori_base::Place;
use mimamori_capture::CaptureReader;
use mimamori_engine::{
    Deal, Dealer, Engine, EngineConfig, EngineStats, EventSink, LinkType, Reputation, Ruleset, Shared, Tick,
};

use crate::replaying::{Replayed, ended_early};
use feed::{Batch, Feed};
use lines::{Collector, Lines};
use mimamori_detect::SavedSet;
use order::Progress;

/// Engines at most.
pub const MAX_ENGINES: usize = 64;

/// What a replay on several engines needs.
#[derive(Debug)]
pub struct Job<'j> {
    pub config: EngineConfig,
    pub rules: Ruleset,
    pub reputation: Arc<Reputation>,
    pub capture: &'j Path,
    /// From [`deal`].
    pub deal: Deal,
    pub engines: usize,
}

/// What it did: frames, the engines' counters together, lines written.
#[derive(Debug, Clone, Default)]
pub struct Done {
    pub replayed: Replayed,
    pub stats: EngineStats,
    pub lines: u64,
    /// The data sets that rules want written.
    pub to_save: Vec<SavedSet>,
}

/// Looks over a capture and deals its hosts to `engines`. A capture that cannot be read to its
/// end is dealt as far as it goes; the replay says what is wrong with it.
pub fn deal(config: &EngineConfig, capture: &Path, engines: usize) -> Deal {
    let mut dealer = Dealer::new(&config.decode);
    if let Ok(mut reader) = CaptureReader::open(capture) {
        while let Ok(Some(frame)) = reader.next_frame() {
            dealer.see(frame.at, link_of(frame.link_type), frame.bytes);
        }
    }
    dealer.deal(engines)
}

fn link_of(number: u32) -> LinkType {
    LinkType(i32::try_from(number).unwrap_or(-1))
}

/// Runs the job; lines go to what `open` opens. `twice`: it may be opened, and written, a second
/// time from its beginning; without, engines wait for each other more often.
pub fn replay(
    job: &Job<'_>,
    open: &mut dyn FnMut() -> anyhow::Result<Box<dyn Write + Send>>,
    twice: bool,
    progress: &(dyn Fn(&Replayed) + Sync),
) -> anyhow::Result<Done> {
    if twice && let Some(done) = once(job, &mut open()?, false, progress)? {
        return Ok(done);
    }
    once(job, &mut open()?, true, progress)?.context("engines side by side lost their order")
}

/// `None`: something was out of order; what was written is not to be used.
fn once(
    job: &Job<'_>,
    out: &mut (dyn Write + Send),
    waits: bool,
    progress: &(dyn Fn(&Replayed) + Sync),
) -> anyhow::Result<Option<Done>> {
    let reader = CaptureReader::open(job.capture)
        .with_context(|| format!("cannot read the capture {}", job.capture.display()))?;
    let engines = job.engines.clamp(1, MAX_ENGINES);
    let shared = Shared::new(&job.rules, waits);
    let places = Progress::new(engines);
    let feed = Feed::new(reader, job.deal.clone(), engines, progress);
    let mut config = job.config.clone();
    // The counters of all are one record.
    let with_stats = std::mem::replace(&mut config.log.stats, false);
    let is_raised = |waiting: &mimamori_engine::Waiting| shared.is_raised(waiting, &job.rules);
    let collector = Collector::new(engines, config.log.flows, out, &is_raised);
    let mut stats = EngineStats::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..engines)
            .map(|me| {
                let turn = Arc::new(order::Mine::new(places.clone(), me));
                let (config, rules, reputation) = (config.clone(), job.rules.clone(), job.reputation.clone());
                let (shared, feed, collector) = (&shared, &feed, &collector);
                scope.spawn(move || {
                    let _leave = Leave { turn: &turn, feed, me };
                    let engine = Engine::beside(config, rules, reputation, shared, turn.clone());
                    Worker { me, engine, feed, collector, turn: turn.clone() }.run()
                })
            })
            .collect();
        for worker in workers {
            match worker.join() {
                Ok(counted) => stats.add(&counted),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    if !shared.in_order() {
        return Ok(None);
    }
    let (replayed, error) = feed.finish();
    let mut done = Done { replayed, stats, lines: 0, to_save: shared.datasets_to_save() };
    let suppressed = collector.suppressed();
    done.stats.alerts = done.stats.alerts.saturating_sub(suppressed);
    let last = with_stats.then(|| done.stats.event(replayed.last));
    done.lines = collector.finish(last.as_ref()).context("cannot write events")?;
    match error {
        Some(error) => Err(ended_early(error, job.capture, replayed.frames)),
        None => Ok(Some(done)),
    }
}

/// Ends an engine's part, also when its thread dies: nobody waits for it any more.
struct Leave<'w> {
    turn: &'w order::Mine,
    feed: &'w Feed<'w>,
    me: usize,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.turn.reach(Place { frame: u64::MAX, step: u64::MAX, which: u64::MAX });
        self.feed.leave(self.me);
    }
}

/// One engine on its thread.
struct Worker<'w> {
    me: usize,
    engine: Engine,
    feed: &'w Feed<'w>,
    collector: &'w Collector<'w>,
    turn: Arc<order::Mine>,
}

impl Worker<'_> {
    fn run(mut self) -> EngineStats {
        let mut index = 0;
        while let Some(batch) = self.feed.batch(self.me, index) {
            let mut lines = Lines::new(self.turn.clone());
            self.batch(&batch, &mut lines);
            self.turn.reach(Place::ending(batch.after(), 0, 0));
            self.collector.take(self.me, index, lines);
            index += 1;
        }
        let mut lines = Lines::new(self.turn.clone());
        self.turn.reach(Place::last(0, 0));
        self.engine.finish(self.feed.last_time(), &mut lines);
        self.collector.take(self.me, index, lines);
        self.engine.stats()
    }

    /// The frames of a batch that are this engine's, and the time that passes with the others.
    fn batch(&mut self, batch: &Batch, out: &mut Lines) {
        let mut from = 0;
        for at in batch.of(self.me) {
            self.pass(batch, from..*at, out);
            from = at + 1;
            let Some((frame, bytes)) = batch.frame(*at) else { continue };
            let tick = Tick { number: batch.number(*at), clock: frame.clock };
            self.engine.frame_at(tick, frame.at, frame.link, None, bytes, out);
        }
        self.pass(batch, from..batch.len(), out);
    }

    /// Flows end at the frame with which their time is over, whoever's it is.
    fn pass(&mut self, batch: &Batch, others: std::ops::Range<u32>, out: &mut dyn EventSink) {
        let mut from = others.start;
        while from < others.end {
            let Some(at) = batch.first_after(self.engine.next_due(), from..others.end) else { return };
            let Some((frame, _)) = batch.frame(at) else { return };
            self.engine.skip_to(Tick { number: batch.number(at), clock: frame.clock }, out);
            from = at + 1;
        }
    }
}
