//! Comparison: who could be counted, days of companies, cells that never change.

use std::collections::BTreeMap;
use std::sync::Arc;

use mimamori_domain::comparison::{Cell, Cells, Measure, Member, SizeClass};
use mimamori_domain::jst::JstDay;
use mimamori_domain::{DetectionKind, Period};
use mimamori_store::compare::CellRow;
use mimamori_store::{Scope, Store, StoreError};

use super::fixture::{SYSTEM, World, at};

fn row(until_day: i64, median: u64) -> CellRow {
    let cell = Cell { mean: 1, lower: 2, median, upper: 4 };
    let per_company = BTreeMap::from([("detections".to_owned(), cell)]);
    CellRow {
        from_day: 1,
        until_day,
        class: Some(SizeClass::UpTo9),
        cells: Cells { companies: 10, per_company, per_gateway: BTreeMap::new() },
    }
}

pub async fn a_published_cell_stays_and_everybody_reads_it(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let own = Scope::customer(w.customers[0]);
    assert!(store.publish_cells(own, vec![row(5, 3)], 0).await.is_err(), "only the job publishes");
    assert_eq!(store.newest_cells(own).await.unwrap(), None);
    store.publish_cells(SYSTEM, vec![row(5, 3), row(6, 3)], 0).await.unwrap();
    store.publish_cells(SYSTEM, vec![row(6, 9)], 6).await.unwrap();
    assert_eq!(store.cells(own, 1, 6).await.unwrap(), [row(6, 3)], "what came late changes nothing");
    assert!(store.cells(own, 1, 5).await.unwrap().is_empty(), "forgotten");
    assert_eq!(store.newest_cells(own).await.unwrap(), Some(6));
}

pub async fn days_of_companies_are_for_the_job_alone(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    for i in 0..2 {
        let two = vec![w.detection(DetectionKind::Phishing, 0), w.detection(DetectionKind::Scan, 1)];
        w.report(i, 1, 5, two).await.unwrap();
    }
    let mut ids = w.customers;
    ids.sort();
    let period = Period::last_days(90, at(10));
    let days = store.company_days(SYSTEM, (ids[0], ids[1]), period).await.unwrap();
    let of = |customer, measure| {
        let found = days.iter().find(|d| d.customer == customer && d.measure == measure);
        found.map(|d| (d.day, d.total))
    };
    let today = JstDay::of(at(0)).0;
    for customer in ids {
        assert_eq!(of(customer, Measure::Kind(DetectionKind::Phishing)), Some((today, 1)));
        assert!(of(customer, Measure::Alerts).is_some_and(|(day, n)| day == JstDay::of(at(5)).0 && n > 0));
    }
    assert_eq!(store.company_days(SYSTEM, (ids[0], ids[0]), period).await.unwrap().len() * 2, days.len());
    for scope in [Scope::customer(ids[0]), Scope::reseller(w.resellers[0]), Scope::operator()] {
        let refused = store.company_days(scope, (ids[0], ids[1]), period).await;
        assert!(matches!(refused, Err(StoreError::OutOfScope)));
        assert!(store.candidates(scope, at(0)).await.is_err());
        assert!(store.cohort(scope).await.is_err());
        assert!(store.set_cohort(scope, vec![]).await.is_err());
    }
    let candidates = store.candidates(SYSTEM, at(0)).await.unwrap();
    assert_eq!(candidates.len(), 2);
    assert_eq!((candidates[0].gateways, candidates[0].since, candidates[0].devices), (1, at(0), 0));
}

pub async fn a_company_reads_its_own_size_and_gateways_only(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    w.report(0, 1, 0, vec![w.detection(DetectionKind::Phishing, 0)]).await.unwrap();
    let member = |i: usize| Member { customer: w.customers[i], class: SizeClass::UpTo29 };
    store.set_cohort(SYSTEM, vec![member(0), member(1)]).await.unwrap();
    assert_eq!(store.cohort(SYSTEM).await.unwrap().len(), 2);
    let (own, other) = (Scope::customer(w.customers[0]), Scope::customer(w.customers[1]));
    assert_eq!(store.compared_as(own, w.customers[0]).await.unwrap(), Some(SizeClass::UpTo29));
    assert_eq!(store.compared_as(other, w.customers[0]).await.unwrap(), None);
    let period = Period::last_days(1, at(0));
    let counts = store.counts_by_gateway_and_kind(own, w.customers[0], period).await.unwrap();
    assert_eq!(counts.len(), 1);
    assert_eq!((counts[0].gateway, counts[0].count.total), (w.gateways[0], 1));
    assert_eq!(store.alerts_by_gateway(own, w.customers[0], period).await.unwrap(), [(w.gateways[0], 1)]);
    assert!(store.counts_by_gateway_and_kind(other, w.customers[0], period).await.unwrap().is_empty());
    assert!(store.alerts_by_gateway(other, w.customers[0], period).await.unwrap().is_empty());
}
