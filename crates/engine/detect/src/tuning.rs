//! What threshold.config changes of a rule.
//!
//! Holds always: a line for one rule takes the place of the rule's own thresholds, a line for
//! all rules only reaches rules without; suppressions come beside either.

use std::net::IpAddr;

use mimamori_rules::{Rule, Threshold, ThresholdEntry, ThresholdKind, Track};

use crate::signature::{Signature, Suppression};
use crate::threshold::Verdict;

/// A rule's thresholds and suppressions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tuned {
    pub thresholds: Box<[Threshold]>,
    pub suppressions: Box<[Suppression]>,
}

/// Joins what the rule says with the lines of threshold.config.
pub(crate) fn tune(rule: &Rule, entries: &[ThresholdEntry]) -> Tuned {
    let mut own: Vec<Threshold> = rule.thresholds().cloned().collect();
    let mut rates = Vec::new();
    let mut suppressions = Vec::new();
    let for_rule =
        |e: &&ThresholdEntry| [0, rule.id.gid].contains(&e.gid) && [0, rule.id.sid].contains(&e.sid);
    for entry in entries.iter().filter(for_rule) {
        match entry.threshold.kind {
            ThresholdKind::Suppress => {
                suppressions.push(Suppression { track: entry.threshold.track, of: entry.ip.clone() });
            }
            ThresholdKind::Rate { .. } => rates.push(entry.threshold.clone()),
            _ if entry.sid != 0 || own.is_empty() => own = vec![entry.threshold.clone()],
            _ => {}
        }
    }
    own.append(&mut rates);
    Tuned { thresholds: own.into(), suppressions: suppressions.into() }
}

/// Whether a hit of `sig` between these addresses is told. What it does besides stays.
pub(crate) fn suppression(sig: &Signature, src: Option<IpAddr>, dst: Option<IpAddr>) -> Verdict {
    let suppressed = sig.suppressions.iter().any(|s| {
        let Some(of) = &s.of else { return true };
        let has = |ip: Option<IpAddr>| ip.is_some_and(|ip| of.contains(ip));
        match s.track {
            Track::Src => has(src),
            Track::Dst => has(dst),
            _ => has(src) || has(dst),
        }
    });
    if suppressed { Verdict::Silent } else { Verdict::Alert }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mimamori_rules::{ParseContext, Vars, parse_rules, parse_thresholds};

    fn tuned(rule: &str, config: &str) -> Tuned {
        let rule = parse_rules(rule, &ParseContext::default()).rules.remove(0);
        let (entries, bad) = parse_thresholds(config, &Vars::standard());
        assert!(bad.is_empty(), "{bad:?}");
        tune(&rule, &entries)
    }

    const PLAIN: &str = "alert ip any any -> any any (msg:\"a\"; sid:5;)";
    const OWN: &str =
        "alert ip any any -> any any (threshold:type both,track by_src,count 9,seconds 9; sid:5;)";

    #[test]
    fn a_line_for_a_rule_replaces_a_line_for_all_does_not() {
        let one = "threshold gen_id 1, sig_id 5, type limit, track by_src, count 1, seconds 60";
        let all = "threshold gen_id 0, sig_id 0, type limit, track by_dst, count 2, seconds 60";
        assert_eq!(tuned(OWN, one).thresholds[0].kind, ThresholdKind::Limit);
        assert_eq!(tuned(OWN, all).thresholds[0].kind, ThresholdKind::Both);
        assert_eq!(tuned(PLAIN, all).thresholds[0].count, 2);
        assert!(tuned(PLAIN, &one.replace("sig_id 5", "sig_id 6")).thresholds.is_empty());
        let rate =
            "rate_filter gen_id 1, sig_id 5, track by_rule, count 3, seconds 3, new_action drop, timeout 9";
        assert_eq!(tuned(OWN, rate).thresholds.len(), 2);
        let suppress = "suppress gen_id 1, sig_id 5, track by_src, ip $HOME_NET";
        assert_eq!(tuned(OWN, suppress).suppressions.len(), 1);
    }
}
