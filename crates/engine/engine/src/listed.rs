//! Look-ups of names and addresses in the lists, and what a hit does.
//!
//! Holds always: one report for a name in a flow. Blocking ends the flow: HTTP gets a page
//! that says so, TLS a reset, DNS the block page's address or "no such name". What an exception
//! lets pass is reported as such.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use mimamori_applayer::{AppProto, Field, Session};
use mimamori_base::{Direction, Timestamp};
use mimamori_flow::Flow;
use mimamori_packet::Packet;
use mimamori_reputation::{Devices, Exception, Exceptions, Kind, Listed, Reputation};
use siphasher::sip::SipHasher13;

use crate::alert_log::of_packet;
use crate::config::DnsAnswer;
use crate::core::FrameContext;
use crate::event::{EventKind, EventSink, ReputationFacts};
use crate::flow_data::FlowData;
use crate::inject;
use crate::tx_log::HOST_FIELDS;

/// Different names reported for one flow.
const MAX_REPORTED: usize = 64;

struct Hit {
    kind: Kind,
    family: String,
    indicator: String,
    seen_in: &'static str,
    field: Option<Field>,
    /// The exception that lets it pass.
    exception: Option<String>,
}

/// The lists and what may pass in spite of them.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    reputation: Arc<Reputation>,
    pub(crate) exceptions: Arc<Exceptions>,
    /// Counts replacements, so that flows are looked at anew.
    generation: u64,
}

impl Lists {
    pub(crate) fn new(reputation: Arc<Reputation>) -> Lists {
        Lists { reputation, ..Lists::default() }
    }

    pub(crate) fn replace(&mut self, reputation: Arc<Reputation>) {
        self.reputation = reputation;
        self.generation += 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.reputation.is_empty()
    }
}

/// What decides about one flow's hits.
struct Asked<'a> {
    lists: &'a Lists,
    devices: Devices,
    now: Timestamp,
}

impl Asked<'_> {
    fn hit(
        &self,
        listed: Listed<'_>,
        indicator: String,
        seen_in: &'static str,
        by: Option<&Exception>,
    ) -> Hit {
        Hit {
            kind: listed.kind,
            family: listed.family.to_owned(),
            indicator,
            seen_in,
            field: None,
            exception: by.map(|e| e.id.clone()),
        }
    }
}

/// Looks up what the packet brought. `true`: the flow is to be stopped.
pub(crate) fn look_up(
    flow: &mut Flow<FlowData>,
    direction: Direction,
    packet: &Packet<'_>,
    lists: &Lists,
    block: Option<&DnsAnswer>,
    context: &mut FrameContext,
    out: &mut dyn EventSink,
) -> bool {
    // Nothing new to look at since the last packet.
    let state = (lists.generation, flow.data.session.as_deref().map(Session::revision));
    if flow.data.looked_up == Some(state) {
        return false;
    }
    let first = flow.data.looked_up.is_none_or(|(generation, _)| generation != lists.generation);
    flow.data.looked_up = Some(state);
    let asked = Asked { lists, devices: [flow.data.src_mac, flow.data.dst_mac], now: context.now };
    let mut hits = Vec::new();
    if first {
        address_hit(flow, &asked, &mut hits);
    }
    name_hits(flow, &asked, &mut hits);
    let mut stopped = false;
    for hit in hits {
        if !first_report(flow, &hit) {
            continue;
        }
        let stop = block.filter(|_| hit.exception.is_none());
        let mut event = of_packet(EventKind::Reputation, packet, context);
        event.flow_id = Some(flow.id);
        event.direction = Some(direction);
        event.app_proto = flow.data.session.as_deref().map(|s| s.proto().name());
        event.reputation = Some(Box::new(ReputationFacts {
            kind: hit.kind,
            family: hit.family,
            indicator: hit.indicator,
            seen_in: hit.seen_in,
            blocked: stop.is_some(),
            exception: hit.exception,
        }));
        out.event(event);
        if let Some(dns) = stop {
            inject::block(packet, direction, hit.field, dns, context);
            stopped = true;
        }
    }
    stopped
}

fn address_hit(flow: &Flow<FlowData>, asked: &Asked<'_>, hits: &mut Vec<Hit>) {
    for (ip, port) in [(flow.key.dst, flow.key.dst_port), (flow.key.src, flow.key.src_port)] {
        if let Some(listed) = asked.lists.reputation.address(ip, Some(port)) {
            let by = asked.lists.exceptions.address(ip, Some(port), asked.devices, asked.now);
            hits.push(asked.hit(listed, ip.to_string(), "ip", by));
            return;
        }
    }
}

fn name_hits(flow: &Flow<FlowData>, asked: &Asked<'_>, hits: &mut Vec<Hit>) {
    let Some(session) = flow.data.session.as_deref() else { return };
    let field = match session.proto() {
        AppProto::Http1 | AppProto::Http2 => Field::HttpHost,
        AppProto::Tls => Field::TlsSni,
        AppProto::Dns | AppProto::DoH2 => Field::DnsQuery,
        AppProto::Quic => Field::QuicSni,
        _ => return,
    };
    // DNS is asked of a resolver: its port says nothing about the name.
    let port = (field != Field::DnsQuery).then_some(flow.key.dst_port);
    for tx in session.transactions().iter() {
        let mut target = None;
        if field == Field::HttpHost {
            tx.bytes(Field::HttpUriRaw, Direction::ToServer, &mut |t| target = Some(t.to_vec()));
        }
        let target = target.as_deref().map(after_host);
        tx.bytes(field, Direction::ToServer, &mut |name| {
            let listed = match target {
                Some(target) => asked.lists.reputation.request(name, port, target),
                None if field == Field::HttpHost => asked.lists.reputation.request(name, port, b"/"),
                None => asked.lists.reputation.host(name, port),
            };
            if let Some(listed) = listed {
                let by = asked.lists.exceptions.host(name, port, target, asked.devices, asked.now);
                let indicator = String::from_utf8_lossy(name).into_owned();
                hits.push(Hit { field: Some(field), ..asked.hit(listed, indicator, seen_in(field), by) });
            }
        });
    }
}

/// The path of a target, also of one that begins with scheme and host (RFC 9112, 3.2.2).
fn after_host(target: &[u8]) -> &[u8] {
    if target.starts_with(b"/") {
        return target;
    }
    let Some(at) = target.windows(3).position(|w| w == b"://") else { return target };
    let rest = target.get(at + 3..).unwrap_or_default();
    rest.iter().position(|b| *b == b'/').and_then(|at| rest.get(at..)).unwrap_or(b"/")
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
