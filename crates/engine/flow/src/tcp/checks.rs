//! Whether a packet fits the session: acknowledgement, window, timestamps, resets.

use mimamori_base::Direction;

use super::event::StreamEvent as Event;
use super::seq;
use super::session::{Environment, Segment, TcpSession, TcpState};

/// RFC 7323 section 5.5: a timestamp older than this says nothing.
const PAWS_SECONDS: u64 = 24 * 24 * 3600;

impl TcpSession {
    /// Protection against wrapped sequence numbers. False when the packet is old.
    pub(super) fn fresh(&mut self, direction: Direction, s: &Segment<'_>, env: &mut Environment<'_>) -> bool {
        let Some((value, _)) = s.options.timestamps else {
            return true;
        };
        let (mine, _) = self.both_mut(direction);
        if let Some(last) = mine.last_ts {
            let old = seq::lt(value.wrapping_add(1), last);
            let comparable = s.now.since(mine.last_ts_at).as_secs() < PAWS_SECONDS;
            if old && comparable && last != 0 && value != 0 {
                env.refuse(Event::PktInvalidTimestamp);
                return false;
            }
        }
        // Only what the receiver expects next moves the clock, so that reordering is no fault.
        if seq::le(s.seq, mine.last_ack) && mine.last_ts.is_none_or(|last| seq::le(last, value)) {
            mine.last_ts = Some(value);
            mine.last_ts_at = s.now;
        }
        true
    }

    /// Whether the acknowledgement is for something the other side can have sent.
    pub(super) fn valid_ack(&self, direction: Direction, s: &Segment<'_>, env: &mut Environment<'_>) -> bool {
        let other = self.stream(direction.reverse());
        if !s.flags.ack() || !other.started || self.one_sided {
            return true;
        }
        let newest = seq::max(other.next_win, other.next_seq);
        let oldest = other.last_ack.wrapping_sub(other.window.max(65_535).saturating_mul(2));
        if seq::le(s.ack, newest) && seq::le(oldest, s.ack) {
            return true;
        }
        env.event(Event::PktInvalidAck);
        let named = match self.state {
            TcpState::FinWait1 => Event::Fin1InvalidAck,
            TcpState::FinWait2 => Event::Fin2InvalidAck,
            TcpState::CloseWait => Event::ClosewaitInvalidAck,
            TcpState::Closing => Event::ClosingInvalidAck,
            TcpState::LastAck => Event::LastackInvalidAck,
            TcpState::TimeWait => Event::TimewaitInvalidAck,
            _ if s.flags.fin() => Event::FinInvalidAck,
            _ => Event::EstInvalidAck,
        };
        env.refuse(named);
        false
    }

    /// Whether the receiver would take the packet's bytes.
    pub(super) fn in_window(&self, direction: Direction, s: &Segment<'_>, env: &mut Environment<'_>) -> bool {
        let mine = self.stream(direction);
        let other = self.stream(direction.reverse());
        if self.one_sided || (self.midstream && !other.started) {
            return true;
        }
        // A receiver takes one byte even when its window is closed (window probes).
        let edge = seq::max(mine.next_win, mine.last_ack.wrapping_add(1));
        let end = s.end().wrapping_sub(u32::from(s.flags.fin()));
        if seq::le(end, edge) {
            return true;
        }
        let named = match self.state {
            TcpState::FinWait1 if s.flags.fin() => Event::Fin1FinWrongSeq,
            TcpState::FinWait1 => Event::Fin1AckWrongSeq,
            TcpState::FinWait2 if s.flags.fin() => Event::Fin2FinWrongSeq,
            TcpState::FinWait2 => Event::Fin2AckWrongSeq,
            TcpState::CloseWait if s.flags.fin() => Event::ClosewaitFinOutOfWindow,
            TcpState::CloseWait => Event::ClosewaitAckOutOfWindow,
            TcpState::Closing => Event::ClosingAckWrongSeq,
            TcpState::LastAck => Event::LastackAckWrongSeq,
            TcpState::TimeWait => Event::TimewaitAckWrongSeq,
            _ if s.flags.fin() => Event::FinOutOfWindow,
            _ => Event::EstPacketOutOfWindow,
        };
        env.refuse(named);
        false
    }

    /// Whether both ends believe this reset. Inline, only the exact number counts (RFC 5961):
    /// where hosts differ, a reset that only some believe must not end the inspection.
    pub(super) fn valid_reset(
        &self,
        direction: Direction,
        s: &Segment<'_>,
        env: &mut Environment<'_>,
    ) -> bool {
        let mine = self.stream(direction);
        let other = self.stream(direction.reverse());
        let exact = s.seq == mine.next_seq || s.seq == mine.last_ack;
        let low = mine.last_ack.wrapping_sub(1);
        let high = seq::max(mine.next_win, mine.next_seq.wrapping_add(mine.window));
        let near = seq::le(low, s.seq) && seq::le(s.seq, high);
        let loose = self.midstream || self.one_sided || !other.started || !mine.started;
        if !exact && !loose && (env.config.inline || !near) {
            env.refuse(Event::RstInvalidAck);
            return false;
        }
        if s.flags.ack() && !loose {
            let newest = seq::max(other.next_win, other.next_seq);
            if !(seq::le(other.isn, s.ack) && seq::le(s.ack, newest)) && s.ack != 0 {
                env.refuse(Event::RstInvalidAck);
                return false;
            }
        }
        true
    }
}
