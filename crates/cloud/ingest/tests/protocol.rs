//! The whole protocol, both halves, over real TLS on loopback.

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use common::host::TestHost;
use common::{Fault, TestCloud};
use mimamori_base::{Clock, SystemClock, SystemRng};
use mimamori_ingest::{DeviceCa, Item};
use mimamori_report::{Command, CommandKind, GatewayEvent, GatewayEventKind, Report, Text};
use mimamori_uplink::{Agent, ClientError, Cloud, EnrolError, Identity, Reporter, Spool, SpoolConfig};
use tokio::sync::watch;

fn event(n: u64) -> Report {
    Report::Event(GatewayEvent {
        at: SystemClock.now(),
        kind: GatewayEventKind::Other,
        detail: Text::new(&format!("event {n:04}")),
        count: 1,
        command: None,
    })
}

fn reporter(dir: &std::path::Path) -> Reporter {
    let spool = Spool::open(&dir.join("spool"), SpoolConfig::default(), SystemClock.now()).unwrap();
    Reporter::new(spool, Arc::new(SystemClock))
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain: {what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gw_12_every_report_arrives_once_and_in_order_through_outages_and_lost_answers() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = TestCloud::start(&dir.path().join("ca")).await;
    let identity = cloud.enrolment().run(dir.path()).await.unwrap();
    let reporter = reporter(dir.path());
    *cloud.memory.faults.lock().unwrap() =
        vec![Fault::AnswerLost, Fault::Down, Fault::AnswerLost, Fault::Down, Fault::Down];
    let host = Arc::new(TestHost::default());
    let agent =
        Agent::new(cloud.agent_config(dir.path()), identity, reporter.clone(), host, Arc::new(SystemRng))
            .unwrap();
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(agent.run(stopped));
    for n in 0..3_000 {
        reporter.report(&event(n)).unwrap();
        if n % 500 == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    until("all reports", || reporter.stats().records == 0).await;
    let rows = cloud.memory.rows.lock().unwrap().clone();
    let told: Vec<String> = rows
        .iter()
        .map(|(_, _, item)| match item {
            Item::Note(line) => line.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected: Vec<String> = (0..3_000).map(|n| format!("other: event {n:04}")).collect();
    assert_eq!(told, expected);
    assert!(cloud.memory.faults.lock().unwrap().is_empty(), "every fault was met");
    stop.send(true).unwrap();
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gw_09_a_command_is_carried_out_once_and_its_outcome_reported() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = TestCloud::start(&dir.path().join("ca")).await;
    let identity = cloud.enrolment().run(dir.path()).await.unwrap();
    let command = |id: &str, kind| Command {
        id: Text::new(id),
        kind,
        by: Text::new("運営者 佐藤"),
        at: SystemClock.now(),
    };
    *cloud.memory.commands.lock().unwrap() =
        vec![command("c1", CommandKind::Restart), command("c2", CommandKind::Unknown)];
    let host = Arc::new(TestHost::default());
    let agent = Agent::new(
        cloud.agent_config(dir.path()),
        identity,
        reporter(dir.path()),
        host.clone(),
        Arc::new(SystemRng),
    )
    .unwrap();
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(agent.run(stopped));
    until("heartbeats", || cloud.memory.beats.load(Ordering::SeqCst) >= 3).await;
    until("outcomes", || cloud.memory.rows.lock().unwrap().len() == 2).await;
    assert_eq!(*host.obeyed.lock().unwrap(), ["c1", "c2"]);
    let rows = cloud.memory.rows.lock().unwrap().clone();
    assert!(
        matches!(&rows[0].2, Item::Note(l) if l.contains("command_done") && l.contains("佐藤") && l.contains("[c1]"))
    );
    assert!(matches!(&rows[1].2, Item::Note(l) if l.contains("command_refused")));
    stop.send(true).unwrap();
    running.await.unwrap();
}

#[tokio::test]
async fn gw_10_enrolment_needs_the_right_secret_once() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = TestCloud::start(&dir.path().join("ca")).await;
    let mut wrong = cloud.enrolment();
    wrong.secret = "guess".into();
    let state = dir.path().join("state");
    assert!(matches!(wrong.run(&state).await, Err(EnrolError::Refused)));
    assert!(Identity::load(&state).is_err());
    let first = cloud.enrolment().run(&state).await.unwrap();
    assert_eq!(first.gateway(), "07".repeat(16));
    assert_eq!(Identity::load(&state).unwrap().gateway(), first.gateway());
    // Another device with the same secret: burnt.
    assert!(matches!(cloud.enrolment().run(&dir.path().join("other")).await, Err(EnrolError::Refused)));
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(state.join("identity.json")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    assert!(!format!("{first:?}").contains("PRIVATE"), "no key in Debug");
}

#[tokio::test]
async fn gw_10_a_lost_answer_to_enrolment_can_be_asked_for_again() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = TestCloud::start(&dir.path().join("ca")).await;
    let state = dir.path().join("state");
    std::fs::create_dir_all(&state).unwrap();
    // The answer is lost where the identity cannot be written: a folder stands in its place.
    std::fs::create_dir(state.join("identity.json")).unwrap();
    std::fs::write(state.join("identity.json/x"), "").unwrap();
    assert!(cloud.enrolment().run(&state).await.is_err());
    std::fs::remove_dir_all(state.join("identity.json")).unwrap();
    cloud.enrolment().run(&state).await.unwrap();
}

#[tokio::test]
async fn enrolment_is_rate_limited_per_address() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = TestCloud::start(&dir.path().join("ca")).await;
    let mut wrong = cloud.enrolment();
    wrong.secret = "guess".into();
    let mut waits = None;
    for _ in 0..12 {
        if let Err(EnrolError::Cloud(e)) = wrong.run(dir.path()).await {
            waits = e.retry_after();
        }
    }
    assert!(waits.is_some_and(|w| w >= Duration::from_secs(1)), "told when to come again");
}

#[tokio::test]
async fn a_wrong_certificate_on_either_side_is_refused_with_a_clear_message() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = TestCloud::start(&dir.path().join("ca")).await;
    let other = TestCloud::start(&dir.path().join("other-ca")).await;
    let identity = cloud.enrolment().run(&dir.path().join("state")).await.unwrap();
    // Not our cloud.
    let mut stranger = Cloud::new(other.address.clone(), cloud.ca.pem(), Some(&identity)).unwrap();
    let error = stranger.post("/v1/heartbeat", "application/json", b"{}".to_vec()).await.unwrap_err();
    assert!(matches!(error, ClientError::NotOurCloud { .. }), "{error}");
    // Not a certificate of that cloud.
    let mut wrong = Cloud::new(other.address.clone(), other.ca.pem(), Some(&identity)).unwrap();
    assert!(wrong.post("/v1/heartbeat", "application/json", b"{}".to_vec()).await.is_err());
    // None at all.
    let mut none = Cloud::new(cloud.address.clone(), cloud.ca.pem(), None).unwrap();
    let error = none.post("/v1/reports", "application/json", b"{}".to_vec()).await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("certificate"), "{error}");
    // A gateway that was taken out of service.
    *cloud.memory.barred.lock().unwrap() = true;
    let mut barred = Cloud::new(cloud.address.clone(), cloud.ca.pem(), Some(&identity)).unwrap();
    let error = barred.post("/v1/heartbeat", "application/json", b"{}".to_vec()).await.unwrap_err();
    assert!(error.to_string().contains("certificate_unknown"), "{error}");
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = TestCloud::start(&dir.path().join("ca")).await;
    let identity = cloud.enrolment().run(dir.path()).await.unwrap();
    let long_ago = SystemClock.now() - Duration::from_secs(200 * 86_400);
    let request = cloud.ca.check_request(&csr()).unwrap();
    let expired = cloud.ca.issue(&request, mimamori_domain::GatewayId([7; 16]), long_ago).unwrap();
    let json = serde_json::to_string(&serde_json::json!({
        "gateway": identity.gateway(), "serial": "SN-1", "certificate_pem": expired.pem,
        "key_pem": KEY.with(|k| k.serialize_pem()), "renew_after": 0,
    }))
    .unwrap();
    let state = dir.path().join("expired");
    std::fs::create_dir(&state).unwrap();
    std::fs::write(state.join("identity.json"), json).unwrap();
    let old = Identity::load(&state).unwrap();
    let mut client = Cloud::new(cloud.address.clone(), cloud.ca.pem(), Some(&old)).unwrap();
    let error = client.post("/v1/heartbeat", "application/json", b"{}".to_vec()).await.unwrap_err();
    assert!(error.to_string().to_lowercase().contains("expired"), "{error}");
}

thread_local! {
    static KEY: rcgen::KeyPair = rcgen::KeyPair::generate().unwrap();
}

fn csr() -> String {
    KEY.with(|key| rcgen::CertificateParams::default().serialize_request(key).unwrap().pem().unwrap())
}

#[tokio::test]
async fn a_certificate_is_renewed_for_the_same_key_only() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = TestCloud::start(&dir.path().join("ca")).await;
    let identity = cloud.enrolment().run(dir.path()).await.unwrap();
    let mut client = Cloud::new(cloud.address.clone(), cloud.ca.pem(), Some(&identity)).unwrap();
    let renewed = identity.renew(dir.path(), &mut client).await.unwrap();
    assert_ne!(renewed.certificate_pem(), identity.certificate_pem());
    let other_key = serde_json::to_vec(&serde_json::json!({ "csr_pem": csr() })).unwrap();
    let error = client.post("/v1/renew", "application/json", other_key).await.unwrap_err();
    assert!(error.to_string().contains("keeps the key"), "{error}");
}

#[tokio::test]
async fn the_ca_is_kept_and_half_a_ca_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let first = DeviceCa::open_or_create(dir.path(), SystemClock.now()).unwrap();
    let again = DeviceCa::open_or_create(dir.path(), SystemClock.now()).unwrap();
    assert_eq!(first.pem(), again.pem());
    std::fs::remove_file(dir.path().join("ca.key")).unwrap();
    let error = DeviceCa::open_or_create(dir.path(), SystemClock.now()).unwrap_err();
    assert!(error.to_string().contains("backup"), "{error}");
}

#[tokio::test]
async fn a_cloud_that_is_down_is_named_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (identity, address, pem) = {
        let cloud = TestCloud::start(&dir.path().join("ca")).await;
        (cloud.enrolment().run(dir.path()).await.unwrap(), cloud.address.clone(), cloud.ca.pem().to_owned())
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut client = Cloud::new(address.clone(), &pem, Some(&identity)).unwrap();
    let error = client.post("/v1/heartbeat", "application/json", b"{}".to_vec()).await.unwrap_err();
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

/// A set of three pieces, told apart by its last byte.
fn put_up(dir: &std::path::Path, last: u8) -> Vec<u8> {
    let mut set: Vec<u8> = (0..2_500_000u32).map(|n| (n % 251) as u8).collect();
    set.push(last);
    std::fs::write(dir.join("set"), &set).unwrap();
    let label = format!("t-{last}");
    mimamori_ingest::offers::put_up(&dir.join("ca/definitions"), &dir.join("set"), &label).unwrap();
    set
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gw_07_a_gateway_fetches_the_set_on_offer_by_itself_and_only_once() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = TestCloud::start(&dir.path().join("ca")).await;
    let identity = cloud.enrolment().run(dir.path()).await.unwrap();
    // Whoever is no gateway gets nothing.
    let set = put_up(dir.path(), 1);
    let mut stranger = Cloud::new(cloud.address.clone(), cloud.ca.pem(), None).unwrap();
    let path = format!("/v1/definitions/{}/0", "0".repeat(64));
    let error = stranger.get(&path).await.unwrap_err().to_string();
    assert!(error.contains("certificate is needed"), "{error}");
    let mut known = Cloud::new(cloud.address.clone(), cloud.ca.pem(), Some(&identity)).unwrap();
    for (path, words) in [(path.as_str(), "not offered"), ("/v1/definitions/x/0", "SHA-256")] {
        let error = known.get(path).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let reporter = reporter(dir.path());
    let host = Arc::new(TestHost::default());
    let config = cloud.agent_config(dir.path());
    let place = config.definitions.clone().unwrap();
    let agent = Agent::new(config, identity, reporter.clone(), host, Arc::new(SystemRng)).unwrap();
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(agent.run(stopped));
    until("the first set", || std::fs::read(&place).is_ok_and(|got| got == set)).await;
    // Taken away by the gateway: not fetched again until another one is offered.
    std::fs::remove_file(&place).unwrap();
    let beats = cloud.memory.beats.load(Ordering::SeqCst);
    until("two heartbeats", || cloud.memory.beats.load(Ordering::SeqCst) > beats + 2).await;
    assert!(!place.exists());
    let next = put_up(dir.path(), 2);
    until("the next set", || std::fs::read(&place).is_ok_and(|got| got == next)).await;
    stop.send(true).unwrap();
    running.await.unwrap();
}
