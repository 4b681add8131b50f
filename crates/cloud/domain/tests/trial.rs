//! A trial says of a policy what judging by it would have said.

use std::collections::BTreeMap;

use mimamori_base::{Rng as _, SeededRng, Timestamp};
use mimamori_domain::assess::Origin;
use mimamori_domain::policy::BUILTIN;
use mimamori_domain::{
    CustomerId, Detection, DetectionId, DetectionKind, Device, Endpoint, GatewayId, Outcome, Policy,
    Signature, Standing, StarRating, TrafficDirection, Trial, assess,
};

fn random(n: u64, rng: &SeededRng) -> Detection {
    let at = Timestamp::from_secs(1_795_496_700 + i64::try_from(n * 1_700).unwrap());
    let pick = |of: u64| usize::try_from(rng.next_u64() % of).unwrap();
    let kind = DetectionKind::ALL[pick(DetectionKind::ALL.len() as u64)];
    let end = |ip: &str| Endpoint { ip: ip.parse().unwrap(), port: Some(80) };
    Detection {
        id: DetectionId::generate(at, rng),
        at,
        last_at: at,
        count: 1,
        kind,
        outcome: Outcome::ALL[pick(3)],
        direction: TrafficDirection::ALL[pick(3)],
        device: Device { ip: format!("192.168.1.{}", pick(4)).parse().ok(), ..Device::default() },
        source: end("192.168.1.1"),
        destination: end("203.0.113.9"),
        signature: Some(Signature {
            sid: u32::try_from(pick(5)).unwrap(),
            severity: u8::try_from(pick(4)).unwrap(),
            msg: "X".into(),
            ..Signature::default()
        }),
        host: None,
        url: None,
        file: None,
        reputation: None,
        app_proto: None,
        from_zone: None,
        to_zone: None,
        flow_id: None,
    }
}

/// Judges one after the other, as the storing transaction does.
fn alerts_by(policy: &Policy, detections: &[Detection]) -> BTreeMap<StarRating, u64> {
    let mut standing = Standing::default();
    let mut alerts = Vec::new();
    for d in detections {
        let origin = Origin { customer: CustomerId([1; 16]), gateway: GatewayId([2; 16]), now: d.at };
        let kept =
            Standing { activity: standing.activity.clone(), alerts: alerts.clone(), ..Standing::default() };
        let changes = assess(
            policy,
            origin,
            std::slice::from_ref(d),
            kept,
            &SeededRng::new(1 + d.at.micros().unsigned_abs()),
        );
        for (key, kind, at) in &changes.activity {
            standing.activity.entry(key.clone()).or_default().note(*kind, *at);
        }
        for new in changes.updated {
            if let Some(old) = alerts.iter_mut().find(|a: &&mut mimamori_domain::Alert| a.id == new.id) {
                *old = new;
            }
        }
        alerts.extend(changes.raised);
    }
    let mut counts = BTreeMap::new();
    for alert in &alerts {
        *counts.entry(alert.rating).or_default() += 1;
    }
    counts
}

#[test]
fn a_trial_counts_the_alerts_that_judging_raises() {
    let shipped = Policy::builtin().unwrap();
    let milder = Policy::parse(&BUILTIN.replace("rating = \"two\"", "rating = \"one\"")).unwrap();
    let rng = SeededRng::new(7);
    let detections: Vec<_> = (0..400).map(|n| random(n, &rng)).collect();
    let mut trial = Trial::new(&shipped, &milder);
    for d in &detections {
        trial.feed(CustomerId([1; 16]), GatewayId([2; 16]), d);
    }
    let report = trial.finish();
    assert_eq!(report.detections, 400);
    assert_eq!(report.before, alerts_by(&shipped, &detections));
    assert_eq!(report.after, alerts_by(&milder, &detections));
    let fell =
        report.changes.iter().find(|c| (c.from, c.to) == (Some(StarRating::Two), Some(StarRating::One)));
    assert!(fell.is_some_and(|c| c.count > 0 && !c.examples.is_empty()), "{:?}", report.changes);
}

#[test]
fn the_same_policy_changes_nothing() {
    let shipped = Policy::builtin().unwrap();
    let rng = SeededRng::new(8);
    let mut trial = Trial::new(&shipped, &shipped);
    for n in 0..300 {
        let customer = CustomerId([u8::from(n >= 150); 16]);
        trial.feed(customer, GatewayId([2; 16]), &random(n, &rng));
    }
    let report = trial.finish();
    assert_eq!((report.customers, report.changes.len()), (2, 0));
    assert_eq!(report.before, report.after);
}
