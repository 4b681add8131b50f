//! ICMPv4 and ICMPv6 view, with the packet that an error message quotes.

use std::net::IpAddr;

/// An ICMP header of at least 8 bytes (4 for messages without a body).
#[derive(Clone, Copy, Debug)]
pub struct IcmpView<'a> {
    pub icmp_type: u8,
    pub code: u8,
    /// From the type on, to the end of the message.
    pub bytes: &'a [u8],
    /// How many of `bytes` are the header (8 as a rule).
    pub header_len: u8,
    /// Identifier and sequence number, for messages that have them (echo, timestamp …).
    pub id_seq: Option<(u16, u16)>,
    /// MTU of "packet too big" (v6) and "fragmentation needed" (v4).
    pub mtu: Option<u32>,
    /// The packet quoted by an error message.
    pub inner: Option<InnerPacket>,
}

impl<'a> IcmpView<'a> {
    #[must_use]
    pub fn header_bytes(&self) -> &'a [u8] {
        self.bytes.get(..usize::from(self.header_len)).unwrap_or(self.bytes)
    }
}

/// Addresses, protocol and ports of the packet that an ICMP error quotes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InnerPacket {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub protocol: u8,
    /// Zeros where the quoted packet has none.
    pub src_port: u16,
    pub dst_port: u16,
}
