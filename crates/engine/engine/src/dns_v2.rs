//! DNS records in version 2 of EVE's `dns` object, for tools that still read that.
//!
//! Responsible for turning a record of version 3 into the one or several of version 2: a record
//! a question, and one for a response, written from the asking side. Holds always: nothing is
//! told that version 3 does not tell.

use serde_json::{Map, Value};

use crate::event::Event;

/// The records of version 2 that stand for `event`.
pub(crate) fn records(mut event: Event) -> Vec<Event> {
    let Some(Value::Object(dns)) = event.more.remove("dns") else { return vec![event] };
    if is_response(&dns) {
        std::mem::swap(&mut event.src, &mut event.dst);
        event.more.insert("dns".to_owned(), Value::Object(answer(dns)));
        return vec![event];
    }
    queries(&dns)
        .map(|query| {
            let mut one = event.clone();
            one.more.insert("dns".to_owned(), Value::Object(query));
            one
        })
        .collect()
}

/// The same inside an alert: `query` as a list, `answer` as an object.
pub(crate) fn in_alert(more: &mut Map<String, Value>) {
    let Some(Value::Object(dns)) = more.remove("dns") else { return };
    let mut object = Map::new();
    if is_response(&dns) {
        object.insert("answer".to_owned(), Value::Object(answer(dns)));
    } else {
        object.insert("query".to_owned(), queries(&dns).map(Value::Object).collect());
    }
    more.insert("dns".to_owned(), Value::Object(object));
}

fn is_response(dns: &Map<String, Value>) -> bool {
    dns.get("type").and_then(Value::as_str) == Some("response")
}

fn queries(dns: &Map<String, Value>) -> impl Iterator<Item = Map<String, Value>> + '_ {
    let list = dns.get("queries").and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_object).map(|question| {
        let mut query = question.clone();
        query.insert("type".to_owned(), "query".into());
        for key in ["id", "tx_id", "opcode"] {
            if let Some(value) = dns.get(key) {
                query.insert(key.to_owned(), value.clone());
            }
        }
        query
    })
}

fn answer(mut dns: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Array(questions)) = dns.remove("queries")
        && let Some(Value::Object(first)) = questions.into_iter().next()
    {
        dns.extend(first);
    }
    dns.remove("tx_id");
    dns.insert("type".to_owned(), "answer".into());
    dns.insert("version".to_owned(), 2.into());
    dns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Endpoint, EventKind};
    use mimamori_base::Timestamp;
    use serde_json::json;

    fn event(dns: Value) -> Event {
        let mut event = Event::new(Timestamp::EPOCH, EventKind::App("dns"));
        event.src = Some(Endpoint { ip: [10, 0, 0, 1].into(), port: 53 });
        event.dst = Some(Endpoint { ip: [10, 0, 0, 2].into(), port: 4000 });
        event.more.insert("dns".to_owned(), dns);
        event
    }

    #[test]
    fn each_question_is_a_record() {
        let found = records(event(json!({
            "version": 3, "type": "request", "id": 7, "tx_id": 0, "opcode": 0, "flags": "100",
            "queries": [{"rrname": "a.example", "rrtype": "A"}, {"rrname": "b.example", "rrtype": "MX"}],
        })));
        let dns: Vec<&Value> = found.iter().filter_map(|e| e.more.get("dns")).collect();
        let one =
            json!({"type": "query", "id": 7, "tx_id": 0, "opcode": 0, "rrname": "a.example", "rrtype": "A"});
        assert_eq!(dns.len(), 2);
        assert_eq!(dns[0], &one);
        assert_eq!(dns[1]["rrname"], "b.example");
    }

    #[test]
    fn a_response_is_told_from_the_asking_side() {
        let found = records(event(json!({
            "version": 3, "type": "response", "id": 7, "tx_id": 1, "rcode": "NOERROR",
            "queries": [{"rrname": "a.example", "rrtype": "A"}], "answers": [{"rdata": "192.0.2.1"}],
        })));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].src.map(|e| e.port), Some(4000));
        let wanted = json!({
            "version": 2, "type": "answer", "id": 7, "rcode": "NOERROR", "rrname": "a.example",
            "rrtype": "A", "answers": [{"rdata": "192.0.2.1"}],
        });
        assert_eq!(found[0].more.get("dns"), Some(&wanted));
    }
}
