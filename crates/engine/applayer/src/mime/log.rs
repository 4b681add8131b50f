//! The `email` object of EVE.

use md5::{Digest, Md5};
use mimamori_files::File;
use serde_json::{Map, Value, json};

use crate::mime::header::split_unquoted;
use crate::mime::{MimeParser, MimeStatus};
use crate::text::{hex, printable};

/// A list of texts.
pub fn texts<'a>(values: impl Iterator<Item = &'a [u8]>) -> Value {
    values.map(|v| json!(printable(v))).collect()
}

/// The addresses of a header, cut at the commas between them.
fn addresses(value: &[u8]) -> Value {
    texts(split_unquoted(value, b',').into_iter().map(<[u8]>::trim_ascii).filter(|a| !a.is_empty()))
}

impl MimeParser {
    /// What is logged of a mail whose attachments are `files`.
    #[must_use]
    pub fn log(&self, files: &[File]) -> Map<String, Value> {
        let mut o = Map::new();
        let status = match self.status {
            MimeStatus::Started => "PARSE_STARTED",
            MimeStatus::Done => "PARSE_DONE",
            MimeStatus::Error => "PARSE_ERROR",
        };
        o.insert("status".into(), json!(status));
        if let Some(from) = self.header(b"from") {
            o.insert("from".into(), json!(printable(from)));
        }
        for (key, name) in [("to", &b"to"[..]), ("cc", b"cc")] {
            if let Some(value) = self.header(name).filter(|v| !v.trim_ascii().is_empty()) {
                o.insert(key.into(), addresses(value));
            }
        }
        for (key, name) in [
            ("subject", &b"subject"[..]),
            ("date", b"date"),
            ("message_id", b"message-id"),
            ("x_mailer", b"x-mailer"),
        ] {
            if let Some(value) = self.header(name) {
                o.insert(key.into(), json!(printable(value)));
            }
        }
        let received: Vec<&[u8]> = self.headers_named(b"received").collect();
        if !received.is_empty() {
            o.insert("received".into(), texts(received.into_iter()));
        }
        if !self.urls.found.is_empty() {
            // The newest first, as the field logs them.
            o.insert("url".into(), texts(self.urls.found.iter().rev().map(Vec::as_slice)));
        }
        if !files.is_empty() {
            o.insert("attachment".into(), texts(files.iter().map(File::name)));
        }
        if let Some(md5) = &self.body_md5 {
            o.insert("body_md5".into(), json!(hex(md5)));
        }
        if let Some(subject) = self.header(b"subject") {
            o.insert("subject_md5".into(), json!(hex(&Md5::digest(subject))));
        }
        o
    }
}
