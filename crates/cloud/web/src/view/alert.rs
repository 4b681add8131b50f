//! The list of alerts and one alert: always in the order of the UX card.

use askama::Template;
use mimamori_base::Timestamp;
use mimamori_domain::{Alert, AlertState, Measure, Outcome, StarRating, Verdict, alert, jst};

use super::part::{Choice, Empty, Moment, Pager, Stars, Tag};
use super::scan::{ScanChoice, ScanDraft, ScanView};
use super::{Frame, detection, wording};

/// Days after an alert within which an on-site response may be covered (IN-03).
const COVER_DAYS: i64 = 30;

/// An alert in a list.
#[derive(Debug, Clone)]
pub struct Card {
    pub id: String,
    pub stars: Stars,
    pub title: String,
    pub state: Tag,
    pub outcome: Option<Tag>,
    pub device: String,
    pub gateway: String,
    pub last_seen: Moment,
    pub count: u64,
    pub count_text: String,
}

impl Card {
    pub fn new(a: &Alert, gateway: &str, now: Timestamp) -> Self {
        Card {
            id: a.id.to_string(),
            stars: a.rating.into(),
            title: headline(a),
            state: wording::alert_state(&a.state),
            outcome: Some(outcome_tag(a)),
            device: a.device.display_name(),
            gateway: gateway.to_owned(),
            last_seen: Moment::at(a.last_seen, now),
            count: a.count,
            count_text: jst::thousands(a.count),
        }
    }
}

/// 「KEIRI-PC」で…を検知し、止めました.
pub fn headline(a: &Alert) -> String {
    if a.is_three_by_scan() {
        return format!("「{}」のフルスキャンでウイルスなどが見つかりました", a.device.display_name());
    }
    let verb = match a.measure() {
        Measure::Stopped => "を検知し、止めました",
        Measure::Neutralised => "を検知し、無害にしました",
        Measure::StoppedOrNeutralised => "を検知し、止めるか無害にしました",
        Measure::Partly | Measure::None => "を検知しました",
    };
    format!("「{}」で{}{verb}", a.device.display_name(), a.title)
}

pub fn outcome_tag(a: &Alert) -> Tag {
    match a.measure() {
        Measure::Stopped => Tag { class: "ok", icon: "shield", word: "止めました" },
        Measure::Neutralised => Outcome::Neutralised.into(),
        Measure::StoppedOrNeutralised => {
            Tag { class: "ok", icon: "shield", word: "止めるか無害にしました" }
        }
        Measure::Partly => {
            Tag { class: "check", icon: "shield-open", word: "一部は止めていません" }
        }
        Measure::None => Tag { class: "check", icon: "shield-open", word: "止めていません" },
    }
}

#[derive(Debug, Template)]
#[template(path = "alerts.html")]
pub struct ListPage {
    pub frame: Frame,
    pub views: Vec<Choice>,
    pub alerts: Vec<Card>,
    pub count_text: String,
    pub pager: Pager,
    pub empty: Empty,
    pub legend: Vec<Stars>,
}

impl ListPage {
    pub fn legend() -> Vec<Stars> {
        [StarRating::Three, StarRating::Two, StarRating::One, StarRating::UnderInvestigation]
            .map(Stars::from)
            .to_vec()
    }
}

/// A first sentence in bold, then more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub lead: String,
    pub more: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeAnswer {
    pub icon: &'static str,
    pub lead: &'static str,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    pub text: String,
    pub rule: String,
    pub policy: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    pub at: Moment,
    pub text: String,
}

#[derive(Debug, Template)]
#[template(path = "alert.html")]
pub struct DetailPage {
    pub frame: Frame,
    pub id: String,
    pub short_id: String,
    pub customer: String,
    pub stars: Stars,
    pub state: Tag,
    pub title: String,
    pub what: Answer,
    pub device: Answer,
    pub outcome: OutcomeAnswer,
    pub steps: Vec<String>,
    pub steps_note: Option<&'static str>,
    pub until: Vec<String>,
    pub can_act: bool,
    pub can_report_scan: bool,
    /// May ask for 「これは業務です」, by the signature or by the name on the other side.
    pub can_ask_exception: bool,
    pub by_signature: bool,
    pub by_host: Option<String>,
    /// The analyst's report, line by line.
    pub finding: Vec<String>,
    pub can_acknowledge: bool,
    pub can_close: bool,
    pub scan_choices: Vec<ScanChoice>,
    pub scan_draft: ScanDraft,
    /// What was reported, with its files.
    pub scan: Option<ScanView>,
    pub reason: Reason,
    pub history: Vec<HistoryEntry>,
    pub evidence_text: String,
    pub detections: Vec<detection::Row>,
}

impl DetailPage {
    /// `can_act`: the reader may acknowledge and report.
    pub fn new(frame: Frame, a: &Alert, gateway: &str, can_act: bool, now: Timestamp) -> Self {
        let id = a.id.to_string();
        let last = a.history.last();
        DetailPage {
            customer: frame.customer.clone(),
            frame,
            short_id: id.get(24..).unwrap_or(&id).to_owned(),
            id,
            stars: a.rating.into(),
            state: wording::alert_state(&a.state),
            title: headline(a),
            what: what(a),
            device: device(a, gateway),
            outcome: outcome(a),
            steps: a.actions.iter().map(ToString::to_string).collect(),
            steps_note: (a.rating >= StarRating::Two
                && !a.actions.iter().any(|s| s.contains("電源は切らない")))
            .then_some("電源は切らないでください（調査に必要な記録が消えることがあります）。"),
            until: until(a),
            can_act: can_act && !matches!(a.state, AlertState::Closed { .. }),
            can_ask_exception: can_act,
            by_signature: a.evidence.iter().any(|e| e.detection.signature.is_some()),
            by_host: a.evidence.iter().find_map(|e| e.detection.host.as_ref().map(|h| wording::shortened(h))),
            finding: a.finding.iter().flat_map(|f| f.report.iter().map(ToString::to_string)).collect(),
            can_report_scan: a.rating != StarRating::UnderInvestigation,
            can_acknowledge: a.state.is_open(),
            can_close: a.may_be_closed(),
            scan_choices: ScanDraft::default().choices(),
            scan_draft: ScanDraft::default(),
            scan: ScanView::of(a, &[], now),
            reason: Reason {
                text: last.map(|c| c.reason.to_string()).unwrap_or_default(),
                rule: last.map(|c| c.rule.to_string()).unwrap_or_default(),
                policy: last.map(|c| c.policy_version.to_string()).unwrap_or_default(),
            },
            history: history(a, now),
            evidence_text: format!("全{}件のうち、はじめのものと最新のもの", jst::thousands(a.count)),
            detections: a
                .evidence
                .iter()
                .rev()
                .map(|e| detection::Row::new(&e.detection, gateway, now))
                .collect(),
        }
    }

    /// The form as it was filled in, when it was refused.
    #[must_use]
    pub fn with_draft(mut self, draft: ScanDraft) -> Self {
        self.scan_choices = draft.choices();
        self.scan_draft = draft;
        self
    }
}

fn what(a: &Alert) -> Answer {
    let when = if a.count > 1 && a.first_seen != a.last_seen {
        format!(
            "{} から {} までに{}回。",
            jst::date_time(a.first_seen),
            jst::date_time(a.last_seen),
            jst::thousands(a.count)
        )
    } else {
        format!("{}。", jst::date_time(a.first_seen))
    };
    let mut more = vec![when];
    if let Some(last) = a.history.last() {
        more.push(last.reason.to_string());
    }
    // The detection that decided, if it is still kept; else the latest.
    let decided = a.history.last().and_then(|change| change.detection);
    let evidence = a.evidence.iter().find(|e| Some(e.detection.id) == decided).or(a.evidence.last());
    if let Some(evidence) = evidence {
        more.push(format!("通信先: {}", wording::shortened(&evidence.detection.peer_text())));
    }
    if a.late {
        more.push("（UTM装置とつながらない時間があったため、遅れてお知らせしています。）".to_owned());
    }
    Answer { lead: format!("{}を検知しました。", a.title), more }
}

fn device(a: &Alert, gateway: &str) -> Answer {
    let d = &a.device;
    let mut details = Vec::new();
    if let (Some(_), Some(ip)) = (&d.host_name, d.ip) {
        details.push(ip.to_string());
    }
    if let Some(mac) = d.mac {
        details.push(mac.to_string());
    }
    if let Some(maker) = &d.maker {
        details.push(maker.to_string());
    }
    let mut more = vec![format!("UTM装置「{gateway}」の先にあります。")];
    if !details.is_empty() {
        more.push(details.join(" / "));
    }
    Answer { lead: d.display_name(), more }
}

fn outcome(a: &Alert) -> OutcomeAnswer {
    let count = jst::thousands(a.count);
    let text = match a.measure() {
        Measure::Stopped => format!("UTM装置が、{count}回の通信をすべて止めました。"),
        Measure::Neutralised => format!(
            "UTM装置が、{count}回とも危険なファイルを書きかえ、開いても動かないようにしました。メールそのものは届いています。"
        ),
        Measure::StoppedOrNeutralised => format!(
            "UTM装置が、{count}回のうち{}回は危険なファイルを書きかえて開いても動かないようにし、ほかは通信を止めました。",
            jst::thousands(a.neutralised)
        ),
        Measure::Partly | Measure::None => {
            format!("{count}回のうち{}回は、記録だけをして通しました。", jst::thousands(a.not_stopped))
        }
    };
    let tag = outcome_tag(a);
    OutcomeAnswer { icon: tag.icon, lead: tag.word, text }
}

fn until(a: &Alert) -> Vec<String> {
    let mut lines = vec![match a.rating {
        StarRating::Three => "今すぐ対応し、今日のうちにスキャンの結果を報告してください。".to_owned(),
        StarRating::Two => "今日のうちにフルスキャンを行い、結果を報告してください。".to_owned(),
        StarRating::One => "急ぎません。3日以内に内容をご確認ください。".to_owned(),
        StarRating::UnderInvestigation => {
            "調査の結果をお待ちください。それまでに困ったことがあればご相談ください。".to_owned()
        }
    }];
    if a.rating == StarRating::Three {
        let last_day = jst::JstDay::of(a.raised_at).plus(COVER_DAYS).start();
        lines.push(format!(
            "保険: フルスキャンのあとも駆け付け対応が必要な場合、{}までのご利用が補償の対象です（条件があります）。",
            jst::date(last_day)
        ));
    }
    lines
}

fn history(a: &Alert, now: Timestamp) -> Vec<HistoryEntry> {
    let mut entries: Vec<(Timestamp, String)> = vec![(a.first_seen, "はじめて検知しました".to_owned())];
    for (i, change) in a.history.iter().enumerate() {
        let text = match change.rule.0.as_str() {
            alert::BY_SCAN => "スキャンの結果により、★★★ 相当に引き上げました".to_owned(),
            alert::BY_ANALYST if a.finding.as_ref().is_some_and(|f| f.verdict == Verdict::Harmless) => {
                "調査の結果、問題は見つかりませんでした".to_owned()
            }
            alert::BY_ANALYST => format!("調査の結果、{} と判定しました", change.rating.text()),
            _ if i == 0 => format!("{} と判定しました", change.rating.text()),
            _ => format!("{} に引き上げました", change.rating.text()),
        };
        entries.push((change.at, text));
    }
    match &a.state {
        AlertState::New | AlertState::Investigated { .. } => {}
        AlertState::Notified { at } => entries.push((*at, "メールでお知らせしました".to_owned())),
        AlertState::Acknowledged { at, by } => {
            entries.push((*at, format!("{}さんが「確認しました」を押しました", by.name)))
        }
        AlertState::Scanned { .. } => {}
        AlertState::Closed { at, by } => entries.push((*at, format!("{}さんが完了にしました", by.name))),
    }
    if let Some(report) = &a.scan {
        let mut text =
            format!("{}さんがスキャンの結果を報告しました: {}", report.by.name, report.outcome.label());
        let told = [report.product.to_string(), report.note.to_string()];
        let told: Vec<_> = told.into_iter().filter(|t| !t.is_empty()).collect();
        if !told.is_empty() {
            text.push_str(&format!("（{}）", told.join("、")));
        }
        entries.push((report.at, text));
    }
    entries.sort_by_key(|(at, _)| *at);
    entries.into_iter().map(|(at, text)| HistoryEntry { at: Moment::at(at, now), text }).collect()
}
