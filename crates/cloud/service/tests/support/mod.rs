//! A service on a fresh SQLite file with a virtual clock, and a company to look after.
//! Shared by the tests of `service`, `notify` and `jobs`.

#![expect(dead_code, reason = "each test file uses its own part")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mimamori_base::{Clock, Rng, SeededRng, Timestamp, VirtualClock};
use mimamori_domain::account::Belongs;
use mimamori_domain::detection::MacAddress;
use mimamori_domain::{
    Customer, Detection, DetectionId, DetectionKind, Device, EmailAddress, Endpoint, Gateway, LoginName,
    Name, NotifyAddresses, Outcome, Policy, Reputation, ReputationKind, Reseller, Role, ScanOutcome, Serial,
    TrafficDirection,
};
use mimamori_service::views::Committed;
use mimamori_service::{
    Config, Keyring, NewAccount, NewCustomer, NewGateway, NewReseller, OneTimeSecret, Parts, PasswordCost,
    ReportItem, ScanAnswer, Service,
};
use mimamori_store::SqliteStore;

/// 2026-11-24 14:05 in Japan.
pub const START: i64 = 1_795_496_700;

pub struct Bench {
    pub service: Service,
    pub clock: VirtualClock,
    pub rng: Arc<dyn Rng>,
    pub reseller: Reseller,
    pub customer: Customer,
    pub gateway: Gateway,
    pub secret: OneTimeSecret,
    pub dir: tempfile::TempDir,
    seq: std::sync::atomic::AtomicU64,
}

pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

/// What the secrets in the database are sealed with: the same after a restart.
pub const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

pub async fn service_on(path: &Path, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Service {
    service_keyed(path, clock, rng, KEY).await
}

/// The bench's database opened anew, with other keys.
pub async fn service_with_keys(b: &Bench, keys: &str) -> Service {
    let path = b.dir.path().join("cloud.db");
    service_keyed(&path, Arc::new(b.clock.clone()), b.rng.clone(), keys).await
}

async fn service_keyed(path: &Path, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>, keys: &str) -> Service {
    let store = SqliteStore::open(path).await.unwrap();
    let config = Config {
        portal_url: "https://portal.example".to_owned(),
        mail_domain: "portal.example".to_owned(),
        password_cost: PasswordCost::cheap_for_tests(),
        loopback_webhooks: true,
        keys: Some(Keyring::parse(keys).unwrap()),
        sms: true,
        ..Config::default()
    };
    let policy = Policy::builtin().unwrap();
    Service::new(Parts { store: Arc::new(store), clock, rng, policy, config }).unwrap()
}

/// What a customer says of a full scan.
pub fn scan(outcome: ScanOutcome) -> ScanAnswer {
    ScanAnswer { outcome, product: "Defender".to_owned(), note: "2件".to_owned(), files: Vec::new() }
}

impl Bench {
    pub async fn new() -> Bench {
        Bench::with_addresses(&["kanri@takehara.example"]).await
    }

    pub async fn with_addresses(addresses: &[&str]) -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let clock = VirtualClock::at(Timestamp::from_secs(START));
        let rng: Arc<dyn Rng> = Arc::new(SeededRng::new(11));
        let service = service_on(&dir.path().join("cloud.db"), Arc::new(clock.clone()), rng.clone()).await;
        let console = service.console();
        let reseller = NewReseller {
            name: name("広島商工会議所"),
            desk_phone: name("0120-000-000"),
            desk_hours: name("平日 9:00–18:00"),
        };
        let reseller = service.create_reseller(&console, reseller).await.unwrap();
        let addresses = NotifyAddresses::new(addresses.iter().map(|a| address(a)).collect()).unwrap();
        let customer = NewCustomer { reseller: reseller.id, name: name("竹原商店"), addresses };
        let customer = service.create_customer(&console, customer).await.unwrap();
        let gateway = NewGateway {
            customer: customer.id,
            serial: Serial::parse("c025a28b0a41").unwrap(),
            name: name("本店1階"),
        };
        let (gateway, secret) = service.create_gateway(&console, gateway).await.unwrap();
        let serial = gateway.serial.clone();
        service.enrol_gateway(&serial, secret.reveal(), "key-1").await.unwrap();
        let seq = std::sync::atomic::AtomicU64::new(0);
        Bench { service, clock, rng, reseller, customer, gateway, secret, dir, seq }
    }

    pub fn advance(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }

    pub async fn account(&self, login: &str, role: Role, belongs: Belongs) -> OneTimeSecret {
        let new = NewAccount {
            login: LoginName::parse(login).unwrap(),
            name: name("竹原 花子"),
            email: address("hanako@takehara.example"),
            role,
            belongs,
        };
        self.service.create_account(&self.service.console(), new).await.unwrap().1
    }

    /// A detection now, on KEIRI-PC.
    pub fn detection(&self, kind: DetectionKind) -> Detection {
        let now = self.service.now();
        let end = |ip: &str, port| Endpoint { ip: ip.parse().unwrap(), port: Some(port) };
        Detection {
            id: DetectionId::generate(now, &*self.rng),
            at: now,
            last_at: now,
            count: 1,
            kind,
            outcome: Outcome::Blocked,
            direction: TrafficDirection::Outbound,
            device: Device {
                mac: Some(MacAddress([0, 0x11, 0x22, 0x33, 0x44, 0x55])),
                ip: "192.168.1.23".parse().ok(),
                host_name: Some("KEIRI-PC".into()),
                maker: Some("富士通".into()),
            },
            source: end("192.168.1.23", 50_123),
            destination: end("203.0.113.9", 443),
            signature: None,
            host: Some("update-check.example".into()),
            url: None,
            file: None,
            reputation: (kind == DetectionKind::CommandAndControl)
                .then_some(Reputation { kind: ReputationKind::CommandAndControl, family: None }),
            app_proto: Some("tls".into()),
            from_zone: None,
            to_zone: None,
            flow_id: Some(1),
        }
    }

    pub async fn report(&self, detections: Vec<Detection>) -> Committed {
        let items = detections
            .into_iter()
            .map(|d| {
                let seq = self.seq.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
                (seq, ReportItem::Detection(Box::new(d)))
            })
            .collect();
        self.service.commit_reports(self.gateway.id, 1, items).await.unwrap()
    }
}
