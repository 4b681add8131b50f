//! A tenth of 10,000 gateways fires at once: from the commit of a ★★★ to the mail server's
//! acceptance, on both databases. `cargo bench -p mimamori-jobs --bench storm
//! [-- GATEWAYS [OTHERS]]`.
//!
//! Each gateway reports one ★★★ and right after it [`OTHERS`] ★☆☆ on other devices. Real: the
//! store with its full durability, the jobs of one node as `serve` runs them, SMTP over sockets.
//! Beside it, in the same run: ★★★ without the storm, one after the other. Afterwards every mail
//! that arrived is read: which alerts each address was told of, how often, in how many mails.
//! Ends with an error when something is missing or came twice.

#[path = "../../store/tests/support/mod.rs"]
mod support;

use std::collections::{HashMap, HashSet};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mimamori_base::{Clock as _, SystemClock, SystemRng, Timestamp};
use mimamori_domain::{
    Detection, DetectionId, DetectionKind, Device, EmailAddress, Endpoint, GatewayId, Name, NotifyAddresses,
    Outcome, Policy, Reputation, ReputationKind, Serial, TrafficDirection,
};
use mimamori_jobs::{Jobs, JobsConfig};
use mimamori_notify::receiver::Received;
use mimamori_notify::{Mailbox, Receiver, ReceiverConfig, Security, Sender, SmtpConfig};
use mimamori_service::{
    Config, NewCustomer, NewGateway, NewReseller, Parts, PasswordCost, ReportItem, Service,
};
use mimamori_store::{PostgresStore, SqliteStore, Store};

/// Each customer has one gateway and this many addresses.
const ADDRESSES: usize = 3;
/// Reports that are stored at the same time.
const AT_ONCE: usize = 32;

/// ★☆☆ of each gateway beside its ★★★, unless told otherwise; a mail lists as many.
const OTHERS: u8 = 8;
/// Everything has to be there by then; what is not is counted as missing.
const WITHIN: Duration = Duration::from_secs(900);
/// Stands in the mails before the number of an alert.
const LINK: &str = "/alerts/";

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

/// On device `n` of the office: 0 talks to a control server, the others were kept from phishing.
fn detection(n: u8) -> Detection {
    let now = SystemClock.now();
    let ip = format!("192.168.1.{}", 20 + n);
    let end = |ip: &str| Endpoint { ip: ip.parse().unwrap(), port: Some(443) };
    let (kind, reputation) = match n {
        0 => (DetectionKind::CommandAndControl, ReputationKind::CommandAndControl),
        _ => (DetectionKind::Phishing, ReputationKind::Phishing),
    };
    Detection {
        id: DetectionId::generate(now, &SystemRng),
        at: now,
        last_at: now,
        count: 1,
        kind,
        outcome: Outcome::Blocked,
        direction: TrafficDirection::Outbound,
        device: Device {
            ip: ip.parse().ok(),
            host_name: Some(format!("PC-{n}").as_str().into()),
            ..Device::default()
        },
        source: end(&ip),
        destination: end("203.0.113.9"),
        signature: None,
        host: Some("update-check.example".into()),
        url: None,
        file: None,
        reputation: Some(Reputation { kind: reputation, family: None }),
        app_proto: Some("tls".into()),
        from_zone: None,
        to_zone: None,
        flow_id: Some(1),
    }
}

/// Stores one ★★★ and says when the transaction had committed; then the others, if wanted.
async fn fire(service: &Service, gateway: GatewayId, others: u8) -> Timestamp {
    let items = vec![(1, ReportItem::Detection(Box::new(detection(0))))];
    assert_eq!(service.commit_reports(gateway, 1, items).await.unwrap().raised, 1);
    let committed = SystemClock.now();
    if others > 0 {
        let items = (1..=others).map(|n| (u64::from(n) + 1, ReportItem::Detection(Box::new(detection(n)))));
        let done = service.commit_reports(gateway, 1, items.collect()).await.unwrap();
        assert_eq!(done.raised, u32::from(others));
    }
    committed
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

/// One wave of gateways, and what it should have led to.
struct Wave {
    /// When each customer's ★★★ was committed.
    committed: HashMap<usize, Timestamp>,
    /// Alerts that each address has to be told of.
    alerts: usize,
}

/// What arrived for one wave.
#[derive(Default)]
struct Arrived {
    /// From commit to acceptance of each address's ★★★, sorted.
    delays: Vec<Duration>,
    mails: usize,
    mails_an_address_at_most: usize,
    /// Messages under a Message-ID that had arrived before.
    twice: usize,
    /// Alerts told to an address in two mails.
    told_again: usize,
    missing: usize,
}

/// As much of a mail as is looked at.
struct Seen {
    to: String,
    message_id: String,
    urgent: bool,
    at: Timestamp,
    /// The alerts that it leads to.
    alerts: HashSet<String>,
}

impl Seen {
    fn of(mail: Received) -> Self {
        let number = |rest: &str| rest.chars().take_while(char::is_ascii_hexdigit).collect::<String>();
        let alerts = mail.text.split(LINK).skip(1).map(number).filter(|n| !n.is_empty()).collect();
        Seen {
            to: mail.envelope_to.into_iter().next().unwrap_or_default(),
            message_id: mail.message_id,
            urgent: mail.subject.contains("★★★"),
            at: mail.at,
            alerts,
        }
    }
}

impl Wave {
    fn read(&self, mails: &[Seen]) -> Arrived {
        let mut by_address: HashMap<&str, Vec<&Seen>> = HashMap::new();
        for m in mails {
            by_address.entry(m.to.as_str()).or_default().push(m);
        }
        let mut all = Arrived::default();
        for (customer, at) in &self.committed {
            for n in 0..ADDRESSES {
                let mails = by_address.remove(address(*customer, n).as_str()).unwrap_or_default();
                let ids: HashSet<_> = mails.iter().map(|m| m.message_id.as_str()).collect();
                let led = |m: &&Seen| {
                    m.alerts.iter().map(|a| (a.clone(), m.message_id.clone())).collect::<Vec<_>>()
                };
                let told: HashSet<_> = mails.iter().flat_map(led).collect();
                let known: HashSet<_> = told.iter().map(|(alert, _)| alert.as_str()).collect();
                all.mails += mails.len();
                all.mails_an_address_at_most = all.mails_an_address_at_most.max(ids.len());
                all.twice += mails.len() - ids.len();
                all.told_again += told.len() - known.len();
                all.missing += self.alerts.saturating_sub(known.len());
                let urgent = mails.iter().filter(|m| m.urgent).map(|m| m.at).min();
                all.delays.extend(urgent.map(|got| got.since(*at)));
            }
        }
        all.delays.sort_unstable();
        all
    }

    /// Waits until nothing is missing any more, or the time is over.
    async fn arrived(&self, server: &Receiver) -> Arrived {
        let deadline = Instant::now() + WITHIN;
        let mut seen = Vec::new();
        loop {
            seen.extend(server.mailbox().take().into_iter().map(Seen::of));
            let wanted = self.committed.len() * ADDRESSES;
            let over = Instant::now() > deadline;
            // Looked at closely only when it may be all: this takes the processor from what it measures.
            if over || seen.len() >= wanted {
                let all = self.read(&seen);
                if over || all.missing == 0 {
                    // What came twice may come last.
                    tokio::time::sleep(Duration::from_secs(5)).await;
                    seen.extend(server.mailbox().take().into_iter().map(Seen::of));
                    return self.read(&seen);
                }
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// `false`: something is missing or came twice.
async fn run(backend: &str, store: Arc<dyn Store>, n: usize, others: u8) -> bool {
    let quiet = (n / 20).max(1);
    let service = service(store.clone()).await;
    let gateways = customers(&service, n + quiet).await;
    // Taken out every second.
    let keeps = (n + quiet) * ADDRESSES * 2;
    let server = Receiver::start(ReceiverConfig::loopback(), Mailbox::new(keeps), Arc::new(SystemClock))
        .await
        .unwrap();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let node = tokio::spawn(Jobs::new(service.clone(), sender(&server), JobsConfig::default()).run(stopped));

    // One by one, each with nothing else to do.
    let mut calm = Wave { committed: HashMap::new(), alerts: 1 };
    for (i, gateway) in gateways.iter().enumerate().skip(n) {
        calm.committed.insert(i, fire(&service, *gateway, 0).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut good = print(backend, "one after the other", &calm, &calm.arrived(&server).await);

    let mut storm = Wave { committed: HashMap::new(), alerts: 1 + usize::from(others) };
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for (i, gateway) in gateways.iter().copied().enumerate().take(n) {
        while tasks.len() >= AT_ONCE {
            let (i, at) = tasks.join_next().await.unwrap().unwrap();
            storm.committed.insert(i, at);
        }
        let service = service.clone();
        tasks.spawn(async move { (i, fire(&service, gateway, others).await) });
    }
    while let Some(done) = tasks.join_next().await {
        let (i, at) = done.unwrap();
        storm.committed.insert(i, at);
    }
    let stored = begun.elapsed();
    good &= print(backend, "all at once", &storm, &storm.arrived(&server).await);
    eprintln!(
        "{backend}: {} reports of {n} gateways stored in {:.1} s, all mails there after {:.1} s",
        n * (1 + usize::from(others)),
        stored.as_secs_f64(),
        begun.elapsed().as_secs_f64()
    );
    assert_eq!(server.mailbox().counts().1, 0, "every mail was read");
    stop.send(true).unwrap();
    node.await.unwrap();
    server.stop().await;
    store.close().await;
    good
}

fn print(backend: &str, what: &str, wave: &Wave, got: &Arrived) -> bool {
    let at = |share: usize| {
        let delays = &got.delays;
        delays.get((delays.len() * share / 100).min(delays.len().saturating_sub(1)))
    };
    let secs =
        |delay: Option<&Duration>| delay.map_or("none".to_owned(), |d| format!("{:.2} s", d.as_secs_f64()));
    println!(
        "| {backend} | {what} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        wave.committed.len(),
        got.mails,
        secs(at(50)),
        secs(at(99)),
        secs(got.delays.last()),
        got.mails_an_address_at_most,
        got.twice,
        got.told_again,
        got.missing
    );
    got.missing + got.twice + got.told_again == 0
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).filter_map(|a| a.parse::<u16>().ok());
    let n = numbers.next().map_or(1_000, usize::from);
    let others = numbers.next().and_then(|n| u8::try_from(n).ok()).unwrap_or(OTHERS).min(OTHERS);
    println!(
        "★★★ from commit to acceptance; {ADDRESSES} addresses a customer; in the storm {others} ★☆☆ each beside it\n"
    );
    println!(
        "| database | gateways fire | customers | mails | p50 | p99 | last | mails an address at most | \
         twice under one Message-ID | alerts told twice | alerts missing |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    );
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("b.db")).await.unwrap();
    let mut good = run("SQLite", Arc::new(store), n, others).await;
    if let Some(postgres) = support::server() {
        let url = postgres.database("storm");
        good &= run("PostgreSQL", Arc::new(PostgresStore::open(&url, 16).await.unwrap()), n, others).await;
        postgres.stop();
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
