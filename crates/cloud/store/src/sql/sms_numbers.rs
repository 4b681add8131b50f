//! The numbers of a customer that short messages go to, and the part of the store trait that
//! both files of short messages make up.

use async_trait::async_trait;
use mimamori_base::Timestamp;
use mimamori_domain::phone::SMS_NUMBERS_MAX;
use mimamori_domain::{CustomerId, Line, PhoneNumber, SmsId};

use super::dialect::{Backend, Conn};
use super::rows::{maybe_time, must_exist, parsed, text, time};
use super::{parties, sms};
use crate::error::{Result, StoreError};
use crate::scope::Scope;
use crate::sms::{CODE_TRIES_MAX, ClaimedSms, CodeMark, NewSms, SmsNumber, SmsStore, SmsView};
use crate::views::Attempt;

pub(super) async fn numbers(c: &mut Conn, scope: Scope, customer: CustomerId) -> Result<Vec<SmsNumber>> {
    // Says `NotFound` for somebody else's.
    parties::customer(c, scope, customer).await?;
    let rows = sqlx::query(
        "SELECT number, verified_at FROM sms_numbers WHERE customer_id = $1 ORDER BY created_at, number",
    )
    .bind(customer.0.to_vec())
    .fetch_all(&mut *c)
    .await?;
    let mut all = Vec::with_capacity(rows.len());
    for row in &rows {
        let of: PhoneNumber = parsed(row, "number", PhoneNumber::parse)?;
        let last = sqlx::query(
            "SELECT state, updated_at, reply FROM sms_outbox WHERE customer_id = $1 AND recipient = $2 \
             ORDER BY created_at DESC, id DESC LIMIT 1",
        )
        .bind(customer.0.to_vec())
        .bind(of.as_str().to_owned())
        .fetch_optional(&mut *c)
        .await?
        .map(|row| {
            let line = |column| text(&row, column).map(|t| Line::clip(&t));
            Ok::<_, StoreError>((line("state")?, time(&row, "updated_at")?, line("reply")?))
        })
        .transpose()?;
        all.push(SmsNumber { number: of, verified_at: maybe_time(row, "verified_at")?, last });
    }
    Ok(all)
}

async fn add(
    c: &mut Conn,
    scope: Scope,
    customer: CustomerId,
    of: &PhoneNumber,
    code: CodeMark,
    now: Timestamp,
) -> Result<()> {
    let known = numbers(c, scope, customer).await?;
    if !known.iter().any(|k| k.number == *of) && known.len() >= SMS_NUMBERS_MAX {
        return Err(StoreError::Conflict);
    }
    sqlx::query(
        "INSERT INTO sms_numbers (customer_id, number, created_at, code_hash, code_expires, code_tries) \
         VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT (customer_id, number) DO UPDATE SET \
         code_hash = excluded.code_hash, code_expires = excluded.code_expires, code_tries = 0",
    )
    .bind(customer.0.to_vec())
    .bind(of.as_str().to_owned())
    .bind(now.micros())
    .bind(code.hash.to_vec())
    .bind(code.expires.micros())
    .execute(c)
    .await?;
    Ok(())
}

async fn verify(
    c: &mut Conn,
    scope: Scope,
    customer: CustomerId,
    of: &PhoneNumber,
    hash: [u8; 32],
    now: Timestamp,
) -> Result<bool> {
    parties::customer(c, scope, customer).await?;
    let done = sqlx::query(
        "UPDATE sms_numbers SET verified_at = $1, code_hash = NULL WHERE customer_id = $2 AND number = $3 \
         AND code_hash = $4 AND code_expires > $1 AND code_tries < $5",
    )
    .bind(now.micros())
    .bind(customer.0.to_vec())
    .bind(of.as_str().to_owned())
    .bind(hash.to_vec())
    .bind(i64::from(CODE_TRIES_MAX))
    .execute(&mut *c)
    .await?;
    if done.rows_affected() == 1 {
        return Ok(true);
    }
    let counted = sqlx::query(
        "UPDATE sms_numbers SET code_tries = code_tries + 1 WHERE customer_id = $1 AND number = $2",
    )
    .bind(customer.0.to_vec())
    .bind(of.as_str().to_owned())
    .execute(c)
    .await?;
    must_exist(counted.rows_affected())?;
    Ok(false)
}

async fn remove(c: &mut Conn, scope: Scope, customer: CustomerId, of: &PhoneNumber) -> Result<()> {
    parties::customer(c, scope, customer).await?;
    let done = sqlx::query("DELETE FROM sms_numbers WHERE customer_id = $1 AND number = $2")
        .bind(customer.0.to_vec())
        .bind(of.as_str().to_owned())
        .execute(c)
        .await?;
    must_exist(done.rows_affected())
}

/// Whether any number of the customer could take over.
pub(super) async fn verified(c: &mut Conn, customer: CustomerId) -> Result<Vec<PhoneNumber>> {
    sqlx::query(
        "SELECT number FROM sms_numbers WHERE customer_id = $1 AND verified_at IS NOT NULL \
         ORDER BY created_at, number",
    )
    .bind(customer.0.to_vec())
    .fetch_all(c)
    .await?
    .iter()
    .map(|row| parsed(row, "number", PhoneNumber::parse))
    .collect()
}

/// Runs a function in one transaction.
macro_rules! run {
    ($self:ident . $way:ident, $scope:ident, $c:ident => $work:expr) => {
        $self.$way($scope, move |$c: &mut Conn| Box::pin(async move { $work.await })).await
    };
}

#[async_trait]
impl SmsStore for Backend {
    async fn sms_numbers(&self, scope: Scope, customer: CustomerId) -> Result<Vec<SmsNumber>> {
        run!(self.read, scope, c => numbers(c, scope, customer))
    }

    async fn add_sms_number(
        &self,
        scope: Scope,
        customer: CustomerId,
        number: PhoneNumber,
        code: CodeMark,
        now: Timestamp,
    ) -> Result<()> {
        run!(self.write, scope, c => add(c, scope, customer, &number, code, now))
    }

    async fn verify_sms_number(
        &self,
        scope: Scope,
        customer: CustomerId,
        number: PhoneNumber,
        code_hash: [u8; 32],
        now: Timestamp,
    ) -> Result<bool> {
        run!(self.write, scope, c => verify(c, scope, customer, &number, code_hash, now))
    }

    async fn remove_sms_number(&self, scope: Scope, customer: CustomerId, number: PhoneNumber) -> Result<()> {
        run!(self.write, scope, c => remove(c, scope, customer, &number))
    }

    async fn queue_sms(&self, scope: Scope, sms: NewSms) -> Result<bool> {
        run!(self.write, scope, c => sms::queue(c, scope, &sms))
    }

    async fn claim_sms(
        &self,
        scope: Scope,
        now: Timestamp,
        lease_until: Timestamp,
        token: [u8; 16],
    ) -> Result<Option<ClaimedSms>> {
        run!(self.write, scope, c => async {
            sms::give_up_codes(c, now).await?;
            sms::claim(c, scope, now, lease_until, token).await
        })
    }

    async fn settle_sms(
        &self,
        scope: Scope,
        id: SmsId,
        token: [u8; 16],
        attempt: Attempt,
        text: String,
        now: Timestamp,
    ) -> Result<()> {
        run!(self.write, scope, c => sms::settle(c, scope, id, token, &attempt, &text, now))
    }

    async fn sms_ledger(&self, scope: Scope, limit: u32) -> Result<Vec<SmsView>> {
        run!(self.read, scope, c => sms::ledger(c, scope, limit))
    }
}
