//! Inspection that may die without the bridge dying with it (GW-13).
//!
//! Holds always: a panic inside inspection is caught here; the frame that caused it and what
//! follows are treated by the fail policy until a fresh engine stands. Deaths in quick
//! succession lengthen the pause, so that one poisoned flow cannot make the box spin.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use mimamori_base::{Timestamp, Zone};
use mimamori_engine::Verdict;

use crate::config::FailPolicy;
use crate::pipeline::Pipeline;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// After this long without death, the next one counts as the first.
const CALM: Duration = Duration::from_secs(600);

/// What became of one frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    Inspected(Verdict),
    /// Inspection is down: stop or pass, as configured.
    Uninspected(FailPolicy),
}

/// Tells what changed, for events and heartbeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Died,
    Resumed,
}

pub struct Guard<F> {
    make: F,
    pipeline: Option<Pipeline>,
    policy: FailPolicy,
    deaths: u32,
    died_at: Timestamp,
    resume_at: Timestamp,
    changes: Vec<Change>,
}

impl<F> std::fmt::Debug for Guard<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard")
            .field("alive", &self.pipeline.is_some())
            .field("deaths", &self.deaths)
            .finish_non_exhaustive()
    }
}

impl<F: FnMut() -> Pipeline> Guard<F> {
    pub fn new(mut make: F, policy: FailPolicy) -> Self {
        let pipeline = make();
        Guard::of(make, pipeline, policy)
    }

    fn of(make: F, pipeline: Pipeline, policy: FailPolicy) -> Self {
        Guard {
            make,
            pipeline: Some(pipeline),
            policy,
            deaths: 0,
            died_at: Timestamp::EPOCH,
            resume_at: Timestamp::EPOCH,
            changes: Vec::new(),
        }
    }

    /// One that takes the place of an inspection that hung: it begins with the pause after a death.
    pub fn after_hanging(mut make: F, policy: FailPolicy, now: Timestamp, times: u32) -> Self {
        let pipeline = make();
        let mut guard = Guard::of(make, pipeline, policy);
        guard.deaths = times.saturating_sub(1);
        guard.died_at = now;
        guard.bury(now);
        guard
    }

    pub fn frame(&mut self, now: Timestamp, from: Zone, to: Option<Zone>, frame: &[u8]) -> Outcome {
        let alive = self.alive(now, |p| p.frame(now, from, to, frame));
        alive.map_or(Outcome::Uninspected(self.policy), Outcome::Inspected)
    }

    pub fn tick(&mut self, now: Timestamp) {
        if self.pipeline.is_none() && now >= self.resume_at {
            self.pipeline = catch_unwind(AssertUnwindSafe(&mut self.make)).ok();
            if self.pipeline.is_some() {
                self.changes.push(Change::Resumed);
            }
        }
        self.alive(now, |p| p.tick(now));
    }

    pub fn finish(&mut self, now: Timestamp) {
        self.alive(now, |p| p.finish(now));
    }

    /// Does something with the pipeline, if it stands.
    pub fn with<T>(&mut self, now: Timestamp, work: impl FnOnce(&mut Pipeline) -> T) -> Option<T> {
        self.alive(now, work)
    }

    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.pipeline.is_some()
    }

    fn alive<T>(&mut self, now: Timestamp, work: impl FnOnce(&mut Pipeline) -> T) -> Option<T> {
        let pipeline = self.pipeline.as_mut()?;
        // The pipeline is thrown away on a panic, so no broken state is seen afterwards.
        match catch_unwind(AssertUnwindSafe(|| work(pipeline))) {
            Ok(done) => Some(done),
            Err(_) => {
                self.bury(now);
                None
            }
        }
    }

    fn bury(&mut self, now: Timestamp) {
        // Dropping it might panic again.
        if let Some(dead) = self.pipeline.take() {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(dead)));
        }
        if now.since(self.died_at) > CALM {
            self.deaths = 0;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.deaths.min(16)).min(LONGEST_PAUSE);
        self.deaths = self.deaths.saturating_add(1);
        self.died_at = now;
        self.resume_at = now + pause;
        self.changes.push(Change::Died);
        tracing::error!(deaths = self.deaths, pause_ms = pause.as_millis(), "inspection died");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mimamori_base::SeededRng;
    use mimamori_engine::Engine;

    use crate::definitions::Definitions;

    fn pipeline() -> Pipeline {
        let config = crate::pipeline::inline_engine();
        let d = Definitions::starter(&config, &SeededRng::new(1)).unwrap();
        Pipeline::new(Engine::new(config, d.rules, d.reputation), d.knowledge, None, None)
    }

    #[test]
    fn gw_13_traffic_follows_the_policy_until_inspection_is_back() {
        for policy in [FailPolicy::Stop, FailPolicy::Pass] {
            let mut guard = Guard::new(pipeline, policy);
            let now = Timestamp::from_secs(100_000);
            assert!(matches!(guard.frame(now, Zone::Lan, Some(Zone::Wan), &[0; 60]), Outcome::Inspected(_)));
            assert_eq!(guard.with(now, |_| -> () { panic!("a frame that kills") }), None);
            assert_eq!(guard.frame(now, Zone::Lan, Some(Zone::Wan), &[0; 60]), Outcome::Uninspected(policy));
            guard.tick(now);
            assert!(!guard.is_alive(), "not at once");
            guard.tick(now + FIRST_PAUSE);
            assert!(guard.is_alive());
            assert_eq!(guard.take_changes(), [Change::Died, Change::Resumed]);
        }
    }

    #[test]
    fn pauses_grow_while_it_keeps_dying() {
        let mut guard = Guard::new(pipeline, FailPolicy::Stop);
        let mut now = Timestamp::from_secs(100_000);
        for _ in 0..12 {
            guard.with(now, |_| -> () { panic!("again") });
            now = now + LONGEST_PAUSE;
            guard.tick(now);
        }
        guard.with(now, |_| -> () { panic!("again") });
        guard.tick(now + LONGEST_PAUSE - Duration::from_millis(1));
        assert!(!guard.is_alive());
        guard.tick(now + LONGEST_PAUSE);
        assert!(guard.is_alive());
    }
}
