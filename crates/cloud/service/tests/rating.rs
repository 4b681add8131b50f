//! Policies, exceptions, investigations, scans and the reach of mail, as people use them.

mod support;

use std::time::Duration;

use mimamori_domain::account::Belongs;
use mimamori_domain::policy::BUILTIN;
use mimamori_domain::{
    Alert, AlertState, DetectionKind, Heartbeat, NoticeKind, Outcome, Role, ScanOutcome, Signature,
    StarRating, Verdict,
};
use mimamori_service::ratings::TrialState;
use mimamori_service::views::AlertFilter;
use mimamori_service::{Actor, AskException, ClientInfo, Composed, PolicyRefused, ServiceError};
use support::{Bench, scan};

async fn actor(b: &Bench, login: &str, role: Role) -> Actor {
    let belongs = match role {
        Role::Operator | Role::Analyst => Belongs::Operation,
        _ => Belongs::Customer(b.customer.id),
    };
    let password = b.account(login, role, belongs).await;
    let from = ClientInfo { ip: [192, 0, 2, 1].into(), user_agent: "x".into(), browser: None };
    b.service.login(login, password.reveal(), &from).await.unwrap().actor
}

async fn alert(b: &Bench) -> Alert {
    b.service.alerts(&b.service.console(), AlertFilter::default()).await.unwrap().items.remove(0).alert
}

async fn alerts(b: &Bench) -> usize {
    b.service.alerts(&b.service.console(), AlertFilter::default()).await.unwrap().items.len()
}

fn severe(b: &Bench, sid: u32) -> mimamori_domain::Detection {
    let signature = Signature { sid, severity: 1, msg: "ET X".into(), ..Signature::default() };
    let mut d = b.detection(DetectionKind::Threat);
    d.signature = Some(signature);
    d.outcome = Outcome::Allowed;
    d
}

/// What is due, mailed: the kinds of its notices.
async fn mail(b: &Bench) -> Vec<NoticeKind> {
    let mut kinds = Vec::new();
    for job in b.service.due_mails().await.unwrap() {
        let composed = Composed { subject: "x".to_owned(), text: "x".to_owned(), html: "x".to_owned() };
        assert!(b.service.queue_mail(&job, composed).await.unwrap());
        kinds.extend(job.told.into_iter().map(|t| t.notice.kind));
    }
    kinds
}

#[tokio::test]
async fn rt_02_a_policy_is_checked_tried_put_live_and_rolled_back() {
    let b = Bench::new().await;
    let console = b.service.console();
    b.report(vec![b.detection(DetectionKind::Phishing)]).await;
    assert_eq!(alert(&b).await.rating, StarRating::One);

    let broken = BUILTIN.replace("rating = \"two\"", "rating = \"tow\"");
    match b.service.add_policy(&console, &broken, "").await {
        Err(PolicyRefused::Faults(faults)) => {
            assert!(faults.0[0].line > 1 && faults.0[0].reason.contains("rating"))
        }
        other => panic!("{other:?}"),
    }
    let stricter = BUILTIN
        .replace("version = \"2026-11-24\"", "version = \"strict\"")
        .replace("rating = \"one\"", "rating = \"two\"");
    let id = b.service.add_policy(&console, &stricter, "きびしくする").await.unwrap();
    let report = b.service.try_policy(&stricter).await.unwrap();
    assert_eq!((report.detections, report.changes.len()), (1, 1));
    assert_eq!(
        (report.changes[0].from, report.changes[0].to),
        (Some(StarRating::One), Some(StarRating::Two))
    );

    b.service.start_trial(&console, id).await.unwrap();
    for _ in 0..2_000 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        if matches!(b.service.policy_row(&console, id).await.unwrap().trial, TrialState::Done { .. }) {
            break;
        }
    }
    assert!(matches!(b.service.policy_row(&console, id).await.unwrap().trial, TrialState::Done { .. }));

    b.service.put_policy_live(&console, id, "強めに見る").await.unwrap();
    b.advance(1);
    let mut other = b.detection(DetectionKind::Phishing);
    other.device.mac = None;
    b.report(vec![other]).await;
    let raised = alert(&b).await;
    assert_eq!(raised.rating, StarRating::Two);
    assert_eq!(raised.history[0].policy_version.as_str(), "strict");

    b.advance(1);
    b.service.put_shipped_policy_live(&console, "多すぎた").await.unwrap();
    let board = b.service.policy_board(&console).await.unwrap();
    assert_eq!(board.in_force_version.as_str(), "2026-11-24");
    assert_eq!(board.marks.len(), 2);
    assert_eq!(board.marks[1].why.as_str(), "強めに見る");
}

#[tokio::test]
async fn another_node_takes_over_the_live_policy() {
    let b = Bench::new().await;
    let path = b.dir.path().join("cloud.db");
    let other = support::service_on(&path, std::sync::Arc::new(b.clock.clone()), b.rng.clone()).await;
    let source = BUILTIN.replace("version = \"2026-11-24\"", "version = \"two\"");
    let console = b.service.console();
    let id = b.service.add_policy(&console, &source, "").await.unwrap();
    b.service.put_policy_live(&console, id, "").await.unwrap();
    other.refresh_policy().await.unwrap();
    assert_eq!(other.policy().await.version.as_str(), "two");
}

#[tokio::test]
async fn an_exception_holds_only_when_agreed_where_it_says_and_until_its_end() {
    let b = Bench::new().await;
    let (customer, analyst) =
        (actor(&b, "hanako", Role::CustomerAdmin).await, actor(&b, "bunseki", Role::Analyst).await);
    b.report(vec![severe(&b, 9)]).await;
    let ask = AskException {
        alert: alert(&b).await.id,
        every_device: false,
        by_signature: true,
        days: 30,
        reason: "会計ソフトの更新".to_owned(),
    };
    let id = b.service.ask_exception(&customer, ask.clone()).await.unwrap();
    // Asked for, not agreed: the same traffic on another day is still an alert.
    b.advance(2 * 86_400);
    b.report(vec![severe(&b, 9)]).await;
    assert_eq!(alerts(&b).await, 2);
    assert!(matches!(b.service.decide_exception(&customer, id, true).await, Err(ServiceError::Forbidden)));
    b.service.decide_exception(&analyst, id, true).await.unwrap();
    assert_eq!(b.service.exceptions_of_gateway(b.gateway.id).await.unwrap().len(), 1);
    b.advance(2 * 86_400);
    let mut elsewhere = severe(&b, 9);
    elsewhere.device.mac = None;
    b.report(vec![severe(&b, 9)]).await;
    assert_eq!(alerts(&b).await, 2);
    b.report(vec![elsewhere, severe(&b, 10)]).await;
    assert_eq!(alerts(&b).await, 4, "another device and another signature");
    b.advance(31 * 86_400);
    b.report(vec![severe(&b, 9)]).await;
    assert_eq!(alerts(&b).await, 5, "it has ended");
    assert!(b.service.exceptions_of_gateway(b.gateway.id).await.unwrap().is_empty());
    assert!(b.service.ask_exception(&customer, AskException { days: 400, ..ask }).await.is_err(), "too long");
    let log = b.service.audit_log(&customer, 50).await.unwrap();
    for action in ["exception.ask", "exception.agree"] {
        assert!(log.iter().any(|e| e.action.as_str() == action), "{action}");
    }
}

#[tokio::test]
async fn rt_04_a_finding_sets_the_rating_and_is_mailed() {
    let b = Bench::new().await;
    let (customer, analyst) =
        (actor(&b, "hanako", Role::CustomerAdmin).await, actor(&b, "bunseki", Role::Analyst).await);
    // Not important by itself: it only stands beside the evidence.
    let mut scan = b.detection(DetectionKind::Scan);
    scan.direction = mimamori_domain::TrafficDirection::Inbound;
    b.report(vec![severe(&b, 9), scan]).await;
    b.advance(60);
    mail(&b).await;
    let queue = b.service.investigation_queue(&analyst).await.unwrap();
    assert_eq!(queue.len(), 1);
    let id = queue[0].view.alert.id;
    assert!(matches!(b.service.investigation_queue(&customer).await, Err(ServiceError::Forbidden)));
    b.service.note_investigation(&analyst, id, "通信先を確認").await.unwrap();
    b.service.assign_investigation(&analyst, id, true).await.unwrap();
    let desk = b.service.investigation_desk(&analyst, id).await.unwrap();
    assert_eq!((desk.investigation.notes.len(), desk.investigation.assigned.is_some()), (1, true));
    assert_eq!(desk.elsewhere.unwrap().1.detections, 1);
    let others: Vec<_> = desk.others.iter().map(|d| d.detection.kind).collect();
    assert_eq!(others, [DetectionKind::Scan], "the evidence stands apart");

    assert!(b.service.report_finding(&analyst, id, Verdict::Rated(StarRating::Two), " ").await.is_err());
    b.service
        .report_finding(&analyst, id, Verdict::Rated(StarRating::Two), "調べました。\n感染の疑いがあります。")
        .await
        .unwrap();
    let found = alert(&b).await;
    assert_eq!(found.rating, StarRating::Two);
    assert!(matches!(found.state, AlertState::Investigated { .. }));
    assert_eq!(mail(&b).await, [NoticeKind::Investigated { alert: id }]);
    assert!(b.service.investigation_queue(&analyst).await.unwrap().is_empty());
    // The same traffic goes into it and does not put it under investigation again.
    b.report(vec![severe(&b, 9)]).await;
    assert_eq!((alerts(&b).await, alert(&b).await.rating), (1, StarRating::Two));
}

#[tokio::test]
async fn rt_05_a_scan_that_finds_something_makes_it_three_and_is_mailed() {
    let b = Bench::new().await;
    let customer = actor(&b, "hanako", Role::CustomerAdmin).await;
    let mut file = b.detection(DetectionKind::MalwareFile);
    file.outcome = Outcome::Allowed;
    b.report(vec![file]).await;
    b.advance(60);
    mail(&b).await;
    let id = alert(&b).await.id;
    b.service.report_scan(&customer, id, scan(ScanOutcome::Removed)).await.unwrap();
    let after = alert(&b).await;
    assert!(after.is_three_by_scan() && after.history.len() == 2);
    let told = mail(&b).await;
    assert_eq!(told, [NoticeKind::AlertRose { alert: id, from: StarRating::Two, to: StarRating::Three }]);
}

#[tokio::test]
async fn rt_05_the_file_of_a_scan_report_stands_with_the_alert() {
    use mimamori_domain::attachment::About;
    use mimamori_service::{ScanAnswer, Upload};
    let b = Bench::new().await;
    let (customer, analyst) =
        (actor(&b, "hanako", Role::CustomerAdmin).await, actor(&b, "bunseki", Role::Analyst).await);
    let mut file = b.detection(DetectionKind::MalwareFile);
    file.outcome = Outcome::Allowed;
    b.report(vec![file]).await;
    b.advance(60);
    mail(&b).await;
    let id = alert(&b).await.id;
    let with = |name: &str, bytes: &[u8]| ScanAnswer {
        files: vec![Upload { name: name.to_owned(), bytes: bytes.to_vec() }],
        ..scan(ScanOutcome::NotRemoved)
    };
    // A program that calls itself a picture changes nothing.
    let bad = b.service.report_scan(&customer, id, with("result.png", b"MZ\x90\x00")).await;
    assert!(bad.is_err());
    assert_eq!(alert(&b).await.rating, StarRating::Two);
    assert!(mail(&b).await.is_empty());

    b.service.report_scan(&customer, id, with("結果.txt", "EICAR 2件".as_bytes())).await.unwrap();
    assert!(alert(&b).await.is_three_by_scan());
    assert_eq!(mail(&b).await.len(), 1);
    for reader in [&customer, &analyst] {
        let files = b.service.attachments(reader, About::Alert(id)).await.unwrap();
        assert_eq!((files.len(), files[0].name.as_str()), (1, "結果.txt"));
        let (_, content) = b.service.attachment(reader, files[0].id).await.unwrap();
        assert_eq!(content, "EICAR 2件".as_bytes());
    }
}

#[tokio::test]
async fn nt_06_a_storm_becomes_a_digest_and_three_stars_never_wait() {
    let b = Bench::new().await;
    let phishing = |n: u8| {
        let mut d = b.detection(DetectionKind::Phishing);
        d.device.mac = None;
        d.device.ip = format!("192.168.2.{n}").parse().ok();
        d
    };
    let mut mails = 0;
    for n in 0..30 {
        b.report(vec![phishing(n)]).await;
        b.advance(61);
        mails += usize::from(!mail(&b).await.is_empty());
    }
    assert_eq!(mails, 10);
    let c2 = b.detection(DetectionKind::CommandAndControl);
    b.report(vec![c2]).await;
    let told = mail(&b).await;
    assert!(told.iter().any(|k| matches!(k, NoticeKind::AlertRaised { rating: StarRating::Three, .. })));
    assert_eq!(told.len(), 21, "what waited goes along");
    b.report(vec![phishing(99)]).await;
    b.advance(61);
    assert!(mail(&b).await.is_empty());
    b.advance(3_600);
    assert_eq!(mail(&b).await.len(), 1, "the digest");
}

#[tokio::test]
async fn nt_04_a_gateway_that_comes_and_goes_is_not_told_each_time() {
    let b = Bench::new().await;
    let pass = async |minutes: u64| {
        for _ in 0..minutes {
            b.advance(60);
            b.service.note_receiving("n").await.unwrap();
        }
        b.service.judge_liveness().await.unwrap();
    };
    let beat = async || b.service.record_heartbeat(b.gateway.id, Heartbeat::default()).await.unwrap();
    let mut told = 0;
    for _ in 0..10 {
        pass(12).await;
        told += mail(&b).await.len();
        beat().await;
        pass(1).await;
        told += mail(&b).await.len();
    }
    assert_eq!(told, 2, "stopped and back, once");
    // One that stays away is told, though late.
    pass(12).await;
    assert_eq!(mail(&b).await.len(), 0);
    pass(31).await;
    assert_eq!(mail(&b).await.len(), 1);
}

#[tokio::test]
async fn nt_04_a_planned_outage_is_no_fault() {
    let b = Bench::new().await;
    b.service.plan_outage(&b.service.console(), b.gateway.id, Duration::from_secs(1_800)).await.unwrap();
    for _ in 0..20 {
        b.advance(60);
        b.service.note_receiving("n").await.unwrap();
    }
    assert_eq!(b.service.judge_liveness().await.unwrap(), (0, 0));
    for _ in 0..20 {
        b.advance(60);
        b.service.note_receiving("n").await.unwrap();
    }
    assert_eq!(b.service.judge_liveness().await.unwrap(), (1, 0), "it did not come back");
}

#[tokio::test]
async fn a_bounce_is_shown_and_a_click_confirms() {
    let b = Bench::new().await;
    let customer = actor(&b, "hanako", Role::CustomerAdmin).await;
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    mail(&b).await;
    let token = b.service.claim_token();
    let claimed = b.service.claim_deliveries(token, Duration::from_secs(60), 1).await.unwrap().remove(0);
    let id = claimed.delivery.id;
    let reply = mimamori_service::Service::reply("250 ok");
    let sent = mimamori_service::views::Attempt::Sent { reply };
    assert!(b.service.settle_delivery(id, token, sent).await.unwrap());
    b.service.opened_from_mail(&customer, id, alert(&b).await.id).await.unwrap();
    let state = b.service.address_states(&customer, b.customer.id).await.unwrap().remove(0);
    assert_eq!(state.verified_at, None);
    let last = state.last.unwrap();
    assert_eq!(
        (last.state.as_str(), last.words.as_str(), last.opened_at.is_some()),
        ("sent", "250 ok", true)
    );

    assert!(b.service.record_bounce(id, "550 no such user").await.unwrap());
    assert!(!b.service.record_bounce(id, "550 no such user").await.unwrap(), "once");
    let gone = b.service.unreachable(&customer).await.unwrap();
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0].words.as_str(), "550 no such user");
    b.service.confirm_address(id).await.unwrap();
    let state = b.service.address_states(&customer, b.customer.id).await.unwrap().remove(0);
    assert!(state.verified_at.is_some());
    assert_eq!(state.last.unwrap().state.as_str(), "bounced");
}

/// Gateways of this many more customers.
async fn neighbours(b: &Bench, n: usize) -> Vec<mimamori_domain::GatewayId> {
    let console = b.service.console();
    let mut gateways = Vec::new();
    for i in 0..n {
        let addresses =
            mimamori_domain::NotifyAddresses::new(vec![support::address(&format!("k{i}@kinjo.example"))]);
        let customer = mimamori_service::NewCustomer {
            reseller: b.reseller.id,
            name: support::name(&format!("近所{i}")),
            addresses: addresses.unwrap(),
        };
        let customer = b.service.create_customer(&console, customer).await.unwrap().id;
        let serial = mimamori_domain::Serial::parse(&format!("KINJO-{i:03}")).unwrap();
        let new =
            mimamori_service::NewGateway { customer, serial: serial.clone(), name: support::name("店") };
        let (gateway, secret) = b.service.create_gateway(&console, new).await.unwrap();
        b.service.enrol_gateway(&serial, secret.reveal(), &format!("key-k{i}")).await.unwrap();
        gateways.push(gateway.id);
    }
    gateways
}

#[tokio::test]
async fn nt_04_an_outage_of_a_provider_makes_no_wave_and_what_lasts_is_told() {
    let b = Bench::new().await;
    let gateways = neighbours(&b, 20).await;
    let beat = async |alive: &[mimamori_domain::GatewayId]| {
        for gateway in alive {
            b.service.record_heartbeat(*gateway, Heartbeat::default()).await.unwrap();
        }
    };
    let mut told = 0;
    // Minutes 5 to 45: twelve of twenty-one are cut off; one of them stays away.
    for minute in 0..120 {
        b.advance(60);
        b.service.note_receiving("n").await.unwrap();
        b.service.record_heartbeat(b.gateway.id, Heartbeat::default()).await.unwrap();
        beat(&gateways[12..]).await;
        match minute {
            0..5 => beat(&gateways[..12]).await,
            5..45 => {}
            _ => beat(&gateways[1..12]).await,
        }
        b.service.judge_liveness().await.unwrap();
        let kinds = mail(&b).await;
        told += kinds.len();
        if minute < 45 {
            assert!(kinds.is_empty(), "minute {minute}: {kinds:?}");
        }
    }
    assert_eq!(told, 1, "the one that stayed away");
}

#[tokio::test]
async fn rt_04_the_queue_has_the_worst_first_then_the_oldest() {
    let b = Bench::new().await;
    let analyst = actor(&b, "bunseki", Role::Analyst).await;
    let of = |sid: u32, outcome: Outcome| {
        let mut d = severe(&b, sid);
        d.outcome = outcome;
        d
    };
    let waiting = [of(1, Outcome::Blocked), of(2, Outcome::Allowed), of(3, Outcome::Allowed)];
    for d in waiting {
        b.report(vec![d]).await;
        b.advance(60);
    }
    let queue = b.service.investigation_queue(&analyst).await.unwrap();
    let sid = |item: &mimamori_service::ratings::QueueItem| {
        item.view.alert.evidence[0].detection.signature.as_ref().unwrap().sid
    };
    assert_eq!(queue.iter().map(sid).collect::<Vec<_>>(), [2, 3, 1], "what got through is worse");
}
