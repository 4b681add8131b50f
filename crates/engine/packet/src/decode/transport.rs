//! TCP, UDP, ICMP, SCTP, ESP.

use std::net::IpAddr;

use super::Walk;
use crate::event::DecodeEvent as Event;
use crate::icmp::{IcmpView, InnerPacket};
use crate::packet::{Packet, Transport};
use crate::reader::{be16, be32};
use crate::tcp::TcpView;
use crate::udp::UdpView;

impl Walk<'_> {
    pub(super) fn tcp<'a>(&mut self, p: &mut Packet<'a>, bytes: &'a [u8], at: usize) {
        self.stats.tcp += 1;
        p.transport_offset = at;
        match TcpView::parse(bytes, &mut p.events) {
            Ok((view, payload)) => {
                p.payload_offset = at + view.header_bytes().len();
                p.payload = payload;
                p.transport = Transport::Tcp(view);
            }
            Err(event) => p.fail(event),
        }
    }

    pub(super) fn udp<'a>(&mut self, p: &mut Packet<'a>, bytes: &'a [u8], at: usize) {
        self.stats.udp += 1;
        p.transport_offset = at;
        let Some(fixed) = bytes.first_chunk::<8>() else {
            p.fail(Event::UdpHlenTooSmall);
            return;
        };
        let view = UdpView::new(fixed);
        let len = usize::from(view.len_field());
        if len > bytes.len() {
            p.fail(Event::UdpPktTooSmall);
            return;
        }
        if len < 8 {
            p.fail(Event::UdpLenInvalid);
            return;
        }
        if len != bytes.len() {
            p.note(Event::UdpHlenInvalid);
        }
        let payload = bytes.get(8..len).unwrap_or(&[]);
        p.transport = Transport::Udp(view);
        p.payload = payload;
        p.payload_offset = at + 8;
        self.udp_tunnel(p, view.src_port(), view.dst_port(), payload);
    }

    pub(super) fn sctp<'a>(&mut self, p: &mut Packet<'a>, bytes: &'a [u8], at: usize) {
        self.stats.sctp += 1;
        p.transport_offset = at;
        match (be16(bytes, 0), be16(bytes, 2), bytes.split_at_checked(12)) {
            (Some(src_port), Some(dst_port), Some((_, payload))) => {
                p.transport = Transport::Sctp { src_port, dst_port, whole: bytes };
                p.payload = payload;
                p.payload_offset = at + 12;
            }
            _ => p.fail(Event::SctpPktTooSmall),
        }
    }

    pub(super) fn esp<'a>(&mut self, p: &mut Packet<'a>, bytes: &'a [u8]) {
        self.stats.esp += 1;
        match be32(bytes, 0) {
            Some(spi) if bytes.len() >= 8 => p.transport = Transport::Esp { spi },
            _ => p.fail(Event::EspPktTooSmall),
        }
    }

    pub(super) fn icmpv4<'a>(&mut self, p: &mut Packet<'a>, bytes: &'a [u8], at: usize) {
        self.stats.icmpv4 += 1;
        p.transport_offset = at;
        let (Some(&[icmp_type, code, ..]), Some(payload)) = (bytes.first_chunk::<4>(), bytes.get(8..)) else {
            p.fail(Event::Icmpv4PktTooSmall);
            return;
        };
        // The highest code of each known type; RFC 792 and IANA's list.
        let highest_code = match icmp_type {
            0 | 4 | 8 | 10 | 13..=18 => Some(0),
            3 => Some(15),
            5 => Some(3),
            9 => Some(16),
            11 => Some(1),
            12 => Some(2),
            30..=39 => Some(255),
            40 => Some(9),
            42 => Some(0),
            43 => Some(4),
            _ => None,
        };
        match highest_code {
            None => p.note(Event::Icmpv4UnknownType),
            Some(highest) if code > highest => p.note(Event::Icmpv4UnknownCode),
            Some(_) => {}
        }
        let is_error = matches!(icmp_type, 3 | 4 | 5 | 11 | 12);
        let inner = if is_error { self.quoted_v4(p, payload) } else { None };
        let echo = matches!(icmp_type, 0 | 8 | 10 | 13..=18 | 42 | 43);
        p.transport = Transport::Icmpv4(IcmpView {
            icmp_type,
            code,
            bytes,
            header_len: icmpv4_header_len(icmp_type, bytes),
            id_seq: echo.then(|| (be16(bytes, 4).unwrap_or(0), be16(bytes, 6).unwrap_or(0))),
            mtu: (icmp_type == 3 && code == 4).then(|| be16(bytes, 6).map_or(0, u32::from)),
            inner,
        });
        p.payload = payload;
        p.payload_offset = at + 8;
    }

    fn quoted_v4(&mut self, p: &mut Packet<'_>, bytes: &[u8]) -> Option<InnerPacket> {
        if bytes.is_empty() {
            return None;
        }
        let Some(header) = bytes.first_chunk::<20>() else {
            p.note(Event::Icmpv4Ipv4TruncPkt);
            return None;
        };
        if header[0] >> 4 != 4 {
            p.note(Event::Icmpv4Ipv4UnknownVer);
            return None;
        }
        let rest = bytes.get(usize::from(header[0] & 0x0f) * 4..).unwrap_or(&[]);
        Some(quoted(
            IpAddr::from([header[12], header[13], header[14], header[15]]),
            IpAddr::from([header[16], header[17], header[18], header[19]]),
            header[9],
            rest,
        ))
    }

    pub(super) fn icmpv6<'a>(&mut self, p: &mut Packet<'a>, bytes: &'a [u8], at: usize) {
        self.stats.icmpv6 += 1;
        p.transport_offset = at;
        let (Some(&[icmp_type, code, ..]), Some(payload)) = (bytes.first_chunk::<4>(), bytes.get(8..)) else {
            p.fail(Event::Icmpv6PktTooSmall);
            return;
        };
        self.icmpv6_type_events(p, icmp_type, code);
        let inner = if icmp_type < 128 { self.quoted_v6(p, payload) } else { None };
        let echo = matches!(icmp_type, 128 | 129);
        p.transport = Transport::Icmpv6(IcmpView {
            icmp_type,
            code,
            bytes,
            header_len: 8,
            id_seq: echo.then(|| (be16(bytes, 4).unwrap_or(0), be16(bytes, 6).unwrap_or(0))),
            mtu: (icmp_type == 2).then(|| be32(bytes, 4).unwrap_or(0)),
            inner,
        });
        p.payload = payload;
        p.payload_offset = at + 8;
    }

    fn icmpv6_type_events(&mut self, p: &mut Packet<'_>, icmp_type: u8, code: u8) {
        let highest_code = match icmp_type {
            1 => 6,
            2 | 128..=137 | 139..=153 => match icmp_type {
                138 => 255,
                139 | 140 => 2,
                _ => 0,
            },
            3 => 1,
            4 => 2,
            138 => 255,
            100 | 101 | 200 | 201 => {
                p.note(Event::Icmpv6ExperimentationType);
                return;
            }
            5..=99 | 102..=126 => {
                p.note(Event::Icmpv6UnassignedType);
                return;
            }
            154..=199 | 202..=254 => {
                p.note(Event::Icmpv6UnassignedType);
                return;
            }
            0 | 127 | 255 => {
                p.note(Event::Icmpv6UnknownType);
                return;
            }
        };
        if code > highest_code {
            p.note(Event::Icmpv6UnknownCode);
        }
        // Multicast listener messages must not have travelled (RFC 2710, RFC 3810).
        let listener = matches!(icmp_type, 130..=132 | 143);
        if listener && p.ipv6().is_some_and(|v| v.hop_limit() != 1) {
            p.note(Event::Icmpv6MldMessageWithInvalidHl);
        }
    }

    fn quoted_v6(&mut self, p: &mut Packet<'_>, bytes: &[u8]) -> Option<InnerPacket> {
        let Some(header) = bytes.first_chunk::<40>() else {
            if !bytes.is_empty() {
                p.note(Event::Icmpv6Ipv6TruncPkt);
            }
            return None;
        };
        if header[0] >> 4 != 6 {
            p.note(Event::Icmpv6Ipv6UnknownVersion);
            return None;
        }
        let address = |at: usize| {
            let octets: [u8; 16] =
                header.get(at..).and_then(|b| b.first_chunk()).copied().unwrap_or_default();
            IpAddr::from(octets)
        };
        let rest = bytes.get(40..).unwrap_or(&[]);
        Some(quoted(address(8), address(24), header[6], rest))
    }
}

fn quoted(src: IpAddr, dst: IpAddr, protocol: u8, rest: &[u8]) -> InnerPacket {
    let ports = match protocol {
        6 | 17 | 132 => be16(rest, 0).zip(be16(rest, 2)),
        _ => None,
    };
    let (src_port, dst_port) = ports.unwrap_or((0, 0));
    InnerPacket { src, dst, protocol, src_port, dst_port }
}

/// Header of a message of `icmp_type` (RFC 792, 950, 1256): the fixed fields of its kind.
fn icmpv4_header_len(icmp_type: u8, bytes: &[u8]) -> u8 {
    let length = match (icmp_type, bytes) {
        // Router advertisement: so many entries of so many 32-bit words.
        (9, [_, _, _, _, entries, words, ..]) => 8 + usize::from(*entries) * usize::from(*words) * 4,
        (13 | 14, _) => 20,
        (17 | 18, _) => 12,
        _ => 8,
    };
    if length > bytes.len() { 8 } else { u8::try_from(length).unwrap_or(8) }
}
