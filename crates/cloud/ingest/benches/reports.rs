//! Reports per second from a gateway's spool to queryable in the cloud: real TLS, SQLite.
//!
//! `cargo bench -p mimamori-ingest --bench reports [-- COUNT]`

use std::sync::Arc;
use std::time::{Duration, Instant};

use mimamori_base::{Clock, SystemClock, SystemRng};
use mimamori_service::views::DetectionFilter;
use mimamori_uplink::{Agent, Identity, Reporter, Spool, SpoolConfig};
use tokio::sync::watch;

#[path = "../tests/common/host.rs"]
mod host;
#[path = "../tests/common/sqlite.rs"]
mod sqlite;

#[tokio::main]
async fn main() {
    let count: u64 = std::env::args().filter_map(|a| a.parse().ok()).next().unwrap_or(20_000);
    let dir = tempfile::tempdir().unwrap();
    sqlite::provision(dir.path()).await;
    let spool = Spool::open(&dir.path().join("spool"), SpoolConfig::default(), SystemClock.now()).unwrap();
    let reporter = Reporter::new(spool, Arc::new(SystemClock));
    let begin = Instant::now();
    for n in 1..=count {
        reporter.report(&sqlite::detection(n)).unwrap();
    }
    reporter.sync().unwrap();
    println!("spool: {:.0} reports/s appended and synced", per_second(count, begin.elapsed()));

    let port: u16 = std::fs::read_to_string(dir.path().join("port")).unwrap().parse().unwrap();
    let ingest = sqlite::ingest(dir.path(), ([127, 0, 0, 1], port).into()).await;
    let (stop, stopped) = watch::channel(false);
    let serving = tokio::spawn(ingest.serve(stopped.clone()));
    let host = Arc::new(host::TestHost::default());
    let identity = Identity::load(dir.path()).unwrap();
    let config = sqlite::agent_config(dir.path());
    let agent = Agent::new(config, identity, reporter.clone(), host, Arc::new(SystemRng)).unwrap();
    let begin = Instant::now();
    let running = tokio::spawn(agent.run(stopped));
    while reporter.stats().records > 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let took = begin.elapsed();
    let service = sqlite::service(dir.path()).await;
    let filter = DetectionFilter { limit: 1, ..DetectionFilter::default() };
    assert_eq!(service.detections(&service.console(), filter).await.unwrap().items.len(), 1);
    println!("gateway to queryable: {:.0} reports/s ({count} reports, one gateway)", per_second(count, took));
    stop.send(true).unwrap();
    let _ = running.await;
    let _ = serving.await;
}

fn per_second(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}
