//! Use cases and authorization: the only way to the store.
//!
//! Holds always: every call says who asks ([`Actor`]) or is machinery with its own entrance
//! (ingest, outbox, upkeep); what an actor sees follows from its account, never from an
//! argument; what matters is in the audit log. Deliberately not here: HTTP, mail, SQL.

mod actor;
mod auth;
mod error;
mod ingest;
mod outbox;
mod permission;
mod portal;
mod provisioning;
mod secrets;
mod throttle;
mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use mimamori_base::{Clock, Rng, Timestamp};
use mimamori_domain::Policy;
use mimamori_store::Store;
use tokio::sync::{Notify, RwLock, Semaphore};

pub use actor::Actor;
pub use auth::{ClientInfo, LoggedIn, LoginError, PasswordChangeError, SessionToken};
pub use error::ServiceError;
pub use ingest::EnrolError;
pub use mimamori_store::StoreError;
pub use mimamori_store::views;
pub use mimamori_store::views::{Committed, Cursor, ReportItem};
pub use outbox::{Composed, MailJob, Told};
pub use permission::Permission;
pub use portal::StatusSummary;
pub use provisioning::{NewAccount, NewCustomer, NewGateway, NewReseller};
pub use secrets::{OneTimeSecret, PasswordCost};

pub type Result<T> = std::result::Result<T, ServiceError>;

/// What the service is made of. Only programs and tests choose.
#[derive(Debug)]
pub struct Parts {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
    pub policy: Policy,
    pub config: Config,
}

#[derive(Clone, Debug)]
pub struct Config {
    /// Where customers find the portal, without a slash at the end; stands in mails.
    pub portal_url: String,
    /// Right-hand side of Message-IDs.
    pub mail_domain: String,
    pub session_idle: Duration,
    pub session_absolute: Duration,
    /// How long a gateway's one-time secret can be used.
    pub secret_valid: Duration,
    pub password_cost: PasswordCost,
    /// How long detections are kept (PT-09).
    pub retention: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            portal_url: "http://localhost:8080".to_owned(),
            mail_domain: "mimamori.invalid".to_owned(),
            session_idle: Duration::from_secs(2 * 3_600),
            session_absolute: Duration::from_secs(24 * 3_600),
            secret_valid: Duration::from_secs(90 * 86_400),
            password_cost: PasswordCost::default(),
            retention: Duration::from_secs(90 * 86_400),
        }
    }
}

/// The service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Service(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    policy: RwLock<Arc<Policy>>,
    config: Config,
    /// Bounds the memory and CPU that password hashing takes at once.
    hashing: Semaphore,
    throttle: throttle::Throttle,
    mail_wakeup: Notify,
    dummy_hash: String,
}

impl Service {
    pub fn new(parts: Parts) -> Result<Self> {
        let dummy_hash = secrets::dummy_hash(parts.config.password_cost, &*parts.rng)?;
        Ok(Service(Arc::new(Inner {
            store: parts.store,
            clock: parts.clock,
            rng: parts.rng,
            policy: RwLock::new(Arc::new(parts.policy)),
            config: parts.config,
            hashing: Semaphore::new(2),
            throttle: throttle::Throttle::default(),
            mail_wakeup: Notify::new(),
            dummy_hash,
        })))
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The policy that judges now.
    pub async fn policy(&self) -> Arc<Policy> {
        self.0.policy.read().await.clone()
    }

    /// Puts another policy live on this node.
    pub async fn set_policy(&self, policy: Policy) {
        *self.0.policy.write().await = Arc::new(policy);
    }

    /// Whether the database answers: for `/healthz`.
    pub async fn ping(&self) -> Result<()> {
        Ok(self.0.store.ping().await?)
    }

    /// Finishes what is being written and closes the store.
    pub async fn close(&self) {
        self.0.store.close().await;
    }

    fn store(&self) -> &dyn Store {
        &*self.0.store
    }

    fn rng(&self) -> &dyn Rng {
        &*self.0.rng
    }
}
