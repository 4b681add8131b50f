//! SMB 1, 2 and 3 over TCP (MS-SMB, MS-SMB2), with the files and pipes inside.
//!
//! Holds always: messages up to [`MAX_MESSAGE_BYTES`] are read whole; of longer ones only reads
//! and writes are followed, byte by byte; what is encrypted is passed over.

mod log;
pub mod ntlmssp;
mod pipe;
mod smb1;
pub mod smb2;
mod state;
#[cfg(test)]
mod tests;
pub mod text;
mod transaction;

use mimamori_base::{Direction, Timestamp};

use crate::config::AppLayerConfig;
use crate::parser::{Outcome, Parser};
use crate::pending::Pending;
use crate::reader::Reader;
use crate::session::Input;
use crate::smb::smb2::{HEADER_BYTES, Header};
use crate::smb::state::State;
pub use crate::smb::transaction::SmbTx;
use crate::transaction::Transaction;

/// Messages kept until they are whole.
const MAX_MESSAGE_BYTES: usize = 256 * 1024;
/// From so many bytes of a message on its file bytes are followed without waiting for the rest.
const STREAM_FROM_BYTES: usize = 512;

/// File bytes of a message that still come.
#[derive(Debug)]
struct Following {
    tx: u64,
    offset: u64,
    left: u64,
    /// Bytes of the message behind the file's.
    tail: u64,
}

#[derive(Debug, Default)]
struct Side {
    pending: Pending,
    following: Option<Following>,
    skip: u64,
    /// Bytes were lost: look for the next message.
    lost: bool,
}

/// SMB of one flow.
#[derive(Debug)]
pub struct SmbParser {
    state: State,
    smb1: smb1::Smb1,
    sides: [Side; 2],
}

enum Framed {
    /// So many bytes were used.
    Used(usize),
    NeedMore,
    Broken,
}

impl SmbParser {
    #[must_use]
    pub fn new(config: &AppLayerConfig) -> Self {
        SmbParser {
            state: State::new(config),
            smb1: smb1::Smb1::default(),
            sides: [Side::default(), Side::default()],
        }
    }

    fn side(&mut self, dir: Direction) -> &mut Side {
        dir.of_mut(&mut self.sides)
    }

    fn take(&mut self, dir: Direction, bytes: &[u8]) -> Outcome {
        let already = self.follow(dir, bytes);
        let joined = self.side(dir).pending.take_joined(bytes.get(already..).unwrap_or_default());
        let mut used = 0;
        let mut outcome = Outcome::Continue;
        if self.side(dir).lost {
            match find_message(&joined) {
                Some(at) => {
                    used = at;
                    self.side(dir).lost = false;
                }
                None => used = joined.len().saturating_sub(8),
            }
        }
        while let Some(rest) = joined.get(used..).filter(|r| !r.is_empty()) {
            if self.side(dir).lost {
                break;
            }
            match self.frame(dir, rest) {
                Framed::NeedMore => break,
                Framed::Broken => {
                    outcome = Outcome::Failed;
                    break;
                }
                Framed::Used(n) => {
                    used += n;
                    let rest = joined.get(used..).unwrap_or_default();
                    used += self.follow(dir, rest);
                }
            }
        }
        self.side(dir).pending.restore(joined, used);
        if outcome == Outcome::Failed {
            self.state.finish();
        }
        outcome
    }

    /// Takes bytes that belong to a message begun before; gives how many.
    fn follow(&mut self, dir: Direction, bytes: &[u8]) -> usize {
        let mut used = 0;
        if let Some(mut following) = self.side(dir).following.take() {
            let n = usize::try_from(following.left).unwrap_or(usize::MAX).min(bytes.len());
            let run = bytes.get(..n).unwrap_or_default();
            self.state.file_bytes(following.tx, following.offset, run);
            following.offset += n as u64;
            following.left -= n as u64;
            used = n;
            if following.left > 0 {
                self.side(dir).following = Some(following);
            } else {
                self.side(dir).skip = following.tail;
            }
        }
        let side = self.side(dir);
        let rest = (bytes.len() - used) as u64;
        let skipped = side.skip.min(rest);
        side.skip -= skipped;
        used + usize::try_from(skipped).unwrap_or(0)
    }

    /// Reads one message with its NetBIOS header (RFC 1002 4.3.1).
    fn frame(&mut self, dir: Direction, rest: &[u8]) -> Framed {
        let mut r = Reader::new(rest);
        let (Some(kind), Some(length)) = (r.u8(), r.u24()) else { return Framed::NeedMore };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if !matches!(kind, 0 | 0x81..=0x85) {
            return Framed::Broken;
        }
        let body = r.rest();
        if let Some(message) = body.get(..length) {
            if kind == 0 {
                self.message(dir, message);
            }
            return Framed::Used(4 + length);
        }
        if kind == 0
            && body.len() >= STREAM_FROM_BYTES
            && let Some(n) = self.begin_following(dir, body, length)
        {
            return Framed::Used(4 + n);
        }
        if length > MAX_MESSAGE_BYTES {
            self.state.event(None, "smb.record_overflow");
            self.side(dir).skip = length as u64;
            return Framed::Used(4);
        }
        Framed::NeedMore
    }

    /// Follows the file bytes of a READ answer or WRITE whose end has not come.
    fn begin_following(&mut self, dir: Direction, body: &[u8], length: usize) -> Option<usize> {
        let header = Header::read(body)?;
        if header.next != 0 || header.is_response() != (dir == Direction::ToClient) {
            return None;
        }
        let run = self.state.smb2_data(&header, body, dir)?;
        let end = run.at as u64 + run.length;
        if self.state.is_pipe(header.command.tree_id, &run.file_id, run.bytes)
            || end > length as u64
            || run.at < HEADER_BYTES
        {
            return None;
        }
        let here = run.bytes.len();
        let (tx, taken) = self.state.take_data(&header, &run, dir)?;
        let used = run.at + here;
        let following = Following {
            tx,
            offset: run.offset + here as u64,
            left: run.length - here as u64,
            tail: length as u64 - end,
        };
        if dir == Direction::ToClient {
            self.state.reads.remove(&header.command.message_id);
        }
        match following.left {
            0 => self.side(dir).skip = (length - used) as u64,
            _ if !taken => self.side(dir).skip = (length - used) as u64,
            _ => self.side(dir).following = Some(following),
        }
        Some(used)
    }

    fn message(&mut self, dir: Direction, message: &[u8]) {
        if message.starts_with(b"\xffSMB") {
            self.smb1.message(&mut self.state, dir, message);
            return;
        }
        let mut rest = message;
        while let Some(header) = Header::read(rest) {
            let next = header.next;
            let one = if next == 0 { rest } else { rest.get(..next).unwrap_or(rest) };
            let sent_by = if header.is_response() { Direction::ToClient } else { Direction::ToServer };
            if sent_by == dir {
                self.state.smb2_message(&header, one, dir);
            } else {
                let event =
                    if header.is_response() { "smb.response_to_server" } else { "smb.request_to_client" };
                self.state.event(None, event);
            }
            if next < HEADER_BYTES {
                break;
            }
            rest = rest.get(next..).unwrap_or_default();
        }
    }
}

/// Where a message begins, after bytes were lost.
fn find_message(bytes: &[u8]) -> Option<usize> {
    bytes.windows(8).position(|w| {
        w.first() == Some(&0) && matches!(w.get(4..8), Some(b"\xfeSMB" | b"\xffSMB" | b"\xfdSMB"))
    })
}

impl Parser for SmbParser {
    fn feed(&mut self, dir: Direction, input: Input<'_>, _now: Timestamp) -> Outcome {
        match input {
            Input::Data(bytes) => return self.take(dir, bytes),
            Input::Gap(n) => {
                let side = self.side(dir);
                side.pending.clear();
                let inside = side.following.as_ref().map_or(side.skip, |f| f.left + f.tail);
                match side.following.take() {
                    Some(mut f) if n <= f.left => {
                        f.offset += n;
                        f.left -= n;
                        side.following = Some(f);
                    }
                    _ if n <= inside => side.skip = inside - n,
                    _ => {
                        side.skip = 0;
                        side.lost = true;
                    }
                }
            }
            Input::End if dir == Direction::ToClient => self.state.finish(),
            Input::End => {}
        }
        Outcome::Continue
    }

    fn tx_count(&self) -> usize {
        self.state.txs.len()
    }

    fn tx(&self, index: usize) -> Option<&dyn Transaction> {
        self.state.txs.dyn_get(index)
    }

    fn tx_mut(&mut self, index: usize) -> Option<&mut dyn Transaction> {
        self.state.txs.dyn_get_mut(index)
    }

    fn retire(&mut self, id: u64) {
        self.state.txs.retire(id);
    }
}
