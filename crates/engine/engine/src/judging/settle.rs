//! Letting waiting frames go, and ending waits that are too long.

use mimamori_base::{Direction, Timestamp};
use mimamori_flow::{Flow, FlowHandle};

use super::Judging;
use super::collect::take_seen;
use super::files::Standing;
use crate::core::Core;
use crate::event::EventSink;
use crate::flow_data::FlowData;
use crate::judge::NotInspected;
use crate::verdict::{Release, ReleaseAction};

impl Core {
    /// Lets go what need not wait any more.
    pub(super) fn settle(&mut self, handle: FlowHandle) {
        let (Some(judging), Some(flow)) = (self.judging.as_deref_mut(), self.flows.get_mut(handle)) else {
            return;
        };
        let ask_bytes = judging.policy.ask_bytes;
        judging.ask(flow);
        let Some(files) = flow.data.files.as_deref_mut() else { return };
        for dir in Direction::BOTH {
            while files.front_is_free(dir, ask_bytes) {
                let Some(front) = files.way(dir).held.pop_front() else { break };
                judging.stats.held_frames = judging.stats.held_frames.saturating_sub(1);
                judging.stats.held_bytes = judging.stats.held_bytes.saturating_sub(front.frame.len());
                let action =
                    if front.overwritten { ReleaseAction::Replace(front.frame) } else { ReleaseAction::Send };
                judging.releases.push(Release { token: front.token, action, inject: Vec::new() });
            }
        }
        files.tracked.retain(|t| !t.is_done());
    }

    /// Asks about what stalls, and gives up on what has waited too long.
    pub(super) fn look_after(&mut self, handle: FlowHandle, now: Timestamp, out: &mut dyn EventSink) {
        let (Some(judging), Some(flow)) = (self.judging.as_deref_mut(), self.flows.get_mut(handle)) else {
            return;
        };
        let Some(files) = flow.data.files.as_deref_mut() else { return };
        let since = Direction::BOTH.into_iter().filter_map(|dir| files.waiting_since(dir)).min();
        let Some(waited) = since.map(|at| now.since(at)) else { return };
        if waited >= judging.policy.stall {
            judging.ask_about(flow, true);
        }
        if waited < judging.policy.wait {
            return;
        }
        let Some(files) = flow.data.files.as_deref_mut() else { return };
        for tracked in files.tracked.iter_mut().filter(|t| t.standing == Standing::Open && t.asked.is_some())
        {
            judging.give_up(tracked, NotInspected::Slow);
        }
        self.hear(now, out);
    }
}

impl Judging {
    /// Discards everything that waits in the flow; the first frame given takes `inject` along.
    pub(super) fn discard(&mut self, flow: &mut Flow<FlowData>) -> Vec<Release> {
        let Some(files) = flow.data.files.as_deref_mut() else { return Vec::new() };
        let mut out = Vec::new();
        for dir in Direction::BOTH {
            for held in files.way(dir).held.drain(..) {
                self.stats.held_frames = self.stats.held_frames.saturating_sub(1);
                self.stats.held_bytes = self.stats.held_bytes.saturating_sub(held.frame.len());
                out.push(Release { token: held.token, action: ReleaseAction::Discard, inject: Vec::new() });
            }
        }
        out
    }

    /// The flow has ended: nothing of it waits. What came of its files is asked about for the
    /// last time; the answers are told in events.
    pub(crate) fn flow_ended(&mut self, flow: &mut Flow<FlowData>) {
        let discarded = self.discard(flow);
        self.releases.extend(discarded);
        let rest = take_seen(flow);
        let Some(files) = flow.data.files.take() else { return };
        for mut tracked in files.tracked {
            if tracked.standing != Standing::Open || tracked.given_up {
                self.pending.remove(&tracked.id);
                continue;
            }
            if let Some(seen) = rest.iter().find(|s| s.key == tracked.key)
                && !seen.tapped.bytes.is_empty()
                && let Err(why) = self.judge.bytes(tracked.id, &seen.tapped.bytes)
            {
                self.give_up(&mut tracked, why);
                continue;
            }
            if tracked.asked.is_none_or(|a| !a.end)
                && let Err(why) = self.judge.ask(tracked.id, true)
            {
                self.give_up(&mut tracked, why);
            }
        }
    }
}
