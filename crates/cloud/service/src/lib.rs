//! Use cases and authorization: the only way to the store.
//!
//! Holds always: every call says who asks ([`Actor`]) or is machinery with its own entrance
//! (ingest, outbox, upkeep); what an actor sees follows from its account, never from an
//! argument; what matters is in the audit log. Deliberately not here: HTTP, mail, SQL.

mod actor;
mod announcements;
mod auth;
mod comparison;
mod contracts;
mod device;
mod error;
mod exceptions;
mod generating;
mod ingest;
mod inquiries;
mod investigation;
mod monthly;
mod outbox;
mod passkeys;
mod password;
mod permission;
mod policies;
mod portal;
mod provisioning;
mod reach;
mod reset;
mod scans;
mod seal;
mod second_factor;
mod secrets;
mod sms;
mod sms_step;
mod staffing;
mod throttle;
mod tokens;
mod upkeep;
pub mod webauthn;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use mimamori_base::{Clock, Rng, Timestamp};
use mimamori_domain::{Policy, PolicyId};
use mimamori_store::Store;
use tokio::sync::{Mutex, Notify, RwLock, Semaphore};

pub use actor::Actor;
pub use announcements::{NewAnnouncement, local_time};
pub use auth::{ClientInfo, LoggedIn, LoginError, SessionToken};
pub use comparison::{Comparison, GatewayCounts, Span};
pub use contracts::ContractSummary;
pub use device::DeviceSummary;
pub use error::ServiceError;
pub use exceptions::AskException;
pub use ingest::EnrolError;
pub use inquiries::{AskDesk, Upload};
pub use investigation::Desk as InvestigationDesk;
pub use mimamori_store::StoreError;
pub use mimamori_store::desk;
pub use mimamori_store::generate;
pub use mimamori_store::integrations;
pub use mimamori_store::ratings;
pub use mimamori_store::sms as short;
pub use mimamori_store::views;
pub use mimamori_store::views::{Committed, Cursor, ReportItem};
pub use outbox::{Composed, MailJob, Told};
pub use passkeys::{PASSKEYS_MAX, PasskeyAnswer, PasskeyRequest};
pub use password::PasswordChangeError;
pub use permission::Permission;
pub use policies::{POLICY_MAX_BYTES, PolicyBoard, PolicyRefused};
pub use portal::StatusSummary;
pub use provisioning::{NewAccount, NewCustomer, NewGateway, NewReseller};
pub use scans::ScanAnswer;
pub use seal::{Keyring, SealError};
pub use second_factor::{AppSetup, SecondFactorError, SecondFactorState, SecondStep};
pub use secrets::{OneTimeSecret, PasswordCost};
pub use staffing::FurtherAccount;
pub use tokens::{ApiCaller, NewToken, TokenError};
pub use webhooks::{WebhookJob, WebhookSecret};

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
    /// Whether staff have to set up a second factor (AC-02). Off only where everything is
    /// made up, as in the demonstration.
    pub staff_second_factor: bool,
    /// How long detections are kept (PT-09).
    pub retention: Duration,
    /// Whether there is a provider of short messages.
    pub sms: bool,
    /// Webhooks may go to `http://127.0.0.1:…`: for tests and where everything is made up.
    pub loopback_webhooks: bool,
    /// Seals what the database holds of secrets. `None`: a key of this run, for what is made up.
    pub keys: Option<Keyring>,
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
            staff_second_factor: true,
            retention: Duration::from_secs(90 * 86_400),
            sms: false,
            loopback_webhooks: false,
            keys: None,
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
    /// Which of the stored policies that is; `None`: the one the program was started with.
    live_policy: Mutex<Option<PolicyId>>,
    config: Config,
    /// Bounds the memory and CPU that password hashing takes at once.
    hashing: Semaphore,
    throttles: throttle::Throttles,
    keys: Keyring,
    mail_wakeup: Notify,
    sms_wakeup: Notify,
    webhook_wakeup: Notify,
    dummy_hash: String,
}

impl Service {
    pub fn new(parts: Parts) -> Result<Self> {
        let keys = parts.config.keys.clone().unwrap_or_else(|| Keyring::for_this_run(&*parts.rng));
        let dummy_hash = secrets::dummy_hash(parts.config.password_cost, &*parts.rng)?;
        Ok(Service(Arc::new(Inner {
            store: parts.store,
            clock: parts.clock,
            rng: parts.rng,
            policy: RwLock::new(Arc::new(parts.policy)),
            live_policy: Mutex::new(None),
            config: parts.config,
            hashing: Semaphore::new(2),
            throttles: throttle::Throttles::default(),
            keys,
            mail_wakeup: Notify::new(),
            sms_wakeup: Notify::new(),
            webhook_wakeup: Notify::new(),
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

    fn keys(&self) -> &Keyring {
        &self.0.keys
    }

    fn store(&self) -> &dyn Store {
        &*self.0.store
    }

    fn rng(&self) -> &dyn Rng {
        &*self.0.rng
    }
}
