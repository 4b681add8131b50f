//! Trying another policy on what happened (RT-02): which alerts would have had other stars.
//!
//! Holds always: groups detections as [`crate::assess()`] does, so that the numbers are those of
//! alerts, not of detections; keeps a bounded number of examples. Deliberately not here: reading
//! the detections. They come ordered by customer and time of the traffic; how late a report
//! came plays no part.

use std::collections::{BTreeMap, HashMap};

use mimamori_base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::assess::GROUP_QUIET;
use crate::detection::{Detection, DeviceKey};
use crate::ids::{CustomerId, DetectionId, GatewayId};
use crate::policy::{Activity, Cause, Judgement, Policy};
use crate::rating::StarRating;

/// Examples that are kept of each kind of change.
const EXAMPLES_MAX: usize = 5;
/// Alerts of one customer that are followed; what comes beyond is only counted as skipped.
const ALERTS_MAX: usize = 200_000;

/// What the trial says.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TrialReport {
    pub detections: u64,
    pub customers: u64,
    /// Alerts by rating under the policy in force, then under the tried one.
    pub before: BTreeMap<StarRating, u64>,
    pub after: BTreeMap<StarRating, u64>,
    pub changes: Vec<Change>,
    /// Alerts that were not followed because one customer had too many.
    pub skipped: u64,
}

/// Alerts that go from one rating to another; `None`: no alert.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Change {
    pub from: Option<StarRating>,
    pub to: Option<StarRating>,
    pub count: u64,
    pub examples: Vec<Example>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Example {
    pub detection: DetectionId,
    pub at: Timestamp,
    pub device: String,
    pub what: String,
    pub rule_before: String,
    pub rule_after: String,
}

/// How many alerts went from one rating to another, with some of them.
type ChangeCounts = BTreeMap<(Option<StarRating>, Option<StarRating>), (u64, Vec<Example>)>;

/// A trial under way.
#[derive(Debug)]
pub struct Trial<'p> {
    policies: [&'p Policy; 2],
    customer: Option<CustomerId>,
    gateways: HashMap<GatewayId, Seen>,
    alerts: [Vec<Light>; 2],
    changes: ChangeCounts,
    report: TrialReport,
}

/// What one gateway's devices did.
#[derive(Debug, Default)]
struct Seen {
    activity: HashMap<DeviceKey, Activity>,
    open: [HashMap<(DeviceKey, Cause), usize>; 2],
}

/// As much of an alert as its rating needs.
#[derive(Debug)]
struct Light {
    rating: StarRating,
    first_seen: Timestamp,
    last_seen: Timestamp,
    /// The other policy's alert for the detection that began this one.
    other: Option<usize>,
    example: Example,
}

impl<'p> Trial<'p> {
    #[must_use]
    pub fn new(in_force: &'p Policy, tried: &'p Policy) -> Self {
        Trial {
            policies: [in_force, tried],
            customer: None,
            gateways: HashMap::new(),
            alerts: [Vec::new(), Vec::new()],
            changes: BTreeMap::new(),
            report: TrialReport::default(),
        }
    }

    /// The next detection, ordered by customer, then by time.
    pub fn feed(&mut self, customer: CustomerId, gateway: GatewayId, d: &Detection) {
        if self.customer != Some(customer) {
            self.settle();
            self.customer = Some(customer);
            self.report.customers += 1;
        }
        self.report.detections += 1;
        let seen = self.gateways.entry(gateway).or_default();
        let key = d.device.key();
        let activity = seen.activity.entry(key.clone()).or_default();
        activity.note(d.kind, d.last_at);
        let judged = self.policies.map(|policy| policy.judge(d, activity));
        let rules = [judged[0].rule.0.clone(), judged[1].rule.0.clone()];
        let mut homes = [None, None];
        let mut born = [false, false];
        for side in 0..2 {
            let (Some(judgement), Some(alerts), Some(open)) =
                (judged.get(side), self.alerts.get_mut(side), seen.open.get_mut(side))
            else {
                continue;
            };
            let Some(rating) = judgement.rating else { continue };
            let group = (key.clone(), judgement.cause.clone());
            let (home, new) = match open.get(&group).copied().filter(|i| fits(alerts, *i, d)) {
                Some(i) => (i, false),
                None if alerts.len() >= ALERTS_MAX => {
                    self.report.skipped += 1;
                    continue;
                }
                None => {
                    alerts.push(Light::begin(d, rating, judgement, &rules));
                    open.insert(group, alerts.len() - 1);
                    (alerts.len() - 1, true)
                }
            };
            if let Some(alert) = alerts.get_mut(home) {
                alert.take(d, rating);
            }
            if let (Some(h), Some(b)) = (homes.get_mut(side), born.get_mut(side)) {
                *h = Some(home);
                *b = new;
            }
        }
        for (side, other) in [(0usize, 1usize), (1, 0)] {
            let home = homes.get(side).copied().flatten().filter(|_| born.get(side) == Some(&true));
            if let Some(alert) = home.and_then(|i| self.alerts.get_mut(side)?.get_mut(i)) {
                alert.other = homes.get(other).copied().flatten();
            }
        }
    }

    /// Counts the alerts of the customer that is done.
    fn settle(&mut self) {
        self.gateways.clear();
        let [before, after] = std::mem::take(&mut self.alerts);
        for alert in &before {
            *self.report.before.entry(alert.rating).or_default() += 1;
            if alert.other.is_none() {
                self.changed(Some(alert.rating), None, &alert.example);
            }
        }
        for alert in &after {
            *self.report.after.entry(alert.rating).or_default() += 1;
            let from = alert.other.and_then(|i| before.get(i)).map(|a| a.rating);
            if from != Some(alert.rating) {
                self.changed(from, Some(alert.rating), &alert.example);
            }
        }
    }

    fn changed(&mut self, from: Option<StarRating>, to: Option<StarRating>, example: &Example) {
        let (count, examples) = self.changes.entry((from, to)).or_default();
        *count += 1;
        if examples.len() < EXAMPLES_MAX {
            examples.push(example.clone());
        }
    }

    /// The end: nothing more comes.
    #[must_use]
    pub fn finish(mut self) -> TrialReport {
        self.settle();
        let mut report = self.report;
        report.changes = self
            .changes
            .into_iter()
            .map(|((from, to), (count, examples))| Change { from, to, count, examples })
            .collect();
        report.changes.sort_by_key(|c| std::cmp::Reverse((c.to.max(c.from), c.count)));
        report
    }
}

fn fits(alerts: &[Light], index: usize, d: &Detection) -> bool {
    alerts.get(index).is_some_and(|a| {
        d.at.since(a.last_seen) <= GROUP_QUIET && a.first_seen.since(d.last_at) <= GROUP_QUIET
    })
}

impl Light {
    fn begin(d: &Detection, rating: StarRating, judgement: &Judgement, rules: &[String; 2]) -> Self {
        let [rule_before, rule_after] = rules.clone();
        let what = match &d.signature {
            Some(s) if !s.msg.is_empty() => s.msg.to_string(),
            _ => format!("{}（{}）", judgement.title, d.peer_text()),
        };
        let example = Example {
            detection: d.id,
            at: d.at,
            device: d.device.display_name(),
            what,
            rule_before,
            rule_after,
        };
        Light { rating, first_seen: d.at, last_seen: d.last_at, other: None, example }
    }

    fn take(&mut self, d: &Detection, rating: StarRating) {
        self.rating = self.rating.max(rating);
        self.first_seen = self.first_seen.min(d.at);
        self.last_seen = self.last_seen.max(d.last_at);
    }
}
