//! The configuration of `serve`: one TOML file, raw → checked.
//!
//! Holds always: a [`Config`] can be run as it is; an error names the file, the line and the key
//! and says in Japanese what to write. Secrets stand in files of their own, are never printed
//! and never in `Debug`. Deliberately not here: opening anything but those small files.

mod raw;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use toml::Spanned;

/// A checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    pub database: Database,
    /// The CA of the gateways and other things that have to be kept and backed up.
    pub state_dir: PathBuf,
    pub portal: Portal,
    pub gateways: Gateways,
    pub mail: Mail,
    /// `None`: no short messages.
    pub sms: Option<Sms>,
    pub metrics: Option<SocketAddr>,
    /// `None`: the policy that ships with the program.
    pub policy: Option<PathBuf>,
    pub log: Log,
}

#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    Sqlite(PathBuf),
    /// With password, perhaps: `Debug` does not show it.
    Postgres {
        url: String,
        connections: u32,
    },
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Database::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Database::Postgres { connections, .. } => write!(f, "postgres ({connections} connections)"),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Portal {
    pub listen: SocketAddr,
    /// Without a slash at the end.
    pub public_url: String,
    pub tls: Option<TlsFiles>,
    pub behind_proxy: bool,
    pub contact: Contact,
}

impl Portal {
    /// Browsers reach it by https, here or at a proxy.
    pub fn https(&self) -> bool {
        self.public_url.starts_with("https://")
    }
}

#[derive(Clone, Debug)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Clone, Debug)]
pub struct Contact {
    pub name: String,
    pub phone: String,
    pub hours: String,
}

#[derive(Clone, Debug)]
pub struct Gateways {
    pub listen: SocketAddr,
    /// Names and addresses by which gateways reach the listener.
    pub names: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Mail {
    /// The first that can be reached is used.
    pub relays: Vec<MailRelay>,
    /// Where undeliverable mails come back to, and where they are taken in.
    pub bounces: Option<String>,
    pub bounces_listen: Option<SocketAddr>,
    pub dkim: Vec<Dkim>,
    pub from: String,
    pub from_name: String,
    /// Right-hand side of Message-IDs.
    pub domain: String,
    /// What this node sends at most, over all relays.
    pub per_minute: Option<u32>,
    /// Conversations of this node at once.
    pub connections: Option<usize>,
}

/// Who delivers short messages: whatever speaks Twilio's Messages resource.
#[derive(Clone)]
pub struct Sms {
    pub url: String,
    pub account: String,
    pub token: String,
    pub from: String,
    /// What this node sends at most.
    pub per_minute: Option<u32>,
}

impl fmt::Debug for Sms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sms").field("url", &self.url).field("account", &self.account).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug)]
pub struct MailRelay {
    pub server: String,
    pub port: u16,
    pub security: MailSecurity,
    pub login: Option<MailLogin>,
    pub per_minute: Option<u32>,
}

/// A key that mails are signed with.
#[derive(Clone)]
pub struct Dkim {
    pub selector: String,
    pub pem: String,
}

impl fmt::Debug for Dkim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dkim").field("selector", &self.selector).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailSecurity {
    StartTls,
    Tls,
    /// Loopback only.
    None,
}

#[derive(Clone)]
pub struct MailLogin {
    pub user: String,
    pub password: String,
}

impl fmt::Debug for MailLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailLogin").field("user", &self.user).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    pub json: bool,
}

/// What is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("設定ファイル {path} の {line} 行目、{key}: {reason}", path = path.display())]
pub struct ConfigError {
    pub path: PathBuf,
    pub line: usize,
    pub key: String,
    pub reason: String,
}

/// Reads and checks a file.
pub fn load(path: &Path) -> anyhow::Result<Config> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        anyhow::anyhow!(
            "設定ファイル {} を読めません（{e}）。ファイルの場所と、読み取りの権限を確かめてください。見本は docs/mimamori.example.toml にあります。",
            path.display()
        )
    })?;
    Ok(parse(path, &text)?)
}

/// Checks a text; `path` names it in errors, and relative files are looked for beside it.
pub fn parse(path: &Path, text: &str) -> Result<Config, ConfigError> {
    let at = Place { path, text };
    let raw: raw::Raw = toml::from_str(text).map_err(|e| at.syntax(&e))?;
    raw::check(&at, raw)
}

/// Turns places in the text into lines.
pub(crate) struct Place<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Place<'_> {
    fn line(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1
    }

    fn wrong<T>(&self, key: &str, value: &Spanned<T>, reason: impl Into<String>) -> ConfigError {
        ConfigError {
            path: self.path.to_owned(),
            line: self.line(value.span().start),
            key: key.to_owned(),
            reason: reason.into(),
        }
    }

    /// The parser's own errors: unknown and missing keys, wrong types, broken TOML.
    fn syntax(&self, e: &toml::de::Error) -> ConfigError {
        let message = e.message();
        let start = e.span().map_or(0, |s| s.start);
        let quoted = message.split('`').nth(1).map(str::to_owned);
        let expected = || message.split_once("expected").map(|(_, rest)| rest.trim().replace("one of ", ""));
        let (key, reason) = if message.starts_with("unknown field") {
            let known = expected().unwrap_or_default();
            (quoted, format!("このような項目はありません。書けるのは {known} です"))
        } else if message.starts_with("missing field") {
            (quoted, "この項目が要ります".to_owned())
        } else if message.starts_with("invalid type") || message.starts_with("unknown variant") {
            let wanted = expected().unwrap_or_default();
            (self.key_at(start), format!("値の種類が違います（書けるのは {wanted}）"))
        } else {
            (self.key_at(start), format!("書き方が正しくありません（{message}）"))
        };
        ConfigError {
            path: self.path.to_owned(),
            line: self.line(start),
            key: key.unwrap_or_else(|| "書式".to_owned()),
            reason,
        }
    }

    /// The key on the line of an offset.
    fn key_at(&self, offset: usize) -> Option<String> {
        let line = self.text.lines().nth(self.line(offset) - 1)?;
        let (key, _) = line.split_once('=')?;
        Some(key.trim().to_owned())
    }
}
