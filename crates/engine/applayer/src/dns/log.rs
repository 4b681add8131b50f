//! DNS messages in EVE's shape (version 3).

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::{Map, Value, json};

use crate::dns::message::{Message, Question, RData, Record};
use crate::dns::name::Name;
use crate::dns::names_of_codes::{rcode_text, rrtype_text};
use crate::dns::transaction::DnsTx;
use crate::text::{hex, hex_colons, printable};

/// Log records grouped by type keep at most so many values.
const MAX_LOGGED: usize = 2_048;

/// The `dns` object.
pub fn dns(tx: &DnsTx) -> Map<String, Value> {
    let m = &tx.message;
    let h = m.header;
    let mut o = Map::new();
    o.insert("version".into(), json!(3));
    o.insert("type".into(), json!(type_name(tx)));
    o.insert("tx_id".into(), json!(tx.id));
    o.insert("id".into(), json!(h.id));
    o.insert("flags".into(), json!(format!("{:x}", h.flags)));
    put_flags(&mut o, h.flags);
    o.insert("opcode".into(), json!(h.opcode()));
    o.insert("rcode".into(), json!(rcode_text(h.rcode())));
    if !m.questions.is_empty() {
        o.insert("queries".into(), questions(m, false));
    }
    if !m.answers.is_empty() {
        o.insert("answers".into(), records(&m.answers));
        let grouped = grouped(&m.answers);
        if !grouped.is_empty() {
            o.insert("grouped".into(), Value::Object(grouped));
        }
    }
    if !m.authorities.is_empty() {
        o.insert("authorities".into(), records(&m.authorities));
    }
    if !m.additionals.is_empty() {
        o.insert("additionals".into(), records(&m.additionals));
    }
    o
}

/// The `mdns` and `llmnr` objects.
pub fn link_local(tx: &DnsTx) -> Map<String, Value> {
    let m = &tx.message;
    let h = m.header;
    let mut o = Map::new();
    o.insert("type".into(), json!(type_name(tx)));
    if tx.proto == crate::AppProto::Llmnr || h.id != 0 {
        o.insert("id".into(), json!(h.id));
    }
    o.insert("flags".into(), json!(format!("{:x}", h.flags)));
    put_flags(&mut o, h.flags);
    o.insert("opcode".into(), json!(h.opcode()));
    o.insert("rcode".into(), json!(rcode_text(h.rcode())));
    if !m.questions.is_empty() {
        o.insert("queries".into(), questions(m, true));
    }
    for (key, section) in
        [("answers", &m.answers), ("authorities", &m.authorities), ("additionals", &m.additionals)]
    {
        if !section.is_empty() {
            let list = section.iter().take(MAX_LOGGED).map(link_local_record).collect();
            o.insert(key.into(), Value::Array(list));
        }
    }
    o
}

fn type_name(tx: &DnsTx) -> &'static str {
    if tx.is_response() { "response" } else { "request" }
}

fn put_flags(o: &mut Map<String, Value>, flags: u16) {
    for (mask, name) in
        [(0x8000, "qr"), (0x0400, "aa"), (0x0200, "tc"), (0x0100, "rd"), (0x0080, "ra"), (0x0040, "z")]
    {
        if flags & mask != 0 {
            o.insert(name.into(), json!(true));
        }
    }
}

fn put_name(o: &mut Map<String, Value>, key: &str, name: &Name) {
    o.insert(key.into(), json!(printable(&name.bytes)));
    if name.truncated {
        o.insert(format!("{key}_truncated"), json!(true));
    }
}

fn question(q: &Question, lower: bool) -> Value {
    let mut o = Map::new();
    put_name(&mut o, "rrname", &q.name);
    let kind = rrtype_text(q.rrtype);
    o.insert("rrtype".into(), json!(if lower { kind.to_lowercase() } else { kind }));
    Value::Object(o)
}

fn questions(m: &Message, lower: bool) -> Value {
    m.questions.iter().take(MAX_LOGGED).map(|q| question(q, lower)).collect()
}

fn records(list: &[Record]) -> Value {
    list.iter().take(MAX_LOGGED).map(record).collect()
}

fn record(r: &Record) -> Value {
    let mut o = Map::new();
    put_name(&mut o, "rrname", &r.name);
    o.insert("rrtype".into(), json!(rrtype_text(r.rrtype)));
    o.insert("ttl".into(), json!(r.ttl));
    match &r.data {
        RData::Name(name) => put_name(&mut o, "rdata", name),
        RData::Opt(options) => {
            o.remove("ttl");
            let list = options.iter().map(|(code, data)| json!({"code": code, "data": hex(data)})).collect();
            o.insert("opt".into(), Value::Array(list));
        }
        RData::Soa(soa) => drop(o.insert("soa".into(), soa_object(soa))),
        RData::Srv { priority, weight, port, target } => {
            let mut srv = Map::new();
            srv.insert("priority".into(), json!(priority));
            srv.insert("weight".into(), json!(weight));
            srv.insert("port".into(), json!(port));
            put_name(&mut srv, "name", target);
            o.insert("srv".into(), Value::Object(srv));
        }
        RData::Sshfp { algorithm, kind, fingerprint } => {
            let sshfp =
                json!({"fingerprint": hex_colons(fingerprint, false), "algo": algorithm, "type": kind});
            o.insert("sshfp".into(), sshfp);
        }
        data => {
            if let Some(text) = data_text(data) {
                o.insert("rdata".into(), json!(text));
            }
        }
    }
    Value::Object(o)
}

fn soa_object(soa: &crate::dns::message::Soa) -> Value {
    let mut o = Map::new();
    put_name(&mut o, "mname", &soa.mname);
    put_name(&mut o, "rname", &soa.rname);
    for (key, n) in [
        ("serial", soa.serial),
        ("refresh", soa.refresh),
        ("retry", soa.retry),
        ("expire", soa.expire),
        ("minimum", soa.minimum),
    ] {
        o.insert(key.into(), json!(n));
    }
    Value::Object(o)
}

fn data_text(data: &RData) -> Option<String> {
    match data {
        RData::A(a) => Some(Ipv4Addr::from(*a).to_string()),
        RData::Aaaa(a) => Some(ipv6_text(*a)),
        RData::Name(name) => Some(printable(&name.bytes)),
        RData::Txt(strings) => Some(printable(&strings.concat())),
        RData::Null(bytes) => Some(printable(bytes)),
        _ => None,
    }
}

/// Eight groups of four digits, as EVE writes addresses inside DNS records.
fn ipv6_text(a: [u8; 16]) -> String {
    let groups = Ipv6Addr::from(a).segments();
    groups.iter().map(|g| format!("{g:04x}")).collect::<Vec<_>>().join(":")
}

fn grouped(answers: &[Record]) -> Map<String, Value> {
    let mut groups: Map<String, Value> = Map::new();
    for r in answers.iter().take(MAX_LOGGED) {
        let value = match &r.data {
            RData::Opt(_) | RData::Other => continue,
            RData::Soa(soa) => soa_object(soa),
            RData::Srv { priority, weight, port, target } => {
                json!({"priority": priority, "weight": weight, "port": port, "name": printable(&target.bytes)})
            }
            RData::Sshfp { algorithm, kind, fingerprint } => {
                json!({"fingerprint": hex_colons(fingerprint, false), "algo": algorithm, "type": kind})
            }
            data => match data_text(data) {
                Some(text) => json!(text),
                None => continue,
            },
        };
        let slot = groups.entry(rrtype_text(r.rrtype)).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = slot {
            list.push(value);
        }
    }
    groups
}

/// A record whose data stands under its type's name: `{"rrname": …, "rrtype": "a", "a": "…"}`.
fn link_local_record(r: &Record) -> Value {
    let mut o = Map::new();
    put_name(&mut o, "rrname", &r.name);
    let kind = rrtype_text(r.rrtype).to_lowercase();
    let data = match &r.data {
        RData::Txt(strings) => Some(strings.iter().map(|s| json!(printable(s))).collect()),
        RData::Srv { priority, weight, port, target } => Some(json!({
            "priority": priority, "weight": weight, "port": port, "target": printable(&target.bytes)
        })),
        RData::Soa(soa) => Some(soa_object(soa)),
        data => data_text(data).map(Value::String),
    };
    o.insert("rrtype".into(), json!(kind));
    if let Some(data) = data {
        o.insert(kind, data);
    }
    Value::Object(o)
}
