//! Conditions on the packet and its flow.
//!
//! Holds always: a condition on something that the packet does not have does not hold.

use mimamori_applayer::AppProto;
use mimamori_base::Direction;
use mimamori_packet::ipv4::Ipv4Options;
use mimamori_packet::{Packet, Transport, sctp_chunks};
use mimamori_rules::{
    AppProtocolCheck, AppProtocolMode, BitScope, Check, ChecksumOf, FlagsMode, Flow, FlowSide, FlowintCmp,
    FragBits, IpOption, NumberCmp, RpcCheck, SctpCheck, StreamSide, TcpFlags,
};

use crate::flow_state::FlowDetect;
use crate::input::Input;
use crate::lists::Lists;
use crate::signature::{IntValue, SigCheck, Signature};
use crate::state::{BitOwner, CrossFlow};

/// Mutable state that checks read.
pub(crate) struct Bits<'a> {
    pub flow: Option<&'a FlowDetect>,
    pub state: &'a CrossFlow,
    pub lists: &'a Lists,
}

/// Whether all checks of `sig` hold.
pub(crate) fn all_hold(sig: &Signature, input: &Input<'_>, bits: &Bits<'_>) -> bool {
    sig.checks.iter().all(|c| holds(c, input, bits))
}

fn holds(check: &SigCheck, input: &Input<'_>, bits: &Bits<'_>) -> bool {
    match check {
        SigCheck::Bit { scope, bits: wanted, set } => {
            wanted.iter().any(|b| bit_is_set(*scope, *b, input, bits)) == *set
        }
        SigCheck::Flowint { var, op, value } => {
            let Some(flow) = bits.flow else { return false };
            let (Some(have), Some(want)) = (flow.int(*var), int_value(*value, flow)) else {
                return false;
            };
            match op {
                FlowintCmp::Lt => have < want,
                FlowintCmp::Le => have <= want,
                FlowintCmp::Eq => have == want,
                FlowintCmp::Ne => have != want,
                FlowintCmp::Ge => have >= want,
                FlowintCmp::Gt => have > want,
            }
        }
        SigCheck::FlowintIsSet { var, set } => bits.flow.is_some_and(|f| f.int(*var).is_some() == *set),
        SigCheck::DecodeEvent(e) => input.packet.events.contains(*e),
        SigCheck::IpRep { side, category, test } => input
            .packet
            .addresses()
            .is_some_and(|(src, dst)| bits.lists.iprep.holds(*side, *category, *test, src, dst)),
        SigCheck::Other(check) => other_holds(check, input),
    }
}

pub(crate) fn int_value(value: IntValue, flow: &FlowDetect) -> Option<u32> {
    match value {
        IntValue::Const(n) => Some(n),
        IntValue::Var(v) => flow.int(v),
    }
}

/// The owners of a host or pair bit for this packet.
pub(crate) fn owners(scope: BitScope, input: &Input<'_>) -> [Option<BitOwner>; 2] {
    let Some((src, dst)) = input.packet.addresses() else { return [None, None] };
    match scope {
        BitScope::HostSrc | BitScope::IpSrc => [Some(BitOwner::Host(src)), None],
        BitScope::HostDst | BitScope::IpDst => [Some(BitOwner::Host(dst)), None],
        BitScope::HostBoth => [Some(BitOwner::Host(src)), Some(BitOwner::Host(dst))],
        BitScope::IpPair => [Some(BitOwner::pair(src, dst)), None],
        BitScope::Flow | BitScope::Tx => [None, None],
    }
}

fn bit_is_set(scope: BitScope, bit: u32, input: &Input<'_>, bits: &Bits<'_>) -> bool {
    if scope == BitScope::Flow {
        return bits.flow.is_some_and(|f| f.has_bit(bit));
    }
    let owners = owners(scope, input);
    bits.state.ask(|s| owners.into_iter().flatten().any(|owner| s.host_bits.is_set(owner, bit, input.now)))
}

fn other_holds(check: &Check, input: &Input<'_>) -> bool {
    let p = input.packet;
    let cmp = |c: &NumberCmp, n: Option<u64>| n.is_some_and(|n| c.test(n));
    match check {
        Check::TcpFlags(f) => p.tcp().is_some_and(|t| flags_hold(f, t.flags().0)),
        Check::Ttl(c) => cmp(c, p.ttl().map(u64::from)),
        Check::Dsize(c) => !input.pseudo && c.test(p.payload.len() as u64),
        Check::Itype(c) => cmp(c, p.icmp().map(|i| u64::from(i.icmp_type))),
        Check::Icode(c) => cmp(c, p.icmp().map(|i| u64::from(i.code))),
        Check::IcmpId(n) => p.icmp().and_then(|i| i.id_seq).is_some_and(|(id, _)| id == *n),
        Check::IcmpSeq(n) => p.icmp().and_then(|i| i.id_seq).is_some_and(|(_, seq)| seq == *n),
        Check::Icmpv6Mtu(c) => cmp(c, p.icmp().and_then(|i| i.mtu).map(u64::from)),
        Check::VlanId(test) => {
            let ids: Vec<u64> = p.vlans.ids().iter().map(|id| u64::from(*id)).collect();
            !ids.is_empty() && test.holds(&ids)
        }
        Check::VlanLayers(c) => c.test(p.vlans.len() as u64),
        Check::Rpc(c) => !input.pseudo && rpc_holds(c, p),
        Check::IgmpType(c) => cmp(c, p.igmp_type().map(u64::from)),
        Check::Sctp(c) => sctp_holds(*c, p),
        Check::IpId(n) => p.ipv4().is_some_and(|v| v.id() == *n),
        Check::Tos(c) => cmp(c, p.ipv4().map(|v| u64::from(v.tos()))),
        Check::IpProto(c) => cmp(c, p.ip_protocol().map(u64::from)),
        Check::IpOption(o) => p.ipv4().is_some_and(|v| option_holds(*o, v.options)),
        Check::FragBits(f) => frag_bits_hold(f, p),
        Check::FragOffset(c) => cmp(c, fragment_offset(p)),
        Check::SameIp => p.addresses().is_some_and(|(a, b)| a == b),
        Check::TcpSeq(n) => p.tcp().is_some_and(|t| t.seq() == *n),
        Check::TcpAck(n) => p.tcp().is_some_and(|t| t.ack() == *n),
        Check::TcpWindow(c) => cmp(c, p.tcp().map(|t| u64::from(t.window()))),
        Check::TcpMss(c) => cmp(c, p.tcp().and_then(|t| t.options.mss).map(u64::from)),
        Check::TcpWscale(c) => cmp(c, p.tcp().and_then(|t| t.options.window_scale).map(u64::from)),
        Check::Checksum { of, valid } => checksum(*of, p) == Some(*valid),
        Check::StreamEvent(name) => {
            mimamori_flow::StreamEvent::from_name(name).is_some_and(|e| input.stream_events.contains(e))
        }
        Check::StreamSize { side, cmp } => stream_size_holds(*side, *cmp, input),
        Check::FlowAge(c) => input.flow.as_ref().is_some_and(|f| c.test(input.now.since(f.start).as_secs())),
        Check::FlowPackets { side, cmp } => traffic_holds(*side, *cmp, input, |t| t.packets),
        Check::FlowBytes { side, cmp } => traffic_holds(*side, *cmp, input, |t| t.bytes),
        Check::AppEvent(name) => {
            input.flow.as_ref().is_some_and(|f| f.app_events.iter().any(|e| **e == **name))
        }
        Check::AppProtocol(c) => app_protocol_holds(c, input),
        _ => false,
    }
}

/// A call over ONC RPC (RFC 5531) begins the payload; over TCP its length stands before it.
fn rpc_holds(want: &RpcCheck, p: &Packet<'_>) -> bool {
    let at = if p.tcp().is_some() { 4 } else { 0 };
    let word = |i: usize| {
        let bytes = p.payload.get(at + i * 4..at + i * 4 + 4)?;
        bytes.try_into().ok().map(u32::from_be_bytes)
    };
    let met =
        |wanted: Option<u32>, have: Option<u32>| have.is_some() && wanted.is_none_or(|w| have == Some(w));
    // Number of the call, "call", version of RPC, then what is asked for.
    word(1) == Some(0)
        && word(2) == Some(2)
        && met(Some(want.program), word(3))
        && met(want.version, word(4))
        && met(want.procedure, word(5))
}

fn sctp_holds(want: SctpCheck, p: &Packet<'_>) -> bool {
    let Transport::Sctp { whole, .. } = p.transport else { return false };
    let chunks = whole.get(12..).unwrap_or_default();
    match want {
        SctpCheck::VerificationTag(c) => {
            let tag = whole.get(4..8).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes);
            tag.is_some_and(|t| c.test(u64::from(t)))
        }
        SctpCheck::ChunkType(c) => sctp_chunks(chunks).any(|chunk| c.test(u64::from(chunk.kind))),
        SctpCheck::ChunkCount(c) => c.test(sctp_chunks(chunks).count() as u64),
    }
}

fn flags_hold(want: &TcpFlags, have: u8) -> bool {
    let have = have & !want.ignore;
    match want.mode {
        FlagsMode::Exact => have == want.flags,
        FlagsMode::All => have & want.flags == want.flags,
        FlagsMode::Any => have & want.flags != 0,
        FlagsMode::Not => have & want.flags != want.flags,
    }
}

fn option_holds(want: IpOption, have: Ipv4Options) -> bool {
    let bit = match want {
        IpOption::Any => return !have.is_empty(),
        IpOption::Is(0) => Ipv4Options::EOL,
        IpOption::Is(1) => Ipv4Options::NOP,
        IpOption::Is(7) => Ipv4Options::RECORD_ROUTE,
        IpOption::Is(68) => Ipv4Options::TIMESTAMP,
        IpOption::Is(130) => Ipv4Options::SECURITY,
        IpOption::Is(133) => Ipv4Options::EXTENDED_SECURITY,
        IpOption::Is(131) => Ipv4Options::LOOSE_SOURCE_ROUTE,
        IpOption::Is(137) => Ipv4Options::STRICT_SOURCE_ROUTE,
        IpOption::Is(136) => Ipv4Options::STREAM_ID,
        IpOption::Is(134) => Ipv4Options::CIPSO,
        IpOption::Is(148) => Ipv4Options::ROUTER_ALERT,
        IpOption::Is(_) => return false,
    };
    have.contains(bit)
}

fn frag_bits_hold(want: &FragBits, p: &Packet<'_>) -> bool {
    let Some(v) = p.ipv4() else { return false };
    let have =
        u8::from(v.reserved_bit()) << 2 | u8::from(v.dont_fragment()) << 1 | u8::from(v.more_fragments());
    match want.mode {
        FlagsMode::Exact => have == want.bits,
        FlagsMode::All => have & want.bits == want.bits,
        FlagsMode::Any => have & want.bits != 0,
        FlagsMode::Not => have & want.bits != want.bits,
    }
}

fn fragment_offset(p: &Packet<'_>) -> Option<u64> {
    if let Some(v) = p.ipv4() {
        return Some(u64::from(v.fragment_offset_units()));
    }
    p.ipv6().and_then(|v| v.fragment).map(|f| u64::from(f.offset / 8))
}

fn checksum(of: ChecksumOf, p: &Packet<'_>) -> Option<bool> {
    let v4 = p.ipv4().is_some();
    let transport = match (&p.transport, of) {
        (_, ChecksumOf::Ipv4) => return p.ipv4_checksum_ok(),
        (Transport::Tcp(_), ChecksumOf::Tcpv4) | (Transport::Udp(_), ChecksumOf::Udpv4) => v4,
        (Transport::Tcp(_), ChecksumOf::Tcpv6) | (Transport::Udp(_), ChecksumOf::Udpv6) => !v4,
        (Transport::Icmpv4(_), ChecksumOf::Icmpv4) | (Transport::Icmpv6(_), ChecksumOf::Icmpv6) => true,
        _ => false,
    };
    // A datagram without a checksum counts as right.
    transport.then(|| p.transport_checksum_ok().unwrap_or(true))
}

fn stream_size_holds(side: StreamSide, cmp: NumberCmp, input: &Input<'_>) -> bool {
    let Some(tcp) = input.flow.as_ref().and_then(|f| f.tcp) else { return false };
    let client = tcp.stream(Direction::ToServer).size();
    let server = tcp.stream(Direction::ToClient).size();
    match side {
        StreamSide::Server => cmp.test(server),
        StreamSide::Client => cmp.test(client),
        StreamSide::Both => cmp.test(server) && cmp.test(client),
        StreamSide::Either => cmp.test(server) || cmp.test(client),
    }
}

fn traffic_holds(
    side: FlowSide,
    cmp: NumberCmp,
    input: &Input<'_>,
    of: impl Fn(&mimamori_flow::Traffic) -> u64,
) -> bool {
    let Some(flow) = &input.flow else { return false };
    let [to_server, to_client] = flow.traffic;
    let (s, c) = (cmp.test(of(to_server)), cmp.test(of(to_client)));
    match side {
        FlowSide::ToServer => s,
        FlowSide::ToClient => c,
        FlowSide::Either => s || c,
        FlowSide::Both => s && c,
    }
}

fn app_protocol_holds(check: &AppProtocolCheck, input: &Input<'_>) -> bool {
    let Some(flow) = &input.flow else { return false };
    let Some(session) = flow.session else { return false };
    // The first is the protocol itself, those after it are related ones.
    let related = if check.exact { check.protos.get(..1).unwrap_or_default() } else { check.protos };
    let has = |p: AppProto| related.contains(&p);
    let known = |p: AppProto| p != AppProto::Unknown;
    let of = |p: AppProto| known(p).then(|| has(p));
    let held = match check.mode {
        AppProtocolMode::Direction => of(session.proto_of(flow.direction)),
        AppProtocolMode::Final => of(session.proto()),
        AppProtocolMode::Either => {
            let (a, b) =
                (of(session.proto_of(Direction::ToServer)), of(session.proto_of(Direction::ToClient)));
            match (a, b) {
                (None, None) => None,
                (a, b) => Some(a == Some(true) || b == Some(true)),
            }
        }
        AppProtocolMode::ToServer => of(session.proto_of(Direction::ToServer)),
        AppProtocolMode::ToClient => of(session.proto_of(Direction::ToClient)),
        AppProtocolMode::Original => session.original_proto().map(has),
    };
    held.is_some_and(|h| h != check.negated)
}

/// Whether the rule's `flow` condition and direction hold.
pub(crate) fn flow_holds(sig: &Signature, input: &Input<'_>) -> bool {
    let want: &Flow = &sig.flow;
    if want.only_frag && input.packet.origin != mimamori_packet::Origin::Defragmented {
        return false;
    }
    if want.no_frag && input.packet.origin == mimamori_packet::Origin::Defragmented {
        return false;
    }
    let Some(flow) = &input.flow else {
        return !sig.needs_flow;
    };
    if !sig.directions.has(flow.direction) {
        return false;
    }
    !(want.established && !flow.established || want.not_established && flow.established)
}
