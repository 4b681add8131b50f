//! `kill -9` while reports are being committed: what was answered is there, and whatever is there
//! fits together.

#[expect(dead_code, reason = "only the fixture is used here")]
mod suite;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mimamori_base::{Rng as _, SeededRng, SystemRng};
use mimamori_domain::{CustomerId, DetectionKind, GatewayId, Period, Policy, ResellerId};
use mimamori_store::views::AlertFilter;
use mimamori_store::{SqliteStore, Store};
use suite::fixture::{SYSTEM, World, at};

/// How a child of this very test binary learns that it is the victim: `FILE GATEWAY`.
const VICTIM: &str = "MIMAMORI_TEST_VICTIM";

/// Commits ten reports after ten, printing the cursor after each commit, until it is killed.
/// Without the variable: three commits on a fresh file, so that the victim itself is tested.
#[tokio::test]
async fn victim() {
    #[expect(clippy::disallowed_methods, reason = "the only way to hand a task to a child through libtest")]
    let task = std::env::var(VICTIM);
    let Ok(task) = task else {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&dir.path().join("cloud.db")).await.unwrap());
        let w = World::new(store.clone()).await;
        assert_eq!(commit_on(&*store, &w, 3).await, 30);
        return;
    };
    let (file, gateway) = task.split_once(' ').unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(std::path::Path::new(file)).await.unwrap());
    let gateway = GatewayId::parse(gateway).unwrap();
    // The world was made by the parent; the victim needs to know its gateway only.
    let w = World {
        store: store.clone(),
        rng: Arc::new(SystemRng),
        policy: Arc::new(Policy::builtin().unwrap()),
        resellers: [ResellerId([0; 16]); 2],
        customers: [CustomerId([0; 16]); 2],
        gateways: [gateway; 2],
    };
    commit_on(&*store, &w, u32::MAX).await;
}

async fn commit_on(store: &dyn Store, w: &World, batches: u32) -> u64 {
    let mut seq = store.cursor(SYSTEM, w.gateways[0]).await.unwrap().seq;
    for _ in 0..batches {
        let ten = (0..10).map(|_| w.detection(DetectionKind::CommandAndControl, 0)).collect();
        seq = w.report(0, seq + 1, 0, ten).await.unwrap().cursor.seq;
        println!("{seq}");
    }
    seq
}

#[tokio::test]
async fn nt_05_kill_at_any_point_loses_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cloud.db");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).await.unwrap());
    let w = World::new(store.clone()).await;
    store.close().await;
    let rng = SeededRng::new(5);
    let mut last = 0;
    for round in 0..8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "victim", "--nocapture"])
            .env(VICTIM, format!("{} {}", path.display(), w.gateways[0]))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        // Beside the cursors, libtest says its own things.
        let reader = std::thread::spawn(move || lines.filter_map(|l| l.parse::<u64>().ok()).last());
        let started = Instant::now();
        let life = Duration::from_millis(150 + rng.next_u64() % 400);
        while started.elapsed() < life {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let answered: u64 = reader.join().unwrap().unwrap_or(0);

        let store = SqliteStore::open(&path).await.unwrap();
        let stored = store.cursor(SYSTEM, w.gateways[0]).await.unwrap().seq;
        assert!(stored >= answered, "round {round}: {answered} answered, {stored} stored");
        let stats = store.stats(SYSTEM).await.unwrap();
        assert_eq!(stats.detections, stored, "round {round}");
        let counts = store.counts(SYSTEM, w.customers[0], Period::last_days(3, at(0))).await.unwrap();
        assert_eq!(counts.iter().map(|c| c.total).sum::<u64>(), stored, "round {round}: rollups");
        let alerts = store.alerts(SYSTEM, AlertFilter::default()).await.unwrap().items;
        assert_eq!(alerts.iter().map(|a| a.alert.count).sum::<u64>(), stored, "round {round}: alerts");
        assert_eq!(stats.notices_waiting, alerts.len() as u64, "round {round}: one notice an alert");
        store.close().await;
        last = stored;
    }
    assert!(last > 200, "the victims did work before they died: {last}");
}
