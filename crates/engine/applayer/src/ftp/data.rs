//! The data connections that FTP's control connection announces: one file each.

use mimamori_base::{Direction, Timestamp};
use mimamori_files::{File, FileConfig, FileState, HashKinds, WindowConfig};
use serde_json::{Map, Value, json};

use crate::field::{Field, http_step};
use crate::parser::{ExpectationContext, Outcome, Parser, transactions_in};
use crate::session::Input;
use crate::text::printable;
use crate::transaction::Transaction;
use crate::txlist::TxList;

/// Bytes of a file that rules look at.
const INSPECTED_BYTES: u64 = 1 << 20;

/// A file on its way.
#[derive(Debug)]
pub struct FtpDataTx {
    id: u64,
    context: ExpectationContext,
    /// The side that sends, once it has sent.
    dir: Option<Direction>,
    files: Vec<File>,
    done: bool,
}

impl FtpDataTx {
    fn is_listing(&self) -> bool {
        self.context.command == "LIST"
    }
}

impl Transaction for FtpDataTx {
    fn id(&self) -> u64 {
        self.id
    }

    fn progress(&self, _dir: Direction) -> u8 {
        if self.done { http_step::COMPLETE } else { http_step::BODY }
    }

    fn is_complete(&self, _dir: Direction) -> bool {
        self.done
    }

    fn bytes(&self, field: Field, dir: Direction, visit: &mut dyn FnMut(&[u8])) {
        match field {
            Field::FtpDataCommand => visit(self.context.command.as_bytes()),
            Field::FileName => self.files(dir).iter().for_each(|f| visit(f.name())),
            Field::FileMagic => self.files(dir).iter().for_each(|f| visit(f.magic().as_bytes())),
            _ => {}
        }
    }

    fn numbers(&self, _field: Field, _dir: Direction, _visit: &mut dyn FnMut(u64)) {}

    fn files(&self, dir: Direction) -> &[File] {
        if self.dir == Some(dir) { &self.files } else { &[] }
    }

    fn files_mut(&mut self, dir: Direction) -> &mut [File] {
        if self.dir == Some(dir) { &mut self.files } else { &mut [] }
    }

    fn inspected(&mut self, dir: Direction) {
        self.files_mut(dir).iter_mut().for_each(File::inspected);
    }

    fn event_type(&self) -> Option<&'static str> {
        (!self.is_listing()).then_some("ftp_data")
    }

    fn log(&self, out: &mut Map<String, Value>) {
        let o = json!({"filename": printable(&self.context.file_name), "command": self.context.command});
        out.insert("ftp_data".into(), o);
    }
}

/// One data connection.
#[derive(Debug)]
pub struct FtpDataParser {
    config: FileConfig,
    txs: TxList<FtpDataTx>,
}

impl FtpDataParser {
    #[must_use]
    pub fn new(hashes: HashKinds, context: Option<&ExpectationContext>) -> Self {
        let window = WindowConfig::at_once(INSPECTED_BYTES, 4096);
        let mut txs = TxList::new(1);
        let context = context.cloned().unwrap_or_default();
        txs.push_with(|id| FtpDataTx { id, context, dir: None, files: Vec::new(), done: false });
        FtpDataParser { config: FileConfig { hashes, window }, txs }
    }
}

impl Parser for FtpDataParser {
    fn feed(&mut self, dir: Direction, input: Input<'_>, _now: Timestamp) -> Outcome {
        let config = self.config;
        let Some(tx) = self.txs.last_mut() else { return Outcome::Opaque };
        match input {
            Input::Data(bytes) => {
                if tx.dir.is_none() {
                    tx.dir = Some(dir);
                    if !tx.is_listing() {
                        tx.files.push(File::open(&tx.context.file_name, tx.id, &config));
                    }
                }
                if let Some(file) = tx.files.first_mut().filter(|_| tx.dir == Some(dir)) {
                    file.append(bytes);
                }
            }
            Input::Gap(n) => {
                if let Some(file) = tx.files.first_mut().filter(|_| tx.dir == Some(dir)) {
                    file.gap(n);
                }
            }
            Input::End => {
                if tx.dir.is_none_or(|from| from == dir) {
                    tx.files.iter_mut().for_each(|f| f.close(FileState::Closed));
                    tx.done = true;
                }
            }
        }
        Outcome::Continue
    }

    transactions_in!(txs);
}
