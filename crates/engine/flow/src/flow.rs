//! One flow: identity, traffic counts, state, TCP session, and the owner's data.

use mimamori_base::{Direction, Timestamp};

use crate::key::FlowKey;
use crate::tcp::TcpSession;

/// A conversation. `T` is what the engine keeps with it.
#[derive(Debug)]
pub struct Flow<T> {
    /// Stable: the same packets give the same id. Below 2^53, so that JSON readers keep it.
    pub id: u64,
    pub(crate) serial: u64,
    pub key: FlowKey,
    /// Type and code of the first packet, for ICMP.
    pub icmp: Option<(u8, u8)>,
    pub start: Timestamp,
    pub last_seen: Timestamp,
    /// The table's clock, which never steps back, at the last packet, and that packet's frame.
    pub(crate) touched: Timestamp,
    pub(crate) touched_in: u64,
    /// The place among the flows that end in the same step; `None`: it ended within a frame.
    pub end_order: Option<(u64, u64)>,
    /// Traffic by direction: `[to server, to client]`.
    pub traffic: [Traffic; 2],
    pub state: FlowState,
    pub end_reason: Option<EndReason>,
    pub tcp: Option<Box<TcpSession>>,
    /// Smallest and largest TTL by direction.
    pub ttl: [(u8, u8); 2],
    /// Later packets need a look-up only; the engine is to leave them alone.
    pub bypassed: bool,
    /// Every packet of the flow is to be dropped.
    pub dropped: bool,
    /// Both ends were told by resets: a SYN with the same addresses and ports begins another session.
    pub told: bool,
    /// Stopped because it held most of the streams' memory when that was full.
    pub starved: bool,
    /// Waits in the table's queue of sessions that hold memory.
    pub(crate) holds: bool,
    /// Bytes acknowledged when others wanted its memory, and since when they are no more.
    pub(crate) got_on: Option<(u64, Timestamp)>,
    pub data: T,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    pub packets: u64,
    /// Of whole frames.
    pub bytes: u64,
    /// Seen after the flow was bypassed: not inspected.
    pub bypassed_packets: u64,
    pub bypassed_bytes: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlowState {
    New,
    Established,
    Closed,
    Bypassed,
}

impl FlowState {
    /// The name as the EVE log writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            FlowState::New => "new",
            FlowState::Established => "established",
            FlowState::Closed => "closed",
            FlowState::Bypassed => "bypassed",
        }
    }
}

/// Why a flow ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EndReason {
    Timeout,
    /// Ended to make room.
    Forced,
    Shutdown,
    /// A new TCP session began with the same addresses and ports.
    TcpReuse,
}

impl EndReason {
    /// The name as the EVE log writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            EndReason::Timeout => "timeout",
            EndReason::Forced => "forced",
            EndReason::Shutdown => "shutdown",
            EndReason::TcpReuse => "tcp_reuse",
        }
    }
}

impl<T> Flow<T> {
    pub(crate) fn new(
        id: u64,
        serial: u64,
        key: FlowKey,
        now: Timestamp,
        icmp: Option<(u8, u8)>,
        data: T,
    ) -> Self {
        Flow {
            id,
            serial,
            key,
            icmp,
            start: now,
            last_seen: now,
            touched: now,
            touched_in: 0,
            end_order: None,
            traffic: [Traffic::default(); 2],
            state: FlowState::New,
            end_reason: None,
            tcp: None,
            ttl: [(0, 0); 2],
            bypassed: false,
            dropped: false,
            told: false,
            starved: false,
            holds: false,
            got_on: None,
            data,
        }
    }

    /// Client and server were taken the wrong way round: swaps key, counters and streams.
    pub fn swap_sides(&mut self) {
        self.swap_identity();
        if let Some(tcp) = &mut self.tcp {
            tcp.swap_sides();
        }
    }

    pub(crate) fn swap_identity(&mut self) {
        self.key = self.key.reversed();
        self.traffic.swap(0, 1);
        self.ttl.swap(0, 1);
    }

    /// Whether packets of both directions were seen (for TCP: the handshake is complete).
    #[must_use]
    pub fn is_established(&self) -> bool {
        matches!(self.state, FlowState::Established | FlowState::Closed)
    }

    #[must_use]
    pub fn traffic(&self, direction: Direction) -> &Traffic {
        let [to_server, to_client] = &self.traffic;
        match direction {
            Direction::ToServer => to_server,
            Direction::ToClient => to_client,
        }
    }

    /// Stop following the flow: streams are let go of, later packets are only counted.
    pub fn bypass(&mut self) {
        self.bypassed = true;
        self.state = FlowState::Bypassed;
        if let Some(tcp) = &mut self.tcp {
            tcp.release_buffers();
        }
    }
}
