//! Tokens of the API, webhooks and their deliveries.

use async_trait::async_trait;
use mimamori_base::Timestamp;
use mimamori_domain::{
    Account, AccountId, ApiTokenId, CustomerId, Line, Name, Notice, NoticeKind, WebhookDeliveryId, WebhookId,
    WebhookState,
};
use sqlx::{QueryBuilder, Row as _};

use super::dialect::{Backend, Conn, Db, LOCK_ROW, Row, SKIP_LOCKED};
use super::rows::{bytes, exactly_one, json, maybe_time, must_exist, number, parsed, text, time, to_json};
use super::{accounts, scoped};
use crate::error::{Result, StoreError};
use crate::integrations::{ApiTokenRow, IntegrationStore, WebhookDelivery, WebhookOutcome, WebhookRow};
use crate::scope::Scope;

/// Runs a function in one transaction.
macro_rules! run {
    ($self:ident . $way:ident, $scope:ident, $c:ident => $work:expr) => {
        $self.$way($scope, move |$c: &mut Conn| Box::pin(async move { $work.await })).await
    };
}

#[async_trait]
impl IntegrationStore for Backend {
    async fn add_api_token(&self, scope: Scope, token: ApiTokenRow, most: u32) -> Result<()> {
        run!(self.write, scope, c => add_token(c, scope, &token, most))
    }

    async fn api_tokens(&self, scope: Scope, customer: CustomerId) -> Result<Vec<ApiTokenRow>> {
        run!(self.read, scope, c => tokens(c, scope, customer))
    }

    async fn revoke_api_token(&self, scope: Scope, id: ApiTokenId, now: Timestamp) -> Result<()> {
        run!(self.write, scope, c => revoke(c, scope, id, now))
    }

    async fn revoke_api_tokens_of(&self, scope: Scope, account: AccountId, now: Timestamp) -> Result<()> {
        scope.require_system()?;
        run!(self.write, scope, c => revoke_all(c, account, now))
    }

    async fn api_token(&self, scope: Scope, token_hash: [u8; 32]) -> Result<(ApiTokenRow, Account)> {
        scope.require_system()?;
        run!(self.read, scope, c => token(c, scope, token_hash))
    }

    async fn touch_api_token(&self, scope: Scope, id: ApiTokenId, now: Timestamp) -> Result<()> {
        scope.require_system()?;
        run!(self.write, scope, c => touch(c, id, now))
    }

    async fn add_webhook(&self, scope: Scope, webhook: WebhookRow, most: u32) -> Result<()> {
        run!(self.write, scope, c => add_webhook(c, scope, &webhook, most))
    }

    async fn webhooks(&self, scope: Scope, customer: Option<CustomerId>) -> Result<Vec<WebhookRow>> {
        run!(self.read, scope, c => webhooks(c, scope, customer))
    }

    async fn webhook(&self, scope: Scope, id: WebhookId) -> Result<WebhookRow> {
        run!(self.read, scope, c => webhook(c, scope, id))
    }

    async fn set_webhook(&self, scope: Scope, webhook: WebhookRow) -> Result<()> {
        run!(self.write, scope, c => set_webhook(c, scope, &webhook))
    }

    async fn remove_webhook(&self, scope: Scope, id: WebhookId) -> Result<()> {
        run!(self.write, scope, c => remove_webhook(c, scope, id))
    }

    async fn queue_webhook(
        &self,
        scope: Scope,
        webhook: WebhookId,
        notice: Notice,
        id: WebhookDeliveryId,
    ) -> Result<()> {
        scope.require_system()?;
        run!(self.write, scope, c => queue_one(c, webhook, &notice, id))
    }

    async fn webhook_deliveries(
        &self,
        scope: Scope,
        customer: CustomerId,
        limit: u32,
    ) -> Result<Vec<WebhookDelivery>> {
        run!(self.read, scope, c => deliveries(c, scope, customer, limit))
    }

    async fn claim_webhooks(
        &self,
        scope: Scope,
        now: Timestamp,
        lease_until: Timestamp,
        token: [u8; 16],
        limit: u32,
    ) -> Result<Vec<WebhookDelivery>> {
        scope.require_system()?;
        run!(self.write, scope, c => claim(c, now, lease_until, token, limit))
    }

    async fn settle_webhook(
        &self,
        scope: Scope,
        id: WebhookDeliveryId,
        token: [u8; 16],
        outcome: WebhookOutcome,
        now: Timestamp,
        most_failures: u32,
    ) -> Result<()> {
        scope.require_system()?;
        run!(self.write, scope, c => settle(c, id, token, &outcome, now, most_failures))
    }

    async fn requeue_webhook(&self, scope: Scope, id: WebhookDeliveryId, now: Timestamp) -> Result<()> {
        run!(self.write, scope, c => requeue(c, scope, id, now))
    }
}

const TOKEN: &str = "SELECT id, customer_id, account_id, name, token_hash, scopes, created_at, expires_at, used_at, \
     revoked_at FROM api_tokens WHERE ";

fn token_of(row: &Row) -> Result<ApiTokenRow> {
    Ok(ApiTokenRow {
        id: ApiTokenId(bytes(row, "id")?),
        customer: CustomerId(bytes(row, "customer_id")?),
        account: AccountId(bytes(row, "account_id")?),
        name: parsed(row, "name", Name::parse)?,
        token_hash: bytes(row, "token_hash")?,
        scopes: text(row, "scopes")?,
        created_at: time(row, "created_at")?,
        expires_at: time(row, "expires_at")?,
        used_at: maybe_time(row, "used_at")?,
        revoked_at: maybe_time(row, "revoked_at")?,
    })
}

/// How many rows of the customer there are; the customer has to be in sight.
async fn how_many(c: &mut Conn, scope: Scope, what: &'static str, customer: CustomerId) -> Result<i64> {
    let mut q = QueryBuilder::<Db>::new("SELECT id FROM customers WHERE id = ");
    q.push_bind(customer.0.to_vec());
    scoped::push(&mut q, scope, "id");
    q.push(LOCK_ROW);
    q.build().fetch_one(&mut *c).await?;
    let mut q = QueryBuilder::<Db>::new(what);
    q.push_bind(customer.0.to_vec());
    number(&q.build().fetch_one(c).await?, "n")
}

async fn add_token(c: &mut Conn, scope: Scope, t: &ApiTokenRow, most: u32) -> Result<()> {
    let live = "SELECT COUNT(*) AS n FROM api_tokens WHERE revoked_at IS NULL AND customer_id = ";
    if how_many(c, scope, live, t.customer).await? >= i64::from(most) {
        return Err(StoreError::Conflict);
    }
    sqlx::query(
        "INSERT INTO api_tokens (id, customer_id, account_id, name, token_hash, scopes, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(t.id.0.to_vec())
    .bind(t.customer.0.to_vec())
    .bind(t.account.0.to_vec())
    .bind(t.name.as_str().to_owned())
    .bind(t.token_hash.to_vec())
    .bind(t.scopes.clone())
    .bind(t.created_at.micros())
    .bind(t.expires_at.micros())
    .execute(c)
    .await?;
    Ok(())
}

async fn tokens(c: &mut Conn, scope: Scope, customer: CustomerId) -> Result<Vec<ApiTokenRow>> {
    let mut q = QueryBuilder::<Db>::new(TOKEN);
    q.push("customer_id = ").push_bind(customer.0.to_vec());
    scoped::push(&mut q, scope, "customer_id");
    q.push(" ORDER BY revoked_at IS NOT NULL, created_at DESC, id LIMIT 100");
    q.build().fetch_all(c).await?.iter().map(token_of).collect()
}

async fn revoke(c: &mut Conn, scope: Scope, id: ApiTokenId, now: Timestamp) -> Result<()> {
    let mut q = QueryBuilder::<Db>::new("UPDATE api_tokens SET revoked_at = ");
    q.push_bind(now.micros()).push(" WHERE revoked_at IS NULL AND id = ").push_bind(id.0.to_vec());
    scoped::push(&mut q, scope, "customer_id");
    must_exist(q.build().execute(c).await?.rows_affected())
}

async fn revoke_all(c: &mut Conn, account: AccountId, now: Timestamp) -> Result<()> {
    sqlx::query("UPDATE api_tokens SET revoked_at = $1 WHERE revoked_at IS NULL AND account_id = $2")
        .bind(now.micros())
        .bind(account.0.to_vec())
        .execute(c)
        .await?;
    Ok(())
}

async fn token(c: &mut Conn, scope: Scope, hash: [u8; 32]) -> Result<(ApiTokenRow, Account)> {
    let mut q = QueryBuilder::<Db>::new(TOKEN);
    q.push("token_hash = ").push_bind(hash.to_vec());
    let token = token_of(&q.build().fetch_one(&mut *c).await?)?;
    let account = accounts::account(c, scope, token.account).await?;
    Ok((token, account))
}

async fn touch(c: &mut Conn, id: ApiTokenId, now: Timestamp) -> Result<()> {
    sqlx::query("UPDATE api_tokens SET used_at = $1 WHERE id = $2")
        .bind(now.micros())
        .bind(id.0.to_vec())
        .execute(c)
        .await?;
    Ok(())
}

const WEBHOOK: &str = "SELECT id, customer_id, url, secret, old_secret, old_until, state, failures, created_at \
     FROM webhooks WHERE 1 = 1";

fn webhook_of(row: &Row) -> Result<WebhookRow> {
    Ok(WebhookRow {
        id: WebhookId(bytes(row, "id")?),
        customer: CustomerId(bytes(row, "customer_id")?),
        url: text(row, "url")?,
        secret: row.try_get("secret")?,
        old_secret: row.try_get("old_secret")?,
        old_until: time(row, "old_until")?,
        state: parsed(row, "state", WebhookState::from_code)?,
        failures: u32::try_from(number(row, "failures")?).unwrap_or(u32::MAX),
        created_at: time(row, "created_at")?,
    })
}

async fn add_webhook(c: &mut Conn, scope: Scope, w: &WebhookRow, most: u32) -> Result<()> {
    let all = "SELECT COUNT(*) AS n FROM webhooks WHERE customer_id = ";
    if how_many(c, scope, all, w.customer).await? >= i64::from(most) {
        return Err(StoreError::Conflict);
    }
    sqlx::query(
        "INSERT INTO webhooks (id, customer_id, url, secret, state, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(w.id.0.to_vec())
    .bind(w.customer.0.to_vec())
    .bind(w.url.clone())
    .bind(w.secret.clone())
    .bind(w.state.code())
    .bind(w.created_at.micros())
    .execute(c)
    .await?;
    Ok(())
}

async fn webhooks(c: &mut Conn, scope: Scope, customer: Option<CustomerId>) -> Result<Vec<WebhookRow>> {
    let mut q = QueryBuilder::<Db>::new(WEBHOOK);
    if let Some(id) = customer {
        q.push(" AND customer_id = ").push_bind(id.0.to_vec());
    }
    scoped::push(&mut q, scope, "customer_id");
    q.push(" ORDER BY created_at, id LIMIT 50000");
    q.build().fetch_all(c).await?.iter().map(webhook_of).collect()
}

async fn webhook(c: &mut Conn, scope: Scope, id: WebhookId) -> Result<WebhookRow> {
    let mut q = QueryBuilder::<Db>::new(WEBHOOK);
    q.push(" AND id = ").push_bind(id.0.to_vec());
    scoped::push(&mut q, scope, "customer_id");
    webhook_of(&q.build().fetch_one(c).await?)
}

async fn set_webhook(c: &mut Conn, scope: Scope, w: &WebhookRow) -> Result<()> {
    let mut q = QueryBuilder::<Db>::new("UPDATE webhooks SET secret = ");
    q.push_bind(w.secret.clone()).push(", old_secret = ").push_bind(w.old_secret.clone());
    q.push(", old_until = ").push_bind(w.old_until.micros());
    q.push(", state = ").push_bind(w.state.code());
    q.push(", failures = ").push_bind(i64::from(w.failures));
    q.push(" WHERE id = ").push_bind(w.id.0.to_vec());
    scoped::push(&mut q, scope, "customer_id");
    must_exist(q.build().execute(c).await?.rows_affected())
}

async fn remove_webhook(c: &mut Conn, scope: Scope, id: WebhookId) -> Result<()> {
    let mut q = QueryBuilder::<Db>::new("DELETE FROM webhooks WHERE id = ");
    q.push_bind(id.0.to_vec());
    scoped::push(&mut q, scope, "customer_id");
    must_exist(q.build().execute(c).await?.rows_affected())
}

/// What machines are told of; mails about accounts and tests of mail are for people.
const fn is_for_machines(kind: &NoticeKind) -> bool {
    matches!(
        kind,
        NoticeKind::AlertRaised { .. }
            | NoticeKind::AlertRose { .. }
            | NoticeKind::Investigated { .. }
            | NoticeKind::GatewayStopped { .. }
            | NoticeKind::GatewayRecovered { .. }
    )
}

/// The event goes to every webhook of the customer that is on, with what caused it.
pub(super) async fn queue_for_webhooks(c: &mut Conn, n: &Notice) -> Result<()> {
    if !is_for_machines(&n.kind) {
        return Ok(());
    }
    let hooks = sqlx::query("SELECT id FROM webhooks WHERE customer_id = $1 AND state = 'on'")
        .bind(n.customer.0.to_vec())
        .fetch_all(&mut *c)
        .await?;
    for hook in hooks {
        let hook: [u8; 16] = bytes(&hook, "id")?;
        // Its own id, and the same one again if the notice comes again.
        let id = std::array::from_fn(|i| {
            n.id.0.get(i).copied().unwrap_or(0) ^ if i < 6 { 0 } else { hook.get(i).copied().unwrap_or(0) }
        });
        queue_one(c, WebhookId(hook), n, WebhookDeliveryId(id)).await?;
    }
    Ok(())
}

async fn queue_one(c: &mut Conn, hook: WebhookId, n: &Notice, id: WebhookDeliveryId) -> Result<()> {
    sqlx::query(
        "INSERT INTO webhook_deliveries (id, webhook_id, customer_id, notice_id, body, state, next_at, created_at, \
         updated_at) VALUES ($1, $2, $3, $4, $5, 'queued', $6, $6, $6) ON CONFLICT DO NOTHING",
    )
    .bind(id.0.to_vec())
    .bind(hook.0.to_vec())
    .bind(n.customer.0.to_vec())
    .bind(n.id.0.to_vec())
    .bind(to_json(n)?)
    .bind(n.created_at.micros())
    .execute(c)
    .await?;
    Ok(())
}

const DELIVERY: &str = "SELECT id, webhook_id, customer_id, body, state, attempts, created_at, updated_at, answer \
     FROM webhook_deliveries WHERE ";

fn delivery_of(row: &Row) -> Result<WebhookDelivery> {
    Ok(WebhookDelivery {
        id: WebhookDeliveryId(bytes(row, "id")?),
        webhook: WebhookId(bytes(row, "webhook_id")?),
        customer: CustomerId(bytes(row, "customer_id")?),
        notice: json(row, "body")?,
        state: text(row, "state")?,
        attempts: u32::try_from(number(row, "attempts")?).unwrap_or(u32::MAX),
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
        answer: Line::clip(&text(row, "answer")?),
    })
}

async fn deliveries(
    c: &mut Conn,
    scope: Scope,
    customer: CustomerId,
    limit: u32,
) -> Result<Vec<WebhookDelivery>> {
    let mut q = QueryBuilder::<Db>::new(DELIVERY);
    q.push("customer_id = ").push_bind(customer.0.to_vec());
    scoped::push(&mut q, scope, "customer_id");
    q.push(" ORDER BY created_at DESC, id DESC LIMIT ").push_bind(i64::from(limit));
    q.build().fetch_all(c).await?.iter().map(delivery_of).collect()
}

async fn claim(
    c: &mut Conn,
    now: Timestamp,
    lease_until: Timestamp,
    token: [u8; 16],
    limit: u32,
) -> Result<Vec<WebhookDelivery>> {
    let mut q = QueryBuilder::<Db>::new(DELIVERY);
    q.push("state = 'queued' AND next_at <= ").push_bind(now.micros());
    q.push(" AND lease_until <= ").push_bind(now.micros());
    // What was switched off, or switched itself off, waits.
    q.push(" AND webhook_id IN (SELECT id FROM webhooks WHERE state = 'on')");
    q.push(" ORDER BY next_at, id LIMIT ").push_bind(i64::from(limit)).push(SKIP_LOCKED);
    let mut claimed: Vec<WebhookDelivery> =
        q.build().fetch_all(&mut *c).await?.iter().map(delivery_of).collect::<Result<_>>()?;
    for d in &mut claimed {
        d.attempts = d.attempts.saturating_add(1);
        sqlx::query(
            "UPDATE webhook_deliveries SET lease_token = $1, lease_until = $2, attempts = $3 WHERE id = $4",
        )
        .bind(token.to_vec())
        .bind(lease_until.micros())
        .bind(i64::from(d.attempts))
        .bind(d.id.0.to_vec())
        .execute(&mut *c)
        .await?;
    }
    Ok(claimed)
}

async fn settle(
    c: &mut Conn,
    id: WebhookDeliveryId,
    token: [u8; 16],
    outcome: &WebhookOutcome,
    now: Timestamp,
    most_failures: u32,
) -> Result<()> {
    let (state, next, answer) = match outcome {
        WebhookOutcome::Done(answer) => ("done", now, answer),
        WebhookOutcome::Later { at, answer } => ("queued", *at, answer),
        WebhookOutcome::Dead(answer) => ("dead", now, answer),
    };
    let row = sqlx::query(
        "UPDATE webhook_deliveries SET state = $1, next_at = $2, answer = $3, updated_at = $4, \
         lease_token = NULL, lease_until = 0 WHERE id = $5 AND lease_token = $6 AND state = 'queued' \
         RETURNING webhook_id",
    )
    .bind(state)
    .bind(next.micros())
    .bind(answer.as_str().to_owned())
    .bind(now.micros())
    .bind(id.0.to_vec())
    .bind(token.to_vec())
    .fetch_optional(&mut *c)
    .await?
    .ok_or(StoreError::Conflict)?;
    let hook: [u8; 16] = bytes(&row, "webhook_id")?;
    let count = match outcome {
        WebhookOutcome::Done(_) => "UPDATE webhooks SET failures = 0 WHERE id = $1 AND $2 > 0",
        WebhookOutcome::Later { .. } => return Ok(()),
        WebhookOutcome::Dead(_) => {
            "UPDATE webhooks SET failures = failures + 1, \
             state = CASE WHEN failures + 1 >= $2 AND state = 'on' THEN 'failing' ELSE state END WHERE id = $1"
        }
    };
    let done = sqlx::query(count).bind(hook.to_vec()).bind(i64::from(most_failures)).execute(c).await?;
    exactly_one(done.rows_affected())
}

async fn requeue(c: &mut Conn, scope: Scope, id: WebhookDeliveryId, now: Timestamp) -> Result<()> {
    let mut q =
        QueryBuilder::<Db>::new("UPDATE webhook_deliveries SET state = 'queued', attempts = 0, next_at = ");
    q.push_bind(now.micros()).push(" WHERE state = 'dead' AND id = ").push_bind(id.0.to_vec());
    scoped::push(&mut q, scope, "customer_id");
    must_exist(q.build().execute(c).await?.rows_affected())
}
