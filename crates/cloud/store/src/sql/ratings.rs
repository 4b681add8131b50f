//! The rating part of the store trait: each method runs one function of the siblings below in
//! one transaction.

use async_trait::async_trait;
use mimamori_base::Timestamp;
use mimamori_domain::alert::Actor;
use mimamori_domain::{
    Alert, AlertId, CustomerId, DeliveryId, EmailAddress, Exception, ExceptionId, GatewayId, Investigation,
    Line, Notice, PolicyId,
};

use super::dialect::{Backend, Conn};
use super::{alerts, exceptions, gateways, investigations, outbox, policies, reach};
use crate::error::Result;
use crate::ratings::{
    AddressState, DeliveryOf, Elsewhere, LiveMark, PolicyRow, QueueItem, RatingStore, TrialState,
    Unreachable, WalkMark, Walked,
};
use crate::scope::Scope;

/// Runs a function in one transaction.
macro_rules! run {
    ($self:ident . $way:ident, $scope:ident, $c:ident => $work:expr) => {
        $self.$way($scope, move |$c: &mut Conn| Box::pin(async move { $work.await })).await
    };
}

#[async_trait]
impl RatingStore for Backend {
    async fn add_policy(&self, scope: Scope, policy: PolicyRow) -> Result<()> {
        run!(self.write, scope, c => policies::add(c, scope, &policy))
    }

    async fn policies(&self, scope: Scope) -> Result<Vec<PolicyRow>> {
        run!(self.read, scope, c => policies::policies(c, scope))
    }

    async fn policy(&self, scope: Scope, id: PolicyId) -> Result<PolicyRow> {
        run!(self.read, scope, c => policies::policy(c, scope, id))
    }

    async fn set_trial(&self, scope: Scope, id: PolicyId, state: TrialState) -> Result<()> {
        run!(self.write, scope, c => policies::set_trial(c, scope, id, &state))
    }

    async fn put_live(&self, scope: Scope, mark: LiveMark) -> Result<()> {
        run!(self.write, scope, c => policies::put_live(c, scope, &mark))
    }

    async fn live_marks(&self, scope: Scope) -> Result<Vec<LiveMark>> {
        run!(self.read, scope, c => policies::live_marks(c, scope))
    }

    async fn live_policy(&self, scope: Scope) -> Result<PolicyRow> {
        run!(self.read, scope, c => policies::live_policy(c, scope))
    }

    async fn walk(
        &self,
        scope: Scope,
        since: Timestamp,
        after: Option<WalkMark>,
        limit: u32,
    ) -> Result<Vec<Walked>> {
        run!(self.read, scope, c => policies::walk(c, scope, since, after, limit))
    }

    async fn add_exception(&self, scope: Scope, exception: Exception) -> Result<()> {
        run!(self.write, scope, c => exceptions::add(c, scope, &exception))
    }

    async fn exceptions(&self, scope: Scope, customer: Option<CustomerId>) -> Result<Vec<Exception>> {
        run!(self.read, scope, c => exceptions::exceptions(c, scope, customer))
    }

    async fn exception(&self, scope: Scope, id: ExceptionId) -> Result<Exception> {
        run!(self.read, scope, c => exceptions::exception(c, scope, id))
    }

    async fn replace_exception(&self, scope: Scope, old_version: u64, exception: Exception) -> Result<()> {
        run!(self.write, scope, c => exceptions::replace(c, scope, old_version, &exception))
    }

    async fn investigation_queue(&self, scope: Scope) -> Result<Vec<QueueItem>> {
        run!(self.read, scope, c => investigations::queue(c, scope))
    }

    async fn investigation(&self, scope: Scope, alert: AlertId) -> Result<Investigation> {
        run!(self.read, scope, c => investigations::investigation(c, scope, alert))
    }

    async fn replace_investigation(
        &self,
        scope: Scope,
        alert: AlertId,
        old_version: u64,
        to: Investigation,
    ) -> Result<()> {
        run!(self.write, scope, c => investigations::replace(c, scope, alert, old_version, &to))
    }

    async fn elsewhere(&self, scope: Scope, sid: u32, since: Timestamp) -> Result<Elsewhere> {
        run!(self.read, scope, c => investigations::elsewhere(c, scope, sid, since))
    }

    async fn replace_alert_and_tell(
        &self,
        scope: Scope,
        old_version: u64,
        alert: Alert,
        notice: Notice,
    ) -> Result<()> {
        run!(self.write, scope, c => async {
            alerts::replace(c, scope, old_version, &alert).await?;
            outbox::insert_notice(c, &notice).await
        })
    }

    async fn address_states(&self, scope: Scope, customer: CustomerId) -> Result<Vec<AddressState>> {
        run!(self.read, scope, c => reach::address_states(c, scope, customer))
    }

    async fn verify_address(
        &self,
        scope: Scope,
        customer: CustomerId,
        address: EmailAddress,
        by: Option<Actor>,
        now: Timestamp,
    ) -> Result<()> {
        run!(self.write, scope, c => reach::verify(c, scope, customer, &address, by.as_ref(), now))
    }

    async fn delivery_of(&self, scope: Scope, id: DeliveryId) -> Result<DeliveryOf> {
        run!(self.read, scope, c => reach::delivery_of(c, scope, id))
    }

    async fn mark_bounced(&self, scope: Scope, id: DeliveryId, words: Line, now: Timestamp) -> Result<bool> {
        run!(self.write, scope, c => reach::mark_bounced(c, scope, id, &words, now))
    }

    async fn mark_opened(&self, scope: Scope, id: DeliveryId, now: Timestamp) -> Result<()> {
        run!(self.write, scope, c => reach::mark_opened(c, scope, id, now))
    }

    async fn unreachable(&self, scope: Scope, since: Timestamp) -> Result<Vec<Unreachable>> {
        run!(self.read, scope, c => reach::unreachable(c, scope, since))
    }

    async fn plan_outage(&self, scope: Scope, gateway: GatewayId, until: Timestamp) -> Result<()> {
        run!(self.write, scope, c => gateways::plan_outage(c, scope, gateway, until))
    }

    async fn planned_outages(&self, scope: Scope, now: Timestamp) -> Result<Vec<GatewayId>> {
        run!(self.read, scope, c => gateways::planned_outages(c, scope, now))
    }
}
