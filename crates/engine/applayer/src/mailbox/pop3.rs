//! POP3 (RFC 1939, 2449, 2595) with the mails it fetches.
//!
//! Holds always: at most [`MAX_WAITING`] commands wait for answers; lines come in pieces of at
//! most [`MAX_LINE_BYTES`].

use std::sync::Arc;

use mimamori_base::{Direction, Timestamp};
use mimamori_files::{FileConfig, WindowConfig};

use crate::config::{AppLayerConfig, SmtpConfig};
use crate::lines::{Line, LineReader};
use crate::mailbox::transaction::MailboxTx;
use crate::parser::{Outcome, Parser, transactions_in};
use crate::proto::AppProto;
use crate::session::Input;
use crate::txlist::TxList;

const MAX_LINE_BYTES: usize = 4096;
const MAX_WAITING: usize = 256;

/// What the server's next line is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reply {
    Status,
    /// Lines of a mail, or of a list, until a single dot.
    Lines {
        mail: bool,
    },
}

/// POP3 of one flow.
#[derive(Debug)]
pub struct Pop3Parser {
    config: Arc<SmtpConfig>,
    files: FileConfig,
    txs: TxList<MailboxTx>,
    client: LineReader,
    server: LineReader,
    reply: Reply,
    /// The client answers a challenge of AUTH.
    challenged: bool,
}

impl Pop3Parser {
    #[must_use]
    pub fn new(config: &AppLayerConfig) -> Self {
        let window = WindowConfig::at_once(config.smtp.content_limit, 4096);
        Pop3Parser {
            config: Arc::new(config.smtp.clone()),
            files: FileConfig { hashes: config.file_hashes, window },
            txs: TxList::new(MAX_WAITING * 2),
            client: LineReader::new(MAX_LINE_BYTES),
            server: LineReader::new(MAX_LINE_BYTES),
            reply: Reply::Status,
            challenged: false,
        }
    }

    fn begin(&mut self, command: Vec<u8>, argument: Vec<u8>) {
        if self.txs.is_full() {
            let oldest = self.txs.get(0).map(|tx| tx.id);
            oldest.into_iter().for_each(|id| self.txs.retire(id));
        }
        self.txs.push_with(|id| MailboxTx::new(id, command, argument, Direction::ToClient, true));
    }

    fn waiting(&mut self) -> Option<&mut MailboxTx> {
        self.txs.iter_mut().find(|tx| !tx.done)
    }

    fn client_line(&mut self, line: Line<'_>) {
        if line.continues || std::mem::take(&mut self.challenged) {
            return;
        }
        let text = line.bytes.trim_ascii();
        let end = memchr::memchr(b' ', text).unwrap_or(text.len());
        let (verb, argument) = text.split_at_checked(end).unwrap_or((text, &[]));
        if self.txs.iter().filter(|tx| !tx.done).count() < MAX_WAITING {
            self.begin(verb.to_ascii_uppercase(), argument.trim_ascii().to_vec());
        }
    }

    /// Takes a server's line; true when it agrees to TLS.
    fn server_line(&mut self, line: Line<'_>) -> bool {
        match self.reply {
            Reply::Status => self.status_line(line),
            Reply::Lines { mail } => {
                self.list_line(line, mail);
                false
            }
        }
    }

    fn status_line(&mut self, line: Line<'_>) -> bool {
        if line.continues {
            return false;
        }
        if line.bytes == b"+" || line.bytes.starts_with(b"+ ") {
            self.challenged = true;
            return false;
        }
        let success = line.bytes.starts_with(b"+OK");
        if !success && !line.bytes.starts_with(b"-ERR") {
            return false;
        }
        if self.waiting().is_none() {
            self.begin(Vec::new(), Vec::new());
        }
        let files = self.files;
        let Some(tx) = self.waiting() else { return false };
        tx.success = Some(success);
        let text = line.bytes.get(if success { 3 } else { 4 }..).unwrap_or_default();
        tx.header = text.trim_ascii().to_vec();
        let many = match tx.command.as_slice() {
            b"RETR" | b"TOP" => Some(true),
            b"CAPA" => Some(false),
            b"LIST" | b"UIDL" if tx.argument.is_empty() => Some(false),
            _ => None,
        };
        let tls = success && tx.command == b"STLS";
        match many.filter(|_| success) {
            Some(mail) => self.reply = Reply::Lines { mail },
            None => tx.end(true, &files),
        }
        tls
    }

    fn list_line(&mut self, line: Line<'_>, mail: bool) {
        let (config, files) = (Arc::clone(&self.config), self.files);
        if line.ended && !line.continues && line.bytes == b"." {
            self.reply = Reply::Status;
            if let Some(tx) = self.waiting() {
                tx.end(true, &files);
            }
            return;
        }
        if !mail {
            return;
        }
        // Dot stuffing (RFC 1939 3).
        let bytes = match line.bytes.strip_prefix(b".") {
            Some(rest) if !line.continues => rest,
            _ => line.bytes,
        };
        if let Some(tx) = self.waiting() {
            tx.mail_line(&Line { bytes, ..line }, &config, &files);
        }
    }

    fn take(&mut self, dir: Direction, bytes: &[u8]) -> Outcome {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|r| !r.is_empty()) {
            let own = if dir == Direction::ToServer { &mut self.client } else { &mut self.server };
            let mut reader = std::mem::replace(own, LineReader::new(0));
            let (used, tls) = reader.next(rest, |line| match dir {
                Direction::ToServer => {
                    self.client_line(line);
                    false
                }
                Direction::ToClient => self.server_line(line),
            });
            *(if dir == Direction::ToServer { &mut self.client } else { &mut self.server }) = reader;
            at += used;
            if tls == Some(true) {
                self.finish();
                return Outcome::Change { to: None, expect: Some(AppProto::Tls), consumed: at };
            }
        }
        Outcome::Continue
    }

    fn finish(&mut self) {
        let files = self.files;
        self.txs.iter_mut().filter(|tx| !tx.done).for_each(|tx| tx.end(false, &files));
    }
}

impl Parser for Pop3Parser {
    fn feed(&mut self, dir: Direction, input: Input<'_>, _now: Timestamp) -> Outcome {
        match input {
            Input::Data(bytes) => return self.take(dir, bytes),
            Input::Gap(_) if dir == Direction::ToClient => {
                self.finish();
                return Outcome::Failed;
            }
            Input::Gap(_) => self.client.clear(),
            Input::End if dir == Direction::ToClient => self.finish(),
            Input::End => {}
        }
        Outcome::Continue
    }

    transactions_in!(txs);
}
