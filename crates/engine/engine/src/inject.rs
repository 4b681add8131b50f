//! Frames of the engine's own: resets, unreachables, the page that says why, "no such name".
//!
//! Holds always: an answer is built from the packet it answers, with right lengths and
//! checksums, and never for a packet that itself is a reset or an ICMP error (no storms).

use std::net::IpAddr;

use mimamori_applayer::Field;
use mimamori_base::Direction;
use mimamori_packet::{Origin, Packet, TcpFlags, TcpView, Transport, UdpView};
use mimamori_rules::RejectTo;

use crate::config::DnsAnswer;
use crate::core::FrameContext;
use crate::verdict::Injection;

/// Frames injected for one inspected frame, at most.
const MAX_INJECTIONS: usize = 4;

/// A page that a browser shows: readable on a telephone, without scripts or pictures, and small
/// enough to go in one packet with its header.
macro_rules! html_page {
    ($title:literal, $($text:literal),+) => {
        concat!(
            "<!doctype html><html lang=\"ja\"><head><meta charset=\"utf-8\">",
            "<meta name=\"viewport\" content=\"width=device-width\"><title>", $title, "</title><style>",
            "body{margin:0;background:#eef1f5;color:#1c2733;font:16px/1.8 sans-serif}",
            "main{max-width:34em;margin:8vh auto;padding:1em 1.5em;background:#fff;border-top:6px solid #b3261e}",
            "h1{font-size:1.35em}</style></head><body><main><h1>", $title, "</h1>",
            $("<p>", $text, "</p>",)+
            "</main></body></html>"
        )
    };
}
pub(crate) use html_page;

/// What a browser shows. Short, plain, and without the blocked address: it could be abused.
const BLOCK_PAGE: &str = html_page!(
    "このページへの接続を止めました",
    "開こうとしたページは、詐欺やウイルスに関わる危険なサイトとして登録されています。お使いのパソコンを守るため、表示しませんでした。",
    "業務で必要なページの場合は、社内の管理者にお知らせください。管理者は、ポータルのアラートから「これは業務です」と申し出ることができます。"
);

/// Answers a packet as a `reject` rule asks.
pub(crate) fn reject(packet: &Packet<'_>, to: RejectTo, context: &mut FrameContext) {
    let (src, dst) = match to {
        RejectTo::Src => (true, false),
        RejectTo::Dst => (false, true),
        RejectTo::Both => (true, true),
    };
    match &packet.transport {
        Transport::Tcp(tcp) => resets(packet, tcp, src, dst, context),
        Transport::Icmpv4(_) | Transport::Icmpv6(_) => {}
        _ if src => push(unreachable(packet), true, context),
        _ => {}
    }
}

/// Ends a TCP session whose flow a rule has dropped: both ends are told.
pub(crate) fn reset(packet: &Packet<'_>, context: &mut FrameContext) {
    if let Transport::Tcp(tcp) = &packet.transport {
        resets(packet, tcp, true, true, context);
    }
}

/// Tells whoever still sends in a dropped session that it is over. Its own acknowledgement says
/// which number it expects, so the reset is exact whatever was lost before (RFC 5961).
pub(crate) fn answer(packet: &Packet<'_>, context: &mut FrameContext) {
    if let Transport::Tcp(tcp) = &packet.transport
        && tcp.flags().ack()
    {
        resets(packet, tcp, true, false, context);
    }
}

/// Stops a flow whose name or address is listed.
pub(crate) fn block(
    packet: &Packet<'_>,
    direction: Direction,
    field: Option<Field>,
    dns: &DnsAnswer,
    context: &mut FrameContext,
) {
    match (&packet.transport, field) {
        (Transport::Tcp(tcp), Some(Field::HttpHost)) if direction == Direction::ToServer => {
            push(page(packet, tcp), true, context);
            resets(packet, tcp, false, true, context);
        }
        (Transport::Tcp(tcp), _) => resets(packet, tcp, true, true, context),
        (Transport::Udp(udp), Some(Field::DnsQuery)) if direction == Direction::ToServer => {
            push(dns_answer(packet, udp, dns), true, context);
        }
        (Transport::Udp(_), _) if direction == Direction::ToServer => {
            push(unreachable(packet), true, context);
        }
        _ => {}
    }
}

fn push(frame: Option<Vec<u8>>, towards_sender: bool, context: &mut FrameContext) {
    if let Some(frame) = frame
        && context.verdict.inject.len() < MAX_INJECTIONS
    {
        context.verdict.inject.push(Injection { frame, towards_sender });
    }
}

/// Ends a session towards one end or both, by a frame of it that has not gone on.
pub(crate) fn end(packet: &Packet<'_>, to_src: bool, to_dst: bool, context: &mut FrameContext) {
    if let Transport::Tcp(tcp) = &packet.transport {
        resets(packet, tcp, to_src, to_dst, context);
    }
}

/// A page as the whole answer of an HTTP server, and its last word. `reply`: to the sender of
/// the packet; otherwise instead of the packet.
pub(crate) fn http_page(packet: &Packet<'_>, reply: bool, page: &str, context: &mut FrameContext) {
    let Transport::Tcp(tcp) = &packet.transport else { return };
    let length = segment_length(packet, tcp);
    let (src, dst, seq, ack) = if reply {
        (tcp.dst_port(), tcp.src_port(), tcp.ack(), tcp.seq().wrapping_add(length))
    } else {
        (tcp.src_port(), tcp.dst_port(), tcp.seq(), tcp.ack())
    };
    let flags = TcpFlags::ACK | TcpFlags::PSH | TcpFlags::FIN;
    let header = TcpOut { src, dst, seq, ack, flags };
    push(frame(packet, reply, 6, &header.bytes(&http_answer(page))), reply, context);
}

fn http_answer(page: &str) -> Vec<u8> {
    let mut content = format!(
        "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html; charset=utf-8\r\n\
         Content-Length: {}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
        page.len()
    )
    .into_bytes();
    content.extend_from_slice(page.as_bytes());
    content
}

fn resets(packet: &Packet<'_>, tcp: &TcpView<'_>, to_src: bool, to_dst: bool, context: &mut FrameContext) {
    if tcp.flags().rst() {
        return;
    }
    let length = segment_length(packet, tcp);
    if to_src {
        let header = TcpOut {
            src: tcp.dst_port(),
            dst: tcp.src_port(),
            seq: tcp.ack(),
            ack: tcp.seq().wrapping_add(length),
            flags: TcpFlags::RST | TcpFlags::ACK,
        };
        push(frame(packet, true, 6, &header.bytes(&[])), true, context);
    }
    if to_dst {
        let header = TcpOut {
            src: tcp.src_port(),
            dst: tcp.dst_port(),
            seq: tcp.seq(),
            ack: tcp.ack(),
            flags: TcpFlags::RST | TcpFlags::ACK,
        };
        push(frame(packet, false, 6, &header.bytes(&[])), false, context);
    }
}

/// Sequence numbers that the packet takes up.
fn segment_length(packet: &Packet<'_>, tcp: &TcpView<'_>) -> u32 {
    u32::try_from(packet.payload.len())
        .unwrap_or(0)
        .wrapping_add(u32::from(tcp.flags().syn()))
        .wrapping_add(u32::from(tcp.flags().fin()))
}

fn page(packet: &Packet<'_>, tcp: &TcpView<'_>) -> Option<Vec<u8>> {
    let body = BLOCK_PAGE.as_bytes();
    let mut content = format!(
        "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html; charset=utf-8\r\n\
         Content-Length: {}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    content.extend_from_slice(body);
    let header = TcpOut {
        src: tcp.dst_port(),
        dst: tcp.src_port(),
        seq: tcp.ack(),
        ack: tcp.seq().wrapping_add(segment_length(packet, tcp)),
        flags: TcpFlags::ACK | TcpFlags::PSH | TcpFlags::FIN,
    };
    frame(packet, true, 6, &header.bytes(&content))
}

/// Seconds that a resolver may keep the block page's address.
const DNS_TTL: u32 = 30;

/// The query turned into an answer (RFC 1035, 4.1): the block page's address where there is one
/// for the type asked, else "no such name" or, next to an address of the other kind, nothing.
fn dns_answer(packet: &Packet<'_>, udp: &UdpView<'_>, page: &DnsAnswer) -> Option<Vec<u8>> {
    let mut dns = packet.payload.to_vec();
    if dns.len() < 12 {
        return None;
    }
    dns.truncate(question_end(&dns)?);
    let asked = u16::from_be_bytes(dns.get(dns.len() - 4..dns.len() - 2)?.try_into().ok()?);
    let address = match asked {
        1 => page.v4.map(|ip| ip.octets().to_vec()),
        28 => page.v6.map(|ip| ip.octets().to_vec()),
        _ => None,
    };
    let code = if page.v4.is_none() && page.v6.is_none() { 3 } else { 0 };
    // Answer, recursion available; what the query asked stays.
    *dns.get_mut(2)? |= 0x80;
    *dns.get_mut(3)? = 0x80 | code;
    dns.get_mut(6..12)?.copy_from_slice(&[0, u8::from(address.is_some()), 0, 0, 0, 0]);
    if let Some(address) = address {
        // The name by a pointer to the question, the type asked, class IN.
        dns.extend_from_slice(&[0xc0, 12]);
        dns.extend_from_slice(&asked.to_be_bytes());
        dns.extend_from_slice(&[0, 1]);
        dns.extend_from_slice(&DNS_TTL.to_be_bytes());
        dns.extend_from_slice(&u16::try_from(address.len()).ok()?.to_be_bytes());
        dns.extend_from_slice(&address);
    }
    let len = u16::try_from(8 + dns.len()).ok()?;
    let mut out = Vec::with_capacity(8 + dns.len());
    out.extend_from_slice(&udp.dst_port().to_be_bytes());
    out.extend_from_slice(&udp.src_port().to_be_bytes());
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&dns);
    frame(packet, true, 17, &out)
}

/// Offset after the first question.
fn question_end(dns: &[u8]) -> Option<usize> {
    let mut at = 12;
    loop {
        let label = usize::from(*dns.get(at)?);
        at += 1;
        match label {
            0 => break,
            1..=63 => at += label,
            _ => return None,
        }
    }
    (at + 4 <= dns.len()).then_some(at + 4)
}

/// "Administratively prohibited" with the packet's first bytes.
fn unreachable(packet: &Packet<'_>) -> Option<Vec<u8>> {
    let quoted = packet.data.get(packet.network_offset..)?;
    let quoted = quoted.get(..quoted.len().min(64))?;
    let v4 = packet.ipv4().is_some();
    let (kind, code, protocol) = if v4 { (3, 13, 1) } else { (1, 1, 58) };
    let mut out = vec![kind, code, 0, 0, 0, 0, 0, 0];
    out.extend_from_slice(quoted);
    frame(packet, true, protocol, &out)
}

struct TcpOut {
    src: u16,
    dst: u16,
    seq: u32,
    ack: u32,
    flags: u8,
}

impl TcpOut {
    fn bytes(&self, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(20 + payload.len());
        out.extend_from_slice(&self.src.to_be_bytes());
        out.extend_from_slice(&self.dst.to_be_bytes());
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&self.ack.to_be_bytes());
        out.extend_from_slice(&[0x50, self.flags, 0xff, 0xff, 0, 0, 0, 0]);
        out.extend_from_slice(payload);
        out
    }
}

/// A whole frame around `transport`, whose checksum field is zero and gets filled.
fn frame(packet: &Packet<'_>, reply: bool, protocol: u8, transport: &[u8]) -> Option<Vec<u8>> {
    if matches!(packet.origin, Origin::Tunnel(_)) {
        // It would have to travel in the tunnel; outside of it nobody would take it.
        return None;
    }
    let (src, dst) = packet.addresses()?;
    let (src, dst) = if reply { (dst, src) } else { (src, dst) };
    let mut out = packet.data.get(..packet.network_offset)?.to_vec();
    if reply && packet.ethernet.is_some() && out.len() >= 12 {
        let (a, b) = out.split_at_mut_checked(6)?;
        a.swap_with_slice(b.get_mut(..6)?);
    }
    let mut transport = transport.to_vec();
    seal(src, dst, protocol, &mut transport)?;
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let len = u16::try_from(20 + transport.len()).ok()?;
            let mut ip = vec![0x45, 0];
            ip.extend_from_slice(&len.to_be_bytes());
            ip.extend_from_slice(&[0, 0, 0x40, 0, 64, protocol, 0, 0]);
            ip.extend_from_slice(&src.octets());
            ip.extend_from_slice(&dst.octets());
            let sum = checksum(&[&ip]);
            ip.get_mut(10..12)?.copy_from_slice(&sum.to_be_bytes());
            out.extend_from_slice(&ip);
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let len = u16::try_from(transport.len()).ok()?;
            out.extend_from_slice(&[0x60, 0, 0, 0]);
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(&[protocol, 64]);
            out.extend_from_slice(&src.octets());
            out.extend_from_slice(&dst.octets());
        }
        _ => return None,
    }
    out.extend_from_slice(&transport);
    Some(out)
}

/// Fills the checksum of a TCP, UDP or ICMP message.
fn seal(src: IpAddr, dst: IpAddr, protocol: u8, transport: &mut [u8]) -> Option<()> {
    let at = match protocol {
        6 => 16,
        17 => 6,
        _ => 2,
    };
    transport.get_mut(at..at + 2)?.fill(0);
    let len = u32::try_from(transport.len()).ok()?.to_be_bytes();
    let tail = [0, 0, 0, protocol];
    let sum = match (src, dst) {
        _ if protocol == 1 => checksum(&[transport]),
        (IpAddr::V4(a), IpAddr::V4(b)) => checksum(&[&a.octets(), &b.octets(), &tail, &len, transport]),
        (IpAddr::V6(a), IpAddr::V6(b)) => checksum(&[&a.octets(), &b.octets(), &len, &tail, transport]),
        _ => return None,
    };
    let sum = if sum == 0 && protocol == 17 { 0xffff } else { sum };
    transport.get_mut(at..at + 2)?.copy_from_slice(&sum.to_be_bytes());
    Some(())
}

/// The Internet checksum (RFC 1071) of parts of even length, the last of any.
pub(crate) fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u64;
    for part in parts {
        for pair in part.chunks(2) {
            let (a, b) = (pair.first().copied().unwrap_or(0), pair.get(1).copied().unwrap_or(0));
            sum += u64::from(u16::from_be_bytes([a, b]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

/// The packet's frame with another payload of the same length.
#[must_use]
pub(crate) fn with_payload(packet: &Packet<'_>, payload: &[u8]) -> Option<Vec<u8>> {
    if payload.len() != packet.payload.len() || packet.tcp().is_none() {
        return None;
    }
    let (src, dst) = packet.addresses()?;
    let mut out = packet.data.to_vec();
    let end = packet.payload_offset.checked_add(payload.len())?;
    out.get_mut(packet.payload_offset..end)?.copy_from_slice(payload);
    seal(src, dst, 6, out.get_mut(packet.transport_offset..end)?)?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_goes_in_one_packet_with_its_header() {
        assert!(BLOCK_PAGE.len() <= 1_200, "{} bytes", BLOCK_PAGE.len());
    }

    #[test]
    fn checksum_of_a_known_header() {
        // RFC 1071 style example: the header of a UDP datagram with its checksum in place.
        let header = [
            0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01,
            0xc0, 0xa8, 0x00, 0xc7,
        ];
        assert_eq!(checksum(&[&header]), 0);
    }

    #[test]
    fn a_question_ends_after_type_and_class() {
        let mut dns = vec![0; 12];
        dns.extend_from_slice(b"\x04evil\x07example\x00\x00\x01\x00\x01extra");
        assert_eq!(question_end(&dns), Some(dns.len() - 5));
        assert_eq!(question_end(&dns[..20]), None);
    }
}
