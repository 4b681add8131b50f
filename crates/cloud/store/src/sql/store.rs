//! The store trait on this database: each method runs one function of this module's siblings
//! inside one transaction.

use std::sync::Arc;

use async_trait::async_trait;
use mimamori_base::{Rng, Timestamp};
use mimamori_domain::liveness::ReceivingPeriod;
use mimamori_domain::{
    Account, AccountId, AlertId, CountByKind, Customer, CustomerId, DeliveryId, DetectionId, Gateway,
    GatewayId, Heartbeat, LoginName, Name, Notice, NotifyAddresses, Period, Policy, Reseller, ResellerId,
    Serial, StarRating,
};

use super::dialect::{Backend, Conn};
use super::{accounts, alerts, commit, detections, gateways, outbox, parties, upkeep, usage};
use crate::api::Store;
use crate::error::Result;
use crate::scope::Scope;
use crate::views::*;

/// Runs a function that only reads, in one transaction.
macro_rules! read {
    ($self:ident, $scope:ident, $c:ident => $work:expr) => {
        $self.read($scope, move |$c: &mut Conn| Box::pin(async move { $work.await })).await
    };
}

/// Runs a function that writes, in one transaction.
macro_rules! write {
    ($self:ident, $scope:ident, $c:ident => $work:expr) => {
        $self.write($scope, move |$c: &mut Conn| Box::pin(async move { $work.await })).await
    };
}

#[async_trait]
impl Store for Backend {
    async fn create_reseller(&self, scope: Scope, reseller: Reseller) -> Result<()> {
        write!(self, scope, c => parties::create_reseller(c, scope, &reseller))
    }

    async fn create_customer(&self, scope: Scope, customer: Customer) -> Result<()> {
        write!(self, scope, c => parties::create_customer(c, scope, &customer))
    }

    async fn resellers(&self, scope: Scope) -> Result<Vec<Reseller>> {
        read!(self, scope, c => parties::resellers(c, scope))
    }

    async fn reseller(&self, scope: Scope, id: ResellerId) -> Result<Reseller> {
        read!(self, scope, c => parties::reseller(c, scope, id))
    }

    async fn customers(&self, scope: Scope) -> Result<Vec<CustomerView>> {
        read!(self, scope, c => parties::customers(c, scope))
    }

    async fn customer(&self, scope: Scope, id: CustomerId) -> Result<CustomerView> {
        read!(self, scope, c => parties::customer(c, scope, id))
    }

    async fn set_addresses(&self, scope: Scope, id: CustomerId, to: NotifyAddresses) -> Result<()> {
        write!(self, scope, c => parties::set_addresses(c, scope, id, &to))
    }

    async fn create_account(
        &self,
        scope: Scope,
        account: Account,
        password_hash: String,
        temporary_until: Option<Timestamp>,
    ) -> Result<()> {
        write!(self, scope, c => accounts::create_account(c, scope, &account, password_hash, temporary_until))
    }

    async fn accounts(&self, scope: Scope) -> Result<Vec<Account>> {
        read!(self, scope, c => accounts::accounts(c, scope))
    }

    async fn account(&self, scope: Scope, id: AccountId) -> Result<Account> {
        read!(self, scope, c => accounts::account(c, scope, id))
    }

    async fn login_record(&self, scope: Scope, login: LoginName) -> Result<LoginRecord> {
        read!(self, scope, c => accounts::login_record(c, scope, &login))
    }

    async fn mark_login(&self, scope: Scope, mark: LoginMark) -> Result<()> {
        write!(self, scope, c => accounts::mark_login(c, scope, &mark))
    }

    async fn set_password(
        &self,
        scope: Scope,
        id: AccountId,
        hash: String,
        temporary_until: Option<Timestamp>,
    ) -> Result<()> {
        write!(self, scope, c => accounts::set_password(c, scope, id, hash, temporary_until))
    }

    async fn create_session(&self, scope: Scope, session: SessionRow) -> Result<()> {
        write!(self, scope, c => accounts::create_session(c, scope, &session))
    }

    async fn session(&self, scope: Scope, token_hash: [u8; 32]) -> Result<(SessionRow, Account)> {
        read!(self, scope, c => accounts::session(c, scope, token_hash))
    }

    async fn touch_session(&self, scope: Scope, token_hash: [u8; 32], now: Timestamp) -> Result<()> {
        write!(self, scope, c => accounts::touch_session(c, scope, token_hash, now))
    }

    async fn delete_session(&self, scope: Scope, token_hash: [u8; 32]) -> Result<()> {
        write!(self, scope, c => accounts::delete_session(c, scope, token_hash))
    }

    async fn delete_sessions(&self, scope: Scope, account: AccountId, keep: Option<[u8; 32]>) -> Result<()> {
        write!(self, scope, c => accounts::delete_sessions(c, scope, account, keep))
    }

    async fn audit(&self, scope: Scope, entry: AuditEntry) -> Result<()> {
        write!(self, scope, c => accounts::audit(c, scope, &entry))
    }

    async fn audit_log(&self, scope: Scope, limit: u32) -> Result<Vec<AuditEntry>> {
        read!(self, scope, c => accounts::audit_log(c, scope, limit))
    }

    async fn create_gateway(&self, scope: Scope, gateway: Gateway, secret_hash: [u8; 32]) -> Result<()> {
        write!(self, scope, c => gateways::create_gateway(c, scope, &gateway, secret_hash))
    }

    async fn gateways(&self, scope: Scope, customer: Option<CustomerId>) -> Result<Vec<GatewayView>> {
        read!(self, scope, c => gateways::gateways(c, scope, customer))
    }

    async fn enrolled_gateways(&self, scope: Scope) -> Result<Vec<Gateway>> {
        read!(self, scope, c => gateways::enrolled_gateways(c, scope))
    }

    async fn gateway(&self, scope: Scope, id: GatewayId) -> Result<GatewayView> {
        read!(self, scope, c => gateways::gateway(c, scope, id))
    }

    async fn rename_gateway(&self, scope: Scope, id: GatewayId, name: Name) -> Result<()> {
        write!(self, scope, c => gateways::rename_gateway(c, scope, id, &name))
    }

    async fn enrol_record(&self, scope: Scope, serial: Serial) -> Result<EnrolRecord> {
        read!(self, scope, c => gateways::enrol_record(c, scope, &serial))
    }

    async fn set_secret(
        &self,
        scope: Scope,
        id: GatewayId,
        hash: [u8; 32],
        expires: Timestamp,
    ) -> Result<()> {
        write!(self, scope, c => gateways::set_secret(c, scope, id, hash, expires))
    }

    async fn enrol(
        &self,
        scope: Scope,
        id: GatewayId,
        secret: [u8; 32],
        fingerprint: String,
        now: Timestamp,
    ) -> Result<()> {
        write!(self, scope, c => gateways::enrol(c, scope, id, secret, fingerprint, now))
    }

    async fn heartbeat(&self, scope: Scope, id: GatewayId, beat: Heartbeat, now: Timestamp) -> Result<()> {
        write!(self, scope, c => gateways::heartbeat(c, scope, id, &beat, now))
    }

    async fn uptime(&self, scope: Scope, id: GatewayId, period: Period) -> Result<Vec<UptimeHour>> {
        read!(self, scope, c => gateways::uptime(c, scope, id, period))
    }

    async fn cursor(&self, scope: Scope, gateway: GatewayId) -> Result<Cursor> {
        read!(self, scope, c => commit::cursor(c, scope, gateway))
    }

    async fn commit(
        &self,
        scope: Scope,
        batch: CommitBatch,
        policy: Arc<Policy>,
        rng: Arc<dyn Rng>,
    ) -> Result<Committed> {
        write!(self, scope, c => commit::commit(c, scope, batch, &policy, &*rng))
    }

    async fn alerts(&self, scope: Scope, filter: AlertFilter) -> Result<Page<AlertView>> {
        read!(self, scope, c => alerts::alerts(c, scope, &filter))
    }

    async fn alert(&self, scope: Scope, id: AlertId) -> Result<AlertView> {
        read!(self, scope, c => alerts::alert(c, scope, id))
    }

    async fn replace_alert(
        &self,
        scope: Scope,
        old_version: u64,
        alert: mimamori_domain::Alert,
    ) -> Result<()> {
        write!(self, scope, c => alerts::replace(c, scope, old_version, &alert))
    }

    async fn open_alerts(
        &self,
        scope: Scope,
        customer: CustomerId,
        period: Period,
    ) -> Result<Vec<(StarRating, u64)>> {
        read!(self, scope, c => alerts::open_alerts(c, scope, customer, period))
    }

    async fn detection(&self, scope: Scope, id: DetectionId) -> Result<DetectionView> {
        read!(self, scope, c => detections::detection(c, scope, id))
    }

    async fn detections(&self, scope: Scope, filter: DetectionFilter) -> Result<Page<DetectionView>> {
        read!(self, scope, c => detections::detections(c, scope, &filter))
    }

    async fn counts(&self, scope: Scope, customer: CustomerId, period: Period) -> Result<Vec<CountByKind>> {
        read!(self, scope, c => detections::counts(c, scope, customer, period))
    }

    async fn daily(&self, scope: Scope, customer: CustomerId, period: Period) -> Result<Vec<DayCount>> {
        read!(self, scope, c => detections::daily(c, scope, customer, period))
    }

    async fn counts_by_gateway(
        &self,
        scope: Scope,
        customer: CustomerId,
        period: Period,
    ) -> Result<Vec<GatewayCount>> {
        read!(self, scope, c => detections::counts_by_gateway(c, scope, customer, period))
    }

    async fn usage(&self, scope: Scope, filter: UsageFilter, by: UsageBy) -> Result<Vec<UsageSum>> {
        read!(self, scope, c => usage::usage(c, scope, &filter, by))
    }

    async fn inspection(
        &self,
        scope: Scope,
        filter: UsageFilter,
        by: InspectionBy,
    ) -> Result<Vec<InspectionSum>> {
        read!(self, scope, c => usage::inspection(c, scope, &filter, by))
    }

    async fn devices(&self, scope: Scope, customer: CustomerId) -> Result<Vec<DeviceView>> {
        read!(self, scope, c => usage::devices(c, scope, customer))
    }

    async fn add_notice(&self, scope: Scope, notice: Notice) -> Result<()> {
        write!(self, scope, c => outbox::add_notice(c, scope, &notice))
    }

    async fn due_notices(&self, scope: Scope, now: Timestamp, customers: u32) -> Result<Vec<NoticeGroup>> {
        read!(self, scope, c => outbox::due_notices(c, scope, now, customers))
    }

    async fn queue_mail(
        &self,
        scope: Scope,
        mail: Mail,
        deliveries: Vec<Delivery>,
        notices: Vec<mimamori_domain::NoticeId>,
    ) -> Result<()> {
        write!(self, scope, c => outbox::queue_mail(c, scope, &mail, &deliveries, &notices))
    }

    async fn claim_deliveries(
        &self,
        scope: Scope,
        now: Timestamp,
        lease_until: Timestamp,
        token: [u8; 16],
        limit: u32,
    ) -> Result<Vec<ClaimedDelivery>> {
        write!(self, scope, c => outbox::claim(c, scope, now, lease_until, token, limit))
    }

    async fn settle_delivery(
        &self,
        scope: Scope,
        id: DeliveryId,
        token: [u8; 16],
        attempt: Attempt,
        now: Timestamp,
    ) -> Result<()> {
        write!(self, scope, c => outbox::settle(c, scope, id, token, &attempt, now))
    }

    async fn delivery_ledger(
        &self,
        scope: Scope,
        state: Option<String>,
        limit: u32,
    ) -> Result<Vec<DeliveryView>> {
        read!(self, scope, c => outbox::ledger(c, scope, state.as_deref(), limit))
    }

    async fn requeue_delivery(&self, scope: Scope, id: DeliveryId, now: Timestamp) -> Result<()> {
        write!(self, scope, c => outbox::requeue(c, scope, id, now))
    }

    async fn lease_job(
        &self,
        scope: Scope,
        name: String,
        token: [u8; 16],
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<JobLease>> {
        write!(self, scope, c => upkeep::lease_job(c, scope, name, token, now, lease_until))
    }

    async fn finish_job(
        &self,
        scope: Scope,
        name: String,
        token: [u8; 16],
        now: Timestamp,
        next_due: Timestamp,
    ) -> Result<()> {
        write!(self, scope, c => upkeep::finish_job(c, scope, name, token, now, next_due))
    }

    async fn note_receiving(&self, scope: Scope, node: String, now: Timestamp, gap_ms: i64) -> Result<()> {
        write!(self, scope, c => upkeep::note_receiving(c, scope, node, now, gap_ms))
    }

    async fn receiving_since(&self, scope: Scope, since: Timestamp) -> Result<Vec<ReceivingPeriod>> {
        read!(self, scope, c => upkeep::receiving_since(c, scope, since))
    }

    async fn mark_stopped(
        &self,
        scope: Scope,
        id: GatewayId,
        last_seen: Timestamp,
        notice: Notice,
    ) -> Result<()> {
        write!(self, scope, c => gateways::mark_stopped(c, scope, id, last_seen, &notice))
    }

    async fn mark_recovered(
        &self,
        scope: Scope,
        id: GatewayId,
        since: Timestamp,
        notice: Notice,
    ) -> Result<()> {
        write!(self, scope, c => gateways::mark_recovered(c, scope, id, since, &notice))
    }

    async fn purge(&self, scope: Scope, before: Timestamp, now: Timestamp, limit: u32) -> Result<u64> {
        write!(self, scope, c => upkeep::purge(c, scope, before, now, limit))
    }

    async fn stats(&self, scope: Scope) -> Result<StoreStats> {
        read!(self, scope, c => upkeep::stats(c, scope))
    }

    async fn ping(&self) -> Result<()> {
        self.check().await
    }

    async fn close(&self) {
        self.shut_down().await;
    }
}
