//! threshold.config: thresholds, rate filters and suppressions from outside the rules.

use std::sync::Arc;

use super::{BadLine, lines};
use crate::ast::{Threshold, ThresholdKind, Track};
use crate::error::{Result, bail};
use crate::net::{AddressSet, parse_addresses};
use crate::parse::value::{number, parts};
use crate::parse::{threshold_kind, track};
use crate::set::Vars;

/// One line, for all rules that its ids name.
#[derive(Clone, Debug)]
pub struct ThresholdEntry {
    /// 0: every generator.
    pub gid: u32,
    /// 0: every rule.
    pub sid: u32,
    pub threshold: Threshold,
    /// `suppress … ip`: only for these; by source, destination or either, as `track` says.
    pub ip: Option<Arc<AddressSet>>,
}

/// Reads the lines of a threshold.config. A line may be continued with `\`.
#[must_use]
pub fn parse_thresholds(text: &str, vars: &Vars) -> (Vec<ThresholdEntry>, Vec<BadLine>) {
    let text = text.replace("\\\r\n", " ").replace("\\\n", " ");
    let mut entries = Vec::new();
    let mut bad = Vec::new();
    for (line, text) in lines(&text) {
        match entry(text, vars) {
            Ok(e) => entries.push(e),
            Err(e) => bad.push(BadLine { line, reason: e.reason }),
        }
    }
    (entries, bad)
}

#[derive(Default)]
struct Fields<'a> {
    gid: Option<u32>,
    sid: Option<u32>,
    kind: Option<&'a str>,
    track: Option<&'a str>,
    ip: Option<&'a str>,
    count: Option<u32>,
    seconds: Option<u32>,
    timeout: Option<u32>,
    multiplier: Option<u32>,
    new_action: Option<&'a str>,
}

fn entry(text: &str, vars: &Vars) -> Result<ThresholdEntry> {
    let (verb, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    // The addresses may be a list with commas in it: they are taken out first.
    let (rest, ip) = match rest.find(", ip ").or_else(|| rest.find(",ip ")) {
        Some(at) => {
            let ip = rest.get(at..).unwrap_or("").trim_start_matches(',').trim_start();
            (rest.get(..at).unwrap_or(""), ip.strip_prefix("ip").map(str::trim))
        }
        None => (rest, None),
    };
    let mut f = fields(rest)?;
    f.ip = ip;
    let Some(gid) = f.gid else { bail!("`gen_id` is missing") };
    let Some(sid) = f.sid else { bail!("`sig_id` is missing") };
    let threshold = match verb {
        "threshold" | "event_filter" => filter(&f)?,
        "rate_filter" => rate(&f)?,
        "suppress" => Threshold {
            kind: ThresholdKind::Suppress,
            track: f.track.map_or(Ok(Track::Either), track)?,
            count: 0,
            seconds: 0,
            unique_on: None,
        },
        other => bail!("`{other}` is no entry: use threshold, event_filter, rate_filter or suppress"),
    };
    if verb == "suppress" && f.track.is_some() != f.ip.is_some() {
        bail!("`suppress` needs both `track` and `ip`, or neither");
    }
    let ip = f.ip.map(|t| parse_addresses(t, &vars.addresses)).transpose()?.map(Arc::new);
    Ok(ThresholdEntry { gid, sid, threshold, ip })
}

fn fields(text: &str) -> Result<Fields<'_>> {
    let mut f = Fields::default();
    for part in parts(text) {
        let (key, value) = part.split_once(char::is_whitespace).unwrap_or((part, ""));
        let value = value.trim();
        match key {
            "gen_id" => f.gid = Some(number(value)?),
            "sig_id" => f.sid = Some(number(value)?),
            "type" => f.kind = Some(value),
            "track" => f.track = Some(value),
            "count" => f.count = Some(number(value)?),
            "seconds" => f.seconds = Some(number(value)?),
            "timeout" => f.timeout = Some(number(value)?),
            "multiplier" => f.multiplier = Some(number(value)?),
            "new_action" => f.new_action = Some(value),
            other => bail!("`{other}` is not known here"),
        }
    }
    Ok(f)
}

fn filter(f: &Fields<'_>) -> Result<Threshold> {
    let (Some(kind), Some(by), Some(count)) = (f.kind, f.track, f.count) else {
        bail!("`type`, `track` and `count` are needed");
    };
    let kind = threshold_kind(kind, f.multiplier)?;
    let seconds = match (f.seconds, kind) {
        (Some(s), _) => s,
        (None, ThresholdKind::Backoff { .. }) => 0,
        _ => bail!("`seconds` is missing"),
    };
    Ok(Threshold { kind, track: track(by)?, count, seconds, unique_on: None })
}

fn rate(f: &Fields<'_>) -> Result<Threshold> {
    let (Some(by), Some(count), Some(seconds), Some(timeout), Some(action)) =
        (f.track, f.count, f.seconds, f.timeout, f.new_action)
    else {
        bail!("`track`, `count`, `seconds`, `new_action` and `timeout` are needed");
    };
    let new_action = match action {
        "alert" => crate::ast::Action::Alert,
        "drop" => crate::ast::Action::Drop,
        "pass" => crate::ast::Action::Pass,
        "reject" => crate::ast::Action::Reject(crate::ast::RejectTo::Src),
        other => bail!("`{other}` is no new_action"),
    };
    if count == 0 || seconds == 0 {
        bail!("`count` and `seconds` must be above 0");
    }
    Ok(Threshold {
        kind: ThresholdKind::Rate { new_action, timeout_secs: timeout },
        track: track(by)?,
        count,
        seconds,
        unique_on: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_kind() {
        let (e, bad) = parse_thresholds(
            "threshold gen_id 1, sig_id 2, type limit, track by_src, count 1, seconds 60\n\
             suppress gen_id 1, sig_id 3\n\
             suppress gen_id 1, sig_id 3, track by_either, ip [1.2.3.4,10.0.0.0/8]\n\
             rate_filter gen_id 1, sig_id 4, track by_rule, count 5, seconds 6, new_action drop, timeout 7\n\
             suppress gen_id 1, sig_id 3, track by_src\n\
             nonsense\n",
            &Vars::standard(),
        );
        assert_eq!(e.len(), 4);
        assert_eq!(e[0].threshold.kind, ThresholdKind::Limit);
        assert!(e[2].ip.as_ref().unwrap().contains("10.9.9.9".parse().unwrap()));
        assert!(matches!(e[3].threshold.kind, ThresholdKind::Rate { timeout_secs: 7, .. }));
        assert_eq!(bad.iter().map(|b| b.line).collect::<Vec<_>>(), vec![5, 6]);
    }
}
