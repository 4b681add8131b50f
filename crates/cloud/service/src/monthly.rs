//! 月次レポート (PT-10): the facts of a month, the stored papers, the wish for mail, the night's work.
//!
//! Holds always: a customer and month has one paper, made once, and its mail commits with it.
//! Deliberately not here: layout (`paper`, called by `jobs` and the pages).

use std::time::Duration;

use mimamori_base::Timestamp;
use mimamori_domain::account::Belongs;
use mimamori_domain::comparison::Cells;
use mimamori_domain::jst::JstDay;
use mimamori_domain::monthly::{ALERTS_MAX, AlertLine, Compared, GATEWAYS_MAX, GatewayLine, Month, Monthly};
use mimamori_domain::usage::{Depth, UseSubject};
use mimamori_domain::{
    CustomerId, GatewayState, Letter, Line, MonthlyId, Notice, NoticeId, NoticeKind, Period,
};
use mimamori_store::desk::{MonthlyFailure, MonthlyRow};
use mimamori_store::views::{AlertFilter, AlertView, GatewayView, InspectionBy, UsageFilter};
use mimamori_store::{Scope, StoreError};

use crate::actor::Actor;
use crate::permission::Permission;
use crate::{Result, Service};

/// How many months' papers are kept.
pub const MONTHS_KEPT: i64 = 24;
/// Alerts of a month that are looked through.
const ALERTS_READ: u32 = 200;
const HOUR: Duration = Duration::from_secs(3_600);

impl Service {
    pub async fn monthly_reports(&self, actor: &Actor, customer: CustomerId) -> Result<Vec<MonthlyRow>> {
        actor.require(Permission::ViewPortal)?;
        Ok(self.store().monthly_reports(actor.scope(), customer).await?)
    }

    pub async fn monthly_report(&self, actor: &Actor, id: MonthlyId) -> Result<(MonthlyRow, Vec<u8>)> {
        actor.require(Permission::ViewPortal)?;
        Ok(self.store().monthly_report(actor.scope(), id).await?)
    }

    /// The facts of the month that is not over yet, or of any other.
    pub async fn month_so_far(&self, actor: &Actor, customer: CustomerId, month: Month) -> Result<Monthly> {
        actor.require(Permission::ViewPortal)?;
        let cells = self.cells_of_month(actor.scope(), month).await?;
        self.facts_of_month(actor.scope(), customer, month, cells.as_ref()).await
    }

    /// What is published about all companies for exactly this month, once it is over.
    async fn cells_of_month(&self, scope: Scope, month: Month) -> Result<Option<Cells>> {
        let period = month.period();
        let (first, last) = (JstDay::of(period.from).0, JstDay::of(period.to).0 - 1);
        let rows = self.store().cells(scope, first, last).await?;
        Ok(rows.into_iter().find(|row| row.class.is_none()).map(|row| row.cells))
    }

    pub async fn wants_monthly_mail(&self, actor: &Actor, customer: CustomerId) -> Result<bool> {
        actor.require(Permission::ViewPortal)?;
        Ok(self.store().wants_monthly_mail(actor.scope(), customer).await?)
    }

    pub async fn set_monthly_mail(&self, actor: &Actor, customer: CustomerId, wish: bool) -> Result<()> {
        actor.require(Permission::EditAddresses)?;
        self.store().set_monthly_mail(actor.scope(), customer, wish).await?;
        let detail = if wish { "on" } else { "off" };
        self.note_about(actor, Belongs::Customer(customer), "monthly.mail", &customer.to_string(), detail)
            .await
    }

    /// The next customers whose paper of the month is missing, with the facts of each, or with why
    /// there are none: what is wrong with one company's records leaves the others alone.
    pub async fn missing_monthly(
        &self,
        month: Month,
        limit: u32,
    ) -> Result<Vec<(CustomerId, std::result::Result<Monthly, Line>)>> {
        let ids = self.store().without_monthly(Scope::system(), month, self.now(), limit).await?;
        let cells = self.cells_of_month(Scope::system(), month).await?;
        let mut all = Vec::with_capacity(ids.len());
        for id in ids {
            match self.facts_of_month(Scope::system(), id, month, cells.as_ref()).await {
                Ok(facts) => all.push((id, Ok(facts))),
                Err(e) if e.is_temporary() => return Err(e),
                // Gone since, or not readable.
                Err(e) => all.push((id, Err(Line::clip(&e.to_string())))),
            }
        }
        Ok(all)
    }

    /// Stores papers, with the mail for whoever wishes it.
    pub async fn store_monthly(&self, papers: Vec<(CustomerId, Month, String, Vec<u8>)>) -> Result<()> {
        let now = self.now();
        let mut rows = Vec::with_capacity(papers.len());
        for (customer, month, sentence, pdf) in papers {
            let id = MonthlyId::generate(now, self.rng());
            let size = u64::try_from(pdf.len()).unwrap_or(u64::MAX);
            let wish = match self.store().wants_monthly_mail(Scope::system(), customer).await {
                Ok(wish) => wish,
                Err(StoreError::NotFound) => continue,
                Err(e) => return Err(e.into()),
            };
            let letter = Letter::Monthly { report: id, month, sentence: sentence.clone() };
            let notice = Notice {
                id: NoticeId::generate(now, self.rng()),
                customer,
                kind: NoticeKind::Letter { to: None, letter: Box::new(letter) },
                created_at: now,
                // The papers are made at night; nobody's telephone rings for them.
                due_at: JstDay::of(now).at_hour(9).max(now),
            };
            let row = MonthlyRow { id, customer, month, made_at: now, sentence, size };
            rows.push((row, pdf, wish.then_some(notice)));
        }
        self.store().add_monthly(Scope::system(), rows).await?;
        self.wake_mail();
        Ok(())
    }

    /// Keeps that papers could not be made; they are tried again later.
    pub async fn monthly_failed(&self, month: Month, failed: Vec<(CustomerId, Line)>) -> Result<()> {
        Ok(self.store().monthly_failed(Scope::system(), month, self.now(), failed).await?)
    }

    /// Papers that could not be made, for the operator.
    pub async fn monthly_failures(&self, actor: &Actor) -> Result<Vec<MonthlyFailure>> {
        actor.require(Permission::ViewOutbox)?;
        Ok(self.store().monthly_failures(actor.scope()).await?)
    }

    pub async fn purge_monthly(&self) -> Result<u64> {
        let before = Month::of(self.now()).plus(-MONTHS_KEPT);
        Ok(self.store().purge_monthly(Scope::system(), before).await?)
    }

    async fn facts_of_month(
        &self,
        scope: Scope,
        customer: CustomerId,
        month: Month,
        cells: Option<&Cells>,
    ) -> Result<Monthly> {
        let (store, now) = (self.store(), self.now());
        let view = store.customer(scope, customer).await?;
        let period = month.period();
        let filter = AlertFilter {
            customer: Some(customer),
            period: Some(period),
            limit: ALERTS_READ,
            ..AlertFilter::default()
        };
        let mut alerts = store.alerts(scope, filter).await?.items;
        alerts.sort_by_key(|a| (std::cmp::Reverse(a.alert.rating), a.alert.raised_at));
        let alerts_total = u64::try_from(alerts.len()).unwrap_or(u64::MAX);
        alerts.truncate(ALERTS_MAX);
        let by_gateway = store.counts_by_gateway(scope, customer, period).await?;
        let mut gateways = Vec::new();
        for g in store.gateways(scope, Some(customer)).await?.into_iter().take(GATEWAYS_MAX) {
            let Some(hours) = hours_of(&g, period, now) else { continue };
            let heard = store.uptime(scope, g.gateway.id, period).await?;
            gateways.push(GatewayLine {
                name: g.gateway.name.to_string(),
                serial: g.gateway.serial.to_string(),
                hours,
                hours_heard: heard.iter().filter(|h| h.beats > 0).count() as u64,
                detections: by_gateway.iter().find(|c| c.gateway == g.gateway.id).map_or(0, |c| c.total),
                stopped_now: matches!(g.gateway.state, GatewayState::Stopped { .. }),
            });
        }
        let usage = UsageFilter {
            customer,
            period,
            subject: UseSubject::Application,
            gateway: None,
            device: None,
            item: None,
        };
        let depth = store.inspection(scope, usage, InspectionBy::Whole).await?;
        let sum = |deep: Depth| depth.iter().filter(|d| d.how.depth() == deep).map(|d| d.bytes).sum();
        let counts = store.counts(scope, customer, period).await?;
        Ok(Monthly {
            comparison: cells.and_then(|cells| Compared::of(cells, &counts, alerts_total)),
            month,
            customer: view.customer.name.to_string(),
            made_at: now,
            desk: format!("{}（{}）", view.reseller.desk_phone, view.reseller.desk_hours),
            counts,
            before: store.counts(scope, customer, month.plus(-1).period()).await?,
            alerts: alerts.iter().map(alert_line).collect(),
            alerts_total,
            gateways,
            bytes_deep: sum(Depth::Fully),
            bytes_named: sum(Depth::NameOnly),
            bytes_blind: sum(Depth::NotAtAll),
        })
    }
}

/// Hours of the period since the gateway was set up; `None`: it was not there.
fn hours_of(g: &GatewayView, period: Period, now: Timestamp) -> Option<u64> {
    let since = match g.gateway.state {
        GatewayState::Prepared { .. } => return None,
        GatewayState::Online { enrolled_at } | GatewayState::Stopped { enrolled_at, .. } => enrolled_at,
    };
    let (from, to) = (period.from.max(since), period.to.min(now));
    (from < to).then(|| to.since(from).as_secs().div_ceil(HOUR.as_secs()))
}

fn alert_line(view: &AlertView) -> AlertLine {
    let a = &view.alert;
    AlertLine {
        rating: a.rating,
        raised_at: a.raised_at,
        device: a.device.display_name(),
        gateway: view.gateway_name.to_string(),
        title: a.title.to_string(),
        stopped: a.stopped(),
        state: a.state.label().to_owned(),
        open: a.state.is_open(),
    }
}
