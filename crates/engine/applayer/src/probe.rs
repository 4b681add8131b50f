//! Which protocol the first bytes of a side speak.
//!
//! Responsible for the byte patterns and probing parsers. Holds always: a pure function of the
//! bytes, the ports and the settings; the same bytes in more pieces give the same answer in the
//! end. Deliberately not here: what to do when the two sides disagree (see session).

use mimamori_base::Direction;

use crate::config::AppLayerConfig;
use crate::proto::AppProto;
use crate::session::Transport;

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
    Found { proto: AppProto, reverse: bool },
    /// More bytes may tell.
    Unsure,
    /// No protocol known here begins like this.
    No,
}

/// Asks the patterns and the probing parsers.
#[must_use]
pub fn probe(_p: &Probe<'_>, _config: &AppLayerConfig) -> Verdict {
    Verdict::Unsure
}

/// The side that must speak first in `proto` over TCP, where the protocol says so.
#[must_use]
pub fn first_data_side(proto: AppProto) -> Option<Direction> {
    match proto {
        AppProto::Http1 | AppProto::Tls => Some(Direction::ToServer),
        _ => None,
    }
}
