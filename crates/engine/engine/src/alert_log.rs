//! Alerts and drops as events.

use mimamori_base::Direction;
use mimamori_detect::{Alert, Decision, Input, SigIndex, Signature};
use mimamori_flow::Flow;
use mimamori_packet::{Origin, OuterPacket, Packet, TunnelKind};
use mimamori_rules::{Action, RejectTo};
use serde_json::{Map, Value, json};

use crate::community;
use crate::config::DnsVersion;
use crate::core::{Core, FrameContext};
use crate::dns_v2;
use crate::drop_object;
use crate::event::{
    AlertFacts, Endpoint, Event, EventKind, EventSink, Open, address_text, direction_text, mac_text,
};
use crate::flow_data::FlowData;
use crate::flow_log::{app_protos, counters, proto_text, traffic, variables};
use crate::tx_log::file_object;

/// Writes an event for each alert of `decision`.
pub(crate) fn report(
    core: &Core,
    input: &Input<'_>,
    decision: &Decision,
    flow: Option<(&Flow<FlowData>, Direction)>,
    context: &mut FrameContext,
    out: &mut dyn EventSink,
) {
    for alert in &decision.alerts {
        let Some(sig) = core.rules.detector.signature(alert.sig) else { continue };
        out.event(alert_event(core, input, decision, alert, sig, flow, context));
    }
}

fn alert_event(
    core: &Core,
    input: &Input<'_>,
    decision: &Decision,
    alert: &Alert,
    sig: &Signature,
    flow: Option<(&Flow<FlowData>, Direction)>,
    context: &FrameContext,
) -> Event {
    let ips = core.config().ips;
    let mut event = of_packet(EventKind::Alert, input.packet, context);
    event.at = input.now;
    let blocked = match alert.action {
        Action::Reject(_) => true,
        Action::Drop => ips,
        _ => false,
    };
    event.alert = Some(Box::new(facts(sig, blocked)));
    event.open = alert.waiting.map(Open::Alert);
    let details = core.config().log.alert_details;
    if let Some(tx) = alert.tx {
        event.more.insert("tx_id".to_owned(), tx.into());
    }
    event.more.insert("pkt_src".to_owned(), source_text(input, flow).into());
    event.more.insert("verdict".to_owned(), verdict_object(ips, decision));
    if core.config().log.references && !sig.info.references.is_empty() {
        // The prefix of a reference's kind is the rule file's; the value alone is enough here.
        let list: Vec<String> = sig.info.references.iter().map(|r| r.value.to_string()).collect();
        event.more.insert("alert".to_owned(), json!({ "references": list }));
    }
    packet_details(core, input, alert, flow, &mut event);
    if let Some((flow, direction)) = flow {
        event.flow_id = Some(flow.id);
        event.direction = Some(direction);
        app_protos(flow, &mut event);
        event.zones = event.zones.or(flow.data.zones);
        event.src_mac = event.src_mac.or(mac_of(flow, direction).0);
        event.dst_mac = event.dst_mac.or(mac_of(flow, direction).1);
        if details {
            flow_details(flow, alert, direction, &mut event);
            if core.config().log.dns_version == DnsVersion::V2 {
                dns_v2::in_alert(&mut event.more);
            }
            traffic(flow, &core.rules.detector, &mut event.more);
        }
        if let Some(seed) = core.config().log.community_id {
            event.more.insert("community_id".to_owned(), community::id(&flow.key, seed).into());
        }
    }
    event
}

fn mac_of(flow: &Flow<FlowData>, dir: Direction) -> (Option<[u8; 6]>, Option<[u8; 6]>) {
    match dir {
        Direction::ToServer => (flow.data.src_mac, flow.data.dst_mac),
        Direction::ToClient => (flow.data.dst_mac, flow.data.src_mac),
    }
}

fn flow_details(flow: &Flow<FlowData>, alert: &Alert, direction: Direction, event: &mut Event) {
    let mut object = counters(flow);
    object.insert("src_ip".to_owned(), address_text(flow.key.src).into());
    object.insert("dest_ip".to_owned(), address_text(flow.key.dst).into());
    if matches!(flow.key.protocol, 6 | 17 | 132) {
        object.insert("src_port".to_owned(), flow.key.src_port.into());
        object.insert("dest_port".to_owned(), flow.key.dst_port.into());
    }
    event.more.insert("flow".to_owned(), Value::Object(object));
    variables(flow, &mut event.more);
    let Some(session) = flow.data.session.as_deref() else { return };
    let txs = session.transactions();
    let tx = match alert.tx {
        Some(id) => txs.by_id(id),
        None => txs.iter().last(),
    };
    let Some(tx) = tx else { return };
    tx.log_in_alert(&mut event.more);
    let files: Vec<Value> = tx.files(direction).iter().map(|f| file_object(f, tx.id())).collect();
    if !files.is_empty() {
        event.more.insert("files".to_owned(), Value::Array(files));
    }
}

fn facts(sig: &Signature, blocked: bool) -> AlertFacts {
    let info = &sig.info;
    AlertFacts {
        gid: info.id.gid,
        sid: info.id.sid,
        rev: info.id.rev,
        msg: info.msg.to_string(),
        class_type: info.class.as_ref().map(|c| c.name.to_string()).unwrap_or_default(),
        category: info.class.as_ref().map(|c| c.description.to_string()).unwrap_or_default(),
        severity: info.priority,
        blocked,
        metadata: info.metadata.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
    }
}

fn verdict_object(ips: bool, decision: &Decision) -> Value {
    let mut out = Map::new();
    let action = if decision.pass {
        "pass"
    } else if ips && decision.drop.is_some() {
        "drop"
    } else {
        "alert"
    };
    out.insert("action".to_owned(), action.into());
    if let Some(to) = decision.reject {
        let target = match to {
            RejectTo::Src => "to_client",
            RejectTo::Dst => "to_server",
            RejectTo::Both => "both",
        };
        out.insert("reject-target".to_owned(), target.into());
        out.insert("reject_target".to_owned(), target.into());
    }
    Value::Object(out)
}

/// Where the packet came from, in EVE's words.
fn source_text(input: &Input<'_>, _flow: Option<(&Flow<FlowData>, Direction)>) -> &'static str {
    if input.pseudo {
        return "stream (flow timeout)";
    }
    origin_text(input.packet)
}

fn origin_text(packet: &Packet<'_>) -> &'static str {
    match packet.origin {
        Origin::Wire => "wire/pcap",
        Origin::Defragmented => "defrag",
        Origin::Tunnel(kind) => match kind {
            TunnelKind::Gre => "gre tunnel",
            TunnelKind::Erspan => "erspan",
            TunnelKind::Teredo => "teredo tunnel",
            TunnelKind::Vxlan => "vxlan encapsulation",
            TunnelKind::Geneve => "geneve encapsulation",
            TunnelKind::IpInIp => "ipv4 tunnel",
            TunnelKind::IpInIp6 | TunnelKind::Ip6InIp6 => "ipv6 tunnel",
            TunnelKind::Ip6InIp => "ipv4 tunnel",
            _ => "tunnel",
        },
    }
}

fn packet_details(
    core: &Core,
    input: &Input<'_>,
    alert: &Alert,
    flow: Option<(&Flow<FlowData>, Direction)>,
    event: &mut Event,
) {
    let packet = input.packet;
    if core.config().log.ethernet
        && let Some(e) = &packet.ethernet
    {
        event
            .more
            .insert("ether".to_owned(), json!({"src_mac": mac_text(e.src()), "dest_mac": mac_text(e.dst())}));
    }
    // A packet made for the flow's end came by no link of its own.
    let link = flow.filter(|_| input.pseudo).and_then(|(f, _)| f.data.link).unwrap_or(packet.link_type);
    event.more.insert("packet_info".to_owned(), json!({"linktype": link.0, "linktype_name": link.name()}));
    if let Some(outer) = &packet.outer {
        event.more.insert("tunnel".to_owned(), tunnel_object(outer, packet.tunnel_depth));
    }
    event.more.insert("stream".to_owned(), u8::from(alert.stream || input.pseudo).into());
    if core.config().log.alert_payload {
        crate::alert_payload::add(input, alert, flow, event);
    }
}

/// The packet that carried the alert's packet.
fn tunnel_object(outer: &OuterPacket, depth: u8) -> Value {
    let mut object = json!({
        "src_ip": address_text(outer.src), "dest_ip": address_text(outer.dst),
        "proto": proto_text(outer.protocol), "depth": depth,
    });
    if let (6 | 17 | 132, Value::Object(o)) = (outer.protocol, &mut object) {
        o.insert("src_port".to_owned(), outer.src_port.into());
        o.insert("dest_port".to_owned(), outer.dst_port.into());
    }
    object
}

/// An event with the packet's addresses, ports and frame number.
pub(crate) fn of_packet(kind: EventKind, packet: &Packet<'_>, context: &FrameContext) -> Event {
    let mut event = Event::new(context.now, kind);
    event.packet_number = (context.number > 0).then_some(context.number);
    if let Some((src, dst)) = packet.addresses() {
        let (src_port, dst_port) = packet.ports();
        event.src = Some(Endpoint { ip: src, port: src_port });
        event.dst = Some(Endpoint { ip: dst, port: dst_port });
    }
    event.proto = packet.ip_protocol().map(proto_text);
    if let Some(icmp) = packet.icmp() {
        event.more.insert("icmp_type".to_owned(), icmp.icmp_type.into());
        event.more.insert("icmp_code".to_owned(), icmp.code.into());
    }
    let ids = packet.vlans.ids();
    if !ids.is_empty() {
        event.more.insert("vlan".to_owned(), json!(ids));
    }
    if let Some(e) = &packet.ethernet {
        event.src_mac = Some(e.src());
        event.dst_mac = Some(e.dst());
    }
    event.zones = context.path.map(|p| (p.from, p.to));
    event
}

/// The record of a packet that was stopped.
pub(crate) fn drop_event(
    core: &Core,
    packet: &Packet<'_>,
    flow: Option<(&Flow<FlowData>, Direction)>,
    sig: Option<SigIndex>,
    reason: &'static str,
    context: &FrameContext,
) -> Event {
    let mut event = of_packet(EventKind::Drop, packet, context);
    if let Some((flow, direction)) = flow {
        event.flow_id = Some(flow.id);
        event.direction = Some(direction);
    }
    event.more.insert("drop".to_owned(), Value::Object(drop_object::of(packet, reason)));
    if let Some(sig) = sig.and_then(|s| core.rules.detector.signature(s)) {
        event.alert = Some(Box::new(facts(sig, true)));
    }
    event.more.insert("pkt_src".to_owned(), origin_text(packet).into());
    if core.config().log.ethernet
        && let Some(e) = &packet.ethernet
    {
        event
            .more
            .insert("ether".to_owned(), json!({"src_mac": mac_text(e.src()), "dest_mac": mac_text(e.dst())}));
    }
    let _ = direction_text;
    event
}
