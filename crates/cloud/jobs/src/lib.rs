//! Periodic work: liveness of gateways, the daily reminder, retention, and the mail pump.
//!
//! Holds always: a periodic job has one owner in the whole cluster at a time (a lease in the
//! store); every job may run twice without harm; a job that fails is tried again and stops no
//! other. Deliberately not here: what the jobs do (that is `service` and `notify`).

pub mod monthly;
mod periodic;
mod schedule;

use std::time::Duration;

use mimamori_notify::{Pump, Sender, SmsPump, WebhookPump};
use mimamori_service::Service;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use periodic::{Periodic, Ticked};
pub use schedule::{Job, Schedule};

/// Short messages of one node at once: one that hangs does not hold up a code.
const SMS_WORKERS: usize = 2;

/// Webhooks of one node at once: receivers that hang hold up so many others at most.
const WEBHOOK_WORKERS: usize = 4;

#[derive(Clone, Debug)]
pub struct JobsConfig {
    /// Name of this node, unique in the cluster.
    pub node: String,
    /// Whether this node receives reports: then its time counts for judging gateways (NT-04).
    pub receives: bool,
    /// How often due work is looked for.
    pub every: Duration,
    /// Conversations with mail servers at once.
    pub mail_connections: usize,
}

impl Default for JobsConfig {
    fn default() -> Self {
        JobsConfig {
            node: "node".to_owned(),
            receives: true,
            every: Duration::from_secs(2),
            mail_connections: 8,
        }
    }
}

/// All the periodic work of one node.
#[derive(Debug)]
pub struct Jobs {
    service: Service,
    sender: Sender,
    sms: Option<SmsPump>,
    webhooks: Option<WebhookPump>,
    config: JobsConfig,
}

impl Jobs {
    #[must_use]
    pub const fn new(service: Service, sender: Sender, config: JobsConfig) -> Self {
        Jobs { service, sender, sms: None, webhooks: None, config }
    }

    /// With somebody who delivers short messages.
    #[must_use]
    pub fn with_sms(mut self, sms: Option<SmsPump>) -> Self {
        self.sms = sms;
        self
    }

    /// With what hands events to customers' machines.
    #[must_use]
    pub fn with_webhooks(mut self, webhooks: WebhookPump) -> Self {
        self.webhooks = Some(webhooks);
        self
    }

    /// Runs until `stop` becomes true. Mail and the rest run beside one another, so that a slow
    /// mail server delays nothing else, and one mail that hangs does not hold up the others.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        let every = self.config.every;
        let mut tasks = JoinSet::new();
        let (queued, ready) = watch::channel(());
        for _ in 0..self.config.mail_connections.max(1) {
            let pump = Pump::new(self.service.clone(), self.sender.sibling());
            tasks.spawn(run_mail(pump, ready.clone(), every, stop.clone()));
        }
        let composer = Pump::new(self.service.clone(), self.sender);
        tasks.spawn(run_composer(self.service.clone(), composer, queued, every, stop.clone()));
        if let Some(sms) = self.sms {
            for _ in 0..SMS_WORKERS {
                tasks.spawn(run_sms(self.service.clone(), sms.clone(), every, stop.clone()));
            }
        }
        if let Some(webhooks) = self.webhooks {
            for _ in 0..WEBHOOK_WORKERS {
                tasks.spawn(run_webhooks(self.service.clone(), webhooks.clone(), every, stop.clone()));
            }
        }
        let periodic = Periodic::new(self.service, self.config);
        tasks.spawn(run_periodic(periodic, every, stop));
        while let Some(ended) = tasks.join_next().await {
            if let Err(e) = ended {
                tracing::error!(error = %e, "a job loop ended badly");
            }
        }
    }
}

async fn run_composer(
    service: Service,
    pump: Pump,
    queued: watch::Sender<()>,
    every: Duration,
    mut stop: watch::Receiver<bool>,
) {
    while !*stop.borrow() {
        if let Err(e) = pump.compose_all(|| queued.send_replace(())).await {
            tracing::error!(error = %e, "mail waits: nothing is lost, it is tried again");
        }
        tokio::select! {
            () = service.mail_wakeup() => {}
            () = tokio::time::sleep(every) => {}
            _ = stop.changed() => {}
        }
        // Also for what was queued already: another address or another try.
        queued.send_replace(());
    }
}

async fn run_mail(
    mut pump: Pump,
    mut queued: watch::Receiver<()>,
    every: Duration,
    mut stop: watch::Receiver<bool>,
) {
    while !*stop.borrow() {
        queued.mark_unchanged();
        // A round is finished even when stopping: what was sent is then confirmed.
        if let Err(e) = pump.deliver_all().await {
            tracing::error!(error = %e, "mail waits: nothing is lost, it is tried again");
        }
        tokio::select! {
            _ = queued.changed() => {}
            () = tokio::time::sleep(every) => {}
            _ = stop.changed() => {}
        }
    }
}

async fn run_sms(service: Service, sms: SmsPump, every: Duration, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(e) = sms.drain().await {
            tracing::error!(error = %e, "short messages wait: nothing is lost, they are tried again");
        }
        tokio::select! {
            () = service.sms_wakeup() => {}
            () = tokio::time::sleep(every) => {}
            _ = stop.changed() => {}
        }
    }
}

async fn run_webhooks(
    service: Service,
    webhooks: WebhookPump,
    every: Duration,
    mut stop: watch::Receiver<bool>,
) {
    while !*stop.borrow() {
        if let Err(e) = webhooks.drain().await {
            tracing::error!(error = %e, "webhooks wait: nothing is lost, they are tried again");
        }
        tokio::select! {
            () = service.webhook_wakeup() => {}
            () = tokio::time::sleep(every) => {}
            _ = stop.changed() => {}
        }
    }
}

async fn run_periodic(mut periodic: Periodic, every: Duration, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        periodic.tick().await;
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            _ = stop.changed() => {}
        }
    }
}
