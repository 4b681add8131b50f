//! Login, sessions, passwords (AC-03).
//!
//! Holds always: an unknown user costs the same time as a wrong password and gets the same
//! answer; the token in the cookie is random and only its hash is stored; a lock says nothing
//! about whether the account exists.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mimamori_base::Timestamp;
use mimamori_domain::{Account, AuditId, Line, LoginName, SessionId};
use mimamori_store::views::{AuditEntry, LoginMark, LoginRecord, SessionRow};
use mimamori_store::{Scope, StoreError};

use crate::actor::Actor;
use crate::error::ServiceError;
use crate::secrets;
use crate::{Result, Service};

/// Wrong passwords before the account is slowed down.
const FREE_FAILURES: u32 = 5;
const FIRST_LOCK: Duration = Duration::from_secs(30);
const LONGEST_LOCK: Duration = Duration::from_secs(900);
/// A session is written back at most this often.
const TOUCH_EVERY: Duration = Duration::from_secs(60);
const PASSWORD_MIN_CHARS: usize = 10;
const PASSWORD_MAX_BYTES: usize = 512;
/// Passwords that everybody tries first, and this product's own words.
const COMMON: &[&str] = &[
    "password",
    "passw0rd",
    "1234567890",
    "0123456789",
    "qwertyuiop",
    "1q2w3e4r5t",
    "mimamori",
    "letmein",
    "iloveyou",
    "administrator",
    "sakura",
    "takehara",
    "aaaaaaaaaa",
    "1111111111",
];

/// Where a login comes from.
#[derive(Clone, Debug)]
pub struct ClientInfo {
    pub ip: IpAddr,
    pub user_agent: Line,
}

/// What the cookie holds. Shown to nobody else.
#[derive(Clone)]
pub struct SessionToken(String);

impl SessionToken {
    #[must_use]
    pub fn from_cookie(value: &str) -> Self {
        SessionToken(value.chars().take(64).collect())
    }

    #[must_use]
    pub fn cookie_value(&self) -> &str {
        &self.0
    }

    fn hash(&self) -> Option<[u8; 32]> {
        let raw = URL_SAFE_NO_PAD.decode(&self.0).ok()?;
        (raw.len() == 32).then(|| secrets::sha256(&raw))
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(…)")
    }
}

/// A fresh session.
#[derive(Clone, Debug)]
pub struct LoggedIn {
    pub token: SessionToken,
    pub actor: Actor,
    pub expires_at: Timestamp,
}

#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Unknown, wrong, or slowed down after too many tries: never told apart.
    #[error("refused")]
    Refused,
    /// Too many failures from this address.
    #[error("too many attempts from this address")]
    Throttled,
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl LoginError {
    /// What a person reads.
    #[must_use]
    pub const fn for_people(&self) -> &'static str {
        match self {
            LoginError::Refused => {
                "ユーザーIDまたはパスワードが違います。続けて間違えると、しばらくの間ログインできなくなります。"
            }
            LoginError::Throttled => {
                "ログインの失敗が続いたため、一時的に受け付けていません。10分ほど待ってから、もう一度お試しください。"
            }
            LoginError::Service(e) => e.for_people(),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum PasswordChangeError {
    #[error("the present password is wrong")]
    WrongPassword,
    #[error("the new password is shorter than 10 characters")]
    TooShort,
    #[error("the new password is too long")]
    TooLong,
    #[error("the new password is easy to guess")]
    TooCommon,
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl PasswordChangeError {
    /// What a person reads.
    #[must_use]
    pub const fn for_people(&self) -> &'static str {
        match self {
            PasswordChangeError::WrongPassword => "今のパスワードが違います。",
            PasswordChangeError::TooShort => "新しいパスワードは10文字以上にしてください。",
            PasswordChangeError::TooLong => "新しいパスワードが長すぎます。",
            PasswordChangeError::TooCommon => {
                "よく使われる言葉やユーザーIDを含むパスワードは使えません。別のパスワードにしてください。"
            }
            PasswordChangeError::Service(e) => e.for_people(),
        }
    }
}

impl Service {
    pub async fn login(
        &self,
        login: &str,
        password: &str,
        from: &ClientInfo,
    ) -> std::result::Result<LoggedIn, LoginError> {
        let now = self.now();
        if self.0.throttle.refuses(from.ip, now) {
            return Err(LoginError::Throttled);
        }
        let record = match LoginName::parse(login) {
            Ok(name) => match self.store().login_record(Scope::system(), name).await {
                Ok(record) => Some(record),
                Err(StoreError::NotFound) => None,
                Err(e) => return Err(LoginError::Service(e.into())),
            },
            Err(_) => None,
        };
        let hash = record.as_ref().map_or(self.0.dummy_hash.as_str(), |r| r.password_hash.as_str());
        let fits = self.verify(password, hash).await?;
        let locked = record.as_ref().is_some_and(|r| r.locked_until.is_some_and(|until| now < until));
        match record {
            Some(record) if fits && !locked => Ok(self.open_session(record.account, from, now).await?),
            Some(record) => {
                self.0.throttle.failed(from.ip, now);
                if !locked {
                    self.count_failure(&record, from, now).await?;
                }
                Err(LoginError::Refused)
            }
            None => {
                self.0.throttle.failed(from.ip, now);
                Err(LoginError::Refused)
            }
        }
    }

    /// Who a session token belongs to; `None`: log in again.
    pub async fn authenticate(&self, token: &SessionToken) -> Result<Option<Actor>> {
        let Some(hash) = token.hash() else { return Ok(None) };
        let (session, account) = match self.store().session(Scope::system(), hash).await {
            Ok(found) => found,
            Err(StoreError::NotFound) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let now = self.now();
        let idle = now.since(session.seen_at) >= self.config().session_idle;
        if idle || now >= session.expires_at {
            self.store().delete_session(Scope::system(), hash).await?;
            return Ok(None);
        }
        if now.since(session.seen_at) >= TOUCH_EVERY {
            self.store().touch_session(Scope::system(), hash, now).await?;
        }
        Ok(Some(Actor::logged_in(account, session.id, session.csrf)))
    }

    pub async fn logout(&self, token: &SessionToken) -> Result<()> {
        if let Some(hash) = token.hash() {
            self.store().delete_session(Scope::system(), hash).await?;
        }
        Ok(())
    }

    /// Changes the own password and ends all other sessions.
    pub async fn change_password(
        &self,
        actor: &Actor,
        token: &SessionToken,
        old: &str,
        new: &str,
    ) -> std::result::Result<(), PasswordChangeError> {
        let account = actor.account().ok_or(ServiceError::Forbidden)?;
        let record = self
            .store()
            .login_record(Scope::system(), account.login.clone())
            .await
            .map_err(ServiceError::from)?;
        if !self.verify(old, &record.password_hash).await? {
            return Err(PasswordChangeError::WrongPassword);
        }
        check_new_password(new, account.login.as_str())?;
        let hash = self.hash(new).await?;
        let store = self.store();
        store.set_password(Scope::system(), account.id, hash, false).await.map_err(ServiceError::from)?;
        store.delete_sessions(Scope::system(), account.id, token.hash()).await.map_err(ServiceError::from)?;
        self.note(actor, "password.change", account.login.as_str(), "").await?;
        Ok(())
    }

    /// The actor of the machine's own command line. Programs only.
    #[must_use]
    pub fn console(&self) -> Actor {
        Actor::console()
    }

    pub(crate) async fn hash(&self, password: &str) -> Result<String> {
        let _permit = self.permit().await?;
        let (password, salt) = (password.to_owned(), secrets::random_32(self.rng()));
        let cost = self.config().password_cost;
        tokio::task::spawn_blocking(move || secrets::hash_password(&password, salt, cost))
            .await
            .map_err(|e| ServiceError::Hashing(e.to_string()))?
    }

    async fn verify(&self, password: &str, hash: &str) -> Result<bool> {
        if password.len() > PASSWORD_MAX_BYTES {
            return Ok(false);
        }
        let _permit = self.permit().await?;
        let (password, hash) = (password.to_owned(), hash.to_owned());
        tokio::task::spawn_blocking(move || secrets::verify_password(&password, &hash))
            .await
            .map_err(|e| ServiceError::Hashing(e.to_string()))
    }

    async fn permit(&self) -> Result<tokio::sync::SemaphorePermit<'_>> {
        self.0.hashing.acquire().await.map_err(|e| ServiceError::Hashing(e.to_string()))
    }

    async fn open_session(&self, account: Account, from: &ClientInfo, now: Timestamp) -> Result<LoggedIn> {
        let token = secrets::random_32(self.rng());
        let session = SessionRow {
            id: SessionId::generate(now, self.rng()),
            token_hash: secrets::sha256(&token),
            account: account.id,
            csrf: secrets::random_32(self.rng()),
            created_at: now,
            seen_at: now,
            expires_at: now + self.config().session_absolute,
            client: Line::clip(&format!("{} {}", from.ip, from.user_agent)),
        };
        let actor = Actor::logged_in(account.clone(), session.id, session.csrf);
        let expires_at = session.expires_at;
        let mark =
            LoginMark { account: account.id, failures: 0, locked_until: None, logged_in_at: Some(now) };
        self.store().mark_login(Scope::system(), mark).await?;
        self.store().create_session(Scope::system(), session).await?;
        self.note(&actor, "login", account.login.as_str(), &from.ip.to_string()).await?;
        Ok(LoggedIn { token: SessionToken(secrets::token_text(&token)), actor, expires_at })
    }

    async fn count_failure(&self, record: &LoginRecord, from: &ClientInfo, now: Timestamp) -> Result<()> {
        let failures = record.failures.saturating_add(1);
        let locked_until = (failures >= FREE_FAILURES).then(|| {
            let doubling = (failures - FREE_FAILURES).min(10);
            now + (FIRST_LOCK * 2u32.pow(doubling)).min(LONGEST_LOCK)
        });
        let mark = LoginMark { account: record.account.id, failures, locked_until, logged_in_at: None };
        self.store().mark_login(Scope::system(), mark).await?;
        let entry = AuditEntry {
            id: AuditId::generate(now, self.rng()),
            at: now,
            actor: None,
            about: record.account.belongs,
            action: Line::clip("login.failed"),
            subject: Line::clip(record.account.login.as_str()),
            detail: Line::clip(&from.ip.to_string()),
        };
        Ok(self.store().audit(Scope::system(), entry).await?)
    }
}

/// NIST SP 800-63B: length and a block list, no composition rules.
pub(crate) fn check_new_password(new: &str, login: &str) -> std::result::Result<(), PasswordChangeError> {
    if new.chars().count() < PASSWORD_MIN_CHARS {
        return Err(PasswordChangeError::TooShort);
    }
    if new.len() > PASSWORD_MAX_BYTES {
        return Err(PasswordChangeError::TooLong);
    }
    let lower = new.to_lowercase();
    let stem = login.split('@').next().unwrap_or(login);
    let common = COMMON.iter().any(|word| lower.contains(word) && new.chars().count() < word.len() + 5);
    if common || (stem.len() >= 4 && lower.contains(stem)) {
        return Err(PasswordChangeError::TooCommon);
    }
    Ok(())
}
