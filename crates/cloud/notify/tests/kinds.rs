//! One mail of each kind as it arrives at Exim: decoded as a reader's program does, and kept as
//! text and HTML for people to look at (`target/tmp/mails`).

mod exim_server;
#[path = "../../service/tests/support/mod.rs"]
mod support;

use std::path::Path;

use exim_server::{Exim, KEEP_ALL};
use mail_parser::MessageParser;
use mimamori_domain::account::Belongs;
use mimamori_domain::notice::AccountMail;
use mimamori_domain::{
    AlertId, AnnouncementId, AnnouncementKind, DetectionKind, FileEvidence, Heartbeat, InquiryId, Letter,
    Month, MonthlyId, Notice, NoticeId, NoticeKind, Outcome, Passage, Role, ScanOutcome, Signature,
    StarRating, Verdict,
};
use mimamori_notify::{Pump, Sender};
use mimamori_service::views::AlertFilter;
use mimamori_service::{Actor, ClientInfo, Composed, MailJob, Told};
use support::{Bench, address, name, scan};

/// Sends what is due.
async fn send(b: &Bench, exim: &Exim) {
    let round = Pump::new(b.service.clone(), Sender::new(exim.smtp()).unwrap()).drain().await.unwrap();
    assert!(round.sent > 0 && round.deferred + round.dead == 0, "{round:?}");
}

async fn actor(b: &Bench, login: &str, role: Role) -> Actor {
    let belongs = match role {
        Role::Analyst => Belongs::Operation,
        _ => Belongs::Customer(b.customer.id),
    };
    let password = b.account(login, role, belongs).await;
    let from = ClientInfo { ip: [192, 0, 2, 1].into(), user_agent: "x".into(), browser: None };
    b.service.login(login, password.reveal(), &from).await.unwrap().actor
}

async fn the_alert(b: &Bench) -> AlertId {
    b.service.alerts(&b.service.console(), AlertFilter::default()).await.unwrap().items[0].alert.id
}

/// ★★★, then ★☆☆ with a file, then a rise; a late 調査中; several at once.
async fn alerts(exim: &Exim) {
    let b = Bench::new().await;
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    send(&b, exim).await;

    let b = Bench::new().await;
    let mut file = b.detection(DetectionKind::MalwareFile);
    file.file = Some(FileEvidence { name: Some("請求書.exe".into()), ..FileEvidence::default() });
    b.report(vec![file]).await;
    b.advance(60);
    send(&b, exim).await;
    b.advance(600);
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    send(&b, exim).await;

    let b = Bench::new().await;
    let mut severe = severe(&b);
    b.advance(3 * 86_400);
    severe.device.host_name = None;
    b.report(vec![severe]).await;
    b.advance(60);
    send(&b, exim).await;

    let b = Bench::new().await;
    for n in 0..13u8 {
        let mut d = b.detection(if n == 5 { DetectionKind::MalwareFile } else { DetectionKind::Phishing });
        d.device.mac = Some(mimamori_domain::detection::MacAddress([2, 0, 0, 0, 0, n]));
        d.device.host_name = Some(format!("JIMU-{n:02}").as_str().into());
        b.report(vec![d]).await;
    }
    b.advance(60);
    send(&b, exim).await;
}

fn severe(b: &Bench) -> mimamori_domain::Detection {
    let mut d = b.detection(DetectionKind::Threat);
    d.outcome = Outcome::Allowed;
    d.signature = Some(Signature { sid: 9, severity: 1, msg: "X".into(), ..Signature::default() });
    d
}

/// 調査結果報告, good and bad; 「★★★ 相当」 after a scan.
async fn findings(exim: &Exim) {
    for verdict in [Verdict::Harmless, Verdict::Rated(StarRating::Two)] {
        let b = Bench::new().await;
        let analyst = actor(&b, "bunseki", Role::Analyst).await;
        b.report(vec![severe(&b)]).await;
        let report = "通信先を調べました。\n会計ソフトの更新サーバーでした。";
        b.service.report_finding(&analyst, the_alert(&b).await, verdict, report).await.unwrap();
        send(&b, exim).await;
    }
    let b = Bench::new().await;
    let customer = actor(&b, "hanako", Role::CustomerAdmin).await;
    let mut file = b.detection(DetectionKind::MalwareFile);
    file.outcome = Outcome::Allowed;
    b.report(vec![file]).await;
    b.advance(60);
    send(&b, exim).await;
    let id = the_alert(&b).await;
    b.service.report_scan(&customer, id, scan(ScanOutcome::NotRemoved)).await.unwrap();
    send(&b, exim).await;
}

/// Stopped, still stopped, back.
async fn gateway(exim: &Exim) {
    let b = Bench::new().await;
    let pass = async |minutes: u64| {
        for _ in 0..minutes {
            b.advance(60);
            b.service.note_receiving("n").await.unwrap();
        }
        b.service.judge_liveness().await.unwrap();
    };
    pass(15).await;
    send(&b, exim).await;
    pass(26 * 60).await;
    b.service.remind_stopped().await.unwrap();
    send(&b, exim).await;
    b.service.record_heartbeat(b.gateway.id, Heartbeat::default()).await.unwrap();
    pass(1).await;
    send(&b, exim).await;
}

/// The mail that asks another address to take over, and the test mail.
async fn addresses(exim: &Exim) {
    let b = Bench::with_addresses(&["keiri@takehara.example", "kanri@takehara.example"]).await;
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    send(&b, exim).await;
    let rows = b.service.delivery_ledger(&b.service.console(), None, 9).await.unwrap();
    let keiri = rows.iter().find(|r| r.delivery.recipient == address("keiri@takehara.example")).unwrap();
    b.service.record_bounce(keiri.delivery.id, "550 no such user").await.unwrap();
    send(&b, exim).await;
    let customer = actor(&b, "hanako", Role::CustomerAdmin).await;
    b.service.send_test_mail(&customer, b.customer.id, address("kanri@takehara.example")).await.unwrap();
    send(&b, exim).await;
}

/// Mails about accounts, answers of the desk, announcements, the monthly report.
async fn letters(exim: &Exim) {
    let b = Bench::new().await;
    let now = b.service.now();
    let text = Passage::clip("お問合せの件、確認しました。\nルーターの再起動をお願いします。");
    let to = address("kanri@takehara.example");
    let account = |mail| NoticeKind::Account { to: to.clone(), mail };
    let letter = |letter| NoticeKind::Letter { to: None, letter: Box::new(letter) };
    let kinds = [
        account(AccountMail::Reset { token: "A1b2".repeat(11), until: now }),
        account(AccountMail::Issued { login: "t-0001".into(), password: "himitsu".into(), until: now }),
        account(AccountMail::PasswordChanged { at: now }),
        letter(Letter::Answer {
            inquiry: InquiryId([1; 16]),
            title: name("インターネットが遅い"),
            text: text.clone(),
            interim_until: Some(now),
        }),
        letter(Letter::Announcement {
            announcement: AnnouncementId([1; 16]),
            kind: AnnouncementKind::Maintenance,
            title: name("12月の定期メンテナンス"),
            text,
            starts_at: Some(now),
            ends_at: Some(now),
        }),
        letter(Letter::Monthly {
            report: MonthlyId([1; 16]),
            month: Month::of(now),
            sentence: "11月は、危険な通信を12件止めました。感染の疑いはありませんでした。".into(),
        }),
    ];
    for kind in kinds {
        let notice = Notice {
            id: NoticeId::generate(now, &*b.rng),
            customer: b.customer.id,
            kind,
            created_at: now,
            due_at: now,
        };
        let customer = b.service.customer(&b.service.console(), b.customer.id).await.unwrap();
        let told = vec![Told { notice, alert: None, gateway: None }];
        let job = MailJob { customer, told, recipients: vec![to.clone()] };
        let composed = mimamori_notify::compose(&job, "https://portal.example").unwrap().unwrap();
        queue(&b, job, composed).await;
        send(&b, exim).await;
    }
}

/// Through the outbox, in the place of a test mail.
async fn queue(b: &Bench, job: MailJob, composed: Composed) {
    let to = job.recipients[0].clone();
    b.service.send_test_mail(&b.service.console(), b.customer.id, to).await.unwrap();
    let due = b.service.due_mails().await.unwrap().remove(0);
    assert!(b.service.queue_mail(&MailJob { told: due.told, ..job }, composed).await.unwrap());
}

/// The words of an HTML page.
fn without_tags(html: &str) -> String {
    let words: String = html.split('<').map(|s| s.split_once('>').map_or(s, |(_, words)| words)).collect();
    words.replace("&#38;", "&").replace("&amp;", "&").replace("&#34;", "\"").replace("&#39;", "'")
}

#[tokio::test(flavor = "multi_thread")]
async fn nt_02_every_kind_of_mail_arrives_and_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let Some(exim) = Exim::start(folder.path(), KEEP_ALL) else { return };
    alerts(&exim).await;
    findings(&exim).await;
    gateway(&exim).await;
    addresses(&exim).await;
    letters(&exim).await;
    let kept = exim.kept(22);
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mails");
    std::fs::create_dir_all(&out).unwrap();
    let mut subjects = Vec::new();
    for (n, raw) in kept.split("\n\nFrom ").enumerate() {
        let raw = raw.split_once('\n').unwrap().1;
        assert!(raw.lines().all(|l| l.len() <= 998), "RFC 5322 line length");
        assert!(raw.is_ascii(), "every server can carry it");
        let mail = MessageParser::default().parse(raw.as_bytes()).unwrap();
        let (subject, text) = (mail.subject().unwrap(), mail.body_text(0).unwrap());
        let html = mail.body_html(0).unwrap();
        let company = text.contains("竹原商店");
        assert!(company && text.contains("相談窓口 0120-000-000"), "{subject}:\n{text}");
        assert!(html.contains("<html lang=\"ja\">") && html.contains("0120-000-000"), "{subject}");
        // The twin says the same: every numbered step stands in both.
        let said = without_tags(&html);
        let twins = !subject.starts_with("【テスト】");
        for step in
            text.lines().filter(|_| twins).filter_map(|l| l.trim().split_once(". ")).map(|(_, step)| step)
        {
            assert!(said.contains(step), "{subject}: {step}\n{said}");
        }
        std::fs::write(out.join(format!("{n:02}.txt")), format!("Subject: {subject}\n\n{text}")).unwrap();
        std::fs::write(out.join(format!("{n:02}.html")), html.as_ref()).unwrap();
        subjects.push(subject.to_owned());
    }
    insta::assert_snapshot!(subjects.join("\n"));
}
