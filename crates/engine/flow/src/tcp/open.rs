//! An open session: data, acknowledgements, closing.

use mimamori_base::Direction::{self, ToClient, ToServer};

use super::event::StreamEvent as Event;
use super::seq;
use super::session::{DropReason, Environment, Segment, TcpSession, TcpState};
use super::stream::Inserted;
use crate::config::UrgentPolicy;

impl TcpSession {
    pub(super) fn on_open(&mut self, direction: Direction, s: &Segment<'_>, env: &mut Environment<'_>) {
        if s.flags.rst() {
            self.reset(direction, s, env);
            return;
        }
        if s.flags.syn() {
            self.syn_when_open(direction, s, env);
            return;
        }
        if !self.fresh(direction, s, env) || !self.valid_ack(direction, s, env) {
            return;
        }
        if self.is_old(direction, s, env) {
            self.accept_ack(direction, s, env);
            return;
        }
        if !self.in_window(direction, s, env) {
            return;
        }
        if self.one_sided && self.stream(direction.reverse()).started {
            self.see_both_sides();
        }
        self.both_mut(direction).0.started = true;
        self.accept_ack(direction, s, env);
        self.insert_payload(direction, s, env);
        if s.flags.fin() {
            self.fin(direction, s);
        }
        self.advance(direction, s);
    }

    /// A closed session: late acknowledgements and retransmissions change nothing. Inline, new bytes
    /// stop here: a reset that only we have seen must not open a way around the inspection.
    pub(super) fn on_closed(&mut self, direction: Direction, s: &Segment<'_>, env: &mut Environment<'_>) {
        // So do copies of what was never acknowledged: nothing is kept to compare them with.
        let (mine, _) = self.both_mut(direction);
        let known = mine.is_past(s.end()) && seq::le(s.end(), mine.last_ack);
        if env.config.inline && !s.payload.is_empty() && !known {
            env.refuse_quietly();
        }
        if !s.flags.syn() || s.flags.ack() || direction != ToServer {
            return;
        }
        if self.was_open() || self.stream(ToServer).app_progress() > 0 {
            // What was looked at already stays the stream's begin.
            env.event(Event::ShutdownSynResend);
        } else {
            // Refused, and tried again with the same number, as some clients do.
            self.try_again(s, env);
        }
    }

    fn see_both_sides(&mut self) {
        self.one_sided = false;
        for direction in Direction::BOTH {
            self.both_mut(direction).0.set_release_at_once(false);
        }
    }

    fn syn_when_open(&mut self, direction: Direction, s: &Segment<'_>, env: &mut Environment<'_>) {
        let closing = self.state > TcpState::Established;
        let (mine, other) = (self.stream(direction), self.stream(direction.reverse()));
        let event = match (direction, s.flags.ack()) {
            (ToServer, true) if self.split_handshake && mine.isn == s.seq => return,
            (ToServer, true) => Event::EstSynackToserver,
            (ToClient, true) if mine.isn != s.seq => Event::EstSynackResendWithDiffSeq,
            (ToClient, true) if s.ack != other.isn.wrapping_add(1) && !self.syn_data => {
                Event::EstSynackResendWithDifferentAck
            }
            (ToClient, true) => {
                // The server has not seen the client's ACK yet: an honest repetition.
                if mine.next_seq != mine.isn.wrapping_add(1) {
                    env.event(Event::EstSynackResend);
                }
                return;
            }
            (_, false) if closing => Event::ShutdownSynResend,
            (ToClient, false) => Event::EstSynToclient,
            (ToServer, false) if mine.isn != s.seq => Event::EstSynResendDiffSeq,
            (ToServer, false) => Event::EstSynResend,
        };
        env.refuse(event);
    }

    fn reset(&mut self, direction: Direction, s: &Segment<'_>, env: &mut Environment<'_>) {
        if !self.valid_reset(direction, s, env) {
            return;
        }
        // Inline one with text may be stopped, and then what it acknowledges was never told.
        if s.flags.ack() && (s.payload.is_empty() || !env.config.inline) {
            self.accept_ack(direction, s, env);
        }
        // Text in a reset is for people (RFC 9293 section 3.10.7): not part of the stream.
        let (mine, _) = self.both_mut(direction);
        mine.has_rst = true;
        self.state = TcpState::Closed;
    }

    /// Whether everything in the packet was acknowledged long ago. Such packets pass, for the
    /// receiver answers them, but their bytes count for nothing.
    fn is_old(&mut self, direction: Direction, s: &Segment<'_>, env: &mut Environment<'_>) -> bool {
        let (mine, _) = self.both_mut(direction);
        let end = s.end();
        if s.payload.is_empty() || !mine.is_past(end) {
            return false;
        }
        if seq::lt(end, mine.last_ack) || (end == mine.last_ack && s.payload.len() > 1) {
            env.event(Event::PktSpuriousRetransmission);
            if seq::lt(end, mine.last_ack) {
                env.event(if self.state == TcpState::CloseWait {
                    Event::ClosewaitPktBeforeLastAck
                } else {
                    Event::EstPktBeforeLastAck
                });
            }
            return true;
        }
        if seq::le(end, mine.next_seq) && s.payload.len() > 1 && seq::lt(s.seq, mine.next_seq) {
            env.event(Event::PktRetransmission);
        }
        false
    }

    /// Uses the acknowledgement and the window that the packet offers.
    fn accept_ack(&mut self, direction: Direction, s: &Segment<'_>, env: &mut Environment<'_>) {
        if !s.flags.ack() {
            return;
        }
        let (mine, other) = self.both_mut(direction);
        let window = u32::from(s.window) << mine.wscale;
        if seq::lt(other.last_ack, s.ack) || !other.started {
            other.last_ack = s.ack;
            other.next_seq = seq::max(other.next_seq, s.ack);
        }
        if s.ack == other.last_ack {
            other.window = window;
        }
        other.next_win = seq::max(other.next_win, s.ack.wrapping_add(window));
        if other.acknowledge(s.ack, env.memory) {
            env.event(Event::ReassemblySeqGap);
        }
    }

    /// Hands the payload to the stream.
    pub(super) fn insert_payload(
        &mut self,
        direction: Direction,
        s: &Segment<'_>,
        env: &mut Environment<'_>,
    ) {
        if self.one_sided {
            self.both_mut(direction).0.set_release_at_once(true);
        }
        let (mine, _) = self.both_mut(direction);
        mine.next_seq = seq::max(mine.next_seq, s.end());
        if s.payload.is_empty() {
            return;
        }
        // A keep-alive repeats the last byte, which nobody looks at (RFC 9293 section 3.8.4).
        if s.payload.len() == 1 && s.data_seq().wrapping_add(1) == mine.last_ack {
            return;
        }
        let urgent_at = usize::from(s.urgent_pointer);
        if s.flags.urg() && urgent_at != 0 && urgent_at <= s.payload.len() {
            match env.config.urgent_policy {
                UrgentPolicy::Inline => {}
                UrgentPolicy::Drop => {
                    env.out.invalid = true;
                    env.out.drop = env.config.inline.then_some(DropReason::UrgentPointer);
                    return;
                }
                UrgentPolicy::Gap => return,
                UrgentPolicy::OutOfBand => {
                    self.insert_around_urgent(direction, s, urgent_at - 1, env);
                    return;
                }
            }
        } else if mine.has_urgent() {
            // The same bytes may come again without the pointer.
            let found = (0u32..).zip(s.payload).find(|(i, _)| mine.is_urgent(s.data_seq().wrapping_add(*i)));
            if let Some((i, _)) = found {
                let at = usize::try_from(i).unwrap_or(0);
                self.insert_around_urgent(direction, s, at, env);
                return;
            }
        }
        env.out.in_stream = true;
        let inserted = mine.insert(s.data_seq(), s.payload, env.config, env.memory);
        report(inserted, env, true);
    }

    /// The urgent byte is not part of the stream; what is around it is.
    fn insert_around_urgent(
        &mut self,
        direction: Direction,
        s: &Segment<'_>,
        at: usize,
        env: &mut Environment<'_>,
    ) {
        let (mine, _) = self.both_mut(direction);
        let before = s.payload.get(..at).unwrap_or(&[]);
        let after = s.payload.get(at + 1..).unwrap_or(&[]);
        let number = s.data_seq().wrapping_add(u32::try_from(at).unwrap_or(0));
        if !mine.mark_urgent(number) {
            env.out.drop = env.config.inline.then_some(DropReason::UrgentPointer);
            return;
        }
        env.out.in_stream = true;
        if !before.is_empty() {
            report(mine.insert(s.data_seq(), before, env.config, env.memory), env, false);
        }
        if !after.is_empty() {
            let next = number.wrapping_add(1);
            report(mine.insert(next, after, env.config, env.memory), env, false);
        }
    }

    fn fin(&mut self, direction: Direction, s: &Segment<'_>) {
        let (mine, other) = self.both_mut(direction);
        if mine.has_fin {
            return;
        }
        mine.has_fin = true;
        mine.set_fin(s.end().wrapping_sub(1));
        let acks_other_fin = other.has_fin && seq::le(other.next_seq, s.ack);
        self.state = match (self.state, direction) {
            (TcpState::Established, ToServer) => TcpState::CloseWait,
            (TcpState::Established, ToClient) => TcpState::FinWait1,
            (TcpState::FinWait1, ToServer) if acks_other_fin => TcpState::TimeWait,
            (TcpState::FinWait1, ToServer) => TcpState::Closing,
            (TcpState::FinWait2, ToServer) => TcpState::TimeWait,
            (TcpState::CloseWait, ToClient) => TcpState::LastAck,
            (state, _) => state,
        };
    }

    /// Moves the closing on when a FIN is acknowledged.
    fn advance(&mut self, direction: Direction, s: &Segment<'_>) {
        if !s.flags.ack() || s.flags.fin() || self.state <= TcpState::Established {
            return;
        }
        let (_, other) = self.both_mut(direction);
        if !other.has_fin || seq::lt(s.ack, other.next_seq) {
            return;
        }
        self.state = match (self.state, direction) {
            (TcpState::FinWait1, ToServer) => TcpState::FinWait2,
            (TcpState::Closing, _) => TcpState::TimeWait,
            (TcpState::LastAck, ToServer) | (TcpState::TimeWait, ToClient) => TcpState::Closed,
            (state, _) => state,
        };
    }
}

/// Turns what the stream found into events and the inline decision. `whole`: the bytes were the
/// packet's whole payload, so that it can be rewritten.
fn report(inserted: Inserted, env: &mut Environment<'_>, whole: bool) {
    if inserted.overlap_different {
        env.event(Event::ReassemblyOverlapDifferentData);
        if env.config.inline {
            if whole {
                env.out.rewrite_payload = inserted.rewrite;
            } else {
                env.out.drop = Some(DropReason::StreamError);
            }
        }
    }
    if inserted.gap {
        env.event(Event::ReassemblySeqGap);
    }
    if inserted.depth_reached {
        env.event(Event::ReassemblyDepthReached);
    }
    if inserted.before_base {
        env.event(Event::ReassemblySegmentBeforeBaseSeq);
    }
    if inserted.memcap {
        env.event(Event::ReassemblyInsertMemcap);
        if env.config.inline {
            // It comes again, and then others have made room (`FlowTable::relieve`).
            env.out.drop = Some(DropReason::StreamMemcap);
        }
    }
    if inserted.too_many_blocks {
        env.event(Event::ReassemblyInsertLimit);
        if env.config.inline {
            // The sender will send it again once the hole is filled.
            env.out.drop = Some(DropReason::StreamMemcap);
        }
    }
}
