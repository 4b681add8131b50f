//! Second factor, recovery codes, resets, sessions, known browsers.

use std::time::Duration;

use async_trait::async_trait;
use mimamori_base::Timestamp;
use mimamori_domain::{Account, AccountId, LoginName, SecondFactor, SessionId};
use sqlx::{QueryBuilder, Row as _};

use super::accounts::{self, session_of};
use super::dialect::{Backend, Conn, Db};
use super::rows::{bytes, exactly_one, maybe_time, must_exist, number, parsed};
use crate::access::{AccessStore, FailedLogin, ResetTimes};
use crate::error::{Result, StoreError};
use crate::scope::Scope;
use crate::views::{AuditEntry, KnownBrowser, SecondFactorRecord, SessionRow};

/// Browsers remembered of one account: the longest unused give way.
const BROWSERS_MAX: i64 = 20;

/// Runs a function in one transaction, for the system only.
macro_rules! run {
    ($self:ident . $way:ident, $scope:ident, $c:ident => $work:expr) => {{
        $scope.require_system()?;
        $self.$way($scope, move |$c: &mut Conn| Box::pin(async move { $work.await })).await
    }};
}

#[async_trait]
impl AccessStore for Backend {
    async fn set_login(&self, scope: Scope, id: AccountId, login: LoginName) -> Result<()> {
        run!(self.write, scope, c => set_login(c, id, &login))
    }

    async fn account_for_reset(&self, scope: Scope, given: String) -> Result<Account> {
        run!(self.read, scope, c => accounts::find(c, &given))
    }

    async fn sessions(&self, scope: Scope, account: AccountId) -> Result<Vec<SessionRow>> {
        run!(self.read, scope, c => sessions(c, account))
    }

    async fn delete_session_of(&self, scope: Scope, account: AccountId, id: SessionId) -> Result<()> {
        run!(self.write, scope, c => delete_session_of(c, account, id))
    }

    async fn lift_session(&self, scope: Scope, token: [u8; 32], new: [u8; 32], now: Timestamp) -> Result<()> {
        run!(self.write, scope, c => lift_session(c, token, new, now))
    }

    async fn prove_session(&self, scope: Scope, token: [u8; 32], now: Timestamp) -> Result<()> {
        run!(self.write, scope, c => prove_session(c, token, now))
    }

    async fn count_code_failure(&self, scope: Scope, token: [u8; 32]) -> Result<u32> {
        run!(self.write, scope, c => count_code_failure(c, token))
    }

    async fn second_factor(&self, scope: Scope, account: AccountId) -> Result<SecondFactorRecord> {
        run!(self.read, scope, c => second_factor(c, account))
    }

    async fn set_second_factor(
        &self,
        scope: Scope,
        account: AccountId,
        kind: SecondFactor,
        secret: Option<Vec<u8>>,
        recovery_codes: Vec<[u8; 32]>,
    ) -> Result<()> {
        run!(self.write, scope, c => set_second_factor(c, account, kind, secret, &recovery_codes))
    }

    async fn use_totp_step(&self, scope: Scope, account: AccountId, step: i64) -> Result<()> {
        run!(self.write, scope, c => use_totp_step(c, account, step))
    }

    async fn use_recovery_code(
        &self,
        scope: Scope,
        account: AccountId,
        code: [u8; 32],
        now: Timestamp,
    ) -> Result<()> {
        run!(self.write, scope, c => use_recovery_code(c, account, code, now))
    }

    async fn create_reset(
        &self,
        scope: Scope,
        account: AccountId,
        token: [u8; 32],
        times: ResetTimes,
        most: u32,
    ) -> Result<()> {
        run!(self.write, scope, c => create_reset(c, account, token, times, most))
    }

    async fn reset_account(&self, scope: Scope, token: [u8; 32], now: Timestamp) -> Result<Account> {
        run!(self.read, scope, c => reset_account(c, scope, token, now))
    }

    async fn use_reset(
        &self,
        scope: Scope,
        token: [u8; 32],
        hash: String,
        now: Timestamp,
    ) -> Result<AccountId> {
        run!(self.write, scope, c => use_reset(c, scope, token, hash, now))
    }

    async fn remember_browser(
        &self,
        scope: Scope,
        token: [u8; 32],
        account: AccountId,
        now: Timestamp,
    ) -> Result<()> {
        run!(self.write, scope, c => remember_browser(c, token, account, now))
    }

    async fn known_browser(&self, scope: Scope, token: [u8; 32]) -> Result<KnownBrowser> {
        run!(self.read, scope, c => known_browser(c, token))
    }

    async fn forget_browsers(&self, scope: Scope, account: AccountId) -> Result<()> {
        run!(self.write, scope, c => forget_browsers(c, account))
    }

    async fn fail_login(
        &self,
        scope: Scope,
        whom: FailedLogin,
        entry: AuditEntry,
        lock: fn(u32) -> Option<Duration>,
    ) -> Result<()> {
        run!(self.write, scope, c => fail_login(c, scope, whom, &entry, lock))
    }
}

async fn set_login(c: &mut Conn, id: AccountId, login: &LoginName) -> Result<()> {
    let done = sqlx::query("UPDATE accounts SET login = $1 WHERE id = $2")
        .bind(login.as_str().to_owned())
        .bind(id.0.to_vec())
        .execute(c)
        .await?;
    must_exist(done.rows_affected())
}

async fn sessions(c: &mut Conn, account: AccountId) -> Result<Vec<SessionRow>> {
    let mut q = QueryBuilder::<Db>::new(
        "SELECT id AS s_id, token_hash, csrf, created_at AS s_created, seen_at, expires_at, client, stage, \
         proved_at FROM sessions WHERE account_id = ",
    );
    q.push_bind(account.0.to_vec()).push(" ORDER BY seen_at DESC LIMIT 100");
    q.build().fetch_all(c).await?.iter().map(|row| session_of(row, account)).collect()
}

async fn delete_session_of(c: &mut Conn, account: AccountId, id: SessionId) -> Result<()> {
    let done = sqlx::query("DELETE FROM sessions WHERE account_id = $1 AND id = $2")
        .bind(account.0.to_vec())
        .bind(id.0.to_vec())
        .execute(c)
        .await?;
    must_exist(done.rows_affected())
}

async fn lift_session(c: &mut Conn, token: [u8; 32], new: [u8; 32], now: Timestamp) -> Result<()> {
    let done = sqlx::query(
        "UPDATE sessions SET token_hash = $1, stage = 'full', seen_at = $2, proved_at = $2, tries = 0 \
         WHERE token_hash = $3 AND stage = 'code'",
    )
    .bind(new.to_vec())
    .bind(now.micros())
    .bind(token.to_vec())
    .execute(c)
    .await?;
    exactly_one(done.rows_affected())
}

async fn prove_session(c: &mut Conn, token: [u8; 32], now: Timestamp) -> Result<()> {
    let done = sqlx::query("UPDATE sessions SET proved_at = $1 WHERE token_hash = $2 AND stage = 'full'")
        .bind(now.micros())
        .bind(token.to_vec())
        .execute(c)
        .await?;
    must_exist(done.rows_affected())
}

async fn count_code_failure(c: &mut Conn, token: [u8; 32]) -> Result<u32> {
    let row = sqlx::query("UPDATE sessions SET tries = tries + 1 WHERE token_hash = $1 RETURNING tries")
        .bind(token.to_vec())
        .fetch_one(c)
        .await?;
    Ok(u32::try_from(number(&row, "tries")?).unwrap_or(u32::MAX))
}

async fn second_factor(c: &mut Conn, account: AccountId) -> Result<SecondFactorRecord> {
    let row = sqlx::query(
        "SELECT second_factor, totp_secret, (SELECT COUNT(*) FROM recovery_codes r \
         WHERE r.account_id = a.id AND r.used_at IS NULL) AS codes FROM accounts a WHERE a.id = $1",
    )
    .bind(account.0.to_vec())
    .fetch_one(c)
    .await?;
    Ok(SecondFactorRecord {
        kind: parsed(&row, "second_factor", SecondFactor::from_code)?,
        totp_secret: row.try_get("totp_secret")?,
        recovery_codes_left: u32::try_from(number(&row, "codes")?).unwrap_or(u32::MAX),
    })
}

async fn set_second_factor(
    c: &mut Conn,
    account: AccountId,
    kind: SecondFactor,
    secret: Option<Vec<u8>>,
    codes: &[[u8; 32]],
) -> Result<()> {
    let done = sqlx::query("UPDATE accounts SET second_factor = $1, totp_secret = $2 WHERE id = $3")
        .bind(kind.code())
        .bind(secret)
        .bind(account.0.to_vec())
        .execute(&mut *c)
        .await?;
    must_exist(done.rows_affected())?;
    sqlx::query("DELETE FROM recovery_codes WHERE account_id = $1")
        .bind(account.0.to_vec())
        .execute(&mut *c)
        .await?;
    for code in codes {
        sqlx::query("INSERT INTO recovery_codes (account_id, code_hash) VALUES ($1, $2)")
            .bind(account.0.to_vec())
            .bind(code.to_vec())
            .execute(&mut *c)
            .await?;
    }
    Ok(())
}

async fn use_totp_step(c: &mut Conn, account: AccountId, step: i64) -> Result<()> {
    let done = sqlx::query("UPDATE accounts SET totp_step = $1 WHERE id = $2 AND totp_step < $1")
        .bind(step)
        .bind(account.0.to_vec())
        .execute(c)
        .await?;
    exactly_one(done.rows_affected())
}

async fn use_recovery_code(c: &mut Conn, account: AccountId, code: [u8; 32], now: Timestamp) -> Result<()> {
    let done = sqlx::query(
        "UPDATE recovery_codes SET used_at = $1 WHERE account_id = $2 AND code_hash = $3 AND used_at IS NULL",
    )
    .bind(now.micros())
    .bind(account.0.to_vec())
    .bind(code.to_vec())
    .execute(c)
    .await?;
    must_exist(done.rows_affected())
}

async fn create_reset(
    c: &mut Conn,
    account: AccountId,
    token: [u8; 32],
    times: ResetTimes,
    most: u32,
) -> Result<()> {
    let row =
        sqlx::query("SELECT COUNT(*) AS n FROM password_resets WHERE account_id = $1 AND created_at >= $2")
            .bind(account.0.to_vec())
            .bind(times.since.micros())
            .fetch_one(&mut *c)
            .await?;
    if number(&row, "n")? >= i64::from(most) {
        return Err(StoreError::Conflict);
    }
    // Those too old to count or to use are of no use to anybody.
    sqlx::query("DELETE FROM password_resets WHERE account_id = $1 AND created_at < $2 AND expires_at < $3")
        .bind(account.0.to_vec())
        .bind(times.since.micros())
        .bind(times.now.micros())
        .execute(&mut *c)
        .await?;
    sqlx::query(
        "INSERT INTO password_resets (token_hash, account_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
    )
    .bind(token.to_vec())
    .bind(account.0.to_vec())
    .bind(times.now.micros())
    .bind(times.expires.micros())
    .execute(c)
    .await?;
    Ok(())
}

async fn reset_account(c: &mut Conn, scope: Scope, token: [u8; 32], now: Timestamp) -> Result<Account> {
    let row = sqlx::query(
        "SELECT account_id FROM password_resets WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2",
    )
    .bind(token.to_vec())
    .bind(now.micros())
    .fetch_one(&mut *c)
    .await?;
    accounts::account(c, scope, AccountId(bytes(&row, "account_id")?)).await
}

async fn use_reset(
    c: &mut Conn,
    scope: Scope,
    token: [u8; 32],
    hash: String,
    now: Timestamp,
) -> Result<AccountId> {
    let row = sqlx::query(
        "UPDATE password_resets SET used_at = $1 WHERE token_hash = $2 AND used_at IS NULL AND expires_at > $1 \
         RETURNING account_id",
    )
    .bind(now.micros())
    .bind(token.to_vec())
    .fetch_one(&mut *c)
    .await?;
    let id = AccountId(bytes(&row, "account_id")?);
    accounts::set_password(c, scope, id, hash, None).await?;
    accounts::delete_sessions(c, scope, id, None).await?;
    // The other links that may lie in the mailbox are worth nothing any more.
    sqlx::query("UPDATE password_resets SET used_at = $1 WHERE account_id = $2 AND used_at IS NULL")
        .bind(now.micros())
        .bind(id.0.to_vec())
        .execute(c)
        .await?;
    Ok(id)
}

async fn remember_browser(c: &mut Conn, token: [u8; 32], account: AccountId, now: Timestamp) -> Result<()> {
    sqlx::query(
        "DELETE FROM known_browsers WHERE account_id = $1 AND token_hash NOT IN (SELECT token_hash FROM \
         known_browsers WHERE account_id = $1 ORDER BY seen_at DESC LIMIT $2)",
    )
    .bind(account.0.to_vec())
    .bind(BROWSERS_MAX - 1)
    .execute(&mut *c)
    .await?;
    sqlx::query(
        "INSERT INTO known_browsers (token_hash, account_id, created_at, seen_at) VALUES ($1, $2, $3, $3) \
         ON CONFLICT (token_hash) DO UPDATE SET account_id = $2, seen_at = $3, failures = 0, locked_until = NULL",
    )
    .bind(token.to_vec())
    .bind(account.0.to_vec())
    .bind(now.micros())
    .execute(c)
    .await?;
    Ok(())
}

async fn known_browser(c: &mut Conn, token: [u8; 32]) -> Result<KnownBrowser> {
    let row =
        sqlx::query("SELECT account_id, failures, locked_until FROM known_browsers WHERE token_hash = $1")
            .bind(token.to_vec())
            .fetch_one(c)
            .await?;
    Ok(KnownBrowser {
        account: AccountId(bytes(&row, "account_id")?),
        failures: u32::try_from(number(&row, "failures")?).unwrap_or(u32::MAX),
        locked_until: maybe_time(&row, "locked_until")?,
    })
}

async fn forget_browsers(c: &mut Conn, account: AccountId) -> Result<()> {
    sqlx::query("DELETE FROM known_browsers WHERE account_id = $1")
        .bind(account.0.to_vec())
        .execute(c)
        .await?;
    Ok(())
}

async fn fail_login(
    c: &mut Conn,
    scope: Scope,
    whom: FailedLogin,
    entry: &AuditEntry,
    lock: fn(u32) -> Option<Duration>,
) -> Result<()> {
    let (table, key, id) = match whom {
        FailedLogin::Nobody => return accounts::audit(c, scope, entry).await,
        FailedLogin::Account(id) => ("accounts", "id", id.0.to_vec()),
        FailedLogin::Browser(token) => ("known_browsers", "token_hash", token.to_vec()),
    };
    let mut q = QueryBuilder::<Db>::new(format!("UPDATE {table} SET failures = failures + 1 WHERE {key} = "));
    q.push_bind(id.clone()).push(" RETURNING failures");
    if let Some(row) = q.build().fetch_optional(&mut *c).await? {
        let failures = u32::try_from(number(&row, "failures")?).unwrap_or(u32::MAX);
        let until = lock(failures).map(|length| (entry.at + length).micros());
        let mut q = QueryBuilder::<Db>::new(format!("UPDATE {table} SET locked_until = "));
        q.push_bind(until).push(format!(" WHERE {key} = ")).push_bind(id);
        q.build().execute(&mut *c).await?;
    }
    accounts::audit(c, scope, entry).await
}
