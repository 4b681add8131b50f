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

/// Customers beside the one of the bench, named by their numbers.
async fn shops(b: &Bench, n: usize) {
    for i in 0..n {
        let new = NewCustomer {
            reseller: b.reseller.id,
            name: name(&format!("商店{i}")),
            addresses: mimamori_domain::NotifyAddresses::new(vec![address("a@example.jp")]).unwrap(),
        };
        b.service.create_customer(&b.service.console(), new).await.unwrap();
    }
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
    shops(&b, 7).await;
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

#[tokio::test]
async fn one_paper_that_fails_holds_up_nobody_is_told_to_the_operator_and_made_later() {
    let b = Bench::new().await;
    let console = b.service.console();
    shops(&b, 5).await;
    b.clock.set(FIRST);
    let month = mimamori_domain::Month::of(FIRST).plus(-1);
    // The fonts are there for all but two: one layout fails, one panics.
    let broken = |facts: &mimamori_domain::Monthly| match facts.customer.as_str() {
        "商店0" => Err(mimamori_domain::Line::clip("a glyph is missing")),
        "商店3" => panic!("a fault of the layout"),
        _ => mimamori_paper::monthly::pdf(facts).map_err(|e| mimamori_domain::Line::clip(&e.to_string())),
    };
    let mut steps = Vec::new();
    loop {
        let n = monthly::step_with(&b.service, month, 2, broken).await.unwrap();
        steps.push(n);
        if n == 0 {
            break;
        }
    }
    assert_eq!(steps, [2, 2, 2, 0], "each is tried once in this run");
    let all = b.service.customers(&console).await.unwrap();
    let mut without: Vec<String> = Vec::new();
    for c in &all {
        if b.service.monthly_reports(&console, c.customer.id).await.unwrap().is_empty() {
            without.push(c.customer.name.to_string());
        }
    }
    without.sort();
    assert_eq!(without, ["商店0", "商店3"]);
    let told = b.service.monthly_failures(&console).await.unwrap();
    let mut reasons: Vec<&str> = told.iter().map(|f| f.reason.as_str()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["a glyph is missing", "the layout panicked"]);
    assert!(told.iter().all(|f| f.attempts == 1 && f.next_at > FIRST));
    // An hour later with a layout that is whole again.
    assert_eq!(monthly::step(&b.service, month, 10).await.unwrap(), 0);
    b.clock.set(FIRST + std::time::Duration::from_secs(3_600));
    assert_eq!(monthly::step(&b.service, month, 10).await.unwrap(), 2);
    assert!(b.service.monthly_failures(&console).await.unwrap().is_empty());
}
