//! The mail server of the demonstration: real SMTP on loopback, kept on disk over a restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use mimamori_base::{SystemClock, Timestamp};
use mimamori_notify::{Mailbox as Mails, Received, Receiver, ReceiverConfig};
use mimamori_web::{Mailbox, ReceivedMail};

use crate::listen;

/// Mails that are kept, in memory and on disk.
const KEPT: usize = 200;

/// Starts the server on `wished` or the next free port, with the mails of the last time.
pub async fn start(data: &Path, wished: u16) -> anyhow::Result<Receiver> {
    let mails = Mails::new(KEPT);
    for (at, path) in stored(data)? {
        match std::fs::read(&path) {
            Ok(raw) => mails.restore(at, "", &[], raw),
            Err(error) => tracing::warn!(%error, path = %path.display(), "a kept mail cannot be read"),
        }
    }
    let listen = listen::bind_near(wished)?.local_addr()?;
    let config = ReceiverConfig { listen, ..ReceiverConfig::loopback() };
    Receiver::start(config, mails, Arc::new(SystemClock)).await.context("メールサーバーを始められません")
}

fn folder(data: &Path) -> PathBuf {
    data.join("mails")
}

/// Kept mails, oldest first; the name is the time of arrival.
fn stored(data: &Path) -> anyhow::Result<Vec<(Timestamp, PathBuf)>> {
    let folder = folder(data);
    std::fs::create_dir_all(&folder).with_context(|| format!("{} を作れません", folder.display()))?;
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("{} を読めません", folder.display()))?
    {
        let path = entry?.path();
        let at = path.file_stem().and_then(|s| s.to_str()).and_then(|s| s.split('-').next()?.parse().ok());
        if let Some(at) = at {
            found.push((Timestamp(at), path));
        }
    }
    found.sort();
    let surplus = found.len().saturating_sub(KEPT);
    for (_, path) in found.drain(..surplus) {
        let _ = std::fs::remove_file(path);
    }
    Ok(found)
}

/// Keeps a mail over a restart.
pub fn keep(data: &Path, mail: &Received) -> std::io::Result<()> {
    std::fs::write(folder(data).join(format!("{}-{}.eml", mail.at.micros(), mail.number)), &mail.raw)
}

/// The mailbox as the portal shows it.
#[derive(Debug)]
pub struct Inbox {
    server: String,
    mails: Mails,
}

impl Inbox {
    pub fn new(receiver: &Receiver) -> Self {
        Inbox { server: receiver.address().to_string(), mails: receiver.mailbox() }
    }
}

impl Mailbox for Inbox {
    fn server(&self) -> String {
        self.server.clone()
    }

    fn mails(&self) -> Vec<ReceivedMail> {
        self.mails.messages().into_iter().map(page).collect()
    }

    fn mail(&self, number: u64) -> Option<ReceivedMail> {
        self.mails.get(number).map(page)
    }
}

fn page(mail: Received) -> ReceivedMail {
    ReceivedMail {
        number: mail.number,
        at: mail.at,
        from: mail.from,
        to: mail.to,
        subject: mail.subject,
        message_id: mail.message_id,
        text: mail.text.replace("\r\n", "\n"),
    }
}
