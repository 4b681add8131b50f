//! The Internet checksum.

use crate::packet::{Network, Packet, Transport};

/// One's complement of the one's complement sum: zero over bytes that include a right checksum.
#[must_use]
pub fn of(bytes: &[u8]) -> u16 {
    !fold(sum(bytes))
}

/// Sum of the 16-bit words; an odd last byte is padded with zero.
fn sum(bytes: &[u8]) -> u64 {
    let mut total = 0u64;
    let mut words = bytes.chunks_exact(4);
    for w in words.by_ref() {
        if let [a, b, c, d] = w {
            total += u64::from(u32::from_be_bytes([*a, *b, *c, *d]));
        }
    }
    let mut last = [0u8; 4];
    for (to, from) in last.iter_mut().zip(words.remainder()) {
        *to = *from;
    }
    total + u64::from(u32::from_be_bytes(last))
}

fn fold(mut total: u64) -> u16 {
    while total > 0xffff {
        total = (total >> 16) + (total & 0xffff);
    }
    u16::try_from(total).unwrap_or(0xffff)
}

/// The checksum of `bytes` under the pseudo header of `network`.
#[must_use]
pub fn with_pseudo_header(network: &Network<'_>, protocol: u8, bytes: &[u8]) -> u16 {
    let mut total = sum(bytes) + u64::from(protocol) + bytes.len() as u64;
    match network {
        Network::Ipv4(v) => {
            total += sum(&v.src().octets()) + sum(&v.dst().octets());
        }
        Network::Ipv6(v) => {
            total += sum(&v.src().octets()) + sum(&v.dst().octets());
        }
        Network::None | Network::Arp(_) => {}
    }
    !fold(total)
}

pub(crate) fn transport_ok(packet: &Packet<'_>) -> Option<bool> {
    let bytes = packet.transport_bytes();
    match &packet.transport {
        Transport::Tcp(_) => Some(with_pseudo_header(&packet.network, 6, bytes) == 0),
        Transport::Udp(udp) => {
            if udp.checksum() == 0 && packet.ipv4().is_some() {
                return None;
            }
            Some(with_pseudo_header(&packet.network, 17, bytes) == 0)
        }
        Transport::Icmpv4(_) => Some(of(bytes) == 0),
        Transport::Icmpv6(_) => Some(with_pseudo_header(&packet.network, 58, bytes) == 0),
        _ => None,
    }
}
