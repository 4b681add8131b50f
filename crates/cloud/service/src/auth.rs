//! Login and sessions (AC-03).
//!
//! Holds always: an unknown user costs the same time as a wrong password and gets the same
//! answer; the token in the cookie is random and only its hash is stored; a lock says nothing
//! about whether the account exists; a browser that has logged in before has a lock of its own,
//! so that strangers cannot lock the owner out; a session that awaits its second step is nobody.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mimamori_base::Timestamp;
use mimamori_domain::account::Belongs;
use mimamori_domain::{Account, AuditId, Line, LoginName, SecondFactor, SessionId};
use mimamori_store::access::FailedLogin;
use mimamori_store::views::{AuditEntry, KnownBrowser, LoginMark, SessionRow, SessionStage};
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
/// Where a login comes from.
#[derive(Clone, Debug)]
pub struct ClientInfo {
    pub ip: IpAddr,
    pub user_agent: Line,
    /// The cookie of a browser that has logged in before.
    pub browser: Option<SessionToken>,
}

/// What the cookie holds. Shown to nobody else.
#[derive(Clone)]
pub struct SessionToken(String);

impl SessionToken {
    pub(crate) fn new(token: &[u8; 32]) -> Self {
        SessionToken(secrets::token_text(token))
    }

    #[must_use]
    pub fn from_cookie(value: &str) -> Self {
        SessionToken(value.chars().take(64).collect())
    }

    #[must_use]
    pub fn cookie_value(&self) -> &str {
        &self.0
    }

    pub(crate) fn hash(&self) -> Option<[u8; 32]> {
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
    /// The second step is still to come: until then the token opens nothing.
    pub needs_code: bool,
    /// For the browser to show at the next login.
    pub browser: Option<SessionToken>,
}

#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Unknown, wrong, or slowed down after too many tries: never told apart.
    #[error("refused")]
    Refused,
    /// The second step's code does not fit.
    #[error("wrong code")]
    WrongCode,
    /// The passkey's answer does not fit.
    #[error("passkey refused")]
    PasskeyRefused,
    /// Too many wrong codes, or too long ago: from the password on again.
    #[error("the second step has to start again")]
    StartAgain,
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
            LoginError::WrongCode => {
                "確認コードが違うか、すでに使われています。今届いている、またはアプリに出ている数字を入れてください。"
            }
            LoginError::PasskeyRefused => {
                "パスキーを確かめられませんでした。もう一度お試しになるか、ユーザーIDとパスワードでログインしてください。"
            }
            LoginError::StartAgain => {
                "確認コードを受け付けられませんでした。お手数ですが、もう一度ログインしてください。"
            }
            LoginError::Throttled => {
                "ログインの失敗が続いたため、一時的に受け付けていません。10分ほど待ってから、もう一度お試しください。"
            }
            LoginError::Service(e) => e.for_people(),
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
        if self.0.throttles.login.refuses(from.ip, now) {
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
        let Some(record) = record else {
            self.0.throttles.login.count(from.ip, now);
            self.note_failure(FailedLogin::Nobody, None, from, now).await?;
            return Err(LoginError::Refused);
        };
        let known = self.known_browser(&record.account, from).await?;
        let lock = known.as_ref().map_or(record.locked_until, |(_, b)| b.locked_until);
        let locked = lock.is_some_and(|until| now < until);
        let expired = record.password_expires.is_some_and(|until| now >= until);
        if fits && !locked && !expired {
            let needs_code = record.account.second_factor.asks();
            return Ok(self.open_session(record.account, needs_code, from, now).await?);
        }
        self.0.throttles.login.count(from.ip, now);
        let whom = match &known {
            _ if locked => FailedLogin::Nobody,
            Some((token, _)) => FailedLogin::Browser(*token),
            None => FailedLogin::Account(record.account.id),
        };
        self.note_failure(whom, Some(&record.account), from, now).await?;
        Err(LoginError::Refused)
    }

    /// What is known of the browser, if it has logged in to this very account before.
    pub(crate) async fn known_browser(
        &self,
        account: &Account,
        from: &ClientInfo,
    ) -> Result<Option<([u8; 32], KnownBrowser)>> {
        let Some(token) = from.browser.as_ref().and_then(SessionToken::hash) else { return Ok(None) };
        match self.store().known_browser(Scope::system(), token).await {
            Ok(browser) if browser.account == account.id => Ok(Some((token, browser))),
            Ok(_) | Err(StoreError::NotFound) => Ok(None),
            Err(e) => Err(e.into()),
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
        if session.stage != SessionStage::Full {
            return Ok(None);
        }
        let now = self.now();
        let idle = now.since(session.seen_at) >= self.config().session_idle;
        if idle || now >= session.expires_at {
            self.store().delete_session(Scope::system(), hash).await?;
            return Ok(None);
        }
        if now.since(session.seen_at) >= TOUCH_EVERY {
            self.store().touch_session(Scope::system(), hash, now).await?;
        }
        Ok(Some(Actor::logged_in(account, session.id, session.csrf, session.proved_at)))
    }

    pub async fn logout(&self, token: &SessionToken) -> Result<()> {
        if let Some(hash) = token.hash() {
            self.store().delete_session(Scope::system(), hash).await?;
        }
        Ok(())
    }

    /// The actor of the machine's own command line. Programs only.
    #[must_use]
    pub fn console(&self) -> Actor {
        Actor::console()
    }

    /// Sessions of the own account, the one used last first.
    pub async fn sessions(&self, actor: &Actor) -> Result<Vec<SessionRow>> {
        let account = actor.account().ok_or(ServiceError::Forbidden)?;
        let now = self.now();
        let mut all = self.store().sessions(Scope::system(), account.id).await?;
        let idle = self.config().session_idle;
        all.retain(|s| s.stage == SessionStage::Full && s.expires_at > now && now.since(s.seen_at) < idle);
        Ok(all)
    }

    /// Ends one session of the own account.
    pub async fn end_session(&self, actor: &Actor, id: SessionId) -> Result<()> {
        let account = actor.account().ok_or(ServiceError::Forbidden)?;
        self.store().delete_session_of(Scope::system(), account.id, id).await?;
        self.note(actor, "session.end", account.login.as_str(), "").await
    }

    /// Ends all sessions of the own account but this one; other browsers are strangers again.
    pub async fn end_other_sessions(&self, actor: &Actor, token: &SessionToken) -> Result<()> {
        let account = actor.account().ok_or(ServiceError::Forbidden)?;
        self.store().delete_sessions(Scope::system(), account.id, token.hash()).await?;
        self.store().forget_browsers(Scope::system(), account.id).await?;
        self.note(actor, "session.end_others", account.login.as_str(), "").await
    }

    /// A passkey has done both steps at once.
    pub(crate) async fn open_full_session(
        &self,
        account: Account,
        from: &ClientInfo,
        now: Timestamp,
    ) -> Result<LoggedIn> {
        self.open_session(account, false, from, now).await
    }

    async fn open_session(
        &self,
        account: Account,
        needs_code: bool,
        from: &ClientInfo,
        now: Timestamp,
    ) -> Result<LoggedIn> {
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
            stage: if needs_code { SessionStage::AwaitsCode } else { SessionStage::Full },
            proved_at: now,
        };
        let expires_at = session.expires_at;
        let (id, csrf) = (session.id, session.csrf);
        self.store().create_session(Scope::system(), session).await?;
        if needs_code && account.second_factor == SecondFactor::Sms {
            match self.send_code_to(&account, from).await {
                // The page says how to get another one later.
                Ok(()) | Err(ServiceError::TooMany) => {}
                Err(error) => tracing::warn!(%error, account = %account.id, "a code could not be sent"),
            }
        }
        let actor = Actor::logged_in(account, id, csrf, now);
        let browser = if needs_code { None } else { Some(self.let_in(&actor, from, now).await?) };
        Ok(LoggedIn { token: SessionToken::new(&token), actor, expires_at, needs_code, browser })
    }

    /// Every step is done: forgets the failures, remembers the browser, writes it down.
    pub(crate) async fn let_in(
        &self,
        actor: &Actor,
        from: &ClientInfo,
        now: Timestamp,
    ) -> Result<SessionToken> {
        let account = actor.account().ok_or(ServiceError::Forbidden)?;
        let mark =
            LoginMark { account: account.id, failures: 0, locked_until: None, logged_in_at: Some(now) };
        self.store().mark_login(Scope::system(), mark).await?;
        let browser = match self.known_browser(account, from).await? {
            Some(_) => from.browser.clone(),
            None => None,
        };
        let browser = browser.unwrap_or_else(|| SessionToken::new(&secrets::random_32(self.rng())));
        if let Some(hash) = browser.hash() {
            self.store().remember_browser(Scope::system(), hash, account.id, now).await?;
        }
        self.note(actor, "login", account.login.as_str(), &from.ip.to_string()).await?;
        Ok(browser)
    }

    /// Counts and writes down, in one step whether there is an account or not.
    pub(crate) async fn note_failure(
        &self,
        whom: FailedLogin,
        account: Option<&Account>,
        from: &ClientInfo,
        now: Timestamp,
    ) -> Result<()> {
        // What was typed for a name that nobody has may be somebody's password: it is not kept.
        let entry = AuditEntry {
            id: AuditId::generate(now, self.rng()),
            at: now,
            actor: None,
            about: account.map_or(Belongs::Operation, |a| a.belongs),
            action: Line::clip(if account.is_some() { "login.failed" } else { "login.unknown" }),
            subject: Line::clip(account.map_or("", |a| a.login.as_str())),
            detail: Line::clip(&from.ip.to_string()),
        };
        Ok(self.store().fail_login(Scope::system(), whom, entry, lock_after).await?)
    }
}

/// How long so many failures lock.
fn lock_after(failures: u32) -> Option<Duration> {
    let beyond = failures.checked_sub(FREE_FAILURES)?;
    Some((FIRST_LOCK * 2u32.pow(beyond.min(10))).min(LONGEST_LOCK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_grow_and_end() {
        assert_eq!(lock_after(4), None);
        assert_eq!(lock_after(5), Some(FIRST_LOCK));
        assert_eq!(lock_after(7), Some(FIRST_LOCK * 4));
        assert_eq!(lock_after(u32::MAX), Some(LONGEST_LOCK));
    }
}
