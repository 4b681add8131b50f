//! The live gateway: bridge, inspection, spool and uplink joined, until told to stop.
//!
//! Holds always: traffic between zones passes only with a verdict or by the stated fail policy;
//! rules are compiled beside the bridge and taken over between two frames, so that a reload
//! costs no frame and no flow.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use anyhow::Context;
use mimamori_base::{Clock, Rng, Timestamp, Zone};
use mimamori_capture::{Bridge, Counters, Injections, Inspector, Passage, Towards, Verdict};
use mimamori_engine::{Engine, FrameAction};
use mimamori_report::{GatewayEventKind, PacketCounters};
use mimamori_uplink::{Agent, AgentConfig, Identity, Reporter, Spool, UplinkStatus};
use tokio::sync::watch;

use crate::config::{FailPolicy, GatewayConfig};
use crate::definitions::Definitions;
use crate::eve::EveLog;
use crate::guard::{Change, Guard, Outcome};
use crate::health::Health;
use crate::pipeline::Pipeline;
use crate::status::{self, Status};

/// Why it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Stopped,
    /// The operator ordered a restart.
    Restart,
}

pub fn run(
    config: &GatewayConfig,
    runtime: &tokio::runtime::Runtime,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    stop: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
) -> anyhow::Result<Ended> {
    let mut seeded = config.clone();
    crate::pipeline::seed(&mut seeded.engine, rng.as_ref());
    let data_folder = seeded.state_dir.join("datasets");
    seeded.engine.rule_files.data_folder.get_or_insert_with(|| data_folder.to_string_lossy().into_owned());
    let config = &seeded;
    anyhow::ensure!(
        !config.ports.is_empty(),
        "設定に [[port]] がありません。wan と lan の端子を書いてください"
    );
    let definitions = Definitions::load(&config.rules, &config.lists, &config.engine, rng.as_ref())
        .context("定義（ルール・一覧）を読めません")?;
    let mut bridge = Bridge::open(&config.ports, clock.clone()).context("ブリッジを始められません")?;
    let spool = Spool::open(&config.state_dir.join("spool"), config.spool, clock.now())
        .context("送信待ちの保存領域を開けません")?;
    let damaged = spool.stats().damaged_places;
    let reporter = Reporter::new(spool, clock.clone());
    let health = Arc::new(Health::new(clock.clone(), reporter.clone()));
    let (uplink, uplink_stop) = start_uplink(config, runtime, &reporter, &health, rng.clone())?;
    reporter.event_now(GatewayEventKind::Started, "起動しました");
    if damaged > 0 {
        reporter.event_now(GatewayEventKind::SpoolDamaged, "保存領域の一部を読めませんでした（停電など）");
    }
    let (new_definitions, taken) = sync_channel(1);
    let reloader = Reloader { config: config.clone(), rng, reporter: reporter.clone(), out: new_definitions };
    note_definitions(&health, &definitions);
    let mut inspection = Inspection::new(
        config,
        definitions,
        &bridge,
        reporter.clone(),
        health.clone(),
        taken,
        reload,
        reloader,
        uplink.as_ref().map(|u| u.0.clone()),
    );
    tracing::info!(ports = config.ports.len(), "inspecting");
    let result = bridge.run(&mut inspection, &stop);
    save_datasets(&mut inspection, config, clock.now());
    inspection.guard.finish(clock.now());
    reporter.event_now(GatewayEventKind::Stopped, "停止しました");
    let _ = reporter.sync();
    let _ = uplink_stop.send(true);
    if let Some((_, task)) = uplink {
        let _ = runtime.block_on(task);
    }
    status::clear(&config.state_dir);
    result.context("ブリッジが止まりました")?;
    Ok(if health.restart.load(Ordering::SeqCst) { Ended::Restart } else { Ended::Stopped })
}

/// Writes the data sets that rules keep.
fn save_datasets(inspection: &mut Inspection, config: &GatewayConfig, now: Timestamp) {
    let Some(folder) = &config.engine.rule_files.data_folder else { return };
    inspection.guard.with(now, |p| {
        let sets = p.engine_mut().datasets_to_save();
        if let Err(error) = crate::list_files::save(std::path::Path::new(folder), &sets) {
            tracing::error!(%error, folder, "data sets not written");
        }
    });
}

type Uplink = (Arc<std::sync::Mutex<UplinkStatus>>, tokio::task::JoinHandle<()>);

fn start_uplink(
    config: &GatewayConfig,
    runtime: &tokio::runtime::Runtime,
    reporter: &Reporter,
    health: &Arc<Health>,
    rng: Arc<dyn Rng>,
) -> anyhow::Result<(Option<Uplink>, watch::Sender<bool>)> {
    let (stop, stopped) = watch::channel(false);
    let Some(cloud) = &config.cloud else {
        tracing::warn!("no [cloud]: reports stay on this device");
        return Ok((None, stop));
    };
    let identity = Identity::load(&config.state_dir)
        .context("クラウドに登録されていません。先に `mimamori-gateway enrol` を実行してください")?;
    let pinned_ca_pem = std::fs::read_to_string(&cloud.ca_file)
        .with_context(|| format!("{} を読めません", cloud.ca_file.display()))?;
    let agent = AgentConfig {
        address: cloud.address.clone(),
        pinned_ca_pem,
        state_dir: config.state_dir.clone(),
        heartbeat_every: cloud.heartbeat_every,
        gather: Duration::from_millis(200),
        longest_pause: Duration::from_secs(300),
    };
    let agent = Agent::new(agent, identity, reporter.clone(), health.clone(), rng)?;
    let status = agent.status();
    Ok((Some((status, runtime.spawn(agent.run(stopped)))), stop))
}

fn note_definitions(health: &Health, definitions: &Definitions) {
    health.update(|s| {
        s.definitions.clone_from(&definitions.version);
        s.rules_loaded = definitions.loaded();
        s.rules_refused = definitions.refused();
    });
}

/// Compiles definitions on a thread of its own.
struct Reloader {
    config: GatewayConfig,
    rng: Arc<dyn Rng>,
    reporter: Reporter,
    out: SyncSender<Definitions>,
}

impl Reloader {
    fn start(&self) {
        let (config, rng) = (self.config.clone(), self.rng.clone());
        let (reporter, out) = (self.reporter.clone(), self.out.clone());
        std::thread::spawn(move || {
            match Definitions::load(&config.rules, &config.lists, &config.engine, rng.as_ref()) {
                // A second reload while one waits is dropped: the waiting one is as new.
                Ok(definitions) => drop(out.try_send(definitions)),
                Err(error) => {
                    tracing::error!(%error, "new definitions refused; the old ones stay");
                    reporter.event_now(GatewayEventKind::DefinitionsRefused, &error.to_string());
                }
            }
        });
    }
}

type MakePipeline = Box<dyn FnMut() -> Pipeline>;

struct Inspection {
    guard: Guard<MakePipeline>,
    current: Arc<std::sync::Mutex<Definitions>>,
    counters: Arc<Counters>,
    reporter: Reporter,
    health: Arc<Health>,
    taken: Receiver<Definitions>,
    reload: Arc<AtomicBool>,
    reloader: Reloader,
    uplink: Option<Arc<std::sync::Mutex<UplinkStatus>>>,
    links: Vec<(String, Zone, bool)>,
    state_dir: std::path::PathBuf,
    uninspected: u64,
    last_status: Timestamp,
}

impl Inspection {
    #[expect(clippy::too_many_arguments, reason = "called once; joins what `run` has opened")]
    fn new(
        config: &GatewayConfig,
        definitions: Definitions,
        bridge: &Bridge,
        reporter: Reporter,
        health: Arc<Health>,
        taken: Receiver<Definitions>,
        reload: Arc<AtomicBool>,
        reloader: Reloader,
        uplink: Option<Arc<std::sync::Mutex<UplinkStatus>>>,
    ) -> Self {
        let current = Arc::new(std::sync::Mutex::new(definitions));
        let make = maker(config.clone(), current.clone(), reporter.clone());
        let links = config
            .ports
            .iter()
            .map(|p| (p.interface.clone(), p.zone, mimamori_capture::Interface::link_is_up(&p.interface)))
            .collect();
        Inspection {
            guard: Guard::new(make, config.fail),
            current,
            counters: bridge.counters(),
            reporter,
            health,
            taken,
            reload,
            reloader,
            uplink,
            links,
            state_dir: config.state_dir.clone(),
            uninspected: 0,
            last_status: Timestamp::EPOCH,
        }
    }

    fn take_definitions(&mut self, now: Timestamp) {
        if self.reload.swap(false, Ordering::SeqCst) || self.health.reload.swap(false, Ordering::SeqCst) {
            self.reloader.start();
        }
        let Ok(new) = self.taken.try_recv() else { return };
        note_definitions(&self.health, &new);
        let detail =
            format!("定義を更新しました（ルール {} 件、使えないもの {} 件）", new.loaded(), new.refused());
        self.guard.with(now, |p| {
            p.engine_mut().replace_rules(new.rules.clone());
            p.engine_mut().replace_reputation(new.reputation.clone());
        });
        *self.current.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = new;
        self.reporter.event_now(GatewayEventKind::DefinitionsLoaded, &detail);
    }

    fn tell_changes(&mut self) {
        for change in self.guard.take_changes() {
            let (kind, detail) = match change {
                Change::Died => (GatewayEventKind::InspectionDied, "検査機能が異常終了しました"),
                Change::Resumed => (GatewayEventKind::InspectionResumed, "検査機能が復旧しました"),
            };
            self.reporter.event_now(kind, detail);
        }
    }

    fn publish(&mut self, now: Timestamp) {
        let c = &self.counters;
        let packets = PacketCounters {
            received: c.received.load(Ordering::Relaxed),
            inspected: c.inspected.load(Ordering::Relaxed).saturating_sub(self.uninspected),
            dropped_by_verdict: c.dropped_by_verdict.load(Ordering::Relaxed),
            lost: c.lost.load(Ordering::Relaxed),
            bytes: c.bytes.load(Ordering::Relaxed),
        };
        let (uninspected, links) = (self.uninspected, self.links.clone());
        let passing = !self.guard.is_alive() && self.reloader.config.fail == FailPolicy::Pass;
        let health = self.health.clone();
        self.guard.with(now, |p| health.update(|s| s.take(p)));
        self.health.update(|s| {
            s.packets = packets;
            s.links = links;
            s.blind_spots.packets_uninspected = uninspected;
            s.passing_uninspected = passing;
        });
        let uplink =
            self.uplink.as_ref().map(|u| u.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone());
        let status = Status::new(now, &self.health, self.reporter.stats(), uplink);
        status::write(&self.state_dir, &status);
    }
}

fn maker(
    config: GatewayConfig,
    current: Arc<std::sync::Mutex<Definitions>>,
    reporter: Reporter,
) -> MakePipeline {
    Box::new(move || {
        let definitions = current.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let engine = Engine::new(config.engine.clone(), definitions.rules, definitions.reputation);
        let eve = config.eve.as_ref().and_then(|e| {
            EveLog::open(&e.path, e.max_bytes, e.keep)
                .inspect_err(|error| tracing::error!(%error, path = %e.path.display(), "no EVE log"))
                .ok()
        });
        Pipeline::new(engine, Some(reporter.clone()), eve)
    })
}

impl Inspector for Inspection {
    fn inspect(
        &mut self,
        now: Timestamp,
        passage: Passage,
        frame: &[u8],
        inject: &mut Injections,
    ) -> Verdict {
        match self.guard.frame(now, passage.from, passage.to, frame) {
            Outcome::Inspected(verdict) => {
                for injected in verdict.inject {
                    let towards = if injected.towards_sender { Towards::Sender } else { Towards::Receiver };
                    inject.push(towards, injected.frame);
                }
                match verdict.action {
                    FrameAction::Forward => Verdict::Forward,
                    FrameAction::Drop => Verdict::Drop,
                    FrameAction::Replace(frame) => Verdict::Replace(frame),
                    // Only where a judge of files is set, and none is so far.
                    FrameAction::Hold { .. } => Verdict::Forward,
                }
            }
            Outcome::Uninspected(policy) => {
                self.uninspected += 1;
                match policy {
                    FailPolicy::Stop => Verdict::Drop,
                    FailPolicy::Pass => Verdict::Forward,
                }
            }
        }
    }

    fn tick(&mut self, now: Timestamp) -> bool {
        self.guard.tick(now);
        self.tell_changes();
        self.take_definitions(now);
        if now.since(self.last_status) >= Duration::from_secs(1) || now < self.last_status {
            self.last_status = now;
            self.publish(now);
        }
        !self.health.restart.load(Ordering::SeqCst)
    }

    fn link_changed(&mut self, _now: Timestamp, interface: &str, up: bool) {
        for link in self.links.iter_mut().filter(|l| l.0 == interface) {
            link.2 = up;
        }
        let (kind, word) = if up {
            (GatewayEventKind::LinkUp, "つながりました")
        } else {
            (GatewayEventKind::LinkDown, "抜けています")
        };
        self.reporter.event_now(kind, &format!("端子 {interface} が{word}"));
    }
}
