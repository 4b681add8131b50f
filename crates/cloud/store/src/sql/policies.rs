//! Policies, their trials, which one is in force; the walk over what they are tried on.

use mimamori_base::Timestamp;
use mimamori_domain::{AuditId, CustomerId, GatewayId, Line, PolicyId};
use sqlx::QueryBuilder;

use super::dialect::{Conn, Db, Row};
use super::rows::{bytes, json, must_exist, text, time, to_json};
use super::signatures;
use crate::error::{Result, StoreError};
use crate::ratings::{LiveMark, PolicyRow, TrialState, WalkMark, Walked};
use crate::scope::Scope;

pub(super) async fn add(c: &mut Conn, scope: Scope, p: &PolicyRow) -> Result<()> {
    scope.require_operator()?;
    sqlx::query(
        "INSERT INTO policies (id, version, source, note, author, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(p.id.0.to_vec())
    .bind(p.version.as_str().to_owned())
    .bind(p.source.clone())
    .bind(p.note.as_str().to_owned())
    .bind(p.author.as_str().to_owned())
    .bind(p.created_at.micros())
    .execute(c)
    .await?;
    Ok(())
}

const POLICY: &str = "SELECT p.id AS p_id, p.version, p.source, p.note, p.author, p.created_at AS p_created, \
     p.trial_state, p.trial_at, p.trial FROM policies p";

fn policy_of(row: &Row) -> Result<PolicyRow> {
    let at = time(row, "trial_at")?;
    Ok(PolicyRow {
        id: PolicyId(bytes(row, "p_id")?),
        version: Line::clip(&text(row, "version")?),
        source: text(row, "source")?,
        note: Line::clip(&text(row, "note")?),
        author: Line::clip(&text(row, "author")?),
        created_at: time(row, "p_created")?,
        trial: match text(row, "trial_state")?.as_str() {
            "never" => TrialState::Never,
            "running" => TrialState::Running { since: at },
            "failed" => TrialState::Failed { at, reason: Line::clip(&text(row, "trial")?) },
            "done" => TrialState::Done { at, report: Box::new(json(row, "trial")?) },
            other => return Err(StoreError::corrupt("trial_state", format!("unknown {other:?}"))),
        },
    })
}

pub(super) async fn policies(c: &mut Conn, scope: Scope) -> Result<Vec<PolicyRow>> {
    scope.require_operator()?;
    let mut q = QueryBuilder::<Db>::new(POLICY);
    q.push(" ORDER BY p.created_at DESC, p.id DESC LIMIT 200");
    q.build().fetch_all(c).await?.iter().map(policy_of).collect()
}

pub(super) async fn policy(c: &mut Conn, scope: Scope, id: PolicyId) -> Result<PolicyRow> {
    scope.require_operator()?;
    let mut q = QueryBuilder::<Db>::new(POLICY);
    q.push(" WHERE p.id = ").push_bind(id.0.to_vec());
    policy_of(&q.build().fetch_one(c).await?)
}

pub(super) async fn set_trial(c: &mut Conn, scope: Scope, id: PolicyId, state: &TrialState) -> Result<()> {
    scope.require_operator()?;
    let (name, at, body) = match state {
        TrialState::Never => ("never", Timestamp(0), String::new()),
        TrialState::Running { since } => ("running", *since, String::new()),
        TrialState::Failed { at, reason } => ("failed", *at, reason.to_string()),
        TrialState::Done { at, report } => ("done", *at, to_json(report)?),
    };
    let done = sqlx::query("UPDATE policies SET trial_state = $1, trial_at = $2, trial = $3 WHERE id = $4")
        .bind(name)
        .bind(at.micros())
        .bind(body)
        .bind(id.0.to_vec())
        .execute(c)
        .await?;
    must_exist(done.rows_affected())
}

pub(super) async fn put_live(c: &mut Conn, scope: Scope, mark: &LiveMark) -> Result<()> {
    scope.require_operator()?;
    policy(c, scope, mark.policy).await?;
    sqlx::query("INSERT INTO policy_live (id, at, policy_id, actor, why) VALUES ($1, $2, $3, $4, $5)")
        .bind(mark.id.0.to_vec())
        .bind(mark.at.micros())
        .bind(mark.policy.0.to_vec())
        .bind(mark.by.as_str().to_owned())
        .bind(mark.why.as_str().to_owned())
        .execute(c)
        .await?;
    Ok(())
}

pub(super) async fn live_marks(c: &mut Conn, scope: Scope) -> Result<Vec<LiveMark>> {
    scope.require_operator()?;
    let of = |row: &Row| -> Result<LiveMark> {
        Ok(LiveMark {
            id: AuditId(bytes(row, "id")?),
            at: time(row, "at")?,
            policy: PolicyId(bytes(row, "policy_id")?),
            by: Line::clip(&text(row, "actor")?),
            why: Line::clip(&text(row, "why")?),
        })
    };
    sqlx::query("SELECT id, at, policy_id, actor, why FROM policy_live ORDER BY at DESC, id DESC LIMIT 100")
        .fetch_all(c)
        .await?
        .iter()
        .map(of)
        .collect()
}

pub(super) async fn live_policy(c: &mut Conn, scope: Scope) -> Result<PolicyRow> {
    scope.require_operator()?;
    let mut q = QueryBuilder::<Db>::new(POLICY);
    q.push(" JOIN policy_live l ON l.policy_id = p.id ORDER BY l.at DESC, l.id DESC LIMIT 1");
    policy_of(&q.build().fetch_one(c).await?)
}

const WALKED: &str = "SELECT id, at, kind, device_key, customer_id, gateway_id, body FROM detections";

pub(super) async fn walk(
    c: &mut Conn,
    scope: Scope,
    since: Timestamp,
    after: Option<WalkMark>,
    limit: u32,
) -> Result<Vec<Walked>> {
    scope.require_system()?;
    // Two ranges of the index by customer and time, read backwards: the rest of the customer
    // under way, then the customers after it. One condition for both would read a customer's
    // rows again from the first at every step.
    let mut rows = Vec::new();
    if let Some(mark) = after {
        let mut q = QueryBuilder::<Db>::new(WALKED);
        q.push(" WHERE customer_id = ").push_bind(mark.customer.0.to_vec());
        q.push(" AND (at, id) > (").push_bind(mark.at.micros());
        q.push(", ").push_bind(mark.id.0.to_vec());
        q.push(") AND at >= ").push_bind(since.micros());
        q.push(" ORDER BY at, id LIMIT ").push_bind(i64::from(limit));
        rows = q.build().fetch_all(&mut *c).await?;
    }
    let room = i64::from(limit) - i64::try_from(rows.len()).unwrap_or(i64::MAX);
    if room > 0 {
        let mut q = QueryBuilder::<Db>::new(WALKED);
        q.push(" WHERE at >= ").push_bind(since.micros());
        if let Some(mark) = after {
            q.push(" AND customer_id < ").push_bind(mark.customer.0.to_vec());
        }
        q.push(" ORDER BY customer_id DESC, at, id LIMIT ").push_bind(room);
        rows.extend(q.build().fetch_all(&mut *c).await?);
    }
    let mut known = signatures::Known::default();
    known.learn(c, &rows).await?;
    let of = |row: &Row| -> Result<Walked> {
        Ok(Walked {
            customer: CustomerId(bytes(row, "customer_id")?),
            gateway: GatewayId(bytes(row, "gateway_id")?),
            detection: known.unpack(row)?,
        })
    };
    rows.iter().map(of).collect()
}
