//! What becomes of a packet and its flow: verdicts of rules, of the stage of streams, of lists and
//! of policies.
//!
//! Responsible for turning decisions into drops, replacements, rejects and events. Holds always:
//! nothing is stopped but inline; a stopped packet is counted once. Deliberately not here: what
//! is asked, and when.

use mimamori_base::{Direction, Timestamp};
use mimamori_detect::{Decision, Input};
use mimamori_flow::{Flow, FlowHandle, TcpOutcome};
use mimamori_packet::{Decoder, Origin, Packet};
use mimamori_rules::Action;

use super::{Core, FrameContext, StreamFacts};
use crate::config::{DropLog, ExceptionPolicy};
use crate::event::EventSink;
use crate::flow_data::{FlowAction, FlowData};
use crate::verdict::FrameAction;
use crate::{alert_log, app_feed, inject, listed};

impl Core {
    /// A packet that contradicts what was seen first: what goes on, and what rules look at, is
    /// the packet with the bytes seen first. Inside a tunnel it cannot be rewritten and stops.
    #[expect(clippy::too_many_arguments, reason = "one step of the packet's way, not an interface")]
    pub(super) fn rewritten(
        &mut self,
        packet: &Packet<'_>,
        payload: &[u8],
        context: &mut FrameContext,
        handle: FlowHandle,
        direction: Direction,
        facts: &StreamFacts,
        out: &mut dyn EventSink,
    ) {
        let whole = packet.origin == Origin::Wire;
        let Some(frame) = inject::with_payload(packet, payload).filter(|_| whole) else {
            self.inspect(packet, context, handle, direction, facts, out);
            self.drop_in_flow(packet, context, handle, direction, "stream error", out);
            return;
        };
        context.verdict.action = FrameAction::Replace(frame.clone());
        // What goes on carries the bytes that came first, and is looked at as such.
        if let (Some(tcp), Some(flow)) = (packet.tcp(), self.flows.get_mut(handle))
            && let Some(session) = flow.tcp.as_deref_mut()
        {
            session.stream_mut(direction).look_again(tcp.seq());
        }
        let mut decoder = Decoder::new(self.config.decode.clone());
        decoder.decode(context.now, packet.link_type, &frame, &mut |p| {
            if p.origin == Origin::Wire {
                self.inspect(p, context, handle, direction, facts, out);
                self.after_inspection(p, context, handle, direction, facts, out);
            }
        });
    }

    /// Applies the midstream policy. `true`: the packet is done with.
    pub(super) fn midstream(
        &mut self,
        outcome: &TcpOutcome,
        packet: &Packet<'_>,
        context: &mut FrameContext,
        handle: FlowHandle,
        direction: Direction,
        out: &mut dyn EventSink,
    ) -> bool {
        if outcome.midstream.is_none() {
            return false;
        }
        let policy = self.config.effective_midstream_policy();
        let Some(flow) = self.flows.get_mut(handle) else { return false };
        flow.data.exception.get_or_insert(("stream_midstream", policy));
        match policy {
            ExceptionPolicy::PassFlow => {
                flow.data.detect.passed = true;
                flow.data.action = FlowAction::Pass;
            }
            ExceptionPolicy::Bypass => self.flows.bypass(handle),
            ExceptionPolicy::DropFlow | ExceptionPolicy::Reject if self.config.ips => {
                flow.dropped = true;
                flow.data.action = FlowAction::Drop;
                if policy == ExceptionPolicy::Reject {
                    inject::reject(packet, mimamori_rules::RejectTo::Both, context);
                }
                self.drop_in_flow(packet, context, handle, direction, "stream midstream", out);
                return true;
            }
            ExceptionPolicy::DropPacket if self.config.ips => {
                self.drop_in_flow(packet, context, handle, direction, "stream midstream", out);
                return true;
            }
            _ => {}
        }
        false
    }

    /// Lets pass what an exception names: the alert stays, without its verdict.
    pub(super) fn spare(&self, handle: FlowHandle, now: Timestamp, decision: &mut Decision) {
        if self.lists.exceptions.is_empty() || decision.drop.is_none() {
            return;
        }
        let Some(flow) = self.flows.get(handle) else { return };
        let devices = [flow.data.src_mac, flow.data.dst_mac];
        let spared = |sig| {
            let info = self.rules.detector.signature(sig);
            info.is_some_and(|s| self.lists.exceptions.signature(s.info.id.sid, devices, now).is_some())
        };
        let mut left = None;
        for alert in &mut decision.alerts {
            if matches!(alert.action, Action::Drop | Action::Reject(_)) {
                if spared(alert.sig) {
                    alert.action = Action::Alert;
                } else {
                    left.get_or_insert(alert.sig);
                }
            }
        }
        decision.drop = decision.drop.filter(|sig| !spared(*sig)).or(left);
        if decision.drop.is_none() {
            decision.drop_flow = false;
            decision.reject = None;
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one step of the packet's way, not an interface")]
    pub(super) fn apply(
        &mut self,
        packet: &Packet<'_>,
        context: &mut FrameContext,
        handle: FlowHandle,
        direction: Direction,
        decision: &Decision,
        facts: &StreamFacts,
        out: &mut dyn EventSink,
    ) {
        self.count(decision);
        if !decision.alerts.is_empty() {
            let input = Input {
                now: context.now,
                packet,
                pseudo: facts.pseudo,
                stream_events: facts.events,
                flow: None,
            };
            if let Some(flow) = self.flows.get_mut(handle) {
                note_alerts(flow, decision);
            }
            let flow = self.flows.get(handle);
            alert_log::report(self, &input, decision, flow.map(|f| (f, direction)), context, out);
        }
        let ips = self.config.ips;
        let Some(flow) = self.flows.get_mut(handle) else { return };
        mark_files(flow, direction, decision);
        if decision.pass_flow {
            flow.data.detect.passed = true;
            flow.data.action = FlowAction::Pass;
        }
        if !ips && decision.drop_flow {
            // Where nothing is stopped, the rest of the flow would not have come.
            flow.data.detect.passed = true;
            flow.data.action = FlowAction::Drop;
        }
        if decision.bypass {
            self.flows.bypass(handle);
        }
        let Some(flow) = self.flows.get_mut(handle) else { return };
        if let Some(to) = decision.reject {
            inject::reject(packet, to, context);
        }
        if ips && let Some(sig) = decision.drop {
            if decision.drop_flow {
                flow.dropped = true;
                flow.data.action = FlowAction::Drop;
                if self.config.guards.reset_dropped && decision.reject.is_none() {
                    flow.data.answer_resets = true;
                    flow.told = true;
                    inject::reset(packet, context);
                }
            }
            self.drop_packet(packet, Some((handle, direction)), Some(sig), "rules", context, out);
        }
    }

    pub(super) fn look_up(
        &mut self,
        packet: &Packet<'_>,
        context: &mut FrameContext,
        handle: FlowHandle,
        direction: Direction,
        out: &mut dyn EventSink,
    ) {
        let block = self.config.block_reputation && context.path.is_some();
        let block = block.then_some(&self.config.dns_answer);
        let Some(flow) = self.flows.get_mut(handle) else { return };
        let stopped = listed::look_up(flow, direction, packet, &self.lists, block, context, out);
        if stopped {
            flow.dropped = true;
            flow.data.action = FlowAction::Drop;
            self.drop_in_flow(packet, context, handle, direction, "reputation", out);
        }
    }

    pub(super) fn drop_in_flow(
        &mut self,
        packet: &Packet<'_>,
        context: &mut FrameContext,
        handle: FlowHandle,
        direction: Direction,
        reason: &'static str,
        out: &mut dyn EventSink,
    ) {
        self.drop_packet(packet, Some((handle, direction)), None, reason, context, out);
    }

    pub(super) fn drop_packet(
        &mut self,
        packet: &Packet<'_>,
        flow: Option<(FlowHandle, Direction)>,
        sig: Option<mimamori_detect::SigIndex>,
        reason: &'static str,
        context: &mut FrameContext,
        out: &mut dyn EventSink,
    ) {
        if context.verdict.action != FrameAction::Drop {
            self.stats.dropped_frames += 1;
        }
        context.verdict.stop();
        if self.tells_of_drop(flow, sig.is_some()) {
            let of = flow.and_then(|(h, d)| self.flows.get(h).map(|f| (f, d)));
            out.event(alert_log::drop_event(self, packet, of, sig, reason, context));
        }
    }

    fn tells_of_drop(&mut self, flow: Option<(FlowHandle, Direction)>, by_rule: bool) -> bool {
        match self.config.log.drops {
            DropLog::Off => false,
            DropLog::All => true,
            DropLog::Start => {
                let flow = flow.and_then(|(handle, dir)| Some((self.flows.get_mut(handle)?, dir)));
                let Some((flow, direction)) = flow.filter(|(f, _)| f.dropped) else { return true };
                let told = flow.data.drop_told.get_mut(direction.index());
                told.is_none_or(|t| !std::mem::replace(t, true)) || by_rule
            }
        }
    }

    pub(super) fn count(&mut self, decision: &Decision) {
        self.stats.alerts += decision.alerts.len() as u64;
        self.stats.alerts_suppressed += u64::from(decision.overflow);
    }
}

/// Alerts that are raised, and alerts that may be, stand in the flow's record.
pub(super) fn note_alerts(flow: &mut Flow<FlowData>, decision: &Decision) {
    flow.data.detect.alerted |= decision.alerts.iter().any(|a| a.waiting.is_none());
    flow.data.may_alert |= decision.alerts.iter().any(|a| a.waiting.is_some());
}

/// Marks files that rules asked to keep.
pub(super) fn mark_files(flow: &mut Flow<FlowData>, direction: Direction, decision: &Decision) {
    if decision.stores.is_empty() {
        return;
    }
    let Some(session) = flow.data.session.as_deref_mut() else { return };
    app_feed::mark_files(session, direction, &decision.stores);
}
