//! Leases of jobs, receiving periods, retention, sizes.

use std::time::Duration;

use mimamori_base::Timestamp;
use mimamori_domain::liveness::ReceivingPeriod;
use sqlx::QueryBuilder;

use super::dialect::{self, Conn, Db};
use super::rows::{count, exactly_one, maybe_time, time};
use crate::error::Result;
use crate::scope::Scope;
use crate::views::{JobLease, StoreStats};

/// Clocks of nodes differ by less than this; what was written further ahead was written by a clock
/// that has jumped back since.
pub(super) const CLOCKS_DIFFER: Duration = Duration::from_secs(600);

pub(super) async fn lease_job(
    c: &mut Conn,
    scope: Scope,
    name: String,
    token: [u8; 16],
    now: Timestamp,
    lease_until: Timestamp,
) -> Result<Option<JobLease>> {
    scope.require_system()?;
    sqlx::query(
        "INSERT INTO jobs (name, lease_until, next_due) VALUES ($1, 0, 0) ON CONFLICT (name) DO NOTHING",
    )
    .bind(name.clone())
    .execute(&mut *c)
    .await?;
    let taken = sqlx::query(
        // What a clock wrote that has jumped back since holds nobody up.
        "UPDATE jobs SET lease_token = $1, lease_until = $2 \
         WHERE name = $3 AND (next_due <= $4 OR last_finished > $5) \
         AND (lease_until <= $4 OR lease_until > $6)",
    )
    .bind(token.to_vec())
    .bind(lease_until.micros())
    .bind(name.clone())
    .bind(now.micros())
    .bind((now + CLOCKS_DIFFER).micros())
    .bind((lease_until + CLOCKS_DIFFER).micros())
    .execute(&mut *c)
    .await?;
    if taken.rows_affected() == 0 {
        return Ok(None);
    }
    let row = sqlx::query("SELECT last_finished FROM jobs WHERE name = $1").bind(name).fetch_one(c).await?;
    Ok(Some(JobLease { last_finished: maybe_time(&row, "last_finished")? }))
}

pub(super) async fn finish_job(
    c: &mut Conn,
    scope: Scope,
    name: String,
    token: [u8; 16],
    now: Timestamp,
    next_due: Timestamp,
) -> Result<()> {
    scope.require_system()?;
    let done = sqlx::query(
        "UPDATE jobs SET lease_token = NULL, lease_until = 0, last_finished = $1, next_due = $2 \
         WHERE name = $3 AND lease_token = $4",
    )
    .bind(now.micros())
    .bind(next_due.micros())
    .bind(name)
    .bind(token.to_vec())
    .execute(c)
    .await?;
    exactly_one(done.rows_affected())
}

pub(super) async fn note_receiving(
    c: &mut Conn,
    scope: Scope,
    node: String,
    now: Timestamp,
    gap_ms: i64,
) -> Result<()> {
    scope.require_system()?;
    let since = now.micros().saturating_sub(gap_ms.saturating_mul(1_000));
    let extended = sqlx::query(
        "UPDATE receiving SET to_at = $1 WHERE node = $2 AND to_at >= $3 AND to_at <= $1 \
         AND from_at = (SELECT MAX(from_at) FROM receiving WHERE node = $2)",
    )
    .bind(now.micros())
    .bind(node.clone())
    .bind(since)
    .execute(&mut *c)
    .await?;
    if extended.rows_affected() == 0 {
        sqlx::query("INSERT INTO receiving (node, from_at, to_at) VALUES ($1, $2, $2) ON CONFLICT (node, from_at) DO NOTHING")
            .bind(node)
            .bind(now.micros())
            .execute(c)
            .await?;
    }
    Ok(())
}

pub(super) async fn receiving_since(
    c: &mut Conn,
    scope: Scope,
    since: Timestamp,
) -> Result<Vec<ReceivingPeriod>> {
    scope.require_system()?;
    sqlx::query("SELECT from_at, to_at FROM receiving WHERE to_at >= $1 ORDER BY from_at LIMIT 100000")
        .bind(since.micros())
        .fetch_all(c)
        .await?
        .iter()
        .map(|row| Ok(ReceivingPeriod { from: time(row, "from_at")?, to: time(row, "to_at")? }))
        .collect()
}

const DAY_MICROS: i64 = 86_400_000_000;
/// Partitions are made so many days before they are needed.
const DAYS_AHEAD: i64 = 7;

/// What is deleted when it is older than the retention: table, key, and the column of its age.
const KEPT_FOR_A_TIME: &[(&str, &str, &str)] = &[
    ("detections", "id", "received_at"),
    ("uptime", "(gateway_id, hour)", "hour"),
    ("quarantine", "(gateway_id, epoch, seq)", "received_at"),
    ("gateway_notes", "(gateway_id, epoch, seq)", "received_at"),
    ("receiving", "(node, from_at)", "to_at"),
    ("device_activity", "(gateway_id, device_key, kind)", "last_at"),
    ("alerts", "id", "last_seen"),
    ("investigations", "alert_id", "updated_at"),
    ("notices", "id", "created_at"),
    ("deliveries", "id", "created_at"),
    ("sms_outbox", "id", "created_at"),
    ("usage_hours", "(customer_id, subject, hour, gateway_id, device_key, item)", "hour"),
    ("inspection_hours", "(customer_id, hour, gateway_id, device_key, how)", "hour"),
    ("devices", "(gateway_id, device_key)", "last_seen"),
    ("login_codes", "id", "created_at"),
    ("webhook_deliveries", "id", "created_at"),
];

pub(super) async fn purge(
    c: &mut Conn,
    scope: Scope,
    before: Timestamp,
    now: Timestamp,
    limit: u32,
) -> Result<u64> {
    scope.require_system()?;
    let mut total = super::accounts::purge_sessions(c, now).await?;
    let day = |at: Timestamp| at.micros().div_euclid(DAY_MICROS);
    total += dialect::drop_days(c, day(before)).await?;
    dialect::make_days(c, day(now) - 1, day(now) + DAYS_AHEAD).await?;
    for (table, key, age) in KEPT_FOR_A_TIME {
        let table = match *table {
            by_days if dialect::BY_DAYS.contains(&by_days) => format!("{by_days}{}", dialect::REST),
            other => other.to_owned(),
        };
        let columns = key.trim_matches(['(', ')']);
        let mut q = QueryBuilder::<Db>::new(format!(
            "DELETE FROM {table} WHERE {key} IN (SELECT {columns} FROM {table} WHERE {age} < "
        ));
        q.push_bind(before.micros());
        q.push(format!(" ORDER BY {age} LIMIT ")).push_bind(i64::from(limit)).push(")");
        total += q.build().execute(&mut *c).await?.rows_affected();
    }
    total += purge_usage_days(c, mimamori_domain::jst::JstDay::of(before).0, limit).await?;
    let mails = sqlx::query(
        "DELETE FROM mails WHERE created_at < $1 AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.mail_id = mails.id)",
    )
    .bind(before.micros())
    .execute(&mut *c)
    .await?;
    total += mails.rows_affected();
    if total == 0 {
        // Last and at once: looking for them reads the whole table.
        let day = mimamori_domain::jst::JstDay::of(before).0;
        for (table, day_column) in [
            ("rollups", "day"),
            ("signatures", "last_day"),
            ("usage_items", "day"),
            ("usage_device_days", "day"),
            ("usage_users", "last_day"),
        ] {
            let mut q = QueryBuilder::<Db>::new(format!("DELETE FROM {table} WHERE {day_column} < "));
            total += q.push_bind(day).build().execute(&mut *c).await?.rows_affected();
        }
    }
    Ok(total)
}

async fn purge_usage_days(c: &mut Conn, before: i64, limit: u32) -> Result<u64> {
    const KEY: &str = "customer_id, subject, day, gateway_id, device_key, item";
    let table = format!("usage_days{}", dialect::REST);
    let mut q = QueryBuilder::<Db>::new(format!(
        "DELETE FROM {table} WHERE ({KEY}) IN (SELECT {KEY} FROM {table} WHERE day < "
    ));
    q.push_bind(before).push(" ORDER BY day LIMIT ").push_bind(i64::from(limit)).push(")");
    Ok(q.build().execute(c).await?.rows_affected())
}

pub(super) async fn stats(c: &mut Conn, scope: Scope) -> Result<StoreStats> {
    scope.require_operator()?;
    let row = sqlx::query(
        "SELECT (SELECT COUNT(*) FROM detections) AS detections, (SELECT COUNT(*) FROM alerts) AS alerts, \
         (SELECT COUNT(*) FROM notices WHERE mail_id IS NULL) AS waiting, \
         (SELECT COUNT(*) FROM deliveries WHERE state = 'queued') AS queued, \
         (SELECT COUNT(*) FROM deliveries WHERE state = 'dead') AS dead, \
         (SELECT COUNT(*) FROM quarantine) AS quarantined",
    )
    .fetch_one(c)
    .await?;
    Ok(StoreStats {
        detections: count(&row, "detections")?,
        alerts: count(&row, "alerts")?,
        notices_waiting: count(&row, "waiting")?,
        deliveries_queued: count(&row, "queued")?,
        deliveries_dead: count(&row, "dead")?,
        quarantined: count(&row, "quarantined")?,
    })
}
