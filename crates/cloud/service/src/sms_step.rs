//! The second step by SMS (AC-02): a number that was proved, and six digits for each login.
//!
//! Holds always: a code is stored as a keyed hash, holds five minutes, is used once, and makes
//! the ones before it worthless; account, number and address get a few an hour each. Staff
//! cannot choose it: a number can be moved by a stranger. Deliberately not here: sending (`sms`).

use std::time::Duration;

use mimamori_base::Timestamp;
use mimamori_domain::account::Belongs;
use mimamori_domain::{Account, LoginCodeId, PhoneNumber, SecondFactor};
use mimamori_store::passkeys::LoginCode;
use mimamori_store::{Scope, StoreError};

use crate::actor::Actor;
use crate::auth::{ClientInfo, SessionToken};
use crate::error::ServiceError;
use crate::second_factor::{SecondFactorError, normal_digits};
use crate::{Result, Service};

const CODE_VALID: Duration = Duration::from_secs(300);
/// Codes that an account or a number gets within an hour.
const PER_HOUR: u32 = 5;

impl Service {
    /// The number that codes go to, as pages show it.
    pub async fn sms_step_number(&self, actor: &Actor) -> Result<Option<String>> {
        let account = actor.account().ok_or(ServiceError::Forbidden)?;
        self.masked_number(account).await
    }

    pub(crate) async fn masked_number(&self, account: &Account) -> Result<Option<String>> {
        let number = self.store().sms_number(Scope::system(), account.id).await?;
        Ok(number.and_then(|n| PhoneNumber::parse(&n).ok()).map(|n| n.masked()))
    }

    /// Sends a code to a number that is to become the second step.
    pub async fn begin_sms(
        &self,
        actor: &Actor,
        number: &PhoneNumber,
        from: &ClientInfo,
    ) -> std::result::Result<(), SecondFactorError> {
        let account = actor.account().ok_or(ServiceError::Forbidden)?;
        if account.role.is_staff() {
            return Err(SecondFactorError::StaffNeedsOne);
        }
        if !self.sms_available() {
            return Err(ServiceError::Forbidden.into());
        }
        Ok(self.send_login_code(account, number, from).await?)
    }

    /// The code has come back: stores the number, ends other sessions, gives recovery codes.
    pub async fn confirm_sms(
        &self,
        actor: &Actor,
        token: &SessionToken,
        number: &PhoneNumber,
        code: &str,
    ) -> std::result::Result<Vec<String>, SecondFactorError> {
        let account = actor.account().ok_or(ServiceError::Forbidden)?;
        if account.role.is_staff() {
            return Err(SecondFactorError::StaffNeedsOne);
        }
        self.guard_proof(account)?;
        if !self.sms_code_fits(account, code, Some(number), self.now()).await? {
            self.0.throttles.proof.count(account.id.0, self.now());
            return Err(SecondFactorError::WrongCode);
        }
        let number_text = Some(number.as_str().to_owned());
        let store = self.store();
        store.set_sms_number(Scope::system(), account.id, number_text).await.map_err(ServiceError::from)?;
        let codes = self.start_factor(account, SecondFactor::Sms, None).await?;
        store.delete_sessions(Scope::system(), account.id, token.hash()).await.map_err(ServiceError::from)?;
        self.note(actor, "second_factor.sms", account.login.as_str(), &number.masked()).await?;
        Ok(codes)
    }

    /// Another code for a login that waits for one.
    pub async fn send_step_code(&self, token: &SessionToken, from: &ClientInfo) -> Result<()> {
        let Some((_, account)) = self.code_session(token).await? else {
            return Err(ServiceError::NotFound);
        };
        self.send_code_to(&account, from).await
    }

    pub(crate) async fn send_code_to(&self, account: &Account, from: &ClientInfo) -> Result<()> {
        let number = self.store().sms_number(Scope::system(), account.id).await?;
        let number = number.and_then(|n| PhoneNumber::parse(&n).ok()).ok_or(ServiceError::NotFound)?;
        self.send_login_code(account, &number, from).await
    }

    async fn send_login_code(
        &self,
        account: &Account,
        number: &PhoneNumber,
        from: &ClientInfo,
    ) -> Result<()> {
        let now = self.now();
        if !self.0.throttles.sms.allows(from.ip, now) {
            return Err(ServiceError::TooMany);
        }
        let code = format!("{:06}", self.rng().next_u64() % 1_000_000);
        let row = LoginCode {
            id: LoginCodeId::generate(now, self.rng()),
            account: account.id,
            number: number.as_str().to_owned(),
            code_hash: self.keys().keyed_hash("sms code", &account.id.0, code.as_bytes()),
            created_at: now,
            expires_at: now + CODE_VALID,
        };
        let since = now - Duration::from_secs(3_600);
        match self.store().add_login_code(Scope::system(), row, since, PER_HOUR).await {
            Err(StoreError::Conflict) => return Err(ServiceError::TooMany),
            other => other?,
        }
        let customer = match account.belongs {
            Belongs::Customer(id) => Some(id),
            Belongs::Reseller(_) | Belongs::Operation => None,
        };
        let text = format!(
            "【みまもり】ログインの確認コードは {code} です（5分間）。だれにも教えないでください。心当たりがないときは、パスワードを変えてください。"
        );
        self.queue_code_sms(customer, number, text).await
    }

    /// Whether the code is the one that was sent, to `number` if it matters; uses it up.
    pub(crate) async fn sms_code_fits(
        &self,
        account: &Account,
        code: &str,
        number: Option<&PhoneNumber>,
        now: Timestamp,
    ) -> Result<bool> {
        let digits = normal_digits(code);
        let hash = self.keys().keyed_hash("sms code", &account.id.0, digits.as_bytes());
        match self.store().use_login_code(Scope::system(), account.id, hash, now).await {
            Ok(to) => Ok(number.is_none_or(|n| n.as_str() == to)),
            Err(StoreError::NotFound) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }
}
