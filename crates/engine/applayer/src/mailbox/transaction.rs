//! A POP3 command, or a mail fetched from or put into a mailbox, as a transaction.

use mimamori_base::Direction;
use mimamori_files::{File, FileConfig};
use serde_json::{Map, Value, json};

use crate::config::SmtpConfig;
use crate::event::AppEvent;
use crate::field::{Field, smtp_step};
use crate::lines::Line;
use crate::mime::{FileSink, MimeParser};
use crate::text::printable;
use crate::transaction::Transaction;

/// A command with its answer, or a mail.
#[derive(Debug)]
pub struct MailboxTx {
    pub id: u64,
    pub command: Vec<u8>,
    pub argument: Vec<u8>,
    /// `+OK` or `-ERR`, where there was an answer.
    pub success: Option<bool>,
    pub header: Vec<u8>,
    /// The side that sends the mail.
    pub dir: Direction,
    pub mime: Option<Box<MimeParser>>,
    pub files: Vec<File>,
    pub events: Vec<AppEvent>,
    pub done: bool,
    pub logged: bool,
}

impl MailboxTx {
    #[must_use]
    pub fn new(id: u64, command: Vec<u8>, argument: Vec<u8>, dir: Direction, logged: bool) -> Self {
        MailboxTx {
            id,
            command,
            argument,
            success: None,
            header: Vec::new(),
            dir,
            mime: None,
            files: Vec::new(),
            events: Vec::new(),
            done: false,
            logged,
        }
    }

    /// A line of the mail.
    pub fn mail_line(&mut self, line: &Line<'_>, config: &SmtpConfig, files: &FileConfig) {
        let mime = self.mime.get_or_insert_with(|| Box::new(MimeParser::new(config)));
        let mut sink = FileSink { files: &mut self.files, tx_id: self.id, config: files };
        mime.line(line.bytes, line.ended, line.crlf, &mut sink);
        mime.events.clear();
    }

    /// The mail is whole, or broke off.
    pub fn end(&mut self, whole: bool, files: &FileConfig) {
        if let Some(mime) = &mut self.mime {
            let mut sink = FileSink { files: &mut self.files, tx_id: self.id, config: files };
            if whole {
                mime.finish(&mut sink);
            } else {
                mime.truncate(&mut sink);
            }
        }
        self.done = true;
    }
}

impl Transaction for MailboxTx {
    fn id(&self) -> u64 {
        self.id
    }

    fn progress(&self, _dir: Direction) -> u8 {
        if self.done { smtp_step::DONE } else { smtp_step::ENVELOPE }
    }

    fn is_complete(&self, _dir: Direction) -> bool {
        self.done
    }

    fn events(&self) -> &[AppEvent] {
        &self.events
    }

    fn bytes(&self, field: Field, dir: Direction, visit: &mut dyn FnMut(&[u8])) {
        match field {
            Field::FileName => self.files(dir).iter().for_each(|f| visit(f.name())),
            Field::FileMagic => self.files(dir).iter().for_each(|f| visit(f.magic().as_bytes())),
            _ => {}
        }
    }

    fn numbers(&self, _field: Field, _dir: Direction, _visit: &mut dyn FnMut(u64)) {}

    fn files(&self, dir: Direction) -> &[File] {
        if dir == self.dir { &self.files } else { &[] }
    }

    fn files_mut(&mut self, dir: Direction) -> &mut [File] {
        if dir == self.dir { &mut self.files } else { &mut [] }
    }

    fn inspected(&mut self, dir: Direction) {
        self.files_mut(dir).iter_mut().for_each(File::inspected);
    }

    fn event_type(&self) -> Option<&'static str> {
        self.logged.then_some("pop3")
    }

    fn log(&self, out: &mut Map<String, Value>) {
        if self.logged {
            let mut o = Map::new();
            if !self.command.is_empty() {
                let mut request = Map::new();
                request.insert("command".into(), json!(printable(&self.command)));
                // A password is nobody's business.
                if !self.argument.is_empty() && self.command != b"PASS" && self.command != b"AUTH" {
                    request.insert("args".into(), json!([printable(&self.argument)]));
                }
                o.insert("request".into(), Value::Object(request));
            }
            if let Some(success) = self.success {
                let status = if success { "OK" } else { "ERR" };
                let response =
                    json!({"success": success, "status": status, "header": printable(&self.header)});
                o.insert("response".into(), response);
            }
            out.insert("pop3".into(), Value::Object(o));
        }
        if let Some(mime) = &self.mime {
            out.insert("email".into(), Value::Object(mime.log(&self.files)));
        }
    }
}
