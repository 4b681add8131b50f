//! The month in one page for the customer (PT-10): facts, the sentence at the top, advice.
//!
//! Holds always: everything that the paper shows is in [`Monthly`], bounded; the sentence and
//! the advice follow from it. Deliberately not here: layout (`paper`), reading (`store`).

use mimamori_base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::business::{civil, jst_day};
use crate::comparison::{Cell, Cells, Measure};
use crate::detection::DetectionKind;
use crate::jst::{self, JstDay};
use crate::rating::StarRating;
use crate::status::{CountByKind, Period};

/// Alerts that the paper shows; the rest is counted.
pub const ALERTS_MAX: usize = 20;
/// Gateways that the paper shows.
pub const GATEWAYS_MAX: usize = 50;

/// A month of the Japanese calendar: years times twelve plus month.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Month(pub i64);

impl Month {
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        let d = civil(JstDay::of(at));
        Month(i64::from(d.year()) * 12 + i64::from(d.month()) - 1)
    }

    #[must_use]
    pub const fn plus(self, months: i64) -> Self {
        Month(self.0 + months)
    }

    #[must_use]
    pub const fn year_month(self) -> (i64, i64) {
        (self.0.div_euclid(12), self.0.rem_euclid(12) + 1)
    }

    fn first_day(self) -> JstDay {
        let (y, m) = self.year_month();
        let (y, m) = (i16::try_from(y).unwrap_or(1970), i8::try_from(m).unwrap_or(1));
        jst_day(jiff::civil::Date::new(y, m, 1).unwrap_or(jiff::civil::Date::ZERO))
    }

    #[must_use]
    pub fn period(self) -> Period {
        Period { from: self.first_day().start(), to: self.plus(1).first_day().start() }
    }

    /// `2026年11月`.
    #[must_use]
    pub fn label(self) -> String {
        let (y, m) = self.year_month();
        format!("{y}年{m}月")
    }

    /// `2026-11`.
    #[must_use]
    pub fn code(self) -> String {
        let (y, m) = self.year_month();
        format!("{y:04}-{m:02}")
    }
}

/// All that stands on the paper.
#[derive(Clone, PartialEq, Debug)]
pub struct Monthly {
    pub month: Month,
    pub customer: String,
    pub made_at: Timestamp,
    pub desk: String,
    pub counts: Vec<CountByKind>,
    pub before: Vec<CountByKind>,
    pub alerts: Vec<AlertLine>,
    /// All of the month, also those that `alerts` has no room for.
    pub alerts_total: u64,
    pub gateways: Vec<GatewayLine>,
    pub bytes_deep: u64,
    pub bytes_named: u64,
    pub bytes_blind: u64,
    /// Once the month is over and enough companies take part.
    pub comparison: Option<Compared>,
}

/// The month beside all participating companies; values in hundredths.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compared {
    /// Rounded down to tens.
    pub companies: u64,
    /// Detections first; then what anybody had.
    pub rows: Vec<(Measure, u64, Cell)>,
}

impl Compared {
    /// `None`: nothing may be shown.
    #[must_use]
    pub fn of(cells: &Cells, counts: &[CountByKind], alerts: u64) -> Option<Self> {
        let own = |m: Measure| match m {
            Measure::Detections => total(counts).0,
            Measure::Alerts => alerts,
            Measure::Kind(kind) => counts.iter().find(|c| c.kind == kind).map_or(0, |c| c.total),
        };
        let rows: Vec<_> = Measure::all()
            .filter_map(|m| {
                let cell = *cells.per_company.get(m.code())?;
                let own = own(m).saturating_mul(100);
                let any = own > 0 || cell.mean > 0 || cell.upper > 0;
                (any || m == Measure::Detections).then_some((m, own, cell))
            })
            .collect();
        (!rows.is_empty()).then_some(Compared { companies: cells.companies, rows })
    }

    /// Where the company stands among the others.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Some((_, own, c)) = self.rows.first() else { return String::new() };
        let word = match *own {
            own if own < c.lower => "かなり少ないほうでした",
            own if own < c.median => "中央値より少なめでした",
            own if own == c.median => "中央値と同じくらいでした",
            own if own <= c.upper => "中央値より多めでした",
            _ => "かなり多いほうでした",
        };
        format!(
            "御社の検知は、参加企業の中で{word}（{}件／中央値 {}件）。",
            hundredths(*own),
            hundredths(c.median)
        )
    }
}

/// `1,234`, `12.5`: hundredths as people read them.
#[must_use]
pub fn hundredths(value: u64) -> String {
    let (whole, rest) = (value / 100, value % 100);
    match (whole, rest) {
        (_, 0) | (100.., _) => jst::thousands(whole),
        (_, rest) => format!("{whole}.{}", rest / 10),
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlertLine {
    pub rating: StarRating,
    pub raised_at: Timestamp,
    pub device: String,
    pub gateway: String,
    pub title: String,
    pub stopped: bool,
    /// What became of it.
    pub state: String,
    pub open: bool,
}

#[derive(Clone, PartialEq, Debug)]
pub struct GatewayLine {
    pub name: String,
    pub serial: String,
    /// Hours of the month since it was set up, and those in which it was heard of.
    pub hours: u64,
    pub hours_heard: u64,
    pub detections: u64,
    pub stopped_now: bool,
}

impl GatewayLine {
    /// Thousandths of the time.
    #[must_use]
    pub fn permille(&self) -> u64 {
        (self.hours_heard.min(self.hours) * 1_000).checked_div(self.hours).unwrap_or(1_000)
    }
}

fn total(counts: &[CountByKind]) -> (u64, u64) {
    counts.iter().fold((0, 0), |(n, s), c| (n + c.total, s + c.stopped))
}

impl Monthly {
    #[must_use]
    pub fn total(&self) -> u64 {
        total(&self.counts).0
    }

    #[must_use]
    pub fn stopped(&self) -> u64 {
        total(&self.counts).1
    }

    #[must_use]
    pub fn before_of(&self, kind: DetectionKind) -> u64 {
        self.before.iter().find(|c| c.kind == kind).map_or(0, |c| c.total)
    }

    /// The month in one sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let month = self.month.label();
        let open =
            self.alerts.iter().filter(|a| a.open && a.rating != StarRating::UnderInvestigation).count();
        let worst = self.alerts.iter().map(|a| a.rating).max();
        match (self.total(), worst) {
            (0, None) => format!("{month}は、危険な通信は見つかりませんでした。"),
            (n, None) => format!(
                "{month}は、{}件の検知がありましたが、お知らせが必要なものはありませんでした。",
                jst::thousands(n)
            ),
            (n, Some(_)) if open > 0 => format!(
                "{month}は、{}件の検知と{}件の重要なアラートがあり、そのうち{open}件にまだ対応が必要です。",
                jst::thousands(n),
                jst::thousands(self.alerts_total)
            ),
            (n, Some(_)) => format!(
                "{month}は、{}件の検知と{}件の重要なアラートがあり、すべて対応が済んでいます。",
                jst::thousands(n),
                jst::thousands(self.alerts_total)
            ),
        }
    }

    /// What to do, the most important first; never empty.
    #[must_use]
    pub fn advice(&self) -> Vec<String> {
        let mut advice = Vec::new();
        for a in self.alerts.iter().filter(|a| a.open).take(3) {
            advice.push(match a.rating {
                StarRating::Three => format!(
                    "機器「{}」をネットワークから切り離し、フルスキャンの結果をポータルから報告してください（{}）。",
                    a.device, a.rating.stars()
                ),
                StarRating::Two => format!(
                    "機器「{}」でフルスキャンを行い、結果をポータルから報告してください（{}）。",
                    a.device, a.rating.stars()
                ),
                StarRating::One => format!("機器「{}」のアラートに心当たりがあるかを、ポータルで確かめてください。", a.device),
                StarRating::UnderInvestigation => format!("機器「{}」は分析担当が調べています。結果をお待ちください。", a.device),
            });
        }
        for g in &self.gateways {
            if g.stopped_now {
                advice.push(format!(
                    "UTM装置「{}」が止まっています。電源とケーブルを確かめてください。",
                    g.name
                ));
            } else if g.permille() < 950 {
                advice.push(format!(
                    "UTM装置「{}」は、月の{}%しか動いていませんでした。電源を切らずにお使いください。",
                    g.name,
                    g.permille() / 10
                ));
            }
        }
        let phishing = self.counts.iter().find(|c| c.kind == DetectionKind::Phishing).map_or(0, |c| c.total);
        if phishing > 0 {
            advice.push("偽サイト（フィッシングサイト）への通信がありました。メールのリンクを開く前に差出人を確かめるよう、社内で声をかけてください。".to_owned());
        }
        let malware =
            self.counts.iter().find(|c| c.kind == DetectionKind::MalwareFile).map_or(0, |c| c.total);
        if malware > 0 {
            advice.push("危険なファイルのダウンロードがありました。パソコンのウイルス対策ソフトが最新かを確かめてください。".to_owned());
        }
        if advice.is_empty() {
            advice.push("今すぐすることはありません。お知らせメールの宛先が今も読める人になっているかを、月に一度確かめてください。".to_owned());
        }
        advice
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_at_midnight_in_tokyo() {
        let at = Timestamp::from_secs(1_795_496_700);
        let month = Month::of(at);
        assert_eq!((month.label().as_str(), month.code().as_str()), ("2026年11月", "2026-11"));
        let period = month.period();
        assert_eq!(jst::date_time(period.from), "2026年11月1日(日) 00:00");
        assert_eq!(jst::date_time(period.to), "2026年12月1日(火) 00:00");
        assert_eq!(Month::of(period.to), month.plus(1));
        assert_eq!(month.plus(2).label(), "2027年1月");
    }

    #[test]
    fn the_month_beside_the_others_is_one_sentence() {
        let cell = Cell { mean: 2_000, lower: 500, median: 1_900, upper: 4_000 };
        let per_company = [("detections".to_owned(), cell)].into();
        let cells = Cells { companies: 120, per_company, ..Cells::default() };
        let counts = [CountByKind { kind: DetectionKind::Phishing, total: 12, stopped: 12 }];
        let compared = Compared::of(&cells, &counts, 1).expect("may be shown");
        assert_eq!(
            compared.sentence(),
            "御社の検知は、参加企業の中で中央値より少なめでした（12件／中央値 19件）。"
        );
        assert!(Compared::of(&Cells::default(), &counts, 1).is_none());
        assert_eq!((hundredths(1_250), hundredths(50)), ("12.5".to_owned(), "0.5".to_owned()));
    }

    fn quiet() -> Monthly {
        Monthly {
            month: Month(2026 * 12 + 10),
            customer: "竹原商店".to_owned(),
            made_at: Timestamp::from_secs(1_795_496_700),
            desk: String::new(),
            counts: vec![],
            before: vec![],
            alerts: vec![],
            alerts_total: 0,
            gateways: vec![],
            bytes_deep: 0,
            bytes_named: 0,
            bytes_blind: 0,
            comparison: None,
        }
    }

    #[test]
    fn the_sentence_says_whether_something_is_left_to_do() {
        let mut m = quiet();
        assert!(m.sentence().contains("見つかりませんでした"));
        assert_eq!(m.advice().len(), 1, "there is always something to do next");
        m.counts = vec![CountByKind { kind: DetectionKind::Phishing, total: 1_200, stopped: 1_200 }];
        assert!(m.sentence().contains("1,200件") && m.sentence().contains("必要なものはありません"));
        m.alerts_total = 1;
        m.alerts = vec![AlertLine {
            rating: StarRating::Three,
            raised_at: m.made_at,
            device: "KEIRI-PC".to_owned(),
            gateway: "本店".to_owned(),
            title: "攻撃者の指令サーバーへの通信".to_owned(),
            stopped: true,
            state: "お知らせ済み".to_owned(),
            open: true,
        }];
        assert!(m.sentence().contains("まだ対応が必要"));
        assert!(m.advice().first().is_some_and(|a| a.contains("KEIRI-PC")));
        m.alerts[0].open = false;
        assert!(m.sentence().contains("すべて対応が済んで"));
    }
}
