//! How flows end: by timeout, to make room, at the end of all.

use std::time::Duration;

use mimamori_base::Timestamp;

use super::{FlowTable, position};
use crate::config::FlowTimeouts;
use crate::flow::{EndReason, Flow};
use crate::lists::Lists;

impl<T> FlowTable<T> {
    /// The time before which no flow is due.
    #[must_use]
    pub fn next_due(&self) -> Timestamp {
        if self.emergency() == self.was_emergency { self.next_due } else { Timestamp(i64::MIN) }
    }

    /// Ends flows whose timeout has passed, at most `limit` of them, list by list, the flow idle
    /// longest first; they wait in [`FlowTable::take_ended`].
    pub fn expire(&mut self, now: Timestamp, limit: usize) {
        self.clock = self.clock.max(now);
        if self.clock <= self.next_due() {
            return;
        }
        self.was_emergency = self.emergency();
        let mut left = limit;
        let mut next = Timestamp(i64::MAX);
        for list in 0..Lists::COUNT {
            while let Some(slot) = self.lists.head(list) {
                let flow = self.slots.get(position(slot)).and_then(|s| s.flow.as_ref());
                let (at, touched) = flow.map_or((Timestamp(i64::MIN), 0), |f| (f.touched, f.touched_in));
                let due = at + self.timeout(list);
                if self.clock <= due || left == 0 {
                    next = next.min(due);
                    break;
                }
                left -= 1;
                self.stats.timed_out += 1;
                self.end(slot, EndReason::Timeout, Some((list as u64, touched)));
            }
        }
        self.next_due = next;
    }

    /// Ends all flows (reason: shutdown), oldest first.
    pub fn end_all(&mut self) {
        let mut all: Vec<(Timestamp, u64, u32)> = (0u32..)
            .zip(&self.slots)
            .filter_map(|(i, s)| s.flow.as_ref().map(|f| (f.start, f.serial, i)))
            .collect();
        all.sort_unstable();
        for (start, serial, slot) in all {
            // Times before the epoch come first.
            let start = start.0.cast_unsigned() ^ (1 << 63);
            self.end(slot, EndReason::Shutdown, Some((start, serial)));
        }
    }

    /// The next flow that has ended, oldest first. Its streams were flushed: take the last chunks
    /// from `flow.tcp` before letting go of it.
    pub fn take_ended(&mut self) -> Option<Flow<T>> {
        self.ended.pop_front()
    }

    pub(super) fn end(&mut self, slot: u32, reason: EndReason, order: Option<(u64, u64)>) {
        let Some(s) = self.slots.get_mut(position(slot)) else {
            return;
        };
        let hash = s.hash;
        let Some(mut flow) = s.flow.take() else {
            return;
        };
        s.generation = s.generation.wrapping_add(1);
        if let Ok(entry) = self.index.find_entry(hash, |other| *other == slot) {
            entry.remove();
        }
        self.lists.remove(&mut self.links, slot);
        self.free.push(slot);
        if reason == EndReason::TcpReuse {
            self.stats.tcp_reuse += 1;
        }
        flow.end_reason = Some(reason);
        flow.end_order = order;
        if let Some(tcp) = &mut flow.tcp {
            self.memory.used = self.memory.used.saturating_sub(tcp.accounted());
            tcp.flush();
        }
        self.ended.push_back(flow);
    }

    /// While the table is full, ends the flow idle longest: of those that nobody has answered when
    /// they are the most (a flood of beginnings pushes out only its own), of all otherwise.
    pub(super) fn make_room(&mut self) {
        while self.index.len() >= self.config.max_flows.max(1) {
            let new_lists = || (0..Lists::COUNT).filter(|list| is_unanswered(*list));
            let unanswered: usize = new_lists().map(|list| self.lists.len(list)).sum();
            let flooded = unanswered > self.index.len() / 2;
            let oldest = (0..Lists::COUNT)
                .filter(|list| !flooded || is_unanswered(*list))
                .filter_map(|list| self.lists.head(list))
                .filter_map(|slot| {
                    let flow = self.slots.get(position(slot))?.flow.as_ref()?;
                    Some((flow.last_seen, flow.serial, slot))
                })
                .min();
            let Some((_, _, slot)) = oldest else {
                return;
            };
            self.stats.evicted += 1;
            self.end(slot, EndReason::Forced, None);
        }
    }

    pub(super) fn emergency(&self) -> bool {
        let limit = self.config.max_flows / 100 * usize::from(self.config.emergency_percent);
        limit > 0 && self.index.len() > limit
    }

    /// How long the flows of a list may be idle. Of the list and not of the flow, so that a list's
    /// first flow is always the first that is due.
    pub(super) fn timeout(&self, list: usize) -> Duration {
        let t = &self.config.timeouts;
        let by_protocol = match list / 4 {
            0 => &t.tcp,
            1 => &t.udp,
            2 => &t.icmp,
            _ => &t.other,
        };
        let pick = |t: &FlowTimeouts| match list % 4 {
            0 => t.new,
            1 => t.established,
            2 => t.closed,
            _ => t.bypassed,
        };
        if self.emergency() { pick(by_protocol).min(pick(&t.emergency)) } else { pick(by_protocol) }
    }
}

/// Lists of flows that only one side has spoken in.
fn is_unanswered(list: usize) -> bool {
    list.is_multiple_of(4)
}
