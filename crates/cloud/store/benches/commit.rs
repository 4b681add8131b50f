//! Reports per second from the storing transaction to queryable, on both databases.
//! `cargo bench -p mimamori-store`. Prints a table; asserts only that nothing is lost.

#[path = "../tests/suite/mod.rs"]
#[expect(dead_code, reason = "only the fixture is used here")]
mod suite;
#[path = "../tests/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use mimamori_domain::{DetectionKind, Serial};
use mimamori_store::views::{CommitBatch, ReportItem};
use mimamori_store::{PostgresStore, SqliteStore, Store};
use suite::fixture::{SYSTEM, World, at};

const RUN: Duration = Duration::from_secs(5);
const GATEWAYS: usize = 32;

struct Figures {
    per_second: f64,
    p50: Duration,
    p99: Duration,
}

/// `GATEWAYS` gateways at once, each sending batches one after the other.
async fn run(store: Arc<dyn Store>, per_batch: u64) -> Figures {
    let world = Arc::new(World::new(store.clone()).await);
    let mut ids = Vec::new();
    for i in 0..GATEWAYS {
        let mut gateway = world.gateway(0, "MG-0000");
        gateway.id = mimamori_domain::GatewayId::generate(at(1), &*world.rng);
        gateway.serial = Serial::parse(&format!("BENCH-{i:04}")).unwrap();
        ids.push(gateway.id);
        store.create_gateway(SYSTEM, gateway, [1; 32]).await.unwrap();
    }
    let started = Instant::now();
    let tasks: Vec<_> = ids
        .into_iter()
        .map(|gateway| {
            let world = world.clone();
            tokio::spawn(async move {
                let (mut seq, mut times) = (0u64, Vec::new());
                while started.elapsed() < RUN {
                    let items = (0..per_batch)
                        .map(|i| {
                            seq += 1;
                            let kind = DetectionKind::ALL[(seq % 8) as usize];
                            let mut d = world.detection(kind, (seq % 86_400) as i64);
                            d.device.mac =
                                Some(mimamori_domain::detection::MacAddress([2, 0, 0, 0, 0, (i % 20) as u8]));
                            (seq, ReportItem::Detection(Box::new(d)))
                        })
                        .collect();
                    let batch = CommitBatch { gateway, epoch: 1, items, now: at(90_000) };
                    let begun = Instant::now();
                    let done = world.store.commit(SYSTEM, batch, world.policy.clone(), world.rng.clone());
                    assert_eq!(done.await.unwrap().cursor.seq, seq);
                    times.push(begun.elapsed());
                }
                (seq, times)
            })
        })
        .collect();
    let (mut total, mut times) = (0, Vec::new());
    for task in tasks {
        let (seq, t) = task.await.unwrap();
        total += seq;
        times.extend(t);
    }
    let elapsed = started.elapsed();
    assert_eq!(store.stats(SYSTEM).await.unwrap().detections, total, "queryable");
    times.sort_unstable();
    let at_share = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
    Figures { per_second: total as f64 / elapsed.as_secs_f64(), p50: at_share(50), p99: at_share(99) }
}

fn print(backend: &str, per_batch: u64, f: &Figures) {
    println!("| {backend} | {per_batch} | {:.0} | {:.1} ms | {:.1} ms |", f.per_second, ms(f.p50), ms(f.p99));
}

fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1_000.0
}

#[tokio::main]
async fn main() {
    println!("{GATEWAYS} gateways at once, {} s a row", RUN.as_secs());
    println!("| database | reports a batch | reports/s | p50 | p99 |\n| --- | --- | --- | --- | --- |");
    for per_batch in [1, 20, 200] {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&dir.path().join("b.db")).await.unwrap());
        print("SQLite", per_batch, &run(store.clone(), per_batch).await);
        store.close().await;
    }
    let Some(server) = support::server() else { return };
    for per_batch in [1, 20, 200] {
        let url = server.database(&format!("bench{per_batch}"));
        let store: Arc<dyn Store> = Arc::new(PostgresStore::open(&url, 16).await.unwrap());
        print("PostgreSQL", per_batch, &run(store.clone(), per_batch).await);
        store.close().await;
    }
    server.stop();
}
