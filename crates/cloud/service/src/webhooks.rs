//! Webhooks: events for a customer's own machines (docs/webhooks.md).
//!
//! Holds always: an event is queued with what caused it and goes out until it is taken, dead or
//! its webhook is gone; the secret is sealed and shown once; after a change the old one signs as
//! well for a day. Deliberately not here: connecting, signing, waiting (`notify`).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mimamori_base::Timestamp;
use mimamori_domain::account::Belongs;
use mimamori_domain::{
    AlertId, CustomerId, EmailAddress, Notice, NoticeId, NoticeKind, WebhookDeliveryId, WebhookId,
    WebhookState, jst,
};
use mimamori_store::integrations::{WebhookDelivery, WebhookOutcome, WebhookRow};
use mimamori_store::{Scope, StoreError};
use serde_json::{Value, json};

use crate::actor::Actor;
use crate::error::ServiceError;
use crate::permission::Permission;
use crate::secrets::{self, OneTimeSecret};
use crate::{Result, Service};

const WEBHOOKS_MAX: u32 = 5;
const URL_MAX: usize = 500;
/// How long the old secret signs as well.
const OLD_SECRET_HOLDS: Duration = Duration::from_secs(86_400);
/// Events in a row that were given up before a webhook is stopped.
const FAILURES_MAX: u32 = 20;
/// What secrets are sealed for.
const PURPOSE: &str = "webhook";
/// Deliveries on the page.
const SHOWN: u32 = 50;

/// A webhook's secret, opened for signing.
#[derive(Clone)]
pub struct WebhookSecret(Vec<u8>);

impl WebhookSecret {
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

/// One event to send.
#[derive(Clone, Debug)]
pub struct WebhookJob {
    pub id: WebhookDeliveryId,
    pub url: String,
    /// The present one first.
    pub secrets: Vec<WebhookSecret>,
    pub body: String,
    pub created_at: Timestamp,
    /// With this one.
    pub attempts: u32,
}

/// `https://host[:port]/path`, nothing hidden in it. Where the name leads is checked when
/// connecting.
fn check_url(url: &str, loopback: bool) -> Result<()> {
    let https = url.strip_prefix("https://");
    let here = url.strip_prefix("http://").filter(|rest| loopback && rest.starts_with("127.0.0.1:"));
    let rest = https.or(here).ok_or(ServiceError::Incomplete)?;
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse::<u16>().is_ok()),
        None => (authority, true),
    };
    let named = host.contains('.')
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
        && !host.starts_with(['.', '-']);
    let plain = url.len() <= URL_MAX && url.bytes().all(|b| b.is_ascii_graphic() && b != b'#' && b != b'\\');
    if named && port && plain { Ok(()) } else { Err(ServiceError::Incomplete) }
}

impl Service {
    pub async fn webhooks(&self, actor: &Actor, customer: CustomerId) -> Result<Vec<WebhookRow>> {
        actor.require(Permission::Integrate)?;
        Ok(self.store().webhooks(actor.scope(), Some(customer)).await?)
    }

    pub async fn webhook_deliveries(
        &self,
        actor: &Actor,
        customer: CustomerId,
    ) -> Result<Vec<WebhookDelivery>> {
        actor.require(Permission::Integrate)?;
        Ok(self.store().webhook_deliveries(actor.scope(), customer, SHOWN).await?)
    }

    fn fresh_secret(&self, id: WebhookId) -> Result<(Vec<u8>, OneTimeSecret)> {
        let raw = secrets::random_32(self.rng());
        let sealed = self.keys().seal(self.rng(), PURPOSE, &id.0, &raw)?;
        // As the Standard Webhooks specification writes it, so that ready-made receivers take it.
        Ok((sealed, OneTimeSecret::new(format!("whsec_{}", STANDARD.encode(raw)))))
    }

    /// `Incomplete`: the address is none that we send to.
    pub async fn create_webhook(
        &self,
        actor: &Actor,
        customer: CustomerId,
        url: &str,
    ) -> Result<OneTimeSecret> {
        actor.require(Permission::Integrate)?;
        check_url(url.trim(), self.config().loopback_webhooks)?;
        let now = self.now();
        let id = WebhookId::generate(now, self.rng());
        let (secret, shown) = self.fresh_secret(id)?;
        let row = WebhookRow {
            id,
            customer,
            url: url.trim().to_owned(),
            secret,
            old_secret: None,
            old_until: Timestamp(0),
            state: WebhookState::On,
            failures: 0,
            created_at: now,
        };
        match self.store().add_webhook(actor.scope(), row, WEBHOOKS_MAX).await {
            Err(StoreError::Conflict) => return Err(ServiceError::TooMany),
            other => other?,
        }
        self.note_about(actor, Belongs::Customer(customer), "webhook.create", url.trim(), "").await?;
        Ok(shown)
    }

    /// A new secret; the old one signs as well for a day.
    pub async fn rotate_webhook(&self, actor: &Actor, id: WebhookId) -> Result<OneTimeSecret> {
        actor.require(Permission::Integrate)?;
        let mut row = self.store().webhook(actor.scope(), id).await?;
        let (secret, shown) = self.fresh_secret(id)?;
        row.old_secret = Some(std::mem::replace(&mut row.secret, secret));
        row.old_until = self.now() + OLD_SECRET_HOLDS;
        let (customer, url) = (row.customer, row.url.clone());
        self.store().set_webhook(actor.scope(), row).await?;
        self.note_about(actor, Belongs::Customer(customer), "webhook.rotate", &url, "").await?;
        Ok(shown)
    }

    pub async fn switch_webhook(&self, actor: &Actor, id: WebhookId, on: bool) -> Result<()> {
        actor.require(Permission::Integrate)?;
        let mut row = self.store().webhook(actor.scope(), id).await?;
        row.state = if on { WebhookState::On } else { WebhookState::Off };
        row.failures = 0;
        let (customer, url) = (row.customer, row.url.clone());
        self.store().set_webhook(actor.scope(), row).await?;
        let action = if on { "webhook.on" } else { "webhook.off" };
        self.note_about(actor, Belongs::Customer(customer), action, &url, "").await
    }

    pub async fn remove_webhook(&self, actor: &Actor, id: WebhookId) -> Result<()> {
        actor.require(Permission::Integrate)?;
        let row = self.store().webhook(actor.scope(), id).await?;
        self.store().remove_webhook(actor.scope(), id).await?;
        let about = Belongs::Customer(row.customer);
        self.note_about(actor, about, "webhook.remove", &row.url, "").await
    }

    /// Sends a made-up event, like a real one.
    pub async fn test_webhook(&self, actor: &Actor, id: WebhookId) -> Result<()> {
        actor.require(Permission::Integrate)?;
        let row = self.store().webhook(actor.scope(), id).await?;
        if row.state != WebhookState::On {
            return Err(ServiceError::Conflict);
        }
        let now = self.now();
        if !self.0.throttles.reset.allows(id.0, now) {
            return Err(ServiceError::SlowDown);
        }
        let to = EmailAddress::parse("test@mimamori.invalid")
            .map_err(|e| ServiceError::Background(e.to_string()))?;
        let notice = Notice {
            id: NoticeId::generate(now, self.rng()),
            customer: row.customer,
            kind: NoticeKind::TestMail { to },
            created_at: now,
            due_at: now,
        };
        let delivery = WebhookDeliveryId::generate(now, self.rng());
        self.store().queue_webhook(Scope::system(), id, notice, delivery).await?;
        self.wake_webhooks();
        Ok(())
    }

    /// Gives an event that was given up another life.
    pub async fn resend_webhook(&self, actor: &Actor, id: WebhookDeliveryId) -> Result<()> {
        actor.require(Permission::Integrate)?;
        self.store().requeue_webhook(actor.scope(), id, self.now()).await?;
        self.wake_webhooks();
        self.note(actor, "webhook.resend", &id.to_string(), "").await
    }

    pub(crate) fn wake_webhooks(&self) {
        self.0.webhook_wakeup.notify_one();
    }

    /// Returns when something was queued that can go out at once.
    pub async fn webhook_wakeup(&self) {
        self.0.webhook_wakeup.notified().await;
    }

    /// The pump's entrance: events to send now, under a lease.
    pub async fn claim_webhooks(
        &self,
        token: [u8; 16],
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<WebhookJob>> {
        let now = self.now();
        let store = self.store();
        let mut jobs = Vec::new();
        for d in store.claim_webhooks(Scope::system(), now, now + lease, token, limit).await? {
            match self.webhook_job(&d, now).await {
                Ok(job) => jobs.push(job),
                Err(ServiceError::NotFound) => {
                    let gone = WebhookOutcome::Dead("what it speaks of is gone".into());
                    store.settle_webhook(Scope::system(), d.id, token, gone, now, FAILURES_MAX).await?;
                }
                Err(e) => return Err(e),
            }
        }
        Ok(jobs)
    }

    async fn webhook_job(&self, d: &WebhookDelivery, now: Timestamp) -> Result<WebhookJob> {
        let row = self.store().webhook(Scope::system(), d.webhook).await?;
        let open = |sealed: &[u8]| self.keys().open(PURPOSE, &row.id.0, sealed).map(WebhookSecret);
        let mut secrets = vec![open(&row.secret)?];
        if let Some(old) = row.old_secret.as_deref().filter(|_| now < row.old_until) {
            secrets.push(open(old)?);
        }
        Ok(WebhookJob {
            id: d.id,
            body: self.webhook_body(d).await?,
            url: row.url,
            secrets,
            created_at: d.created_at,
            attempts: d.attempts,
        })
    }

    /// What is sent: docs/webhooks.md describes it.
    async fn webhook_body(&self, d: &WebhookDelivery) -> Result<String> {
        let (kind, data) = match &d.notice.kind {
            NoticeKind::AlertRaised { alert, .. } => ("alert.raised", self.alert_event(*alert).await?),
            NoticeKind::AlertRose { alert, .. } => ("alert.rose", self.alert_event(*alert).await?),
            NoticeKind::Investigated { alert } => ("alert.investigated", self.alert_event(*alert).await?),
            NoticeKind::GatewayStopped { gateway, since } => {
                let name = self.store().gateway(Scope::system(), *gateway).await?.gateway.name;
                (
                    "gateway.stopped",
                    json!({"gateway": {"id": gateway, "name": name}, "since": jst::iso(*since)}),
                )
            }
            NoticeKind::GatewayRecovered { gateway, since, at } => {
                let name = self.store().gateway(Scope::system(), *gateway).await?.gateway.name;
                let data = json!({"gateway": {"id": gateway, "name": name}, "since": jst::iso(*since), "at": jst::iso(*at)});
                ("gateway.recovered", data)
            }
            _ => ("test", json!({"message": "みまもりからの確認です。"})),
        };
        let body = json!({
            "id": d.id,
            "type": kind,
            "created_at": jst::iso(d.created_at),
            "customer": d.customer,
            "data": data,
        });
        Ok(body.to_string())
    }

    async fn alert_event(&self, id: AlertId) -> Result<Value> {
        let view = self.store().alert(Scope::system(), id).await?;
        let alert = view.alert;
        Ok(json!({"alert": {
            "id": alert.id,
            "rating": alert.rating.code(),
            "stars": alert.rating.filled(),
            "title": alert.title,
            "state": alert.state.code(),
            "gateway": {"id": alert.gateway, "name": view.gateway_name},
            "device": {"ip": alert.device.ip, "name": alert.device.host_name},
            "first_seen": jst::iso(alert.first_seen),
            "last_seen": jst::iso(alert.last_seen),
            "count": alert.count,
            "not_stopped": alert.not_stopped,
            "neutralised": alert.neutralised,
            "url": format!("{}/alerts/{}", self.config().portal_url, alert.id),
        }}))
    }

    /// Says how an attempt ended. `false`: the lease was lost.
    pub async fn settle_webhook(
        &self,
        id: WebhookDeliveryId,
        token: [u8; 16],
        outcome: WebhookOutcome,
    ) -> Result<bool> {
        let now = self.now();
        match self.store().settle_webhook(Scope::system(), id, token, outcome, now, FAILURES_MAX).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// Secrets that are sealed with an older key are sealed anew.
    pub(crate) async fn reseal_webhooks(&self) -> Result<u32> {
        let mut done = 0;
        for mut row in self.store().webhooks(Scope::system(), None).await? {
            let again = |sealed: &[u8]| -> Result<Vec<u8>> {
                let plain = self.keys().open(PURPOSE, &row.id.0, sealed)?;
                Ok(self.keys().seal(self.rng(), PURPOSE, &row.id.0, &plain)?)
            };
            if !self.keys().is_outdated(&row.secret) {
                continue;
            }
            let (secret, old) = (again(&row.secret)?, row.old_secret.as_deref().map(again).transpose()?);
            (row.secret, row.old_secret) = (secret, old);
            self.store().set_webhook(Scope::system(), row).await?;
            done += 1;
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_https_addresses_are_taken() {
        for good in ["https://hooks.example.jp/x?y=1", "https://h.example:8443/"] {
            assert!(check_url(good, false).is_ok(), "{good}");
        }
        for bad in [
            "http://h.example/",
            "https://",
            "https://localhost/",
            "https://u:p@h.example/",
            "https://h.example/#x",
            "https://[::1]/",
            "https://h.example:99999/",
            "https://h.example\\@evil/",
            "https://h .example/",
        ] {
            assert!(check_url(bad, false).is_err(), "{bad}");
        }
        assert!(
            check_url("http://127.0.0.1:8080/x", true).is_ok()
                && check_url("http://h.example/", true).is_err()
        );
    }
}
