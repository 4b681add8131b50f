//! 「これは業務です」: asked for, decided, in force.

use mimamori_base::Timestamp;
use mimamori_domain::{CustomerId, Exception, ExceptionId, Matches};
use sqlx::QueryBuilder;

use super::dialect::{Conn, Db};
use super::rows::{count, exactly_one, json, signed, to_json};
use super::scoped;
use crate::error::{Result, StoreError};
use crate::scope::Scope;

/// Exceptions of one customer that wait or hold: more are refused.
const PER_CUSTOMER_MAX: u64 = 200;

pub(super) async fn add(c: &mut Conn, scope: Scope, e: &Exception) -> Result<()> {
    super::parties::customer(c, scope, e.customer).await?;
    let row = sqlx::query(
        "SELECT COUNT(*) AS n FROM exceptions WHERE customer_id = $1 AND state IN ('asked', 'active')",
    )
    .bind(e.customer.0.to_vec())
    .fetch_one(&mut *c)
    .await?;
    if count(&row, "n")? >= PER_CUSTOMER_MAX {
        return Err(StoreError::Conflict);
    }
    sqlx::query(
        "INSERT INTO exceptions (id, customer_id, state, created_at, expires_at, version, body) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(e.id.0.to_vec())
    .bind(e.customer.0.to_vec())
    .bind(e.state.code())
    .bind(e.asked_at.micros())
    .bind(e.expires_at.micros())
    .bind(signed(e.version))
    .bind(to_json(e)?)
    .execute(c)
    .await?;
    Ok(())
}

pub(super) async fn exceptions(
    c: &mut Conn,
    scope: Scope,
    customer: Option<CustomerId>,
) -> Result<Vec<Exception>> {
    let mut q = QueryBuilder::<Db>::new("SELECT body FROM exceptions WHERE 1 = 1");
    scoped::push(&mut q, scope, "customer_id");
    if let Some(id) = customer {
        q.push(" AND customer_id = ").push_bind(id.0.to_vec());
    }
    q.push(" ORDER BY created_at DESC, id DESC LIMIT 500");
    q.build().fetch_all(c).await?.iter().map(|row| json(row, "body")).collect()
}

pub(super) async fn exception(c: &mut Conn, scope: Scope, id: ExceptionId) -> Result<Exception> {
    let mut q = QueryBuilder::<Db>::new("SELECT body FROM exceptions WHERE id = ");
    q.push_bind(id.0.to_vec());
    scoped::push(&mut q, scope, "customer_id");
    json(&q.build().fetch_one(c).await?, "body")
}

pub(super) async fn replace(c: &mut Conn, scope: Scope, old_version: u64, e: &Exception) -> Result<()> {
    let mut q = QueryBuilder::<Db>::new("UPDATE exceptions SET state = ");
    q.push_bind(e.state.code());
    q.push(", expires_at = ").push_bind(e.expires_at.micros());
    q.push(", version = ").push_bind(signed(e.version));
    q.push(", body = ").push_bind(to_json(e)?);
    q.push(" WHERE id = ").push_bind(e.id.0.to_vec());
    q.push(" AND version = ").push_bind(signed(old_version));
    scoped::push(&mut q, scope, "customer_id");
    exactly_one(q.build().execute(c).await?.rows_affected())
}

/// What holds now for one customer, for the storing transaction.
pub(super) async fn in_force(c: &mut Conn, customer: CustomerId, now: Timestamp) -> Result<Vec<Matches>> {
    let rows = sqlx::query(
        "SELECT body FROM exceptions WHERE customer_id = $1 AND state = 'active' AND expires_at > $2 LIMIT 500",
    )
    .bind(customer.0.to_vec())
    .bind(now.micros())
    .fetch_all(c)
    .await?;
    rows.iter().map(|row| Ok(json::<Exception>(row, "body")?.matches)).collect()
}
