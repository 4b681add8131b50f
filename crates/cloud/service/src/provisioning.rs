//! Setting up resellers, customers, gateways and accounts: the operator's work.

use std::time::Duration;

use mimamori_domain::account::Belongs;
use mimamori_domain::{
    Account, AccountId, Customer, CustomerId, EmailAddress, Gateway, GatewayId, GatewayState, LoginName,
    Name, NotifyAddresses, Reseller, ResellerId, Role, SecondFactor, Serial,
};
use mimamori_store::Scope;

use crate::actor::Actor;
use crate::permission::Permission;
use crate::secrets::{self, OneTimeSecret};
use crate::{Result, Service};

/// How long a temporary password can be used.
pub(crate) const TEMPORARY_VALID: Duration = Duration::from_secs(14 * 86_400);

#[derive(Clone, Debug)]
pub struct NewReseller {
    pub name: Name,
    pub desk_phone: Name,
    pub desk_hours: Name,
}

#[derive(Clone, Debug)]
pub struct NewCustomer {
    pub reseller: ResellerId,
    pub name: Name,
    pub addresses: NotifyAddresses,
}

#[derive(Clone, Debug)]
pub struct NewGateway {
    pub customer: CustomerId,
    pub serial: Serial,
    pub name: Name,
}

#[derive(Clone, Debug)]
pub struct NewAccount {
    pub login: LoginName,
    pub name: Name,
    pub email: EmailAddress,
    pub role: Role,
    pub belongs: Belongs,
}

impl Service {
    pub async fn create_reseller(&self, actor: &Actor, new: NewReseller) -> Result<Reseller> {
        actor.require(Permission::Provision)?;
        let now = self.now();
        let reseller = Reseller {
            id: ResellerId::generate(now, self.rng()),
            name: new.name,
            desk_phone: new.desk_phone,
            desk_hours: new.desk_hours,
            created_at: now,
        };
        self.store().create_reseller(actor.scope(), reseller.clone()).await?;
        self.note_about(
            actor,
            Belongs::Reseller(reseller.id),
            "reseller.create",
            &reseller.id.to_string(),
            &reseller.name,
        )
        .await?;
        Ok(reseller)
    }

    pub async fn create_customer(&self, actor: &Actor, new: NewCustomer) -> Result<Customer> {
        actor.require(Permission::Provision)?;
        let now = self.now();
        let customer = Customer {
            id: CustomerId::generate(now, self.rng()),
            reseller: new.reseller,
            name: new.name,
            addresses: new.addresses,
            created_at: now,
        };
        self.store().create_customer(actor.scope(), customer.clone()).await?;
        self.note_about(
            actor,
            Belongs::Customer(customer.id),
            "customer.create",
            &customer.id.to_string(),
            &customer.name,
        )
        .await?;
        Ok(customer)
    }

    /// The secret is shown this once; only its hash is kept.
    pub async fn create_gateway(&self, actor: &Actor, new: NewGateway) -> Result<(Gateway, OneTimeSecret)> {
        actor.require(Permission::Provision)?;
        let now = self.now();
        let secret = secrets::readable_secret(self.rng());
        let gateway = Gateway {
            id: GatewayId::generate(now, self.rng()),
            customer: new.customer,
            serial: new.serial,
            name: new.name,
            state: GatewayState::Prepared { secret_expires: now + self.config().secret_valid },
            last_seen: None,
            created_at: now,
        };
        let hash = secrets::sha256(secret.reveal().as_bytes());
        self.store().create_gateway(actor.scope(), gateway.clone(), hash).await?;
        self.note_about(
            actor,
            Belongs::Customer(new.customer),
            "gateway.create",
            &gateway.id.to_string(),
            gateway.serial.as_str(),
        )
        .await?;
        Ok((gateway, secret))
    }

    /// A new one-time secret, for a gateway that has to enrol again.
    pub async fn reissue_secret(&self, actor: &Actor, id: GatewayId) -> Result<OneTimeSecret> {
        actor.require(Permission::Provision)?;
        let view = self.store().gateway(actor.scope(), id).await?;
        let secret = secrets::readable_secret(self.rng());
        let hash = secrets::sha256(secret.reveal().as_bytes());
        let expires = self.now() + self.config().secret_valid;
        self.store().set_secret(actor.scope(), id, hash, expires).await?;
        self.note_about(
            actor,
            Belongs::Customer(view.gateway.customer),
            "gateway.secret",
            &id.to_string(),
            "",
        )
        .await?;
        Ok(secret)
    }

    /// An account with a temporary password that the first login has to change (AC-01).
    pub async fn create_account(&self, actor: &Actor, new: NewAccount) -> Result<(Account, OneTimeSecret)> {
        actor.require(Permission::Provision)?;
        let now = self.now();
        let account = Account {
            id: AccountId::generate(now, self.rng()),
            login: new.login,
            name: new.name,
            email: new.email,
            role: new.role,
            belongs: new.belongs,
            created_at: now,
            must_change_password: true,
            second_factor: SecondFactor::Undecided,
        };
        account.check()?;
        let password = secrets::readable_secret(self.rng());
        let hash = self.hash(password.reveal()).await?;
        let until = Some(now + TEMPORARY_VALID);
        self.store().create_account(actor.scope(), account.clone(), hash, until).await?;
        self.note_about(
            actor,
            account.belongs,
            "account.create",
            account.login.as_str(),
            account.role.code(),
        )
        .await?;
        Ok((account, password))
    }

    /// A new temporary password; ends all sessions of the account.
    pub async fn reset_password(&self, actor: &Actor, login: &LoginName) -> Result<OneTimeSecret> {
        actor.require(Permission::Provision)?;
        let record = self.store().login_record(Scope::system(), login.clone()).await?;
        let password = secrets::readable_secret(self.rng());
        let hash = self.hash(password.reveal()).await?;
        self.store()
            .set_password(Scope::system(), record.account.id, hash, Some(self.now() + TEMPORARY_VALID))
            .await?;
        self.store().delete_sessions(Scope::system(), record.account.id, None).await?;
        self.note_about(actor, record.account.belongs, "password.reset", login.as_str(), "").await?;
        Ok(password)
    }

    pub async fn resellers(&self, actor: &Actor) -> Result<Vec<Reseller>> {
        actor.require(Permission::Provision)?;
        Ok(self.store().resellers(actor.scope()).await?)
    }

    pub async fn accounts(&self, actor: &Actor) -> Result<Vec<Account>> {
        actor.require(Permission::Provision)?;
        Ok(self.store().accounts(actor.scope()).await?)
    }
}
