//! Accounts, sessions, audit log.

use mimamori_base::Timestamp;
use mimamori_domain::account::Belongs;
use mimamori_domain::alert::Actor;
use mimamori_domain::{
    Account, AccountId, AuditId, CustomerId, EmailAddress, Line, LoginName, Name, ResellerId, Role,
    SecondFactor, SessionId,
};
use sqlx::QueryBuilder;

use super::dialect::{Conn, Db, Row};
use super::rows::{bytes, maybe_bytes, maybe_time, must_exist, number, parsed, text, time};
use crate::error::{Result, StoreError};
use crate::scope::{Reach, Scope};
use crate::views::{AuditEntry, LoginMark, LoginRecord, SessionRow, SessionStage};

const ACCOUNT: &str = "SELECT a.id AS a_id, a.login, a.name AS a_name, a.email, a.role, a.customer_id, \
     a.reseller_id, a.password_hash, a.must_change, a.failures, a.locked_until, a.created_at AS a_created, \
     a.second_factor, a.password_expires";

/// Rows that belong to a customer or a reseller have both columns.
fn push_scope(q: &mut QueryBuilder<Db>, scope: Scope) {
    match scope.0 {
        Reach::Customer(id) => {
            q.push(" AND customer_id = ").push_bind(id.0.to_vec());
        }
        Reach::Reseller(id) => {
            q.push(" AND (reseller_id = ").push_bind(id.0.to_vec());
            q.push(" OR customer_id IN (SELECT id FROM customers WHERE reseller_id = ");
            q.push_bind(id.0.to_vec()).push("))");
        }
        Reach::Operator | Reach::System => {}
    }
}

fn columns(belongs: Belongs) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    match belongs {
        Belongs::Customer(id) => (Some(id.0.to_vec()), None),
        Belongs::Reseller(id) => (None, Some(id.0.to_vec())),
        Belongs::Operation => (None, None),
    }
}

fn belongs_of(row: &Row) -> Result<Belongs> {
    Ok(match (maybe_bytes(row, "customer_id")?, maybe_bytes(row, "reseller_id")?) {
        (Some(id), _) => Belongs::Customer(CustomerId(id)),
        (None, Some(id)) => Belongs::Reseller(ResellerId(id)),
        (None, None) => Belongs::Operation,
    })
}

fn account_of(row: &Row) -> Result<Account> {
    Ok(Account {
        id: AccountId(bytes(row, "a_id")?),
        login: parsed(row, "login", LoginName::parse)?,
        name: parsed(row, "a_name", Name::parse)?,
        email: parsed(row, "email", EmailAddress::parse)?,
        role: parsed(row, "role", Role::from_code)?,
        belongs: belongs_of(row)?,
        created_at: time(row, "a_created")?,
        must_change_password: number(row, "must_change")? != 0,
        second_factor: parsed(row, "second_factor", SecondFactor::from_code)?,
    })
}

pub(super) async fn create_account(
    c: &mut Conn,
    scope: Scope,
    a: &Account,
    hash: String,
    temporary_until: Option<Timestamp>,
) -> Result<()> {
    scope.require_operator()?;
    let (customer, reseller) = columns(a.belongs);
    sqlx::query(
        "INSERT INTO accounts (id, login, name, email, role, customer_id, reseller_id, password_hash, \
         must_change, created_at, password_expires) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(a.id.0.to_vec())
    .bind(a.login.as_str().to_owned())
    .bind(a.name.as_str().to_owned())
    .bind(a.email.as_str().to_owned())
    .bind(a.role.code())
    .bind(customer)
    .bind(reseller)
    .bind(hash)
    .bind(i64::from(a.must_change_password))
    .bind(a.created_at.micros())
    .bind(temporary_until.map(Timestamp::micros))
    .execute(c)
    .await?;
    Ok(())
}

pub(super) async fn accounts(c: &mut Conn, scope: Scope) -> Result<Vec<Account>> {
    let mut q = QueryBuilder::<Db>::new(ACCOUNT);
    q.push(" FROM accounts a WHERE 1 = 1");
    push_scope(&mut q, scope);
    q.push(" ORDER BY a.login LIMIT 20000");
    q.build().fetch_all(c).await?.iter().map(account_of).collect()
}

pub(super) async fn account(c: &mut Conn, scope: Scope, id: AccountId) -> Result<Account> {
    let mut q = QueryBuilder::<Db>::new(ACCOUNT);
    q.push(" FROM accounts a WHERE a.id = ").push_bind(id.0.to_vec());
    push_scope(&mut q, scope);
    account_of(&q.build().fetch_one(c).await?)
}

/// The account of this user ID, or of this mail address if only one has it.
pub(super) async fn find(c: &mut Conn, given: &str) -> Result<Account> {
    let mut q = QueryBuilder::<Db>::new(ACCOUNT);
    q.push(" FROM accounts a WHERE a.login = LOWER(").push_bind(given.to_owned());
    q.push(") OR LOWER(a.email) = LOWER(").push_bind(given.to_owned()).push(") LIMIT 2");
    let rows = q.build().fetch_all(c).await?;
    match rows.as_slice() {
        [one] => account_of(one),
        _ => Err(StoreError::NotFound),
    }
}

pub(super) async fn login_record(c: &mut Conn, scope: Scope, login: &LoginName) -> Result<LoginRecord> {
    scope.require_system()?;
    let mut q = QueryBuilder::<Db>::new(ACCOUNT);
    q.push(" FROM accounts a WHERE a.login = ").push_bind(login.as_str().to_owned());
    let row = q.build().fetch_one(c).await?;
    Ok(LoginRecord {
        account: account_of(&row)?,
        password_hash: text(&row, "password_hash")?,
        failures: u32::try_from(number(&row, "failures")?).unwrap_or(u32::MAX),
        locked_until: maybe_time(&row, "locked_until")?,
        password_expires: maybe_time(&row, "password_expires")?,
    })
}

pub(super) async fn mark_login(c: &mut Conn, scope: Scope, mark: &LoginMark) -> Result<()> {
    scope.require_system()?;
    let done = sqlx::query(
        "UPDATE accounts SET failures = $1, locked_until = $2, last_login = COALESCE($3, last_login) WHERE id = $4",
    )
    .bind(i64::from(mark.failures))
    .bind(mark.locked_until.map(Timestamp::micros))
    .bind(mark.logged_in_at.map(Timestamp::micros))
    .bind(mark.account.0.to_vec())
    .execute(c)
    .await?;
    must_exist(done.rows_affected())
}

pub(super) async fn set_password(
    c: &mut Conn,
    scope: Scope,
    id: AccountId,
    hash: String,
    temporary_until: Option<Timestamp>,
) -> Result<()> {
    scope.require_system()?;
    let done = sqlx::query(
        "UPDATE accounts SET password_hash = $1, must_change = $2, password_expires = $3, failures = 0, \
         locked_until = NULL WHERE id = $4",
    )
    .bind(hash)
    .bind(i64::from(temporary_until.is_some()))
    .bind(temporary_until.map(Timestamp::micros))
    .bind(id.0.to_vec())
    .execute(c)
    .await?;
    must_exist(done.rows_affected())
}

pub(super) async fn create_session(c: &mut Conn, scope: Scope, s: &SessionRow) -> Result<()> {
    scope.require_system()?;
    sqlx::query(
        "INSERT INTO sessions (token_hash, id, account_id, csrf, created_at, seen_at, expires_at, client, \
         stage, proved_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(s.token_hash.to_vec())
    .bind(s.id.0.to_vec())
    .bind(s.account.0.to_vec())
    .bind(s.csrf.to_vec())
    .bind(s.created_at.micros())
    .bind(s.seen_at.micros())
    .bind(s.expires_at.micros())
    .bind(s.client.as_str().to_owned())
    .bind(s.stage.code())
    .bind(s.proved_at.micros())
    .execute(c)
    .await?;
    Ok(())
}

pub(super) async fn session(c: &mut Conn, scope: Scope, token: [u8; 32]) -> Result<(SessionRow, Account)> {
    scope.require_system()?;
    let mut q = QueryBuilder::<Db>::new(ACCOUNT);
    q.push(
        ", s.id AS s_id, s.csrf, s.created_at AS s_created, s.seen_at, s.expires_at, s.client, \
            s.stage, s.proved_at, s.token_hash",
    );
    q.push(" FROM sessions s JOIN accounts a ON a.id = s.account_id WHERE s.token_hash = ");
    q.push_bind(token.to_vec());
    let row = q.build().fetch_one(c).await?;
    let account = account_of(&row)?;
    Ok((session_of(&row, account.id)?, account))
}

pub(super) fn session_of(row: &Row, account: AccountId) -> Result<SessionRow> {
    Ok(SessionRow {
        id: SessionId(bytes(row, "s_id")?),
        token_hash: bytes(row, "token_hash")?,
        account,
        csrf: bytes(row, "csrf")?,
        created_at: time(row, "s_created")?,
        seen_at: time(row, "seen_at")?,
        expires_at: time(row, "expires_at")?,
        client: Line::clip(&text(row, "client")?),
        stage: parsed(row, "stage", SessionStage::from_code)?,
        proved_at: time(row, "proved_at")?,
    })
}

pub(super) async fn touch_session(c: &mut Conn, scope: Scope, token: [u8; 32], now: Timestamp) -> Result<()> {
    scope.require_system()?;
    sqlx::query("UPDATE sessions SET seen_at = $1 WHERE token_hash = $2")
        .bind(now.micros())
        .bind(token.to_vec())
        .execute(c)
        .await?;
    Ok(())
}

pub(super) async fn delete_session(c: &mut Conn, scope: Scope, token: [u8; 32]) -> Result<()> {
    scope.require_system()?;
    sqlx::query("DELETE FROM sessions WHERE token_hash = $1").bind(token.to_vec()).execute(c).await?;
    Ok(())
}

pub(super) async fn delete_sessions(
    c: &mut Conn,
    scope: Scope,
    id: AccountId,
    keep: Option<[u8; 32]>,
) -> Result<()> {
    scope.require_system()?;
    let keep = keep.map_or_else(Vec::new, |k| k.to_vec());
    sqlx::query("DELETE FROM sessions WHERE account_id = $1 AND token_hash <> $2")
        .bind(id.0.to_vec())
        .bind(keep)
        .execute(c)
        .await?;
    Ok(())
}

pub(super) async fn audit(c: &mut Conn, scope: Scope, e: &AuditEntry) -> Result<()> {
    scope.require_system()?;
    let (customer, reseller) = columns(e.about);
    sqlx::query(
        "INSERT INTO audit (id, at, account_id, actor, customer_id, reseller_id, action, subject, detail) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(e.id.0.to_vec())
    .bind(e.at.micros())
    .bind(e.actor.as_ref().map(|a| a.account.0.to_vec()))
    .bind(e.actor.as_ref().map_or("", |a| a.name.as_str()).to_owned())
    .bind(customer)
    .bind(reseller)
    .bind(e.action.as_str().to_owned())
    .bind(e.subject.as_str().to_owned())
    .bind(e.detail.as_str().to_owned())
    .execute(c)
    .await?;
    Ok(())
}

pub(super) async fn audit_log(c: &mut Conn, scope: Scope, limit: u32) -> Result<Vec<AuditEntry>> {
    let mut q = QueryBuilder::<Db>::new(
        "SELECT id, at, account_id, actor, customer_id, reseller_id, action, subject, detail FROM audit WHERE 1 = 1",
    );
    push_scope(&mut q, scope);
    q.push(" ORDER BY at DESC, id DESC LIMIT ").push_bind(i64::from(limit.clamp(1, 1_000)));
    q.build().fetch_all(c).await?.iter().map(audit_of).collect()
}

fn audit_of(row: &Row) -> Result<AuditEntry> {
    let actor = match maybe_bytes(row, "account_id")? {
        Some(id) => Some(Actor { account: AccountId(id), name: parsed(row, "actor", Name::parse)? }),
        None => None,
    };
    let line = |column| -> Result<Line> { Ok(Line::clip(&text(row, column)?)) };
    Ok(AuditEntry {
        id: AuditId(bytes(row, "id")?),
        at: time(row, "at")?,
        actor,
        about: belongs_of(row)?,
        action: line("action")?,
        subject: line("subject")?,
        detail: line("detail")?,
    })
}

/// Sessions that nobody can use any more.
pub(super) async fn purge_sessions(c: &mut Conn, now: Timestamp) -> Result<u64> {
    let done =
        sqlx::query("DELETE FROM sessions WHERE expires_at < $1").bind(now.micros()).execute(c).await?;
    Ok(done.rows_affected())
}
