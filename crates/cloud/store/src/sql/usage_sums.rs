//! Sums of use that pages of a long period read: by item without devices, by device without items,
//! and which device used an item last.
//!
//! Holds always: they say the same as the rows of `usage_days` would, added up. Deliberately not
//! here: questions about one device (few rows of `usage_days`).

use std::collections::HashMap;

use mimamori_domain::CustomerId;
use mimamori_domain::assess::Origin;
use mimamori_domain::jst::JstDay;
use mimamori_domain::usage::{DeviceUse, UseLine, sane_hour};
use sqlx::QueryBuilder;

use super::dialect::{Conn, Db};
use super::rows::{count, text};
use super::scoped;
use super::usage::{GROUPS_MAX, ROWS_PER_INSERT, merged, sum_of, total};
use crate::error::Result;
use crate::scope::Scope;
use crate::views::{UsageBy, UsageFilter, UsageSum};

type Rows<'a> = Vec<Vec<(&'a DeviceUse, &'a UseLine)>>;

/// Adds the lines to the sums of their days.
pub(super) async fn add(c: &mut Conn, origin: Origin, uses: &[DeviceUse]) -> Result<()> {
    let lines: Vec<_> = uses.iter().flat_map(|u| u.lines.iter().map(move |line| (u, line))).collect();
    let day = |u: &DeviceUse| JstDay::of(sane_hour(u.hour, origin.now)).0;
    let items = merged(lines.clone(), |(u, l)| (day(u), l.subject, l.item.to_string()));
    let devices = merged(lines.clone(), |(u, l)| (day(u), l.subject, u.device.key()));
    let users = merged(lines, |(u, l)| (l.subject, l.item.to_string(), u.device.key()));
    add_items(c, origin, &items, day).await?;
    add_devices(c, origin, &devices, day).await?;
    add_users(c, origin, &users, day).await
}

async fn add_items(c: &mut Conn, o: Origin, rows: &Rows<'_>, day: impl Fn(&DeviceUse) -> i64) -> Result<()> {
    for some in rows.chunks(ROWS_PER_INSERT) {
        let mut q = QueryBuilder::<Db>::new(
            "INSERT INTO usage_items (customer_id, day, gateway_id, subject, item, kind, title, flows, bytes_up, bytes_down) ",
        );
        q.push_values(some, |mut row, same| {
            let Some((u, line)) = same.last() else { return };
            row.push_bind(o.customer.0.to_vec())
                .push_bind(day(u))
                .push_bind(o.gateway.0.to_vec())
                .push_bind(line.subject.code())
                .push_bind(line.item.to_string())
                .push_bind(line.kind.to_string())
                .push_bind(line.title.to_string())
                .push_bind(total(same, |l| l.flows))
                .push_bind(total(same, |l| l.bytes_up))
                .push_bind(total(same, |l| l.bytes_down));
        });
        q.push(
            " ON CONFLICT (customer_id, subject, day, gateway_id, item) DO UPDATE SET \
             flows = usage_items.flows + excluded.flows, bytes_up = usage_items.bytes_up + excluded.bytes_up, \
             bytes_down = usage_items.bytes_down + excluded.bytes_down, kind = excluded.kind, title = excluded.title",
        );
        q.build().execute(&mut *c).await?;
    }
    Ok(())
}

async fn add_devices(
    c: &mut Conn,
    o: Origin,
    rows: &Rows<'_>,
    day: impl Fn(&DeviceUse) -> i64,
) -> Result<()> {
    for some in rows.chunks(ROWS_PER_INSERT) {
        let mut q = QueryBuilder::<Db>::new(
            "INSERT INTO usage_device_days (customer_id, day, gateway_id, subject, device_key, flows, bytes_up, bytes_down) ",
        );
        q.push_values(some, |mut row, same| {
            let Some((u, line)) = same.last() else { return };
            row.push_bind(o.customer.0.to_vec())
                .push_bind(day(u))
                .push_bind(o.gateway.0.to_vec())
                .push_bind(line.subject.code())
                .push_bind(u.device.key().0)
                .push_bind(total(same, |l| l.flows))
                .push_bind(total(same, |l| l.bytes_up))
                .push_bind(total(same, |l| l.bytes_down));
        });
        q.push(
            " ON CONFLICT (customer_id, subject, day, gateway_id, device_key) DO UPDATE SET \
             flows = usage_device_days.flows + excluded.flows, \
             bytes_up = usage_device_days.bytes_up + excluded.bytes_up, \
             bytes_down = usage_device_days.bytes_down + excluded.bytes_down",
        );
        q.build().execute(&mut *c).await?;
    }
    Ok(())
}

async fn add_users(c: &mut Conn, o: Origin, rows: &Rows<'_>, day: impl Fn(&DeviceUse) -> i64) -> Result<()> {
    for some in rows.chunks(ROWS_PER_INSERT) {
        let mut q = QueryBuilder::<Db>::new(
            "INSERT INTO usage_users (customer_id, gateway_id, subject, item, device_key, kind, last_day) ",
        );
        q.push_values(some, |mut row, same| {
            let Some((u, line)) = same.last() else { return };
            row.push_bind(o.customer.0.to_vec())
                .push_bind(o.gateway.0.to_vec())
                .push_bind(line.subject.code())
                .push_bind(line.item.to_string())
                .push_bind(u.device.key().0)
                .push_bind(line.kind.to_string())
                .push_bind(same.iter().map(|(u, _)| day(u)).max().unwrap_or_default());
        });
        q.push(
            " ON CONFLICT (customer_id, subject, item, device_key, gateway_id) DO UPDATE SET \
             last_day = excluded.last_day, kind = excluded.kind WHERE usage_users.last_day < excluded.last_day",
        );
        q.build().execute(&mut *c).await?;
    }
    Ok(())
}

/// Makes the sums of a customer who has none from the rows of the days.
pub(super) async fn of_customer(c: &mut Conn, customer: CustomerId) -> Result<()> {
    for sql in [
        "INSERT INTO usage_items (customer_id, day, gateway_id, subject, item, kind, title, flows, bytes_up, bytes_down) \
         SELECT customer_id, day, gateway_id, subject, item, MAX(kind), MAX(title), SUM(flows), SUM(bytes_up), \
         SUM(bytes_down) FROM usage_days WHERE customer_id = $1 GROUP BY customer_id, day, gateway_id, subject, item",
        "INSERT INTO usage_device_days (customer_id, day, gateway_id, subject, device_key, flows, bytes_up, bytes_down) \
         SELECT customer_id, day, gateway_id, subject, device_key, SUM(flows), SUM(bytes_up), SUM(bytes_down) \
         FROM usage_days WHERE customer_id = $1 GROUP BY customer_id, day, gateway_id, subject, device_key",
        "INSERT INTO usage_users (customer_id, gateway_id, subject, item, device_key, kind, last_day) \
         SELECT customer_id, gateway_id, subject, item, device_key, MAX(kind), MAX(day) \
         FROM usage_days WHERE customer_id = $1 GROUP BY customer_id, gateway_id, subject, item, device_key",
    ] {
        sqlx::query(sql).bind(customer.0.to_vec()).execute(&mut *c).await?;
    }
    Ok(())
}

const SUMS: &str = "CAST(SUM(flows) AS BIGINT) AS flows, CAST(SUM(bytes_up) AS BIGINT) AS up, \
     CAST(SUM(bytes_down) AS BIGINT) AS down";

/// Narrows by customer, days, subject, gateway and item.
fn narrow(q: &mut QueryBuilder<Db>, scope: Scope, f: &UsageFilter, (from, to): (i64, i64), with_item: bool) {
    q.push(" WHERE customer_id = ").push_bind(f.customer.0.to_vec());
    q.push(" AND subject = ").push_bind(f.subject.code());
    q.push(" AND day >= ").push_bind(from).push(" AND day < ").push_bind(to);
    if let Some(gateway) = f.gateway {
        q.push(" AND gateway_id = ").push_bind(gateway.0.to_vec());
    }
    if let Some(item) = f.item.as_ref().filter(|_| with_item) {
        q.push(" AND item = ").push_bind(item.to_string());
    }
    scoped::push(q, scope, "customer_id");
}

/// The answer from the sums; `None`: they do not have it.
pub(super) async fn read(
    c: &mut Conn,
    scope: Scope,
    f: &UsageFilter,
    by: UsageBy,
    days: (i64, i64),
) -> Result<Option<Vec<UsageSum>>> {
    let by_item = matches!(by, UsageBy::Item | UsageBy::Kind);
    if f.device.is_some() || by == UsageBy::Hour || (!by_item && f.item.is_some()) {
        return Ok(None);
    }
    if by_item && used_after(c, scope, f, days.1).await? {
        return Ok(None);
    }
    let (table, columns, group) = match by {
        UsageBy::Item => (
            "usage_items",
            "item AS label, MAX(title) AS title, MAX(kind) AS kind, CAST(0 AS BIGINT) AS hour, CAST(0 AS BIGINT) AS devices",
            "item",
        ),
        UsageBy::Kind => (
            "usage_items",
            "kind AS label, '' AS title, kind, CAST(0 AS BIGINT) AS hour, CAST(0 AS BIGINT) AS devices",
            "kind",
        ),
        UsageBy::Device => (
            "usage_device_days",
            "device_key AS label, '' AS title, '' AS kind, CAST(0 AS BIGINT) AS hour, CAST(1 AS BIGINT) AS devices",
            "device_key",
        ),
        UsageBy::Day | UsageBy::Hour => (
            "usage_device_days",
            "'' AS label, '' AS title, '' AS kind, day * 86400000000 - 32400000000 AS hour, \
             COUNT(DISTINCT device_key) AS devices",
            "day",
        ),
    };
    let mut q = QueryBuilder::<Db>::new(format!("SELECT {columns}, {SUMS} FROM {table}"));
    narrow(&mut q, scope, f, days, by_item);
    q.push(format!(
        " GROUP BY {group} ORDER BY SUM(bytes_up) + SUM(bytes_down) DESC, {group} LIMIT {GROUPS_MAX}"
    ));
    let mut sums: Vec<UsageSum> =
        q.build().fetch_all(&mut *c).await?.iter().map(sum_of).collect::<Result<_>>()?;
    if by_item {
        let users = users(c, scope, f, days.0, group).await?;
        for sum in &mut sums {
            sum.devices = users.get(sum.label.as_str()).copied().unwrap_or_default();
        }
    }
    Ok(Some(sums))
}

/// Whether anything was used after the period: who used it last says nothing of the period then.
async fn used_after(c: &mut Conn, scope: Scope, f: &UsageFilter, day: i64) -> Result<bool> {
    let mut q = QueryBuilder::<Db>::new("SELECT day FROM usage_device_days WHERE customer_id = ");
    q.push_bind(f.customer.0.to_vec());
    q.push(" AND subject = ").push_bind(f.subject.code());
    q.push(" AND day >= ").push_bind(day);
    scoped::push(&mut q, scope, "customer_id");
    q.push(" LIMIT 1");
    Ok(q.build().fetch_optional(c).await?.is_some())
}

/// How many devices used each item, or kind of items, since a day.
async fn users(
    c: &mut Conn,
    scope: Scope,
    f: &UsageFilter,
    since: i64,
    group: &'static str,
) -> Result<HashMap<String, u64>> {
    let mut q = QueryBuilder::<Db>::new(format!(
        "SELECT {group} AS label, COUNT(DISTINCT device_key) AS devices FROM usage_users WHERE customer_id = "
    ));
    q.push_bind(f.customer.0.to_vec());
    q.push(" AND subject = ").push_bind(f.subject.code());
    q.push(" AND last_day >= ").push_bind(since);
    if let Some(gateway) = f.gateway {
        q.push(" AND gateway_id = ").push_bind(gateway.0.to_vec());
    }
    if let Some(item) = &f.item {
        q.push(" AND item = ").push_bind(item.to_string());
    }
    scoped::push(&mut q, scope, "customer_id");
    q.push(format!(" GROUP BY {group}"));
    q.build()
        .fetch_all(c)
        .await?
        .iter()
        .map(|row| Ok((text(row, "label")?, count(row, "devices")?)))
        .collect()
}
