//! Webhooks: hands queued events to customers' own machines (docs/webhooks.md).
//!
//! Holds always: an event is claimed under a lease and settled under the same lease; it is
//! signed as the Standard Webhooks specification says; a name is looked up once for an attempt,
//! every address it has is public, and the connection goes to the address that was checked, so
//! that nothing inside our own network can be reached; no redirects. Of the answer only the
//! status counts and is kept. Deliberately not here: which events there are (`service`).

mod address;
mod send;

use std::sync::Arc;
use std::time::Duration;

use mimamori_base::Timestamp;
use mimamori_service::integrations::WebhookOutcome;
use mimamori_service::{Service, ServiceError, WebhookJob};

pub use address::{Resolve, SystemResolver};
use send::{Sent, Way};
pub use send::{SetupError, signature};

/// For looking up, connecting and the answer together.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A lease lasts this much longer than an attempt can.
const LEASE_MARGIN: Duration = Duration::from_secs(10);
/// Waiting after the first, second, … failed attempt; after the last one the event is given up.
const WAITS_SECS: [u64; 8] = [5, 60, 300, 1_800, 7_200, 18_000, 36_000, 36_000];

/// What a round came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WebhookRound {
    pub delivered: u32,
    pub deferred: u32,
    pub dead: u32,
}

/// Hands queued events over. Any number of nodes may run one.
#[derive(Clone, Debug)]
pub struct WebhookPump {
    service: Service,
    way: Arc<Way>,
}

impl WebhookPump {
    pub fn new(service: Service) -> Result<Self, SetupError> {
        Self::with(service, Arc::new(SystemResolver), None)
    }

    /// With another way to look names up, and one more root to trust: for tests.
    pub fn with(
        service: Service,
        resolver: Arc<dyn Resolve>,
        extra_root_pem: Option<&str>,
    ) -> Result<Self, SetupError> {
        let loopback = service.config().loopback_webhooks;
        Ok(WebhookPump { way: Arc::new(Way::new(resolver, loopback, extra_root_pem)?), service })
    }

    /// Sends until nothing is due.
    pub async fn drain(&self) -> Result<WebhookRound, ServiceError> {
        let mut round = WebhookRound::default();
        loop {
            let token = self.service.claim_token();
            // One at a time: a receiver that hangs delays no event that others could take.
            let claimed = self.service.claim_webhooks(token, TIMEOUT + LEASE_MARGIN, 1).await?;
            let Some(job) = claimed.into_iter().next() else { return Ok(round) };
            let now = self.service.now();
            let sent = match tokio::time::timeout(TIMEOUT, self.way.send(&job, now)).await {
                Ok(sent) => sent,
                Err(_) => Sent::Failed(format!("{}秒のあいだ答えがありません", TIMEOUT.as_secs())),
            };
            let outcome = settle(&job, sent, self.service.now(), &mut round);
            self.service.settle_webhook(job.id, token, outcome).await?;
        }
    }
}

fn settle(job: &WebhookJob, sent: Sent, now: Timestamp, round: &mut WebhookRound) -> WebhookOutcome {
    let id = job.id;
    match sent {
        Sent::Taken(status) => {
            round.delivered += 1;
            tracing::info!(delivery = %id, status, attempts = job.attempts, "webhook delivered");
            WebhookOutcome::Done(Service::reply(&format!("HTTP {status}")))
        }
        Sent::Refused(words) => {
            round.dead += 1;
            tracing::warn!(delivery = %id, words, "webhook refused for good");
            WebhookOutcome::Dead(Service::reply(&words))
        }
        Sent::Failed(words) => {
            let index = usize::try_from(job.attempts).unwrap_or(usize::MAX).saturating_sub(1);
            match WAITS_SECS.get(index) {
                Some(wait) => {
                    round.deferred += 1;
                    let at = now + Duration::from_secs(*wait);
                    WebhookOutcome::Later { at, answer: Service::reply(&words) }
                }
                None => {
                    round.dead += 1;
                    tracing::warn!(delivery = %id, words, "webhook given up");
                    WebhookOutcome::Dead(Service::reply(&words))
                }
            }
        }
    }
}
