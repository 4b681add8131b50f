//! What an engine has counted, and the sum over engines that work side by side.

use mimamori_base::Timestamp;
use mimamori_flow::FlowStats;
use mimamori_packet::{DecodeStats, DefragStats};

use crate::event::Event;

/// Counters since the start.
#[derive(Debug, Clone, Copy, Default)]
pub struct EngineStats {
    pub decode: DecodeStats,
    pub defrag: DefragStats,
    pub flow: FlowStats,
    pub frames: u64,
    pub alerts: u64,
    /// Alerts that found no room in a packet's queue.
    pub alerts_suppressed: u64,
    pub dropped_frames: u64,
    pub inspected_bytes: u64,
    /// Bytes that passed without inspection: encrypted, bypassed, beyond a depth.
    pub uninspected_bytes: u64,
    /// Packets of tunnels that cannot be looked into, and such tunnels (pairs of addresses).
    pub tunnel_packets: u64,
    pub tunnels: u64,
}

macro_rules! add {
    ($a:expr, $b:expr; $($field:ident)*) => { $( $a.$field = $a.$field.saturating_add($b.$field); )* };
}

impl EngineStats {
    /// Adds what another engine has counted.
    pub fn add(&mut self, other: &EngineStats) {
        add!(self, other; frames alerts alerts_suppressed dropped_frames inspected_bytes
            uninspected_bytes tunnel_packets tunnels);
        let (a, b) = (&mut self.decode, &other.decode);
        add!(a, b; frames bytes invalid ipv4 ipv6 tcp udp icmpv4 icmpv6 sctp esp gre arp vlan pppoe mpls
            teredo vxlan geneve erspan ip_in_ip unknown_ethertype too_deep);
        let (a, b) = (&mut self.defrag, &other.defrag);
        add!(a, b; ipv4_fragments ipv6_fragments ipv4_reassembled ipv6_reassembled timeouts evicted overlaps);
        let (a, b) = (&mut self.flow, &other.flow);
        add!(a, b; active created created_tcp created_udp created_icmpv4 created_icmpv6 tcp_reuse timed_out
            evicted emergency_packets tcp_sessions tcp_midstream stream_memory_bytes
            stream_memcap_refusals);
    }

    /// The counters as a record.
    #[must_use]
    pub fn event(&self, now: Timestamp) -> Event {
        crate::flow_log::stats_event(now, self)
    }
}
