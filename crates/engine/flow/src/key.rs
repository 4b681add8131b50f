//! What makes two packets belong to one flow.

use std::hash::Hasher;
use std::net::IpAddr;

use mimamori_packet::{InnerPacket, Packet, Transport, VlanTags};
use siphasher::sip::SipHasher13;

use crate::config::FlowConfig;

/// Addresses, ports, protocol, VLANs and tunnel depth as the flow's first packet had them:
/// source is the client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FlowKey {
    pub src: IpAddr,
    pub dst: IpAddr,
    /// ICMP: the type, and in `dst_port` the type that answers it.
    pub src_port: u16,
    pub dst_port: u16,
    pub protocol: u8,
    pub vlans: VlanTags,
    pub tunnel_depth: u8,
    /// ESP: the SPI. Zero otherwise.
    pub discriminator: u32,
}

impl FlowKey {
    /// The key of a packet as it travels. `None`: such packets belong to no flow.
    #[must_use]
    pub fn of(packet: &Packet<'_>, config: &FlowConfig) -> Option<FlowKey> {
        if packet.invalid || packet.is_fragment {
            return None;
        }
        let (src, dst) = packet.addresses()?;
        let mut discriminator = 0;
        let (protocol, src_port, dst_port) = match &packet.transport {
            Transport::Tcp(v) => (6, v.src_port(), v.dst_port()),
            Transport::Udp(v) => (17, v.src_port(), v.dst_port()),
            Transport::Sctp { src_port, dst_port, .. } => (132, *src_port, *dst_port),
            Transport::Icmpv4(v) => (1, u16::from(v.icmp_type), u16::from(counterpart_v4(v.icmp_type))),
            Transport::Icmpv6(v) => (58, u16::from(v.icmp_type), u16::from(counterpart_v6(v.icmp_type))),
            Transport::Esp { spi } => {
                discriminator = *spi;
                (50, 0, 0)
            }
            // What carries tunnels is a conversation of its own.
            Transport::Other { protocol: p @ (4 | 41) } => (*p, 0, 0),
            Transport::None | Transport::Gre { .. } | Transport::Other { .. } => return None,
        };
        Some(FlowKey {
            src,
            dst,
            src_port,
            dst_port,
            protocol,
            vlans: if config.use_vlan { packet.vlans } else { VlanTags::default() },
            tunnel_depth: if config.use_tunnel_depth { packet.tunnel_depth } else { 0 },
            discriminator,
        })
    }

    /// The key of the packet that an ICMP error quotes.
    #[must_use]
    pub(crate) fn of_quoted(inner: &InnerPacket, outer: &FlowKey) -> FlowKey {
        FlowKey {
            src: inner.src,
            dst: inner.dst,
            src_port: inner.src_port,
            dst_port: inner.dst_port,
            protocol: inner.protocol,
            discriminator: 0,
            ..*outer
        }
    }

    #[must_use]
    pub fn reversed(&self) -> FlowKey {
        FlowKey { src: self.dst, dst: self.src, src_port: self.dst_port, dst_port: self.src_port, ..*self }
    }

    /// The same for both directions.
    pub(crate) fn hash(&self, seed: (u64, u64)) -> u64 {
        let (a, b) = ((self.src, self.src_port), (self.dst, self.dst_port));
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        let mut bytes = Bytes { buffer: [0; 64], len: 0 };
        for (address, port) in [low, high] {
            match address {
                IpAddr::V4(v4) => bytes.put(&v4.octets()),
                IpAddr::V6(v6) => bytes.put(&v6.octets()),
            }
            bytes.put(&port.to_ne_bytes());
        }
        bytes.put(&[self.protocol, self.tunnel_depth]);
        bytes.put(&self.discriminator.to_ne_bytes());
        for id in self.vlans.ids() {
            bytes.put(&id.to_ne_bytes());
        }
        let mut hasher = SipHasher13::new_with_keys(seed.0, seed.1);
        hasher.write(bytes.buffer.get(..bytes.len).unwrap_or(&[]));
        hasher.finish()
    }
}

struct Bytes {
    buffer: [u8; 64],
    len: usize,
}

impl Bytes {
    fn put(&mut self, part: &[u8]) {
        if let Some(target) = self.buffer.get_mut(self.len..self.len + part.len()) {
            target.copy_from_slice(part);
            self.len += part.len();
        }
    }
}

/// The type that answers an ICMPv4 type, or the type itself.
fn counterpart_v4(kind: u8) -> u8 {
    match kind {
        0 => 8,
        8 => 0,
        9 => 10,
        10 => 9,
        13 => 14,
        14 => 13,
        15 => 16,
        16 => 15,
        17 => 18,
        18 => 17,
        other => other,
    }
}

fn counterpart_v6(kind: u8) -> u8 {
    match kind {
        128 => 129,
        129 => 128,
        130 => 131,
        131 => 130,
        133 => 134,
        134 => 133,
        135 => 136,
        136 => 135,
        other => other,
    }
}
