//! Frames that must wait, and the questions that the wait raises.

use mimamori_base::{Direction, Timestamp};
use mimamori_flow::{Flow, FlowHandle};
use mimamori_packet::{Origin, Packet, Transport};

use super::files::Grown;
use super::held::Held;
use super::{Judging, MAX_HELD_BYTES};
use crate::core::{Core, FrameContext};
use crate::event::EventSink;
use crate::flow_data::FlowData;
use crate::inject;
use crate::verdict::{FrameAction, ReleaseAction};

impl Core {
    /// Hands the packet's share of files to the judge.
    pub(crate) fn collect_files(
        &mut self,
        context: &FrameContext,
        handle: FlowHandle,
        direction: Direction,
    ) -> Grown {
        let inline = self.is_inline(context);
        let base_depth = self.config.flow.stream.depth_bytes;
        let (Some(judging), Some(flow)) = (self.judging.as_deref_mut(), self.flows.get_mut(handle)) else {
            return Grown::default();
        };
        judging.collect(flow, handle, direction, base_depth, inline, context)
    }

    fn is_inline(&self, context: &FrameContext) -> bool {
        self.config.ips && context.path.is_some()
    }

    /// Lets the frame go, holds it, or stops it, as the files in it stand.
    pub(crate) fn judge_files(
        &mut self,
        packet: &Packet<'_>,
        context: &mut FrameContext,
        handle: FlowHandle,
        direction: Direction,
        mut grown: Grown,
        out: &mut dyn EventSink,
    ) {
        if self.judging.is_none() {
            return;
        }
        // A change of protocol may have fed more.
        let more = self.collect_files(context, handle, direction);
        grown.needs.extend(more.needs);
        grown.lines.extend(more.lines);
        let inline = self.is_inline(context);
        let (Some(judging), Some(flow)) = (self.judging.as_deref_mut(), self.flows.get_mut(handle)) else {
            return;
        };
        let Some(files) = flow.data.files.as_deref_mut() else { return };
        let stopped = context.verdict.action == FrameAction::Drop;
        if inline && !stopped && packet.origin == Origin::Wire && !flow.dropped {
            let way = files.way(direction);
            if !judging.hold(way, packet, context, grown) {
                context.verdict.action = FrameAction::Drop;
            }
            if files.is_holding() && !judging.holding.contains(&handle) {
                judging.holding.push(handle);
            }
        }
        self.keep_overwriting(handle, direction);
        self.hear(context.now, out);
        self.settle(handle);
        let Some(judging) = self.judging.as_deref_mut() else { return };
        let Some(at) = judging.releases.iter().position(|r| r.token == context.number) else { return };
        let release = judging.releases.remove(at);
        context.verdict.action = match (release.action, &context.verdict.action) {
            (ReleaseAction::Send, FrameAction::Hold { instead: None, .. }) => FrameAction::Forward,
            (ReleaseAction::Send, FrameAction::Hold { instead: Some(frame), .. }) => {
                FrameAction::Replace(frame.clone())
            }
            (ReleaseAction::Replace(frame), _) => FrameAction::Replace(frame),
            _ => FrameAction::Drop,
        };
        context.verdict.inject.extend(release.inject);
    }

    /// The flow has ended: its last bytes go to the judge, nothing of it is held any more.
    pub(crate) fn forget_files(&mut self, flow: &mut Flow<FlowData>) {
        if let Some(judging) = self.judging.as_deref_mut() {
            judging.flow_ended(flow);
        }
    }

    /// Judgements that have come, questions that are due, waits that are over. For whoever
    /// keeps the frames; call often while frames wait.
    pub(crate) fn tend_files(&mut self, now: Timestamp, out: &mut dyn EventSink) {
        if self.judging.is_none() {
            return;
        }
        self.hear(now, out);
        let Some(judging) = self.judging.as_deref_mut() else { return };
        let holding = std::mem::take(&mut judging.holding);
        for handle in holding {
            self.look_after(handle, now, out);
            self.settle(handle);
            let Some(flow) = self.flows.get_mut(handle) else { continue };
            let waits = flow.data.files.as_deref().is_some_and(super::files::FlowFiles::is_holding);
            if let Some(judging) = self.judging.as_deref_mut()
                && waits
                && !judging.holding.contains(&handle)
            {
                judging.holding.push(handle);
            }
        }
        self.hear(now, out);
    }
}

impl Judging {
    /// Keeps the frame if it must wait. `false`: it is not to go on, and need not be kept.
    fn hold(
        &mut self,
        way: &mut super::held::Way,
        packet: &Packet<'_>,
        context: &mut FrameContext,
        grown: Grown,
    ) -> bool {
        let Transport::Tcp(tcp) = &packet.transport else { return true };
        let (len, fin) = (packet.payload.len(), tcp.flags().fin());
        if tcp.flags().rst() || len == 0 && !fin {
            return true;
        }
        let replaced = match &context.verdict.action {
            FrameAction::Replace(frame) => Some(frame.clone()),
            _ => None,
        };
        let payload = packet.payload_offset..packet.payload_offset.saturating_add(len);
        let current = replaced.as_deref().unwrap_or(packet.data);
        let patched = current.get(payload.clone()).and_then(|p| way.patched(tcp.seq(), p));
        if let Some(frame) = patched.and_then(|p| inject::with_payload(packet, &p)) {
            context.verdict.action = FrameAction::Replace(frame);
            return true;
        }
        if way.held.is_empty() && grown.needs.is_empty() {
            return true;
        }
        if way.is_repeat(tcp.seq(), len, fin) {
            return false;
        }
        let room = self.stats.held_bytes.saturating_add(packet.data.len()) <= MAX_HELD_BYTES;
        if way.is_full() || !room {
            return false;
        }
        let frame = replaced.clone().unwrap_or_else(|| packet.data.to_vec());
        self.stats.held_frames += 1;
        self.stats.held_bytes += frame.len();
        way.held.push_back(Held {
            token: context.number,
            at: context.now,
            seq: tcp.seq(),
            link: packet.link_type,
            frame,
            payload,
            fin,
            needs: grown.needs,
            lines: grown.lines,
            overwritten: false,
        });
        context.verdict.action = FrameAction::Hold { token: context.number, instead: replaced };
        true
    }
}
