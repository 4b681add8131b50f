//! Forgotten passwords: a link by mail that can be used once (AC-03).
//!
//! Holds always: asking tells nobody whether an account exists, neither by words nor by time
//! (the work is done after the answer); an account gets few links an hour; using one ends all
//! sessions and all other links. The second factor stays: a mailbox alone opens nothing that an
//! app guards.

use std::net::IpAddr;
use std::time::Duration;

use mimamori_base::Timestamp;
use mimamori_domain::account::Belongs;
use mimamori_domain::notice::{AccountMail, TO_STAFF};
use mimamori_domain::{Account, Notice, NoticeId, NoticeKind};
use mimamori_store::access::ResetTimes;
use mimamori_store::{Scope, StoreError};

use crate::auth::SessionToken;
use crate::error::ServiceError;
use crate::password::{PasswordChangeError, check_new_password};
use crate::secrets;
use crate::{Result, Service};

const VALID: Duration = Duration::from_secs(30 * 60);
const PER_HOUR: u32 = 3;
const GIVEN_MAX_CHARS: usize = 254;

impl Service {
    /// Somebody has forgotten a password. The answer is the same for everybody; what is to be
    /// done is done in the background.
    pub fn ask_for_reset(&self, given: &str, from: IpAddr) {
        if !self.0.throttles.reset.allows(from, self.now()) {
            return;
        }
        let (service, given) = (self.clone(), given.trim().chars().take(GIVEN_MAX_CHARS).collect::<String>());
        tokio::spawn(async move {
            if let Err(error) = service.send_reset(given).await {
                tracing::warn!(%error, "a mail for a new password could not be made");
            }
        });
    }

    async fn send_reset(&self, given: String) -> Result<()> {
        let account = match self.store().account_for_reset(Scope::system(), given).await {
            Ok(account) => account,
            Err(StoreError::NotFound) => return Ok(()),
            Err(e) => return Err(e.into()),
        };
        let now = self.now();
        let token = secrets::random_32(self.rng());
        let times = ResetTimes { now, expires: now + VALID, since: now - Duration::from_secs(3_600) };
        let made = self
            .store()
            .create_reset(Scope::system(), account.id, secrets::sha256(&token), times, PER_HOUR)
            .await;
        match made {
            Ok(()) => {}
            Err(StoreError::Conflict) => return Ok(()),
            Err(e) => return Err(e.into()),
        }
        let mail = AccountMail::Reset { token: secrets::token_text(&token), until: times.expires };
        self.mail_account(&account, mail, now).await
    }

    /// A mail to the person behind the account.
    pub(crate) async fn mail_account(
        &self,
        account: &Account,
        mail: AccountMail,
        now: Timestamp,
    ) -> Result<()> {
        let customer = match account.belongs {
            Belongs::Customer(customer) => customer,
            Belongs::Reseller(_) | Belongs::Operation => TO_STAFF,
        };
        let notice = Notice {
            id: NoticeId::generate(now, self.rng()),
            customer,
            kind: NoticeKind::Account { to: account.email.clone(), mail },
            created_at: now,
            due_at: now,
        };
        self.store().add_notice(Scope::system(), notice).await?;
        self.wake_mail();
        Ok(())
    }

    /// Whether the link can still be used.
    pub async fn reset_is_open(&self, token: &SessionToken) -> Result<bool> {
        let Some(hash) = token.hash() else { return Ok(false) };
        match self.store().reset_account(Scope::system(), hash, self.now()).await {
            Ok(_) => Ok(true),
            Err(StoreError::NotFound) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// Sets the new password and uses up the link. `false`: the link cannot be used any more.
    pub async fn reset(
        &self,
        token: &SessionToken,
        new: &str,
    ) -> std::result::Result<bool, PasswordChangeError> {
        let Some(link) = token.hash() else { return Ok(false) };
        let now = self.now();
        let account = match self.store().reset_account(Scope::system(), link, now).await {
            Ok(account) => account,
            Err(StoreError::NotFound) => return Ok(false),
            Err(e) => return Err(ServiceError::from(e).into()),
        };
        check_new_password(new, account.login.as_str())?;
        let hash = self.hash(new).await?;
        match self.store().use_reset(Scope::system(), link, hash, now).await {
            Ok(_) => {}
            Err(StoreError::NotFound) => return Ok(false),
            Err(e) => return Err(ServiceError::from(e).into()),
        }
        self.store().forget_browsers(Scope::system(), account.id).await.map_err(ServiceError::from)?;
        self.note_of(&account, "password.reset", "メールのリンクから").await?;
        self.mail_account(&account, AccountMail::PasswordChanged { at: now }, now).await?;
        Ok(true)
    }
}
