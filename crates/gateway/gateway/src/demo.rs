//! A gateway that inspects captures instead of cables: for `mimamori demo` and for measuring.
//!
//! Everything behind the cable is the real thing: enrolment, engine, spool, mutual TLS. Holds
//! always: times of events lie between the start of a replay and now, in the capture's own
//! distances, so that thresholds and timeouts work at any pace.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mimamori_base::{Clock, Rng, Timestamp, Zone};
use mimamori_capture::{CaptureError, CaptureReader};
use mimamori_engine::{Engine, EngineConfig};
use mimamori_report::{Detection, GatewayEventKind};
use mimamori_uplink::{
    Agent, AgentConfig, ClientError, CloudAddress, EnrolError, Enrolment, Identity, IdentityError, Reporter,
    Spool, SpoolConfig, SpoolError,
};
use tokio::sync::watch;

use crate::definitions::{Definitions, DefinitionsError};
use crate::health::Health;
use crate::judge::OwnJudge;
use crate::pipeline::Pipeline;

/// One capture to replay.
#[derive(Clone, Debug)]
pub struct ReplayCase {
    pub name: String,
    /// pcap or pcapng, Ethernet.
    pub capture: std::borrow::Cow<'static, [u8]>,
}

#[derive(Clone, Debug)]
pub struct ReplayConfig {
    pub state_dir: PathBuf,
    /// `https://127.0.0.1:8443`
    pub cloud_url: String,
    pub pinned_ca_pem: String,
    pub serial: String,
    /// Needed until the gateway is enrolled.
    pub secret: Option<String>,
    pub cases: Vec<ReplayCase>,
    /// 1.0: in the captures' own time; 10.0: ten times as fast; infinite: as fast as possible.
    pub pace: f64,
    /// Pause between two captures.
    pub pause: Duration,
    /// Start again from the first after this long; `None`: once.
    pub repeat_after: Option<Duration>,
    pub heartbeat_every: Duration,
    /// Private addresses that lie on the WAN side all the same, such as the router's.
    pub wan_hosts: Vec<IpAddr>,
}

#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Cloud(#[from] ClientError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Definitions(#[from] DefinitionsError),
    #[error("capture {name}: {source}")]
    Capture { name: String, source: CaptureError },
    #[error("the gateway is not enrolled and no secret was given")]
    NoSecret,
    #[error("inspection ended unexpectedly: {0}")]
    Died(String),
}

/// What is going on, for a person who watches.
#[derive(Clone, Debug)]
pub enum Progress {
    Enrolled { serial: String },
    CaseStarted { name: String },
    Detected(Box<Detection>),
    CaseDone { name: String, frames: u64, detections: u64 },
    AllDone,
}

pub type ProgressFn = Arc<dyn Fn(Progress) + Send + Sync>;

/// Enrols if needed, then replays and reports until `stop` turns true (or once through, when
/// nothing is repeated; it goes on beating until stopped).
pub async fn run(
    config: ReplayConfig,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    mut stop: watch::Receiver<bool>,
    progress: ProgressFn,
) -> Result<(), ReplayError> {
    let address = CloudAddress::parse(&config.cloud_url)?;
    let identity = identity(&config, &address, &progress).await?;
    let spool = Spool::open(&config.state_dir.join("spool"), SpoolConfig::default(), clock.now())?;
    let reporter = Reporter::new(spool, clock.clone());
    let health = Arc::new(Health::new(clock.clone(), reporter.clone()));
    let mut engine_config = crate::pipeline::inline_engine();
    crate::pipeline::seed(&mut engine_config, rng.as_ref());
    let definitions =
        Definitions::starter_on_disk(&engine_config, rng.as_ref(), &config.state_dir.join("definitions"))?;
    health.update(|s| {
        s.definitions.clone_from(&definitions.version);
        s.rules_loaded = definitions.loaded();
        s.rules_refused = definitions.refused();
        s.links = vec![("wan0".into(), Zone::Wan, true), ("lan0".into(), Zone::Lan, true)];
    });
    let agent_config = AgentConfig {
        address,
        pinned_ca_pem: config.pinned_ca_pem.clone(),
        state_dir: config.state_dir.clone(),
        heartbeat_every: config.heartbeat_every,
        gather: Duration::from_millis(200),
        longest_pause: Duration::from_secs(30),
        definitions: None,
    };
    let agent = Agent::new(agent_config, identity, reporter.clone(), health.clone(), rng)?;
    let delivering = tokio::spawn(agent.run(stop.clone()));
    reporter.event_now(GatewayEventKind::Started, "起動しました");

    let halted = Arc::new(AtomicBool::new(false));
    let replayer = Replayer {
        config,
        engine_config,
        definitions,
        reporter: reporter.clone(),
        health,
        clock,
        progress,
        halted: halted.clone(),
    };
    let mut replaying = tokio::task::spawn_blocking(move || replayer.run());
    let mut finished = None;
    tokio::select! {
        done = &mut replaying => finished = Some(done),
        _ = stop.wait_for(|s| *s) => {}
    }
    let done = match finished {
        Some(done) => {
            if matches!(done, Ok(Ok(()))) {
                let _ = stop.wait_for(|s| *s).await;
            }
            done
        }
        None => {
            halted.store(true, Ordering::SeqCst);
            replaying.await
        }
    };
    reporter.event_now(GatewayEventKind::Stopped, "停止しました");
    let _ = delivering.await;
    done.map_err(|e| ReplayError::Died(e.to_string()))?
}

async fn identity(
    config: &ReplayConfig,
    address: &CloudAddress,
    progress: &ProgressFn,
) -> Result<Identity, ReplayError> {
    match Identity::load(&config.state_dir) {
        Ok(identity) => return Ok(identity),
        Err(IdentityError::NotEnrolled) => {}
        Err(other) => return Err(other.into()),
    }
    let enrolment = Enrolment {
        address: address.clone(),
        pinned_ca_pem: config.pinned_ca_pem.clone(),
        serial: config.serial.clone(),
        secret: config.secret.clone().ok_or(ReplayError::NoSecret)?,
        software: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let identity = enrolment.run(&config.state_dir).await?;
    progress(Progress::Enrolled { serial: config.serial.clone() });
    Ok(identity)
}

struct Replayer {
    config: ReplayConfig,
    engine_config: EngineConfig,
    definitions: Definitions,
    reporter: Reporter,
    health: Arc<Health>,
    clock: Arc<dyn Clock>,
    progress: ProgressFn,
    halted: Arc<AtomicBool>,
}

impl Replayer {
    fn run(self) -> Result<(), ReplayError> {
        loop {
            for case in &self.config.cases {
                self.case(case)?;
                if self.sleep(self.config.pause) {
                    return Ok(());
                }
            }
            (self.progress)(Progress::AllDone);
            match self.config.repeat_after {
                None => return Ok(()),
                Some(pause) if self.sleep(pause) => return Ok(()),
                Some(_) => {}
            }
        }
    }

    /// `true`: stopped meanwhile.
    fn sleep(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        while Instant::now() < until && !self.halted.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(20).min(pause));
        }
        self.halted.load(Ordering::SeqCst)
    }

    fn case(&self, case: &ReplayCase) -> Result<(), ReplayError> {
        let wrong = |source| ReplayError::Capture { name: case.name.clone(), source };
        let (first, last) = span(&case.capture).map_err(wrong)?;
        (self.progress)(Progress::CaseStarted { name: case.name.clone() });
        let mut engine = Engine::new(
            self.engine_config.clone(),
            self.definitions.rules.clone(),
            self.definitions.reputation.clone(),
        );
        match OwnJudge::of_set(&self.definitions.set) {
            Ok(judge) => engine.judge_files(Box::new(judge)),
            Err(error) => tracing::error!(%error, "files are not judged"),
        }
        let mut pipeline =
            Pipeline::new(engine, self.definitions.knowledge.clone(), Some(self.reporter.clone()), None);
        let progress = self.progress.clone();
        pipeline.watch(Box::new(move |d| progress(Progress::Detected(Box::new(d.clone())))));
        let length = last.since(first);
        let begin = Instant::now();
        // At the last frame, the events' time is the present.
        let end = self.clock.now() + length.div_f64(self.config.pace.max(1e-3));
        let base = end - length;
        let mut reader = CaptureReader::new(&*case.capture).map_err(wrong)?;
        let (mut frames, mut now) = (0, base);
        while let Some(frame) = reader.next_frame().map_err(wrong)? {
            let offset = frame.at.since(first);
            now = base + offset;
            let due = begin + offset.div_f64(self.config.pace.max(1e-3));
            while Instant::now() < due && !self.halted.load(Ordering::SeqCst) {
                std::thread::sleep((due - Instant::now()).min(Duration::from_millis(50)));
                self.health.update(|s| s.take(&pipeline));
            }
            if self.halted.load(Ordering::SeqCst) {
                break;
            }
            let (from, to) = self.zones(frame.bytes);
            let verdict = pipeline.frame(now, from, Some(to), frame.bytes);
            frames += 1;
            self.count(frame.bytes.len(), verdict.is_drop());
        }
        pipeline.finish(now);
        self.health.update(|s| s.take(&pipeline));
        (self.progress)(Progress::CaseDone {
            name: case.name.clone(),
            frames,
            detections: pipeline.stats().detections,
        });
        Ok(())
    }

    fn count(&self, bytes: usize, dropped: bool) {
        self.health.update(|s| {
            s.packets.received += 1;
            s.packets.inspected += 1;
            s.packets.bytes += bytes as u64;
            s.packets.dropped_by_verdict += u64::from(dropped);
        });
    }

    /// A capture does not say by which port a frame came in; its addresses do.
    fn zones(&self, frame: &[u8]) -> (Zone, Zone) {
        let inside = crate::demo::source_of(frame)
            .is_none_or(|ip| is_office(ip) && !self.config.wan_hosts.contains(&ip));
        if inside { (Zone::Lan, Zone::Wan) } else { (Zone::Wan, Zone::Lan) }
    }
}

fn is_office(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_unspecified() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_unspecified(),
    }
}

/// Sender of an Ethernet frame with ARP, IPv4 or IPv6 in it.
fn source_of(frame: &[u8]) -> Option<IpAddr> {
    let v4 = |at: usize| Some(IpAddr::from(<[u8; 4]>::try_from(frame.get(at..at + 4)?).ok()?));
    match frame.get(12..14)? {
        [0x08, 0x00] => v4(26),
        [0x08, 0x06] => v4(28),
        [0x86, 0xdd] => Some(IpAddr::from(<[u8; 16]>::try_from(frame.get(22..38)?).ok()?)),
        _ => None,
    }
}

fn span(capture: &[u8]) -> Result<(Timestamp, Timestamp), CaptureError> {
    let mut reader = CaptureReader::new(capture)?;
    let mut span: Option<(Timestamp, Timestamp)> = None;
    while let Some(frame) = reader.next_frame()? {
        let (first, last) = span.unwrap_or((frame.at, frame.at));
        span = Some((first.min(frame.at), last.max(frame.at)));
    }
    Ok(span.unwrap_or_default())
}
