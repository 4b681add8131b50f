//! Sample pages of use, devices and the depth of inspection, for the gallery.

use askama::Template;
use mimamori_base::Timestamp;
use mimamori_domain::detection::MacAddress;
use mimamori_domain::gateway::SeenDevice;
use mimamori_domain::usage::{Inspected, UseSubject};
use mimamori_domain::{CustomerId, Device, DeviceKey, GatewayId, Period};
use mimamori_service::views::{DeviceView, InspectionSum, UsageFilter, UsageSum};
use mimamori_web::view::Frame;
use mimamori_web::view::depth::{InspectionPage, Sums};
use mimamori_web::view::usage::{DepthFigure, DevicesPage, UsagePage};

fn devices(now: Timestamp) -> Vec<DeviceView> {
    let device = |name: Option<&str>, last: u8, maker: &str| {
        let device = Device {
            mac: Some(MacAddress([0, 0x0b, 0x5d, 0, 0, last])),
            ip: format!("192.168.1.{last}").parse().ok(),
            host_name: name.map(Into::into),
            maker: Some(maker.into()),
        };
        let hours = |n: i64| Timestamp::from_secs(now.secs() - n * 3_600);
        DeviceView {
            gateway: GatewayId([1; 16]),
            key: device.key(),
            seen: SeenDevice { device, first_seen: hours(300), last_seen: hours(i64::from(last % 5)) },
        }
    };
    vec![
        device(Some("KEIRI-PC"), 23, "富士通"),
        device(Some("EIGYO-01"), 31, "HP"),
        device(None, 57, "リコー"),
    ]
}

fn sum(label: &str, title: &str, kind: &str, mb: u64, devices: u64) -> UsageSum {
    UsageSum {
        label: label.into(),
        title: title.into(),
        kind: kind.into(),
        hour: Timestamp::EPOCH,
        devices,
        flows: mb * 3 + 1,
        bytes_up: mb * 90_000,
        bytes_down: mb * 910_000,
    }
}

fn page(frame: Frame, subject: UseSubject, now: Timestamp, filled: bool) -> String {
    let filter = UsageFilter {
        customer: CustomerId([2; 16]),
        period: Period::last_days(1, now),
        subject,
        gateway: None,
        device: None,
        item: None,
    };
    let items = match subject {
        UseSubject::Application => vec![
            sum("microsoft-teams", "Microsoft Teams", "meeting", 812, 12),
            sum("youtube", "YouTube", "video", 640, 5),
            sum("microsoft-365", "Microsoft 365", "business", 210, 14),
            sum("dns", "DNS", "names", 3, 17),
            sum("unknown", "不明な通信", "other", 1, 2),
        ],
        UseSubject::WebCategory => vec![
            sum("audio-video", "音楽・動画", "", 655, 6),
            sum("business", "業務サービス", "", 230, 14),
            sum("uncategorised", "分類なし", "", 40, 9),
        ],
    };
    let kinds = match subject {
        UseSubject::Application => {
            vec![sum("meeting", "", "meeting", 812, 12), sum("video", "", "video", 640, 5)]
        }
        UseSubject::WebCategory => Vec::new(),
    };
    let devices = devices(now);
    let by_device: Vec<UsageSum> =
        devices.iter().zip([700, 300, 4]).map(|(d, mb)| sum(&d.key.0, "", "", mb, 1)).collect();
    let by_hour: Vec<UsageSum> = (0..8)
        .map(|h| UsageSum {
            hour: Timestamp::from_secs((now.secs() / 3_600 - h) * 3_600),
            ..sum("", "", "", 40 + u64::try_from(h).unwrap_or(0) * 30 % 170, 3)
        })
        .collect();
    let link = |device: Option<&str>, item: Option<&str>| {
        format!("/usage?device={}&item={}", device.unwrap_or(""), item.unwrap_or(""))
    };
    let none: &[UsageSum] = &[];
    let view = UsagePage::new(frame, subject, 1, &filter, &devices, &link);
    let view = if filled {
        view.sums(&items, &kinds, &by_device, &by_hour, now)
    } else {
        view.sums(none, none, none, none, now)
    };
    view.render().expect("renders")
}

/// The pages by name.
pub fn pages(frame: impl Fn(&str) -> Frame, now: Timestamp) -> Vec<(&'static str, String)> {
    vec![
        ("usage-apps", page(frame("/usage/apps"), UseSubject::Application, now, true)),
        ("usage-web", page(frame("/usage/apps"), UseSubject::WebCategory, now, true)),
        ("usage-empty", page(frame("/usage/apps"), UseSubject::Application, now, false)),
        ("inspection", inspection(frame("/usage/apps"), now, 1)),
        ("inspection-days", inspection(frame("/usage/apps"), now, 30)),
        (
            "devices",
            DevicesPage::new(frame("/usage/apps"), &devices(now), &[], 0, now).render().expect("renders"),
        ),
    ]
}

const DEPTHS: [(Inspected, u64); 8] = [
    (Inspected::Tls, 1_800_000_000),
    (Inspected::Fully, 700_000_000),
    (Inspected::Quic, 640_000_000),
    (Inspected::PastDepth, 210_000_000),
    (Inspected::Tunnel, 120_000_000),
    (Inspected::UnknownProtocol, 9_000_000),
    (Inspected::ArchivePassword, 1_200_000),
    (Inspected::EncryptedDns, 300_000),
];

fn depth_sum(how: Inspected, device: &str, at: Timestamp, bytes: u64) -> InspectionSum {
    InspectionSum { how, device: DeviceKey(device.to_owned()), at, flows: bytes / 9_000, bytes }
}

/// How deep the traffic of a gateway was looked into.
pub fn depth(now: Timestamp) -> DepthFigure {
    let sums: Vec<_> = DEPTHS.map(|(how, bytes)| depth_sum(how, "", Timestamp::EPOCH, bytes)).into();
    let key = "mac:00:0b:5d:00:00:17";
    let by_device: Vec<_> = DEPTHS.map(|(how, bytes)| depth_sum(how, key, Timestamp::EPOCH, bytes)).into();
    DepthFigure::new(&sums, &by_device, &devices(now))
}

fn inspection(frame: Frame, now: Timestamp, days: u16) -> String {
    let whole: Vec<_> = DEPTHS.map(|(how, bytes)| depth_sum(how, "", Timestamp::EPOCH, bytes)).into();
    let step = if days == 1 { 3_600 } else { 86_400 };
    let by_time: Vec<_> = (0..8u8)
        .flat_map(|n| {
            let at = Timestamp::from_secs((now.secs() / step - i64::from(n)) * step);
            DEPTHS.map(|(how, bytes)| depth_sum(how, "", at, bytes / 9 / (u64::from(n) % 3 + 1)))
        })
        .collect();
    let devices = devices(now);
    let by_device: Vec<_> = devices
        .iter()
        .zip(1..)
        .flat_map(|(d, n)| DEPTHS.map(|(how, bytes)| depth_sum(how, &d.key.0, Timestamp::EPOCH, bytes / n)))
        .collect();
    let sums = Sums { whole: &whole, by_time: &by_time, by_device: &by_device };
    InspectionPage::new(frame, Vec::new(), days, sums, &devices, now).render().expect("renders")
}
