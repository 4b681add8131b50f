//! The entrance of the mail pump: what has to be told, and what became of it.

use std::time::Duration;

use mimamori_domain::{DeliveryId, EmailAddress, Letter, Line, MailId, Notice};
use mimamori_store::views::{AlertView, Attempt, ClaimedDelivery, CustomerView, Delivery, GatewayView, Mail};
use mimamori_store::{Scope, StoreError};

use crate::actor::Actor;
use crate::permission::Permission;
use crate::{Result, Service};

/// Customers that one round of composing takes.
const CUSTOMERS_A_ROUND: u32 = 200;

/// One mail to compose.
#[derive(Clone, Debug)]
pub struct MailJob {
    pub customer: CustomerView,
    pub told: Vec<Told>,
    /// Who gets it.
    pub recipients: Vec<EmailAddress>,
}

/// One notice with what it speaks of.
#[derive(Clone, Debug)]
pub struct Told {
    pub notice: Notice,
    pub alert: Option<AlertView>,
    pub gateway: Option<GatewayView>,
}

/// A mail as `notify` composed it.
#[derive(Clone, Debug)]
pub struct Composed {
    pub subject: String,
    pub text: String,
    pub html: String,
}

impl Composed {
    /// For notices whose subjects are gone: closes them without a mail to anybody.
    #[must_use]
    pub fn nothing() -> Self {
        Composed { subject: "(なし)".to_owned(), text: String::new(), html: String::new() }
    }
}

impl Service {
    /// Mails that are due now, with everything they speak of. Takes nothing: composing twice is
    /// harmless, as [`Service::queue_mail`] lets only one win.
    pub async fn due_mails(&self) -> Result<Vec<MailJob>> {
        let now = self.now();
        let groups = self.store().due_notices(Scope::system(), now, CUSTOMERS_A_ROUND).await?;
        let mut jobs = Vec::with_capacity(groups.len());
        for group in groups {
            let (personal, others): (Vec<_>, Vec<_>) =
                group.notices.into_iter().partition(|n| n.kind.only_to().is_some());
            for notice in personal {
                if let Some(to) = notice.kind.only_to() {
                    let recipients = vec![to.clone()];
                    let told = self.look_up(vec![notice]).await?;
                    jobs.push(MailJob { customer: group.customer.clone(), told, recipients });
                }
            }
            let (letters, others): (Vec<_>, Vec<_>) =
                others.into_iter().partition(|n| n.kind.letter().is_some());
            for notice in letters {
                let recipients = group.customer.customer.addresses.as_slice().to_vec();
                let told = vec![Told { notice, alert: None, gateway: None }];
                jobs.push(MailJob { customer: group.customer.clone(), told, recipients });
            }
            if !others.is_empty() {
                let recipients = group.customer.customer.addresses.as_slice().to_vec();
                let told = self.look_up(others).await?;
                jobs.push(MailJob { customer: group.customer, told, recipients });
            }
        }
        Ok(jobs)
    }

    async fn look_up(&self, notices: Vec<Notice>) -> Result<Vec<Told>> {
        let mut told = Vec::with_capacity(notices.len());
        for notice in notices {
            let alert = match notice.kind.alert() {
                Some(id) => found(self.store().alert(Scope::system(), id).await)?,
                None => None,
            };
            let about = notice.kind.gateway().or_else(|| alert.as_ref().map(|a| a.alert.gateway));
            let gateway = match about {
                Some(id) => found(self.store().gateway(Scope::system(), id).await)?,
                None => None,
            };
            told.push(Told { notice, alert, gateway });
        }
        Ok(told)
    }

    /// Stores the mail and its deliveries and marks the notices as told, in one step. `false`:
    /// another node was faster, and nothing was stored.
    pub async fn queue_mail(&self, job: &MailJob, composed: Composed) -> Result<bool> {
        let now = self.now();
        let mail = Mail {
            id: MailId::generate(now, self.rng()),
            customer: job.customer.customer.id,
            created_at: now,
            subject: composed.subject,
            text: composed.text,
            html: composed.html,
            alerts: job.told.iter().filter_map(|t| t.notice.kind.alert()).collect(),
            paper: job.told.iter().find_map(|t| match t.notice.kind.letter() {
                Some(Letter::Monthly { report, .. }) => Some(*report),
                _ => None,
            }),
            urgent: job.told.iter().filter_map(|t| t.alert.as_ref()).any(|a| a.alert.rating.is_urgent()),
        };
        let deliveries = job
            .recipients
            .iter()
            .map(|recipient| {
                let id = DeliveryId::generate(now, self.rng());
                Delivery {
                    id,
                    mail: mail.id,
                    recipient: recipient.clone(),
                    message_id: format!("{id}@{}", self.config().mail_domain),
                }
            })
            .collect();
        let notices = job.told.iter().map(|t| t.notice.id).collect();
        if job.recipients.is_empty() {
            tracing::warn!(customer = %mail.customer, mail = %mail.id, "a mail has no address to go to");
        }
        match self.store().queue_mail(Scope::system(), mail, deliveries, notices).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// Takes deliveries that are due, under a lease; `token` names the worker's claim.
    pub async fn claim_deliveries(
        &self,
        token: [u8; 16],
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<ClaimedDelivery>> {
        let now = self.now();
        Ok(self.store().claim_deliveries(Scope::system(), now, now + lease, token, limit).await?)
    }

    /// A fresh token for a claim.
    #[must_use]
    pub fn claim_token(&self) -> [u8; 16] {
        let mut token = [0u8; 16];
        self.rng().fill(&mut token);
        token
    }

    /// Says how an attempt ended. `false`: the lease was lost, somebody else goes on with it.
    pub async fn settle_delivery(&self, id: DeliveryId, token: [u8; 16], attempt: Attempt) -> Result<bool> {
        let now = self.now();
        let failed = !matches!(attempt, Attempt::Sent { .. });
        match self.store().settle_delivery(Scope::system(), id, token, attempt, now).await {
            Ok(()) => {
                if failed {
                    self.wake_for_take_over();
                }
                Ok(true)
            }
            Err(StoreError::Conflict) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// Gives a mail that is dead or came back another life.
    pub async fn resend(&self, actor: &Actor, id: DeliveryId) -> Result<()> {
        actor.require(Permission::ViewOutbox)?;
        self.store().requeue_delivery(actor.scope(), id, self.now()).await?;
        self.wake_mail();
        self.note(actor, "mail.resend", &id.to_string(), "").await
    }

    /// Completes when something urgent was committed on this node.
    pub async fn mail_wakeup(&self) {
        self.0.mail_wakeup.notified().await;
    }

    /// The next address or a telephone may have to be told now.
    pub(crate) fn wake_for_take_over(&self) {
        self.wake_mail();
        self.wake_sms();
    }

    pub(crate) fn wake_mail(&self) {
        self.0.mail_wakeup.notify_one();
    }

    /// Words of a server's reply as they are kept.
    #[must_use]
    pub fn reply(text: &str) -> Line {
        Line::clip(text)
    }
}

/// What is gone since (retention, end of contract) is left out.
fn found<T>(result: std::result::Result<T, StoreError>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(StoreError::NotFound) => Ok(None),
        Err(e) => Err(e.into()),
    }
}
