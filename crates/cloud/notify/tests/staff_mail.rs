//! Staff who have forgotten their password get a link like everybody, at a real SMTP server.

#[path = "../../service/tests/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::Duration;

use mimamori_base::SystemClock;
use mimamori_domain::Role;
use mimamori_domain::account::Belongs;
use mimamori_notify::{Mailbox, Pump, Receiver, ReceiverConfig, Security, Sender, SmtpConfig};
use support::{Bench, address, name};

#[tokio::test]
async fn ac_03_a_link_for_staff_arrives_and_a_name_that_nobody_has_sends_nothing() {
    let b = Bench::new().await;
    let server = Receiver::start(ReceiverConfig::loopback(), Mailbox::new(10), Arc::new(SystemClock));
    let server = server.await.unwrap();
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
    let mut pump = Pump::new(b.service.clone(), Sender::new(config).unwrap());
    b.account("desk", Role::HelpDesk, Belongs::Reseller(b.reseller.id)).await;
    for given in ["nobody", "desk"] {
        b.service.ask_for_reset(given, std::net::Ipv4Addr::LOCALHOST.into());
    }
    let mut sent = 0;
    for _ in 0..200 {
        sent += pump.drain().await.unwrap().sent;
        if sent > 0 {
            break;
        }
        // The link is made beside the answer, so that its time tells nothing.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mails = server.mailbox().messages();
    assert_eq!((sent, mails.len()), (1, 1));
    assert_eq!(mails[0].envelope_to, vec!["hanako@takehara.example".to_owned()]);
    assert_eq!(mails[0].subject, "【みまもり】パスワードの再設定のご案内");
    assert!(mails[0].text.contains("https://portal.example/reset/"), "{}", mails[0].text);
    assert!(mails[0].text.contains("見守りサービス 運営 ご担当者 様"), "{}", mails[0].text);
    let ledger = b.service.delivery_ledger(&b.service.console(), None, 10).await.unwrap();
    assert_eq!(ledger.len(), 1, "the operator sees it");
}
