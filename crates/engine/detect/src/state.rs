//! What detection remembers across flows: bits of hosts and pairs, thresholds, data sets.
//!
//! Holds always: each table has a cap and a counter; a bit that finds no room is not set.

use std::net::IpAddr;

use hashbrown::HashMap;
use mimamori_base::Timestamp;

use crate::datasets::DatasetStore;
use crate::threshold::Thresholds;

/// Bits of hosts and of pairs of hosts, together.
pub const MAX_HOST_BITS: usize = 65_536;

/// How long a host bit lives without an expiry of its own.
const DEFAULT_EXPIRE_SECS: u32 = 300;

/// Whose bit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BitOwner {
    Host(IpAddr),
    /// The smaller address first.
    Pair(IpAddr, IpAddr),
}

impl BitOwner {
    #[must_use]
    pub fn pair(a: IpAddr, b: IpAddr) -> BitOwner {
        BitOwner::Pair(a.min(b), a.max(b))
    }
}

/// Bits that outlive a flow.
#[derive(Debug, Default)]
pub struct HostBits {
    bits: HashMap<(BitOwner, u32), Timestamp>,
    pub refused: u64,
}

impl HostBits {
    #[must_use]
    pub fn is_set(&self, owner: BitOwner, bit: u32, now: Timestamp) -> bool {
        self.bits.get(&(owner, bit)).is_some_and(|until| *until >= now)
    }

    pub fn set(&mut self, owner: BitOwner, bit: u32, expire: Option<u32>, now: Timestamp) {
        if self.bits.len() >= MAX_HOST_BITS {
            self.bits.retain(|_, until| *until >= now);
        }
        if self.bits.len() >= MAX_HOST_BITS && !self.bits.contains_key(&(owner, bit)) {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        let secs = expire.unwrap_or(DEFAULT_EXPIRE_SECS);
        let until = now + std::time::Duration::from_secs(u64::from(secs));
        self.bits.insert((owner, bit), until);
    }

    pub fn unset(&mut self, owner: BitOwner, bit: u32) {
        self.bits.remove(&(owner, bit));
    }
}

/// State across flows, one for each engine.
#[derive(Debug, Default)]
pub struct DetectState {
    pub host_bits: HostBits,
    pub thresholds: Thresholds,
    pub datasets: DatasetStore,
}
