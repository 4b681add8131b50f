//! Joins IP fragments.
//!
//! Holds always: the first copy of a byte wins; a fragment that contradicts what is known is
//! marked, so that an inline engine does not forward it; memory is bounded by `DefragConfig`, and
//! when full the oldest packet is given up. Deliberately not here: imitation of the many ways in
//! which hosts resolve overlaps.

mod tracker;

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::time::Duration;

use mimamori_base::Timestamp;
use siphasher::sip::SipHasher13;

use crate::event::DecodeEvent as Event;
use crate::link::VlanTags;
use crate::packet::{FragmentInfo, Packet};
use tracker::{PIECE_COST, Tracker};

/// Limits of the fragment table.
#[derive(Clone, Debug)]
pub struct DefragConfig {
    /// Packets waiting for fragments, at most. When full, the oldest is given up.
    pub max_trackers: usize,
    /// Bytes held, at most, with the cost of keeping each fragment.
    pub memcap_bytes: usize,
    /// A packet not complete this long after its first fragment is given up.
    pub timeout: Duration,
    /// Seed of the keyed hash.
    pub hash_seed: (u64, u64),
}

impl Default for DefragConfig {
    fn default() -> Self {
        DefragConfig {
            max_trackers: 4096,
            memcap_bytes: 32 << 20,
            timeout: Duration::from_secs(60),
            hash_seed: (0x6d69_6d61_6d6f_7269, 0x6672_6167),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct DefragStats {
    pub ipv4_fragments: u64,
    pub ipv6_fragments: u64,
    pub ipv4_reassembled: u64,
    pub ipv6_reassembled: u64,
    pub timeouts: u64,
    /// Packets given up because the table or its memory was full.
    pub evicted: u64,
    pub overlaps: u64,
}

/// The fragment table.
#[derive(Debug)]
pub struct Defrag {
    config: DefragConfig,
    stats: DefragStats,
    trackers: HashMap<Key, Tracker, SeededHash>,
    /// In the order of their first fragment, so of their timeouts too.
    order: VecDeque<(Key, u64)>,
    serial: u64,
    held_bytes: usize,
}

/// A packet put together again: link header, network header without fragment fields, payload.
#[derive(Debug)]
pub(crate) struct Joined {
    pub bytes: Vec<u8>,
    pub network_offset: usize,
    pub is_ipv6: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Key {
    src: IpAddr,
    dst: IpAddr,
    id: u32,
    /// IPv4 only: RFC 8200 leaves it out.
    protocol: u8,
    vlans: VlanTags,
    tunnel_depth: u8,
}

#[derive(Clone, Debug)]
struct SeededHash(u64, u64);

impl BuildHasher for SeededHash {
    type Hasher = SipHasher13;
    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0, self.1)
    }
}

impl Defrag {
    #[must_use]
    pub fn new(config: DefragConfig) -> Self {
        let hash = SeededHash(config.hash_seed.0, config.hash_seed.1);
        Defrag {
            config,
            stats: DefragStats::default(),
            trackers: HashMap::with_hasher(hash),
            order: VecDeque::new(),
            serial: 0,
            held_bytes: 0,
        }
    }

    #[must_use]
    pub fn stats(&self) -> &DefragStats {
        &self.stats
    }

    /// Packets that wait for fragments.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.trackers.len()
    }

    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Keeps a fragment; gives the whole packet when this one completes it. What is wrong is
    /// recorded as events of `packet`.
    pub(crate) fn push(
        &mut self,
        now: Timestamp,
        packet: &mut Packet<'_>,
        fragment: &FragmentInfo,
    ) -> Option<Joined> {
        let (src, dst) = packet.addresses()?;
        let is_ipv6 = packet.ipv6().is_some();
        if is_ipv6 {
            self.stats.ipv6_fragments += 1;
        } else {
            self.stats.ipv4_fragments += 1;
        }
        let data = checked_extent(packet, fragment, is_ipv6)?;
        self.expire(now);
        let key = Key {
            src,
            dst,
            id: fragment.id,
            protocol: if is_ipv6 { 0 } else { fragment.protocol },
            vlans: packet.vlans,
            tunnel_depth: packet.tunnel_depth,
        };
        self.make_room(data.len() + PIECE_COST, &key);
        let serial = &mut self.serial;
        let order = &mut self.order;
        let tracker = self.trackers.entry(key).or_insert_with(|| {
            *serial += 1;
            order.push_back((key, *serial));
            Tracker::new(now, *serial)
        });
        let before = tracker.held_bytes;
        let overlap = tracker.insert(packet, fragment, data, is_ipv6);
        self.held_bytes += tracker.held_bytes.saturating_sub(before);
        if overlap {
            self.stats.overlaps += 1;
            packet.note(if is_ipv6 { Event::Ipv6FragOverlap } else { Event::Ipv4FragOverlap });
            packet.conflicting_fragment = true;
        }
        if !tracker.is_complete() {
            return None;
        }
        let tracker = self.trackers.remove(&key)?;
        self.held_bytes = self.held_bytes.saturating_sub(tracker.held_bytes);
        if is_ipv6 {
            self.stats.ipv6_reassembled += 1;
        } else {
            self.stats.ipv4_reassembled += 1;
        }
        tracker.join(is_ipv6)
    }

    fn expire(&mut self, now: Timestamp) {
        while let Some(&(key, serial)) = self.order.front() {
            match self.trackers.get(&key) {
                Some(t) if t.serial == serial => {
                    if now.since(t.since) < self.config.timeout {
                        return;
                    }
                    self.stats.timeouts += 1;
                    self.give_up_oldest();
                }
                _ => {
                    self.order.pop_front();
                }
            }
        }
    }

    /// Gives up the oldest packets until `bytes` more and one more tracker fit.
    fn make_room(&mut self, bytes: usize, key: &Key) {
        let is_new = !self.trackers.contains_key(key);
        while !self.order.is_empty()
            && ((is_new && self.trackers.len() >= self.config.max_trackers)
                || self.held_bytes + bytes > self.config.memcap_bytes)
        {
            if self.give_up_oldest() {
                self.stats.evicted += 1;
            }
        }
    }

    /// Whether the oldest entry was still waiting.
    fn give_up_oldest(&mut self) -> bool {
        let Some((key, serial)) = self.order.pop_front() else {
            return false;
        };
        if self.trackers.get(&key).is_none_or(|t| t.serial != serial) {
            return false;
        }
        if let Some(tracker) = self.trackers.remove(&key) {
            self.held_bytes = self.held_bytes.saturating_sub(tracker.held_bytes);
        }
        true
    }
}

/// The fragment's bytes, if its place in a packet is possible at all.
fn checked_extent<'a>(packet: &mut Packet<'a>, fragment: &FragmentInfo, is_ipv6: bool) -> Option<&'a [u8]> {
    let mut data = packet.payload;
    if data.is_empty() {
        packet.note(if is_ipv6 { Event::Ipv6FragIgnored } else { Event::Ipv4FragIgnored });
        return None;
    }
    let header = packet.payload_offset.saturating_sub(packet.network_offset);
    let limit = if is_ipv6 {
        // What precedes the fragment header stays in the packet; 40 bytes do not count.
        65_535 + 48 - header.min(65_535)
    } else {
        65_535 - header.min(65_535)
    };
    if usize::from(fragment.offset) + data.len() > limit {
        packet.note(if is_ipv6 { Event::Ipv6FragPktTooLarge } else { Event::Ipv4FragPktTooLarge });
        packet.conflicting_fragment = true;
        return None;
    }
    if fragment.more && !data.len().is_multiple_of(8) {
        if is_ipv6 {
            packet.note(Event::Ipv6FragInvalidLength);
            packet.conflicting_fragment = true;
            return None;
        }
        data = data.get(..data.len() & !7)?;
    }
    Some(data)
}
