//! IMAP (RFC 9051) as far as mails travel in it, and STARTTLS.
//!
//! Responsible for literals: those of FETCH answers that hold a message, and of APPEND. Holds
//! always: a literal is never kept, only passed on; lines come in pieces.

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
const MAX_MAILS: usize = 256;

/// Bytes of a literal still to come.
#[derive(Clone, Copy, Debug)]
struct Literal {
    left: u64,
    /// The mail that they are of, if they are one's.
    tx: Option<u64>,
}

#[derive(Debug)]
struct Side {
    lines: LineReader,
    /// The lines of the mail inside a literal.
    mail: LineReader,
    literal: Option<Literal>,
}

impl Side {
    fn new() -> Self {
        Side { lines: LineReader::new(MAX_LINE_BYTES), mail: LineReader::new(MAX_LINE_BYTES), literal: None }
    }
}

/// IMAP of one flow.
#[derive(Debug)]
pub struct ImapParser {
    config: Arc<SmtpConfig>,
    files: FileConfig,
    txs: TxList<MailboxTx>,
    sides: [Side; 2],
    /// The tag of STARTTLS, until the server answered it.
    tls_tag: Option<Vec<u8>>,
}

/// The size of the literal that a line announces at its end: `{310}`, `{310+}`.
fn literal_size(line: &[u8]) -> Option<u64> {
    let inner = line.strip_suffix(b"}")?;
    let open = memchr::memrchr(b'{', inner)?;
    let digits = inner.get(open + 1..)?;
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn contains(line: &[u8], word: &[u8]) -> bool {
    line.windows(word.len()).any(|w| w.eq_ignore_ascii_case(word))
}

impl ImapParser {
    #[must_use]
    pub fn new(config: &AppLayerConfig) -> Self {
        let window = WindowConfig::at_once(config.smtp.content_limit, 4096);
        ImapParser {
            config: Arc::new(config.smtp.clone()),
            files: FileConfig { hashes: config.file_hashes, window },
            txs: TxList::new(MAX_MAILS),
            sides: [Side::new(), Side::new()],
            tls_tag: None,
        }
    }

    fn side(&mut self, dir: Direction) -> &mut Side {
        dir.of_mut(&mut self.sides)
    }

    /// Takes a line; true when the server agrees to TLS.
    fn line(&mut self, dir: Direction, line: Line<'_>) -> bool {
        if let Some(left) = literal_size(line.bytes).filter(|n| line.ended && *n > 0) {
            let mail = match dir {
                Direction::ToServer => contains(line.bytes, b" APPEND "),
                Direction::ToClient => contains(line.bytes, b"BODY[") || contains(line.bytes, b"RFC822"),
            };
            let tx = mail.then(|| self.begin(dir));
            self.side(dir).literal = Some(Literal { left, tx });
            return false;
        }
        if line.continues {
            return false;
        }
        let mut words = line.bytes.split(|b| *b == b' ');
        let (tag, word) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        match dir {
            Direction::ToServer if word.eq_ignore_ascii_case(b"STARTTLS") => {
                self.tls_tag = Some(tag.to_vec());
                false
            }
            Direction::ToClient if self.tls_tag.as_deref() == Some(tag) => {
                self.tls_tag = None;
                word.eq_ignore_ascii_case(b"OK")
            }
            _ => false,
        }
    }

    fn begin(&mut self, dir: Direction) -> u64 {
        if self.txs.is_full() {
            let oldest = self.txs.get(0).map(|tx| tx.id);
            oldest.into_iter().for_each(|id| self.txs.retire(id));
        }
        self.txs.push_with(|id| MailboxTx::new(id, Vec::new(), Vec::new(), dir, false))
    }

    fn literal_bytes(&mut self, dir: Direction, literal: Literal, rest: &[u8]) -> usize {
        let n = usize::try_from(literal.left).unwrap_or(usize::MAX).min(rest.len());
        let (config, files) = (Arc::clone(&self.config), self.files);
        let left = literal.left - n as u64;
        if let Some(id) = literal.tx {
            let mut reader = std::mem::replace(&mut self.side(dir).mail, LineReader::new(MAX_LINE_BYTES));
            let mut bytes = rest.get(..n).unwrap_or_default();
            while !bytes.is_empty() {
                let (used, _) = reader.next(bytes, |line| {
                    if let Some(tx) = self.txs.by_id_mut(id) {
                        tx.mail_line(&line, &config, &files);
                    }
                });
                bytes = bytes.get(used..).unwrap_or_default();
            }
            if left == 0 {
                let tail = reader.unfinished().to_vec();
                reader.clear();
                if let Some(tx) = self.txs.by_id_mut(id) {
                    if !tail.is_empty() {
                        let line = Line { bytes: &tail, ended: true, crlf: true, continues: false };
                        tx.mail_line(&line, &config, &files);
                    }
                    tx.end(true, &files);
                }
            }
            self.side(dir).mail = reader;
        }
        self.side(dir).literal = (left > 0).then_some(Literal { left, ..literal });
        n
    }

    fn take(&mut self, dir: Direction, bytes: &[u8]) -> Outcome {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|r| !r.is_empty()) {
            if let Some(literal) = self.side(dir).literal {
                at += self.literal_bytes(dir, literal, rest);
                continue;
            }
            let mut reader = std::mem::replace(&mut self.side(dir).lines, LineReader::new(0));
            let (used, tls) = reader.next(rest, |line| self.line(dir, line));
            self.side(dir).lines = reader;
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

impl Parser for ImapParser {
    fn feed(&mut self, dir: Direction, input: Input<'_>, _now: Timestamp) -> Outcome {
        match input {
            Input::Data(bytes) => return self.take(dir, bytes),
            Input::Gap(_) => {
                self.finish();
                return Outcome::Failed;
            }
            Input::End if dir == Direction::ToClient => self.finish(),
            Input::End => {}
        }
        Outcome::Continue
    }

    transactions_in!(txs);
}
