//! Tokens of the API and webhooks of customers.
//!
//! Holds always: a customer's scope reaches its own only; a token is stored as a hash; a
//! webhook's events are queued with what caused them (`insert_notice`) and settled under a lease.

use async_trait::async_trait;
use mimamori_base::Timestamp;
use mimamori_domain::{
    Account, AccountId, ApiTokenId, CustomerId, Line, Name, Notice, WebhookDeliveryId, WebhookId,
    WebhookState,
};

use crate::error::Result;
use crate::scope::Scope;

/// A token as it is stored.
#[derive(Clone, Debug)]
pub struct ApiTokenRow {
    pub id: ApiTokenId,
    pub customer: CustomerId,
    /// Who made it.
    pub account: AccountId,
    pub name: Name,
    pub token_hash: [u8; 32],
    /// Codes of [`mimamori_domain::ApiScope`], by spaces.
    pub scopes: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// A webhook as it is stored; the secrets are sealed.
#[derive(Clone, Debug)]
pub struct WebhookRow {
    pub id: WebhookId,
    pub customer: CustomerId,
    pub url: String,
    pub secret: Vec<u8>,
    /// Signs as well until `old_until`, so that a receiver can change over.
    pub old_secret: Option<Vec<u8>>,
    pub old_until: Timestamp,
    pub state: WebhookState,
    /// Events in a row that could not be delivered.
    pub failures: u32,
    pub created_at: Timestamp,
}

/// One event on its way.
#[derive(Clone, Debug)]
pub struct WebhookDelivery {
    pub id: WebhookDeliveryId,
    pub webhook: WebhookId,
    pub customer: CustomerId,
    pub notice: Notice,
    /// `queued`, `done` or `dead`.
    pub state: String,
    pub attempts: u32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// What came back the last time.
    pub answer: Line,
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub enum WebhookOutcome {
    Done(Line),
    Later { at: Timestamp, answer: Line },
    Dead(Line),
}

/// The store's part for other machines.
#[async_trait]
pub trait IntegrationStore: Send + Sync {
    /// `Conflict` if the customer has `most` that can be used.
    async fn add_api_token(&self, scope: Scope, token: ApiTokenRow, most: u32) -> Result<()>;
    /// Those that can be used and those revoked lately, the newest first.
    async fn api_tokens(&self, scope: Scope, customer: CustomerId) -> Result<Vec<ApiTokenRow>>;
    async fn revoke_api_token(&self, scope: Scope, id: ApiTokenId, now: Timestamp) -> Result<()>;
    async fn revoke_api_tokens_of(&self, scope: Scope, account: AccountId, now: Timestamp) -> Result<()>;
    /// Whose token this is, used up or not.
    async fn api_token(&self, scope: Scope, token_hash: [u8; 32]) -> Result<(ApiTokenRow, Account)>;
    async fn touch_api_token(&self, scope: Scope, id: ApiTokenId, now: Timestamp) -> Result<()>;

    /// `Conflict` if the customer has `most`.
    async fn add_webhook(&self, scope: Scope, webhook: WebhookRow, most: u32) -> Result<()>;
    async fn webhooks(&self, scope: Scope, customer: Option<CustomerId>) -> Result<Vec<WebhookRow>>;
    async fn webhook(&self, scope: Scope, id: WebhookId) -> Result<WebhookRow>;
    /// Replaces secrets and state.
    async fn set_webhook(&self, scope: Scope, webhook: WebhookRow) -> Result<()>;
    /// With its deliveries.
    async fn remove_webhook(&self, scope: Scope, id: WebhookId) -> Result<()>;
    /// Queues one event for one webhook, e.g. a test.
    async fn queue_webhook(
        &self,
        scope: Scope,
        webhook: WebhookId,
        notice: Notice,
        id: WebhookDeliveryId,
    ) -> Result<()>;
    async fn webhook_deliveries(
        &self,
        scope: Scope,
        customer: CustomerId,
        limit: u32,
    ) -> Result<Vec<WebhookDelivery>>;
    async fn claim_webhooks(
        &self,
        scope: Scope,
        now: Timestamp,
        lease_until: Timestamp,
        token: [u8; 16],
        limit: u32,
    ) -> Result<Vec<WebhookDelivery>>;
    /// `Conflict` if the lease was lost. A dead one counts against the webhook: at `most_failures`
    /// in a row it is [`WebhookState::Failing`].
    async fn settle_webhook(
        &self,
        scope: Scope,
        id: WebhookDeliveryId,
        token: [u8; 16],
        outcome: WebhookOutcome,
        now: Timestamp,
        most_failures: u32,
    ) -> Result<()>;
    /// Gives a dead delivery another life.
    async fn requeue_webhook(&self, scope: Scope, id: WebhookDeliveryId, now: Timestamp) -> Result<()>;
}
