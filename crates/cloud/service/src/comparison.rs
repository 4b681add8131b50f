//! Own detections beside those of all companies, and own gateways beside one another (PT-05,
//! PT-06); and the nightly work that makes the cells.
//!
//! Holds always: a page reads own rollups and one period's published cells, never another
//! company's rows; what is published follows the rules of `domain::comparison`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use mimamori_base::Rng;
use mimamori_domain::comparison::{
    Cell, Cells, ClassSum, DAYS_MAX, K, Measure, Member, SizeClass, cell, next_cohort,
};
use mimamori_domain::jst::JstDay;
use mimamori_domain::{CustomerId, GatewayId, GatewayState, Name, Period};
use mimamori_store::Scope;
use mimamori_store::compare::{Candidate, CellRow, CompanyDay};

use crate::actor::Actor;
use crate::error::ServiceError;
use crate::permission::Permission;
use crate::{Result, Service};

/// Devices that were seen within this time make a company's size.
const DEVICES_LATELY: Duration = Duration::from_secs(30 * 86_400);
/// Who is counted changes only so often, in days.
const COHORT_EVERY: i64 = 28;
/// Companies read at a time.
const COMPANIES_STEP: usize = 200;
/// Values are counted in hundredths.
const HUNDREDTHS: u64 = 100;

/// Whole days of the Japanese calendar, both ends included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    pub from: JstDay,
    pub until: JstDay,
}

impl Span {
    #[must_use]
    pub const fn period(self) -> Period {
        Period { from: self.from.start(), to: self.until.plus(1).start() }
    }

    #[must_use]
    pub const fn days(self) -> i64 {
        self.until.0 - self.from.0 + 1
    }
}

/// What 「くらべる」 shows.
#[derive(Clone, Debug)]
pub struct Comparison {
    pub span: Span,
    /// The days that can be chosen from.
    pub choice: Span,
    /// Gateways that have enrolled.
    pub gateways: Vec<GatewayCounts>,
    pub own: BTreeMap<Measure, u64>,
    pub everyone: Option<Cells>,
    /// Companies of like size.
    pub alike: Option<Cells>,
    pub class: SizeClass,
}

/// One own gateway.
#[derive(Clone, Debug)]
pub struct GatewayCounts {
    pub gateway: GatewayId,
    pub name: Name,
    pub counts: BTreeMap<Measure, u64>,
}

impl Service {
    /// The comparison for a period; `None`, and what lies outside, becomes the last 30 days or
    /// the nearest that can be shown. Today is not over and is not compared.
    pub async fn comparison(
        &self,
        actor: &Actor,
        customer: CustomerId,
        wanted: Option<Span>,
    ) -> Result<Comparison> {
        actor.require(Permission::ViewPortal)?;
        let (store, scope) = (self.store(), actor.scope());
        let yesterday = JstDay::of(self.now()).plus(-1);
        let newest = store.newest_cells(scope).await?.map_or(yesterday, |day| JstDay(day.min(yesterday.0)));
        let choice =
            Span { from: yesterday.plus(1 - DAYS_MAX), until: newest.max(yesterday.plus(1 - DAYS_MAX)) };
        let wanted = wanted.unwrap_or(Span { from: choice.until.plus(-29), until: choice.until });
        let until = wanted.until.clamp(choice.from, choice.until);
        let span = Span { from: wanted.from.clamp(choice.from, until), until };
        let gateways = self.gateway_counts(actor, customer, span.period()).await?;
        let mut own: BTreeMap<Measure, u64> = BTreeMap::new();
        for (measure, total) in gateways.iter().flat_map(|g| &g.counts) {
            let sum = own.entry(*measure).or_default();
            *sum = sum.saturating_add(*total);
        }
        let class = match store.compared_as(scope, customer).await? {
            Some(class) => class,
            None => SizeClass::of(store.devices(scope, customer).await?.len() as u64),
        };
        let mut everyone = None;
        let mut alike = None;
        for row in store.cells(scope, span.from.0, span.until.0).await? {
            match row.class {
                None => everyone = Some(row.cells),
                Some(of) if of == class => alike = Some(row.cells),
                Some(_) => {}
            }
        }
        Ok(Comparison { span, choice, gateways, own, everyone, alike, class })
    }

    /// Own gateways beside one another (PT-06): whole days.
    pub async fn gateway_counts(
        &self,
        actor: &Actor,
        customer: CustomerId,
        period: Period,
    ) -> Result<Vec<GatewayCounts>> {
        actor.require(Permission::ViewPortal)?;
        let (store, scope) = (self.store(), actor.scope());
        let mut all: Vec<GatewayCounts> = store
            .gateways(scope, Some(customer))
            .await?
            .into_iter()
            .filter(|v| !matches!(v.gateway.state, GatewayState::Prepared { .. }))
            .map(|v| GatewayCounts { gateway: v.gateway.id, name: v.gateway.name, counts: BTreeMap::new() })
            .collect();
        let mut add = |gateway: GatewayId, measure: Measure, n: u64| {
            if let Some(of) = all.iter_mut().find(|g| g.gateway == gateway) {
                let sum = of.counts.entry(measure).or_default();
                *sum = sum.saturating_add(n);
            }
        };
        for row in store.counts_by_gateway_and_kind(scope, customer, period).await? {
            add(row.gateway, Measure::Kind(row.count.kind), row.count.total);
            add(row.gateway, Measure::Detections, row.count.total);
        }
        for (gateway, n) in store.alerts_by_gateway(scope, customer, period).await? {
            add(gateway, Measure::Alerts, n);
        }
        Ok(all)
    }

    /// Publishes the periods that ended since the last time. Returns how many.
    pub async fn publish_comparison(&self) -> Result<u64> {
        let (store, scope) = (self.store(), Scope::system());
        let yesterday = JstDay::of(self.now()).0 - 1;
        let oldest = yesterday + 1 - DAYS_MAX;
        let newest = store.newest_cells(scope).await?;
        let first = newest.map_or(oldest, |day| (day + 1).max(oldest));
        let devices_since = self.now() - DEVICES_LATELY;
        let candidates = store.candidates(scope, devices_since).await?;
        let mut members = store.cohort(scope).await?;
        let turn =
            newest.is_none_or(|day| day.div_euclid(COHORT_EVERY) != yesterday.div_euclid(COHORT_EVERY));
        if members.is_empty() || turn {
            members = next_cohort(&members, &wanted(&candidates, JstDay(oldest)));
            store.set_cohort(scope, members.clone()).await?;
        }
        if members.len() < K {
            return Ok(0);
        }
        let table = Arc::new(self.read_table(&members, &candidates, oldest, yesterday).await?);
        let mut published = 0;
        for until in first..=yesterday {
            let (table, rng) = (table.clone(), self.0.rng.clone());
            // Sorting all companies for each period takes a while.
            let rows = tokio::task::spawn_blocking(move || table.cells_until(until, &*rng)).await;
            let rows = rows.map_err(|e| ServiceError::Background(e.to_string()))?;
            published += rows.iter().filter(|r| r.class.is_none()).count() as u64;
            self.store().publish_cells(scope, rows, oldest).await?;
        }
        Ok(published)
    }

    async fn read_table(
        &self,
        members: &[Member],
        candidates: &[Candidate],
        oldest: i64,
        yesterday: i64,
    ) -> Result<Table> {
        let period = Span { from: JstDay(oldest), until: JstDay(yesterday) }.period();
        let mut table = Table::new(members, candidates, oldest);
        for some in members.chunks(COMPANIES_STEP) {
            let (Some(first), Some(last)) = (some.first(), some.last()) else { continue };
            let between = (first.customer, last.customer);
            for day in self.store().company_days(Scope::system(), between, period).await? {
                table.add(&day);
            }
        }
        Ok(table)
    }
}

/// Companies that took part on every day that can be chosen.
fn wanted(candidates: &[Candidate], oldest: JstDay) -> Vec<Member> {
    candidates
        .iter()
        .filter(|c| c.since <= oldest.start())
        .map(|c| Member { customer: c.customer, class: SizeClass::of(c.devices) })
        .collect()
}

/// Counts of all members by measure and day: 3.6 kB a company.
#[derive(Debug)]
struct Table {
    oldest: i64,
    places: HashMap<CustomerId, usize>,
    classes: Vec<SizeClass>,
    gateways: Vec<u64>,
    /// By measure, then day, then company.
    counts: BTreeMap<Measure, Vec<Vec<u32>>>,
}

impl Table {
    fn new(members: &[Member], candidates: &[Candidate], oldest: i64) -> Self {
        let gateways: HashMap<CustomerId, u64> =
            candidates.iter().map(|c| (c.customer, c.gateways)).collect();
        let days = usize::try_from(DAYS_MAX).unwrap_or(0);
        Table {
            oldest,
            places: members.iter().enumerate().map(|(i, m)| (m.customer, i)).collect(),
            classes: members.iter().map(|m| m.class).collect(),
            gateways: members
                .iter()
                .map(|m| gateways.get(&m.customer).copied().unwrap_or(1).max(1))
                .collect(),
            counts: Measure::all().map(|m| (m, vec![vec![0; members.len()]; days])).collect(),
        }
    }

    fn add(&mut self, of: &CompanyDay) {
        // Companies between two members need not be members.
        let Some(place) = self.places.get(&of.customer).copied() else { return };
        let Ok(day) = usize::try_from(of.day - self.oldest) else { return };
        let total = u32::try_from(of.total).unwrap_or(u32::MAX);
        let sum = matches!(of.measure, Measure::Kind(_)).then_some(Measure::Detections);
        for measure in [Some(of.measure), sum].into_iter().flatten() {
            let days = self.counts.get_mut(&measure);
            if let Some(count) = days.and_then(|d| d.get_mut(day)).and_then(|d| d.get_mut(place)) {
                *count = count.saturating_add(total);
            }
        }
    }

    /// All periods that end on this day.
    fn cells_until(&self, until: i64, rng: &dyn Rng) -> Vec<CellRow> {
        let mut rows: BTreeMap<(i64, Option<SizeClass>), Cells> = BTreeMap::new();
        for (measure, days) in &self.counts {
            let mut sums = vec![0_u64; self.classes.len()];
            for day in (self.oldest..=until).rev() {
                let Some(counts) = usize::try_from(day - self.oldest).ok().and_then(|d| days.get(d)) else {
                    continue;
                };
                for (sum, count) in sums.iter_mut().zip(counts) {
                    *sum += u64::from(*count);
                }
                let per_gateway = |(sum, gateways): (&u64, &u64)| sum * HUNDREDTHS / gateways;
                let each: Vec<u64> = sums.iter().map(|sum| sum * HUNDREDTHS).collect();
                let by_gateway: Vec<u64> = sums.iter().zip(&self.gateways).map(per_gateway).collect();
                for (class, companies, cell) in self.by_class(&each, rng) {
                    let cells = rows.entry((day, class)).or_default();
                    cells.companies = companies;
                    cells.per_company.insert(measure.code().to_owned(), cell);
                }
                for (class, _, cell) in self.by_class(&by_gateway, rng) {
                    let cells = rows.entry((day, class)).or_default();
                    cells.per_gateway.insert(measure.code().to_owned(), cell);
                }
            }
        }
        rows.into_iter()
            .map(|((from_day, class), cells)| CellRow { from_day, until_day: until, class, cells })
            .collect()
    }

    /// The cells of each class and of all, with the number of companies rounded down to tens.
    fn by_class(&self, values: &[u64], rng: &dyn Rng) -> Vec<(Option<SizeClass>, u64, Cell)> {
        let mut groups: BTreeMap<SizeClass, Vec<u64>> = BTreeMap::new();
        for (class, value) in self.classes.iter().zip(values) {
            groups.entry(*class).or_default().push(*value);
        }
        let sizes: Vec<(SizeClass, usize)> = groups.iter().map(|(c, v)| (*c, v.len())).collect();
        let sums: Vec<ClassSum> = groups.into_values().filter_map(|v| ClassSum::new(v, rng)).collect();
        let tens = |n: usize| n as u64 / 10 * 10;
        let mut out = Vec::with_capacity(sums.len() + 1);
        // A class has nobody or enough: `next_cohort` sees to it.
        for ((class, n), sum) in sizes.iter().zip(&sums) {
            out.extend(cell(&[sum]).map(|cell| (Some(*class), tens(*n), cell)));
        }
        let all: Vec<&ClassSum> = sums.iter().collect();
        out.extend(cell(&all).map(|cell| (None, tens(self.classes.len()), cell)));
        out
    }
}
