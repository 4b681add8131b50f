//! Tunnels that cannot be looked into: found by their form, counted, and told once an hour.
//!
//! Holds always: at most [`MAX_PAIRS`] pairs of addresses are remembered; when full, the one told
//! longest ago goes and may be told again. Deliberately not here: tunnels that the decoder opens
//! (GRE, IP in IP, Teredo, VXLAN, GENEVE), and whether a tunnel may pass: rules and lists say so.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use mimamori_base::Timestamp;
use mimamori_packet::{DecodeEvent, Packet, Transport};
use serde_json::json;

use crate::alert_log::of_packet;
use crate::core::FrameContext;
use crate::event::{EventKind, EventSink};

const MAX_PAIRS: usize = 64;
const TOLD_FOR: Duration = Duration::from_secs(3600);

/// Which pairs of addresses were told of, and what was counted.
#[derive(Debug, Default)]
pub(crate) struct Tunnels {
    told: VecDeque<Told>,
    pub packets: u64,
    /// Pairs of addresses told of.
    pub found: u64,
}

#[derive(Debug)]
struct Told {
    /// The lower address first: both directions are one tunnel.
    ends: (IpAddr, IpAddr),
    kind: &'static str,
    at: Timestamp,
}

impl Tunnels {
    /// Counts the packet if it is one of a tunnel that cannot be looked into, and tells of the
    /// tunnel the first time.
    pub(crate) fn see(
        &mut self,
        packet: &Packet<'_>,
        context: &FrameContext,
        out: &mut dyn EventSink,
    ) -> bool {
        let Some(kind) = kind(packet) else { return false };
        self.packets += 1;
        let Some((src, dst)) = packet.addresses() else { return true };
        let ends = (src.min(dst), src.max(dst));
        if let Some(told) = self.told.iter().position(|t| t.ends == ends && t.kind == kind) {
            let fresh = self.told.get(told).is_some_and(|t| context.now.since(t.at) < TOLD_FOR);
            if fresh {
                return true;
            }
            self.told.remove(told);
        } else {
            self.found += 1;
        }
        if self.told.len() >= MAX_PAIRS {
            self.told.pop_front();
        }
        self.told.push_back(Told { ends, kind, at: context.now });
        let mut event = of_packet(EventKind::Anomaly, packet, context);
        let object = json!({"type": "tunnel", "event": "uninspected_tunnel", "tunnel": kind});
        event.more.insert("anomaly".to_owned(), object);
        out.event(event);
        true
    }
}

/// The kind of tunnel, by protocol number or by the bytes that every packet of it begins with.
fn kind(packet: &Packet<'_>) -> Option<&'static str> {
    if packet.events.contains(DecodeEvent::TooManyLayers) {
        return Some("nested too deep");
    }
    match &packet.transport {
        Transport::Esp { .. } => Some("ipsec"),
        Transport::Gre { header } => gre(header),
        Transport::Other { protocol } => Some(match protocol {
            51 => "ipsec",
            97 => "etherip",
            115 => "l2tp",
            137 => "mpls",
            _ => return None,
        }),
        Transport::Udp(udp) => of_udp(udp.src_port(), udp.dst_port(), packet.payload),
        _ => None,
    }
}

/// What the decoder hands on as packets of their own is no blind spot.
fn gre(header: &[u8]) -> Option<&'static str> {
    let protocol = header.get(2..4)?;
    let opened: [[u8; 2]; 6] =
        [[0x08, 0x00], [0x86, 0xdd], [0x88, 0x0b], [0x81, 0x00], [0x65, 0x58], [0x88, 0xbe]];
    (!opened.iter().any(|p| p == protocol)).then_some("gre")
}

fn of_udp(src_port: u16, dst_port: u16, payload: &[u8]) -> Option<&'static str> {
    let on = |port: u16| src_port == port || dst_port == port;
    let head = payload.first_chunk::<4>()?;
    match (head, payload.len()) {
        // WireGuard: initiation and response have fixed lengths; data is padded to 16 bytes.
        ([1, 0, 0, 0], 148) | ([2, 0, 0, 0], 92) => return Some("wireguard"),
        ([4, 0, 0, 0], 32..) if on(51_820) && payload.len().is_multiple_of(16) => return Some("wireguard"),
        _ => {}
    }
    // RFC 3948: four zeros would be a key exchange, one byte 0xff keeps the mapping open.
    if on(4500) && *head != [0; 4] && payload.len() >= 16 {
        return Some("ipsec");
    }
    // RFC 3931, 2661: version 2 or 3, and a data message (no T bit).
    if on(1701) && head[0] & 0x80 == 0 && matches!(head[1] & 0x0f, 2 | 3) {
        return Some("l2tp");
    }
    // OpenVPN: the opcode of a client's or server's hard reset with its key id 0.
    if on(1194) && matches!(head[0], 0x38 | 0x40 | 0x50) && payload.len() >= 14 {
        return Some("openvpn");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tunnels_are_known_by_their_form() {
        let wireguard = [&[1, 0, 0, 0][..], &[7; 144]].concat();
        assert_eq!(of_udp(40_000, 443, &wireguard), Some("wireguard"));
        assert_eq!(of_udp(40_000, 443, &wireguard[..140]), None);
        assert_eq!(of_udp(4500, 4500, &[0x1a; 40]), Some("ipsec"));
        assert_eq!(of_udp(4500, 4500, &[0; 40]), None, "a key exchange");
        assert_eq!(of_udp(4500, 4500, &[0xff]), None, "keeps the mapping open");
        assert_eq!(of_udp(1701, 1701, &[0x00, 0x02, 0, 1, 0, 1]), Some("l2tp"));
        assert_eq!(of_udp(50_000, 1194, &[0x38; 14]), Some("openvpn"));
        assert_eq!(of_udp(50_000, 53, &[0x38; 14]), None);
        assert_eq!(gre(&[0, 0, 0x08, 0]), None);
        assert_eq!(gre(&[0, 0, 0x12, 0x34]), Some("gre"));
    }
}
