//! Delivery against a real SMTP server that behaves well, badly, and not at all.

#[path = "../../service/tests/support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mimamori_base::SystemClock;
use mimamori_domain::{AlertState, DetectionKind};
use mimamori_notify::receiver::{Act, Stage, Temper};
use mimamori_notify::{Credentials, Mailbox, Pump, Receiver, ReceiverConfig, Security, Sender, SmtpConfig};
use mimamori_service::views::AlertFilter;
use support::{Bench, address, name};

fn smtp(server: &Receiver) -> SmtpConfig {
    SmtpConfig {
        host: "localhost".to_owned(),
        port: server.address().port(),
        security: Security::PlainLoopback,
        credentials: None,
        from_name: name("見守りサービス"),
        from: address("alert@portal.example"),
        reply_to: Some(address("desk@portal.example")),
        bounces: None,
        dkim: Vec::new(),
        hello_name: "portal.example".to_owned(),
        timeout: Duration::from_millis(500),
        extra_root_pem: None,
    }
}

async fn server(temper: Option<Temper>) -> Receiver {
    let config = ReceiverConfig { temper, ..ReceiverConfig::loopback() };
    Receiver::start(config, Mailbox::new(100), Arc::new(SystemClock)).await.unwrap()
}

fn pump(b: &Bench, config: SmtpConfig) -> Pump {
    Pump::new(b.service.clone(), Sender::new(config).unwrap())
}

/// Misbehaves at a stage the first `times`, then behaves.
fn at_first(stage: Stage, times: u32, act: Act) -> Temper {
    let left = AtomicU32::new(times);
    Arc::new(move |at, _| {
        let hit = at == stage
            && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
        if hit { act.clone() } else { Act::Go }
    })
}

async fn ledger(b: &Bench) -> Vec<(String, u32, String)> {
    let rows = b.service.delivery_ledger(&b.service.console(), None, 100).await.unwrap();
    rows.into_iter().map(|r| (r.state.to_string(), r.attempts, r.reply.to_string())).collect()
}

#[tokio::test]
async fn an_important_alert_arrives_at_all_addresses_and_is_notified() {
    let b = Bench::with_addresses(&["a@takehara.example", "b@takehara.example", "c@takehara.example"]).await;
    let server = server(None).await;
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    let round = pump(&b, smtp(&server)).drain().await.unwrap();
    assert_eq!((round.composed, round.sent, round.deferred, round.dead), (1, 3, 0, 0));
    let messages = server.mailbox().messages();
    let to: BTreeSet<_> = messages.iter().flat_map(|m| m.envelope_to.clone()).collect();
    assert_eq!(to.len(), 3);
    let ids: BTreeSet<_> = messages.iter().map(|m| m.message_id.clone()).collect();
    assert_eq!(ids.len(), 3);
    let m = &messages[0];
    assert_eq!(m.subject, "【★★★ 要対応】竹原商店 様: 機器「KEIRI-PC」がウイルスに感染した可能性が高いです");
    assert!(m.text.contains("LANケーブル") && m.html.contains("LANケーブル"));
    assert_eq!(
        (m.from.as_str(), m.reply_to.as_str()),
        ("見守りサービス <alert@portal.example>", "desk@portal.example")
    );
    let raw = String::from_utf8_lossy(&m.raw);
    assert!(raw.is_ascii(), "every server can carry it");
    assert!(raw.contains("Auto-Submitted: auto-generated"));
    assert!(raw.lines().all(|l| l.len() <= 998), "RFC 5322 line length");
    let alert = b.service.alerts(&b.service.console(), AlertFilter::default()).await.unwrap().items.remove(0);
    assert!(matches!(alert.alert.state, AlertState::Notified { .. }));
    assert_eq!(pump(&b, smtp(&server)).drain().await.unwrap(), Default::default(), "nothing twice");
}

#[tokio::test]
async fn others_wait_for_the_first_deadline_and_share_a_mail() {
    let b = Bench::new().await;
    let server = server(None).await;
    let mut pump = pump(&b, smtp(&server));
    b.report(vec![b.detection(DetectionKind::Phishing)]).await;
    b.advance(50);
    assert_eq!(pump.drain().await.unwrap().sent, 0);
    b.report(vec![b.detection(DetectionKind::MalwareFile)]).await;
    b.advance(10);
    assert_eq!(pump.drain().await.unwrap().sent, 1, "the second has not pushed the deadline back");
    assert!(server.mailbox().messages()[0].subject.contains("（ほか1件）"));
}

#[tokio::test]
async fn nt_05_trouble_is_retried_under_the_same_message_id_with_the_same_bytes() {
    let trouble = [
        (Stage::Greeting, Act::Say("421 too busy".to_owned())),
        (Stage::Greeting, Act::Drop),
        (Stage::Greeting, Act::Hang(Duration::from_secs(3))),
        (Stage::From, Act::Say("451 greylisted".to_owned())),
        (Stage::From, Act::Say("550 sender unknown".to_owned())),
        (Stage::Recipient, Act::Say("450 greylisted".to_owned())),
        (Stage::Data, Act::Drop),
        (Stage::Data, Act::Hang(Duration::from_secs(3))),
        (Stage::Dot, Act::Say("452 disk full".to_owned())),
        (Stage::Dot, Act::Drop),
        (Stage::Kept, Act::Drop),
        (Stage::Kept, Act::Hang(Duration::from_secs(3))),
    ];
    for (stage, act) in trouble {
        let b = Bench::new().await;
        let server = server(Some(at_first(stage, 2, act.clone()))).await;
        b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
        let mut rounds = 0;
        while ledger(&b).await.iter().all(|(state, ..)| state != "sent") {
            pump(&b, smtp(&server)).drain().await.unwrap();
            b.advance(3_600);
            rounds += 1;
            assert!(rounds < 6, "{stage:?} {act:?}: {:?}", ledger(&b).await);
        }
        assert_eq!(ledger(&b).await[0].1, 3, "{stage:?} {act:?}: two failures, then through");
        let messages = server.mailbox().messages();
        // Only where the server kept it and never said so may it come again.
        let expected = if stage == Stage::Kept { 3 } else { 1 };
        assert_eq!(messages.len(), expected, "{stage:?} {act:?}");
        let distinct: BTreeSet<_> = messages.iter().map(|m| (m.message_id.clone(), m.raw.clone())).collect();
        assert_eq!(distinct.len(), 1, "{stage:?} {act:?}: one Message-ID, the same bytes");
    }
}

#[tokio::test]
async fn a_refused_recipient_is_a_dead_letter_and_holds_up_nobody() {
    let b = Bench::with_addresses(&["gone@takehara.example", "kanri@takehara.example"]).await;
    let refuse: Temper = Arc::new(|stage, to| {
        if stage == Stage::Recipient && to.starts_with("gone") {
            Act::Say("550 5.1.1 no such user".to_owned())
        } else {
            Act::Go
        }
    });
    let server = server(Some(refuse)).await;
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    let round = pump(&b, smtp(&server)).drain().await.unwrap();
    // The other address gets the alert, and is asked to take over.
    assert_eq!((round.sent, round.dead), (2, 1));
    let dead = b.service.delivery_ledger(&b.service.console(), Some("dead"), 10).await.unwrap();
    assert!(dead[0].reply.contains("no such user"), "{}", dead[0].reply);
    b.service.resend(&b.service.console(), dead[0].delivery.id).await.unwrap();
    assert_eq!(pump(&b, smtp(&server)).drain().await.unwrap().dead, 1, "tried once more, as asked");
}

#[tokio::test]
async fn a_dead_mail_server_loses_nothing_and_says_what_is_wrong() {
    let b = Bench::new().await;
    let gone = server(None).await;
    let config = smtp(&gone);
    gone.stop().await;
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    let round = pump(&b, config).drain().await.unwrap();
    assert_eq!((round.sent, round.deferred, round.dead), (0, 1, 0));
    assert!(ledger(&b).await[0].2.contains("接続できません"), "{:?}", ledger(&b).await);
    b.advance(60);
    let server = server(None).await;
    assert_eq!(pump(&b, smtp(&server)).drain().await.unwrap().sent, 1);
}

#[tokio::test]
async fn a_mail_nobody_takes_is_given_up_after_three_days_and_shown() {
    let b = Bench::new().await;
    let server = server(Some(at_first(Stage::From, u32::MAX, Act::Say("451 never".to_owned())))).await;
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    let mut tries = 0;
    while ledger(&b).await.first().is_none_or(|(state, ..)| state != "dead") {
        pump(&b, smtp(&server)).drain().await.unwrap();
        b.advance(3_600);
        tries += 1;
        assert!(tries < 100);
    }
    assert!((72..80).contains(&tries), "{tries}");
    assert_eq!(b.service.stats().await.unwrap().deliveries_dead, 1);
}

#[tokio::test]
async fn two_workers_send_each_mail_once() {
    let b = Bench::with_addresses(&["a@takehara.example", "b@takehara.example", "c@takehara.example"]).await;
    let server = server(None).await;
    for minute in 0..5u8 {
        let mut d = b.detection(DetectionKind::CommandAndControl);
        d.device.mac = Some(mimamori_domain::detection::MacAddress([2, 0, 0, 0, 0, minute]));
        b.report(vec![d]).await;
    }
    let (mut one, mut two) = (pump(&b, smtp(&server)), pump(&b, smtp(&server)));
    let (x, y) = tokio::join!(one.drain(), two.drain());
    assert_eq!(x.unwrap().sent + y.unwrap().sent, 3, "five alerts, one mail, three addresses");
    assert_eq!(server.mailbox().messages().len(), 3);
}

struct Certified {
    server: Arc<rustls::ServerConfig>,
    root_pem: Vec<u8>,
}

fn certify() -> Certified {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    Certified { server: Arc::new(server), root_pem: made.cert.pem().into_bytes() }
}

async fn secure(implicit_tls: bool, certified: &Certified) -> Receiver {
    let config = ReceiverConfig {
        tls: Some(certified.server.clone()),
        implicit_tls,
        login: Some(("mimamori".to_owned(), "himitsu".to_owned())),
        ..ReceiverConfig::loopback()
    };
    Receiver::start(config, Mailbox::new(10), Arc::new(SystemClock)).await.unwrap()
}

#[tokio::test]
async fn nt_07_tls_is_spoken_and_never_given_up() {
    let certified = certify();
    let login =
        |password: &str| Some(Credentials { user: "mimamori".to_owned(), password: password.to_owned() });
    for (security, implicit) in [(Security::StartTls, false), (Security::ImplicitTls, true)] {
        let b = Bench::new().await;
        let server = secure(implicit, &certified).await;
        b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
        let trusted = SmtpConfig {
            security,
            credentials: login("himitsu"),
            extra_root_pem: Some(certified.root_pem.clone()),
            timeout: Duration::from_secs(5),
            ..smtp(&server)
        };
        // A certificate nobody vouches for: not sent, not lost.
        let untrusted = SmtpConfig { extra_root_pem: None, ..trusted.clone() };
        let round = pump(&b, untrusted).drain().await.unwrap();
        assert_eq!((round.sent, round.deferred), (0, 1), "{security:?}");
        b.advance(120);
        // A wrong password is our fault: it waits for the operator, the mail is not dead.
        let wrong = SmtpConfig { credentials: login("wrong"), ..trusted.clone() };
        let round = pump(&b, wrong).drain().await.unwrap();
        assert_eq!((round.deferred, round.dead), (1, 0), "{security:?}");
        b.advance(600);
        assert_eq!(pump(&b, trusted).drain().await.unwrap().sent, 1, "{security:?}: {:?}", ledger(&b).await);
        assert!(server.mailbox().messages()[0].encrypted);
    }
    // A server that does not offer STARTTLS gets nothing.
    let b = Bench::new().await;
    let plain = server(None).await;
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    let config = SmtpConfig { security: Security::StartTls, ..smtp(&plain) };
    assert_eq!(pump(&b, config).drain().await.unwrap().sent, 0);
    assert!(plain.mailbox().messages().is_empty());
}

#[test]
fn plain_text_goes_only_to_this_machine() {
    let config = SmtpConfig {
        host: "mail.example".to_owned(),
        port: 25,
        security: Security::PlainLoopback,
        credentials: None,
        from_name: name("x"),
        from: address("a@b.example"),
        reply_to: None,
        bounces: None,
        dkim: Vec::new(),
        hello_name: "x".to_owned(),
        timeout: Duration::from_secs(1),
        extra_root_pem: None,
    };
    assert!(Sender::new(config.clone()).unwrap_err().to_string().contains("unencrypted"));
    let local = SmtpConfig { host: "127.0.0.1".to_owned(), ..config.clone() };
    Sender::new(local.clone()).unwrap();
    let credentials = Some(Credentials { user: "a".to_owned(), password: "b".to_owned() });
    let shown = format!("{credentials:?}");
    assert!(!shown.contains("\"b\""), "{shown}");
    Sender::new(SmtpConfig { credentials, ..local }).unwrap_err();
}

#[tokio::test]
async fn the_mailbox_is_bounded_and_long_lines_end_the_conversation() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = server(None).await;
    let mailbox = Mailbox::new(2);
    for i in 0..5 {
        let raw = format!("Message-ID: <{i}@x>\r\n\r\nbody").into_bytes();
        mailbox.restore(Default::default(), "a@x", &["b@y".to_owned()], raw);
    }
    assert_eq!(mailbox.messages().len(), 2);
    assert_eq!(mailbox.counts(), (5, 3));
    assert_eq!(mailbox.messages()[0].message_id, "4@x");
    let mut stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    let flood = vec![b'a'; 100_000];
    let _ = stream.write_all(&flood).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_buf(&mut answer)).await.unwrap();
    assert!(server.mailbox().messages().is_empty());
}

/// Names of the mail's own headers, in order.
fn header_names(raw: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(raw).into_owned();
    let head = text.split("\r\n\r\n").next().unwrap_or_default().to_owned();
    let own = head.split("\r\n").filter(|l| !l.starts_with([' ', '\t']));
    own.map(|l| l.split(':').next().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn nothing_that_came_from_a_network_or_a_form_adds_a_header() {
    let harmless = {
        let (b, server) = (Bench::new().await, server(None).await);
        b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
        assert_eq!(pump(&b, smtp(&server)).drain().await.unwrap().sent, 1);
        header_names(&server.mailbox().messages()[0].raw)
    };
    let (b, server) = (Bench::new().await, server(None).await);
    let mut d = b.detection(DetectionKind::CommandAndControl);
    let evil = "PC\r\nBcc: victim@example.com\r\nContent-Type: text/html\r\n\r\n<b>x</b>";
    d.device.host_name = Some(evil.into());
    d.host = Some(evil.into());
    b.report(vec![d]).await;
    let config =
        SmtpConfig { from_name: name("見守り \"サービス\" <x@y.example>, z"), ..smtp(&server) };
    assert_eq!(pump(&b, config).drain().await.unwrap().sent, 1);
    let m = server.mailbox().messages().remove(0);
    assert_eq!(header_names(&m.raw), harmless);
    assert_eq!(m.envelope_to, ["kanri@takehara.example"]);
    assert!(m.from.ends_with("<alert@portal.example>"), "{}", m.from);
}

#[tokio::test]
async fn a_worker_that_hung_until_its_lease_was_over_changes_nothing() {
    let b = Bench::new().await;
    let server = server(None).await;
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    for job in b.service.due_mails().await.unwrap() {
        let composed = mimamori_notify::compose(&job, "https://portal.example").unwrap().unwrap();
        b.service.queue_mail(&job, composed).await.unwrap();
    }
    let late = b.service.claim_token();
    let claimed = b.service.claim_deliveries(late, Duration::from_secs(60), 1).await.unwrap().remove(0);
    // The clock jumps by a day, as on a machine that slept; another worker sends it.
    b.advance(86_400);
    assert_eq!(pump(&b, smtp(&server)).drain().await.unwrap().sent, 1);
    let reply = mimamori_service::Service::reply("550 no");
    let dead = mimamori_service::views::Attempt::Dead { reply };
    assert!(!b.service.settle_delivery(claimed.delivery.id, late, dead).await.unwrap(), "the lease was lost");
    assert_eq!(ledger(&b).await[0].0, "sent");
    assert_eq!(pump(&b, smtp(&server)).drain().await.unwrap(), Default::default());
    assert_eq!(server.mailbox().messages().len(), 1);
}
