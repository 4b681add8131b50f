//! The flow table.

use std::marker::PhantomData;

use mimamori_base::{Direction, Timestamp};
use mimamori_packet::Packet;

use crate::config::FlowConfig;
use crate::flow::Flow;
use crate::key::FlowKey;
use crate::tcp::TcpOutcome;

/// Names a flow in its table; stale handles find nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FlowHandle {
    slot: u32,
    generation: u32,
}

/// What a packet belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Association {
    Flow {
        handle: FlowHandle,
        direction: Direction,
        /// This packet is the flow's first.
        is_new: bool,
        /// The flow was established before this packet (what `flow:established` asks).
        established: bool,
    },
    /// Packets of this kind belong to no flow (fragments, ARP, ICMP errors without a flow …).
    None,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct FlowStats {
    pub active: u64,
    pub created: u64,
    pub created_tcp: u64,
    pub created_udp: u64,
    pub created_icmpv4: u64,
    pub created_icmpv6: u64,
    pub tcp_reuse: u64,
    pub timed_out: u64,
    pub evicted: u64,
    /// Packets while the emergency timeouts applied.
    pub emergency_packets: u64,
    /// TCP bytes held in buffers now.
    pub stream_memory_bytes: u64,
    /// Segments refused because a memory cap was reached.
    pub stream_memcap_drops: u64,
}

/// Table of flows with per-flow data `T`.
#[derive(Debug)]
pub struct FlowTable<T> {
    config: FlowConfig,
    stats: FlowStats,
    _data: PhantomData<T>,
}

impl<T> FlowTable<T> {
    #[must_use]
    pub fn new(config: FlowConfig) -> Self {
        FlowTable { config, stats: FlowStats::default(), _data: PhantomData }
    }

    #[must_use]
    pub fn config(&self) -> &FlowConfig {
        &self.config
    }

    #[must_use]
    pub fn stats(&self) -> FlowStats {
        self.stats
    }

    /// Finds or makes the flow of a packet and counts the packet. Flows ended by this (TCP reuse,
    /// table full) wait in [`FlowTable::take_ended`].
    pub fn associate(
        &mut self,
        now: Timestamp,
        packet: &Packet<'_>,
        make: impl FnOnce(&FlowKey) -> T,
    ) -> Association {
        let _ = (now, packet, make);
        Association::None
    }

    /// Follows the TCP session of the flow; `None` when the packet is not TCP or the flow is gone.
    /// Afterwards take the chunks of both directions from `flow.tcp`.
    pub fn handle_tcp(
        &mut self,
        handle: FlowHandle,
        direction: Direction,
        now: Timestamp,
        packet: &Packet<'_>,
    ) -> Option<TcpOutcome> {
        let _ = (handle, direction, now, packet);
        None
    }

    #[must_use]
    pub fn get(&self, handle: FlowHandle) -> Option<&Flow<T>> {
        let _ = handle;
        None
    }

    pub fn get_mut(&mut self, handle: FlowHandle) -> Option<&mut Flow<T>> {
        let _ = handle;
        None
    }

    /// Ends flows whose timeout has passed, at most `limit` of them; they wait in
    /// [`FlowTable::take_ended`].
    pub fn expire(&mut self, now: Timestamp, limit: usize) {
        let _ = (now, limit);
    }

    /// Ends all flows (reason: shutdown).
    pub fn end_all(&mut self) {}

    /// The next flow that has ended, oldest first. Its streams were flushed: take the last chunks
    /// from `flow.tcp` before letting go of it.
    pub fn take_ended(&mut self) -> Option<Flow<T>> {
        None
    }
}
