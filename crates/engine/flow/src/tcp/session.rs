//! A TCP session: state of both ends and their streams.

use mimamori_base::Direction;

use super::event::StreamEvents;
use super::stream::Stream;

/// State of a session, seen from outside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum TcpState {
    #[default]
    None,
    Listen,
    SynSent,
    SynRecv,
    Established,
    FinWait1,
    FinWait2,
    TimeWait,
    LastAck,
    CloseWait,
    Closing,
    Closed,
}

impl TcpState {
    /// The name as the EVE log writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            TcpState::None => "none",
            TcpState::Listen => "listen",
            TcpState::SynSent => "syn_sent",
            TcpState::SynRecv => "syn_recv",
            TcpState::Established => "established",
            TcpState::FinWait1 => "fin_wait1",
            TcpState::FinWait2 => "fin_wait2",
            TcpState::TimeWait => "time_wait",
            TcpState::LastAck => "last_ack",
            TcpState::CloseWait => "close_wait",
            TcpState::Closing => "closing",
            TcpState::Closed => "closed",
        }
    }
}

/// What one TCP packet did.
#[derive(Clone, Debug, Default)]
pub struct TcpOutcome {
    pub events: StreamEvents,
    /// Inline: the packet must not be forwarded.
    pub drop: Option<DropReason>,
    /// Inline: forward the packet with this payload instead; it agrees with what was seen first.
    pub rewrite_payload: Option<Vec<u8>>,
    /// The packet belongs to a session whose start was not seen, and midstream pickup is off or
    /// has just happened: the midstream policy applies.
    pub midstream: Option<Midstream>,
    /// The packet was not accepted into the session (out of window, wrong ACK …).
    pub invalid: bool,
    /// The session is established after this packet.
    pub established: bool,
    /// There are new chunks: `[to server, to client]`.
    pub pending: [bool; 2],
    /// The roles of client and server were found to be the other way round: the flow's key and
    /// counters were swapped, and the packet's direction is now this one.
    pub direction: Option<Direction>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Midstream {
    /// Not followed.
    Ignored,
    /// Followed from this packet on.
    PickedUp,
}

/// Why an inline engine drops a TCP packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DropReason {
    /// "stream error" of the EVE log.
    StreamError,
    Checksum,
    StreamMemcap,
    UrgentPointer,
}

impl DropReason {
    /// The reason as the EVE log writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            DropReason::StreamError => "stream error",
            DropReason::Checksum => "checksum",
            DropReason::StreamMemcap => "stream memcap",
            DropReason::UrgentPointer => "stream urgent",
        }
    }
}

/// Both ends of a session.
#[derive(Debug, Default)]
pub struct TcpSession {
    pub state: TcpState,
    /// Picked up without its handshake.
    pub midstream: bool,
    /// Flags seen by direction, for the flow log.
    pub flags_seen: [u8; 2],
    streams: [Stream; 2],
}

impl TcpSession {
    /// The bytes that travel in `direction`.
    #[must_use]
    pub fn stream(&self, direction: Direction) -> &Stream {
        let [to_server, to_client] = &self.streams;
        match direction {
            Direction::ToServer => to_server,
            Direction::ToClient => to_client,
        }
    }

    pub fn stream_mut(&mut self, direction: Direction) -> &mut Stream {
        let [to_server, to_client] = &mut self.streams;
        match direction {
            Direction::ToServer => to_server,
            Direction::ToClient => to_client,
        }
    }

    /// Lets go of all buffered bytes; nothing is handed out any more.
    pub fn release_buffers(&mut self) {
        for stream in &mut self.streams {
            stream.disable();
        }
    }
}
