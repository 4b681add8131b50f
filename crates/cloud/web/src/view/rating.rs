//! What analysts and operators see: policies and trials, the queue and one investigation,
//! exceptions, the ledger of mails.

use askama::Template;
use mimamori_base::Timestamp;
use mimamori_domain::trial::Example;
use mimamori_domain::{Exception, ExceptionState, StarRating, TrialReport};
use mimamori_service::ratings::{Elsewhere, QueueItem};

use super::part::{Fact, Moment, Stars, Tag};
use super::scan::ScanView;
use super::{Contact, Frame, detection, wording};

/// One policy in the list.
#[derive(Debug, Clone)]
pub struct PolicyLine {
    pub id: String,
    pub version: String,
    pub note: String,
    pub author: String,
    pub at: Moment,
    pub state: Tag,
}

/// One time that a policy was put live.
#[derive(Debug, Clone)]
pub struct LiveLine {
    pub at: Moment,
    pub version: String,
    pub by: String,
    pub why: String,
}

#[derive(Debug, Template)]
#[template(path = "policies.html")]
pub struct PoliciesPage {
    pub frame: Frame,
    pub in_force: String,
    pub policies: Vec<PolicyLine>,
    pub lives: Vec<LiveLine>,
    pub can_manage: bool,
    /// What was typed into a form that was refused, and why.
    pub source: String,
    pub note: String,
    pub faults: Vec<String>,
}

/// Alerts of one rating before and after.
#[derive(Debug, Clone)]
pub struct CountLine {
    pub stars: Stars,
    pub before: u64,
    pub after: u64,
}

#[derive(Debug, Clone)]
pub struct ChangeLine {
    pub from: String,
    pub to: String,
    pub count: u64,
    pub examples: Vec<ExampleLine>,
}

#[derive(Debug, Clone)]
pub struct ExampleLine {
    pub detection: String,
    pub at: Moment,
    pub text: String,
    pub rules: String,
}

#[derive(Debug, Clone)]
pub struct TrialView {
    pub summary: String,
    pub counts: Vec<CountLine>,
    pub changes: Vec<ChangeLine>,
}

#[derive(Debug, Template)]
#[template(path = "policy.html")]
pub struct PolicyPage {
    pub frame: Frame,
    pub id: String,
    pub version: String,
    pub facts: Vec<Fact>,
    pub in_force: bool,
    pub can_manage: bool,
    pub can_try: bool,
    pub running: bool,
    pub failed: Option<String>,
    pub trial: Option<TrialView>,
    pub source: String,
}

const RATINGS: [StarRating; 4] =
    [StarRating::Three, StarRating::Two, StarRating::One, StarRating::UnderInvestigation];

impl TrialView {
    pub fn new(r: &TrialReport, now: Timestamp) -> Self {
        let n = |map: &std::collections::BTreeMap<StarRating, u64>, of: StarRating| {
            map.get(&of).copied().unwrap_or(0)
        };
        let skipped = match r.skipped {
            0 => String::new(),
            n => format!("（多すぎるため、{n}件は数えていません）"),
        };
        TrialView {
            summary: format!(
                "保存されている{}件の検知（{}社）で試しました。{skipped}",
                mimamori_domain::jst::thousands(r.detections),
                mimamori_domain::jst::thousands(r.customers)
            ),
            counts: RATINGS
                .iter()
                .map(|of| CountLine {
                    stars: (*of).into(),
                    before: n(&r.before, *of),
                    after: n(&r.after, *of),
                })
                .collect(),
            changes: r
                .changes
                .iter()
                .map(|c| ChangeLine {
                    from: rating_text(c.from),
                    to: rating_text(c.to),
                    count: c.count,
                    examples: c.examples.iter().map(|e| ExampleLine::new(e, now)).collect(),
                })
                .collect(),
        }
    }
}

fn rating_text(rating: Option<StarRating>) -> String {
    rating.map_or_else(|| "アラートなし".to_owned(), StarRating::text)
}

impl ExampleLine {
    fn new(e: &Example, now: Timestamp) -> Self {
        ExampleLine {
            detection: e.detection.to_string(),
            at: Moment::at(e.at, now),
            text: format!("「{}」 {}", e.device, e.what),
            rules: if e.rule_before == e.rule_after {
                e.rule_after.clone()
            } else {
                format!("{} → {}", e.rule_before, e.rule_after)
            },
        }
    }
}

/// One alert in the queue.
#[derive(Debug, Clone)]
pub struct QueueLine {
    pub id: String,
    pub title: String,
    pub signature: String,
    pub customer: String,
    pub since: Moment,
    pub outcome: Tag,
    pub assigned: String,
    pub notes: usize,
}

impl QueueLine {
    pub fn new(item: &QueueItem, now: Timestamp) -> Self {
        let a = &item.view.alert;
        let signature = a.evidence.iter().find_map(|e| e.detection.signature.as_ref());
        QueueLine {
            id: a.id.to_string(),
            title: super::alert::headline(a),
            signature: signature.map(|s| format!("{} {}", s.sid, s.msg)).unwrap_or_default(),
            customer: item.view.customer_name.to_string(),
            since: Moment::at(a.raised_at, now),
            outcome: super::alert::outcome_tag(a),
            assigned: item.investigation.assigned.as_ref().map(|a| a.name.to_string()).unwrap_or_default(),
            notes: item.investigation.notes.len(),
        }
    }
}

#[derive(Debug, Template)]
#[template(path = "investigations.html")]
pub struct QueuePage {
    pub frame: Frame,
    pub summary: String,
    pub queue: Vec<QueueLine>,
}

#[derive(Debug, Clone)]
pub struct NoteLine {
    pub at: Moment,
    pub by: String,
    pub text: String,
}

#[derive(Debug, Template)]
#[template(path = "investigation.html")]
pub struct InvestigationPage {
    pub frame: Frame,
    pub id: String,
    pub title: String,
    pub customer: String,
    pub stars: Stars,
    pub open: bool,
    pub facts: Vec<Fact>,
    pub assigned: Option<String>,
    pub mine: bool,
    pub elsewhere: Option<String>,
    pub notes: Vec<NoteLine>,
    pub evidence: EvidenceTable,
    pub others: EvidenceTable,
    pub finding: Option<Vec<String>>,
    pub scan: Option<ScanView>,
}

/// A table of detections.
#[derive(Debug, Template)]
#[template(path = "part/detections_table.html")]
pub struct EvidenceTable {
    pub detections: Vec<detection::Row>,
}

pub fn elsewhere_text(sid: u32, e: Elsewhere) -> String {
    format!(
        "同じ検知（{sid}）は、この30日に全体で{}件、UTM装置{}台、{}社で見つかっています（このお客様を含みます）。",
        mimamori_domain::jst::thousands(e.detections),
        e.gateways,
        e.customers
    )
}

/// One exception in a list.
#[derive(Debug, Clone)]
pub struct ExceptionLine {
    pub id: String,
    pub what: String,
    pub place: &'static str,
    pub reason: String,
    pub customer: String,
    pub asked: String,
    pub decided: String,
    pub until: Moment,
    pub state: Tag,
    pub can_decide: bool,
    pub can_end: bool,
}

impl ExceptionLine {
    pub fn new(e: &Exception, customer: String, decides: bool, ends: bool, now: Timestamp) -> Self {
        let m = &e.matches;
        let mut what = Vec::new();
        what.extend(m.sid.map(|sid| format!("検知の番号 {sid}")));
        what.extend(m.host.as_ref().map(|h| format!("通信先 {}", wording::shortened(h))));
        let over = e.state == ExceptionState::Active && !e.holds(now);
        let state = match e.state {
            _ if over => Tag { class: "", icon: "clock", word: "期限切れ" },
            ExceptionState::Asked => Tag { class: "look", icon: "clock", word: "確認待ち" },
            ExceptionState::Active => Tag { class: "ok", icon: "ok", word: "有効" },
            ExceptionState::Refused => Tag { class: "check", icon: "check", word: "見送り" },
            ExceptionState::Ended => Tag { class: "", icon: "ok", word: "終了" },
        };
        let open = matches!(e.state, ExceptionState::Asked | ExceptionState::Active) && !over;
        ExceptionLine {
            id: e.id.to_string(),
            what: what.join("、"),
            place: if m.device.is_some() { "この機器だけ" } else { "すべての機器" },
            reason: e.reason.to_string(),
            customer,
            asked: e.asked_by.name.to_string(),
            decided: e.decided_by.as_ref().map(|a| a.name.to_string()).unwrap_or_default(),
            until: Moment::at(e.expires_at, now),
            state,
            can_decide: decides && e.state == ExceptionState::Asked,
            can_end: ends && open,
        }
    }
}

#[derive(Debug, Template)]
#[template(path = "exceptions.html")]
pub struct ExceptionsPage {
    pub frame: Frame,
    pub exceptions: Vec<ExceptionLine>,
    /// The list shows several customers.
    pub several: bool,
}

/// One mail to one address.
#[derive(Debug, Clone)]
pub struct DeliveryLine {
    pub id: String,
    pub subject: String,
    pub to: String,
    pub customer: String,
    pub at: Moment,
    pub state: Tag,
    pub attempts: u32,
    pub words: String,
    pub can_resend: bool,
}

pub fn delivery_tag(state: &str) -> Tag {
    match state {
        "sent" => Tag { class: "ok", icon: "ok", word: "相手のサーバーが受け取りました" },
        "queued" => Tag { class: "look", icon: "clock", word: "送信待ち" },
        "bounced" => Tag { class: "act", icon: "act", word: "戻ってきました" },
        _ => Tag { class: "act", icon: "act", word: "届けられません" },
    }
}

/// A monthly report that could not be made.
#[derive(Debug)]
pub struct PaperLine {
    pub customer: String,
    pub month: String,
    pub attempts: u64,
    pub reason: String,
    pub at: Moment,
    pub next: String,
}

#[derive(Debug, Template)]
#[template(path = "outbox.html")]
pub struct OutboxPage {
    pub frame: Frame,
    pub views: Vec<super::Choice>,
    pub mails: Vec<DeliveryLine>,
    pub sms: Vec<super::sms::SmsLine>,
    /// Monthly reports that could not be made.
    pub papers: Vec<PaperLine>,
}

#[derive(Debug, Template)]
#[template(path = "received.html")]
pub struct ReceivedPage {
    /// The mail's mark; empty: the link is not a good one.
    pub mark: String,
    pub address: String,
    pub done: bool,
    pub contact: Contact,
}
