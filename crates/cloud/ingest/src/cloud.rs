//! The real cloud behind this API.

use async_trait::async_trait;
use mimamori_domain::{GatewayId, Heartbeat, Serial};
use mimamori_report::{Command, Cursor};
use mimamori_service::{EnrolError, ReportItem, Service, ServiceError};

use crate::backend::{Backend, BackendError, Item};

#[async_trait]
impl Backend for Service {
    async fn enrol(&self, serial: &str, secret: &str, fingerprint: &str) -> Result<GatewayId, BackendError> {
        let serial = Serial::parse(serial).map_err(|_| BackendError::Refused)?;
        self.enrol_gateway(&serial, secret, fingerprint).await.map_err(|e| match e {
            EnrolError::Refused => BackendError::Refused,
            EnrolError::Service(e) => unavailable(&e),
        })
    }

    async fn may_report(&self, gateway: GatewayId, fingerprint: &str) -> Result<bool, BackendError> {
        self.gateway_may_report(gateway, fingerprint).await.map_err(|e| unavailable(&e))
    }

    async fn commit(
        &self,
        gateway: GatewayId,
        epoch: u64,
        items: Vec<(u64, Item)>,
    ) -> Result<Cursor, BackendError> {
        let items = items.into_iter().map(|(seq, item)| (seq, row(item))).collect();
        let done = self.commit_reports(gateway, epoch, items).await.map_err(|e| unavailable(&e))?;
        Ok(Cursor { epoch: done.cursor.epoch, seq: done.cursor.seq })
    }

    async fn heartbeat(&self, gateway: GatewayId, beat: Heartbeat) -> Result<Vec<Command>, BackendError> {
        self.record_heartbeat(gateway, beat).await.map_err(|e| unavailable(&e))?;
        Ok(Vec::new())
    }
}

fn row(item: Item) -> ReportItem {
    match item {
        Item::Detection(d) => ReportItem::Detection(d),
        Item::Note(line) => ReportItem::Note(line),
        Item::Undecodable { raw, reason } => ReportItem::Undecodable { raw, reason },
    }
}

/// A gateway that is not there is refused; everything else may pass by itself.
fn unavailable(error: &ServiceError) -> BackendError {
    match error {
        ServiceError::NotFound | ServiceError::Forbidden => BackendError::Refused,
        other => {
            let cause = std::error::Error::source(other).map(|c| format!(": {c}")).unwrap_or_default();
            BackendError::Unavailable(format!("{other}{cause}"))
        }
    }
}
