//! What the answers look like, for the OpenAPI document. A test holds every answer of every
//! operation against these, so that neither can change alone.

use mimamori_domain::comparison::Measure;
use serde_json::{Map, Value, json};

/// Fields of an object; all are there, and no others.
fn object(fields: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let properties: Map<String, Value> = fields.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    json!({"type": "object", "properties": properties, "required": names, "additionalProperties": false})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn maybe_text() -> Value {
    json!({"type": ["string", "null"]})
}

fn number() -> Value {
    json!({"type": "integer", "minimum": 0})
}

fn yes() -> Value {
    json!({"type": "boolean"})
}

fn id() -> Value {
    json!({"type": "string", "pattern": "^[0-9a-f]{32}$"})
}

fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

fn maybe_time() -> Value {
    json!({"type": ["string", "null"], "format": "date-time"})
}

fn day() -> Value {
    json!({"type": "string", "format": "date"})
}

fn list(of: Value) -> Value {
    json!({"type": "array", "items": of})
}

fn named(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn or_null(of: Value) -> Value {
    json!({"anyOf": [of, {"type": "null"}]})
}

/// A word of a closed list: the code for machines, the label for people.
fn word() -> Value {
    named("Word")
}

fn with(mut fields: Vec<(&'static str, Value)>, more: Vec<(&'static str, Value)>) -> Value {
    fields.extend(more);
    object(&fields)
}

fn alert() -> Vec<(&'static str, Value)> {
    let state = object(&[
        ("code", text()),
        ("label", text()),
        ("open", yes()),
        ("since", maybe_time()),
        ("by", maybe_text()),
    ]);
    vec![
        ("id", id()),
        ("rating", word()),
        ("stars", json!({"type": ["integer", "null"], "minimum": 1, "maximum": 3})),
        ("title", text()),
        ("state", state),
        ("gateway", named("GatewayName")),
        ("device", named("Device")),
        ("raised_at", time()),
        ("first_seen", time()),
        ("last_seen", time()),
        ("count", number()),
        ("not_stopped", number()),
        ("late", yes()),
        ("url", json!({"type": "string", "format": "uri"})),
    ]
}

fn alert_in_full() -> Value {
    let history = object(&[("at", time()), ("rating", word()), ("reason", text())]);
    let finding = object(&[("at", time()), ("verdict", word()), ("report", list(text()))]);
    with(
        alert(),
        vec![
            ("actions", list(text())),
            ("history", list(history)),
            ("evidence", list(named("Evidence"))),
            ("finding", or_null(finding)),
        ],
    )
}

fn evidence() -> Vec<(&'static str, Value)> {
    let endpoint = || object(&[("ip", text()), ("port", json!({"type": ["integer", "null"]}))]);
    let file = object(&[
        ("name", maybe_text()),
        ("bytes", json!({"type": ["integer", "null"]})),
        ("sha256", maybe_text()),
        ("verdict", or_null(word())),
        ("threat_name", maybe_text()),
    ]);
    vec![
        ("id", id()),
        ("at", time()),
        ("last_at", time()),
        ("count", number()),
        ("kind", word()),
        ("outcome", word()),
        ("stopped", yes()),
        ("direction", word()),
        ("device", named("Device")),
        ("source", endpoint()),
        ("destination", endpoint()),
        ("signature", or_null(object(&[("gid", number()), ("sid", number()), ("msg", text())]))),
        ("host", maybe_text()),
        ("url", maybe_text()),
        ("file", or_null(file)),
        ("app_proto", maybe_text()),
    ]
}

fn detection() -> Value {
    let more = vec![
        ("gateway", named("GatewayName")),
        ("alert", json!({"type": ["string", "null"]})),
        ("received_at", time()),
    ];
    with(evidence(), more)
}

fn gateway() -> Value {
    let link = object(&[("name", text()), ("zone", text()), ("up", yes())]);
    let reasons = ["locked", "too_deep", "too_large", "unreadable", "no_scanner"];
    let files = object(&[
        ("judged", number()),
        ("harmful", number()),
        ("not_inspected", object(&reasons.map(|reason| (reason, number())))),
    ]);
    let heartbeat = object(&[
        ("at", time()),
        ("software", text()),
        ("rule_set", text()),
        ("rules_loaded", number()),
        ("uptime_secs", number()),
        ("cpu_percent", number()),
        ("memory_percent", number()),
        ("packets_inspected", number()),
        ("packets_dropped", number()),
        ("bytes_inspected", number()),
        ("bytes_uninspected", number()),
        ("files", files),
        ("reports_waiting", number()),
        ("own_ip", maybe_text()),
        ("links", list(link)),
        ("devices", number()),
    ]);
    object(&[
        ("id", id()),
        ("name", text()),
        ("serial", text()),
        ("state", word()),
        ("stopped_since", maybe_time()),
        ("last_seen", maybe_time()),
        ("heartbeat", or_null(heartbeat)),
    ])
}

fn status() -> Value {
    let open = object(&[("rating", word()), ("alerts", number())]);
    let by_gateway = object(&[("gateway", id()), ("total", number()), ("stopped", number())]);
    let daily = object(&[("day", day()), ("kind", word()), ("total", number()), ("stopped", number())]);
    object(&[
        ("headline", word()),
        ("from", time()),
        ("to", time()),
        ("open_alerts", list(open)),
        ("counts", list(named("Count"))),
        ("by_gateway", list(by_gateway)),
        ("daily", list(daily)),
        ("last_update", maybe_time()),
        ("bytes_inspected", number()),
        ("bytes_uninspected", number()),
    ])
}

fn comparison() -> Value {
    let measures: Vec<(&str, Value)> = Measure::all().map(|m| (m.code(), number())).collect();
    let shown = || json!({"type": "number", "minimum": 0});
    let cell = object(&[
        ("mean", shown()),
        ("lower_quartile", shown()),
        ("median", shown()),
        ("upper_quartile", shown()),
    ]);
    let table = json!({"type": "object", "additionalProperties": cell});
    let cells = object(&[("companies", number()), ("per_company", table.clone()), ("per_gateway", table)]);
    let own = object(&[("gateway", named("GatewayName")), ("counts", object(&measures))]);
    object(&[
        ("from", day()),
        ("until", day()),
        ("first_day", day()),
        ("last_day", day()),
        ("own", object(&measures)),
        ("gateways", list(own)),
        ("size", word()),
        ("everyone", or_null(cells.clone())),
        ("like_size", or_null(cells)),
    ])
}

fn usage() -> Value {
    object(&[
        ("item", maybe_text()),
        ("title", maybe_text()),
        ("kind", maybe_text()),
        ("device", maybe_text()),
        ("hour", maybe_time()),
        ("devices", number()),
        ("flows", number()),
        ("bytes_up", number()),
        ("bytes_down", number()),
    ])
}

fn inquiry() -> Vec<(&'static str, Value)> {
    vec![
        ("id", id()),
        ("title", text()),
        ("topic", word()),
        ("channel", word()),
        ("state", word()),
        ("created_at", time()),
        ("changed_at", time()),
        ("due_at", time()),
        ("messages", number()),
    ]
}

fn inquiry_in_full() -> Value {
    let from = json!({"type": "string", "enum": ["customer", "desk"]});
    let post = object(&[("at", time()), ("from", from), ("text", text())]);
    let file = object(&[("name", text()), ("bytes", number())]);
    with(inquiry(), vec![("posts", list(post)), ("files", list(file))])
}

fn mail_address() -> Value {
    let last = object(&[
        ("state", text()),
        ("at", time()),
        ("attempts", number()),
        ("answer", text()),
        ("opened_at", maybe_time()),
    ]);
    object(&[("address", text()), ("confirmed_at", maybe_time()), ("last_mail", or_null(last))])
}

fn announcement() -> Value {
    object(&[
        ("id", id()),
        ("kind", word()),
        ("title", text()),
        ("text", text()),
        ("important", yes()),
        ("published_at", time()),
        ("starts_at", maybe_time()),
        ("ends_at", maybe_time()),
        ("read", yes()),
    ])
}

fn inspection() -> Value {
    object(&[
        ("how", word()),
        ("depth", word()),
        ("device", maybe_text()),
        ("flows", number()),
        ("bytes", number()),
    ])
}

fn exception() -> Value {
    object(&[
        ("id", id()),
        ("state", word()),
        ("reason", text()),
        ("alert", maybe_text()),
        ("gateway", maybe_text()),
        ("device", maybe_text()),
        ("sid", json!({"type": ["integer", "null"]})),
        ("host", maybe_text()),
        ("asked_at", time()),
        ("decided_at", maybe_time()),
        ("expires_at", time()),
    ])
}

fn contract() -> Value {
    let maybe_day = || json!({"type": ["string", "null"], "format": "date"});
    let maybe_number = || json!({"type": ["integer", "null"], "minimum": 0});
    let claim = object(&[
        ("id", id()),
        ("at", time()),
        ("alert", maybe_text()),
        ("state", word()),
        ("responded_on", maybe_day()),
        ("yen", number()),
    ]);
    object(&[
        ("number", maybe_text()),
        ("started_on", maybe_day()),
        ("ends_on", maybe_day()),
        ("cover", word()),
        ("cover_from", maybe_day()),
        ("cover_until", maybe_day()),
        ("responses_used", maybe_number()),
        ("responses_left", maybe_number()),
        ("claims", list(claim)),
    ])
}

fn monthly_report() -> Value {
    object(&[
        ("id", id()),
        ("month", json!({"type": "string", "description": "2026-11 の形"})),
        ("made_at", time()),
        ("sentence", text()),
        ("bytes", number()),
    ])
}

fn problem() -> Value {
    json!({
        "type": "object",
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": text(),
            "status": {"type": "integer"},
            "detail": text(),
            "scope": text(),
        },
        "required": ["type", "title", "status", "detail"],
        "additionalProperties": false,
    })
}

fn device() -> Value {
    object(&[
        ("key", text()),
        ("name", text()),
        ("host_name", maybe_text()),
        ("ip", maybe_text()),
        ("mac", maybe_text()),
        ("maker", maybe_text()),
    ])
}

/// All schemas by their names.
pub fn all() -> Value {
    let seen = object(&[
        ("gateway", id()),
        ("device", named("Device")),
        ("first_seen", time()),
        ("last_seen", time()),
    ]);
    json!({
        "Word": object(&[("code", text()), ("label", text())]),
        "GatewayName": object(&[("id", id()), ("name", text())]),
        "Count": object(&[("kind", word()), ("total", number()), ("stopped", number())]),
        "Device": device(),
        "Status": status(),
        "Alert": object(&alert()),
        "AlertInFull": alert_in_full(),
        "Evidence": object(&evidence()),
        "Detection": detection(),
        "Gateway": gateway(),
        "UptimeHour": object(&[("hour", time()), ("heartbeats", number())]),
        "SeenDevice": seen,
        "Usage": usage(),
        "Inspection": inspection(),
        "Comparison": comparison(),
        "Announcement": announcement(),
        "Inquiry": object(&inquiry()),
        "InquiryInFull": inquiry_in_full(),
        "MailAddress": mail_address(),
        "Exception": exception(),
        "MonthlyReport": monthly_report(),
        "Contract": contract(),
        "Problem": problem(),
    })
}
