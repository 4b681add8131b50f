//! `kill -9` on both ends at random moments, with SQLite behind: nothing lost, nothing doubled.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use mimamori_base::{Clock, Rng, SeededRng, SystemClock, SystemRng, Timestamp};
use mimamori_service::views::DetectionFilter;
use mimamori_uplink::{Agent, Identity, Reporter, Spool, SpoolConfig};
use tokio::sync::watch;

#[path = "common/host.rs"]
mod host;
#[path = "common/sqlite.rs"]
mod sqlite;
use host::TestHost;
use sqlite::{agent_config, detection, ingest, provision, service};

#[test]
fn child_cloud() {
    let Some(dir) = std::env::var_os("MIMAMORI_KILL_CLOUD") else { return };
    let port: u16 = std::fs::read_to_string(Path::new(&dir).join("port")).unwrap().parse().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let ingest = ingest(Path::new(&dir), ([127, 0, 0, 1], port).into()).await;
        let (_keep, stop) = watch::channel(false);
        ingest.serve(stop).await;
    });
}

#[test]
fn child_gateway() {
    let Some(dir) = std::env::var_os("MIMAMORI_KILL_GATEWAY") else { return };
    let dir = Path::new(&dir);
    let quiet = dir.join("quiet").exists();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let spool = SpoolConfig { max_bytes: 1 << 26, segment_bytes: 20_000 };
        let spool = Spool::open(&dir.join("spool"), spool, SystemClock.now()).unwrap();
        let reporter = Reporter::new(spool, Arc::new(SystemClock));
        let agent = Agent::new(
            agent_config(dir),
            Identity::load(dir).unwrap(),
            reporter.clone(),
            Arc::new(TestHost::default()),
            Arc::new(SystemRng),
        )
        .unwrap();
        let (_keep, stop) = watch::channel(false);
        tokio::spawn(agent.run(stop));
        let mut out = std::io::stdout();
        loop {
            if quiet {
                writeln!(out, "left {}", reporter.stats().records).unwrap();
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
            // The only writer: the next number is known, and names the detection.
            let next = reporter.stats().next_seq;
            assert_eq!(reporter.report(&detection(next)).unwrap(), next);
            reporter.sync().unwrap();
            writeln!(out, "durable {next}").unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

fn start(name: &str, variable: &str, dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(variable, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What a child says, as it says it, and the rest after it was killed.
fn listen(child: &mut Child) -> Receiver<String> {
    let (send, lines) = sync_channel(100_000);
    let out = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || out.lines().map_while(Result::ok).all(|l| send.send(l).is_ok()));
    lines
}

/// How often each detection is in the cloud's database.
async fn stored(dir: &Path) -> BTreeMap<u64, u32> {
    let service = service(dir).await;
    let console = service.console();
    let mut found = BTreeMap::new();
    let mut filter = DetectionFilter { limit: 1000, ..DetectionFilter::default() };
    loop {
        let page = service.detections(&console, filter.clone()).await.unwrap();
        for view in page.items {
            *found.entry(view.detection.flow_id.unwrap()).or_insert(0) += 1;
        }
        match page.next {
            Some(next) => filter.before = Some(next),
            None => break,
        }
    }
    service.close().await;
    found
}

#[test]
fn nt_05_kill_dash_nine_on_both_ends_loses_nothing_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(provision(dir.path()));
    let rng = SeededRng::new(11);
    let mut durable = 0u64;
    let mut note = |line: String| {
        if let Some(n) = line.strip_prefix("durable ") {
            durable = durable.max(n.parse().unwrap());
        }
    };
    let mut cloud = start("child_cloud", "MIMAMORI_KILL_CLOUD", dir.path());
    for round in 0..16 {
        let mut gateway = start("child_gateway", "MIMAMORI_KILL_GATEWAY", dir.path());
        let lines = listen(&mut gateway);
        std::thread::sleep(Duration::from_millis(150 + rng.next_u64() % 400));
        if round % 2 == 0 {
            cloud.kill().unwrap();
            cloud.wait().unwrap();
            std::thread::sleep(Duration::from_millis(rng.next_u64() % 100));
            cloud = start("child_cloud", "MIMAMORI_KILL_CLOUD", dir.path());
            std::thread::sleep(Duration::from_millis(rng.next_u64() % 300));
        }
        gateway.kill().unwrap();
        gateway.wait().unwrap();
        lines.iter().for_each(&mut note);
    }
    // Nothing new from here on: everything that is left has to arrive.
    std::fs::write(dir.path().join("quiet"), "").unwrap();
    let mut gateway = start("child_gateway", "MIMAMORI_KILL_GATEWAY", dir.path());
    let lines = listen(&mut gateway);
    let until = Timestamp(SystemClock.now().micros()) + Duration::from_secs(60);
    loop {
        let line = lines.recv_timeout(Duration::from_secs(30)).unwrap();
        if line == "left 0" {
            break;
        }
        assert!(SystemClock.now() < until, "still {line}");
    }
    gateway.kill().unwrap();
    gateway.wait().unwrap();
    cloud.kill().unwrap();
    cloud.wait().unwrap();

    let found = runtime.block_on(stored(dir.path()));
    assert!(durable > 300, "only {durable}: the test did too little");
    let missing: Vec<u64> = (1..=durable).filter(|n| !found.contains_key(n)).collect();
    assert!(missing.is_empty(), "lost: {missing:?} of {durable}");
    let doubled: Vec<u64> = found.iter().filter(|(_, times)| **times > 1).map(|(n, _)| *n).collect();
    assert!(doubled.is_empty(), "doubled: {doubled:?}");
    println!("{durable} durable, {} stored, none lost, none doubled", found.len());
}
