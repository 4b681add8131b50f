//! Mail and short messages to customers: composed from notices, queued in the outbox, delivered
//! over SMTP and HTTP.
//!
//! Holds always: a mail is composed once and never changes, so that every retry sends the same
//! bytes under the same Message-ID; what a server accepted is not sent again; nothing a gateway
//! or a customer wrote can add a header. Deliberately not here: what has to be told and when
//! (that is committed by the store with its cause).

mod account;
mod backoff;
pub mod bounce;
pub mod compose;
pub mod config;
mod dkim;
mod letter;
mod message;
mod pace;
pub mod pump;
pub mod receiver;
mod sections;
pub mod sms;
mod smtp;
pub mod webhook;

pub use compose::compose;
pub use config::{Credentials, Security, SmtpConfig, SmtpConfigError};
pub use dkim::{DkimKey, DkimKeyError};
pub use pump::{Pump, Round};
pub use receiver::{Mailbox, Received, Receiver, ReceiverConfig};
pub use sms::{SmsOutcome, SmsProvider, SmsPump, TwilioConfig, TwilioSms};
pub use smtp::{Outcome, Sender};
pub use webhook::{Resolve, SystemResolver, WebhookPump};
