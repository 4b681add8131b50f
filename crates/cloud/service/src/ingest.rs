//! The entrance of the gateways: enrolment, reports, heartbeats. Callers have proved by
//! certificate which gateway they are.

use mimamori_domain::{GatewayId, GatewayState, Heartbeat, Serial};
use mimamori_store::views::{CommitBatch, Committed, Cursor, ReportItem};
use mimamori_store::{Scope, StoreError};

use crate::error::ServiceError;
use crate::secrets;
use crate::{Result, Service};

#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// Unknown serial, wrong, used or expired secret: never told apart.
    #[error("refused")]
    Refused,
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl Service {
    /// Exchanges serial and one-time secret for the gateway's identity; burns the secret in the
    /// same step. `fingerprint` is the SHA-256 of the device's key: the same key may ask again
    /// until the secret expires, as the answer may have been lost; another key may not.
    pub async fn enrol_gateway(
        &self,
        serial: &Serial,
        secret: &str,
        fingerprint: &str,
    ) -> std::result::Result<GatewayId, EnrolError> {
        let now = self.now();
        let record = match self.store().enrol_record(Scope::system(), serial.clone()).await {
            Ok(record) => record,
            Err(StoreError::NotFound) => return Err(EnrolError::Refused),
            Err(e) => return Err(EnrolError::Service(e.into())),
        };
        let given = secrets::sha256(secret.trim().as_bytes());
        let expected = record.secret_hash.ok_or(EnrolError::Refused)?;
        let expired = record.secret_expires.is_none_or(|expires| now >= expires);
        if !secrets::same(&given, &expected) || expired {
            return Err(EnrolError::Refused);
        }
        let id = record.gateway.id;
        match self.store().enrol(Scope::system(), id, expected, fingerprint.to_owned(), now).await {
            Ok(()) => {}
            Err(StoreError::Conflict) => return Err(EnrolError::Refused),
            Err(e) => return Err(EnrolError::Service(e.into())),
        }
        let customer = record.gateway.customer;
        let about = mimamori_domain::account::Belongs::Customer(customer);
        self.note_about(&self.console(), about, "gateway.enrol", serial.as_str(), "").await?;
        Ok(id)
    }

    /// The gateway that a serial belongs to, to name it in the certificate before enrolment.
    pub async fn gateway_by_serial(&self, serial: &Serial) -> Result<GatewayId> {
        Ok(self.store().enrol_record(Scope::system(), serial.clone()).await?.gateway.id)
    }

    /// Whether this gateway is enrolled with this key.
    pub async fn gateway_may_report(&self, id: GatewayId, fingerprint: &str) -> Result<bool> {
        let serial = match self.store().gateway(Scope::system(), id).await {
            Ok(view) if !matches!(view.gateway.state, GatewayState::Prepared { .. }) => view.gateway.serial,
            Ok(_) | Err(StoreError::NotFound) => return Ok(false),
            Err(e) => return Err(e.into()),
        };
        match self.store().enrol_record(Scope::system(), serial).await {
            Ok(record) => Ok(record.fingerprint.is_some_and(|f| f.as_str() == fingerprint)),
            Err(StoreError::NotFound) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// How far this gateway's reports are committed.
    pub async fn cursor(&self, id: GatewayId) -> Result<Cursor> {
        Ok(self.store().cursor(Scope::system(), id).await?)
    }

    /// The storing transaction. Items at or below the cursor are skipped; the answer's cursor is
    /// on disk, and everything up to it may be deleted by the gateway.
    pub async fn commit_reports(
        &self,
        gateway: GatewayId,
        epoch: u64,
        items: Vec<(u64, ReportItem)>,
    ) -> Result<Committed> {
        let now = self.now();
        // Of this batch's notes only: one that comes late announces nothing.
        let outage = items.iter().any(|(_, item)| match item {
            ReportItem::Note(note) => crate::reach::announces_outage(note),
            _ => false,
        });
        let items = items
            .into_iter()
            .map(|(seq, item)| match item {
                ReportItem::Detection(d) => (seq, ReportItem::Detection(Box::new(d.with_sane_times(now)))),
                other => (seq, other),
            })
            .collect();
        let batch = CommitBatch { gateway, epoch, items, now };
        let policy = self.policy().await;
        let done = self.store().commit(Scope::system(), batch, policy, self.0.rng.clone()).await?;
        if done.urgent {
            self.wake_mail();
        }
        // A repeated batch announces nothing either.
        if outage && done.duplicates == 0 {
            self.outage_announced(gateway).await?;
        }
        Ok(done)
    }

    pub async fn record_heartbeat(&self, gateway: GatewayId, beat: Heartbeat) -> Result<()> {
        let now = self.now();
        Ok(self.store().heartbeat(Scope::system(), gateway, beat.bounded(), now).await?)
    }
}
