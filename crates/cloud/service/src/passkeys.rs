//! Passkeys (WebAuthn): registered, named, taken away; as the second step and instead of both
//! steps (AC-02).
//!
//! Holds always: a challenge is ours, fresh, bound to the browser or session that asked, and
//! answered once on whichever node; the authenticator verifies its owner, so that a passkey alone
//! is possession and knowledge. Deliberately not here: the ceremonies' bytes (`webauthn`).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mimamori_base::Timestamp;
use mimamori_domain::{Account, Name, PasskeyId, SecondFactor};
use mimamori_store::passkeys::PasskeyRow;
use mimamori_store::{Scope, StoreError};
use serde::Serialize;

use crate::actor::Actor;
use crate::auth::{ClientInfo, LoggedIn, LoginError, SessionToken};
use crate::error::ServiceError;
use crate::second_factor::SecondFactorError;
use crate::secrets;
use crate::webauthn::{self, Expected, cose};
use crate::{Result, Service};

/// Passkeys of one account.
pub const PASSKEYS_MAX: u32 = 10;
/// From the page to the answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(600);

/// What the page's script hands to the browser. Bytes are base64url.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PasskeyRequest {
    pub challenge: String,
    pub rp_id: String,
    pub rp_name: &'static str,
    pub user_id: String,
    pub user_name: String,
    pub algorithms: [i64; 3],
    /// Registering: not again on these. Logging in: one of these; empty: whichever there is.
    pub credentials: Vec<String>,
}

impl PasskeyRequest {
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What the browser sends back, base64url.
#[derive(Clone, Debug, Default)]
pub struct PasskeyAnswer {
    pub challenge: String,
    pub credential: String,
    pub client_data: String,
    pub authenticator_data: String,
    pub signature: String,
}

fn decode(text: &str) -> Option<Vec<u8>> {
    if text.len() > 100_000 { None } else { URL_SAFE_NO_PAD.decode(text).ok() }
}

impl Service {
    /// The relying party: the host of the portal's address.
    fn party(&self) -> &str {
        let url = &self.config().portal_url;
        let host = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let host = host.split('/').next().unwrap_or(host);
        host.rsplit_once(':').map_or(host, |(name, _)| name)
    }

    fn request(&self, purpose: &str, bound: &[u8], credentials: Vec<String>) -> PasskeyRequest {
        let until = self.now() + ANSWER_WITHIN;
        PasskeyRequest {
            challenge: self.keys().challenge(self.rng(), purpose, bound, until),
            rp_id: self.party().to_owned(),
            rp_name: "みまもり",
            user_id: String::new(),
            user_name: String::new(),
            algorithms: cose::ALGORITHMS,
            credentials,
        }
    }

    pub async fn passkeys(&self, actor: &Actor) -> Result<Vec<PasskeyRow>> {
        let account = actor.account().ok_or(ServiceError::Forbidden)?;
        Ok(self.store().passkeys(Scope::system(), account.id).await?)
    }

    /// The request for a new passkey.
    pub async fn begin_passkey(&self, actor: &Actor) -> Result<PasskeyRequest> {
        let account = actor.account().ok_or(ServiceError::Forbidden)?;
        let known = self.passkeys(actor).await?;
        let credentials = known.iter().map(|p| URL_SAFE_NO_PAD.encode(&p.credential)).collect();
        Ok(PasskeyRequest {
            user_id: URL_SAFE_NO_PAD.encode(account.id.0),
            user_name: account.login.as_str().to_owned(),
            ..self.request("passkey.create", &account.id.0, credentials)
        })
    }

    /// Keeps the new passkey. The first second step of an account comes with recovery codes.
    pub async fn add_passkey(
        &self,
        actor: &Actor,
        token: &SessionToken,
        name: Name,
        answer: &PasskeyAnswer,
        attestation: &str,
    ) -> std::result::Result<Option<Vec<String>>, SecondFactorError> {
        let account = actor.account().ok_or(ServiceError::Forbidden)?;
        let now = self.now();
        let (challenge, until) = self
            .keys()
            .check_challenge("passkey.create", &account.id.0, &answer.challenge, now)
            .ok_or(SecondFactorError::PasskeyRefused)?;
        let parts = decode(&answer.client_data).zip(decode(attestation));
        let (client, attestation) = parts.ok_or(SecondFactorError::PasskeyRefused)?;
        let expected =
            Expected { challenge: &challenge, origin: &self.config().portal_url, party: self.party() };
        let new = webauthn::registered(expected, &client, &attestation).map_err(|why| {
            tracing::warn!(account = %account.id, %why, "a passkey was not registered");
            SecondFactorError::PasskeyRefused
        })?;
        self.use_challenge(&challenge, until, now).await?;
        let row = PasskeyRow {
            id: PasskeyId::generate(now, self.rng()),
            account: account.id,
            credential: new.credential,
            public_key: new.public_key,
            name,
            sign_count: new.sign_count,
            created_at: now,
            used_at: None,
        };
        let detail = row.name.to_string();
        self.store().add_passkey(Scope::system(), row, PASSKEYS_MAX).await.map_err(|e| match e {
            StoreError::Conflict => ServiceError::TooMany,
            e => e.into(),
        })?;
        self.note(actor, "passkey.add", account.login.as_str(), &detail).await?;
        if account.second_factor.asks() {
            return Ok(None);
        }
        let codes = self.start_factor(account, SecondFactor::Passkey, None).await?;
        self.store()
            .delete_sessions(Scope::system(), account.id, token.hash())
            .await
            .map_err(ServiceError::from)?;
        Ok(Some(codes))
    }

    async fn use_challenge(
        &self,
        challenge: &[u8],
        until: Timestamp,
        now: Timestamp,
    ) -> std::result::Result<(), SecondFactorError> {
        let hash = secrets::sha256(challenge);
        match self.store().use_challenge(Scope::system(), hash, until, now).await {
            Ok(()) => Ok(()),
            Err(StoreError::Conflict) => Err(SecondFactorError::PasskeyRefused),
            Err(e) => Err(ServiceError::from(e).into()),
        }
    }

    pub async fn rename_passkey(&self, actor: &Actor, id: PasskeyId, name: Name) -> Result<()> {
        let account = actor.account().ok_or(ServiceError::Forbidden)?;
        Ok(self.store().rename_passkey(Scope::system(), account.id, id, name).await?)
    }

    /// Takes a passkey away. Without the last one the account has no second step any more, which
    /// staff may not.
    pub async fn remove_passkey(
        &self,
        actor: &Actor,
        id: PasskeyId,
    ) -> std::result::Result<(), SecondFactorError> {
        let account = actor.account().ok_or(ServiceError::Forbidden)?;
        let last = self.passkeys(actor).await?.len() <= 1 && account.second_factor == SecondFactor::Passkey;
        if last && account.role.is_staff() && self.config().staff_second_factor {
            return Err(SecondFactorError::StaffNeedsOne);
        }
        let store = self.store();
        store.remove_passkey(Scope::system(), account.id, id).await.map_err(ServiceError::from)?;
        if last {
            store
                .set_second_factor(Scope::system(), account.id, SecondFactor::Off, None, vec![])
                .await
                .map_err(ServiceError::from)?;
            self.note(actor, "second_factor.off", account.login.as_str(), "").await?;
        }
        self.note(actor, "passkey.remove", account.login.as_str(), "").await?;
        Ok(())
    }

    /// The request for logging in with a passkey alone. `door`: what the browser's cookie holds.
    #[must_use]
    pub fn begin_passkey_login(&self, door: &str) -> PasskeyRequest {
        self.request("passkey.login", door.as_bytes(), Vec::new())
    }

    /// Logs in with a passkey alone.
    pub async fn passkey_login(
        &self,
        door: &str,
        answer: &PasskeyAnswer,
        from: &ClientInfo,
    ) -> std::result::Result<LoggedIn, LoginError> {
        let now = self.now();
        if self.0.throttles.login.refuses(from.ip, now) {
            return Err(LoginError::Throttled);
        }
        match self.check_assertion("passkey.login", door.as_bytes(), answer, now).await? {
            Some(account) => Ok(self.open_full_session(account, from, now).await?),
            None => {
                self.0.throttles.login.count(from.ip, now);
                Err(LoginError::PasskeyRefused)
            }
        }
    }

    /// The request for a passkey as the second step; `None` if the account has none.
    pub(crate) async fn begin_passkey_step(
        &self,
        account: &Account,
        token: &SessionToken,
    ) -> Result<Option<PasskeyRequest>> {
        let known = self.store().passkeys(Scope::system(), account.id).await?;
        let Some(bound) = token.hash().filter(|_| !known.is_empty()) else { return Ok(None) };
        let credentials = known.iter().map(|p| URL_SAFE_NO_PAD.encode(&p.credential)).collect();
        Ok(Some(self.request("passkey.step", &bound, credentials)))
    }

    /// The second step with a passkey.
    pub async fn passkey_step(
        &self,
        token: &SessionToken,
        answer: &PasskeyAnswer,
        from: &ClientInfo,
    ) -> std::result::Result<LoggedIn, LoginError> {
        let now = self.now();
        if self.0.throttles.login.refuses(from.ip, now) {
            return Err(LoginError::Throttled);
        }
        let Some((session, account)) = self.code_session(token).await? else {
            return Err(LoginError::StartAgain);
        };
        let answered = self.check_assertion("passkey.step", &session.token_hash, answer, now).await?;
        if answered.is_none_or(|a| a.id != account.id) {
            self.0.throttles.login.count(from.ip, now);
            return Err(LoginError::PasskeyRefused);
        }
        Ok(self.lift(session, account, from, now).await?)
    }

    /// Whose passkey has answered; `None`: refused. An account whose password is temporary, has
    /// run out or was stopped does not get in by a passkey either.
    async fn check_assertion(
        &self,
        purpose: &str,
        bound: &[u8],
        answer: &PasskeyAnswer,
        now: Timestamp,
    ) -> Result<Option<Account>> {
        let Some((challenge, until)) = self.keys().check_challenge(purpose, bound, &answer.challenge, now)
        else {
            return Ok(None);
        };
        let parts = (
            decode(&answer.credential),
            decode(&answer.client_data),
            decode(&answer.authenticator_data),
            decode(&answer.signature),
        );
        let (Some(credential), Some(client), Some(data), Some(signature)) = parts else { return Ok(None) };
        let (row, account) = match self.store().passkey(Scope::system(), credential).await {
            Ok(found) => found,
            Err(StoreError::NotFound) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let expected =
            Expected { challenge: &challenge, origin: &self.config().portal_url, party: self.party() };
        let checked =
            webauthn::asserted(expected, &row.public_key, row.sign_count, &client, &data, &signature);
        let count = match checked {
            Ok(count) => count,
            Err(why) => {
                tracing::warn!(account = %account.id, %why, "a passkey was refused");
                return Ok(None);
            }
        };
        if account.must_change_password {
            return Ok(None);
        }
        let store = self.store();
        let hash = secrets::sha256(&challenge);
        let used = match store.use_challenge(Scope::system(), hash, until, now).await {
            Ok(()) => store.use_passkey(Scope::system(), row.id, row.sign_count, count, now).await,
            Err(e) => Err(e),
        };
        match used {
            Ok(()) => Ok(Some(account)),
            Err(StoreError::Conflict) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }
}
