//! Two resellers, two customers, a gateway each; and detections to report.

use std::sync::Arc;

use mimamori_base::{Rng, SeededRng, Timestamp};
use mimamori_domain::account::Belongs;
use mimamori_domain::detection::MacAddress;
use mimamori_domain::{
    Account, AccountId, Customer, CustomerId, Detection, DetectionId, DetectionKind, Device, EmailAddress,
    Endpoint, Gateway, GatewayId, GatewayState, LoginName, Name, NotifyAddresses, Outcome, Policy, Reseller,
    ResellerId, Role, Serial, TrafficDirection,
};
use mimamori_store::views::{CommitBatch, Committed, ReportItem};
use mimamori_store::{Result, Scope, Store};

pub const START: i64 = 1_795_496_700;
pub const SYSTEM: Scope = Scope::system();

/// A point in time, in seconds after the start of the tests.
pub fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(START + secs)
}

pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub struct World {
    pub store: Arc<dyn Store>,
    pub rng: Arc<dyn Rng>,
    pub policy: Arc<Policy>,
    pub resellers: [ResellerId; 2],
    pub customers: [CustomerId; 2],
    pub gateways: [GatewayId; 2],
}

impl World {
    pub async fn new(store: Arc<dyn Store>) -> World {
        let rng: Arc<dyn Rng> = Arc::new(SeededRng::new(42));
        let mut world = World {
            store,
            policy: Arc::new(Policy::builtin().unwrap()),
            resellers: [0, 1].map(|_| ResellerId::generate(at(0), &*rng)),
            customers: [0, 1].map(|_| CustomerId::generate(at(0), &*rng)),
            gateways: [0, 1].map(|_| GatewayId::generate(at(0), &*rng)),
            rng,
        };
        for i in 0..2 {
            world.create(i).await;
        }
        world
    }

    async fn create(&mut self, i: usize) {
        let reseller = Reseller {
            id: self.resellers[i],
            name: name(&format!("再販{i}")),
            desk_phone: name("0120-000-000"),
            desk_hours: name("平日 9:00–18:00"),
            created_at: at(0),
        };
        let addresses = vec![EmailAddress::parse(&format!("kanri{i}@customer.example")).unwrap()];
        let customer = Customer {
            id: self.customers[i],
            reseller: self.resellers[i],
            name: name(&format!("商店{i}")),
            addresses: NotifyAddresses::new(addresses).unwrap(),
            created_at: at(0),
        };
        self.store.create_reseller(SYSTEM, reseller).await.unwrap();
        self.store.create_customer(SYSTEM, customer).await.unwrap();
        let gateway = self.gateway(i, &format!("MG-000{i}"));
        self.store.create_gateway(SYSTEM, gateway, [i as u8; 32]).await.unwrap();
        let enrolled = self.store.enrol(SYSTEM, self.gateways[i], [i as u8; 32], "aa".to_owned(), at(0));
        enrolled.await.unwrap();
    }

    pub fn gateway(&self, i: usize, serial: &str) -> Gateway {
        Gateway {
            id: self.gateways[i],
            customer: self.customers[i],
            serial: Serial::parse(serial).unwrap(),
            name: name(&format!("本店{i}")),
            state: GatewayState::Prepared { secret_expires: at(1_000) },
            last_seen: None,
            created_at: at(0),
        }
    }

    pub fn account(&self, i: usize, login: &str) -> Account {
        Account {
            id: AccountId::generate(at(0), &*self.rng),
            login: LoginName::parse(login).unwrap(),
            name: name("竹原"),
            email: EmailAddress::parse("a@customer.example").unwrap(),
            role: Role::CustomerAdmin,
            belongs: Belongs::Customer(self.customers[i]),
            created_at: at(0),
            must_change_password: false,
            second_factor: mimamori_domain::SecondFactor::Undecided,
        }
    }

    pub fn detection(&self, kind: DetectionKind, secs: i64) -> Detection {
        let end = |ip: &str, port| Endpoint { ip: ip.parse().unwrap(), port: Some(port) };
        Detection {
            id: DetectionId::generate(at(secs), &*self.rng),
            at: at(secs),
            last_at: at(secs),
            count: 1,
            kind,
            outcome: Outcome::Blocked,
            direction: TrafficDirection::Outbound,
            device: Device {
                mac: Some(MacAddress([2, 0, 0, 0, 0, 1])),
                ip: "192.168.1.23".parse().ok(),
                host_name: Some("KEIRI-PC".into()),
                maker: None,
            },
            source: end("192.168.1.23", 50_000),
            destination: end("203.0.113.9", 443),
            signature: None,
            host: Some("update-check.example".into()),
            url: None,
            file: None,
            reputation: None,
            app_proto: Some("tls".into()),
            from_zone: None,
            to_zone: None,
            flow_id: Some(7),
        }
    }

    /// Reports of gateway `i`, numbered from `first`.
    pub async fn report(
        &self,
        i: usize,
        first: u64,
        secs: i64,
        detections: Vec<Detection>,
    ) -> Result<Committed> {
        let items =
            (first..).zip(detections).map(|(seq, d)| (seq, ReportItem::Detection(Box::new(d)))).collect();
        self.commit(i, 1, items, secs).await
    }

    pub async fn commit(
        &self,
        i: usize,
        epoch: u64,
        items: Vec<(u64, ReportItem)>,
        secs: i64,
    ) -> Result<Committed> {
        let batch = CommitBatch { gateway: self.gateways[i], epoch, items, now: at(secs) };
        self.store.commit(SYSTEM, batch, self.policy.clone(), self.rng.clone()).await
    }
}
