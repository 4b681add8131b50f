//! Look-ups of names and addresses in the lists, and what a hit does.
//!
//! Holds always: one report for a name in a flow. Blocking ends the flow: HTTP gets a page
//! that says so, TLS a reset, DNS an answer that the name does not exist.

use std::hash::{Hash, Hasher};

use mimamori_applayer::{AppProto, Field};
use mimamori_base::Direction;
use mimamori_flow::Flow;
use mimamori_packet::Packet;
use mimamori_reputation::{Kind, Reputation};
use siphasher::sip::SipHasher13;

use crate::alert_log::of_packet;
use crate::core::FrameContext;
use crate::event::{EventKind, EventSink, ReputationFacts};
use crate::flow_data::FlowData;
use crate::inject;
use crate::tx_log::HOST_FIELDS;

/// Different names reported for one flow.
const MAX_REPORTED: usize = 64;

struct Hit {
    kind: Kind,
    indicator: String,
    seen_in: &'static str,
    field: Option<Field>,
}

/// Looks up what the packet brought. `true`: the flow is to be stopped.
pub(crate) fn look_up(
    flow: &mut Flow<FlowData>,
    direction: Direction,
    packet: &Packet<'_>,
    lists: &Reputation,
    block: bool,
    context: &mut FrameContext,
    out: &mut dyn EventSink,
) -> bool {
    let mut hits = Vec::new();
    address_hit(flow, lists, &mut hits);
    name_hits(flow, lists, &mut hits);
    let mut stopped = false;
    for hit in hits {
        if !first_report(flow, &hit) {
            continue;
        }
        let mut event = of_packet(EventKind::Reputation, packet, context);
        event.flow_id = Some(flow.id);
        event.direction = Some(direction);
        event.app_proto = flow.data.session.as_deref().map(|s| s.proto().name());
        event.reputation = Some(Box::new(ReputationFacts {
            kind: hit.kind,
            indicator: hit.indicator,
            seen_in: hit.seen_in,
            blocked: block,
        }));
        out.event(event);
        if block {
            inject::block(packet, direction, hit.field, context);
            stopped = true;
        }
    }
    stopped
}

fn address_hit(flow: &Flow<FlowData>, lists: &Reputation, hits: &mut Vec<Hit>) {
    for ip in [flow.key.dst, flow.key.src] {
        if let Some(kind) = lists.address(ip) {
            hits.push(Hit { kind, indicator: ip.to_string(), seen_in: "ip", field: None });
            return;
        }
    }
}

fn name_hits(flow: &Flow<FlowData>, lists: &Reputation, hits: &mut Vec<Hit>) {
    let Some(session) = flow.data.session.as_deref() else { return };
    let fields: &[Field] = match session.proto() {
        AppProto::Http1 | AppProto::Http2 => &[Field::HttpHost],
        AppProto::Tls => &[Field::TlsSni],
        AppProto::Dns | AppProto::DoH2 => &[Field::DnsQuery],
        AppProto::Quic => &[Field::QuicSni],
        _ => return,
    };
    for tx in session.transactions().iter() {
        for field in fields {
            tx.bytes(*field, Direction::ToServer, &mut |name| {
                if let Some(kind) = lists.host(name) {
                    hits.push(Hit {
                        kind,
                        indicator: String::from_utf8_lossy(name).into_owned(),
                        seen_in: seen_in(*field),
                        field: Some(*field),
                    });
                }
            });
        }
    }
}

fn seen_in(field: Field) -> &'static str {
    match HOST_FIELDS.iter().position(|f| *f == field) {
        Some(0) => "http",
        Some(1) => "tls",
        Some(2) => "dns",
        _ => "quic",
    }
}

fn first_report(flow: &mut Flow<FlowData>, hit: &Hit) -> bool {
    let mut hasher = SipHasher13::new();
    hit.indicator.hash(&mut hasher);
    let hash = hasher.finish();
    if flow.data.reported.contains(&hash) || flow.data.reported.len() >= MAX_REPORTED {
        return false;
    }
    flow.data.reported.push(hash);
    true
}
