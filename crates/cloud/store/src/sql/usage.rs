//! Use of the web and of applications, depth of inspection, devices.

use mimamori_base::Timestamp;
use mimamori_domain::assess::Origin;
use mimamori_domain::gateway::SeenDevice;
use mimamori_domain::jst::JstDay;
use mimamori_domain::usage::{DeviceInspection, DeviceUse, Inspected, UseLine, sane_hour};
use mimamori_domain::{CustomerId, DeviceKey, GatewayId, Line, Period};
use sqlx::QueryBuilder;

use super::dialect::{Conn, Db, Row};
use super::rows::{bytes, count, json, number, parsed, signed, text, time, to_json};
use super::{scoped, usage_sums as sums};
use crate::error::{Result, StoreError};
use crate::scope::Scope;
use crate::views::{DeviceView, InspectionBy, InspectionSum, UsageBy, UsageFilter, UsageSum};

/// Rows of one INSERT; SQLite takes 32,766 parameters.
pub(super) const ROWS_PER_INSERT: usize = 500;
/// Groups that one question answers at most.
pub(super) const GROUPS_MAX: u32 = 2_000;
const DEVICES_MAX: u32 = 2_000;

/// Adds sums to those of the same hour, device and item, and to those of the day.
pub(super) async fn add_use(c: &mut Conn, origin: Origin, uses: &[DeviceUse]) -> Result<()> {
    add_lines(c, origin, uses).await?;
    sums::add(c, origin, uses).await
}

/// As [`add_use`], without the sums that [`sums::of_customer`] makes from the days.
pub(super) async fn add_lines(c: &mut Conn, origin: Origin, uses: &[DeviceUse]) -> Result<()> {
    let rows: Vec<_> = uses.iter().flat_map(|u| u.lines.iter().map(move |line| (u, line))).collect();
    for (table, column, slot) in [
        ("usage_hours", "hour", (|at| at.micros()) as fn(Timestamp) -> i64),
        ("usage_days", "day", |at| JstDay::of(at).0),
    ] {
        // One INSERT must not name a row twice: PostgreSQL refuses that.
        let rows = merged(rows.clone(), |(u, l)| {
            (slot(sane_hour(u.hour, origin.now)), u.device.key(), l.subject, l.item.to_string())
        });
        for some in rows.chunks(ROWS_PER_INSERT) {
            add_some_use(c, origin, (table, column, slot), some).await?;
        }
    }
    Ok(())
}

async fn add_some_use(
    c: &mut Conn,
    origin: Origin,
    (table, column, slot): (&str, &str, fn(Timestamp) -> i64),
    rows: &[Vec<(&DeviceUse, &UseLine)>],
) -> Result<()> {
    let mut q = QueryBuilder::<Db>::new(format!(
        "INSERT INTO {table} (customer_id, {column}, gateway_id, device_key, subject, item, kind, title, \
         flows, bytes_up, bytes_down) "
    ));
    q.push_values(rows, |mut row, same| {
        let Some((u, line)) = same.last() else { return };
        row.push_bind(origin.customer.0.to_vec())
            .push_bind(slot(sane_hour(u.hour, origin.now)))
            .push_bind(origin.gateway.0.to_vec())
            .push_bind(u.device.key().0)
            .push_bind(line.subject.code())
            .push_bind(line.item.to_string())
            .push_bind(line.kind.to_string())
            .push_bind(line.title.to_string())
            .push_bind(total(same, |l| l.flows))
            .push_bind(total(same, |l| l.bytes_up))
            .push_bind(total(same, |l| l.bytes_down));
    });
    q.push(format!(
        " ON CONFLICT (customer_id, subject, {column}, gateway_id, device_key, item) DO UPDATE SET \
         flows = {table}.flows + excluded.flows, bytes_up = {table}.bytes_up + excluded.bytes_up, \
         bytes_down = {table}.bytes_down + excluded.bytes_down, kind = excluded.kind, title = excluded.title"
    ));
    q.build().execute(c).await?;
    Ok(())
}

pub(super) async fn add_inspection(c: &mut Conn, origin: Origin, all: &[DeviceInspection]) -> Result<()> {
    let rows: Vec<_> = all.iter().flat_map(|d| d.lines.iter().map(move |line| (d, line))).collect();
    let rows = merged(rows, |(d, l)| (d.hour, d.device.key(), l.how));
    for some in rows.chunks(ROWS_PER_INSERT) {
        let mut q = QueryBuilder::<Db>::new(
            "INSERT INTO inspection_hours (customer_id, hour, gateway_id, device_key, how, flows, bytes) ",
        );
        q.push_values(some, |mut row, same| {
            let Some((d, line)) = same.last() else { return };
            row.push_bind(origin.customer.0.to_vec())
                .push_bind(sane_hour(d.hour, origin.now).micros())
                .push_bind(origin.gateway.0.to_vec())
                .push_bind(d.device.key().0)
                .push_bind(line.how.code())
                .push_bind(total(same, |l| l.flows))
                .push_bind(total(same, |l| l.bytes));
        });
        q.push(
            " ON CONFLICT (customer_id, hour, gateway_id, device_key, how) DO UPDATE SET \
             flows = inspection_hours.flows + excluded.flows, bytes = inspection_hours.bytes + excluded.bytes",
        );
        q.build().execute(&mut *c).await?;
    }
    Ok(())
}

/// One figure of the lines that became one row, added up.
pub(super) fn total<U, L>(same: &[(&U, &L)], of: fn(&L) -> u64) -> i64 {
    signed(same.iter().map(|(_, line)| of(line)).fold(0, u64::saturating_add))
}

/// Rows with the same key together, in the order of their keys.
pub(super) fn merged<T, K: Ord>(rows: Vec<T>, key: impl Fn(&T) -> K) -> Vec<Vec<T>> {
    let mut groups: std::collections::BTreeMap<K, Vec<T>> = std::collections::BTreeMap::new();
    for row in rows {
        groups.entry(key(&row)).or_default().push(row);
    }
    groups.into_values().collect()
}

/// Keeps what a heartbeat said of devices: the first sight stays, the last and the names follow.
pub(super) async fn keep_devices(
    c: &mut Conn,
    gateway: GatewayId,
    customer: CustomerId,
    devices: &[SeenDevice],
) -> Result<()> {
    let rows = merged(devices.iter().collect(), |d: &&SeenDevice| d.device.key());
    let rows: Vec<_> = rows
        .iter()
        .filter_map(|same| same.last())
        .map(|d| Ok((d, to_json(&d.device)?)))
        .collect::<Result<_>>()?;
    for some in rows.chunks(ROWS_PER_INSERT) {
        let mut q = QueryBuilder::<Db>::new(
            "INSERT INTO devices (gateway_id, device_key, customer_id, first_seen, last_seen, body) ",
        );
        q.push_values(some, |mut row, (d, body)| {
            row.push_bind(gateway.0.to_vec())
                .push_bind(d.device.key().0)
                .push_bind(customer.0.to_vec())
                .push_bind(d.first_seen.min(d.last_seen).micros())
                .push_bind(d.last_seen.micros())
                .push_bind(body.clone());
        });
        q.push(
            " ON CONFLICT (gateway_id, device_key) DO UPDATE SET last_seen = excluded.last_seen, \
             body = excluded.body, first_seen = CASE WHEN excluded.first_seen < devices.first_seen \
             THEN excluded.first_seen ELSE devices.first_seen END",
        );
        q.build().execute(&mut *c).await?;
    }
    Ok(())
}

pub(super) async fn devices(c: &mut Conn, scope: Scope, customer: CustomerId) -> Result<Vec<DeviceView>> {
    let mut q = QueryBuilder::<Db>::new(
        "SELECT gateway_id, device_key, first_seen, last_seen, body FROM devices WHERE customer_id = ",
    );
    q.push_bind(customer.0.to_vec());
    scoped::push(&mut q, scope, "customer_id");
    q.push(format!(" ORDER BY last_seen DESC, device_key LIMIT {DEVICES_MAX}"));
    let of = |row: &Row| -> Result<DeviceView> {
        Ok(DeviceView {
            gateway: GatewayId(bytes(row, "gateway_id")?),
            key: DeviceKey(text(row, "device_key")?),
            seen: SeenDevice {
                device: json(row, "body")?,
                first_seen: time(row, "first_seen")?,
                last_seen: time(row, "last_seen")?,
            },
        })
    };
    q.build().fetch_all(c).await?.iter().map(of).collect()
}

fn narrow(q: &mut QueryBuilder<Db>, scope: Scope, f: &UsageFilter, days: Option<(i64, i64)>) {
    q.push(" WHERE customer_id = ").push_bind(f.customer.0.to_vec());
    let (column, from, to) = match days {
        Some((from, to)) => ("day", from, to),
        None => ("hour", f.period.from.micros(), f.period.to.micros()),
    };
    q.push(format!(" AND {column} >= ")).push_bind(from);
    q.push(format!(" AND {column} < ")).push_bind(to);
    if let Some(gateway) = f.gateway {
        q.push(" AND gateway_id = ").push_bind(gateway.0.to_vec());
    }
    if let Some(device) = &f.device {
        q.push(" AND device_key = ").push_bind(device.0.clone());
    }
    scoped::push(q, scope, "customer_id");
}

/// The days of a period that begins and ends with a day.
fn whole_days(p: Period) -> Option<(i64, i64)> {
    let (from, to) = (JstDay::of(p.from), JstDay::of(p.to));
    (from.start() == p.from && to.start() == p.to).then_some((from.0, to.0))
}

pub(super) async fn usage(c: &mut Conn, scope: Scope, f: &UsageFilter, by: UsageBy) -> Result<Vec<UsageSum>> {
    let columns = match by {
        UsageBy::Item => "item AS label, MAX(title) AS title, MAX(kind) AS kind, CAST(0 AS BIGINT) AS hour",
        UsageBy::Kind => "kind AS label, '' AS title, kind, CAST(0 AS BIGINT) AS hour",
        UsageBy::Device => "device_key AS label, '' AS title, '' AS kind, CAST(0 AS BIGINT) AS hour",
        UsageBy::Hour => "'' AS label, '' AS title, '' AS kind, hour",
        UsageBy::Day => "'' AS label, '' AS title, '' AS kind, day * 86400000000 - 32400000000 AS hour",
    };
    let days = if by == UsageBy::Hour { None } else { whole_days(f.period) };
    if let Some(days) = days
        && let Some(sums) = sums::read(c, scope, f, by, days).await?
    {
        return Ok(sums);
    }
    if by == UsageBy::Day && days.is_none() {
        return Err(StoreError::Refused("sums by the day are of whole days".to_owned()));
    }
    let group = match by {
        UsageBy::Item => "item",
        UsageBy::Kind => "kind",
        UsageBy::Device => "device_key",
        UsageBy::Hour => "hour",
        UsageBy::Day => "day",
    };
    let table = if days.is_some() { "usage_days" } else { "usage_hours" };
    let mut q = QueryBuilder::<Db>::new(format!(
        "SELECT {columns}, COUNT(DISTINCT device_key) AS devices, CAST(SUM(flows) AS BIGINT) AS flows, \
         CAST(SUM(bytes_up) AS BIGINT) AS up, CAST(SUM(bytes_down) AS BIGINT) AS down FROM {table}"
    ));
    narrow(&mut q, scope, f, days);
    q.push(" AND subject = ").push_bind(f.subject.code());
    if let Some(item) = &f.item {
        q.push(" AND item = ").push_bind(item.to_string());
    }
    q.push(format!(
        " GROUP BY {group} ORDER BY SUM(bytes_up) + SUM(bytes_down) DESC, {group} LIMIT {GROUPS_MAX}"
    ));
    q.build().fetch_all(c).await?.iter().map(sum_of).collect()
}

/// A row with `label`, `title`, `kind`, `hour`, `devices`, `flows`, `up` and `down`.
pub(super) fn sum_of(row: &Row) -> Result<UsageSum> {
    Ok(UsageSum {
        label: Line::clip(&text(row, "label")?),
        title: Line::clip(&text(row, "title")?),
        kind: Line::clip(&text(row, "kind")?),
        hour: Timestamp(number(row, "hour")?),
        devices: count(row, "devices")?,
        flows: count(row, "flows")?,
        bytes_up: count(row, "up")?,
        bytes_down: count(row, "down")?,
    })
}

pub(super) async fn inspection(
    c: &mut Conn,
    scope: Scope,
    f: &UsageFilter,
    by: InspectionBy,
) -> Result<Vec<InspectionSum>> {
    // Days begin at midnight in Japan.
    const DAY: &str = "((hour + 32400000000) / 86400000000) * 86400000000 - 32400000000";
    let device = if by == InspectionBy::Device { "device_key" } else { "'' AS device_key" };
    let (slot, group) = match by {
        InspectionBy::Whole => ("CAST(0 AS BIGINT)", "how".to_owned()),
        InspectionBy::Device => ("CAST(0 AS BIGINT)", "how, device_key".to_owned()),
        InspectionBy::Hour => ("hour", "how, hour".to_owned()),
        InspectionBy::Day => (DAY, format!("how, {DAY}")),
    };
    let mut q = QueryBuilder::<Db>::new(format!(
        "SELECT how, {device}, {slot} AS slot, CAST(SUM(flows) AS BIGINT) AS flows, \
         CAST(SUM(bytes) AS BIGINT) AS bytes FROM inspection_hours"
    ));
    narrow(&mut q, scope, f, None);
    q.push(format!(" GROUP BY {group} ORDER BY SUM(bytes) DESC, {group} LIMIT {GROUPS_MAX}"));
    let of = |row: &Row| -> Result<InspectionSum> {
        Ok(InspectionSum {
            how: parsed(row, "how", Inspected::from_code)?,
            device: DeviceKey(text(row, "device_key")?),
            at: Timestamp(number(row, "slot")?),
            flows: count(row, "flows")?,
            bytes: count(row, "bytes")?,
        })
    };
    q.build().fetch_all(c).await?.iter().map(of).collect()
}
