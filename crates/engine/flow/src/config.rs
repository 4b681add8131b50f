//! Options of the flow table and of TCP streams.

use std::time::Duration;

/// Options of the flow table.
#[derive(Clone, Debug)]
pub struct FlowConfig {
    /// Flows, at most. When full, the flow that has been idle longest is ended.
    pub max_flows: usize,
    /// Above this share of `max_flows` (in percent) the emergency timeouts apply.
    pub emergency_percent: u8,
    /// Seed of the keyed hash. Fixed for replays, random in a gateway.
    pub hash_seed: (u64, u64),
    /// Whether the VLAN identifiers are part of a flow's identity.
    pub use_vlan: bool,
    /// Whether the tunnel depth is part of a flow's identity.
    pub use_tunnel_depth: bool,
    pub timeouts: Timeouts,
    pub stream: StreamConfig,
}

impl Default for FlowConfig {
    fn default() -> Self {
        FlowConfig {
            max_flows: 262_144,
            emergency_percent: 90,
            hash_seed: (0x6d69_6d61_6d6f_7269, 0x666c_6f77),
            use_vlan: true,
            use_tunnel_depth: true,
            timeouts: Timeouts::default(),
            stream: StreamConfig::default(),
        }
    }
}

/// Timeouts by protocol.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    pub tcp: FlowTimeouts,
    pub udp: FlowTimeouts,
    pub icmp: FlowTimeouts,
    pub other: FlowTimeouts,
    /// For all protocols while the table is nearly full.
    pub emergency: FlowTimeouts,
}

/// How long a flow may be idle, by its state.
#[derive(Clone, Copy, Debug)]
pub struct FlowTimeouts {
    pub new: Duration,
    pub established: Duration,
    pub closed: Duration,
    pub bypassed: Duration,
}

const fn timeouts(new: u64, established: u64, closed: u64, bypassed: u64) -> FlowTimeouts {
    FlowTimeouts {
        new: Duration::from_secs(new),
        established: Duration::from_secs(established),
        closed: Duration::from_secs(closed),
        bypassed: Duration::from_secs(bypassed),
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            tcp: timeouts(60, 600, 60, 100),
            udp: timeouts(30, 300, 0, 100),
            icmp: timeouts(30, 300, 0, 100),
            other: timeouts(30, 300, 0, 100),
            emergency: timeouts(5, 100, 0, 50),
        }
    }
}

/// Options of TCP streams.
#[derive(Clone, Debug)]
pub struct StreamConfig {
    /// Bytes are released at once and ambiguous packets are refused (IPS). Otherwise bytes are
    /// released when the receiver has acknowledged them.
    pub inline: bool,
    /// Pick up sessions whose handshake was not seen.
    pub midstream: bool,
    /// Accept sessions of which only one side is seen.
    pub async_oneside: bool,
    /// Bytes of each direction handed out, at most; zero means no limit.
    pub depth_bytes: u64,
    /// Packets with a wrong checksum are not looked at (and dropped inline).
    pub check_checksums: bool,
    /// Bytes all streams may hold, together.
    pub memcap_bytes: usize,
    /// Bytes one direction of a stream may hold beyond what is in order.
    pub max_out_of_order_bytes: usize,
    /// Out-of-order blocks of one direction.
    pub max_out_of_order_blocks: usize,
    /// Different SYN/ACKs kept for one session.
    pub max_synack_queued: u8,
    /// Different SYNs kept for one session.
    pub max_syn_queued: u8,
    pub urgent_policy: UrgentPolicy,
    /// Bytes before the raw inspection's progress that stay in the window (inline).
    pub raw_keep_bytes: usize,
}

/// What becomes of the byte the urgent pointer marks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UrgentPolicy {
    /// It is part of the stream.
    Inline,
    /// It is taken out of the stream, as most hosts do.
    OutOfBand,
    /// Packets with an urgent pointer are dropped.
    Drop,
    /// The packet is in the stream's sequence but its data is not inspected.
    Gap,
}

impl Default for StreamConfig {
    fn default() -> Self {
        StreamConfig {
            inline: false,
            midstream: false,
            async_oneside: false,
            depth_bytes: 1 << 20,
            check_checksums: true,
            memcap_bytes: 64 << 20,
            max_out_of_order_bytes: 1 << 20,
            max_out_of_order_blocks: 1024,
            max_synack_queued: 5,
            max_syn_queued: 10,
            urgent_policy: UrgentPolicy::OutOfBand,
            raw_keep_bytes: 2560,
        }
    }
}
