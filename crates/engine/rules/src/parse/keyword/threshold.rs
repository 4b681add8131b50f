//! `threshold` and `detection_filter`.

use crate::ast::{Check, RuleProto, Threshold, ThresholdKind, Track, UniqueOn};
use crate::error::{Result, bail};
use crate::lex::RawOption;
use crate::parse::Builder;
use crate::parse::value::{number, parts, required};

/// The keys of both keywords.
#[derive(Default)]
struct Keys<'a> {
    kind: Option<&'a str>,
    track: Option<&'a str>,
    count: Option<u32>,
    seconds: Option<u32>,
    multiplier: Option<u32>,
    unique_on: Option<&'a str>,
}

fn keys<'a>(o: &RawOption<'a>) -> Result<Keys<'a>> {
    let mut k = Keys::default();
    for part in parts(required(o)?) {
        let (key, value) = part.split_once(char::is_whitespace).unwrap_or((part, ""));
        let value = value.trim();
        let twice = match key {
            "type" => k.kind.replace(value).is_some(),
            "track" => k.track.replace(value).is_some(),
            "count" => k.count.replace(number(value)?).is_some(),
            "seconds" => k.seconds.replace(number(value)?).is_some(),
            "multiplier" => k.multiplier.replace(number(value)?).is_some(),
            "unique_on" => k.unique_on.replace(value).is_some(),
            other => bail!("`{other}` is no part of `{}`", o.name),
        };
        if twice {
            bail!("`{key}` stands twice in `{}`", o.name);
        }
    }
    Ok(k)
}

/// By what counts are kept.
pub fn track(text: &str) -> Result<Track> {
    Ok(match text {
        "by_src" => Track::Src,
        "by_dst" => Track::Dst,
        "by_both" => Track::Both,
        "by_either" => Track::Either,
        "by_rule" => Track::Rule,
        "by_flow" => Track::Flow,
        other => bail!("`{other}` cannot be tracked by"),
    })
}

/// The type by its name.
pub fn kind(text: &str, multiplier: Option<u32>) -> Result<ThresholdKind> {
    Ok(match text {
        "limit" => ThresholdKind::Limit,
        "threshold" => ThresholdKind::Threshold,
        "both" => ThresholdKind::Both,
        "backoff" => match multiplier {
            Some(multiplier) if multiplier > 1 => ThresholdKind::Backoff { multiplier },
            _ => bail!("`backoff` needs a `multiplier` above 1"),
        },
        other => bail!("`{other}` is no type of threshold"),
    })
}

/// Several thresholds may stand together, a detection_filter only alone.
fn alone(b: &Builder<'_>, filter: bool) -> Result<()> {
    for check in &b.checks {
        if let Check::Threshold(t) = check
            && (filter || t.kind == ThresholdKind::DetectionFilter)
        {
            bail!("`detection_filter` and `threshold` cannot be together, nor two filters");
        }
    }
    Ok(())
}

pub fn threshold(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    alone(b, false)?;
    let k = keys(o)?;
    let (Some(type_name), Some(by), Some(count)) = (k.kind, k.track, k.count) else {
        bail!("`threshold` needs: type, track, count");
    };
    let kind = kind(type_name, k.multiplier)?;
    let track = track(by)?;
    let backoff = matches!(kind, ThresholdKind::Backoff { .. });
    if backoff && track != Track::Flow {
        bail!("`backoff` can only be tracked by_flow");
    }
    let seconds = match k.seconds {
        Some(0) => bail!("`seconds` must be above 0"),
        Some(s) => s,
        None if backoff => 0,
        None => bail!("`threshold` needs `seconds`"),
    };
    if count == 0 {
        bail!("`count` must be above 0");
    }
    if k.unique_on.is_some() {
        bail!("`unique_on` belongs to detection_filter");
    }
    b.check(Check::Threshold(Threshold { kind, track, count, seconds, unique_on: None }));
    Ok(())
}

pub fn detection_filter(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    alone(b, true)?;
    let k = keys(o)?;
    let (None, Some(by), Some(count), Some(seconds)) = (k.kind, k.track, k.count, k.seconds) else {
        bail!("`detection_filter` needs: track, count, seconds");
    };
    if count == 0 || seconds == 0 {
        bail!("`count` and `seconds` must be above 0");
    }
    let unique_on = match k.unique_on {
        None => None,
        Some("src_port") => Some(UniqueOn::SrcPort),
        Some("dst_port") => Some(UniqueOn::DstPort),
        Some(other) => bail!("`{other}` cannot be counted by"),
    };
    let ported = !matches!(
        b.header.proto,
        RuleProto::Ip
            | RuleProto::Ipv4
            | RuleProto::Ipv6
            | RuleProto::Icmp
            | RuleProto::Icmpv4
            | RuleProto::Icmpv6
            | RuleProto::Igmp
            | RuleProto::PktHdr
            | RuleProto::Arp
            | RuleProto::Ether
    );
    if unique_on.is_some() && !ported {
        bail!("`unique_on` needs a protocol with ports");
    }
    let kind = ThresholdKind::DetectionFilter;
    b.check(Check::Threshold(Threshold { kind, track: track(by)?, count, seconds, unique_on }));
    Ok(())
}
