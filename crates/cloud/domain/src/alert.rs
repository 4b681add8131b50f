//! An important alert: its life as types, its rating history, its evidence (RT-03).
//!
//! Holds always: `history` is never empty and ends with the present rating; the rating never
//! falls except by an analyst's finding, which is mailed; transitions consume the alert and refuse from a wrong
//! state, so that a stale page cannot overwrite a newer decision.

use mimamori_base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::coded::coded;
use crate::detection::{Detection, Device, DeviceKey, Outcome};
use crate::ids::{AccountId, AlertId, CustomerId, DetectionId, GatewayId};
use crate::investigation::{Finding, Verdict};
use crate::policy::{Cause, Judgement, RuleId};
use crate::rating::StarRating;
use crate::text::{Line, Name};

/// Most detections that an alert keeps in full; the first ones and the latest one.
pub const EVIDENCE_MAX: usize = 10;
/// Most entries of the rating history; there are only four ratings to rise through.
pub const HISTORY_MAX: usize = 32;
/// Stands in the history where a policy's rule would: a person or a scan decided.
pub const BY_SCAN: &str = "full-scan-result";
pub const BY_ANALYST: &str = "analyst-finding";

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Alert {
    pub id: AlertId,
    pub customer: CustomerId,
    pub gateway: GatewayId,
    pub device: Device,
    pub device_key: DeviceKey,
    pub cause: Cause,
    pub rating: StarRating,
    /// What happened, as the deciding rule says it.
    pub title: Line,
    /// What the customer has to do, in order.
    pub actions: Vec<Line>,
    pub history: Vec<RatingChange>,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    /// How many attempts or packets.
    pub count: u64,
    /// How many of them were not stopped.
    pub not_stopped: u64,
    /// How many of them went on with the harmful file made harmless (無害化).
    #[serde(default)]
    pub neutralised: u64,
    pub evidence: Vec<Evidence>,
    pub state: AlertState,
    /// Reported long after it happened: the gateway was offline (遅延).
    pub late: bool,
    pub raised_at: Timestamp,
    /// What the analyst found, if it was under investigation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<Finding>,
    /// What a full scan found, as told last; stays when the alert is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan: Option<ScanReport>,
    /// Grows with every change; guards every update.
    pub version: u64,
}

/// What was done about what an alert tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Measure {
    /// Nothing of it went on (遮断).
    Stopped,
    /// All of it went on, made harmless (無害化).
    Neutralised,
    StoppedOrNeutralised,
    /// Some of it was only recorded.
    Partly,
    None,
}

/// Where an alert stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AlertState {
    /// Stored; its mail has not been handed to a mail server.
    New,
    Notified {
        at: Timestamp,
    },
    /// The analyst's finding stands; the customer has not dealt with it yet.
    Investigated {
        at: Timestamp,
        by: Actor,
    },
    Acknowledged {
        at: Timestamp,
        by: Actor,
    },
    Scanned {
        report: ScanReport,
    },
    Closed {
        at: Timestamp,
        by: Actor,
    },
}

impl AlertState {
    /// The stable code: what is stored.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            AlertState::New => "new",
            AlertState::Notified { .. } => "notified",
            AlertState::Investigated { .. } => "investigated",
            AlertState::Acknowledged { .. } => "acknowledged",
            AlertState::Scanned { .. } => "scanned",
            AlertState::Closed { .. } => "closed",
        }
    }

    /// What a person reads.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            AlertState::New => "新しいアラート",
            AlertState::Notified { .. } => "お知らせ済み",
            AlertState::Investigated { .. } => "調査済み",
            AlertState::Acknowledged { .. } => "確認済み",
            AlertState::Scanned { .. } => "スキャン報告済み",
            AlertState::Closed { .. } => "完了",
        }
    }

    /// Nobody on the customer's side has dealt with it.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self, AlertState::New | AlertState::Notified { .. } | AlertState::Investigated { .. })
    }

    /// Further detections of the same cause still belong to it.
    #[must_use]
    pub const fn takes_more(&self) -> bool {
        self.is_open() || matches!(self, AlertState::Acknowledged { .. })
    }
}

/// Who did something: an account, with the name it had then.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Actor {
    pub account: AccountId,
    pub name: Name,
}

/// One decision about the rating, with the words of the rule at that time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RatingChange {
    pub at: Timestamp,
    pub rating: StarRating,
    pub rule: RuleId,
    pub policy_version: Line,
    pub reason: Line,
    /// The detection that tipped the scales.
    pub detection: Option<DetectionId>,
}

/// A detection as an alert keeps it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Evidence {
    pub detection: Detection,
    pub rule: RuleId,
}

coded!(
    /// The result of a full scan, as the customer reports it.
    ScanOutcome {
        Clean = "clean", "何も見つからなかった";
        Removed = "removed", "見つかり、取り除いた";
        NotRemoved = "not_removed", "見つかり、取り除けなかった";
    }
);

impl ScanOutcome {
    #[must_use]
    pub const fn found_something(self) -> bool {
        matches!(self, ScanOutcome::Removed | ScanOutcome::NotRemoved)
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ScanReport {
    pub at: Timestamp,
    pub by: Actor,
    pub outcome: ScanOutcome,
    /// Which product scanned.
    pub product: Line,
    pub note: Line,
}

/// Why a transition was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an alert that is {from} cannot become {to}")]
pub struct BadTransition {
    pub from: &'static str,
    pub to: &'static str,
}

/// Ids and times that a new alert is made with.
#[derive(Clone, Copy, Debug)]
pub struct Birth {
    pub id: AlertId,
    pub customer: CustomerId,
    pub gateway: GatewayId,
    pub now: Timestamp,
}

impl Alert {
    /// A new alert from the detection that `judgement` found important.
    #[must_use]
    pub fn raise(birth: Birth, detection: &Detection, judgement: &Judgement, rating: StarRating) -> Self {
        let mut alert = Alert {
            id: birth.id,
            customer: birth.customer,
            gateway: birth.gateway,
            device: detection.device.clone(),
            device_key: detection.device.key(),
            cause: judgement.cause.clone(),
            rating,
            title: judgement.title.clone(),
            actions: judgement.actions.clone(),
            history: Vec::new(),
            first_seen: detection.at,
            last_seen: detection.last_at,
            count: 0,
            not_stopped: 0,
            neutralised: 0,
            evidence: Vec::new(),
            state: AlertState::New,
            late: birth.now.since(detection.last_at) > crate::assess::LATE_AFTER,
            raised_at: birth.now,
            finding: None,
            scan: None,
            version: 1,
        };
        alert.decide(birth.now, judgement, rating, Some(detection.id));
        alert.count_in(detection, &judgement.rule);
        alert
    }

    /// Adds a detection of the same cause. Returns the former rating if it rose.
    pub fn absorb(
        &mut self,
        now: Timestamp,
        detection: &Detection,
        judgement: &Judgement,
    ) -> Option<StarRating> {
        self.count_in(detection, &judgement.rule);
        self.device.learn(&detection.device);
        let before = self.rating;
        match judgement.rating {
            Some(rating) if rating > before && !self.was_found_out(rating) => {
                self.title = judgement.title.clone();
                self.actions.clone_from(&judgement.actions);
                self.decide(now, judgement, rating, Some(detection.id));
                Some(before)
            }
            _ => None,
        }
    }

    fn decide(&mut self, now: Timestamp, judgement: &Judgement, rating: StarRating, by: Option<DetectionId>) {
        self.rating = rating;
        self.remember(RatingChange {
            at: now,
            rating,
            rule: judgement.rule.clone(),
            policy_version: judgement.policy_version.clone(),
            reason: judgement.reason.clone(),
            detection: by,
        });
    }

    fn count_in(&mut self, detection: &Detection, rule: &RuleId) {
        let n = u64::from(detection.count.max(1));
        self.count = self.count.saturating_add(n);
        if !detection.outcome.stopped() {
            self.not_stopped = self.not_stopped.saturating_add(n);
        }
        if detection.outcome == Outcome::Neutralised {
            self.neutralised = self.neutralised.saturating_add(n);
        }
        self.first_seen = self.first_seen.min(detection.at);
        self.last_seen = self.last_seen.max(detection.last_at);
        let evidence = Evidence { detection: detection.clone(), rule: rule.clone() };
        if self.evidence.len() >= EVIDENCE_MAX {
            self.evidence.pop();
        }
        self.evidence.push(evidence);
    }

    /// All of it was stopped or made harmless.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.not_stopped == 0
    }

    /// What was done about all of it.
    #[must_use]
    pub const fn measure(&self) -> Measure {
        match (self.not_stopped, self.neutralised) {
            (0, 0) => Measure::Stopped,
            (0, some) if some >= self.count => Measure::Neutralised,
            (0, _) => Measure::StoppedOrNeutralised,
            (open, _) if open < self.count => Measure::Partly,
            _ => Measure::None,
        }
    }

    /// The mail about it was accepted by a mail server. Later mails change nothing.
    #[must_use]
    pub fn notified(mut self, at: Timestamp) -> Self {
        if self.state == AlertState::New {
            self.state = AlertState::Notified { at };
            self.version += 1;
        }
        self
    }

    /// 「確認しました」.
    pub fn acknowledge(self, at: Timestamp, by: Actor) -> Result<Self, BadTransition> {
        match self.state {
            _ if self.state.is_open() => Ok(self.with_state(AlertState::Acknowledged { at, by })),
            _ => Err(self.refuse("acknowledged")),
        }
    }

    /// スキャン結果を報告. A second report replaces the first.
    pub fn scanned(mut self, report: ScanReport) -> Result<Self, BadTransition> {
        match self.state {
            AlertState::Closed { .. } => Err(self.refuse("scanned")),
            _ => {
                self.scan = Some(report.clone());
                Ok(self.with_state(AlertState::Scanned { report }))
            }
        }
    }

    /// Something was found by the customer's full scan: ★★☆ becomes 「★★★ 相当」 (RT-05). Returns the
    /// former rating if it rose.
    pub fn raise_by_scan(&mut self, at: Timestamp) -> Option<StarRating> {
        let found = matches!(&self.state, AlertState::Scanned { report } if report.outcome.found_something());
        if !found || self.rating != StarRating::Two {
            return None;
        }
        let before = self.rating;
        self.rating = StarRating::Three;
        self.title = Line::clip("フルスキャンで見つかったウイルス");
        self.remember(RatingChange {
            at,
            rating: StarRating::Three,
            rule: RuleId(BY_SCAN.to_owned()),
            policy_version: Line::clip("-"),
            reason: Line::clip(
                "お客様のフルスキャンでウイルスなどが見つかったため、★★★ 相当と判定しました。",
            ),
            detection: None,
        });
        Some(before)
    }

    /// The customer's full scan raised it: 「★★★ 相当」.
    #[must_use]
    pub fn is_three_by_scan(&self) -> bool {
        self.rating == StarRating::Three && self.history.last().is_some_and(|c| c.rule.0 == BY_SCAN)
    }

    /// The analyst's finding sets the rating, up or down.
    pub fn investigated(mut self, finding: Finding) -> Result<Self, BadTransition> {
        if self.rating != StarRating::UnderInvestigation || matches!(self.state, AlertState::Closed { .. }) {
            return Err(self.refuse("investigated"));
        }
        let (at, by) = (finding.at, finding.by.clone());
        let (rating, state, reason) = match finding.verdict {
            Verdict::Harmless => (
                StarRating::One,
                AlertState::Closed { at, by },
                "分析担当が調べた結果、問題は見つかりませんでした。",
            ),
            Verdict::Rated(StarRating::UnderInvestigation) => return Err(self.refuse("investigated")),
            Verdict::Rated(rating) => (
                rating,
                AlertState::Investigated { at, by },
                "分析担当が調べた結果にもとづいて判定しました。",
            ),
        };
        self.rating = rating;
        self.remember(RatingChange {
            at,
            rating,
            rule: RuleId(BY_ANALYST.to_owned()),
            policy_version: Line::clip("-"),
            reason: Line::clip(reason),
            detection: None,
        });
        self.actions = actions_after(finding.verdict);
        self.finding = Some(finding);
        Ok(self.with_state(state))
    }

    /// A finding stands: the same traffic does not put the alert under investigation again.
    fn was_found_out(&self, rating: StarRating) -> bool {
        self.finding.is_some() && rating == StarRating::UnderInvestigation
    }

    fn remember(&mut self, change: RatingChange) {
        if self.history.len() < HISTORY_MAX {
            self.history.push(change);
        }
    }

    /// What it asked for is done: seen, and scanned where it asked for a full scan.
    #[must_use]
    pub fn may_be_closed(&self) -> bool {
        match self.state {
            AlertState::Scanned { .. } => true,
            AlertState::Acknowledged { .. } | AlertState::Investigated { .. } => {
                self.rating < StarRating::Two
            }
            _ => false,
        }
    }

    /// 「完了」: nothing more is to be done.
    pub fn close(self, at: Timestamp, by: Actor) -> Result<Self, BadTransition> {
        match self.state {
            AlertState::Acknowledged { .. }
            | AlertState::Investigated { .. }
            | AlertState::Scanned { .. } => Ok(self.with_state(AlertState::Closed { at, by })),
            _ => Err(self.refuse("closed")),
        }
    }

    fn with_state(mut self, state: AlertState) -> Self {
        self.state = state;
        self.version += 1;
        self
    }

    fn refuse(&self, to: &'static str) -> BadTransition {
        BadTransition { from: self.state.code(), to }
    }
}

/// What the customer has to do after the finding.
fn actions_after(verdict: Verdict) -> Vec<Line> {
    let lines: &[&str] = match verdict {
        Verdict::Harmless => &[],
        Verdict::Rated(StarRating::Three) => &[
            "この機器のLANケーブルを抜いてください（無線の場合はWi-Fiを切ってください）。電源は切らないでください。",
            "ウイルス対策ソフトで「フルスキャン」を行ってください。",
            "スキャンの結果を、ポータルのこのアラートのページから報告してください。",
        ],
        Verdict::Rated(StarRating::Two) => &[
            "この機器でウイルス対策ソフトの「フルスキャン」を行ってください。",
            "スキャンの結果を、ポータルのこのアラートのページから報告してください。",
        ],
        Verdict::Rated(_) => {
            &["調査結果をお読みになり、心当たりのないものがあれば相談窓口にご連絡ください。"]
        }
    };
    lines.iter().map(|l| Line::clip(l)).collect()
}
