//! Matching a detection against the rules.

use super::{Activity, Also, Cause, Conditions, Judgement, Policy, Rule, RuleId};
use crate::detection::Detection;
use crate::text::Line;

/// Names the decision that no rule covers.
pub(super) const FALLBACK: &str = "no-rule";

impl Policy {
    /// Judges one detection; `activity` is what its device did, this detection included.
    #[must_use]
    pub fn judge(&self, detection: &Detection, activity: &Activity) -> Judgement {
        match self.rules.iter().find(|rule| rule.when.hold(detection, activity)) {
            Some(rule) => self.judgement(rule, detection),
            None => Judgement {
                rule: RuleId(FALLBACK.to_owned()),
                policy_version: self.version.clone(),
                rating: None,
                cause: Cause(detection.kind.code().to_owned()),
                title: Line::clip(detection.kind.label()),
                reason: Line::clip("重要とみなす基準に当てはまりません。"),
                actions: Vec::new(),
            },
        }
    }

    fn judgement(&self, rule: &Rule, detection: &Detection) -> Judgement {
        Judgement {
            rule: rule.id.clone(),
            policy_version: self.version.clone(),
            rating: rule.rating,
            cause: cause(rule, detection),
            title: rule.title.clone(),
            reason: rule.reason.clone(),
            actions: rule.actions.clone(),
        }
    }
}

/// A cause that ends in `:sid` is one alert for each signature.
fn cause(rule: &Rule, detection: &Detection) -> Cause {
    match (rule.cause.0.strip_suffix(":sid"), &detection.signature) {
        (Some(stem), Some(signature)) => Cause(format!("{stem}:{}", signature.sid)),
        (Some(stem), None) => Cause(stem.to_owned()),
        (None, _) => rule.cause.clone(),
    }
}

impl Conditions {
    fn hold(&self, d: &Detection, activity: &Activity) -> bool {
        let signature = d.signature.as_ref();
        let text = |f: fn(&crate::Signature) -> Option<&Line>| signature.and_then(f).map(Line::as_str);
        one_of(&self.kind, Some(d.kind))
            && one_of(&self.direction, Some(d.direction))
            && one_of(&self.outcome, Some(d.outcome))
            && one_of(&self.sid, signature.map(|s| s.sid))
            && one_of(&self.reputation, d.reputation.as_ref().map(|r| r.kind))
            && one_of(&self.file_verdict, d.file.as_ref().and_then(|f| f.verdict))
            && word_of(&self.class_type, text(|s| s.class_type.as_ref()))
            && word_of(&self.signature_severity, text(|s| s.signature_severity.as_ref()))
            && word_of(&self.attack_target, text(|s| s.attack_target.as_ref()))
            && word_of(&self.deployment, text(|s| s.deployment.as_ref()))
            && word_of(&self.app_proto, d.app_proto.as_ref().map(Line::as_str))
            && word_of(&self.malware_family, text(|s| s.malware_family.as_ref()))
            && word_of(&self.mitre_tactic, text(|s| s.mitre_tactic.as_ref()))
            && word_of(&self.mitre_technique, text(|s| s.mitre_technique.as_ref()))
            && word_of(&self.reputation_family, d.reputation.as_ref().and_then(|r| r.family.as_deref()))
            && word_of(&self.device_name, d.device.host_name.as_deref())
            && word_of(&self.device_maker, d.device.maker.as_deref())
            && self.has_malware_family.is_none_or(|want| want == has_family(d))
            && self
                .severity_at_most
                .is_none_or(|most| signature.is_some_and(|s| s.severity > 0 && s.severity <= most))
            && self.count_at_least.is_none_or(|least| d.count >= least)
            && self.also.as_ref().is_none_or(|also| also.holds(d, activity))
    }
}

impl Also {
    fn holds(&self, d: &Detection, activity: &Activity) -> bool {
        self.kind.iter().filter(|kind| **kind != d.kind).any(|kind| {
            activity
                .last(*kind)
                .is_some_and(|at| d.last_at.since(at) <= self.within && at.since(d.last_at) <= self.within)
        })
    }
}

fn has_family(d: &Detection) -> bool {
    d.signature.as_ref().is_some_and(|s| s.malware_family.is_some())
        || d.reputation.as_ref().is_some_and(|r| r.family.is_some())
}

fn one_of<T: PartialEq + Copy>(allowed: &[T], value: Option<T>) -> bool {
    allowed.is_empty() || value.is_some_and(|v| allowed.contains(&v))
}

fn word_of(allowed: &[String], value: Option<&str>) -> bool {
    allowed.is_empty() || value.is_some_and(|v| allowed.iter().any(|a| a.eq_ignore_ascii_case(v)))
}
