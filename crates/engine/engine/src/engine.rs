//! The façade: one frame in, a verdict and events out.

use std::sync::Arc;

use mimamori_base::{Timestamp, Zone};
use mimamori_flow::FlowStats;
use mimamori_packet::{DecodeStats, Decoder, DefragStats, LinkType};
use mimamori_reputation::Reputation;

use crate::config::EngineConfig;
use crate::core::{Core, FrameContext};
use crate::event::EventSink;
use crate::ruleset::Ruleset;
use crate::verdict::{Path, Verdict};

/// Flows that are ended for one frame, at most; the rest waits for the next.
const EXPIRE_PER_FRAME: usize = 8;

/// An inspection engine. One for each thread; rule set and lists are shared.
#[derive(Debug)]
pub struct Engine {
    decoder: Decoder,
    core: Core,
    frames: u64,
}

/// Counters since the start.
#[derive(Debug, Clone, Copy, Default)]
pub struct EngineStats {
    pub decode: DecodeStats,
    pub defrag: DefragStats,
    pub flow: FlowStats,
    pub frames: u64,
    pub alerts: u64,
    /// Alerts that found no room in a packet's queue.
    pub alerts_suppressed: u64,
    pub dropped_frames: u64,
    pub inspected_bytes: u64,
    /// Bytes that passed without inspection: encrypted, bypassed, beyond a depth.
    pub uninspected_bytes: u64,
    /// Packets of tunnels that cannot be looked into, and such tunnels (pairs of addresses).
    pub tunnel_packets: u64,
    pub tunnels: u64,
}

impl Engine {
    #[must_use]
    pub fn new(config: EngineConfig, rules: Ruleset, reputation: Arc<Reputation>) -> Engine {
        Engine {
            decoder: Decoder::new(config.decode.clone()),
            core: Core::new(config, rules, reputation),
            frames: 0,
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
        self.frames += 1;
        self.core.expire(now, EXPIRE_PER_FRAME, out);
        let mut context = FrameContext::new(now, self.frames, path);
        let core = &mut self.core;
        self.decoder.decode(now, link_type, frame, &mut |packet| {
            core.packet(packet, &mut context, out);
        });
        self.core.end_frame(&mut context);
        context.verdict
    }

    /// Ends flows whose time has come; call now and then when no frames arrive.
    pub fn expire(&mut self, now: Timestamp, out: &mut dyn EventSink) {
        self.core.expire(now, usize::MAX, out);
    }

    /// Ends all flows and writes their records. `now`: the time of the last frame.
    pub fn finish(&mut self, now: Timestamp, out: &mut dyn EventSink) {
        self.core.finish(now, out);
        if self.core.config().log.stats {
            out.event(self.stats_event(now));
        }
    }

    /// Takes another rule set from the next frame on. Flows live on; what the old rules
    /// remembered of them is forgotten where it named rules.
    pub fn replace_rules(&mut self, rules: Ruleset) {
        self.core.replace_rules(rules);
    }

    /// Takes other lists from the next frame on.
    /// Takes over what may pass in spite of lists and rules.
    pub fn replace_exceptions(&mut self, exceptions: Arc<mimamori_reputation::Exceptions>) {
        self.core.replace_exceptions(exceptions);
    }

    pub fn replace_reputation(&mut self, reputation: Arc<Reputation>) {
        self.core.replace_reputation(reputation);
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
