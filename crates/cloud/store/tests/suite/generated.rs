//! The generator on a real database: what it says it made is there, and reads like what grew.

use std::sync::Arc;

use mimamori_domain::usage::UseSubject;
use mimamori_domain::{DetectionKind, Period};
use mimamori_store::generate::Plan;
use mimamori_store::ratings::WalkMark;
use mimamori_store::views::{DetectionFilter, UsageBy, UsageFilter};
use mimamori_store::{Scope, Store};

use super::fixture::{SYSTEM, at};

pub async fn made_up_customers_read_like_real_ones(store: Arc<dyn Store>) {
    let plan = Plan { heavy: 12_000, full_hours: 1, ..Plan::new(3, 3, at(0)) };
    assert!(store.generate(Scope::operator(), plan, 0..1).await.is_err(), "the system alone");
    let prepared = store.prepare_generation(SYSTEM, plan).await.unwrap();
    let made = store.generate(SYSTEM, plan, 0..4).await.unwrap();
    store.finish_generation(SYSTEM, prepared).await.unwrap();
    assert_eq!(store.stats(SYSTEM).await.unwrap().detections, made.detections);
    assert!((8_000..=12_000).contains(&made.detections), "{made:?}");
    let customer = plan.customer(0);
    let scope = Scope::customer(customer);
    let period = Period::last_days(90, at(0));
    let all = DetectionFilter {
        customer: Some(customer),
        period: Some(period),
        limit: 1_000,
        ..DetectionFilter::default()
    };
    // Whatever it is narrowed to, the pages together have exactly what is there.
    let rare = DetectionFilter { kind: Some(DetectionKind::CommandAndControl), ..all.clone() };
    let texts =
        ["bank-login", "nowhere"].map(|t| DetectionFilter { text: Some(t.to_owned()), ..all.clone() });
    let [bank, nowhere] = texts;
    let mut counts = Vec::new();
    for mut filter in [all, rare, bank, nowhere] {
        let (mut found, mut pages) = (0_u64, 0);
        loop {
            let page = store.detections(scope, filter.clone()).await.unwrap();
            found += page.items.len() as u64;
            pages += 1;
            let Some(next) = page.next else { break };
            filter.before = Some(next);
        }
        counts.push((found, pages));
    }
    let sums = store.counts(scope, customer, period).await.unwrap();
    let rows: u64 = counts[0].0;
    assert!(sums.iter().map(|c| c.total).sum::<u64>() >= rows && rows > 8_000, "{counts:?}");
    assert!(counts[1].0 > 10 && counts[1].0 < 200, "{counts:?}");
    assert!(counts[2].0 > 300 && counts[2].0 < 1_500, "{counts:?}");
    assert_eq!(counts[3].0, 0, "{counts:?}");
    assert!(counts[3].1 <= 3, "five thousand rows a page are looked at: {counts:?}");
    // Sums by the day are those by the hour.
    let filter = UsageFilter {
        customer,
        period,
        subject: UseSubject::Application,
        gateway: None,
        device: None,
        item: None,
    };
    let sum = async |by| {
        let sums = store.usage(scope, filter.clone(), by).await.unwrap();
        sums.iter().map(|s| s.bytes_up + s.bytes_down).sum::<u64>()
    };
    let by_hour = sum(UsageBy::Hour).await;
    assert!(by_hour > 0);
    assert_eq!(by_hour, sum(UsageBy::Day).await);
    assert_eq!(by_hour, sum(UsageBy::Item).await);
}

/// What a policy is tried on: steps of any size meet every row once, customer by customer, each in
/// the order of time, and nothing from before.
pub async fn a_walk_meets_every_row_once_by_customer_and_time(store: Arc<dyn Store>) {
    let plan = Plan { heavy: 300, full_hours: 0, tenths_a_day: 60, ..Plan::new(5, 6, at(0)) };
    let prepared = store.prepare_generation(SYSTEM, plan).await.unwrap();
    let made = store.generate(SYSTEM, plan, 0..5).await.unwrap().detections;
    store.finish_generation(SYSTEM, prepared).await.unwrap();
    let since = at(-3 * 86_400);
    for (since, limit) in [(at(-40 * 86_400), 1_000), (at(-40 * 86_400), 7), (since, 50)] {
        let (mut after, mut met) = (None, Vec::new());
        loop {
            let step = store.walk(SYSTEM, since, after, limit).await.unwrap();
            assert!(step.len() <= limit as usize);
            let Some(last) = step.last() else { break };
            after = Some(WalkMark { customer: last.customer, at: last.detection.at, id: last.detection.id });
            met.extend(
                step.iter().map(|w| (std::cmp::Reverse(w.customer.0), w.detection.at, w.detection.id.0)),
            );
        }
        assert!(met.is_sorted() && met.windows(2).all(|pair| pair[0] != pair[1]), "in order, once");
        assert!(met.iter().all(|(_, at, _)| *at >= since));
        let all = u64::try_from(met.len()).unwrap();
        if limit == 50 {
            assert!(all > 20 && all < made, "{all} of {made}");
        } else {
            assert_eq!(all, made);
        }
    }
    assert!(store.walk(Scope::operator(), since, None, 9).await.is_err(), "the system alone");
}
