//! MISP: events (`{"Event": …}`, `{"response": […]}`, an array of them) or bare attributes.
//! Attributes that are not meant for detection (`to_ids` false) are skipped.

use mimamori_reputation::Kind;
use serde_json::Value;

use super::{Item, List, Take, names};

/// Nesting that is followed: response, event, object, attribute.
const MAX_DEPTH: usize = 8;

pub(super) fn read(bytes: &[u8], list: &List<'_>, take: Take<'_>) {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(value) => {
            let told = About { kind: list.kind, family: list.family.to_owned() };
            let mut number = 0;
            walk(&value, &told, 0, &mut number, take);
        }
        Err(e) => take(e.line(), Err(format!("no JSON: {e}"))),
    }
}

/// What the event around an attribute says of it.
#[derive(Clone)]
struct About {
    kind: Kind,
    family: String,
}

fn walk(value: &Value, about: &About, depth: usize, number: &mut usize, take: Take<'_>) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Array(all) => all.iter().for_each(|v| walk(v, about, depth + 1, number, take)),
        Value::Object(map) => {
            let about = &told(value, about);
            if let (Some(kind), Some(text)) = (text(value, "type"), text(value, "value")) {
                *number += 1;
                attribute(value, kind, text, about, *number, take);
                return;
            }
            for key in ["response", "Event", "Attribute", "Object", "attributes"] {
                if let Some(inner) = map.get(key) {
                    walk(inner, about, depth + 1, number, take);
                }
            }
        }
        _ => {}
    }
}

fn attribute(value: &Value, kind: &str, text: &str, about: &About, number: usize, take: Take<'_>) {
    if value.get("to_ids").and_then(Value::as_bool) == Some(false) {
        take(number, Ok(Item::Skipped));
        return;
    }
    let name = |entry: &str| names::name(entry, about.kind, &about.family);
    let hash = |hash: &str| Item::Hash { hash: hash.trim().to_owned(), name: about.family.clone() };
    let (first, second) = text.split_once('|').unwrap_or((text, ""));
    match kind {
        "domain" | "hostname" | "url" | "ip-dst" | "ip-src" | "link" => take(number, name(text)),
        "domain|ip" => {
            take(number, name(first));
            take(number, name(second));
        }
        "ip-dst|port" | "ip-src|port" | "hostname|port" => {
            let host = if first.contains(':') { format!("[{first}]") } else { first.to_owned() };
            take(number, name(&format!("{host}:{second}")));
        }
        "md5" | "sha1" | "sha256" => take(number, Ok(hash(text))),
        "filename|md5" | "filename|sha1" | "filename|sha256" | "malware-sample" => {
            take(number, Ok(hash(second)));
        }
        _ => take(number, Ok(Item::Skipped)),
    }
}

/// What an event or attribute adds: its tags, its title.
fn told(value: &Value, about: &About) -> About {
    let mut about = about.clone();
    if let Some(info) = text(value, "info").filter(|_| about.family.is_empty()) {
        about.family = info.to_owned();
    }
    for tag in value.get("Tag").and_then(Value::as_array).into_iter().flatten() {
        let Some(tag) = text(tag, "name") else { continue };
        let lower = tag.to_ascii_lowercase();
        if lower.contains("phishing") {
            about.kind = Kind::Phishing;
        } else if lower.contains("c2") || lower.contains("command-and-control") {
            about.kind = Kind::C2;
        }
        let named = ["misp-galaxy:malpedia=", "misp-galaxy:tool=", "misp-galaxy:botnet=", "misp-galaxy:rat="];
        if let Some(family) = named.iter().find_map(|n| tag.strip_prefix(n)) {
            about.family = family.trim_matches('"').to_owned();
        }
    }
    about
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::*;

    #[test]
    fn events_objects_and_attributes() {
        let text = r#"{"response":[{"Event":{"info":"Campaign","Tag":[{"name":"misp-galaxy:malpedia=\"Emotet\""}],
            "Attribute":[{"type":"domain","value":"evil.example","to_ids":true},
              {"type":"domain","value":"not used.example","to_ids":false},
              {"type":"ip-dst|port","value":"192.0.2.1|443","to_ids":true},
              {"type":"comment","value":"hello","to_ids":true},
              {"type":"domain","value":"bad name","to_ids":true}],
            "Object":[{"name":"file","Attribute":[{"type":"sha256","value":"HASH","to_ids":true}]}]}}]}"#;
        let list = List { name: "x", format: Format::Misp, kind: Kind::Malware, family: "" };
        let mut out = Vec::new();
        read(text.replace("HASH", &"a".repeat(64)).as_bytes(), &list, &mut |n, item| out.push((n, item)));
        assert!(matches!(&out[0].1, Ok(Item::Name { family, .. }) if family == "Emotet"));
        assert_eq!(out[1].1, Ok(Item::Skipped));
        assert!(matches!(&out[2].1, Ok(Item::Name { .. })));
        assert_eq!(out[3].1, Ok(Item::Skipped));
        assert_eq!((out[4].0, out[4].1.is_err()), (5, true));
        assert!(matches!(&out[5].1, Ok(Item::Hash { name, .. }) if name == "Emotet"));
        read(b"{", &list, &mut |_, item| assert!(item.is_err()));
    }
}
