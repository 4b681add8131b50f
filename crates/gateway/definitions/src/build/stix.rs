//! STIX 2.1: the indicators of a bundle whose pattern is one comparison (`=`, `IN`, `ISSUBSET`), or
//! several joined by OR.
//! Revoked ones and those whose time is over are skipped.

use std::collections::HashMap;

use mimamori_base::Timestamp;
use mimamori_reputation::Kind;
use serde_json::Value;

use super::{Item, List, Take, names};

/// Comparisons of one pattern that are read.
const MAX_COMPARISONS: usize = 10_000;

pub(super) fn read(bytes: &[u8], list: &List<'_>, now: Timestamp, take: Take<'_>) {
    let bundle: Value = match serde_json::from_slice(bytes) {
        Ok(value) => value,
        Err(e) => {
            take(e.line(), Err(format!("no JSON: {e}")));
            return;
        }
    };
    let objects = bundle.get("objects").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let families = families(objects);
    let indicators = objects.iter().filter(|o| text(o, "type") == Some("indicator"));
    for (index, indicator) in indicators.enumerate() {
        let family = text(indicator, "id").and_then(|id| families.get(id)).copied();
        let family = family.or_else(|| text(indicator, "name")).unwrap_or(list.family);
        one(indicator, index + 1, family, list.kind, now, take);
    }
    if objects.is_empty() {
        take(1, Err("no `objects`: not a STIX bundle".to_owned()));
    }
}

fn one(indicator: &Value, number: usize, family: &str, kind: Kind, now: Timestamp, take: Take<'_>) {
    let over = text(indicator, "valid_until").and_then(seconds).is_some_and(|end| end <= now.secs());
    if over || indicator.get("revoked").and_then(Value::as_bool) == Some(true) {
        take(number, Ok(Item::Skipped));
        return;
    }
    if text(indicator, "pattern_type").is_some_and(|t| t != "stix") {
        take(number, Err("a pattern in another language than STIX".to_owned()));
        return;
    }
    let kind = kind_of(indicator).unwrap_or(kind);
    let comparisons = match text(indicator, "pattern").map(comparisons) {
        Some(Ok(comparisons)) => comparisons,
        Some(Err(reason)) => {
            take(number, Err(reason.to_owned()));
            return;
        }
        None => {
            take(number, Err("an indicator without a pattern".to_owned()));
            return;
        }
    };
    for (path, value) in comparisons {
        let path = path.to_ascii_lowercase().replace(['\'', '"'], "");
        take(
            number,
            match path.as_str() {
                "domain-name:value"
                | "url:value"
                | "ipv4-addr:value"
                | "ipv6-addr:value"
                | "network-traffic:dst_ref.value" => names::name(&value, kind, family),
                "file:hashes.md5"
                | "file:hashes.sha-1"
                | "file:hashes.sha1"
                | "file:hashes.sha-256"
                | "file:hashes.sha256" => Ok(Item::Hash { hash: value, name: family.to_owned() }),
                _ => Err(format!("{path}: not a name, address, URL or hash")),
            },
        );
    }
}

/// The comparisons of a pattern as `path` and value: `=`, `IN (…)` and `ISSUBSET`, joined by OR. An
/// AND may only say beside an address what sort of address it is.
fn comparisons(pattern: &str) -> Result<Vec<(String, String)>, &'static str> {
    let mut out = Vec::new();
    let mut rest = pattern.trim();
    let mut sort_only = false;
    while !rest.is_empty() {
        rest = rest.trim_start_matches(['[', ']', '(', ')', ' ', '\n', '\r', '\t']);
        if rest.is_empty() {
            break;
        }
        if let Some(next) = rest.strip_prefix("OR ") {
            rest = next;
            continue;
        }
        if let Some(next) = rest.strip_prefix("AND ").filter(|_| sort_only) {
            rest = next;
            continue;
        }
        if rest.starts_with("AND ") || rest.starts_with("FOLLOWEDBY ") {
            return Err("a pattern that needs several observations together");
        }
        let (path, values, after) = comparison(rest)?;
        if out.len() + values.len() > MAX_COMPARISONS {
            return Err("too many comparisons in one pattern");
        }
        sort_only = path.ends_with("_ref.type");
        if !sort_only {
            out.extend(values.into_iter().map(|value| (path.to_owned(), value)));
        }
        rest = after.trim_start();
    }
    if out.is_empty() { Err("an empty pattern") } else { Ok(out) }
}

/// `path = 'value'`, `path ISSUBSET 'network'` or `path IN ('one', 'two')`, and what follows.
fn comparison(text: &str) -> Result<(&str, Vec<String>, &str), &'static str> {
    const OTHER: &str = "a comparison other than `=`, IN and ISSUBSET";
    let end = text.find(|c: char| c.is_whitespace() || "=!<>".contains(c)).ok_or(OTHER)?;
    let (path, rest) = text.split_at_checked(end).ok_or(OTHER)?;
    let rest = rest.trim_start();
    if let Some(rest) = rest.strip_prefix('=').or_else(|| rest.strip_prefix("ISSUBSET ")) {
        let (value, after) = quoted(rest.trim_start()).ok_or("a value without quotes")?;
        return Ok((path, vec![value], after));
    }
    let list = rest.strip_prefix("IN").map(str::trim_start).and_then(|r| r.strip_prefix('(')).ok_or(OTHER)?;
    let (mut values, mut rest) = (Vec::new(), list.trim_start());
    loop {
        let (value, after) = quoted(rest).ok_or("a value without quotes")?;
        values.push(value);
        let after = after.trim_start();
        match after.strip_prefix(',') {
            Some(more) => rest = more.trim_start(),
            None => {
                let after = after.strip_prefix(')').ok_or("a list without an end")?;
                return Ok((path, values, after));
            }
        }
    }
}

/// A text in single quotes with its escapes undone, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('\'')?;
    let mut value = String::new();
    let mut letters = inner.char_indices();
    while let Some((at, c)) = letters.next() {
        match c {
            '\\' => value.push(letters.next()?.1),
            '\'' => return Some((value, inner.get(at + 1..)?)),
            _ => value.push(c),
        }
    }
    None
}

/// Names of the malware that relationships say indicators indicate, by the indicator's id.
fn families(objects: &[Value]) -> HashMap<&str, &str> {
    let named: HashMap<&str, &str> = objects
        .iter()
        .filter(|o| matches!(text(o, "type"), Some("malware" | "tool" | "threat-actor" | "campaign")))
        .filter_map(|o| Some((text(o, "id")?, text(o, "name")?)))
        .collect();
    objects
        .iter()
        .filter(|o| text(o, "type") == Some("relationship"))
        .filter_map(|o| Some((text(o, "source_ref")?, *named.get(text(o, "target_ref")?)?)))
        .collect()
}

fn kind_of(indicator: &Value) -> Option<Kind> {
    let words = ["indicator_types", "labels"].iter().filter_map(|k| indicator.get(*k)?.as_array()).flatten();
    let mut kind = None;
    for word in words.filter_map(Value::as_str).map(str::to_ascii_lowercase) {
        kind = if word.contains("phish") {
            Some(Kind::Phishing)
        } else if word.contains("c2") || word.contains("command-and-control") {
            Some(Kind::C2)
        } else {
            kind
        };
    }
    let phases = indicator.get("kill_chain_phases").and_then(Value::as_array).into_iter().flatten();
    let c2 = phases.filter_map(|p| text(p, "phase_name")).any(|p| p.contains("command-and-control"));
    kind.or(c2.then_some(Kind::C2))
}

/// Seconds since 1970 of `2026-01-02T03:04:05Z`, to the day and second that matter here.
fn seconds(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days from a March-based year, so that the leap day is the last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days =
        365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day - 719_469;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::*;

    #[test]
    fn patterns() {
        let one = |path: &str, value: &str| (path.to_owned(), value.to_owned());
        assert_eq!(
            comparisons("[domain-name:value = 'a.example']"),
            Ok(vec![one("domain-name:value", "a.example")])
        );
        assert_eq!(
            comparisons(r"[url:value = 'http://x/\'' OR file:hashes.'SHA-256' = 'ab']"),
            Ok(vec![one("url:value", "http://x/'"), one("file:hashes.'SHA-256'", "ab")])
        );
        assert_eq!(
            comparisons(
                "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value='192.0.2.1']"
            ),
            Ok(vec![one("network-traffic:dst_ref.value", "192.0.2.1")])
        );
        assert_eq!(comparisons("[a:b IN ('x', 'y,z')]"), Ok(vec![one("a:b", "x"), one("a:b", "y,z")]));
        for bad in [
            "[a:b = 'x' AND c:d = 'y']",
            "[a:b IN ('x', 'y']",
            "[a:b IN 'x']",
            "[a:b IN]",
            "[a:b",
            "[a_ref.type = 'x']",
            "[a:b != 'x']",
            "[a:b LIKE 'x']",
            "[a:b = 'x",
            "[a:b = 5]",
            "",
        ] {
            assert!(comparisons(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bundle() {
        let text = r#"{"type":"bundle","objects":[
            {"type":"indicator","id":"i1","pattern":"[domain-name:value='evil.example']","pattern_type":"stix"},
            {"type":"indicator","id":"i2","pattern":"[ipv4-addr:value='192.0.2.1']","valid_until":"2026-01-01T00:00:00Z"},
            {"type":"indicator","id":"i3","pattern":"[email-message:subject='x']"},
            {"type":"malware","id":"m1","name":"Emotet"},
            {"type":"relationship","source_ref":"i1","target_ref":"m1","relationship_type":"indicates"}]}"#;
        let list = List { name: "x", format: Format::Stix, kind: Kind::Malware, family: "" };
        let mut out = Vec::new();
        let now = Timestamp::from_secs(1_800_000_000);
        read(text.as_bytes(), &list, now, &mut |n, item| out.push((n, item)));
        assert!(matches!(&out[0].1, Ok(Item::Name { family, .. }) if family == "Emotet"));
        assert_eq!(out[1].1, Ok(Item::Skipped));
        assert_eq!((out[2].0, out[2].1.is_err()), (3, true));
    }

    #[test]
    fn times() {
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("2026-11-25T01:40:00.000Z"), Some(1_795_570_800));
        assert_eq!(seconds("2026"), None);
    }
}
