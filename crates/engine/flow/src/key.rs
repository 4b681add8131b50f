//! What makes two packets belong to one flow.

use std::net::IpAddr;

use mimamori_packet::{InnerPacket, Packet, Transport, VlanTags};

/// Addresses, ports, protocol, VLANs and tunnel depth as the flow's first packet had them:
/// source is the client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FlowKey {
    pub src: IpAddr,
    pub dst: IpAddr,
    /// ICMP: type and code stand here for the first packet (`src_port` type, `dst_port` code).
    pub src_port: u16,
    pub dst_port: u16,
    pub protocol: u8,
    pub vlans: VlanTags,
    pub tunnel_depth: u8,
    /// ESP: the SPI. ICMP echo: the identifier.
    pub discriminator: u32,
}

impl FlowKey {
    #[must_use]
    pub fn reversed(&self) -> FlowKey {
        FlowKey {
            src: self.dst,
            dst: self.src,
            src_port: self.dst_port,
            dst_port: self.src_port,
            ..*self
        }
    }
}
