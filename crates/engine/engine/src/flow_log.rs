//! Records of flows and of the engine's counters.

use mimamori_base::{Direction, Timestamp};
use mimamori_detect::Detector;
use mimamori_flow::{Flow, TcpSession};
use serde_json::{Map, Value, json};

use crate::event::{Endpoint, Event, EventKind, Open, mac_text};
use crate::flow_data::{FlowAction, FlowData};
use crate::stats::EngineStats;
use crate::time_text::eve_time;

/// The protocol's name as EVE writes it.
#[must_use]
pub(crate) fn proto_text(protocol: u8) -> String {
    match protocol {
        1 => "ICMP".to_owned(),
        2 => "IGMP".to_owned(),
        4 => "IP-in-IP".to_owned(),
        6 => "TCP".to_owned(),
        17 => "UDP".to_owned(),
        41 => "IPv6".to_owned(),
        47 => "GRE".to_owned(),
        50 => "ESP".to_owned(),
        58 => "IPv6-ICMP".to_owned(),
        132 => "SCTP".to_owned(),
        n => format!("{n:03}"),
    }
}

/// Packet and byte counters with start and ends: the `flow` object of alerts.
#[must_use]
pub(crate) fn counters(flow: &Flow<FlowData>) -> Map<String, Value> {
    let server = flow.traffic(Direction::ToServer);
    let client = flow.traffic(Direction::ToClient);
    let mut out = Map::new();
    let mut put = |k: &str, v: Value| out.insert(k.to_owned(), v);
    put("pkts_toserver", server.packets.into());
    put("pkts_toclient", client.packets.into());
    put("bytes_toserver", server.bytes.into());
    put("bytes_toclient", client.bytes.into());
    put("start", eve_time(flow.start).into());
    out
}

/// The record of a flow that has ended.
#[must_use]
pub(crate) fn flow_event(flow: &Flow<FlowData>, detector: &Detector) -> Event {
    let mut event = Event::new(flow.last_seen, EventKind::Flow);
    event.flow_id = Some(flow.id);
    event.src = Some(Endpoint { ip: flow.key.src, port: flow.key.src_port });
    event.dst = Some(Endpoint { ip: flow.key.dst, port: flow.key.dst_port });
    event.proto = Some(proto_text(flow.key.protocol));
    event.src_mac = flow.data.src_mac;
    event.dst_mac = flow.data.dst_mac;
    event.zones = flow.data.zones;
    app_protos(flow, &mut event);
    vlans(flow, &mut event.more);
    if let Some((icmp_type, code)) = flow.icmp {
        event.more.insert("icmp_type".to_owned(), icmp_type.into());
        event.more.insert("icmp_code".to_owned(), code.into());
    }
    let mut object = counters(flow);
    let age = flow.last_seen.secs() - flow.start.secs();
    object.insert("end".to_owned(), eve_time(flow.last_seen).into());
    object.insert("age".to_owned(), age.into());
    object.insert("state".to_owned(), state_text(flow).into());
    let reason = flow.end_reason.map_or("unknown", |r| r.name());
    object.insert("reason".to_owned(), reason.into());
    object.insert("alerted".to_owned(), flow.data.detect.alerted.into());
    if flow.data.may_alert && !flow.data.detect.alerted {
        event.open = Some(Open::Alerted);
    }
    if flow.data.uninspected_bytes > 0 {
        object.insert("uninspected_bytes".to_owned(), flow.data.uninspected_bytes.into());
    }
    if flow.data.tx_count > 0 {
        object.insert("tx_cnt".to_owned(), flow.data.tx_count.into());
    }
    match flow.data.action {
        FlowAction::None => {}
        FlowAction::Pass => {
            object.insert("action".to_owned(), "pass".into());
        }
        FlowAction::Drop => {
            object.insert("action".to_owned(), "drop".into());
        }
    }
    if let Some((target, policy)) = flow.data.exception {
        object.insert("exception_policy".to_owned(), json!([{"target": target, "policy": policy.name()}]));
    }
    event.more.insert("flow".to_owned(), Value::Object(object));
    if let Some(tcp) = flow.tcp.as_deref() {
        event.more.insert("tcp".to_owned(), tcp_object(tcp));
    }
    if let (Some(src), Some(dst)) = (flow.data.src_mac, flow.data.dst_mac) {
        event
            .more
            .insert("ether".to_owned(), json!({"src_macs": [mac_text(src)], "dest_macs": [mac_text(dst)]}));
    }
    variables(flow, &mut event.more);
    traffic(flow, detector, &mut event.more);
    event
}

fn state_text(flow: &Flow<FlowData>) -> &'static str {
    if flow.bypassed { "bypassed" } else { flow.state.name() }
}

/// `app_proto` and its companions.
pub(crate) fn app_protos(flow: &Flow<FlowData>, event: &mut Event) {
    use mimamori_applayer::AppProto;
    let Some(session) = flow.data.session.as_deref() else { return };
    let proto = session.proto();
    if proto != AppProto::Unknown {
        event.app_proto = Some(proto.name());
    }
    for (dir, key) in [(Direction::ToServer, "app_proto_ts"), (Direction::ToClient, "app_proto_tc")] {
        let of = session.proto_of(dir);
        if of != proto && of != AppProto::Unknown {
            event.more.insert(key.to_owned(), of.name().into());
        }
    }
    if let Some(original) = session.original_proto()
        && original != proto
    {
        event.more.insert("app_proto_orig".to_owned(), original.name().into());
    }
}

pub(crate) fn vlans(flow: &Flow<FlowData>, more: &mut Map<String, Value>) {
    let ids = flow.key.vlans.ids();
    if !ids.is_empty() {
        more.insert("vlan".to_owned(), json!(ids));
    }
}

fn tcp_object(tcp: &TcpSession) -> Value {
    let [ts, tc] = tcp.flags_seen;
    let both = ts | tc;
    let mut out = Map::new();
    let mut put = |k: &str, v: Value| out.insert(k.to_owned(), v);
    put("tcp_flags", format!("{both:02x}").into());
    put("tcp_flags_ts", format!("{ts:02x}").into());
    put("tcp_flags_tc", format!("{tc:02x}").into());
    for (bit, name) in [
        (0x01, "fin"),
        (0x02, "syn"),
        (0x04, "rst"),
        (0x08, "psh"),
        (0x10, "ack"),
        (0x20, "urg"),
        (0x40, "ecn"),
        (0x80, "cwr"),
    ] {
        if both & bit != 0 {
            put(name, true.into());
        }
    }
    put("state", tcp.state.name().into());
    for (dir, key) in [(Direction::ToServer, "ts_max_regions"), (Direction::ToClient, "tc_max_regions")] {
        put(key, tcp.stream(dir).max_blocks().max(1).into());
    }
    Value::Object(out)
}

/// What rules said of the flow's traffic by bits named `traffic/id/…` and `traffic/label/…`.
pub(crate) fn traffic(flow: &Flow<FlowData>, detector: &Detector, more: &mut Map<String, Value>) {
    let mut ids = Vec::new();
    let mut labels = Vec::new();
    for bit in flow.data.detect.bits() {
        let Some(name) = detector.bit_name(*bit) else { continue };
        if let Some(id) = name.strip_prefix("traffic/id/") {
            ids.push(Value::from(id));
        } else if let Some(label) = name.strip_prefix("traffic/label/") {
            labels.push(Value::from(label));
        }
    }
    if ids.is_empty() && labels.is_empty() {
        return;
    }
    let mut object = Map::new();
    for (key, list) in [("id", ids), ("label", labels)] {
        if !list.is_empty() {
            object.insert(key.to_owned(), Value::Array(list));
        }
    }
    more.insert("traffic".to_owned(), Value::Object(object));
}

/// Variables that rules captured.
pub(crate) fn variables(flow: &Flow<FlowData>, more: &mut Map<String, Value>) {
    let vars = &flow.data.detect.vars;
    if vars.is_empty() {
        return;
    }
    let list: Vec<Value> = vars
        .iter()
        .map(|(name, value)| {
            let name: &str = name;
            json!({ name: String::from_utf8_lossy(value) })
        })
        .collect();
    more.insert("metadata".to_owned(), json!({ "flowvars": list }));
}

/// The engine's counters as a record.
#[must_use]
pub(crate) fn stats_event(now: Timestamp, s: &EngineStats) -> Event {
    let mut event = Event::new(now, EventKind::Stats);
    event.more.insert(
        "stats".to_owned(),
        json!({
            "decoder": {
                "pkts": s.decode.frames, "bytes": s.decode.bytes, "invalid": s.decode.invalid,
                "ipv4": s.decode.ipv4, "ipv6": s.decode.ipv6, "tcp": s.decode.tcp,
                "udp": s.decode.udp, "icmpv4": s.decode.icmpv4, "icmpv6": s.decode.icmpv6,
                "vlan": s.decode.vlan, "arp": s.decode.arp,
            },
            "defrag": {
                "ipv4": {"fragments": s.defrag.ipv4_fragments, "reassembled": s.defrag.ipv4_reassembled},
                "ipv6": {"fragments": s.defrag.ipv6_fragments, "reassembled": s.defrag.ipv6_reassembled},
            },
            "flow": {"active": s.flow.active, "total": s.flow.created, "tcp": s.flow.created_tcp,
                     "udp": s.flow.created_udp, "icmpv4": s.flow.created_icmpv4,
                     "icmpv6": s.flow.created_icmpv6, "tcp_reuse": s.flow.tcp_reuse},
            "detect": {"alert": s.alerts, "alert_queue_overflow": s.alerts_suppressed},
            "ips": {"blocked": s.dropped_frames},
            "inspected_bytes": s.inspected_bytes,
            "uninspected_bytes": s.uninspected_bytes,
        }),
    );
    event
}
