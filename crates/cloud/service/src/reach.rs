//! How mail reaches people: confirmed addresses, bounces, what was opened.
//!
//! Holds always: whoever confirms an address holds the mail that was sent to it; a bounce counts
//! once. Deliberately not here: reading bounce mails (`notify`).

use std::time::Duration;

use mimamori_domain::account::Belongs;
use mimamori_domain::{AlertId, CustomerId, DeliveryId, EmailAddress, GatewayId, Line};
use mimamori_store::ratings::{AddressState, Unreachable};
use mimamori_store::{Scope, StoreError};

use crate::actor::Actor;
use crate::permission::Permission;
use crate::{Result, Service};

/// Mails that did not arrive are a task of the desk for so long.
const UNREACHABLE_FOR: Duration = Duration::from_secs(30 * 86_400);
/// The longest that a gateway is off by plan.
const OUTAGE_AT_MOST: Duration = Duration::from_secs(2 * 3_600);
/// How long one is off that announced a restart.
const OUTAGE_ANNOUNCED: Duration = Duration::from_secs(30 * 60);
/// How notes of a gateway begin that announce one: before new firmware, and by order.
const ANNOUNCEMENTS: [&str; 2] = ["planned_restart: ", "command_done: restart"];

/// Whether a gateway's note says that it will be silent for a while.
pub(crate) fn announces_outage(note: &str) -> bool {
    ANNOUNCEMENTS.iter().any(|a| note.starts_with(a))
}

impl Service {
    pub async fn address_states(&self, actor: &Actor, customer: CustomerId) -> Result<Vec<AddressState>> {
        actor.require(Permission::ViewPortal)?;
        Ok(self.store().address_states(actor.scope(), customer).await?)
    }

    /// Whom a confirmation link was sent to, before it is confirmed. `None`: no such mail.
    pub async fn confirmation_of(&self, id: DeliveryId) -> Result<Option<EmailAddress>> {
        match self.store().delivery_of(Scope::system(), id).await {
            Ok(delivery) => Ok(Some(delivery.recipient)),
            Err(StoreError::NotFound) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// The reader of a mail says that it arrived: only who has the mail knows `id`.
    pub async fn confirm_address(&self, id: DeliveryId) -> Result<()> {
        let delivery = self.store().delivery_of(Scope::system(), id).await?;
        let (customer, to) = (delivery.customer, delivery.recipient);
        self.store().verify_address(Scope::system(), customer, to.clone(), None, self.now()).await?;
        let about = Belongs::Customer(customer);
        self.note_about(&self.console(), about, "addresses.confirm", &customer.to_string(), to.as_str()).await
    }

    /// An alert was opened from a mail by somebody who is logged in.
    pub async fn opened_from_mail(&self, actor: &Actor, id: DeliveryId, alert: AlertId) -> Result<()> {
        actor.require(Permission::ViewPortal)?;
        match self.store().delivery_of(Scope::system(), id).await {
            Ok(d) if d.alerts.contains(&alert) => {
                Ok(self.store().mark_opened(actor.scope(), id, self.now()).await?)
            }
            Ok(_) | Err(StoreError::NotFound) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// A mail came back. `words`: what the other server said.
    pub async fn record_bounce(&self, id: DeliveryId, words: &str) -> Result<bool> {
        let delivery = match self.store().delivery_of(Scope::system(), id).await {
            Ok(delivery) => delivery,
            Err(StoreError::NotFound) => return Ok(false),
            Err(e) => return Err(e.into()),
        };
        let now = self.now();
        if !self.store().mark_bounced(Scope::system(), id, Line::clip(words), now).await? {
            return Ok(false);
        }
        self.wake_for_take_over();
        tracing::warn!(delivery = %id, customer = %delivery.customer, urgent = delivery.urgent, words, "a mail bounced");
        let about = Belongs::Customer(delivery.customer);
        let subject = delivery.recipient.as_str();
        self.note_about(&self.console(), about, "mail.bounce", subject, words).await?;
        Ok(true)
    }

    /// Addresses of customers in sight that mail does not reach: the desk's task.
    pub async fn unreachable(&self, actor: &Actor) -> Result<Vec<Unreachable>> {
        actor.require(Permission::ViewPortal)?;
        let since = self.now() - UNREACHABLE_FOR;
        Ok(self.store().unreachable(actor.scope(), since).await?)
    }

    /// The gateway goes off by plan (firmware) for a while: its silence is no fault (NT-04).
    pub async fn plan_outage(&self, actor: &Actor, gateway: GatewayId, length: Duration) -> Result<()> {
        actor.require(Permission::Provision)?;
        let about = self.store().gateway(actor.scope(), gateway).await?.gateway.customer;
        let until = self.now() + length.min(OUTAGE_AT_MOST);
        self.store().plan_outage(actor.scope(), gateway, until).await?;
        let minutes = format!("{} min", length.min(OUTAGE_AT_MOST).as_secs() / 60);
        self.note_about(actor, Belongs::Customer(about), "gateway.outage", &gateway.to_string(), &minutes)
            .await
    }

    /// The gateway itself said that it goes off by plan.
    pub(crate) async fn outage_announced(&self, gateway: GatewayId) -> Result<()> {
        let until = self.now() + OUTAGE_ANNOUNCED;
        Ok(self.store().plan_outage(Scope::system(), gateway, until).await?)
    }
}
