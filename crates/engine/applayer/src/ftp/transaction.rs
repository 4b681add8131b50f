//! One FTP command and its replies as a transaction.

use mimamori_base::Direction;
use serde_json::{Map, Value, json};

use crate::event::AppEvent;
use crate::field::{Field, ONE_STEP};
use crate::ftp::ports::DataPort;
use crate::text::printable;
use crate::transaction::Transaction;

/// Reply lines kept of a command.
pub const MAX_REPLY_LINES: usize = 128;

/// A command; the server's welcome is one without a command.
#[derive(Debug, Default)]
pub struct FtpTx {
    pub id: u64,
    pub command: Vec<u8>,
    pub argument: Vec<u8>,
    pub command_truncated: bool,
    pub reply_truncated: bool,
    pub replies: Vec<Vec<u8>>,
    pub codes: Vec<Vec<u8>>,
    pub data_port: Option<DataPort>,
    pub active: bool,
    pub done: bool,
    pub events: Vec<AppEvent>,
}

impl FtpTx {
    fn mode(&self) -> Option<&'static str> {
        self.data_port.as_ref().map(|_| if self.active { "active" } else { "passive" })
    }
}

impl Transaction for FtpTx {
    fn id(&self) -> u64 {
        self.id
    }

    fn progress(&self, dir: Direction) -> u8 {
        match dir {
            Direction::ToServer => ONE_STEP,
            Direction::ToClient => u8::from(!self.replies.is_empty() || self.done),
        }
    }

    fn is_complete(&self, _dir: Direction) -> bool {
        self.done
    }

    fn events(&self) -> &[AppEvent] {
        &self.events
    }

    fn bytes(&self, field: Field, dir: Direction, visit: &mut dyn FnMut(&[u8])) {
        match (field, dir) {
            (Field::FtpCommand, Direction::ToServer) if !self.command.is_empty() => visit(&self.command),
            (Field::FtpCommandData, Direction::ToServer) if !self.argument.is_empty() => {
                visit(&self.argument)
            }
            (Field::FtpReply, Direction::ToClient) => self.replies.iter().for_each(|r| visit(r)),
            (Field::FtpCompletionCode, Direction::ToClient) => self.codes.iter().for_each(|c| visit(c)),
            (Field::FtpMode, _) => self.mode().into_iter().for_each(|m| visit(m.as_bytes())),
            (Field::FtpPortAddress, Direction::ToServer) if self.active => {
                self.data_port.iter().for_each(|p| visit(&p.address));
            }
            _ => {}
        }
    }

    fn numbers(&self, field: Field, dir: Direction, visit: &mut dyn FnMut(u64)) {
        match field {
            Field::FtpDynamicPort => {
                self.data_port.iter().for_each(|p| visit(u64::from(p.port)));
            }
            Field::FtpReplyReceived if dir == Direction::ToClient && !self.command.is_empty() => {
                visit(u64::from(!self.replies.is_empty()));
            }
            _ => {}
        }
    }

    fn event_type(&self) -> Option<&'static str> {
        Some("ftp")
    }

    fn log(&self, out: &mut Map<String, Value>) {
        let mut ftp = Map::new();
        let texts = |list: &[Vec<u8>]| -> Value { list.iter().map(|t| json!(printable(t))).collect() };
        if !self.command.is_empty() {
            ftp.insert("command".into(), json!(printable(&self.command)));
            if !self.argument.is_empty() {
                ftp.insert("command_data".into(), json!(printable(&self.argument)));
            }
            ftp.insert("command_truncated".into(), json!(self.command_truncated));
        }
        if !self.codes.is_empty() {
            ftp.insert("completion_code".into(), texts(&self.codes));
        }
        if !self.replies.is_empty() {
            ftp.insert("reply".into(), texts(&self.replies));
        }
        ftp.insert("reply_received".into(), json!(if self.replies.is_empty() { "no" } else { "yes" }));
        ftp.insert("reply_truncated".into(), json!(self.reply_truncated));
        if let (Some(port), Some(mode)) = (&self.data_port, self.mode()) {
            ftp.insert("dynamic_port".into(), json!(port.port));
            ftp.insert("mode".into(), json!(mode));
        }
        out.insert("ftp".into(), Value::Object(ftp));
    }
}
