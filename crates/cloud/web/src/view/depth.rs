//! How deep traffic was looked into, by time and by device, on a page of its own.

use std::collections::BTreeMap;

use askama::Template;
use mimamori_base::Timestamp;
use mimamori_domain::jst;
use mimamori_domain::usage::{Depth, Inspected};
use mimamori_service::views::{DeviceView, InspectionSum};

use super::chart::{Stack, stacks};
use super::detection::Filter;
use super::usage::{DepthFigure, device_title, size, tabs};
use super::{Choice, Frame};

const HOUR: i64 = 3_600_000_000;
/// Devices of the table.
const ROWS: usize = 50;

/// One hour, day or device.
#[derive(Debug, Clone)]
pub struct DepthLine {
    pub name: String,
    pub href: String,
    pub deep: String,
    pub named: String,
    pub blind: String,
    /// Why most of what could not be looked into could not.
    pub reason: String,
}

#[derive(Debug, Template)]
#[template(path = "inspection.html")]
pub struct InspectionPage {
    pub frame: Frame,
    pub tabs: Vec<Choice>,
    pub filters: Vec<Filter>,
    pub depth: DepthFigure,
    pub legend: Vec<(&'static str, &'static str)>,
    pub times_title: &'static str,
    pub times_sentence: String,
    pub times_svg: String,
    pub times: Vec<DepthLine>,
    pub machines: Vec<DepthLine>,
}

/// What the page shows: whole, by hour or day, by device.
#[derive(Debug, Clone, Copy)]
pub struct Sums<'a> {
    pub whole: &'a [InspectionSum],
    pub by_time: &'a [InspectionSum],
    pub by_device: &'a [InspectionSum],
}

#[derive(Debug, Default, Clone)]
struct Three {
    bytes: [u64; 3],
    blind: BTreeMap<Inspected, u64>,
}

impl Three {
    fn add(&mut self, sum: &InspectionSum) {
        let depth = sum.how.depth();
        let at = Depth::ALL.iter().position(|d| *d == depth).unwrap_or(2);
        if let Some(bytes) = self.bytes.get_mut(at) {
            *bytes = bytes.saturating_add(sum.bytes);
        }
        if depth == Depth::NotAtAll {
            let bytes = self.blind.entry(sum.how).or_default();
            *bytes = bytes.saturating_add(sum.bytes);
        }
    }

    fn line(&self, name: String, href: String) -> DepthLine {
        let [deep, named, blind] = self.bytes.map(size);
        let most = self.blind.iter().filter(|(_, bytes)| **bytes > 0).max_by_key(|(_, bytes)| **bytes);
        let reason = most.map_or("―", |(how, _)| how.label()).to_owned();
        DepthLine { name, href, deep, named, blind, reason }
    }
}

impl InspectionPage {
    #[must_use]
    pub fn new(
        frame: Frame,
        filters: Vec<Filter>,
        days: u16,
        sums: Sums<'_>,
        devices: &[DeviceView],
        now: Timestamp,
    ) -> Self {
        let times = by_time(sums.by_time, days, now);
        let stack = |(label, three): &(String, Three)| Stack { label: label.clone(), parts: three.bytes };
        let columns: Vec<Stack> = times.iter().map(stack).collect();
        let worst = times.iter().filter(|(_, t)| t.bytes[2] > 0).max_by_key(|(_, t)| t.bytes[2]);
        let times_sentence = match worst {
            None => "この期間に、検査できなかった通信はありませんでした。".to_owned(),
            Some((label, three)) => {
                format!("検査できなかった通信が最も多かったのは{label}で、{}でした。", size(three.bytes[2]))
            }
        };
        let some = times.iter().filter(|(_, t)| t.bytes.iter().any(|b| *b > 0));
        InspectionPage {
            frame,
            tabs: tabs("/usage/inspection"),
            filters,
            depth: DepthFigure::new(sums.whole, &[], &[]),
            legend: vec![("deep", "中身まで"), ("named", "名前などで"), ("blind", "検査できず")],
            times_title: if days == 1 { "時間ごと" } else { "日ごと" },
            times_sentence,
            times_svg: stacks(&columns, ["deep", "named", "blind"], "検査の深さごとの通信量の棒グラフ"),
            times: some.map(|(label, three)| three.line(label.clone(), String::new())).collect(),
            machines: by_device(sums.by_device, devices, days),
        }
    }
}

/// Every hour of today, or every day, with what there was.
fn by_time(sums: &[InspectionSum], days: u16, now: Timestamp) -> Vec<(String, Three)> {
    let slot = |at: Timestamp| {
        if days == 1 { at.micros().div_euclid(HOUR) } else { jst::JstDay::of(at).0 }
    };
    let mut all: BTreeMap<i64, Three> = BTreeMap::new();
    for sum in sums {
        all.entry(slot(sum.at)).or_default().add(sum);
    }
    let last = slot(now);
    let first = if days == 1 { slot(jst::JstDay::of(now).start()) } else { last - i64::from(days) + 1 };
    let label = |n: i64| {
        if days == 1 { jst::time(Timestamp(n * HOUR)) } else { jst::month_day(jst::JstDay(n).start()) }
    };
    (first..=last).map(|n| (label(n), all.get(&n).cloned().unwrap_or_default())).collect()
}

/// Devices with the most that could not be looked into first.
fn by_device(sums: &[InspectionSum], devices: &[DeviceView], days: u16) -> Vec<DepthLine> {
    let mut all: BTreeMap<&str, Three> = BTreeMap::new();
    for sum in sums {
        all.entry(sum.device.0.as_str()).or_default().add(sum);
    }
    let mut all: Vec<(&str, Three)> = all.into_iter().collect();
    all.sort_by_key(|(_, three)| std::cmp::Reverse((three.bytes[2], three.bytes[1])));
    let line = |(key, three): &(&str, Three)| {
        let href = format!("/usage/inspection?days={days}&device={}", crate::query::escape(key));
        three.line(device_title(key, devices), href)
    };
    all.iter().take(ROWS).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mimamori_domain::DeviceKey;

    fn sum(how: Inspected, device: &str, at: Timestamp, bytes: u64) -> InspectionSum {
        InspectionSum { how, device: DeviceKey(device.to_owned()), at, flows: 1, bytes }
    }

    #[test]
    fn every_hour_has_its_place_and_the_main_reason_is_named() {
        let now = Timestamp(jst::JstDay(20_000).start().micros() + 5 * HOUR + 7);
        let at = |h: i64| Timestamp(jst::JstDay(20_000).start().micros() + h * HOUR);
        let sums = [
            sum(Inspected::Tls, "", at(1), 500),
            sum(Inspected::Tunnel, "", at(3), 70),
            sum(Inspected::EncryptedDns, "", at(3), 80),
        ];
        let hours = by_time(&sums, 1, now);
        let labels: Vec<&str> = hours.iter().map(|(label, _)| label.as_str()).collect();
        assert_eq!(labels, ["00:00", "01:00", "02:00", "03:00", "04:00", "05:00"]);
        let line = hours[3].1.line(String::new(), String::new());
        assert_eq!((line.deep.as_str(), line.blind.as_str()), ("0バイト", "150バイト"));
        assert_eq!(line.reason, Inspected::EncryptedDns.label());
        assert_eq!(hours[1].1.line(String::new(), String::new()).reason, "―");
        assert_eq!(by_time(&sums, 7, now).len(), 7);
    }

    #[test]
    fn the_device_with_the_largest_blind_spot_comes_first() {
        let at = Timestamp::EPOCH;
        let sums = [
            sum(Inspected::Fully, "mac:00:0b:5d:00:00:01", at, 9_000),
            sum(Inspected::Tunnel, "mac:00:0b:5d:00:00:02", at, 10),
        ];
        let lines = by_device(&sums, &[], 7);
        assert_eq!(lines[0].name, "00:0b:5d:00:00:02");
        assert_eq!(lines[0].reason, Inspected::Tunnel.label());
        assert!(lines[1].href.ends_with("days=7&device=mac%3A00%3A0b%3A5d%3A00%3A00%3A01"));
    }
}
