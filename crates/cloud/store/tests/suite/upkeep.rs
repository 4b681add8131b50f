//! Enrolment, leases of jobs, liveness, retention.

use std::sync::Arc;

use mimamori_base::Timestamp;
use mimamori_domain::{DetectionKind, GatewayState, Heartbeat, Notice, NoticeId, NoticeKind, Period, Serial};
use mimamori_store::views::DetectionFilter;
use mimamori_store::{Store, StoreError};

use super::fixture::{SYSTEM, World, at};

pub async fn a_secret_enrols_once(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let id = w.gateways[0];
    store.set_secret(SYSTEM, id, [5; 32], at(500)).await.unwrap();
    let tasks: Vec<_> = (0..4)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(
                async move { store.enrol(SYSTEM, id, [5; 32], format!("f{n}"), at(1)).await.is_ok() },
            )
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += u32::from(task.await.unwrap());
    }
    assert_eq!(won, 1);
    let record = store.enrol_record(SYSTEM, Serial::parse("MG-0000").unwrap()).await.unwrap();
    let winner = record.secret_used_by.unwrap();
    assert_eq!(record.fingerprint, Some(winner.clone()));
    // The answer was lost: the same key may ask again, another may not.
    store.enrol(SYSTEM, id, [5; 32], winner.to_string(), at(2)).await.unwrap();
    let other = store.enrol(SYSTEM, id, [5; 32], "other".to_owned(), at(3)).await;
    assert!(matches!(other, Err(StoreError::Conflict)));
    assert!(matches!(record.gateway.state, GatewayState::Online { .. }));
}

pub async fn a_job_has_one_owner_at_a_time(store: Arc<dyn Store>) {
    let lease = async |token: u8, secs: i64| {
        store.lease_job(SYSTEM, "liveness".to_owned(), [token; 16], at(secs), at(secs + 60)).await.unwrap()
    };
    assert!(lease(1, 0).await.is_some());
    assert!(lease(2, 30).await.is_none());
    assert!(lease(2, 60).await.is_some(), "the first owner died");
    let late = store.finish_job(SYSTEM, "liveness".to_owned(), [1; 16], at(61), at(100)).await;
    assert!(matches!(late, Err(StoreError::Conflict)));
    store.finish_job(SYSTEM, "liveness".to_owned(), [2; 16], at(62), at(100)).await.unwrap();
    assert!(lease(3, 99).await.is_none(), "not due");
    assert_eq!(lease(3, 100).await.unwrap().last_finished, Some(at(62)));
}

pub async fn a_clock_that_jumped_back_holds_up_no_job(store: Arc<dyn Store>) {
    const DAY: i64 = 86_400;
    let lease = async |token: u8, secs: i64| {
        store.lease_job(SYSTEM, "liveness".to_owned(), [token; 16], at(secs), at(secs + 60)).await.unwrap()
    };
    assert!(lease(1, DAY).await.is_some());
    assert!(lease(2, 0).await.is_some(), "the lease of tomorrow holds nobody up");
    assert!(lease(3, 1).await.is_none(), "that of today does");
    store.finish_job(SYSTEM, "liveness".to_owned(), [2; 16], at(DAY + 1), at(DAY + 61)).await.unwrap();
    assert!(lease(3, 2).await.is_some(), "what ended tomorrow is due today");
    store.finish_job(SYSTEM, "liveness".to_owned(), [3; 16], at(3), at(63)).await.unwrap();
    assert!(lease(4, 4).await.is_none());
}

pub async fn receiving_extends_and_leaves_gaps(store: Arc<dyn Store>) {
    for secs in [0, 60, 120, 600, 660] {
        store.note_receiving(SYSTEM, "a".to_owned(), at(secs), 90_000).await.unwrap();
    }
    store.note_receiving(SYSTEM, "b".to_owned(), at(300), 90_000).await.unwrap();
    let periods = store.receiving_since(SYSTEM, at(0)).await.unwrap();
    let spans: Vec<_> = periods.iter().map(|p| (p.from, p.to)).collect();
    assert_eq!(spans, [(at(0), at(120)), (at(300), at(300)), (at(600), at(660))]);
}

pub async fn a_gateway_that_speaks_is_not_marked_stopped(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let id = w.gateways[0];
    let beat = Heartbeat { software: "0.1.0".into(), ..Heartbeat::default() };
    store.heartbeat(SYSTEM, id, beat.clone(), at(10)).await.unwrap();
    store.heartbeat(SYSTEM, id, beat, at(20)).await.unwrap();
    let notice = |kind| Notice {
        id: NoticeId::generate(at(0), &*w.rng),
        customer: w.customers[0],
        kind,
        created_at: at(30),
        due_at: at(30),
    };
    let stopped = |since: Timestamp| notice(NoticeKind::GatewayStopped { gateway: id, since });
    let raced = store.mark_stopped(SYSTEM, id, at(10), stopped(at(10))).await;
    assert!(matches!(raced, Err(StoreError::Conflict)));
    assert!(store.due_notices(SYSTEM, at(99), 9).await.unwrap().is_empty(), "no mail either");
    store.mark_stopped(SYSTEM, id, at(20), stopped(at(20))).await.unwrap();
    let twice = store.mark_stopped(SYSTEM, id, at(20), stopped(at(20))).await;
    assert!(matches!(twice, Err(StoreError::Conflict)));
    let view = store.gateway(SYSTEM, id).await.unwrap();
    assert!(matches!(view.gateway.state, GatewayState::Stopped { since, .. } if since == at(20)));
    assert_eq!(view.heartbeat.unwrap().software.as_str(), "0.1.0");
    let back = notice(NoticeKind::GatewayRecovered { gateway: id, since: at(20), at: at(40) });
    store.mark_recovered(SYSTEM, id, at(20), back).await.unwrap();
    // Back before anybody was told: neither the stop nor the return is told.
    assert!(store.due_notices(SYSTEM, at(99), 9).await.unwrap().is_empty());
    let hours = store.uptime(SYSTEM, id, Period { from: at(-7_200), to: at(7_200) }).await.unwrap();
    assert_eq!(hours.iter().map(|h| h.beats).sum::<u32>(), 2);
}

pub async fn old_rows_go_and_young_ones_stay(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    w.report(0, 1, 0, vec![w.detection(DetectionKind::Phishing, 0)]).await.unwrap();
    let days = |n: i64| n * 86_400;
    w.report(0, 2, days(80), vec![w.detection(DetectionKind::Phishing, days(80))]).await.unwrap();
    let mut total = 0;
    loop {
        let n = store.purge(SYSTEM, at(days(1)), at(days(91)), 2).await.unwrap();
        total += n;
        if n == 0 {
            break;
        }
    }
    assert!(total > 0);
    let left = store.detections(SYSTEM, DetectionFilter::default()).await.unwrap();
    assert_eq!(left.items.len(), 1);
    let counts =
        store.counts(SYSTEM, w.customers[0], Period { from: at(-days(5)), to: at(days(91)) }).await.unwrap();
    assert_eq!(counts.iter().map(|c| c.total).sum::<u64>(), 1);
    assert_eq!(store.cursor(SYSTEM, w.gateways[0]).await.unwrap().seq, 2, "the cursor never goes");
}
