//! The part of a rule before its parenthesis, against a packet.

use mimamori_packet::{Network, Packet, Transport};
use mimamori_rules::RuleProto;

use crate::signature::Signature;

/// Whether protocol, addresses and ports of the packet are those of the rule.
pub(crate) fn matches(sig: &Signature, p: &Packet<'_>) -> bool {
    proto_matches(&sig.proto, p) && ports_match(sig, p) && addresses_match(sig, p)
}

fn proto_matches(proto: &RuleProto, p: &Packet<'_>) -> bool {
    match proto {
        RuleProto::Ip | RuleProto::App(..) => p.is_ip(),
        RuleProto::Ipv4 => p.ipv4().is_some(),
        RuleProto::Ipv6 => p.ipv6().is_some(),
        RuleProto::Tcp | RuleProto::TcpPkt | RuleProto::TcpStream => p.tcp().is_some(),
        RuleProto::Udp => p.udp().is_some(),
        RuleProto::Sctp => matches!(p.transport, Transport::Sctp { .. }),
        RuleProto::Icmp => p.icmp().is_some(),
        RuleProto::Icmpv4 => matches!(p.transport, Transport::Icmpv4(_)),
        RuleProto::Icmpv6 => matches!(p.transport, Transport::Icmpv6(_)),
        RuleProto::Igmp => matches!(p.transport, Transport::Other { protocol: 2 }),
        RuleProto::PktHdr => true,
        RuleProto::Arp => matches!(p.network, Network::Arp(_)),
        RuleProto::Ether => p.ethernet.is_some(),
    }
}

fn ports_match(sig: &Signature, p: &Packet<'_>) -> bool {
    if sig.src_ports.is_any() && sig.dst_ports.is_any() {
        return true;
    }
    if !matches!(p.transport, Transport::Tcp(_) | Transport::Udp(_) | Transport::Sctp { .. }) {
        return false;
    }
    let (src, dst) = p.ports();
    sig.dst_ports.contains(dst) && sig.src_ports.contains(src)
}

fn addresses_match(sig: &Signature, p: &Packet<'_>) -> bool {
    if sig.src.is_any() && sig.dst.is_any() {
        return true;
    }
    match p.addresses() {
        Some((src, dst)) => {
            (sig.src.is_any() || sig.src.contains(src)) && (sig.dst.is_any() || sig.dst.contains(dst))
        }
        None => false,
    }
}
