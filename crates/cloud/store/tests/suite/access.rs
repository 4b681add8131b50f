//! Second factor, resets, sessions, browsers.

use std::sync::Arc;
use std::time::Duration;

use mimamori_domain::{Account, AuditId, LoginName, SecondFactor, SessionId};
use mimamori_store::access::{FailedLogin, ResetTimes};
use mimamori_store::views::{AuditEntry, SessionRow, SessionStage};
use mimamori_store::{Scope, Store, StoreError};

use super::fixture::{SYSTEM, World, at};

async fn account(store: &Arc<dyn Store>) -> (World, Account) {
    let w = World::new(store.clone()).await;
    let account = w.account(0, "kanri");
    store.create_account(SYSTEM, account.clone(), "hash".to_owned(), None).await.unwrap();
    (w, account)
}

pub async fn a_code_and_a_recovery_code_are_used_once(store: Arc<dyn Store>) {
    let (w, account) = account(&store).await;
    let codes = vec![[1; 32], [2; 32]];
    store.set_second_factor(SYSTEM, account.id, SecondFactor::App, Some(vec![7; 60]), codes).await.unwrap();
    let record = store.second_factor(SYSTEM, account.id).await.unwrap();
    assert_eq!(
        (record.kind, record.totp_secret, record.recovery_codes_left),
        (SecondFactor::App, Some(vec![7; 60]), 2)
    );
    let nodes = (store.use_totp_step(SYSTEM, account.id, 50), store.use_totp_step(SYSTEM, account.id, 50));
    let (a, b) = tokio::join!(nodes.0, nodes.1);
    assert_eq!(usize::from(a.is_ok()) + usize::from(b.is_ok()), 1, "of two nodes one wins");
    assert!(
        matches!(store.use_totp_step(SYSTEM, account.id, 49).await, Err(StoreError::Conflict)),
        "earlier"
    );
    store.use_recovery_code(SYSTEM, account.id, [1; 32], at(5)).await.unwrap();
    for code in [[1; 32], [3; 32]] {
        let again = store.use_recovery_code(SYSTEM, account.id, code, at(5)).await;
        assert!(matches!(again, Err(StoreError::NotFound)));
    }
    assert_eq!(store.second_factor(SYSTEM, account.id).await.unwrap().recovery_codes_left, 1);
    for scope in [Scope::customer(w.customers[0]), Scope::operator()] {
        assert!(store.second_factor(scope, account.id).await.is_err(), "secrets are the system's alone");
    }
}

pub async fn a_session_that_awaits_its_code_is_lifted_once(store: Arc<dyn Store>) {
    let (w, account) = account(&store).await;
    let session = SessionRow {
        id: SessionId::generate(at(0), &*w.rng),
        token_hash: [1; 32],
        account: account.id,
        csrf: [7; 32],
        created_at: at(0),
        seen_at: at(0),
        expires_at: at(100),
        client: "Firefox".into(),
        stage: SessionStage::AwaitsCode,
        proved_at: at(0),
    };
    store.create_session(SYSTEM, session.clone()).await.unwrap();
    assert_eq!(store.count_code_failure(SYSTEM, [1; 32]).await.unwrap(), 1);
    assert_eq!(store.count_code_failure(SYSTEM, [1; 32]).await.unwrap(), 2);
    assert!(store.prove_session(SYSTEM, [1; 32], at(1)).await.is_err(), "not before the code");
    store.lift_session(SYSTEM, [1; 32], [2; 32], at(3)).await.unwrap();
    assert!(store.session(SYSTEM, [1; 32]).await.is_err(), "the old token is worth nothing");
    let (lifted, _) = store.session(SYSTEM, [2; 32]).await.unwrap();
    assert_eq!((lifted.stage, lifted.proved_at), (SessionStage::Full, at(3)));
    assert!(matches!(store.lift_session(SYSTEM, [2; 32], [3; 32], at(4)).await, Err(StoreError::Conflict)));
    assert_eq!(store.sessions(SYSTEM, account.id).await.unwrap().len(), 1);
    store.delete_session_of(SYSTEM, account.id, session.id).await.unwrap();
    assert!(store.sessions(SYSTEM, account.id).await.unwrap().is_empty());
}

pub async fn a_reset_is_used_once_and_ends_everything(store: Arc<dyn Store>) {
    let (_w, account) = account(&store).await;
    assert_eq!(store.account_for_reset(SYSTEM, "KANRI".to_owned()).await.unwrap().id, account.id);
    let by_mail = store.account_for_reset(SYSTEM, account.email.as_str().to_uppercase()).await.unwrap();
    assert_eq!(by_mail.id, account.id);
    assert!(matches!(store.account_for_reset(SYSTEM, "nobody".to_owned()).await, Err(StoreError::NotFound)));
    let times = |now| ResetTimes { now: at(now), expires: at(now + 30), since: at(now - 60) };
    for n in 1..=2 {
        store.create_reset(SYSTEM, account.id, [n; 32], times(100), 2).await.unwrap();
    }
    let third = store.create_reset(SYSTEM, account.id, [3; 32], times(101), 2).await;
    assert!(matches!(third, Err(StoreError::Conflict)), "bounded");
    assert_eq!(store.reset_account(SYSTEM, [1; 32], at(110)).await.unwrap().id, account.id);
    assert!(store.reset_account(SYSTEM, [1; 32], at(130)).await.is_err(), "expired");
    store.use_reset(SYSTEM, [1; 32], "new".to_owned(), at(110)).await.unwrap();
    for token in [[1; 32], [2; 32]] {
        assert!(store.use_reset(SYSTEM, token, "evil".to_owned(), at(111)).await.is_err());
    }
    let record = store.login_record(SYSTEM, account.login.clone()).await.unwrap();
    assert_eq!(record.password_hash, "new");
    store.set_login(SYSTEM, account.id, LoginName::parse("takehara").unwrap()).await.unwrap();
    assert!(store.login_record(SYSTEM, LoginName::parse("takehara").unwrap()).await.is_ok());
}

pub async fn browsers_are_known_per_account_and_bounded(store: Arc<dyn Store>) {
    let (w, account) = account(&store).await;
    let other = w.account(1, "betsu");
    store.create_account(SYSTEM, other.clone(), "hash".to_owned(), None).await.unwrap();
    for n in 0..30u8 {
        store.remember_browser(SYSTEM, [n; 32], account.id, at(i64::from(n))).await.unwrap();
    }
    assert!(store.known_browser(SYSTEM, [0; 32]).await.is_err(), "the oldest are forgotten");
    fail_five_times(&w, &account, FailedLogin::Browser([29; 32])).await;
    let known = store.known_browser(SYSTEM, [29; 32]).await.unwrap();
    assert_eq!((known.account, known.failures, known.locked_until), (account.id, 5, Some(at(94))));
    let record = store.login_record(SYSTEM, account.login.clone()).await.unwrap();
    assert_eq!((record.failures, record.locked_until), (0, None), "the account has its own count");
    fail_five_times(&w, &account, FailedLogin::Account(account.id)).await;
    fail_five_times(&w, &account, FailedLogin::Nobody).await;
    let record = store.login_record(SYSTEM, account.login.clone()).await.unwrap();
    assert_eq!((record.failures, record.locked_until), (5, Some(at(94))), "none is lost");
    assert_eq!(store.audit_log(SYSTEM, 100).await.unwrap().len(), 15, "and all are written down");
    store.remember_browser(SYSTEM, [200; 32], other.id, at(1)).await.unwrap();
    store.forget_browsers(SYSTEM, account.id).await.unwrap();
    assert!(store.known_browser(SYSTEM, [29; 32]).await.is_err());
    assert!(store.known_browser(SYSTEM, [200; 32]).await.is_ok());
}

/// At once, as somebody who guesses on many connections does.
async fn fail_five_times(w: &World, account: &Account, whom: FailedLogin) {
    let lock = |failures: u32| (failures >= 5).then(|| Duration::from_secs(90));
    let fail = |n: i64| {
        let entry = AuditEntry {
            id: AuditId::generate(at(n), &*w.rng),
            at: at(4),
            actor: None,
            about: account.belongs,
            action: "login.failed".into(),
            subject: account.login.as_str().into(),
            detail: "192.0.2.1".into(),
        };
        w.store.fail_login(SYSTEM, whom, entry, lock)
    };
    let (a, b, c, d, e) = tokio::join!(fail(0), fail(1), fail(2), fail(3), fail(4));
    for result in [a, b, c, d, e] {
        result.unwrap();
    }
}
