//! What the engine reports: typed, and as EVE JSON.
//!
//! Holds always: an event carries the packet's or flow's identity; protocol objects are those
//! of the transaction. Deliberately not here: when an event is raised.

use std::net::IpAddr;

use mimamori_base::{Direction, Place, Timestamp, Zone};
use mimamori_detect::Waiting;
use mimamori_reputation::Kind as ReputationKind;
use serde_json::{Map, Value, json};

use crate::judge::MalwareFacts;
use crate::time_text::eve_time;
use crate::usage::FlowUse;

/// Takes events as they happen.
pub trait EventSink {
    fn event(&mut self, event: Event);

    /// A piece of a flow's traffic (`log.usage`).
    fn used(&mut self, _piece: &FlowUse<'_>) {}

    /// What comes from here on is at `place`; places rise.
    fn place(&mut self, _place: Place) {}
}

impl EventSink for Vec<Event> {
    fn event(&mut self, event: Event) {
        self.push(event);
    }
}

/// Drops every event.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoSink;

impl EventSink for NoSink {
    fn event(&mut self, _event: Event) {}
}

/// The kind of an event; EVE's `event_type`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum EventKind {
    Alert,
    Drop,
    /// A packet that a rule has tagged.
    Packet,
    Flow,
    FileInfo,
    Anomaly,
    Stats,
    /// A listed name or address was met.
    Reputation,
    /// A harmful file in transit.
    Malware,
    /// A file that could not be judged.
    FileUnjudged,
    /// A transaction's record: `http`, `dns`, …
    App(&'static str),
}

impl EventKind {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            EventKind::Alert => "alert",
            EventKind::Drop => "drop",
            EventKind::Packet => "packet",
            EventKind::Flow => "flow",
            EventKind::FileInfo => "fileinfo",
            EventKind::Anomaly => "anomaly",
            EventKind::Stats => "stats",
            EventKind::Reputation => "reputation",
            EventKind::Malware => "malware",
            EventKind::FileUnjudged => "file_unjudged",
            EventKind::App(name) => name,
        }
    }
}

/// An address with its port; port 0 where the protocol has none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Endpoint {
    pub ip: IpAddr,
    pub port: u16,
}

/// The rule behind an alert or a drop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertFacts {
    pub gid: u32,
    pub sid: u32,
    pub rev: u32,
    pub msg: String,
    /// The short name of the class, `trojan-activity`; `category` is its description.
    pub class_type: String,
    pub category: String,
    pub severity: u8,
    /// The packet was stopped.
    pub blocked: bool,
    pub metadata: Vec<(String, String)>,
}

/// A listed name or address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReputationFacts {
    pub kind: ReputationKind,
    /// The host name or address as it was met.
    pub indicator: String,
    /// Where: `http`, `tls`, `dns`, `quic`, `ip`.
    pub seen_in: &'static str,
    /// Malware family or campaign, as the list calls it; may be empty.
    pub family: String,
    pub blocked: bool,
    /// Number of the exception that let it pass.
    pub exception: Option<String>,
}

/// What a device says of itself when it asks for an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceFacts {
    /// As text: `aa:bb:cc:dd:ee:ff`.
    pub mac: String,
    pub ip: Option<IpAddr>,
    pub host_name: Option<String>,
}

/// What an event of engines that work side by side still waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// An alert, for its thresholds.
    Alert(Waiting),
    /// A flow's record: `alerted` is true if an alert that waited is raised.
    Alerted,
}

/// Something to report.
#[derive(Clone, Debug)]
pub struct Event {
    pub at: Timestamp,
    pub kind: EventKind,
    pub flow_id: Option<u64>,
    /// Number of the frame in the capture, from 1.
    pub packet_number: Option<u64>,
    pub src: Option<Endpoint>,
    pub dst: Option<Endpoint>,
    /// `TCP`, `UDP`, `ICMP`, `IPv6-ICMP`, or the protocol's number.
    pub proto: Option<String>,
    pub app_proto: Option<&'static str>,
    pub direction: Option<Direction>,
    pub src_mac: Option<[u8; 6]>,
    pub dst_mac: Option<[u8; 6]>,
    pub zones: Option<(Zone, Option<Zone>)>,
    pub alert: Option<Box<AlertFacts>>,
    pub reputation: Option<Box<ReputationFacts>>,
    pub malware: Option<Box<MalwareFacts>>,
    /// A device that made itself known (DHCP).
    pub device: Option<Box<DeviceFacts>>,
    /// Not to be told before this is known; only with [`crate::Engine::beside`].
    pub open: Option<Open>,
    /// Further objects in EVE's shape: `http`, `flow`, `vlan`, …
    pub more: Map<String, Value>,
}

impl Event {
    #[must_use]
    pub fn new(at: Timestamp, kind: EventKind) -> Event {
        Event {
            at,
            kind,
            flow_id: None,
            packet_number: None,
            src: None,
            dst: None,
            proto: None,
            app_proto: None,
            direction: None,
            src_mac: None,
            dst_mac: None,
            zones: None,
            alert: None,
            reputation: None,
            malware: None,
            device: None,
            open: None,
            more: Map::new(),
        }
    }

    /// The event as one EVE record.
    #[must_use]
    pub fn to_eve(&self) -> Value {
        let mut out = Map::new();
        let mut put = |key: &str, value: Value| {
            out.insert(key.to_owned(), value);
        };
        put("timestamp", eve_time(self.at).into());
        if let Some(id) = self.flow_id {
            put("flow_id", id.into());
        }
        if let Some(n) = self.packet_number {
            put("pcap_cnt", n.into());
        }
        put("event_type", self.kind.name().into());
        let has_ports = matches!(self.proto.as_deref(), Some("TCP" | "UDP" | "SCTP"));
        for (end, ip, port) in [(&self.src, "src_ip", "src_port"), (&self.dst, "dest_ip", "dest_port")] {
            if let Some(end) = end {
                put(ip, address_text(end.ip).into());
                if has_ports {
                    put(port, end.port.into());
                }
            }
        }
        if let Some(src) = &self.src {
            put("ip_v", if src.ip.is_ipv4() { 4 } else { 6 }.into());
        }
        if let Some(proto) = &self.proto {
            put("proto", proto.as_str().into());
        }
        self.facts_json(&mut out);
        let mut put = |key: &str, value: Value| {
            out.insert(key.to_owned(), value);
        };
        if let Some(app) = self.app_proto {
            put("app_proto", app.into());
        }
        if let Some(dir) = self.direction {
            put("direction", direction_text(dir).into());
        }
        for (key, value) in &self.more {
            match (out.get_mut(key), value) {
                (Some(Value::Object(have)), Value::Object(extra)) => {
                    for (k, v) in extra {
                        have.insert(k.clone(), v.clone());
                    }
                }
                _ => {
                    out.insert(key.clone(), value.clone());
                }
            }
        }
        Value::Object(out)
    }

    /// The objects `alert` and `reputation`.
    pub(crate) fn facts_json(&self, out: &mut Map<String, Value>) {
        let mut put = |key: &str, value: Value| {
            out.insert(key.to_owned(), value);
        };
        if let Some(m) = &self.malware {
            let mut facts = json!({
                "family": m.harm.family,
                "found_by": m.harm.found_by,
                "filename": m.file_name,
                "size": m.size,
                "sha256": m.harm.sha256,
                "outcome": m.outcome.name(),
            });
            if let (Some(member), Value::Object(o)) = (&m.harm.member, &mut facts) {
                o.insert("member".to_owned(), member.as_str().into());
            }
            put("malware", facts);
        }
        if let Some(alert) = &self.alert {
            put("alert", alert_json(alert));
        }
        if let Some(r) = &self.reputation {
            put("reputation", reputation_json(r));
        }
    }
}

fn reputation_json(r: &ReputationFacts) -> Value {
    let action = if r.blocked { "blocked" } else { "allowed" };
    let mut out = Map::new();
    out.insert("kind".to_owned(), r.kind.name().into());
    out.insert("indicator".to_owned(), json!(r.indicator));
    out.insert("seen_in".to_owned(), json!(r.seen_in));
    out.insert("action".to_owned(), action.into());
    if !r.family.is_empty() {
        out.insert("family".to_owned(), r.family.as_str().into());
    }
    if let Some(id) = &r.exception {
        out.insert("exception".to_owned(), id.as_str().into());
    }
    Value::Object(out)
}

/// EVE's word for a direction.
#[must_use]
pub fn direction_text(dir: Direction) -> &'static str {
    match dir {
        Direction::ToServer => "to_server",
        Direction::ToClient => "to_client",
    }
}

/// IPv6 addresses are written in full, as the field's tools expect them.
#[must_use]
pub fn address_text(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(a) => a.to_string(),
        IpAddr::V6(a) => {
            let parts: Vec<String> = a.segments().iter().map(|s| format!("{s:04x}")).collect();
            parts.join(":")
        }
    }
}

#[must_use]
pub fn mac_text(mac: [u8; 6]) -> String {
    let parts: Vec<String> = mac.iter().map(|b| format!("{b:02x}")).collect();
    parts.join(":")
}

fn alert_json(alert: &AlertFacts) -> Value {
    let mut out = json!({
        "action": if alert.blocked { "blocked" } else { "allowed" },
        "gid": alert.gid,
        "signature_id": alert.sid,
        "rev": alert.rev,
        "signature": alert.msg,
        "category": alert.category,
        "severity": alert.severity,
    });
    if !alert.metadata.is_empty() {
        let mut metadata: Map<String, Value> = Map::new();
        for (key, value) in &alert.metadata {
            match metadata.get_mut(key) {
                Some(Value::Array(list)) => list.push(value.as_str().into()),
                _ => {
                    metadata.insert(key.clone(), json!([value]));
                }
            }
        }
        if let Value::Object(o) = &mut out {
            o.insert("metadata".to_owned(), Value::Object(metadata));
        }
    }
    out
}
