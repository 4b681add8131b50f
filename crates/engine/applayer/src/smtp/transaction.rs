//! One mail as a transaction.

use mimamori_base::Direction;
use mimamori_files::File;
use serde_json::{Map, Value, json};

use crate::event::AppEvent;
use crate::field::{Field, smtp_step};
use crate::mime::MimeParser;
use crate::mime::log::texts;
use crate::text::{hex, printable};
use crate::transaction::Transaction;

/// Recipients kept of a mail; more are counted by nobody.
pub const MAX_RECIPIENTS: usize = 256;

/// A mail: its envelope and what MIME found.
#[derive(Debug, Default)]
pub struct SmtpTx {
    pub id: u64,
    pub helo: Vec<u8>,
    pub mail_from: Option<Vec<u8>>,
    pub rcpt_to: Vec<Vec<u8>>,
    pub mime: Option<Box<MimeParser>>,
    pub files: Vec<File>,
    pub events: Vec<AppEvent>,
    /// DATA or BDAT was asked for.
    pub data_begun: bool,
    pub done: bool,
}

impl Transaction for SmtpTx {
    fn id(&self) -> u64 {
        self.id
    }

    fn progress(&self, _dir: Direction) -> u8 {
        let headers_read = self.mime.as_ref().is_some_and(|m| !m.headers.is_empty());
        match (self.done, headers_read, self.data_begun) {
            (true, _, _) => smtp_step::DONE,
            (_, true, _) => smtp_step::HEADERS,
            (_, _, true) => smtp_step::ENVELOPE,
            _ => smtp_step::HELO,
        }
    }

    fn is_complete(&self, _dir: Direction) -> bool {
        self.done
    }

    fn events(&self) -> &[AppEvent] {
        &self.events
    }

    fn bytes(&self, field: Field, dir: Direction, visit: &mut dyn FnMut(&[u8])) {
        match field {
            Field::FileName => {
                if dir == Direction::ToServer {
                    self.files.iter().for_each(|f| visit(f.name()));
                }
                return;
            }
            Field::FileMagic => {
                if dir == Direction::ToServer {
                    self.files.iter().for_each(|f| visit(f.magic().as_bytes()));
                }
                return;
            }
            Field::SmtpHelo if !self.helo.is_empty() => return visit(&self.helo),
            Field::SmtpMailFrom => return self.mail_from.iter().for_each(|m| visit(m)),
            Field::SmtpRcptTo => return self.rcpt_to.iter().for_each(|r| visit(r)),
            _ => {}
        }
        let Some(mime) = &self.mime else { return };
        let name: &[u8] = match field {
            Field::EmailFrom => b"from",
            Field::EmailSubject => b"subject",
            Field::EmailTo => b"to",
            Field::EmailCc => b"cc",
            Field::EmailDate => b"date",
            Field::EmailMessageId => b"message-id",
            Field::EmailXMailer => b"x-mailer",
            Field::EmailUrl => return mime.urls.found.iter().for_each(|u| visit(u)),
            Field::EmailReceived => return mime.headers_named(b"received").for_each(visit),
            Field::EmailBodyMd5 => return mime.body_md5.iter().for_each(|m| visit(hex(m).as_bytes())),
            _ => return,
        };
        if let Some(value) = mime.header(name) {
            visit(value);
        }
    }

    fn numbers(&self, _field: Field, _dir: Direction, _visit: &mut dyn FnMut(u64)) {}

    fn files(&self, dir: Direction) -> &[File] {
        if dir == Direction::ToServer { &self.files } else { &[] }
    }

    fn files_mut(&mut self, dir: Direction) -> &mut [File] {
        if dir == Direction::ToServer { &mut self.files } else { &mut [] }
    }

    fn inspected(&mut self, dir: Direction) {
        if dir == Direction::ToServer {
            self.files.iter_mut().for_each(File::inspected);
        }
    }

    fn event_type(&self) -> Option<&'static str> {
        Some("smtp")
    }

    fn log(&self, out: &mut Map<String, Value>) {
        let mut smtp = Map::new();
        if !self.helo.is_empty() {
            smtp.insert("helo".into(), json!(printable(&self.helo)));
        }
        if let Some(from) = &self.mail_from {
            smtp.insert("mail_from".into(), json!(printable(from)));
        }
        if !self.rcpt_to.is_empty() {
            smtp.insert("rcpt_to".into(), texts(self.rcpt_to.iter().map(Vec::as_slice)));
        }
        out.insert("smtp".into(), Value::Object(smtp));
        if let Some(mime) = &self.mime {
            out.insert("email".into(), Value::Object(mime.log(&self.files)));
        }
    }
}
