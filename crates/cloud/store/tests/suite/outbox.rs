//! Notices become mails once; deliveries are claimed under leases.

use std::sync::Arc;

use mimamori_base::Timestamp;
use mimamori_domain::{AlertId, AlertState, DeliveryId, DetectionKind, EmailAddress, MailId, NoticeId};
use mimamori_store::views::{AlertFilter, Attempt, Delivery, Mail};
use mimamori_store::{Store, StoreError};

use super::fixture::{SYSTEM, World, at};

/// One mail to `n` addresses about what is due.
async fn queue(w: &World, n: usize) -> (Mail, Vec<Delivery>, Vec<NoticeId>) {
    let group = w.store.due_notices(SYSTEM, at(1_000), 10).await.unwrap().remove(0);
    let mail = Mail {
        id: MailId::generate(at(0), &*w.rng),
        customer: group.customer.customer.id,
        created_at: at(0),
        subject: "【★★★ 要対応】".to_owned(),
        text: "本文".to_owned(),
        html: "<p>本文</p>".to_owned(),
        urgent: true,
        paper: None,
        alerts: group.notices.iter().filter_map(|n| n.kind.alert()).collect::<Vec<AlertId>>(),
    };
    let deliveries = (0..n)
        .map(|i| {
            let id = DeliveryId::generate(at(0), &*w.rng);
            Delivery {
                id,
                mail: mail.id,
                recipient: EmailAddress::parse(&format!("a{i}@customer.example")).unwrap(),
                message_id: format!("{id}@test.example"),
            }
        })
        .collect();
    (mail, deliveries, group.notices.iter().map(|n| n.id).collect())
}

async fn raised(store: &Arc<dyn Store>) -> World {
    let w = World::new(store.clone()).await;
    w.report(0, 1, 0, vec![w.detection(DetectionKind::CommandAndControl, 0)]).await.unwrap();
    w
}

async fn claimed(w: &World, secs: i64, lease: i64, token: u8) -> Vec<DeliveryId> {
    let until: Timestamp = at(secs + lease);
    let taken = w.store.claim_deliveries(SYSTEM, at(secs), until, [token; 16], 10).await.unwrap();
    taken.iter().map(|t| t.delivery.id).collect()
}

pub async fn a_mail_is_queued_once_and_delivered_under_a_lease(store: Arc<dyn Store>) {
    let w = raised(&store).await;
    let (mail, deliveries, notices) = queue(&w, 1).await;
    store.queue_mail(SYSTEM, mail.clone(), deliveries.clone(), notices.clone()).await.unwrap();
    // Another node composed the same notices.
    let mut second = mail.clone();
    second.id = MailId::generate(at(1), &*w.rng);
    let lost = store.queue_mail(SYSTEM, second, Vec::new(), notices).await;
    assert!(matches!(lost, Err(StoreError::Conflict)));
    assert!(store.due_notices(SYSTEM, at(1_000), 10).await.unwrap().is_empty());

    assert_eq!(claimed(&w, 0, 60, 1).await, [deliveries[0].id]);
    assert!(claimed(&w, 59, 60, 2).await.is_empty(), "leased");
    // The first worker died; its lease ends.
    assert_eq!(claimed(&w, 60, 60, 2).await, [deliveries[0].id]);
    let sent = || Attempt::Sent { reply: "250 ok".into() };
    let late = store.settle_delivery(SYSTEM, deliveries[0].id, [1; 16], sent(), at(61)).await;
    assert!(matches!(late, Err(StoreError::Conflict)), "the lease was lost");
    let retry = Attempt::Retry { at: at(300), reply: "451 later".into() };
    store.settle_delivery(SYSTEM, deliveries[0].id, [2; 16], retry, at(62)).await.unwrap();
    assert!(claimed(&w, 299, 60, 3).await.is_empty(), "not due yet");
    let again = store.claim_deliveries(SYSTEM, at(300), at(360), [3; 16], 10).await.unwrap();
    assert_eq!((again[0].attempts, again[0].mail.text.as_str()), (1, "本文"));
    assert_eq!(again[0].delivery.message_id, deliveries[0].message_id, "stable");
    store.settle_delivery(SYSTEM, deliveries[0].id, [3; 16], sent(), at(301)).await.unwrap();
    assert!(claimed(&w, 9_999, 60, 4).await.is_empty());
    let ledger = store.delivery_ledger(SYSTEM, None, 10).await.unwrap();
    assert_eq!(
        (ledger[0].state.as_str(), ledger[0].reply.as_str(), ledger[0].attempts),
        ("sent", "250 ok", 2)
    );
}

pub async fn two_workers_take_different_deliveries(store: Arc<dyn Store>) {
    let w = raised(&store).await;
    let (mail, deliveries, notices) = queue(&w, 3).await;
    store.queue_mail(SYSTEM, mail, deliveries, notices).await.unwrap();
    let tasks: Vec<_> = (0..6u8)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                store.claim_deliveries(SYSTEM, at(1), at(60), [n; 16], 1).await.unwrap().len()
            })
        })
        .collect();
    let mut taken = 0;
    for task in tasks {
        taken += task.await.unwrap();
    }
    assert_eq!(taken, 3);
}

pub async fn a_dead_delivery_can_be_revived(store: Arc<dyn Store>) {
    let w = raised(&store).await;
    let (mail, deliveries, notices) = queue(&w, 1).await;
    store.queue_mail(SYSTEM, mail, deliveries.clone(), notices).await.unwrap();
    let id = claimed(&w, 0, 60, 1).await[0];
    let dead = Attempt::Dead { reply: "550 no such user".into() };
    store.settle_delivery(SYSTEM, id, [1; 16], dead, at(1)).await.unwrap();
    assert!(claimed(&w, 9_999, 60, 2).await.is_empty());
    assert_eq!(store.delivery_ledger(SYSTEM, Some("dead".to_owned()), 10).await.unwrap().len(), 1);
    assert_eq!(store.stats(SYSTEM).await.unwrap().deliveries_dead, 1);
    store.requeue_delivery(SYSTEM, id, at(2)).await.unwrap();
    assert!(matches!(store.requeue_delivery(SYSTEM, id, at(2)).await, Err(StoreError::Conflict)));
    assert_eq!(claimed(&w, 3, 60, 3).await, [id]);
    // The same after it came back; not while it counts as sent.
    let sent = Attempt::Sent { reply: "250 ok".into() };
    store.settle_delivery(SYSTEM, id, [3; 16], sent, at(4)).await.unwrap();
    assert!(matches!(store.requeue_delivery(SYSTEM, id, at(5)).await, Err(StoreError::Conflict)));
    assert!(store.mark_bounced(SYSTEM, id, "550 full".into(), at(6)).await.unwrap());
    store.requeue_delivery(SYSTEM, id, at(7)).await.unwrap();
    assert_eq!(claimed(&w, 8, 60, 4).await, [id]);
}

pub async fn an_accepted_mail_marks_its_alerts_notified(store: Arc<dyn Store>) {
    let w = raised(&store).await;
    let (mail, deliveries, notices) = queue(&w, 2).await;
    store.queue_mail(SYSTEM, mail, deliveries, notices).await.unwrap();
    for (n, id) in claimed(&w, 0, 60, 1).await.into_iter().enumerate() {
        let sent = Attempt::Sent { reply: "250 ok".into() };
        store.settle_delivery(SYSTEM, id, [1; 16], sent, at(5 + n as i64)).await.unwrap();
    }
    let alert = store.alerts(SYSTEM, AlertFilter::default()).await.unwrap().items.remove(0).alert;
    assert_eq!(alert.state, AlertState::Notified { at: at(5) }, "the first server that took it");
}

pub async fn a_clock_that_jumped_back_holds_up_no_mail(store: Arc<dyn Store>) {
    const DAY: i64 = 86_400;
    let w = World::new(store.clone()).await;
    // Everything up to the claim happens on a day that has not come yet.
    w.report(0, 1, DAY, vec![w.detection(DetectionKind::CommandAndControl, DAY)]).await.unwrap();
    let (mail, deliveries, notices) = queue(&w, 1).await;
    store.queue_mail(SYSTEM, mail, deliveries.clone(), notices).await.unwrap();
    assert_eq!(claimed(&w, DAY, 60, 1).await, [deliveries[0].id]);
    // Its worker died, and the clock is right again.
    assert_eq!(claimed(&w, 10, 60, 2).await, [deliveries[0].id]);
    assert!(claimed(&w, 11, 60, 3).await.is_empty(), "a lease of today holds");
    // The same for a retry that was set by a clock ahead.
    let retry = Attempt::Retry { at: at(DAY + 300), reply: "451 later".into() };
    store.settle_delivery(SYSTEM, deliveries[0].id, [2; 16], retry, at(DAY)).await.unwrap();
    assert_eq!(claimed(&w, 12, 60, 3).await, [deliveries[0].id]);
}

pub async fn what_was_noted_by_a_clock_ahead_is_told_now(store: Arc<dyn Store>) {
    const DAY: i64 = 86_400;
    let w = World::new(store.clone()).await;
    w.report(0, 1, DAY, vec![w.detection(DetectionKind::CommandAndControl, DAY)]).await.unwrap();
    assert_eq!(store.due_notices(SYSTEM, at(10), 10).await.unwrap().len(), 1);
    // What waits for a time of its own, written by a clock that is right, waits.
    w.report(1, 1, 20, vec![w.detection(DetectionKind::Phishing, 20)]).await.unwrap();
    assert_eq!(store.due_notices(SYSTEM, at(21), 10).await.unwrap().len(), 1);
    assert_eq!(store.due_notices(SYSTEM, at(80), 10).await.unwrap().len(), 2);
}
