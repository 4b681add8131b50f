//! Further accounts of a customer, issued by the help desk (AC-04).
//!
//! Holds always: a temporary password goes by mail to the person it is for and is shown to
//! nobody else (AC-03); the desk reaches the accounts of its own customers only.

use mimamori_domain::account::Belongs;
use mimamori_domain::notice::AccountMail;
use mimamori_domain::{Account, AccountId, CustomerId, EmailAddress, LoginName, Name, Role, SecondFactor};
use mimamori_store::Scope;

use crate::actor::Actor;
use crate::error::ServiceError;
use crate::permission::Permission;
use crate::provisioning::TEMPORARY_VALID;
use crate::secrets;
use crate::{Result, Service};

/// Accounts of one customer.
const ACCOUNTS_MAX: usize = 50;

/// What the desk fills in.
#[derive(Clone, Debug)]
pub struct FurtherAccount {
    pub name: Name,
    pub email: EmailAddress,
    /// Customer administrator or viewer.
    pub role: Role,
}

impl Service {
    /// The accounts of one customer within the actor's reach.
    pub async fn customer_accounts(&self, actor: &Actor, customer: CustomerId) -> Result<Vec<Account>> {
        actor.require(Permission::IssueAccounts)?;
        self.store().customer(actor.scope(), customer).await?;
        let mut all = self.store().accounts(actor.scope()).await?;
        all.retain(|a| a.belongs == Belongs::Customer(customer));
        Ok(all)
    }

    /// Issues an account: a temporary ID and password go to its address by mail (AC-01).
    pub async fn issue_account(
        &self,
        actor: &Actor,
        customer: CustomerId,
        new: FurtherAccount,
    ) -> Result<Account> {
        let known = self.customer_accounts(actor, customer).await?;
        if new.role.is_staff() {
            return Err(ServiceError::Forbidden);
        }
        if known.len() >= ACCOUNTS_MAX {
            return Err(ServiceError::TooMany);
        }
        let now = self.now();
        let mut raw = [0; 5];
        self.rng().fill(&mut raw);
        let login = raw.iter().fold("temp-".to_owned(), |login, byte| format!("{login}{byte:02x}"));
        let account = Account {
            id: AccountId::generate(now, self.rng()),
            login: LoginName::parse(&login).map_err(|e| ServiceError::Hashing(e.to_string()))?,
            name: new.name,
            email: new.email,
            role: new.role,
            belongs: Belongs::Customer(customer),
            created_at: now,
            must_change_password: true,
            second_factor: SecondFactor::Undecided,
        };
        account.check()?;
        let password = secrets::readable_secret(self.rng());
        let hash = self.hash(password.reveal()).await?;
        let until = Some(now + TEMPORARY_VALID);
        self.store().create_account(Scope::system(), account.clone(), hash, until).await?;
        self.mail_issued(&account, password.reveal()).await?;
        let about = Belongs::Customer(customer);
        self.note_about(actor, about, "account.create", account.login.as_str(), account.role.code()).await?;
        Ok(account)
    }

    /// Mails a new temporary password; ends all sessions of the account.
    pub async fn reissue_account(&self, actor: &Actor, id: AccountId) -> Result<()> {
        let account = self.issued_account(actor, id).await?;
        let password = secrets::readable_secret(self.rng());
        let hash = self.hash(password.reveal()).await?;
        let until = Some(self.now() + TEMPORARY_VALID);
        self.store().set_password(Scope::system(), id, hash, until).await?;
        self.store().delete_sessions(Scope::system(), id, None).await?;
        self.mail_issued(&account, password.reveal()).await?;
        self.note_about(actor, account.belongs, "account.reissue", account.login.as_str(), "").await
    }

    /// Nobody can log in to it any more; a new temporary password opens it again.
    pub async fn stop_account(&self, actor: &Actor, id: AccountId) -> Result<()> {
        let account = self.issued_account(actor, id).await?;
        let nobody_knows = secrets::token_text(&secrets::random_32(self.rng()));
        let hash = self.hash(&nobody_knows).await?;
        self.store().set_password(Scope::system(), id, hash, Some(self.now())).await?;
        self.store().delete_sessions(Scope::system(), id, None).await?;
        self.store().forget_browsers(Scope::system(), id).await?;
        self.store().remove_passkeys(Scope::system(), id).await?;
        self.store().revoke_api_tokens_of(Scope::system(), id, self.now()).await?;
        self.note_about(actor, account.belongs, "account.stop", account.login.as_str(), "").await
    }

    /// For somebody who has lost telephone and recovery codes: no second step any more, a new
    /// temporary password by mail, and everything open ends. The desk has made sure who asks.
    pub async fn reset_second_factor(&self, actor: &Actor, id: AccountId) -> Result<()> {
        let account = self.issued_account(actor, id).await?;
        let store = self.store();
        store.set_second_factor(Scope::system(), id, SecondFactor::Undecided, None, vec![]).await?;
        store.set_sms_number(Scope::system(), id, None).await?;
        store.remove_passkeys(Scope::system(), id).await?;
        store.forget_browsers(Scope::system(), id).await?;
        self.note_about(actor, account.belongs, "second_factor.reset", account.login.as_str(), "").await?;
        self.reissue_account(actor, id).await
    }

    /// An account of a customer within reach; those of staff are not the desk's.
    async fn issued_account(&self, actor: &Actor, id: AccountId) -> Result<Account> {
        actor.require(Permission::IssueAccounts)?;
        let account = self.store().account(actor.scope(), id).await?;
        if account.role.is_staff() {
            return Err(ServiceError::NotFound);
        }
        Ok(account)
    }

    async fn mail_issued(&self, account: &Account, password: &str) -> Result<()> {
        let now = self.now();
        let mail = AccountMail::Issued {
            login: account.login.as_str().to_owned(),
            password: password.to_owned(),
            until: now + TEMPORARY_VALID,
        };
        self.mail_account(account, mail, now).await
    }
}
