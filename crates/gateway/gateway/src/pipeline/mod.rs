//! What happens to a frame inside the gateway: inspection, then log and report.
//!
//! Responsible for joining engine, device table, EVE log and reporter. Used the same way by the
//! live bridge and by replays. Holds always: events are written to the log before detections
//! are reported; a full disk stops neither inspection nor traffic.

pub mod classify;
pub mod detection;
pub mod devices;
mod dhcp;
pub mod maker;
pub mod merge;
mod names;
pub mod records;
pub mod usage;

use std::collections::BTreeMap;
use std::sync::Arc;

use mimamori_base::{Rng, Timestamp, Zone};
use mimamori_engine::{
    Engine, EngineConfig, Event, EventKind, EventSink, FlowUse, InlineGuards, JudgeStats, LinkType,
    NotInspected, Path, Verdict,
};
use mimamori_report::{BlindSpots, Detection, FileSpots, GatewayEventKind, Report};
use mimamori_uplink::Reporter;

use crate::eve::EveLog;
use crate::exceptions::Uses;
use devices::Devices;
use merge::Merge;
use records::Records;
use usage::Knowledge;

/// The engine of a device that stands in the way of the traffic: it may stop it, and looks at
/// bytes before they are passed on.
#[must_use]
pub fn inline_engine() -> EngineConfig {
    let mut config = EngineConfig { ips: true, ..EngineConfig::default() };
    config.flow.stream.inline = true;
    config.skip_past_depth = true;
    config.ends_per_frame = 8;
    config.decode.refuse_wrong_header_checksum = true;
    config.guards = InlineGuards::ALL;
    config.log.usage = true;
    Arc::make_mut(&mut config.app.http1).lzma = true;
    config.app.detect_datagrams = 8;
    config
}

/// Gives the engine's tables keys of their own, so that nobody outside can prepare addresses
/// and ports that collide in them.
pub fn seed(config: &mut EngineConfig, rng: &dyn Rng) {
    config.flow.hash_seed = (rng.next_u64(), rng.next_u64());
    config.decode.defrag.hash_seed = (rng.next_u64(), rng.next_u64());
}

/// Counters that a person may ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PipelineStats {
    pub detections: u64,
    /// Detections that could not be kept (spool or disk full).
    pub given_up: u64,
    pub by_kind: BTreeMap<&'static str, u64>,
}

/// Takes detections as they are reported; the demo shows them.
pub type Watcher = Box<dyn FnMut(&Detection) + Send>;

pub struct Pipeline {
    engine: Engine,
    devices: Devices,
    records: Records,
    merge: Merge,
    reporter: Option<Reporter>,
    eve: Option<EveLog>,
    watcher: Option<Watcher>,
    events: Vec<Event>,
    uses: Uses,
    stats: PipelineStats,
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("stats", &self.stats).finish_non_exhaustive()
    }
}

impl Pipeline {
    #[must_use]
    pub fn new(
        engine: Engine,
        knowledge: Arc<Knowledge>,
        reporter: Option<Reporter>,
        eve: Option<EveLog>,
    ) -> Self {
        Pipeline {
            engine,
            devices: Devices::default(),
            records: Records::new(knowledge),
            merge: Merge::default(),
            reporter,
            eve,
            watcher: None,
            events: Vec::new(),
            uses: Uses::default(),
            stats: PipelineStats::default(),
        }
    }

    pub fn watch(&mut self, watcher: Watcher) {
        self.watcher = Some(watcher);
    }

    /// Inspects one Ethernet frame between two zones.
    pub fn frame(&mut self, now: Timestamp, from: Zone, to: Option<Zone>, frame: &[u8]) -> Verdict {
        self.devices.see(now, from, frame);
        let path = Some(Path { from, to });
        let verdict = self.engine.frame(
            now,
            LinkType::ETHERNET,
            path,
            frame,
            &mut Collect(&mut self.events, &mut self.records),
        );
        if !self.events.is_empty() {
            self.settle();
        }
        verdict
    }

    /// Ends what has timed out; call now and then.
    pub fn tick(&mut self, now: Timestamp) {
        self.engine.expire(now, &mut Collect(&mut self.events, &mut self.records));
        self.settle();
        for ready in self.merge.expire(now) {
            self.report(ready);
        }
        let due = self.records.due(now);
        self.keep(due);
        if let Some(eve) = &mut self.eve {
            eve.flush();
        }
    }

    /// Ends all flows and reports what was gathered.
    pub fn finish(&mut self, now: Timestamp) {
        self.engine.finish(now, &mut Collect(&mut self.events, &mut self.records));
        self.settle();
        for ready in self.merge.finish() {
            self.report(ready);
        }
        let all = self.records.all();
        self.keep(all);
        if let Some(eve) = &mut self.eve {
            eve.flush();
        }
    }

    /// Takes in what the judge of files has said; call often while frames are held.
    pub fn tend_files(&mut self, now: Timestamp) {
        self.engine.tend_files(now, &mut Collect(&mut self.events, &mut self.records));
        if !self.events.is_empty() {
            self.settle();
        }
    }

    pub fn engine_mut(&mut self) -> &mut Engine {
        &mut self.engine
    }

    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    #[must_use]
    pub fn devices(&self) -> &Devices {
        &self.devices
    }

    #[must_use]
    pub fn stats(&self) -> &PipelineStats {
        &self.stats
    }

    /// What could not be looked into, for the heartbeat.
    #[must_use]
    pub fn blind_spots(&self) -> BlindSpots {
        let stats = self.engine.stats();
        let [_, by_name, not_at_all] = self.records.bytes_by_depth;
        BlindSpots {
            flows: self.records.flows,
            flows_encrypted: self.records.flows_encrypted,
            bytes_encrypted: by_name,
            bytes_beyond_depth: not_at_all,
            flows_refused_by_limits: stats.flow.stream_memcap_refusals,
            packets_uninspected: stats.tunnel_packets,
            files: file_spots(&self.engine.judge_stats()),
        }
    }

    /// Records go by what other definitions say from now on.
    pub fn replace_knowledge(&mut self, knowledge: Arc<Knowledge>) {
        self.records.replace(knowledge);
    }

    /// Writes records of use down. They are worth less than detections: a full spool drops them first.
    fn keep(&mut self, records: Vec<Report>) {
        let Some(reporter) = &self.reporter else { return };
        for record in records {
            if let Err(error) = reporter.report(&record) {
                self.stats.given_up += 1;
                tracing::error!(%error, "a record of use could not be kept");
            }
        }
    }

    fn settle(&mut self) {
        let events = std::mem::take(&mut self.events);
        for event in &events {
            if let Some(eve) = &mut self.eve {
                eve.write(event);
            }
            if event.kind == EventKind::FileUnjudged {
                self.records.unjudged(event);
            }
            if let (Some(reporter), Some(told)) = (&self.reporter, self.uses.note(event)) {
                reporter.event_now(GatewayEventKind::ExceptionUsed, &told);
            }
            if let Some(found) = detection::detection(event, &self.devices) {
                for ready in self.merge.add(found) {
                    self.report(ready);
                }
            }
        }
        self.events = events;
        self.events.clear();
    }

    fn report(&mut self, found: Detection) {
        self.stats.detections += 1;
        *self.stats.by_kind.entry(found.kind.as_str()).or_default() += u64::from(found.count);
        if let Some(watcher) = &mut self.watcher {
            watcher(&found);
        }
        if let Some(reporter) = &self.reporter
            && let Err(error) = reporter.report(&Report::Detection(Box::new(found)))
        {
            self.stats.given_up += 1;
            tracing::error!(%error, "a detection could not be kept");
        }
    }
}

fn file_spots(stats: &JudgeStats) -> FileSpots {
    let of = |why| stats.not_inspected(why);
    FileSpots {
        judged: stats.clean + stats.harmful,
        harmful: stats.harmful,
        locked: of(NotInspected::Encrypted),
        too_deep: of(NotInspected::TooDeep),
        too_large: of(NotInspected::TooLarge),
        unreadable: of(NotInspected::Unreadable),
        no_scanner: NotInspected::ALL.into_iter().filter(|why| why.is_of_scanner()).map(of).sum(),
    }
}

struct Collect<'a>(&'a mut Vec<Event>, &'a mut Records);

impl EventSink for Collect<'_> {
    fn event(&mut self, event: Event) {
        self.0.push(event);
    }

    fn used(&mut self, piece: &FlowUse<'_>) {
        self.1.used(piece);
    }
}
