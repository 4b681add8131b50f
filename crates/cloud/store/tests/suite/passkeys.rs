//! Passkeys, challenges, codes by SMS, sealed secrets.

use std::sync::Arc;

use mimamori_domain::{Account, LoginCodeId, PasskeyId, SecondFactor};
use mimamori_store::passkeys::{LoginCode, PasskeyRow};
use mimamori_store::{Scope, Store, StoreError};

use super::fixture::{SYSTEM, World, at, name};

async fn two(store: &Arc<dyn Store>) -> (World, Account, Account) {
    let w = World::new(store.clone()).await;
    let (a, b) = (w.account(0, "kanri"), w.account(1, "betsu"));
    for account in [&a, &b] {
        store.create_account(SYSTEM, account.clone(), "hash".to_owned(), None).await.unwrap();
    }
    (w, a, b)
}

fn passkey(w: &World, account: &Account, n: u8) -> PasskeyRow {
    PasskeyRow {
        id: PasskeyId::generate(at(i64::from(n)), &*w.rng),
        account: account.id,
        credential: vec![n; 20],
        public_key: vec![1, 2, 3],
        name: name("事務所のパソコン"),
        sign_count: 5,
        created_at: at(i64::from(n)),
        used_at: None,
    }
}

pub async fn passkeys_are_bounded_counted_and_the_accounts_own(store: Arc<dyn Store>) {
    let (w, a, b) = two(&store).await;
    let first = passkey(&w, &a, 1);
    store.add_passkey(SYSTEM, first.clone(), 2).await.unwrap();
    let again = PasskeyRow { id: PasskeyId::generate(at(2), &*w.rng), ..first.clone() };
    assert!(matches!(store.add_passkey(SYSTEM, again, 2).await, Err(StoreError::Duplicate)));
    store.add_passkey(SYSTEM, passkey(&w, &a, 3), 2).await.unwrap();
    assert!(matches!(store.add_passkey(SYSTEM, passkey(&w, &a, 4), 2).await, Err(StoreError::Conflict)));
    let (found, account) = store.passkey(SYSTEM, vec![1; 20]).await.unwrap();
    assert_eq!((found.id, account.id, found.sign_count), (first.id, a.id, 5));
    assert!(matches!(store.passkey(SYSTEM, vec![9; 20]).await, Err(StoreError::NotFound)));
    let use_it = |old, new| store.use_passkey(SYSTEM, first.id, old, new, at(9));
    let (x, y) = tokio::join!(use_it(5, 6), use_it(5, 6));
    assert_eq!(usize::from(x.is_ok()) + usize::from(y.is_ok()), 1, "of two nodes one wins");
    assert!(matches!(use_it(5, 7).await, Err(StoreError::Conflict)));
    assert_eq!(store.passkeys(SYSTEM, a.id).await.unwrap()[0].used_at, Some(at(9)));
    for stranger in [b.id] {
        assert!(store.rename_passkey(SYSTEM, stranger, first.id, name("x")).await.is_err());
        assert!(store.remove_passkey(SYSTEM, stranger, first.id).await.is_err());
    }
    store.rename_passkey(SYSTEM, a.id, first.id, name("携帯")).await.unwrap();
    assert_eq!(store.passkeys(SYSTEM, a.id).await.unwrap()[0].name.as_str(), "携帯");
    store.remove_passkey(SYSTEM, a.id, first.id).await.unwrap();
    store.remove_passkeys(SYSTEM, a.id).await.unwrap();
    assert!(store.passkeys(SYSTEM, a.id).await.unwrap().is_empty());
    for scope in [Scope::customer(w.customers[0]), Scope::operator()] {
        assert!(store.passkeys(scope, a.id).await.is_err(), "the system's alone");
    }
}

pub async fn a_challenge_is_answered_once_on_whichever_node(store: Arc<dyn Store>) {
    let answer = |now| store.use_challenge(SYSTEM, [1; 32], at(100), at(now));
    let (a, b) = tokio::join!(answer(1), answer(1));
    assert_eq!(usize::from(a.is_ok()) + usize::from(b.is_ok()), 1);
    assert!(matches!(answer(2).await, Err(StoreError::Conflict)));
    store.use_challenge(SYSTEM, [2; 32], at(300), at(200)).await.unwrap();
    assert!(answer(201).await.is_ok(), "what has ended is forgotten; its own end refuses it");
}

pub async fn a_code_by_sms_is_used_once_and_few_are_sent(store: Arc<dyn Store>) {
    let (w, a, b) = two(&store).await;
    let code = |account: &Account, n: u8, secs: i64| LoginCode {
        id: LoginCodeId::generate(at(secs), &*w.rng),
        account: account.id,
        number: "+819012345678".to_owned(),
        code_hash: [n; 32],
        created_at: at(secs),
        expires_at: at(secs + 300),
    };
    let add = |c: LoginCode, since| store.add_login_code(SYSTEM, c, at(since), 3);
    add(code(&a, 1, 0), -3_600).await.unwrap();
    add(code(&a, 2, 10), -3_590).await.unwrap();
    let used = |account: &Account, n: u8, secs| store.use_login_code(SYSTEM, account.id, [n; 32], at(secs));
    assert!(used(&a, 1, 11).await.is_err(), "a newer one makes the older worthless");
    assert!(used(&b, 2, 11).await.is_err(), "another's");
    let (x, y) = tokio::join!(used(&a, 2, 11), used(&a, 2, 11));
    assert_eq!(usize::from(x.is_ok()) + usize::from(y.is_ok()), 1, "once");
    add(code(&a, 3, 20), -3_580).await.unwrap();
    assert!(used(&a, 3, 320).await.is_err(), "five minutes");
    assert!(
        matches!(add(code(&a, 4, 30), -3_570).await, Err(StoreError::Conflict)),
        "the account had its share"
    );
    assert!(matches!(add(code(&b, 5, 30), -3_570).await, Err(StoreError::Conflict)), "and the number");
    add(code(&a, 6, 4_000), 400).await.unwrap();
    assert_eq!(store.sms_number(SYSTEM, a.id).await.unwrap(), None);
    store.set_sms_number(SYSTEM, a.id, Some("+819012345678".to_owned())).await.unwrap();
    assert_eq!(store.sms_number(SYSTEM, a.id).await.unwrap().as_deref(), Some("+819012345678"));
    assert!(store.sms_number(Scope::operator(), a.id).await.is_err(), "the system's alone");
}

pub async fn sealed_secrets_are_replaced_only_as_they_were_read(store: Arc<dyn Store>) {
    let (_w, a, _) = two(&store).await;
    store.set_second_factor(SYSTEM, a.id, SecondFactor::App, Some(vec![1; 49]), vec![]).await.unwrap();
    assert_eq!(store.app_secrets(SYSTEM).await.unwrap(), vec![(a.id, vec![1; 49])]);
    assert!(store.app_secrets(Scope::operator()).await.is_err());
    let swap = |old: u8, new: u8| store.reseal_app_secret(SYSTEM, a.id, vec![old; 49], vec![new; 49]);
    assert!(matches!(swap(9, 2).await, Err(StoreError::Conflict)));
    swap(1, 2).await.unwrap();
    assert_eq!(store.second_factor(SYSTEM, a.id).await.unwrap().totp_secret, Some(vec![2; 49]));
}
