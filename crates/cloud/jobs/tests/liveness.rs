//! Liveness, reminders and retention on a virtual clock: days pass in milliseconds.

#[path = "../../service/tests/support/mod.rs"]
mod support;

use mimamori_domain::{GatewayState, Heartbeat, NoticeKind};
use mimamori_jobs::{Job, JobsConfig, Periodic};
use support::Bench;

async fn beat(b: &Bench) {
    b.service.record_heartbeat(b.gateway.id, Heartbeat::default()).await.unwrap();
}

/// What would be mailed now, in short. Marks it as mailed.
async fn told(b: &Bench) -> Vec<&'static str> {
    let mut kinds = Vec::new();
    for job in b.service.due_mails().await.unwrap() {
        kinds.extend(job.told.iter().map(|t| match t.notice.kind {
            NoticeKind::GatewayStopped { .. } => "stopped",
            NoticeKind::GatewayStillStopped { .. } => "still",
            NoticeKind::GatewayRecovered { .. } => "recovered",
            _ => "other",
        }));
        b.service.queue_mail(&job, mimamori_service::Composed::nothing()).await.unwrap();
    }
    kinds
}

/// Lets the time pass, with the jobs of one node running.
async fn pass(b: &Bench, jobs: &mut Periodic, minutes: u64, beats: bool) {
    for _ in 0..minutes {
        b.advance(60);
        if beats {
            beat(b).await;
        }
        let ticked = jobs.tick().await;
        assert!(ticked.failed.is_empty(), "{ticked:?}");
    }
}

/// The same in steps of ten minutes, for nights.
async fn stride(b: &Bench, jobs: &mut Periodic, minutes: u64, beats: bool) {
    for _ in 0..minutes / 10 {
        b.advance(540);
        pass(b, jobs, 1, beats).await;
    }
}

#[tokio::test]
async fn nt_04_stopped_is_told_once_then_daily_at_nine_then_recovery() {
    let b = Bench::new().await;
    let mut jobs = Periodic::new(b.service.clone(), JobsConfig::default());
    pass(&b, &mut jobs, 30, true).await;
    assert!(told(&b).await.is_empty());
    pass(&b, &mut jobs, 9, false).await;
    assert!(told(&b).await.is_empty(), "not yet");
    pass(&b, &mut jobs, 5, false).await;
    assert_eq!(told(&b).await, ["stopped"]);
    let console = b.service.console();
    let view = b.service.gateway(&console, b.gateway.id).await.unwrap();
    assert!(
        matches!(view.gateway.state, GatewayState::Stopped { since, .. } if Some(since) == view.gateway.last_seen)
    );
    // 14:49 now; until 8:59 nothing more, at 9:00 one, the day after one more.
    stride(&b, &mut jobs, 18 * 60 + 10, false).await;
    assert!(told(&b).await.is_empty());
    pass(&b, &mut jobs, 2, false).await;
    assert_eq!(told(&b).await, ["still"]);
    stride(&b, &mut jobs, 24 * 60, false).await;
    assert_eq!(told(&b).await, ["still"]);
    pass(&b, &mut jobs, 5, true).await;
    assert_eq!(told(&b).await, ["recovered"]);
    stride(&b, &mut jobs, 24 * 60, true).await;
    assert!(told(&b).await.is_empty());
}

#[tokio::test]
async fn nt_04_an_outage_of_the_cloud_makes_no_wave() {
    let b = Bench::new().await;
    let mut jobs = Periodic::new(b.service.clone(), JobsConfig::default());
    pass(&b, &mut jobs, 5, true).await;
    // The cloud is down for six hours; gateways cannot reach it.
    b.advance(6 * 3_600);
    pass(&b, &mut jobs, 8, false).await;
    assert!(told(&b).await.is_empty(), "the gateways get their time to come back");
    beat(&b).await;
    pass(&b, &mut jobs, 30, true).await;
    assert!(told(&b).await.is_empty());
}

#[tokio::test]
async fn two_nodes_do_each_job_once() {
    let b = Bench::new().await;
    let node = |name: &str| JobsConfig { node: name.to_owned(), ..JobsConfig::default() };
    let mut one = Periodic::new(b.service.clone(), node("one"));
    let mut two = Periodic::new(b.service.clone(), node("two"));
    let mut runs = 0;
    for _ in 0..20 {
        b.advance(60);
        beat(&b).await;
        let (a, c) = tokio::join!(one.tick(), two.tick());
        runs += a.ran.iter().chain(&c.ran).filter(|job| **job == Job::Liveness).count();
    }
    assert_eq!(runs, 20);
}

#[tokio::test]
async fn a_reminder_that_runs_twice_is_one_mail() {
    let b = Bench::new().await;
    let mut jobs = Periodic::new(b.service.clone(), JobsConfig::default());
    pass(&b, &mut jobs, 15, false).await;
    assert_eq!(told(&b).await, ["stopped"]);
    b.advance(2 * 3_600);
    b.service.remind_stopped().await.unwrap();
    b.service.remind_stopped().await.unwrap();
    assert_eq!(told(&b).await, ["still"]);
}

#[tokio::test]
async fn pt_09_detections_go_after_ninety_days() {
    let b = Bench::new().await;
    let mut jobs = Periodic::new(b.service.clone(), JobsConfig::default());
    b.report(vec![b.detection(mimamori_domain::DetectionKind::Phishing)]).await;
    b.advance(89 * 86_400);
    jobs.tick().await;
    assert_eq!(b.service.stats().await.unwrap().detections, 1);
    b.advance(2 * 86_400);
    jobs.tick().await;
    let stats = b.service.stats().await.unwrap();
    assert_eq!((stats.detections, stats.alerts), (0, 0));
}

/// The whole node: committed alert → mail at the server, and a clean end.
#[tokio::test]
async fn a_running_node_mails_three_stars_at_once_and_stops_cleanly() {
    use mimamori_notify::{Mailbox, Receiver, ReceiverConfig, Security, Sender, SmtpConfig};
    let b = Bench::new().await;
    let clock = std::sync::Arc::new(mimamori_base::SystemClock);
    let server = Receiver::start(ReceiverConfig::loopback(), Mailbox::new(9), clock).await.unwrap();
    let sender = Sender::new(SmtpConfig {
        host: "127.0.0.1".to_owned(),
        port: server.address().port(),
        security: Security::PlainLoopback,
        credentials: None,
        from_name: support::name("見守りサービス"),
        from: support::address("alert@portal.example"),
        reply_to: None,
        bounces: None,
        dkim: Vec::new(),
        hello_name: "portal.example".to_owned(),
        timeout: std::time::Duration::from_secs(5),
        extra_root_pem: None,
    })
    .unwrap();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let every = std::time::Duration::from_millis(50);
    let config = JobsConfig { every, ..JobsConfig::default() };
    let node = tokio::spawn(mimamori_jobs::Jobs::new(b.service.clone(), sender, config).run(stopped));
    b.report(vec![b.detection(mimamori_domain::DetectionKind::CommandAndControl)]).await;
    let arrived = async {
        while server.mailbox().messages().is_empty() {
            tokio::time::sleep(every).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), arrived).await.unwrap();
    stop.send(true).unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(20), node).await.unwrap().unwrap();
    assert_eq!(server.mailbox().messages().len(), 1);
}
