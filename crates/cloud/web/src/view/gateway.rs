//! The list of UTM devices and one of them.

use askama::Template;
use mimamori_base::Timestamp;
use mimamori_domain::gateway::SeenDevice;
use mimamori_domain::{Gateway, GatewayState, Heartbeat, jst};

use super::chart::{self, Heard};
use super::files::FileFigure;
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

/// Days of the long bar.
pub const HISTORY_DAYS: i64 = 30;
/// Heartbeats of an hour that was heard from beginning to end, at one a minute, with some lost.
const FULL_HOUR_BEATS: u32 = 54;

/// How a gateway was heard over the last days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    pub svg: String,
    pub sentence: String,
    /// Day and share, the newest first.
    pub rows: Vec<(String, String)>,
}

impl History {
    /// `beats`: of the last [`HISTORY_DAYS`]. Hours before the enrolment, and the running one,
    /// do not count.
    pub fn new(g: &Gateway, beats: &[Beats], now: Timestamp) -> Self {
        let enrolled = match g.state {
            GatewayState::Prepared { .. } => now,
            GatewayState::Online { enrolled_at } | GatewayState::Stopped { enrolled_at, .. } => enrolled_at,
        };
        let today = jst::JstDay::of(now);
        let (first_hour, this_hour) =
            (enrolled.micros().div_euclid(HOUR_US) + 1, now.micros().div_euclid(HOUR_US));
        let heard: std::collections::BTreeMap<i64, u32> =
            beats.iter().map(|b| (b.hour.micros().div_euclid(HOUR_US), b.count)).collect();
        // At other rates than one a minute, the best hour is a whole one.
        let full = beats.iter().map(|b| b.count).max().unwrap_or(0).clamp(1, FULL_HOUR_BEATS);
        let (mut days, mut got, mut of) = (Vec::new(), 0_u64, 0_u64);
        for back in (0..HISTORY_DAYS).rev() {
            let day = today.plus(-back);
            let start = day.start().micros().div_euclid(HOUR_US);
            let hours = (start.max(first_hour)..(start + 24).min(this_hour)).collect::<Vec<_>>();
            let sum: u64 = hours
                .iter()
                .map(|h| heard.get(h).copied().unwrap_or(0).min(full))
                .map(|n| u64::from(n) * 1_000 / u64::from(full))
                .sum();
            (got, of) = (got + sum, of + 1_000 * hours.len() as u64);
            days.push((day, (!hours.is_empty()).then(|| sum / hours.len() as u64)));
        }
        let sentence = match of {
            0 => "まだ1時間分の記録がありません。".to_owned(),
            _ => format!("この{HISTORY_DAYS}日間の稼働は{}です。", share(got * 1_000 / of)),
        };
        let blocks: Vec<Option<u64>> = days.iter().map(|(_, share)| *share).collect();
        History {
            svg: chart::uptime_days(
                &blocks,
                &format!("日ごとの稼働の図。{sentence}数字は下の表にあります。"),
            ),
            rows: days
                .iter()
                .rev()
                .filter_map(|(day, per_mille)| Some((jst::month_day(day.start()), share((*per_mille)?))))
                .collect(),
            sentence,
        }
    }
}

/// `99.8%`.
fn share(per_mille: u64) -> String {
    format!("{}.{}%", per_mille / 10, per_mille % 10)
}

/// How much went through in the last day: the busiest hour, and on the whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Speed {
    pub sentence: String,
    pub svg: String,
    /// Hour and rate, the newest first.
    pub rows: Vec<(String, String)>,
}

impl Speed {
    /// `hours`: beginning and bytes of each of the last 24 hours, oldest first.
    pub fn new(hours: &[(Timestamp, u64)]) -> Self {
        let total: u64 = hours.iter().map(|(_, bytes)| bytes).sum();
        let Some((busiest, most)) = hours.iter().max_by_key(|(_, bytes)| *bytes).filter(|(_, n)| *n > 0)
        else {
            return Speed {
                sentence: "この24時間の通信はまだ記録されていません。".to_owned(),
                ..Speed::default()
            };
        };
        let bars: Vec<chart::Bar> = hours
            .iter()
            .map(|(at, bytes)| chart::Bar {
                label: jst::time(*at),
                value: *bytes,
                value_text: rate(*bytes, 1),
            })
            .collect();
        Speed {
            sentence: format!(
                "この24時間に{}が通りました。いちばん多かったのは{}からの1時間で平均{}、全体では平均{}です。",
                super::usage::size(total),
                jst::time(*busiest),
                rate(*most, 1),
                rate(total, hours.len() as u64)
            ),
            svg: chart::bars(&bars, "時間ごとの平均の速さの棒グラフ"),
            rows: bars.iter().rev().map(|b| (b.label.clone(), b.value_text.clone())).collect(),
        }
    }
}

/// The mean rate of bytes that went in so many hours.
fn rate(bytes: u64, hours: u64) -> String {
    let tenths_of_kbit = bytes.saturating_mul(8) / (360_000 * hours.max(1));
    let tenths = tenths_of_kbit / 1_000;
    match tenths {
        0 => format!("{}.{}kbps", tenths_of_kbit / 10, tenths_of_kbit % 10),
        _ => format!("{}.{}Mbps", tenths / 10, tenths % 10),
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
    pub files: FileFigure,
    pub history: History,
    pub speed: Speed,
}

impl DetailPage {
    pub fn new(
        frame: Frame,
        g: &Gateway,
        beat: Option<&Heartbeat>,
        card: Card,
        may_rename: bool,
        (depth, history, speed): (DepthFigure, History, Speed),
    ) -> Self {
        DetailPage {
            depth,
            files: FileFigure::new(beat),
            history,
            speed,
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

pub(super) fn duration(secs: u64) -> String {
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
    fn the_history_counts_whole_hours_since_the_enrolment() {
        let hour = |n: i64| Timestamp(1_795_446_000_000_000 + n * HOUR_US);
        let beats: Vec<Beats> = (1..11)
            .filter(|n| *n != 5)
            .map(|n| Beats { hour: hour(n), count: if n == 6 { 27 } else { 60 } })
            .collect();
        let g = Gateway {
            id: mimamori_domain::GatewayId([1; 16]),
            customer: mimamori_domain::CustomerId([1; 16]),
            serial: mimamori_domain::Serial::parse("MG-0001").unwrap(),
            name: mimamori_domain::Name::parse("本店").unwrap(),
            state: GatewayState::Online { enrolled_at: hour(0) },
            last_seen: None,
            created_at: hour(0),
        };
        let history = History::new(&g, &beats, hour(11));
        assert_eq!(history.sentence, "この30日間の稼働は85.0%です。");
        assert_eq!(history.rows.len(), 1, "the days before the enrolment are not named");
        assert_eq!(History::new(&g, &[], hour(0)).sentence, "まだ1時間分の記録がありません。");
    }

    #[test]
    fn the_speed_is_what_went_through_in_an_hour() {
        assert_eq!([rate(450_000_000, 1), rate(4_500, 1)], ["1.0Mbps", "0.0kbps"].map(str::to_owned));
        assert_eq!(rate(45_000, 1), "0.1kbps");
        let speed = Speed::new(&[(Timestamp(0), 450_000_000), (Timestamp(HOUR_US), 0)]);
        assert!(speed.sentence.contains("平均1.0Mbps、全体では平均0.5Mbps"), "{}", speed.sentence);
        assert!(Speed::new(&[]).rows.is_empty());
    }

    #[test]
    fn the_blind_spot_is_a_share() {
        assert_eq!(uninspected(0, 0), "まだ通信がありません");
        assert_eq!(uninspected(750, 250), "25.0%");
    }
}
