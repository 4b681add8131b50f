//! Comparing a record of the log with an expectation: dotted paths and their operators.

use serde_json::{Map, Value};

/// Whether `event` satisfies every field of `wanted`.
#[must_use]
pub fn matches(event: &Value, wanted: &Map<String, Value>) -> bool {
    wanted.iter().all(|(key, expected)| matches_one(event, key, expected))
}

fn matches_one(event: &Value, key: &str, expected: &Value) -> bool {
    match key {
        "has-key" => names(expected).all(|k| find(event, k).is_some()),
        "not-has-key" => names(expected).all(|k| find(event, k).is_none()),
        _ => {
            let (path, operator) = split_operator(key);
            compare(find(event, path), operator, expected)
        }
    }
}

fn names(expected: &Value) -> impl Iterator<Item = &str> {
    let list = match expected {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    list.iter().filter_map(Value::as_str)
}

/// Splits `a.b.__len` into `a.b` and `__len`.
fn split_operator(key: &str) -> (&str, &str) {
    match key.rfind(".__") {
        Some(at) => (key.get(..at).unwrap_or(key), key.get(at + 1..).unwrap_or("")),
        None => (key, ""),
    }
}

/// The value at a dotted path; `name[3]` reaches into an array. A literal key that holds
/// dots itself is found too.
fn find<'v>(event: &'v Value, path: &str) -> Option<&'v Value> {
    let mut value = event;
    for part in path.split('.') {
        let (name, index) = match part.split_once('[') {
            Some((name, rest)) => (name, rest.strip_suffix(']')?.parse::<usize>().ok()),
            None => (part, None),
        };
        value = value.get(name)?;
        if let Some(index) = index {
            value = value.get(index)?;
        }
    }
    (!value.is_null()).then_some(value)
}

fn compare(value: Option<&Value>, operator: &str, expected: &Value) -> bool {
    let Some(value) = value else {
        return operator.is_empty() && expected.is_null();
    };
    match operator {
        "" => equal(value, expected),
        "__len" => length(value).is_some_and(|l| expected.as_u64() == Some(l)),
        "__find" | "__contains" => match (value, expected) {
            (Value::String(v), Value::String(e)) => v.contains(e.as_str()),
            (Value::Array(items), e) => items.iter().any(|i| equal(i, e)),
            (Value::Object(map), Value::String(e)) => map.contains_key(e),
            _ => false,
        },
        "__startswith" => both_text(value, expected).is_some_and(|(v, e)| v.starts_with(e)),
        "__endswith" => both_text(value, expected).is_some_and(|(v, e)| v.ends_with(e)),
        "__gt" => both_numbers(value, expected).is_some_and(|(v, e)| v > e),
        "__gte" => both_numbers(value, expected).is_some_and(|(v, e)| v >= e),
        "__lt" => both_numbers(value, expected).is_some_and(|(v, e)| v < e),
        "__lte" => both_numbers(value, expected).is_some_and(|(v, e)| v <= e),
        _ => false,
    }
}

fn equal(value: &Value, expected: &Value) -> bool {
    match (value.as_f64(), expected.as_f64()) {
        (Some(v), Some(e)) => v == e,
        _ => value == expected,
    }
}

fn length(value: &Value) -> Option<u64> {
    let n = match value {
        Value::String(s) => s.chars().count(),
        Value::Array(a) => a.len(),
        Value::Object(o) => o.len(),
        _ => return None,
    };
    u64::try_from(n).ok()
}

fn both_text<'a>(value: &'a Value, expected: &'a Value) -> Option<(&'a str, &'a str)> {
    Some((value.as_str()?, expected.as_str()?))
}

fn both_numbers(value: &Value, expected: &Value) -> Option<(f64, f64)> {
    Some((value.as_f64()?, expected.as_f64()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(wanted: Value) -> bool {
        let event = json!({
            "event_type": "dns", "tx_id": 0, "vlan": [10, 20],
            "dns": {"answers": [{"rdata": "1.2.3.4"}, {"rdata": "x"}], "rrname": "a.example"},
        });
        matches(&event, wanted.as_object().expect("an object"))
    }

    #[test]
    fn paths_reach_into_objects_and_arrays() {
        assert!(check(json!({"dns.answers[0].rdata": "1.2.3.4", "vlan[1]": 20, "tx_id": 0})));
        assert!(!check(json!({"dns.answers[2].rdata": "1.2.3.4"})));
        assert!(!check(json!({"tx_id": "0"})));
        assert!(check(json!({"vlan": [10, 20]})));
    }

    #[test]
    fn operators_compare() {
        assert!(check(json!({"dns.answers.__len": 2, "dns.rrname.__startswith": "a."})));
        assert!(check(json!({"dns.rrname.__endswith": "example", "vlan.__contains": 10})));
        assert!(check(json!({"vlan[0].__gt": 9, "dns.rrname.__find": ".ex"})));
        assert!(!check(json!({"vlan[0].__lt": 9})));
        assert!(check(json!({"has-key": "dns.rrname", "not-has-key": "dns.id"})));
        assert!(!check(json!({"not-has-key": "vlan"})));
    }
}
