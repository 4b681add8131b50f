//! WebSocket (RFC 6455, RFC 7692): frames over a connection that HTTP/1 has handed over.
//!
//! Holds always: one transaction a frame; the last frame of a fragmented message carries the
//! whole message, control frames between its fragments leave it alone; at most
//! [`MAX_MESSAGE_BYTES`] of a frame and of a message are kept. Messages that are deflated are
//! inspected as they were before.

use mimamori_base::{Direction, Timestamp};
use mimamori_files::decode::MessageInflate;
use serde_json::{Map, Value, json};

use crate::event::AppEvent;
use crate::field::{Field, Sides};
use crate::parser::{Outcome, Parser, transactions_in};
use crate::pending::Pending;
use crate::reader::Reader;
use crate::session::Input;
use crate::text::printable;
use crate::transaction::Transaction;
use crate::txlist::TxList;

/// Bytes kept of one frame and of one message.
pub const MAX_MESSAGE_BYTES: usize = 64 << 10;

const FIN: u8 = 0x80;
/// The first reserved bit: the message is deflated (RFC 7692 6).
const COMPRESSED: u8 = 0x40;

/// What stands before a frame's payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Head {
    /// FIN and the reserved bits, where they stand on the wire.
    flags: u8,
    opcode: u8,
    mask: Option<[u8; 4]>,
    bytes: u64,
}

impl Head {
    /// The head and its length; `None` where it has not come whole.
    fn read(bytes: &[u8]) -> Option<(Head, usize)> {
        let mut r = Reader::new(bytes);
        let (first, second) = (r.u8()?, r.u8()?);
        let length = match second & 0x7f {
            126 => u64::from(r.u16()?),
            127 => r.u64()?,
            short => u64::from(short),
        };
        let mask = if second & 0x80 != 0 { Some(r.array()?) } else { None };
        Some((Head { flags: first & 0xf0, opcode: first & 0x0f, mask, bytes: length }, r.position()))
    }

    /// Control frames have the high bit of the opcode set and are never fragmented (5.4).
    fn is_control(self) -> bool {
        self.opcode & 8 != 0
    }

    fn unmask(self, payload: &[u8]) -> Vec<u8> {
        match self.mask {
            Some(key) => payload.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k).collect(),
            None => payload.to_vec(),
        }
    }
}

/// One side's stream.
#[derive(Debug, Default)]
struct Side {
    pending: Pending,
    /// Bytes of a long frame still to be passed over.
    skip_bytes: u64,
    /// Fragments of a message that has not ended.
    message: Vec<u8>,
    open: bool,
    /// The open message is deflated.
    compressed: bool,
    inflate: Option<MessageInflate>,
}

impl Side {
    /// Undoes permessage-deflate. The dictionary lives on from message to message, as both ends
    /// keep it unless they agreed not to; then nothing refers back and it does no harm.
    fn inflated(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        self.inflate.get_or_insert_default().message(message, MAX_MESSAGE_BYTES)
    }
}

/// WebSocket of one flow.
#[derive(Debug)]
pub struct WebSocketParser {
    txs: TxList<WebSocketTx>,
    sides: [Side; 2],
}

impl WebSocketParser {
    #[must_use]
    pub fn new(max_tx: usize) -> Self {
        WebSocketParser { txs: TxList::new(max_tx), sides: [Side::default(), Side::default()] }
    }

    fn side(&mut self, dir: Direction) -> &mut Side {
        let [server, client] = &mut self.sides;
        if dir == Direction::ToServer { server } else { client }
    }

    fn take(&mut self, dir: Direction, bytes: &[u8]) {
        let side = self.side(dir);
        let skipped = usize::try_from(side.skip_bytes).unwrap_or(usize::MAX).min(bytes.len());
        side.skip_bytes -= skipped as u64;
        let joined = side.pending.take_joined(bytes.get(skipped..).unwrap_or_default());
        let mut used = 0;
        loop {
            let rest = joined.get(used..).unwrap_or_default();
            let Some((head, head_bytes)) = Head::read(rest) else { break };
            let wanted = usize::try_from(head.bytes).unwrap_or(usize::MAX).min(MAX_MESSAGE_BYTES);
            let Some(payload) = rest.get(head_bytes..head_bytes + wanted) else { break };
            used += head_bytes + wanted;
            let beyond = head.bytes - wanted as u64;
            let here = usize::try_from(beyond).unwrap_or(usize::MAX).min(joined.len() - used);
            used += here;
            self.side(dir).skip_bytes = beyond - here as u64;
            self.frame(dir, head, payload, beyond > 0);
        }
        self.side(dir).pending.restore(joined, used);
    }

    fn frame(&mut self, dir: Direction, head: Head, payload: &[u8], cut: bool) {
        let mut events: Vec<AppEvent> = Vec::new();
        if cut {
            events.push("websocket.skip_end_of_payload");
        }
        let mut payload = head.unmask(payload);
        let mut compressed = head.flags & COMPRESSED != 0;
        if !head.is_control() {
            let side = self.side(dir);
            let last = head.flags & FIN != 0;
            if head.opcode != 0 {
                side.message.clear();
                side.compressed = compressed;
            }
            compressed = side.compressed;
            if !last || side.open {
                if side.message.len() + payload.len() > MAX_MESSAGE_BYTES {
                    events.push("websocket.reassembly_limit_reached");
                } else {
                    side.message.extend_from_slice(&payload);
                }
            }
            if last && side.open {
                payload = std::mem::take(&mut side.message);
            }
            side.open = !last;
            if last
                && compressed
                && let Some(plain) = side.inflated(&payload)
            {
                payload = plain;
            }
        }
        self.txs.make_room();
        let flags = head.flags & !COMPRESSED | if compressed { COMPRESSED } else { 0 };
        self.txs.push_with(|id| WebSocketTx { id, dir, head: Head { flags, ..head }, payload, events });
    }
}

impl Parser for WebSocketParser {
    fn feed(&mut self, dir: Direction, input: Input<'_>, _now: Timestamp) -> Outcome {
        match input {
            Input::Data(bytes) => self.take(dir, bytes),
            Input::Gap(lost) => {
                let side = self.side(dir);
                // Frames have nothing to find their begin by: only inside a payload can bytes miss.
                if side.skip_bytes < lost {
                    return Outcome::Failed;
                }
                side.skip_bytes -= lost;
            }
            Input::End => {}
        }
        Outcome::Continue
    }

    transactions_in!(txs);
}

/// One frame.
#[derive(Debug)]
struct WebSocketTx {
    id: u64,
    dir: Direction,
    head: Head,
    payload: Vec<u8>,
    events: Vec<AppEvent>,
}

fn opcode_name(opcode: u8) -> Option<&'static str> {
    Some(match opcode {
        0 => "continuation",
        1 => "text",
        2 => "binary",
        8 => "close",
        9 => "ping",
        10 => "pong",
        _ => return None,
    })
}

impl Transaction for WebSocketTx {
    fn id(&self) -> u64 {
        self.id
    }

    fn sides(&self) -> Sides {
        Sides::of(self.dir)
    }

    fn events(&self) -> &[AppEvent] {
        &self.events
    }

    fn bytes(&self, field: Field, _dir: Direction, visit: &mut dyn FnMut(&[u8])) {
        if field == Field::WebSocketPayload {
            visit(&self.payload);
        }
    }

    fn numbers(&self, field: Field, _dir: Direction, visit: &mut dyn FnMut(u64)) {
        match field {
            Field::WebSocketOpcode => visit(self.head.opcode.into()),
            Field::WebSocketMask => {
                self.head.mask.iter().for_each(|m| visit(u32::from_be_bytes(*m).into()));
            }
            Field::WebSocketFlags => visit(self.head.flags.into()),
            _ => {}
        }
    }

    fn event_type(&self) -> Option<&'static str> {
        Some("websocket")
    }

    fn log(&self, out: &mut Map<String, Value>) {
        let mut object = Map::new();
        object.insert("fin".into(), json!(self.head.flags & FIN != 0));
        if let Some(mask) = self.head.mask {
            object.insert("mask".into(), json!(u32::from_be_bytes(mask)));
        }
        let name = opcode_name(self.head.opcode)
            .map_or_else(|| format!("unknown-{}", self.head.opcode), str::to_owned);
        object.insert("opcode".into(), json!(name));
        out.insert("websocket".into(), Value::Object(object));
    }

    fn log_in_alert(&self, out: &mut Map<String, Value>) {
        self.log(out);
        if let Some(Value::Object(object)) = out.get_mut("websocket") {
            object.insert("payload_printable".into(), json!(printable(&self.payload)));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(pieces: &[&[u8]]) -> WebSocketParser {
        let mut parser = WebSocketParser::new(64);
        for piece in pieces {
            parser.feed(Direction::ToServer, Input::Data(piece), Timestamp::EPOCH);
        }
        parser
    }

    fn seen(parser: &WebSocketParser) -> Vec<(u8, Vec<u8>)> {
        parser.txs.iter().map(|t| (t.head.opcode, t.payload.clone())).collect()
    }

    #[test]
    fn masked_and_fragmented_with_a_ping_between() {
        // RFC 6455 5.7: a masked "Hello", then a fragmented one.
        let masked = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        assert_eq!(seen(&run(&[masked])), [(1, b"Hello".to_vec())]);
        let pieces: [&[u8]; 3] = [b"\x01\x03Hel", b"\x89\x02hi", b"\x80\x02lo"];
        let want = [(1, b"Hel".to_vec()), (9, b"hi".to_vec()), (0, b"Hello".to_vec())];
        assert_eq!(seen(&run(&pieces)), want);
    }

    #[test]
    fn deflated_messages_share_their_dictionary() {
        // RFC 7692 7.2.3.1 and 7.2.3.2.
        let first = b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00";
        let second = b"\xc1\x05\xf2\x00\x11\x00\x00";
        let want = [(1, b"Hello".to_vec()), (1, b"Hello".to_vec())];
        assert_eq!(seen(&run(&[first, second])), want);
    }

    #[test]
    fn a_long_frame_is_kept_in_part_and_the_next_one_found() {
        let mut long = b"\x82\x7f\x00\x00\x00\x00\x00\x02\x00\x00".to_vec();
        long.extend(vec![7; 0x2_0000]);
        long.extend(b"\x81\x01x");
        let parser = run(&[&long[..70_000], &long[70_000..]]);
        let all = seen(&parser);
        assert_eq!((all.len(), all[0].1.len()), (2, MAX_MESSAGE_BYTES));
        assert_eq!(all[1], (1, b"x".to_vec()));
        assert_eq!(parser.txs.get(0).unwrap().events, ["websocket.skip_end_of_payload"]);
    }

    proptest! {
        #[test]
        fn never_panics_and_any_cut_gives_the_same(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            at in any::<prop::sample::Index>(),
        ) {
            let at = at.index(bytes.len() + 1);
            prop_assert_eq!(seen(&run(&[&bytes])), seen(&run(&[&bytes[..at], &bytes[at..]])));
        }
    }
}
