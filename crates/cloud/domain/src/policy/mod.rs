//! The rating policy (RT-01, RT-02): data that judges detections. First matching rule wins.

mod judge;
mod parse;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use mimamori_base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::detection::{DetectionKind, FileVerdict, Outcome, ReputationKind, TrafficDirection};
use crate::rating::StarRating;
use crate::text::Line;

pub use parse::{PolicyError, PolicyErrors};

/// The policy that ships with the program.
pub const BUILTIN: &str = include_str!("../../policy/default.toml");

/// A checked policy.
#[derive(Clone, PartialEq, Debug)]
pub struct Policy {
    pub version: Line,
    pub rules: Vec<Rule>,
}

/// One rule: when it applies and what it decides.
#[derive(Clone, PartialEq, Debug)]
pub struct Rule {
    pub id: RuleId,
    pub when: Conditions,
    /// `None`: not important.
    pub rating: Option<StarRating>,
    /// Detections of one device under the same cause are one alert.
    pub cause: Cause,
    pub title: Line,
    pub reason: Line,
    pub actions: Vec<Line>,
}

/// All that are given must hold; a list holds if one of its values does.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Conditions {
    pub kind: Vec<DetectionKind>,
    pub direction: Vec<TrafficDirection>,
    pub outcome: Vec<Outcome>,
    pub class_type: Vec<String>,
    pub sid: Vec<u32>,
    /// Compared without regard to case.
    pub signature_severity: Vec<String>,
    pub attack_target: Vec<String>,
    pub deployment: Vec<String>,
    pub malware_family: Vec<String>,
    pub has_malware_family: Option<bool>,
    pub mitre_tactic: Vec<String>,
    pub mitre_technique: Vec<String>,
    pub severity_at_most: Option<u8>,
    pub app_proto: Vec<String>,
    pub reputation: Vec<ReputationKind>,
    pub reputation_family: Vec<String>,
    pub file_verdict: Vec<FileVerdict>,
    /// Names that devices give themselves, and the makers of their network chips.
    pub device_name: Vec<String>,
    pub device_maker: Vec<String>,
    pub count_at_least: Option<u32>,
    /// The same device also did one of these kinds within the time.
    pub also: Option<Also>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Also {
    pub kind: Vec<DetectionKind>,
    pub within: Duration,
}

/// When each kind was last seen on one device.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Activity(BTreeMap<DetectionKind, Timestamp>);

impl Activity {
    pub fn note(&mut self, kind: DetectionKind, at: Timestamp) {
        let last = self.0.entry(kind).or_insert(at);
        *last = (*last).max(at);
    }

    #[must_use]
    pub fn last(&self, kind: DetectionKind) -> Option<Timestamp> {
        self.0.get(&kind).copied()
    }
}

/// What a policy says about one detection.
#[derive(Clone, PartialEq, Debug)]
pub struct Judgement {
    pub rule: RuleId,
    pub policy_version: Line,
    pub rating: Option<StarRating>,
    pub cause: Cause,
    pub title: Line,
    pub reason: Line,
    pub actions: Vec<Line>,
}

/// Name of a rule: `a-z0-9-`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleId(pub String);

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What groups detections into one alert, e.g. `infection`, `phishing`, `threat:2034567`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cause(pub String);
