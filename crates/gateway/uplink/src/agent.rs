//! The loop that delivers reports, beats and carries out the operator's commands.
//!
//! Holds always: a batch is sent again until the cloud says it is committed, and nothing is
//! deleted before; one batch is under way at a time, so reports arrive in order. A command is
//! carried out once per id, and its outcome is itself a report (GW-09).

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mimamori_base::{Rng, Timestamp};
use mimamori_report::api::BATCH_CONTENT_TYPE;
use mimamori_report::{
    Batch, Command, Exempt, GatewayEvent, GatewayEventKind, Heartbeat, HeartbeatAnswer, RefusalCode, Report,
    ReportsAnswer, Text,
};
use tokio::sync::watch;

use crate::backoff::Backoff;
use crate::client::{ClientError, Cloud, CloudAddress};
use crate::fetch::Fetch;
use crate::identity::Identity;
use crate::reporter::Reporter;
use crate::spool::SpoolError;

const BATCH_RECORDS: usize = 1_000;
const BATCH_BYTES: usize = 1 << 20;
/// Command ids remembered, so that a repeated one is not carried out twice.
const COMMANDS_REMEMBERED: usize = 64;
/// How long the last delivery may take when the gateway stops.
const FAREWELL: Duration = Duration::from_secs(3);
/// A renewal that failed is tried again after this; the old certificate is good for weeks yet.
const RENEW_AGAIN: Duration = Duration::from_secs(3_600);

#[derive(Clone, Debug)]
pub struct AgentConfig {
    pub address: CloudAddress,
    pub pinned_ca_pem: String,
    /// Where the identity is kept.
    pub state_dir: PathBuf,
    pub heartbeat_every: Duration,
    /// Reports are gathered for this long before they are sent.
    pub gather: Duration,
    pub longest_pause: Duration,
    /// Where a definition set goes that the cloud offers; `None`: none is fetched.
    pub definitions: Option<PathBuf>,
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandOutcome {
    Done,
    Refused(String),
}

/// How things stand with the cloud, for `status` and the local page.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum UplinkState {
    #[default]
    Connecting,
    Online,
    /// Not delivered since; the reason in words.
    Offline {
        reason: String,
    },
}

#[derive(Clone, Debug, Default)]
pub struct UplinkStatus {
    pub state: UplinkState,
    pub last_delivery: Option<Timestamp>,
    pub delivered: u64,
}

/// Makes a heartbeat, and carries out a command.
pub trait Host: Send + Sync + 'static {
    fn heartbeat(&self) -> Heartbeat;
    fn command(&self, command: &Command) -> CommandOutcome;
    /// All exceptions that hold from now on.
    fn exempt(&self, _exceptions: &[Exempt]) {}
}

pub struct Agent<H> {
    config: AgentConfig,
    identity: Identity,
    reporter: Reporter,
    host: Arc<H>,
    rng: Arc<dyn Rng>,
    cloud: Cloud,
    status: Arc<Mutex<UplinkStatus>>,
    commands_seen: VecDeque<String>,
    renew_not_before: Timestamp,
    fetch: Option<Fetch>,
}

#[derive(Debug, thiserror::Error)]
enum DeliveryError {
    #[error(transparent)]
    Cloud(#[from] ClientError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

impl<H: Host> Agent<H> {
    pub fn new(
        config: AgentConfig,
        identity: Identity,
        reporter: Reporter,
        host: Arc<H>,
        rng: Arc<dyn Rng>,
    ) -> Result<Self, ClientError> {
        let cloud = Cloud::new(config.address.clone(), &config.pinned_ca_pem, Some(&identity))?;
        let fetch = config.definitions.clone().map(Fetch::new);
        Ok(Agent {
            config,
            identity,
            reporter,
            host,
            rng,
            cloud,
            status: Arc::default(),
            commands_seen: VecDeque::new(),
            renew_not_before: Timestamp::EPOCH,
            fetch,
        })
    }

    #[must_use]
    pub fn status(&self) -> Arc<Mutex<UplinkStatus>> {
        self.status.clone()
    }

    /// Runs until `stop` turns true, then delivers what it can in a moment.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut backoff = Backoff::new(Duration::from_secs(1), self.config.longest_pause);
        let mut next_beat = tokio::time::Instant::now();
        while !*stop.borrow() {
            let round = self.round(&mut next_beat).await;
            let pause = match round {
                Ok(more) => {
                    backoff.succeeded();
                    self.set_state(UplinkState::Online);
                    if more { Duration::ZERO } else { self.wait_for_work(next_beat, &mut stop).await }
                }
                Err(error) => {
                    let pause = backoff.failed(asked_pause(&error), self.rng.as_ref());
                    tracing::warn!(%error, pause_ms = pause.as_millis(), "reports wait on disk");
                    self.set_state(UplinkState::Offline { reason: error.to_string() });
                    pause
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stop.wait_for(|s| *s) => {}
            }
        }
        let farewell = async { while matches!(self.deliver().await, Ok(true)) {} };
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
    }

    /// Heartbeat if due, then one batch, then, if that was the last, a piece of definitions.
    /// `true`: there is more to do.
    async fn round(&mut self, next_beat: &mut tokio::time::Instant) -> Result<bool, DeliveryError> {
        self.renew_if_due().await;
        if tokio::time::Instant::now() >= *next_beat {
            self.beat().await?;
            *next_beat = tokio::time::Instant::now() + self.config.heartbeat_every;
        }
        Ok(self.deliver().await? || self.fetch_piece().await)
    }

    /// Fetches one piece of the definition set on offer. `true`: there is more of it. What goes
    /// wrong is tried again with the next offer; reports do not wait for it.
    async fn fetch_piece(&mut self) -> bool {
        let Some(fetch) = &mut self.fetch else { return false };
        let Some(path) = fetch.next() else { return false };
        let taken = match self.cloud.get(&path).await {
            Ok(bytes) => fetch.piece(&bytes).map_err(|e| e.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match taken {
            Ok(None) => true,
            Ok(Some(offer)) => {
                tracing::info!(set = %offer.label, bytes = offer.bytes, "definition set fetched");
                false
            }
            Err(error) => {
                tracing::warn!(error, "a definition set could not be fetched");
                fetch.give_up();
                false
            }
        }
    }

    /// Sleeps until a report comes in or the next heartbeat is due; tells how long to gather.
    async fn wait_for_work(
        &self,
        next_beat: tokio::time::Instant,
        stop: &mut watch::Receiver<bool>,
    ) -> Duration {
        tokio::select! {
            () = self.reporter.wake.notified() => self.config.gather,
            () = tokio::time::sleep_until(next_beat) => Duration::ZERO,
            _ = stop.wait_for(|s| *s) => Duration::ZERO,
        }
    }

    async fn deliver(&mut self) -> Result<bool, DeliveryError> {
        let reporter = self.reporter.clone();
        let (epoch, batch) = blocking(move || reporter.next_batch(BATCH_RECORDS, BATCH_BYTES)).await?;
        if batch.is_empty() {
            return Ok(false);
        }
        let count = batch.len() as u64;
        let plain = Batch::encode(epoch, batch.iter().map(|e| (e.seq, e.json.as_slice())));
        let body = zstd::bulk::compress(&plain, 3).map_err(|e| ClientError::Answer(e.to_string()))?;
        let answer = self.cloud.post("/v1/reports", BATCH_CONTENT_TYPE, body).await?;
        let answer: ReportsAnswer =
            serde_json::from_slice(&answer).map_err(|e| ClientError::Answer(e.to_string()))?;
        if answer.quarantined > 0 {
            tracing::warn!(
                records = answer.quarantined,
                "the cloud could not read some reports and put them aside"
            );
        }
        let reporter = self.reporter.clone();
        blocking(move || reporter.acknowledge(answer.committed)).await?;
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        status.delivered += count;
        status.last_delivery = Some(self.reporter.now());
        drop(status);
        Ok(self.reporter.stats().records > 0)
    }

    async fn beat(&mut self) -> Result<(), DeliveryError> {
        let json =
            serde_json::to_vec(&self.host.heartbeat()).map_err(|e| ClientError::Answer(e.to_string()))?;
        let answer = self.cloud.post("/v1/heartbeat", "application/json", json).await?;
        let answer: HeartbeatAnswer =
            serde_json::from_slice(&answer).map_err(|e| ClientError::Answer(e.to_string()))?;
        for command in answer.commands.iter() {
            self.obey(command);
        }
        if let Some(exceptions) = &answer.exceptions {
            self.host.exempt(exceptions);
        }
        if let Some(fetch) = &mut self.fetch
            && let Err(error) = fetch.offered(answer.definitions.as_ref())
        {
            tracing::warn!(%error, "the definition set on offer is not fetched");
        }
        Ok(())
    }

    fn obey(&mut self, command: &Command) {
        if self.commands_seen.iter().any(|id| id == command.id.as_str()) {
            return;
        }
        if self.commands_seen.len() == COMMANDS_REMEMBERED {
            self.commands_seen.pop_front();
        }
        self.commands_seen.push_back(command.id.as_str().to_owned());
        tracing::info!(id = %command.id, kind = %command.kind, by = %command.by, "command of the operator");
        let (kind, detail) = match self.host.command(command) {
            CommandOutcome::Done => {
                (GatewayEventKind::CommandDone, format!("{}（指示: {}）", command.kind, command.by))
            }
            CommandOutcome::Refused(why) => (GatewayEventKind::CommandRefused, why),
        };
        let event = Report::Event(GatewayEvent {
            at: self.reporter.now(),
            kind,
            detail: Text::new(&detail),
            count: 1,
            command: Some(command.id.clone()),
        });
        if let Err(error) = self.reporter.report(&event) {
            tracing::warn!(%error, "the outcome of a command could not be kept");
        }
    }

    async fn renew_if_due(&mut self) {
        let now = self.reporter.now();
        if !self.identity.renewal_due(now) || now < self.renew_not_before {
            return;
        }
        self.renew_not_before = now + RENEW_AGAIN;
        let renewed = self.identity.renew(&self.config.state_dir, &mut self.cloud).await;
        match renewed {
            Ok(identity) => {
                match Cloud::new(self.config.address.clone(), &self.config.pinned_ca_pem, Some(&identity)) {
                    Ok(cloud) => self.cloud = cloud,
                    Err(error) => tracing::error!(%error, "renewed certificate cannot be used"),
                }
                self.identity = identity;
                tracing::info!("certificate renewed");
            }
            Err(error) => tracing::warn!(%error, "certificate could not be renewed yet"),
        }
    }

    fn set_state(&self, state: UplinkState) {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).state = state;
    }
}

/// A refusal that will not change soon is not asked for every second.
fn asked_pause(error: &DeliveryError) -> Option<Duration> {
    match error {
        DeliveryError::Cloud(ClientError::Refused { code: RefusalCode::CertificateUnknown, .. }) => {
            Some(Duration::from_secs(60))
        }
        DeliveryError::Cloud(e) => e.retry_after(),
        DeliveryError::Spool(_) => None,
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SpoolError> + Send + 'static,
) -> Result<T, SpoolError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) => Err(SpoolError::Io { path: PathBuf::new(), source: std::io::Error::other(e) }),
    }
}
