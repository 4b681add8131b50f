//! Which protocol the first bytes of a side speak.
//!
//! Responsible for the byte patterns and probing parsers. Holds always: a pure function of the
//! bytes, the ports and the settings; the same bytes in more pieces give the same answer in the
//! end. Deliberately not here: what to do when the two sides disagree (see session).

use mimamori_base::Direction;

use crate::config::AppLayerConfig;
use crate::proto::AppProto;
use crate::session::Transport;

mod tcp;
mod udp;

/// What is known of a side.
#[derive(Clone, Copy, Debug)]
pub struct Probe<'a> {
    pub transport: Transport,
    pub dir: Direction,
    pub client_port: u16,
    pub server_port: u16,
    /// All bytes of the side so far; for UDP one datagram.
    pub bytes: &'a [u8],
    /// No more bytes will come before the answer is needed.
    pub ended: bool,
    /// Client and server may turn out the other way round.
    pub may_reverse: bool,
    /// What the other side's bytes said.
    pub other: AppProto,
}

/// What the bytes say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Found {
        proto: AppProto,
        reverse: bool,
    },
    /// More bytes may tell.
    Unsure,
    /// No protocol known here begins like this.
    No,
}

/// Asks the patterns and the probing parsers.
#[must_use]
pub fn probe(p: &Probe<'_>, config: &AppLayerConfig) -> Verdict {
    let candidates = match p.transport {
        Transport::Tcp => tcp::CANDIDATES,
        Transport::Udp => udp::CANDIDATES,
    };
    let mut unsure = false;
    for (proto, ask) in candidates {
        if !config.is_enabled(*proto) {
            continue;
        }
        match ask(p, config) {
            Answer::Yes => return Verdict::Found { proto: *proto, reverse: false },
            Answer::Reversed if p.may_reverse => return Verdict::Found { proto: *proto, reverse: true },
            Answer::Maybe => unsure = true,
            Answer::No | Answer::Reversed => {}
        }
    }
    match turned_round(p, config) {
        Some((proto, Answer::Yes)) => Verdict::Found { proto, reverse: true },
        Some((_, Answer::Maybe)) => Verdict::Unsure,
        _ if unsure => Verdict::Unsure,
        _ => Verdict::No,
    }
}

/// Protocols that are told by the server's port: where a session's begin was not seen, that may be
/// the port of who seems to be the client.
fn turned_round(p: &Probe<'_>, config: &AppLayerConfig) -> Option<(AppProto, Answer)> {
    if !p.may_reverse || p.transport != Transport::Tcp {
        return None;
    }
    let (dir, client_port, server_port) = (p.dir.reverse(), p.server_port, p.client_port);
    let turned = Probe { dir, client_port, server_port, may_reverse: false, ..*p };
    let asked = tcp::BY_PORT.iter().filter(|(proto, _)| config.is_enabled(*proto));
    asked.map(|(proto, ask)| (*proto, ask(&turned, config))).find(|(_, answer)| *answer != Answer::No)
}

/// What one protocol says of the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    Yes,
    /// It is this protocol, spoken by the other side than the flow says.
    Reversed,
    /// Needs more bytes.
    Maybe,
    No,
}

pub(crate) type Ask = fn(&Probe<'_>, &AppLayerConfig) -> Answer;

/// Whether `bytes` begin with `pattern`, ASCII case aside.
pub(crate) fn starts_nocase(bytes: &[u8], pattern: &[u8]) -> Answer {
    let n = bytes.len().min(pattern.len());
    let (Some(have), Some(want)) = (bytes.get(..n), pattern.get(..n)) else { return Answer::No };
    match have.eq_ignore_ascii_case(want) {
        false => Answer::No,
        true if n == pattern.len() => Answer::Yes,
        true => Answer::Maybe,
    }
}

/// Whether `bytes` have `pattern` at `offset`.
pub(crate) fn has_at(bytes: &[u8], offset: usize, pattern: &[u8]) -> Answer {
    let Some(from) = bytes.get(offset..) else { return Answer::Maybe };
    let n = from.len().min(pattern.len());
    match from.get(..n) == pattern.get(..n) {
        false => Answer::No,
        true if n == pattern.len() => Answer::Yes,
        true => Answer::Maybe,
    }
}

/// The first clear answer; `Maybe` where one of them is.
pub(crate) fn any(answers: impl IntoIterator<Item = Answer>) -> Answer {
    let mut best = Answer::No;
    for answer in answers {
        match answer {
            Answer::Yes | Answer::Reversed => return answer,
            Answer::Maybe => best = Answer::Maybe,
            Answer::No => {}
        }
    }
    best
}

/// `Yes` only if all say so; `No` as soon as one does.
pub(crate) fn all(answers: impl IntoIterator<Item = Answer>) -> Answer {
    let mut worst = Answer::Yes;
    for answer in answers {
        match answer {
            Answer::No => return Answer::No,
            Answer::Maybe => worst = Answer::Maybe,
            Answer::Yes | Answer::Reversed => {}
        }
    }
    worst
}

/// The side that must speak first in `proto` over TCP, where the protocol says so.
#[must_use]
pub fn first_data_side(proto: AppProto) -> Option<Direction> {
    match proto {
        AppProto::Http1 | AppProto::Tls => Some(Direction::ToServer),
        _ => None,
    }
}
