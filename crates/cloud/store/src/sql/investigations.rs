//! The analysts' queue and their own notes.

use mimamori_base::Timestamp;
use mimamori_domain::{AlertId, Investigation, Name};
use sqlx::{QueryBuilder, Row as _};

use super::dialect::{Conn, Db, Row};
use super::rows::{count, exactly_one, json, parsed, signed, to_json};
use crate::error::{Result, StoreError};
use crate::ratings::{Elsewhere, QueueItem};
use crate::scope::Scope;
use crate::views::AlertView;

pub(super) async fn queue(c: &mut Conn, scope: Scope) -> Result<Vec<QueueItem>> {
    scope.require_operator()?;
    let of = |row: &Row| -> Result<QueueItem> {
        Ok(QueueItem {
            view: AlertView {
                alert: json(row, "body")?,
                gateway_name: parsed(row, "g_name", Name::parse)?,
                customer_name: parsed(row, "k_name", Name::parse)?,
            },
            investigation: of_text(row.try_get("notes")?)?,
        })
    };
    sqlx::query(
        "SELECT a.body, g.name AS g_name, k.name AS k_name, i.body AS notes FROM alerts a \
         JOIN gateways g ON g.id = a.gateway_id JOIN customers k ON k.id = a.customer_id \
         LEFT JOIN investigations i ON i.alert_id = a.id \
         WHERE a.rating = 'investigating' AND a.state <> 'closed' ORDER BY a.raised_at, a.id LIMIT 500",
    )
    .fetch_all(c)
    .await?
    .iter()
    .map(of)
    .collect()
}

fn of_text(text: Option<String>) -> Result<Investigation> {
    match text {
        Some(text) => serde_json::from_str(&text).map_err(|e| StoreError::corrupt("investigations", e)),
        None => Ok(Investigation::default()),
    }
}

pub(super) async fn investigation(c: &mut Conn, scope: Scope, alert: AlertId) -> Result<Investigation> {
    scope.require_operator()?;
    let row = sqlx::query("SELECT body FROM investigations WHERE alert_id = $1")
        .bind(alert.0.to_vec())
        .fetch_optional(c)
        .await?;
    of_text(row.map(|row| row.try_get("body")).transpose()?)
}

pub(super) async fn replace(
    c: &mut Conn,
    scope: Scope,
    alert: AlertId,
    old_version: u64,
    to: &Investigation,
) -> Result<()> {
    scope.require_operator()?;
    let updated = to.notes.last().map_or(Timestamp(0), |n| n.at).micros();
    let mut q = QueryBuilder::<Db>::new(
        "INSERT INTO investigations (alert_id, version, updated_at, body) SELECT id, ",
    );
    q.push(" CAST(").push_bind(signed(to.version)).push(" AS BIGINT), CAST(");
    q.push_bind(updated).push(" AS BIGINT), CAST(");
    q.push_bind(to_json(to)?).push(" AS TEXT) FROM alerts WHERE id = ").push_bind(alert.0.to_vec());
    q.push(
        " ON CONFLICT (alert_id) DO UPDATE SET version = excluded.version, body = excluded.body, \
         updated_at = CASE WHEN excluded.updated_at > investigations.updated_at THEN excluded.updated_at \
         ELSE investigations.updated_at END WHERE investigations.version = ",
    );
    q.push_bind(signed(old_version));
    exactly_one(q.build().execute(c).await?.rows_affected())
}

pub(super) async fn elsewhere(c: &mut Conn, scope: Scope, sid: u32, since: Timestamp) -> Result<Elsewhere> {
    scope.require_operator()?;
    let row = sqlx::query(
        "SELECT COUNT(*) AS n, COUNT(DISTINCT gateway_id) AS gateways, COUNT(DISTINCT customer_id) AS customers \
         FROM detections WHERE sid = $1 AND received_at >= $2",
    )
    .bind(i64::from(sid))
    .bind(since.micros())
    .fetch_one(c)
    .await?;
    Ok(Elsewhere {
        detections: count(&row, "n")?,
        gateways: count(&row, "gateways")?,
        customers: count(&row, "customers")?,
    })
}
