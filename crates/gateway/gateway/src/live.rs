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
use mimamori_capture::{Bridge, Counters, Injections, Inspector, Passage, Release, Towards, Verdict};
use mimamori_definitions::InstallError;
use mimamori_engine::{Engine, Exceptions, FrameAction, NotInspected, ReleaseAction};
use mimamori_report::{GatewayEventKind, PacketCounters};
use mimamori_uplink::{Agent, AgentConfig, Identity, Reporter, Spool, UplinkStatus};
use tokio::sync::watch;

use crate::config::{FailPolicy, GatewayConfig};
use crate::definitions::sets::{Look, SetConfig, Started};
use crate::definitions::{Definitions, DefinitionsError};
use crate::eve::EveLog;
use crate::exceptions::understood;
use crate::guard::{Change, Guard, Outcome};
use crate::health::Health;
use crate::judge::{self, Worker, WorkerJudge};
use crate::pipeline::Pipeline;
use crate::scanner_told::ScannerTold;
use crate::status::{self, Status};
use crate::watchdog::{self, Watched};

/// How often is looked whether another definition set was offered.
const SET_LOOK_EVERY: Duration = Duration::from_secs(10);

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
    // Before it is read: what comes later is found by the first look.
    let set_changed = config.set.as_ref().and_then(SetConfig::changed);
    let Started { definitions, refused } =
        first_definitions(config, rng.as_ref()).context("定義（ルール・一覧）を読めません")?;
    let worker = start_worker(config, &definitions)?;
    let bridge = Bridge::open(&config.ports, clock.clone()).context("ブリッジを始められません")?;
    let spool = Spool::open(&config.state_dir.join("spool"), config.spool, clock.now())
        .context("送信待ちの保存領域を開けません")?;
    let damaged = spool.stats().damaged_places;
    let reporter = Reporter::new(spool, clock.clone());
    let health = Health::new(clock.clone(), reporter.clone()).with_exceptions(&config.state_dir);
    let health = Arc::new(health);
    let (uplink, uplink_stop) = start_uplink(config, runtime, &reporter, &health, rng.clone())?;
    reporter.event_now(GatewayEventKind::Started, "起動しました");
    for why in &refused {
        reporter.event_now(GatewayEventKind::DefinitionsRefused, why);
    }
    if damaged > 0 {
        reporter.event_now(GatewayEventKind::SpoolDamaged, "保存領域の一部を読めませんでした（停電など）");
    }
    let (new_definitions, taken) = sync_channel(1);
    let reloader = Reloader {
        config: config.clone(),
        rng,
        reporter: reporter.clone(),
        out: new_definitions,
        worker: worker.clone(),
    };
    note_definitions(&health, &definitions);
    let parts = Parts {
        shared: Shared { current: Arc::new(std::sync::Mutex::new(definitions)), exceptions: Arc::default() },
        reporter: reporter.clone(),
        health: health.clone(),
        taken: Arc::new(std::sync::Mutex::new(taken)),
        reload,
        reloader,
        uplink: uplink.as_ref().map(|u| u.0.clone()),
        worker,
        set_changed,
    };
    let inspection = Inspection::new(config, parts.clone(), &bridge, None);
    tracing::info!(ports = config.ports.len(), "inspecting");
    let watched = watchdog::watch((bridge, inspection), config.hang_limit, &stop, |times| {
        take_over(config, &parts, &clock, times)
    });
    let result = settle(watched, config, &clock, &health);
    reporter.event_now(GatewayEventKind::Stopped, "停止しました");
    let _ = reporter.sync();
    let _ = uplink_stop.send(true);
    if let Some((_, task)) = uplink {
        let _ = runtime.block_on(task);
    }
    status::clear(&config.state_dir);
    result?;
    Ok(if health.restart.load(Ordering::SeqCst) { Ended::Restart } else { Ended::Stopped })
}

fn start_worker(config: &GatewayConfig, definitions: &Definitions) -> anyhow::Result<Option<Worker>> {
    if !config.scan.enabled {
        return Ok(None);
    }
    let setup = judge::setup(&config.scan, &definitions.set).context("ファイル検査の定義を読めません")?;
    Worker::start(config.scan.program.clone(), setup).map(Some)
}

/// Another bridge and inspection in place of one that hangs.
fn take_over(
    config: &GatewayConfig,
    parts: &Parts,
    clock: &Arc<dyn Clock>,
    times: u32,
) -> Option<(Bridge, Inspection)> {
    parts.reporter.event_now(GatewayEventKind::InspectionDied, "検査機能が応答しなくなりました");
    let bridge = Bridge::open(&config.ports, clock.clone())
        .inspect_err(|error| tracing::error!(%error, "no second bridge"))
        .ok()?;
    let inspection = Inspection::new(config, parts.clone(), &bridge, Some((clock.now(), times)));
    Some((bridge, inspection))
}

/// What is to be done when nothing is inspected any more.
fn settle(
    watched: Watched<Inspection>,
    config: &GatewayConfig,
    clock: &Arc<dyn Clock>,
    health: &Health,
) -> anyhow::Result<()> {
    match watched {
        Watched::Ended(result, mut inspection) => {
            save_datasets(&mut inspection, config, clock.now());
            inspection.guard.finish(clock.now());
            result.context("ブリッジが止まりました")
        }
        Watched::Hopeless => {
            health.restart.store(true, Ordering::SeqCst);
            Ok(())
        }
        Watched::Lost => anyhow::bail!("検査機能を動かし続けられません"),
    }
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
        definitions: config.set.as_ref().map(|set| set.path.clone()),
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

/// Files are judged by the new set from the next one on.
fn renew_worker(config: &GatewayConfig, new: &Definitions, worker: Option<&Worker>, reporter: &Reporter) {
    let Some(worker) = worker else { return };
    match judge::setup(&config.scan, &new.set) {
        Ok(setup) => worker.lock().replace(setup),
        Err(error) => {
            tracing::error!(%error, "new definitions for files refused; the old ones stay");
            reporter.event_now(GatewayEventKind::DefinitionsRefused, &format!("ファイル検査: {error}"));
        }
    }
}

/// Compiles definitions on a thread of its own.
#[derive(Clone)]
struct Reloader {
    config: GatewayConfig,
    rng: Arc<dyn Rng>,
    reporter: Reporter,
    out: SyncSender<Definitions>,
    worker: Option<Worker>,
}

impl Reloader {
    fn start(&self) {
        let (config, rng) = (self.config.clone(), self.rng.clone());
        let (reporter, out) = (self.reporter.clone(), self.out.clone());
        let worker = self.worker.clone();
        std::thread::spawn(move || {
            match newer_definitions(&config, rng.as_ref()) {
                Ok(None) => tracing::info!("the definition set in force is the newest"),
                // A second reload while one waits is dropped: the waiting one is as new.
                Ok(Some(definitions)) => {
                    renew_worker(&config, &definitions, worker.as_ref(), &reporter);
                    drop(out.try_send(definitions));
                }
                Err(error) => {
                    tracing::error!(%error, "new definitions refused; the old ones stay");
                    reporter.event_now(GatewayEventKind::DefinitionsRefused, &error.to_string());
                }
            }
        });
    }
}

/// The signed set's last good version, or the files.
fn first_definitions(config: &GatewayConfig, rng: &dyn Rng) -> Result<Started, DefinitionsError> {
    if let Some(set) = &config.set {
        return match set.start(&config.engine) {
            Err(DefinitionsError::Install(InstallError::Io { source, .. }))
                if source.kind() == std::io::ErrorKind::NotFound && config.cloud.is_some() =>
            {
                // The first set is still to be fetched from the cloud.
                let definitions = Definitions::starter(&config.engine, rng)?;
                Ok(Started { definitions, refused: vec!["定義がまだ届いていません".to_owned()] })
            }
            started => started,
        };
    }
    let definitions = Definitions::load(&config.rules, &config.lists, &config.engine, rng)?;
    Ok(Started { definitions, refused: Vec::new() })
}

/// What a reload brings; `None`: the set in force is the newest.
fn newer_definitions(config: &GatewayConfig, rng: &dyn Rng) -> Result<Option<Definitions>, DefinitionsError> {
    match config.set.as_ref().map(|set| set.look(&config.engine)) {
        Some(Look::New(definitions)) => Ok(Some(*definitions)),
        Some(Look::Unchanged) => Ok(None),
        Some(Look::Refused(error)) => Err(error),
        None => Definitions::load(&config.rules, &config.lists, &config.engine, rng).map(Some),
    }
}

type MakePipeline = Box<dyn FnMut() -> Pipeline + Send>;

/// What every inspection of this run works with.
#[derive(Clone)]
struct Parts {
    shared: Shared,
    reporter: Reporter,
    health: Arc<Health>,
    taken: Arc<std::sync::Mutex<Receiver<Definitions>>>,
    reload: Arc<AtomicBool>,
    reloader: Reloader,
    uplink: Option<Arc<std::sync::Mutex<UplinkStatus>>>,
    worker: Option<Worker>,
    /// The date of the offered set before definitions were read.
    set_changed: Option<std::time::SystemTime>,
}

struct Inspection {
    guard: Guard<MakePipeline>,
    current: Arc<std::sync::Mutex<Definitions>>,
    counters: Arc<Counters>,
    reporter: Reporter,
    health: Arc<Health>,
    taken: Arc<std::sync::Mutex<Receiver<Definitions>>>,
    reload: Arc<AtomicBool>,
    reloader: Reloader,
    uplink: Option<Arc<std::sync::Mutex<UplinkStatus>>>,
    worker: Option<Worker>,
    scanner: ScannerTold,
    links: Vec<(String, Zone, bool)>,
    state_dir: std::path::PathBuf,
    uninspected: u64,
    last_status: Timestamp,
    /// When the offered set was last looked for, and its date then.
    last_look: Timestamp,
    set_changed: Option<std::time::SystemTime>,
    exceptions: Arc<std::sync::Mutex<Arc<Exceptions>>>,
}

impl Inspection {
    /// `hung`: it takes the place of one that hung, now and for the so manieth time.
    fn new(config: &GatewayConfig, parts: Parts, bridge: &Bridge, hung: Option<(Timestamp, u32)>) -> Self {
        let Parts { shared, reporter, health, taken, reload, reloader, uplink, worker, set_changed } = parts;
        let make = maker(config.clone(), shared.clone(), reporter.clone(), worker.clone());
        let guard = match hung {
            None => Guard::new(make, config.fail),
            Some((now, times)) => Guard::after_hanging(make, config.fail, now, times),
        };
        let links = config
            .ports
            .iter()
            .map(|p| (p.interface.clone(), p.zone, mimamori_capture::Interface::link_is_up(&p.interface)))
            .collect();
        Inspection {
            guard,
            current: shared.current,
            counters: bridge.counters(),
            reporter,
            health,
            taken,
            reload,
            reloader,
            uplink,
            worker,
            scanner: ScannerTold::default(),
            links,
            state_dir: config.state_dir.clone(),
            uninspected: 0,
            last_status: Timestamp::EPOCH,
            last_look: Timestamp::EPOCH,
            set_changed,
            exceptions: shared.exceptions,
        }
    }

    fn take_definitions(&mut self, now: Timestamp) {
        if self.reload.swap(false, Ordering::SeqCst) || self.health.reload.swap(false, Ordering::SeqCst) {
            self.reloader.start();
        }
        let taken = self.taken.lock().unwrap_or_else(std::sync::PoisonError::into_inner).try_recv();
        let Ok(new) = taken else { return };
        note_definitions(&self.health, &new);
        let detail =
            format!("定義を更新しました（ルール {} 件、使えないもの {} 件）", new.loaded(), new.refused());
        let (mut old_rules, loaded) = (None, new.loaded());
        let begun = std::time::Instant::now();
        self.guard.with(now, |p| {
            old_rules = Some(p.engine_mut().replace_rules(new.rules.clone()));
            p.engine_mut().replace_reputation(new.reputation.clone());
            p.replace_knowledge(new.knowledge.clone());
        });
        let old = std::mem::replace(
            &mut *self.current.lock().unwrap_or_else(std::sync::PoisonError::into_inner),
            new,
        );
        // So long did the packets that came meanwhile wait.
        let swap_us = begun.elapsed().as_micros();
        tracing::info!(rules = loaded, swap_us, "definitions in force");
        // Letting go of a rule set takes long: no packet waits for it.
        std::thread::spawn(move || drop((old, old_rules)));
        self.reporter.event_now(GatewayEventKind::DefinitionsLoaded, &detail);
    }

    /// Looks now and then whether another set was put in the offered one's place.
    fn watch_set(&mut self, now: Timestamp) {
        if now.since(self.last_look) < SET_LOOK_EVERY && now >= self.last_look {
            return;
        }
        self.last_look = now;
        let Some(set) = &self.reloader.config.set else { return };
        let changed = set.changed();
        if changed.is_some() && changed != self.set_changed {
            self.set_changed = changed;
            self.reloader.start();
        }
    }

    fn take_exceptions(&mut self, now: Timestamp) {
        let Some(list) = self.health.exceptions.take() else { return };
        let (exceptions, bad) = understood(&list);
        let detail = format!("例外の一覧を受け取りました（{} 件）", exceptions.list().len());
        let exceptions = Arc::new(exceptions);
        self.guard.with(now, |p| p.engine_mut().replace_exceptions(exceptions.clone()));
        *self.exceptions.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = exceptions;
        self.reporter.event_now(GatewayEventKind::ExceptionsChanged, &detail);
        for why in bad {
            self.reporter.event_now(GatewayEventKind::ExceptionsChanged, &why);
        }
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

    fn tell_scanner(&mut self) {
        let Some(worker) = &self.worker else { return };
        let (state, refusal, clamd_fails) = {
            let worker = worker.lock();
            (worker.state(), worker.take_refusal(), worker.clamd_fails())
        };
        if let Some(why) = refusal {
            self.reporter.event_now(GatewayEventKind::DefinitionsRefused, &format!("ファイル検査: {why}"));
        }
        for (kind, detail) in self.scanner.changes(state, clamd_fails) {
            self.reporter.event_now(kind, detail);
        }
    }

    /// Tells that files wait too long, once for all that do so within ten minutes.
    fn tell_slowness(&mut self, now: Timestamp) {
        let slow = |p: &mut Pipeline| p.engine().judge_stats().not_inspected(NotInspected::Slow);
        let slow = self.guard.with(now, slow).unwrap_or(0);
        if self.scanner.is_slower(slow, now) {
            self.reporter
                .event_now(GatewayEventKind::ScannerSlow, "ファイル検査が時間内に終わりませんでした");
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
        self.tell_slowness(now);
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

/// What a new engine begins with, also one that takes the place of another.
#[derive(Clone)]
struct Shared {
    current: Arc<std::sync::Mutex<Definitions>>,
    exceptions: Arc<std::sync::Mutex<Arc<Exceptions>>>,
}

fn maker(config: GatewayConfig, shared: Shared, reporter: Reporter, worker: Option<Worker>) -> MakePipeline {
    let mut epoch = 0;
    Box::new(move || {
        let definitions = shared.current.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let exceptions = shared.exceptions.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let mut settings = config.engine.clone();
        settings.judging = config.scan.policy.clone();
        let mut engine = Engine::new(settings, definitions.rules, definitions.reputation);
        engine.replace_exceptions(exceptions);
        if let Some(worker) = &worker {
            epoch += 1;
            engine.judge_files(Box::new(WorkerJudge::new(worker.clone(), epoch)));
        }
        let eve = config.eve.as_ref().and_then(|e| {
            EveLog::open(&e.path, e.max_bytes, e.keep)
                .inspect_err(|error| tracing::error!(%error, path = %e.path.display(), "no EVE log"))
                .ok()
        });
        Pipeline::new(engine, definitions.knowledge, Some(reporter.clone()), eve)
    })
}

/// From the engine's words to the bridge's.
fn released(release: mimamori_engine::Release) -> Release {
    let mut inject = Injections::default();
    for injected in release.inject {
        let towards = if injected.towards_sender { Towards::Sender } else { Towards::Receiver };
        inject.push(towards, injected.frame);
    }
    let verdict = match release.action {
        ReleaseAction::Send => Verdict::Forward,
        ReleaseAction::Replace(frame) => Verdict::Replace(frame),
        ReleaseAction::Discard => Verdict::Drop,
    };
    Release { token: release.token, verdict, inject }
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
                    FrameAction::Hold { token, instead } => Verdict::Hold { token, instead },
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

    fn releases(&mut self, now: Timestamp, woken: bool) -> Vec<Release> {
        if woken {
            if let Some(worker) = &self.worker {
                worker.lock().calm();
            }
            self.guard.with(now, |p| p.tend_files(now));
        }
        let releases = self.guard.with(now, |p| p.engine_mut().take_releases()).unwrap_or_default();
        releases.into_iter().map(released).collect()
    }

    fn wake_fd(&self) -> Option<std::os::fd::RawFd> {
        self.worker.as_ref().map(|w| w.lock().wake_fd())
    }

    fn tick(&mut self, now: Timestamp) -> bool {
        self.guard.tick(now);
        self.tell_changes();
        self.tell_scanner();
        self.take_definitions(now);
        self.watch_set(now);
        self.take_exceptions(now);
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
