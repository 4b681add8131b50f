//! 状態: one look that tells whether there is a problem, and what to do next.

use askama::Template;
use mimamori_base::Timestamp;
use mimamori_domain::{Alert, CountByKind, DetectionKind, Headline, Period, StarRating, jst};

use super::part::{Choice, Link};
use super::{Frame, alert, chart, gateway, wording};

/// Most alerts that stand under 「次にすること」 one by one.
const TODO_ALERTS: usize = 3;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Banner {
    pub class: &'static str,
    pub icon: &'static str,
    pub state: &'static str,
    pub headline: String,
    pub lead: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Todo {
    pub title: String,
    pub text: String,
    pub link: Option<Link>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindRow {
    pub icon: &'static str,
    pub name: &'static str,
    pub explanation: &'static str,
    pub count: u64,
    pub count_text: String,
    pub note: Option<String>,
    pub href: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trend {
    pub sentence: String,
    pub total: u64,
    pub svg: String,
    pub rows: Vec<TrendRow>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrendRow {
    pub day: String,
    pub stopped: String,
    pub passed: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blind {
    pub sentence: String,
    pub explanation: &'static str,
}

#[derive(Debug, Template)]
#[template(path = "status.html")]
pub struct Page {
    pub frame: Frame,
    /// Important announcements that this reader has not opened.
    pub news: Vec<super::announcement::Line>,
    pub period_text: String,
    pub periods: Vec<Choice>,
    pub banner: Banner,
    pub todo: Vec<Todo>,
    pub kinds: Vec<KindRow>,
    /// The kinds of which there were none, in one sentence.
    pub kinds_without: Option<String>,
    pub trend: Trend,
    pub blind: Blind,
    pub gateways: Vec<gateway::Card>,
}

/// Before the first gateway (PT-03).
#[derive(Debug, Template)]
#[template(path = "first.html")]
pub struct FirstPage {
    pub frame: Frame,
}

/// What the page is made from.
#[derive(Debug)]
pub struct Facts<'a> {
    pub headline: Headline,
    pub days: u16,
    pub period: Period,
    /// Alerts that nobody has dealt with, the most urgent first.
    pub open: &'a [Alert],
    pub open_total: u64,
    pub counts: &'a [CountByKind],
    pub trend: &'a [chart::Day],
    pub stopped_gateways: &'a [String],
    pub bytes_inspected: u64,
    pub bytes_uninspected: u64,
}

impl Page {
    pub fn new(frame: Frame, facts: &Facts<'_>, gateways: Vec<gateway::Card>) -> Self {
        Page {
            frame,
            news: Vec::new(),
            period_text: format!(
                "{}〜{}の{}日間",
                jst::month_day(facts.period.from),
                jst::month_day(Timestamp(facts.period.to.micros() - 1)),
                facts.days
            ),
            periods: [(7, "7日間"), (30, "30日間"), (90, "90日間")]
                .map(|(days, label)| Choice {
                    href: format!("/?days={days}"),
                    label: label.to_owned(),
                    current: days == facts.days,
                })
                .to_vec(),
            banner: banner(facts),
            todo: todo(facts),
            kinds: kinds(facts),
            kinds_without: kinds_without(facts),
            trend: trend(facts.days, facts.trend),
            blind: blind(facts.bytes_inspected, facts.bytes_uninspected),
            gateways,
        }
    }
}

fn banner(facts: &Facts<'_>) -> Banner {
    let words = wording::headline(facts.headline);
    let (total, stopped) = facts.counts.iter().fold((0, 0), |(t, s), c| (t + c.total, s + c.stopped));
    let counted = match (total, total - stopped) {
        (0, _) => "この期間に検知した通信はありません。".to_owned(),
        (total, 0) => format!("この期間に{}件を検知し、すべて止めました。", jst::thousands(total)),
        (total, passed) => format!(
            "この期間に{}件を検知し、{}件を止めました。{}件は記録だけをしています。",
            jst::thousands(total),
            jst::thousands(stopped),
            jst::thousands(passed)
        ),
    };
    let first = match facts.headline {
        Headline::AllWell => "対応していただくことはありません。".to_owned(),
        Headline::GatewayStopped => {
            format!("「{}」から連絡がありません。", facts.stopped_gateways.join("」「"))
        }
        Headline::UnderInvestigation => "結果が出しだい、メールでお知らせします。".to_owned(),
        Headline::PleaseCheck => {
            format!("内容を確認していただきたいアラートが{}件あります。", facts.open_total)
        }
        Headline::ActionNeeded => format!(
            "対応していただきたいアラートが{}件あります。下の「次にすること」から進めてください。",
            facts.open_total
        ),
    };
    Banner {
        class: words.class,
        icon: words.icon,
        state: facts.headline.label(),
        headline: words.sentence.to_owned(),
        lead: format!("{first}{counted}"),
    }
}

fn todo(facts: &Facts<'_>) -> Vec<Todo> {
    let mut items: Vec<Todo> = facts.open.iter().take(TODO_ALERTS).map(todo_alert).collect();
    let more = facts.open_total.saturating_sub(items.len() as u64);
    if more > 0 {
        items.push(Todo {
            title: format!("ほかに{more}件のアラートを確認する"),
            text: "重要なものから順に並んでいます。".to_owned(),
            link: Some(Link::new("/alerts", "一覧を見る")),
        });
    }
    for name in facts.stopped_gateways {
        items.push(Todo {
            title: format!("UTM装置「{name}」の電源とケーブルを確かめる"),
            text: "止まっているあいだは、その先の機器を見守れません。".to_owned(),
            link: Some(Link::new("/gateways", "装置を見る")),
        });
    }
    if items.is_empty() {
        items.push(Todo {
            title: "今すぐすることはありません".to_owned(),
            text: "月に一度、お知らせメールの宛先が今も読める人になっているかを確かめてください。".to_owned(),
            link: Some(Link::new("/settings", "宛先を確かめる")),
        });
    }
    items
}

fn todo_alert(a: &Alert) -> Todo {
    let device = a.device.display_name();
    let (title, label) = match a.rating {
        StarRating::Three => {
            (format!("「{device}」をネットワークから切り離し、フルスキャンする"), "手順を見る")
        }
        StarRating::Two => (format!("「{device}」でフルスキャンをして、結果を報告する"), "手順を見る"),
        StarRating::One => (format!("「{device}」のアラートに心当たりがあるかを確かめる"), "内容を見る"),
        StarRating::UnderInvestigation => (format!("「{device}」の調査結果を待つ"), "内容を見る"),
    };
    Todo {
        title,
        text: format!("{}・{}", a.rating.text(), alert::headline(a)),
        link: Some(Link::new(format!("/alerts/{}", a.id), label)),
    }
}

fn count_of(facts: &Facts<'_>, kind: DetectionKind) -> (u64, u64) {
    facts.counts.iter().find(|c| c.kind == kind).map_or((0, 0), |c| (c.total, c.stopped))
}

/// The kinds that were seen.
fn kinds(facts: &Facts<'_>) -> Vec<KindRow> {
    DetectionKind::ALL
        .iter()
        .filter(|kind| count_of(facts, **kind).0 > 0)
        .map(|kind| {
            let (total, stopped) = count_of(facts, *kind);
            let words = wording::kind(*kind);
            KindRow {
                icon: words.icon,
                name: kind.label(),
                explanation: words.explanation,
                count: total,
                count_text: jst::thousands(total),
                note: match (total, total.saturating_sub(stopped)) {
                    (_, 0) => Some("すべて止めました".to_owned()),
                    (total, passed) if passed == total => Some("記録のみ".to_owned()),
                    _ => Some(format!("うち{}件を止めました", jst::thousands(stopped))),
                },
                href: format!("/detections?kind={}&days={}", kind.code(), facts.days),
            }
        })
        .collect()
}

fn kinds_without(facts: &Facts<'_>) -> Option<String> {
    let names: Vec<&str> = DetectionKind::ALL
        .iter()
        .filter(|kind| count_of(facts, **kind).0 == 0)
        .map(|kind| kind.label())
        .collect();
    (!names.is_empty()).then(|| format!("見つからなかったもの（0件）: {}", names.join("、")))
}

fn trend(days: u16, counts: &[chart::Day]) -> Trend {
    let total: u64 = counts.iter().map(|d| d.stopped + d.passed).sum();
    let most = counts.iter().max_by_key(|d| d.stopped + d.passed);
    let sentence = match most {
        Some(day) if total > 0 => format!(
            "この{days}日間の検知は{}件です。最も多かったのは{}の{}件でした。",
            jst::thousands(total),
            day.label,
            jst::thousands(day.stopped + day.passed)
        ),
        _ => format!("この{days}日間に検知した通信はありません。"),
    };
    Trend {
        sentence,
        total,
        svg: chart::trend(counts),
        rows: counts
            .iter()
            .rev()
            .map(|d| TrendRow {
                day: d.label.clone(),
                stopped: jst::thousands(d.stopped),
                passed: jst::thousands(d.passed),
            })
            .collect(),
    }
}

fn blind(inspected: u64, uninspected: u64) -> Blind {
    let total = inspected.saturating_add(uninspected);
    let sentence = match (total, uninspected) {
        (0, _) => "まだ通信の量が届いていません。".to_owned(),
        (_, 0) => "すべての通信を検査できました。".to_owned(),
        _ => format!(
            "通信の量のうち{}は、中身を検査できませんでした。",
            gateway::uninspected(inspected, uninspected)
        ),
    };
    Blind {
        sentence,
        explanation: "多くは暗号化された通信（https）です。この場合も、通信先の名前とアドレスは検査しています。",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts<'a>(headline: Headline, counts: &'a [CountByKind]) -> Facts<'a> {
        Facts {
            headline,
            days: 30,
            period: Period::last_days(30, Timestamp::from_secs(1_795_496_700)),
            open: &[],
            open_total: 0,
            counts,
            trend: &[],
            stopped_gateways: &[],
            bytes_inspected: 0,
            bytes_uninspected: 0,
        }
    }

    #[test]
    fn when_all_is_well_there_is_still_something_to_do_next() {
        let facts = facts(Headline::AllWell, &[]);
        assert_eq!(todo(&facts).len(), 1);
        assert_eq!(banner(&facts).headline, "問題は見つかりませんでした");
    }

    #[test]
    fn every_kind_is_counted_or_named_as_absent() {
        let counts = [CountByKind { kind: DetectionKind::Scan, total: 1_200, stopped: 1_199 }];
        let facts = facts(Headline::PleaseCheck, &counts);
        let rows = kinds(&facts);
        let absent = kinds_without(&facts).unwrap_or_default();
        for kind in DetectionKind::ALL {
            assert!(rows.iter().any(|r| r.name == kind.label()) != absent.contains(kind.label()), "{kind:?}");
        }
        let first = rows.first().map(|r| (r.count_text.as_str(), r.note.as_deref()));
        assert_eq!(first, Some(("1,200", Some("うち1,199件を止めました"))));
    }
}
