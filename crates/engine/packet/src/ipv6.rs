//! IPv6 header view and what its extension headers say.

use std::net::Ipv6Addr;

use crate::packet::FragmentInfo;

/// A complete IPv6 header with its chain of extension headers walked.
#[derive(Clone, Copy, Debug)]
pub struct Ipv6View<'a> {
    fixed: &'a [u8; 40],
    /// Extension headers, as they stand.
    pub extensions: &'a [u8],
    /// Bytes after the extension headers.
    pub payload: &'a [u8],
    /// Protocol after the extension headers.
    pub protocol: u8,
    pub fragment: Option<FragmentInfo>,
    /// Where the fragment header begins, from the IPv6 header on.
    pub fragment_header_offset: Option<u16>,
    pub seen: Ipv6Extensions,
}

/// Which extension headers the chain holds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Ipv6Extensions(pub u8);

impl Ipv6Extensions {
    pub const HOP_BY_HOP: u8 = 1;
    pub const ROUTING: u8 = 2;
    pub const FRAGMENT: u8 = 4;
    pub const DESTINATION: u8 = 8;
    pub const AUTHENTICATION: u8 = 16;
    pub const ESP: u8 = 32;

    #[must_use]
    pub fn contains(self, header: u8) -> bool {
        self.0 & header != 0
    }
}

impl<'a> Ipv6View<'a> {
    pub(crate) fn new(fixed: &'a [u8; 40], payload: &'a [u8]) -> Self {
        Ipv6View {
            fixed,
            extensions: &[],
            payload,
            protocol: fixed[6],
            fragment: None,
            fragment_header_offset: None,
            seen: Ipv6Extensions::default(),
        }
    }

    /// The fixed header.
    #[must_use]
    pub fn header_bytes(&self) -> &'a [u8; 40] {
        self.fixed
    }

    #[must_use]
    pub fn traffic_class(&self) -> u8 {
        (self.fixed[0] << 4) | (self.fixed[1] >> 4)
    }

    #[must_use]
    pub fn flow_label(&self) -> u32 {
        u32::from_be_bytes([0, self.fixed[1] & 0x0f, self.fixed[2], self.fixed[3]])
    }

    #[must_use]
    pub fn payload_len(&self) -> u16 {
        u16::from_be_bytes([self.fixed[4], self.fixed[5]])
    }

    /// The protocol field of the fixed header.
    #[must_use]
    pub fn next_header(&self) -> u8 {
        self.fixed[6]
    }

    #[must_use]
    pub fn hop_limit(&self) -> u8 {
        self.fixed[7]
    }

    #[must_use]
    pub fn src(&self) -> Ipv6Addr {
        address(self.fixed, 8)
    }

    #[must_use]
    pub fn dst(&self) -> Ipv6Addr {
        address(self.fixed, 24)
    }
}

fn address(fixed: &[u8; 40], at: usize) -> Ipv6Addr {
    let octets = fixed.get(at..).and_then(|b| b.first_chunk::<16>()).copied().unwrap_or_default();
    Ipv6Addr::from(octets)
}
