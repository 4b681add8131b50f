//! Packets that rules want logged after their match (`tag`).
//!
//! Holds always: a flow and a host have at most [`MAX_TAGS`] tags, and at most
//! [`MAX_TAGGED_HOSTS`] hosts are tagged; more are refused and counted. The packet that raised
//! a tag is not one of those that follow. Deliberately not here: writing the packets.

use std::net::IpAddr;

use hashbrown::HashMap;
use mimamori_base::Timestamp;
use mimamori_rules::{Tag, TagMetric};
use smallvec::SmallVec;

/// Tags of one flow or host.
pub const MAX_TAGS: usize = 16;
/// Hosts with tags.
pub const MAX_TAGGED_HOSTS: usize = 4_096;

/// One tag at work.
#[derive(Clone, Debug)]
struct Active {
    sid: u32,
    tag: Tag,
    since: Timestamp,
    seen: u64,
    /// The packet that raised it is still being looked at.
    fresh: bool,
}

impl Active {
    /// Counts a packet; whether it is to be logged, and whether the tag goes on.
    fn take(&mut self, bytes: usize, now: Timestamp) -> (bool, bool) {
        if std::mem::take(&mut self.fresh) {
            return (false, true);
        }
        let limit = u64::from(self.tag.count);
        match self.tag.metric {
            TagMetric::Packets => self.seen += 1,
            TagMetric::Bytes => self.seen = self.seen.saturating_add(bytes as u64),
            TagMetric::Seconds => self.seen = now.since(self.since).as_secs(),
        }
        (self.seen <= limit, self.seen < limit || self.tag.metric == TagMetric::Seconds && self.seen <= limit)
    }
}

/// Tags of a flow, or of a host.
#[derive(Clone, Debug, Default)]
pub struct Tags(SmallVec<[Active; 1]>);

impl Tags {
    /// Begins a tag, or begins it anew; false where there is no room.
    pub fn set(&mut self, sid: u32, tag: Tag, now: Timestamp) -> bool {
        self.0.retain(|a| a.sid != sid || a.tag.scope != tag.scope);
        if self.0.len() >= MAX_TAGS {
            return false;
        }
        self.0.push(Active { sid, tag, since: now, seen: 0, fresh: true });
        true
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Counts a packet; whether one of the tags wants it logged.
    pub fn take(&mut self, bytes: usize, now: Timestamp) -> bool {
        let mut wanted = false;
        self.0.retain(|a| {
            let (log, goes_on) = a.take(bytes, now);
            wanted |= log;
            goes_on
        });
        wanted
    }
}

/// Tags of hosts.
#[derive(Debug, Default)]
pub struct HostTags {
    hosts: HashMap<IpAddr, Tags>,
    pub refused: u64,
}

impl HostTags {
    pub fn set(&mut self, host: IpAddr, sid: u32, tag: Tag, now: Timestamp) {
        let room = self.hosts.len() < MAX_TAGGED_HOSTS || self.hosts.contains_key(&host);
        if !room || !self.hosts.entry(host).or_default().set(sid, tag, now) {
            self.refused = self.refused.saturating_add(1);
        }
    }

    /// Counts a packet of either host; whether it is to be logged.
    pub fn take(&mut self, ends: [IpAddr; 2], bytes: usize, now: Timestamp) -> bool {
        let mut wanted = false;
        for host in ends {
            if let Some(tags) = self.hosts.get_mut(&host) {
                wanted |= tags.take(bytes, now);
                if tags.is_empty() {
                    self.hosts.remove(&host);
                }
            }
        }
        wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mimamori_rules::TagScope;

    fn tag(count: u32, metric: TagMetric) -> Tag {
        Tag { scope: TagScope::Session, count, metric }
    }

    #[test]
    fn so_many_packets_bytes_or_seconds_after_the_first() {
        let at = Timestamp::from_secs;
        for (metric, count, want) in [
            (TagMetric::Packets, 2, [false, true, true, false]),
            (TagMetric::Bytes, 150, [false, true, false, false]),
            (TagMetric::Seconds, 1, [false, true, false, false]),
        ] {
            let mut tags = Tags::default();
            assert!(tags.set(1, tag(count, metric), at(0)));
            let seen: Vec<bool> = (0..4).map(|n| tags.take(100, at(n))).collect();
            assert_eq!(seen, want, "{metric:?}");
            assert!(tags.is_empty());
        }
    }

    #[test]
    fn full_tables_refuse() {
        let mut hosts = HostTags::default();
        for n in 0..=u32::try_from(MAX_TAGGED_HOSTS).expect("fits") {
            hosts.set(IpAddr::V4(n.into()), 1, tag(9, TagMetric::Packets), Timestamp::EPOCH);
        }
        assert_eq!((hosts.hosts.len(), hosts.refused), (MAX_TAGGED_HOSTS, 1));
        let mut tags = Tags::default();
        for sid in 0..20 {
            tags.set(sid, tag(9, TagMetric::Packets), Timestamp::EPOCH);
        }
        assert_eq!(tags.0.len(), MAX_TAGS);
    }
}
