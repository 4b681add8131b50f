//! Tokens of the API, webhooks and their deliveries.

use std::sync::Arc;

use mimamori_domain::{
    ApiTokenId, DetectionKind, EmailAddress, Notice, NoticeId, NoticeKind, WebhookDeliveryId, WebhookId,
    WebhookState,
};
use mimamori_store::integrations::{ApiTokenRow, WebhookOutcome, WebhookRow};
use mimamori_store::{Scope, Store, StoreError};

use super::fixture::{SYSTEM, World, at, name};

async fn token(w: &World, i: usize, n: u8) -> ApiTokenRow {
    let account = w.account(i, &format!("kanri{n}"));
    w.store.create_account(SYSTEM, account.clone(), "hash".to_owned(), None).await.unwrap();
    ApiTokenRow {
        id: ApiTokenId::generate(at(i64::from(n)), &*w.rng),
        customer: w.customers[i],
        account: account.id,
        name: name("社内の表示"),
        token_hash: [n; 32],
        scopes: "read:alerts read:status".to_owned(),
        created_at: at(i64::from(n)),
        expires_at: at(1_000),
        used_at: None,
        revoked_at: None,
    }
}

pub async fn a_token_is_found_by_its_hash_and_revoked_by_its_own_alone(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let (own, stranger) = (Scope::customer(w.customers[0]), Scope::customer(w.customers[1]));
    let (a, b, c) = (token(&w, 0, 1).await, token(&w, 0, 2).await, token(&w, 0, 3).await);
    assert!(store.add_api_token(stranger, a.clone(), 2).await.is_err(), "not for another company");
    store.add_api_token(own, a.clone(), 2).await.unwrap();
    store.add_api_token(own, b.clone(), 2).await.unwrap();
    assert!(matches!(store.add_api_token(own, c.clone(), 2).await, Err(StoreError::Conflict)), "full");
    let (found, account) = store.api_token(SYSTEM, [1; 32]).await.unwrap();
    assert_eq!((found.id, account.id, found.scopes.as_str()), (a.id, a.account, "read:alerts read:status"));
    assert!(matches!(store.api_token(SYSTEM, [9; 32]).await, Err(StoreError::NotFound)));
    assert!(store.api_token(own, [1; 32]).await.is_err(), "hashes are the system's alone");
    assert!(store.api_tokens(stranger, w.customers[0]).await.unwrap().is_empty());
    assert!(matches!(store.revoke_api_token(stranger, a.id, at(5)).await, Err(StoreError::NotFound)));
    store.touch_api_token(SYSTEM, a.id, at(4)).await.unwrap();
    store.revoke_api_token(own, a.id, at(5)).await.unwrap();
    assert!(store.revoke_api_token(own, a.id, at(6)).await.is_err(), "once");
    let listed = store.api_tokens(own, w.customers[0]).await.unwrap();
    let ids: Vec<_> = listed.iter().map(|t| (t.id, t.used_at, t.revoked_at)).collect();
    assert_eq!(ids, vec![(b.id, None, None), (a.id, Some(at(4)), Some(at(5)))], "usable ones first");
    store.add_api_token(own, c, 2).await.unwrap();
    store.revoke_api_tokens_of(SYSTEM, b.account, at(7)).await.unwrap();
    assert_eq!(store.api_token(SYSTEM, [2; 32]).await.unwrap().0.revoked_at, Some(at(7)));
}

/// A token and a webhook for each company; what is reported then is queued for it.
pub async fn one_of_each(w: &World) {
    for i in 0..2 {
        let scope = Scope::customer(w.customers[i]);
        w.store.add_api_token(scope, token(w, i, 50 + i as u8).await, 5).await.unwrap();
        w.store.add_webhook(scope, hook(w, i), 5).await.unwrap();
    }
}

fn hook(w: &World, i: usize) -> WebhookRow {
    WebhookRow {
        id: WebhookId::generate(at(0), &*w.rng),
        customer: w.customers[i],
        url: "https://hooks.example.jp/".to_owned(),
        secret: vec![7; 60],
        old_secret: None,
        old_until: at(0),
        state: WebhookState::On,
        failures: 0,
        created_at: at(0),
    }
}

pub async fn webhooks_are_seen_and_changed_by_their_own_alone(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let (own, stranger) = (Scope::customer(w.customers[0]), Scope::customer(w.customers[1]));
    let mut row = hook(&w, 0);
    assert!(store.add_webhook(stranger, row.clone(), 1).await.is_err());
    store.add_webhook(own, row.clone(), 1).await.unwrap();
    assert!(matches!(store.add_webhook(own, hook(&w, 0), 1).await, Err(StoreError::Conflict)), "full");
    assert!(store.webhook(stranger, row.id).await.is_err());
    assert!(store.webhooks(stranger, None).await.unwrap().is_empty());
    assert_eq!(store.webhooks(Scope::reseller(w.resellers[0]), None).await.unwrap().len(), 1);
    row.old_secret = Some(std::mem::replace(&mut row.secret, vec![8; 60]));
    row.state = WebhookState::Off;
    assert!(store.set_webhook(stranger, row.clone()).await.is_err());
    store.set_webhook(own, row.clone()).await.unwrap();
    let read = store.webhook(own, row.id).await.unwrap();
    assert_eq!(
        (read.secret, read.old_secret, read.state),
        (vec![8; 60], Some(vec![7; 60]), WebhookState::Off)
    );
    assert!(store.remove_webhook(stranger, row.id).await.is_err());
    store.remove_webhook(own, row.id).await.unwrap();
    assert!(matches!(store.webhook(own, row.id).await, Err(StoreError::NotFound)));
}

pub async fn each_sees_as_many_as_its_scope_reaches(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    one_of_each(&w).await;
    for (scope, n) in
        [(Scope::customer(w.customers[0]), 1), (Scope::reseller(w.resellers[1]), 1), (Scope::operator(), 2)]
    {
        assert_eq!(store.webhooks(scope, None).await.unwrap().len(), n);
        let mut tokens = 0;
        for customer in w.customers {
            tokens += store.api_tokens(scope, customer).await.unwrap().len();
        }
        assert_eq!(tokens, n);
    }
}

pub async fn an_event_is_queued_with_its_alert_and_settled_under_its_lease(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let own = Scope::customer(w.customers[0]);
    let (row, off) = (hook(&w, 0), WebhookRow { state: WebhookState::Off, ..hook(&w, 0) });
    for one in [&row, &off] {
        store.add_webhook(own, one.clone(), 5).await.unwrap();
    }
    store.set_webhook(own, off).await.unwrap();
    store.add_webhook(Scope::customer(w.customers[1]), hook(&w, 1), 5).await.unwrap();
    w.report(0, 1, 0, vec![w.detection(DetectionKind::CommandAndControl, 0)]).await.unwrap();
    let queued = store.webhook_deliveries(own, w.customers[0], 10).await.unwrap();
    assert_eq!(queued.len(), 1, "for the one that is on, of the company it is about");
    assert_eq!((queued[0].webhook, queued[0].state.as_str()), (row.id, "queued"));
    assert!(
        store
            .webhook_deliveries(Scope::customer(w.customers[1]), w.customers[0], 10)
            .await
            .unwrap()
            .is_empty()
    );

    let take = |secs: i64, token: u8| store.claim_webhooks(SYSTEM, at(secs), at(secs + 60), [token; 16], 10);
    let (a, b) = tokio::join!(take(1, 1), take(1, 2));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!(a.len() + b.len(), 1, "of two nodes one has it");
    let winner = if a.is_empty() { 2 } else { 1 };
    let id = queued[0].id;
    let settle =
        |token: u8, outcome, secs| store.settle_webhook(SYSTEM, id, [token; 16], outcome, at(secs), 2);
    let lost = settle(3, WebhookOutcome::Done("HTTP 200".into()), 2).await;
    assert!(matches!(lost, Err(StoreError::Conflict)), "the lease is another's");
    settle(winner, WebhookOutcome::Later { at: at(100), answer: "HTTP 503".into() }, 2).await.unwrap();
    assert!(take(99, 1).await.unwrap().is_empty(), "not before its time");
    assert_eq!(take(100, 1).await.unwrap()[0].attempts, 2);
    assert_eq!(take(161, 4).await.unwrap()[0].attempts, 3, "after a crash another node takes it");
    assert!(settle(1, WebhookOutcome::Done("HTTP 200".into()), 162).await.is_err());
    settle(4, WebhookOutcome::Dead("HTTP 410".into()), 162).await.unwrap();
    assert_eq!(store.webhook(own, row.id).await.unwrap().failures, 1);
    assert!(store.requeue_webhook(Scope::customer(w.customers[1]), id, at(170)).await.is_err());
    store.requeue_webhook(own, id, at(170)).await.unwrap();
    take(170, 5).await.unwrap();
    settle(5, WebhookOutcome::Dead("HTTP 410".into()), 171).await.unwrap();
    let failing = store.webhook(own, row.id).await.unwrap();
    assert_eq!((failing.state, failing.failures), (WebhookState::Failing, 2), "too many in a row");
    store.requeue_webhook(own, id, at(180)).await.unwrap();
    assert!(take(180, 6).await.unwrap().is_empty(), "what is stopped waits");
    let test = Notice {
        id: NoticeId::generate(at(0), &*w.rng),
        customer: w.customers[0],
        kind: NoticeKind::TestMail { to: EmailAddress::parse("t@customer.example").unwrap() },
        created_at: at(0),
        due_at: at(0),
    };
    let delivery = WebhookDeliveryId::generate(at(0), &*w.rng);
    assert!(store.queue_webhook(own, row.id, test.clone(), delivery).await.is_err(), "the system's alone");
    store.queue_webhook(SYSTEM, row.id, test, delivery).await.unwrap();
    store.remove_webhook(own, row.id).await.unwrap();
    assert!(
        store.webhook_deliveries(own, w.customers[0], 10).await.unwrap().is_empty(),
        "with its deliveries"
    );
}
