//! Things of the domain as the API tells them. The document (`schemas`) describes each, and a
//! test holds every answer against it.

use mimamori_base::Timestamp;
use mimamori_domain::{
    Alert, AlertState, Announcement, CountByKind, Detection, Device, Endpoint, GatewayState, Heartbeat,
    Inquiry, Verdict, jst,
};
use mimamori_service::views::{AlertView, DetectionView, DeviceView, GatewayView, PageMark};
use serde_json::{Value, json};

pub fn time(at: Timestamp) -> String {
    jst::iso(at)
}

pub fn maybe_time(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| json!(time(at)))
}

/// A list, and where it goes on.
pub fn page(items: Vec<Value>, next: Option<PageMark>) -> Value {
    json!({"items": items, "next": next.map(|mark| mark.encode())})
}

pub fn code(code: &str, label: &str) -> Value {
    json!({"code": code, "label": label})
}

pub fn count(of: &CountByKind) -> Value {
    json!({"kind": code(of.kind.code(), of.kind.label()), "total": of.total, "stopped": of.stopped})
}

pub fn device(of: &Device) -> Value {
    json!({
        "key": of.key().0,
        "name": of.display_name(),
        "host_name": of.host_name,
        "ip": of.ip,
        "mac": of.mac,
        "maker": of.maker,
    })
}

fn endpoint(of: Endpoint) -> Value {
    json!({"ip": of.ip, "port": of.port})
}

fn alert_state(of: &AlertState) -> Value {
    let (at, by) = match of {
        AlertState::New => (None, None),
        AlertState::Notified { at } => (Some(*at), None),
        // Who of the operation looked into it is nobody's business outside.
        AlertState::Investigated { at, .. } => (Some(*at), None),
        AlertState::Acknowledged { at, by } | AlertState::Closed { at, by } => (Some(*at), Some(&by.name)),
        AlertState::Scanned { report } => (Some(report.at), Some(&report.by.name)),
    };
    json!({
        "code": of.code(),
        "label": of.label(),
        "open": of.is_open(),
        "since": maybe_time(at),
        "by": by,
    })
}

pub fn alert(view: &AlertView, portal_url: &str) -> Value {
    let a = &view.alert;
    json!({
        "id": a.id,
        "rating": code(a.rating.code(), a.rating.label()),
        "stars": a.rating.filled(),
        "title": a.title,
        "state": alert_state(&a.state),
        "gateway": {"id": a.gateway, "name": view.gateway_name},
        "device": device(&a.device),
        "raised_at": time(a.raised_at),
        "first_seen": time(a.first_seen),
        "last_seen": time(a.last_seen),
        "count": a.count,
        "not_stopped": a.not_stopped,
        "late": a.late,
        "url": format!("{portal_url}/alerts/{}", a.id),
    })
}

/// With what only the alert's own page shows.
pub fn alert_in_full(view: &AlertView, portal_url: &str) -> Value {
    let mut full = alert(view, portal_url);
    if let Some(object) = full.as_object_mut() {
        for (name, value) in details(&view.alert) {
            object.insert(name.to_owned(), value);
        }
    }
    full
}

fn details(a: &Alert) -> [(&'static str, Value); 4] {
    let history: Vec<Value> = a
        .history
        .iter()
        .map(|h| {
            json!({
                "at": time(h.at),
                "rating": code(h.rating.code(), h.rating.label()),
                "reason": h.reason,
            })
        })
        .collect();
    let evidence: Vec<Value> = a.evidence.iter().map(|e| evidence(&e.detection)).collect();
    let finding = a.finding.as_ref().map(|f| {
        let verdict = match f.verdict {
            Verdict::Harmless => code("harmless", "問題ありません"),
            Verdict::Rated(rating) => code(rating.code(), rating.label()),
        };
        json!({"at": time(f.at), "verdict": verdict, "report": f.report})
    });
    [
        ("actions", json!(a.actions)),
        ("history", json!(history)),
        ("evidence", json!(evidence)),
        ("finding", json!(finding)),
    ]
}

fn evidence(d: &Detection) -> Value {
    let file = d.file.as_ref().map(|f| {
        json!({
            "name": f.name,
            "bytes": f.size_bytes,
            "sha256": f.sha256,
            "verdict": f.verdict.map(|v| code(v.code(), v.label())),
            "threat_name": f.threat_name,
        })
    });
    json!({
        "id": d.id,
        "at": time(d.at),
        "last_at": time(d.last_at),
        "count": d.count,
        "kind": code(d.kind.code(), d.kind.label()),
        "outcome": code(d.outcome.code(), d.outcome.label()),
        "stopped": d.outcome.stopped(),
        "direction": code(d.direction.code(), d.direction.label()),
        "device": device(&d.device),
        "source": endpoint(d.source),
        "destination": endpoint(d.destination),
        "signature": d.signature.as_ref().map(|s| json!({"gid": s.gid, "sid": s.sid, "msg": s.msg})),
        "host": d.host,
        "url": d.url,
        "file": file,
        "app_proto": d.app_proto,
    })
}

pub fn detection(view: &DetectionView) -> Value {
    let mut of = evidence(&view.detection);
    if let Some(object) = of.as_object_mut() {
        object.insert("gateway".to_owned(), json!({"id": view.gateway, "name": view.gateway_name}));
        object.insert("alert".to_owned(), json!(view.alert));
        object.insert("received_at".to_owned(), json!(time(view.received_at)));
    }
    of
}

fn heartbeat(of: &Heartbeat) -> Value {
    let links: Vec<Value> =
        of.links.iter().map(|l| json!({"name": l.name, "zone": l.zone, "up": l.up})).collect();
    json!({
        "at": time(of.at),
        "software": of.software,
        "rule_set": of.rule_set,
        "rules_loaded": of.rules_loaded,
        "uptime_secs": of.uptime_secs,
        "cpu_percent": of.cpu_percent,
        "memory_percent": of.memory_percent,
        "packets_inspected": of.packets_inspected,
        "packets_dropped": of.packets_dropped,
        "bytes_inspected": of.bytes_inspected,
        "bytes_uninspected": of.bytes_uninspected,
        "files": {
            "judged": of.files.judged,
            "harmful": of.files.harmful,
            "not_inspected": {
                "locked": of.files.locked,
                "too_deep": of.files.too_deep,
                "too_large": of.files.too_large,
                "unreadable": of.files.unreadable,
                "no_scanner": of.files.no_scanner,
            },
        },
        "reports_waiting": of.spool_depth,
        "own_ip": of.own_ip,
        "links": links,
        "devices": of.devices.len(),
    })
}

pub fn gateway(view: &GatewayView) -> Value {
    let g = &view.gateway;
    let since = match g.state {
        GatewayState::Stopped { since, .. } => Some(since),
        GatewayState::Prepared { .. } | GatewayState::Online { .. } => None,
    };
    json!({
        "id": g.id,
        "name": g.name,
        "serial": g.serial,
        "state": code(g.state.code(), g.state.label()),
        "stopped_since": maybe_time(since),
        "last_seen": maybe_time(g.last_seen),
        "heartbeat": view.heartbeat.as_ref().map(heartbeat),
    })
}

pub fn seen_device(of: &DeviceView) -> Value {
    json!({
        "gateway": of.gateway,
        "device": device(&of.seen.device),
        "first_seen": time(of.seen.first_seen),
        "last_seen": time(of.seen.last_seen),
    })
}

pub fn announcement(of: &Announcement, read: bool) -> Value {
    json!({
        "id": of.id,
        "kind": code(of.kind.code(), of.kind.label()),
        "title": of.title,
        "text": of.text,
        "important": of.important,
        "published_at": time(of.published_at),
        "starts_at": maybe_time(of.starts_at),
        "ends_at": maybe_time(of.ends_at),
        "read": read,
    })
}

pub fn inquiry(of: &Inquiry) -> Value {
    json!({
        "id": of.id,
        "title": of.title,
        "topic": code(of.topic.code(), of.topic.label()),
        "channel": code(of.channel.code(), of.channel.label()),
        "state": code(of.state.code(), of.state.label()),
        "created_at": time(of.created_at),
        "changed_at": time(of.changed_at),
        "due_at": time(of.due_at),
        "messages": of.posts.len(),
    })
}

pub fn inquiry_in_full(of: &Inquiry, files: &[mimamori_domain::attachment::Attachment]) -> Value {
    let mut full = inquiry(of);
    let posts: Vec<Value> = of
        .posts
        .iter()
        .map(|p| json!({"at": time(p.at), "from": if p.from_desk { "desk" } else { "customer" }, "text": p.text}))
        .collect();
    let files: Vec<Value> = files.iter().map(|f| json!({"name": f.name, "bytes": f.size})).collect();
    if let Some(object) = full.as_object_mut() {
        object.insert("posts".to_owned(), json!(posts));
        object.insert("files".to_owned(), json!(files));
    }
    full
}
