//! The messages that were received, newest last, bounded.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mail_parser::MessageParser;
use mimamori_base::Timestamp;

/// One received message, decoded.
#[derive(Clone, Debug)]
pub struct Received {
    /// Counts from 1 and never repeats.
    pub number: u64,
    pub at: Timestamp,
    pub envelope_from: String,
    pub envelope_to: Vec<String>,
    pub encrypted: bool,
    pub message_id: String,
    pub from: String,
    pub to: String,
    pub reply_to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    pub raw: Vec<u8>,
}

#[derive(Debug)]
struct Inner {
    messages: VecDeque<Received>,
    capacity: usize,
    received: u64,
    dropped: u64,
}

/// A bounded mailbox. Clones share it.
#[derive(Clone, Debug)]
pub struct Mailbox(Arc<Mutex<Inner>>);

/// What a session hands over.
pub(super) struct Envelope {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) encrypted: bool,
}

impl Mailbox {
    /// Keeps at most `capacity` messages; the oldest goes first.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Mailbox(Arc::new(Mutex::new(Inner {
            messages: VecDeque::new(),
            capacity: capacity.max(1),
            received: 0,
            dropped: 0,
        })))
    }

    /// Takes out what is there.
    #[must_use]
    pub fn take(&self) -> Vec<Received> {
        self.lock().messages.drain(..).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All kept messages, newest first. A message that came twice under one Message-ID stands
    /// there twice: a reader shows what was received.
    #[must_use]
    pub fn messages(&self) -> Vec<Received> {
        self.lock().messages.iter().rev().cloned().collect()
    }

    #[must_use]
    pub fn get(&self, number: u64) -> Option<Received> {
        self.lock().messages.iter().find(|m| m.number == number).cloned()
    }

    /// How many were received, and how many of them had to go for newer ones.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        let inner = self.lock();
        (inner.received, inner.dropped)
    }

    /// Puts back a message that was kept elsewhere, e.g. on disk over a restart.
    pub fn restore(&self, at: Timestamp, envelope_from: &str, envelope_to: &[String], raw: Vec<u8>) {
        let envelope =
            Envelope { from: envelope_from.to_owned(), to: envelope_to.to_vec(), encrypted: false };
        self.keep(at, envelope, raw);
    }

    pub(super) fn keep(&self, at: Timestamp, envelope: Envelope, raw: Vec<u8>) {
        let mut message = decode(at, envelope, raw);
        let mut inner = self.lock();
        inner.received += 1;
        message.number = inner.received;
        while inner.messages.len() >= inner.capacity {
            inner.messages.pop_front();
            inner.dropped += 1;
        }
        inner.messages.push_back(message);
    }
}

fn decode(at: Timestamp, envelope: Envelope, raw: Vec<u8>) -> Received {
    let parsed = MessageParser::default().parse(&raw);
    let parsed = parsed.as_ref();
    let address = |a: Option<&mail_parser::Address<'_>>| {
        let first = a.and_then(|a| a.first());
        match first.map(|f| (f.name(), f.address())) {
            Some((Some(name), Some(address))) => format!("{name} <{address}>"),
            Some((None, Some(address))) => address.to_owned(),
            _ => String::new(),
        }
    };
    let text = |t: Option<std::borrow::Cow<'_, str>>| t.map(std::borrow::Cow::into_owned).unwrap_or_default();
    Received {
        number: 0,
        at,
        envelope_from: envelope.from,
        envelope_to: envelope.to,
        encrypted: envelope.encrypted,
        message_id: parsed.and_then(|m| m.message_id()).unwrap_or_default().to_owned(),
        from: address(parsed.and_then(|m| m.from())),
        to: address(parsed.and_then(|m| m.to())),
        reply_to: address(parsed.and_then(|m| m.reply_to())),
        subject: parsed.and_then(|m| m.subject()).unwrap_or_default().to_owned(),
        text: text(parsed.and_then(|m| m.body_text(0))),
        html: text(parsed.and_then(|m| m.body_html(0))),
        raw,
    }
}
