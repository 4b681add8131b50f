//! Short messages through a provider that behaves well, badly, and not at all; and who is told
//! when a ★★★ mail does not arrive.

#[path = "../../service/tests/support/mod.rs"]
mod support;
mod twilio_server;

use std::sync::Arc;
use std::time::Duration;

use mimamori_base::SystemClock;
use mimamori_domain::account::Belongs;
use mimamori_domain::{DetectionKind, PhoneNumber, Role};
use mimamori_notify::receiver::{Act as SmtpAct, Stage, Temper};
use mimamori_notify::{
    Mailbox, Pump, Receiver, ReceiverConfig, Security, Sender, SmsPump, SmtpConfig, TwilioConfig, TwilioSms,
};
use mimamori_service::{Actor, ClientInfo};
use support::{Bench, address, name};
use twilio_server::{ACCOUNT, Act, FROM, Provider, TOKEN};

const NUMBER: &str = "090-1234-5678";

fn sms_pump(b: &Bench, provider: &Provider) -> SmsPump {
    let config = TwilioConfig {
        url: format!("http://{}", provider.address),
        account: ACCOUNT.to_owned(),
        token: TOKEN.to_owned(),
        from: FROM.to_owned(),
    };
    let sms = TwilioSms::new(config).unwrap().with_timeout(Duration::from_millis(300));
    SmsPump::new(b.service.clone(), Arc::new(sms), None)
}

fn mail_pump(b: &Bench, server: &Receiver) -> Pump {
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
        timeout: Duration::from_millis(500),
        extra_root_pem: None,
    };
    Pump::new(b.service.clone(), Sender::new(config).unwrap())
}

/// Takes mail for everybody but those whose address begins with `gone`.
async fn mail_server() -> Receiver {
    let refuse: Temper = Arc::new(|stage, to| {
        if stage == Stage::Recipient && to.starts_with("gone") {
            SmtpAct::Say("550 5.1.1 no such user".to_owned())
        } else {
            SmtpAct::Go
        }
    });
    let config = ReceiverConfig { temper: Some(refuse), ..ReceiverConfig::loopback() };
    Receiver::start(config, Mailbox::new(100), Arc::new(SystemClock)).await.unwrap()
}

async fn admin(b: &Bench) -> Actor {
    let password = b.account("hanako", Role::CustomerAdmin, Belongs::Customer(b.customer.id)).await;
    let from = ClientInfo { ip: [192, 0, 2, 1].into(), user_agent: "x".into(), browser: None };
    b.service.login("hanako", password.reveal(), &from).await.unwrap().actor
}

/// As a person does it: enters the number, gets the code by SMS, types it in.
async fn prove_number(b: &Bench) {
    let admin = admin(b).await;
    let number = PhoneNumber::parse(NUMBER).unwrap();
    let provider = Provider::start(vec![]).await;
    b.service.add_sms_number(&admin, b.customer.id, number.clone()).await.unwrap();
    assert_eq!(sms_pump(b, &provider).drain().await.unwrap().sent, 1);
    let taken = provider.taken().remove(0);
    assert_eq!((taken.to.as_str(), taken.from.as_str()), ("+819012345678", FROM));
    let code: String = taken.text.chars().filter(char::is_ascii_digit).take(6).collect();
    assert!(!b.service.verify_sms_number(&admin, b.customer.id, number.clone(), "000000").await.unwrap());
    assert!(b.service.verify_sms_number(&admin, b.customer.id, number, &code).await.unwrap());
}

/// State, attempts and words of the alerts' messages, newest first.
async fn ledger(b: &Bench) -> Vec<(String, u32, String)> {
    let rows = b.service.sms_ledger(&b.service.console(), 100).await.unwrap();
    let alerts = rows.into_iter().filter(|r| r.purpose.as_str() == "take_over");
    alerts.map(|r| (r.state.to_string(), r.attempts, r.words.to_string())).collect()
}

/// A ★★★ whose only address does not exist, with a proved number: its message is queued.
async fn refused_alert() -> Bench {
    let b = Bench::with_addresses(&["gone@takehara.example"]).await;
    prove_number(&b).await;
    let server = mail_server().await;
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    assert_eq!(mail_pump(&b, &server).drain().await.unwrap().dead, 1);
    b
}

#[tokio::test]
async fn a_refused_three_stars_goes_to_the_next_address_and_the_telephone() {
    let b = Bench::with_addresses(&["gone@takehara.example", "kanri@takehara.example"]).await;
    prove_number(&b).await;
    let server = mail_server().await;
    let provider = Provider::start(vec![]).await;
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    let round = mail_pump(&b, &server).drain().await.unwrap();
    // The alert to both addresses, one of which refuses, then the request to take over.
    assert_eq!((round.sent, round.dead), (2, 1));
    let subjects: Vec<String> = server.mailbox().messages().iter().map(|m| m.subject.clone()).collect();
    assert!(subjects.iter().all(|s| s.contains("★★★")), "{subjects:?}");
    let asked = &server.mailbox().messages()[0];
    assert!(asked.text.contains("gone@takehara.example"), "it says who was not reached: {}", asked.text);
    assert_eq!(asked.envelope_to, ["kanri@takehara.example"]);
    assert_eq!(sms_pump(&b, &provider).drain().await.unwrap().sent, 1);
    let taken = provider.taken();
    assert_eq!((taken.len(), taken[0].to.as_str()), (1, "+819012345678"));
    assert!(taken[0].text.contains("★★★") && taken[0].text.contains("KEIRI-PC"), "{}", taken[0].text);
    assert!(taken[0].text.contains("https://portal.example/a/"), "{}", taken[0].text);
    assert_eq!(sms_pump(&b, &provider).drain().await.unwrap(), Default::default(), "once");
}

#[tokio::test]
async fn what_a_message_says() {
    let b = refused_alert().await;
    let provider = Provider::start(vec![]).await;
    sms_pump(&b, &provider).drain().await.unwrap();
    let text = provider.taken()[0].text.clone();
    assert!(text.chars().count() <= 200, "three parts at most: {text}");
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn a_bounced_three_stars_goes_to_the_next_address_and_the_telephone() {
    let b = Bench::with_addresses(&["a@takehara.example", "kanri@takehara.example"]).await;
    prove_number(&b).await;
    let server = mail_server().await;
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    let mut mail = mail_pump(&b, &server);
    assert_eq!(mail.drain().await.unwrap().sent, 2);
    let rows = b.service.delivery_ledger(&b.service.console(), None, 10).await.unwrap();
    let first = rows.iter().find(|r| r.delivery.recipient == address("a@takehara.example")).unwrap();
    assert!(b.service.record_bounce(first.delivery.id, "550 mailbox unavailable").await.unwrap());
    assert_eq!(mail.drain().await.unwrap().sent, 1, "the next address is asked");
    assert_eq!(server.mailbox().messages()[0].envelope_to, ["kanri@takehara.example"]);
    let provider = Provider::start(vec![]).await;
    assert_eq!(sms_pump(&b, &provider).drain().await.unwrap().sent, 1);
    assert!(!b.service.record_bounce(first.delivery.id, "550 again").await.unwrap());
    assert_eq!(mail.drain().await.unwrap().sent, 0);
    assert_eq!(sms_pump(&b, &provider).drain().await.unwrap().sent, 0, "once");
}

#[tokio::test]
async fn a_refusal_is_final_and_shown_with_the_providers_words() {
    let b = refused_alert().await;
    let no = r#"{"code":21610,"message":"Attempt to send to unsubscribed recipient","status":400}"#;
    let provider = Provider::start(vec![Act::Say(400, no)]).await;
    let round = sms_pump(&b, &provider).drain().await.unwrap();
    assert_eq!((round.sent, round.deferred, round.dead), (0, 0, 1));
    let (state, attempts, words) = ledger(&b).await.remove(0);
    assert_eq!((state.as_str(), attempts), ("dead", 1));
    assert!(words.contains("21610") && words.contains("unsubscribed"), "{words}");
    b.advance(3_600);
    assert_eq!(sms_pump(&b, &provider).drain().await.unwrap(), Default::default());
    assert_eq!(provider.requests(), 1);
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let trouble = [
        Act::Say(429, r#"{"code":20429,"message":"Too Many Requests"}"#),
        Act::Say(401, r#"{"code":20003,"message":"Authenticate"}"#),
        Act::Say(500, "<html>oops</html>"),
        Act::Say(503, ""),
        Act::Drop,
        Act::Hang(Duration::from_secs(5)),
    ];
    for act in trouble {
        let b = refused_alert().await;
        let provider = Provider::start(vec![act.clone(), act.clone()]).await;
        for _ in 0..2 {
            let round = sms_pump(&b, &provider).drain().await.unwrap();
            assert_eq!((round.sent, round.deferred, round.dead), (0, 1, 0), "{act:?}");
            assert_eq!(sms_pump(&b, &provider).drain().await.unwrap(), Default::default(), "not at once");
            b.advance(60);
        }
        assert_eq!(sms_pump(&b, &provider).drain().await.unwrap().sent, 1, "{act:?}");
        assert_eq!((provider.requests(), provider.taken().len()), (3, 1), "{act:?}");
        assert_eq!(ledger(&b).await[0].1, 3, "{act:?}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_after_the_status_was_an_acceptance() {
    let b = refused_alert().await;
    let provider = Provider::start(vec![Act::TakeAndBreakOff]).await;
    assert_eq!(sms_pump(&b, &provider).drain().await.unwrap().sent, 1);
    assert_eq!(provider.taken().len(), 1);
}

#[tokio::test]
async fn a_provider_that_is_gone_loses_nothing_until_the_message_is_too_old() {
    let b = refused_alert().await;
    let provider = Provider::start(vec![]).await;
    let pump = sms_pump(&b, &provider);
    drop(provider);
    let mut tries = 0;
    while ledger(&b).await[0].0 == "queued" {
        pump.drain().await.unwrap();
        b.advance(600);
        tries += 1;
        assert!(tries < 50, "{:?}", ledger(&b).await);
    }
    assert_eq!(ledger(&b).await[0].0, "dead");
    assert!((18..=20).contains(&tries), "three hours: {tries}");
}

#[tokio::test]
async fn a_code_that_may_have_arrived_is_not_sent_twice() {
    for act in [Act::Drop, Act::Hang(Duration::from_secs(5)), Act::Say(500, "")] {
        let b = Bench::new().await;
        let admin = admin(&b).await;
        let number = PhoneNumber::parse(NUMBER).unwrap();
        b.service.add_sms_number(&admin, b.customer.id, number).await.unwrap();
        let provider = Provider::start(vec![act.clone()]).await;
        let round = sms_pump(&b, &provider).drain().await.unwrap();
        assert_eq!((round.sent, round.dead), (0, 1), "{act:?}");
        b.advance(60);
        assert_eq!(sms_pump(&b, &provider).drain().await.unwrap(), Default::default(), "{act:?}");
        assert_eq!(provider.requests(), 1, "{act:?}");
    }
}

#[tokio::test]
async fn two_workers_send_each_message_once() {
    let b = refused_alert().await;
    let provider = Provider::start(vec![]).await;
    let (one, two) = (sms_pump(&b, &provider), sms_pump(&b, &provider));
    let (x, y) = tokio::join!(one.drain(), two.drain());
    assert_eq!(x.unwrap().sent + y.unwrap().sent, 1);
    assert_eq!(provider.taken().len(), 1);
}

#[tokio::test]
async fn less_than_three_stars_rings_no_telephone() {
    let b = Bench::with_addresses(&["gone@takehara.example"]).await;
    prove_number(&b).await;
    let server = mail_server().await;
    b.report(vec![b.detection(DetectionKind::Phishing)]).await;
    b.advance(60);
    assert_eq!(mail_pump(&b, &server).drain().await.unwrap().dead, 1);
    assert!(ledger(&b).await.is_empty());
}
