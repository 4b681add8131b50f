//! Use of applications and of the web, and devices, in words and bars.

use std::collections::BTreeMap;

use askama::Template;
use mimamori_base::Timestamp;
use mimamori_domain::usage::{Depth, UseSubject, kind_label};
use mimamori_domain::{Device, jst};
use mimamori_service::views::{DeviceView, GatewayView, InspectionSum, UsageFilter, UsageSum};

use super::chart::{Bar, bars};
use super::detection::Filter;
use super::part::Pager;
use super::{Choice, Frame, Moment};

/// Rows of a table; the rest is told as one line.
const ROWS: usize = 50;

/// One line of a table with its bar.
#[derive(Debug, Clone)]
pub struct Row {
    pub name: String,
    pub href: String,
    pub kind: String,
    pub bytes: String,
    pub flows: String,
    pub devices: String,
    /// Share of the largest, for the bar.
    pub bar_svg: String,
}

#[derive(Debug, Template)]
#[template(path = "usage.html")]
pub struct UsagePage {
    pub frame: Frame,
    pub title: &'static str,
    pub lead: &'static str,
    pub item_title: &'static str,
    pub action: &'static str,
    pub tabs: Vec<Choice>,
    pub filters: Vec<Filter>,
    /// What the page is narrowed to: device, item.
    pub narrowed: Vec<String>,
    pub clear_href: String,
    pub csv_href: String,
    pub items: Vec<Row>,
    pub kinds: Vec<Row>,
    pub devices: Vec<Row>,
    pub hours_svg: String,
    pub hours: Vec<(String, String)>,
    pub sentence: String,
    pub note: &'static str,
    names: BTreeMap<String, String>,
    item_links: Box<dyn Links>,
    device_links: Box<dyn Links>,
    days: u16,
}

trait Links: std::fmt::Debug + Send + Sync {
    fn to(&self, id: &str) -> String;
}

/// An address with a place for the identifier.
#[derive(Debug)]
struct Pattern(String);

const PLACE: &str = "0000place0000";

impl Links for Pattern {
    fn to(&self, id: &str) -> String {
        self.0.replace(PLACE, &crate::query::escape(id))
    }
}

impl UsagePage {
    pub fn new(
        frame: Frame,
        subject: UseSubject,
        days: u16,
        filter: &UsageFilter,
        devices: &[DeviceView],
        link: &dyn Fn(Option<&str>, Option<&str>) -> String,
    ) -> Self {
        let names: BTreeMap<String, String> =
            devices.iter().map(|d| (d.key.0.clone(), device_name(&d.seen.device))).collect();
        let mut narrowed = Vec::new();
        if let Some(device) = &filter.device {
            narrowed.push(format!("機器: {}", names.get(&device.0).unwrap_or(&device.0)));
        }
        let (title, lead, item_title, action, note) = match subject {
            UseSubject::Application => (
                "アプリ利用",
                "どの機器が、どのアプリやサービスを、どれだけ使ったかの記録です。中身は記録していません。",
                "アプリ・サービスごと",
                "/usage/apps",
                "見分けは通信先の名前・証明書・通信の形によります。止めることはありません。",
            ),
            UseSubject::WebCategory => (
                "ウェブ利用",
                "どの機器が、どんな種類のウェブサイトを、どれだけ見たかの記録です。見た内容や個々のアドレスは記録していません。",
                "サイトの種類ごと",
                "/usage/web",
                "1つのサイトが2つ以上の種類に入ることがあり、その通信はそれぞれに数えます。止めることはありません。",
            ),
        };
        UsagePage {
            frame,
            title,
            lead,
            item_title,
            action,
            tabs: tabs(action),
            filters: Vec::new(),
            narrowed,
            clear_href: String::new(),
            csv_href: String::new(),
            items: Vec::new(),
            kinds: Vec::new(),
            devices: Vec::new(),
            hours_svg: String::new(),
            hours: Vec::new(),
            sentence: String::new(),
            note,
            names,
            item_links: Box::new(Pattern(link(None, Some(PLACE)))),
            device_links: Box::new(Pattern(link(Some(PLACE), None))),
            days,
        }
    }

    #[must_use]
    pub fn filters(mut self, filters: Vec<Filter>) -> Self {
        self.filters = filters;
        self
    }

    #[must_use]
    pub fn clear_href(mut self, href: String) -> Self {
        self.clear_href = href;
        self
    }

    #[must_use]
    pub fn csv_href(mut self, href: String) -> Self {
        self.csv_href = href;
        self
    }

    /// Fills in the sums.
    #[must_use]
    pub fn sums(
        mut self,
        items: &[UsageSum],
        kinds: &[UsageSum],
        by_device: &[UsageSum],
        by_hour: &[UsageSum],
        now: Timestamp,
    ) -> Self {
        let item_name =
            |s: &UsageSum| if s.title.is_empty() { s.label.to_string() } else { s.title.to_string() };
        self.items = rows(items, item_name, |s| self.item_links.to(&s.label));
        self.kinds = rows(kinds, |s| kind_label(&s.label).to_owned(), |_| String::new());
        let names = &self.names;
        let device =
            |s: &UsageSum| names.get(s.label.as_str()).cloned().unwrap_or_else(|| bare_key(&s.label));
        self.devices = rows(by_device, device, |s| self.device_links.to(&s.label));
        let total: u64 = by_hour.iter().map(bytes_of).fold(0, u64::saturating_add);
        let span = if self.days == 1 { "今日".to_owned() } else { format!("直近{}日間", self.days) };
        self.sentence = match items.first() {
            None => format!("{span}の記録はまだありません。"),
            Some(most) => {
                format!("{span}は合わせて{}で、最も多いのは「{}」でした。", size(total), item_name(most))
            }
        };
        let columns = columns(by_hour, self.days, now);
        self.hours_svg = bars(&columns, "時間ごとの通信量の棒グラフ");
        self.hours =
            columns.iter().filter(|c| c.value > 0).map(|c| (c.label.clone(), c.value_text.clone())).collect();
        self
    }
}

/// The pages that belong together.
pub(super) fn tabs(current: &str) -> Vec<Choice> {
    [
        ("/usage/apps", "アプリ利用"),
        ("/usage/web", "ウェブ利用"),
        ("/usage/inspection", "検査の範囲"),
        ("/usage/devices", "端末"),
    ]
    .into_iter()
    .map(|(href, label)| Choice { href: href.to_owned(), label: label.to_owned(), current: href == current })
    .collect()
}

fn bytes_of(s: &UsageSum) -> u64 {
    s.bytes_up.saturating_add(s.bytes_down)
}

fn rows(
    sums: &[UsageSum],
    name: impl Fn(&UsageSum) -> String,
    href: impl Fn(&UsageSum) -> String,
) -> Vec<Row> {
    let most = sums.iter().map(bytes_of).max().unwrap_or(0);
    sums.iter()
        .take(ROWS)
        .map(|s| Row {
            name: name(s),
            href: href(s),
            kind: kind_label(&s.kind).to_owned(),
            bytes: size(bytes_of(s)),
            flows: jst::thousands(s.flows),
            devices: jst::thousands(s.devices),
            bar_svg: share_bar(bytes_of(s), most),
        })
        .collect()
}

/// The items that were used most, for the page of one device.
pub fn item_rows(sums: &[UsageSum], most: usize) -> Vec<Row> {
    let name = |s: &UsageSum| if s.title.is_empty() { s.label.to_string() } else { s.title.to_string() };
    let mut rows = rows(sums, name, |_| String::new());
    rows.truncate(most);
    rows
}

/// A bar as long as the share of the largest.
pub(super) fn share_bar(value: u64, most: u64) -> String {
    let width = if most == 0 { 0 } else { u128::from(value) * 100 / u128::from(most) }.clamp(1, 100);
    format!(
        r#"<svg class="share" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="stopped" width="{width}" height="8" rx="2"/></svg>"#
    )
}

/// Columns of the chart: hours of a day, else days.
fn columns(by_hour: &[UsageSum], days: u16, now: Timestamp) -> Vec<Bar> {
    const HOUR: i64 = 3_600_000_000;
    let mut sums: BTreeMap<i64, u64> = BTreeMap::new();
    let day_of = |at: Timestamp| jst::JstDay::of(at);
    let slot = |at: Timestamp| if days == 1 { at.micros().div_euclid(HOUR) } else { day_of(at).0 };
    for s in by_hour {
        let sum = sums.entry(slot(s.hour)).or_default();
        *sum = sum.saturating_add(bytes_of(s));
    }
    let last = slot(now);
    let first =
        if days == 1 { day_of(now).start().micros().div_euclid(HOUR) } else { last - i64::from(days) + 1 };
    (first..=last)
        .map(|n| {
            let value = sums.get(&n).copied().unwrap_or(0);
            let label = if days == 1 {
                jst::time(Timestamp(n * HOUR))
            } else {
                jst::month_day(jst::JstDay(n).start())
            };
            Bar { label, value, value_text: size(value) }
        })
        .collect()
}

/// A size as people say it.
pub fn size(bytes: u64) -> String {
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1_000)];
    for (unit, of) in units {
        if bytes >= of {
            let tenths = u128::from(bytes) * 10 / u128::from(of);
            let (whole, tenth) = (tenths / 10, tenths % 10);
            return if whole >= 100 { format!("{whole}{unit}") } else { format!("{whole}.{tenth}{unit}") };
        }
    }
    format!("{bytes}バイト")
}

/// The name of a device that a person would use.
pub fn device_name(device: &Device) -> String {
    let name = device.display_name();
    match (&device.host_name, &device.maker) {
        (None, Some(maker)) => format!("{name}（{maker}）"),
        _ => name,
    }
}

fn bare_key(key: &str) -> String {
    key.split_once(':').map_or(key, |(_, address)| address).to_owned()
}

/// How deep traffic was looked into, for the gateway's page.
#[derive(Debug, Clone, Default)]
pub struct DepthFigure {
    pub total: String,
    pub sentence: String,
    pub bar_svg: String,
    pub groups: Vec<DepthGroup>,
    /// Devices with the most that could not be looked into.
    pub devices: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
pub struct DepthGroup {
    pub class: &'static str,
    pub name: &'static str,
    pub share: String,
    pub rows: Vec<DepthRow>,
}

#[derive(Debug, Clone)]
pub struct DepthRow {
    pub name: &'static str,
    pub why: &'static str,
    pub bytes: String,
    pub flows: String,
}

impl DepthFigure {
    /// From the sums of all devices, and those by device.
    pub fn new(sums: &[InspectionSum], by_device: &[InspectionSum], devices: &[DeviceView]) -> Self {
        let total: u64 = sums.iter().map(|s| s.bytes).fold(0, u64::saturating_add);
        if sums.is_empty() {
            return DepthFigure {
                sentence: "まだ通信がありません。通信が始まると、検査できた割合がここに出ます。".to_owned(),
                ..DepthFigure::default()
            };
        }
        let of = |depth: Depth| {
            let bytes = sums.iter().filter(|s| s.how.depth() == depth).map(|s| s.bytes);
            bytes.fold(0, u64::saturating_add)
        };
        let group = |depth: Depth| DepthGroup {
            class: class(depth),
            name: depth.label(),
            share: per_cent(of(depth), total),
            rows: sums
                .iter()
                .filter(|s| s.how.depth() == depth)
                .map(|s| DepthRow {
                    name: s.how.label(),
                    why: s.how.why(),
                    bytes: size(s.bytes),
                    flows: jst::thousands(s.flows),
                })
                .collect(),
        };
        DepthFigure {
            total: size(total),
            sentence: format!(
                "通信 {} のうち、{}は中身まで、{}は接続先の名前などで検査しました。{}は検査できませんでした。",
                size(total),
                per_cent(of(Depth::Fully), total),
                per_cent(of(Depth::NameOnly), total),
                per_cent(of(Depth::NotAtAll), total)
            ),
            bar_svg: depth_bar(total, Depth::ALL.iter().map(|d| (class(*d), of(*d)))),
            groups: Depth::ALL.iter().map(|d| group(*d)).filter(|g| !g.rows.is_empty()).collect(),
            devices: blind_devices(by_device, devices),
        }
    }
}

const fn class(depth: Depth) -> &'static str {
    match depth {
        Depth::Fully => "deep",
        Depth::NameOnly => "named",
        Depth::NotAtAll => "blind",
    }
}

fn blind_devices(by_device: &[InspectionSum], devices: &[DeviceView]) -> Vec<(String, String)> {
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for s in by_device.iter().filter(|s| s.how.depth() == Depth::NotAtAll) {
        *sums.entry(s.device.0.as_str()).or_default() += s.bytes;
    }
    let mut list: Vec<(&str, u64)> = sums.into_iter().filter(|(_, bytes)| *bytes > 0).collect();
    list.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    list.into_iter().take(5).map(|(key, bytes)| (device_title(key, devices), size(bytes))).collect()
}

/// The name of the device with that key, as far as it is known.
pub(super) fn device_title(key: &str, devices: &[DeviceView]) -> String {
    let known = devices.iter().find(|d| d.key.0 == key);
    known.map_or_else(|| bare_key(key), |d| device_name(&d.seen.device))
}

fn per_cent(part: u64, total: u64) -> String {
    if total == 0 {
        return "0%".to_owned();
    }
    let tenths = u128::from(part) * 1_000 / u128::from(total);
    format!("{}.{}%", tenths / 10, tenths % 10)
}

fn depth_bar(total: u64, parts: impl Iterator<Item = (&'static str, u64)>) -> String {
    let mut svg = String::from(
        r#"<svg class="depth" viewBox="0 0 1000 24" preserveAspectRatio="none" role="img" aria-label="検査の深さの割合。数字は下の表にあります。">"#,
    );
    let mut at = 0;
    for (class, bytes) in parts {
        let width = if total == 0 { 0 } else { u128::from(bytes) * 1_000 / u128::from(total) };
        if width > 0 {
            svg.push_str(&format!(r#"<rect class="{class}" x="{at}" width="{width}" height="24"/>"#));
        }
        at += width;
    }
    svg.push_str("</svg>");
    svg
}

/// One device of the list.
#[derive(Debug, Clone)]
pub struct DeviceLine {
    pub name: String,
    pub ip: String,
    pub mac: String,
    pub maker: String,
    pub gateway: String,
    pub first: Moment,
    pub last: Moment,
    pub href: String,
    pub apps_href: String,
    pub web_href: String,
}

#[derive(Debug, Template)]
#[template(path = "devices.html")]
pub struct DevicesPage {
    pub frame: Frame,
    pub tabs: Vec<Choice>,
    pub devices: Vec<DeviceLine>,
    pub many_gateways: bool,
    pub count_text: String,
    pub pager: Pager,
}

/// Devices of one page of the list.
pub const DEVICES_PAGE: usize = 100;

impl DevicesPage {
    /// `page`: counted from 0.
    pub fn new(
        frame: Frame,
        devices: &[DeviceView],
        gateways: &[GatewayView],
        page: usize,
        now: Timestamp,
    ) -> Self {
        let first = page.saturating_mul(DEVICES_PAGE).min(devices.len());
        let shown = devices.get(first..).unwrap_or_default();
        let (shown, more) = shown.split_at(shown.len().min(DEVICES_PAGE));
        let dash = |text: Option<String>| text.unwrap_or_else(|| "―".to_owned());
        let line = |d: &DeviceView| {
            let device = &d.seen.device;
            let key = crate::query::escape(&d.key.0);
            let at = gateways.iter().find(|g| g.gateway.id == d.gateway);
            DeviceLine {
                name: device
                    .host_name
                    .as_ref()
                    .map_or_else(|| "名前のない機器".to_owned(), ToString::to_string),
                ip: dash(device.ip.map(|ip| ip.to_string())),
                mac: dash(device.mac.map(|mac| mac.to_string())),
                maker: dash(device.maker.as_ref().map(ToString::to_string)),
                gateway: dash(at.map(|g| g.gateway.name.to_string())),
                first: Moment::at(d.seen.first_seen, now),
                last: Moment::at(d.seen.last_seen, now),
                href: super::device::href(d.gateway, &d.key.0),
                apps_href: format!("/usage/apps?days=7&device={key}"),
                web_href: format!("/usage/web?days=7&device={key}"),
            }
        };
        DevicesPage {
            frame,
            tabs: tabs("/usage/devices"),
            devices: shown.iter().map(line).collect(),
            many_gateways: gateways.len() > 1,
            count_text: if shown.len() == devices.len() {
                format!("{}台です。最近通信した機器から並んでいます。", devices.len())
            } else {
                format!(
                    "{}台のうち{}〜{}台目です。最近通信した機器から並んでいます。",
                    jst::thousands(devices.len() as u64),
                    first + 1,
                    first + shown.len()
                )
            },
            pager: Pager {
                newest: (page > 0).then(|| "/usage/devices".to_owned()),
                older: (!more.is_empty()).then(|| format!("/usage/devices?page={}", page + 1)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mimamori_domain::DeviceKey;
    use mimamori_domain::usage::Inspected;

    #[test]
    fn sizes_are_as_people_say_them() {
        assert_eq!(size(999), "999バイト");
        assert_eq!(size(1_500), "1.5KB");
        assert_eq!(size(123_456_789), "123MB");
        assert_eq!(size(2_000_000_000), "2.0GB");
    }

    #[test]
    fn the_figure_names_all_three_depths_and_whose_traffic_was_blind() {
        let sum = |how, device: &str, bytes| InspectionSum {
            how,
            device: DeviceKey(device.to_owned()),
            at: Timestamp::EPOCH,
            flows: 1,
            bytes,
        };
        let sums =
            [sum(Inspected::Tls, "", 600), sum(Inspected::Fully, "", 300), sum(Inspected::Tunnel, "", 100)];
        let by_device = [sum(Inspected::Tunnel, "mac:00:0b:5d:00:00:01", 100), sum(Inspected::Tls, "x", 600)];
        let figure = DepthFigure::new(&sums, &by_device, &[]);
        assert!(figure.sentence.contains("30.0%") && figure.sentence.contains("10.0%は検査できません"));
        assert_eq!(figure.groups.len(), 3);
        assert_eq!(figure.devices, [("00:0b:5d:00:00:01".to_owned(), "100バイト".to_owned())]);
        assert!(!figure.bar_svg.contains("style="));
    }
}
