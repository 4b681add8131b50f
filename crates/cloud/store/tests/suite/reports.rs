//! The storing transaction, alerts, detections.

use std::collections::HashSet;
use std::sync::Arc;

use mimamori_domain::alert::Actor;
use mimamori_domain::{AccountId, AlertState, DetectionKind, GatewayId, NoticeKind, Period, StarRating};
use mimamori_store::views::{AlertFilter, CommitBatch, Cursor, DetectionFilter, PageMark, ReportItem};
use mimamori_store::{Scope, Store, StoreError};

use super::fixture::{SYSTEM, World, at, name};

async fn totals(w: &World) -> (usize, u64, usize) {
    let filter = DetectionFilter { limit: 1_000, ..DetectionFilter::default() };
    let rows = w.store.detections(SYSTEM, filter).await.unwrap().items.len();
    let counts = w.store.counts(SYSTEM, w.customers[0], Period::last_days(3, at(100))).await.unwrap();
    let alerts = w.store.alerts(SYSTEM, AlertFilter::default()).await.unwrap().items.len();
    (rows, counts.iter().map(|c| c.total).sum(), alerts)
}

pub async fn a_batch_is_stored_once_however_often_it_comes(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let five: Vec<_> = (0..5).map(|i| w.detection(DetectionKind::Phishing, i)).collect();
    let done = w.report(0, 1, 10, five.clone()).await.unwrap();
    assert_eq!((done.cursor, done.detections, done.raised), (Cursor { epoch: 1, seq: 5 }, 5, 1));
    // The same again, and one that overlaps.
    let done = w.report(0, 1, 11, five.clone()).await.unwrap();
    assert_eq!((done.duplicates, done.detections), (5, 0));
    let mut seven = five;
    seven.extend((5..7).map(|i| w.detection(DetectionKind::Phishing, i)));
    let done = w.report(0, 1, 12, seven).await.unwrap();
    assert_eq!((done.duplicates, done.detections, done.cursor.seq), (5, 2, 7));
    assert_eq!(totals(&w).await, (7, 7, 1));
    // A new epoch begins again at one; the old epoch is over.
    let fresh = ReportItem::Detection(Box::new(w.detection(DetectionKind::Phishing, 20)));
    let done = w.commit(0, 2, vec![(1, fresh.clone())], 20).await.unwrap();
    assert_eq!(done.cursor, Cursor { epoch: 2, seq: 1 });
    let done = w.commit(0, 1, vec![(8, fresh)], 21).await.unwrap();
    assert_eq!((done.duplicates, done.cursor), (1, Cursor { epoch: 2, seq: 1 }));
    assert_eq!(store.cursor(SYSTEM, w.gateways[0]).await.unwrap(), Cursor { epoch: 2, seq: 1 });
    assert_eq!(totals(&w).await, (8, 8, 1));
}

pub async fn many_nodes_storing_one_batch_store_it_once(store: Arc<dyn Store>) {
    let w = Arc::new(World::new(store.clone()).await);
    let batch: Vec<_> = (0..20).map(|i| w.detection(DetectionKind::CommandAndControl, i)).collect();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (w, batch) = (w.clone(), batch.clone());
            tokio::spawn(async move { w.report(0, 1, 30, batch).await.unwrap().detections })
        })
        .collect();
    let mut stored = 0;
    for task in tasks {
        stored += task.await.unwrap();
    }
    assert_eq!(stored, 20);
    assert_eq!(totals(&w).await, (20, 20, 1));
    let alert = &store.alerts(SYSTEM, AlertFilter::default()).await.unwrap().items[0].alert;
    assert_eq!(alert.count, 20);
    let groups = store.due_notices(SYSTEM, at(30), 10).await.unwrap();
    assert_eq!(groups[0].notices.len(), 1, "one alert, one notice");
}

pub async fn a_bad_report_is_set_aside_and_blocks_nothing(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let items = vec![
        (1, ReportItem::Detection(Box::new(w.detection(DetectionKind::Phishing, 0)))),
        (2, ReportItem::Undecodable { raw: vec![0xff; 100_000], reason: "not JSON".into() }),
        (3, ReportItem::Note("started".into())),
        (4, ReportItem::Detection(Box::new(w.detection(DetectionKind::Phishing, 1)))),
    ];
    let done = w.commit(0, 1, items, 5).await.unwrap();
    assert_eq!((done.quarantined, done.detections, done.cursor.seq), (1, 2, 4));
    assert_eq!(store.stats(SYSTEM).await.unwrap().quarantined, 1);
}

pub async fn one_infection_over_many_batches_is_one_alert_that_rises(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let done = w.report(0, 1, 0, vec![w.detection(DetectionKind::MalwareFile, 0)]).await.unwrap();
    assert!(!done.urgent, "one star waits for others");
    assert!(store.due_notices(SYSTEM, at(59), 10).await.unwrap().is_empty());
    let done = w.report(0, 2, 30, vec![w.detection(DetectionKind::CommandAndControl, 30)]).await.unwrap();
    assert!(done.urgent, "three stars go at once");
    let done = w.report(0, 3, 40, vec![w.detection(DetectionKind::CommandAndControl, 40)]).await.unwrap();
    assert!(!done.urgent, "the same again is counted, not mailed");

    let alerts = store.alerts(Scope::customer(w.customers[0]), AlertFilter::default()).await.unwrap();
    assert_eq!(alerts.items.len(), 1);
    let alert = &alerts.items[0].alert;
    assert_eq!((alert.rating, alert.count, alert.history.len()), (StarRating::Three, 3, 2));
    assert_eq!((alert.first_seen, alert.last_seen), (at(0), at(40)));
    let filter = DetectionFilter { alert: Some(alert.id), ..DetectionFilter::default() };
    assert_eq!(store.detections(SYSTEM, filter).await.unwrap().items.len(), 3);

    let groups = store.due_notices(SYSTEM, at(30), 10).await.unwrap();
    assert_eq!((groups.len(), groups[0].notices.len()), (1, 2), "the waiting one goes along");
    let rose = groups[0].notices.iter().any(|n| {
        matches!(n.kind, NoticeKind::AlertRose { from: StarRating::One, to: StarRating::Three, .. })
    });
    assert!(rose);
    let open = store.open_alerts(SYSTEM, w.customers[0], Period::last_days(1, at(50))).await.unwrap();
    assert_eq!(open, [(StarRating::Three, 1)]);
}

pub async fn an_older_version_of_an_alert_cannot_overwrite_a_newer(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    w.report(0, 1, 0, vec![w.detection(DetectionKind::Phishing, 0)]).await.unwrap();
    let scope = Scope::customer(w.customers[0]);
    let page = store.alerts(scope, AlertFilter::default()).await.unwrap();
    let stale = page.items[0].alert.clone();
    w.report(0, 2, 1, vec![w.detection(DetectionKind::Phishing, 1)]).await.unwrap();
    let by = Actor { account: AccountId([1; 16]), name: name("竹原") };
    let old = stale.version;
    let acknowledged = stale.acknowledge(at(2), by.clone()).unwrap();
    let refused = store.replace_alert(scope, old, acknowledged).await;
    assert!(matches!(refused, Err(StoreError::Conflict)));
    let now = store.alert(scope, page.items[0].alert.id).await.unwrap().alert;
    assert_eq!(now.count, 2, "the count was not lost");
    let old = now.version;
    store.replace_alert(scope, old, now.acknowledge(at(3), by).unwrap()).await.unwrap();
    let now = store.alert(scope, page.items[0].alert.id).await.unwrap().alert;
    assert!(matches!(now.state, AlertState::Acknowledged { .. }));
    let open = AlertFilter { only_open: true, ..AlertFilter::default() };
    assert!(store.alerts(scope, open).await.unwrap().items.is_empty());
}

pub async fn lists_page_filter_and_count(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let scope = Scope::customer(w.customers[0]);
    let mut all: Vec<_> = (0..120).map(|i| w.detection(DetectionKind::BadSite, i / 3)).collect();
    all[7].host = Some("100%_sure!.example".into());
    all[8].kind = DetectionKind::Scan;
    w.report(0, 1, 200, all).await.unwrap();
    let mut seen = HashSet::new();
    let mut filter = DetectionFilter { limit: 50, ..DetectionFilter::default() };
    loop {
        let page = store.detections(scope, filter.clone()).await.unwrap();
        assert!(page.items.is_sorted_by(|a, b| (a.mark().at, a.mark().id) > (b.mark().at, b.mark().id)));
        for item in &page.items {
            assert!(seen.insert(item.detection.id), "no row twice");
        }
        let Some(next) = page.next else { break };
        assert_eq!(PageMark::decode(&next.encode()), Some(next));
        filter.before = Some(next);
    }
    assert_eq!(seen.len(), 120);
    let find = async |text: &str| {
        let filter = DetectionFilter { text: Some(text.to_owned()), ..DetectionFilter::default() };
        store.detections(scope, filter).await.unwrap().items.len()
    };
    assert_eq!(find("100%_SURE!").await, 1);
    assert_eq!(find("%zzz").await, 0);
    assert_eq!(find("' OR 1=1 --").await, 0);
    let filter = DetectionFilter { kind: Some(DetectionKind::Scan), ..DetectionFilter::default() };
    assert_eq!(store.detections(scope, filter).await.unwrap().items.len(), 1);
    let period = Period::last_days(1, at(0));
    let counts = store.counts(scope, w.customers[0], period).await.unwrap();
    assert_eq!(
        counts.iter().map(|c| (c.kind, c.total, c.stopped)).collect::<Vec<_>>(),
        [(DetectionKind::BadSite, 119, 119), (DetectionKind::Scan, 1, 1),]
    );
    assert_eq!(store.daily(scope, w.customers[0], period).await.unwrap().len(), 2);
    let by_gateway = store.counts_by_gateway(scope, w.customers[0], period).await.unwrap();
    assert_eq!((by_gateway[0].gateway, by_gateway[0].total), (w.gateways[0], 120));
}

pub async fn a_batch_of_an_unknown_gateway_stores_nothing(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let batch = CommitBatch {
        gateway: GatewayId([9; 16]),
        epoch: 1,
        items: vec![(1, ReportItem::Detection(Box::new(w.detection(DetectionKind::Phishing, 0))))],
        now: at(0),
    };
    let refused = store.commit(SYSTEM, batch, w.policy.clone(), w.rng.clone()).await;
    assert!(matches!(refused, Err(StoreError::NotFound)));
    assert_eq!(totals(&w).await, (0, 0, 0));
}
