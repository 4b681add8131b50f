//! The list of detections and one detection with its evidence.

use askama::Template;
use mimamori_base::{Timestamp, Zone};
use mimamori_domain::{AlertId, Detection, Outcome, TrafficDirection, jst};

use super::part::{Empty, Fact, FactGroup, Link, Moment, Pager, Tag};
use super::{Frame, wording};

/// One line of a list.
#[derive(Debug, Clone)]
pub struct Row {
    pub id: String,
    pub at: Moment,
    pub kind: &'static str,
    pub summary: String,
    pub device: String,
    pub gateway: String,
    pub remote: String,
    pub outcome: Tag,
}

impl Row {
    pub fn new(d: &Detection, gateway: &str, now: Timestamp) -> Self {
        Row {
            id: d.id.to_string(),
            at: Moment::at(d.last_at, now),
            kind: d.kind.label(),
            summary: wording::summary(d),
            device: d.device.display_name(),
            gateway: gateway.to_owned(),
            remote: wording::shortened(&d.peer_text()),
            outcome: d.outcome.into(),
        }
    }
}

/// One choice list of the filter form.
#[derive(Debug, Clone)]
pub struct Filter {
    pub name: &'static str,
    pub label: &'static str,
    pub options: Vec<FilterOption>,
}

#[derive(Debug, Clone)]
pub struct FilterOption {
    pub value: String,
    pub label: String,
    pub selected: bool,
}

#[derive(Debug, Template)]
#[template(path = "detections.html")]
pub struct ListPage {
    pub frame: Frame,
    pub filters: Vec<Filter>,
    pub query: String,
    pub filtered: bool,
    pub csv_href: String,
    pub count_text: String,
    /// How far a long list was looked through; `None`: all of it, or the page is full.
    pub so_far: Option<String>,
    pub detections: Vec<Row>,
    pub pager: Pager,
    pub empty: Empty,
}

#[derive(Debug, Template)]
#[template(path = "detection.html")]
pub struct DetailPage {
    pub frame: Frame,
    pub title: String,
    pub kind: &'static str,
    pub explanation: &'static str,
    pub outcome: Tag,
    pub alert: Option<Link>,
    pub groups: Vec<FactGroup>,
}

impl DetailPage {
    pub fn new(frame: Frame, d: &Detection, gateway: &str, alert: Option<AlertId>) -> Self {
        let verb = match d.outcome {
            Outcome::Blocked => "を検知し、止めました",
            Outcome::Neutralised => "を検知し、無害にしました",
            Outcome::Allowed => "を検知しました",
        };
        DetailPage {
            frame,
            title: format!("「{}」の{}{verb}", d.device.display_name(), d.kind.label()),
            kind: d.kind.label(),
            explanation: wording::kind(d.kind).explanation,
            outcome: d.outcome.into(),
            alert: alert.map(|id| Link::new(format!("/alerts/{id}"), "アラートを見る")),
            groups: [what(d), whose(d, gateway), file(d), signature(d)].into_iter().flatten().collect(),
        }
    }
}

fn what(d: &Detection) -> Option<FactGroup> {
    let mut facts = vec![Fact::new("日時", times(d)), Fact::new("対処", wording::outcome(d.outcome))];
    facts.push(Fact::new("通信の向き", d.direction.label()));
    if let Some(host) = &d.host {
        facts.push(Fact::mono("通信先の名前", host.as_str()));
    }
    if let Some(url) = &d.url {
        facts.push(Fact::mono("URL", url.as_str()));
    }
    facts.push(Fact::mono("送信元", d.source.to_string()));
    facts.push(Fact::mono("送信先", d.destination.to_string()));
    if let Some(proto) = &d.app_proto {
        facts.push(Fact::new("通信の種類", proto.to_uppercase()));
    }
    if let Some(reputation) = &d.reputation {
        let family = reputation.family.as_ref().map(|f| format!("（{f}）")).unwrap_or_default();
        facts.push(Fact::new("登録されている理由", format!("{}{family}", reputation.kind.label())));
    }
    Some(FactGroup { title: "通信の内容", facts })
}

fn times(d: &Detection) -> String {
    if d.count > 1 && d.last_at != d.at {
        format!(
            "{} から {} まで、{}回",
            jst::date_time(d.at),
            jst::time(d.last_at),
            jst::thousands(d.count.into())
        )
    } else {
        jst::date_time(d.at)
    }
}

fn whose(d: &Detection, gateway: &str) -> Option<FactGroup> {
    let mut facts = vec![Fact::new("機器", d.device.display_name())];
    if let Some(ip) = d.device.ip {
        facts.push(Fact::mono("IPアドレス", ip.to_string()));
    }
    if let Some(mac) = d.device.mac {
        facts.push(Fact::mono("MACアドレス", mac.to_string()));
    }
    if let Some(maker) = &d.device.maker {
        facts.push(Fact::new("メーカー", maker.as_str()));
    }
    facts.push(Fact::new("UTM装置", gateway));
    let zone = match d.direction {
        TrafficDirection::Inbound => d.to_zone,
        TrafficDirection::Outbound | TrafficDirection::Internal => d.from_zone,
    };
    if let Some(zone) = zone {
        facts.push(Fact::new("つながっている所", zone_name(zone)));
    }
    Some(FactGroup { title: "機器", facts })
}

pub const fn zone_name(zone: Zone) -> &'static str {
    match zone {
        Zone::Wan => "インターネット側",
        Zone::Lan => "社内LAN",
        Zone::PrimarySsid => "Wi-Fi（1つ目）",
        Zone::SecondarySsid => "Wi-Fi（2つ目）",
    }
}

fn file(d: &Detection) -> Option<FactGroup> {
    let file = d.file.as_ref()?;
    let mut facts = Vec::new();
    if let Some(name) = &file.name {
        facts.push(Fact::new("名前", name.as_str()));
    }
    if let Some(threat) = &file.threat_name {
        facts.push(Fact::new("見つかったもの", threat.as_str()));
    }
    if let Some(verdict) = file.verdict {
        facts.push(Fact::new("判定", verdict.label()));
    }
    if let Some(size) = file.size_bytes {
        facts.push(Fact::new("大きさ", format!("{}バイト", jst::thousands(size))));
    }
    if let Some(hash) = &file.sha256 {
        facts.push(Fact::mono("SHA-256", hash.as_str()));
    }
    if let Some(hash) = &file.md5 {
        facts.push(Fact::mono("MD5", hash.as_str()));
    }
    (!facts.is_empty()).then_some(FactGroup { title: "ファイル", facts })
}

fn signature(d: &Detection) -> Option<FactGroup> {
    let s = d.signature.as_ref()?;
    let mut facts =
        vec![Fact::new("名前", s.msg.as_str()), Fact::mono("番号", format!("{}:{}:{}", s.gid, s.sid, s.rev))];
    let optional = [
        ("分類", &s.class_type),
        ("深刻さ", &s.signature_severity),
        ("ウイルスの系統", &s.malware_family),
        ("攻撃の段階（MITRE）", &s.mitre_tactic),
        ("攻撃の手口（MITRE）", &s.mitre_technique),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            facts.push(Fact::new(name, value.as_str()));
        }
    }
    Some(FactGroup { title: "検知した規則", facts })
}
