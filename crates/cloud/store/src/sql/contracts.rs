//! Contracts, claims and monthly reports.

use std::time::Duration;

use mimamori_base::Timestamp;
use mimamori_domain::{Claim, Contract, CustomerId, Line, Month, MonthlyId, Notice};
use sqlx::{QueryBuilder, Row as _};

use super::dialect::{Conn, Db, Row};
use super::rows::{bytes, count, json, number, signed, text, time, to_json};
use super::{outbox, scoped};
use crate::desk::{MonthlyFailure, MonthlyRow};
use crate::error::Result;
use crate::scope::Scope;

pub(super) async fn contract(c: &mut Conn, scope: Scope, customer: CustomerId) -> Result<Option<Contract>> {
    super::parties::customer(c, scope, customer).await?;
    let row = sqlx::query("SELECT body FROM contracts WHERE customer_id = $1")
        .bind(customer.0.to_vec())
        .fetch_optional(c)
        .await?;
    row.map(|row| json(&row, "body")).transpose()
}

pub(super) async fn put_contract(c: &mut Conn, scope: Scope, contract: &Contract) -> Result<()> {
    scope.require_operator()?;
    sqlx::query(
        "INSERT INTO contracts (customer_id, body) VALUES ($1, $2) \
         ON CONFLICT (customer_id) DO UPDATE SET body = excluded.body",
    )
    .bind(contract.customer.0.to_vec())
    .bind(to_json(contract)?)
    .execute(c)
    .await?;
    Ok(())
}

pub(super) async fn claims(c: &mut Conn, scope: Scope, customer: CustomerId) -> Result<Vec<Claim>> {
    super::parties::customer(c, scope, customer).await?;
    let rows =
        sqlx::query("SELECT body FROM claims WHERE customer_id = $1 ORDER BY at DESC, id DESC LIMIT 200")
            .bind(customer.0.to_vec())
            .fetch_all(c)
            .await?;
    rows.iter().map(|row| json(row, "body")).collect()
}

pub(super) async fn put_claim(c: &mut Conn, scope: Scope, claim: &Claim) -> Result<()> {
    scope.require_operator()?;
    sqlx::query(
        "INSERT INTO claims (id, customer_id, at, body) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (id) DO UPDATE SET body = excluded.body",
    )
    .bind(claim.id.0.to_vec())
    .bind(claim.customer.0.to_vec())
    .bind(claim.at.micros())
    .bind(to_json(claim)?)
    .execute(c)
    .await?;
    Ok(())
}

pub(super) async fn wants_mail(c: &mut Conn, scope: Scope, customer: CustomerId) -> Result<bool> {
    super::parties::customer(c, scope, customer).await?;
    let row = sqlx::query("SELECT by_mail FROM monthly_wishes WHERE customer_id = $1")
        .bind(customer.0.to_vec())
        .fetch_optional(c)
        .await?;
    row.map_or(Ok(false), |row| Ok(number(&row, "by_mail")? != 0))
}

pub(super) async fn set_mail(c: &mut Conn, scope: Scope, customer: CustomerId, wish: bool) -> Result<()> {
    super::parties::customer(c, scope, customer).await?;
    sqlx::query(
        "INSERT INTO monthly_wishes (customer_id, by_mail) VALUES ($1, $2) \
         ON CONFLICT (customer_id) DO UPDATE SET by_mail = excluded.by_mail",
    )
    .bind(customer.0.to_vec())
    .bind(i64::from(wish))
    .execute(c)
    .await?;
    Ok(())
}

pub(super) async fn without_monthly(
    c: &mut Conn,
    scope: Scope,
    month: Month,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<CustomerId>> {
    scope.require_system()?;
    // Whoever came after the month has nothing to read.
    let rows = sqlx::query(
        "SELECT k.id FROM customers k WHERE k.created_at < $1 AND NOT EXISTS \
         (SELECT 1 FROM monthly_reports m WHERE m.customer_id = k.id AND m.month = $2) AND NOT EXISTS \
         (SELECT 1 FROM monthly_failures f WHERE f.customer_id = k.id AND f.month = $2 AND f.next_at > $4) \
         ORDER BY k.id LIMIT $3",
    )
    .bind(month.period().to.micros())
    .bind(month.0)
    .bind(i64::from(limit))
    .bind(now.micros())
    .fetch_all(c)
    .await?;
    rows.iter().map(|row| Ok(CustomerId(bytes(row, "id")?))).collect()
}

/// A failed report is tried again after an hour, then after two, at last once a day.
fn next_try(now: Timestamp, attempts: u64) -> Timestamp {
    let hours = 1_u64.checked_shl(u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX));
    now + Duration::from_secs(3_600) * u32::try_from(hours.unwrap_or(24).min(24)).unwrap_or(24)
}

pub(super) async fn monthly_failed(
    c: &mut Conn,
    scope: Scope,
    (month, now): (Month, Timestamp),
    failed: &[(CustomerId, Line)],
) -> Result<()> {
    scope.require_system()?;
    for (customer, reason) in failed {
        let before =
            sqlx::query("SELECT attempts FROM monthly_failures WHERE customer_id = $1 AND month = $2")
                .bind(customer.0.to_vec())
                .bind(month.0)
                .fetch_optional(&mut *c)
                .await?;
        let attempts = before.map_or(Ok(0), |row| count(&row, "attempts"))?.saturating_add(1);
        sqlx::query(
            "INSERT INTO monthly_failures (customer_id, month, attempts, failed_at, next_at, reason) \
             SELECT id, $2, $3, $4, $5, $6 FROM customers WHERE id = $1 \
             ON CONFLICT (customer_id) DO UPDATE SET month = excluded.month, attempts = excluded.attempts, \
             failed_at = excluded.failed_at, next_at = excluded.next_at, reason = excluded.reason",
        )
        .bind(customer.0.to_vec())
        .bind(month.0)
        .bind(signed(attempts))
        .bind(now.micros())
        .bind(next_try(now, attempts).micros())
        .bind(reason.to_string())
        .execute(&mut *c)
        .await?;
    }
    Ok(())
}

pub(super) async fn monthly_failures(c: &mut Conn, scope: Scope) -> Result<Vec<MonthlyFailure>> {
    scope.require_operator()?;
    let rows = sqlx::query(
        "SELECT customer_id, month, attempts, failed_at, next_at, reason FROM monthly_failures \
         ORDER BY failed_at DESC, customer_id LIMIT 200",
    )
    .fetch_all(c)
    .await?;
    let of = |row: &Row| -> Result<MonthlyFailure> {
        Ok(MonthlyFailure {
            customer: CustomerId(bytes(row, "customer_id")?),
            month: Month(number(row, "month")?),
            attempts: count(row, "attempts")?,
            failed_at: time(row, "failed_at")?,
            next_at: time(row, "next_at")?,
            reason: Line::clip(&text(row, "reason")?),
        })
    };
    rows.iter().map(of).collect()
}

pub(super) async fn add_monthly(
    c: &mut Conn,
    scope: Scope,
    reports: Vec<(MonthlyRow, Vec<u8>, Option<Notice>)>,
) -> Result<()> {
    scope.require_system()?;
    for (row, pdf, tell) in reports {
        let done = sqlx::query(
            "INSERT INTO monthly_reports (id, customer_id, month, made_at, sentence, size, pdf) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (customer_id, month) DO NOTHING",
        )
        .bind(row.id.0.to_vec())
        .bind(row.customer.0.to_vec())
        .bind(row.month.0)
        .bind(row.made_at.micros())
        .bind(row.sentence)
        .bind(signed(row.size))
        .bind(pdf)
        .execute(&mut *c)
        .await?;
        sqlx::query("DELETE FROM monthly_failures WHERE customer_id = $1 AND month <= $2")
            .bind(row.customer.0.to_vec())
            .bind(row.month.0)
            .execute(&mut *c)
            .await?;
        // Another run was faster: its mail is enough.
        if let Some(notice) = tell.filter(|_| done.rows_affected() == 1) {
            outbox::insert_notice(c, &notice).await?;
        }
    }
    Ok(())
}

const MONTHLY: &str = "SELECT id, customer_id, month, made_at, sentence, size";

pub(super) async fn monthly_reports(
    c: &mut Conn,
    scope: Scope,
    customer: CustomerId,
) -> Result<Vec<MonthlyRow>> {
    let mut q = QueryBuilder::<Db>::new(MONTHLY);
    q.push(" FROM monthly_reports WHERE customer_id = ").push_bind(customer.0.to_vec());
    scoped::push(&mut q, scope, "customer_id");
    q.push(" ORDER BY month DESC LIMIT 60");
    q.build().fetch_all(c).await?.iter().map(monthly_of).collect()
}

pub(super) async fn monthly_report(
    c: &mut Conn,
    scope: Scope,
    id: MonthlyId,
) -> Result<(MonthlyRow, Vec<u8>)> {
    let mut q = QueryBuilder::<Db>::new(MONTHLY);
    q.push(", pdf FROM monthly_reports WHERE id = ").push_bind(id.0.to_vec());
    scoped::push(&mut q, scope, "customer_id");
    let row = q.build().fetch_one(c).await?;
    Ok((monthly_of(&row)?, row.try_get("pdf")?))
}

/// The file for a mail; `None`: it was deleted meanwhile, and the mail goes without.
pub(super) async fn paper(c: &mut Conn, id: MonthlyId) -> Result<Option<(Month, Vec<u8>)>> {
    let row = sqlx::query("SELECT month, pdf FROM monthly_reports WHERE id = $1")
        .bind(id.0.to_vec())
        .fetch_optional(c)
        .await?;
    row.map(|row| Ok((Month(number(&row, "month")?), row.try_get("pdf")?))).transpose()
}

fn monthly_of(row: &Row) -> Result<MonthlyRow> {
    Ok(MonthlyRow {
        id: MonthlyId(bytes(row, "id")?),
        customer: CustomerId(bytes(row, "customer_id")?),
        month: Month(number(row, "month")?),
        made_at: time(row, "made_at")?,
        sentence: text(row, "sentence")?,
        size: count(row, "size")?,
    })
}

pub(super) async fn purge(c: &mut Conn, scope: Scope, before: Month) -> Result<u64> {
    scope.require_system()?;
    super::announcements::purge(c, before.period().from).await?;
    sqlx::query("DELETE FROM monthly_failures WHERE month < $1").bind(before.0).execute(&mut *c).await?;
    let done = sqlx::query("DELETE FROM monthly_reports WHERE month < $1").bind(before.0).execute(c).await?;
    Ok(done.rows_affected())
}
