//! Link layers: Ethernet and its tags, cooked captures, PPP, PPPoE, MPLS.

use super::{TunnelContent, Walk};
use crate::event::DecodeEvent as Event;
use crate::link::{Arp, Ethernet, LinkType};
use crate::packet::{Network, Packet, TunnelKind};
use crate::reader::{be16, be32};

pub(super) mod ethertype {
    pub const IPV4: u16 = 0x0800;
    pub const ARP: u16 = 0x0806;
    pub const BRIDGE: u16 = 0x6558;
    pub const VLAN: u16 = 0x8100;
    pub const IPV6: u16 = 0x86dd;
    pub const PPP: u16 = 0x880b;
    pub const MPLS: u16 = 0x8847;
    pub const MPLS_MULTICAST: u16 = 0x8848;
    pub const PPPOE_DISCOVERY: u16 = 0x8863;
    pub const PPPOE_SESSION: u16 = 0x8864;
    pub const QINQ: u16 = 0x88a8;
    pub const ERSPAN: u16 = 0x88be;
    pub const IEEE8021AH: u16 = 0x88e7;
    /// Cisco FabricPath.
    pub const DCE: u16 = 0x8903;
    pub const VNTAG: u16 = 0x8926;
    /// IEEE 802.1BR.
    pub const ETAG: u16 = 0x893f;
    pub const NSH: u16 = 0x894f;
    pub const QINQ_OLD: u16 = 0x9100;
}

impl Walk<'_> {
    /// Begins at the link type of the capture.
    pub(super) fn link(&mut self, p: &mut Packet<'_>) {
        let bytes = p.data;
        match p.link_type {
            LinkType::ETHERNET => self.ethernet(p, bytes, 0),
            LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD | LinkType::IPV4 | LinkType::IPV6 => {
                self.raw_ip(p, bytes, 0)
            }
            LinkType::LINUX_SLL => self.cooked(p, bytes, 16, 14, Event::SllPktTooSmall),
            LinkType::LINUX_SLL2 => self.cooked(p, bytes, 20, 0, Event::Sll2PktTooSmall),
            LinkType::NULL | LinkType::LOOP => self.null(p, bytes),
            LinkType::PPP => self.ppp(p, bytes, 0),
            LinkType::PPP_DIR => match bytes.get(1..) {
                Some(rest) => self.ppp(p, rest, 1),
                None => p.fail(Event::PppPktTooSmall),
            },
            LinkType::CISCO_HDLC => self.cooked(p, bytes, 4, 2, Event::ChdlcPktTooSmall),
            _ => p.invalid = true,
        }
    }

    pub(super) fn ethernet<'a>(&mut self, p: &mut Packet<'a>, bytes: &'a [u8], at: usize) {
        if !self.enter(p) {
            return;
        }
        let Some(ethernet) = Ethernet::parse(bytes) else {
            p.fail(Event::EthernetPktTooSmall);
            return;
        };
        if p.ethernet.is_none() {
            p.ethernet = Some(ethernet);
        }
        let rest = bytes.get(14..).unwrap_or(&[]);
        self.ethertype(p, ethernet.ethertype(), rest, at + 14);
    }

    /// What follows an Ethernet type. False when the type is not known.
    pub(super) fn ethertype<'a>(
        &mut self,
        p: &mut Packet<'a>,
        kind: u16,
        bytes: &'a [u8],
        at: usize,
    ) -> bool {
        match kind {
            ethertype::IPV4 => self.ipv4(p, bytes, at),
            ethertype::IPV6 => self.ipv6(p, bytes, at),
            ethertype::ARP => self.arp(p, bytes, at),
            ethertype::VLAN | ethertype::QINQ | ethertype::QINQ_OLD => self.vlan(p, bytes, at),
            ethertype::PPPOE_SESSION => self.pppoe_session(p, bytes, at),
            ethertype::PPPOE_DISCOVERY => self.pppoe_discovery(p, bytes),
            ethertype::MPLS | ethertype::MPLS_MULTICAST => self.mpls(p, bytes, at),
            ethertype::VNTAG => {
                self.skip_tag(p, bytes, at, 6, [Event::VntagHeaderTooSmall, Event::VntagUnknownType]);
            }
            ethertype::ETAG => {
                self.skip_tag(p, bytes, at, 8, [Event::EtagHeaderTooSmall, Event::EtagUnknownType]);
            }
            ethertype::NSH => self.nsh(p, bytes, at),
            // A tag of two bytes, then a whole Ethernet frame.
            ethertype::DCE => match bytes.get(2..) {
                Some(frame) => self.ethernet(p, frame, at + 2),
                None => p.fail(Event::DcePktTooSmall),
            },
            ethertype::IEEE8021AH => self.ieee8021ah(p, bytes, at),
            ethertype::BRIDGE => self.ethernet(p, bytes, at),
            _ => {
                self.stats.unknown_ethertype += 1;
                // Below 1536 it is a length (IEEE 802.3), not a type.
                if kind >= 1536 {
                    p.note(Event::EthernetUnknownEthertype);
                }
                p.payload = bytes;
                p.payload_offset = at;
                return false;
            }
        }
        true
    }

    fn raw_ip<'a>(&mut self, p: &mut Packet<'a>, bytes: &'a [u8], at: usize) {
        match bytes.first().map(|b| b >> 4) {
            Some(4) => self.ipv4(p, bytes, at),
            Some(6) => self.ipv6(p, bytes, at),
            _ => p.fail(Event::IprawInvalidIpVersion),
        }
    }

    /// A header of fixed length with an Ethernet type in it.
    fn cooked<'a>(
        &mut self,
        p: &mut Packet<'a>,
        bytes: &'a [u8],
        len: usize,
        type_at: usize,
        too_small: Event,
    ) {
        match (be16(bytes, type_at), bytes.get(len..)) {
            (Some(kind), Some(rest)) => {
                self.ethertype(p, kind, rest, len);
            }
            _ => p.fail(too_small),
        }
    }

    /// A tag of fixed length that ends with the type of what follows. `events`: the tag is too
    /// short, the type is not known.
    fn skip_tag<'a>(
        &mut self,
        p: &mut Packet<'a>,
        bytes: &'a [u8],
        at: usize,
        len: usize,
        events: [Event; 2],
    ) {
        if !self.enter(p) {
            return;
        }
        match (be16(bytes, len.saturating_sub(2)), bytes.get(len..)) {
            (Some(kind), Some(rest)) => {
                if !self.ethertype(p, kind, rest, at + len) {
                    p.note(events[1]);
                }
            }
            _ => p.fail(events[0]),
        }
    }

    /// Network service header (RFC 8300).
    fn nsh<'a>(&mut self, p: &mut Packet<'a>, bytes: &'a [u8], at: usize) {
        if !self.enter(p) {
            return;
        }
        let (Some(word), Some(&[_, _, _, next])) = (be16(bytes, 0), bytes.first_chunk::<4>()) else {
            p.fail(Event::NshHeaderTooSmall);
            return;
        };
        if word >> 14 != 0 {
            p.fail(Event::NshUnsupportedVersion);
            return;
        }
        // Base and service path headers are 8 bytes; the length counts words of four.
        let len = usize::from(word & 0x3f) * 4;
        let Some(rest) = bytes.get(len..).filter(|_| len >= 8) else {
            p.fail(Event::NshBadHeaderLength);
            return;
        };
        let at = at + len;
        match next {
            1 => self.ipv4(p, rest, at),
            2 => self.ipv6(p, rest, at),
            3 => self.ethernet(p, rest, at),
            4 | 5 => p.note(Event::NshUnsupportedType),
            0 | 254 | 255 => p.note(Event::NshReservedType),
            _ => p.note(Event::NshUnknownPayload),
        }
    }

    /// Provider backbone bridging: service tag, then a whole Ethernet header.
    fn ieee8021ah<'a>(&mut self, p: &mut Packet<'a>, bytes: &'a [u8], at: usize) {
        if !self.enter(p) {
            return;
        }
        match (be16(bytes, 16), bytes.get(18..)) {
            (Some(kind), Some(rest)) => {
                self.ethertype(p, kind, rest, at + 18);
            }
            _ => p.fail(Event::Ieee8021ahHeaderTooSmall),
        }
    }

    pub(super) fn vlan<'a>(&mut self, p: &mut Packet<'a>, bytes: &'a [u8], at: usize) {
        if !self.enter(p) {
            return;
        }
        self.stats.vlan += 1;
        let (Some(tag), Some(kind), Some(rest)) = (be16(bytes, 0), be16(bytes, 2), bytes.get(4..)) else {
            p.fail(Event::VlanHeaderTooSmall);
            return;
        };
        if !p.vlans.push(tag) {
            p.fail(Event::VlanTooManyLayers);
            return;
        }
        if !self.ethertype(p, kind, rest, at + 4) {
            p.note(Event::VlanUnknownType);
        }
    }

    fn arp<'a>(&mut self, p: &mut Packet<'a>, bytes: &'a [u8], at: usize) {
        self.stats.arp += 1;
        p.network_offset = at;
        let Some(arp) = Arp::parse(bytes) else {
            p.fail(Event::ArpPktTooSmall);
            return;
        };
        let problem = if arp.hardware_type() != 1 {
            Some(Event::ArpUnsupportedHardware)
        } else if arp.protocol_type() != ethertype::IPV4 {
            Some(Event::ArpUnsupportedProtocol)
        } else if arp.hardware_size() != 6 {
            Some(Event::ArpInvalidHardwareSize)
        } else if arp.protocol_size() != 4 {
            Some(Event::ArpInvalidProtocolSize)
        } else if !(1..=9).contains(&arp.opcode()) {
            Some(Event::ArpUnsupportedOpcode)
        } else {
            None
        };
        match problem {
            Some(event) => p.fail(event),
            None => p.network = Network::Arp(arp),
        }
    }

    fn null<'a>(&mut self, p: &mut Packet<'a>, bytes: &'a [u8]) {
        let (Some(family), Some(rest)) = (be32(bytes, 0), bytes.get(4..)) else {
            p.fail(Event::LtnullPktTooSmall);
            return;
        };
        // NULL is in the byte order of the machine that captured, LOOP in network order.
        let family = if family > 0xffff { family.swap_bytes() } else { family };
        match family {
            2 => self.ipv4(p, rest, 4),
            10 | 24 | 28 | 30 => self.ipv6(p, rest, 4),
            _ => p.fail(Event::LtnullUnsupportedType),
        }
    }

    pub(super) fn ppp<'a>(&mut self, p: &mut Packet<'a>, bytes: &'a [u8], at: usize) {
        if !self.enter(p) {
            return;
        }
        // RFC 1661: address and control may be left out, the protocol may be one (odd) byte.
        let (bytes, at) = match bytes {
            [0xff, 0x03, rest @ ..] => (rest, at + 2),
            other => (other, at),
        };
        match *bytes {
            [] => p.fail(Event::PppPktTooSmall),
            [short, ref rest @ ..] if short & 1 == 1 => {
                self.ppp_protocol(p, u16::from(short), rest, at + 1);
            }
            [_] => p.fail(Event::PppPktTooSmall),
            [high, low, ref rest @ ..] => {
                self.ppp_protocol(p, u16::from_be_bytes([high, low]), rest, at + 2);
            }
        }
    }

    fn ppp_protocol<'a>(&mut self, p: &mut Packet<'a>, kind: u16, bytes: &'a [u8], at: usize) {
        match kind {
            0x0021 if bytes.len() < 20 => p.fail(Event::PppIp4PktTooSmall),
            0x0021 => self.ipv4(p, bytes, at),
            0x0057 if bytes.len() < 40 => p.fail(Event::PppIp6PktTooSmall),
            0x0057 => self.ipv6(p, bytes, at),
            // Van Jacobson, uncompressed: an IPv4 header whose protocol field names the slot.
            0x002f if bytes.len() < 20 => p.fail(Event::PppVjuPktTooSmall),
            0x002f if bytes.first().is_some_and(|b| b >> 4 == 4) => self.ipv4(p, bytes, at),
            0x0281 | 0x0283 => self.mpls(p, bytes, at),
            // Link and network control (RFC 1661): nothing to look into.
            0x8000..=0xffff => {}
            // Compressed or of networks long gone: it cannot be looked into.
            0x0003..=0x00fd | 0x0201 | 0x0203 => p.fail(Event::PppUnsupProto),
            _ => p.fail(Event::PppWrongType),
        }
    }

    fn pppoe_session<'a>(&mut self, p: &mut Packet<'a>, bytes: &'a [u8], at: usize) {
        self.stats.pppoe += 1;
        let (Some(code), Some(rest)) = (bytes.get(1), bytes.get(6..)) else {
            p.fail(Event::PppoePktTooSmall);
            return;
        };
        if *code != 0 {
            p.note(Event::PppoeWrongCode);
        }
        if rest.is_empty() {
            p.fail(Event::PppoePktTooSmall);
            return;
        }
        self.ppp(p, rest, at + 6);
    }

    /// Discovery carries only tags: they are checked, nothing more.
    fn pppoe_discovery(&mut self, p: &mut Packet<'_>, bytes: &[u8]) {
        self.stats.pppoe += 1;
        let (Some(code), Some(len), Some(rest)) = (bytes.get(1), be16(bytes, 4), bytes.get(6..)) else {
            p.fail(Event::PppoePktTooSmall);
            return;
        };
        // PADI, PADO, PADR, PADS, PADT.
        if !matches!(code, 0x09 | 0x07 | 0x19 | 0x65 | 0xa7) {
            p.fail(Event::PppoeWrongCode);
            return;
        }
        let Some(mut tags) = rest.get(..usize::from(len)) else {
            p.fail(Event::PppoePktTooSmall);
            return;
        };
        while tags.len() >= 4 {
            let tag_len = be16(tags, 2).map_or(0, usize::from);
            match tags.get(4 + tag_len..) {
                Some(next) => tags = next,
                None => {
                    p.note(Event::PppoeMalformedTags);
                    return;
                }
            }
        }
    }

    fn mpls<'a>(&mut self, p: &mut Packet<'a>, mut bytes: &'a [u8], mut at: usize) {
        self.stats.mpls += 1;
        let label = loop {
            if !self.enter(p) {
                return;
            }
            let (Some(entry), Some(rest)) = (be32(bytes, 0), bytes.get(4..)) else {
                p.fail(Event::MplsHeaderTooSmall);
                return;
            };
            bytes = rest;
            at += 4;
            if entry & 0x100 != 0 {
                break entry >> 12;
            }
        };
        match label {
            0 => self.ipv4(p, bytes, at),
            1 => p.fail(Event::MplsBadLabelRouterAlert),
            2 => self.ipv6(p, bytes, at),
            3 => p.fail(Event::MplsBadLabelImplicitNull),
            4..=15 => p.fail(Event::MplsBadLabelReserved),
            _ => self.mpls_payload(p, bytes, at),
        }
    }

    /// MPLS does not say what it carries: the first four bits tell.
    fn mpls_payload<'a>(&mut self, p: &mut Packet<'a>, bytes: &'a [u8], at: usize) {
        match bytes.first().map(|b| b >> 4) {
            None => p.fail(Event::MplsPktTooSmall),
            Some(4) => self.ipv4(p, bytes, at),
            Some(6) => self.ipv6(p, bytes, at),
            // A pseudowire control word, then Ethernet.
            Some(0) => match bytes.get(4..) {
                Some(rest) => self.ethernet(p, rest, at + 4),
                None => p.fail(Event::MplsPktTooSmall),
            },
            Some(_) => {
                p.note(Event::MplsUnknownPayloadType);
            }
        }
    }

    /// Ethernet inside a tunnel that is only guessed from its port.
    pub(super) fn tentative_ethernet<'a>(
        &mut self,
        p: &mut Packet<'a>,
        kind: TunnelKind,
        bytes: &'a [u8],
    ) -> bool {
        self.tunnel(p, kind, bytes, true, TunnelContent::Ethernet)
    }
}
