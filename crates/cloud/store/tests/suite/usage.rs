//! Use, depth of inspection, devices.

use std::sync::Arc;

use mimamori_base::Timestamp;
use mimamori_domain::detection::MacAddress;
use mimamori_domain::gateway::SeenDevice;
use mimamori_domain::usage::{DeviceInspection, DeviceUse, Inspected, InspectionLine, UseLine, UseSubject};
use mimamori_domain::{Device, Heartbeat, Period};
use mimamori_store::views::{InspectionBy, ReportItem, UsageBy, UsageFilter};
use mimamori_store::{Scope, Store};

use super::fixture::{START, SYSTEM, World, at};

fn device(n: u8) -> Device {
    Device { mac: Some(MacAddress([0, 0x0b, 0x5d, 0, 0, n])), ..Device::default() }
}

fn used(n: u8, secs: i64, subject: UseSubject, item: &str, up: u64) -> ReportItem {
    let line = UseLine {
        subject,
        item: item.into(),
        title: format!("{item}の名").as_str().into(),
        kind: "mail".into(),
        flows: 1,
        bytes_up: up,
        bytes_down: 10 * up,
    };
    ReportItem::Use(Box::new(DeviceUse {
        hour: at(secs),
        device: device(n),
        lines: vec![line.clone(), line],
    }))
}

fn filter(w: &World, i: usize, subject: UseSubject) -> UsageFilter {
    UsageFilter {
        customer: w.customers[i],
        period: Period { from: at(-7_200), to: at(7_200) },
        subject,
        gateway: None,
        device: None,
        item: None,
    }
}

pub async fn sums_add_up_once_and_are_grouped(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let app = UseSubject::Application;
    let items = vec![
        (1, used(1, 0, app, "gmail", 5)),
        (2, used(2, 0, app, "gmail", 100)),
        (3, used(1, 3_600, app, "zoom", 7)),
        (4, used(1, 0, UseSubject::WebCategory, "webmail", 5)),
    ];
    w.commit(0, 1, items.clone(), 4_000).await.unwrap();
    // Sent again after a lost answer, and a later part of the same hour.
    assert_eq!(w.commit(0, 1, items, 4_000).await.unwrap().duplicates, 4);
    w.commit(0, 1, vec![(5, used(1, 0, app, "gmail", 1))], 4_000).await.unwrap();
    let f = filter(&w, 0, app);
    let by_item = store.usage(SYSTEM, f.clone(), UsageBy::Item).await.unwrap();
    let first = &by_item[0];
    assert_eq!((first.label.as_str(), first.title.as_str()), ("gmail", "gmailの名"));
    assert_eq!((first.bytes_up, first.bytes_down, first.flows, first.devices), (212, 2_120, 6, 2));
    assert_eq!(by_item[1].label.as_str(), "zoom");
    assert_eq!(store.usage(SYSTEM, f.clone(), UsageBy::Hour).await.unwrap().len(), 2);
    assert_eq!(store.usage(SYSTEM, f.clone(), UsageBy::Kind).await.unwrap().len(), 1);
    let one = UsageFilter { device: Some(device(1).key()), ..f.clone() };
    let by_device = store.usage(SYSTEM, one, UsageBy::Device).await.unwrap();
    assert_eq!((by_device.len(), by_device[0].bytes_up), (1, 26));
    let zoom = UsageFilter { item: Some("zoom".into()), ..f };
    assert_eq!(store.usage(SYSTEM, zoom, UsageBy::Device).await.unwrap()[0].bytes_up, 14);
    let web = store.usage(SYSTEM, filter(&w, 0, UseSubject::WebCategory), UsageBy::Item).await.unwrap();
    assert_eq!(web.len(), 1);
    const { assert!(START % 3_600 != 0, "hours are cut") };
}

pub async fn another_tenant_sees_nothing_of_it(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let depth = DeviceInspection {
        hour: at(0),
        device: device(1),
        lines: vec![
            InspectionLine { how: Inspected::Tls, flows: 2, bytes: 900 },
            InspectionLine { how: Inspected::Tunnel, flows: 1, bytes: 100 },
        ],
    };
    let items = vec![
        (1, ReportItem::Inspection(Box::new(depth.clone()))),
        (2, ReportItem::Inspection(Box::new(depth))),
        (3, used(1, 0, UseSubject::Application, "gmail", 5)),
    ];
    w.commit(0, 1, items, 10).await.unwrap();
    let f = filter(&w, 0, UseSubject::Application);
    let (own, other) = (Scope::customer(w.customers[0]), Scope::customer(w.customers[1]));
    let sums = store.inspection(own, f.clone(), InspectionBy::Whole).await.unwrap();
    assert_eq!(
        sums.iter().map(|s| (s.how, s.bytes)).collect::<Vec<_>>(),
        [(Inspected::Tls, 1_800), (Inspected::Tunnel, 200)]
    );
    let by_device = store.inspection(own, f.clone(), InspectionBy::Device).await.unwrap();
    assert!(by_device.iter().all(|s| s.device == device(1).key()));
    assert!(store.inspection(other, f.clone(), InspectionBy::Whole).await.unwrap().is_empty());
    assert!(store.inspection(other, f.clone(), InspectionBy::Day).await.unwrap().is_empty());
    assert!(store.usage(other, f.clone(), UsageBy::Item).await.unwrap().is_empty());
    assert_eq!(store.usage(own, f, UsageBy::Item).await.unwrap().len(), 1);
}

/// Days are Japanese ones: the last hour of one and the first of the next lie in different sums.
pub async fn depth_is_summed_by_hour_and_by_japanese_day(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let midnight = mimamori_domain::jst::JstDay::of(at(0)).start();
    let hours = [-1, 0, 1].map(|h| Timestamp(midnight.micros() + h * 3_600_000_000));
    let lines = vec![InspectionLine { how: Inspected::Quic, flows: 1, bytes: 10 }];
    let items = hours.iter().zip(1..).map(|(hour, seq)| {
        let depth = DeviceInspection { hour: *hour, device: device(1), lines: lines.clone() };
        (seq, ReportItem::Inspection(Box::new(depth)))
    });
    w.commit(0, 1, items.collect(), 86_400).await.unwrap();
    let mut f = filter(&w, 0, UseSubject::Application);
    f.period = Period { from: hours[0], to: at(86_400) };
    let own = Scope::customer(w.customers[0]);
    let sums = |by| {
        let (store, f) = (store.clone(), f.clone());
        async move {
            let mut sums: Vec<_> =
                store.inspection(own, f, by).await.unwrap().iter().map(|s| (s.at, s.bytes)).collect();
            sums.sort();
            sums
        }
    };
    assert_eq!(sums(InspectionBy::Hour).await, hours.map(|h| (h, 10)));
    let before = Timestamp(midnight.micros() - 86_400_000_000);
    assert_eq!(sums(InspectionBy::Day).await, [(before, 10), (midnight, 20)]);
}

pub async fn devices_keep_their_first_sight(store: Arc<dyn Store>) {
    let w = World::new(store.clone()).await;
    let seen = |n: u8, first: i64, last: i64| SeenDevice {
        device: Device { host_name: Some(format!("PC-{last}").as_str().into()), ..device(n) },
        first_seen: at(first),
        last_seen: at(last),
    };
    let beat = |devices: Vec<SeenDevice>| Heartbeat { devices, ..Heartbeat::default() };
    let gateway = w.gateways[0];
    store.heartbeat(SYSTEM, gateway, beat(vec![seen(1, 0, 10), seen(2, 5, 9)]), at(10)).await.unwrap();
    // After its restart the gateway begins anew; the next hour's first heartbeat writes devices down.
    store.heartbeat(SYSTEM, gateway, beat(vec![seen(1, 3_700, 3_800)]), at(3_800)).await.unwrap();
    let own = Scope::customer(w.customers[0]);
    let devices = store.devices(own, w.customers[0]).await.unwrap();
    assert_eq!(devices.len(), 2);
    let first = &devices[0].seen;
    assert_eq!((first.first_seen, first.last_seen), (at(0), at(3_800)));
    assert_eq!(first.device.host_name.as_deref(), Some("PC-3800"));
    let other = Scope::customer(w.customers[1]);
    assert!(store.devices(other, w.customers[0]).await.unwrap().is_empty());
}
