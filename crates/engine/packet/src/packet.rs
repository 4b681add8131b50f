//! The decoded packet: what every later stage looks at.

use std::net::IpAddr;

use crate::checksum;
use crate::event::DecodeEvents;
use crate::icmp::IcmpView;
use crate::ipv4::Ipv4View;
use crate::ipv6::Ipv6View;
use crate::link::{Arp, Ethernet, LinkType, VlanTags};
use crate::tcp::TcpView;
use crate::udp::UdpView;

/// One packet: a captured frame, the content of a tunnel, or fragments joined.
///
/// Views borrow from `data`; nothing is copied. A frame gives several packets when it carries a
/// tunnel: the innermost is handed out first, the frame itself last (see [`crate::Decoder`]).
#[derive(Clone, Debug)]
pub struct Packet<'a> {
    /// All bytes from the link header on (for a tunnel's content: from its first header on).
    pub data: &'a [u8],
    pub link_type: LinkType,
    pub ethernet: Option<Ethernet<'a>>,
    /// VLAN identifiers, outermost first.
    pub vlans: VlanTags,
    pub network: Network<'a>,
    pub transport: Transport<'a>,
    /// Bytes after the transport header; after the network header when there is no transport view.
    pub payload: &'a [u8],
    /// Where `payload` begins in `data`.
    pub payload_offset: usize,
    /// Where the network header begins in `data`.
    pub network_offset: usize,
    /// Where the transport header begins in `data`.
    pub transport_offset: usize,
    pub events: DecodeEvents,
    pub origin: Origin,
    /// The packet that carried this one, for the content of a tunnel.
    pub outer: Option<OuterPacket>,
    /// How many tunnels this packet was taken out of.
    pub tunnel_depth: u8,
    /// The packet is an IP fragment: no transport view, no flow.
    pub is_fragment: bool,
    /// Decoding stopped at an error: the packet belongs to no flow.
    pub invalid: bool,
    /// A fragment that contradicts an earlier one: inline, it must not be forwarded.
    pub conflicting_fragment: bool,
    /// The IPv4 header's checksum is wrong (looked at only where the configuration says so): no
    /// host takes the packet, so inline it must not be forwarded.
    pub damaged: bool,
    /// Headers walked so far.
    pub(crate) layers: u8,
}

/// Addresses, protocol and ports of the packet that carries a tunnel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OuterPacket {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub protocol: u8,
    /// Zeros where the protocol has none.
    pub src_port: u16,
    pub dst_port: u16,
}

/// Where a packet comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    Wire,
    Tunnel(TunnelKind),
    Defragmented,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TunnelKind {
    Gre,
    Erspan,
    IpInIp,
    Ip6InIp,
    IpInIp6,
    Ip6InIp6,
    Teredo,
    Vxlan,
    Geneve,
    Vntag,
    Arcnet,
}

#[derive(Clone, Debug)]
pub enum Network<'a> {
    None,
    Arp(Arp<'a>),
    Ipv4(Ipv4View<'a>),
    Ipv6(Ipv6View<'a>),
}

#[derive(Clone, Debug)]
pub enum Transport<'a> {
    None,
    Tcp(TcpView<'a>),
    Udp(UdpView<'a>),
    Icmpv4(IcmpView<'a>),
    Icmpv6(IcmpView<'a>),
    /// Chunks: [`crate::sctp_chunks`].
    Sctp {
        src_port: u16,
        dst_port: u16,
        /// Header and chunks.
        whole: &'a [u8],
    },
    Gre {
        header: &'a [u8],
    },
    /// IPsec: the payload cannot be inspected.
    Esp {
        spi: u32,
    },
    /// A protocol without a view of its own.
    Other {
        protocol: u8,
    },
}

/// The fragment fields of an IPv4 header or IPv6 fragment header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FragmentInfo {
    pub id: u32,
    /// In bytes.
    pub offset: u16,
    pub more: bool,
    pub protocol: u8,
}

impl<'a> Packet<'a> {
    pub(crate) fn empty(data: &'a [u8], link_type: LinkType, origin: Origin, depth: u8) -> Self {
        Packet {
            data,
            link_type,
            ethernet: None,
            vlans: VlanTags::default(),
            network: Network::None,
            transport: Transport::None,
            payload: &[],
            payload_offset: 0,
            network_offset: 0,
            transport_offset: 0,
            events: DecodeEvents::default(),
            origin,
            outer: None,
            tunnel_depth: depth,
            is_fragment: false,
            invalid: false,
            conflicting_fragment: false,
            damaged: false,
            layers: 0,
        }
    }

    #[must_use]
    pub fn ipv4(&self) -> Option<&Ipv4View<'a>> {
        match &self.network {
            Network::Ipv4(v) => Some(v),
            _ => None,
        }
    }

    #[must_use]
    pub fn ipv6(&self) -> Option<&Ipv6View<'a>> {
        match &self.network {
            Network::Ipv6(v) => Some(v),
            _ => None,
        }
    }

    #[must_use]
    pub fn arp(&self) -> Option<&Arp<'a>> {
        match &self.network {
            Network::Arp(v) => Some(v),
            _ => None,
        }
    }

    #[must_use]
    pub fn tcp(&self) -> Option<&TcpView<'a>> {
        match &self.transport {
            Transport::Tcp(v) => Some(v),
            _ => None,
        }
    }

    #[must_use]
    pub fn udp(&self) -> Option<&UdpView<'a>> {
        match &self.transport {
            Transport::Udp(v) => Some(v),
            _ => None,
        }
    }

    /// The ICMPv4 or ICMPv6 view.
    #[must_use]
    pub fn icmp(&self) -> Option<&IcmpView<'a>> {
        match &self.transport {
            Transport::Icmpv4(v) | Transport::Icmpv6(v) => Some(v),
            _ => None,
        }
    }

    #[must_use]
    pub fn is_ip(&self) -> bool {
        matches!(self.network, Network::Ipv4(_) | Network::Ipv6(_))
    }

    /// Source and destination address; `None` when the packet is not IP.
    #[must_use]
    pub fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        match &self.network {
            Network::Ipv4(v) => Some((IpAddr::V4(v.src()), IpAddr::V4(v.dst()))),
            Network::Ipv6(v) => Some((IpAddr::V6(v.src()), IpAddr::V6(v.dst()))),
            Network::None | Network::Arp(_) => None,
        }
    }

    /// The number of the transport protocol (for IPv6: after the extension headers).
    #[must_use]
    pub fn ip_protocol(&self) -> Option<u8> {
        match &self.network {
            Network::Ipv4(v) => Some(v.protocol()),
            Network::Ipv6(v) => Some(v.protocol),
            Network::None | Network::Arp(_) => None,
        }
    }

    /// Source and destination port of TCP, UDP and SCTP; zeros for the rest.
    #[must_use]
    pub fn ports(&self) -> (u16, u16) {
        match &self.transport {
            Transport::Tcp(v) => (v.src_port(), v.dst_port()),
            Transport::Udp(v) => (v.src_port(), v.dst_port()),
            Transport::Sctp { src_port, dst_port, .. } => (*src_port, *dst_port),
            _ => (0, 0),
        }
    }

    /// Type of an IGMP message (RFC 3376).
    #[must_use]
    pub fn igmp_type(&self) -> Option<u8> {
        let igmp = self.ipv4().is_some() && matches!(self.transport, Transport::Other { protocol: 2 });
        igmp.then(|| self.payload.first().copied()).flatten()
    }

    /// TTL or hop limit.
    #[must_use]
    pub fn ttl(&self) -> Option<u8> {
        match &self.network {
            Network::Ipv4(v) => Some(v.ttl()),
            Network::Ipv6(v) => Some(v.hop_limit()),
            Network::None | Network::Arp(_) => None,
        }
    }

    /// Bytes from the transport header to the end of the transport payload.
    #[must_use]
    pub fn transport_bytes(&self) -> &'a [u8] {
        let end = self.payload_offset.saturating_add(self.payload.len());
        self.data.get(self.transport_offset..end).unwrap_or(&[])
    }

    /// Whether the IPv4 header's checksum is right. `None`: not IPv4.
    #[must_use]
    pub fn ipv4_checksum_ok(&self) -> Option<bool> {
        self.ipv4().map(|v| checksum::of(v.header_bytes()) == 0)
    }

    /// Whether the checksum of TCP, UDP, ICMPv4 or ICMPv6 is right. Computed on each call: keep
    /// the answer. `None`: no such header, or UDP over IPv4 without a checksum.
    #[must_use]
    pub fn transport_checksum_ok(&self) -> Option<bool> {
        checksum::transport_ok(self)
    }
}
