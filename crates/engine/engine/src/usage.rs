//! What became of a flow within an hour, for records of use and of blind spots (GW-04, GW-14).
//!
//! Responsible for gathering what a flow tells (names, first bytes) and handing out its traffic
//! in pieces that end with the hour. Holds always: every byte of a flow is in one piece; nothing
//! is gathered unless `log.usage` is on; at most [`HEAD_BYTES`] of each direction are kept, and
//! they never leave the process. Deliberately not here: which application it is (catalogue),
//! sums (gateway).

use std::collections::VecDeque;
use std::net::IpAddr;

use mimamori_applayer::quic::QuicParser;
use mimamori_applayer::tls::datagram::{DatagramHello, is_dtls};
use mimamori_applayer::tls::fingerprint::Carrier;
use mimamori_applayer::{AppProto, Input, Parser, Told};
use mimamori_base::{Direction, Timestamp, Zone};
use mimamori_flow::{Flow, Traffic};
use mimamori_packet::{Packet, Transport};

use crate::core::FrameContext;
use crate::event::{Endpoint, EventSink};
use crate::flow_data::FlowData;
use crate::usage_names as names;

/// First bytes kept of each direction, to tell protocols by that have no parser here.
pub const HEAD_BYTES: usize = 192;
/// Datagrams looked at for a hello of DTLS: calls begin with other packets (STUN).
const DTLS_DATAGRAMS: u8 = 48;
/// Datagrams looked at for a hello of QUIC that the engine itself does not read.
const QUIC_DATAGRAMS: u8 = 8;
const HOUR_MICROS: i64 = 3_600_000_000;

/// The first bytes of one direction, and how long the first datagram was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub bytes: Vec<u8>,
    /// Of the first datagram; 0 for streams.
    pub datagram_bytes: usize,
}

/// What the engine keeps of a flow for its records of use.
#[derive(Debug, Default)]
pub(crate) struct UseState {
    told: Told,
    heads: [Head; 2],
    dtls: Option<DatagramHello>,
    dtls_tries: u8,
    dtls_seen: bool,
    quic: Option<QuicParser>,
    told_at: Option<u64>,
    past_depth: [u64; 2],
    /// Time of the last packet.
    last: Option<Timestamp>,
    /// Client and server were exchanged since the flow's first packet.
    swapped: bool,
    /// What was handed out already.
    done: Done,
}

#[derive(Debug, Default)]
struct Done {
    traffic: [Traffic; 2],
    past_depth: [u64; 2],
    pieces: u32,
}

/// A piece of a flow's traffic: all of it, or that of one hour.
#[derive(Debug)]
pub struct FlowUse<'a> {
    pub flow_id: u64,
    /// The flow's first piece: flows are counted once.
    pub first: bool,
    pub start: Timestamp,
    /// Time of the piece's last packet.
    pub at: Timestamp,
    pub client: Endpoint,
    pub server: Endpoint,
    /// The number of the transport protocol.
    pub protocol: u8,
    pub zones: Option<(Zone, Option<Zone>)>,
    pub client_mac: Option<[u8; 6]>,
    pub server_mac: Option<[u8; 6]>,
    /// The protocol that the engine parses, `unknown` or `failed`.
    pub app_proto: &'static str,
    /// DTLS was seen, which has no parser here.
    pub dtls: bool,
    pub told: &'a Told,
    /// `[from the client, from the server]`.
    pub heads: &'a [Head; 2],
    pub up: Traffic,
    pub down: Traffic,
    /// Bytes beyond the depth to which streams are looked at.
    pub past_depth_bytes: u64,
    /// A verdict stopped the flow.
    pub dropped: bool,
    /// A rule let the flow pass without a further look.
    pub passed: bool,
}

/// Takes a packet into account. The packet that shows that an hour has ended counts into it.
pub(crate) fn see(
    flow: &mut Flow<FlowData>,
    packet: &Packet<'_>,
    direction: Direction,
    out: &mut dyn EventSink,
) {
    let now = flow.last_seen;
    let state = flow.data.usage.get_or_insert_default();
    let before = state.last.replace(now);
    if let Some(before) = before.filter(|b| hour(*b) != hour(now)) {
        hand_out(flow, before, out);
    }
    let udp = matches!(packet.transport, Transport::Udp(_));
    let icmp = matches!(packet.transport, Transport::Icmpv4(_) | Transport::Icmpv6(_));
    // An ICMP error counts into the flow that it is about, but says nothing of its service.
    if packet.payload.is_empty() || (icmp && !matches!(flow.key.protocol, 1 | 58)) {
        return;
    }
    let Some(state) = flow.data.usage.as_deref_mut() else { return };
    if let Some(head) = state.heads.get_mut(direction.index()) {
        if udp {
            if head.bytes.is_empty() {
                head.datagram_bytes = packet.payload.len();
                head.bytes = start(packet.payload, HEAD_BYTES).to_vec();
            }
        } else if flow.key.protocol != 6 && head.bytes.is_empty() {
            head.bytes = start(packet.payload, HEAD_BYTES).to_vec();
        }
    }
    if udp && state.dtls_tries < DTLS_DATAGRAMS && (state.told.ja4.is_none() || state.told.host.is_none()) {
        state.dtls_tries += 1;
        datagram(state, packet.payload, direction, now);
    }
}

/// The sides of a call both may be DTLS's client, whoever spoke first.
fn datagram(state: &mut UseState, payload: &[u8], direction: Direction, now: Timestamp) {
    if is_dtls(payload) {
        state.dtls_seen = true;
        if let Some(hello) = state.dtls.get_or_insert_default().take(payload) {
            hello.tell(&mut state.told, Carrier::Datagrams);
            state.dtls = None;
        }
        return;
    }
    if state.dtls_tries <= QUIC_DATAGRAMS && is_unusual_quic(payload) {
        let quic = state.quic.get_or_insert_with(QuicParser::for_names);
        quic.feed(direction, Input::Data(payload), now);
        (0..quic.tx_count()).filter_map(|n| quic.tx(n)).for_each(|tx| tx.tell(&mut state.told));
        return;
    }
    if let Some(name) = names::in_datagram(payload) {
        state.told.host(&name);
    }
}

/// Long headers of versions that the protocol of the rule language leaves out or cannot open.
fn is_unusual_quic(payload: &[u8]) -> bool {
    let Some([first, version @ ..]) = payload.first_chunk::<5>() else { return false };
    let unusual = match version {
        b"T050" | b"T051" | b"Q050" | [0xfa, 0xce, 0xb0, _] | [0xff, 0, 0, 21..=28] | [0, 0, 0, 1] => true,
        // A version made up to see whether the server is tolerant; the true one follows.
        made_up => made_up.iter().all(|v| *v & 0x0f == 0x0a),
    };
    unusual && first & 0xc0 == 0xc0 && payload.len() >= 64
}

/// Pairs of addresses whose packets without a flow were handed out lately.
const FLOWLESS_PAIRS: usize = 64;

/// Packets that belong to no flow (ESP, IGMP, routing protocols): handed out one by one, counted
/// as a flow the first time. When more than [`FLOWLESS_PAIRS`] pairs talk, the oldest one may
/// count again.
#[derive(Debug, Default)]
pub(crate) struct Flowless {
    seen: VecDeque<(u8, IpAddr, IpAddr)>,
}

impl Flowless {
    pub(crate) fn see(&mut self, packet: &Packet<'_>, context: &FrameContext, out: &mut dyn EventSink) {
        let (Some((src, dst)), Some(protocol)) = (packet.addresses(), packet.ip_protocol()) else { return };
        let key = (protocol, src.min(dst), src.max(dst));
        let first = !self.seen.contains(&key);
        if first {
            if self.seen.len() >= FLOWLESS_PAIRS {
                self.seen.pop_front();
            }
            self.seen.push_back(key);
        }
        let bytes = u64::try_from(packet.payload.len()).unwrap_or(u64::MAX);
        out.used(&FlowUse {
            flow_id: 0,
            first,
            start: context.now,
            at: context.now,
            client: Endpoint { ip: src, port: 0 },
            server: Endpoint { ip: dst, port: 0 },
            protocol,
            zones: context.path.map(|p| (p.from, p.to)),
            client_mac: packet.ethernet.map(|e| e.src()),
            server_mac: packet.ethernet.map(|e| e.dst()),
            app_proto: AppProto::Unknown.name(),
            dtls: false,
            told: &Told::default(),
            heads: &[
                Head { bytes: start(packet.payload, HEAD_BYTES).to_vec(), datagram_bytes: 0 },
                Head::default(),
            ],
            up: Traffic { packets: 1, bytes, ..Traffic::default() },
            down: Traffic::default(),
            past_depth_bytes: 0,
            dropped: false,
            passed: false,
        });
    }
}

/// Takes bytes of a stream, in order.
pub(crate) fn stream_bytes(state: &mut UseState, direction: Direction, bytes: &[u8]) {
    if let Some(head) = state.heads.get_mut(direction.index()) {
        let room = HEAD_BYTES - head.bytes.len().min(HEAD_BYTES);
        head.bytes.extend_from_slice(start(bytes, room));
    }
}

fn start(bytes: &[u8], most: usize) -> &[u8] {
    bytes.get(..most).unwrap_or(bytes)
}

/// Reads what the transactions tell, before they are let go of.
pub(crate) fn learn(flow: &mut Flow<FlowData>) {
    let Some(state) = flow.data.usage.as_deref_mut() else { return };
    let Some(session) = flow.data.session.as_deref() else { return };
    if state.told_at == Some(session.revision()) || is_told(state, session.proto()) {
        return;
    }
    state.told_at = Some(session.revision());
    for tx in session.transactions().iter() {
        tx.tell(&mut state.told);
    }
}

fn is_told(state: &UseState, proto: AppProto) -> bool {
    let told = &state.told;
    match proto {
        AppProto::Tls => told.ja4.is_some() && told.alpn.is_some() && !told.certificate.is_empty(),
        AppProto::Quic => told.ja4.is_some() && told.alpn.is_some(),
        _ => told.host.is_some(),
    }
}

pub(crate) fn past_depth(flow: &mut Flow<FlowData>, direction: Direction, bytes: usize) {
    let state = flow.data.usage.as_deref_mut();
    if let Some(slot) = state.and_then(|s| s.past_depth.get_mut(direction.index())) {
        *slot += bytes as u64;
    }
}

/// Client and server were the other way round.
pub(crate) fn swap(flow: &mut Flow<FlowData>) {
    let Some(state) = flow.data.usage.as_deref_mut() else { return };
    state.swapped = !state.swapped;
    state.heads.swap(0, 1);
    state.past_depth.swap(0, 1);
    state.done.traffic.swap(0, 1);
    state.done.past_depth.swap(0, 1);
}

/// Hands out the rest of a flow that has ended.
pub(crate) fn ended(flow: &mut Flow<FlowData>, out: &mut dyn EventSink) {
    learn(flow);
    let at = flow.last_seen;
    hand_out(flow, at, out);
}

fn hour(at: Timestamp) -> i64 {
    at.micros().div_euclid(HOUR_MICROS)
}

fn hand_out(flow: &mut Flow<FlowData>, at: Timestamp, out: &mut dyn EventSink) {
    let Some(mut state) = flow.data.usage.take() else { return };
    let done = &mut state.done;
    let [up, down] = flow.traffic;
    let [up_before, down_before] = done.traffic;
    let past: u64 = state.past_depth.iter().sum();
    let past_before: u64 = done.past_depth.iter().sum();
    let (up_now, down_now) = (less(up, up_before), less(down, down_before));
    let first = done.pieces == 0;
    *done =
        Done { traffic: flow.traffic, past_depth: state.past_depth, pieces: done.pieces.saturating_add(1) };
    if up_now.packets + down_now.packets > 0 {
        let (mut client_mac, mut server_mac) = (flow.data.src_mac, flow.data.dst_mac);
        let mut zones = flow.data.zones;
        if state.swapped {
            std::mem::swap(&mut client_mac, &mut server_mac);
            zones = zones.and_then(|(from, to)| to.map(|to| (to, Some(from))));
        }
        let proto = flow.data.session.as_deref().map_or(AppProto::Unknown, |s| s.proto());
        out.used(&FlowUse {
            flow_id: flow.id,
            first,
            start: flow.start,
            at,
            client: Endpoint { ip: flow.key.src, port: flow.key.src_port },
            server: Endpoint { ip: flow.key.dst, port: flow.key.dst_port },
            protocol: flow.key.protocol,
            zones,
            client_mac,
            server_mac,
            app_proto: proto.name(),
            dtls: state.dtls_seen,
            told: &state.told,
            heads: &state.heads,
            up: up_now,
            down: down_now,
            past_depth_bytes: past.saturating_sub(past_before),
            dropped: flow.dropped,
            passed: flow.data.detect.passed,
        });
    }
    flow.data.usage = Some(state);
}

fn less(now: Traffic, before: Traffic) -> Traffic {
    Traffic {
        packets: now.packets.saturating_sub(before.packets),
        bytes: now.bytes.saturating_sub(before.bytes),
        bypassed_packets: now.bypassed_packets.saturating_sub(before.bypassed_packets),
        bypassed_bytes: now.bypassed_bytes.saturating_sub(before.bypassed_bytes),
    }
}
