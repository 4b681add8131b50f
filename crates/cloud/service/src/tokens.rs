//! Tokens of the API: made by a customer's administrator, shown once, limited in what they read
//! and for how long, revocable.
//!
//! Holds always: a token reads what its scopes say, of its own company, and changes nothing;
//! only its hash is stored; every request is counted. Deliberately not here: routes and JSON.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mimamori_base::Timestamp;
use mimamori_domain::account::Belongs;
use mimamori_domain::{ApiScope, ApiTokenId, CustomerId, Name, Role, SessionId};
use mimamori_store::integrations::ApiTokenRow;
use mimamori_store::{Scope, StoreError};

use crate::actor::Actor;
use crate::error::ServiceError;
use crate::permission::Permission;
use crate::secrets::{self, OneTimeSecret};
use crate::{Result, Service};

/// Stands before every token, so that it is found where it should not be.
const PREFIX: &str = "mmt_";
/// Tokens of one customer that can be used.
const TOKENS_MAX: u32 = 20;
const DAYS_MAX: u64 = 366;
/// The last use is written back at most this often.
const TOUCH_EVERY: Duration = Duration::from_secs(60);

/// What the administrator fills in.
#[derive(Clone, Debug)]
pub struct NewToken {
    pub name: Name,
    pub scopes: Vec<ApiScope>,
    pub days: u64,
}

/// Who asks the API.
#[derive(Clone, Debug)]
pub struct ApiCaller {
    pub actor: Actor,
    pub customer: CustomerId,
    pub scopes: Vec<ApiScope>,
}

impl ApiCaller {
    #[must_use]
    pub fn may(&self, scope: ApiScope) -> bool {
        self.scopes.contains(&scope)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Unknown, expired, revoked, or its account stopped: never told apart.
    #[error("the token cannot be used")]
    Invalid,
    #[error("too many requests")]
    SlowDown,
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl Service {
    pub async fn api_tokens(&self, actor: &Actor, customer: CustomerId) -> Result<Vec<ApiTokenRow>> {
        actor.require(Permission::Integrate)?;
        Ok(self.store().api_tokens(actor.scope(), customer).await?)
    }

    /// Makes a token. The secret is shown once, here.
    pub async fn create_api_token(
        &self,
        actor: &Actor,
        customer: CustomerId,
        new: NewToken,
    ) -> Result<(ApiTokenRow, OneTimeSecret)> {
        actor.require(Permission::Integrate)?;
        let account = actor.account().ok_or(ServiceError::Forbidden)?;
        // A token of staff would see more than one company's administrator may give away.
        if account.belongs != Belongs::Customer(customer) {
            return Err(ServiceError::Forbidden);
        }
        if new.scopes.is_empty() {
            return Err(ServiceError::Incomplete);
        }
        let now = self.now();
        let secret = secrets::random_32(self.rng());
        let scopes: Vec<&str> =
            ApiScope::ALL.iter().filter(|s| new.scopes.contains(s)).map(|s| s.code()).collect();
        let row = ApiTokenRow {
            id: ApiTokenId::generate(now, self.rng()),
            customer,
            account: account.id,
            name: new.name,
            token_hash: secrets::sha256(&secret),
            scopes: scopes.join(" "),
            created_at: now,
            expires_at: now + Duration::from_secs(new.days.clamp(1, DAYS_MAX) * 86_400),
            used_at: None,
            revoked_at: None,
        };
        match self.store().add_api_token(actor.scope(), row.clone(), TOKENS_MAX).await {
            Err(StoreError::Conflict) => return Err(ServiceError::TooMany),
            other => other?,
        }
        self.note(actor, "token.create", row.name.as_str(), &row.scopes).await?;
        Ok((row, OneTimeSecret::new(format!("{PREFIX}{}", secrets::token_text(&secret)))))
    }

    pub async fn revoke_api_token(&self, actor: &Actor, id: ApiTokenId) -> Result<()> {
        actor.require(Permission::Integrate)?;
        self.store().revoke_api_token(actor.scope(), id, self.now()).await?;
        self.note(actor, "token.revoke", &id.to_string(), "").await
    }

    /// Whose token this is, for one request.
    pub async fn api_caller(&self, token: &str, from: IpAddr) -> std::result::Result<ApiCaller, TokenError> {
        let now = self.now();
        if self.0.throttles.api_refused.refuses(from, now) {
            return Err(TokenError::SlowDown);
        }
        let found = match token_hash(token) {
            Some(hash) => match self.store().api_token(Scope::system(), hash).await {
                Ok(found) => Some(found),
                Err(StoreError::NotFound) => None,
                Err(e) => return Err(ServiceError::from(e).into()),
            },
            None => None,
        };
        let Some((row, mut account)) = found.filter(|(row, _)| usable(row, now)) else {
            self.0.throttles.api_refused.count(from, now);
            return Err(TokenError::Invalid);
        };
        if !self.0.throttles.api.allows(row.id.0, now) {
            return Err(TokenError::SlowDown);
        }
        if row.used_at.is_none_or(|at| now.since(at) >= TOUCH_EVERY) {
            self.store().touch_api_token(Scope::system(), row.id, now).await.map_err(ServiceError::from)?;
        }
        // Reads like a viewer, whatever the person who made it may do.
        account.role = Role::CustomerViewer;
        account.belongs = Belongs::Customer(row.customer);
        let csrf = secrets::random_32(self.rng());
        let actor = Actor::logged_in(account, SessionId([0; 16]), csrf, Timestamp(0));
        let scopes = row.scopes.split(' ').filter_map(|s| ApiScope::from_code(s).ok()).collect();
        Ok(ApiCaller { actor, customer: row.customer, scopes })
    }
}

fn token_hash(token: &str) -> Option<[u8; 32]> {
    let text = token.strip_prefix(PREFIX).filter(|t| t.len() == 43)?;
    URL_SAFE_NO_PAD.decode(text).ok().map(|raw| secrets::sha256(&raw))
}

fn usable(row: &ApiTokenRow, now: Timestamp) -> bool {
    row.revoked_at.is_none() && now < row.expires_at
}
