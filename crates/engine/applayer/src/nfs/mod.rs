//! NFS versions 2 and 3 (RFC 1094, RFC 1813); of version 4 (RFC 7530) that it is called.
//!
//! Responsible for calls with their answers and for the files that reads and writes carry. Holds
//! always: one transaction for all reads (or all writes) of a file until it ends; at most
//! [`MAX_WAITING`] calls without an answer and [`MAX_NAMES`] names of handles are kept, the
//! oldest goes; over TCP a record of more than [`MAX_RECORD_BYTES`] is passed over to its last
//! fragment. Handles and names are bounded by [`call`].

pub mod call;
pub mod rpc;
mod transaction;

use std::collections::VecDeque;

use mimamori_base::{Direction, Timestamp};
use mimamori_files::{File, FileConfig, FileState, HashKinds, WindowConfig};

use self::call::{Call, Kind};
use self::rpc::Message;
use self::transaction::Content;
pub use self::transaction::NfsTx;
use crate::file_offsets::FileOffsets;
use crate::parser::{Outcome, Parser, transactions_in};
use crate::pending::Pending;
use crate::reader::Reader;
use crate::session::{Input, Transport};
use crate::txlist::TxList;

const PROGRAM: u32 = 100_003;
const MAX_WAITING: usize = 256;
const MAX_NAMES: usize = 256;
/// The largest read or write in use is 1 MB.
const MAX_RECORD_BYTES: usize = (1 << 20) + 4096;
/// Bytes of a file that rules look at.
const INSPECTED_BYTES: u64 = 1 << 20;
/// The last fragment of a record (RFC 5531 11).
const LAST_FRAGMENT: u32 = 1 << 31;

#[derive(Debug, Default)]
struct Side {
    pending: Pending,
    /// Fragments of the record that has begun.
    record: Vec<u8>,
    skip: usize,
    /// The rest of a record that is too long is passed over.
    over: bool,
    /// Where records begin is no longer known.
    lost: bool,
}

/// NFS of one flow.
#[derive(Debug)]
pub struct NfsParser {
    transport: Transport,
    config: FileConfig,
    txs: TxList<NfsTx>,
    /// Calls without an answer: number of the call, transaction, call.
    waiting: VecDeque<(u32, u64, Call)>,
    names: VecDeque<(Vec<u8>, Vec<u8>)>,
    sides: [Side; 2],
}

impl NfsParser {
    #[must_use]
    pub fn new(transport: Transport, max_tx: usize, hashes: HashKinds) -> Self {
        let window = WindowConfig::at_once(INSPECTED_BYTES, 4096);
        NfsParser {
            transport,
            config: FileConfig { hashes, window },
            txs: TxList::new(max_tx),
            waiting: VecDeque::new(),
            names: VecDeque::new(),
            sides: [Side::default(), Side::default()],
        }
    }

    fn side(&mut self, dir: Direction) -> &mut Side {
        dir.of_mut(&mut self.sides)
    }

    fn message(&mut self, dir: Direction, bytes: &[u8]) {
        match (dir, rpc::read(bytes)) {
            (Direction::ToServer, Some(Message::Call { xid, program, version, procedure, arguments }))
                // NULL only asks whether somebody is there.
                if program == PROGRAM && procedure != 0 => {
                    self.call(xid, call::read(version, procedure, arguments));
                }
            (Direction::ToClient, Some(Message::Reply { xid, results })) => self.reply(xid, results),
            _ => {}
        }
    }

    fn call(&mut self, xid: u32, (call, written): (Call, &[u8])) {
        let id = match call.kind {
            Kind::Read { .. } => self.file_tx(&call, Direction::ToClient),
            Kind::Write { offset } => {
                let id = self.file_tx(&call, Direction::ToServer);
                if let Some(tx) = self.txs.by_id_mut(id) {
                    tx.put(offset, written);
                }
                id
            }
            _ => self.open(&call, None),
        };
        if call.kind == Kind::Commit {
            self.close_files(Some(&call.handle), FileState::Closed);
        }
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back((xid, id, call));
    }

    /// The open file that `call` means, travelling `dir`; begun if there is none.
    fn file_tx(&mut self, call: &Call, dir: Direction) -> u64 {
        let same = |tx: &&NfsTx| {
            tx.is_open_file()
                && tx.call.handle == call.handle
                && tx.content.as_ref().is_some_and(|c| c.dir == dir)
        };
        if let Some(tx) = self.txs.iter().rev().find(same) {
            return tx.id;
        }
        self.open(call, Some(dir))
    }

    fn open(&mut self, call: &Call, file: Option<Direction>) -> u64 {
        self.txs.make_room();
        let name = if call.name.is_empty() { self.name_of(&call.handle) } else { call.name.clone() };
        let config = self.config;
        self.txs.push_with(|id| NfsTx {
            id,
            call: call.clone(),
            content: file.map(|dir| Content {
                dir,
                files: vec![File::open(&name, id, &config)],
                offsets: FileOffsets::default(),
            }),
            name,
            status: 0,
            answered: false,
        })
    }

    fn name_of(&self, handle: &[u8]) -> Vec<u8> {
        let found = self.names.iter().rev().find(|(h, _)| h == handle);
        found.map(|(_, name)| name.clone()).unwrap_or_default()
    }

    fn reply(&mut self, xid: u32, results: Option<&[u8]>) {
        let Some(at) = self.waiting.iter().position(|(x, ..)| *x == xid) else { return };
        let Some((_, id, call)) = self.waiting.remove(at) else { return };
        let answer = results.map(|bytes| call::answer(&call, bytes)).unwrap_or_default();
        if let Some(handle) = answer.handle.filter(|_| !call.name.is_empty()) {
            if self.names.len() >= MAX_NAMES {
                self.names.pop_front();
            }
            self.names.push_back((handle.to_vec(), call.name.clone()));
        }
        let Some(tx) = self.txs.by_id_mut(id) else { return };
        tx.status = answer.status;
        match (call.kind, answer.read) {
            (Kind::Read { offset }, Some((bytes, end))) => {
                tx.put(offset, bytes);
                // Version 2 does not say where a file ends: fewer bytes than asked for could.
                if end {
                    tx.close(FileState::Closed);
                }
            }
            (Kind::Read { .. } | Kind::Write { .. }, _) => {}
            _ => tx.answered = true,
        }
    }

    fn close_files(&mut self, handle: Option<&[u8]>, state: FileState) {
        let meant = |tx: &&mut NfsTx| tx.is_open_file() && handle.is_none_or(|h| h == tx.call.handle);
        self.txs.iter_mut().filter(meant).for_each(|tx| tx.close(state));
    }

    /// The records of a stream, each in one or more fragments.
    fn stream(&mut self, dir: Direction, bytes: &[u8]) {
        let side = self.side(dir);
        if side.lost {
            return;
        }
        let skipped = side.skip.min(bytes.len());
        side.skip -= skipped;
        let joined = side.pending.take_joined(bytes.get(skipped..).unwrap_or_default());
        let mut r = Reader::new(&joined);
        let mut used = 0;
        while self.fragment(dir, &mut r).is_some() {
            used = r.position();
        }
        self.side(dir).pending.restore(joined, used);
    }

    fn fragment(&mut self, dir: Direction, r: &mut Reader<'_>) -> Option<()> {
        let mark = r.u32()?;
        let length = usize::try_from(mark & !LAST_FRAGMENT).ok()?;
        let last = mark & LAST_FRAGMENT != 0;
        let side = self.side(dir);
        if side.over || side.record.len() + length > MAX_RECORD_BYTES {
            side.over = !last;
            side.record = Vec::new();
            let have = r.take_up_to(length).len();
            side.skip = length - have;
            return Some(());
        }
        let fragment = r.take(length)?;
        if !last {
            side.record.extend_from_slice(fragment);
        } else if side.record.is_empty() {
            self.message(dir, fragment);
        } else {
            let mut record = std::mem::take(&mut side.record);
            record.extend_from_slice(fragment);
            self.message(dir, &record);
        }
        Some(())
    }
}

impl Parser for NfsParser {
    fn feed(&mut self, dir: Direction, input: Input<'_>, _now: Timestamp) -> Outcome {
        match (input, self.transport) {
            (Input::Data(bytes), Transport::Udp) => self.message(dir, bytes),
            (Input::Data(bytes), Transport::Tcp) => self.stream(dir, bytes),
            (Input::Gap(_), _) => self.side(dir).lost = true,
            (Input::End, _) => self.close_files(None, FileState::Truncated),
        }
        Outcome::Continue
    }

    transactions_in!(txs);
}

#[cfg(test)]
mod tests {
    use mimamori_files::HashKinds;
    use proptest::prelude::*;

    use super::*;
    use crate::field::Field;
    use crate::transaction::Transaction;

    fn call(xid: u32, procedure: u32, arguments: &[u8]) -> Vec<u8> {
        let words = [xid, 0, 2, PROGRAM, 3, procedure, 0, 0, 0, 0];
        let mut m: Vec<u8> = words.iter().flat_map(|w| w.to_be_bytes()).collect();
        m.extend_from_slice(arguments);
        m
    }

    fn reply(xid: u32, results: &[u8]) -> Vec<u8> {
        let mut m: Vec<u8> = [xid, 1, 0, 0, 0, 0].iter().flat_map(|w| w.to_be_bytes()).collect();
        m.extend_from_slice(results);
        m
    }

    /// A read of the file "ab" in two calls.
    fn talk() -> Vec<(Direction, Vec<u8>)> {
        let read = |xid, at: u8| call(xid, 6, &[0, 0, 0, 4, 9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, at, 0, 0, 0, 2]);
        let data = |xid, end: u8, bytes: [u8; 2]| {
            reply(
                xid,
                &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, end, 0, 0, 0, 2, bytes[0], bytes[1], 0, 0],
            )
        };
        vec![
            (Direction::ToServer, call(1, 3, &[0, 0, 0, 4, 1, 1, 1, 1, 0, 0, 0, 2, b'a', b'b', 0, 0])),
            (Direction::ToClient, reply(1, &[0, 0, 0, 0, 0, 0, 0, 4, 9, 9, 9, 9, 0, 0, 0, 0])),
            (Direction::ToServer, read(2, 0)),
            (Direction::ToClient, data(2, 0, *b"MZ")),
            (Direction::ToServer, read(3, 2)),
            (Direction::ToClient, data(3, 1, *b"PE")),
        ]
    }

    fn check(parser: &NfsParser) {
        let procedures: Vec<u32> = parser.txs.iter().map(|t| t.call.procedure).collect();
        assert_eq!(procedures, [3, 6]);
        let tx = parser.txs.get(1).unwrap();
        let file = &tx.files(Direction::ToClient)[0];
        assert_eq!((file.name(), file.size(), file.state()), (&b"ab"[..], 4, FileState::Closed));
        let mut versions = Vec::new();
        tx.numbers(Field::NfsVersion, Direction::ToServer, &mut |n| versions.push(n));
        assert_eq!(versions, [3]);
    }

    #[test]
    fn reads_of_one_file_are_one_transaction() {
        let mut parser = NfsParser::new(Transport::Udp, 64, HashKinds::NONE);
        for (dir, bytes) in talk() {
            parser.feed(dir, Input::Data(&bytes), Timestamp::EPOCH);
        }
        check(&parser);
    }

    #[test]
    fn records_are_read_however_they_are_cut() {
        for (fragment, piece) in [(1000, 1), (7, 3), (16, 1000)] {
            let mut parser = NfsParser::new(Transport::Tcp, 64, HashKinds::NONE);
            for (dir, bytes) in talk() {
                let mut stream = Vec::new();
                let count = bytes.chunks(fragment).count();
                for (i, part) in bytes.chunks(fragment).enumerate() {
                    let last = if i + 1 == count { LAST_FRAGMENT } else { 0 };
                    stream.extend((last | u32::try_from(part.len()).unwrap()).to_be_bytes());
                    stream.extend_from_slice(part);
                }
                for part in stream.chunks(piece) {
                    parser.feed(dir, Input::Data(part), Timestamp::EPOCH);
                }
            }
            check(&parser);
        }
    }

    /// A fragment of the record `bytes`.
    fn fragment(bytes: &[u8], last: bool) -> Vec<u8> {
        let mark = u32::try_from(bytes.len()).unwrap() | if last { LAST_FRAGMENT } else { 0 };
        [&mark.to_be_bytes(), bytes].concat()
    }

    #[test]
    fn a_record_that_is_too_long_is_passed_over_to_its_end() {
        let inner = call(7, 12, &[0, 0, 0, 4, 1, 1, 1, 1, 0, 0, 0, 1, b'x', 0, 0, 0]);
        let stream =
            [fragment(&vec![0; MAX_RECORD_BYTES + 1], false), fragment(&inner, true), fragment(&inner, true)]
                .concat();
        for piece in [4096, stream.len()] {
            let mut parser = NfsParser::new(Transport::Tcp, 64, HashKinds::NONE);
            for part in stream.chunks(piece) {
                parser.feed(Direction::ToServer, Input::Data(part), Timestamp::EPOCH);
            }
            assert_eq!(parser.tx_count(), 1);
        }
    }

    #[test]
    fn handles_and_names_are_bounded() {
        let long = |n: u32| [&n.to_be_bytes()[..], &vec![b'a'; n as usize]].concat();
        let (of_handle, _) = call::read(3, 3, &[long(68), long(4)].concat());
        assert_eq!((of_handle.handle.len(), of_handle.name.len()), (0, 0));
        let (of_name, _) = call::read(3, 3, &[long(8), long(4096)].concat());
        assert_eq!((of_name.handle.len(), of_name.name.len()), (8, call::MAX_NAME_BYTES));
    }

    proptest! {
        #[test]
        fn never_panics(procedure in 0u32..30, arguments in prop::collection::vec(any::<u8>(), 0..120), results in prop::collection::vec(any::<u8>(), 0..120)) {
            let mut parser = NfsParser::new(Transport::Udp, 4, HashKinds::NONE);
            parser.feed(Direction::ToServer, Input::Data(&call(1, procedure, &arguments)), Timestamp::EPOCH);
            parser.feed(Direction::ToClient, Input::Data(&reply(1, &results)), Timestamp::EPOCH);
            parser.feed(Direction::ToServer, Input::Data(&arguments), Timestamp::EPOCH);
            parser.feed(Direction::ToServer, Input::End, Timestamp::EPOCH);
        }
    }
}
