//! Resellers, customers, accounts, sessions, audit.

use std::sync::Arc;

use mimamori_domain::account::Belongs;
use mimamori_domain::{AuditId, DetectionKind, GatewayId, Line, NotifyAddresses, SessionId};
use mimamori_store::views::{AlertFilter, AuditEntry, DetectionFilter, LoginMark, SessionRow, SessionStage};
use mimamori_store::{Scope, Store, StoreError};

use super::fixture::{SYSTEM, World, at, name};

pub async fn scopes_show_only_what_is_theirs(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    for i in 0..2 {
        w.report(i, 1, 10, vec![w.detection(DetectionKind::CommandAndControl, 10)]).await.unwrap();
    }
    let other_alert = store.alerts(Scope::customer(w.customers[1]), AlertFilter::default()).await.unwrap();
    let other_alert = other_alert.items[0].alert.clone();
    for mine in [Scope::customer(w.customers[0]), Scope::reseller(w.resellers[0])] {
        let customers = store.customers(mine).await.unwrap();
        assert_eq!(customers.len(), 1);
        assert_eq!(customers[0].customer.id, w.customers[0]);
        let gateways = store.gateways(mine, None).await.unwrap();
        assert_eq!(gateways.len(), 1);
        assert_eq!(gateways[0].gateway.id, w.gateways[0]);
        let all = store.detections(mine, DetectionFilter::default()).await.unwrap();
        assert_eq!(all.items.len(), 1);
        // Asking for the other by name finds nothing either.
        let filter = DetectionFilter { customer: Some(w.customers[1]), ..DetectionFilter::default() };
        assert!(store.detections(mine, filter).await.unwrap().items.is_empty());
        let filter = AlertFilter { customer: Some(w.customers[1]), ..AlertFilter::default() };
        assert!(store.alerts(mine, filter).await.unwrap().items.is_empty());
        assert!(matches!(store.alert(mine, other_alert.id).await, Err(StoreError::NotFound)));
        assert!(matches!(store.customer(mine, w.customers[1]).await, Err(StoreError::NotFound)));
        assert!(matches!(store.gateway(mine, w.gateways[1]).await, Err(StoreError::NotFound)));
        let period = mimamori_domain::Period::last_days(2, at(10));
        assert!(store.counts(mine, w.customers[1], period).await.unwrap().is_empty());
        assert!(store.open_alerts(mine, w.customers[1], period).await.unwrap().is_empty());
        assert!(store.uptime(mine, w.gateways[1], period).await.unwrap().is_empty());
        // Nor can it be changed.
        let changed = store.rename_gateway(mine, w.gateways[1], name("奪")).await;
        assert!(matches!(changed, Err(StoreError::NotFound)));
        let changed = store.set_addresses(mine, w.customers[1], NotifyAddresses::default()).await;
        assert!(matches!(changed, Err(StoreError::NotFound)));
        let mut stolen = other_alert.clone();
        stolen.version += 1;
        let changed = store.replace_alert(mine, other_alert.version, stolen).await;
        assert!(matches!(changed, Err(StoreError::Conflict)));
        // The machinery's own tables are out of reach.
        assert!(matches!(store.stats(mine).await, Err(StoreError::OutOfScope)));
        assert!(matches!(store.due_notices(mine, at(10), 9).await, Err(StoreError::OutOfScope)));
    }
    assert_eq!(store.customers(Scope::operator()).await.unwrap().len(), 2);
    let sessions = store.session(Scope::operator(), [0; 32]).await;
    assert!(matches!(sessions, Err(StoreError::OutOfScope)), "not even the operator reads sessions");
}

pub async fn a_taken_name_is_a_duplicate(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let mut gateway = w.gateway(1, "MG-0000");
    gateway.id = GatewayId::generate(at(1), &*w.rng);
    let again = store.create_gateway(SYSTEM, gateway, [9; 32]).await;
    assert!(matches!(again, Err(StoreError::Duplicate)));
    store.create_account(SYSTEM, w.account(0, "kanri"), "x".to_owned(), None).await.unwrap();
    let again = store.create_account(SYSTEM, w.account(1, "KANRI"), "x".to_owned(), None).await;
    assert!(matches!(again, Err(StoreError::Duplicate)));
    // The failed statement has not spoiled anything.
    assert_eq!(store.accounts(SYSTEM).await.unwrap().len(), 1);
}

pub async fn sessions_live_and_die(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let account = w.account(0, "kanri");
    store.create_account(SYSTEM, account.clone(), "hash".to_owned(), None).await.unwrap();
    let record = store.login_record(SYSTEM, account.login.clone()).await.unwrap();
    assert_eq!((record.failures, record.password_hash.as_str()), (0, "hash"));
    let mark = LoginMark { account: account.id, failures: 3, locked_until: Some(at(9)), logged_in_at: None };
    store.mark_login(SYSTEM, mark).await.unwrap();
    let record = store.login_record(SYSTEM, account.login.clone()).await.unwrap();
    assert_eq!((record.failures, record.locked_until), (3, Some(at(9))));
    store.set_password(SYSTEM, account.id, "new".to_owned(), Some(at(90))).await.unwrap();
    let record = store.login_record(SYSTEM, account.login.clone()).await.unwrap();
    assert_eq!((record.failures, record.locked_until), (0, None));
    assert!(record.account.must_change_password);

    let session = |n: u8| SessionRow {
        id: SessionId::generate(at(0), &*w.rng),
        token_hash: [n; 32],
        account: account.id,
        csrf: [7; 32],
        created_at: at(0),
        seen_at: at(0),
        expires_at: at(100),
        client: Line::clip("Firefox"),
        stage: SessionStage::Full,
        proved_at: at(0),
    };
    for n in 1..=3 {
        store.create_session(SYSTEM, session(n)).await.unwrap();
    }
    store.touch_session(SYSTEM, [1; 32], at(50)).await.unwrap();
    let (found, owner) = store.session(SYSTEM, [1; 32]).await.unwrap();
    assert_eq!((found.seen_at, owner.id), (at(50), account.id));
    store.delete_sessions(SYSTEM, account.id, Some([1; 32])).await.unwrap();
    assert!(store.session(SYSTEM, [2; 32]).await.is_err());
    store.delete_session(SYSTEM, [1; 32]).await.unwrap();
    assert!(matches!(store.session(SYSTEM, [1; 32]).await, Err(StoreError::NotFound)));
}

pub async fn the_audit_log_is_scoped(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let abouts = [
        Belongs::Customer(w.customers[0]),
        Belongs::Customer(w.customers[1]),
        Belongs::Reseller(w.resellers[0]),
        Belongs::Operation,
    ];
    for about in abouts {
        let entry = AuditEntry {
            id: AuditId::generate(at(0), &*w.rng),
            at: at(0),
            actor: None,
            about,
            action: "login".into(),
            subject: "x".into(),
            detail: Line::default(),
        };
        store.audit(SYSTEM, entry).await.unwrap();
    }
    let seen = async |scope| store.audit_log(scope, 100).await.unwrap().len();
    assert_eq!(seen(Scope::customer(w.customers[0])).await, 1);
    assert_eq!(seen(Scope::reseller(w.resellers[0])).await, 2);
    assert_eq!(seen(Scope::reseller(w.resellers[1])).await, 1);
    assert_eq!(seen(Scope::operator()).await, 4);
}
