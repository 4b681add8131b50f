//! A call and its answer, or a file with all the calls that read or write it.

use mimamori_base::Direction;
use mimamori_files::{File, FileState};
use serde_json::{Map, Value, json};

use super::call::{Call, procedure_name, status_name};
use crate::field::{Field, http_step};
use crate::file_offsets::FileOffsets;
use crate::text::printable;
use crate::transaction::Transaction;

/// Bytes of a file on their way, and where the next belong.
#[derive(Debug)]
pub struct Content {
    pub dir: Direction,
    pub files: Vec<File>,
    pub offsets: FileOffsets,
}

/// One call, or one file.
#[derive(Debug)]
pub struct NfsTx {
    pub id: u64,
    pub call: Call,
    /// The file's own name, from whichever call told it.
    pub name: Vec<u8>,
    pub status: u32,
    pub answered: bool,
    pub content: Option<Content>,
}

impl NfsTx {
    pub fn is_open_file(&self) -> bool {
        self.content.as_ref().is_some_and(|c| c.files.iter().any(|f| f.state() == FileState::Open))
    }

    /// Bytes of the file at `offset`.
    pub fn put(&mut self, offset: u64, bytes: &[u8]) {
        if let Some(content) = &mut self.content
            && let Some(file) = content.files.first_mut()
        {
            content.offsets.put(file, offset, bytes);
        }
    }

    /// No more of the file will come.
    pub fn close(&mut self, state: FileState) {
        if let Some(content) = &mut self.content
            && let Some(file) = content.files.first_mut()
        {
            content.offsets.finish(file);
            file.close(state);
        }
        self.answered = true;
    }
}

impl Transaction for NfsTx {
    fn id(&self) -> u64 {
        self.id
    }

    fn progress(&self, dir: Direction) -> u8 {
        if self.is_open_file() {
            return http_step::BODY;
        }
        match dir {
            Direction::ToServer => 1,
            Direction::ToClient => u8::from(self.answered),
        }
    }

    fn is_complete(&self, dir: Direction) -> bool {
        !self.is_open_file() && (dir == Direction::ToServer || self.answered)
    }

    fn bytes(&self, field: Field, dir: Direction, visit: &mut dyn FnMut(&[u8])) {
        match field {
            Field::FileName => self.files(dir).iter().for_each(|f| visit(f.name())),
            Field::FileMagic => self.files(dir).iter().for_each(|f| visit(f.magic().as_bytes())),
            _ => {}
        }
    }

    fn numbers(&self, field: Field, dir: Direction, visit: &mut dyn FnMut(u64)) {
        match (field, dir) {
            (Field::NfsVersion, Direction::ToServer) => visit(u64::from(self.call.version)),
            (Field::NfsProcedure, Direction::ToServer) => visit(u64::from(self.call.procedure)),
            _ => {}
        }
    }

    fn files(&self, dir: Direction) -> &[File] {
        self.content.as_ref().filter(|c| c.dir == dir).map_or(&[], |c| &c.files)
    }

    fn files_mut(&mut self, dir: Direction) -> &mut [File] {
        match &mut self.content {
            Some(content) if content.dir == dir => &mut content.files,
            _ => &mut [],
        }
    }

    fn inspected(&mut self, dir: Direction) {
        self.files_mut(dir).iter_mut().for_each(File::inspected);
    }

    fn event_type(&self) -> Option<&'static str> {
        Some("nfs")
    }

    fn log(&self, out: &mut Map<String, Value>) {
        let call = &self.call;
        let mut nfs = Map::new();
        nfs.insert("version".into(), json!(call.version));
        let procedure = procedure_name(call.version, call.procedure)
            .map_or_else(|| call.procedure.to_string(), str::to_owned);
        nfs.insert("procedure".into(), json!(procedure));
        nfs.insert("filename".into(), json!(printable(&self.name)));
        if !call.handle.is_empty() {
            // CRC-32 is what logs name handles by.
            nfs.insert("hhash".into(), json!(format!("{:x}", crc32fast::hash(&call.handle))));
        }
        nfs.insert("id".into(), json!(self.id + 1));
        nfs.insert("file_tx".into(), json!(self.content.is_some()));
        nfs.insert("type".into(), json!("response"));
        nfs.insert("status".into(), json!(status_name(self.status)));
        out.insert("nfs".into(), Value::Object(nfs));
    }
}
