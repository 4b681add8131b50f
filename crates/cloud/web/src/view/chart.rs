//! Charts as SVG with attributes only, labelled directly, each beside a sentence and a table.

use std::fmt::Write;

/// One day of the trend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    /// `11月24日`.
    pub label: String,
    pub stopped: u64,
    pub passed: u64,
}

impl Day {
    const fn total(&self) -> u64 {
        self.stopped.saturating_add(self.passed)
    }
}

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 190.0;
const BASE: f64 = 160.0;
const TOP: f64 = 24.0;

/// Stacked bars, one a day; what was stopped below, what was only recorded above.
pub fn trend(days: &[Day]) -> String {
    let most = days.iter().map(Day::total).max().unwrap_or(0);
    let mut svg = format!(
        r#"<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="日ごとの検知件数の棒グラフ。最も多い日は{most}件。数字は下の表にあります。">"#
    );
    push(&mut svg, format_args!(r#"<line class="axis" x1="0" x2="{WIDTH}" y1="{BASE}" y2="{BASE}"/>"#));
    if most == 0 || days.is_empty() {
        svg.push_str("</svg>");
        return svg;
    }
    let slot = WIDTH / as_f64(days.len() as u64);
    let bar = (slot * 0.68).min(34.0);
    let scale = (BASE - TOP) / as_f64(most);
    let mut named_the_most = false;
    for (i, day) in days.iter().enumerate() {
        let x = slot * as_f64(i as u64) + (slot - bar) / 2.0;
        let stopped = as_f64(day.stopped) * scale;
        let passed = as_f64(day.passed) * scale;
        rect(&mut svg, "stopped", x, BASE - stopped, bar, stopped);
        rect(&mut svg, "passed", x, BASE - stopped - passed, bar, passed);
        if day.total() == most && !named_the_most {
            named_the_most = true;
            let middle = (x + bar / 2.0).clamp(24.0, WIDTH - 24.0);
            let y = BASE - stopped - passed - 7.0;
            push(
                &mut svg,
                format_args!(r#"<text x="{middle:.1}" y="{y:.1}" text-anchor="middle">{most}件</text>"#),
            );
        }
    }
    let ends = [
        (days.first(), 0.0, "start"),
        (days.get(days.len() / 2), WIDTH / 2.0, "middle"),
        (days.last(), WIDTH, "end"),
    ];
    for (day, x, anchor) in ends {
        if let Some(day) = day {
            push(
                &mut svg,
                format_args!(r#"<text x="{x:.1}" y="180" text-anchor="{anchor}">{}</text>"#, day.label),
            );
        }
    }
    svg.push_str("</svg>");
    svg
}

/// How much of a span of time a gateway was heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// All of it.
    Up,
    /// A part of it.
    Part,
    /// Nothing.
    Out,
    /// It was not enrolled yet.
    None,
}

/// A row of blocks, oldest first.
pub fn uptime(spans: &[Heard], spoken: &str) -> String {
    let count = as_f64(spans.len().max(1) as u64);
    let step = 240.0 / count;
    let mut svg = format!(
        r#"<svg class="uptime" viewBox="0 0 240 28" preserveAspectRatio="none" role="img" aria-label="{spoken}">"#
    );
    for (i, heard) in spans.iter().enumerate() {
        let (class, y, height) = match heard {
            Heard::Up => ("up", 0.0, 28.0),
            Heard::Part => ("part", 6.0, 22.0),
            Heard::Out => ("out", 18.0, 10.0),
            Heard::None => ("none", 0.0, 28.0),
        };
        rect(&mut svg, class, step * as_f64(i as u64) + step * 0.12, y, step * 0.76, height);
    }
    svg.push_str("</svg>");
    svg
}

/// A row of blocks of days, each as high as the share of its time that was heard.
pub fn uptime_days(per_mille: &[Option<u64>], spoken: &str) -> String {
    let step = 240.0 / as_f64(per_mille.len().max(1) as u64);
    let mut svg = format!(
        r#"<svg class="uptime" viewBox="0 0 240 28" preserveAspectRatio="none" role="img" aria-label="{spoken}">"#
    );
    for (i, share) in per_mille.iter().enumerate() {
        let (class, height) = match share {
            None => ("none", 28.0),
            Some(990..) => ("up", 28.0),
            Some(0) => ("out", 10.0),
            Some(share) => ("part", 10.0 + as_f64(*share) * 16.0 / 1_000.0),
        };
        rect(&mut svg, class, step * as_f64(i as u64) + step * 0.12, 28.0 - height, step * 0.76, height);
    }
    svg.push_str("</svg>");
    svg
}

/// One bar of a simple chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    pub label: String,
    pub value: u64,
    /// The value as people say it.
    pub value_text: String,
}

/// Bars of one series, the highest one named.
pub fn bars(all: &[Bar], spoken: &str) -> String {
    let most = all.iter().max_by_key(|b| b.value).filter(|b| b.value > 0);
    let highest = most.map_or("なし", |b| b.value_text.as_str());
    let mut svg = format!(
        r#"<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{spoken}。最も多いところは{highest}。数字は下の表にあります。">"#
    );
    push(&mut svg, format_args!(r#"<line class="axis" x1="0" x2="{WIDTH}" y1="{BASE}" y2="{BASE}"/>"#));
    let Some(most) = most else {
        svg.push_str("</svg>");
        return svg;
    };
    let slot = WIDTH / as_f64(all.len() as u64);
    let bar = (slot * 0.68).min(34.0);
    let scale = (BASE - TOP) / as_f64(most.value);
    let mut named = false;
    for (i, one) in all.iter().enumerate() {
        let x = slot * as_f64(i as u64) + (slot - bar) / 2.0;
        let height = as_f64(one.value) * scale;
        rect(&mut svg, "stopped", x, BASE - height, bar, height);
        if one.value == most.value && !named {
            named = true;
            let middle = (x + bar / 2.0).clamp(30.0, WIDTH - 30.0);
            let y = BASE - height - 7.0;
            let text = &one.value_text;
            push(
                &mut svg,
                format_args!(r#"<text x="{middle:.1}" y="{y:.1}" text-anchor="middle">{text}</text>"#),
            );
        }
    }
    for (one, x, anchor) in [(all.first(), 0.0, "start"), (all.last(), WIDTH, "end")] {
        if let Some(one) = one {
            let label = &one.label;
            push(&mut svg, format_args!(r#"<text x="{x:.1}" y="180" text-anchor="{anchor}">{label}</text>"#));
        }
    }
    svg.push_str("</svg>");
    svg
}

/// One column of three parts, the first one below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    pub label: String,
    pub parts: [u64; 3],
}

/// Columns of three parts, each with its class.
pub fn stacks(all: &[Stack], classes: [&str; 3], spoken: &str) -> String {
    let total = |s: &Stack| s.parts.iter().fold(0u64, |sum, part| sum.saturating_add(*part));
    let most = all.iter().map(total).max().unwrap_or(0);
    let mut svg = format!(
        r#"<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{spoken}。数字は下の表にあります。">"#
    );
    push(&mut svg, format_args!(r#"<line class="axis" x1="0" x2="{WIDTH}" y1="{BASE}" y2="{BASE}"/>"#));
    let slot = WIDTH / as_f64(all.len().max(1) as u64);
    let bar = (slot * 0.68).min(34.0);
    let scale = (BASE - TOP) / as_f64(most.max(1));
    for (i, one) in all.iter().enumerate() {
        let x = slot * as_f64(i as u64) + (slot - bar) / 2.0;
        let mut y = BASE;
        for (part, class) in one.parts.iter().zip(classes) {
            let height = as_f64(*part) * scale;
            y -= height;
            rect(&mut svg, class, x, y, bar, height);
        }
    }
    for (one, x, anchor) in [(all.first(), 0.0, "start"), (all.last(), WIDTH, "end")] {
        if let Some(one) = one {
            let label = &one.label;
            push(&mut svg, format_args!(r#"<text x="{x:.1}" y="180" text-anchor="{anchor}">{label}</text>"#));
        }
    }
    svg.push_str("</svg>");
    svg
}

/// Horizontal bars, each with its name and value beside it.
pub fn named_bars(all: &[Bar], spoken: &str) -> String {
    const LINE: f64 = 34.0;
    const NAMES: f64 = 150.0;
    let most = as_f64(all.iter().map(|b| b.value).max().unwrap_or(0).max(1));
    let height = LINE * as_f64(all.len() as u64);
    let mut svg = format!(
        r#"<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{spoken}。数字は下の表にあります。">"#
    );
    for (i, one) in all.iter().enumerate() {
        let top = LINE * as_f64(i as u64);
        let width = as_f64(one.value) * (WIDTH - NAMES - 80.0) / most;
        let name: String = one.label.chars().take(11).collect();
        let name = super::escaped(&name);
        push(&mut svg, format_args!(r#"<text x="0" y="{:.1}">{name}</text>"#, top + 22.0));
        rect(&mut svg, "stopped", NAMES, top + 8.0, width.max(1.0), 18.0);
        let (x, y, value) = (NAMES + width + 8.0, top + 22.0, &one.value_text);
        push(&mut svg, format_args!(r#"<text x="{x:.1}" y="{y:.1}">{value}</text>"#));
    }
    svg.push_str("</svg>");
    svg
}

fn rect(svg: &mut String, class: &str, x: f64, y: f64, width: f64, height: f64) {
    if height > 0.0 {
        let height = height.max(1.5);
        push(
            svg,
            format_args!(
                r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="2"/>"#
            ),
        );
    }
}

fn push(svg: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = svg.write_fmt(text);
}

#[expect(clippy::cast_precision_loss, reason = "pixels: counts beyond 2^52 need no exact bar")]
const fn as_f64(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trend_names_its_highest_day_once_and_uses_no_style() {
        let days: Vec<Day> = [3, 9, 9, 0]
            .into_iter()
            .map(|n| Day { label: "11月1日".to_owned(), stopped: n, passed: n / 3 })
            .collect();
        let svg = trend(&days);
        assert_eq!(svg.matches("12件</text>").count(), 1);
        assert!(!svg.contains("style="));
        assert!(trend(&[]).ends_with("</svg>"));
    }

    #[test]
    fn uptime_differs_in_shape_not_only_in_colour() {
        let svg = uptime(&[Heard::Up, Heard::Out], "1時間停止");
        assert!(svg.contains(r#"height="28.0""#) && svg.contains(r#"height="10.0""#));
    }
}
