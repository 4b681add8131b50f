//! What an SMB connection remembers: trees, open files, pipes, commands without an answer.
//!
//! Holds always: every table has a cap; when one is full the oldest entry goes.

use std::collections::BTreeMap;

use mimamori_base::Direction;
use mimamori_files::{File, FileConfig, FileState, WindowConfig};

use crate::config::AppLayerConfig;
use crate::dcerpc::call::Interfaces;
use crate::event::AppEvent;
use crate::file_offsets::FileOffsets;
use crate::pending::Pending;
use crate::smb::log::dialect_of;
use crate::smb::transaction::{FileSubject, SmbTx, Subject};
use crate::txlist::TxList;

const MAX_TREES: usize = 256;
const MAX_HANDLES: usize = 1024;
const MAX_READS: usize = 1024;
const MAX_PIPES: usize = 64;
const MAX_OPEN_FILES: usize = 256;
/// Bytes of a file that rules look at.
const INSPECTED_BYTES: u64 = 1 << 20;

/// A tree that was connected.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    pub share: Vec<u8>,
    pub pipe: bool,
}

/// A file, directory or pipe that was opened.
#[derive(Debug, Clone, Default)]
pub struct Handle {
    pub name: Vec<u8>,
    pub tree_id: u32,
}

/// A READ that waits for its bytes.
#[derive(Debug, Clone, Copy)]
pub struct Read {
    pub file_id: [u8; 16],
    pub offset: u64,
    pub tree_id: u32,
}

/// A named pipe that speaks DCE/RPC.
#[derive(Debug, Default)]
pub struct Pipe {
    pub interfaces: Interfaces,
    pub pending: [Pending; 2],
}

/// A table with a cap whose oldest entry goes when it is full.
#[derive(Debug)]
pub struct Table<K, V> {
    cap: usize,
    order: u64,
    entries: BTreeMap<K, (u64, V)>,
}

impl<K: Ord + Clone, V> Table<K, V> {
    #[must_use]
    pub fn new(cap: usize) -> Self {
        Table { cap, order: 0, entries: BTreeMap::new() }
    }

    pub fn insert(&mut self, key: K, value: V) {
        if self.entries.len() >= self.cap && !self.entries.contains_key(&key) {
            let oldest = self.entries.iter().min_by_key(|(_, (order, _))| *order).map(|(k, _)| k.clone());
            oldest.into_iter().for_each(|k| drop(self.entries.remove(&k)));
        }
        self.order += 1;
        self.entries.insert(key, (self.order, value));
    }

    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, v)| v)
    }

    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).map(|(_, v)| v)
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.entries.remove(key).map(|(_, v)| v)
    }
}

/// The state of a connection.
#[derive(Debug)]
pub struct State {
    pub file_config: FileConfig,
    pub max_tx: usize,
    pub max_read_bytes: u32,
    pub max_write_bytes: u32,
    /// What the server said that it takes and gives in one message; 0 before it has.
    pub negotiated: (u32, u32),
    pub read_queue: (u32, u32),
    pub write_queue: (u32, u32),
    pub txs: TxList<SmbTx>,
    /// The name of the file that the last CREATE asks for: commands of the same compound mean it.
    pub last_created: Vec<u8>,
    pub dialect: Option<u16>,
    pub smb1_dialect: Option<String>,
    pub smb1_offered: Vec<String>,
    pub trees: Table<u32, Tree>,
    pub handles: Table<[u8; 16], Handle>,
    pub reads: Table<u64, Read>,
    /// Which file a WRITE without an answer belongs to.
    pub writes: Table<u64, u64>,
    pub pipes: Table<[u8; 16], Pipe>,
    offsets: Table<u64, FileOffsets>,
}

/// What a request's header says, in either version.
#[derive(Clone, Copy, Debug)]
pub struct CommandHeader {
    pub version: u8,
    pub command: u16,
    pub message_id: u64,
    pub session_id: u64,
    pub tree_id: u32,
}

impl State {
    #[must_use]
    pub fn new(config: &AppLayerConfig) -> Self {
        let window = WindowConfig::at_once(INSPECTED_BYTES, 4096);
        State {
            file_config: FileConfig { hashes: config.file_hashes, window },
            max_tx: config.smb.max_tx,
            max_read_bytes: config.smb.max_read_bytes,
            max_write_bytes: config.smb.max_write_bytes,
            negotiated: (0, 0),
            read_queue: config.smb.read_queue,
            write_queue: config.smb.write_queue,
            txs: TxList::new(config.smb.max_tx.saturating_mul(2).max(16)),
            last_created: Vec::new(),
            dialect: None,
            smb1_dialect: None,
            smb1_offered: Vec::new(),
            trees: Table::new(MAX_TREES),
            handles: Table::new(MAX_HANDLES),
            reads: Table::new(MAX_READS),
            writes: Table::new(MAX_READS),
            pipes: Table::new(MAX_PIPES),
            offsets: Table::new(MAX_OPEN_FILES),
        }
    }

    #[must_use]
    pub fn dialect_text(&self) -> String {
        dialect_of(self.dialect, self.smb1_dialect.as_deref())
    }

    /// Begins a transaction for a command.
    pub fn begin(&mut self, h: &CommandHeader, subject: Subject) -> u64 {
        self.make_room();
        let dialect = self.dialect_text();
        self.txs.push_with(|id| SmbTx {
            id,
            version: h.version,
            command: h.command,
            message_id: h.message_id,
            session_id: h.session_id,
            tree_id: h.tree_id,
            dialect,
            subject,
            requested: true,
            ..SmbTx::default()
        })
    }

    fn make_room(&mut self) {
        if self.txs.is_full() {
            let oldest = self.txs.get(0).map(|tx| tx.id);
            oldest.into_iter().for_each(|id| self.txs.retire(id));
        }
        let waiting = self.txs.iter().filter(|tx| !(tx.requested && tx.answered)).count();
        if waiting < self.max_tx {
            return;
        }
        let oldest = self.txs.iter().find(|tx| !(tx.requested && tx.answered)).map(|tx| tx.id);
        if let Some(id) = oldest {
            self.close_file_tx(id, FileState::Truncated);
            if let Some(tx) = self.txs.by_id_mut(id) {
                tx.requested = true;
                tx.answered = true;
                tx.events.push("smb.too_many_transactions");
            }
        }
    }

    /// The command that an answer belongs to.
    #[must_use]
    pub fn waiting(&self, h: &CommandHeader) -> Option<u64> {
        self.txs
            .iter()
            .find(|tx| {
                tx.message_id == h.message_id
                    && tx.version == h.version
                    && tx.command == h.command
                    && !tx.answered
                    && !matches!(tx.subject, Subject::File(_))
            })
            .map(|tx| tx.id)
    }

    /// Puts an event where `id` is, or on the newest transaction.
    pub fn event(&mut self, id: Option<u64>, event: AppEvent) {
        let tx = match id {
            Some(id) => self.txs.by_id_mut(id),
            None => self.txs.last_mut(),
        };
        if let Some(tx) = tx.filter(|tx| !tx.events.contains(&event)) {
            tx.events.push(event);
        }
    }

    /// The transaction of a file travelling that way, begun if there is none.
    pub fn file_tx(&mut self, h: &CommandHeader, file_id: [u8; 16], dir: Direction) -> u64 {
        let found = self.txs.iter().rev().find(|tx| match &tx.subject {
            Subject::File(file) => file.file_id == file_id && file.dir == dir && !tx.answered,
            _ => false,
        });
        if let Some(tx) = found {
            return tx.id;
        }
        let handle = self.handles.get(&file_id).cloned().unwrap_or_default();
        let share = self.trees.get(&h.tree_id).map(|t| t.share.clone()).unwrap_or_default();
        let config = self.file_config;
        let id = self.txs.created();
        let file = File::open(&handle.name, id, &config);
        let subject = FileSubject { file_id, name: handle.name, share, dir, files: vec![file] };
        let id = self.begin(h, Subject::File(Box::new(subject)));
        self.offsets.insert(id, FileOffsets::default());
        id
    }

    /// Tells when more of a file waits for what is before it than is allowed; 0 allows all.
    pub fn watch_queue(&mut self, id: u64, offset: u64, length: u64, dir: Direction) {
        let Some(offsets) = self.offsets.get_mut(&id).filter(|o| offset > o.next()) else { return };
        let (bytes, count) = offsets.waiting();
        let ((max_bytes, max_count), size_event, count_event) = match dir {
            Direction::ToServer => {
                (self.write_queue, "smb.write_queue_size_exceeded", "smb.write_queue_cnt_exceeded")
            }
            Direction::ToClient => {
                (self.read_queue, "smb.read_queue_size_exceeded", "smb.read_queue_cnt_exceeded")
            }
        };
        if max_bytes != 0 && bytes as u64 + length > u64::from(max_bytes) {
            self.event(Some(id), size_event);
        } else if max_count != 0 && count as u64 >= u64::from(max_count) {
            self.event(Some(id), count_event);
        }
    }

    /// Bytes of a file at `offset`. False if they were left out, since others were there.
    pub fn file_bytes(&mut self, id: u64, offset: u64, bytes: &[u8]) -> bool {
        let Some(tx) = self.txs.by_id_mut(id) else { return false };
        let Subject::File(subject) = &mut tx.subject else { return false };
        let Some(file) = subject.files.first_mut() else { return false };
        let Some(offsets) = self.offsets.get_mut(&id) else { return false };
        let overlap = offsets.put(file, offset, bytes);
        if overlap && !tx.events.contains(&"smb.file_overlap") {
            tx.events.push("smb.file_overlap");
        }
        !overlap
    }

    /// The file was closed: whatever travelled is whole now.
    pub fn close_file(&mut self, file_id: [u8; 16]) {
        let ids: Vec<u64> = self
            .txs
            .iter()
            .filter(|tx| matches!(&tx.subject, Subject::File(f) if f.file_id == file_id && !tx.answered))
            .map(|tx| tx.id)
            .collect();
        for id in ids {
            self.close_file_tx(id, FileState::Closed);
        }
        self.handles.remove(&file_id);
        self.pipes.remove(&file_id);
    }

    fn close_file_tx(&mut self, id: u64, state: FileState) {
        let offsets = self.offsets.remove(&id);
        let Some(tx) = self.txs.by_id_mut(id) else { return };
        let Subject::File(subject) = &mut tx.subject else { return };
        if let Some(file) = subject.files.first_mut() {
            if let Some(mut offsets) = offsets {
                offsets.finish(file);
            }
            file.close(state);
        }
        tx.answered = true;
    }

    /// The flow has ended.
    pub fn finish(&mut self) {
        let open: Vec<u64> = self
            .txs
            .iter()
            .filter(|tx| matches!(tx.subject, Subject::File(_)) && !tx.answered)
            .map(|tx| tx.id)
            .collect();
        for id in open {
            self.close_file_tx(id, FileState::Truncated);
        }
        for tx in self.txs.iter_mut() {
            tx.requested = true;
            tx.answered = true;
        }
    }
}
