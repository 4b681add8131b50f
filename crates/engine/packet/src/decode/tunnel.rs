//! Tunnels: GRE, ERSPAN, Teredo, VXLAN, GENEVE.

use super::link::ethertype;
use super::{TunnelContent, Walk};
use crate::event::DecodeEvent as Event;
use crate::packet::{Packet, Transport, TunnelKind};
use crate::reader::{be16, be32};

impl Walk<'_> {
    pub(super) fn gre<'a>(&mut self, p: &mut Packet<'a>, bytes: &'a [u8], at: usize) {
        self.stats.gre += 1;
        p.transport_offset = at;
        let (Some(flags), Some(protocol)) = (be16(bytes, 0), be16(bytes, 2)) else {
            p.fail(Event::GrePktTooSmall);
            return;
        };
        let parsed = match flags & 7 {
            0 => gre_v0_header_len(flags, bytes),
            1 => gre_v1_header_len(flags, protocol),
            _ => Err(Event::GreWrongVersion),
        };
        let header_len = match parsed {
            Ok(len) => len,
            Err(event) => {
                p.fail(event);
                return;
            }
        };
        let Some((header, content)) = bytes.split_at_checked(header_len) else {
            p.fail(if flags & 7 == 0 { Event::GreVersion0HdrTooBig } else { Event::GreVersion1HdrTooBig });
            return;
        };
        p.transport = Transport::Gre { header };
        p.payload = content;
        p.payload_offset = at + header_len;
        let (kind, content, what) = match protocol {
            ethertype::IPV4 => (TunnelKind::Gre, content, TunnelContent::Ipv4),
            ethertype::IPV6 => (TunnelKind::Gre, content, TunnelContent::Ipv6),
            ethertype::PPP => (TunnelKind::Gre, content, TunnelContent::Ppp),
            ethertype::VLAN => (TunnelKind::Gre, content, TunnelContent::Vlan),
            ethertype::BRIDGE => (TunnelKind::Gre, content, TunnelContent::Ethernet),
            ethertype::ERSPAN => match self.erspan(p, flags & 0x1000 != 0, content) {
                Some(frame) => (TunnelKind::Erspan, frame, TunnelContent::Ethernet),
                None => return,
            },
            _ => return,
        };
        if !content.is_empty() {
            self.tunnel(p, kind, content, false, what);
        }
    }

    /// ERSPAN type I has no header (GRE without sequence number), type II has 8 bytes.
    fn erspan<'a>(&mut self, p: &mut Packet<'_>, with_header: bool, bytes: &'a [u8]) -> Option<&'a [u8]> {
        self.stats.erspan += 1;
        if !with_header {
            return Some(bytes);
        }
        let (Some(word), Some(frame)) = (be16(bytes, 0), bytes.get(8..)) else {
            p.fail(Event::ErspanHeaderTooSmall);
            return None;
        };
        if word >> 12 != 1 {
            p.fail(Event::ErspanUnsupportedVersion);
            return None;
        }
        let vlan = word & 0x0fff;
        if vlan != 0 && !p.vlans.push(vlan) {
            p.fail(Event::ErspanTooManyVlanLayers);
            return None;
        }
        Some(frame)
    }

    /// Looks for tunnels by UDP port. What does not decode as a tunnel is plain UDP.
    pub(super) fn udp_tunnel<'a>(
        &mut self,
        p: &mut Packet<'a>,
        src_port: u16,
        dst_port: u16,
        payload: &'a [u8],
    ) {
        let config = self.config;
        if config.teredo_ports.contains(&src_port) || config.teredo_ports.contains(&dst_port) {
            self.teredo(p, payload);
        } else if config.vxlan_ports.contains(&dst_port) {
            self.vxlan(p, payload);
        } else if config.geneve_ports.contains(&dst_port) {
            self.geneve(p, payload);
        }
    }

    /// RFC 4380: an optional authentication and origin header, then IPv6.
    fn teredo<'a>(&mut self, p: &mut Packet<'a>, mut bytes: &'a [u8]) {
        if let Some([0, 1, id_len, auth_len]) = bytes.first_chunk::<4>() {
            let len = 13 + usize::from(*id_len) + usize::from(*auth_len);
            bytes = bytes.get(len..).unwrap_or(&[]);
        }
        if let Some([0, 0]) = bytes.first_chunk::<2>() {
            bytes = bytes.get(8..).unwrap_or(&[]);
        }
        let Some(header) = bytes.first_chunk::<40>() else {
            return;
        };
        let len = usize::from(u16::from_be_bytes([header[4], header[5]])) + 40;
        if header[0] >> 4 == 6
            && len == bytes.len()
            && self.tunnel(p, TunnelKind::Teredo, bytes, true, TunnelContent::Ipv6)
        {
            self.stats.teredo += 1;
        }
    }

    /// RFC 7348.
    fn vxlan<'a>(&mut self, p: &mut Packet<'a>, bytes: &'a [u8]) {
        let (Some(word), Some(frame)) = (be32(bytes, 0), bytes.get(8..)) else {
            return;
        };
        // The flag "VNI is valid"; its neighbours are reserved or of extensions.
        if word & 0x0800_0000 == 0 {
            return;
        }
        if self.tentative_ethernet(p, TunnelKind::Vxlan, frame) {
            self.stats.vxlan += 1;
        } else {
            p.note(Event::VxlanUnknownPayloadType);
        }
    }

    /// RFC 8926.
    fn geneve<'a>(&mut self, p: &mut Packet<'a>, bytes: &'a [u8]) {
        let (Some(word), Some(protocol)) = (be16(bytes, 0), be16(bytes, 2)) else {
            return;
        };
        let options_len = usize::from((word >> 8) & 0x3f) * 4;
        if word >> 14 != 0 {
            return;
        }
        let Some(content) = bytes.get(8 + options_len..) else {
            return;
        };
        let what = match protocol {
            ethertype::BRIDGE => TunnelContent::Ethernet,
            ethertype::IPV4 => TunnelContent::Ipv4,
            ethertype::IPV6 => TunnelContent::Ipv6,
            _ => {
                p.note(Event::GeneveUnknownPayloadType);
                return;
            }
        };
        if self.tunnel(p, TunnelKind::Geneve, content, true, what) {
            self.stats.geneve += 1;
        }
    }
}

/// RFC 1701 and 2784: checksum and routing share a field, then key, sequence, source routes.
fn gre_v0_header_len(flags: u16, bytes: &[u8]) -> Result<usize, Event> {
    if flags & 0x0700 != 0 {
        return Err(Event::GreVersion0Recur);
    }
    if flags & 0x00f8 != 0 {
        return Err(Event::GreVersion0Flags);
    }
    let routing = flags & 0x4000 != 0;
    let mut len = 4;
    if flags & 0x8000 != 0 || routing {
        len += 4;
    }
    if flags & 0x2000 != 0 {
        len += 4;
    }
    if flags & 0x1000 != 0 {
        len += 4;
    }
    if routing {
        // Entries of a 4-byte head and its data, until an empty one.
        loop {
            let head = be32(bytes, len).ok_or(Event::GreVersion0HdrTooBig)?;
            len += 4;
            let entry = usize::try_from(head & 0xff).unwrap_or(0);
            if head == 0 {
                break;
            }
            if entry == 0 || len + entry > bytes.len() {
                return Err(Event::GreVersion0MalformedSreHdr);
            }
            len += entry;
        }
    }
    Ok(len)
}

/// RFC 2637 (PPTP).
fn gre_v1_header_len(flags: u16, protocol: u16) -> Result<usize, Event> {
    if flags & 0x8000 != 0 {
        return Err(Event::GreVersion1Chksum);
    }
    if flags & 0x4000 != 0 {
        return Err(Event::GreVersion1Route);
    }
    if flags & 0x0800 != 0 {
        return Err(Event::GreVersion1Ssr);
    }
    if flags & 0x0700 != 0 {
        return Err(Event::GreVersion1Recur);
    }
    if flags & 0x0078 != 0 {
        return Err(Event::GreVersion1Flags);
    }
    if flags & 0x2000 == 0 {
        return Err(Event::GreVersion1NoKey);
    }
    if protocol != ethertype::PPP {
        return Err(Event::GreVersion1WrongProtocol);
    }
    let sequence = usize::from(flags & 0x1000 != 0) * 4;
    let acknowledgement = usize::from(flags & 0x0080 != 0) * 4;
    Ok(8 + sequence + acknowledgement)
}
