//! SMTP (RFC 5321) with pipelining, CHUNKING (RFC 3030) and STARTTLS (RFC 3207).
//!
//! Holds always: lines longer than [`MAX_LINE_BYTES`] are read in pieces; at most
//! [`MAX_COMMANDS`] commands wait for their replies; a mail begins with MAIL, or with the first
//! greeting, and ends with its last line, with RSET, or with a new greeting.

mod reply;
#[cfg(test)]
mod tests;
mod transaction;

use std::collections::VecDeque;
use std::sync::Arc;

use mimamori_base::{Direction, Timestamp};
use mimamori_files::{FileConfig, WindowConfig};

use crate::config::{AppLayerConfig, SmtpConfig};
use crate::event::AppEvent;
use crate::lines::{Line, LineReader};
use crate::mime::{FileSink, MimeParser};
use crate::parser::{Outcome, Parser, transactions_in};
use crate::proto::AppProto;
use crate::session::Input;
use crate::smtp::reply::reply_line;
pub use crate::smtp::transaction::SmtpTx;
use crate::transaction::Transaction;
use crate::txlist::TxList;

const MAX_LINE_BYTES: usize = 4096;
/// Commands that may wait for a reply; more are not matched.
const MAX_COMMANDS: usize = 256;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Command {
    StartTls,
    Data,
    Other,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    Commands,
    /// Lines of a mail until a single dot.
    Data,
    /// So many bytes of a chunk.
    Chunk {
        left: u64,
        last: bool,
    },
}

/// SMTP of one flow.
#[derive(Debug)]
pub struct SmtpParser {
    config: Arc<SmtpConfig>,
    file_config: FileConfig,
    txs: TxList<SmtpTx>,
    /// The mail that commands speak of.
    current: Option<u64>,
    helo: Vec<u8>,
    mode: Mode,
    client: LineReader,
    server: LineReader,
    /// Lines inside chunks.
    chunk: LineReader,
    /// A chunk ended within a line.
    cut_line: bool,
    waiting: VecDeque<Command>,
    greeted: bool,
    /// A DATA that has no reply yet, so its bytes may turn out to be commands.
    tls_asked: bool,
    /// Events of a flow without a transaction yet.
    early: Vec<AppEvent>,
}

enum ServerSays {
    Nothing,
    StartTls,
}

impl SmtpParser {
    #[must_use]
    pub fn new(config: &AppLayerConfig) -> Self {
        let smtp = config.smtp.clone();
        let window = WindowConfig {
            limit: smtp.content_limit,
            minimal_inspect: smtp.content_inspect_min,
            lookback: 4096,
            early: smtp.inline || smtp.content_inspect_min == 0,
        };
        SmtpParser {
            file_config: FileConfig { hashes: config.file_hashes, window },
            txs: TxList::new(smtp.max_tx),
            config: Arc::new(smtp),
            current: None,
            helo: Vec::new(),
            mode: Mode::Commands,
            client: LineReader::new(MAX_LINE_BYTES),
            server: LineReader::new(MAX_LINE_BYTES),
            chunk: LineReader::new(MAX_LINE_BYTES),
            cut_line: false,
            waiting: VecDeque::new(),
            greeted: false,
            tls_asked: false,
            early: Vec::new(),
        }
    }

    fn event(&mut self, event: AppEvent) {
        let tx = match self.current {
            Some(id) => self.txs.by_id_mut(id),
            None => self.txs.last_mut(),
        };
        let events = tx.map_or(&mut self.early, |tx| &mut tx.events);
        if !events.contains(&event) {
            events.push(event);
        }
    }

    /// The open mail, begun if there is none.
    fn open(&mut self) -> Option<&mut SmtpTx> {
        if self.current.is_none() {
            if self.txs.is_full() {
                // A flow that never lets mails end: the oldest goes, inspected or not.
                let oldest = self.txs.get(0).map(Transaction::id);
                oldest.into_iter().for_each(|id| self.txs.retire(id));
            }
            let (helo, events) = (self.helo.clone(), std::mem::take(&mut self.early));
            self.current = Some(self.txs.push_with(|id| SmtpTx { id, helo, events, ..SmtpTx::default() }));
        }
        self.txs.by_id_mut(self.current?)
    }

    fn current(&mut self) -> Option<&mut SmtpTx> {
        self.txs.by_id_mut(self.current?)
    }

    /// Runs `work` with the open mail's MIME parser.
    fn with_mime(&mut self, work: impl FnOnce(&mut MimeParser, &mut FileSink<'_>)) {
        let config = Arc::clone(&self.config);
        let file_config = self.file_config;
        let Some(tx) = self.open() else { return };
        let mime = tx.mime.get_or_insert_with(|| Box::new(MimeParser::new(&config)));
        let mut sink = FileSink { files: &mut tx.files, tx_id: tx.id, config: &file_config };
        work(mime, &mut sink);
        for event in mime.events.drain(..) {
            if !tx.events.contains(&event) {
                tx.events.push(event);
            }
        }
    }

    fn end_mail(&mut self, whole: bool) {
        if self.current().is_some_and(|tx| tx.mime.is_some()) {
            self.with_mime(|mime, sink| if whole { mime.finish(sink) } else { mime.truncate(sink) });
        }
        if let Some(tx) = self.current() {
            tx.done = true;
        }
        self.current = None;
    }

    fn client_data(&mut self, bytes: &[u8]) {
        if !self.greeted {
            self.greeted = true;
            self.event("smtp.no_server_welcome_message");
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            if std::mem::take(&mut self.cut_line) {
                self.event("smtp.bdat_chunk_len_exceeded");
            }
            let used = match self.mode {
                Mode::Chunk { left, last } => self.chunk_bytes(rest, left, last),
                Mode::Commands | Mode::Data => self.client_line(rest),
            };
            rest = rest.get(used..).unwrap_or_default();
        }
    }

    fn client_line(&mut self, rest: &[u8]) -> usize {
        let mut reader = std::mem::replace(&mut self.client, LineReader::new(MAX_LINE_BYTES));
        let (used, _) = reader.next(rest, |line| match self.mode {
            Mode::Data => self.data_line(line),
            _ => self.command_line(line),
        });
        self.client = reader;
        used
    }

    fn data_line(&mut self, line: Line<'_>) {
        if line.ended && !line.continues && line.bytes == b"." {
            self.mode = Mode::Commands;
            self.wait_for(Command::Other);
            self.with_mime(|_, _| {});
            self.end_mail(true);
            return;
        }
        // Dot stuffing (RFC 5321 4.5.2).
        let doubled = line.bytes.starts_with(b".") && !line.continues && line.bytes.len() > 1;
        let text = line.bytes.get(usize::from(doubled)..).unwrap_or_default();
        self.with_mime(|mime, sink| {
            if doubled {
                mime.doubled_dot();
            }
            mime.line(text, line.ended, line.crlf, sink);
        });
    }

    fn chunk_bytes(&mut self, rest: &[u8], left: u64, last: bool) -> usize {
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
        let mut bytes = rest.get(..take).unwrap_or_default();
        let mut reader = std::mem::replace(&mut self.chunk, LineReader::new(MAX_LINE_BYTES));
        while !bytes.is_empty() {
            let (used, _) = reader.next(bytes, |line| {
                self.with_mime(|mime, sink| mime.line(line.bytes, line.ended, line.crlf, sink));
            });
            bytes = bytes.get(used..).unwrap_or_default();
        }
        self.chunk = reader;
        let left = left - take as u64;
        self.mode = Mode::Chunk { left, last };
        if left == 0 {
            self.cut_line = !self.chunk.unfinished().is_empty();
            self.end_chunk(last);
        }
        take
    }

    fn end_chunk(&mut self, last: bool) {
        self.mode = Mode::Commands;
        if !last {
            return;
        }
        let mut reader = std::mem::replace(&mut self.chunk, LineReader::new(MAX_LINE_BYTES));
        let tail = reader.unfinished().to_vec();
        reader.clear();
        self.chunk = reader;
        self.with_mime(|mime, sink| {
            if !tail.is_empty() {
                mime.line(&tail, true, true, sink);
            }
        });
        self.end_mail(true);
    }

    fn wait_for(&mut self, command: Command) {
        // These end a group of commands sent together (RFC 2920 3.1).
        if matches!(self.waiting.back(), Some(Command::StartTls | Command::Data)) {
            self.event("smtp.invalid_pipelined_sequence");
        }
        if self.waiting.len() < MAX_COMMANDS {
            self.waiting.push_back(command);
        }
    }

    fn command_line(&mut self, line: Line<'_>) {
        if line.continues {
            return;
        }
        if !line.ended {
            self.event("smtp.max_command_line_len_exceeded");
        }
        let text = line.bytes.trim_ascii();
        let (verb, argument) = split_verb(text);
        match verb.as_slice() {
            b"HELO" | b"EHLO" => self.greeting(argument),
            b"MAIL" => self.mail_from(argument),
            b"RCPT" => self.rcpt_to(argument),
            b"DATA" => return self.data(),
            b"BDAT" => return self.bdat(argument),
            b"RSET" => self.reset(),
            b"STARTTLS" => {
                self.tls_asked = true;
                return self.wait_for(Command::StartTls);
            }
            _ => {}
        }
        self.wait_for(Command::Other);
    }

    fn greeting(&mut self, argument: &[u8]) {
        self.reset();
        self.helo = argument.to_vec();
        let helo = self.helo.clone();
        if (self.current.is_some() || self.txs.created() == 0)
            && let Some(tx) = self.open()
        {
            tx.helo = helo;
        }
    }

    /// Ends a mail that was begun and not sent.
    fn reset(&mut self) {
        if self.current().is_some_and(|tx| tx.mail_from.is_some() || tx.data_begun) {
            self.end_mail(false);
        }
    }

    fn mail_from(&mut self, argument: &[u8]) {
        let Some(address) = after_keyword(argument, b"FROM:") else { return };
        let mut again = false;
        if let Some(tx) = self.open() {
            again = tx.mail_from.is_some();
            tx.mail_from.get_or_insert(address);
        }
        if again {
            self.event("smtp.duplicate_fields");
        }
    }

    fn rcpt_to(&mut self, argument: &[u8]) {
        let Some(address) = after_keyword(argument, b"TO:") else { return };
        if let Some(tx) = self.open()
            && tx.rcpt_to.len() < transaction::MAX_RECIPIENTS
        {
            tx.rcpt_to.push(address);
        }
    }

    fn data(&mut self) {
        if let Some(tx) = self.open() {
            tx.data_begun = true;
        }
        self.mode = Mode::Data;
        self.wait_for(Command::Data);
    }

    fn bdat(&mut self, argument: &[u8]) {
        self.wait_for(Command::Other);
        let mut words = argument.split(|b| *b == b' ').filter(|w| !w.is_empty());
        let size = words.next().and_then(|w| std::str::from_utf8(w).ok()).and_then(|t| t.parse::<u64>().ok());
        let last = match words.next() {
            None => false,
            Some(word) if word.eq_ignore_ascii_case(b"LAST") => true,
            Some(_) => return,
        };
        let Some(size) = size else { return };
        if let Some(tx) = self.open() {
            tx.data_begun = true;
        }
        self.mode = Mode::Chunk { left: size, last };
        if size == 0 {
            self.end_chunk(last);
        }
    }

    fn server_data(&mut self, bytes: &[u8]) -> (usize, ServerSays) {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|r| !r.is_empty()) {
            let mut reader = std::mem::replace(&mut self.server, LineReader::new(MAX_LINE_BYTES));
            let (used, says) = reader.next(rest, |line| self.server_line(line));
            self.server = reader;
            at += used;
            if let Some(ServerSays::StartTls) = says {
                return (at, ServerSays::StartTls);
            }
        }
        (at, ServerSays::Nothing)
    }

    fn server_line(&mut self, line: Line<'_>) -> ServerSays {
        if line.continues {
            return ServerSays::Nothing;
        }
        if !line.ended {
            self.event("smtp.max_reply_line_len_exceeded");
        }
        let Some(reply) = reply_line(line.bytes) else {
            self.event("smtp.invalid_reply");
            return ServerSays::Nothing;
        };
        if !reply.last {
            return ServerSays::Nothing;
        }
        if !self.greeted {
            self.greeted = true;
            return ServerSays::Nothing;
        }
        match self.waiting.pop_front() {
            Some(Command::StartTls) if reply.code == 220 => return ServerSays::StartTls,
            Some(Command::StartTls) => {
                self.tls_asked = false;
                self.event("smtp.tls_rejected");
            }
            Some(Command::Data) if reply.code >= 400 => self.data_rejected(),
            Some(_) => {}
            None if reply.code == 220 || reply.code == 421 => {}
            None => self.event("smtp.unable_to_match_reply_with_request"),
        }
        ServerSays::Nothing
    }

    /// What the client sent since DATA are commands after all.
    fn data_rejected(&mut self) {
        self.event("smtp.data_command_rejected");
        if self.mode == Mode::Data {
            self.mode = Mode::Commands;
            self.client.clear();
        }
    }

    fn end_all(&mut self) {
        let begun = self.mode != Mode::Commands;
        if self.current.is_some() {
            let unsent = self.current().is_some_and(|tx| tx.mime.is_some());
            self.end_mail(!(begun || unsent));
        }
    }
}

fn split_verb(line: &[u8]) -> (Vec<u8>, &[u8]) {
    let end = line.iter().position(|b| matches!(b, b' ' | b'\t')).unwrap_or(line.len());
    let (verb, rest) = line.split_at_checked(end).unwrap_or((line, &[]));
    (verb.get(..verb.len().min(16)).unwrap_or_default().to_ascii_uppercase(), rest.trim_ascii())
}

/// `FROM: <a@b> SIZE=1` gives `<a@b>`.
fn after_keyword(argument: &[u8], keyword: &[u8]) -> Option<Vec<u8>> {
    let (head, tail) = argument.split_at_checked(keyword.len())?;
    if !head.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let address = tail.trim_ascii_start();
    let end = address.iter().position(|b| matches!(b, b' ' | b'\t')).unwrap_or(address.len());
    Some(address.get(..end).unwrap_or_default().to_vec())
}

impl Parser for SmtpParser {
    fn feed(&mut self, dir: Direction, input: Input<'_>, _now: Timestamp) -> Outcome {
        match (dir, input) {
            (Direction::ToServer, Input::Data(bytes)) => self.client_data(bytes),
            (Direction::ToClient, Input::Data(bytes)) => {
                if let (consumed, ServerSays::StartTls) = self.server_data(bytes) {
                    self.end_all();
                    return Outcome::Change { to: None, expect: Some(AppProto::Tls), consumed };
                }
            }
            (_, Input::Gap(_)) => {
                self.end_all();
                return Outcome::Failed;
            }
            (Direction::ToServer, Input::End) => self.end_all(),
            (Direction::ToClient, Input::End) => {}
        }
        Outcome::Continue
    }

    transactions_in!(txs);
}
