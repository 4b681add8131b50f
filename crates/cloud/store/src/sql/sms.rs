//! Short messages: queued in the transaction of what causes them, claimed under a lease, settled
//! under the same lease.

use std::time::Duration;

use mimamori_base::Timestamp;
use mimamori_domain::{AlertId, CustomerId, Line, PhoneNumber, SmsId};
use sqlx::{QueryBuilder, Row as _};

use super::dialect::{Conn, Db, Row, SKIP_LOCKED};
use super::rows::{bytes, exactly_one, maybe_bytes, number, parsed, text, time};
use super::{alerts, outbox, parties, scoped};
use crate::error::{Result, StoreError};
use crate::scope::Scope;
use crate::sms::{ALERTS_AN_HOUR, CODES_AN_HOUR, ClaimedSms, NewSms, SmsPurpose, SmsView};
use crate::views::Attempt;

const HOUR: Duration = Duration::from_secs(3_600);
/// A code that a telephone did not get by then is of no use to anybody.
const CODE_GOES_OUT_WITHIN: Duration = Duration::from_secs(600);

/// Queues it unless the number has had its share; says whether it will go out. A message that is
/// already there was queued by an earlier failure of the same mail.
pub(super) async fn queue(c: &mut Conn, scope: Scope, sms: &NewSms) -> Result<bool> {
    scope.require_system()?;
    let (purpose, alert, body, share) = match &sms.purpose {
        SmsPurpose::Code { text } => ("code", None, text.as_str(), CODES_AN_HOUR),
        SmsPurpose::TakeOver { alert } => ("take_over", Some(alert.0.to_vec()), "", ALERTS_AN_HOUR),
    };
    let had = sqlx::query(
        "SELECT COUNT(*) AS n FROM sms_outbox WHERE recipient = $1 AND purpose = $2 AND created_at > $3 \
         AND state <> 'suppressed'",
    )
    .bind(sms.to.as_str().to_owned())
    .bind(purpose)
    .bind((sms.now - HOUR).micros())
    .fetch_one(&mut *c)
    .await?;
    let goes = number(&had, "n")? < i64::from(share);
    sqlx::query(
        "INSERT INTO sms_outbox (id, customer_id, recipient, purpose, alert_id, body, state, attempts, next_at, \
         reply, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, '', $8, $8) \
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(sms.id.0.to_vec())
    .bind(sms.customer.map(|k| k.0.to_vec()))
    .bind(sms.to.as_str().to_owned())
    .bind(purpose)
    .bind(alert)
    .bind(if goes { body } else { "" }.to_owned())
    .bind(if goes { "queued" } else { "suppressed" })
    .bind(sms.now.micros())
    .execute(c)
    .await?;
    Ok(goes)
}

pub(super) async fn claim(
    c: &mut Conn,
    scope: Scope,
    now: Timestamp,
    lease_until: Timestamp,
    token: [u8; 16],
) -> Result<Option<ClaimedSms>> {
    scope.require_system()?;
    // Codes first: somebody waits for them in front of a screen.
    let mut q = QueryBuilder::<Db>::new("UPDATE sms_outbox SET lease_token = ");
    q.push_bind(token.to_vec());
    q.push(", lease_until = ").push_bind(lease_until.micros());
    q.push(", updated_at = ").push_bind(now.micros());
    q.push(" WHERE id IN (SELECT id FROM sms_outbox WHERE state = 'queued' AND ");
    outbox::push_due(&mut q, now);
    q.push(" ORDER BY purpose, next_at, id LIMIT 1").push(SKIP_LOCKED).push(")");
    q.build().execute(&mut *c).await?;
    let row = sqlx::query(
        "SELECT id, customer_id, recipient, purpose, alert_id, body, attempts, created_at FROM sms_outbox \
         WHERE state = 'queued' AND lease_token = $1",
    )
    .bind(token.to_vec())
    .fetch_optional(&mut *c)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let purpose = match maybe_bytes(&row, "alert_id")? {
        Some(alert) => SmsPurpose::TakeOver { alert: AlertId(alert) },
        None => SmsPurpose::Code { text: text(&row, "body")? },
    };
    let about = match (&purpose, maybe_bytes(&row, "customer_id")?.map(CustomerId)) {
        (SmsPurpose::TakeOver { alert }, Some(customer)) => {
            match alerts::alert(&mut *c, scope, *alert).await {
                Ok(view) => {
                    Some((Box::new(view), Box::new(parties::customer(&mut *c, scope, customer).await?)))
                }
                Err(StoreError::NotFound) => None,
                Err(e) => return Err(e),
            }
        }
        _ => None,
    };
    Ok(Some(ClaimedSms {
        id: SmsId(bytes(&row, "id")?),
        to: parsed(&row, "recipient", PhoneNumber::parse)?,
        purpose,
        about,
        created_at: time(&row, "created_at")?,
        attempts: u32::try_from(number(&row, "attempts")?).unwrap_or(u32::MAX),
    }))
}

pub(super) async fn settle(
    c: &mut Conn,
    scope: Scope,
    id: SmsId,
    token: [u8; 16],
    attempt: &Attempt,
    words: &str,
    now: Timestamp,
) -> Result<()> {
    scope.require_system()?;
    let (state, next_at, reply) = match attempt {
        Attempt::Sent { reply } => ("sent", now, reply),
        Attempt::Retry { at, reply } => ("queued", *at, reply),
        Attempt::Dead { reply } => ("dead", now, reply),
    };
    // A code is erased once nobody needs it any more.
    let done = sqlx::query(
        "UPDATE sms_outbox SET state = $1, next_at = $2, reply = $3, attempts = attempts + 1, updated_at = $4, \
         body = CASE WHEN purpose = 'code' THEN (CASE WHEN $1 = 'queued' THEN body ELSE '' END) ELSE $5 END, \
         lease_token = NULL, lease_until = NULL WHERE id = $6 AND state = 'queued' AND lease_token = $7",
    )
    .bind(state)
    .bind(next_at.micros())
    .bind(reply.as_str().to_owned())
    .bind(now.micros())
    .bind(words.to_owned())
    .bind(id.0.to_vec())
    .bind(token.to_vec())
    .execute(c)
    .await?;
    exactly_one(done.rows_affected())
}

/// Codes that nobody could send in time end here.
pub(super) async fn give_up_codes(c: &mut Conn, now: Timestamp) -> Result<u64> {
    let done = sqlx::query(
        "UPDATE sms_outbox SET state = 'dead', body = '', reply = 'too late', updated_at = $1 \
         WHERE purpose = 'code' AND state = 'queued' AND created_at < $2",
    )
    .bind(now.micros())
    .bind((now - CODE_GOES_OUT_WITHIN).micros())
    .execute(c)
    .await?;
    Ok(done.rows_affected())
}

pub(super) async fn ledger(c: &mut Conn, scope: Scope, limit: u32) -> Result<Vec<SmsView>> {
    let mut q = QueryBuilder::<Db>::new(
        "SELECT id, customer_id, recipient, purpose, body, state, attempts, created_at, updated_at, reply \
         FROM sms_outbox WHERE 1 = 1",
    );
    scoped::push(&mut q, scope, "customer_id");
    q.push(" ORDER BY created_at DESC, id DESC LIMIT ").push_bind(i64::from(limit.clamp(1, 1_000)));
    let of = |row: &Row| -> Result<SmsView> {
        let purpose = text(row, "purpose")?;
        let words = text(row, "body")?;
        Ok(SmsView {
            id: SmsId(bytes(row, "id")?),
            customer: maybe_bytes(row, "customer_id")?.map(CustomerId),
            to: parsed(row, "recipient", PhoneNumber::parse)?,
            text: if purpose == "code" { String::new() } else { words },
            purpose: Line::clip(&purpose),
            state: Line::clip(&text(row, "state")?),
            attempts: u32::try_from(row.try_get::<i64, _>("attempts")?).unwrap_or(u32::MAX),
            created_at: time(row, "created_at")?,
            updated_at: time(row, "updated_at")?,
            words: Line::clip(&text(row, "reply")?),
        })
    };
    q.build().fetch_all(c).await?.iter().map(of).collect()
}
