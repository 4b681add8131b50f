//! Gateways, enrolment, heartbeats.

use mimamori_base::Timestamp;
use mimamori_domain::{
    CustomerId, Gateway, GatewayId, GatewayState, Heartbeat, Line, Name, Notice, Period, Serial,
};
use sqlx::{QueryBuilder, Row as _};

use super::dialect::{Conn, Db, Row};
use super::rows::{
    bytes, exactly_one, maybe_bytes, maybe_time, must_exist, number, parsed, text, time, to_json,
};
use super::{outbox, scoped, usage};
use crate::error::{Result, StoreError};
use crate::scope::Scope;
use crate::views::{EnrolRecord, GatewayView, UptimeHour};

/// A gateway that was told stopped within this time and stops again comes and goes.
const FLAP_WINDOW: std::time::Duration = std::time::Duration::from_secs(6 * 3_600);
/// Such a stop is told only after this time.
const FLAP_PATIENCE: std::time::Duration = std::time::Duration::from_secs(30 * 60);
const HOUR_MICROS: i64 = 3_600_000_000;
/// Devices are written down with every so-manieth heartbeat of an hour, the first included.
const DEVICES_EVERY_BEATS: i64 = 20;

const GATEWAY: &str = "SELECT g.id AS g_id, g.customer_id, g.serial, g.name AS g_name, g.state, g.enrolled_at, \
     g.secret_expires, g.stopped_since, g.last_seen, g.created_at AS g_created, g.heartbeat, g.secret_hash, \
     g.fingerprint, g.secret_used_by, k.name AS k_name FROM gateways g JOIN customers k ON k.id = g.customer_id WHERE 1 = 1";

fn gateway_of(row: &Row) -> Result<Gateway> {
    let at = |column| -> Result<Timestamp> { Ok(maybe_time(row, column)?.unwrap_or_default()) };
    let state = match text(row, "state")?.as_str() {
        "prepared" => GatewayState::Prepared { secret_expires: at("secret_expires")? },
        "online" => GatewayState::Online { enrolled_at: at("enrolled_at")? },
        "stopped" => GatewayState::Stopped { enrolled_at: at("enrolled_at")?, since: at("stopped_since")? },
        other => return Err(StoreError::corrupt("gateways", format!("state {other:?}"))),
    };
    Ok(Gateway {
        id: GatewayId(bytes(row, "g_id")?),
        customer: CustomerId(bytes(row, "customer_id")?),
        serial: parsed(row, "serial", Serial::parse)?,
        name: parsed(row, "g_name", Name::parse)?,
        state,
        last_seen: maybe_time(row, "last_seen")?,
        created_at: time(row, "g_created")?,
    })
}

fn view_of(row: &Row) -> Result<GatewayView> {
    let heartbeat: Option<String> = row.try_get("heartbeat")?;
    let heartbeat = heartbeat
        .map(|json| serde_json::from_str(&json).map_err(|e| StoreError::corrupt("gateways", e)))
        .transpose()?;
    Ok(GatewayView {
        gateway: gateway_of(row)?,
        customer_name: parsed(row, "k_name", Name::parse)?,
        heartbeat,
    })
}

pub(super) async fn create_gateway(c: &mut Conn, scope: Scope, g: &Gateway, secret: [u8; 32]) -> Result<()> {
    scope.require_operator()?;
    let GatewayState::Prepared { secret_expires } = g.state else { return Err(StoreError::Conflict) };
    sqlx::query(
        "INSERT INTO gateways (id, customer_id, serial, name, state, secret_expires, secret_hash, created_at) \
         VALUES ($1, $2, $3, $4, 'prepared', $5, $6, $7)",
    )
    .bind(g.id.0.to_vec())
    .bind(g.customer.0.to_vec())
    .bind(g.serial.as_str().to_owned())
    .bind(g.name.as_str().to_owned())
    .bind(secret_expires.micros())
    .bind(secret.to_vec())
    .bind(g.created_at.micros())
    .execute(c)
    .await?;
    Ok(())
}

pub(super) async fn gateways(
    c: &mut Conn,
    scope: Scope,
    customer: Option<CustomerId>,
) -> Result<Vec<GatewayView>> {
    let mut q = QueryBuilder::<Db>::new(GATEWAY);
    if let Some(customer) = customer {
        q.push(" AND g.customer_id = ").push_bind(customer.0.to_vec());
    }
    scoped::push(&mut q, scope, "g.customer_id");
    q.push(" ORDER BY g.created_at, g.id LIMIT 100000");
    q.build().fetch_all(c).await?.iter().map(view_of).collect()
}

pub(super) async fn enrolled_gateways(c: &mut Conn, scope: Scope) -> Result<Vec<Gateway>> {
    scope.require_system()?;
    sqlx::query(
        "SELECT id AS g_id, customer_id, serial, name AS g_name, state, enrolled_at, secret_expires, \
         stopped_since, last_seen, created_at AS g_created FROM gateways WHERE state <> 'prepared' \
         ORDER BY id LIMIT 1000000",
    )
    .fetch_all(c)
    .await?
    .iter()
    .map(gateway_of)
    .collect()
}

pub(super) async fn gateway(c: &mut Conn, scope: Scope, id: GatewayId) -> Result<GatewayView> {
    let mut q = QueryBuilder::<Db>::new(GATEWAY);
    q.push(" AND g.id = ").push_bind(id.0.to_vec());
    scoped::push(&mut q, scope, "g.customer_id");
    view_of(&q.build().fetch_one(c).await?)
}

pub(super) async fn rename_gateway(c: &mut Conn, scope: Scope, id: GatewayId, name: &Name) -> Result<()> {
    let mut q = QueryBuilder::<Db>::new("UPDATE gateways SET name = ");
    q.push_bind(name.as_str().to_owned()).push(" WHERE id = ").push_bind(id.0.to_vec());
    scoped::push(&mut q, scope, "customer_id");
    must_exist(q.build().execute(c).await?.rows_affected())
}

pub(super) async fn enrol_record(c: &mut Conn, scope: Scope, serial: &Serial) -> Result<EnrolRecord> {
    scope.require_system()?;
    let mut q = QueryBuilder::<Db>::new(GATEWAY);
    q.push(" AND g.serial = ").push_bind(serial.as_str().to_owned());
    let row = q.build().fetch_one(c).await?;
    let fingerprint: Option<String> = row.try_get("fingerprint")?;
    Ok(EnrolRecord {
        gateway: gateway_of(&row)?,
        secret_hash: maybe_bytes(&row, "secret_hash")?,
        secret_expires: maybe_time(&row, "secret_expires")?,
        secret_used_by: row.try_get::<Option<String>, _>("secret_used_by")?.map(|f| Line::clip(&f)),
        fingerprint: fingerprint.map(|f| Line::clip(&f)),
    })
}

pub(super) async fn set_secret(
    c: &mut Conn,
    scope: Scope,
    id: GatewayId,
    hash: [u8; 32],
    expires: Timestamp,
) -> Result<()> {
    scope.require_operator()?;
    let done = sqlx::query(
        "UPDATE gateways SET secret_hash = $1, secret_expires = $2, secret_used_by = NULL WHERE id = $3",
    )
    .bind(hash.to_vec())
    .bind(expires.micros())
    .bind(id.0.to_vec())
    .execute(c)
    .await?;
    must_exist(done.rows_affected())
}

pub(super) async fn enrol(
    c: &mut Conn,
    scope: Scope,
    id: GatewayId,
    secret: [u8; 32],
    fingerprint: String,
    now: Timestamp,
) -> Result<()> {
    scope.require_system()?;
    let done = sqlx::query(
        "UPDATE gateways SET state = 'online', enrolled_at = $1, secret_used_by = $2, stopped_since = NULL, \
         fingerprint = $2, last_seen = $1 \
         WHERE id = $3 AND secret_hash = $4 AND (secret_used_by IS NULL OR secret_used_by = $2)",
    )
    .bind(now.micros())
    .bind(fingerprint)
    .bind(id.0.to_vec())
    .bind(secret.to_vec())
    .execute(c)
    .await?;
    exactly_one(done.rows_affected())
}

pub(super) async fn heartbeat(
    c: &mut Conn,
    scope: Scope,
    id: GatewayId,
    beat: &Heartbeat,
    now: Timestamp,
) -> Result<()> {
    scope.require_system()?;
    let done = sqlx::query("UPDATE gateways SET heartbeat = $1, last_seen = $2 WHERE id = $3")
        .bind(to_json(beat)?)
        .bind(now.micros())
        .bind(id.0.to_vec())
        .execute(&mut *c)
        .await?;
    must_exist(done.rows_affected())?;
    let hour = now.micros().div_euclid(HOUR_MICROS) * HOUR_MICROS;
    let row = sqlx::query(
        "INSERT INTO uptime (gateway_id, hour, customer_id, beats) \
         SELECT id, CAST($1 AS BIGINT), customer_id, 1 FROM gateways WHERE id = $2 \
         ON CONFLICT (gateway_id, hour) DO UPDATE SET beats = uptime.beats + 1 RETURNING beats, customer_id",
    )
    .bind(hour)
    .bind(id.0.to_vec())
    .fetch_one(&mut *c)
    .await?;
    // Now and then is enough: the heartbeat itself has them all.
    if number(&row, "beats")? % DEVICES_EVERY_BEATS == 1 {
        usage::keep_devices(c, id, CustomerId(bytes(&row, "customer_id")?), &beat.devices).await?;
    }
    Ok(())
}

pub(super) async fn uptime(
    c: &mut Conn,
    scope: Scope,
    id: GatewayId,
    period: Period,
) -> Result<Vec<UptimeHour>> {
    let mut q = QueryBuilder::<Db>::new("SELECT hour, beats FROM uptime WHERE gateway_id = ");
    q.push_bind(id.0.to_vec());
    q.push(" AND hour >= ").push_bind(period.from.micros());
    q.push(" AND hour < ").push_bind(period.to.micros());
    scoped::push(&mut q, scope, "customer_id");
    q.push(" ORDER BY hour LIMIT 5000");
    let of = |row: &Row| -> Result<UptimeHour> {
        Ok(UptimeHour {
            hour: time(row, "hour")?,
            beats: u32::try_from(number(row, "beats")?).unwrap_or(u32::MAX),
        })
    };
    q.build().fetch_all(c).await?.iter().map(of).collect()
}

pub(super) async fn mark_stopped(
    c: &mut Conn,
    scope: Scope,
    id: GatewayId,
    last_seen: Timestamp,
    notice: &Notice,
) -> Result<()> {
    scope.require_system()?;
    let done = sqlx::query(
        "UPDATE gateways SET state = 'stopped', stopped_since = $1 WHERE id = $2 AND state = 'online' AND last_seen = $1",
    )
    .bind(last_seen.micros())
    .bind(id.0.to_vec())
    .execute(&mut *c)
    .await?;
    exactly_one(done.rows_affected())?;
    let mut notice = notice.clone();
    if outbox::stopped_lately(c, id, notice.customer, notice.created_at - FLAP_WINDOW).await? {
        // It comes and goes: told only if it stays away.
        notice.due_at = notice.created_at + FLAP_PATIENCE;
    }
    outbox::insert_notice(c, &notice).await
}

/// The gateway will be off until then by plan (firmware): no fault.
pub(super) async fn plan_outage(c: &mut Conn, scope: Scope, id: GatewayId, until: Timestamp) -> Result<()> {
    let mut q = QueryBuilder::<Db>::new("UPDATE gateways SET planned_until = ");
    q.push_bind(until.micros()).push(" WHERE id = ").push_bind(id.0.to_vec());
    scoped::push(&mut q, scope, "customer_id");
    must_exist(q.build().execute(c).await?.rows_affected())
}

pub(super) async fn planned_outages(c: &mut Conn, scope: Scope, now: Timestamp) -> Result<Vec<GatewayId>> {
    scope.require_system()?;
    sqlx::query("SELECT id FROM gateways WHERE planned_until > $1 LIMIT 1000000")
        .bind(now.micros())
        .fetch_all(c)
        .await?
        .iter()
        .map(|row| Ok(GatewayId(bytes(row, "id")?)))
        .collect()
}

pub(super) async fn mark_recovered(
    c: &mut Conn,
    scope: Scope,
    id: GatewayId,
    since: Timestamp,
    notice: &Notice,
) -> Result<()> {
    scope.require_system()?;
    let done = sqlx::query(
        "UPDATE gateways SET state = 'online', stopped_since = NULL \
         WHERE id = $1 AND state = 'stopped' AND stopped_since = $2",
    )
    .bind(id.0.to_vec())
    .bind(since.micros())
    .execute(&mut *c)
    .await?;
    exactly_one(done.rows_affected())?;
    // Back before anybody was told: nothing to tell.
    if outbox::withdraw_stop(c, id, notice.customer).await? {
        return Ok(());
    }
    outbox::insert_notice(c, notice).await
}
