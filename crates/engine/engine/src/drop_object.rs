//! What EVE's `drop` object tells of the headers of a packet that was stopped.

use mimamori_packet::{Packet, TcpFlags};
use serde_json::{Map, Value};

/// The object of a packet stopped for `reason`.
pub(crate) fn of(packet: &Packet<'_>, reason: &'static str) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| {
        object.insert(key.to_owned(), value);
    };
    if let Some(ip) = packet.ipv4() {
        put("len", ip.total_len().into());
        put("tos", ip.tos().into());
        put("ttl", ip.ttl().into());
        put("ipid", ip.id().into());
    } else if let Some(ip) = packet.ipv6() {
        put("len", ip.payload_len().into());
        put("tc", ip.traffic_class().into());
        put("hoplimit", ip.hop_limit().into());
        put("flowlbl", ip.flow_label().into());
    } else {
        put("len", packet.data.len().saturating_sub(packet.network_offset).into());
    }
    if let Some(tcp) = packet.tcp() {
        let flags = tcp.flags();
        put("tcpseq", tcp.seq().into());
        put("tcpack", tcp.ack().into());
        put("tcpwin", tcp.window().into());
        for (key, is_set) in [
            ("syn", flags.syn()),
            ("ack", flags.ack()),
            ("psh", flags.has(TcpFlags::PSH)),
            ("rst", flags.rst()),
            ("urg", flags.urg()),
            ("fin", flags.fin()),
        ] {
            put(key, is_set.into());
        }
        put("tcpres", tcp.reserved_bits().into());
        put("tcpurgp", tcp.urgent_pointer().into());
    } else if let Some(udp) = packet.udp() {
        put("udplen", udp.len_field().into());
    } else if let Some((id, seq)) = packet.icmp().and_then(|icmp| icmp.id_seq) {
        put("icmp_id", id.into());
        put("icmp_seq", seq.into());
    }
    put("reason", reason.into());
    object
}
