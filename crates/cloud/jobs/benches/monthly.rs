//! The night of the monthly reports: facts, layout and storing for many customers, on SQLite.
//! `cargo bench -p mimamori-jobs --bench monthly -- 10000`. Prints figures; asserts only that
//! every customer has a report and that a second run makes none.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mimamori_base::{SeededRng, VirtualClock};
use mimamori_domain::{Month, Policy};
use mimamori_jobs::monthly;
use mimamori_service::{Config, Parts, PasswordCost, Service};
use mimamori_store::generate::{GenerateStore as _, Plan};
use mimamori_store::{Scope, SqliteStore};

/// Customers that are generated in one transaction.
const AT_ONCE: u64 = 50;
/// As the night's job does it.
const STEP: u32 = 100;

#[tokio::main]
async fn main() {
    let wanted = std::env::args().filter_map(|a| a.parse::<u64>().ok()).next().unwrap_or(500);
    let folder = tempfile::tempdir().expect("a folder");
    let store = SqliteStore::open(&folder.path().join("m.db")).await.expect("a store");
    let month = Month(2026 * 12 + 10);
    let until = month.period().to;
    // The month and the one before, whose counts stand beside it.
    let plan = Plan { heavy: 3_000, ..Plan::new(7, 61, until) };
    let generating = Instant::now();
    let prepared = store.prepare_generation(Scope::system(), plan).await.expect("prepared");
    for from in (0..wanted).step_by(AT_ONCE as usize) {
        let some = from..(from + AT_ONCE).min(wanted);
        store.generate(Scope::system(), plan, some).await.expect("generated");
    }
    store.finish_generation(Scope::system(), prepared).await.expect("finished");
    println!("{wanted} customers generated in {:.0} s", generating.elapsed().as_secs_f64());
    let clock = VirtualClock::at(until + Duration::from_secs(4 * 3_600));
    let parts = Parts {
        store: Arc::new(store),
        clock: Arc::new(clock),
        rng: Arc::new(SeededRng::new(1)),
        policy: Policy::builtin().expect("the policy"),
        config: Config { password_cost: PasswordCost::cheap_for_tests(), ..Config::default() },
    };
    let service = Service::new(parts).expect("a service");
    let (begun, mut made) = (Instant::now(), 0);
    let mut slowest = Duration::ZERO;
    loop {
        let step = Instant::now();
        let n = monthly::step(&service, month, STEP).await.expect("a step");
        slowest = slowest.max(step.elapsed());
        if n == 0 {
            break;
        }
        made += n;
    }
    let took = begun.elapsed().as_secs_f64();
    assert_eq!(made, wanted, "every customer has one");
    assert_eq!(monthly::step(&service, month, STEP).await.expect("a step"), 0, "only once");
    println!(
        "{made} reports in {took:.1} s: {:.1} a second, 10,000 in {:.1} minutes; slowest step of {STEP}: {:.1} s",
        made as f64 / took,
        10_000.0 * took / made as f64 / 60.0,
        slowest.as_secs_f64()
    );
}
