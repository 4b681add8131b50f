//! What this API needs from the cloud behind it. The real one is `mimamori_service::Service`;
//! tests put a faulty one here.

use async_trait::async_trait;
use mimamori_domain::usage::{DeviceInspection, DeviceUse};
use mimamori_domain::{Detection, GatewayId, Heartbeat, Line};
use mimamori_report::{Command, Cursor, Exempt};

/// One record of a batch in the domain's terms.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    Detection(Box<Detection>),
    Use(Box<DeviceUse>),
    Inspection(Box<DeviceInspection>),
    /// Something about the gateway itself, in words.
    Note(Line),
    /// Understood by nobody: kept aside for the operator.
    Undecodable {
        raw: Vec<u8>,
        reason: Line,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// Not distinguished further: a stranger learns nothing.
    #[error("refused")]
    Refused,
    #[error("not available: {0}")]
    Unavailable(String),
}

#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// Burns the one-time secret for this key. The same secret and key again give the same answer.
    async fn enrol(&self, serial: &str, secret: &str, fingerprint: &str) -> Result<GatewayId, BackendError>;

    /// Whether the gateway may report with the key of this fingerprint.
    async fn may_report(&self, gateway: GatewayId, fingerprint: &str) -> Result<bool, BackendError>;

    /// Stores what is above the cursor and moves it, in one transaction.
    async fn commit(
        &self,
        gateway: GatewayId,
        epoch: u64,
        items: Vec<(u64, Item)>,
    ) -> Result<Cursor, BackendError>;

    /// Notes the heartbeat; answers the commands that wait for this gateway.
    async fn heartbeat(&self, gateway: GatewayId, beat: Heartbeat) -> Result<Vec<Command>, BackendError>;

    /// What may pass at this gateway in spite of lists and rules, all of it; `None`: as it was.
    async fn exceptions(&self, _gateway: GatewayId) -> Result<Option<Vec<Exempt>>, BackendError> {
        Ok(None)
    }
}
