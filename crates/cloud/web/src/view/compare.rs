//! くらべる: own counts beside all companies, and own gateways beside one another.

use std::fmt::Write as _;

use askama::Template;
use mimamori_domain::comparison::{Cell, Cells, Measure, SizeClass};
use mimamori_domain::jst;
use mimamori_service::{Comparison, GatewayCounts, Span};

use super::part::Choice;
use super::usage::share_bar;
use super::{Frame, chart};

/// What one value is counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    Company,
    Gateway,
}

impl Per {
    pub fn from_code(code: &str) -> Self {
        if code == "gateway" { Per::Gateway } else { Per::Company }
    }

    pub const fn code(self) -> &'static str {
        match self {
            Per::Company => "company",
            Per::Gateway => "gateway",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Per::Company => "1社あたり",
            Per::Gateway => "UTM装置1台あたり",
        }
    }
}

/// What the reader has chosen beside the period.
#[derive(Debug, Clone, Copy)]
pub struct Chosen {
    pub per: Per,
    /// Companies of like size only.
    pub alike: bool,
}

#[derive(Debug, Clone)]
pub struct Row {
    pub name: &'static str,
    pub own: String,
    pub mean: String,
    pub median: String,
    pub middle: String,
}

#[derive(Debug, Clone)]
pub struct GatewayRow {
    pub href: String,
    pub name: String,
    pub bar_svg: String,
    /// As many as there are columns.
    pub counts: Vec<String>,
}

#[derive(Debug, Template)]
#[template(path = "compare.html")]
pub struct Page {
    pub frame: Frame,
    pub period_text: String,
    pub periods: Vec<Choice>,
    pub from: String,
    pub until: String,
    pub first_day: String,
    pub last_day: String,
    pub per: &'static str,
    pub per_words: &'static str,
    pub alike: bool,
    pub class: &'static str,
    /// 「この30日間、御社の検知は…」; empty if nothing may be shown.
    pub sentence: String,
    pub behind: String,
    pub chart_svg: String,
    pub rows: Vec<Row>,
    /// Why nothing is shown.
    pub why_not: &'static str,
    pub columns: Vec<&'static str>,
    pub gateways: Vec<GatewayRow>,
    pub gateways_sentence: String,
    pub gateways_svg: String,
}

impl Page {
    pub fn new(frame: Frame, c: &Comparison, chosen: Chosen) -> Self {
        let cells = if chosen.alike { c.alike.as_ref() } else { c.everyone.as_ref() };
        let divisor = match chosen.per {
            Per::Company => 1,
            Per::Gateway => (c.gateways.len() as u64).max(1),
        };
        let pairs: Vec<(Measure, u64, Cell)> =
            cells.map(|cells| pairs(c, cells, chosen.per, divisor)).unwrap_or_default();
        let columns: Vec<Measure> =
            Measure::all().filter(|m| c.gateways.iter().any(|g| g.counts.contains_key(m))).collect();
        Page {
            frame,
            period_text: span_words(c.span),
            periods: periods(c, chosen),
            from: c.span.from.iso(),
            until: c.span.until.iso(),
            first_day: c.choice.from.iso(),
            last_day: c.choice.until.iso(),
            per: chosen.per.code(),
            per_words: chosen.per.words(),
            alike: chosen.alike,
            class: c.class.label(),
            sentence: pairs.first().map(|p| sentence(c.span, p)).unwrap_or_default(),
            behind: cells.map(|cells| behind(cells, c.class, chosen)).unwrap_or_default(),
            chart_svg: ranges(&pairs),
            rows: pairs.iter().map(row).collect(),
            why_not: if chosen.alike && c.everyone.is_some() {
                "同じくらいの規模の会社がまだ10社に足りません。「すべての参加企業」ではくらべられます。"
            } else {
                "90日以上参加している会社が10社そろい、期間の最後の日の翌朝になると、ここに平均や中央値が出ます。少ない会社の数字からは、どの会社かが分かってしまうためです。"
            },
            gateways_sentence: gateways_sentence(&c.gateways),
            gateways_svg: gateways_svg(&c.gateways),
            gateways: gateway_rows(&c.gateways, &columns),
            columns: columns.iter().map(|m| m.label()).collect(),
        }
    }
}

/// Own value and cell of each measure of which anybody has any; the sum always. In hundredths.
fn pairs(c: &Comparison, cells: &Cells, per: Per, divisor: u64) -> Vec<(Measure, u64, Cell)> {
    let of = match per {
        Per::Company => &cells.per_company,
        Per::Gateway => &cells.per_gateway,
    };
    Measure::all()
        .filter_map(|m| {
            let own = c.own.get(&m).copied().unwrap_or(0).saturating_mul(100) / divisor;
            let cell = *of.get(m.code())?;
            let any = own > 0 || cell.mean > 0 || cell.upper > 0;
            (any || m == Measure::Detections).then_some((m, own, cell))
        })
        .collect()
}

fn span_words(span: Span) -> String {
    let day = |d: jst::JstDay| jst::month_day(d.start());
    if span.days() == 1 {
        format!("{}の1日間", day(span.from))
    } else {
        format!("{}〜{}の{}日間", day(span.from), day(span.until), span.days())
    }
}

fn periods(c: &Comparison, chosen: Chosen) -> Vec<Choice> {
    [7, 30, 90]
        .map(|days| {
            let until = c.choice.until;
            let from = until.plus(1 - days).max(c.choice.from);
            let size = if chosen.alike { "alike" } else { "all" };
            Choice {
                href: format!(
                    "/compare?from={}&until={}&per={}&size={size}",
                    from.iso(),
                    until.iso(),
                    chosen.per.code()
                ),
                label: format!("{days}日間"),
                current: c.span.from == from && c.span.until == until,
            }
        })
        .to_vec()
}

/// 「この30日間、御社の検知は参加企業の中央値より少なめです（12件／中央値 19件）」.
fn sentence(span: Span, (_, own, cell): &(Measure, u64, Cell)) -> String {
    let word = match (*own, cell) {
        (own, c) if own < c.lower => "かなり少ないほうです",
        (own, c) if own < c.median => "中央値より少なめです",
        (own, c) if own == c.median => "中央値と同じくらいです",
        (own, c) if own <= c.upper => "中央値より多めです",
        _ => "かなり多いほうです",
    };
    format!(
        "この{}日間、御社の検知は参加企業の中で{word}（{}件／中央値 {}件）。",
        span.days(),
        number(*own),
        number(cell.median)
    )
}

fn behind(cells: &Cells, class: SizeClass, chosen: Chosen) -> String {
    let who = if chosen.alike { class.label() } else { "すべての参加企業" };
    format!("{who}・約{}社の、{}の数字です。", jst::thousands(cells.companies), chosen.per.words())
}

fn row((measure, own, cell): &(Measure, u64, Cell)) -> Row {
    Row {
        name: measure.label(),
        own: number(*own),
        mean: number(cell.mean),
        median: number(cell.median),
        middle: format!("{}〜{}", number(cell.lower), number(cell.upper)),
    }
}

/// `1,234`, `12.5`: hundredths as people read them.
fn number(hundredths: u64) -> String {
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    match (whole, rest) {
        (_, 0) => jst::thousands(whole),
        (0, rest) => format!("0.{rest:02}").trim_end_matches('0').to_owned(),
        (1..=99, rest) if rest >= 10 => format!("{whole}.{}", rest / 10),
        _ => jst::thousands(whole),
    }
}

const WIDTH: u64 = 480;
const NAMES: u64 = 150;
const LINE: u64 = 34;

/// One line for each measure: the middle half of the companies, their median and mean, and
/// ourselves. Each line has a scale of its own.
fn ranges(pairs: &[(Measure, u64, Cell)]) -> String {
    if pairs.is_empty() {
        return String::new();
    }
    let height = pairs.len() as u64 * LINE + 6;
    let mut svg = format!(
        r#"<svg class="chart ranges" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="種類ごとに、参加企業の中ほどの半分、中央値、平均と御社の位置を示した図。数字は下の表にあります。">"#
    );
    for (i, (measure, own, cell)) in pairs.iter().enumerate() {
        let middle = i as u64 * LINE + LINE / 2 + 3;
        let most = [*own, cell.mean, cell.upper, 100].into_iter().max().unwrap_or(100);
        let room = WIDTH - NAMES - 70;
        let x = |value: u64| {
            NAMES + u64::try_from(u128::from(value) * u128::from(room) / u128::from(most)).unwrap_or(room)
        };
        let (from, to) = (x(cell.lower), x(cell.upper));
        // Writing to a String does not fail.
        let _ = write!(
            svg,
            r#"<text x="0" y="{}">{}</text><line class="axis" x1="{NAMES}" x2="{}" y1="{middle}" y2="{middle}"/><rect class="range" x="{from}" y="{}" width="{}" height="14" rx="4"/><rect class="median" x="{}" y="{}" width="3" height="18"/><circle class="mean" cx="{}" cy="{middle}" r="3.5"/><path class="own" d="M{} {}l7 7-7 7-7-7z"/><text x="{}" y="{}">{}</text>"#,
            middle + 4,
            measure.label(),
            NAMES + room,
            middle - 7,
            (to - from).max(3),
            x(cell.median).saturating_sub(1),
            middle - 9,
            x(cell.mean),
            x(*own),
            middle - 7,
            NAMES + room + 14,
            middle + 4,
            number(*own),
        );
    }
    svg.push_str("</svg>");
    svg
}

fn total(g: &GatewayCounts) -> u64 {
    g.counts.get(&Measure::Detections).copied().unwrap_or(0)
}

fn gateways_sentence(gateways: &[GatewayCounts]) -> String {
    let most = gateways.iter().max_by_key(|g| total(g));
    match most {
        Some(g) if gateways.len() > 1 && total(g) > 0 => format!(
            "{}台の中で検知が最も多かったのは「{}」の{}件でした。",
            gateways.len(),
            g.name,
            jst::thousands(total(g))
        ),
        Some(_) if gateways.len() > 1 => "この期間に検知した装置はありません。".to_owned(),
        _ => "UTM装置が2台以上になると、ここで装置どうしをくらべられます。".to_owned(),
    }
}

fn gateways_svg(gateways: &[GatewayCounts]) -> String {
    if gateways.len() < 2 || gateways.iter().all(|g| total(g) == 0) {
        return String::new();
    }
    let bars: Vec<chart::Bar> = gateways
        .iter()
        .map(|g| chart::Bar {
            label: g.name.to_string(),
            value: total(g),
            value_text: format!("{}件", jst::thousands(total(g))),
        })
        .collect();
    chart::named_bars(&bars, "装置ごとの検知件数の棒グラフ")
}

fn gateway_rows(gateways: &[GatewayCounts], columns: &[Measure]) -> Vec<GatewayRow> {
    let most = gateways.iter().map(total).max().unwrap_or(0);
    gateways
        .iter()
        .map(|g| GatewayRow {
            href: format!("/gateways/{}", g.gateway),
            name: g.name.to_string(),
            bar_svg: share_bar(total(g), most),
            counts: columns.iter().map(|m| jst::thousands(g.counts.get(m).copied().unwrap_or(0))).collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_short_as_people_say_them() {
        let said = [0, 5, 50, 1_250, 12_340, 1_234_500, 100].map(number);
        assert_eq!(said, ["0", "0.05", "0.5", "12.5", "123", "12,345", "1"]);
    }

    #[test]
    fn the_sentence_says_where_we_stand() {
        let day = jst::JstDay(20_000);
        let span = Span { from: day.plus(-29), until: day };
        let cell = Cell { mean: 3_000, lower: 900, median: 1_900, upper: 4_000 };
        let text = sentence(span, &(Measure::Detections, 1_200, cell));
        assert_eq!(text, "この30日間、御社の検知は参加企業の中で中央値より少なめです（12件／中央値 19件）。");
        assert!(sentence(span, &(Measure::Detections, 9_000, cell)).contains("かなり多いほうです"));
    }
}
