//! Commits reports to a SQLite file until it is killed: the victim of `tests/crash.rs`.
//! Arguments: file, gateway id. Prints the cursor after each commit.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use mimamori_base::{Rng, SystemRng, Timestamp};
use mimamori_domain::{
    Detection, DetectionId, DetectionKind, Device, Endpoint, GatewayId, Outcome, Policy, TrafficDirection,
};
use mimamori_store::views::{CommitBatch, ReportItem};
use mimamori_store::{Scope, SqliteStore, Store as _};

fn detection(now: Timestamp, rng: &dyn Rng) -> Option<Detection> {
    let end = |ip: &str| Some(Endpoint { ip: ip.parse().ok()?, port: None });
    Some(Detection {
        id: DetectionId::generate(now, rng),
        at: now,
        last_at: now,
        count: 1,
        kind: DetectionKind::CommandAndControl,
        outcome: Outcome::Blocked,
        direction: TrafficDirection::Outbound,
        device: Device { ip: "192.168.1.2".parse().ok(), ..Device::default() },
        source: end("192.168.1.2")?,
        destination: end("203.0.113.1")?,
        signature: None,
        host: None,
        url: None,
        file: None,
        reputation: None,
        app_proto: None,
        from_zone: None,
        to_zone: None,
        flow_id: None,
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, file, gateway] = args.as_slice() else { return Err("usage: committer FILE GATEWAY".into()) };
    let gateway = GatewayId::parse(gateway)?;
    let store = SqliteStore::open(Path::new(file)).await?;
    let policy = Arc::new(Policy::builtin()?);
    let rng: Arc<dyn Rng> = Arc::new(SystemRng);
    let now = Timestamp::from_secs(1_795_496_700);
    let mut seq = store.cursor(Scope::system(), gateway).await?.seq;
    loop {
        let items = (0..10)
            .filter_map(|_| detection(now, &*rng))
            .map(|d| {
                seq += 1;
                (seq, ReportItem::Detection(Box::new(d)))
            })
            .collect();
        let batch = CommitBatch { gateway, epoch: 1, items, now };
        let done = store.commit(Scope::system(), batch, policy.clone(), rng.clone()).await?;
        println!("{}", done.cursor.seq);
        std::io::stdout().flush()?;
    }
}
