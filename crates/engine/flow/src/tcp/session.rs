//! A TCP session: state of both ends and their streams.

use mimamori_base::{Direction, Timestamp};
use mimamori_packet::{TcpFlags, TcpOptions};

use super::event::{StreamEvent, StreamEvents};
use super::stream::{Stream, StreamMemory};
use crate::config::StreamConfig;

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
    /// The checksum is wrong and checked: the receiver will not take the packet.
    pub bad_checksum: bool,
    /// The payload became part of the stream (or was, before: a repetition).
    pub in_stream: bool,
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
    /// Flags seen by direction, for the flow log: `[to server, to client]`.
    pub flags_seen: [u8; 2],
    /// Only one side is seen: its bytes are released at once.
    pub(crate) one_sided: bool,
    /// The server answered the SYN with a SYN of its own.
    pub(crate) split_handshake: bool,
    /// The client's SYN carried data.
    pub(crate) syn_data: bool,
    /// Other SYNs of the client that the server may answer.
    pub(crate) other_syns: smallvec::SmallVec<[Candidate; 1]>,
    /// Other SYN/ACKs of the server that the client may answer.
    pub(crate) other_synacks: smallvec::SmallVec<[Candidate; 1]>,
    streams: [Stream; 2],
}

/// A SYN or SYN/ACK that may turn out to be the one that counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub isn: u32,
    pub window: u32,
    pub window_scale: Option<u8>,
    pub timestamp: Option<u32>,
}

/// What matters of one TCP packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'p> {
    pub seq: u32,
    pub ack: u32,
    pub flags: TcpFlags,
    pub window: u16,
    pub urgent_pointer: u16,
    pub options: TcpOptions,
    pub payload: &'p [u8],
    pub now: Timestamp,
}

impl Segment<'_> {
    /// After the payload; SYN and FIN count one each.
    pub(crate) fn end(&self) -> u32 {
        let len = u32::try_from(self.payload.len()).unwrap_or(0);
        self.data_seq().wrapping_add(len).wrapping_add(u32::from(self.flags.fin()))
    }

    /// Sequence number of the first byte of the payload.
    pub(crate) fn data_seq(&self) -> u32 {
        self.seq.wrapping_add(u32::from(self.flags.syn()))
    }

    pub(crate) fn candidate(&self) -> Candidate {
        Candidate {
            isn: self.seq,
            window: u32::from(self.window),
            window_scale: self.options.window_scale,
            timestamp: self.options.timestamps.map(|(value, _)| value),
        }
    }
}

/// What a packet is handled with.
pub(crate) struct Environment<'e> {
    pub config: &'e StreamConfig,
    pub memory: &'e mut StreamMemory,
    pub out: &'e mut TcpOutcome,
}

impl Environment<'_> {
    pub(crate) fn event(&mut self, event: StreamEvent) {
        self.out.events.insert(event);
    }

    /// The packet does not fit the session: its data is not used; inline it is dropped.
    pub(crate) fn refuse(&mut self, event: StreamEvent) {
        self.event(event);
        self.refuse_quietly();
    }

    pub(crate) fn refuse_quietly(&mut self) {
        self.out.invalid = true;
        if self.config.inline {
            self.out.drop = Some(DropReason::StreamError);
        }
    }
}

impl TcpSession {
    /// Follows one packet. `direction` is the packet's in its flow.
    pub(crate) fn handle(&mut self, direction: Direction, segment: &Segment<'_>, env: &mut Environment<'_>) {
        if !segment.flags.ack() && segment.ack != 0 && !segment.flags.rst() {
            env.event(StreamEvent::PktBrokenAck);
        }
        if segment.flags.syn() && segment.flags.fin() {
            // Christmas trees: no host opens a session so.
            env.refuse(StreamEvent::FinSyn);
            return;
        }
        let [to_server, to_client] = &mut self.flags_seen;
        match direction {
            Direction::ToServer => *to_server |= segment.flags.0,
            Direction::ToClient => *to_client |= segment.flags.0,
        }
        match self.state {
            TcpState::None | TcpState::Listen => self.on_first(direction, segment, env),
            TcpState::SynSent => self.on_syn_sent(direction, segment, env),
            TcpState::SynRecv => self.on_syn_recv(direction, segment, env),
            TcpState::Closed => self.on_closed(direction, segment, env),
            _ => self.on_open(direction, segment, env),
        }
        if self.state >= TcpState::Closing && self.was_open() {
            for stream in &mut self.streams {
                stream.close();
                if self.state == TcpState::Closed {
                    stream.give_up_unacknowledged(env.memory);
                }
            }
        }
        env.out.established = self.state >= TcpState::Established;
        let [to_server, to_client] = &self.streams;
        env.out.pending = [to_server.has_pending(), to_client.has_pending()];
    }

    /// Whether both sides have taken part.
    pub(crate) fn was_open(&self) -> bool {
        self.midstream || self.one_sided || self.streams.iter().all(|s| s.started)
    }

    /// A retransmitted SYN with another number begins a new session on the same ports when the
    /// old one is over.
    pub(crate) fn is_over_for(&self, direction: Direction, segment_seq: u32) -> bool {
        match self.state {
            TcpState::None => true,
            TcpState::TimeWait
            | TcpState::LastAck
            | TcpState::CloseWait
            | TcpState::Closing
            | TcpState::Closed => {
                direction == Direction::ToClient || self.stream(Direction::ToServer).isn != segment_seq
            }
            _ => false,
        }
    }

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

    /// The stream of `direction`, then the other.
    pub(crate) fn both_mut(&mut self, direction: Direction) -> (&mut Stream, &mut Stream) {
        let [to_server, to_client] = &mut self.streams;
        match direction {
            Direction::ToServer => (to_server, to_client),
            Direction::ToClient => (to_client, to_server),
        }
    }

    /// Client and server were taken the wrong way round.
    pub(crate) fn swap_sides(&mut self) {
        self.streams.swap(0, 1);
        self.flags_seen.swap(0, 1);
    }

    /// Lets go of all buffered bytes; nothing is handed out any more.
    pub fn release_buffers(&mut self) {
        for stream in &mut self.streams {
            stream.disable();
        }
    }

    /// The flow has ended: what is held is released, holes become gaps, both sides end.
    pub(crate) fn flush(&mut self) {
        for stream in &mut self.streams {
            stream.flush();
        }
    }

    /// Brings the memory count up to date.
    pub(crate) fn settle(&mut self, memory: &mut StreamMemory) {
        for stream in &mut self.streams {
            if stream.accounted() > 0 {
                stream.settle(memory);
            }
        }
    }

    /// Bytes acknowledged in both directions.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.streams.iter().map(Stream::acknowledged).sum()
    }

    /// Bytes counted in the memory of all streams.
    pub(crate) fn accounted(&self) -> usize {
        self.streams.iter().map(Stream::accounted).sum()
    }
}
