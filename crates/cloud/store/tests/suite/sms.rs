//! Short messages: numbers are proved, a ★★★ that does not arrive is handed over once.

use std::sync::Arc;

use mimamori_domain::{
    DeliveryId, DetectionKind, EmailAddress, MailId, NoticeKind, NotifyAddresses, PhoneNumber, SmsId,
};
use mimamori_store::sms::{ALERTS_AN_HOUR, CODES_AN_HOUR, CodeMark, NewSms, SmsPurpose};
use mimamori_store::views::{Attempt, Delivery, Mail};
use mimamori_store::{Scope, Store, StoreError};

use super::fixture::{SYSTEM, World, at};

fn phone(n: u32) -> PhoneNumber {
    PhoneNumber::parse(&format!("0901234{n:04}")).unwrap()
}

fn address(n: usize) -> EmailAddress {
    EmailAddress::parse(&format!("a{n}@customer.example")).unwrap()
}

const CODE: [u8; 32] = [7; 32];

async fn prove(w: &World, number: &PhoneNumber) {
    let code = CodeMark { hash: CODE, expires: at(600) };
    let scope = Scope::customer(w.customers[0]);
    w.store.add_sms_number(scope, w.customers[0], number.clone(), code, at(0)).await.unwrap();
    assert!(w.store.verify_sms_number(scope, w.customers[0], number.clone(), CODE, at(1)).await.unwrap());
}

/// A ★★★ mail to three addresses, queued; and the three deliveries.
async fn urgent_mail(w: &World, n: usize) -> Vec<Delivery> {
    let all = NotifyAddresses::new((0..n).map(address).collect()).unwrap();
    w.store.set_addresses(SYSTEM, w.customers[0], all).await.unwrap();
    w.report(0, 1, 0, vec![w.detection(DetectionKind::CommandAndControl, 0)]).await.unwrap();
    let group = w.store.due_notices(SYSTEM, at(0), 10).await.unwrap().remove(0);
    let mail = Mail {
        id: MailId::generate(at(0), &*w.rng),
        customer: w.customers[0],
        created_at: at(0),
        subject: "s".to_owned(),
        text: "t".to_owned(),
        html: "h".to_owned(),
        urgent: true,
        paper: None,
        alerts: group.notices.iter().filter_map(|n| n.kind.alert()).collect(),
    };
    let deliveries: Vec<_> = (0..n)
        .map(|i| {
            let id = DeliveryId::generate(at(0), &*w.rng);
            Delivery { id, mail: mail.id, recipient: address(i), message_id: format!("{id}@test") }
        })
        .collect();
    let notices = group.notices.iter().map(|n| n.id).collect();
    w.store.queue_mail(SYSTEM, mail, deliveries.clone(), notices).await.unwrap();
    deliveries
}

async fn claim_all(w: &World, secs: i64) {
    w.store.claim_deliveries(SYSTEM, at(secs), at(secs + 60), [9; 16], 10).await.unwrap();
}

/// Who is asked to take over, and how many messages wait.
async fn taken_over(w: &World, secs: i64) -> (Vec<String>, usize) {
    let groups = w.store.due_notices(SYSTEM, at(secs), 10).await.unwrap();
    let to = groups.iter().flat_map(|g| &g.notices).filter_map(|n| match &n.kind {
        NoticeKind::TakeOver { to, failed, .. } => Some(format!("{failed}→{to}")),
        _ => None,
    });
    (to.collect(), w.store.sms_ledger(SYSTEM, 100).await.unwrap().len())
}

pub async fn a_number_counts_once_it_is_proved(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let (mine, theirs) = (Scope::customer(w.customers[0]), Scope::customer(w.customers[1]));
    let code = CodeMark { hash: CODE, expires: at(600) };
    for n in 0..3 {
        store.add_sms_number(mine, w.customers[0], phone(n), code, at(0)).await.unwrap();
    }
    let fourth = store.add_sms_number(mine, w.customers[0], phone(3), code, at(0)).await;
    assert!(matches!(fourth, Err(StoreError::Conflict)), "at most three");
    let foreign = store.add_sms_number(theirs, w.customers[0], phone(4), code, at(0)).await;
    assert!(matches!(foreign, Err(StoreError::NotFound)), "not somebody else's list");
    assert!(store.sms_numbers(theirs, w.customers[0]).await.is_err());

    for _ in 0..5 {
        assert!(!store.verify_sms_number(mine, w.customers[0], phone(0), [8; 32], at(1)).await.unwrap());
    }
    let worn_out = store.verify_sms_number(mine, w.customers[0], phone(0), CODE, at(1)).await.unwrap();
    assert!(!worn_out, "after five wrong ones the right one counts for nothing");
    store.add_sms_number(mine, w.customers[0], phone(0), code, at(2)).await.unwrap();
    assert!(
        !store.verify_sms_number(mine, w.customers[0], phone(0), CODE, at(600)).await.unwrap(),
        "too late"
    );
    assert!(store.verify_sms_number(mine, w.customers[0], phone(0), CODE, at(3)).await.unwrap());
    assert!(!store.verify_sms_number(mine, w.customers[0], phone(0), CODE, at(4)).await.unwrap(), "once");
    let numbers = store.sms_numbers(mine, w.customers[0]).await.unwrap();
    assert_eq!(numbers.iter().filter(|n| n.verified_at == Some(at(3))).count(), 1);
    store.remove_sms_number(mine, w.customers[0], phone(0)).await.unwrap();
    assert!(store.remove_sms_number(mine, w.customers[0], phone(0)).await.is_err());
}

pub async fn a_code_goes_out_first_and_is_erased(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let text = || SmsPurpose::Code { text: "code 123456".to_owned() };
    let sms = |n: i64| NewSms {
        id: SmsId::generate(at(n), &*w.rng),
        customer: None,
        to: phone(1),
        purpose: text(),
        now: at(n),
    };
    for n in 0..i64::from(CODES_AN_HOUR) {
        assert!(store.queue_sms(SYSTEM, sms(n)).await.unwrap());
    }
    assert!(!store.queue_sms(SYSTEM, sms(10)).await.unwrap(), "its share of the hour");
    assert!(store.queue_sms(SYSTEM, sms(3_700)).await.unwrap(), "the next hour");
    let first = store.claim_sms(SYSTEM, at(20), at(60), [1; 16]).await.unwrap().unwrap();
    assert_eq!((first.to.clone(), first.purpose.clone()), (phone(1), text()));
    let sent = || Attempt::Sent { reply: "SM1".into() };
    let lost = store.settle_sms(SYSTEM, first.id, [2; 16], sent(), String::new(), at(21)).await;
    assert!(matches!(lost, Err(StoreError::Conflict)));
    store.settle_sms(SYSTEM, first.id, [1; 16], sent(), "code 123456".to_owned(), at(21)).await.unwrap();
    // The rest is too old by now.
    while let Some(c) = store.claim_sms(SYSTEM, at(3_701), at(3_800), [3; 16]).await.unwrap() {
        let dead = Attempt::Dead { reply: "x".into() };
        store.settle_sms(SYSTEM, c.id, [3; 16], dead, String::new(), at(3_702)).await.unwrap();
    }
    let ledger = store.sms_ledger(Scope::operator(), 100).await.unwrap();
    assert_eq!(ledger.iter().filter(|s| s.state.as_str() == "suppressed").count(), 1);
    assert_eq!(ledger.iter().filter(|s| s.state.as_str() == "sent").count(), 1);
    assert!(ledger.iter().all(|s| s.text.is_empty()));
    let customers = store.sms_ledger(Scope::customer(w.customers[0]), 100).await.unwrap();
    assert!(customers.is_empty(), "codes of the operation's people are not theirs to see");
}

pub async fn a_bounced_alert_goes_to_the_next_address_and_the_telephone_once(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    prove(&w, &phone(1)).await;
    let deliveries = urgent_mail(&w, 3).await;
    claim_all(&w, 0).await;
    for d in &deliveries {
        let sent = Attempt::Sent { reply: "250".into() };
        store.settle_delivery(SYSTEM, d.id, [9; 16], sent, at(1)).await.unwrap();
    }
    assert_eq!(taken_over(&w, 2).await, (vec![], 0));
    assert!(store.mark_bounced(SYSTEM, deliveries[0].id, "550".into(), at(3)).await.unwrap());
    let once = (vec!["a0@customer.example→a1@customer.example".to_owned()], 1);
    assert_eq!(taken_over(&w, 3).await, once);
    assert!(!store.mark_bounced(SYSTEM, deliveries[0].id, "550".into(), at(4)).await.unwrap());
    assert_eq!(taken_over(&w, 4).await, once, "once");
    // The second bounces too: the third is left; the telephone knows already.
    store.mark_bounced(SYSTEM, deliveries[1].id, "550".into(), at(5)).await.unwrap();
    let (to, messages) = taken_over(&w, 5).await;
    assert_eq!((to.len(), messages), (2, 1), "{to:?}");
    assert!(to.contains(&"a1@customer.example→a2@customer.example".to_owned()), "{to:?}");
    store.mark_bounced(SYSTEM, deliveries[2].id, "550".into(), at(6)).await.unwrap();
    assert_eq!(taken_over(&w, 6).await.0.len(), 2, "nobody is left");
    let claimed = store.claim_sms(SYSTEM, at(7), at(60), [1; 16]).await.unwrap().unwrap();
    let (alert, customer) = claimed.about.unwrap();
    assert_eq!((claimed.to, customer.customer.id), (phone(1), w.customers[0]));
    assert_eq!(SmsPurpose::TakeOver { alert: alert.alert.id }, claimed.purpose);
}

pub async fn a_refused_or_late_alert_goes_to_the_telephone(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    prove(&w, &phone(1)).await;
    let deliveries = urgent_mail(&w, 1).await;
    let retry = |secs| Attempt::Retry { at: at(secs), reply: "451".into() };
    claim_all(&w, 0).await;
    store.settle_delivery(SYSTEM, deliveries[0].id, [9; 16], retry(300), at(1)).await.unwrap();
    assert_eq!(taken_over(&w, 2).await.1, 0, "it may still arrive");
    claim_all(&w, 601).await;
    store.settle_delivery(SYSTEM, deliveries[0].id, [9; 16], retry(900), at(602)).await.unwrap();
    assert_eq!(taken_over(&w, 603).await, (vec![], 1), "ten minutes are too long for ★★★");
    claim_all(&w, 901).await;
    let dead = Attempt::Dead { reply: "550".into() };
    store.settle_delivery(SYSTEM, deliveries[0].id, [9; 16], dead, at(902)).await.unwrap();
    assert_eq!(taken_over(&w, 903).await, (vec![], 1), "there is no other address, and once is enough");
}

pub async fn an_alert_without_any_address_goes_to_the_telephone(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    prove(&w, &phone(1)).await;
    let deliveries = urgent_mail(&w, 0).await;
    assert!(deliveries.is_empty());
    assert_eq!(taken_over(&w, 1).await, (vec![], 1));
}

pub async fn a_storm_does_not_ring_all_day(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    for n in 0..20 {
        let alert = mimamori_domain::AlertId::generate(at(n), &*w.rng);
        let sms = NewSms {
            id: SmsId::generate(at(n), &*w.rng),
            customer: Some(w.customers[0]),
            to: phone(1),
            purpose: SmsPurpose::TakeOver { alert },
            now: at(n),
        };
        store.queue_sms(SYSTEM, sms).await.unwrap();
    }
    let ledger = store.sms_ledger(Scope::customer(w.customers[0]), 100).await.unwrap();
    let count = |state: &str| ledger.iter().filter(|s| s.state.as_str() == state).count();
    assert_eq!(
        (count("queued"), count("suppressed")),
        (ALERTS_AN_HOUR as usize, 20 - ALERTS_AN_HOUR as usize)
    );
    assert!(store.sms_ledger(Scope::customer(w.customers[1]), 100).await.unwrap().is_empty());
}
