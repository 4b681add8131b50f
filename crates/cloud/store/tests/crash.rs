//! `kill -9` while reports are being committed: what was answered is there, and whatever is there
//! fits together.

#[expect(dead_code, reason = "only the fixture is used here")]
mod suite;

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mimamori_base::{Rng as _, SeededRng};
use mimamori_domain::Period;
use mimamori_store::views::AlertFilter;
use mimamori_store::{SqliteStore, Store};
use suite::fixture::{SYSTEM, World, at};

/// Cargo builds the examples of a package beside its tests.
fn committer() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.join("examples").join("committer")
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
        let mut child = Command::new(committer())
            .arg(&path)
            .arg(w.gateways[0].to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("run through `cargo test`, which builds the examples");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let reader = std::thread::spawn(move || lines.map_while(Result::ok).last());
        let started = Instant::now();
        let life = Duration::from_millis(150 + rng.next_u64() % 400);
        while started.elapsed() < life {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let answered: u64 = reader.join().unwrap().and_then(|line| line.parse().ok()).unwrap_or(0);

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
