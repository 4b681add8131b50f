//! Detections and their daily rollups.

use std::collections::HashMap;

use mimamori_base::Timestamp;
use mimamori_domain::jst::JstDay;
use mimamori_domain::{
    AlertId, CountByKind, CustomerId, DetectionId, DetectionKind, GatewayId, Name, Period,
};
use sqlx::{QueryBuilder, Row as _};

use super::dialect::{self, Conn, Db, Row};
use super::rows::{bytes, count, maybe_bytes, number, parsed, time};
use super::signatures::Known;
use super::{page_after, scoped};
use crate::compare::GatewayKindCount;
use crate::error::Result;
use crate::needle::Needle;
use crate::packed::SignatureId;
use crate::scope::Scope;
use crate::views::{DayCount, DetectionFilter, DetectionView, GatewayCount, Order, Page, PageMark};

const DETECTION: &str = "SELECT d.id, d.at, d.kind, d.device_key, d.body, d.customer_id, d.gateway_id, \
     d.received_at, d.alert_id, g.name AS g_name FROM detections d JOIN gateways g ON g.id = d.gateway_id \
     WHERE 1 = 1";

/// What a search looks at.
const BODY: &str = "SELECT d.id, d.at, d.body FROM detections d WHERE 1 = 1";
/// What a search for parts of addresses looks at.
const UNPACKED: &str = "SELECT d.id, d.at, d.kind, d.device_key, d.body FROM detections d WHERE 1 = 1";

/// Rows that one step of a filtered list looks at, and all its steps together: however many rows
/// a customer has, a page of a list takes bounded time. What is not found among them comes with
/// the next page.
const STEP: u32 = 2_500;
pub(super) const LOOKED_AT_MAX: u32 = 5_000;
/// Ids tell the time of receipt; a gateway's clock may be so much ahead of it.
const AHEAD_MICROS: i64 = 3_600_000_000;

pub(super) async fn detection(c: &mut Conn, scope: Scope, id: DetectionId) -> Result<DetectionView> {
    let mut q = QueryBuilder::<Db>::new(DETECTION);
    q.push(" AND d.id = ").push_bind(id.0.to_vec());
    scoped::push(&mut q, scope, "d.customer_id");
    let row = q.build().fetch_one(&mut *c).await?;
    let mut known = Known::default();
    known.learn(c, std::slice::from_ref(&row)).await?;
    view_of(&row, &known)
}

/// A page with fewer items than asked for that has a next one: so far was looked.
pub(super) async fn detections(
    c: &mut Conn,
    scope: Scope,
    f: &DetectionFilter,
) -> Result<Page<DetectionView>> {
    let limit = if f.limit == 0 { 50 } else { f.limit.min(1_000) };
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1);
    let needle = f.text.as_deref().and_then(Needle::new);
    let narrows = f.kind.is_some() || f.gateway.is_some() || f.device_key.is_some() || needle.is_some();
    let in_steps = narrows && f.alert.is_none();
    let (mut f, mut known) = (f.clone(), Known::default());
    let (mut items, mut looked, mut next): (Vec<DetectionView>, u32, Option<PageMark>) = (vec![], 0, None);
    while items.len() < wanted {
        if in_steps && !skip_quiet_days(c, scope, &mut f).await? {
            break;
        }
        let end = if in_steps { row_after(c, scope, &f, STEP).await? } else { None };
        match &needle {
            Some(needle) => {
                let more = wanted - items.len();
                items.extend(search(c, scope, &f, end, &mut known, (needle, more)).await?);
            }
            None => {
                let rows = some_rows(c, scope, &f, end, (DETECTION, limit + 1)).await?;
                known.learn(c, &rows).await?;
                for row in &rows {
                    items.push(view_of(row, &known)?);
                }
            }
        }
        looked += STEP;
        match end {
            Some(_) if looked >= LOOKED_AT_MAX => {
                next = end;
                break;
            }
            Some(_) => f.before = end,
            None => break,
        }
    }
    let page = super::cut_page(items, limit, DetectionView::mark);
    Ok(Page { next: page.next.or(next), items: page.items })
}

/// The next rows, as many as wanted, of one step that hold the text. The packed bodies are looked
/// through first; only rows that seem to hold it are read whole.
async fn search(
    c: &mut Conn,
    scope: Scope,
    f: &DetectionFilter,
    end: Option<PageMark>,
    known: &mut Known,
    (needle, wanted): (&Needle, usize),
) -> Result<Vec<DetectionView>> {
    let columns = if needle.wants_all() { UNPACKED } else { BODY };
    let rows = some_rows(c, scope, f, end, (columns, STEP)).await?;
    known.learn(c, &rows).await?;
    let mut by_signature: HashMap<SignatureId, bool> = HashMap::new();
    let mut candidates: Vec<PageMark> = Vec::new();
    for row in &rows {
        let holds = |id: &SignatureId| {
            let text = || known.get(id).is_some_and(|s| needle.is_in_text(s.msg.as_str()));
            *by_signature.entry(*id).or_insert_with(text)
        };
        let there = match needle.wants_all() {
            true => needle.is_in(&known.unpack(row)?),
            false => needle.may_be_in(row.try_get("body")?, holds),
        };
        if there {
            candidates.push(PageMark { at: time(row, "at")?, id: bytes(row, "id")? });
        }
    }
    let mut found = Vec::new();
    for some in candidates.chunks(wanted.max(1)) {
        let mut q = QueryBuilder::<Db>::new(DETECTION);
        scoped::push(&mut q, scope, "d.customer_id");
        // Between these two: nobody is tempted to walk through all rows of the customer.
        let times = || some.iter().map(|mark| mark.at);
        q.push(" AND d.at >= ").push_bind(times().min().unwrap_or(Timestamp(0)).micros());
        q.push(" AND d.at <= ").push_bind(times().max().unwrap_or(Timestamp(0)).micros());
        q.push(" AND d.id IN (");
        let mut list = q.separated(", ");
        for mark in some {
            list.push_bind(mark.id.to_vec());
        }
        q.push(")");
        in_order(&mut q, f.order, STEP);
        for row in &q.build().fetch_all(&mut *c).await? {
            let view = view_of(row, known)?;
            if needle.is_in(&view.detection) {
                found.push(view);
            }
        }
        if found.len() >= wanted {
            break;
        }
    }
    Ok(found)
}

/// Which rows the list is about, before it is narrowed.
fn about(q: &mut QueryBuilder<Db>, scope: Scope, f: &DetectionFilter) {
    scoped::push(q, scope, "d.customer_id");
    if let Some(id) = f.customer {
        q.push(" AND d.customer_id = ").push_bind(id.0.to_vec());
    }
    if let Some(p) = f.period {
        q.push(" AND d.at >= ").push_bind(p.from.micros());
        q.push(" AND d.at < ").push_bind(p.to.micros());
        if dialect::PRUNES_BY_ID {
            q.push(" AND d.id >= ").push_bind(first_id(p.from.micros().saturating_sub(AHEAD_MICROS)));
        }
    }
}

/// What the ids of this time and later ones begin with, or come after.
fn first_id(micros: i64) -> Vec<u8> {
    let ms = u64::try_from(micros / 1_000).unwrap_or(0).to_be_bytes();
    ms.into_iter().skip(2).collect()
}

fn in_order(q: &mut QueryBuilder<Db>, order: Order, limit: u32) {
    q.push(match order {
        Order::NewestFirst => " ORDER BY d.at DESC, d.id DESC LIMIT ",
        Order::OldestFirst => " ORDER BY d.at, d.id LIMIT ",
    });
    q.push_bind(i64::from(limit));
}

/// The `n`-th row from the mark on, whatever the list is narrowed to; `None`: there are fewer.
async fn row_after(c: &mut Conn, scope: Scope, f: &DetectionFilter, n: u32) -> Result<Option<PageMark>> {
    let mut q = QueryBuilder::<Db>::new("SELECT d.at, d.id FROM detections d WHERE 1 = 1");
    about(&mut q, scope, f);
    page_after(&mut q, f.before, f.order, "d.at", "d.id");
    in_order(&mut q, f.order, 1);
    q.push(" OFFSET ").push_bind(i64::from(n) - 1);
    let row = q.build().fetch_optional(c).await?;
    row.map(|row| Ok(PageMark { at: time(&row, "at")?, id: bytes(&row, "id")? })).transpose()
}

/// Rows after the mark, as far as `end`, that fit all but the text.
async fn some_rows(
    c: &mut Conn,
    scope: Scope,
    f: &DetectionFilter,
    end: Option<PageMark>,
    (columns, most): (&'static str, u32),
) -> Result<Vec<Row>> {
    let mut q = QueryBuilder::<Db>::new(columns);
    about(&mut q, scope, &within(f, end));
    if let Some(id) = f.gateway {
        q.push(" AND d.gateway_id = ").push_bind(id.0.to_vec());
    }
    if let Some(kind) = f.kind {
        q.push(" AND d.kind = ").push_bind(kind.code());
    }
    if let Some(id) = f.alert {
        q.push(" AND d.alert_id = ").push_bind(id.0.to_vec());
    }
    if let Some(key) = &f.device_key {
        q.push(" AND d.device_key = ").push_bind(key.clone());
    }
    page_after(&mut q, f.before, f.order, "d.at", "d.id");
    if let Some(end) = end {
        let than = match f.order {
            Order::NewestFirst => " AND (d.at, d.id) >= (",
            Order::OldestFirst => " AND (d.at, d.id) <= (",
        };
        q.push(than).push_bind(end.at.micros()).push(", ").push_bind(end.id.to_vec()).push(")");
    }
    in_order(&mut q, f.order, most);
    Ok(q.build().fetch_all(c).await?)
}

/// With the period ending where the step ends: databases begin and stop there, instead of turning
/// away row after row behind it.
fn within(f: &DetectionFilter, end: Option<PageMark>) -> DetectionFilter {
    let (Some(end), Some(period)) = (end, f.period) else { return f.clone() };
    let period = match f.order {
        Order::NewestFirst => Period { from: period.from.max(end.at), ..period },
        Order::OldestFirst => Period { to: period.to.min(Timestamp(end.at.micros() + 1)), ..period },
    };
    DetectionFilter { period: Some(period), ..f.clone() }
}

/// Narrows the period to the days that have such detections, as far as the daily sums know.
/// `false`: there are none.
async fn skip_quiet_days(c: &mut Conn, scope: Scope, f: &mut DetectionFilter) -> Result<bool> {
    let (Some(customer), Some(period)) = (f.customer, f.period) else { return Ok(true) };
    if f.kind.is_none() && f.gateway.is_none() {
        return Ok(true);
    }
    let last = Timestamp(period.to.micros().saturating_sub(1));
    let (from, to) = match (f.before, f.order) {
        (Some(mark), Order::NewestFirst) => (period.from, last.min(mark.at)),
        (Some(mark), Order::OldestFirst) => (period.from.max(mark.at), last),
        (None, _) => (period.from, last),
    };
    let mut q = QueryBuilder::<Db>::new(
        "SELECT MIN(day) AS first, MAX(day) AS last FROM rollups WHERE customer_id = ",
    );
    q.push_bind(customer.0.to_vec());
    q.push(" AND day >= ").push_bind(JstDay::of(from).0);
    q.push(" AND day <= ").push_bind(JstDay::of(to).0);
    if let Some(kind) = f.kind {
        q.push(" AND kind = ").push_bind(kind.code());
    }
    if let Some(gateway) = f.gateway {
        q.push(" AND gateway_id = ").push_bind(gateway.0.to_vec());
    }
    scoped::push(&mut q, scope, "customer_id");
    let row = q.build().fetch_one(c).await?;
    let (Some(first), Some(last)) = (row.try_get("first")?, row.try_get("last")?) else { return Ok(false) };
    f.period = Some(Period {
        from: period.from.max(JstDay(first).start()),
        to: period.to.min(JstDay(last).plus(1).start()),
    });
    Ok(true)
}

fn view_of(row: &Row, known: &Known) -> Result<DetectionView> {
    Ok(DetectionView {
        detection: known.unpack(row)?,
        customer: CustomerId(bytes(row, "customer_id")?),
        gateway: GatewayId(bytes(row, "gateway_id")?),
        gateway_name: parsed(row, "g_name", Name::parse)?,
        received_at: time(row, "received_at")?,
        alert: maybe_bytes(row, "alert_id")?.map(AlertId),
    })
}

/// `SELECT <what>, totals FROM rollups` of one customer and the days of the period.
fn rollup(what: &str, scope: Scope, customer: CustomerId, p: Period) -> QueryBuilder<Db> {
    let mut q = QueryBuilder::<Db>::new("SELECT ");
    q.push(what);
    q.push(", CAST(SUM(total) AS BIGINT) AS total, CAST(SUM(stopped) AS BIGINT) AS stopped FROM rollups WHERE customer_id = ");
    q.push_bind(customer.0.to_vec());
    q.push(" AND day >= ").push_bind(JstDay::of(p.from).0);
    // The period is half-open: a `to` at midnight does not include that day.
    q.push(" AND day < ").push_bind(JstDay::of(Timestamp(p.to.micros().saturating_sub(1))).0 + 1);
    scoped::push(&mut q, scope, "customer_id");
    q.push(" GROUP BY ").push(what).push(" ORDER BY ").push(what);
    q
}

fn count_of(row: &Row) -> Result<CountByKind> {
    Ok(CountByKind {
        kind: parsed(row, "kind", DetectionKind::from_code)?,
        total: count(row, "total")?,
        stopped: count(row, "stopped")?,
    })
}

pub(super) async fn counts(
    c: &mut Conn,
    scope: Scope,
    customer: CustomerId,
    p: Period,
) -> Result<Vec<CountByKind>> {
    let mut q = rollup("kind", scope, customer, p);
    q.build().fetch_all(c).await?.iter().map(count_of).collect()
}

pub(super) async fn daily(
    c: &mut Conn,
    scope: Scope,
    customer: CustomerId,
    p: Period,
) -> Result<Vec<DayCount>> {
    let mut q = rollup("day, kind", scope, customer, p);
    let of =
        |row: &Row| -> Result<DayCount> { Ok(DayCount { day: number(row, "day")?, count: count_of(row)? }) };
    q.build().fetch_all(c).await?.iter().map(of).collect()
}

pub(super) async fn counts_by_gateway(
    c: &mut Conn,
    scope: Scope,
    customer: CustomerId,
    p: Period,
) -> Result<Vec<GatewayCount>> {
    let mut q = rollup("gateway_id", scope, customer, p);
    let of = |row: &Row| -> Result<GatewayCount> {
        Ok(GatewayCount {
            gateway: GatewayId(bytes(row, "gateway_id")?),
            total: count(row, "total")?,
            stopped: count(row, "stopped")?,
        })
    };
    q.build().fetch_all(c).await?.iter().map(of).collect()
}

pub(super) async fn counts_by_gateway_and_kind(
    c: &mut Conn,
    scope: Scope,
    customer: CustomerId,
    p: Period,
) -> Result<Vec<GatewayKindCount>> {
    let mut q = rollup("gateway_id, kind", scope, customer, p);
    let of = |row: &Row| -> Result<GatewayKindCount> {
        Ok(GatewayKindCount { gateway: GatewayId(bytes(row, "gateway_id")?), count: count_of(row)? })
    };
    q.build().fetch_all(c).await?.iter().map(of).collect()
}
