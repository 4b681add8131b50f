//! How flows end: by timeout, to make room, at the end of all.

use std::time::Duration;

use mimamori_base::Timestamp;

use super::{FlowTable, position};
use crate::config::FlowTimeouts;
use crate::flow::{EndReason, Flow, FlowState};
use crate::lists::Lists;

impl<T> FlowTable<T> {
    /// Ends flows whose timeout has passed, at most `limit` of them; they wait in
    /// [`FlowTable::take_ended`].
    pub fn expire(&mut self, now: Timestamp, limit: usize) {
        let mut left = limit;
        for list in 0..Lists::COUNT {
            while let Some(slot) = self.lists.head(list) {
                let due = self
                    .slots
                    .get(position(slot))
                    .and_then(|s| s.flow.as_ref())
                    .is_none_or(|f| now.since(f.last_seen) > self.timeout(f.key.protocol, f.state));
                if !due || left == 0 {
                    break;
                }
                left -= 1;
                self.stats.timed_out += 1;
                self.end(slot, EndReason::Timeout);
            }
        }
    }

    /// Ends all flows (reason: shutdown), oldest first.
    pub fn end_all(&mut self) {
        let mut all: Vec<(Timestamp, u64, u32)> = (0u32..)
            .zip(&self.slots)
            .filter_map(|(i, s)| s.flow.as_ref().map(|f| (f.start, f.serial, i)))
            .collect();
        all.sort_unstable();
        for (_, _, slot) in all {
            self.end(slot, EndReason::Shutdown);
        }
    }

    /// The next flow that has ended, oldest first. Its streams were flushed: take the last chunks
    /// from `flow.tcp` before letting go of it.
    pub fn take_ended(&mut self) -> Option<Flow<T>> {
        self.ended.pop_front()
    }

    pub(super) fn end(&mut self, slot: u32, reason: EndReason) {
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
        if let Some(tcp) = &mut flow.tcp {
            self.memory.used = self.memory.used.saturating_sub(tcp.accounted());
            tcp.flush();
        }
        self.ended.push_back(flow);
    }

    /// Ends the flow idle longest while the table is full.
    pub(super) fn make_room(&mut self) {
        while self.index.len() >= self.config.max_flows.max(1) {
            let oldest = (0..Lists::COUNT)
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
            self.end(slot, EndReason::Forced);
        }
    }

    pub(super) fn emergency(&self) -> bool {
        let limit = self.config.max_flows / 100 * usize::from(self.config.emergency_percent);
        limit > 0 && self.index.len() > limit
    }

    pub(super) fn timeout(&self, protocol: u8, state: FlowState) -> Duration {
        let t = &self.config.timeouts;
        let by_protocol = match protocol {
            6 => &t.tcp,
            17 => &t.udp,
            1 | 58 => &t.icmp,
            _ => &t.other,
        };
        let pick = |t: &FlowTimeouts| match state {
            FlowState::New => t.new,
            FlowState::Established => t.established,
            FlowState::Closed => t.closed,
            FlowState::Bypassed => t.bypassed,
        };
        if self.emergency() { pick(by_protocol).min(pick(&t.emergency)) } else { pick(by_protocol) }
    }
}
