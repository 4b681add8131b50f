//! What happens inline when the streams' memory is full: whoever holds most of it makes room.
//!
//! Holds always: what a stream keeps until it is acknowledged is what makes contradicting copies
//! impossible, so it cannot just be forgotten: the session is stopped. An honest session holds
//! little, or not for long, for its bytes are acknowledged; a flood of sessions that are not pushes
//! out its own.

use std::time::Duration;

use mimamori_base::Timestamp;

use super::{FlowTable, position};

/// Sessions compared to find the one that holds most, and looked at for that, at most.
const COMPARED: usize = 32;
const SEARCHED: usize = 2048;
/// Sessions stopped for one packet, at most.
const STOPPED: usize = 4;
/// A session in which nothing was acknowledged for so long is stuck.
const STUCK: Duration = Duration::from_secs(2);
/// A session that gets on is stopped only when it holds this much, and nobody who is stuck is found.
const TOO_MUCH_BYTES: usize = 64 << 10;
/// After a search in vain, the next one waits.
const PAUSE: Duration = Duration::from_millis(10);

impl<T> FlowTable<T> {
    /// Makes room when less than a sixteenth of the memory is free. The session of `slot` stays.
    pub(super) fn relieve(&mut self, slot: u32, now: Timestamp) {
        let cap = self.memory.cap;
        for _ in 0..STOPPED {
            if self.memory.used <= cap - cap / 16 || now < self.relieve_from {
                return;
            }
            let Some(largest) = self.largest_holder(slot, now) else {
                self.relieve_from = now + PAUSE;
                return;
            };
            self.starve(largest);
        }
    }

    /// Notes that a session holds memory.
    pub(super) fn note_holder(&mut self, slot: u32, generation: u32, now: Timestamp) {
        self.is_stuck(slot, now);
        // Those that have ended leave the queue as others come in, so it is no longer than the table.
        for _ in 0..2 {
            let Some((slot, generation)) = self.holders.pop_front() else { break };
            if self.held_by(slot, generation) > 0 {
                self.holders.push_back((slot, generation));
            } else {
                self.forget_holder(slot, generation);
            }
        }
        self.holders.push_back((slot, generation));
    }

    /// The next in the queue that is stuck and holds more than the average does; of the next few
    /// that come into question, the largest.
    fn largest_holder(&mut self, except: u32, now: Timestamp) -> Option<u32> {
        let average = self.memory.used / self.holders.len().max(1);
        let mut largest = None;
        for looked in 0..SEARCHED.min(self.holders.len()) {
            let enough = largest.is_some_and(|(stuck, _, _)| stuck) && looked.is_multiple_of(COMPARED);
            if enough {
                break;
            }
            let (slot, generation) = self.holders.pop_front()?;
            let held = self.held_by(slot, generation);
            if held == 0 {
                self.forget_holder(slot, generation);
                continue;
            }
            self.holders.push_back((slot, generation));
            let stuck = self.is_stuck(slot, now);
            if slot != except && held >= if stuck { average } else { TOO_MUCH_BYTES } {
                largest = largest.max(Some((stuck, held, slot)));
            }
        }
        largest.map(|(_, _, slot)| slot)
    }

    fn held_by(&self, slot: u32, generation: u32) -> usize {
        let slot = self.slots.get(position(slot)).filter(|s| s.generation == generation);
        slot.and_then(|s| s.flow.as_ref()?.tcp.as_ref()).map_or(0, |t| t.accounted())
    }

    /// Whether nothing was acknowledged for long, as far as was looked: first when it began to hold.
    fn is_stuck(&mut self, slot: u32, now: Timestamp) -> bool {
        let Some(flow) = self.slots.get_mut(position(slot)).and_then(|s| s.flow.as_mut()) else {
            return false;
        };
        let acknowledged = flow.tcp.as_ref().map_or(0, |t| t.acknowledged());
        let (before, since) = *flow.got_on.get_or_insert((acknowledged, now));
        if before != acknowledged {
            flow.got_on = Some((acknowledged, now));
            return false;
        }
        now.since(since) >= STUCK
    }

    fn forget_holder(&mut self, slot: u32, generation: u32) {
        let slot = self.slots.get_mut(position(slot)).filter(|s| s.generation == generation);
        if let Some(flow) = slot.and_then(|s| s.flow.as_mut()) {
            flow.holds = false;
            flow.got_on = None;
        }
    }

    fn starve(&mut self, slot: u32) {
        let Some(flow) = self.slots.get_mut(position(slot)).and_then(|s| s.flow.as_mut()) else { return };
        if let Some(tcp) = &mut flow.tcp {
            tcp.release_buffers();
            tcp.settle(&mut self.memory);
        }
        flow.starved = true;
        flow.dropped = true;
        self.stats.starved += 1;
    }
}
