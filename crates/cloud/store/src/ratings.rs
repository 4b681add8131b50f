//! What analysts and operators work with: policies and their trials, exceptions,
//! investigations, and how mail reaches each address.
//!
//! Holds always: every change is guarded by a version or happens once; notes of analysts and
//! policies need the operation's scope.

use async_trait::async_trait;
use mimamori_base::Timestamp;
use mimamori_domain::alert::Actor;
use mimamori_domain::{
    Alert, AlertId, AuditId, CustomerId, DeliveryId, Detection, DetectionId, EmailAddress, Exception,
    ExceptionId, GatewayId, Investigation, Line, MailId, Notice, PolicyId, TrialReport,
};

use crate::error::Result;
use crate::scope::Scope;
use crate::views::AlertView;

/// A version of the rating policy as it was brought in.
#[derive(Clone, Debug)]
pub struct PolicyRow {
    pub id: PolicyId,
    pub version: Line,
    /// The file, checked when it was brought in.
    pub source: String,
    pub note: Line,
    pub author: Line,
    pub created_at: Timestamp,
    pub trial: TrialState,
}

/// Whether the policy was tried on what happened.
#[derive(Clone, PartialEq, Debug)]
pub enum TrialState {
    Never,
    Running { since: Timestamp },
    Done { at: Timestamp, report: Box<TrialReport> },
    Failed { at: Timestamp, reason: Line },
}

/// One time that a policy was put live. The newest one is in force.
#[derive(Clone, Debug)]
pub struct LiveMark {
    pub id: AuditId,
    pub at: Timestamp,
    pub policy: PolicyId,
    pub by: Line,
    pub why: Line,
}

/// Where a walk over all detections has come.
#[derive(Clone, Copy, Debug)]
pub struct WalkMark {
    pub customer: CustomerId,
    pub at: Timestamp,
    pub id: DetectionId,
}

/// One step of the walk.
#[derive(Clone, Debug)]
pub struct Walked {
    pub customer: CustomerId,
    pub gateway: GatewayId,
    pub detection: Detection,
}

/// An alert that waits for an analyst.
#[derive(Clone, Debug)]
pub struct QueueItem {
    pub view: AlertView,
    pub investigation: Investigation,
}

/// How often a signature fired since a time: numbers only, nobody's names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Elsewhere {
    pub detections: u64,
    pub gateways: u64,
    pub customers: u64,
}

/// How mail reaches one address.
#[derive(Clone, Debug)]
pub struct AddressState {
    pub address: EmailAddress,
    /// Somebody who reads it said so.
    pub verified_at: Option<Timestamp>,
    /// The latest mail to it: `queued`, `sent`, `dead` or `bounced`, and the server's words.
    pub last: Option<LastMail>,
}

#[derive(Clone, Debug)]
pub struct LastMail {
    pub state: Line,
    pub at: Timestamp,
    pub attempts: u32,
    pub words: Line,
    pub opened_at: Option<Timestamp>,
}

/// An address that mail does not reach.
#[derive(Clone, Debug)]
pub struct Unreachable {
    pub customer: CustomerId,
    pub address: Line,
    pub since: Timestamp,
    pub words: Line,
}

/// The mail that an answer or a click belongs to.
#[derive(Clone, Debug)]
pub struct DeliveryOf {
    pub customer: CustomerId,
    pub mail: MailId,
    pub recipient: EmailAddress,
    pub alerts: Vec<AlertId>,
    /// It said something that may not wait (★★★).
    pub urgent: bool,
}

/// The analysts' and operators' part of the [`crate::Store`].
#[async_trait]
pub trait RatingStore: Send + Sync {
    async fn add_policy(&self, scope: Scope, policy: PolicyRow) -> Result<()>;
    /// Newest first, at most 200.
    async fn policies(&self, scope: Scope) -> Result<Vec<PolicyRow>>;
    async fn policy(&self, scope: Scope, id: PolicyId) -> Result<PolicyRow>;
    async fn set_trial(&self, scope: Scope, id: PolicyId, state: TrialState) -> Result<()>;
    async fn put_live(&self, scope: Scope, mark: LiveMark) -> Result<()>;
    /// Newest first, at most 100.
    async fn live_marks(&self, scope: Scope) -> Result<Vec<LiveMark>>;
    /// The policy in force, or `NotFound`: the one that ships with the program.
    async fn live_policy(&self, scope: Scope) -> Result<PolicyRow>;
    /// All detections since, by customer, then by time.
    async fn walk(
        &self,
        scope: Scope,
        since: Timestamp,
        after: Option<WalkMark>,
        limit: u32,
    ) -> Result<Vec<Walked>>;

    async fn add_exception(&self, scope: Scope, exception: Exception) -> Result<()>;
    /// Newest first, at most 500; of one customer or of all in scope.
    async fn exceptions(&self, scope: Scope, customer: Option<CustomerId>) -> Result<Vec<Exception>>;
    async fn exception(&self, scope: Scope, id: ExceptionId) -> Result<Exception>;
    async fn replace_exception(&self, scope: Scope, old_version: u64, exception: Exception) -> Result<()>;

    /// Alerts under investigation, oldest first, at most 500.
    async fn investigation_queue(&self, scope: Scope) -> Result<Vec<QueueItem>>;
    async fn investigation(&self, scope: Scope, alert: AlertId) -> Result<Investigation>;
    /// Replaces the one that has `old_version`; `Conflict` if it has changed.
    async fn replace_investigation(
        &self,
        scope: Scope,
        alert: AlertId,
        old_version: u64,
        to: Investigation,
    ) -> Result<()>;
    async fn elsewhere(&self, scope: Scope, sid: u32, since: Timestamp) -> Result<Elsewhere>;
    /// Replaces the alert that has `old_version` and queues what has to be told, in one step.
    async fn replace_alert_and_tell(
        &self,
        scope: Scope,
        old_version: u64,
        alert: Alert,
        notice: Notice,
    ) -> Result<()>;

    async fn address_states(&self, scope: Scope, customer: CustomerId) -> Result<Vec<AddressState>>;
    async fn verify_address(
        &self,
        scope: Scope,
        customer: CustomerId,
        address: EmailAddress,
        by: Option<Actor>,
        now: Timestamp,
    ) -> Result<()>;
    async fn delivery_of(&self, scope: Scope, id: DeliveryId) -> Result<DeliveryOf>;
    /// An accepted mail came back; says whether this is news.
    async fn mark_bounced(&self, scope: Scope, id: DeliveryId, words: Line, now: Timestamp) -> Result<bool>;
    /// Somebody opened it in the portal; only the first time counts.
    async fn mark_opened(&self, scope: Scope, id: DeliveryId, now: Timestamp) -> Result<()>;
    /// Addresses whose latest mail, not older than `since`, did not arrive; at most 500.
    async fn unreachable(&self, scope: Scope, since: Timestamp) -> Result<Vec<Unreachable>>;

    /// The gateway will be off until then by plan.
    async fn plan_outage(&self, scope: Scope, gateway: GatewayId, until: Timestamp) -> Result<()>;
    /// Gateways that are off by plan now.
    async fn planned_outages(&self, scope: Scope, now: Timestamp) -> Result<Vec<GatewayId>>;
}
