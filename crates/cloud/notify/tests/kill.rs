//! `kill -9` of the mail pump at every step of claim, send and confirm (NT-05).

#[path = "../../service/tests/support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mimamori_base::{Rng as _, SeededRng, SystemClock, SystemRng, Timestamp, VirtualClock};
use mimamori_domain::{AlertState, DetectionKind};
use mimamori_notify::receiver::{Act, Stage, Temper};
use mimamori_notify::{Mailbox, Pump, Receiver, ReceiverConfig, Security, Sender, SmtpConfig};
use mimamori_service::views::AlertFilter;
use support::Bench;

const ADDRESSES: [&str; 3] = ["a@takehara.example", "b@takehara.example", "c@takehara.example"];

/// How a child of this very test binary learns that it is the victim: `FILE PORT SECONDS`.
const VICTIM: &str = "MIMAMORI_TEST_VICTIM";

fn start(b: &Bench, server: &Receiver, secs: u64) -> Child {
    let task = format!("{} {} {secs}", b.dir.path().join("cloud.db").display(), server.address().port());
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "victim", "--nocapture"])
        .env(VICTIM, task)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Composes and delivers what is due, once. Without the variable it does so on a company of its
/// own, so that the victim itself is tested.
#[tokio::test]
async fn victim() {
    #[expect(clippy::disallowed_methods, reason = "the only way to hand a task to a child through libtest")]
    let task = std::env::var(VICTIM);
    if let Ok(task) = task {
        let parts: Vec<&str> = task.split(' ').collect();
        pump_once(Path::new(parts[0]), parts[1].parse().unwrap(), parts[2].parse().unwrap()).await;
        return;
    }
    let b = Bench::with_addresses(&ADDRESSES).await;
    let server =
        Receiver::start(ReceiverConfig::loopback(), Mailbox::new(9), Arc::new(SystemClock)).await.unwrap();
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    pump_once(&b.dir.path().join("cloud.db"), server.address().port(), 0).await;
    assert_eq!(server.mailbox().messages().len(), ADDRESSES.len());
}

async fn pump_once(file: &Path, port: u16, secs: i64) {
    let clock = VirtualClock::at(Timestamp::from_secs(support::START + secs));
    let service = support::service_on(file, Arc::new(clock), Arc::new(SystemRng)).await;
    let sender = Sender::new(SmtpConfig {
        host: "127.0.0.1".to_owned(),
        port,
        security: Security::PlainLoopback,
        credentials: None,
        from_name: support::name("見守りサービス"),
        from: support::address("alert@portal.example"),
        reply_to: None,
        bounces: None,
        dkim: Vec::new(),
        hello_name: "portal.example".to_owned(),
        timeout: Duration::from_secs(5),
        extra_root_pem: None,
    });
    Pump::new(service, sender.unwrap()).drain().await.unwrap();
}

/// Everything arrived, nothing under two Message-IDs, repeats are the same bytes.
async fn check(b: &Bench, server: &Receiver, repeats_at_most: usize, case: &str) {
    let messages = server.mailbox().messages();
    let to: BTreeSet<_> = messages.iter().flat_map(|m| m.envelope_to.clone()).collect();
    assert_eq!(to.len(), ADDRESSES.len(), "{case}: everybody got it");
    let mut by_id: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for m in &messages {
        by_id.entry(m.message_id.clone()).or_default().insert(m.raw.clone());
    }
    assert_eq!(by_id.len(), ADDRESSES.len(), "{case}: one Message-ID an address");
    assert!(by_id.values().all(|bytes| bytes.len() == 1), "{case}: the same bytes");
    assert!(messages.len() <= ADDRESSES.len() + repeats_at_most, "{case}: {} messages", messages.len());
    let alert = b.service.alerts(&b.service.console(), AlertFilter::default()).await.unwrap().items.remove(0);
    assert!(matches!(alert.alert.state, AlertState::Notified { .. }), "{case}");
}

async fn all_sent(b: &Bench) -> bool {
    let ledger = b.service.delivery_ledger(&b.service.console(), None, 10).await.unwrap();
    ledger.len() == ADDRESSES.len() && ledger.iter().all(|d| d.state.as_str() == "sent")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_each_stage_of_the_conversation() {
    let stages = [
        Stage::Greeting,
        Stage::From,
        Stage::Recipient,
        Stage::Data,
        Stage::Dot,
        Stage::Kept,
        Stage::Answered,
    ];
    for stage in stages {
        let b = Bench::with_addresses(&ADDRESSES).await;
        let victim: Arc<Mutex<Option<u32>>> = Arc::new(Mutex::new(None));
        let armed = Arc::new(AtomicBool::new(true));
        let (target, trigger) = (victim.clone(), armed.clone());
        let temper: Temper = Arc::new(move |at, _| {
            if at != stage || !trigger.swap(false, Ordering::SeqCst) {
                return Act::Go;
            }
            if let Some(pid) = *target.lock().unwrap() {
                Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
            }
            Act::Drop
        });
        let config = ReceiverConfig { temper: Some(temper), ..ReceiverConfig::loopback() };
        let server = Receiver::start(config, Mailbox::new(100), Arc::new(SystemClock)).await.unwrap();
        b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
        let mut rounds = 0;
        while !all_sent(&b).await {
            // The pid has to be known before the child speaks: the lock is held over the start.
            let mut child = {
                let mut pid = victim.lock().unwrap();
                let child = start(&b, &server, rounds * 3_600);
                *pid = Some(child.id());
                child
            };
            tokio::task::block_in_place(|| child.wait()).unwrap();
            rounds += 1;
            assert!(rounds < 6, "{stage:?}");
        }
        assert!(!armed.load(Ordering::SeqCst), "{stage:?} was reached");
        // Only what was kept and not confirmed in the database may come again.
        let kept = matches!(stage, Stage::Kept | Stage::Answered);
        check(&b, &server, usize::from(kept), &format!("{stage:?}")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_time() {
    let rng = SeededRng::new(3);
    let b = Bench::with_addresses(&ADDRESSES).await;
    let server =
        Receiver::start(ReceiverConfig::loopback(), Mailbox::new(100), Arc::new(SystemClock)).await.unwrap();
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    let mut kills = 0;
    for round in 0..40 {
        let mut child = start(&b, &server, round * 3_600);
        if round < 20 {
            tokio::time::sleep(Duration::from_millis(rng.next_u64() % 80)).await;
            child.kill().unwrap();
            kills += 1;
        }
        tokio::task::block_in_place(|| child.wait()).unwrap();
        if all_sent(&b).await {
            break;
        }
    }
    assert!(all_sent(&b).await);
    check(&b, &server, kills, "any time").await;
}

/// Mails that one customer gets in an hour at most, beside ★★★ (`store`, NT-06).
const BUDGET: usize = 10;

/// Alerts of both kinds on several devices, over some minutes.
async fn storm(b: &Bench) -> usize {
    for n in 0..9u8 {
        let kind = if n % 3 == 0 { DetectionKind::CommandAndControl } else { DetectionKind::Phishing };
        let mut d = b.detection(kind);
        d.device.mac = Some(mimamori_domain::detection::MacAddress([2, 0, 0, 0, 0, n]));
        b.report(vec![d]).await;
    }
    let filter = AlertFilter { limit: 100, ..AlertFilter::default() };
    b.service.alerts(&b.service.console(), filter).await.unwrap().items.len()
}

/// Two workers at once, each killed at some time, each with a clock that jumps by up to a day.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_killed_at_any_time_with_clocks_that_jump() {
    let rng = SeededRng::new(7);
    let b = Bench::with_addresses(&ADDRESSES).await;
    let server =
        Receiver::start(ReceiverConfig::loopback(), Mailbox::new(500), Arc::new(SystemClock)).await.unwrap();
    let alerts = storm(&b).await;
    assert_eq!(alerts, 9);
    let jump = || 120 + rng.next_u64() % 86_400;
    for _ in 0..12 {
        let mut pair = [start(&b, &server, jump()), start(&b, &server, jump())];
        for child in &mut pair {
            tokio::time::sleep(Duration::from_millis(rng.next_u64() % 60)).await;
            child.kill().unwrap();
            tokio::task::block_in_place(|| child.wait()).unwrap();
        }
    }
    // From here on the clock is right, two minutes after the storm, and nobody kills.
    for _ in 0..3 {
        let mut pair = [start(&b, &server, 120), start(&b, &server, 121)];
        for child in &mut pair {
            assert!(tokio::task::block_in_place(|| child.wait()).unwrap().success());
        }
    }
    let messages = server.mailbox().messages();
    let mut told: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    let mut bytes: BTreeMap<String, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for m in &messages {
        bytes.entry(m.message_id.clone()).or_default().insert(m.raw.clone());
        for link in m.text.split("https://portal.example/alerts/").skip(1) {
            let alert: String = link.chars().take_while(char::is_ascii_hexdigit).collect();
            told.entry((m.envelope_to[0].clone(), alert)).or_default().insert(m.message_id.clone());
        }
    }
    assert_eq!(told.len(), alerts * ADDRESSES.len(), "every alert reached every address");
    assert!(told.values().all(|ids| ids.len() == 1), "each under one Message-ID: {told:?}");
    assert!(bytes.values().all(|b| b.len() == 1), "the same bytes each time");
    let mails = bytes.len() / ADDRESSES.len();
    assert!(mails <= BUDGET + 3, "{mails} mails to one customer");
}
