//! The mail pump: composes what is due, delivers what is queued. Any number of nodes may run
//! one; each step commits before the next, so that a kill at any point loses nothing.

use std::time::Duration;

use mimamori_service::views::{Attempt, ClaimedDelivery};
use mimamori_service::{Composed, MailJob, Service, ServiceError};
use tokio::task::JoinSet;

use crate::backoff;
use crate::compose::{ComposeError, compose};
use crate::smtp::{Outcome, Sender};

/// A lease lasts this much longer than an attempt can.
const LEASE_MARGIN: Duration = Duration::from_secs(10);
/// Deliveries of one round, before what has become due meanwhile is composed.
const PER_ROUND: u32 = 20;
/// Customers whose mails are composed and queued at the same time.
const CUSTOMERS_AT_ONCE: usize = 16;

#[derive(Debug, thiserror::Error)]
pub enum PumpError {
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error(transparent)]
    Compose(#[from] ComposeError),
}

/// What one round did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Round {
    pub composed: u32,
    pub sent: u32,
    pub deferred: u32,
    pub dead: u32,
}

impl Round {
    /// There may be more to do at once.
    #[must_use]
    pub const fn did_something(&self) -> bool {
        self.composed + self.sent + self.deferred + self.dead > 0
    }

    const fn add(&mut self, other: Round) {
        self.composed += other.composed;
        self.sent += other.sent;
        self.deferred += other.deferred;
        self.dead += other.dead;
    }
}

/// Queues one customer's mails in their order; gives how many, and why one could not be.
async fn queue(service: Service, jobs: Vec<MailJob>) -> (u32, Option<PumpError>) {
    let (mut n, mut failed) = (0, None);
    for job in jobs {
        match queue_one(&service, job).await {
            Ok(queued) => n += u32::from(queued),
            Err(e) => failed = Some(e),
        }
    }
    (n, failed)
}

/// `false`: another node was faster.
async fn queue_one(service: &Service, job: MailJob) -> Result<bool, PumpError> {
    // What is gone since needs no words; its notices are closed with an empty mail.
    let (composed, recipients) = match compose(&job, &service.config().portal_url)? {
        Some(composed) => (composed, job.recipients.clone()),
        None => (Composed::nothing(), Vec::new()),
    };
    let job = MailJob { recipients, ..job };
    Ok(service.queue_mail(&job, composed).await?)
}

#[derive(Debug)]
pub struct Pump {
    service: Service,
    sender: Sender,
}

impl Pump {
    #[must_use]
    pub const fn new(service: Service, sender: Sender) -> Self {
        Pump { service, sender }
    }

    /// Composes everything due, then delivers a few.
    pub async fn round(&mut self) -> Result<Round, PumpError> {
        let mut round = Round { composed: self.compose_due().await?, ..Round::default() };
        self.deliver_some(&mut round).await?;
        Ok(round)
    }

    /// Rounds until there is nothing more to do now.
    pub async fn drain(&mut self) -> Result<Round, PumpError> {
        let mut total = Round::default();
        loop {
            let round = self.round().await?;
            total.add(round);
            if !round.did_something() {
                self.sender.quit().await;
                return Ok(total);
            }
        }
    }

    /// Composes until nothing more is due, and calls `queued` whenever there is more to deliver.
    pub async fn compose_all(&self, queued: impl Fn()) -> Result<u32, PumpError> {
        let mut total = 0;
        loop {
            let n = self.compose_due().await?;
            if n == 0 {
                return Ok(total);
            }
            total += n;
            queued();
        }
    }

    /// Delivers until nothing more is due.
    pub async fn deliver_all(&mut self) -> Result<Round, PumpError> {
        let mut total = Round::default();
        loop {
            let mut round = Round::default();
            self.deliver_some(&mut round).await?;
            total.add(round);
            if !round.did_something() {
                self.sender.quit().await;
                return Ok(total);
            }
        }
    }

    /// Customers are served beside one another, as their mails share commits then. A mail that
    /// cannot be composed holds up no other.
    async fn compose_due(&self) -> Result<u32, PumpError> {
        let (mut n, mut failed) = (0, None);
        let mut queueing = JoinSet::new();
        let jobs = self.service.due_mails().await?;
        let mut customers = jobs.chunk_by(|a, b| a.customer.customer.id == b.customer.customer.id);
        loop {
            while queueing.len() < CUSTOMERS_AT_ONCE {
                let Some(jobs) = customers.next() else { break };
                queueing.spawn(queue(self.service.clone(), jobs.to_vec()));
            }
            match queueing.join_next().await {
                None => break,
                Some(Ok((queued, error))) => {
                    n += queued;
                    failed = error.or(failed);
                }
                Some(Err(e)) => tracing::error!(error = %e, "a customer's mails could not be composed"),
            }
        }
        match failed {
            Some(e) if n == 0 => Err(e),
            Some(e) => {
                tracing::error!(error = %e, "a mail waits: nothing is lost, it is tried again");
                Ok(n)
            }
            None => Ok(n),
        }
    }

    /// One claim for each mail, so that a lease need not be longer than one mail can take and a
    /// crash delays no other.
    async fn deliver_some(&mut self, round: &mut Round) -> Result<(), PumpError> {
        for _ in 0..PER_ROUND {
            if !self.sender.reserve(self.service.now()) {
                return Ok(());
            }
            let token = self.service.claim_token();
            let lease = self.sender.longest() + LEASE_MARGIN;
            let Some(claimed) = self.service.claim_deliveries(token, lease, 1).await?.pop() else {
                self.sender.release();
                return Ok(());
            };
            let outcome = self.sender.deliver(&claimed).await;
            let attempt = self.settle(&claimed, outcome, round);
            self.service.settle_delivery(claimed.delivery.id, token, attempt).await?;
        }
        Ok(())
    }

    fn settle(&self, claimed: &ClaimedDelivery, outcome: Outcome, round: &mut Round) -> Attempt {
        let id = claimed.delivery.id;
        match outcome {
            Outcome::Sent(reply) => {
                round.sent += 1;
                tracing::info!(delivery = %id, attempts = claimed.attempts + 1, "mail accepted");
                Attempt::Sent { reply: Service::reply(&reply) }
            }
            Outcome::TryAgain(reason) => {
                let now = self.service.now();
                match backoff::next_try(claimed.mail.created_at, claimed.attempts, now) {
                    Some(at) => {
                        round.deferred += 1;
                        tracing::warn!(delivery = %id, reason, "mail deferred; it is tried again by itself");
                        Attempt::Retry { at, reply: Service::reply(&reason) }
                    }
                    None => {
                        round.dead += 1;
                        tracing::error!(delivery = %id, reason, "mail given up after three days; the operator can send it again");
                        Attempt::Dead { reply: Service::reply(&reason) }
                    }
                }
            }
            Outcome::Refused(reason) => {
                round.dead += 1;
                tracing::error!(delivery = %id, reason, "mail refused for good; check the address");
                Attempt::Dead { reply: Service::reply(&reason) }
            }
        }
    }
}
