//! The storing transaction: new reports become detections, alerts, rollups and notices, and the
//! gateway's cursor moves, all in the caller's transaction.

use std::collections::{BTreeMap, BTreeSet};

use mimamori_base::{Rng, Timestamp};
use mimamori_domain::assess::Origin;
use mimamori_domain::jst::JstDay;
use mimamori_domain::{
    AlertId, Changes, CustomerId, Detection, DetectionKind, DeviceKey, GatewayId, Policy, Standing, assess,
};
use sqlx::{QueryBuilder, Row as _};

use super::dialect::{Conn, Db, LOCK_ROW};
use super::rows::{bytes, count, parsed, signed, text, time};
use super::{alerts, exceptions, outbox, signatures, usage};
use crate::error::Result;
use crate::packed;
use crate::scope::Scope;
use crate::views::{CommitBatch, Committed, Cursor, ReportItem};

/// Rows of one INSERT; SQLite takes 32,766 parameters.
const ROWS_PER_INSERT: usize = 500;
/// Raw bytes kept of a report that nobody understands.
const QUARANTINE_RAW_MAX: usize = 4_096;

pub(super) async fn cursor(c: &mut Conn, scope: Scope, gateway: GatewayId) -> Result<Cursor> {
    scope.require_system()?;
    let row = sqlx::query("SELECT epoch, seq FROM gateways WHERE id = $1")
        .bind(gateway.0.to_vec())
        .fetch_one(c)
        .await?;
    Ok(Cursor { epoch: count(&row, "epoch")?, seq: count(&row, "seq")? })
}

pub(super) async fn commit(
    c: &mut Conn,
    scope: Scope,
    batch: CommitBatch,
    policy: &Policy,
    rng: &dyn Rng,
) -> Result<Committed> {
    scope.require_system()?;
    // PostgreSQL locks the gateway's row, so that two nodes cannot store one batch twice.
    // SQLite has one writer.
    let mut q = QueryBuilder::<Db>::new("SELECT customer_id, epoch, seq FROM gateways WHERE id = ");
    q.push_bind(batch.gateway.0.to_vec()).push(LOCK_ROW);
    let row = q.build().fetch_one(&mut *c).await?;
    let start = Cursor { epoch: count(&row, "epoch")?, seq: count(&row, "seq")? };
    let origin =
        Origin { customer: CustomerId(bytes(&row, "customer_id")?), gateway: batch.gateway, now: batch.now };

    let mut done = Committed { cursor: start, ..Committed::default() };
    let mut detections = Vec::new();
    let (mut uses, mut inspections) = (Vec::new(), Vec::new());
    for (seq, item) in batch.items {
        let place = Cursor { epoch: batch.epoch, seq };
        if place <= done.cursor {
            done.duplicates += 1;
            continue;
        }
        done.cursor = place;
        match item {
            ReportItem::Detection(detection) => detections.push(*detection),
            ReportItem::Use(used) => uses.push(*used),
            ReportItem::Inspection(depth) => inspections.push(*depth),
            ReportItem::Note(note) => keep_note(c, origin, place, note.as_str()).await?,
            ReportItem::Undecodable { raw, reason } => {
                done.quarantined += 1;
                quarantine(c, origin, place, &raw, reason.as_str()).await?;
            }
        }
    }
    usage::add_use(c, origin, &uses).await?;
    usage::add_inspection(c, origin, &inspections).await?;
    done.detections = u32::try_from(detections.len()).unwrap_or(u32::MAX);
    if !detections.is_empty() {
        let standing = load_standing(c, origin, &detections).await?;
        let changes = assess(policy, origin, &detections, standing, rng);
        done.raised = u32::try_from(changes.raised.len()).unwrap_or(u32::MAX);
        done.urgent = changes.notices.iter().any(|n| n.due_at <= origin.now);
        write(c, origin, &detections, &changes).await?;
    }
    sqlx::query("UPDATE gateways SET epoch = $1, seq = $2, last_seen = $3 WHERE id = $4")
        .bind(signed(done.cursor.epoch))
        .bind(signed(done.cursor.seq))
        .bind(origin.now.micros())
        .bind(origin.gateway.0.to_vec())
        .execute(c)
        .await?;
    Ok(done)
}

async fn keep_note(c: &mut Conn, origin: Origin, place: Cursor, note: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO gateway_notes (gateway_id, epoch, seq, customer_id, received_at, note) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(origin.gateway.0.to_vec())
    .bind(signed(place.epoch))
    .bind(signed(place.seq))
    .bind(origin.customer.0.to_vec())
    .bind(origin.now.micros())
    .bind(note.to_owned())
    .execute(c)
    .await?;
    Ok(())
}

async fn quarantine(c: &mut Conn, origin: Origin, place: Cursor, raw: &[u8], reason: &str) -> Result<()> {
    let raw: Vec<u8> = raw.iter().take(QUARANTINE_RAW_MAX).copied().collect();
    sqlx::query(
        "INSERT INTO quarantine (gateway_id, epoch, seq, customer_id, received_at, reason, raw) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(origin.gateway.0.to_vec())
    .bind(signed(place.epoch))
    .bind(signed(place.seq))
    .bind(origin.customer.0.to_vec())
    .bind(origin.now.micros())
    .bind(reason.to_owned())
    .bind(raw)
    .execute(c)
    .await?;
    Ok(())
}

/// What the devices of the batch did before, and their alerts that still take detections.
async fn load_standing(c: &mut Conn, origin: Origin, detections: &[Detection]) -> Result<Standing> {
    let devices: BTreeSet<DeviceKey> = detections.iter().map(|d| d.device.key()).collect();
    let devices: Vec<String> = devices.into_iter().map(|k| k.0).collect();
    let mut standing = Standing::default();
    for some in devices.chunks(ROWS_PER_INSERT) {
        let mut q = QueryBuilder::<Db>::new(
            "SELECT device_key, kind, last_at FROM device_activity WHERE gateway_id = ",
        );
        q.push_bind(origin.gateway.0.to_vec());
        push_keys(&mut q, some);
        for row in q.build().fetch_all(&mut *c).await? {
            let kind = parsed(&row, "kind", DetectionKind::from_code)?;
            let key = DeviceKey(text(&row, "device_key")?);
            standing.activity.entry(key).or_default().note(kind, time(&row, "last_at")?);
        }
        let mut q = QueryBuilder::<Db>::new("SELECT body FROM alerts WHERE takes_more = 1 AND gateway_id = ");
        q.push_bind(origin.gateway.0.to_vec());
        push_keys(&mut q, some);
        q.push(" ORDER BY last_seen").push(LOCK_ROW);
        for row in q.build().fetch_all(&mut *c).await? {
            standing.alerts.push(super::rows::json(&row, "body")?);
        }
    }
    standing.exceptions = exceptions::in_force(c, origin.customer, origin.now).await?;
    let row = sqlx::query("SELECT MIN(due_at) AS due_at FROM notices WHERE customer_id = $1 AND mail_id IS NULL AND due_at > $2")
        .bind(origin.customer.0.to_vec())
        .bind(origin.now.micros())
        .fetch_one(c)
        .await?;
    standing.waiting_deadline = row.try_get::<Option<i64>, _>("due_at")?.map(Timestamp);
    Ok(standing)
}

fn push_keys(q: &mut QueryBuilder<Db>, keys: &[String]) {
    q.push(" AND device_key IN (");
    let mut list = q.separated(", ");
    for key in keys {
        list.push_bind(key.clone());
    }
    q.push(")");
}

async fn write(c: &mut Conn, origin: Origin, detections: &[Detection], changes: &Changes) -> Result<()> {
    insert_detections(c, origin, detections, &changes.alert_of, |_| origin.now).await?;
    for alert in &changes.raised {
        alerts::insert(c, alert).await?;
    }
    for alert in &changes.updated {
        alerts::replace(c, Scope::system(), alert.version.saturating_sub(1), alert).await?;
    }
    for notice in &changes.notices {
        outbox::insert_notice(c, notice).await?;
    }
    note_activity(c, origin, changes).await?;
    roll_up(c, origin, detections).await
}

/// `received`: when each of them came.
pub(super) async fn insert_detections(
    c: &mut Conn,
    origin: Origin,
    detections: &[Detection],
    alert_of: &[Option<AlertId>],
    received: impl Fn(&Detection) -> Timestamp,
) -> Result<()> {
    let names = signatures::keep(c, origin.now, detections).await?;
    let rows: Vec<_> = detections
        .iter()
        .zip(&names)
        .zip(alert_of.iter().chain(std::iter::repeat(&None)))
        .map(|((d, name), alert)| (d, *alert, packed::pack(d, *name)))
        .collect();
    for some in rows.chunks(ROWS_PER_INSERT) {
        let mut q = QueryBuilder::<Db>::new(
            "INSERT INTO detections (id, customer_id, gateway_id, received_at, at, kind, device_key, alert_id, sid, body) ",
        );
        q.push_values(some, |mut row, (d, alert, body)| {
            row.push_bind(d.id.0.to_vec())
                .push_bind(origin.customer.0.to_vec())
                .push_bind(origin.gateway.0.to_vec())
                .push_bind(received(d).micros())
                .push_bind(d.at.micros())
                .push_bind(d.kind.code())
                .push_bind(d.device.key().0)
                .push_bind(alert.map(|a| a.0.to_vec()))
                .push_bind(d.signature.as_ref().map(|s| i64::from(s.sid)))
                .push_bind(body.clone());
        });
        q.build().execute(&mut *c).await?;
    }
    Ok(())
}

async fn note_activity(c: &mut Conn, origin: Origin, changes: &Changes) -> Result<()> {
    let mut latest: BTreeMap<(&str, DetectionKind), Timestamp> = BTreeMap::new();
    for (key, kind, at) in &changes.activity {
        let last = latest.entry((key.0.as_str(), *kind)).or_insert(*at);
        *last = (*last).max(*at);
    }
    let rows: Vec<_> = latest.into_iter().collect();
    for some in rows.chunks(ROWS_PER_INSERT) {
        let mut q = QueryBuilder::<Db>::new(
            "INSERT INTO device_activity (gateway_id, device_key, kind, customer_id, last_at) ",
        );
        q.push_values(some, |mut row, ((key, kind), at)| {
            row.push_bind(origin.gateway.0.to_vec())
                .push_bind((*key).to_owned())
                .push_bind(kind.code())
                .push_bind(origin.customer.0.to_vec())
                .push_bind(at.micros());
        });
        q.push(
            " ON CONFLICT (gateway_id, device_key, kind) DO UPDATE SET last_at = \
             CASE WHEN excluded.last_at > device_activity.last_at THEN excluded.last_at \
             ELSE device_activity.last_at END",
        );
        q.build().execute(&mut *c).await?;
    }
    Ok(())
}

pub(super) async fn roll_up(c: &mut Conn, origin: Origin, detections: &[Detection]) -> Result<()> {
    let mut sums: BTreeMap<(i64, DetectionKind), (u64, u64)> = BTreeMap::new();
    for d in detections {
        let sum = sums.entry((JstDay::of(d.at).0, d.kind)).or_default();
        sum.0 += u64::from(d.count.max(1));
        if d.outcome.stopped() {
            sum.1 += u64::from(d.count.max(1));
        }
    }
    let rows: Vec<_> = sums.into_iter().collect();
    for some in rows.chunks(ROWS_PER_INSERT) {
        let mut q = QueryBuilder::<Db>::new(
            "INSERT INTO rollups (customer_id, day, gateway_id, kind, total, stopped) ",
        );
        q.push_values(some, |mut row, ((day, kind), (total, stopped))| {
            row.push_bind(origin.customer.0.to_vec())
                .push_bind(*day)
                .push_bind(origin.gateway.0.to_vec())
                .push_bind(kind.code())
                .push_bind(signed(*total))
                .push_bind(signed(*stopped));
        });
        q.push(
            " ON CONFLICT (customer_id, day, gateway_id, kind) DO UPDATE SET \
             total = rollups.total + excluded.total, stopped = rollups.stopped + excluded.stopped",
        );
        q.build().execute(&mut *c).await?;
    }
    Ok(())
}
