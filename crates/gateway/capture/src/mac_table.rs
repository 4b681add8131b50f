//! Which port a MAC address was last seen on.
//!
//! Holds always: at most [`MAX_ENTRIES`] addresses; when full, new ones are not learned (their
//! frames are flooded) until old ones age out, and that is counted.

use std::collections::HashMap;
use std::time::Duration;

use mimamori_base::Timestamp;

use crate::bridge::PortId;

const MAX_ENTRIES: usize = 8_192;
const AGE: Duration = Duration::from_secs(300);

#[derive(Clone, Copy, Debug)]
struct Entry {
    port: PortId,
    seen: Timestamp,
}

#[derive(Debug, Default)]
pub(crate) struct MacTable {
    entries: HashMap<[u8; 6], Entry>,
    last_sweep: Timestamp,
    pub not_learned: u64,
}

impl MacTable {
    /// Notes that `mac` sends from `port`. Group addresses never send.
    pub(crate) fn learn(&mut self, mac: [u8; 6], port: PortId, now: Timestamp) {
        if is_group(mac) {
            return;
        }
        if let Some(entry) = self.entries.get_mut(&mac) {
            *entry = Entry { port, seen: now };
            return;
        }
        if self.entries.len() >= MAX_ENTRIES {
            self.sweep(now);
        }
        if self.entries.len() >= MAX_ENTRIES {
            self.not_learned += 1;
            return;
        }
        self.entries.insert(mac, Entry { port, seen: now });
    }

    pub(crate) fn port_of(&self, mac: [u8; 6], now: Timestamp) -> Option<PortId> {
        let entry = self.entries.get(&mac)?;
        (now.since(entry.seen) < AGE).then_some(entry.port)
    }

    /// Forgets a port's addresses: its link went down.
    pub(crate) fn forget_port(&mut self, port: PortId) {
        self.entries.retain(|_, e| e.port != port);
    }

    fn sweep(&mut self, now: Timestamp) {
        // A flood of addresses must not make every frame walk the table.
        if now.since(self.last_sweep) < Duration::from_secs(1) {
            return;
        }
        self.last_sweep = now;
        self.entries.retain(|_, e| now.since(e.seen) < AGE);
    }
}

/// Broadcast and multicast.
pub(crate) const fn is_group(mac: [u8; 6]) -> bool {
    mac[0] & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn mac(n: u32) -> [u8; 6] {
        let [a, b, c, d] = n.to_be_bytes();
        [2, 0, a, b, c, d]
    }

    #[test]
    fn addresses_are_learned_moved_and_forgotten() {
        let mut table = MacTable::default();
        table.learn(mac(1), PortId(0), NOW);
        assert_eq!(table.port_of(mac(1), NOW), Some(PortId(0)));
        table.learn(mac(1), PortId(1), NOW);
        assert_eq!(table.port_of(mac(1), NOW), Some(PortId(1)));
        assert_eq!(table.port_of(mac(1), NOW + AGE), None);
        table.forget_port(PortId(1));
        assert_eq!(table.port_of(mac(1), NOW), None);
        table.learn([0xff; 6], PortId(0), NOW);
        assert_eq!(table.port_of([0xff; 6], NOW), None);
    }

    #[test]
    fn a_full_table_floods_and_recovers_with_time() {
        let mut table = MacTable::default();
        for n in 0..10_000 {
            table.learn(mac(n), PortId(0), NOW);
        }
        assert_eq!(table.entries.len(), MAX_ENTRIES);
        assert_eq!(table.not_learned, 10_000 - MAX_ENTRIES as u64);
        table.learn(mac(99_999), PortId(1), NOW + AGE);
        assert_eq!(table.port_of(mac(99_999), NOW + AGE), Some(PortId(1)));
    }
}
