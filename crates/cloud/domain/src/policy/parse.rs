//! Reading and checking a policy file: every fault with its line and a reason.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::{Also, Cause, Conditions, Policy, Rule, RuleId};
use crate::coded::UnknownCode;
use crate::detection::{DetectionKind, FileVerdict, Outcome, ReputationKind, TrafficDirection};
use crate::rating::StarRating;
use crate::text::Line;

/// Most rules of a policy.
const RULES_MAX: usize = 1_000;

/// One fault of a policy file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line} 行目: {reason}")]
pub struct PolicyError {
    pub line: usize,
    pub reason: String,
}

/// All faults of a policy file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PolicyErrors(pub Vec<PolicyError>);

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, e) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{e}")?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    version: Spanned<String>,
    rule: Vec<Spanned<RawRule>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    id: Spanned<String>,
    #[serde(default)]
    when: RawConditions,
    rating: Spanned<String>,
    cause: Spanned<String>,
    title: Spanned<String>,
    reason: Spanned<String>,
    #[serde(default)]
    actions: Vec<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawConditions {
    kind: Vec<Spanned<String>>,
    direction: Vec<Spanned<String>>,
    outcome: Vec<Spanned<String>>,
    class_type: Vec<String>,
    sid: Vec<u32>,
    signature_severity: Vec<String>,
    attack_target: Vec<String>,
    deployment: Vec<String>,
    app_proto: Vec<String>,
    malware_family: Vec<String>,
    has_malware_family: Option<bool>,
    mitre_tactic: Vec<String>,
    mitre_technique: Vec<String>,
    reputation_family: Vec<String>,
    device_name: Vec<String>,
    device_maker: Vec<String>,
    severity_at_most: Option<Spanned<u8>>,
    reputation: Vec<Spanned<String>>,
    file_verdict: Vec<Spanned<String>>,
    count_at_least: Option<u32>,
    also: Option<RawAlso>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAlso {
    kind: Vec<Spanned<String>>,
    within_minutes: Spanned<u64>,
}

impl Policy {
    /// The policy that ships with the program, checked by a test.
    pub fn builtin() -> Result<Policy, PolicyErrors> {
        Policy::parse(super::BUILTIN)
    }

    /// Reads and checks a policy file.
    pub fn parse(source: &str) -> Result<Policy, PolicyErrors> {
        let raw: RawPolicy = toml::from_str(source).map_err(|e| {
            let line = e.span().map_or(1, |span| line_of(source, span.start));
            PolicyErrors(vec![PolicyError { line, reason: syntax(e.message()) }])
        })?;
        let mut check = Check { source, errors: Vec::new(), ids: HashSet::new() };
        if raw.version.get_ref().trim().is_empty() {
            check.fault(&raw.version.span(), "version が空です");
        }
        if raw.rule.len() > RULES_MAX {
            check.fault(&raw.version.span(), "規則は1000個までです");
        }
        let mut open_ended: Option<usize> = None;
        let mut rules = Vec::new();
        for spanned in raw.rule {
            let span = spanned.span();
            if let Some(line) = open_ended {
                check.fault(
                    &span,
                    &format!("この規則には届きません。{line} 行目の規則がすべてに当てはまります"),
                );
            }
            let rule = check.rule(spanned.into_inner());
            if rule.when == Conditions::default() {
                open_ended = Some(line_of(source, span.start));
            }
            rules.push(rule);
        }
        if check.errors.is_empty() {
            Ok(Policy { version: Line::clip(raw.version.get_ref()), rules })
        } else {
            Err(PolicyErrors(check.errors))
        }
    }
}

struct Check<'a> {
    source: &'a str,
    errors: Vec<PolicyError>,
    ids: HashSet<String>,
}

impl Check<'_> {
    fn fault(&mut self, span: &Range<usize>, reason: &str) {
        let line = line_of(self.source, span.start);
        self.errors.push(PolicyError { line, reason: reason.to_owned() });
    }

    fn rule(&mut self, raw: RawRule) -> Rule {
        self.id(&raw.id);
        let rating = self.rating(&raw.rating);
        if rating.is_some() && raw.actions.is_empty() {
            self.fault(&raw.id.span(), "お客様にしていただくこと（actions）を書いてください");
        }
        let cause = raw.cause.get_ref().strip_suffix(":sid").unwrap_or(raw.cause.get_ref());
        if !is_word(cause) {
            self.fault(
                &raw.cause.span(),
                "cause に使えるのは a-z、0-9、「-」です（最後に「:sid」を付けられます）",
            );
        }
        Rule {
            rating,
            cause: Cause(raw.cause.get_ref().clone()),
            title: self.words(&raw.title, "title"),
            reason: self.words(&raw.reason, "reason"),
            actions: raw.actions.iter().map(|a| self.words(a, "actions")).collect(),
            when: self.conditions(raw.when),
            id: RuleId(raw.id.into_inner()),
        }
    }

    fn id(&mut self, id: &Spanned<String>) {
        if !is_word(id.get_ref()) || id.get_ref() == super::judge::FALLBACK {
            self.fault(&id.span(), "id に使えるのは a-z、0-9、「-」です（no-rule は使えません）");
        }
        if !self.ids.insert(id.get_ref().clone()) {
            self.fault(&id.span(), &format!("id「{}」が2回出てきます", id.get_ref()));
        }
    }

    fn rating(&mut self, raw: &Spanned<String>) -> Option<StarRating> {
        match raw.get_ref().as_str() {
            "none" => None,
            code => match StarRating::from_code(code) {
                Ok(rating) => Some(rating),
                Err(_) => {
                    self.fault(&raw.span(), "rating は three、two、one、investigating、none のどれかです");
                    None
                }
            },
        }
    }

    fn words(&mut self, text: &Spanned<String>, what: &str) -> Line {
        if text.get_ref().trim().is_empty() {
            self.fault(&text.span(), &format!("{what} が空です"));
        }
        Line::clip(text.get_ref())
    }

    fn conditions(&mut self, raw: RawConditions) -> Conditions {
        let also = raw.also.map(|also| {
            let minutes = *also.within_minutes.get_ref();
            if !(1..=10_080).contains(&minutes) {
                self.fault(&also.within_minutes.span(), "within_minutes は 1 から 10080（1週間）までです");
            }
            Also {
                kind: self.codes(
                    &also.kind,
                    DetectionKind::from_code,
                    DetectionKind::ALL,
                    DetectionKind::code,
                ),
                within: Duration::from_secs(minutes.saturating_mul(60)),
            }
        });
        if let Some(severity) = &raw.severity_at_most
            && !(1..=4).contains(severity.get_ref())
        {
            self.fault(&severity.span(), "severity_at_most は 1 から 4 までです");
        }
        Conditions {
            kind: self.codes(&raw.kind, DetectionKind::from_code, DetectionKind::ALL, DetectionKind::code),
            direction: self.codes(
                &raw.direction,
                TrafficDirection::from_code,
                TrafficDirection::ALL,
                TrafficDirection::code,
            ),
            outcome: self.codes(&raw.outcome, Outcome::from_code, Outcome::ALL, Outcome::code),
            reputation: self.codes(
                &raw.reputation,
                ReputationKind::from_code,
                ReputationKind::ALL,
                ReputationKind::code,
            ),
            file_verdict: self.codes(
                &raw.file_verdict,
                FileVerdict::from_code,
                FileVerdict::ALL,
                FileVerdict::code,
            ),
            class_type: raw.class_type,
            sid: raw.sid,
            signature_severity: raw.signature_severity,
            attack_target: raw.attack_target,
            deployment: raw.deployment,
            app_proto: raw.app_proto,
            malware_family: raw.malware_family,
            has_malware_family: raw.has_malware_family,
            mitre_tactic: raw.mitre_tactic,
            mitre_technique: raw.mitre_technique,
            reputation_family: raw.reputation_family,
            device_name: raw.device_name,
            device_maker: raw.device_maker,
            severity_at_most: raw.severity_at_most.map(Spanned::into_inner),
            count_at_least: raw.count_at_least,
            also,
        }
    }

    fn codes<T: Copy>(
        &mut self,
        raw: &[Spanned<String>],
        parse: fn(&str) -> Result<T, UnknownCode>,
        known: &[T],
        code_of: fn(T) -> &'static str,
    ) -> Vec<T> {
        let mut out = Vec::with_capacity(raw.len());
        for code in raw {
            match parse(code.get_ref()) {
                Ok(value) => out.push(value),
                Err(_) => {
                    let known: Vec<&str> = known.iter().map(|k| code_of(*k)).collect();
                    let reason = format!(
                        "「{}」という値はありません。使えるのは {} です",
                        code.get_ref(),
                        known.join("、")
                    );
                    self.fault(&code.span(), &reason);
                }
            }
        }
        out
    }
}

/// What the reader of the file's form says, for people.
fn syntax(message: &str) -> String {
    let key = |rest: &str| rest.split('`').nth(1).unwrap_or_default().to_owned();
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let known = rest.split_once("expected ").map_or("", |(_, known)| known).trim_start_matches("one of ");
        return format!(
            "「{}」という項目はありません。使えるのは {} です",
            key(rest),
            known.replace('`', "").replace(" or ", ", ")
        );
    }
    if let Some(rest) = message.strip_prefix("missing field ") {
        return format!("「{}」がありません", key(rest));
    }
    format!("書き方（TOML）が正しくありません（{}）", message.trim())
}

fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn line_of(source: &str, at: usize) -> usize {
    1 + source.bytes().take(at).filter(|b| *b == b'\n').count()
}
