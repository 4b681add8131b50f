//! Passkeys, codes by SMS, sealed keys of authenticator apps.

use async_trait::async_trait;
use mimamori_base::Timestamp;
use mimamori_domain::{Account, AccountId, Name, PasskeyId};
use sqlx::{QueryBuilder, Row as _};

use super::accounts;
use super::dialect::{Backend, Conn, Db, Row};
use super::rows::{bytes, exactly_one, maybe_time, must_exist, number, parsed, text, time};
use crate::error::{Result, StoreError};
use crate::passkeys::{LoginCode, PasskeyRow, PasskeyStore};
use crate::scope::Scope;

/// Runs a function in one transaction, for the system only.
macro_rules! run {
    ($self:ident . $way:ident, $scope:ident, $c:ident => $work:expr) => {{
        $scope.require_system()?;
        $self.$way($scope, move |$c: &mut Conn| Box::pin(async move { $work.await })).await
    }};
}

#[async_trait]
impl PasskeyStore for Backend {
    async fn add_passkey(&self, scope: Scope, passkey: PasskeyRow, most: u32) -> Result<()> {
        run!(self.write, scope, c => add(c, &passkey, most))
    }

    async fn passkeys(&self, scope: Scope, account: AccountId) -> Result<Vec<PasskeyRow>> {
        run!(self.read, scope, c => list(c, account))
    }

    async fn passkey(&self, scope: Scope, credential: Vec<u8>) -> Result<(PasskeyRow, Account)> {
        run!(self.read, scope, c => find(c, scope, credential))
    }

    async fn rename_passkey(
        &self,
        scope: Scope,
        account: AccountId,
        id: PasskeyId,
        name: Name,
    ) -> Result<()> {
        run!(self.write, scope, c => rename(c, account, id, &name))
    }

    async fn remove_passkey(&self, scope: Scope, account: AccountId, id: PasskeyId) -> Result<()> {
        run!(self.write, scope, c => remove(c, account, id))
    }

    async fn remove_passkeys(&self, scope: Scope, account: AccountId) -> Result<()> {
        run!(self.write, scope, c => remove_all(c, account))
    }

    async fn use_passkey(
        &self,
        scope: Scope,
        id: PasskeyId,
        old: u32,
        count: u32,
        now: Timestamp,
    ) -> Result<()> {
        run!(self.write, scope, c => mark_used(c, id, old, count, now))
    }

    async fn use_challenge(
        &self,
        scope: Scope,
        hash: [u8; 32],
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        run!(self.write, scope, c => use_challenge(c, hash, expires, now))
    }

    async fn set_sms_number(&self, scope: Scope, account: AccountId, number: Option<String>) -> Result<()> {
        run!(self.write, scope, c => set_sms_number(c, account, number))
    }

    async fn sms_number(&self, scope: Scope, account: AccountId) -> Result<Option<String>> {
        run!(self.read, scope, c => sms_number(c, account))
    }

    async fn add_login_code(&self, scope: Scope, code: LoginCode, since: Timestamp, most: u32) -> Result<()> {
        run!(self.write, scope, c => add_login_code(c, &code, since, most))
    }

    async fn use_login_code(
        &self,
        scope: Scope,
        account: AccountId,
        code_hash: [u8; 32],
        now: Timestamp,
    ) -> Result<String> {
        run!(self.write, scope, c => use_login_code(c, account, code_hash, now))
    }

    async fn app_secrets(&self, scope: Scope) -> Result<Vec<(AccountId, Vec<u8>)>> {
        run!(self.read, scope, c => app_secrets(c))
    }

    async fn reseal_app_secret(
        &self,
        scope: Scope,
        account: AccountId,
        old: Vec<u8>,
        new: Vec<u8>,
    ) -> Result<()> {
        run!(self.write, scope, c => reseal(c, account, old, new))
    }
}

const PASSKEY: &str = "SELECT id, account_id, credential, public_key, name, sign_count, created_at, used_at \
     FROM passkeys WHERE ";

fn passkey_of(row: &Row) -> Result<PasskeyRow> {
    Ok(PasskeyRow {
        id: PasskeyId(bytes(row, "id")?),
        account: AccountId(bytes(row, "account_id")?),
        credential: row.try_get("credential")?,
        public_key: row.try_get("public_key")?,
        name: parsed(row, "name", Name::parse)?,
        sign_count: u32::try_from(number(row, "sign_count")?).unwrap_or(u32::MAX),
        created_at: time(row, "created_at")?,
        used_at: maybe_time(row, "used_at")?,
    })
}

async fn add(c: &mut Conn, p: &PasskeyRow, most: u32) -> Result<()> {
    let row = sqlx::query("SELECT COUNT(*) AS n FROM passkeys WHERE account_id = $1")
        .bind(p.account.0.to_vec())
        .fetch_one(&mut *c)
        .await?;
    if number(&row, "n")? >= i64::from(most) {
        return Err(StoreError::Conflict);
    }
    sqlx::query(
        "INSERT INTO passkeys (id, account_id, credential, public_key, name, sign_count, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(p.id.0.to_vec())
    .bind(p.account.0.to_vec())
    .bind(p.credential.clone())
    .bind(p.public_key.clone())
    .bind(p.name.as_str().to_owned())
    .bind(i64::from(p.sign_count))
    .bind(p.created_at.micros())
    .execute(c)
    .await?;
    Ok(())
}

async fn list(c: &mut Conn, account: AccountId) -> Result<Vec<PasskeyRow>> {
    let mut q = QueryBuilder::<Db>::new(PASSKEY);
    q.push("account_id = ").push_bind(account.0.to_vec()).push(" ORDER BY created_at, id LIMIT 100");
    q.build().fetch_all(c).await?.iter().map(passkey_of).collect()
}

async fn find(c: &mut Conn, scope: Scope, credential: Vec<u8>) -> Result<(PasskeyRow, Account)> {
    let mut q = QueryBuilder::<Db>::new(PASSKEY);
    q.push("credential = ").push_bind(credential);
    let row = q.build().fetch_one(&mut *c).await?;
    let passkey = passkey_of(&row)?;
    let account = accounts::account(c, scope, passkey.account).await?;
    Ok((passkey, account))
}

async fn rename(c: &mut Conn, account: AccountId, id: PasskeyId, name: &Name) -> Result<()> {
    let done = sqlx::query("UPDATE passkeys SET name = $1 WHERE id = $2 AND account_id = $3")
        .bind(name.as_str().to_owned())
        .bind(id.0.to_vec())
        .bind(account.0.to_vec())
        .execute(c)
        .await?;
    must_exist(done.rows_affected())
}

async fn remove(c: &mut Conn, account: AccountId, id: PasskeyId) -> Result<()> {
    let done = sqlx::query("DELETE FROM passkeys WHERE id = $1 AND account_id = $2")
        .bind(id.0.to_vec())
        .bind(account.0.to_vec())
        .execute(c)
        .await?;
    must_exist(done.rows_affected())
}

async fn remove_all(c: &mut Conn, account: AccountId) -> Result<()> {
    sqlx::query("DELETE FROM passkeys WHERE account_id = $1").bind(account.0.to_vec()).execute(c).await?;
    Ok(())
}

async fn mark_used(c: &mut Conn, id: PasskeyId, old: u32, count: u32, now: Timestamp) -> Result<()> {
    let done =
        sqlx::query("UPDATE passkeys SET sign_count = $1, used_at = $2 WHERE id = $3 AND sign_count = $4")
            .bind(i64::from(count))
            .bind(now.micros())
            .bind(id.0.to_vec())
            .bind(i64::from(old))
            .execute(c)
            .await?;
    exactly_one(done.rows_affected())
}

async fn use_challenge(c: &mut Conn, hash: [u8; 32], expires: Timestamp, now: Timestamp) -> Result<()> {
    sqlx::query("DELETE FROM used_challenges WHERE expires_at < $1")
        .bind(now.micros())
        .execute(&mut *c)
        .await?;
    let done = sqlx::query(
        "INSERT INTO used_challenges (hash, expires_at) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING",
    )
    .bind(hash.to_vec())
    .bind(expires.micros())
    .execute(c)
    .await?;
    exactly_one(done.rows_affected())
}

async fn set_sms_number(c: &mut Conn, account: AccountId, number: Option<String>) -> Result<()> {
    let done = sqlx::query("UPDATE accounts SET sms_number = $1 WHERE id = $2")
        .bind(number)
        .bind(account.0.to_vec())
        .execute(c)
        .await?;
    must_exist(done.rows_affected())
}

async fn sms_number(c: &mut Conn, account: AccountId) -> Result<Option<String>> {
    let row = sqlx::query("SELECT sms_number FROM accounts WHERE id = $1")
        .bind(account.0.to_vec())
        .fetch_one(c)
        .await?;
    Ok(row.try_get("sms_number")?)
}

async fn add_login_code(c: &mut Conn, code: &LoginCode, since: Timestamp, most: u32) -> Result<()> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS n FROM login_codes WHERE (account_id = $1 OR number = $2) AND created_at >= $3",
    )
    .bind(code.account.0.to_vec())
    .bind(code.number.clone())
    .bind(since.micros())
    .fetch_one(&mut *c)
    .await?;
    if number(&row, "n")? >= i64::from(most) {
        return Err(StoreError::Conflict);
    }
    // Those too old to count go; those that count are worth nothing any more.
    sqlx::query("DELETE FROM login_codes WHERE account_id = $1 AND created_at < $2")
        .bind(code.account.0.to_vec())
        .bind(since.micros())
        .execute(&mut *c)
        .await?;
    sqlx::query("UPDATE login_codes SET used_at = $1 WHERE account_id = $2 AND used_at IS NULL")
        .bind(code.created_at.micros())
        .bind(code.account.0.to_vec())
        .execute(&mut *c)
        .await?;
    sqlx::query(
        "INSERT INTO login_codes (id, account_id, number, code_hash, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(code.id.0.to_vec())
    .bind(code.account.0.to_vec())
    .bind(code.number.clone())
    .bind(code.code_hash.to_vec())
    .bind(code.created_at.micros())
    .bind(code.expires_at.micros())
    .execute(c)
    .await?;
    Ok(())
}

async fn use_login_code(
    c: &mut Conn,
    account: AccountId,
    code_hash: [u8; 32],
    now: Timestamp,
) -> Result<String> {
    let row = sqlx::query(
        "UPDATE login_codes SET used_at = $1 WHERE account_id = $2 AND code_hash = $3 AND used_at IS NULL \
         AND expires_at > $1 RETURNING number",
    )
    .bind(now.micros())
    .bind(account.0.to_vec())
    .bind(code_hash.to_vec())
    .fetch_one(c)
    .await?;
    text(&row, "number")
}

async fn app_secrets(c: &mut Conn) -> Result<Vec<(AccountId, Vec<u8>)>> {
    sqlx::query("SELECT id, totp_secret FROM accounts WHERE totp_secret IS NOT NULL")
        .fetch_all(c)
        .await?
        .iter()
        .map(|row| Ok((AccountId(bytes(row, "id")?), row.try_get("totp_secret")?)))
        .collect()
}

async fn reseal(c: &mut Conn, account: AccountId, old: Vec<u8>, new: Vec<u8>) -> Result<()> {
    let done = sqlx::query("UPDATE accounts SET totp_secret = $1 WHERE id = $2 AND totp_secret = $3")
        .bind(new)
        .bind(account.0.to_vec())
        .bind(old)
        .execute(c)
        .await?;
    exactly_one(done.rows_affected())
}
