//! SMB 1 messages (MS-CIFS 2.2, MS-SMB).

use mimamori_base::Direction;

use crate::reader::Reader;
use crate::smb::ntlmssp;
use crate::smb::pipe::looks_like_dcerpc;
use crate::smb::state::Table;
use crate::smb::state::{CommandHeader, Handle, State, Tree};
use crate::smb::text::utf16;
use crate::smb::transaction::{Create, Native, Status, Subject};

const FLAGS2_NT_STATUS: u16 = 0x4000;
const FLAGS2_UNICODE: u16 = 0x8000;
const NO_ANDX: u8 = 0xff;

mod command {
    pub const CLOSE: u8 = 0x04;
    pub const TRANS: u8 = 0x25;
    pub const TRANS2: u8 = 0x32;
    pub const READ_ANDX: u8 = 0x2e;
    pub const WRITE_ANDX: u8 = 0x2f;
    pub const NEGOTIATE: u8 = 0x72;
    pub const SESSION_SETUP: u8 = 0x73;
    pub const TREE_CONNECT: u8 = 0x75;
    pub const NT_CREATE: u8 = 0xa2;
}

/// What SMB 1 remembers beyond the shared state.
#[derive(Debug)]
pub struct Smb1 {
    /// READs that wait: by multiplex id and process id.
    reads: Table<u64, ([u8; 16], u64)>,
    pipe_calls: Table<u64, [u8; 16]>,
}

impl Default for Smb1 {
    fn default() -> Self {
        Smb1 { reads: Table::new(256), pipe_calls: Table::new(256) }
    }
}

struct Header {
    command: u8,
    status: Status,
    unicode: bool,
    response: bool,
    base: CommandHeader,
}

/// Parameter words and data of one command, with the message for offsets.
struct Block<'a> {
    words: &'a [u8],
    data: &'a [u8],
    /// Where the data begin in the message.
    data_at: usize,
    message: &'a [u8],
}

fn read_header(m: &[u8]) -> Option<Header> {
    let mut r = Reader::at(m, 4);
    let command = r.u8()?;
    let raw = r.array::<4>()?;
    let flags = r.u8()?;
    let flags2 = r.u16_le()?;
    let pid_high = r.u16_le()?;
    r.take(10)?;
    let (tree, pid_low, user, multiplex) = (r.u16_le()?, r.u16_le()?, r.u16_le()?, r.u16_le()?);
    let [class, _, low, high] = raw;
    let status = if flags2 & FLAGS2_NT_STATUS != 0 {
        Status::Nt(u32::from_le_bytes(raw))
    } else {
        Status::Dos(class, u16::from_le_bytes([low, high]))
    };
    let pid = (u64::from(pid_high) << 16) | u64::from(pid_low);
    let base = CommandHeader {
        version: 1,
        command: u16::from(command),
        message_id: (pid << 16) | u64::from(multiplex),
        session_id: u64::from(user),
        tree_id: u32::from(tree),
    };
    Some(Header { command, status, unicode: flags2 & FLAGS2_UNICODE != 0, response: flags & 0x80 != 0, base })
}

fn read_block(m: &[u8], at: usize) -> Option<Block<'_>> {
    let mut r = Reader::at(m, at);
    let words = usize::from(r.u8()?) * 2;
    let words = r.take(words)?;
    let length = usize::from(r.u16_le()?);
    let data_at = r.position();
    // Reads and writes of more than 64 KiB say their length elsewhere.
    let data = r.take(length).unwrap_or_else(|| r.rest());
    Some(Block { words, data, data_at, message: m })
}

fn word(words: &[u8], index: usize) -> Option<u16> {
    Reader::at(words, index * 2).u16_le()
}

fn u32_in(bytes: &[u8], at: usize) -> Option<u32> {
    Reader::at(bytes, at).u32_le()
}

/// A file id of two bytes in the shared table of sixteen.
fn file_id(fid: u16) -> [u8; 16] {
    let [a, b] = fid.to_le_bytes();
    let mut id = [0u8; 16];
    if let Some(start) = id.first_chunk_mut::<2>() {
        *start = [a, b];
    }
    id
}

/// A text at `at` of the message: UTF-16 is aligned to even offsets.
fn text_at(m: &[u8], at: usize, unicode: bool) -> Option<(Vec<u8>, usize)> {
    if !unicode {
        let rest = m.get(at..)?;
        let end = memchr::memchr(0, rest).unwrap_or(rest.len());
        return Some((rest.get(..end)?.to_vec(), at + end + 1));
    }
    let at = at + at % 2;
    let rest = m.get(at..)?;
    let units = rest.chunks_exact(2).position(|u| u == [0, 0]).unwrap_or(rest.len() / 2);
    Some((utf16(rest.get(..units * 2)?), at + units * 2 + 2))
}

impl Smb1 {
    pub fn message(&mut self, state: &mut State, dir: Direction, m: &[u8]) {
        let Some(h) = read_header(m) else { return };
        if h.response != (dir == Direction::ToClient) {
            state.event(None, if h.response { "smb.response_to_server" } else { "smb.request_to_client" });
            return;
        }
        match dir {
            Direction::ToServer => self.request(state, &h, m),
            Direction::ToClient => self.response(state, &h, m),
        }
    }

    fn request(&mut self, state: &mut State, h: &Header, m: &[u8]) {
        let mut at = 32;
        let mut command = h.command;
        // A chain of AndX commands is one message; each may carry files or names.
        for _ in 0..8 {
            let Some(b) = read_block(m, at) else { break };
            let c = CommandHeader { command: u16::from(command), ..h.base };
            self.one_request(state, h, &c, command, &b);
            let chained = matches!(command, 0x24 | 0x2d | 0x2e | 0x2f | 0x73 | 0x74 | 0x75 | 0xa2);
            let (Some(next), Some(offset)) = (b.words.first(), word(b.words, 1)) else { break };
            if !chained || *next == NO_ANDX || usize::from(offset) <= at {
                break;
            }
            command = *next;
            at = usize::from(offset);
        }
    }

    fn one_request(&mut self, state: &mut State, h: &Header, c: &CommandHeader, command: u8, b: &Block<'_>) {
        match command {
            command::NEGOTIATE => {
                let dialects: Vec<String> = b
                    .data
                    .split(|x| *x == 0)
                    .filter_map(|d| d.strip_prefix(&[2]))
                    .map(|d| String::from_utf8_lossy(d).into_owned())
                    .take(64)
                    .collect();
                state.smb1_offered.clone_from(&dialects);
                let id =
                    state.begin(c, Subject::Negotiate { dialects, client_guid: None, server_guid: None });
                let list = b.data.strip_suffix(&[0]).unwrap_or(b.data);
                if list.split(|x| *x == 0).any(|d| !matches!(d, [2, _, ..])) {
                    state.event(Some(id), "smb.negotiate_malformed_dialects");
                }
            }
            command::SESSION_SETUP => {
                let subject = session_setup(h, b).unwrap_or_default();
                state.begin(c, subject);
            }
            command::TREE_CONNECT => {
                let password = usize::from(word(b.words, 3).unwrap_or(0));
                let path = text_at(b.message, b.data_at + password, h.unicode);
                let share = path.map(|(p, _)| p).unwrap_or_default();
                let pipe = share.to_ascii_uppercase().ends_with(b"IPC$");
                state.begin(c, Subject::TreeConnect { share, pipe, share_type: None });
            }
            command::NT_CREATE => {
                let disposition = u32_in(b.words, 35).unwrap_or(0);
                let options = u32_in(b.words, 39).unwrap_or(0);
                let name = text_at(b.message, b.data_at, h.unicode).map(|(n, _)| n).unwrap_or_default();
                let create = Create {
                    name,
                    disposition,
                    directory: options & 1 != 0,
                    delete_on_close: options & 0x1000 != 0,
                    ..Create::default()
                };
                state.begin(c, Subject::Create(Box::new(create)));
            }
            command::CLOSE => {
                state.begin(c, Subject::Plain);
                if let Some(fid) = word(b.words, 0) {
                    state.close_file(file_id(fid));
                }
            }
            command::READ_ANDX => {
                if let (Some(fid), Some(offset)) = (word(b.words, 2), u32_in(b.words, 6)) {
                    let high = u32_in(b.words, 20).unwrap_or(0);
                    let offset = (u64::from(high) << 32) | u64::from(offset);
                    self.reads.insert(c.message_id, (file_id(fid), offset));
                }
            }
            command::WRITE_ANDX => write(state, c, b),
            command::TRANS => self.transact(state, h, c, b),
            command::TRANS2 => {}
            _ => drop(state.begin(c, Subject::Plain)),
        }
    }

    /// TRANS on a pipe carries DCE/RPC.
    fn transact(&mut self, state: &mut State, _h: &Header, c: &CommandHeader, b: &Block<'_>) {
        let count = usize::from(word(b.words, 11).unwrap_or(0));
        let offset = usize::from(word(b.words, 12).unwrap_or(0));
        let fid = word(b.words, 15);
        let data = b.message.get(offset..offset + count).unwrap_or_default();
        match fid {
            Some(fid) if word(b.words, 14) == Some(0x26) && looks_like_dcerpc(data) => {
                state.pipe_bytes(c, file_id(fid), Direction::ToServer, data);
                self.pipe_calls.insert(c.message_id, file_id(fid));
            }
            // Other transactions are the everyday traffic of browsing, not worth a record.
            _ => {}
        }
    }

    fn response(&mut self, state: &mut State, h: &Header, m: &[u8]) {
        let Some(b) = read_block(m, 32) else { return };
        let c = &h.base;
        match h.command {
            command::READ_ANDX => return self.read_answer(state, h, &b),
            command::WRITE_ANDX => {
                if let Some(tx) = state.writes.remove(&c.message_id).and_then(|id| state.txs.by_id_mut(id)) {
                    tx.status = Some(h.status);
                }
                return;
            }
            command::TRANS => {
                if let Some(id) = self.pipe_calls.remove(&c.message_id) {
                    let count = usize::from(word(b.words, 6).unwrap_or(0));
                    let offset = usize::from(word(b.words, 7).unwrap_or(0));
                    let data = m.get(offset..offset + count).unwrap_or_default();
                    return state.pipe_bytes(c, id, Direction::ToClient, data);
                }
            }
            _ => {}
        }
        if h.command == command::NEGOTIATE {
            let chosen = word(b.words, 0).and_then(|i| state.smb1_offered.get(usize::from(i)));
            state.smb1_dialect = chosen.cloned();
        }
        answer(state, h, &b);
    }

    fn read_answer(&mut self, state: &mut State, h: &Header, b: &Block<'_>) {
        let Some((id, offset)) = self.reads.remove(&h.base.message_id) else { return };
        let length =
            usize::from(word(b.words, 5).unwrap_or(0)) | (usize::from(word(b.words, 7).unwrap_or(0)) << 16);
        let at = usize::from(word(b.words, 6).unwrap_or(0));
        let rest = b.message.get(at..).unwrap_or_default();
        let bytes = rest.get(..length).unwrap_or(rest);
        if bytes.is_empty() {
            return;
        }
        if state.is_pipe(h.base.tree_id, &id, bytes) {
            return state.pipe_bytes(&h.base, id, Direction::ToClient, bytes);
        }
        let tx = state.file_tx(&h.base, id, Direction::ToClient);
        if let Some(tx) = state.txs.by_id_mut(tx) {
            tx.status = Some(h.status);
        }
        state.file_bytes(tx, offset, bytes);
    }
}

fn write(state: &mut State, c: &CommandHeader, b: &Block<'_>) {
    let (Some(fid), Some(low)) = (word(b.words, 2), u32_in(b.words, 6)) else { return };
    let high = u32_in(b.words, 24).unwrap_or(0);
    let offset = (u64::from(high) << 32) | u64::from(low);
    let length =
        usize::from(word(b.words, 10).unwrap_or(0)) | (usize::from(word(b.words, 9).unwrap_or(0)) << 16);
    let at = usize::from(word(b.words, 11).unwrap_or(0));
    let rest = b.message.get(at..).unwrap_or_default();
    let bytes = rest.get(..length).unwrap_or(rest);
    let id = file_id(fid);
    if state.is_pipe(c.tree_id, &id, bytes) {
        return state.pipe_bytes(c, id, Direction::ToServer, bytes);
    }
    let tx = state.file_tx(c, id, Direction::ToServer);
    state.writes.insert(c.message_id, tx);
    state.file_bytes(tx, offset, bytes);
}

fn session_setup(h: &Header, b: &Block<'_>) -> Option<Subject> {
    let extended = b.words.len() == 24;
    let (blob, texts_at, first_texts) = if extended {
        let length = usize::from(word(b.words, 7)?);
        (b.data.get(..length).unwrap_or_default(), b.data_at + length, 0)
    } else {
        let lengths = usize::from(word(b.words, 7)?) + usize::from(word(b.words, 8)?);
        (&[][..], b.data_at + lengths, 2)
    };
    let mut at = texts_at;
    for _ in 0..first_texts {
        at = text_at(b.message, at, h.unicode)?.1;
    }
    Some(Subject::SessionSetup {
        ntlmssp: ntlmssp::find(blob),
        request_native: native(b.message, at, h.unicode),
        response_native: None,
    })
}

fn native(m: &[u8], at: usize, unicode: bool) -> Option<Native> {
    let (os, at) = text_at(m, at, unicode)?;
    let lan_manager = text_at(m, at, unicode).map(|(t, _)| t).unwrap_or_default();
    Some(Native { os, lan_manager })
}

fn answer(state: &mut State, h: &Header, b: &Block<'_>) {
    let Some(id) = state.waiting(&h.base) else { return };
    let dialect = state.dialect_text();
    let Some(tx) = state.txs.by_id_mut(id) else { return };
    tx.status = Some(h.status);
    tx.answered = true;
    tx.dialect = dialect;
    let ok = matches!(h.status, Status::Nt(0) | Status::Dos(0, _));
    match &mut tx.subject {
        Subject::SessionSetup { response_native, .. } => {
            let skip = if b.words.len() == 8 { usize::from(word(b.words, 3).unwrap_or(0)) } else { 0 };
            *response_native = native(b.message, b.data_at + skip, h.unicode);
        }
        Subject::TreeConnect { share, pipe, share_type } if ok => {
            let service = text_at(b.message, b.data_at, false).map(|(s, _)| s).unwrap_or_default();
            *pipe = service == b"IPC";
            *share_type = Some(if *pipe { "PIPE" } else { "FILE" });
            tx.tree_id = h.base.tree_id;
            let tree = Tree { share: share.clone(), pipe: *pipe };
            state.trees.insert(h.base.tree_id, tree);
        }
        Subject::Create(create) if ok => {
            // Words: AndX (4), oplock (1), then the file id.
            if let Some(fid) = Reader::at(b.words, 5).u16_le() {
                create.file_id = Some(file_id(fid));
                let handle = Handle { name: create.name.clone(), tree_id: tx.tree_id };
                state.handles.insert(file_id(fid), handle);
            }
        }
        _ => {}
    }
}
