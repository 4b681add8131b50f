//! A tenth of 10,000 gateways fires at once: from the commit of a ★★★ to the mail server's
//! acceptance, on both databases. `cargo bench -p mimamori-jobs --bench storm [-- GATEWAYS]`.
//!
//! Real: the store with its full durability, the jobs of one node as `serve` runs them, SMTP
//! over sockets. Beside it, in the same run: the same mails without the storm, one by one.

#[path = "../../store/tests/support/mod.rs"]
mod support;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mimamori_base::{Clock as _, SystemClock, SystemRng};
use mimamori_domain::{
    Detection, DetectionId, DetectionKind, Device, EmailAddress, Endpoint, GatewayId, Name, NotifyAddresses,
    Outcome, Policy, Reputation, ReputationKind, Serial, TrafficDirection,
};
use mimamori_jobs::{Jobs, JobsConfig};
use mimamori_notify::receiver::{Act, Stage};
use mimamori_notify::{Mailbox, Receiver, ReceiverConfig, Security, Sender, SmtpConfig};
use mimamori_service::{
    Config, NewCustomer, NewGateway, NewReseller, Parts, PasswordCost, ReportItem, Service,
};
use mimamori_store::{PostgresStore, SqliteStore, Store};

/// Each customer has one gateway and this many addresses.
const ADDRESSES: usize = 3;
/// Reports that are stored at the same time.
const AT_ONCE: usize = 32;

/// When each address got its first mail.
type Arrivals = Arc<Mutex<HashMap<String, Instant>>>;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn address(customer: usize, n: usize) -> String {
    format!("a{n}@c{customer}.example")
}

async fn service(store: Arc<dyn Store>) -> Service {
    let config = Config { password_cost: PasswordCost::cheap_for_tests(), ..Config::default() };
    let policy = Policy::builtin().unwrap();
    Service::new(Parts { store, clock: Arc::new(SystemClock), rng: Arc::new(SystemRng), policy, config })
        .unwrap()
}

async fn customers(service: &Service, n: usize) -> Vec<GatewayId> {
    let console = service.console();
    let desk = NewReseller { name: name("販売店"), desk_phone: name("0120"), desk_hours: name("平日") };
    let reseller = service.create_reseller(&console, desk).await.unwrap().id;
    let mut gateways = Vec::new();
    for i in 0..n {
        let to = (0..ADDRESSES).map(|a| EmailAddress::parse(&address(i, a)).unwrap()).collect();
        let addresses = NotifyAddresses::new(to).unwrap();
        let new = NewCustomer { reseller, name: name(&format!("商店{i}")), addresses };
        let customer = service.create_customer(&console, new).await.unwrap().id;
        let serial = Serial::parse(&format!("STORM-{i:06}")).unwrap();
        let new = NewGateway { customer, serial: serial.clone(), name: name("本店") };
        let (gateway, secret) = service.create_gateway(&console, new).await.unwrap();
        service.enrol_gateway(&serial, secret.reveal(), &format!("key-{i}")).await.unwrap();
        gateways.push(gateway.id);
    }
    gateways
}

fn detection() -> Detection {
    let now = SystemClock.now();
    let end = |ip: &str| Endpoint { ip: ip.parse().unwrap(), port: Some(443) };
    Detection {
        id: DetectionId::generate(now, &SystemRng),
        at: now,
        last_at: now,
        count: 1,
        kind: DetectionKind::CommandAndControl,
        outcome: Outcome::Blocked,
        direction: TrafficDirection::Outbound,
        device: Device {
            ip: "192.168.1.23".parse().ok(),
            host_name: Some("KEIRI-PC".into()),
            ..Device::default()
        },
        source: end("192.168.1.23"),
        destination: end("203.0.113.9"),
        signature: None,
        host: Some("update-check.example".into()),
        url: None,
        file: None,
        reputation: Some(Reputation { kind: ReputationKind::CommandAndControl, family: None }),
        app_proto: Some("tls".into()),
        from_zone: None,
        to_zone: None,
        flow_id: Some(1),
    }
}

/// Stores one ★★★ and says when the transaction had committed.
async fn fire(service: &Service, gateway: GatewayId, seq: u64) -> Instant {
    let items = vec![(seq, ReportItem::Detection(Box::new(detection())))];
    assert_eq!(service.commit_reports(gateway, 1, items).await.unwrap().raised, 1);
    Instant::now()
}

/// A mail server that notes when it accepted each mail.
async fn server(arrivals: &Arrivals) -> Receiver {
    let arrivals = arrivals.clone();
    let temper = move |stage: Stage, message: &str| {
        if stage == Stage::Answered
            && let Some(to) = message.lines().find_map(|l| l.strip_prefix("To: "))
        {
            arrivals.lock().unwrap().entry(to.trim().to_owned()).or_insert_with(Instant::now);
        }
        Act::Go
    };
    let config = ReceiverConfig { temper: Some(Arc::new(temper)), ..ReceiverConfig::loopback() };
    Receiver::start(config, Mailbox::new(10), Arc::new(SystemClock)).await.unwrap()
}

fn sender(server: &Receiver) -> Sender {
    Sender::new(SmtpConfig {
        host: "127.0.0.1".to_owned(),
        port: server.address().port(),
        security: Security::PlainLoopback,
        credentials: None,
        from_name: name("見守りサービス"),
        from: EmailAddress::parse("alert@portal.example").unwrap(),
        reply_to: None,
        bounces: None,
        dkim: Vec::new(),
        hello_name: "portal.example".to_owned(),
        timeout: Duration::from_secs(30),
        extra_root_pem: None,
    })
    .unwrap()
}

/// Delays of the deliveries to the customers' addresses, sorted.
async fn delays(arrivals: &Arrivals, committed: &HashMap<usize, Instant>) -> Vec<Duration> {
    let deadline = Instant::now() + Duration::from_secs(600);
    loop {
        let found: Vec<Duration> = {
            let arrivals = arrivals.lock().unwrap();
            let of = |(c, at): (&usize, &Instant)| {
                let (c, at) = (*c, *at);
                let arrivals = &arrivals;
                (0..ADDRESSES)
                    .filter_map(move |n| Some(arrivals.get(&address(c, n))?.saturating_duration_since(at)))
                    .collect::<Vec<_>>()
            };
            committed.iter().flat_map(of).collect()
        };
        if found.len() == committed.len() * ADDRESSES {
            let mut found = found;
            found.sort_unstable();
            return found;
        }
        assert!(Instant::now() < deadline, "only {} of {}", found.len(), committed.len() * ADDRESSES);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn run(backend: &str, store: Arc<dyn Store>, n: usize) {
    let quiet = (n / 20).max(1);
    let service = service(store.clone()).await;
    let gateways = customers(&service, n + quiet).await;
    let arrivals = Arrivals::default();
    let server = server(&arrivals).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let node = tokio::spawn(Jobs::new(service.clone(), sender(&server), JobsConfig::default()).run(stopped));

    // One by one, each with nothing else to do.
    let mut committed = HashMap::new();
    for (i, gateway) in gateways.iter().enumerate().skip(n) {
        committed.insert(i, fire(&service, *gateway, 1).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    print(backend, "one after the other", &delays(&arrivals, &committed).await);

    let mut committed = HashMap::new();
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for (i, gateway) in gateways.iter().copied().enumerate().take(n) {
        while tasks.len() >= AT_ONCE {
            let (i, at) = tasks.join_next().await.unwrap().unwrap();
            committed.insert(i, at);
        }
        let service = service.clone();
        tasks.spawn(async move { (i, fire(&service, gateway, 1).await) });
    }
    while let Some(done) = tasks.join_next().await {
        let (i, at) = done.unwrap();
        committed.insert(i, at);
    }
    let stored = begun.elapsed();
    print(backend, &format!("{n} at once"), &delays(&arrivals, &committed).await);
    eprintln!("{backend}: {n} reports stored in {:.1} s", stored.as_secs_f64());
    let (received, _) = server.mailbox().counts();
    assert_eq!(received as usize, (n + quiet) * ADDRESSES, "nothing twice");
    stop.send(true).unwrap();
    node.await.unwrap();
    server.stop().await;
    store.close().await;
}

fn print(backend: &str, what: &str, delays: &[Duration]) {
    let at = |share: usize| delays[(delays.len() * share / 100).min(delays.len() - 1)].as_secs_f64();
    let (p50, p99, last) = (at(50), at(99), delays[delays.len() - 1].as_secs_f64());
    println!("| {backend} | {what} | {} | {p50:.2} s | {p99:.2} s | {last:.2} s |", delays.len());
}

#[tokio::main]
async fn main() {
    let n = std::env::args().skip(1).find_map(|a| a.parse().ok()).unwrap_or(1_000);
    println!("★★★, from commit to acceptance; {ADDRESSES} addresses each\n");
    println!("| database | gateways | mails | p50 | p99 | last |\n| --- | --- | --- | --- | --- | --- |");
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("b.db")).await.unwrap();
    run("SQLite", Arc::new(store), n).await;
    let Some(postgres) = support::server() else { return };
    let url = postgres.database("storm");
    run("PostgreSQL", Arc::new(PostgresStore::open(&url, 16).await.unwrap()), n).await;
    postgres.stop();
}
