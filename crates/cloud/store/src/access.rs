//! What guards the door: second factor, recovery codes, resets, sessions, known browsers.
//!
//! Holds always: what can be used once is used by a guarded update, so that of two nodes only
//! one succeeds; tokens and codes are stored as hashes. Every method needs the system's scope.

use std::time::Duration;

use async_trait::async_trait;
use mimamori_base::Timestamp;
use mimamori_domain::{Account, AccountId, LoginName, SecondFactor, SessionId};

use crate::error::Result;
use crate::scope::Scope;
use crate::views::{AuditEntry, KnownBrowser, SecondFactorRecord, SessionRow};

/// The door's part of the [`crate::Store`].
#[async_trait]
pub trait AccessStore: Send + Sync {
    /// An own user ID (AC-01); `Duplicate` if it is taken.
    async fn set_login(&self, scope: Scope, id: AccountId, login: LoginName) -> Result<()>;
    /// The account that has this user ID or, if only one has it, this mail address.
    async fn account_for_reset(&self, scope: Scope, given: String) -> Result<Account>;

    async fn sessions(&self, scope: Scope, account: AccountId) -> Result<Vec<SessionRow>>;
    async fn delete_session_of(&self, scope: Scope, account: AccountId, id: SessionId) -> Result<()>;
    /// The second step succeeded: the session becomes a full one under a new token.
    async fn lift_session(&self, scope: Scope, token: [u8; 32], new: [u8; 32], now: Timestamp) -> Result<()>;
    async fn prove_session(&self, scope: Scope, token: [u8; 32], now: Timestamp) -> Result<()>;
    /// Counts a wrong code; answers how many there have been.
    async fn count_code_failure(&self, scope: Scope, token: [u8; 32]) -> Result<u32>;

    async fn second_factor(&self, scope: Scope, account: AccountId) -> Result<SecondFactorRecord>;
    /// Replaces the second factor and all recovery codes. `secret`: sealed.
    async fn set_second_factor(
        &self,
        scope: Scope,
        account: AccountId,
        kind: SecondFactor,
        secret: Option<Vec<u8>>,
        recovery_codes: Vec<[u8; 32]>,
    ) -> Result<()>;
    /// `Conflict` if this step or a later one has been used (RFC 6238 section 5.2).
    async fn use_totp_step(&self, scope: Scope, account: AccountId, step: i64) -> Result<()>;
    /// `NotFound` if there is no such code or it has been used.
    async fn use_recovery_code(
        &self,
        scope: Scope,
        account: AccountId,
        code: [u8; 32],
        now: Timestamp,
    ) -> Result<()>;

    /// `Conflict` if the account has had `most` of them since `since`.
    async fn create_reset(
        &self,
        scope: Scope,
        account: AccountId,
        token: [u8; 32],
        times: ResetTimes,
        most: u32,
    ) -> Result<()>;
    /// Whose reset this is, while it can be used.
    async fn reset_account(&self, scope: Scope, token: [u8; 32], now: Timestamp) -> Result<Account>;
    /// Uses it up: new password, no sessions, in one step; `NotFound` if it cannot be used.
    async fn use_reset(
        &self,
        scope: Scope,
        token: [u8; 32],
        hash: String,
        now: Timestamp,
    ) -> Result<AccountId>;

    async fn remember_browser(
        &self,
        scope: Scope,
        token: [u8; 32],
        account: AccountId,
        now: Timestamp,
    ) -> Result<()>;
    async fn known_browser(&self, scope: Scope, token: [u8; 32]) -> Result<KnownBrowser>;
    async fn forget_browsers(&self, scope: Scope, account: AccountId) -> Result<()>;
    /// Counts a failed login and writes it down, in one commit whoever it was, so that the time
    /// that a refusal takes tells nothing. `lock`: how long so many failures lock.
    async fn fail_login(
        &self,
        scope: Scope,
        whom: FailedLogin,
        entry: AuditEntry,
        lock: fn(u32) -> Option<Duration>,
    ) -> Result<()>;
}

/// What a failed login counts against.
#[derive(Clone, Copy, Debug)]
pub enum FailedLogin {
    /// There is no such account, or it is locked already.
    Nobody,
    Account(AccountId),
    /// A browser that has logged in before has a count of its own.
    Browser([u8; 32]),
}

/// When a reset was asked for, until when it can be used, and since when earlier ones count.
#[derive(Clone, Copy, Debug)]
pub struct ResetTimes {
    pub now: Timestamp,
    pub expires: Timestamp,
    pub since: Timestamp,
}
