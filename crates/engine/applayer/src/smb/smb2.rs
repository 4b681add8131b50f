//! SMB 2 and 3 messages (MS-SMB2 2.2).
//!
//! Holds always: offsets inside a message are checked against it; a command that cannot be read
//! becomes a plain transaction.

use mimamori_base::Direction;

use crate::reader::Reader;
use crate::smb::ntlmssp;
use crate::smb::pipe::looks_like_dcerpc;
use crate::smb::state::{CommandHeader, Handle, Read, State, Tree};
use crate::smb::text::{dialect_text, unix_seconds, utf16};
use crate::smb::transaction::{Create, Status, Subject};

pub const HEADER_BYTES: usize = 64;
const FLAG_RESPONSE: u32 = 1;
const FLAG_ASYNC: u32 = 2;
const STATUS_PENDING: u32 = 0x0103;
const STATUS_MORE_PROCESSING: u32 = 0xc000_0016;

/// Commands.
pub mod command {
    pub const NEGOTIATE: u16 = 0;
    pub const SESSION_SETUP: u16 = 1;
    pub const TREE_CONNECT: u16 = 3;
    pub const CREATE: u16 = 5;
    pub const CLOSE: u16 = 6;
    pub const READ: u16 = 8;
    pub const WRITE: u16 = 9;
    pub const IOCTL: u16 = 11;
    pub const GET_INFO: u16 = 16;
    pub const SET_INFO: u16 = 17;
}

/// The header of a message.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    pub status: u32,
    pub flags: u32,
    pub next: usize,
    pub command: CommandHeader,
}

impl Header {
    #[must_use]
    pub fn read(message: &[u8]) -> Option<Header> {
        if message.len() < HEADER_BYTES || !message.starts_with(b"\xfeSMB") {
            return None;
        }
        let mut r = Reader::at(message, 8);
        let status = r.u32_le()?;
        let command = r.u16_le()?;
        r.u16_le()?;
        let flags = r.u32_le()?;
        let next = usize::try_from(r.u32_le()?).ok()?;
        let message_id = r.u64_le()?;
        r.u32_le()?;
        let tree_id = if flags & FLAG_ASYNC != 0 { r.u32_le().map(|_| 0)? } else { r.u32_le()? };
        let session_id = r.u64_le()?;
        let command = CommandHeader { version: 2, command, message_id, session_id, tree_id };
        Some(Header { status, flags, next, command })
    }

    #[must_use]
    pub fn is_response(&self) -> bool {
        self.flags & FLAG_RESPONSE != 0
    }
}

/// A run of bytes inside a message, by offset and length from the header's start.
fn inside(message: &[u8], offset: u32, length: u32) -> Option<&[u8]> {
    let from = usize::try_from(offset).ok()?;
    let to = from.checked_add(usize::try_from(length).ok()?)?;
    message.get(from..to)
}

fn u16_at(message: &[u8], at: usize) -> Option<u16> {
    Reader::at(message, at).u16_le()
}

fn u32_at(message: &[u8], at: usize) -> Option<u32> {
    Reader::at(message, at).u32_le()
}

fn u64_at(message: &[u8], at: usize) -> Option<u64> {
    Reader::at(message, at).u64_le()
}

fn id_at(message: &[u8], at: usize) -> Option<[u8; 16]> {
    Reader::at(message, at).array()
}

/// File bytes of a READ answer or a WRITE, of which the start may have come only.
#[derive(Clone, Copy, Debug)]
pub struct DataRun<'a> {
    pub file_id: [u8; 16],
    pub offset: u64,
    /// All bytes that belong to it.
    pub length: u64,
    /// Those that are here.
    pub bytes: &'a [u8],
    /// Where they begin in the message.
    pub at: usize,
}

impl State {
    /// The bytes of a file that a message carries.
    pub fn smb2_data<'a>(&mut self, h: &Header, message: &'a [u8], dir: Direction) -> Option<DataRun<'a>> {
        match (h.command.command, dir) {
            (command::WRITE, Direction::ToServer) => {
                let at = usize::from(u16_at(message, 66)?);
                let length = u64::from(u32_at(message, 68)?);
                let (offset, file_id) = (u64_at(message, 72)?, id_at(message, 80)?);
                let rest = message.get(at..)?;
                let bytes = rest.get(..usize::try_from(length).ok()?).unwrap_or(rest);
                Some(DataRun { file_id, offset, length, bytes, at })
            }
            (command::READ, Direction::ToClient) if h.status == 0 || h.status == 0x8000_0005 => {
                let read = *self.reads.get(&h.command.message_id)?;
                let at = usize::from(*message.get(66)?);
                let length = u64::from(u32_at(message, 68)?);
                let rest = message.get(at..)?;
                let bytes = rest.get(..usize::try_from(length).ok()?).unwrap_or(rest);
                Some(DataRun { file_id: read.file_id, offset: read.offset, length, bytes, at })
            }
            _ => None,
        }
    }

    /// Whether the bytes of a file id are a pipe's.
    pub fn is_pipe(&self, tree_id: u32, file_id: &[u8; 16], bytes: &[u8]) -> bool {
        let tree_id = self.handles.get(file_id).map_or(tree_id, |h| h.tree_id);
        match self.trees.get(&tree_id) {
            Some(tree) => tree.pipe,
            None => self.pipes.get(file_id).is_some() || looks_like_dcerpc(bytes),
        }
    }

    /// Takes one whole message (one element of a compound).
    pub fn smb2_message(&mut self, h: &Header, message: &[u8], dir: Direction) {
        match dir {
            Direction::ToServer => self.smb2_request(h, message),
            Direction::ToClient => self.smb2_response(h, message),
        }
    }

    fn smb2_request(&mut self, h: &Header, m: &[u8]) {
        let c = &h.command;
        match c.command {
            command::NEGOTIATE => {
                let subject = negotiate_request(m).unwrap_or_default();
                self.begin(c, subject);
            }
            command::SESSION_SETUP => {
                let blob = u16_at(m, 76).zip(u16_at(m, 78));
                let blob = blob.and_then(|(at, n)| inside(m, u32::from(at), u32::from(n)));
                let ntlmssp = blob.and_then(ntlmssp::find);
                self.begin(c, Subject::SessionSetup { ntlmssp, request_native: None, response_native: None });
            }
            command::TREE_CONNECT => {
                let path = u16_at(m, 68).zip(u16_at(m, 70));
                let path =
                    path.and_then(|(at, n)| inside(m, u32::from(at), u32::from(n))).unwrap_or_default();
                let share = utf16(path);
                // Only the answer tells whether it is a pipe (MS-SMB2 2.2.10).
                self.begin(c, Subject::TreeConnect { share, pipe: false, share_type: None });
            }
            command::CREATE => {
                let create = create_request(m).unwrap_or_default();
                self.last_created.clone_from(&create.name);
                self.begin(c, Subject::Create(Box::new(create)));
            }
            command::CLOSE => {
                self.begin(c, Subject::Plain);
                if let Some(id) = id_at(m, 72) {
                    self.close_file(id);
                }
            }
            command::READ => self.read_request(c, m),
            command::WRITE => self.write_request(h, m),
            command::IOCTL => self.ioctl_request(c, m),
            command::SET_INFO => self.set_info(c, m),
            command::GET_INFO => {}
            _ => drop(self.begin(c, Subject::Plain)),
        }
    }

    fn read_request(&mut self, c: &CommandHeader, m: &[u8]) {
        let (Some(length), Some(offset), Some(file_id)) = (u32_at(m, 68), u64_at(m, 72), id_at(m, 80)) else {
            return;
        };
        if is_beyond(length.into(), self.max_read_bytes, self.negotiated.0) {
            self.event(None, "smb.read_request_too_large");
        }
        self.reads.insert(c.message_id, Read { file_id, offset, tree_id: c.tree_id });
    }

    fn write_request(&mut self, h: &Header, m: &[u8]) {
        let Some(run) = self.smb2_data(h, m, Direction::ToServer) else { return };
        self.take_data(h, &run, Direction::ToServer);
    }

    /// Hands on bytes of a file or pipe; gives the file's transaction if it is one, and whether
    /// the bytes were taken.
    pub fn take_data(&mut self, h: &Header, run: &DataRun<'_>, dir: Direction) -> Option<(u64, bool)> {
        let c = &h.command;
        let tree_id = self
            .reads
            .get(&c.message_id)
            .filter(|_| dir == Direction::ToClient)
            .map_or(c.tree_id, |r| r.tree_id);
        if self.is_pipe(tree_id, &run.file_id, run.bytes) {
            let before = self.txs.created();
            self.pipe_bytes(c, run.file_id, dir, run.bytes);
            if dir == Direction::ToServer && self.txs.created() > before {
                self.writes.insert(c.message_id, before);
            }
            return None;
        }
        let header = CommandHeader { tree_id, ..*c };
        let id = self.file_tx(&header, run.file_id, dir);
        match dir {
            Direction::ToServer => {
                self.writes.insert(c.message_id, id);
                if is_beyond(run.length, self.max_write_bytes, self.negotiated.1) {
                    self.event(Some(id), "smb.write_request_too_large");
                }
            }
            Direction::ToClient => {
                if let Some(tx) = self.txs.by_id_mut(id) {
                    tx.status = Some(Status::Nt(h.status));
                }
                if is_beyond(run.length, self.max_read_bytes, self.negotiated.0) {
                    self.event(Some(id), "smb.read_response_too_large");
                }
            }
        }
        self.watch_queue(id, run.offset, run.length, dir);
        let taken = self.file_bytes(id, run.offset, run.bytes);
        Some((id, taken))
    }

    fn ioctl_request(&mut self, c: &CommandHeader, m: &[u8]) {
        let function = u32_at(m, 68).unwrap_or(0);
        let input = u32_at(m, 88).zip(u32_at(m, 92)).and_then(|(at, n)| inside(m, at, n)).unwrap_or_default();
        match id_at(m, 72) {
            Some(id) if function == 0x0011_c017 && looks_like_dcerpc(input) => {
                self.pipe_bytes(c, id, Direction::ToServer, input);
                self.reads.insert(c.message_id, Read { file_id: id, offset: 0, tree_id: c.tree_id });
            }
            _ => drop(self.begin(c, Subject::Ioctl { function })),
        }
    }

    fn set_info(&mut self, c: &CommandHeader, m: &[u8]) {
        let (Some(kind), Some(class)) = (m.get(66), m.get(67)) else { return };
        let buffer = u16_at(m, 72)
            .zip(u32_at(m, 68))
            .and_then(|(at, n)| inside(m, u32::from(at), n))
            .unwrap_or_default();
        let file_id = id_at(m, 80);
        // All ones: the file of the command before in the same compound (MS-SMB2 3.3.5.2.7.2).
        let name = match file_id {
            Some(id) if id == [0xff; 16] => self.last_created.clone(),
            Some(id) => self.handles.get(&id).map(|h| h.name.clone()).unwrap_or_default(),
            None => Vec::new(),
        };
        match (kind, class) {
            (1, 10) => {
                let length = u32_at(buffer, 16).unwrap_or(0);
                let to = utf16(inside(buffer, 20, length).unwrap_or_default());
                self.begin(c, Subject::Rename { from: name, to, file_id });
            }
            (1, 13) if buffer.first().is_some_and(|b| b & 1 != 0) => {
                self.begin(c, Subject::Delete { name, file_id });
            }
            _ => {}
        }
    }

    fn smb2_response(&mut self, h: &Header, m: &[u8]) {
        let c = &h.command;
        if h.status == STATUS_PENDING && h.flags & FLAG_ASYNC != 0 {
            return;
        }
        match c.command {
            command::READ => {
                if let Some(run) = self.smb2_data(h, m, Direction::ToClient) {
                    self.take_data(h, &run, Direction::ToClient);
                }
                self.reads.remove(&c.message_id);
                return;
            }
            command::WRITE => {
                if let Some(id) = self.writes.remove(&c.message_id)
                    && let Some(tx) = self.txs.by_id_mut(id)
                {
                    tx.status = Some(Status::Nt(h.status));
                }
                return;
            }
            command::IOCTL => {
                if let Some(read) = self.reads.remove(&c.message_id) {
                    let output = u32_at(m, 96).zip(u32_at(m, 100)).and_then(|(at, n)| inside(m, at, n));
                    self.pipe_bytes(c, read.file_id, Direction::ToClient, output.unwrap_or_default());
                    self.call_status(c, h.status);
                    return;
                }
            }
            _ => {}
        }
        self.answer(h, m);
    }

    /// The status of an answer that carried DCE/RPC goes to the call.
    fn call_status(&mut self, c: &CommandHeader, status: u32) {
        let found =
            self.txs.iter_mut().rev().find(|tx| tx.message_id == c.message_id && tx.command == c.command);
        if let Some(tx) = found {
            tx.status = Some(Status::Nt(status));
        }
    }

    fn answer(&mut self, h: &Header, m: &[u8]) {
        let c = &h.command;
        if c.command == command::NEGOTIATE {
            self.dialect = u16_at(m, 68);
        }
        let smb1_negotiate = CommandHeader { version: 1, command: 0x72, ..*c };
        let waiting = self.waiting(c).or_else(|| {
            // SMB 1 may have asked for SMB 2 (MS-SMB2 3.3.5.3).
            let asked = self.txs.iter().find(|tx| {
                tx.version == 1
                    && tx.command == smb1_negotiate.command
                    && !tx.answered
                    && c.command == command::NEGOTIATE
            });
            asked.map(|tx| tx.id)
        });
        let Some(id) = waiting else { return };
        let dialect = self.dialect_text();
        if c.command == command::NEGOTIATE {
            self.negotiated_sizes(id, m);
        }
        let Some(tx) = self.txs.by_id_mut(id) else { return };
        tx.status = Some(Status::Nt(h.status));
        tx.answered = true;
        tx.dialect = dialect;
        if tx.session_id == 0 {
            tx.session_id = c.session_id;
        }
        let ok = h.status == 0;
        let tree_id = if h.flags & FLAG_ASYNC == 0 { c.tree_id } else { tx.tree_id };
        match &mut tx.subject {
            Subject::Negotiate { server_guid, .. } => *server_guid = id_at(m, 72),
            Subject::TreeConnect { share, pipe, share_type } if ok => {
                *share_type = m.get(66).map(|kind| share_type_name(*kind));
                *pipe = m.get(66) == Some(&2);
                let tree = Tree { share: share.clone(), pipe: *pipe };
                tx.tree_id = tree_id;
                self.trees.insert(tree_id, tree);
            }
            Subject::Create(create) if ok => {
                let file_id = id_at(m, 128);
                create.file_id = file_id;
                let time = |at| u64_at(m, at).map_or(0, unix_seconds);
                create.times = Some([time(72), time(80), time(88), time(96)]);
                create.size = u64_at(m, 112).unwrap_or(0);
                let handle = Handle { name: create.name.clone(), tree_id: tx.tree_id };
                file_id.into_iter().for_each(|id| self.handles.insert(id, handle.clone()));
            }
            Subject::SessionSetup { .. } if h.status == STATUS_MORE_PROCESSING => {}
            _ => {}
        }
    }
}

impl State {
    /// What the server takes and gives in one message (MS-SMB2 2.2.4).
    fn negotiated_sizes(&mut self, id: u64, m: &[u8]) {
        let (Some(read), Some(write)) = (u32_at(m, 96), u32_at(m, 100)) else { return };
        self.negotiated = (read, write);
        if is_beyond(read.into(), self.max_read_bytes, 0) {
            self.event(Some(id), "smb.negotiate_max_read_size_too_large");
        }
        if is_beyond(write.into(), self.max_write_bytes, 0) {
            self.event(Some(id), "smb.negotiate_max_write_size_too_large");
        }
    }
}

/// Whether a size passes one of two bounds; 0 is none.
fn is_beyond(bytes: u64, configured: u32, negotiated: u32) -> bool {
    [configured, negotiated].into_iter().any(|bound| bound != 0 && bytes > u64::from(bound))
}

fn share_type_name(kind: u8) -> &'static str {
    match kind {
        1 => "FILE",
        2 => "PIPE",
        3 => "PRINT",
        _ => "UNKNOWN",
    }
}

fn negotiate_request(m: &[u8]) -> Option<Subject> {
    let count = usize::from(u16_at(m, 66)?);
    let client_guid = id_at(m, 76);
    let mut r = Reader::at(m, 100);
    let dialects = (0..count.min(64)).map_while(|_| r.u16_le()).map(dialect_text).collect();
    Some(Subject::Negotiate { dialects, client_guid, server_guid: None })
}

fn create_request(m: &[u8]) -> Option<Create> {
    let disposition = u32_at(m, 100)?;
    let options = u32_at(m, 104)?;
    let name = inside(m, u32::from(u16_at(m, 108)?), u32::from(u16_at(m, 110)?)).unwrap_or_default();
    Some(Create {
        name: utf16(name),
        directory: options & 1 != 0,
        disposition,
        delete_on_close: options & 0x1000 != 0,
        ..Create::default()
    })
}
