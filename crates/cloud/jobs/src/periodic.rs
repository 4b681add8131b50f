//! Takes the lease of each job that is due, runs it, says when it is due next.

use std::time::Duration;

use mimamori_base::Timestamp;
use mimamori_service::{Service, ServiceError};

use crate::schedule::Job;
use crate::{JobsConfig, monthly};

/// How long a job may take before another node may start it too.
const LEASE: Duration = Duration::from_secs(300);
/// A failed job is tried again after this.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// How often a node notes that it is receiving.
const NOTE_EVERY: Duration = Duration::from_secs(30);

/// What one look for due work did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ticked {
    pub ran: Vec<Job>,
    pub failed: Vec<Job>,
}

#[derive(Debug)]
pub struct Periodic {
    service: Service,
    config: JobsConfig,
    noted_at: Option<Timestamp>,
}

impl Periodic {
    #[must_use]
    pub const fn new(service: Service, config: JobsConfig) -> Self {
        Periodic { service, config, noted_at: None }
    }

    /// Runs what is due. Failures are logged and tried again later.
    pub async fn tick(&mut self) -> Ticked {
        let mut ticked = Ticked::default();
        if let Err(e) = self.note_receiving().await {
            tracing::warn!(error = %e, "cannot note that this node is receiving");
        }
        if let Err(e) = self.service.refresh_policy().await {
            tracing::warn!(error = %e, "cannot look for another rating policy; the present one stays");
        }
        for job in Job::ALL.iter().copied() {
            match self.attempt(job).await {
                Ok(true) => ticked.ran.push(job),
                Ok(false) => {}
                Err(e) => {
                    tracing::error!(job = job.name(), error = %e, "a job failed and is tried again");
                    ticked.failed.push(job);
                }
            }
        }
        ticked
    }

    async fn note_receiving(&mut self) -> Result<(), ServiceError> {
        let now = self.service.now();
        let due = self.noted_at.is_none_or(|at| now < at || now.since(at) >= NOTE_EVERY);
        if self.config.receives && due {
            self.service.note_receiving(&self.config.node).await?;
            self.noted_at = Some(now);
        }
        Ok(())
    }

    async fn attempt(&self, job: Job) -> Result<bool, ServiceError> {
        let token = self.service.claim_token();
        let Some(lease) = self.service.lease_job(job.name(), token, LEASE).await? else {
            return Ok(false);
        };
        let schedule = job.schedule();
        let first = lease.last_finished.is_none();
        let done = if first && !schedule.runs_at_first_sight() { Ok(()) } else { self.run(job).await };
        let now = self.service.now();
        let next = if done.is_ok() { schedule.next_after(now) } else { now + RETRY_AFTER };
        self.service.finish_job(job.name(), token, next).await?;
        done.map(|()| true)
    }

    async fn run(&self, job: Job) -> Result<(), ServiceError> {
        match job {
            Job::Liveness => {
                let (stopped, recovered) = self.service.judge_liveness().await?;
                if stopped + recovered > 0 {
                    tracing::info!(stopped, recovered, "gateways judged");
                }
            }
            Job::DailyReminder => {
                let reminded = self.service.remind_stopped().await?;
                tracing::info!(reminded, "daily reminder");
            }
            Job::Comparison => {
                let periods = self.service.publish_comparison().await?;
                tracing::info!(periods, "comparison published");
            }
            Job::Announcements => {
                let mails = self.service.spread_announcements().await?;
                if mails > 0 {
                    tracing::info!(mails, "announcements queued as mails");
                }
            }
            Job::CloseInquiries => {
                let closed = self.service.close_answered().await?;
                if closed > 0 {
                    tracing::info!(closed, "answered inquiries closed");
                }
            }
            Job::Monthly => monthly::work(&self.service, LEASE).await?,
            Job::Retention => {
                let rows = self.service.purge_old().await? + self.service.purge_monthly().await?;
                if rows > 0 {
                    tracing::info!(rows, "old rows deleted");
                }
            }
        }
        Ok(())
    }
}
