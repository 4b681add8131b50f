//! A cloud on SQLite with one enrolled gateway, for tests and the bench.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mimamori_base::{Clock, SystemClock, SystemRng, Zone};
use mimamori_domain::{Name, NotifyAddresses, Policy, Serial};
use mimamori_ingest::{DeviceCa, Ingest, IngestConfig};
use mimamori_report::{
    Detection, DetectionKind, Endpoint, Outcome, Report, Severity, Signature, Text, Traffic, Transport,
};
use mimamori_service::{Config, NewCustomer, NewGateway, NewReseller, Parts, Service};
use mimamori_store::SqliteStore;
use mimamori_uplink::{AgentConfig, CloudAddress, Enrolment};
use tokio::sync::watch;

const SERIAL: &str = "SN-TEST";

pub async fn service(dir: &Path) -> Service {
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

pub async fn ingest(dir: &Path, listen: SocketAddr) -> Ingest<Service> {
    let ca = Arc::new(DeviceCa::open_or_create(&dir.join("ca"), SystemClock.now()).unwrap());
    let config = IngestConfig::new(listen, vec!["127.0.0.1".into()]);
    let service = Arc::new(service(dir).await);
    Ingest::bind(config, ca, service, Arc::new(SystemClock), Arc::new(SystemRng)).await.unwrap()
}

/// A detection that can be told from all others by its rule number.
pub fn detection(n: u64) -> Report {
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

pub fn agent_config(dir: &Path) -> AgentConfig {
    let port = std::fs::read_to_string(dir.join("port")).unwrap();
    AgentConfig {
        address: CloudAddress::parse(&format!("https://127.0.0.1:{port}")).unwrap(),
        pinned_ca_pem: std::fs::read_to_string(dir.join("ca/ca.pem")).unwrap(),
        state_dir: dir.to_owned(),
        heartbeat_every: Duration::from_secs(1),
        gather: Duration::from_millis(5),
        longest_pause: Duration::from_millis(50),
        definitions: None,
    }
}

pub async fn provision(dir: &Path) {
    let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = probe.local_addr().unwrap().port();
    drop(probe);
    std::fs::write(dir.join("port"), port.to_string()).unwrap();
    let service = service(dir).await;
    let console = service.console();
    let name = |n: &str| Name::parse(n).unwrap();
    let reseller = NewReseller { name: name("会"), desk_phone: name("0120"), desk_hours: name("平日") };
    let reseller = service.create_reseller(&console, reseller).await.unwrap();
    let customer =
        NewCustomer { reseller: reseller.id, name: name("店"), addresses: NotifyAddresses::default() };
    let customer = service.create_customer(&console, customer).await.unwrap();
    let gateway =
        NewGateway { customer: customer.id, serial: Serial::parse(SERIAL).unwrap(), name: name("本店") };
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
