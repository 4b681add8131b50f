//! Mails at Debian's Exim, over STARTTLS with a certificate that is checked: as they arrive, and
//! as they come back when the server behind it refuses them.

mod exim_server;
#[path = "../../service/tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::sync::Arc;

use exim_server::{Exim, KEEP_ALL, wait_for};
use mimamori_base::SystemClock;
use mimamori_domain::DetectionKind;
use mimamori_notify::receiver::{Act, Stage, Temper};
use mimamori_notify::{Mailbox, Pump, Receiver, ReceiverConfig, Sender, SmtpConfig, bounce};
use support::{Bench, address};

#[tokio::test(flavor = "multi_thread")]
async fn the_mail_arrives_at_exim_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let Some(exim) = Exim::start(folder.path(), KEEP_ALL) else { return };

    let b = Bench::with_addresses(&["keiri@takehara.example"]).await;
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    let round = Pump::new(b.service.clone(), Sender::new(exim.smtp()).unwrap()).drain().await.unwrap();
    assert_eq!((round.sent, round.deferred, round.dead), (1, 0, 0));

    let mail = exim.kept(1);
    assert!(mail.contains("by localhost with esmtps"), "over TLS: {mail}");
    assert!(mail.contains("Return-path: <alert@portal.example>"), "{mail}");
    assert!(mail.contains("Subject: =?utf-8?"), "an encoded Japanese subject: {mail}");
    assert!(mail.contains("Content-Type: multipart/alternative"), "{mail}");
}

/// An Exim that hands what is for `elsewhere.example` to one server and what comes back for the
/// bounce address to another.
fn relay(folder: &Path, elsewhere: &Receiver, bounces: &Receiver) -> Option<Exim> {
    let routers = "elsewhere:\n  driver = accept\n  domains = elsewhere.example\n  transport = elsewhere\n\
        bounces:\n  driver = accept\n  domains = portal.example\n  local_parts = ^bounce\\\\+\n  \
        transport = bounces\n";
    let to = |name: &str, server: &Receiver| {
        let port = server.address().port();
        format!(
            "{name}:\n  driver = smtp\n  hosts = 127.0.0.1\n  allow_localhost\n  port = {port}\n  \
             hosts_avoid_tls = *\n"
        )
    };
    let transports = to("elsewhere", elsewhere) + &to("bounces", bounces);
    Exim::start(folder, [routers, &transports])
}

#[tokio::test(flavor = "multi_thread")]
async fn nt_05_what_another_server_refuses_comes_back_by_its_address_and_the_next_one_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let refuse: Temper = Arc::new(|stage, _| match stage {
        Stage::Recipient => Act::Say("550 5.1.1 mailbox of keiri is closed".to_owned()),
        _ => Act::Go,
    });
    let start = async |temper| {
        let config = ReceiverConfig { temper, ..ReceiverConfig::loopback() };
        Receiver::start(config, Mailbox::new(9), Arc::new(SystemClock)).await.unwrap()
    };
    let (elsewhere, bounces) = (start(Some(refuse)).await, start(None).await);
    let Some(exim) = relay(folder.path(), &elsewhere, &bounces) else { return };

    let b = Bench::with_addresses(&["keiri@elsewhere.example", "kanri@takehara.example"]).await;
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    let config = SmtpConfig { bounces: Some(address("bounce@portal.example")), ..exim.smtp() };
    let mut pump = Pump::new(b.service.clone(), Sender::new(config).unwrap());
    assert_eq!(pump.drain().await.unwrap().sent, 2, "our relay takes both");

    wait_for("the bounce", || !bounces.mailbox().messages().is_empty());
    let back = bounces.mailbox().messages().remove(0);
    assert_eq!(back.envelope_from, "", "a bounce has no sender");
    let read = bounce::read(&back.envelope_to[0], &back.raw).expect("a report of failure");
    assert!(read.words.contains("mailbox of keiri is closed"), "{}", read.words);
    assert!(b.service.record_bounce(read.delivery, &read.words).await.unwrap());
    let console = b.service.console();
    let rows = b.service.delivery_ledger(&console, Some("bounced"), 9).await.unwrap();
    assert_eq!(rows[0].delivery.recipient, address("keiri@elsewhere.example"));
    let states = b.service.address_states(&console, b.customer.id).await.unwrap();
    let keiri = states.iter().find(|s| s.address == rows[0].delivery.recipient).unwrap();
    assert_eq!(keiri.last.as_ref().unwrap().state.as_str(), "bounced", "the portal says so");
    assert_eq!(b.service.unreachable(&console).await.unwrap().len(), 1, "the desk has a task");

    assert_eq!(pump.drain().await.unwrap().sent, 1, "the next address takes over");
    let mail = exim.kept(2);
    assert!(mail.contains("Return-path: <bounce+") && mail.contains("To: kanri@takehara.example"), "{mail}");
}
