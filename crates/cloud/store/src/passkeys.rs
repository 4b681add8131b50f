//! Passkeys, codes by SMS, and sealed secrets of accounts.
//!
//! Holds always: what can be used once is used by a guarded update; public keys and hashes only,
//! nothing here lets anybody log in. Every method needs the system's scope.

use async_trait::async_trait;
use mimamori_base::Timestamp;
use mimamori_domain::{Account, AccountId, LoginCodeId, Name, PasskeyId};

use crate::error::Result;
use crate::scope::Scope;

/// A passkey as it is stored.
#[derive(Clone, Debug)]
pub struct PasskeyRow {
    pub id: PasskeyId,
    pub account: AccountId,
    /// The authenticator's own name for it.
    pub credential: Vec<u8>,
    /// A COSE key.
    pub public_key: Vec<u8>,
    pub name: Name,
    pub sign_count: u32,
    pub created_at: Timestamp,
    pub used_at: Option<Timestamp>,
}

/// A code on its way to a telephone.
#[derive(Clone, Debug)]
pub struct LoginCode {
    pub id: LoginCodeId,
    pub account: AccountId,
    pub number: String,
    pub code_hash: [u8; 32],
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// The store's part for passkeys and codes by SMS.
#[async_trait]
pub trait PasskeyStore: Send + Sync {
    /// `Duplicate` if the authenticator is registered already; `Conflict` if the account has `most`.
    async fn add_passkey(&self, scope: Scope, passkey: PasskeyRow, most: u32) -> Result<()>;
    /// The oldest first.
    async fn passkeys(&self, scope: Scope, account: AccountId) -> Result<Vec<PasskeyRow>>;
    async fn passkey(&self, scope: Scope, credential: Vec<u8>) -> Result<(PasskeyRow, Account)>;
    async fn rename_passkey(&self, scope: Scope, account: AccountId, id: PasskeyId, name: Name)
    -> Result<()>;
    async fn remove_passkey(&self, scope: Scope, account: AccountId, id: PasskeyId) -> Result<()>;
    async fn remove_passkeys(&self, scope: Scope, account: AccountId) -> Result<()>;
    /// `Conflict` if it was used meanwhile: the count is no longer `old`.
    async fn use_passkey(
        &self,
        scope: Scope,
        id: PasskeyId,
        old: u32,
        count: u32,
        now: Timestamp,
    ) -> Result<()>;
    /// `Conflict` if this challenge has been answered before, on whichever node.
    async fn use_challenge(
        &self,
        scope: Scope,
        hash: [u8; 32],
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<()>;

    /// The number that codes go to; `None` takes it away.
    async fn set_sms_number(&self, scope: Scope, account: AccountId, number: Option<String>) -> Result<()>;
    async fn sms_number(&self, scope: Scope, account: AccountId) -> Result<Option<String>>;
    /// Older codes of the account are worth nothing any more. `Conflict` if the account or the
    /// number has had `most` since `since`.
    async fn add_login_code(&self, scope: Scope, code: LoginCode, since: Timestamp, most: u32) -> Result<()>;
    /// Uses it up and answers the number that it was sent to; `NotFound` if it does not fit.
    async fn use_login_code(
        &self,
        scope: Scope,
        account: AccountId,
        code_hash: [u8; 32],
        now: Timestamp,
    ) -> Result<String>;

    /// Sealed keys of authenticator apps, for sealing them anew.
    async fn app_secrets(&self, scope: Scope) -> Result<Vec<(AccountId, Vec<u8>)>>;
    /// `Conflict` if it changed meanwhile.
    async fn reseal_app_secret(
        &self,
        scope: Scope,
        account: AccountId,
        old: Vec<u8>,
        new: Vec<u8>,
    ) -> Result<()>;
}
