//! FTP's control connection (RFC 959, 2228, 2428) and what it announces.
//!
//! Holds always: lines longer than the setting are cut and noted; when too many commands wait
//! for their replies the connection is followed no further.

mod data;
mod ports;
mod transaction;

use mimamori_base::{Direction, Timestamp};

use crate::config::FtpConfig;
use crate::event::AppEvent;
pub use crate::ftp::data::{FtpDataParser, FtpDataTx};
use crate::ftp::ports::DataPort;
pub use crate::ftp::transaction::FtpTx;
use crate::lines::{Line, LineReader};
use crate::parser::{Expectation, ExpectationContext, Outcome, Parser, transactions_in};
use crate::proto::AppProto;
use crate::session::Input;
use crate::txlist::TxList;

/// Announced data connections not yet fetched by the session's owner.
const MAX_EXPECTATIONS: usize = 16;

/// FTP of one flow.
#[derive(Debug)]
pub struct FtpParser {
    max_tx: usize,
    txs: TxList<FtpTx>,
    client: LineReader,
    server: LineReader,
    /// The last port announced, and who listens on it.
    data_port: Option<(DataPort, Direction)>,
    expectations: Vec<Expectation>,
    overrun: bool,
}

impl FtpParser {
    #[must_use]
    pub fn new(config: &FtpConfig) -> Self {
        FtpParser {
            max_tx: config.max_tx,
            // One more than may wait: the newest is always kept.
            txs: TxList::new(config.max_tx.saturating_mul(2).max(16)),
            client: LineReader::new(config.max_line_bytes),
            server: LineReader::new(config.max_line_bytes),
            data_port: None,
            expectations: Vec::new(),
            overrun: false,
        }
    }

    fn client_line(&mut self, line: Line<'_>) {
        if line.continues {
            return;
        }
        let text = line.bytes.trim_ascii_end();
        let end = text.iter().position(|b| matches!(b, b' ' | b'\t')).unwrap_or(text.len());
        let (verb, argument) = text.split_at_checked(end).unwrap_or((text, &[]));
        let verb = verb.to_ascii_uppercase();
        let argument = argument.strip_prefix(b" ").unwrap_or(argument);
        let data_port = match verb.as_slice() {
            b"PORT" => ports::six_numbers(argument),
            b"EPRT" => ports::extended(argument),
            _ => None,
        };
        if let Some(port) = &data_port {
            self.data_port = Some((port.clone(), Direction::ToClient));
        }
        self.announce(&verb, argument);
        if self.too_many() {
            return;
        }
        let mut events: Vec<AppEvent> = Vec::new();
        if !line.ended {
            events.push("ftp.request_command_too_long");
        }
        let (command, argument) = (verb, argument.to_vec());
        self.txs.push_with(|id| FtpTx {
            id,
            command,
            argument,
            command_truncated: !line.ended,
            active: data_port.is_some(),
            data_port,
            events,
            ..FtpTx::default()
        });
    }

    /// With too many commands unanswered the connection is followed no further.
    fn too_many(&mut self) -> bool {
        let waiting = self.txs.iter().filter(|tx| !tx.done).count();
        if self.txs.is_full() {
            let oldest = self.txs.get(0).map(|tx| tx.id);
            oldest.into_iter().for_each(|id| self.txs.retire(id));
        }
        if waiting >= self.max_tx && !self.overrun {
            self.overrun = true;
            if let Some(last) = self.txs.last_mut() {
                last.events.push("ftp.too_many_transactions");
            }
        }
        self.overrun
    }

    fn announce(&mut self, verb: &[u8], argument: &[u8]) {
        let (command, upload) = match verb {
            b"RETR" => ("RETR", false),
            b"STOR" | b"STOU" | b"APPE" => ("STOR", true),
            // Listings travel the same way, but are no files.
            b"LIST" | b"NLST" | b"MLSD" => ("LIST", false),
            _ => return,
        };
        let Some((port, listener)) = self.data_port.take() else { return };
        if self.expectations.len() < MAX_EXPECTATIONS {
            self.expectations.push(Expectation {
                proto: AppProto::FtpData,
                listener,
                port: port.port,
                context: ExpectationContext {
                    command: command.to_owned(),
                    file_name: argument.to_vec(),
                    upload,
                },
            });
        }
    }

    /// Takes a reply line; true when the server agrees to TLS.
    fn server_line(&mut self, line: Line<'_>) -> bool {
        if line.continues {
            return false;
        }
        let text = line.bytes.trim_ascii_end();
        let code = text.get(..3).filter(|c| c.iter().all(u8::is_ascii_digit));
        let last = code.is_some() && matches!(text.get(3), None | Some(b' '));
        let message = match code {
            Some(_) => text.get(4..).unwrap_or_default(),
            None => text,
        };
        let passive = match code {
            Some(b"227") => ports::six_numbers(message),
            Some(b"229") => ports::extended(message),
            _ => None,
        };
        if let Some(port) = &passive {
            self.data_port = Some((port.clone(), Direction::ToServer));
        }
        if !self.txs.iter().any(|tx| !tx.done) {
            // The welcome, or a reply that nobody asked for.
            self.txs.push_with(|id| FtpTx { id, ..FtpTx::default() });
        }
        let Some(tx) = self.txs.iter_mut().find(|tx| !tx.done) else { return false };
        if tx.replies.len() < transaction::MAX_REPLY_LINES {
            tx.replies.push(message.to_vec());
            tx.codes.extend(code.map(<[u8]>::to_vec));
        }
        if passive.is_some() {
            tx.data_port = passive;
            tx.active = false;
        }
        if !line.ended {
            tx.reply_truncated = true;
            tx.events.push("ftp.response_command_too_long");
        }
        // 1yz is a preliminary reply: the command goes on (RFC 959 4.2).
        tx.done = last && code.is_some_and(|c| !c.starts_with(b"1"));
        let auth = matches!(tx.command.as_slice(), b"AUTH");
        auth && code == Some(b"234")
    }

    fn take(&mut self, dir: Direction, bytes: &[u8]) -> Outcome {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|r| !r.is_empty()) {
            let limit = 0;
            let own = if dir == Direction::ToServer { &mut self.client } else { &mut self.server };
            let mut reader = std::mem::replace(own, LineReader::new(limit));
            let (used, tls) = reader.next(rest, |line| match dir {
                Direction::ToServer => {
                    self.client_line(line);
                    false
                }
                Direction::ToClient => self.server_line(line),
            });
            *(if dir == Direction::ToServer { &mut self.client } else { &mut self.server }) = reader;
            at += used;
            if self.overrun {
                self.finish();
                return Outcome::Opaque;
            }
            if tls == Some(true) {
                self.finish();
                return Outcome::Change { to: None, expect: Some(AppProto::Tls), consumed: at };
            }
        }
        Outcome::Continue
    }

    fn finish(&mut self) {
        self.txs.iter_mut().for_each(|tx| tx.done = true);
    }
}

impl Parser for FtpParser {
    fn feed(&mut self, dir: Direction, input: Input<'_>, _now: Timestamp) -> Outcome {
        match input {
            Input::Data(bytes) => return self.take(dir, bytes),
            Input::Gap(_) => {
                let reader = if dir == Direction::ToServer { &mut self.client } else { &mut self.server };
                reader.clear();
            }
            Input::End if dir == Direction::ToClient => self.finish(),
            Input::End => {}
        }
        Outcome::Continue
    }

    fn take_expectations(&mut self) -> Vec<Expectation> {
        std::mem::take(&mut self.expectations)
    }

    transactions_in!(txs);
}
