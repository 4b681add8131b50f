//! The façade: one frame in, a verdict and events out.

use std::sync::Arc;

use mimamori_applayer::http1::SharedRanges;
use mimamori_base::{Place, Timestamp, Turn, Zone};
use mimamori_detect::{CrossFlow, SavedSet};
use mimamori_packet::{Decoder, LinkType};
use mimamori_reputation::Reputation;

use crate::config::EngineConfig;
use crate::core::{Core, CrossFlows, FrameContext};
use crate::event::EventSink;
use crate::judge::{FileJudge, JudgeStats};
use crate::ruleset::Ruleset;
use crate::stats::EngineStats;
use crate::verdict::{Path, Release, Verdict};

/// An inspection engine. One for each thread; rule set and lists are shared.
#[derive(Debug)]
pub struct Engine {
    decoder: Decoder,
    core: Core,
    frames: u64,
    clock: Timestamp,
}

/// State across flows for engines that work side by side.
#[derive(Debug)]
pub struct Shared {
    pub(crate) detect: CrossFlow,
    ranges: SharedRanges,
    waits: bool,
}

impl Shared {
    /// `waits`: everything that crosses hosts is asked in order. Otherwise files that come in
    /// ranges are put together as the ranges come, which seldom is out of order; then
    /// [`Shared::in_order`] says so and the work is to be done again, waiting.
    #[must_use]
    pub fn new(rules: &Ruleset, waits: bool) -> Shared {
        let detect = CrossFlow::new(rules.detector.lists().clone());
        Shared { detect, ranges: SharedRanges::default(), waits }
    }

    /// Whether all was as with one engine alone.
    #[must_use]
    pub fn in_order(&self) -> bool {
        self.ranges.in_order()
    }

    /// The data sets that rules want written (`save`, `state`), as they stand now.
    #[must_use]
    pub fn datasets_to_save(&self) -> Vec<SavedSet> {
        self.detect.datasets_to_save()
    }

    /// Whether an alert that waited for its thresholds is raised. To be asked in the order of
    /// places.
    #[must_use]
    pub fn is_raised(&self, waiting: &mimamori_detect::Waiting, rules: &Ruleset) -> bool {
        waiting.is_raised(&rules.detector, &self.detect)
    }
}

/// A frame's number, and the time in an order that never steps back.
#[derive(Debug, Clone, Copy)]
pub struct Tick {
    pub number: u64,
    pub clock: Timestamp,
}

impl Engine {
    #[must_use]
    pub fn new(config: EngineConfig, rules: Ruleset, reputation: Arc<Reputation>) -> Engine {
        Engine {
            decoder: Decoder::new(config.decode.clone()),
            core: Core::new(config, rules, reputation, None),
            frames: 0,
            clock: Timestamp(i64::MIN),
        }
    }

    /// One of several engines that deal the flows out among them. All packets of two hosts must
    /// come to the same engine. Alerts with thresholds come as [`crate::Open`].
    #[must_use]
    pub fn beside(
        config: EngineConfig,
        rules: Ruleset,
        reputation: Arc<Reputation>,
        shared: &Shared,
        turn: Arc<dyn Turn>,
    ) -> Engine {
        let across = CrossFlows {
            detect: shared.detect.shared(turn.clone()),
            ranges: shared.ranges.beside(turn, shared.waits),
        };
        Engine {
            decoder: Decoder::new(config.decode.clone()),
            core: Core::new(config, rules, reputation, Some(across)),
            frames: 0,
            clock: Timestamp(i64::MIN),
        }
    }

    /// Inspects one Ethernet frame between two zones.
    pub fn process(
        &mut self,
        now: Timestamp,
        from: Zone,
        to: Option<Zone>,
        frame: &[u8],
        out: &mut dyn EventSink,
    ) -> Verdict {
        self.frame(now, LinkType::ETHERNET, Some(Path { from, to }), frame, out)
    }

    /// Inspects one frame of a capture.
    pub fn frame(
        &mut self,
        now: Timestamp,
        link_type: LinkType,
        path: Option<Path>,
        frame: &[u8],
        out: &mut dyn EventSink,
    ) -> Verdict {
        let tick = Tick { number: self.frames + 1, clock: now };
        self.frame_at(tick, now, link_type, path, frame, out)
    }

    /// Inspects a frame whose number and time an outer order of frames gives.
    pub fn frame_at(
        &mut self,
        tick: Tick,
        now: Timestamp,
        link_type: LinkType,
        path: Option<Path>,
        frame: &[u8],
        out: &mut dyn EventSink,
    ) -> Verdict {
        self.frames += 1;
        self.skip_to(tick, out);
        out.place(Place::frame(tick.number));
        let mut context = FrameContext::new(now, tick.number, path);
        let core = &mut self.core;
        self.decoder.decode(now, link_type, frame, &mut |packet| {
            core.packet(packet, &mut context, out);
        });
        self.core.end_frame(&mut context);
        context.verdict
    }

    /// A frame that is another engine's: only the time passes.
    pub fn skip_to(&mut self, tick: Tick, out: &mut dyn EventSink) {
        self.clock = self.clock.max(tick.clock);
        let limit = self.core.config().ends_per_frame;
        self.core.begin_frame(tick.number, self.clock, limit, out);
    }

    /// Before the clock passes this time, [`Engine::skip_to`] does nothing.
    #[must_use]
    pub fn next_due(&self) -> Timestamp {
        self.core.next_due()
    }

    /// Ends flows whose time has come; call now and then when no frames arrive.
    pub fn expire(&mut self, now: Timestamp, out: &mut dyn EventSink) {
        self.clock = self.clock.max(now);
        self.core.begin_frame(self.frames + 1, self.clock, usize::MAX, out);
    }

    /// Ends all flows and writes their records. `now`: the time of the last frame.
    pub fn finish(&mut self, now: Timestamp, out: &mut dyn EventSink) {
        self.core.finish(out);
        self.core.tend_files(now, out);
        if self.core.config().log.stats {
            out.event(self.stats_event(now));
        }
    }

    /// Has files in transit judged. A verdict may be to hold a frame then; what becomes of it
    /// comes with [`Engine::take_releases`].
    pub fn judge_files(&mut self, judge: Box<dyn FileJudge>) {
        self.core.judge_with(judge);
    }

    /// Takes in judgements and ends waits that are over; call often while frames are held.
    pub fn tend_files(&mut self, now: Timestamp, out: &mut dyn EventSink) {
        self.core.tend_files(now, out);
    }

    /// What becomes of frames that were held, in the order in which they are to go. Take it
    /// after each frame, before that frame itself goes on.
    pub fn take_releases(&mut self) -> Vec<Release> {
        self.core.take_releases()
    }

    #[must_use]
    pub fn judge_stats(&self) -> JudgeStats {
        self.core.judge_stats()
    }

    /// Takes another rule set from the next frame on. Flows live on; what the old rules
    /// remembered of them is forgotten where it named rules.
    ///
    /// Gives the old rule set back: letting go of it takes long, and is for a thread that no packet
    /// waits for.
    pub fn replace_rules(&mut self, rules: Ruleset) -> Ruleset {
        self.core.replace_rules(rules)
    }

    /// Takes other lists from the next frame on.
    /// Takes over what may pass in spite of lists and rules.
    pub fn replace_exceptions(&mut self, exceptions: Arc<mimamori_reputation::Exceptions>) {
        self.core.replace_exceptions(exceptions);
    }

    pub fn replace_reputation(&mut self, reputation: Arc<Reputation>) {
        self.core.replace_reputation(reputation);
    }

    /// The data sets that rules want written (`save`, `state`), as they stand now.
    #[must_use]
    pub fn datasets_to_save(&self) -> Vec<SavedSet> {
        self.core.datasets_to_save()
    }

    #[must_use]
    pub fn stats(&self) -> EngineStats {
        let mut stats = self.core.stats();
        stats.decode = *self.decoder.stats();
        stats.defrag = *self.decoder.defrag().stats();
        stats.frames = self.frames;
        stats
    }

    fn stats_event(&self, now: Timestamp) -> crate::event::Event {
        crate::flow_log::stats_event(now, &self.stats())
    }
}
