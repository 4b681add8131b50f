//! Detections and their daily rollups.

use mimamori_domain::jst::JstDay;
use mimamori_domain::{
    AlertId, CountByKind, CustomerId, DetectionId, DetectionKind, GatewayId, Name, Period,
};
use sqlx::QueryBuilder;

use super::dialect::{Conn, Db, Row};
use super::rows::{bytes, count, json, maybe_bytes, number, parsed, time};
use super::{page_after, scoped};
use crate::compare::GatewayKindCount;
use crate::error::Result;
use crate::scope::Scope;
use crate::views::{DayCount, DetectionFilter, DetectionView, GatewayCount, Order, Page};

const DETECTION: &str = "SELECT d.body, d.customer_id, d.gateway_id, d.received_at, d.alert_id, \
     g.name AS g_name FROM detections d JOIN gateways g ON g.id = d.gateway_id WHERE 1 = 1";

pub(super) async fn detection(c: &mut Conn, scope: Scope, id: DetectionId) -> Result<DetectionView> {
    let mut q = QueryBuilder::<Db>::new(DETECTION);
    q.push(" AND d.id = ").push_bind(id.0.to_vec());
    scoped::push(&mut q, scope, "d.customer_id");
    view_of(&q.build().fetch_one(c).await?)
}

pub(super) async fn detections(
    c: &mut Conn,
    scope: Scope,
    f: &DetectionFilter,
) -> Result<Page<DetectionView>> {
    let mut q = QueryBuilder::<Db>::new(DETECTION);
    scoped::push(&mut q, scope, "d.customer_id");
    if let Some(id) = f.customer {
        q.push(" AND d.customer_id = ").push_bind(id.0.to_vec());
    }
    if let Some(id) = f.gateway {
        q.push(" AND d.gateway_id = ").push_bind(id.0.to_vec());
    }
    if let Some(p) = f.period {
        q.push(" AND d.at >= ").push_bind(p.from.micros());
        q.push(" AND d.at < ").push_bind(p.to.micros());
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
    if let Some(text) = f.text.as_deref().filter(|t| !t.trim().is_empty()) {
        q.push(" AND LOWER(d.body) LIKE ").push_bind(like(text)).push(" ESCAPE '!'");
    }
    page_after(&mut q, f.before, f.order, "d.at", "d.id");
    let limit = if f.limit == 0 { 50 } else { f.limit.min(1_000) };
    q.push(match f.order {
        Order::NewestFirst => " ORDER BY d.at DESC, d.id DESC LIMIT ",
        Order::OldestFirst => " ORDER BY d.at, d.id LIMIT ",
    });
    q.push_bind(i64::from(limit) + 1);
    let items = q.build().fetch_all(c).await?.iter().map(view_of).collect::<Result<Vec<_>>>()?;
    Ok(super::cut_page(items, limit, DetectionView::mark))
}

/// `text` anywhere, taken literally.
fn like(text: &str) -> String {
    let mut out = String::from("%");
    for ch in text.trim().chars().take(100) {
        if matches!(ch, '%' | '_' | '!') {
            out.push('!');
        }
        out.extend(ch.to_lowercase());
    }
    out.push('%');
    out
}

fn view_of(row: &Row) -> Result<DetectionView> {
    Ok(DetectionView {
        detection: json(row, "body")?,
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
    q.push(" AND day < ")
        .push_bind(JstDay::of(mimamori_base::Timestamp(p.to.micros().saturating_sub(1))).0 + 1);
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
