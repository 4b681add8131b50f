//! Short messages: the numbers of a customer, and the queue to the provider.
//!
//! Holds always: a code is stored as a hash and can be tried a few times; the text of a message
//! with a code is erased once it is out of our hands; how many messages a number and a customer
//! get within an hour is bounded, and what exceeds it stands in the ledger as `suppressed`.

use async_trait::async_trait;
use mimamori_base::Timestamp;
use mimamori_domain::{AlertId, CustomerId, Line, PhoneNumber, SmsId};

use crate::error::Result;
use crate::scope::Scope;
use crate::views::{AlertView, Attempt, CustomerView};

/// Wrong codes after which a new one has to be asked for.
pub const CODE_TRIES_MAX: u32 = 5;
/// Messages with codes that one number gets within an hour.
pub const CODES_AN_HOUR: u32 = 5;
/// Messages about alerts that one number gets within an hour. Each of them says that the portal
/// has to be looked at, where the rest stands.
pub const ALERTS_AN_HOUR: u32 = 6;

/// A number of a customer.
#[derive(Clone, Debug)]
pub struct SmsNumber {
    pub number: PhoneNumber,
    /// Somebody who has the telephone typed in the code.
    pub verified_at: Option<Timestamp>,
    /// The latest message to it: `queued`, `sent`, `dead` or `suppressed`, and the provider's words.
    pub last: Option<(Line, Timestamp, Line)>,
}

/// A code that was sent to a number and that has to come back.
#[derive(Clone, Copy, Debug)]
pub struct CodeMark {
    pub hash: [u8; 32],
    pub expires: Timestamp,
}

/// What a message is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SmsPurpose {
    /// A code, in words that are ready; erased afterwards.
    Code { text: String },
    /// A ★★★ whose mail does not arrive: composed from the alert when it is sent.
    TakeOver { alert: AlertId },
}

#[derive(Clone, Debug)]
pub struct NewSms {
    pub id: SmsId,
    /// `None`: for somebody of the operation.
    pub customer: Option<CustomerId>,
    pub to: PhoneNumber,
    pub purpose: SmsPurpose,
    pub now: Timestamp,
}

/// A message that this worker may send until its lease ends.
#[derive(Clone, Debug)]
pub struct ClaimedSms {
    pub id: SmsId,
    pub to: PhoneNumber,
    pub purpose: SmsPurpose,
    /// What it speaks of and whose it is, unless gone since.
    pub about: Option<(Box<AlertView>, Box<CustomerView>)>,
    pub created_at: Timestamp,
    /// Attempts before this one.
    pub attempts: u32,
}

/// One line of the ledger.
#[derive(Clone, Debug)]
pub struct SmsView {
    pub id: SmsId,
    pub customer: Option<CustomerId>,
    pub to: PhoneNumber,
    /// `code` or `take_over`.
    pub purpose: Line,
    /// What was sent; empty for codes.
    pub text: String,
    pub state: Line,
    pub attempts: u32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub words: Line,
}

/// The short messages' part of the [`crate::Store`].
#[async_trait]
pub trait SmsStore: Send + Sync {
    /// In the order they were added.
    async fn sms_numbers(&self, scope: Scope, customer: CustomerId) -> Result<Vec<SmsNumber>>;
    /// Adds a number, or gives one that is there and unverified a new code. `Conflict`: the list
    /// is full.
    async fn add_sms_number(
        &self,
        scope: Scope,
        customer: CustomerId,
        number: PhoneNumber,
        code: CodeMark,
        now: Timestamp,
    ) -> Result<()>;
    /// Whether the code fits; each wrong one counts.
    async fn verify_sms_number(
        &self,
        scope: Scope,
        customer: CustomerId,
        number: PhoneNumber,
        code_hash: [u8; 32],
        now: Timestamp,
    ) -> Result<bool>;
    async fn remove_sms_number(&self, scope: Scope, customer: CustomerId, number: PhoneNumber) -> Result<()>;

    /// `false`: the number has had its share of this hour; nothing is sent.
    async fn queue_sms(&self, scope: Scope, sms: NewSms) -> Result<bool>;
    async fn claim_sms(
        &self,
        scope: Scope,
        now: Timestamp,
        lease_until: Timestamp,
        token: [u8; 16],
    ) -> Result<Option<ClaimedSms>>;
    /// `text`: what was sent. `Conflict` if the lease was lost to another worker.
    async fn settle_sms(
        &self,
        scope: Scope,
        id: SmsId,
        token: [u8; 16],
        attempt: Attempt,
        text: String,
        now: Timestamp,
    ) -> Result<()>;
    /// Newest first.
    async fn sms_ledger(&self, scope: Scope, limit: u32) -> Result<Vec<SmsView>>;
}
