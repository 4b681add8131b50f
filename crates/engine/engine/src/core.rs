//! The way of a packet through flow, protocol, rules and lists.
//!
//! Holds always: bytes reach the protocol before rules look; rules look before records are
//! written; a flow that is dropped stays dropped.

mod acting;

use std::sync::Arc;

use mimamori_applayer::AppLayerConfig;
use mimamori_applayer::config::AutoSwitch;
use mimamori_applayer::http1::SharedRanges;
use mimamori_base::{Direction, Place, Timestamp};
use mimamori_detect::{
    CrossFlow, Decision, FlowDetect, FlowInput, Input, Renumber, Renumbering, SavedSet, Scratch,
};
use mimamori_flow::{
    Association, Flow, FlowHandle, FlowTable, StreamEvent, StreamEvents, TcpOutcome, TcpSession,
};
use mimamori_packet::{Decoder, LinkType, Packet, Transport};
use mimamori_reputation::Reputation;

use self::acting::{mark_files, note_alerts};
use crate::app_feed::{self, Expectations};
use crate::config::EngineConfig;
use crate::event::EventSink;
use crate::flow_data::{FlowAction, FlowData};
use crate::judge::{FileJudge, JudgeStats};
use crate::judging::Judging;
use crate::ruleset::Ruleset;
use crate::stats::EngineStats;
use crate::tunnels::Tunnels;
use crate::verdict::{Path, Release, Verdict};
use crate::{alert_log, flow_end, inject, listed, pseudo, raw, tx_log, usage};

/// One frame on its way.
#[derive(Debug)]
pub(crate) struct FrameContext {
    pub now: Timestamp,
    pub number: u64,
    pub path: Option<Path>,
    pub verdict: Verdict,
    /// A packet of the frame belongs to a flow that is dropped.
    pub flow_dropped: bool,
}

impl FrameContext {
    pub(crate) fn new(now: Timestamp, number: u64, path: Option<Path>) -> Self {
        FrameContext { now, number, path, verdict: Verdict::default(), flow_dropped: false }
    }
}

/// Everything behind the decoder.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) config: EngineConfig,
    app_config: Arc<AppLayerConfig>,
    pub(crate) flows: FlowTable<FlowData>,
    /// Judges files in transit, where somebody does.
    pub(crate) judging: Option<Box<Judging>>,
    pub(crate) rules: Ruleset,
    pub(crate) state: CrossFlow,
    /// Some rule tags hosts.
    pub(crate) tags_hosts: bool,
    ranges: SharedRanges,
    renumbering: Renumbering,
    scratch: Scratch,
    lists: listed::Lists,
    expectations: Expectations,
    tunnels: Tunnels,
    flowless: usage::Flowless,
    stats: EngineStats,
}

/// What the stream stage found out about a packet.
#[derive(Debug, Default)]
struct StreamFacts {
    events: StreamEvents,
    in_stream: bool,
    established: bool,
    drop: Option<&'static str>,
    /// The packet is the engine's own, made to look at what is collected.
    pseudo: bool,
}

impl Core {
    /// `beside`: state across flows that engines side by side share.
    pub(crate) fn new(
        config: EngineConfig,
        rules: Ruleset,
        reputation: Arc<Reputation>,
        beside: Option<CrossFlows>,
    ) -> Core {
        let across = beside.unwrap_or_else(|| CrossFlows::new(&rules));
        Core {
            app_config: Arc::new(app_config(&config, &rules, &across.ranges)),
            flows: FlowTable::new(config.flow.clone()),
            judging: None,
            scratch: rules.detector.scratch(),
            tags_hosts: rules.detector.needs().host_tags,
            state: across.detect,
            ranges: across.ranges,
            renumbering: Renumbering::default(),
            rules,
            lists: listed::Lists::new(reputation),
            expectations: Expectations::default(),
            tunnels: Tunnels::default(),
            flowless: usage::Flowless::default(),
            stats: EngineStats::default(),
            config,
        }
    }

    /// From the next flow on, files go to the judge.
    pub(crate) fn judge_with(&mut self, judge: Box<dyn FileJudge>) {
        self.judging = Some(Box::new(Judging::new(judge, self.config.judging.clone())));
        self.config.app.file_hashes.tap = true;
        self.app_config = Arc::new(app_config(&self.config, &self.rules, &self.ranges));
    }

    pub(crate) fn judge_stats(&self) -> JudgeStats {
        self.judging.as_deref().map_or_else(JudgeStats::default, |j| j.stats)
    }

    pub(crate) fn take_releases(&mut self) -> Vec<Release> {
        self.judging.as_deref_mut().map_or_else(Vec::new, Judging::take_releases)
    }

    pub(crate) fn app_config(&self) -> Arc<AppLayerConfig> {
        self.app_config.clone()
    }

    pub(crate) fn config(&self) -> &EngineConfig {
        &self.config
    }

    pub(crate) fn stats(&self) -> EngineStats {
        EngineStats {
            flow: self.flows.stats(),
            tunnel_packets: self.tunnels.packets,
            tunnels: self.tunnels.found,
            ..self.stats
        }
    }

    /// Gives the old rule set back, to be let go of where nobody waits for it.
    pub(crate) fn replace_rules(&mut self, rules: Ruleset) -> Ruleset {
        let step = Renumber::between(&self.rules.detector, &rules.detector);
        self.state = self.state.renewed(rules.detector.lists().clone(), &step);
        self.renumbering.push(step);
        self.scratch = rules.detector.scratch();
        self.tags_hosts = rules.detector.needs().host_tags;
        self.app_config = Arc::new(app_config(&self.config, &rules, &self.ranges));
        std::mem::replace(&mut self.rules, rules)
    }

    /// The data sets that rules want written, as they stand now.
    pub(crate) fn datasets_to_save(&self) -> Vec<SavedSet> {
        self.state.datasets_to_save()
    }

    pub(crate) fn replace_exceptions(&mut self, exceptions: Arc<mimamori_reputation::Exceptions>) {
        self.lists.exceptions = exceptions;
    }

    pub(crate) fn replace_reputation(&mut self, reputation: Arc<Reputation>) {
        self.lists.replace(reputation);
    }

    /// Before this time no flow is due.
    pub(crate) fn next_due(&self) -> Timestamp {
        self.flows.next_due()
    }

    /// Ends the flows that are due before frame `number`, when it is `clock`.
    pub(crate) fn begin_frame(
        &mut self,
        number: u64,
        clock: Timestamp,
        limit: usize,
        out: &mut dyn EventSink,
    ) {
        self.flows.begin_frame(number, clock);
        self.flows.expire(clock, limit);
        while let Some(mut flow) = self.flows.take_ended() {
            let (list, which) = flow.end_order.unwrap_or_default();
            out.place(Place::ending(number, list, which));
            flow_end::finish(self, &mut flow, out);
        }
    }

    pub(crate) fn finish(&mut self, out: &mut dyn EventSink) {
        self.flows.end_all();
        while let Some(mut flow) = self.flows.take_ended() {
            let (start, which) = flow.end_order.unwrap_or_default();
            out.place(Place::last(start, which));
            flow_end::finish(self, &mut flow, out);
        }
    }

    fn drain_ended(&mut self, out: &mut dyn EventSink) {
        while let Some(mut flow) = self.flows.take_ended() {
            flow_end::finish(self, &mut flow, out);
        }
    }

    /// Takes one packet of a frame.
    pub(crate) fn packet(
        &mut self,
        packet: &Packet<'_>,
        context: &mut FrameContext,
        out: &mut dyn EventSink,
    ) {
        let app_config = self.app_config.clone();
        if self.config.guards.tell_tunnels && self.tunnels.see(packet, context, out) {
            self.stats.uninspected_bytes += packet.payload.len() as u64;
        }
        let damaged = self.is_damaged(packet);
        let association = if packet.invalid || packet.is_fragment || damaged {
            Association::None
        } else {
            self.flows.associate(context.now, packet, |_| FlowData::default())
        };
        self.drain_ended(out);
        let Association::Flow { handle, direction, is_new, established } = association else {
            self.flowless(packet, damaged, context, out);
            return;
        };
        if is_new && let Some(flow) = self.flows.get_mut(handle) {
            begin(flow, packet, context, &app_config, &mut self.expectations);
            flow.data.rules = self.renumbering.serial();
        }
        // What is inside a tunnel came before the tunnel's own packet.
        let drop_tunnel = self.config.drop_tunnels && context.flow_dropped;
        if drop_tunnel && self.flows.get(handle).is_some_and(|f| f.dropped) {
            // The packet inside has a record already.
            return;
        }
        self.in_flow(packet, context, handle, direction, established, out);
        if let Some(flow) = self.flows.get_mut(handle) {
            flow.dropped |= drop_tunnel;
            context.flow_dropped |= flow.dropped;
        }
    }

    /// Whether no host would take the packet. TCP is looked at with its session.
    fn is_damaged(&self, packet: &Packet<'_>) -> bool {
        let checked =
            matches!(packet.transport, Transport::Udp(_) | Transport::Icmpv4(_) | Transport::Icmpv6(_));
        packet.damaged
            || (self.config.guards.stop_wrong_checksums
                && checked
                && packet.transport_checksum_ok() == Some(false))
    }

    fn flowless(
        &mut self,
        packet: &Packet<'_>,
        damaged: bool,
        context: &mut FrameContext,
        out: &mut dyn EventSink,
    ) {
        if self.config.log.usage && !packet.is_fragment {
            self.flowless.see(packet, context, out);
        }
        let input = Input {
            now: context.now,
            packet,
            pseudo: false,
            stream_events: StreamEvents::default(),
            flow: None,
        };
        let decision = self.rules.detector.inspect(&input, None, &mut self.state, &mut self.scratch);
        self.count(&decision);
        alert_log::report(self, &input, &decision, None, context, out);
        self.log_tagged(packet, None, context, out);
        if !self.config.ips {
            return;
        }
        if let Some(sig) = decision.drop {
            self.drop_packet(packet, None, Some(sig), "rules", context, out);
        } else if packet.conflicting_fragment {
            // The first copy wins here; another one must not reach a host that prefers it.
            self.drop_packet(packet, None, None, "defrag error", context, out);
        } else if damaged {
            self.drop_packet(packet, None, None, "checksum", context, out);
        }
    }

    fn in_flow(
        &mut self,
        packet: &Packet<'_>,
        context: &mut FrameContext,
        handle: FlowHandle,
        direction: Direction,
        established: bool,
        out: &mut dyn EventSink,
    ) {
        let Some(flow) = self.flows.get_mut(handle) else { return };
        if self.config.log.usage {
            usage::see(flow, packet, direction, out);
        }
        if flow.dropped {
            let starved = flow.starved;
            if flow.data.answer_resets || (starved && self.config.guards.reset_dropped) {
                flow.told |= packet.tcp().is_some_and(|t| t.flags().ack());
                inject::answer(packet, context);
            }
            let reason = if starved { "stream memcap" } else { "flow drop" };
            self.drop_in_flow(packet, context, handle, direction, reason, out);
            return;
        }
        if flow.bypassed {
            self.stats.uninspected_bytes += packet.payload.len() as u64;
            return;
        }
        let bulk = self.config.skip_past_depth && is_bulk(flow, packet, direction);
        let mut direction = direction;
        let mut facts = StreamFacts { established, ..StreamFacts::default() };
        if matches!(packet.transport, Transport::Tcp(_)) {
            let outcome = self.flows.handle_tcp(handle, direction, context.now, packet);
            let Some(outcome) = outcome else { return };
            direction = outcome.direction.unwrap_or(direction);
            self.take_outcome(packet, &outcome, &mut facts);
            if self.midstream(&outcome, packet, context, handle, direction, out) {
                return;
            }
            if let Some(reason) = facts.drop {
                self.inspect(packet, context, handle, direction, &facts, out);
                self.drop_in_flow(packet, context, handle, direction, reason, out);
                return;
            }
            self.feed_tcp(context.now, handle, &mut direction);
            let grown = self.collect_files(context, handle, direction);
            if let Some(payload) = outcome.rewrite_payload {
                self.rewritten(packet, &payload, context, handle, direction, &facts, out);
                self.judge_files(packet, context, handle, direction, grown, out);
                return;
            }
            if !bulk {
                self.inspect(packet, context, handle, direction, &facts, out);
                self.look_behind_gaps(context, handle, direction, out);
                self.after_inspection(packet, context, handle, direction, &facts, out);
                self.judge_files(packet, context, handle, direction, grown, out);
                return;
            }
        } else if matches!(packet.transport, Transport::Udp(_)) {
            self.feed_udp(packet, context.now, handle, &mut direction);
        }
        if bulk {
            if let Some(flow) = self.flows.get_mut(handle) {
                usage::past_depth(flow, direction, packet.payload.len());
                flow.data.uninspected_bytes += packet.payload.len() as u64;
            }
            let bytes = packet.payload.len() as u64;
            self.stats.uninspected_bytes += bytes;
            self.stats.inspected_bytes = self.stats.inspected_bytes.saturating_sub(bytes);
            return;
        }
        self.inspect(packet, context, handle, direction, &facts, out);
        self.after_inspection(packet, context, handle, direction, &facts, out);
    }

    fn take_outcome(&mut self, packet: &Packet<'_>, outcome: &TcpOutcome, facts: &mut StreamFacts) {
        facts.events = outcome.events;
        facts.in_stream = outcome.in_stream;
        if self.config.ips {
            // An end without a beginning is not forwarded.
            let no_session = outcome.events.contains(StreamEvent::FinButNoSession)
                || outcome.events.contains(StreamEvent::RstButNoSession);
            // Text in a reset is no part of the stream (RFC 9293 section 3.10.7), yet some receivers
            // might read it as such. Who has gone answers what comes after with a bare reset.
            let text = self.config.guards.stop_reset_text
                && !packet.payload.is_empty()
                && packet.tcp().is_some_and(|t| t.flags().rst());
            let stops = (no_session || text).then_some("stream error");
            facts.drop = outcome.drop.map(mimamori_flow::DropReason::name).or(stops);
        }
        self.stats.inspected_bytes += packet.payload.len() as u64;
    }

    fn feed_tcp(&mut self, now: Timestamp, handle: FlowHandle, direction: &mut Direction) {
        let Some(flow) = self.flows.get_mut(handle) else { return };
        if !self.expectations.is_empty() && is_undecided(flow) {
            expect(flow, &self.app_config, &mut self.expectations, now);
        }
        // A session turns round once, at its first bytes.
        if app_feed::streams(flow, &self.app_config, now, *direction) {
            *direction = direction.reverse();
            app_feed::streams(flow, &self.app_config, now, *direction);
        }
        self.expectations.take(flow, now);
    }

    fn feed_udp(
        &mut self,
        packet: &Packet<'_>,
        now: Timestamp,
        handle: FlowHandle,
        direction: &mut Direction,
    ) {
        self.stats.inspected_bytes += packet.payload.len() as u64;
        let Some(flow) = self.flows.get_mut(handle) else { return };
        if app_feed::datagram(flow, &self.app_config, packet.payload, now, *direction) {
            *direction = direction.reverse();
        }
        self.expectations.take(flow, now);
    }

    /// Asks the rules and writes alerts.
    fn inspect(
        &mut self,
        packet: &Packet<'_>,
        context: &mut FrameContext,
        handle: FlowHandle,
        direction: Direction,
        facts: &StreamFacts,
        out: &mut dyn EventSink,
    ) {
        let Some(flow) = self.flows.get_mut(handle) else { return };
        flow.data.idle = false;
        if flow.data.detect.passed {
            return;
        }
        let inline = self.config.flow.stream.inline;
        let mut decision = ask(
            flow,
            packet,
            facts.pseudo,
            direction,
            facts.established,
            facts.in_stream,
            facts.events,
            &Asking {
                now: context.now,
                inline,
                chunk_bytes: self.config.raw_chunk_bytes,
                rules: &self.rules,
                renumbering: &self.renumbering,
            },
            &mut self.state,
            &mut self.scratch,
        );
        self.spare(handle, context.now, &mut decision);
        self.apply(packet, context, handle, direction, &decision, facts, out);
        if !facts.pseudo {
            self.log_tagged(packet, Some((handle, direction)), context, out);
        }
    }

    /// Records, lists, retiring.
    fn after_inspection(
        &mut self,
        packet: &Packet<'_>,
        context: &mut FrameContext,
        handle: FlowHandle,
        direction: Direction,
        facts: &StreamFacts,
        out: &mut dyn EventSink,
    ) {
        if !self.lists.is_empty() {
            self.look_up(packet, context, handle, direction, out);
        }
        let Some(flow) = self.flows.get_mut(handle) else { return };
        usage::learn(flow);
        let revision = flow.data.session.as_deref().map(mimamori_applayer::Session::revision);
        if flow.data.idle && flow.data.settled == revision {
            return;
        }
        flow.data.settled = revision;
        let log = self.config.log.clone();
        loop {
            let Some(flow) = self.flows.get_mut(handle) else { return };
            tx_log::write(flow, direction, packet, context, &log, false, out);
            tx_log::retire(flow);
            let Some(session) = flow.data.session.as_deref_mut() else { return };
            if !session.change_pending() {
                let hints = session.hints();
                if hints.bypass {
                    self.last_look(context, handle, out);
                    self.flows.bypass(handle);
                }
                return;
            }
            // The old protocol's transactions end here, whatever their state.
            tx_log::write(flow, direction, packet, context, &log, true, out);
            let Some(session) = flow.data.session.as_deref_mut() else { return };
            session.proceed(context.now);
            app_feed::streams(flow, &self.app_config, context.now, direction);
            self.inspect(packet, context, handle, direction, facts, out);
        }
    }

    /// Looks at what is collected of a flow that is not followed any longer.
    fn last_look(&mut self, context: &mut FrameContext, handle: FlowHandle, out: &mut dyn EventSink) {
        for dir in Direction::BOTH {
            self.look_at_rest(context, handle, dir, out);
        }
    }

    /// Inline, all that a packet has released is looked at before it goes on, though gaps part it.
    fn look_behind_gaps(
        &mut self,
        context: &mut FrameContext,
        handle: FlowHandle,
        direction: Direction,
        out: &mut dyn EventSink,
    ) {
        for _ in 0..flow_end::MAX_PARTS {
            let gaps = self.flows.get(handle).and_then(|f| f.tcp.as_deref());
            let gaps = gaps.is_some_and(|t| t.stream(direction).has_gap());
            if !(gaps && self.config.flow.stream.inline && self.look_at_rest(context, handle, direction, out))
            {
                return;
            }
        }
    }

    /// Looks at the next stretch of the stream that no packet has asked for. False: there is none.
    fn look_at_rest(
        &mut self,
        context: &mut FrameContext,
        handle: FlowHandle,
        dir: Direction,
        out: &mut dyn EventSink,
    ) -> bool {
        let Some(flow) = self.flows.get(handle) else { return false };
        let due = |t: &TcpSession| raw::due(t.stream(dir), false, || true, 0).is_some();
        if flow.bypassed || flow.dropped || !flow.tcp.as_deref().is_some_and(due) {
            return false;
        }
        let facts =
            StreamFacts { established: flow.is_established(), pseudo: true, ..StreamFacts::default() };
        let bytes = pseudo::packet_bytes(&flow.key, dir);
        let mut decoder = Decoder::new(self.config.decode.clone());
        decoder.decode(context.now, LinkType::RAW, &bytes, &mut |packet| {
            self.inspect(packet, context, handle, dir, &facts, out);
        });
        true
    }

    /// The frame has been taken apart whole.
    pub(crate) fn end_frame(&mut self, _context: &mut FrameContext) {}

    /// Inspection of a packet that the engine made for the end of a flow.
    pub(crate) fn inspect_end(
        &mut self,
        flow: &mut Flow<FlowData>,
        packet: &Packet<'_>,
        direction: Direction,
        now: Timestamp,
        out: &mut dyn EventSink,
    ) {
        if flow.data.detect.passed || flow.dropped {
            return;
        }
        let established = flow.is_established();
        let decision = ask(
            flow,
            packet,
            true,
            direction,
            established,
            false,
            StreamEvents::default(),
            &Asking {
                now,
                inline: self.config.flow.stream.inline,
                chunk_bytes: 0,
                rules: &self.rules,
                renumbering: &self.renumbering,
            },
            &mut self.state,
            &mut self.scratch,
        );
        self.count(&decision);
        mark_files(flow, direction, &decision);
        if decision.pass_flow {
            flow.data.action = FlowAction::Pass;
        } else if decision.drop_flow {
            flow.data.action = FlowAction::Drop;
        }
        if !decision.alerts.is_empty() {
            note_alerts(flow, &decision);
            let input =
                Input { now, packet, pseudo: true, stream_events: StreamEvents::default(), flow: None };
            let mut context = FrameContext::new(now, 0, None);
            alert_log::report(self, &input, &decision, Some((flow, direction)), &mut context, out);
        }
    }
}

/// State across flows that engines side by side share, as one of them sees it.
#[derive(Debug)]
pub(crate) struct CrossFlows {
    pub detect: CrossFlow,
    pub ranges: SharedRanges,
}

impl CrossFlows {
    pub(crate) fn new(rules: &Ruleset) -> CrossFlows {
        CrossFlows { detect: CrossFlow::new(rules.detector.lists().clone()), ranges: SharedRanges::default() }
    }
}

/// The application layer's configuration with what the rules need.
fn app_config(config: &EngineConfig, rules: &Ruleset, ranges: &SharedRanges) -> AppLayerConfig {
    let needs = rules.detector.needs();
    let mut app = config.app.clone();
    let kinds = &mut app.file_hashes;
    let all = config.log.file_hashes;
    kinds.md5 |= needs.md5 || all;
    kinds.sha1 |= needs.sha1 || all;
    kinds.sha256 |= needs.sha256 || all;
    let kinds = *kinds;
    let http1 = Arc::make_mut(&mut app.http1);
    http1.hashes = kinds;
    http1.ranges = ranges.same();
    // Inline nothing waits for more of a body: what is to be stopped must not be through by then.
    http1.inline_bodies |= config.ips;
    app.smtp.inline |= config.ips;
    if app.smtp.body_md5 == AutoSwitch::Auto && needs.mail_body_md5 {
        app.smtp.body_md5 = AutoSwitch::On;
    }
    app
}

/// The parts of the engine that asking the rules needs.
struct Asking<'r> {
    now: Timestamp,
    inline: bool,
    chunk_bytes: u64,
    rules: &'r Ruleset,
    renumbering: &'r Renumbering,
}

#[expect(clippy::too_many_arguments, reason = "the packet's facts, gathered where they arise")]
fn ask(
    flow: &mut Flow<FlowData>,
    packet: &Packet<'_>,
    pseudo: bool,
    direction: Direction,
    established: bool,
    in_stream: bool,
    stream_events: StreamEvents,
    asking: &Asking<'_>,
    state: &mut CrossFlow,
    scratch: &mut Scratch,
) -> Decision {
    let data = &mut flow.data;
    asking.renumbering.carry(&mut data.rules, &mut data.detect);
    let session = data.session.as_deref();
    let no_payload = session.is_some_and(|s| s.hints().no_raw_inspection);
    let tcp = flow.tcp.as_deref();
    if no_payload && let Some(t) = tcp {
        data.raw_ends.get_or_insert(Direction::BOTH.map(|d| t.stream(d).released()));
    }
    let raw_end = data.raw_ends.and_then(|e| e.get(direction.index()).copied());
    let flush = || pseudo || no_payload || session.is_none_or(|s| wants_flush(s, &data.detect, direction));
    let window = tcp
        .filter(|t| raw_end.is_none_or(|end| t.stream(direction).raw_progress() < end))
        .and_then(|t| raw::due(t.stream(direction), asking.inline, flush, asking.chunk_bytes));
    let progress = window.map(|(_, progress)| progress);
    let events = session.map_or(&[][..], |s| s.events());
    let revision = session.map(mimamori_applayer::Session::revision);
    data.idle = !pseudo
        && packet.payload.is_empty()
        && window.is_none()
        && data.inspected.get(direction.index()).is_some_and(|seen| *seen == revision);
    let app_events = events.get(data.session_events..).unwrap_or_default();
    let input = Input {
        now: asking.now,
        packet,
        pseudo,
        stream_events,
        flow: Some(FlowInput {
            direction,
            established,
            session,
            tcp,
            traffic: &flow.traffic,
            start: flow.start,
            in_stream,
            raw: window.map(|(w, _)| w),
            app_events,
            failed_before: data.failed,
            no_payload,
            transactions_unchanged: data.idle,
        }),
    };
    let decision = asking.rules.detector.inspect(&input, Some(&mut data.detect), state, scratch);
    data.session_events = events.len();
    data.failed = session.is_some_and(mimamori_applayer::Session::failed);
    if let (Some(progress), Some(tcp)) = (progress, flow.tcp.as_deref_mut()) {
        tcp.stream_mut(direction).set_raw_progress(progress);
    }
    if flow.data.idle {
        return decision;
    }
    if let Some(seen) = flow.data.inspected.get_mut(direction.index()) {
        *seen = revision;
    }
    if let Some(session) = flow.data.session.as_deref_mut() {
        session.inspected(direction);
    }
    decision
}

/// Whether collected stream bytes are due because the protocol has come to an end of something.
///
/// SMB never asks for it: its messages are collected into whole chunks.
fn wants_flush(session: &mimamori_applayer::Session, detect: &FlowDetect, direction: Direction) -> bool {
    if session.proto() == mimamori_applayer::AppProto::Smb {
        return false;
    }
    session.transactions().iter().any(|t| t.is_complete(direction) && !detect.is_inspected(t.id(), direction))
}

/// Payload of a stream whose depth was passed before this packet, on a session that goes on.
fn is_bulk(flow: &Flow<FlowData>, packet: &Packet<'_>, direction: Direction) -> bool {
    let (Some(session), Some(tcp)) = (flow.tcp.as_deref(), packet.tcp()) else { return false };
    let flags = tcp.flags();
    !packet.payload.is_empty()
        && !flags.syn()
        && !flags.fin()
        && !flags.rst()
        && session.stream(direction).past_depth()
}

/// A flow's first packet.
fn begin(
    flow: &mut Flow<FlowData>,
    packet: &Packet<'_>,
    context: &FrameContext,
    app: &Arc<AppLayerConfig>,
    expectations: &mut Expectations,
) {
    flow.data.src_mac = packet.ethernet.map(|e| e.src());
    flow.data.dst_mac = packet.ethernet.map(|e| e.dst());
    flow.data.zones = context.path.map(|p| (p.from, p.to));
    flow.data.link = Some(packet.link_type);
    expect(flow, app, expectations, context.now);
}

/// Begins the session of a flow that another one has announced.
fn expect(
    flow: &mut Flow<FlowData>,
    app: &Arc<AppLayerConfig>,
    expectations: &mut Expectations,
    now: Timestamp,
) {
    if let Some(expected) = expectations.find(&flow.key, now) {
        flow.data.session = app_feed::new_session(&flow.key, app).map(|s| Box::new(s.expected(&expected)));
    }
}

fn is_undecided(flow: &Flow<FlowData>) -> bool {
    flow.data.session.as_deref().is_none_or(|s| s.proto() == mimamori_applayer::AppProto::Unknown)
}
