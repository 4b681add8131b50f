//! Short messages: numbers that a customer sets and proves, codes, and the entrance of the pump.
//!
//! Holds always: an alert goes only to a number that somebody proved to hold; a number gets a few
//! codes an hour, whoever asks. Deliberately not here: providers and their words (`notify`), when
//! a telephone takes over from mail (the store, in the transaction that notes the failure).

use std::time::Duration;

use mimamori_domain::account::Belongs;
use mimamori_domain::{CustomerId, PhoneNumber, SmsId};
use mimamori_store::sms::{ClaimedSms, CodeMark, NewSms, SmsNumber, SmsPurpose, SmsView};
use mimamori_store::views::Attempt;
use mimamori_store::{Scope, StoreError};

use crate::actor::Actor;
use crate::permission::Permission;
use crate::{Result, Service, ServiceError, secrets};

/// How long a code for a number can be typed in.
const CODE_VALID: Duration = Duration::from_secs(600);

impl Service {
    /// Whether there is a provider, so that short messages can be offered at all.
    #[must_use]
    pub fn sms_available(&self) -> bool {
        self.config().sms
    }

    pub async fn sms_numbers(&self, actor: &Actor, customer: CustomerId) -> Result<Vec<SmsNumber>> {
        actor.require(Permission::ViewPortal)?;
        Ok(self.store().sms_numbers(actor.scope(), customer).await?)
    }

    /// Adds a number and sends a code to it; a number that waits for its code gets a new one.
    pub async fn add_sms_number(
        &self,
        actor: &Actor,
        customer: CustomerId,
        number: PhoneNumber,
    ) -> Result<()> {
        actor.require(Permission::EditAddresses)?;
        if !self.sms_available() {
            return Err(ServiceError::Forbidden);
        }
        let code = format!("{:06}", self.rng().next_u64() % 1_000_000);
        let mark = CodeMark { hash: hash(customer, &number, &code), expires: self.now() + CODE_VALID };
        match self.store().add_sms_number(actor.scope(), customer, number.clone(), mark, self.now()).await {
            Err(StoreError::Conflict) => return Err(ServiceError::TooMany),
            other => other?,
        }
        let text = format!(
            "【みまもり】確認コードは {code} です（10分間）。ポータルの設定画面に入力してください。心当たりがない場合は破棄してください。"
        );
        self.queue_code_sms(Some(customer), &number, text).await?;
        let about = Belongs::Customer(customer);
        self.note_about(actor, about, "sms.add", &customer.to_string(), &number.masked()).await
    }

    /// Whether the code fits.
    pub async fn verify_sms_number(
        &self,
        actor: &Actor,
        customer: CustomerId,
        number: PhoneNumber,
        code: &str,
    ) -> Result<bool> {
        actor.require(Permission::EditAddresses)?;
        let given = hash(customer, &number, code.trim());
        let masked = number.masked();
        if !self.store().verify_sms_number(actor.scope(), customer, number, given, self.now()).await? {
            return Ok(false);
        }
        let about = Belongs::Customer(customer);
        self.note_about(actor, about, "sms.verify", &customer.to_string(), &masked).await?;
        Ok(true)
    }

    pub async fn remove_sms_number(
        &self,
        actor: &Actor,
        customer: CustomerId,
        number: PhoneNumber,
    ) -> Result<()> {
        actor.require(Permission::EditAddresses)?;
        let masked = number.masked();
        self.store().remove_sms_number(actor.scope(), customer, number).await?;
        let about = Belongs::Customer(customer);
        self.note_about(actor, about, "sms.remove", &customer.to_string(), &masked).await
    }

    /// Sends a message with a code. `TooMany`: the number has had its share of this hour. The text
    /// is erased from the database once it is sent.
    pub async fn queue_code_sms(
        &self,
        customer: Option<CustomerId>,
        to: &PhoneNumber,
        text: String,
    ) -> Result<()> {
        let now = self.now();
        let sms = NewSms {
            id: SmsId::generate(now, self.rng()),
            customer,
            to: to.clone(),
            purpose: SmsPurpose::Code { text },
            now,
        };
        if !self.store().queue_sms(Scope::system(), sms).await? {
            return Err(ServiceError::TooMany);
        }
        self.wake_sms();
        Ok(())
    }

    /// The operator's ledger.
    pub async fn sms_ledger(&self, actor: &Actor, limit: u32) -> Result<Vec<SmsView>> {
        actor.require(Permission::ViewOutbox)?;
        Ok(self.store().sms_ledger(actor.scope(), limit).await?)
    }

    /// Takes the next message that is due, under a lease.
    pub async fn claim_sms(&self, token: [u8; 16], lease: Duration) -> Result<Option<ClaimedSms>> {
        let now = self.now();
        Ok(self.store().claim_sms(Scope::system(), now, now + lease, token).await?)
    }

    /// Says how an attempt ended. `false`: the lease was lost, somebody else goes on with it.
    pub async fn settle_sms(
        &self,
        id: SmsId,
        token: [u8; 16],
        attempt: Attempt,
        text: String,
    ) -> Result<bool> {
        let now = self.now();
        match self.store().settle_sms(Scope::system(), id, token, attempt, text, now).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// Completes when a message was queued on this node.
    pub async fn sms_wakeup(&self) {
        self.0.sms_wakeup.notified().await;
    }

    pub(crate) fn wake_sms(&self) {
        self.0.sms_wakeup.notify_one();
    }
}

/// Bound to customer and number, so that a code proves nothing else.
fn hash(customer: CustomerId, number: &PhoneNumber, code: &str) -> [u8; 32] {
    secrets::sha256(format!("sms {customer} {number} {code}").as_bytes())
}
