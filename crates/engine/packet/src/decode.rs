//! Decodes a frame into packets, through tunnels and fragments.
//!
//! Holds always: what was captured is what is decoded (no byte is invented); a tunnel or chain of
//! headers deeper than the limit ends with `too_many_layers`, counted as not inspected.

mod ip;
mod ip_options;
mod link;
mod transport;
mod tunnel;

use mimamori_base::Timestamp;

use crate::defrag::{Defrag, DefragConfig};
use crate::event::DecodeEvent;
use crate::link::LinkType;
use crate::packet::{Origin, OuterPacket, Packet, TunnelKind};

/// What to decode, and how deep.
#[derive(Clone, Debug)]
pub struct DecodeConfig {
    /// Tunnels inside tunnels, at most; deeper ones stay uninspected (`too_many_layers`).
    pub max_tunnel_depth: u8,
    /// Headers of all kinds in one packet, at most.
    pub max_layers: u8,
    pub vxlan_ports: Vec<u16>,
    pub geneve_ports: Vec<u16>,
    /// Teredo is looked for on these ports only.
    pub teredo_ports: Vec<u16>,
    /// An IPv4 packet with a wrong header checksum is damaged: it is not decoded further and is no
    /// fragment. Inline, where it must not be forwarded; a capture may have been taken before the
    /// network card filled checksums in.
    pub refuse_wrong_header_checksum: bool,
    pub defrag: DefragConfig,
}

impl Default for DecodeConfig {
    fn default() -> Self {
        DecodeConfig {
            max_tunnel_depth: 8,
            max_layers: 16,
            vxlan_ports: vec![4789],
            geneve_ports: vec![6081],
            teredo_ports: vec![3544],
            refuse_wrong_header_checksum: false,
            defrag: DefragConfig::default(),
        }
    }
}

/// Counts of what was decoded.
#[derive(Clone, Copy, Debug, Default)]
pub struct DecodeStats {
    pub frames: u64,
    pub bytes: u64,
    pub invalid: u64,
    pub ipv4: u64,
    pub ipv6: u64,
    pub tcp: u64,
    pub udp: u64,
    pub icmpv4: u64,
    pub icmpv6: u64,
    pub sctp: u64,
    pub esp: u64,
    pub gre: u64,
    pub arp: u64,
    pub vlan: u64,
    pub pppoe: u64,
    pub mpls: u64,
    pub teredo: u64,
    pub vxlan: u64,
    pub geneve: u64,
    pub erspan: u64,
    pub ip_in_ip: u64,
    /// Frames of a kind that is not looked into.
    pub unknown_ethertype: u64,
    /// Not inspected because of the depth limits.
    pub too_deep: u64,
}

/// Turns frames into packets. Holds the fragments that wait for their rest.
#[derive(Debug)]
pub struct Decoder {
    config: DecodeConfig,
    defrag: Defrag,
    stats: DecodeStats,
}

impl Decoder {
    #[must_use]
    pub fn new(config: DecodeConfig) -> Self {
        let defrag = Defrag::new(config.defrag.clone());
        Decoder { config, defrag, stats: DecodeStats::default() }
    }

    /// Decodes one frame and hands each packet to `each`: contents of tunnels and joined
    /// fragments first, innermost first; the frame itself always last.
    pub fn decode(
        &mut self,
        now: Timestamp,
        link_type: LinkType,
        frame: &[u8],
        each: &mut dyn FnMut(&Packet<'_>),
    ) {
        self.stats.frames += 1;
        self.stats.bytes += frame.len() as u64;
        let mut packet = Packet::empty(frame, link_type, Origin::Wire, 0);
        let mut walk =
            Walk { config: &self.config, defrag: &mut self.defrag, stats: &mut self.stats, now, each };
        walk.link(&mut packet);
        if packet.invalid {
            walk.stats.invalid += 1;
        }
        (walk.each)(&packet);
    }

    #[must_use]
    pub fn stats(&self) -> &DecodeStats {
        &self.stats
    }

    #[must_use]
    pub fn defrag(&self) -> &Defrag {
        &self.defrag
    }

    #[must_use]
    pub fn config(&self) -> &DecodeConfig {
        &self.config
    }
}

/// One frame's way through the headers.
struct Walk<'w> {
    config: &'w DecodeConfig,
    defrag: &'w mut Defrag,
    stats: &'w mut DecodeStats,
    now: Timestamp,
    each: &'w mut dyn FnMut(&Packet<'_>),
}

impl Walk<'_> {
    /// Counts one more header; false (and the event) when there are too many.
    fn enter(&mut self, packet: &mut Packet<'_>) -> bool {
        packet.layers = packet.layers.saturating_add(1);
        if packet.layers > self.config.max_layers {
            self.stats.too_deep += 1;
            packet.fail(DecodeEvent::TooManyLayers);
            return false;
        }
        true
    }

    /// Decodes the content of a tunnel as a packet of its own. For `tentative` kinds (found by a
    /// port number only) content that does not decode is not a packet, and says nothing.
    fn tunnel<'a>(
        &mut self,
        outer: &mut Packet<'a>,
        kind: TunnelKind,
        bytes: &'a [u8],
        tentative: bool,
        content: TunnelContent,
    ) -> bool {
        if outer.tunnel_depth >= self.config.max_tunnel_depth {
            self.stats.too_deep += 1;
            outer.events.insert(DecodeEvent::TooManyLayers);
            return false;
        }
        let link_type = match content {
            TunnelContent::Ethernet => LinkType::ETHERNET,
            TunnelContent::Ppp => LinkType::PPP,
            TunnelContent::Ipv4 | TunnelContent::Ipv6 | TunnelContent::Vlan => LinkType::RAW,
        };
        let depth = outer.tunnel_depth.saturating_add(1);
        let mut inner = Packet::empty(bytes, link_type, Origin::Tunnel(kind), depth);
        inner.vlans = outer.vlans;
        inner.layers = outer.layers;
        inner.outer = outer.as_outer();
        match content {
            TunnelContent::Ethernet => self.ethernet(&mut inner, bytes, 0),
            TunnelContent::Ppp => self.ppp(&mut inner, bytes, 0),
            TunnelContent::Vlan => self.vlan(&mut inner, bytes, 0),
            TunnelContent::Ipv4 => self.ipv4(&mut inner, bytes, 0),
            TunnelContent::Ipv6 => self.ipv6(&mut inner, bytes, 0),
        }
        if inner.invalid && tentative {
            return false;
        }
        (self.each)(&inner);
        true
    }
}

/// What a tunnel carries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TunnelContent {
    Ethernet,
    Ppp,
    Vlan,
    Ipv4,
    Ipv6,
}

impl Packet<'_> {
    fn as_outer(&self) -> Option<OuterPacket> {
        let (src, dst) = self.addresses()?;
        let (src_port, dst_port) = self.ports();
        Some(OuterPacket { src, dst, protocol: self.ip_protocol()?, src_port, dst_port })
    }

    /// Records an event that ends decoding.
    pub(crate) fn fail(&mut self, event: DecodeEvent) {
        self.events.insert(event);
        self.invalid = true;
    }

    /// Records an event and goes on.
    pub(crate) fn note(&mut self, event: DecodeEvent) {
        self.events.insert(event);
    }
}
