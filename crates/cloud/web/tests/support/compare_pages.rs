//! Sample pages of the comparison and of one device, for the gallery.

use std::collections::BTreeMap;

use askama::Template;
use mimamori_base::Timestamp;
use mimamori_domain::comparison::{Cell, Cells, Measure, SizeClass};
use mimamori_domain::jst::JstDay;
use mimamori_domain::usage::Inspected;
use mimamori_domain::{Alert, Detection, DetectionKind, Gateway, GatewayId, Name, Period};
use mimamori_service::views::{AlertView, DetectionView, DeviceView, GatewayView, InspectionSum, UsageSum};
use mimamori_service::{Comparison, DeviceSummary, GatewayCounts, Span};
use mimamori_web::view::compare::{Chosen, Page, Per};
use mimamori_web::view::{Frame, device};

/// Numbers as a middling month has them.
const MONTH: [(Measure, u64, [u64; 4]); 6] = [
    (Measure::Detections, 1_257, [160_000, 42_000, 98_000, 190_000]),
    (Measure::Alerts, 4, [530, 100, 300, 700]),
    (Measure::Kind(DetectionKind::Scan), 1_234, [150_000, 40_000, 92_000, 180_000]),
    (Measure::Kind(DetectionKind::Phishing), 14, [1_100, 200, 600, 1_400]),
    (Measure::Kind(DetectionKind::MalwareFile), 3, [410, 0, 200, 500]),
    (Measure::Kind(DetectionKind::CommandAndControl), 6, [120, 0, 0, 100]),
];

pub fn comparison(now: Timestamp, enough: bool) -> Comparison {
    let until = JstDay::of(now).plus(-1);
    let cells = || {
        let of: BTreeMap<String, Cell> =
            MONTH.iter().map(|(m, _, cell)| (m.code().to_owned(), Cell::from(*cell))).collect();
        enough.then(|| Cells { companies: 120, per_company: of.clone(), per_gateway: of })
    };
    let shares = [("本店1階", 60), ("倉庫", 30), ("駅前店<b>を含む", 10)];
    let gateways = shares.map(|(name, share)| GatewayCounts {
        gateway: GatewayId([share as u8; 16]),
        name: Name::parse(name).expect("a name"),
        counts: MONTH.iter().map(|(m, n, _)| (*m, n * share / 100)).collect(),
    });
    Comparison {
        span: Span { from: until.plus(-29), until },
        choice: Span { from: until.plus(-89), until },
        gateways: if enough { gateways.to_vec() } else { gateways[..1].to_vec() },
        own: MONTH.iter().map(|(m, n, _)| (*m, *n)).collect(),
        everyone: cells(),
        alike: cells(),
        class: SizeClass::UpTo29,
    }
}

pub fn pages(frame: fn(&str) -> Frame, now: Timestamp) -> Vec<(&'static str, String)> {
    let chosen = |per, alike| Chosen { per, alike };
    let page = |enough, chosen| {
        Page::new(frame("/compare"), &comparison(now, enough), chosen).render().expect("renders")
    };
    vec![
        ("compare", page(true, chosen(Per::Company, false))),
        ("compare-alike", page(true, chosen(Per::Gateway, true))),
        ("compare-empty", page(false, chosen(Per::Company, false))),
    ]
}

/// One device with everything, and one with nothing.
pub fn device_pages(
    frame: fn(&str) -> Frame,
    now: Timestamp,
    (gateway, device): (Gateway, DeviceView),
    detections: &[Detection],
    alerts: &[Alert],
) -> Vec<(&'static str, String)> {
    let name = Name::parse("本店1階").expect("a name");
    let view = GatewayView { gateway: gateway.clone(), customer_name: name.clone(), heartbeat: None };
    let used = |label: &str, title: &str, mb: u64| UsageSum {
        label: label.into(),
        title: title.into(),
        kind: "video".into(),
        hour: now,
        devices: 1,
        flows: mb,
        bytes_up: mb * 90_000,
        bytes_down: mb * 910_000,
    };
    let full = DeviceSummary {
        device: device.clone(),
        gateway: view.clone(),
        period: Period::last_days(30, now),
        detections: detections
            .iter()
            .map(|d| DetectionView {
                detection: d.clone(),
                customer: gateway.customer,
                gateway: gateway.id,
                gateway_name: name.clone(),
                received_at: now,
                alert: None,
            })
            .collect(),
        more_detections: true,
        alerts: alerts
            .iter()
            .map(|a| AlertView { alert: a.clone(), gateway_name: name.clone(), customer_name: name.clone() })
            .collect(),
        applications: vec![used("teams", "Microsoft Teams", 812), used("youtube", "YouTube", 640)],
        web: vec![used("news", "ニュース", 120), used("shopping", "買い物", 44)],
        inspection: vec![
            InspectionSum {
                how: Inspected::ALL[0],
                device: device.key.clone(),
                at: Timestamp::EPOCH,
                flows: 10,
                bytes: 8_000_000,
            },
            InspectionSum {
                how: *Inspected::ALL.last().expect("some"),
                device: device.key.clone(),
                at: Timestamp::EPOCH,
                flows: 3,
                bytes: 1_000_000,
            },
        ],
    };
    let bare = DeviceSummary {
        detections: vec![],
        more_detections: false,
        alerts: vec![],
        applications: vec![],
        web: vec![],
        inspection: vec![],
        ..full.clone()
    };
    let page =
        |d: &DeviceSummary| device::Page::new(frame("/usage/apps"), d, 30, now).render().expect("renders");
    vec![("device", page(&full)), ("device-empty", page(&bare))]
}
