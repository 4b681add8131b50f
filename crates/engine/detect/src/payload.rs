//! Payload and header buffers of packet rules.
//!
//! Holds always: all parts of a rule on the payload are met by the same stretch of bytes — the
//! stream's window, or the packet's own payload.

use mimamori_rules::{PacketBuffer, Selector};

use crate::inspect::Run;
use crate::matcher::{Captured, EvalContext, Window};
use crate::signature::{PayloadPart, Signature};
use mimamori_packet::{Packet, Transport};

/// How a rule's payload parts were met.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub stream: bool,
    pub captures: Vec<Captured>,
}

/// Whether the payload parts of `sig` are met. A rule without any is met.
pub(crate) fn matches(sig: &Signature, run: &mut Run<'_, '_>) -> Option<Found> {
    if sig.payload.is_empty() {
        return Some(Found::default());
    }
    let input = run.input;
    let flow = input.flow.as_ref();
    if sig.needs_stream
        && let Some(raw) = input.raw()
    {
        // Places count from the begin of the stretch, not of the stream, as in the reference.
        let window = Window { offset: 0, end: raw.end };
        if let Some(captures) = on(sig, raw.bytes, window, run) {
            return Some(Found { stream: true, captures });
        }
    }
    let in_stream = flow.is_some_and(|f| f.in_stream);
    let packet = sig.needs_packet || (sig.needs_stream && !in_stream && !only_stream(sig));
    let no_payload = input.pseudo || flow.is_some_and(|f| f.no_payload);
    if !packet || (no_payload && has_payload(sig)) {
        return None;
    }
    on(sig, input.packet.payload, Window::WHOLE, run).map(|captures| Found { stream: false, captures })
}

fn has_payload(sig: &Signature) -> bool {
    sig.payload.iter().any(|p| p.selector == Selector::Payload)
}

fn only_stream(sig: &Signature) -> bool {
    matches!(sig.proto, mimamori_rules::RuleProto::TcpStream) || sig.flow.only_stream
}

fn on(sig: &Signature, bytes: &[u8], window: Window, run: &mut Run<'_, '_>) -> Option<Vec<Captured>> {
    let packet = run.input.packet;
    let transformed = &mut run.scratch.transformed;
    let mut ctx = EvalContext::new(run.state);
    for part in &sig.payload {
        let (buffer, place) = match part.selector {
            Selector::Payload => (bytes, window),
            Selector::Packet(which) => (header(which, packet)?, Window::WHOLE),
            Selector::Field(_) => return None,
        };
        ctx.window = place;
        if !part_matches(part, buffer, transformed, &mut ctx) {
            return None;
        }
    }
    Some(ctx.captures)
}

fn part_matches(
    part: &PayloadPart,
    buffer: &[u8],
    transformed: &mut Vec<u8>,
    ctx: &mut EvalContext<'_>,
) -> bool {
    if part.transforms.is_identity() {
        return part.matches.evaluate(buffer, ctx);
    }
    part.transforms.apply(buffer, transformed) && part.matches.evaluate(transformed, ctx)
}

fn header<'a>(which: PacketBuffer, p: &Packet<'a>) -> Option<&'a [u8]> {
    match (which, &p.transport) {
        (PacketBuffer::IpSrc, _) => addresses(p).map(|a| a.0),
        (PacketBuffer::IpDst, _) => addresses(p).map(|a| a.1),
        (PacketBuffer::EtherHdr, _) => p.ethernet.as_ref().map(|e| e.header_bytes()),
        (PacketBuffer::Ipv4Hdr, _) => p.ipv4().map(|v| v.header_bytes()),
        (PacketBuffer::Ipv6Hdr, _) => p.ipv6().map(|v| v.header_bytes().as_slice()),
        (PacketBuffer::TcpHdr, Transport::Tcp(t)) => Some(t.header_bytes()),
        (PacketBuffer::UdpHdr, Transport::Udp(u)) => Some(u.header_bytes()),
        (PacketBuffer::SctpHdr, Transport::Sctp { whole, .. }) => Some(whole),
        (PacketBuffer::Icmpv4Hdr, Transport::Icmpv4(i)) | (PacketBuffer::Icmpv6Hdr, Transport::Icmpv6(i)) => {
            Some(i.header_bytes())
        }
        _ => None,
    }
}

/// Source and destination as they stand in the IP header.
fn addresses<'a>(p: &Packet<'a>) -> Option<(&'a [u8], &'a [u8])> {
    if let Some(v) = p.ipv4() {
        let h = v.header_bytes();
        return Some((h.get(12..16)?, h.get(16..20)?));
    }
    let h = p.ipv6()?.header_bytes();
    Some((h.get(8..24)?, h.get(24..40)?))
}
