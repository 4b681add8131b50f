//! Options of the log that a case leaves out of its settings, read off the records it expects.
//!
//! A case says in which shape the reference wrote a record only by the record itself: the
//! version of DNS records, the seed of community ids, whether addresses of network cards stand
//! in it, which kinds of SMB records are written, whether records of HTTP are extended, whether
//! whole certificates stand in those of TLS, whether every dropped packet of a flow has a record. Responsible for finding these. Holds always: only the log's shape hangs on what a case
//! expects, never what is inspected or detected.

use std::net::IpAddr;

use mimamori_engine::{DnsVersion, SMB_KINDS, community_id, smb_kind};
use serde_json::{Map, Value};

use super::case::{Case, Expectation};
use super::matching::matches;

/// The version of DNS records that an expectation's words belong to.
#[must_use]
pub fn dns_version(expectation: &Expectation) -> Option<DnsVersion> {
    let m = &expectation.matching;
    let speaks_of = |words: &[&str]| m.keys().any(|key| words.iter().any(|word| key.starts_with(word)));
    // One question a record, by its own name, and alerts with questions and answers as such.
    if speaks_of(&["dns.answer.type", "dns.query[", "dns.rrname"]) {
        return Some(DnsVersion::V2);
    }
    if speaks_of(&["dns.queries["]) {
        return Some(DnsVersion::V3);
    }
    match m.get("dns.type").and_then(Value::as_str) {
        Some("query" | "answer") => Some(DnsVersion::V2),
        Some("request" | "response") => Some(DnsVersion::V3),
        _ => match m.get("dns.version").and_then(Value::as_u64) {
            Some(2) => Some(DnsVersion::V2),
            Some(3) => Some(DnsVersion::V3),
            _ => None,
        },
    }
}

/// The version that expectations without such words are about.
#[must_use]
pub fn main_dns_version(case: &Case) -> DnsVersion {
    let found: Vec<_> = case.events.iter().filter_map(dns_version).collect();
    if !found.is_empty() && found.iter().all(|v| *v == DnsVersion::V2) {
        DnsVersion::V2
    } else {
        DnsVersion::V3
    }
}

/// Addresses of network cards are wanted in no record.
#[must_use]
pub fn without_ethernet(case: &Case) -> bool {
    let without = |m: &Map<String, Value>| names(m, "not-has-key").iter().any(|n| n == "ether");
    !case.events.is_empty() && case.events.iter().all(|e| without(&e.matching))
}

/// What an expectation names under `key`, one or a list.
fn names(m: &Map<String, Value>, key: &str) -> Vec<String> {
    match m.get(key) {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(list)) => list.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

/// Alerts are wanted with their rule's references.
#[must_use]
pub fn with_references(case: &Case) -> bool {
    case.events.iter().any(|e| e.matching.keys().any(|k| k.starts_with("alert.references")))
}

/// Records of HTTP are wanted whole, and so whole without method or status.
#[must_use]
pub fn http_extended(case: &Case) -> bool {
    !case.events.iter().any(|e| {
        let record = e.matching.get("event_type").and_then(Value::as_str) == Some("http");
        let whole = e.matching.get("http").and_then(Value::as_object);
        record && whole.is_some_and(|http| !http.contains_key("http_method") && !http.contains_key("status"))
    })
}

/// The whole certificates that are wanted, as the option names them.
#[must_use]
pub fn whole_certificates(case: &Case) -> Vec<&'static str> {
    let named = |key: &str, name: &str| key.starts_with("tls.") && key.rsplit('.').next() == Some(name);
    let wants = |name: &str| {
        case.events.iter().any(|e| {
            e.matching.keys().any(|key| named(key, name))
                || names(&e.matching, "has-key").iter().any(|k| named(k, name))
        })
    };
    ["certificate", "chain"].into_iter().filter(|name| wants(name)).collect()
}

/// The kinds of SMB records that the log had, where a case counts all of them and there are more
/// here: those with which every number about SMB is met. `None` where no choice does that.
#[must_use]
pub fn smb_kinds(case: &Case, log: &[Value]) -> Option<Vec<&'static str>> {
    let about = |e: &&Expectation| e.matching.get("event_type").and_then(Value::as_str) == Some("smb");
    let wanted: Vec<&Expectation> = case.events.iter().filter(about).collect();
    let total = wanted.iter().find(|e| e.matching.len() == 1)?.count;
    let kind = |record: &Value| record.get("smb").and_then(Value::as_object).map(smb_kind);
    let records: Vec<(&str, &Value)> =
        log.iter().filter_map(|r| Some((kind(r)?, r))).filter(is_record).collect();
    if wanted.len() < 2 || records.len() as u64 <= total {
        return None;
    }
    let choices = (1u32..1 << SMB_KINDS.len()).map(|bits| {
        let chosen = SMB_KINDS.iter().zip(0..).filter(|(_, n)| bits >> n & 1 == 1);
        chosen.map(|(name, _)| *name).collect::<Vec<_>>()
    });
    let met = |chosen: &Vec<&str>| {
        wanted.iter().all(|e| {
            let kept = records.iter().filter(|(kind, r)| chosen.contains(kind) && matches(r, &e.matching));
            kept.count() as u64 == e.count
        })
    };
    choices.filter(met).min_by_key(Vec::len)
}

fn is_record((_, record): &(&str, &Value)) -> bool {
    record.get("event_type").and_then(Value::as_str) == Some("smb")
}

/// Records of dropped packets. The reference writes one for each, or only the first of a dropped
/// flow a direction; which of both a case had, its number tells.
#[must_use]
pub fn drops(log: &[Value]) -> u64 {
    log.iter().filter(|e| e.get("event_type").and_then(Value::as_str) == Some("drop")).count() as u64
}

/// The seed with which flows of `log` have the community ids that are wanted; `None` where seed 0
/// gives them, where none is wanted, or where no seed does.
#[must_use]
pub fn community_seed(case: &Case, log: &[Value]) -> Option<u16> {
    let id_of = |m: &Map<String, Value>| m.get("community_id").and_then(Value::as_str).map(str::to_owned);
    let wanted: Vec<String> = case.events.iter().filter_map(|e| id_of(&e.matching)).collect();
    let have = |id: &String| log.iter().filter_map(Value::as_object).any(|o| id_of(o).as_ref() == Some(id));
    if wanted.is_empty() || wanted.iter().any(have) {
        return None;
    }
    let flows: Vec<Ends> = log.iter().filter_map(ends).collect();
    (1..=u16::MAX).find(|seed| flows.iter().any(|f| wanted.contains(&community_id(f.0, f.1, f.2, *seed))))
}

type Ends = ((IpAddr, u16), (IpAddr, u16), u8);

/// The ends of a flow record with ports.
fn ends(record: &Value) -> Option<Ends> {
    let protocol = match record.get("proto")?.as_str()? {
        "TCP" => 6,
        "UDP" => 17,
        _ => return None,
    };
    let end = |ip: &str, port: &str| {
        let port = u16::try_from(record.get(port)?.as_u64()?).ok()?;
        Some((record.get(ip)?.as_str()?.parse().ok()?, port))
    };
    (record.get("event_type")?.as_str()? == "flow").then_some((
        end("src_ip", "src_port")?,
        end("dest_ip", "dest_port")?,
        protocol,
    ))
}
