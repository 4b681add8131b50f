//! Alerts: inserted and updated under their version, listed, shown.

use mimamori_domain::{Alert, AlertId, CustomerId, Name, Period, StarRating};
use sqlx::QueryBuilder;

use super::dialect::{Conn, Db, Row};
use super::rows::{count, exactly_one, json, parsed, signed, to_json};
use super::{page_after, scoped};
use crate::error::Result;
use crate::scope::Scope;
use crate::views::{AlertFilter, AlertView, Order, Page, PageMark};

pub(super) async fn insert(c: &mut Conn, a: &Alert) -> Result<()> {
    sqlx::query(
        "INSERT INTO alerts (id, customer_id, gateway_id, device_key, cause, state, rating, takes_more, is_open, \
         last_seen, raised_at, version, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(a.id.0.to_vec())
    .bind(a.customer.0.to_vec())
    .bind(a.gateway.0.to_vec())
    .bind(a.device_key.0.clone())
    .bind(a.cause.0.clone())
    .bind(a.state.code())
    .bind(a.rating.code())
    .bind(i64::from(a.state.takes_more()))
    .bind(i64::from(a.state.is_open()))
    .bind(a.last_seen.micros())
    .bind(a.raised_at.micros())
    .bind(signed(a.version))
    .bind(to_json(a)?)
    .execute(c)
    .await?;
    Ok(())
}

pub(super) async fn replace(c: &mut Conn, scope: Scope, old_version: u64, a: &Alert) -> Result<()> {
    let mut q = QueryBuilder::<Db>::new("UPDATE alerts SET state = ");
    q.push_bind(a.state.code());
    q.push(", rating = ").push_bind(a.rating.code());
    q.push(", takes_more = ").push_bind(i64::from(a.state.takes_more()));
    q.push(", is_open = ").push_bind(i64::from(a.state.is_open()));
    q.push(", last_seen = ").push_bind(a.last_seen.micros());
    q.push(", version = ").push_bind(signed(a.version));
    q.push(", body = ").push_bind(to_json(a)?);
    q.push(" WHERE id = ").push_bind(a.id.0.to_vec());
    q.push(" AND version = ").push_bind(signed(old_version));
    scoped::push(&mut q, scope, "customer_id");
    exactly_one(q.build().execute(c).await?.rows_affected())
}

const ALERT: &str = "SELECT a.body, g.name AS g_name, k.name AS k_name FROM alerts a \
     JOIN gateways g ON g.id = a.gateway_id JOIN customers k ON k.id = a.customer_id WHERE 1 = 1";

fn view_of(row: &Row) -> Result<AlertView> {
    Ok(AlertView {
        alert: json(row, "body")?,
        gateway_name: parsed(row, "g_name", Name::parse)?,
        customer_name: parsed(row, "k_name", Name::parse)?,
    })
}

pub(super) async fn alert(c: &mut Conn, scope: Scope, id: AlertId) -> Result<AlertView> {
    let mut q = QueryBuilder::<Db>::new(ALERT);
    q.push(" AND a.id = ").push_bind(id.0.to_vec());
    scoped::push(&mut q, scope, "a.customer_id");
    view_of(&q.build().fetch_one(c).await?)
}

pub(super) async fn alerts(c: &mut Conn, scope: Scope, f: &AlertFilter) -> Result<Page<AlertView>> {
    let mut q = QueryBuilder::<Db>::new(ALERT);
    scoped::push(&mut q, scope, "a.customer_id");
    if let Some(id) = f.customer {
        q.push(" AND a.customer_id = ").push_bind(id.0.to_vec());
    }
    if let Some(id) = f.gateway {
        q.push(" AND a.gateway_id = ").push_bind(id.0.to_vec());
    }
    if let Some(p) = f.period {
        q.push(" AND a.raised_at >= ").push_bind(p.from.micros());
        q.push(" AND a.raised_at < ").push_bind(p.to.micros());
    }
    if let Some(rating) = f.rating {
        q.push(" AND a.rating = ").push_bind(rating.code());
    }
    if let Some(key) = &f.device_key {
        q.push(" AND a.device_key = ").push_bind(key.clone());
    }
    if f.only_open {
        q.push(" AND a.is_open = 1");
    }
    page_after(&mut q, f.before, Order::NewestFirst, "a.raised_at", "a.id");
    let limit = if f.limit == 0 { 50 } else { f.limit.min(200) };
    q.push(" ORDER BY a.raised_at DESC, a.id DESC LIMIT ").push_bind(i64::from(limit) + 1);
    let items = q.build().fetch_all(c).await?.iter().map(view_of).collect::<Result<Vec<_>>>()?;
    Ok(super::cut_page(items, limit, |v| PageMark { at: v.alert.raised_at, id: v.alert.id.0 }))
}

pub(super) async fn open_alerts(
    c: &mut Conn,
    scope: Scope,
    customer: CustomerId,
    p: Period,
) -> Result<Vec<(StarRating, u64)>> {
    let mut q = QueryBuilder::<Db>::new(
        "SELECT rating, COUNT(*) AS n FROM alerts WHERE is_open = 1 AND customer_id = ",
    );
    q.push_bind(customer.0.to_vec());
    q.push(" AND raised_at >= ").push_bind(p.from.micros());
    q.push(" AND raised_at < ").push_bind(p.to.micros());
    scoped::push(&mut q, scope, "customer_id");
    q.push(" GROUP BY rating");
    q.build()
        .fetch_all(c)
        .await?
        .iter()
        .map(|row| Ok((parsed(row, "rating", StarRating::from_code)?, count(row, "n")?)))
        .collect()
}
