//! Short messages: the interface of a provider, and the pump that hands it what is queued.
//!
//! Holds always: a message is claimed under a lease and settled under the same lease; a code
//! that may have been sent is not sent twice, an alert that may not have been sent is; nothing
//! that is sent or answered reaches the log but the masked number. Deliberately not here: who
//! is told and when (`service`, `store`).

pub(crate) mod http;
mod text;
mod twilio;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mimamori_base::Timestamp;
use mimamori_domain::PhoneNumber;
use mimamori_service::short::{ClaimedSms, SmsPurpose};
use mimamori_service::views::Attempt;
use mimamori_service::{Service, ServiceError};

use crate::pace::Pace;

pub use http::{Endpoint, EndpointError};
pub use twilio::{TwilioConfig, TwilioSms};

/// A lease lasts this much longer than an attempt can.
const LEASE_MARGIN: Duration = Duration::from_secs(10);
/// Waiting after the first, second, … failed attempt; the last one repeats.
const WAITS_SECS: [u64; 5] = [10, 30, 60, 180, 600];
/// A message about an alert that is older is given up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(3 * 3_600);
/// A code that is older is of no use.
const CODE_GIVE_UP_AFTER: Duration = Duration::from_secs(120);

/// How an attempt ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SmsOutcome {
    /// The provider took it, with its words (an id to ask it about).
    Sent(String),
    /// It was not taken; later it may be.
    TryAgain(String),
    /// Nobody knows whether it was taken.
    Unknown(String),
    /// It will never be taken.
    Refused(String),
}

/// Somebody who delivers short messages. docs/sms.md says what an implementation has to keep.
#[async_trait]
pub trait SmsProvider: Send + Sync + fmt::Debug {
    /// One attempt. Gives up by itself within [`SmsProvider::longest`].
    async fn send(&self, to: &PhoneNumber, text: &str) -> SmsOutcome;
    /// The longest that an attempt can take.
    fn longest(&self) -> Duration;
}

/// What one message came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SmsRound {
    pub sent: u32,
    pub deferred: u32,
    pub dead: u32,
}

/// Hands queued messages to the provider. Any number of nodes may run one.
#[derive(Clone, Debug)]
pub struct SmsPump {
    service: Service,
    provider: Arc<dyn SmsProvider>,
    pace: Arc<Pace>,
}

impl SmsPump {
    /// `per_minute`: what this node sends at most.
    #[must_use]
    pub fn new(service: Service, provider: Arc<dyn SmsProvider>, per_minute: Option<u32>) -> Self {
        SmsPump { service, provider, pace: Arc::new(Pace::new(per_minute)) }
    }

    /// Sends until nothing is due, or the minute has had its share.
    pub async fn drain(&self) -> Result<SmsRound, ServiceError> {
        let mut round = SmsRound::default();
        while self.pace.take(self.service.now()) {
            let token = self.service.claim_token();
            let lease = self.provider.longest() + LEASE_MARGIN;
            let Some(claimed) = self.service.claim_sms(token, lease).await? else {
                self.pace.give_back();
                break;
            };
            let text = text::compose(&claimed, &self.service.config().portal_url);
            let outcome = match &text {
                Some(text) => self.provider.send(&claimed.to, text).await,
                None => SmsOutcome::Refused("the alert is gone".to_owned()),
            };
            let attempt = settle(&claimed, outcome, self.service.now(), &mut round);
            self.service.settle_sms(claimed.id, token, attempt, text.unwrap_or_default()).await?;
        }
        Ok(round)
    }
}

fn settle(claimed: &ClaimedSms, outcome: SmsOutcome, now: Timestamp, round: &mut SmsRound) -> Attempt {
    let (id, to) = (claimed.id, claimed.to.masked());
    let code = matches!(claimed.purpose, SmsPurpose::Code { .. });
    let dead = |round: &mut SmsRound, words: String| {
        round.dead += 1;
        tracing::error!(sms = %id, to, words, "a short message was given up");
        Attempt::Dead { reply: Service::reply(&words) }
    };
    match outcome {
        SmsOutcome::Sent(words) => {
            round.sent += 1;
            tracing::info!(sms = %id, to, "short message accepted");
            Attempt::Sent { reply: Service::reply(&words) }
        }
        SmsOutcome::Refused(words) => dead(round, words),
        // Somebody in front of a screen asks for another one; two codes would confuse.
        SmsOutcome::Unknown(words) if code => dead(round, words),
        SmsOutcome::TryAgain(words) | SmsOutcome::Unknown(words) => {
            let patience = if code { CODE_GIVE_UP_AFTER } else { GIVE_UP_AFTER };
            if now.since(claimed.created_at) >= patience {
                return dead(round, words);
            }
            round.deferred += 1;
            tracing::warn!(sms = %id, to, words, "short message deferred; it is tried again by itself");
            let index = usize::try_from(claimed.attempts).unwrap_or(usize::MAX).min(WAITS_SECS.len() - 1);
            let wait = WAITS_SECS.get(index).copied().unwrap_or(600);
            Attempt::Retry { at: now + Duration::from_secs(wait), reply: Service::reply(&words) }
        }
    }
}
