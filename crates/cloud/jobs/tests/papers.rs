//! The night of the monthly reports, and inquiries that close by themselves, on virtual time.

#[path = "../../service/tests/support/mod.rs"]
mod support;

use mimamori_base::Timestamp;
use mimamori_domain::jst::JstDay;
use mimamori_jobs::{Job, JobsConfig, Periodic, monthly};
use mimamori_service::NewCustomer;
use support::{Bench, address, name};

/// 4:00 in Japan on the first of December.
const FIRST: Timestamp = JstDay::of(Timestamp::from_secs(1_796_050_800)).at_hour(4);

async fn reports(b: &Bench) -> usize {
    b.service.monthly_reports(&b.service.console(), b.customer.id).await.unwrap().len()
}

#[tokio::test]
async fn pt_10_reports_come_in_the_night_of_the_first_and_only_once() {
    let b = Bench::new().await;
    let mut jobs = Periodic::new(b.service.clone(), JobsConfig::default());
    assert!(jobs.tick().await.ran.contains(&Job::Monthly));
    assert_eq!(reports(&b).await, 0, "whoever came in this month has nothing to read of the last");
    b.clock.set(FIRST - std::time::Duration::from_secs(60));
    assert!(jobs.tick().await.failed.is_empty());
    assert_eq!(reports(&b).await, 0, "not before the comparison is there");
    for _ in 0..3 {
        b.clock.set(b.service.now() + std::time::Duration::from_secs(120));
        assert!(jobs.tick().await.failed.is_empty());
    }
    assert_eq!(reports(&b).await, 1);
    let console = b.service.console();
    let row = b.service.monthly_reports(&console, b.customer.id).await.unwrap().remove(0);
    assert_eq!(row.month.label(), "2026年11月");
    let (_, pdf) = b.service.monthly_report(&console, row.id).await.unwrap();
    assert!(pdf.starts_with(b"%PDF-"));
}

#[tokio::test]
async fn the_nights_work_goes_on_where_it_was_broken_off() {
    let b = Bench::new().await;
    let console = b.service.console();
    for i in 0..7 {
        let new = NewCustomer {
            reseller: b.reseller.id,
            name: name(&format!("商店{i}")),
            addresses: mimamori_domain::NotifyAddresses::new(vec![address("a@example.jp")]).unwrap(),
        };
        b.service.create_customer(&console, new).await.unwrap();
    }
    b.clock.set(FIRST);
    let month = mimamori_domain::Month::of(FIRST).plus(-1);
    let mut steps = Vec::new();
    loop {
        let n = monthly::step(&b.service, month, 3).await.unwrap();
        steps.push(n);
        if n == 0 {
            break;
        }
    }
    assert_eq!(steps, [3, 3, 2, 0]);
}
