//! A cloud in memory that can be told to fail, and a gateway's half against it.

pub mod host;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use mimamori_base::{Clock, Rng, SystemClock, SystemRng, Timestamp};
use mimamori_domain::{GatewayId, Heartbeat};
use mimamori_ingest::{Backend, BackendError, DeviceCa, Ingest, IngestConfig, Item};
use mimamori_report::{Command, Cursor};
use mimamori_uplink::{AgentConfig, CloudAddress, Enrolment};
use tokio::sync::watch;

pub const SECRET: &str = "one-time-secret";

/// How the next commits go wrong, one each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is stored.
    Down,
    /// It is stored, but the answer is lost.
    AnswerLost,
}

#[derive(Debug, Default)]
pub struct Memory {
    pub rows: Mutex<Vec<(u64, u64, Item)>>,
    pub cursor: Mutex<Option<Cursor>>,
    pub faults: Mutex<Vec<Fault>>,
    pub known: Mutex<HashMap<GatewayId, String>>,
    pub commands: Mutex<Vec<Command>>,
    pub beats: AtomicU64,
    pub barred: Mutex<bool>,
}

#[async_trait]
impl Backend for Memory {
    async fn enrol(&self, serial: &str, secret: &str, fingerprint: &str) -> Result<GatewayId, BackendError> {
        let id = GatewayId([7; 16]);
        let mut known = self.known.lock().unwrap();
        let burnt = known.get(&id).is_some_and(|f| f != fingerprint);
        if serial != "SN-1" || secret != SECRET || burnt {
            return Err(BackendError::Refused);
        }
        known.insert(id, fingerprint.to_owned());
        Ok(id)
    }

    async fn may_report(&self, gateway: GatewayId, fingerprint: &str) -> Result<bool, BackendError> {
        let known = self.known.lock().unwrap().get(&gateway).is_some_and(|f| f == fingerprint);
        Ok(known && !*self.barred.lock().unwrap())
    }

    async fn commit(
        &self,
        _: GatewayId,
        epoch: u64,
        items: Vec<(u64, Item)>,
    ) -> Result<Cursor, BackendError> {
        let fault = self.faults.lock().unwrap().pop();
        if fault == Some(Fault::Down) {
            return Err(BackendError::Unavailable("database is down".into()));
        }
        let mut cursor = self.cursor.lock().unwrap();
        for (seq, item) in items {
            let here = Cursor { epoch, seq };
            if cursor.is_none_or(|c| here > c) {
                self.rows.lock().unwrap().push((epoch, seq, item));
                *cursor = Some(here);
            }
        }
        if fault == Some(Fault::AnswerLost) {
            return Err(BackendError::Unavailable("answer lost".into()));
        }
        Ok(cursor.unwrap())
    }

    async fn heartbeat(&self, _: GatewayId, _: Heartbeat) -> Result<Vec<Command>, BackendError> {
        self.beats.fetch_add(1, Ordering::SeqCst);
        Ok(self.commands.lock().unwrap().clone())
    }
}

/// A listening cloud; stops when dropped.
pub struct TestCloud {
    pub memory: Arc<Memory>,
    pub ca: Arc<DeviceCa>,
    pub address: CloudAddress,
    pub stop: watch::Sender<bool>,
}

impl TestCloud {
    pub async fn start(dir: &Path) -> Self {
        Self::start_at(dir, SystemClock.now()).await
    }

    /// With a CA that was made at `made`.
    pub async fn start_at(dir: &Path, made: Timestamp) -> Self {
        let ca = Arc::new(DeviceCa::open_or_create(dir, made).unwrap());
        let mut config = IngestConfig::new("127.0.0.1:0".parse().unwrap(), vec!["127.0.0.1".into()]);
        config.outage_retry = Duration::from_secs(1);
        config.definitions = Some(dir.join("definitions"));
        let memory = Arc::new(Memory::default());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let rng: Arc<dyn Rng> = Arc::new(SystemRng);
        let ingest = Ingest::bind(config, ca.clone(), memory.clone(), clock, rng).await.unwrap();
        let address = format!("https://{}", ingest.local_addr().unwrap());
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(ingest.serve(stopped));
        TestCloud { memory, ca, address: CloudAddress::parse(&address).unwrap(), stop }
    }

    pub fn enrolment(&self) -> Enrolment {
        Enrolment {
            address: self.address.clone(),
            pinned_ca_pem: self.ca.pem().to_owned(),
            serial: "SN-1".into(),
            secret: SECRET.into(),
            software: "test".into(),
        }
    }

    pub fn agent_config(&self, state_dir: &Path) -> AgentConfig {
        AgentConfig {
            address: self.address.clone(),
            pinned_ca_pem: self.ca.pem().to_owned(),
            state_dir: state_dir.to_owned(),
            heartbeat_every: Duration::from_millis(200),
            gather: Duration::from_millis(5),
            longest_pause: Duration::from_millis(50),
            definitions: Some(state_dir.join("offered.mds")),
        }
    }
}

impl Drop for TestCloud {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
    }
}
