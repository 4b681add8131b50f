//! Ratings per second on one thread: `cargo bench -p mimamori-domain --bench ratings`.
//!
//! Beside each figure, in the same run and of the same detections: reading them from the JSON in
//! which they are stored.

use std::time::{Duration, Instant};

use mimamori_base::{Rng as _, SeededRng, Timestamp};
use mimamori_domain::assess::Origin;
use mimamori_domain::policy::BUILTIN;
use mimamori_domain::{
    CustomerId, Detection, DetectionId, DetectionKind, Device, Endpoint, GatewayId, Outcome, Policy,
    Signature, Standing, TrafficDirection, Trial, assess,
};

const DETECTIONS: u64 = 20_000;
const RUN: Duration = Duration::from_secs(3);

/// Of all kinds, on 50 devices, some minutes apart.
fn detection(n: u64, rng: &SeededRng) -> Detection {
    let at = Timestamp::from_secs(1_795_496_700 + i64::try_from(n * 170).unwrap_or(0));
    let pick = |of: u64| usize::try_from(rng.next_u64() % of).unwrap_or(0);
    let end = |ip: &str| Endpoint { ip: ip.parse().unwrap(), port: Some(443) };
    Detection {
        id: DetectionId::generate(at, rng),
        at,
        last_at: at,
        count: 1,
        kind: DetectionKind::ALL[pick(DetectionKind::ALL.len() as u64)],
        outcome: Outcome::ALL[pick(Outcome::ALL.len() as u64)],
        direction: TrafficDirection::ALL[pick(TrafficDirection::ALL.len() as u64)],
        device: Device {
            ip: format!("192.168.1.{}", 10 + pick(50)).parse().ok(),
            host_name: Some("KEIRI-PC".into()),
            ..Device::default()
        },
        source: end("192.168.1.23"),
        destination: end("203.0.113.9"),
        signature: Some(Signature {
            sid: u32::try_from(2_000_000 + pick(400)).unwrap_or(0),
            severity: u8::try_from(1 + pick(3)).unwrap_or(1),
            msg: "ET MALWARE Generic checkin".into(),
            class_type: Some("trojan-activity".into()),
            signature_severity: Some("Major".into()),
            ..Signature::default()
        }),
        host: Some("update-check.example".into()),
        url: None,
        file: None,
        reputation: None,
        app_proto: Some("tls".into()),
        from_zone: None,
        to_zone: None,
        flow_id: Some(n),
    }
}

/// Passes over all detections until the time is over; how many were done a second.
fn per_second(mut pass: impl FnMut()) -> f64 {
    let begun = Instant::now();
    let mut passes = 0u64;
    while begun.elapsed() < RUN {
        pass();
        passes += 1;
    }
    (passes * DETECTIONS) as f64 / begun.elapsed().as_secs_f64()
}

fn main() {
    let rng = SeededRng::new(1);
    let detections: Vec<Detection> = (0..DETECTIONS).map(|n| detection(n, &rng)).collect();
    let stored: Vec<String> = detections.iter().map(|d| serde_json::to_string(d).unwrap()).collect();
    let policy = Policy::builtin().unwrap();
    let tried = Policy::parse(&BUILTIN.replace("rating = \"one\"", "rating = \"two\"")).unwrap();
    let (customer, gateway) = (CustomerId([1; 16]), GatewayId([2; 16]));

    let read = per_second(|| {
        for json in &stored {
            let d: Detection = serde_json::from_str(json).unwrap();
            std::hint::black_box(&d);
        }
    });
    let rated = per_second(|| {
        for batch in detections.chunks(20) {
            let origin = Origin { customer, gateway, now: batch[0].at };
            let changes = assess(&policy, origin, batch, Standing::default(), &rng);
            std::hint::black_box(&changes);
        }
    });
    let on_trial = per_second(|| {
        let mut trial = Trial::new(&policy, &tried);
        for d in &detections {
            trial.feed(customer, gateway, d);
        }
        std::hint::black_box(trial.finish());
    });
    println!("{DETECTIONS} detections, one thread\n");
    println!("| what | detections/s | beside reading |\n| --- | --- | --- |");
    for (what, n) in [
        ("read from the stored JSON", read),
        ("rated and grouped into alerts, 20 a batch", rated),
        ("a policy tried against the one in force", on_trial),
    ] {
        println!("| {what} | {n:.0} | {:.2} × |", n / read);
    }
}
