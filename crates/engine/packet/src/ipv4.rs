//! IPv4 header view and its options.

use std::net::Ipv4Addr;

use crate::packet::FragmentInfo;

/// A complete IPv4 header.
#[derive(Clone, Copy, Debug)]
pub struct Ipv4View<'a> {
    fixed: &'a [u8; 20],
    header: &'a [u8],
    /// Bytes after the header, without trailing padding of the link.
    pub payload: &'a [u8],
    /// Which options the header carries, for the `ipopts` keyword.
    pub options: Ipv4Options,
}

/// Options present in an IPv4 header.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Ipv4Options(pub u16);

impl Ipv4Options {
    pub const EOL: Ipv4Options = Ipv4Options(1);
    pub const NOP: Ipv4Options = Ipv4Options(1 << 1);
    pub const RECORD_ROUTE: Ipv4Options = Ipv4Options(1 << 2);
    pub const TIMESTAMP: Ipv4Options = Ipv4Options(1 << 3);
    pub const SECURITY: Ipv4Options = Ipv4Options(1 << 4);
    pub const EXTENDED_SECURITY: Ipv4Options = Ipv4Options(1 << 5);
    pub const LOOSE_SOURCE_ROUTE: Ipv4Options = Ipv4Options(1 << 6);
    pub const STRICT_SOURCE_ROUTE: Ipv4Options = Ipv4Options(1 << 7);
    pub const STREAM_ID: Ipv4Options = Ipv4Options(1 << 8);
    pub const CIPSO: Ipv4Options = Ipv4Options(1 << 9);
    pub const ROUTER_ALERT: Ipv4Options = Ipv4Options(1 << 10);

    #[must_use]
    pub fn contains(self, other: Ipv4Options) -> bool {
        self.0 & other.0 == other.0
    }

    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn insert(&mut self, other: Ipv4Options) {
        self.0 |= other.0;
    }
}

impl<'a> Ipv4View<'a> {
    pub(crate) fn new(
        fixed: &'a [u8; 20],
        header: &'a [u8],
        payload: &'a [u8],
        options: Ipv4Options,
    ) -> Self {
        Ipv4View { fixed, header, payload, options }
    }

    /// The header with its options.
    #[must_use]
    pub fn header_bytes(&self) -> &'a [u8] {
        self.header
    }

    #[must_use]
    pub fn option_bytes(&self) -> &'a [u8] {
        self.header.get(20..).unwrap_or(&[])
    }

    #[must_use]
    pub fn tos(&self) -> u8 {
        self.fixed[1]
    }

    #[must_use]
    pub fn total_len(&self) -> u16 {
        u16::from_be_bytes([self.fixed[2], self.fixed[3]])
    }

    #[must_use]
    pub fn id(&self) -> u16 {
        u16::from_be_bytes([self.fixed[4], self.fixed[5]])
    }

    #[must_use]
    pub fn reserved_bit(&self) -> bool {
        self.fixed[6] & 0x80 != 0
    }

    #[must_use]
    pub fn dont_fragment(&self) -> bool {
        self.fixed[6] & 0x40 != 0
    }

    #[must_use]
    pub fn more_fragments(&self) -> bool {
        self.fixed[6] & 0x20 != 0
    }

    /// In units of 8 bytes, as `fragoffset` compares it.
    #[must_use]
    pub fn fragment_offset_units(&self) -> u16 {
        u16::from_be_bytes([self.fixed[6], self.fixed[7]]) & 0x1fff
    }

    #[must_use]
    pub fn ttl(&self) -> u8 {
        self.fixed[8]
    }

    #[must_use]
    pub fn protocol(&self) -> u8 {
        self.fixed[9]
    }

    #[must_use]
    pub fn src(&self) -> Ipv4Addr {
        Ipv4Addr::new(self.fixed[12], self.fixed[13], self.fixed[14], self.fixed[15])
    }

    #[must_use]
    pub fn dst(&self) -> Ipv4Addr {
        Ipv4Addr::new(self.fixed[16], self.fixed[17], self.fixed[18], self.fixed[19])
    }

    /// `None` when the packet is whole.
    #[must_use]
    pub fn fragment(&self) -> Option<FragmentInfo> {
        let offset = self.fragment_offset_units();
        (offset != 0 || self.more_fragments()).then(|| FragmentInfo {
            id: u32::from(self.id()),
            offset: offset.saturating_mul(8),
            more: self.more_fragments(),
            protocol: self.protocol(),
        })
    }
}
