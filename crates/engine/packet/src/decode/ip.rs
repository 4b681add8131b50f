//! IPv4 and IPv6, fragments, IP in IP.

use super::{TunnelContent, Walk, ip_options};
use crate::event::DecodeEvent as Event;
use crate::ipv4::{Ipv4Options, Ipv4View};
use crate::ipv6::{Ipv6Extensions, Ipv6View};
use crate::packet::{FragmentInfo, Network, Origin, Packet, Transport, TunnelKind};
use crate::reader::{be16, be32};

impl Walk<'_> {
    pub(super) fn ipv4<'a>(&mut self, p: &mut Packet<'a>, bytes: &'a [u8], at: usize) {
        if !self.enter(p) {
            return;
        }
        self.stats.ipv4 += 1;
        p.network_offset = at;
        let view = match parse_ipv4(bytes, p) {
            Ok(view) => view,
            Err(event) => {
                p.fail(event);
                return;
            }
        };
        p.network = Network::Ipv4(view);
        p.payload = view.payload;
        p.payload_offset = at + view.header_bytes().len();
        p.transport_offset = p.payload_offset;
        if self.config.refuse_wrong_header_checksum && p.ipv4_checksum_ok() == Some(false) {
            p.invalid = true;
            p.damaged = true;
            return;
        }
        if let Some(fragment) = view.fragment() {
            self.fragment(p, fragment);
            return;
        }
        self.protocol(p, view.protocol(), view.payload, p.payload_offset);
    }

    pub(super) fn ipv6<'a>(&mut self, p: &mut Packet<'a>, bytes: &'a [u8], at: usize) {
        if !self.enter(p) {
            return;
        }
        self.stats.ipv6 += 1;
        p.network_offset = at;
        let Some(fixed) = bytes.first_chunk::<40>() else {
            p.fail(Event::Ipv6PktTooSmall);
            return;
        };
        if fixed[0] >> 4 != 6 {
            p.fail(Event::Ipv6WrongIpVersion);
            return;
        }
        let payload_len = usize::from(u16::from_be_bytes([fixed[4], fixed[5]]));
        let Some(payload) = bytes.get(40..40 + payload_len) else {
            p.fail(Event::Ipv6TruncPkt);
            return;
        };
        let view = Ipv6View::new(fixed, payload);
        p.network = Network::Ipv6(view);
        p.payload = payload;
        p.payload_offset = at + 40;
        p.transport_offset = p.payload_offset;
        let (view, end) = self.walk_extensions(p, view);
        p.network = Network::Ipv6(view);
        p.payload = view.payload;
        p.payload_offset = at + 40 + view.extensions.len();
        p.transport_offset = p.payload_offset;
        match end {
            ChainEnd::Fragment(fragment) => self.fragment(p, fragment),
            ChainEnd::Protocol => {
                self.protocol(p, view.protocol, view.payload, p.payload_offset);
            }
            ChainEnd::Stop => {}
        }
    }

    /// Walks the chain of IPv6 extension headers.
    fn walk_extensions<'a>(
        &mut self,
        p: &mut Packet<'a>,
        mut view: Ipv6View<'a>,
    ) -> (Ipv6View<'a>, ChainEnd) {
        let all = view.payload;
        let mut used = 0usize;
        let mut next = view.next_header();
        let mut destination_headers = 0u8;
        let end = loop {
            let rest = all.get(used..).unwrap_or(&[]);
            if used > 0 && rest.len() < 2 && next != 59 {
                // No header of any kind is that short.
                p.note(Event::Ipv6TruncExthdr);
            }
            let len = match next {
                0 | 43 | 60 | 135 | 139 | 140 => rest.get(1).map_or(2, |l| (usize::from(*l) + 1) * 8),
                44 => 8,
                51 => rest.get(1).map_or(2, |l| (usize::from(*l) + 2) * 4),
                59 => {
                    if !rest.is_empty() {
                        p.note(Event::Ipv6DataAfterNoneHeader);
                    }
                    break ChainEnd::Stop;
                }
                _ => break ChainEnd::Protocol,
            };
            if !self.enter(p) {
                break ChainEnd::Stop;
            }
            let Some(header) = rest.get(..len) else {
                p.note(Event::Ipv6TruncExthdr);
                break ChainEnd::Stop;
            };
            extension_events(p, next, header, &mut view.seen, &mut destination_headers);
            let fragment_at = used;
            used += len;
            let this = next;
            next = header.first().copied().unwrap_or(59);
            if this == 44 && view.fragment.is_none() {
                let fragment = ipv6_fragment(header);
                view.fragment = Some(fragment);
                view.fragment_header_offset = u16::try_from(40 + fragment_at).ok();
                if fragment.offset != 0 || fragment.more {
                    break ChainEnd::Fragment(fragment);
                }
                p.note(Event::Ipv6ExthdrUselessFh);
            }
        };
        view.protocol = next;
        view.extensions = all.get(..used).unwrap_or(&[]);
        view.payload = all.get(used..).unwrap_or(&[]);
        (view, end)
    }

    /// Keeps a fragment; when it completes its packet, decodes the packet.
    fn fragment(&mut self, p: &mut Packet<'_>, fragment: FragmentInfo) {
        p.is_fragment = true;
        let Some(joined) = self.defrag.push(self.now, p, &fragment) else {
            return;
        };
        let mut whole = Packet::empty(&joined.bytes, p.link_type, Origin::Defragmented, p.tunnel_depth);
        whole.ethernet = p.ethernet.and_then(|_| crate::Ethernet::parse(&joined.bytes));
        whole.vlans = p.vlans;
        whole.layers = p.layers;
        whole.outer = p.outer;
        let network = joined.bytes.get(joined.network_offset..).unwrap_or(&[]);
        if joined.is_ipv6 {
            self.ipv6(&mut whole, network, joined.network_offset);
        } else {
            self.ipv4(&mut whole, network, joined.network_offset);
        }
        (self.each)(&whole);
    }

    fn protocol<'a>(&mut self, p: &mut Packet<'a>, protocol: u8, bytes: &'a [u8], at: usize) {
        let v4 = p.ipv4().is_some();
        match protocol {
            6 => self.tcp(p, bytes, at),
            17 => self.udp(p, bytes, at),
            1 if v4 => self.icmpv4(p, bytes, at),
            58 if !v4 => self.icmpv6(p, bytes, at),
            58 => p.fail(Event::Ipv4Icmpv6),
            1 => p.fail(Event::Ipv6Icmpv4),
            4 => self.ip_in_ip(p, bytes, v4, 4),
            41 => self.ip_in_ip(p, bytes, v4, 6),
            47 => self.gre(p, bytes, at),
            132 => self.sctp(p, bytes, at),
            50 => self.esp(p, bytes),
            _ => {
                if !v4 && !matches!(protocol, 51 | 59 | 88 | 89 | 103 | 112 | 115) {
                    p.note(Event::Ipv6UnknownNextHeader);
                }
                p.transport = Transport::Other { protocol };
            }
        }
    }

    fn ip_in_ip<'a>(&mut self, p: &mut Packet<'a>, bytes: &'a [u8], outer_v4: bool, inner: u8) {
        self.stats.ip_in_ip += 1;
        p.transport = Transport::Other { protocol: if inner == 4 { 4 } else { 41 } };
        let version = bytes.first().map(|b| b >> 4);
        if !outer_v4 {
            let (small, min, too_small, wrong) = if inner == 4 {
                (4, 20, Event::Ipv6Ipv4InIpv6TooSmall, Event::Ipv6Ipv4InIpv6WrongVersion)
            } else {
                (6, 40, Event::Ipv6Ipv6InIpv6TooSmall, Event::Ipv6Ipv6InIpv6WrongVersion)
            };
            if bytes.len() < min {
                p.fail(too_small);
                return;
            }
            if version != Some(small) {
                p.fail(wrong);
                return;
            }
        }
        let (kind, content) = match (outer_v4, inner) {
            (true, 4) => (TunnelKind::IpInIp, TunnelContent::Ipv4),
            (true, _) => (TunnelKind::Ip6InIp, TunnelContent::Ipv6),
            (false, 4) => (TunnelKind::IpInIp6, TunnelContent::Ipv4),
            (false, _) => (TunnelKind::Ip6InIp6, TunnelContent::Ipv6),
        };
        self.tunnel(p, kind, bytes, false, content);
    }
}

/// Where the chain of extension headers led.
enum ChainEnd {
    Protocol,
    Fragment(FragmentInfo),
    Stop,
}

fn parse_ipv4<'a>(bytes: &'a [u8], p: &mut Packet<'a>) -> Result<Ipv4View<'a>, Event> {
    let fixed = bytes.first_chunk::<20>().ok_or(Event::Ipv4PktTooSmall)?;
    if fixed[0] >> 4 != 4 {
        return Err(Event::Ipv4WrongIpVersion);
    }
    let header_len = usize::from(fixed[0] & 0x0f) * 4;
    if header_len < 20 {
        return Err(Event::Ipv4HlenTooSmall);
    }
    let total = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
    if total < header_len {
        return Err(Event::Ipv4IplenSmallerThanHlen);
    }
    let packet = bytes.get(..total).ok_or(Event::Ipv4TruncPkt)?;
    let (header, payload) = packet.split_at_checked(header_len).ok_or(Event::Ipv4TruncPkt)?;
    let options = match header.get(20..) {
        Some(options) if !options.is_empty() => ip_options::ipv4(options, &mut p.events),
        _ => Ipv4Options::default(),
    };
    Ok(Ipv4View::new(fixed, header, payload, options))
}

fn ipv6_fragment(header: &[u8]) -> FragmentInfo {
    let word = be16(header, 2).unwrap_or(0);
    FragmentInfo {
        id: be32(header, 4).unwrap_or(0),
        offset: word & 0xfff8,
        more: word & 1 != 0,
        protocol: header.first().copied().unwrap_or(59),
    }
}

fn extension_events(
    p: &mut Packet<'_>,
    kind: u8,
    header: &[u8],
    seen: &mut Ipv6Extensions,
    destination_headers: &mut u8,
) {
    let (bit, duplicate) = match kind {
        0 => (Ipv6Extensions::HOP_BY_HOP, Event::Ipv6ExthdrDuplHh),
        43 => (Ipv6Extensions::ROUTING, Event::Ipv6ExthdrDuplRh),
        44 => (Ipv6Extensions::FRAGMENT, Event::Ipv6ExthdrDuplFh),
        51 => (Ipv6Extensions::AUTHENTICATION, Event::Ipv6ExthdrDuplAh),
        60 => (Ipv6Extensions::DESTINATION, Event::Ipv6ExthdrDuplDh),
        _ => return,
    };
    if kind == 60 {
        // RFC 8200: destination options may stand twice.
        *destination_headers = destination_headers.saturating_add(1);
        if *destination_headers > 2 {
            p.note(duplicate);
        }
    } else if seen.contains(bit) {
        p.note(duplicate);
        return;
    }
    seen.0 |= bit;
    match kind {
        0 | 60 => ip_options::ipv6(kind == 0, header.get(2..).unwrap_or(&[]), &mut p.events),
        43 if header.get(2) == Some(&0) => p.note(Event::Ipv6RhType0),
        44 if header.get(1) != Some(&0) => p.note(Event::Ipv6FhNonZeroReservedField),
        51 if be16(header, 2) != Some(0) => p.note(Event::Ipv6ExthdrAhResNotNull),
        _ => {}
    }
}
