//! RFB, the protocol of VNC (RFC 6143), until the screen is shared.
//!
//! Responsible for one transaction a flow: versions, how the client proves itself, the desktop's
//! name. Holds always: a side is read step by step and of bytes that
//! cannot be read yet at most [`MAX_WAITING_BYTES`] are kept, of a text [`MAX_TEXT_BYTES`];
//! after the server's ServerInit, after a refusal or after a kind of login that is not read here
//! the rest of the flow is opaque.

use mimamori_base::{Direction, Timestamp};
use serde_json::{Map, Value, json};

use crate::event::AppEvent;
use crate::field::{Field, rfb_step};
use crate::parser::{Outcome, Parser, transactions_in};
use crate::pending::Pending;
use crate::reader::Reader;
use crate::session::Input;
use crate::text::{hex, printable};
use crate::transaction::Transaction;
use crate::txlist::TxList;

/// The longest reason or name, with mercy.
const MAX_TEXT_BYTES: usize = 64 * 1024;
/// More than the longest message of the handshake.
const MAX_WAITING_BYTES: usize = 2 * MAX_TEXT_BYTES;
const SECURITY_NONE: u32 = 1;
const SECURITY_VNC: u32 = 2;

/// What comes next, and from which side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    ServerVersion,
    ClientVersion,
    /// The server decides (3.3) or lists (3.7 and later).
    Security,
    Choice,
    Challenge,
    Response,
    Result,
    Reason,
    ClientInit,
    ServerInit,
    Over,
}

impl Step {
    const fn from(self) -> Option<Direction> {
        match self {
            Step::ClientVersion | Step::Choice | Step::Response | Step::ClientInit => {
                Some(Direction::ToServer)
            }
            Step::Over => None,
            _ => Some(Direction::ToClient),
        }
    }
}

/// The handshake of a flow.
#[derive(Debug, Default)]
pub struct RfbTx {
    id: u64,
    server_version: Option<(String, String)>,
    client_version: Option<(String, String)>,
    security: Option<u32>,
    challenge: Option<[u8; 16]>,
    response: Option<[u8; 16]>,
    result: Option<u32>,
    reason: Option<Vec<u8>>,
    shared: Option<bool>,
    size: Option<(u16, u16)>,
    name: Option<Vec<u8>>,
    events: Vec<AppEvent>,
    over: bool,
}

/// RFB of one flow.
#[derive(Debug)]
pub struct RfbParser {
    txs: TxList<RfbTx>,
    step: Step,
    sides: [Pending; 2],
}

impl Default for RfbParser {
    fn default() -> Self {
        Self::new()
    }
}

impl RfbParser {
    #[must_use]
    pub fn new() -> Self {
        let mut txs = TxList::new(1);
        txs.push_with(|id| RfbTx { id, ..RfbTx::default() });
        RfbParser { txs, step: Step::ServerVersion, sides: [Pending::default(), Pending::default()] }
    }

    fn side(&mut self, dir: Direction) -> &mut Pending {
        dir.of_mut(&mut self.sides)
    }

    /// Reads on for as long as whole messages of the expected side are there.
    fn advance(&mut self) {
        while let Some(dir) = self.step.from() {
            let joined = self.side(dir).take_joined(&[]);
            let mut r = Reader::new(&joined);
            let step = self.step;
            let next = self.txs.last_mut().and_then(|tx| tx.take(step, &mut r));
            let used = r.position();
            self.side(dir).restore(joined, if next.is_some() { used } else { 0 });
            let Some(next) = next else { return };
            self.step = next;
        }
        self.finish();
    }

    fn finish(&mut self) {
        self.step = Step::Over;
        self.sides.iter_mut().for_each(Pending::clear);
        if let Some(tx) = self.txs.last_mut() {
            tx.over = true;
        }
    }

    fn go_on(&self) -> Outcome {
        if self.step == Step::Over { Outcome::Opaque } else { Outcome::Continue }
    }
}

/// `RFB 003.008\n` as `("003", "008")`.
fn version(line: &[u8; 12]) -> Option<(String, String)> {
    let (major, minor) = (line.get(4..7)?, line.get(8..11)?);
    let digits = |b: &[u8]| b.iter().all(u8::is_ascii_digit).then(|| printable(b));
    (line.starts_with(b"RFB ") && line.get(7) == Some(&b'.')).then_some((digits(major)?, digits(minor)?))
}

/// A text with its length before it: `None` until it is whole, `Some(None)` where it is too long.
fn text(r: &mut Reader<'_>) -> Option<Option<Vec<u8>>> {
    match usize::try_from(r.u32()?) {
        Ok(length) if length <= MAX_TEXT_BYTES => Some(Some(r.take(length)?.to_vec())),
        _ => Some(None),
    }
}

impl RfbTx {
    /// Reads the message of `step`; `None` until it is whole, else the step after it.
    fn take(&mut self, step: Step, r: &mut Reader<'_>) -> Option<Step> {
        Some(match step {
            Step::ServerVersion => {
                self.server_version = version(&r.array()?);
                self.or_malformed(self.server_version.is_some(), Step::ClientVersion)
            }
            Step::ClientVersion => {
                self.client_version = version(&r.array()?);
                self.or_malformed(self.client_version.is_some(), Step::Security)
            }
            Step::Security if self.is_old() => self.secure(r.u32()?),
            Step::Security => match r.u8()? {
                0 => Step::Reason,
                n => {
                    r.take(usize::from(n))?;
                    Step::Choice
                }
            },
            Step::Choice => self.secure(u32::from(r.u8()?)),
            Step::Challenge => {
                self.challenge = Some(r.array()?);
                Step::Response
            }
            Step::Response => {
                self.response = Some(r.array()?);
                Step::Result
            }
            Step::Result => {
                let result = r.u32()?;
                self.result = Some(result);
                match result {
                    0 => Step::ClientInit,
                    _ if self.minor() < 8 => Step::Over,
                    _ => Step::Reason,
                }
            }
            Step::Reason => {
                self.reason = text(r)?;
                Step::Over
            }
            Step::ClientInit => {
                self.shared = Some(r.u8()? != 0);
                Step::ServerInit
            }
            Step::ServerInit => {
                let size = (r.u16()?, r.u16()?);
                r.take(16)?;
                self.name = text(r)?;
                self.size = Some(size);
                Step::Over
            }
            Step::Over => return None,
        })
    }

    fn or_malformed(&mut self, fine: bool, next: Step) -> Step {
        if fine {
            return next;
        }
        self.events.push("rfb.malformed_message");
        Step::Over
    }

    fn minor(&self) -> u32 {
        self.client_version.as_ref().and_then(|(_, minor)| minor.parse().ok()).unwrap_or(0)
    }

    /// Before version 3.7 the server alone decides.
    fn is_old(&self) -> bool {
        self.minor() < 7
    }

    fn secure(&mut self, kind: u32) -> Step {
        self.security = Some(kind);
        match kind {
            0 => Step::Reason,
            SECURITY_NONE if self.minor() >= 8 => Step::Result,
            SECURITY_NONE => Step::ClientInit,
            SECURITY_VNC => Step::Challenge,
            _ => {
                self.events.push("rfb.unimplemented_security_type");
                Step::Over
            }
        }
    }
}

impl Parser for RfbParser {
    fn feed(&mut self, dir: Direction, input: Input<'_>, _now: Timestamp) -> Outcome {
        match input {
            Input::Data(bytes) if self.step != Step::Over => {
                self.side(dir).push(bytes);
                self.advance();
                if self.side(dir).len() > MAX_WAITING_BYTES {
                    self.finish();
                }
            }
            Input::Data(_) => {}
            Input::Gap(_) | Input::End => self.finish(),
        }
        self.go_on()
    }

    transactions_in!(txs);
}

impl Transaction for RfbTx {
    fn id(&self) -> u64 {
        self.id
    }

    fn progress(&self, dir: Direction) -> u8 {
        match dir {
            _ if self.over => rfb_step::OVER,
            Direction::ToServer => u8::from(self.security.is_some()),
            Direction::ToClient => u8::from(self.result.is_some()),
        }
    }

    fn is_complete(&self, _dir: Direction) -> bool {
        self.over
    }

    fn events(&self) -> &[AppEvent] {
        &self.events
    }

    fn bytes(&self, field: Field, _dir: Direction, visit: &mut dyn FnMut(&[u8])) {
        if field == Field::RfbName {
            self.name.iter().for_each(|n| visit(n));
        }
    }

    fn numbers(&self, field: Field, _dir: Direction, visit: &mut dyn FnMut(u64)) {
        match field {
            Field::RfbSecType => self.security.into_iter().for_each(|s| visit(u64::from(s))),
            Field::RfbSecResult => self.result.into_iter().for_each(|r| visit(u64::from(r))),
            _ => {}
        }
    }

    fn event_type(&self) -> Option<&'static str> {
        Some("rfb")
    }

    fn log(&self, out: &mut Map<String, Value>) {
        let mut rfb = Map::new();
        let sides = [
            ("server_protocol_version", &self.server_version),
            ("client_protocol_version", &self.client_version),
        ];
        for (key, version) in sides {
            if let Some((major, minor)) = version {
                rfb.insert(key.into(), json!({ "major": major, "minor": minor }));
            }
        }
        let mut login = Map::new();
        if let Some(kind) = self.security {
            login.insert("security_type".into(), json!(kind));
        }
        if let (Some(challenge), Some(response)) = (&self.challenge, &self.response) {
            let vnc = json!({ "challenge": hex(challenge), "response": hex(response) });
            login.insert("vnc".into(), vnc);
        }
        if let Some(result) = self.result {
            let text = match result {
                0 => "OK".to_owned(),
                1 => "FAIL".to_owned(),
                2 => "TOOMANY".to_owned(),
                n => format!("UNKNOWN ({n})"),
            };
            login.insert("security_result".into(), json!(text));
        }
        if !login.is_empty() {
            rfb.insert("authentication".into(), Value::Object(login));
        }
        if let Some(reason) = &self.reason {
            rfb.insert("server_security_failure_reason".into(), json!(printable(reason)));
        }
        if let Some(shared) = self.shared {
            rfb.insert("screen_shared".into(), json!(shared));
        }
        if let (Some((width, height)), Some(name)) = (self.size, &self.name) {
            let screen = json!({ "width": width, "height": height, "name": printable(name) });
            rfb.insert("framebuffer".into(), screen);
        }
        out.insert("rfb".into(), Value::Object(rfb));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TALK: &[(Direction, &[u8])] = &[
        (Direction::ToClient, b"RFB 003.008\n"),
        (Direction::ToServer, b"RFB 003.008\n"),
        (Direction::ToClient, b"\x02\x01\x02"),
        (Direction::ToServer, b"\x02"),
        (Direction::ToClient, b"0123456789abcdef"),
        (Direction::ToServer, b"fedcba9876543210"),
        (Direction::ToClient, b"\0\0\0\0"),
        (Direction::ToServer, b"\x01"),
        (Direction::ToClient, b"\x04\0\x03\0pppppppppppppppp\0\0\0\x04desk"),
    ];

    fn parse(talk: &[(Direction, &[u8])], piece: usize) -> (String, u64) {
        let mut parser = RfbParser::new();
        for (dir, bytes) in talk {
            for part in bytes.chunks(piece) {
                parser.feed(*dir, Input::Data(part), Timestamp::EPOCH);
            }
        }
        let tx = parser.tx(0).unwrap();
        let (mut name, mut kind) = (String::new(), 0);
        tx.bytes(Field::RfbName, Direction::ToClient, &mut |b| name = printable(b));
        tx.numbers(Field::RfbSecType, Direction::ToServer, &mut |n| kind = n);
        (name, kind)
    }

    #[test]
    fn the_name_is_read_however_the_bytes_are_cut() {
        for piece in [1, 2, 3, 100] {
            assert_eq!(parse(TALK, piece), ("desk".to_owned(), 2));
        }
    }

    #[test]
    fn what_stands_behind_the_handshake_does_not_matter() {
        let mut talk = TALK.to_vec();
        let (dir, last) = talk.pop().unwrap();
        let screen = [last, &[0; 3 * MAX_TEXT_BYTES]].concat();
        talk.push((dir, &screen));
        for piece in [1000, usize::MAX] {
            assert_eq!(parse(&talk, piece), ("desk".to_owned(), 2));
        }
    }

    #[test]
    fn a_text_that_is_too_long_ends_it() {
        let mut talk = TALK.to_vec();
        talk.pop();
        let head = b"\x04\0\x03\0pppppppppppppppp\0\x02\0\0";
        let screen = [&head[..], &[b'n'; 2 << 16]].concat();
        talk.push((Direction::ToClient, &screen));
        for piece in [1000, usize::MAX] {
            assert_eq!(parse(&talk, piece), (String::new(), 2));
        }
    }

    #[test]
    fn an_unknown_login_ends_it() {
        let mut parser = RfbParser::new();
        for (dir, bytes) in &TALK[..3] {
            parser.feed(*dir, Input::Data(bytes), Timestamp::EPOCH);
        }
        assert_eq!(parser.feed(Direction::ToServer, Input::Data(&[30]), Timestamp::EPOCH), Outcome::Opaque);
        assert_eq!(parser.tx(0).unwrap().events(), ["rfb.unimplemented_security_type"]);
    }

    proptest! {
        #[test]
        fn never_panics(parts in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..40)), 0..12)) {
            let mut parser = RfbParser::new();
            parser.feed(Direction::ToClient, Input::Data(b"RFB 003.007\n"), Timestamp::EPOCH);
            for (client, bytes) in parts {
                let dir = if client { Direction::ToServer } else { Direction::ToClient };
                parser.feed(dir, Input::Data(&bytes), Timestamp::EPOCH);
            }
            let mut out = Map::new();
            parser.tx(0).unwrap().log(&mut out);
        }
    }
}
