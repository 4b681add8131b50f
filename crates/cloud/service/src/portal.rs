//! What the portal's pages show and do (PT-02, PT-04).

use mimamori_base::Timestamp;
use mimamori_domain::account::Belongs;
use mimamori_domain::{
    Account, AlertId, AuditId, CountByKind, CustomerId, DetectionId, EmailAddress, GatewayId, GatewayState,
    Headline, Line, Name, Notice, NoticeId, NoticeKind, NotifyAddresses, Period, StarRating,
};
use mimamori_store::Scope;
use mimamori_store::views::{
    AlertFilter, AlertView, AuditEntry, CustomerView, DayCount, DeliveryView, DetectionFilter, DetectionView,
    DeviceView, GatewayCount, GatewayView, InspectionBy, InspectionSum, Page, UptimeHour, UsageBy,
    UsageFilter, UsageSum,
};

use crate::actor::Actor;
use crate::error::ServiceError;
use crate::permission::Permission;
use crate::{Result, Service};

/// All that 状態 shows.
#[derive(Clone, Debug)]
pub struct StatusSummary {
    pub customer: CustomerView,
    pub period: Period,
    pub headline: Headline,
    /// Alerts of the period that nobody has dealt with, by rating, the most urgent first.
    pub open: Vec<(StarRating, u64)>,
    pub counts: Vec<CountByKind>,
    pub daily: Vec<DayCount>,
    pub gateways: Vec<GatewayView>,
    pub by_gateway: Vec<GatewayCount>,
    /// When anything was last heard of any gateway.
    pub last_update: Option<Timestamp>,
    pub bytes_inspected: u64,
    /// Bytes that could not be looked into.
    pub bytes_uninspected: u64,
}

impl Service {
    /// The one look (PT-02).
    pub async fn status(&self, actor: &Actor, customer: CustomerId, period: Period) -> Result<StatusSummary> {
        actor.require(Permission::ViewPortal)?;
        let (store, scope) = (self.store(), actor.scope());
        let view = store.customer(scope, customer).await?;
        let mut open = store.open_alerts(scope, customer, period).await?;
        open.sort_by_key(|(rating, _)| std::cmp::Reverse(*rating));
        let gateways = store.gateways(scope, Some(customer)).await?;
        let stopped =
            gateways.iter().filter(|g| matches!(g.gateway.state, GatewayState::Stopped { .. })).count();
        let headline = Headline::derive(
            open.iter().filter(|(_, n)| *n > 0).map(|(rating, _)| *rating),
            u64::try_from(stopped).unwrap_or(u64::MAX),
        );
        let beats = || gateways.iter().filter_map(|g| g.heartbeat.as_ref());
        Ok(StatusSummary {
            headline,
            open,
            counts: store.counts(scope, customer, period).await?,
            daily: store.daily(scope, customer, period).await?,
            by_gateway: store.counts_by_gateway(scope, customer, period).await?,
            last_update: gateways.iter().filter_map(|g| g.gateway.last_seen).max(),
            bytes_inspected: beats().map(|b| b.bytes_inspected).fold(0, u64::saturating_add),
            bytes_uninspected: beats().map(|b| b.bytes_uninspected).fold(0, u64::saturating_add),
            customer: view,
            period,
            gateways,
        })
    }

    pub async fn customer(&self, actor: &Actor, id: CustomerId) -> Result<CustomerView> {
        actor.require(Permission::ViewPortal)?;
        Ok(self.store().customer(actor.scope(), id).await?)
    }

    /// Customers that staff may choose from.
    pub async fn customers(&self, actor: &Actor) -> Result<Vec<CustomerView>> {
        actor.require(Permission::ListCustomers)?;
        Ok(self.store().customers(actor.scope()).await?)
    }

    pub async fn alerts(&self, actor: &Actor, filter: AlertFilter) -> Result<Page<AlertView>> {
        actor.require(Permission::ViewPortal)?;
        Ok(self.store().alerts(actor.scope(), filter).await?)
    }

    /// Alerts that nobody has dealt with, of any time.
    pub async fn open_alerts(&self, actor: &Actor, customer: CustomerId) -> Result<u64> {
        actor.require(Permission::ViewPortal)?;
        let always = Period { from: Timestamp(0), to: Timestamp(i64::MAX) };
        let open = self.store().open_alerts(actor.scope(), customer, always).await?;
        Ok(open.iter().map(|(_, n)| n).sum())
    }

    pub async fn alert(&self, actor: &Actor, id: AlertId) -> Result<AlertView> {
        actor.require(Permission::ViewPortal)?;
        Ok(self.store().alert(actor.scope(), id).await?)
    }

    pub async fn detection(&self, actor: &Actor, id: DetectionId) -> Result<DetectionView> {
        actor.require(Permission::ViewPortal)?;
        Ok(self.store().detection(actor.scope(), id).await?)
    }

    pub async fn detections(&self, actor: &Actor, filter: DetectionFilter) -> Result<Page<DetectionView>> {
        actor.require(Permission::ViewPortal)?;
        Ok(self.store().detections(actor.scope(), filter).await?)
    }

    pub async fn gateways(&self, actor: &Actor, customer: CustomerId) -> Result<Vec<GatewayView>> {
        actor.require(Permission::ViewPortal)?;
        Ok(self.store().gateways(actor.scope(), Some(customer)).await?)
    }

    pub async fn gateway(&self, actor: &Actor, id: GatewayId) -> Result<GatewayView> {
        actor.require(Permission::ViewPortal)?;
        Ok(self.store().gateway(actor.scope(), id).await?)
    }

    /// Heartbeats by the hour, for the bar of PT-04. Hours without any are absent.
    pub async fn uptime(&self, actor: &Actor, id: GatewayId, period: Period) -> Result<Vec<UptimeHour>> {
        actor.require(Permission::ViewPortal)?;
        Ok(self.store().uptime(actor.scope(), id, period).await?)
    }

    pub async fn counts(
        &self,
        actor: &Actor,
        customer: CustomerId,
        period: Period,
    ) -> Result<Vec<CountByKind>> {
        actor.require(Permission::ViewPortal)?;
        Ok(self.store().counts(actor.scope(), customer, period).await?)
    }

    /// Sums of use of the web or of applications (GW-04).
    pub async fn usage(&self, actor: &Actor, filter: UsageFilter, by: UsageBy) -> Result<Vec<UsageSum>> {
        actor.require(Permission::ViewPortal)?;
        Ok(self.store().usage(actor.scope(), filter, by).await?)
    }

    /// How deep traffic was looked into.
    pub async fn inspection(
        &self,
        actor: &Actor,
        filter: UsageFilter,
        by: InspectionBy,
    ) -> Result<Vec<InspectionSum>> {
        actor.require(Permission::ViewPortal)?;
        Ok(self.store().inspection(actor.scope(), filter, by).await?)
    }

    /// Devices that the customer's gateways have seen (GW-14).
    pub async fn devices(&self, actor: &Actor, customer: CustomerId) -> Result<Vec<DeviceView>> {
        actor.require(Permission::ViewPortal)?;
        let (store, scope) = (self.store(), actor.scope());
        let mut devices = store.devices(scope, customer).await?;
        // What the latest heartbeats say is newer than what was written down.
        for view in store.gateways(scope, Some(customer)).await? {
            let gateway = view.gateway.id;
            for seen in view.heartbeat.map(|beat| beat.devices).unwrap_or_default() {
                let key = seen.device.key();
                match devices.iter_mut().find(|d| d.gateway == gateway && d.key == key) {
                    Some(known) => {
                        known.seen.last_seen = known.seen.last_seen.max(seen.last_seen);
                        known.seen.device.learn(&seen.device);
                    }
                    None => devices.push(DeviceView { gateway, key, seen }),
                }
            }
        }
        devices.sort_by_key(|d| std::cmp::Reverse(d.seen.last_seen));
        Ok(devices)
    }

    /// 「確認しました」.
    pub async fn acknowledge_alert(&self, actor: &Actor, id: AlertId) -> Result<()> {
        actor.require(Permission::AcknowledgeAlert)?;
        let doer = actor.as_doer().ok_or(ServiceError::Forbidden)?;
        let view = self.store().alert(actor.scope(), id).await?;
        let old = view.alert.version;
        let alert = view.alert.acknowledge(self.now(), doer)?;
        let customer = alert.customer;
        self.store().replace_alert(actor.scope(), old, alert).await?;
        self.note_about(actor, Belongs::Customer(customer), "alert.acknowledge", &id.to_string(), "").await
    }

    pub async fn set_addresses(
        &self,
        actor: &Actor,
        customer: CustomerId,
        to: NotifyAddresses,
    ) -> Result<()> {
        actor.require(Permission::EditAddresses)?;
        let text = to.as_slice().iter().map(EmailAddress::as_str).collect::<Vec<_>>().join(", ");
        let before = self.store().customer(actor.scope(), customer).await?.customer.addresses;
        let new: Vec<EmailAddress> =
            to.as_slice().iter().filter(|a| !before.as_slice().contains(a)).cloned().collect();
        self.store().set_addresses(actor.scope(), customer, to).await?;
        // Each new address is asked to say that mail arrives.
        for address in new {
            self.send_test_mail(actor, customer, address).await?;
        }
        self.note_about(actor, Belongs::Customer(customer), "addresses.set", &customer.to_string(), &text)
            .await
    }

    /// Sends a test mail to one of the customer's addresses (NT-07).
    pub async fn send_test_mail(&self, actor: &Actor, customer: CustomerId, to: EmailAddress) -> Result<()> {
        actor.require(Permission::EditAddresses)?;
        let view = self.store().customer(actor.scope(), customer).await?;
        if !view.customer.addresses.as_slice().contains(&to) {
            return Err(ServiceError::NotFound);
        }
        let now = self.now();
        let notice = Notice {
            id: NoticeId::generate(now, self.rng()),
            customer,
            kind: NoticeKind::TestMail { to },
            created_at: now,
            due_at: now,
        };
        self.store().add_notice(Scope::system(), notice).await?;
        self.wake_mail();
        self.note_about(actor, Belongs::Customer(customer), "addresses.test", &customer.to_string(), "").await
    }

    pub async fn rename_gateway(&self, actor: &Actor, id: GatewayId, name: Name) -> Result<()> {
        actor.require(Permission::RenameGateway)?;
        let view = self.store().gateway(actor.scope(), id).await?;
        let detail = format!("{} → {name}", view.gateway.name);
        self.store().rename_gateway(actor.scope(), id, name).await?;
        self.note_about(
            actor,
            Belongs::Customer(view.gateway.customer),
            "gateway.rename",
            &id.to_string(),
            &detail,
        )
        .await
    }

    /// Mails on their way; `state` is `queued`, `sent` or `dead`.
    pub async fn delivery_ledger(
        &self,
        actor: &Actor,
        state: Option<&str>,
        limit: u32,
    ) -> Result<Vec<DeliveryView>> {
        actor.require(Permission::ViewOutbox)?;
        Ok(self.store().delivery_ledger(actor.scope(), state.map(str::to_owned), limit).await?)
    }

    pub async fn audit_log(&self, actor: &Actor, limit: u32) -> Result<Vec<AuditEntry>> {
        actor.require(Permission::ViewAudit)?;
        Ok(self.store().audit_log(actor.scope(), limit).await?)
    }

    /// Writes to the log of the actor's own organisation.
    pub(crate) async fn note(&self, actor: &Actor, action: &str, subject: &str, detail: &str) -> Result<()> {
        let about = actor.account().map_or(Belongs::Operation, |a| a.belongs);
        self.note_about(actor, about, action, subject, detail).await
    }

    /// Something that happened to an account without anybody being logged in.
    pub(crate) async fn note_of(&self, account: &Account, action: &str, detail: &str) -> Result<()> {
        let now = self.now();
        let entry = AuditEntry {
            id: AuditId::generate(now, self.rng()),
            at: now,
            actor: None,
            about: account.belongs,
            action: Line::clip(action),
            subject: Line::clip(account.login.as_str()),
            detail: Line::clip(detail),
        };
        Ok(self.store().audit(Scope::system(), entry).await?)
    }

    pub(crate) async fn note_about(
        &self,
        actor: &Actor,
        about: Belongs,
        action: &str,
        subject: &str,
        detail: &str,
    ) -> Result<()> {
        let now = self.now();
        let entry = AuditEntry {
            id: AuditId::generate(now, self.rng()),
            at: now,
            actor: actor.as_doer(),
            about,
            action: Line::clip(action),
            subject: Line::clip(subject),
            detail: Line::clip(detail),
        };
        Ok(self.store().audit(Scope::system(), entry).await?)
    }
}
