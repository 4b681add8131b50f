//! 「これは業務です」: asked for by customers and desks, decided by analysts.
//!
//! Holds always: what a customer asks for does nothing until an analyst agreed; every step is in
//! the customer's audit log. Deliberately not here: what an exception covers (`domain`).

use std::time::Duration;

use mimamori_domain::account::Belongs;
use mimamori_domain::{
    AlertId, CustomerId, Exception, ExceptionId, ExceptionState, GatewayId, Line, Matches,
};
use mimamori_store::Scope;

use crate::actor::Actor;
use crate::error::ServiceError;
use crate::permission::Permission;
use crate::{Result, Service};

/// What somebody asks for, seen from an alert.
#[derive(Clone, Debug)]
pub struct AskException {
    pub alert: AlertId,
    /// All devices behind all gateways of the customer, or only the alert's device.
    pub every_device: bool,
    /// By the signature that fired; else by the name on the other side.
    pub by_signature: bool,
    pub days: u16,
    pub reason: String,
}

impl Service {
    /// Asks for an exception; an analyst's own one holds at once.
    pub async fn ask_exception(&self, actor: &Actor, ask: AskException) -> Result<ExceptionId> {
        actor.require(Permission::AskException)?;
        let by = actor.as_doer().ok_or(ServiceError::Forbidden)?;
        let alert = self.store().alert(actor.scope(), ask.alert).await?.alert;
        let now = self.now();
        let decided = actor.may(Permission::DecideException);
        let seen = alert.history.last().and_then(|c| c.detection);
        let evidence = alert.evidence.iter().find(|e| Some(e.detection.id) == seen).or(alert.evidence.last());
        let d = evidence.map(|e| &e.detection).ok_or(ServiceError::NotFound)?;
        let sid = d.signature.as_ref().map(|s| s.sid).filter(|_| ask.by_signature);
        let host = d.host.clone().filter(|_| !ask.by_signature);
        let exception = Exception {
            id: ExceptionId::generate(now, self.rng()),
            customer: alert.customer,
            matches: Matches {
                gateway: (!ask.every_device).then_some(alert.gateway),
                device: (!ask.every_device).then(|| alert.device_key.clone()),
                sid,
                host,
            },
            alert: Some(alert.id),
            reason: Line::clip(ask.reason.trim()),
            asked_by: by.clone(),
            asked_at: now,
            state: if decided { ExceptionState::Active } else { ExceptionState::Asked },
            decided_by: decided.then_some(by),
            decided_at: decided.then_some(now),
            expires_at: now + Duration::from_secs(u64::from(ask.days) * 86_400),
            version: 1,
        };
        exception.check(now)?;
        if exception.reason.is_empty() {
            return Err(ServiceError::Exception(mimamori_domain::BadException::TooWide));
        }
        let id = exception.id;
        self.store().add_exception(actor.scope(), exception.clone()).await?;
        self.note_exception(actor, &exception, "exception.ask").await?;
        Ok(id)
    }

    /// Newest first: of one customer, or of everybody in sight.
    pub async fn exceptions(&self, actor: &Actor, customer: Option<CustomerId>) -> Result<Vec<Exception>> {
        actor.require(Permission::ViewPortal)?;
        Ok(self.store().exceptions(actor.scope(), customer).await?)
    }

    /// What holds now for one gateway, for the gateway itself.
    pub async fn exceptions_of_gateway(&self, id: GatewayId) -> Result<Vec<Exception>> {
        let customer = self.store().gateway(Scope::system(), id).await?.gateway.customer;
        let now = self.now();
        let all = self.store().exceptions(Scope::system(), Some(customer)).await?;
        Ok(all.into_iter().filter(|e| e.holds(now) && e.matches.gateway.is_none_or(|g| g == id)).collect())
    }

    pub async fn decide_exception(&self, actor: &Actor, id: ExceptionId, agreed: bool) -> Result<()> {
        actor.require(Permission::DecideException)?;
        let by = actor.as_doer().ok_or(ServiceError::Forbidden)?;
        let exception = self.store().exception(actor.scope(), id).await?;
        let old = exception.version;
        let exception = exception.decide(agreed, self.now(), by)?;
        self.store().replace_exception(actor.scope(), old, exception.clone()).await?;
        let action = if agreed { "exception.agree" } else { "exception.refuse" };
        self.note_exception(actor, &exception, action).await
    }

    pub async fn end_exception(&self, actor: &Actor, id: ExceptionId) -> Result<()> {
        actor.require(Permission::AskException)?;
        let by = actor.as_doer().ok_or(ServiceError::Forbidden)?;
        let exception = self.store().exception(actor.scope(), id).await?;
        let old = exception.version;
        let exception = exception.end(self.now(), by)?;
        self.store().replace_exception(actor.scope(), old, exception.clone()).await?;
        self.note_exception(actor, &exception, "exception.end").await
    }

    async fn note_exception(&self, actor: &Actor, e: &Exception, action: &str) -> Result<()> {
        let m = &e.matches;
        let mut what = Vec::new();
        what.extend(m.sid.map(|sid| format!("sid {sid}")));
        what.extend(m.host.as_ref().map(ToString::to_string));
        what.extend(m.device.as_ref().map(|d| d.0.clone()));
        let detail = format!("{} ({})", what.join(", "), e.reason);
        self.note_about(actor, Belongs::Customer(e.customer), action, &e.id.to_string(), &detail).await
    }
}
