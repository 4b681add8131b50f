//! What it costs to try a policy on 90 days of 10,000 customers' detections (RT-02), on both
//! databases. `cargo bench -p mimamori-jobs --bench trial [-- CUSTOMERS [DAYS]]`.
//!
//! The detections are the project's generator's: about 1.6 a day and customer, and one customer
//! with [`HEAVY`]. Beside the trial, in the same run: walking over the same rows without judging.
//! Memory is this process's alone (embedded SQLite included, PostgreSQL's server not).

#[path = "../../store/tests/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use mimamori_base::{SeededRng, Timestamp, VirtualClock};
use mimamori_domain::Policy;
use mimamori_domain::policy::BUILTIN;
use mimamori_service::{Config, Parts, PasswordCost, Service};
use mimamori_store::generate::Plan;
use mimamori_store::ratings::WalkMark;
use mimamori_store::{PostgresStore, Scope, SqliteStore, Store};

/// Detections of the one customer that has by far the most.
const HEAVY: u64 = 100_000;
/// Customers that are generated in one transaction.
const AT_ONCE: u64 = 100;
/// Rows of one step, as the trial reads them.
const STEP: u32 = 5_000;
const DAY: u64 = 86_400;

/// When the trial is run.
const NOW: Timestamp = Timestamp::from_secs(1_795_496_700);

async fn generate(store: &dyn Store, customers: u64, days: u64) -> u64 {
    let heavy = HEAVY.min(customers * 10);
    let plan = Plan { heavy, full_hours: 0, ..Plan::new(7, i64::try_from(days).unwrap(), NOW) };
    let prepared = store.prepare_generation(Scope::system(), plan).await.unwrap();
    let mut made = 0;
    for from in (0..customers).step_by(AT_ONCE as usize) {
        let some = from..(from + AT_ONCE).min(customers);
        made += store.generate(Scope::system(), plan, some).await.unwrap().detections;
    }
    store.finish_generation(Scope::system(), prepared).await.unwrap();
    made
}

/// Most memory of this process since the last call, in MB; what it holds now before that.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or_default();
    let kb: u64 = line.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0);
    // Starts the peak again from what is held now; where that is not allowed, it only grows.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    kb / 1_000
}

/// Reads all rows in the steps of a trial.
async fn walk(store: &dyn Store, since: Timestamp) -> u64 {
    let (mut after, mut rows) = (None, 0);
    loop {
        let step = store.walk(Scope::system(), since, after, STEP).await.unwrap();
        let Some(last) = step.last() else { return rows };
        after = Some(WalkMark { customer: last.customer, at: last.detection.at, id: last.detection.id });
        rows += step.len() as u64;
    }
}

async fn run(backend: &str, store: Arc<dyn Store>, customers: u64, days: u64) {
    let begun = Instant::now();
    let made = generate(&*store, customers, days).await;
    eprintln!(
        "{backend}: {made} detections of {customers} customers made in {:.0} s",
        begun.elapsed().as_secs_f64()
    );
    let retention = Duration::from_secs(days * DAY);
    let config = Config { retention, password_cost: PasswordCost::cheap_for_tests(), ..Config::default() };
    let service = Service::new(Parts {
        store: store.clone(),
        clock: Arc::new(VirtualClock::at(NOW)),
        rng: Arc::new(SeededRng::new(1)),
        policy: Policy::builtin().unwrap(),
        config,
    })
    .unwrap();

    peak_mb();
    let begun = Instant::now();
    let rows = walk(&*store, NOW - retention).await;
    print(backend, "read alone", rows, begun.elapsed(), peak_mb());

    let tried = BUILTIN.replace("rating = \"one\"", "rating = \"two\"");
    let begun = Instant::now();
    let report = service.try_policy(&tried).await.unwrap();
    print(backend, "policy tried", report.detections, begun.elapsed(), peak_mb());
    assert_eq!(report.detections, rows, "everything that is kept was judged");
    assert!(!report.changes.is_empty(), "the draft changes something");
    eprintln!(
        "{backend}: {} customers, {} alerts before, {} after, {} not counted",
        report.customers,
        report.before.values().sum::<u64>(),
        report.after.values().sum::<u64>(),
        report.skipped
    );
    store.close().await;
}

fn print(backend: &str, what: &str, rows: u64, took: Duration, mb: u64) {
    let secs = took.as_secs_f64();
    println!("| {backend} | {what} | {rows} | {secs:.1} s | {:.0} | {mb} MB |", rows as f64 / secs);
}

#[tokio::main]
async fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|a| a.parse::<u64>().ok());
    let customers = numbers.next().unwrap_or(10_000);
    let days = numbers.next().unwrap_or(90);
    println!("{customers} customers, {days} days\n");
    println!(
        "| database | what | detections | time | detections/s | most memory |\n| --- | --- | --- | --- | --- | --- |"
    );
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("t.db")).await.unwrap();
    run("SQLite", Arc::new(store), customers, days).await;
    if let Some(postgres) = support::server() {
        let url = postgres.database("trial");
        run("PostgreSQL", Arc::new(PostgresStore::open(&url, 16).await.unwrap()), customers, days).await;
        postgres.stop();
    }
}
