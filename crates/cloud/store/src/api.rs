//! The one store trait. Two backends implement it, one suite tests both.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use mimamori_base::{Rng, Timestamp};
use mimamori_domain::liveness::ReceivingPeriod;
use mimamori_domain::{
    Account, AccountId, AlertId, CountByKind, Customer, CustomerId, DeliveryId, DetectionId, Gateway,
    GatewayId, Heartbeat, LoginName, Name, Notice, NotifyAddresses, Period, Policy, Reseller, ResellerId,
    Serial, StarRating,
};

use crate::access::AccessStore;
use crate::compare::CompareStore;
use crate::desk::DeskStore;
use crate::error::Result;
use crate::generate::GenerateStore;
use crate::integrations::IntegrationStore;
use crate::passkeys::PasskeyStore;
use crate::ratings::RatingStore;
use crate::scope::Scope;
use crate::sms::SmsStore;
use crate::views::*;

/// Everything the cloud keeps. Each method is one transaction.
#[async_trait]
pub trait Store:
    AccessStore
    + CompareStore
    + DeskStore
    + GenerateStore
    + IntegrationStore
    + PasskeyStore
    + RatingStore
    + SmsStore
    + Send
    + Sync
    + fmt::Debug
{
    // Parties
    async fn create_reseller(&self, scope: Scope, reseller: Reseller) -> Result<()>;
    async fn create_customer(&self, scope: Scope, customer: Customer) -> Result<()>;
    async fn resellers(&self, scope: Scope) -> Result<Vec<Reseller>>;
    async fn reseller(&self, scope: Scope, id: ResellerId) -> Result<Reseller>;
    async fn customers(&self, scope: Scope) -> Result<Vec<CustomerView>>;
    async fn customer(&self, scope: Scope, id: CustomerId) -> Result<CustomerView>;
    async fn set_addresses(&self, scope: Scope, id: CustomerId, to: NotifyAddresses) -> Result<()>;

    // Accounts and sessions
    /// `temporary_until`: until when the first password can be used, if it is a temporary one.
    async fn create_account(
        &self,
        scope: Scope,
        account: Account,
        password_hash: String,
        temporary_until: Option<Timestamp>,
    ) -> Result<()>;
    async fn accounts(&self, scope: Scope) -> Result<Vec<Account>>;
    async fn account(&self, scope: Scope, id: AccountId) -> Result<Account>;
    async fn login_record(&self, scope: Scope, login: LoginName) -> Result<LoginRecord>;
    async fn mark_login(&self, scope: Scope, mark: LoginMark) -> Result<()>;
    /// `temporary_until`: the first login has to change it, and until then.
    async fn set_password(
        &self,
        scope: Scope,
        id: AccountId,
        hash: String,
        temporary_until: Option<Timestamp>,
    ) -> Result<()>;
    async fn create_session(&self, scope: Scope, session: SessionRow) -> Result<()>;
    async fn session(&self, scope: Scope, token_hash: [u8; 32]) -> Result<(SessionRow, Account)>;
    async fn touch_session(&self, scope: Scope, token_hash: [u8; 32], now: Timestamp) -> Result<()>;
    async fn delete_session(&self, scope: Scope, token_hash: [u8; 32]) -> Result<()>;
    /// All sessions of an account but one.
    async fn delete_sessions(&self, scope: Scope, account: AccountId, keep: Option<[u8; 32]>) -> Result<()>;
    async fn audit(&self, scope: Scope, entry: AuditEntry) -> Result<()>;
    async fn audit_log(&self, scope: Scope, limit: u32) -> Result<Vec<AuditEntry>>;

    // Gateways
    async fn create_gateway(&self, scope: Scope, gateway: Gateway, secret_hash: [u8; 32]) -> Result<()>;
    async fn gateways(&self, scope: Scope, customer: Option<CustomerId>) -> Result<Vec<GatewayView>>;
    /// All gateways that have enrolled, without their heartbeats: for judging them.
    async fn enrolled_gateways(&self, scope: Scope) -> Result<Vec<Gateway>>;
    async fn gateway(&self, scope: Scope, id: GatewayId) -> Result<GatewayView>;
    async fn rename_gateway(&self, scope: Scope, id: GatewayId, name: Name) -> Result<()>;
    async fn enrol_record(&self, scope: Scope, serial: Serial) -> Result<EnrolRecord>;
    /// A new one-time secret. The certificate in use stays until the secret is used.
    async fn set_secret(&self, scope: Scope, id: GatewayId, hash: [u8; 32], expires: Timestamp)
    -> Result<()>;
    /// Burns the secret: from now on only the same key can use it again, as the answer may have
    /// been lost. `Conflict` if another key used it meanwhile.
    async fn enrol(
        &self,
        scope: Scope,
        id: GatewayId,
        secret: [u8; 32],
        fingerprint: String,
        now: Timestamp,
    ) -> Result<()>;
    async fn heartbeat(&self, scope: Scope, id: GatewayId, beat: Heartbeat, now: Timestamp) -> Result<()>;
    async fn uptime(&self, scope: Scope, id: GatewayId, period: Period) -> Result<Vec<UptimeHour>>;

    // Reports
    async fn cursor(&self, scope: Scope, gateway: GatewayId) -> Result<Cursor>;
    /// The storing transaction: reports above the cursor, detections, alerts, rollups, notices
    /// and the cursor itself, all or nothing.
    async fn commit(
        &self,
        scope: Scope,
        batch: CommitBatch,
        policy: Arc<Policy>,
        rng: Arc<dyn Rng>,
    ) -> Result<Committed>;

    // Alerts and detections
    async fn alerts(&self, scope: Scope, filter: AlertFilter) -> Result<Page<AlertView>>;
    async fn alert(&self, scope: Scope, id: AlertId) -> Result<AlertView>;
    /// Replaces the alert that has `old_version`; `Conflict` if it has changed.
    async fn replace_alert(
        &self,
        scope: Scope,
        old_version: u64,
        alert: mimamori_domain::Alert,
    ) -> Result<()>;
    /// Ratings of alerts that nobody has dealt with, raised in the period.
    async fn open_alerts(
        &self,
        scope: Scope,
        customer: CustomerId,
        period: Period,
    ) -> Result<Vec<(StarRating, u64)>>;
    async fn detection(&self, scope: Scope, id: DetectionId) -> Result<DetectionView>;
    async fn detections(&self, scope: Scope, filter: DetectionFilter) -> Result<Page<DetectionView>>;
    /// From the daily rollups, so whole days of the Japanese calendar.
    async fn counts(&self, scope: Scope, customer: CustomerId, period: Period) -> Result<Vec<CountByKind>>;
    async fn daily(&self, scope: Scope, customer: CustomerId, period: Period) -> Result<Vec<DayCount>>;
    async fn counts_by_gateway(
        &self,
        scope: Scope,
        customer: CustomerId,
        period: Period,
    ) -> Result<Vec<GatewayCount>>;

    // Use and devices
    /// Sums of use, the largest first.
    async fn usage(&self, scope: Scope, filter: UsageFilter, by: UsageBy) -> Result<Vec<UsageSum>>;
    /// How deep traffic was looked into, the largest first.
    async fn inspection(
        &self,
        scope: Scope,
        filter: UsageFilter,
        by: InspectionBy,
    ) -> Result<Vec<InspectionSum>>;
    /// Devices that the customer's gateways have seen, the latest first.
    async fn devices(&self, scope: Scope, customer: CustomerId) -> Result<Vec<DeviceView>>;

    // Outbox
    async fn add_notice(&self, scope: Scope, notice: Notice) -> Result<()>;
    /// Every waiting notice of the customers of which at least one is due.
    async fn due_notices(&self, scope: Scope, now: Timestamp, customers: u32) -> Result<Vec<NoticeGroup>>;
    /// Stores the mail and marks its notices in one step; `Conflict` if another node did.
    async fn queue_mail(
        &self,
        scope: Scope,
        mail: Mail,
        deliveries: Vec<Delivery>,
        notices: Vec<mimamori_domain::NoticeId>,
    ) -> Result<()>;
    async fn claim_deliveries(
        &self,
        scope: Scope,
        now: Timestamp,
        lease_until: Timestamp,
        token: [u8; 16],
        limit: u32,
    ) -> Result<Vec<ClaimedDelivery>>;
    /// `Conflict` if the lease was lost to another worker.
    async fn settle_delivery(
        &self,
        scope: Scope,
        id: DeliveryId,
        token: [u8; 16],
        attempt: Attempt,
        now: Timestamp,
    ) -> Result<()>;
    async fn delivery_ledger(
        &self,
        scope: Scope,
        state: Option<String>,
        limit: u32,
    ) -> Result<Vec<DeliveryView>>;
    /// Gives a delivery that is dead or came back another life.
    async fn requeue_delivery(&self, scope: Scope, id: DeliveryId, now: Timestamp) -> Result<()>;

    // Jobs
    /// Takes the lease of a job that is due and that nobody runs.
    async fn lease_job(
        &self,
        scope: Scope,
        name: String,
        token: [u8; 16],
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<JobLease>>;
    async fn finish_job(
        &self,
        scope: Scope,
        name: String,
        token: [u8; 16],
        now: Timestamp,
        next_due: Timestamp,
    ) -> Result<()>;
    /// Notes that `node` is receiving; extends its period if the last note is at most `gap_ms` old.
    async fn note_receiving(&self, scope: Scope, node: String, now: Timestamp, gap_ms: i64) -> Result<()>;
    async fn receiving_since(&self, scope: Scope, since: Timestamp) -> Result<Vec<ReceivingPeriod>>;
    /// Online → stopped, with its notice; `Conflict` if it was heard of meanwhile.
    async fn mark_stopped(
        &self,
        scope: Scope,
        id: GatewayId,
        last_seen: Timestamp,
        notice: Notice,
    ) -> Result<()>;
    /// Stopped → online, with its notice.
    async fn mark_recovered(
        &self,
        scope: Scope,
        id: GatewayId,
        since: Timestamp,
        notice: Notice,
    ) -> Result<()>;
    /// Deletes at most `limit` rows older than `before` of what is kept for a time (PT-09).
    async fn purge(&self, scope: Scope, before: Timestamp, now: Timestamp, limit: u32) -> Result<u64>;

    async fn stats(&self, scope: Scope) -> Result<StoreStats>;
    /// Whether the database answers.
    async fn ping(&self) -> Result<()>;
    /// Finishes what is being written and closes.
    async fn close(&self);
}
