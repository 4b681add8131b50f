//! Finding out which protocol a flow speaks.
//!
//! Holds always: the side that tells first decides; what the other side says later only becomes
//! an event.

use mimamori_base::{Direction, Timestamp};

use super::{Input, Session, State, Transport, pick, pick_mut};
use crate::probe::{self, Probe, Verdict};
use crate::proto::AppProto;

impl Session {
    fn probe(&self, dir: Direction, ended: bool) -> Verdict {
        let side = pick(&self.sides, dir);
        probe::probe(
            &Probe {
                transport: self.transport,
                dir,
                client_port: self.ports[0],
                server_port: self.ports[1],
                bytes: &side.seen,
                ended,
                may_reverse: self.transport == Transport::Udp || self.midstream,
                other: self.proto_of(dir.reverse()),
            },
            &self.config,
        )
    }

    /// Keeps `bytes` of an undecided flow and looks whether they tell the protocol.
    pub(super) fn detect(&mut self, dir: Direction, bytes: &[u8], now: Timestamp) {
        self.first_data.get_or_insert(dir);
        let room = self.config.detect_bytes;
        let side = pick_mut(&mut self.sides, dir);
        if side.decided && self.transport == Transport::Udp {
            return;
        }
        if side.decided {
            // Given up here, but the other side may still tell; keep what it would need.
            let free = room.saturating_sub(side.seen.len());
            side.seen.extend_from_slice(bytes.get(..bytes.len().min(free)).unwrap_or_default());
            return;
        }
        side.seen.extend_from_slice(bytes);
        let full = side.seen.len() > room;
        let ended = side.ended || full || self.transport == Transport::Udp;
        let verdict = self.probe(dir, ended);
        self.judge(dir, verdict, ended, now);
    }

    pub(super) fn detect_at_end(&mut self, dir: Direction, now: Timestamp) {
        if !pick(&self.sides, dir).seen.is_empty() && !pick(&self.sides, dir).decided {
            let verdict = self.probe(dir, true);
            self.judge(dir, verdict, true, now);
        }
        if self.state == State::Parsing {
            self.hand_over(dir, Input::End, now);
        }
    }

    fn judge(&mut self, dir: Direction, verdict: Verdict, last_chance: bool, now: Timestamp) {
        match verdict {
            Verdict::Found { proto, reverse } => self.found(dir, proto, reverse, now),
            Verdict::Unsure if !last_chance => {}
            Verdict::Unsure | Verdict::No => self.told_nothing(dir),
        }
    }

    /// Rubbish first must not blind: the next datagrams have their chance, as far as configured.
    fn told_nothing(&mut self, dir: Direction) {
        let most = self.config.detect_datagrams;
        let side = pick_mut(&mut self.sides, dir);
        side.silent = side.silent.saturating_add(1);
        if self.transport == Transport::Udp && side.silent < most && !side.ended {
            side.seen = Vec::new();
            return;
        }
        self.give_up_side(dir);
    }

    pub(super) fn give_up_side(&mut self, dir: Direction) {
        pick_mut(&mut self.sides, dir).decided = true;
        let other = pick(&self.sides, dir.reverse());
        if other.decided && self.state == State::Detecting {
            self.fail();
        }
    }

    fn fail(&mut self) {
        self.proto = AppProto::Failed;
        self.state = State::Stopped;
        for side in &mut self.sides {
            side.seen = Vec::new();
        }
    }

    fn found(&mut self, dir: Direction, proto: AppProto, reverse: bool, now: Timestamp) {
        let mut dir = dir;
        if reverse {
            self.sides.swap(0, 1);
            self.ports.swap(0, 1);
            self.first_data = self.first_data.map(Direction::reverse);
            self.reversed = true;
            dir = dir.reverse();
        }
        let side = pick_mut(&mut self.sides, dir);
        side.proto = Some(proto);
        side.decided = true;
        self.start(proto);
        if let Some(wanted) = probe::first_data_side(proto) {
            // After a change of protocols nobody can say who was first.
            let from_the_start = self.original.is_none() && !self.midstream;
            if self.transport == Transport::Tcp && self.first_data != Some(wanted) && from_the_start {
                self.events.push("applayer_wrong_direction_first_data");
                self.state = State::Stopped;
                self.parser = None;
                return;
            }
        }
        self.hand_kept_bytes(dir, now);
    }

    /// The bytes kept so far, the side that spoke first before the other.
    fn hand_kept_bytes(&mut self, dir: Direction, now: Timestamp) {
        let first = self.first_data.unwrap_or(dir);
        for turn in [first, first.reverse()] {
            if self.state != State::Parsing || self.pending.is_some() {
                return;
            }
            let side = pick_mut(&mut self.sides, turn);
            let bytes = std::mem::take(&mut side.seen);
            if bytes.is_empty() {
                continue;
            }
            if turn != dir {
                self.watch_other_side(turn, &bytes);
            }
            self.hand_over(turn, Input::Data(&bytes), now);
        }
    }

    /// The protocol is known from one side; see whether the bytes of the other agree.
    pub(super) fn watch_other_side(&mut self, dir: Direction, bytes: &[u8]) {
        let room = self.config.detect_bytes;
        let side = pick_mut(&mut self.sides, dir);
        if side.decided || self.transport == Transport::Udp {
            return;
        }
        side.seen.extend_from_slice(bytes);
        let ended = side.seen.len() > room;
        let verdict = self.probe(dir, ended);
        let proto = self.proto;
        let side = pick_mut(&mut self.sides, dir);
        match verdict {
            Verdict::Found { proto: own, .. } => {
                side.proto = Some(own);
                side.decided = true;
                if own != proto {
                    self.events.push("applayer_mismatch_protocol_both_directions");
                }
            }
            Verdict::Unsure if !ended => return,
            Verdict::Unsure | Verdict::No => {
                side.decided = true;
                self.events.push("applayer_detect_protocol_only_one_direction");
            }
        }
        pick_mut(&mut self.sides, dir).seen = Vec::new();
    }
}
