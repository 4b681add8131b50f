//! One conversation with the mail server, stage by stage, as what an answer means depends on
//! where it comes: a refused password is our fault and waits, a refused recipient is final.

use std::sync::Arc;
use std::time::Duration;

use lettre::transport::smtp::authentication::{Credentials as Login, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use lettre::transport::smtp::{Error, authentication::Mechanism};
use mimamori_base::Timestamp;
use mimamori_service::views::ClaimedDelivery;

use crate::config::{Security, SmtpConfig, SmtpConfigError};
use crate::message;
use crate::pace::Pace;

/// A whole conversation may take as long as this many single answers.
const CONVERSATION_TIMEOUTS: u32 = 4;

/// How an attempt ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The server took it, with its words.
    Sent(String),
    /// Not now; also when nobody knows whether the server took it.
    TryAgain(String),
    /// This mail will never be taken.
    Refused(String),
}

/// Sends mails over the first relay that can be reached, each over one connection that is opened
/// when needed and reused.
#[derive(Debug)]
pub struct Sender {
    relays: Vec<Relay>,
    /// Of all relays together.
    pace: Arc<Pace>,
    /// The relay that has room for the next mail.
    reserved: Option<usize>,
}

/// One mail server of ours.
struct Relay {
    config: SmtpConfig,
    tls: Option<TlsParameters>,
    connection: Option<AsyncSmtpConnection>,
    pace: Arc<Pace>,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay").field("config", &self.config).finish_non_exhaustive()
    }
}

enum Stage {
    Sender,
    Recipient,
    Content,
}

impl Sender {
    pub fn new(config: SmtpConfig) -> Result<Self, SmtpConfigError> {
        Ok(Sender { relays: vec![Relay::new(config)?], pace: Arc::new(Pace::new(None)), reserved: None })
    }

    /// Where to turn to when the relays before it cannot be reached.
    pub fn with_fallback(mut self, config: SmtpConfig) -> Result<Self, SmtpConfigError> {
        self.relays.push(Relay::new(config)?);
        Ok(self)
    }

    /// At most so many mails a minute, over all relays and over each (in their order), of this
    /// sender and its siblings together.
    #[must_use]
    pub fn paced(mut self, all: Option<u32>, each: &[Option<u32>]) -> Self {
        self.pace = Arc::new(Pace::new(all));
        for (relay, per_minute) in self.relays.iter_mut().zip(each) {
            relay.pace = Arc::new(Pace::new(*per_minute));
        }
        self
    }

    /// Another sender with the same configuration and paces, and connections of its own.
    #[must_use]
    pub fn sibling(&self) -> Self {
        let relay = |r: &Relay| Relay {
            config: r.config.clone(),
            tls: r.tls.clone(),
            connection: None,
            pace: r.pace.clone(),
        };
        Sender { relays: self.relays.iter().map(relay).collect(), pace: self.pace.clone(), reserved: None }
    }

    /// Room for one mail within the minute's share: of all, and of the first relay that has some.
    /// Asked before a mail is claimed, so that what is urgent goes first when there is room again.
    pub fn reserve(&mut self, now: Timestamp) -> bool {
        if !self.pace.take(now) {
            return false;
        }
        self.reserved = self.relays.iter().position(|relay| relay.pace.take(now));
        if self.reserved.is_none() {
            self.pace.give_back();
        }
        self.reserved.is_some()
    }

    /// The room was not needed.
    pub fn release(&mut self) {
        if let Some(relay) = self.reserved.take().and_then(|i| self.relays.get(i)) {
            relay.pace.give_back();
            self.pace.give_back();
        }
    }

    /// The longest that one attempt can take.
    #[must_use]
    pub fn longest(&self) -> Duration {
        self.relays.iter().map(|r| r.config.timeout * (1 + CONVERSATION_TIMEOUTS + 1)).sum()
    }

    /// One attempt. Only a relay that was not reached passes the mail on to the next: after that
    /// nobody could say who took it.
    pub async fn deliver(&mut self, claimed: &ClaimedDelivery) -> Outcome {
        let mut reasons = Vec::new();
        let first = self.reserved.take().unwrap_or(0);
        for relay in self.relays.iter_mut().skip(first) {
            match relay.deliver(claimed).await {
                Ok(outcome) => return outcome,
                Err(unreached) => reasons.push(unreached),
            }
        }
        Outcome::TryAgain(reasons.join(" / "))
    }

    /// Ends the conversations politely.
    pub async fn quit(&mut self) {
        for relay in &mut self.relays {
            relay.quit().await;
        }
    }
}

impl Relay {
    fn new(config: SmtpConfig) -> Result<Self, SmtpConfigError> {
        config.check()?;
        let tls = match config.security {
            Security::PlainLoopback => None,
            Security::StartTls | Security::ImplicitTls => Some(tls_parameters(&config)?),
        };
        Ok(Relay { config, tls, connection: None, pace: Arc::new(Pace::new(None)) })
    }

    /// One attempt, or why the relay was not reached.
    async fn deliver(&mut self, claimed: &ClaimedDelivery) -> Result<Outcome, String> {
        let wire = match message::build(claimed, &self.config) {
            Ok(wire) => wire,
            Err(e) => return Ok(Outcome::Refused(e.to_string())),
        };
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let limit = self.config.timeout * CONVERSATION_TIMEOUTS;
        let (outcome, usable) = match tokio::time::timeout(limit, converse(&mut connection, &wire)).await {
            Ok(Ok(response)) => (Outcome::Sent(words(&response)), true),
            Ok(Err((stage, e))) => {
                let answered = e.status().is_some();
                (judge(&stage, &e), answered)
            }
            Err(_) => (
                Outcome::TryAgain(format!("メールサーバーが{}秒以内に応答しませんでした", limit.as_secs())),
                false,
            ),
        };
        let clean = matches!(outcome, Outcome::Sent(_)) || (usable && self.reset(&mut connection).await);
        if clean && !connection.has_broken() {
            self.connection = Some(connection);
        }
        Ok(outcome)
    }

    async fn quit(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            let _ = tokio::time::timeout(Duration::from_secs(2), connection.quit()).await;
        }
    }

    async fn reset(&self, connection: &mut AsyncSmtpConnection) -> bool {
        matches!(tokio::time::timeout(self.config.timeout, connection.command(Rset)).await, Ok(Ok(_)))
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, String> {
        let c = &self.config;
        match tokio::time::timeout(c.timeout, self.open()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(e)) => {
                Err(format!("メールサーバー {}:{} に接続できません: {}", c.host, c.port, chain(&e)))
            }
            Err(_) => Err(format!(
                "メールサーバー {}:{} が{}秒以内に応答しませんでした",
                c.host,
                c.port,
                c.timeout.as_secs()
            )),
        }
    }

    async fn open(&self) -> Result<AsyncSmtpConnection, Error> {
        let c = &self.config;
        let hello = ClientId::Domain(c.hello_name.clone());
        let implicit = self.tls.clone().filter(|_| c.security == Security::ImplicitTls);
        let server = (c.host.as_str(), c.port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, Some(c.timeout), &hello, implicit, None).await?;
        if c.security == Security::StartTls
            && let Some(tls) = &self.tls
        {
            // Fails where the server does not offer it: never falls back to plain text.
            connection.starttls(tls.clone(), &hello).await?;
        }
        if let Some(login) = &c.credentials {
            let mechanisms: &[Mechanism] = DEFAULT_MECHANISMS;
            let login = Login::new(login.user.clone(), login.password.clone());
            connection.auth(mechanisms, &login).await?;
        }
        Ok(connection)
    }
}

fn tls_parameters(config: &SmtpConfig) -> Result<TlsParameters, SmtpConfigError> {
    let mut builder = TlsParameters::builder(config.host.clone());
    if let Some(pem) = &config.extra_root_pem {
        let root = Certificate::from_pem(pem).map_err(|e| SmtpConfigError::BadRoot(chain(&e)))?;
        builder = builder.add_root_certificate(root);
    }
    builder.build_rustls().map_err(|e| SmtpConfigError::BadRoot(chain(&e)))
}

async fn converse(
    connection: &mut AsyncSmtpConnection,
    wire: &message::Wire,
) -> Result<Response, (Stage, Error)> {
    let from = wire.envelope.from().cloned();
    connection.command(Mail::new(from, Vec::new())).await.map_err(|e| (Stage::Sender, e))?;
    for to in wire.envelope.to() {
        let rcpt = Rcpt::new(to.clone(), Vec::new());
        connection.command(rcpt).await.map_err(|e| (Stage::Recipient, e))?;
    }
    connection.command(Data).await.map_err(|e| (Stage::Content, e))?;
    connection.message(&wire.bytes).await.map_err(|e| (Stage::Content, e))
}

fn judge(stage: &Stage, e: &Error) -> Outcome {
    let words = chain(e);
    match stage {
        Stage::Recipient | Stage::Content if e.is_permanent() => Outcome::Refused(words),
        // A refused sender or login is a fault of our configuration, not of this mail.
        Stage::Sender | Stage::Recipient | Stage::Content => Outcome::TryAgain(words),
    }
}

fn words(response: &Response) -> String {
    let text: Vec<&str> = response.message().collect();
    format!("{} {}", response.code(), text.join(" "))
}

/// The error with its causes, on one line.
fn chain(e: &dyn std::error::Error) -> String {
    let mut text = e.to_string();
    let mut cause = e.source();
    while let Some(e) = cause {
        text.push_str(": ");
        text.push_str(&e.to_string());
        cause = e.source();
    }
    text
}
