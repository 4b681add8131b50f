//! How mail leaves: checked once at start.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use mimamori_domain::{EmailAddress, Name};

use crate::dkim::DkimKey;

/// Protection of the connection to the mail server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Security {
    /// Only towards this machine itself.
    PlainLoopback,
    /// Port 587, usually.
    StartTls,
    /// Port 465, usually.
    ImplicitTls,
}

#[derive(Clone)]
pub struct Credentials {
    pub user: String,
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug)]
pub struct SmtpConfig {
    pub host: String,
    pub port: u16,
    pub security: Security,
    pub credentials: Option<Credentials>,
    pub from_name: Name,
    pub from: EmailAddress,
    /// Where answers go: the help desk.
    pub reply_to: Option<EmailAddress>,
    /// Where undeliverable mails come back to: `bounce@portal.example` becomes `bounce+ID@…`.
    pub bounces: Option<EmailAddress>,
    /// Every mail is signed with each of these.
    pub dkim: Vec<DkimKey>,
    /// What we call ourselves in EHLO.
    pub hello_name: String,
    /// For connecting, and for each answer of the server.
    pub timeout: Duration,
    /// A certificate authority to trust beside the public ones, as PEM.
    pub extra_root_pem: Option<Vec<u8>>,
}

#[derive(Debug, thiserror::Error)]
pub enum SmtpConfigError {
    #[error(
        "mail may go out unencrypted only to this machine itself, not to {0}: set security to starttls or tls"
    )]
    PlaintextToElsewhere(String),
    #[error("the certificate authority for the mail server is not PEM: {0}")]
    BadRoot(String),
    #[error("the name of the mail server is empty")]
    NoHost,
    #[error("a password may not go out unencrypted")]
    PlaintextPassword,
}

impl SmtpConfig {
    pub fn check(&self) -> Result<(), SmtpConfigError> {
        if self.host.trim().is_empty() {
            return Err(SmtpConfigError::NoHost);
        }
        if self.security == Security::PlainLoopback {
            let loopback =
                self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
            if !loopback {
                return Err(SmtpConfigError::PlaintextToElsewhere(self.host.clone()));
            }
            if self.credentials.is_some() {
                return Err(SmtpConfigError::PlaintextPassword);
            }
        }
        Ok(())
    }
}
