//! Announcements, inquiries with files, contracts, monthly reports.

use std::sync::Arc;
use std::time::Duration;

use mimamori_domain::alert::Actor;
use mimamori_domain::attachment::{About, Attachment, FileType};
use mimamori_domain::contract::{ClaimState, RESPONSE_YEN};
use mimamori_domain::inquiry::{Answer, Channel, Post, Topic};
use mimamori_domain::{
    AccountId, Announcement, AnnouncementId, AnnouncementKind, AttachmentId, Claim, ClaimId, Contract,
    DeliveryId, EmailAddress, Inquiry, InquiryId, Letter, MailId, Month, MonthlyId, Notice, NoticeId,
    NoticeKind, Passage,
};
use mimamori_store::desk::{InquiryFilter, MonthlyRow};
use mimamori_store::views::{Delivery, Mail};
use mimamori_store::{Scope, Store, StoreError};

use super::fixture::{SYSTEM, World, at, name};

fn announcement(w: &World, title: &str, secs: i64, by_mail: bool) -> Announcement {
    Announcement {
        id: AnnouncementId::generate(at(secs), &*w.rng),
        kind: AnnouncementKind::News,
        title: name(title),
        text: Passage::clip("一行目\n二行目"),
        important: true,
        by_mail,
        starts_at: None,
        ends_at: None,
        published_at: at(secs),
        author: "運営者".into(),
        withdrawn_at: None,
    }
}

pub async fn announcements_are_read_once_each_and_written_by_the_operator(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let a = announcement(&w, "古い", 0, false);
    let b = announcement(&w, "新しい", 10, false);
    let mine = Scope::customer(w.customers[0]);
    assert!(matches!(store.publish(mine, a.clone()).await, Err(StoreError::OutOfScope)));
    for one in [&a, &b] {
        store.publish(Scope::operator(), one.clone()).await.unwrap();
    }
    let reader = AccountId::generate(at(0), &*w.rng);
    assert_eq!(
        store_list(&store, mine, Some(reader)).await,
        [("新しい".to_owned(), false), ("古い".to_owned(), false)]
    );
    for _ in 0..2 {
        w.store.mark_read(mine, reader, w.customers[0], b.id, at(20)).await.unwrap();
    }
    let foreign = w.store.mark_read(mine, reader, w.customers[1], b.id, at(20)).await;
    assert!(matches!(foreign, Err(StoreError::NotFound)), "{foreign:?}");
    assert_eq!(store_list(&w.store, mine, Some(reader)).await[0], ("新しい".to_owned(), true));
    let other = AccountId::generate(at(1), &*w.rng);
    assert_eq!(store_list(&w.store, mine, Some(other)).await[0], ("新しい".to_owned(), false));
    let withdrawn = b.withdraw(at(30)).unwrap();
    w.store.withdraw(Scope::operator(), withdrawn.clone()).await.unwrap();
    let twice = w.store.withdraw(Scope::operator(), withdrawn.clone()).await;
    assert!(matches!(twice, Err(StoreError::Conflict)));
    assert_eq!(store_list(&w.store, mine, Some(reader)).await.len(), 1);
    assert!(matches!(w.store.announcement(mine, withdrawn.id).await, Err(StoreError::NotFound)));
    assert_eq!(store_list(&w.store, Scope::operator(), None).await.len(), 2, "the operator still sees it");
}

async fn store_list(store: &Arc<dyn Store>, scope: Scope, reader: Option<AccountId>) -> Vec<(String, bool)> {
    let all = store.announcements(scope, reader, 10).await.unwrap();
    all.into_iter().map(|v| (v.announcement.title.to_string(), v.read)).collect()
}

pub async fn an_announcement_is_mailed_to_every_customer_once(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let a = announcement(&w, "点検", 0, true);
    store.publish(Scope::operator(), a).await.unwrap();
    let mut steps = 0;
    while store.spread_announcements(SYSTEM, at(5), 1).await.unwrap() > 0 {
        steps += 1;
        assert!(steps < 10, "it ends");
    }
    assert!(steps >= 2, "one customer a step");
    let due = store.due_notices(SYSTEM, at(5), 10).await.unwrap();
    assert_eq!(due.len(), 2);
    assert!(due.iter().all(|g| g.notices.len() == 1));
    assert_ne!(due[0].notices[0].id, due[1].notices[0].id);
}

fn post(w: &World, secs: i64, from_desk: bool, text: &str) -> Post {
    let by = Actor { account: AccountId::generate(at(0), &*w.rng), name: name("竹原") };
    Post { at: at(secs), by, from_desk, text: Passage::clip(text) }
}

fn asked(w: &World, i: usize, secs: i64) -> Inquiry {
    let id = InquiryId::generate(at(secs), &*w.rng);
    let first = post(w, secs, false, "ランプが赤いです");
    Inquiry::ask(id, w.customers[i], name("ランプ"), Topic::Gateway, Channel::Portal, first)
}

fn file(w: &World, i: usize, about: About) -> (Attachment, Vec<u8>) {
    let content = b"\x89PNG\r\n\x1a\nx".to_vec();
    let attachment = Attachment {
        id: AttachmentId::generate(at(0), &*w.rng),
        customer: w.customers[i],
        about,
        name: "写真.png".into(),
        file_type: FileType::Png,
        size: content.len() as u64,
        at: at(0),
        by: "竹原".into(),
    };
    (attachment, content)
}

pub async fn an_inquiry_is_answered_once_with_its_mail_and_seen_only_by_its_own(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let mine = Scope::customer(w.customers[0]);
    let q = asked(&w, 0, 0);
    let (attachment, content) = file(&w, 0, About::Inquiry(q.id));
    store.add_inquiry(mine, q.clone(), vec![(attachment.clone(), content.clone())]).await.unwrap();
    let foreign = store.add_inquiry(mine, asked(&w, 1, 1), vec![]).await;
    assert!(matches!(foreign, Err(StoreError::NotFound)), "{foreign:?}");
    let theirs = Scope::customer(w.customers[1]);
    let filter = InquiryFilter { customer: None, only_live: true, limit: 10 };
    for other in [theirs, Scope::reseller(w.resellers[1])] {
        assert!(matches!(store.inquiry(other, q.id).await, Err(StoreError::NotFound)));
        assert!(matches!(store.attachment(other, attachment.id).await, Err(StoreError::NotFound)));
        assert!(store.attachments(other, About::Inquiry(q.id)).await.unwrap().is_empty());
        assert!(store.inquiries(other, filter).await.unwrap().is_empty());
    }
    assert_eq!(store.attachment(mine, attachment.id).await.unwrap(), (attachment.clone(), content));
    assert_eq!(store.attachments(mine, About::Inquiry(q.id)).await.unwrap(), vec![attachment]);

    let desk = Scope::reseller(w.resellers[0]);
    let answered = q.clone().answer(post(&w, 60, true, "交換します"), Answer::Final).unwrap();
    let letter = Letter::Answer {
        inquiry: q.id,
        title: q.title.clone(),
        text: Passage::clip("交換します"),
        interim_until: None,
    };
    let tell = Notice {
        id: NoticeId::generate(at(60), &*w.rng),
        customer: w.customers[0],
        kind: NoticeKind::Letter { to: None, letter: Box::new(letter) },
        created_at: at(60),
        due_at: at(60),
    };
    store.replace_inquiry(desk, 1, answered.clone(), vec![], Some(tell.clone())).await.unwrap();
    let again = store.replace_inquiry(desk, 1, answered.clone(), vec![], Some(tell)).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "a stale page changes nothing: {again:?}");
    assert_eq!(store.due_notices(SYSTEM, at(60), 10).await.unwrap().len(), 1);
    assert_eq!(store.inquiry(mine, q.id).await.unwrap(), answered);
    assert!(store.inquiries_to_close(SYSTEM, at(61), 10).await.unwrap().is_empty());
    let later = answered.due_at + Duration::from_secs(1);
    assert_eq!(store.inquiries_to_close(SYSTEM, later, 10).await.unwrap().len(), 1);
}

pub async fn open_inquiries_and_files_are_bounded(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let mine = Scope::customer(w.customers[0]);
    for i in 0..50 {
        store.add_inquiry(mine, asked(&w, 0, i), vec![]).await.unwrap();
    }
    let more = store.add_inquiry(mine, asked(&w, 0, 60), vec![]).await;
    assert!(matches!(more, Err(StoreError::Full(_))), "{more:?}");
    let about = About::Inquiry(asked(&w, 0, 70).id);
    let (mut big, content) = file(&w, 0, about);
    big.size = mimamori_domain::attachment::CUSTOMER_MAX_BYTES;
    store.add_attachment(mine, big, content.clone()).await.unwrap();
    let (small, content) = (file(&w, 0, about).0, content);
    let full = store.add_attachment(mine, small, content).await;
    assert!(matches!(full, Err(StoreError::Full(_))), "{full:?}");
}

pub async fn contracts_and_claims_are_the_operators_to_write(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let mine = Scope::customer(w.customers[0]);
    let contract = Contract {
        customer: w.customers[0],
        number: "M-0001".into(),
        started_on: Some(20_000),
        free_until: None,
        ends_on: None,
        agreed: vec![],
    };
    assert!(matches!(store.put_contract(mine, contract.clone()).await, Err(StoreError::OutOfScope)));
    assert_eq!(store.contract(mine, w.customers[0]).await.unwrap(), None);
    for _ in 0..2 {
        store.put_contract(Scope::operator(), contract.clone()).await.unwrap();
    }
    assert_eq!(store.contract(mine, w.customers[0]).await.unwrap(), Some(contract));
    let claim = Claim {
        id: ClaimId::generate(at(0), &*w.rng),
        customer: w.customers[0],
        alert: None,
        at: at(0),
        responded_on: None,
        state: ClaimState::Asked,
        yen: RESPONSE_YEN,
        note: "".into(),
    };
    store.put_claim(Scope::operator(), claim.clone()).await.unwrap();
    let paid = Claim { state: ClaimState::Paid, ..claim };
    store.put_claim(Scope::operator(), paid.clone()).await.unwrap();
    assert_eq!(store.claims(mine, w.customers[0]).await.unwrap(), vec![paid]);
    let theirs = Scope::customer(w.customers[1]);
    assert!(matches!(store.contract(theirs, w.customers[0]).await, Err(StoreError::NotFound)));
    assert!(matches!(store.claims(theirs, w.customers[0]).await, Err(StoreError::NotFound)));
}

pub async fn a_months_report_is_stored_once_with_its_mail(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let month = Month::of(at(0));
    let both = store.without_monthly(SYSTEM, month, at(0), 10).await.unwrap();
    assert_eq!(both.len(), 2);
    assert!(
        store.without_monthly(SYSTEM, month.plus(-1), at(0), 10).await.unwrap().is_empty(),
        "before they came"
    );
    let mine = Scope::customer(w.customers[0]);
    store.set_monthly_mail(mine, w.customers[0], true).await.unwrap();
    assert!(store.wants_monthly_mail(SYSTEM, w.customers[0]).await.unwrap());
    assert!(!store.wants_monthly_mail(SYSTEM, w.customers[1]).await.unwrap());
    assert!(store.set_monthly_mail(mine, w.customers[1], true).await.is_err());
    let row = |secs| MonthlyRow {
        id: MonthlyId::generate(at(secs), &*w.rng),
        customer: w.customers[0],
        month,
        made_at: at(secs),
        sentence: "よい月でした。".to_owned(),
        size: 4,
    };
    let tell = |id| {
        let letter = Letter::Monthly { report: id, month, sentence: "よい月でした。".to_owned() };
        Some(Notice {
            id: NoticeId::generate(at(0), &*w.rng),
            customer: w.customers[0],
            kind: NoticeKind::Letter { to: None, letter: Box::new(letter) },
            created_at: at(0),
            due_at: at(0),
        })
    };
    for secs in [0, 1] {
        let row = row(secs);
        let notice = tell(row.id);
        store.add_monthly(SYSTEM, vec![(row, b"%PDF".to_vec(), notice)]).await.unwrap();
    }
    let stored = store.monthly_reports(mine, w.customers[0]).await.unwrap();
    assert_eq!(stored.len(), 1, "the second run changes nothing");
    let due = store.due_notices(SYSTEM, at(1), 10).await.unwrap().remove(0);
    assert_eq!(due.notices.len(), 1);
    assert_eq!(pumped(&w, &due.notices[0], stored[0].id).await, Some((month, b"%PDF".to_vec())));
    assert_eq!(store.monthly_report(mine, stored[0].id).await.unwrap().1, b"%PDF");
    let theirs = Scope::customer(w.customers[1]);
    assert!(matches!(store.monthly_report(theirs, stored[0].id).await, Err(StoreError::NotFound)));
    assert!(store.monthly_reports(theirs, w.customers[0]).await.unwrap().is_empty());
    assert_eq!(store.without_monthly(SYSTEM, month, at(0), 10).await.unwrap(), vec![w.customers[1]]);
    assert_eq!(store.purge_monthly(SYSTEM, month.plus(1)).await.unwrap(), 1);
}

/// The file that whoever sends mail gets with a mail about a report.
async fn pumped(w: &World, notice: &Notice, report: MonthlyId) -> Option<(Month, Vec<u8>)> {
    let mail = Mail {
        id: MailId::generate(at(0), &*w.rng),
        customer: notice.customer,
        created_at: at(0),
        subject: "月次レポート".to_owned(),
        text: "本文".to_owned(),
        html: "<p>本文</p>".to_owned(),
        urgent: false,
        paper: Some(report),
        alerts: Vec::new(),
    };
    let id = DeliveryId::generate(at(0), &*w.rng);
    let delivery = Delivery {
        id,
        mail: mail.id,
        recipient: EmailAddress::parse("a@customer.example").unwrap(),
        message_id: format!("{id}@test.example"),
    };
    w.store.queue_mail(SYSTEM, mail, vec![delivery], vec![notice.id]).await.unwrap();
    let mut taken = w.store.claim_deliveries(SYSTEM, at(1), at(60), [7; 16], 10).await.unwrap();
    assert_eq!(taken.len(), 1);
    taken.remove(0).paper
}

pub async fn a_report_that_failed_is_tried_later_and_shown_to_the_operator_alone(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let month = Month::of(at(0));
    let hour = 3_600;
    let why = mimamori_domain::Line::clip("a glyph is missing");
    let failed = vec![(w.customers[0], why.clone())];
    assert!(store.monthly_failed(Scope::operator(), month, at(0), failed.clone()).await.is_err());
    let missing = async |secs| store.without_monthly(SYSTEM, month, at(secs), 10).await.unwrap().len();
    // The first try after an hour, the second after two more, and so on to a day.
    for (now, next) in [(0, hour), (hour, 3 * hour), (3 * hour, 7 * hour)] {
        store.monthly_failed(SYSTEM, month, at(now), failed.clone()).await.unwrap();
        assert_eq!(missing(next - 1).await, 1, "{now}");
        assert_eq!(missing(next).await, 2, "{now}");
    }
    let told = store.monthly_failures(Scope::operator()).await.unwrap();
    assert_eq!((told.len(), told[0].attempts, told[0].reason.clone()), (1, 3, why));
    assert_eq!(told[0].next_at, at(7 * hour));
    for nobody in [Scope::customer(w.customers[0]), Scope::reseller(w.resellers[0])] {
        assert!(store.monthly_failures(nobody).await.is_err());
    }
    let row = MonthlyRow {
        id: MonthlyId::generate(at(0), &*w.rng),
        customer: w.customers[0],
        month,
        made_at: at(0),
        sentence: String::new(),
        size: 4,
    };
    store.add_monthly(SYSTEM, vec![(row, b"%PDF".to_vec(), None)]).await.unwrap();
    assert!(store.monthly_failures(Scope::operator()).await.unwrap().is_empty(), "made at last");
}
