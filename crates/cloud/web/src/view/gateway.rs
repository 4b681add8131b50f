//! The list of UTM devices and one of them.

use askama::Template;
use mimamori_base::Timestamp;
use mimamori_domain::gateway::SeenDevice;
use mimamori_domain::{Gateway, GatewayState, Heartbeat, jst};

use super::chart::{self, Heard};
use super::part::{Fact, FactGroup, Tag};
use super::usage::DepthFigure;
use super::{Frame, detection};

/// Blocks of the uptime bar: the hours of the last day.
pub const UPTIME_HOURS: usize = 24;
const HOUR_US: i64 = 3_600_000_000;

/// Heartbeats that arrived in the hour that begins at `hour`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beats {
    pub hour: Timestamp,
    pub count: u32,
}

/// A gateway in a list.
#[derive(Debug, Clone)]
pub struct Card {
    pub id: String,
    pub name: String,
    pub serial: String,
    pub state: Tag,
    pub state_sentence: String,
    pub devices: usize,
    pub uptime_svg: String,
    pub uptime_text: String,
}

impl Card {
    pub fn new(g: &Gateway, beat: Option<&Heartbeat>, beats: &[Beats], now: Timestamp) -> Self {
        let spans = uptime(g, beats, now);
        let spoken = uptime_words(&spans);
        Card {
            id: g.id.to_string(),
            name: g.name.to_string(),
            serial: g.serial.to_string(),
            state: state(&g.state),
            state_sentence: state_sentence(g, now),
            devices: beat.map_or(0, |b| b.devices.len()),
            uptime_svg: chart::uptime(&spans, &spoken),
            uptime_text: spoken,
        }
    }
}

pub const fn state(state: &GatewayState) -> Tag {
    match state {
        GatewayState::Prepared { .. } => Tag { class: "", icon: "parcel", word: "設置待ち" },
        GatewayState::Online { .. } => Tag { class: "ok", icon: "ok", word: "動いています" },
        GatewayState::Stopped { .. } => Tag { class: "act", icon: "down", word: "停止しています" },
    }
}

fn state_sentence(g: &Gateway, now: Timestamp) -> String {
    match &g.state {
        GatewayState::Prepared { secret_expires } => {
            format!("初期設定を待っています（{}まで）。", jst::date(*secret_expires))
        }
        GatewayState::Online { .. } => match g.last_seen {
            Some(at) => format!("最後の連絡は{}です。", jst::ago(at, now)),
            None => "登録が済みました。最初の連絡を待っています。".to_owned(),
        },
        GatewayState::Stopped { since, .. } => {
            format!("{}から連絡がありません（{}）。", jst::date_time(*since), jst::ago(*since, now))
        }
    }
}

/// An hour counts as heard when at least half as many heartbeats came as in the best hour;
/// the hours of enrolment and of now are not whole, so any heartbeat is enough there.
fn uptime(g: &Gateway, beats: &[Beats], now: Timestamp) -> Vec<Heard> {
    let enrolled = match g.state {
        GatewayState::Prepared { .. } => None,
        GatewayState::Online { enrolled_at } | GatewayState::Stopped { enrolled_at, .. } => Some(enrolled_at),
    };
    let most = beats.iter().map(|b| b.count).max().unwrap_or(0);
    let this_hour = now.micros().div_euclid(HOUR_US);
    (0..UPTIME_HOURS)
        .map(|i| {
            let hour = this_hour - i64::try_from(UPTIME_HOURS - 1 - i).unwrap_or(0);
            let first = enrolled.map(|at| at.micros().div_euclid(HOUR_US));
            let count =
                beats.iter().find(|b| b.hour.micros().div_euclid(HOUR_US) == hour).map_or(0, |b| b.count);
            match first {
                None => Heard::None,
                Some(first) if hour < first => Heard::None,
                Some(first) => heard(count, most, hour == first || hour == this_hour),
            }
        })
        .collect()
}

fn heard(count: u32, most: u32, not_whole: bool) -> Heard {
    match count {
        0 if not_whole => Heard::None,
        0 => Heard::Out,
        n if not_whole || n.saturating_mul(2) >= most => Heard::Up,
        _ => Heard::Part,
    }
}

fn uptime_words(spans: &[Heard]) -> String {
    let known = spans.iter().filter(|h| **h != Heard::None).count();
    let bad = spans.iter().filter(|h| matches!(h, Heard::Part | Heard::Out)).count();
    match (known, bad) {
        (0, _) => "まだ動いていません".to_owned(),
        (_, 0) if known == spans.len() => "止まらずに動いていました".to_owned(),
        (_, 0) => "登録してから止まっていません".to_owned(),
        (_, bad) => format!("約{bad}時間、連絡が途切れました"),
    }
}

#[derive(Debug, Template)]
#[template(path = "gateways.html")]
pub struct ListPage {
    pub frame: Frame,
    pub summary: String,
    pub gateways: Vec<Card>,
}

impl ListPage {
    pub fn new(frame: Frame, gateways: Vec<Card>, stopped: usize) -> Self {
        let summary = match (gateways.len(), stopped) {
            (0, _) => "まだ登録されたUTM装置がありません。".to_owned(),
            (n, 0) => format!("{n}台すべてが動いています。"),
            (n, stopped) => format!("{n}台のうち{stopped}台が止まっています。"),
        };
        ListPage { frame, summary, gateways }
    }
}

#[derive(Debug, Clone)]
pub struct DeviceRow {
    pub href: String,
    pub name: String,
    pub ip: String,
    pub mac: String,
    pub maker: String,
}

impl DeviceRow {
    fn new(gateway: mimamori_domain::GatewayId, seen: &SeenDevice) -> Self {
        let d = &seen.device;
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "―".to_owned());
        DeviceRow {
            href: super::device::href(gateway, &d.key().0),
            name: d.host_name.as_ref().map_or_else(|| "名前のない機器".to_owned(), ToString::to_string),
            ip: or_dash(d.ip.map(|ip| ip.to_string())),
            mac: or_dash(d.mac.map(|mac| mac.to_string())),
            maker: or_dash(d.maker.as_ref().map(ToString::to_string)),
        }
    }
}

#[derive(Debug, Template)]
#[template(path = "gateway.html")]
pub struct DetailPage {
    pub frame: Frame,
    pub g: Card,
    pub groups: Vec<FactGroup>,
    pub devices: Vec<DeviceRow>,
    pub may_rename: bool,
    /// The operator says when it will be off by plan.
    pub may_plan: bool,
    /// How deep the traffic of the last day was looked into.
    pub depth: DepthFigure,
}

impl DetailPage {
    pub fn new(
        frame: Frame,
        g: &Gateway,
        beat: Option<&Heartbeat>,
        card: Card,
        may_rename: bool,
        depth: DepthFigure,
    ) -> Self {
        DetailPage {
            depth,
            may_rename,
            may_plan: false,
            frame,
            g: card,
            groups: beat.map(|b| health(g, b)).unwrap_or_default(),
            devices: beat
                .map(|b| b.devices.iter().map(|d| DeviceRow::new(g.id, d)).collect())
                .unwrap_or_default(),
        }
    }
}

fn health(g: &Gateway, b: &Heartbeat) -> Vec<FactGroup> {
    let mut versions = vec![
        Fact::mono("ソフトウェアの版", b.software.as_str()),
        Fact::mono("検知規則の版", b.rule_set.as_str()),
        Fact::new("検知規則の数", format!("{}件", jst::thousands(b.rules_loaded.into()))),
        Fact::new("動きはじめてから", duration(b.uptime_secs)),
    ];
    if let Some(at) = g.last_seen {
        versions.push(Fact::new("最後の連絡", jst::date_time(at)));
    }
    if let Some(ip) = b.own_ip {
        versions.push(Fact::mono("装置のIPアドレス", ip.to_string()));
    }
    let mut work = vec![
        Fact::new("検査したパケット", format!("{}個", jst::thousands(b.packets_inspected))),
        Fact::new("止めたパケット", format!("{}個", jst::thousands(b.packets_dropped))),
        Fact::new("検査できなかった割合", uninspected(b.bytes_inspected, b.bytes_uninspected)),
        Fact::new("負荷", format!("CPU {}%・メモリー {}%", b.cpu_percent, b.memory_percent)),
        Fact::new("送信を待つ記録", format!("{}件", jst::thousands(b.spool_depth))),
    ];
    for link in &b.links {
        let state = if link.up { "つながっています" } else { "つながっていません" };
        work.push(Fact::new(detection::zone_name(link.zone), format!("{state}（{}）", link.name)));
    }
    vec![FactGroup { title: "版と連絡", facts: versions }, FactGroup { title: "働きと健康", facts: work }]
}

/// The share of bytes that nobody could look into, in words.
pub fn uninspected(inspected: u64, uninspected: u64) -> String {
    let total = inspected.saturating_add(uninspected);
    if total == 0 {
        return "まだ通信がありません".to_owned();
    }
    let per_mille = u128::from(uninspected) * 1000 / u128::from(total);
    format!("{}.{}%", per_mille / 10, per_mille % 10)
}

fn duration(secs: u64) -> String {
    match secs {
        0..60 => "1分未満".to_owned(),
        60..3_600 => format!("{}分", secs / 60),
        3_600..86_400 => format!("{}時間{}分", secs / 3_600, secs % 3_600 / 60),
        _ => format!("{}日と{}時間", secs / 86_400, secs % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_with_few_heartbeats_is_partly_heard() {
        assert_eq!(heard(0, 60, false), Heard::Out);
        assert_eq!(heard(20, 60, false), Heard::Part);
        assert_eq!(heard(58, 60, false), Heard::Up);
        assert_eq!(heard(1, 60, true), Heard::Up);
        assert_eq!(uptime_words(&[Heard::Up, Heard::Out, Heard::Part]), "約2時間、連絡が途切れました");
    }

    #[test]
    fn the_blind_spot_is_a_share() {
        assert_eq!(uninspected(0, 0), "まだ通信がありません");
        assert_eq!(uninspected(750, 250), "25.0%");
    }
}
