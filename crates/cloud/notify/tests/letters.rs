//! Mails of announcements, answers and monthly reports, as they arrive.

#[path = "../../service/tests/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::Duration;

use mimamori_base::SystemClock;
use mimamori_domain::{AnnouncementKind, Month};
use mimamori_notify::{Mailbox, Pump, Receiver, ReceiverConfig, Security, Sender, SmtpConfig};
use mimamori_service::NewAnnouncement;
use support::{Bench, address, name};

async fn delivered(b: &Bench) -> Vec<mimamori_notify::Received> {
    let server =
        Receiver::start(ReceiverConfig::loopback(), Mailbox::new(100), Arc::new(SystemClock)).await.unwrap();
    let config = SmtpConfig {
        host: "localhost".to_owned(),
        port: server.address().port(),
        security: Security::PlainLoopback,
        credentials: None,
        from_name: name("見守りサービス"),
        from: address("alert@portal.example"),
        reply_to: None,
        bounces: None,
        dkim: Vec::new(),
        hello_name: "portal.example".to_owned(),
        timeout: Duration::from_secs(5),
        extra_root_pem: None,
    };
    Pump::new(b.service.clone(), Sender::new(config).unwrap()).drain().await.unwrap();
    server.mailbox().messages()
}

#[tokio::test]
async fn pt_10_the_monthly_report_goes_with_its_mail_in_the_morning() {
    let b = Bench::with_addresses(&["a@takehara.example", "b@takehara.example"]).await;
    let month = Month::of(b.service.now()).plus(-1);
    let paper = || vec![(b.customer.id, month, "よい月でした。".to_owned(), b"%PDF-1.7 paper".to_vec())];
    b.service.store_monthly(paper()).await.unwrap();
    assert!(delivered(&b).await.is_empty(), "nobody wished for it");
    b.service.set_monthly_mail(&b.service.console(), b.customer.id, true).await.unwrap();
    let next =
        vec![(b.customer.id, month.plus(1), "次の月です。".to_owned(), b"%PDF-1.7\xff\xfe next".to_vec())];
    b.service.store_monthly(next.clone()).await.unwrap();
    b.service.store_monthly(next).await.unwrap();
    b.advance(86_400);
    let mails = delivered(&b).await;
    assert_eq!(mails.len(), 2, "one to each address, once");
    let raw = String::from_utf8_lossy(&mails[0].raw);
    assert!(raw.contains("filename=\"monthly-2026-11.pdf\"") && raw.contains("application/pdf"), "{raw}");
    assert!(raw.contains("JVBERi0xLjf//iBuZXh0"), "the file itself: {raw}");
    assert!(mails[0].subject.contains("月次レポート") && mails[0].text.contains("次の月です。"));
    assert!(delivered(&b).await.is_empty());
}

#[tokio::test]
async fn pt_08_an_announcement_is_mailed_to_every_customer_once() {
    let b = Bench::new().await;
    let new = NewAnnouncement {
        kind: AnnouncementKind::Maintenance,
        title: "設備の点検".to_owned(),
        text: "ポータルが止まります。".to_owned(),
        important: false,
        by_mail: false,
        starts_at: mimamori_service::local_time("2027-01-10T02:00"),
        ends_at: mimamori_service::local_time("2027-01-10T05:00"),
    };
    b.service.publish(&b.service.console(), new).await.unwrap();
    assert_eq!(b.service.spread_announcements().await.unwrap(), 1);
    assert_eq!(b.service.spread_announcements().await.unwrap(), 0);
    b.advance(60);
    let mails = delivered(&b).await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].subject, "【計画メンテナンス】設備の点検");
    assert!(mails[0].text.contains("2027年1月10日(日) 02:00"), "{}", mails[0].text);
}
