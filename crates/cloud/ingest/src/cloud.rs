//! The real cloud behind this API.

use async_trait::async_trait;
use mimamori_domain::detection::MacAddress;
use mimamori_domain::{Exception, GatewayId, Heartbeat, Serial};
use mimamori_report::{Command, Cursor, Exempt, MacAddr, Text};
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

    async fn exceptions(&self, gateway: GatewayId) -> Result<Option<Vec<Exempt>>, BackendError> {
        let known = self.exceptions_of_gateway(gateway).await.map_err(|e| unavailable(&e))?;
        Ok(Some(known.iter().filter_map(exempt).collect()))
    }
}

/// An exception as a gateway keeps it. One for a device without a MAC address only keeps alerts
/// quiet, which the cloud does.
fn exempt(e: &Exception) -> Option<Exempt> {
    let device = match &e.matches.device {
        None => None,
        Some(key) => Some(MacAddr(MacAddress::parse(key.0.strip_prefix("mac:")?).ok()?.0)),
    };
    Some(Exempt {
        id: Text::new(&e.id.to_string()),
        device,
        sid: e.matches.sid,
        host: e.matches.host.as_ref().map(|h| Text::new(h)),
        until: e.expires_at,
    })
}

fn row(item: Item) -> ReportItem {
    match item {
        Item::Detection(d) => ReportItem::Detection(d),
        Item::Use(used) => ReportItem::Use(used),
        Item::Inspection(depth) => ReportItem::Inspection(depth),
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
