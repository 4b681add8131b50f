//! Every kind of mail, rendered: read the snapshots as a shop owner would.

#[path = "../../service/tests/support/mod.rs"]
mod support;

use mimamori_domain::account::Belongs;
use mimamori_domain::{DetectionKind, Device, FileEvidence, Heartbeat, Outcome, Policy, Role, Signature};
use mimamori_notify::compose;
use mimamori_service::{ClientInfo, Composed};
use support::{Bench, address};

/// The one mail that is due.
async fn mail(b: &Bench) -> Composed {
    let jobs = b.service.due_mails().await.unwrap();
    assert_eq!(jobs.len(), 1);
    compose(&jobs[0], "https://portal.example").unwrap().unwrap()
}

/// Ids differ from run to run only if the seed does; times do not at all.
fn shown(mail: &Composed) -> String {
    format!("Subject: {}\n\n{}", mail.subject, mail.text)
}

#[tokio::test]
async fn three_stars_blocked() {
    let b = Bench::new().await;
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    b.advance(16 * 60);
    let mut again = b.detection(DetectionKind::CommandAndControl);
    again.count = 5;
    b.report(vec![again]).await;
    let mail = mail(&b).await;
    insta::assert_snapshot!(shown(&mail));
    insta::assert_snapshot!("three_stars_blocked_html", mail.html);
}

#[tokio::test]
async fn several_alerts_carry_the_highest_rating() {
    let b = Bench::new().await;
    let mut phishing = b.detection(DetectionKind::Phishing);
    phishing.device = Device { ip: "192.168.1.40".parse().ok(), ..Device::default() };
    let mut file = b.detection(DetectionKind::MalwareFile);
    file.file = Some(FileEvidence { name: Some("請求書.exe".into()), ..FileEvidence::default() });
    b.report(vec![phishing, file]).await;
    b.advance(20);
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    let mail = mail(&b).await;
    insta::assert_snapshot!(shown(&mail));
}

#[tokio::test]
async fn a_mail_whose_attachment_was_made_harmless() {
    let b = Bench::new().await;
    let mut file = b.detection(DetectionKind::MalwareFile);
    file.outcome = Outcome::Neutralised;
    file.file = Some(FileEvidence { name: Some("請求書.zip".into()), ..FileEvidence::default() });
    b.report(vec![file.clone()]).await;
    b.advance(60);
    insta::assert_snapshot!(shown(&mail(&b).await));
}

#[tokio::test]
async fn under_investigation_and_late() {
    let b = Bench::new().await;
    let mut severe = b.detection(DetectionKind::Threat);
    severe.outcome = Outcome::Allowed;
    severe.signature = Some(Signature { sid: 9, severity: 1, msg: "X".into(), ..Signature::default() });
    b.advance(5 * 3_600);
    b.report(vec![severe]).await;
    b.advance(60);
    insta::assert_snapshot!(shown(&mail(&b).await));
}

#[tokio::test]
async fn a_rise_is_mailed_again_and_says_so() {
    let b = Bench::new().await;
    b.report(vec![b.detection(DetectionKind::MalwareFile)]).await;
    b.advance(60);
    let job = b.service.due_mails().await.unwrap().remove(0);
    let first = compose(&job, "https://portal.example").unwrap().unwrap();
    assert!(first.subject.contains("★☆☆"), "{}", first.subject);
    assert!(b.service.queue_mail(&job, first).await.unwrap());
    b.advance(600);
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    insta::assert_snapshot!(shown(&mail(&b).await));
}

#[tokio::test]
async fn a_gateway_stops_stays_stopped_and_comes_back() {
    let b = Bench::new().await;
    let pass = async |minutes: u64| {
        for _ in 0..minutes {
            b.advance(60);
            b.service.note_receiving("n").await.unwrap();
        }
        b.service.judge_liveness().await.unwrap();
    };
    let mut texts = Vec::new();
    let mut take = async || {
        let job = b.service.due_mails().await.unwrap().remove(0);
        let mail = compose(&job, "https://portal.example").unwrap().unwrap();
        texts.push(shown(&mail));
        b.service.queue_mail(&job, mail).await.unwrap();
    };
    pass(15).await;
    take().await;
    pass(26 * 60).await;
    b.service.remind_stopped().await.unwrap();
    take().await;
    b.service.record_heartbeat(b.gateway.id, Heartbeat::default()).await.unwrap();
    pass(1).await;
    take().await;
    insta::assert_snapshot!(texts.join("\n\n=====================================\n\n"));
}

#[tokio::test]
async fn a_test_mail_goes_to_the_one_address() {
    let b = Bench::with_addresses(&["a@takehara.example", "b@takehara.example"]).await;
    let password = b.account("hanako", Role::CustomerAdmin, Belongs::Customer(b.customer.id)).await;
    let from = ClientInfo { ip: [192, 0, 2, 1].into(), user_agent: "x".into(), browser: None };
    let who = b.service.login("hanako", password.reveal(), &from).await.unwrap().actor;
    let elsewhere = b.service.send_test_mail(&who, b.customer.id, address("x@elsewhere.example")).await;
    assert!(elsewhere.is_err(), "only to own addresses");
    b.service.send_test_mail(&who, b.customer.id, address("b@takehara.example")).await.unwrap();
    let job = b.service.due_mails().await.unwrap().remove(0);
    assert_eq!(job.recipients, [address("b@takehara.example")]);
    insta::assert_snapshot!(shown(&mail(&b).await));
}

#[tokio::test]
async fn names_from_the_network_cannot_inject() {
    let b = Bench::new().await;
    let mut d = b.detection(DetectionKind::CommandAndControl);
    d.device.host_name = Some("PC\r\nBcc: victim@example.com\r\n\r\n<script>alert(1)</script>".into());
    d.host = Some("<img src=x onerror=alert(1)>".into());
    b.report(vec![d]).await;
    let mail = mail(&b).await;
    assert!(!mail.subject.contains(['\r', '\n']), "{:?}", mail.subject);
    assert!(!mail.html.contains("<script>") && !mail.html.contains("<img"), "{}", mail.html);
    assert!(!mail.text.lines().any(|line| line.starts_with("Bcc:")));
}

/// Every rule of the shipped policy makes sentences that read well with the mail around them.
#[tokio::test]
async fn every_important_rule_has_words_that_fit() {
    for rule in Policy::builtin().unwrap().rules.iter().filter(|r| r.rating.is_some()) {
        assert!(rule.reason.ends_with('。'), "{}: {}", rule.id, rule.reason);
        assert!(!rule.title.ends_with('。') && !rule.title.contains("検出"), "{}: {}", rule.id, rule.title);
        for action in &rule.actions {
            assert!(
                action.ends_with("ください。") || action.ends_with("お知らせします。"),
                "{}: {action}",
                rule.id
            );
        }
    }
}

/// A finding and a rise by scan read as what they are; each address gets its own link.
#[tokio::test]
async fn findings_and_scans_say_what_they_are() {
    let b = Bench::new().await;
    let by = mimamori_domain::alert::Actor {
        account: mimamori_domain::AccountId([7; 16]),
        name: support::name("分析 太郎"),
    };
    let mut severe = b.detection(DetectionKind::Threat);
    severe.outcome = Outcome::Allowed;
    severe.signature = Some(Signature { sid: 9, severity: 1, msg: "X".into(), ..Signature::default() });
    b.report(vec![severe]).await;
    b.advance(60);
    let mut job = b.service.due_mails().await.unwrap().remove(0);
    let told = job.told.first_mut().unwrap();
    let view = told.alert.as_mut().unwrap();
    let finding = |verdict| mimamori_domain::Finding {
        at: b.service.now(),
        by: by.clone(),
        verdict,
        report: vec!["通信先を調べました。".into()],
    };
    let raised = view.alert.clone();
    told.notice.kind = mimamori_domain::NoticeKind::Investigated { alert: raised.id };
    view.alert = raised.clone().investigated(finding(mimamori_domain::Verdict::Harmless)).unwrap();
    let mail = compose(&job, "https://portal.example").unwrap().unwrap();
    assert!(mail.subject.contains("調査結果 問題なし") && !mail.subject.contains('★'), "{}", mail.subject);
    assert!(mail.text.contains("通信先を調べました。") && mail.text.contains("?m=mail"), "{}", mail.text);

    let view = job.told[0].alert.as_mut().unwrap();
    let rated = mimamori_domain::Verdict::Rated(mimamori_domain::StarRating::Two);
    view.alert = raised.investigated(finding(rated)).unwrap();
    let two = view.alert.clone();
    let mail = compose(&job, "https://portal.example").unwrap().unwrap();
    assert!(mail.subject.contains("調査結果 ★★☆") && mail.text.contains("フルスキャン"), "{}", mail.text);

    let report = mimamori_domain::ScanReport {
        at: b.service.now(),
        by,
        outcome: mimamori_domain::ScanOutcome::Removed,
        product: "X".into(),
        note: "".into(),
    };
    let mut scanned = two.scanned(report).unwrap();
    let from = scanned.raise_by_scan(b.service.now()).unwrap();
    job.told[0].notice.kind =
        mimamori_domain::NoticeKind::AlertRose { alert: scanned.id, from, to: scanned.rating };
    job.told[0].alert.as_mut().unwrap().alert = scanned;
    let mail = compose(&job, "https://portal.example").unwrap().unwrap();
    assert!(mail.subject.contains("★★★ 相当"), "{}", mail.subject);
    assert!(mail.text.contains("保険について"), "{}", mail.text);
}
