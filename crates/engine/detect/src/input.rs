//! What is handed to detection: a packet in its flow.

use std::net::IpAddr;

use mimamori_applayer::{AppEvent, AppProto, Session};
use mimamori_base::{Direction, Timestamp};
use mimamori_flow::{StreamEvents, TcpSession, Traffic};
use mimamori_packet::Packet;

/// A packet, with everything rules can ask of its surroundings.
#[derive(Debug)]
pub struct Input<'a> {
    pub now: Timestamp,
    pub packet: &'a Packet<'a>,
    /// Made by the engine at the end of a flow; has no payload of its own.
    pub pseudo: bool,
    pub stream_events: StreamEvents,
    pub flow: Option<FlowInput<'a>>,
}

/// The flow of the packet.
#[derive(Debug)]
pub struct FlowInput<'a> {
    pub direction: Direction,
    pub established: bool,
    pub session: Option<&'a Session>,
    pub tcp: Option<&'a TcpSession>,
    pub traffic: &'a [Traffic; 2],
    pub start: Timestamp,
    /// The packet's payload went into the stream.
    pub in_stream: bool,
    /// The stream's bytes that are due for inspection.
    pub raw: Option<RawWindow<'a>>,
    /// Anomalies of the flow's protocol as a whole that this packet brought.
    pub app_events: &'a [AppEvent],
    /// The protocol's parser had given up before this packet: its transactions are not asked.
    pub failed_before: bool,
    /// Payload is encrypted or otherwise not to be searched.
    pub no_payload: bool,
    /// Nothing came for the transactions since they were last inspected in this direction.
    pub transactions_unchanged: bool,
}

/// A stretch of the reassembled stream.
#[derive(Clone, Copy, Debug)]
pub struct RawWindow<'a> {
    pub offset: u64,
    pub bytes: &'a [u8],
    pub end: bool,
}

impl<'a> Input<'a> {
    #[must_use]
    pub fn direction(&self) -> Option<Direction> {
        self.flow.as_ref().map(|f| f.direction)
    }

    #[must_use]
    pub fn app_proto(&self) -> AppProto {
        self.flow.as_ref().and_then(|f| f.session).map_or(AppProto::Unknown, Session::proto)
    }

    #[must_use]
    pub fn raw(&self) -> Option<RawWindow<'a>> {
        self.flow.as_ref().and_then(|f| f.raw)
    }

    #[must_use]
    pub fn addresses(&self) -> (Option<IpAddr>, Option<IpAddr>) {
        match self.packet.addresses() {
            Some((a, b)) => (Some(a), Some(b)),
            None => (None, None),
        }
    }
}
