//! Link layer: link types of captures, Ethernet, VLAN tags, ARP.

use std::net::Ipv4Addr;

/// Link type of a capture, by the numbers of the pcap format.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct LinkType(pub i32);

impl LinkType {
    pub const NULL: LinkType = LinkType(0);
    pub const ETHERNET: LinkType = LinkType(1);
    pub const PPP: LinkType = LinkType(9);
    pub const RAW_BSD: LinkType = LinkType(12);
    pub const RAW_OPENBSD: LinkType = LinkType(14);
    pub const RAW: LinkType = LinkType(101);
    pub const CISCO_HDLC: LinkType = LinkType(104);
    pub const LOOP: LinkType = LinkType(108);
    pub const LINUX_SLL: LinkType = LinkType(113);
    pub const PPP_DIR: LinkType = LinkType(204);
    pub const IPV4: LinkType = LinkType(228);
    pub const IPV6: LinkType = LinkType(229);
    pub const LINUX_SLL2: LinkType = LinkType(276);

    /// The name as the EVE log writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            LinkType::NULL => "NULL",
            LinkType::ETHERNET => "EN10MB",
            LinkType::PPP | LinkType::PPP_DIR => "PPP",
            LinkType::RAW_BSD | LinkType::RAW_OPENBSD | LinkType::RAW => "RAW",
            LinkType::CISCO_HDLC => "C_HDLC",
            LinkType::LOOP => "LOOP",
            LinkType::LINUX_SLL => "LINUX_SLL",
            LinkType::LINUX_SLL2 => "LINUX_SLL2",
            LinkType::IPV4 => "IPV4",
            LinkType::IPV6 => "IPV6",
            _ => "UNKNOWN",
        }
    }
}

/// An Ethernet header.
#[derive(Clone, Copy, Debug)]
pub struct Ethernet<'a> {
    header: &'a [u8; 14],
}

impl<'a> Ethernet<'a> {
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        bytes.first_chunk::<14>().map(|header| Ethernet { header })
    }

    #[must_use]
    pub fn dst(&self) -> [u8; 6] {
        let h = self.header;
        [h[0], h[1], h[2], h[3], h[4], h[5]]
    }

    #[must_use]
    pub fn src(&self) -> [u8; 6] {
        let h = self.header;
        [h[6], h[7], h[8], h[9], h[10], h[11]]
    }

    #[must_use]
    pub fn ethertype(&self) -> u16 {
        u16::from_be_bytes([self.header[12], self.header[13]])
    }

    #[must_use]
    pub fn header_bytes(&self) -> &'a [u8] {
        self.header
    }
}

/// Up to three VLAN identifiers (12 bits each), outermost first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord)]
pub struct VlanTags {
    ids: [u16; 3],
    layers: u8,
}

impl VlanTags {
    pub const MAX: usize = 3;

    /// Adds an inner tag; false when all layers are used.
    pub fn push(&mut self, id: u16) -> bool {
        match self.ids.get_mut(usize::from(self.layers)) {
            Some(slot) => {
                *slot = id & 0x0fff;
                self.layers += 1;
                true
            }
            None => false,
        }
    }

    #[must_use]
    pub fn ids(&self) -> &[u16] {
        self.ids.get(..usize::from(self.layers)).unwrap_or(&[])
    }

    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.layers)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.layers == 0
    }
}

/// An ARP message for Ethernet and IPv4.
#[derive(Clone, Copy, Debug)]
pub struct Arp<'a> {
    bytes: &'a [u8; 28],
}

impl<'a> Arp<'a> {
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        bytes.first_chunk::<28>().map(|bytes| Arp { bytes })
    }

    #[must_use]
    pub fn hardware_type(&self) -> u16 {
        u16::from_be_bytes([self.bytes[0], self.bytes[1]])
    }

    #[must_use]
    pub fn protocol_type(&self) -> u16 {
        u16::from_be_bytes([self.bytes[2], self.bytes[3]])
    }

    #[must_use]
    pub fn hardware_size(&self) -> u8 {
        self.bytes[4]
    }

    #[must_use]
    pub fn protocol_size(&self) -> u8 {
        self.bytes[5]
    }

    #[must_use]
    pub fn opcode(&self) -> u16 {
        u16::from_be_bytes([self.bytes[6], self.bytes[7]])
    }

    #[must_use]
    pub fn src_mac(&self) -> [u8; 6] {
        let b = self.bytes;
        [b[8], b[9], b[10], b[11], b[12], b[13]]
    }

    #[must_use]
    pub fn src_ip(&self) -> Ipv4Addr {
        let b = self.bytes;
        Ipv4Addr::new(b[14], b[15], b[16], b[17])
    }

    #[must_use]
    pub fn dst_mac(&self) -> [u8; 6] {
        let b = self.bytes;
        [b[18], b[19], b[20], b[21], b[22], b[23]]
    }

    #[must_use]
    pub fn dst_ip(&self) -> Ipv4Addr {
        let b = self.bytes;
        Ipv4Addr::new(b[24], b[25], b[26], b[27])
    }
}
