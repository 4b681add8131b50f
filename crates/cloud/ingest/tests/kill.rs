//! `kill -9` on both ends at random moments, with SQLite behind: nothing lost, nothing doubled.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use mimamori_base::{Clock, Rng, SeededRng, SystemClock, SystemRng, Timestamp, Zone};
use mimamori_domain::{Name, NotifyAddresses, Policy, Serial};
use mimamori_ingest::{DeviceCa, Ingest, IngestConfig};
use mimamori_report::{
    Detection, DetectionKind, Endpoint, Outcome, Report, Severity, Signature, Text, Traffic, Transport,
};
use mimamori_service::views::DetectionFilter;
use mimamori_service::{Config, NewCustomer, NewGateway, NewReseller, Parts, Service};
use mimamori_store::SqliteStore;
use mimamori_uplink::{
    Agent, AgentConfig, CloudAddress, Enrolment, Identity, Reporter, Spool, SpoolConfig,
};
use tokio::sync::watch;

#[path = "common/host.rs"]
mod host;
use host::TestHost;

const SERIAL: &str = "SN-KILL";

async fn service(dir: &Path) -> Service {
    let store = SqliteStore::open(&dir.join("cloud.db")).await.unwrap();
    let parts = Parts {
        store: Arc::new(store),
        clock: Arc::new(SystemClock),
        rng: Arc::new(SystemRng),
        policy: Policy::builtin().unwrap(),
        config: Config::default(),
    };
    Service::new(parts).unwrap()
}

async fn ingest(dir: &Path, listen: SocketAddr) -> Ingest<Service> {
    let ca = Arc::new(DeviceCa::open_or_create(&dir.join("ca"), SystemClock.now()).unwrap());
    let config = IngestConfig::new(listen, vec!["127.0.0.1".into()]);
    let service = Arc::new(service(dir).await);
    Ingest::bind(config, ca, service, Arc::new(SystemClock), Arc::new(SystemRng)).await.unwrap()
}

/// A detection that can be told from all others by its rule number.
fn detection(n: u64) -> Report {
    let now = SystemClock.now();
    let end = |ip: &str, zone| Endpoint { ip: ip.parse().unwrap(), port: 80, zone };
    Report::Detection(Box::new(Detection {
        at: now,
        kind: DetectionKind::Attack,
        severity: Severity::Major,
        outcome: Outcome::Blocked,
        traffic: Traffic::Inbound,
        source: end("198.51.100.9", Zone::Wan),
        destination: end("192.168.1.23", Zone::Lan),
        transport: Transport::Tcp,
        app_protocol: None,
        device: None,
        signature: Some(Signature {
            gid: 1,
            sid: u32::try_from(n).unwrap(),
            rev: 1,
            message: Text::new("TEST"),
            class: None,
            priority: 1,
            metadata: Default::default(),
        }),
        host: None,
        url: None,
        file: None,
        reputation: None,
        flow_id: n,
        count: 1,
        first: now,
        last: now,
    }))
}

#[test]
fn child_cloud() {
    let Some(dir) = std::env::var_os("MIMAMORI_KILL_CLOUD") else { return };
    let port: u16 = std::fs::read_to_string(Path::new(&dir).join("port")).unwrap().parse().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let ingest = ingest(Path::new(&dir), ([127, 0, 0, 1], port).into()).await;
        let (_keep, stop) = watch::channel(false);
        ingest.serve(stop).await;
    });
}

#[test]
fn child_gateway() {
    let Some(dir) = std::env::var_os("MIMAMORI_KILL_GATEWAY") else { return };
    let dir = Path::new(&dir);
    let quiet = dir.join("quiet").exists();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let spool = SpoolConfig { max_bytes: 1 << 26, segment_bytes: 20_000 };
        let spool = Spool::open(&dir.join("spool"), spool, SystemClock.now()).unwrap();
        let reporter = Reporter::new(spool, Arc::new(SystemClock));
        let agent = Agent::new(agent_config(dir), Identity::load(dir).unwrap(), reporter.clone(), Arc::new(TestHost::default()), Arc::new(SystemRng)).unwrap();
        let (_keep, stop) = watch::channel(false);
        tokio::spawn(agent.run(stop));
        let mut out = std::io::stdout();
        loop {
            if quiet {
                writeln!(out, "left {}", reporter.stats().records).unwrap();
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
            // The only writer: the next number is known, and names the detection.
            let next = reporter.stats().next_seq;
            assert_eq!(reporter.report(&detection(next)).unwrap(), next);
            reporter.sync().unwrap();
            writeln!(out, "durable {next}").unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

fn agent_config(dir: &Path) -> AgentConfig {
    let port = std::fs::read_to_string(dir.join("port")).unwrap();
    AgentConfig {
        address: CloudAddress::parse(&format!("https://127.0.0.1:{port}")).unwrap(),
        pinned_ca_pem: std::fs::read_to_string(dir.join("ca/ca.pem")).unwrap(),
        state_dir: dir.to_owned(),
        heartbeat_every: Duration::from_secs(1),
        gather: Duration::from_millis(5),
        longest_pause: Duration::from_millis(50),
    }
}

fn start(name: &str, variable: &str, dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(variable, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What a child says, as it says it, and the rest after it was killed.
fn listen(child: &mut Child) -> Receiver<String> {
    let (send, lines) = sync_channel(100_000);
    let out = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || out.lines().map_while(Result::ok).all(|l| send.send(l).is_ok()));
    lines
}

async fn provision(dir: &Path) {
    let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = probe.local_addr().unwrap().port();
    drop(probe);
    std::fs::write(dir.join("port"), port.to_string()).unwrap();
    let service = service(dir).await;
    let console = service.console();
    let name = |n: &str| Name::parse(n).unwrap();
    let reseller = NewReseller { name: name("会"), desk_phone: name("0120"), desk_hours: name("平日") };
    let reseller = service.create_reseller(&console, reseller).await.unwrap();
    let customer = NewCustomer { reseller: reseller.id, name: name("店"), addresses: NotifyAddresses::default() };
    let customer = service.create_customer(&console, customer).await.unwrap();
    let gateway = NewGateway { customer: customer.id, serial: Serial::parse(SERIAL).unwrap(), name: name("本店") };
    let (_, secret) = service.create_gateway(&console, gateway).await.unwrap();
    service.close().await;
    let ingest = ingest(dir, ([127, 0, 0, 1], port).into()).await;
    let (stop, stopped) = watch::channel(false);
    let serving = tokio::spawn(ingest.serve(stopped));
    let config = agent_config(dir);
    let enrolment = Enrolment {
        address: config.address,
        pinned_ca_pem: config.pinned_ca_pem,
        serial: SERIAL.into(),
        secret: secret.reveal().to_owned(),
        software: "test".into(),
    };
    enrolment.run(dir).await.unwrap();
    stop.send(true).unwrap();
    serving.await.unwrap();
}

/// How often each detection is in the cloud's database.
async fn stored(dir: &Path) -> BTreeMap<u64, u32> {
    let service = service(dir).await;
    let console = service.console();
    let mut found = BTreeMap::new();
    let mut filter = DetectionFilter { limit: 1000, ..DetectionFilter::default() };
    loop {
        let page = service.detections(&console, filter.clone()).await.unwrap();
        for view in page.items {
            *found.entry(view.detection.flow_id.unwrap()).or_insert(0) += 1;
        }
        match page.next {
            Some(next) => filter.before = Some(next),
            None => break,
        }
    }
    service.close().await;
    found
}

#[test]
fn nt_05_kill_dash_nine_on_both_ends_loses_nothing_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(provision(dir.path()));
    let rng = SeededRng::new(11);
    let mut durable = 0u64;
    let mut note = |line: String| {
        if let Some(n) = line.strip_prefix("durable ") {
            durable = durable.max(n.parse().unwrap());
        }
    };
    let mut cloud = start("child_cloud", "MIMAMORI_KILL_CLOUD", dir.path());
    for round in 0..16 {
        let mut gateway = start("child_gateway", "MIMAMORI_KILL_GATEWAY", dir.path());
        let lines = listen(&mut gateway);
        std::thread::sleep(Duration::from_millis(150 + rng.next_u64() % 400));
        if round % 2 == 0 {
            cloud.kill().unwrap();
            cloud.wait().unwrap();
            std::thread::sleep(Duration::from_millis(rng.next_u64() % 100));
            cloud = start("child_cloud", "MIMAMORI_KILL_CLOUD", dir.path());
            std::thread::sleep(Duration::from_millis(rng.next_u64() % 300));
        }
        gateway.kill().unwrap();
        gateway.wait().unwrap();
        lines.iter().for_each(&mut note);
    }
    // Nothing new from here on: everything that is left has to arrive.
    std::fs::write(dir.path().join("quiet"), "").unwrap();
    let mut gateway = start("child_gateway", "MIMAMORI_KILL_GATEWAY", dir.path());
    let lines = listen(&mut gateway);
    let until = Timestamp(SystemClock.now().micros()) + Duration::from_secs(60);
    loop {
        let line = lines.recv_timeout(Duration::from_secs(30)).unwrap();
        if line == "left 0" {
            break;
        }
        assert!(SystemClock.now() < until, "still {line}");
    }
    gateway.kill().unwrap();
    gateway.wait().unwrap();
    cloud.kill().unwrap();
    cloud.wait().unwrap();

    let found = runtime.block_on(stored(dir.path()));
    assert!(durable > 300, "only {durable}: the test did too little");
    let missing: Vec<u64> = (1..=durable).filter(|n| !found.contains_key(n)).collect();
    assert!(missing.is_empty(), "lost: {missing:?} of {durable}");
    let doubled: Vec<u64> = found.iter().filter(|(_, times)| **times > 1).map(|(n, _)| *n).collect();
    assert!(doubled.is_empty(), "doubled: {doubled:?}");
    println!("{durable} durable, {} stored, none lost, none doubled", found.len());
}
