//! Sessions whose start was not seen, or of which one side is not seen.

use mimamori_base::Direction::{self, ToClient, ToServer};

use super::event::StreamEvent as Event;
use super::session::{Environment, Midstream, Segment, TcpSession, TcpState};

/// Window scale assumed when the handshake was not seen: the largest (RFC 7323).
const UNKNOWN_SCALE: u8 = 14;

impl TcpSession {
    /// A SYN/ACK without its SYN: the flow's first packet came from the server.
    pub(super) fn pick_up_synack(&mut self, s: &Segment<'_>, env: &mut Environment<'_>) {
        env.out.midstream = Some(Midstream::PickedUp);
        env.out.direction = Some(ToClient);
        self.midstream = true;
        self.one_sided = env.config.async_oneside;
        self.state = TcpState::SynRecv;
        let [to_server, to_client] = &mut self.flags_seen;
        std::mem::swap(to_server, to_client);
        let (client, server) = self.both_mut(ToServer);
        server.start(s.seq, env.config);
        server.started = true;
        server.wscale = s.options.window_scale.unwrap_or(0).min(14);
        server.last_ts = s.options.timestamps.map(|(value, _)| value);
        server.last_ts_at = s.now;
        server.next_seq = s.end();
        client.start(s.ack.wrapping_sub(1), env.config);
        client.wscale = if s.options.window_scale.is_some() { UNKNOWN_SCALE } else { 0 };
        client.window = u32::from(s.window);
        client.next_win = s.ack.wrapping_add(client.window);
        self.insert_payload(ToClient, s, env);
    }

    /// A packet in the middle of a session.
    pub(super) fn pick_up(&mut self, direction: Direction, s: &Segment<'_>, env: &mut Environment<'_>) {
        env.out.midstream = Some(Midstream::PickedUp);
        self.midstream = true;
        self.one_sided = env.config.async_oneside;
        self.state = TcpState::Established;
        let (mine, other) = self.both_mut(direction);
        mine.start(s.seq.wrapping_sub(1), env.config);
        mine.started = true;
        mine.wscale = UNKNOWN_SCALE;
        mine.last_ts = s.options.timestamps.map(|(value, _)| value);
        mine.last_ts_at = s.now;
        mine.next_seq = s.end();
        other.start(s.ack.wrapping_sub(1), env.config);
        other.wscale = UNKNOWN_SCALE;
        other.window = u32::from(s.window) << UNKNOWN_SCALE;
        other.next_win = s.ack.wrapping_add(other.window);
        self.insert_payload(direction, s, env);
    }

    /// The client goes on though no answer of the server was seen.
    pub(super) fn ack_without_synack(&mut self, s: &Segment<'_>, env: &mut Environment<'_>) {
        if !env.config.async_oneside {
            return;
        }
        let (client, server) = self.both_mut(ToServer);
        if s.seq != client.next_seq {
            env.refuse(Event::HandshakeAsyncWrongSeq);
            return;
        }
        server.start(s.ack.wrapping_sub(1), env.config);
        client.window = 65_535 << UNKNOWN_SCALE;
        self.one_sided = true;
        self.state = TcpState::Established;
        self.on_open(ToServer, s, env);
    }
}
