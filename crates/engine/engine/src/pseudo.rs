//! Packets that the engine makes for itself when a flow ends, so that what its streams and
//! transactions still hold is inspected in a packet of the right direction.

use std::net::IpAddr;

use mimamori_base::Direction;
use mimamori_flow::FlowKey;

use crate::inject::checksum;

/// An IP packet with an empty TCP segment (or UDP datagram) of the flow in `dir`.
#[must_use]
pub(crate) fn packet_bytes(key: &FlowKey, dir: Direction) -> Vec<u8> {
    let key = match dir {
        Direction::ToServer => *key,
        Direction::ToClient => key.reversed(),
    };
    let transport = transport_bytes(&key);
    let mut out = Vec::with_capacity(64);
    match (key.src, key.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let len = u16::try_from(20 + transport.len()).unwrap_or(u16::MAX);
            out.extend_from_slice(&[0x45, 0]);
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(&[0, 0, 0, 0, 64, key.protocol, 0, 0]);
            out.extend_from_slice(&src.octets());
            out.extend_from_slice(&dst.octets());
            // A gateway's decoder takes no header whose sum is wrong.
            let sum = checksum(&[&out]).to_be_bytes();
            if let Some(place) = out.get_mut(10..12) {
                place.copy_from_slice(&sum);
            }
        }
        (src, dst) => {
            let len = u16::try_from(transport.len()).unwrap_or(u16::MAX);
            out.extend_from_slice(&[0x60, 0, 0, 0]);
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(&[key.protocol, 64]);
            out.extend_from_slice(&v6(src));
            out.extend_from_slice(&v6(dst));
        }
    }
    out.extend_from_slice(&transport);
    out
}

fn v6(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(a) => a.to_ipv6_mapped().octets(),
        IpAddr::V6(a) => a.octets(),
    }
}

fn transport_bytes(key: &FlowKey) -> Vec<u8> {
    let mut out = Vec::with_capacity(20);
    out.extend_from_slice(&key.src_port.to_be_bytes());
    out.extend_from_slice(&key.dst_port.to_be_bytes());
    if key.protocol == 6 {
        // Sequence, acknowledgement, header of 20 bytes, ACK, window, checksum, urgent.
        out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]);
    } else {
        out.extend_from_slice(&[0, 8, 0, 0]);
    }
    out
}
