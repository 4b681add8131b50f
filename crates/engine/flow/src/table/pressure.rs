//! What happens inline when the streams' memory is full: whoever holds most of it makes room.
//!
//! Holds always: what a stream keeps until it is acknowledged is what makes contradicting copies
//! impossible, so it cannot just be forgotten: the session is stopped. An honest session holds
//! little, or not for long, for its bytes are acknowledged; a flood of sessions that are not pushes
//! out its own.

use super::{FlowTable, position};

/// Sessions compared to find the one that holds most of those that do not get on.
const COMPARED: usize = 128;
/// Sessions stopped for one packet, at most.
const STOPPED: usize = 4;

impl<T> FlowTable<T> {
    /// Makes room when less than a sixteenth of the memory is free. The session of `slot` stays.
    pub(super) fn relieve(&mut self, slot: u32) {
        let cap = self.memory.cap;
        for _ in 0..STOPPED {
            if self.memory.used <= cap - cap / 16 {
                return;
            }
            let Some(largest) = self.largest_holder(slot) else { return };
            self.starve(largest);
        }
    }

    /// Notes that a session holds memory.
    pub(super) fn note_holder(&mut self, slot: u32, generation: u32) {
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

    fn largest_holder(&mut self, except: u32) -> Option<u32> {
        let mut largest = None;
        let mut largest_stuck = None;
        for _ in 0..COMPARED.min(self.holders.len()) {
            let (slot, generation) = self.holders.pop_front()?;
            let held = self.held_by(slot, generation);
            if held == 0 {
                self.forget_holder(slot, generation);
                continue;
            }
            self.holders.push_back((slot, generation));
            if slot == except {
                continue;
            }
            let stuck = !self.has_got_on(slot);
            if stuck && largest_stuck.is_none_or(|(most, _)| held > most) {
                largest_stuck = Some((held, slot));
            }
            if largest.is_none_or(|(most, _)| held > most) {
                largest = Some((held, slot));
            }
        }
        largest_stuck.or(largest).map(|(_, slot)| slot)
    }

    fn held_by(&self, slot: u32, generation: u32) -> usize {
        let slot = self.slots.get(position(slot)).filter(|s| s.generation == generation);
        slot.and_then(|s| s.flow.as_ref()?.tcp.as_ref()).map_or(0, |t| t.accounted())
    }

    /// Whether bytes were acknowledged since the session was last looked at here.
    fn has_got_on(&mut self, slot: u32) -> bool {
        let Some(flow) = self.slots.get_mut(position(slot)).and_then(|s| s.flow.as_mut()) else {
            return false;
        };
        let now = flow.tcp.as_ref().map_or(0, |t| t.acknowledged());
        std::mem::replace(&mut flow.looked_at, now) != now
    }

    fn forget_holder(&mut self, slot: u32, generation: u32) {
        let slot = self.slots.get_mut(position(slot)).filter(|s| s.generation == generation);
        if let Some(flow) = slot.and_then(|s| s.flow.as_mut()) {
            flow.holds = false;
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
