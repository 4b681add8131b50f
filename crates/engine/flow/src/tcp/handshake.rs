//! The opening of a session: three-way, split and simultaneous handshakes, data on the SYN,
//! sessions whose start was not seen.

use mimamori_base::Direction::{self, ToClient, ToServer};

use super::event::StreamEvent as Event;
use super::seq;
use super::session::{Environment, Midstream, Segment, TcpSession, TcpState};
use crate::config::StreamConfig;

impl TcpSession {
    /// The first packet of a flow.
    pub(super) fn on_first(&mut self, direction: Direction, s: &Segment<'_>, env: &mut Environment<'_>) {
        if s.flags.rst() {
            env.event(Event::RstButNoSession);
        } else if s.flags.fin() {
            env.event(Event::FinButNoSession);
        } else if s.flags.syn() && s.flags.ack() {
            if env.config.midstream || env.config.async_oneside {
                self.pick_up_synack(s, env);
            } else {
                env.out.midstream = Some(Midstream::Ignored);
            }
        } else if s.flags.syn() {
            self.open_client(s, env.config);
            self.state = TcpState::SynSent;
            self.insert_payload(direction, s, env);
        } else if s.flags.ack() {
            if env.config.midstream {
                self.pick_up(direction, s, env);
            } else {
                env.out.midstream = Some(Midstream::Ignored);
            }
        }
    }

    fn open_client(&mut self, s: &Segment<'_>, config: &StreamConfig) {
        let (client, server) = self.both_mut(ToServer);
        client.start(s.seq, config);
        client.started = true;
        client.wscale = s.options.window_scale.unwrap_or(0).min(14);
        client.sack_permitted = s.options.sack_permitted;
        client.last_ts = s.options.timestamps.map(|(value, _)| value);
        client.last_ts_at = s.now;
        client.next_seq = s.end();
        // What the client offers limits the server.
        server.window = u32::from(s.window);
        self.syn_data = !s.payload.is_empty();
    }

    pub(super) fn on_syn_sent(&mut self, direction: Direction, s: &Segment<'_>, env: &mut Environment<'_>) {
        // An option that the client did not ask for: hosts do not take such a packet.
        let unasked = direction == ToClient
            && s.options.timestamps.is_some()
            && !s.flags.syn()
            && self.other_syns.is_empty()
            && self.stream(ToServer).last_ts.is_none();
        if unasked && (s.flags.rst() || s.flags.fin()) {
            env.refuse(Event::PktInvalidTimestamp);
        } else if s.flags.rst() {
            self.reset_in_handshake(direction, s, env);
        } else if s.flags.fin() {
            env.refuse_quietly();
        } else if s.flags.syn() && s.flags.ack() {
            match direction {
                ToClient => self.synack(s, env),
                ToServer if self.split_handshake => self.split_synack(s, env),
                ToServer => env.refuse(Event::HandshakeSynackInWrongDirection),
            }
        } else if s.flags.syn() {
            match direction {
                ToServer => self.another_syn(s, env),
                ToClient => self.split_syn(s, env),
            }
        } else if s.flags.ack() && direction == ToServer {
            self.ack_without_synack(s, env);
        }
    }

    fn reset_in_handshake(&mut self, direction: Direction, s: &Segment<'_>, env: &mut Environment<'_>) {
        let (mine, other) = self.both_mut(direction);
        if direction == ToServer {
            // The answer to an acknowledgement of an older session (RFC 9293 section 3.5.1): the
            // client goes on trying, unless it names its own SYN.
            if s.seq == mine.next_seq || s.seq == mine.isn {
                mine.has_rst = true;
                self.state = TcpState::Closed;
            }
            return;
        }
        // The server refuses: it must name our SYN (RFC 9293 section 3.10.7.3).
        if s.flags.ack() && seq::lt(other.isn, s.ack) && seq::le(s.ack, other.next_seq) {
            mine.has_rst = true;
            self.state = TcpState::Closed;
        } else {
            env.refuse(Event::RstInvalidAck);
        }
    }

    /// A new attempt in a session that was refused before it was open.
    pub(super) fn try_again(&mut self, s: &Segment<'_>, env: &mut Environment<'_>) {
        for direction in Direction::BOTH {
            let (stream, _) = self.both_mut(direction);
            let accounted = stream.accounted();
            *stream = super::Stream::default();
            stream.restore_accounted(accounted);
        }
        self.other_syns.clear();
        self.other_synacks.clear();
        self.split_handshake = false;
        self.open_client(s, env.config);
        self.state = TcpState::SynSent;
        self.insert_payload(ToServer, s, env);
    }

    /// The client's SYN again, maybe with another number: the server will say which counts.
    fn another_syn(&mut self, s: &Segment<'_>, env: &mut Environment<'_>) {
        let client = self.stream(ToServer);
        if client.isn == s.seq || self.other_syns.iter().any(|c| c.isn == s.seq) {
            return;
        }
        if client.app_progress() > 0 {
            // The data of the first SYN was looked at already: it must be the one that counts.
            env.refuse(Event::HandshakeSynResendDiffSeqOnSynRecv);
            return;
        }
        if self.other_syns.len() >= usize::from(env.config.max_syn_queued) {
            // The first ones stay, and the newest: a flood pushes neither out.
            env.event(Event::HandshakeSynFlood);
            self.other_syns.pop();
        }
        self.other_syns.push(s.candidate());
    }

    /// The server answers SYN with SYN: simultaneous open, or an evasion that looks like it.
    fn split_syn(&mut self, s: &Segment<'_>, env: &mut Environment<'_>) {
        if self.split_handshake {
            if self.stream(ToClient).isn != s.seq {
                env.refuse_quietly();
            }
            return;
        }
        self.split_handshake = true;
        self.open_server(s, env.config);
    }

    fn open_server(&mut self, s: &Segment<'_>, config: &StreamConfig) {
        let (server, client) = self.both_mut(ToClient);
        let limit = server.window;
        server.start(s.seq, config);
        server.started = true;
        server.window = limit;
        server.next_win = s.seq.wrapping_add(1).wrapping_add(limit);
        server.next_seq = s.end();
        server.sack_permitted = s.options.sack_permitted;
        server.last_ts = s.options.timestamps.map(|(value, _)| value);
        server.last_ts_at = s.now;
        server.wscale = s.options.window_scale.unwrap_or(0).min(14);
        if s.options.window_scale.is_none() {
            // Scaling only counts when both sides ask for it.
            client.wscale = 0;
        }
        client.window = u32::from(s.window);
    }

    fn synack(&mut self, s: &Segment<'_>, env: &mut Environment<'_>) {
        let client = self.stream(ToServer);
        let first = client.isn.wrapping_add(1);
        let all = client.next_seq;
        let echo = s.options.timestamps.map(|(_, echo)| echo);
        let fits = |isn_ts: Option<u32>| match (isn_ts, echo) {
            (Some(sent), Some(echoed)) => echoed == 0 || sent == 0 || sent == echoed,
            _ => true,
        };
        let acks_first = seq::le(first, s.ack) && seq::le(s.ack, all);
        if !(acks_first && fits(client.last_ts)) || !self.other_syns.is_empty() && s.ack != first {
            let chosen =
                self.other_syns.iter().copied().find(|c| c.isn.wrapping_add(1) == s.ack && fits(c.timestamp));
            match chosen {
                Some(candidate) => self.adopt_syn(&candidate, env.config),
                None if acks_first => {}
                None => {
                    env.refuse(Event::HandshakeSynackWithWrongAck);
                    return;
                }
            }
        }
        let ignored = self.syn_data && s.ack == first;
        self.open_server(s, env.config);
        let (client, _) = self.both_mut(ToServer);
        if ignored {
            // The server did not take the data of the SYN: the client sends it again.
            env.event(Event::HandshakeSynackTfoDataIgnored);
            client.next_seq = first;
            client.forget_unreleased();
        }
        client.last_ack = s.ack;
        client.next_win = s.ack.wrapping_add(client.window);
        self.state = TcpState::SynRecv;
        self.insert_payload(ToClient, s, env);
    }

    fn adopt_syn(&mut self, c: &super::session::Candidate, config: &StreamConfig) {
        let (client, server) = self.both_mut(ToServer);
        let accounted_elsewhere = client.accounted();
        *client = super::Stream::default();
        client.restore_accounted(accounted_elsewhere);
        client.start(c.isn, config);
        client.started = true;
        client.wscale = c.window_scale.unwrap_or(0).min(14);
        client.last_ts = c.timestamp;
        server.window = c.window;
        self.syn_data = false;
    }

    fn split_synack(&mut self, s: &Segment<'_>, env: &mut Environment<'_>) {
        let (client, server) = self.both_mut(ToServer);
        if s.ack != server.isn.wrapping_add(1) {
            env.refuse(Event::SplitHandshakeSynackWithWrongAck);
        } else if s.seq != client.isn {
            env.refuse(Event::SplitHandshakeSynackWithWrongSyn);
        } else {
            server.last_ack = s.ack;
            server.window = u32::from(s.window);
            server.next_win = s.ack.wrapping_add(server.window);
            client.next_win = client.next_seq.wrapping_add(client.window);
            self.state = TcpState::SynRecv;
        }
    }

    pub(super) fn on_syn_recv(&mut self, direction: Direction, s: &Segment<'_>, env: &mut Environment<'_>) {
        if s.flags.rst() {
            if self.valid_reset(direction, s, env) {
                self.both_mut(direction).0.has_rst = true;
                self.state = TcpState::Closed;
            }
        } else if s.flags.syn() && s.flags.ack() {
            match direction {
                ToServer => env.refuse(Event::HandshakeSynackToserverOnSynRecv),
                ToClient => self.another_synack(s, env),
            }
        } else if s.flags.syn() {
            match direction {
                ToClient => env.refuse(Event::HandshakeSynToclientOnSynRecv),
                ToServer if s.seq != self.stream(ToServer).isn => {
                    env.refuse(Event::HandshakeSynResendDiffSeqOnSynRecv);
                }
                ToServer => {}
            }
        } else if s.flags.ack() {
            self.complete(direction, s, env);
        } else if s.flags.fin() {
            env.refuse_quietly();
        }
    }

    fn another_synack(&mut self, s: &Segment<'_>, env: &mut Environment<'_>) {
        let (server, client) = (self.stream(ToClient), self.stream(ToServer));
        if s.ack != client.last_ack && s.ack != client.next_seq && !self.midstream {
            env.refuse(Event::HandshakeSynackResendWithDifferentAck);
        } else if s.seq == server.isn || self.other_synacks.iter().any(|c| c.isn == s.seq) {
            // The same again.
        } else if server.app_progress() > 0 {
            env.refuse(Event::HandshakeSynackResendWithDiffSeq);
        } else if self.other_synacks.len() >= usize::from(env.config.max_synack_queued) {
            env.refuse(Event::HandshakeSynackFlood);
        } else {
            env.event(Event::HandshakeSynackResendWithDiffSeq);
            self.other_synacks.push(s.candidate());
        }
    }

    /// The last packet of the handshake, or the first that shows it was completed.
    fn complete(&mut self, direction: Direction, s: &Segment<'_>, env: &mut Environment<'_>) {
        if direction == ToServer && !self.split_handshake {
            self.choose_synack(s.ack, env);
        }
        let midstream = self.midstream;
        let (mine, other) = self.both_mut(direction);
        let right_seq = s.seq == mine.next_seq
            || (seq::le(mine.isn.wrapping_add(1), s.seq)
                && seq::le(s.end(), mine.last_ack.wrapping_add(mine.window.max(65_535))));
        let right_ack = seq::le(other.isn.wrapping_add(1), s.ack) && seq::le(s.ack, other.next_seq);
        let exact = right_seq && right_ack;
        if self.split_handshake && direction == ToClient {
            if s.seq != self.stream(ToClient).next_seq {
                env.refuse(Event::SplitHandshakeWrongSeq);
                return;
            }
            if !right_ack {
                env.refuse(Event::SplitHandshakeInvalidAck);
                return;
            }
        } else if direction == ToClient && s.payload.is_empty() && !s.flags.fin() && !midstream {
            // A bare ACK from the server says nothing about the client's.
            if !self.syn_data {
                env.refuse(Event::HandshakeAckInWrongDir);
            } else {
                self.on_open(direction, s, env);
            }
            return;
        } else if !exact && !midstream {
            env.refuse(match (right_seq, right_ack) {
                (true, _) => Event::HandshakeRightSeqWrongAckEvasion,
                _ => Event::HandshakeWrongSeqWrongAck,
            });
            return;
        }
        self.state = TcpState::Established;
        self.other_syns.clear();
        self.other_synacks.clear();
        self.on_open(direction, s, env);
    }

    /// The client's ACK tells which SYN/ACK it believed.
    fn choose_synack(&mut self, ack: u32, env: &mut Environment<'_>) {
        if self.other_synacks.is_empty() {
            return;
        }
        let server = self.stream(ToClient);
        if ack == server.isn.wrapping_add(1) {
            return;
        }
        let Some(c) = self.other_synacks.iter().copied().find(|c| c.isn.wrapping_add(1) == ack) else {
            return;
        };
        let (server, client) = self.both_mut(ToClient);
        let accounted = server.accounted();
        let limit = server.window;
        *server = super::Stream::default();
        server.restore_accounted(accounted);
        server.start(c.isn, env.config);
        server.started = true;
        server.window = limit;
        server.next_win = c.isn.wrapping_add(1).wrapping_add(limit);
        server.wscale = c.window_scale.unwrap_or(0).min(14);
        server.last_ts = c.timestamp;
        client.window = c.window;
    }
}
