//! One device: who it is, what was found, what it used, how deep it could be looked into.

use askama::Template;
use mimamori_base::Timestamp;
use mimamori_service::DeviceSummary;

use super::part::{Choice, Fact, Moment};
use super::usage::{DepthFigure, Row, device_name, item_rows};
use super::{Frame, alert, detection};

/// Applications, and kinds of sites, that are shown.
const USE_ROWS: usize = 8;

#[derive(Debug, Template)]
#[template(path = "device.html")]
pub struct Page {
    pub frame: Frame,
    pub name: String,
    pub gateway: String,
    pub gateway_href: String,
    pub periods: Vec<Choice>,
    pub period_words: String,
    pub facts: Vec<Fact>,
    pub first: Moment,
    pub last: Moment,
    /// What is to be done, in one sentence.
    pub sentence: String,
    pub alerts: Vec<alert::Card>,
    pub detections: Vec<detection::Row>,
    /// All of them; `None`: these are all.
    pub more_href: Option<String>,
    pub applications: Vec<Row>,
    pub web: Vec<Row>,
    pub apps_href: String,
    pub web_href: String,
    pub depth: DepthFigure,
}

/// The address of a device's page.
pub fn href(gateway: impl std::fmt::Display, key: &str) -> String {
    format!("/devices/{gateway}/{}", crate::query::escape(key))
}

impl Page {
    pub fn new(frame: Frame, d: &DeviceSummary, days: u16, now: Timestamp) -> Self {
        let device = &d.device.seen.device;
        let key = &d.device.key.0;
        let (gateway, escaped) = (d.device.gateway, crate::query::escape(key));
        let open = d.alerts.iter().filter(|a| a.alert.state.is_open()).count();
        let sentence = match (open, d.detections.is_empty()) {
            (0, true) => "この機器で問題は見つかっていません。".to_owned(),
            (0, false) => "対応が必要なアラートはありません。検知の記録は下にあります。".to_owned(),
            (n, _) => format!("確認していただきたいアラートが{n}件あります。下から進めてください。"),
        };
        let used = format!("days={days}&gateway={gateway}&device={escaped}");
        Page {
            frame,
            name: device_name(device),
            gateway: d.gateway.gateway.name.to_string(),
            gateway_href: format!("/gateways/{gateway}"),
            periods: [(1, "今日"), (7, "7日間"), (30, "30日間"), (90, "90日間")]
                .map(|(n, label)| Choice {
                    href: format!("{}?days={n}", href(gateway, key)),
                    label: label.to_owned(),
                    current: n == days,
                })
                .to_vec(),
            period_words: if days == 1 { "今日".to_owned() } else { format!("直近{days}日間") },
            facts: facts(d),
            first: Moment::at(d.device.seen.first_seen, now),
            last: Moment::at(d.device.seen.last_seen, now),
            sentence,
            alerts: d.alerts.iter().map(|a| alert::Card::new(&a.alert, &a.gateway_name, now)).collect(),
            detections: d
                .detections
                .iter()
                .map(|row| detection::Row::new(&row.detection, &row.gateway_name, now))
                .collect(),
            more_href: d.more_detections.then(|| format!("/detections?{used}")),
            applications: item_rows(&d.applications, USE_ROWS),
            web: item_rows(&d.web, USE_ROWS),
            apps_href: format!("/usage/apps?{used}"),
            web_href: format!("/usage/web?{used}"),
            depth: DepthFigure::new(&d.inspection, &[], &[]),
        }
    }
}

fn facts(d: &DeviceSummary) -> Vec<Fact> {
    let device = &d.device.seen.device;
    let mut facts = Vec::new();
    if let Some(ip) = device.ip {
        facts.push(Fact::mono("IPアドレス", ip.to_string()));
    }
    if let Some(mac) = device.mac {
        facts.push(Fact::mono("MACアドレス", mac.to_string()));
    }
    if let Some(maker) = &device.maker {
        facts.push(Fact::new("メーカー", maker.as_str()));
    }
    facts
}
