//! Who deals with which hosts, where engines work side by side.
//!
//! Responsible for parting frames so that everything that must meet in one engine does: all
//! packets of two hosts, their fragments, the flows inside their tunnels, and errors about them.
//! Holds always: memory is fixed (pairs of hosts share [`BUCKETS`] places by their hash); the
//! deal depends on the frames alone. Deliberately not here: threads, and the state that crosses
//! hosts (see [`crate::Shared`]).

use std::net::IpAddr;

use mimamori_base::Timestamp;
use mimamori_packet::{DecodeConfig, Decoder, LinkType};

/// Places that pairs of hosts are dealt in.
const BUCKETS: usize = 1 << 16;

/// Frames without addresses, and those whose link layer is only looked into by the decoder.
const OTHER: u16 = 0;

/// What a frame costs, in nanoseconds on some machine; only the proportions matter. Measured over
/// the conformance captures.
mod cost {
    pub(super) const FRAME: u64 = 250;
    pub(super) const SEGMENT: u64 = 500;
    pub(super) const BEGINNING: u64 = 5_000;
    pub(super) const PAYLOAD: u64 = 1_500;
    pub(super) const BYTE: u64 = 2;
    pub(super) const DATAGRAM: u64 = 5_000;
}

/// Looks over frames, to deal them afterwards.
#[derive(Debug)]
pub struct Dealer {
    decoder: Decoder,
    tunnel_ports: Vec<u16>,
    parents: Vec<u16>,
    costs: Vec<u64>,
    /// A place whose hosts fetch a file in ranges; all such are one.
    ranges: Option<u16>,
}

/// Which engine a frame is for.
#[derive(Debug, Clone)]
pub struct Deal {
    engines: Vec<u8>,
}

/// A frame's place, and whether there can be nothing in it but two hosts talking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    bucket: u16,
    plain: bool,
    /// A guess at the work that the frame makes.
    cost: u64,
    /// Begins an HTTP answer that is a range of a file.
    ranges: bool,
}

impl Dealer {
    #[must_use]
    pub fn new(config: &DecodeConfig) -> Dealer {
        let ports = [&config.vxlan_ports, &config.geneve_ports, &config.teredo_ports];
        Dealer {
            decoder: Decoder::new(config.clone()),
            tunnel_ports: ports.into_iter().flatten().copied().collect(),
            parents: (0..=u16::MAX).collect(),
            costs: vec![0; BUCKETS],
            ranges: None,
        }
    }

    /// Looks at a frame. Frames must come in their order.
    pub fn see(&mut self, now: Timestamp, link_type: LinkType, frame: &[u8]) {
        let look = look(link_type, frame, &self.tunnel_ports);
        if let Some(cost) = self.costs.get_mut(usize::from(look.bucket)) {
            *cost += look.cost;
        }
        if look.ranges {
            let with = *self.ranges.get_or_insert(look.bucket);
            unite(&mut self.parents, with, look.bucket);
        }
        if look.plain {
            return;
        }
        let parents = &mut self.parents;
        self.decoder.decode(now, link_type, frame, &mut |packet| {
            if let Some((a, b)) = packet.addresses() {
                unite(parents, look.bucket, bucket(a, b));
            }
            if let Some(inner) = packet.icmp().and_then(|i| i.inner) {
                unite(parents, look.bucket, bucket(inner.src, inner.dst));
            }
        });
    }

    /// Deals what was seen to `engines`: the most costly first, always to who has least.
    #[must_use]
    pub fn deal(mut self, engines: usize) -> Deal {
        let engines = u8::try_from(engines.clamp(1, 64)).unwrap_or(1);
        let mut sums = vec![0u64; BUCKETS];
        for (at, cost) in (0..=u16::MAX).zip(&self.costs) {
            let root = root(&mut self.parents, at);
            if let Some(sum) = sums.get_mut(usize::from(root)) {
                *sum += cost;
            }
        }
        let mut order: Vec<(u64, u16)> = sums.iter().copied().zip(0..=u16::MAX).collect();
        order.sort_by_key(|(cost, at)| (std::cmp::Reverse(*cost), *at));
        let mut loads = vec![0u64; usize::from(engines)];
        let mut of_root = vec![0u8; BUCKETS];
        for (cost, at) in order {
            let Some((engine, load)) = (0u8..).zip(&mut loads).min_by_key(|(n, load)| (**load, *n)) else {
                break;
            };
            *load += cost;
            if let Some(slot) = of_root.get_mut(usize::from(at)) {
                *slot = engine;
            }
        }
        let all = 0..=u16::MAX;
        let engines = all
            .map(|at| of_root.get(usize::from(root(&mut self.parents, at))).copied().unwrap_or(0))
            .collect();
        Deal { engines }
    }
}

impl Deal {
    /// The engine, from 0, that a frame is for.
    #[must_use]
    pub fn engine_of(&self, link_type: LinkType, frame: &[u8]) -> usize {
        let look = look(link_type, frame, &[]);
        usize::from(self.engines.get(usize::from(look.bucket)).copied().unwrap_or(0))
    }
}

fn root(parents: &mut [u16], at: u16) -> u16 {
    let mut top = at;
    while let Some(up) = parents.get(usize::from(top)).copied().filter(|up| *up != top) {
        top = up;
    }
    let mut here = at;
    while let Some(slot) = parents.get_mut(usize::from(here)).filter(|up| **up != top) {
        here = std::mem::replace(slot, top);
    }
    top
}

fn unite(parents: &mut [u16], a: u16, b: u16) {
    let (a, b) = (root(parents, a), root(parents, b));
    if let Some(slot) = parents.get_mut(usize::from(a.max(b))) {
        *slot = a.min(b);
    }
}

/// The place of two hosts, whichever way round.
fn bucket(a: IpAddr, b: IpAddr) -> u16 {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => bucket_v4(a.to_bits(), b.to_bits()),
        (IpAddr::V6(a), IpAddr::V6(b)) => bucket_v6(a.to_bits(), b.to_bits()),
        _ => OTHER,
    }
}

fn bucket_v4(a: u32, b: u32) -> u16 {
    mix(u64::from(a.min(b)) << 32 | u64::from(a.max(b)))
}

fn bucket_v6(a: u128, b: u128) -> u16 {
    let fold = |x: u128| {
        let [high, low] = [x >> 64, x].map(|half| u64::try_from(half & u128::from(u64::MAX)).unwrap_or(0));
        high.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32) ^ low
    };
    let (low, high) = (a.min(b), a.max(b));
    mix(fold(low).wrapping_mul(31).wrapping_add(fold(high)))
}

fn mix(x: u64) -> u16 {
    let x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    let x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    u16::try_from(x >> 48).unwrap_or(OTHER)
}

/// Looks at a frame's outermost addresses without decoding it.
fn look(link_type: LinkType, frame: &[u8], tunnel_ports: &[u16]) -> Look {
    let other = Look { bucket: OTHER, plain: false, cost: cost::FRAME, ranges: false };
    let Some(packet) = network(link_type, frame) else { return other };
    match packet.first().map(|b| b >> 4) {
        Some(4) => look_v4(packet, tunnel_ports),
        Some(6) => look_v6(packet, tunnel_ports),
        _ => None,
    }
    .unwrap_or(other)
}

/// The network header and what follows it.
fn network(link_type: LinkType, frame: &[u8]) -> Option<&[u8]> {
    let (mut kind, mut at) = match link_type {
        LinkType::ETHERNET => (u16_at(frame, 12)?, 14),
        LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 => return Some(frame),
        LinkType::LINUX_SLL => (u16_at(frame, 14)?, 16),
        LinkType::LINUX_SLL2 => (u16_at(frame, 0)?, 20),
        _ => return None,
    };
    for _ in 0..3 {
        if matches!(kind, 0x8100 | 0x88a8 | 0x9100) {
            kind = u16_at(frame, at + 2)?;
            at += 4;
        }
    }
    matches!(kind, 0x0800 | 0x86dd).then(|| frame.get(at..)).flatten()
}

fn look_v4(p: &[u8], tunnel_ports: &[u16]) -> Option<Look> {
    let bucket = bucket_v4(u32_at(p, 12)?, u32_at(p, 16)?);
    let header = usize::from(p.first()? & 15) * 4;
    let whole = u16_at(p, 6)? & 0x3fff == 0;
    let rest = p.get(header.max(20)..).unwrap_or_default();
    let protocol = *p.get(9)?;
    let plain = whole
        && match protocol {
            1 => rest.first().is_some_and(|kind| !matches!(kind, 3 | 4 | 5 | 11 | 12)),
            protocol => is_plain(protocol, rest, tunnel_ports),
        };
    Some(Look { bucket, plain, cost: work(protocol, rest), ranges: has_range(protocol, rest) })
}

fn look_v6(p: &[u8], tunnel_ports: &[u16]) -> Option<Look> {
    let address = |at: usize| Some(u128::from_be_bytes(p.get(at..at + 16)?.try_into().ok()?));
    let bucket = bucket_v6(address(8)?, address(24)?);
    let rest = p.get(40..).unwrap_or_default();
    let protocol = *p.get(6)?;
    let plain = match protocol {
        58 => rest.first().is_some_and(|kind| *kind >= 128),
        protocol => is_plain(protocol, rest, tunnel_ports),
    };
    Some(Look { bucket, plain, cost: work(protocol, rest), ranges: has_range(protocol, rest) })
}

/// Files are put together from ranges over flows; in one engine they need no waiting for others.
/// An answer that this does not see is waited for, or found out of order afterwards.
fn has_range(protocol: u8, rest: &[u8]) -> bool {
    let header = rest.get(12).map_or(20, |b| usize::from(b >> 4) * 4);
    let payload = rest.get(header..).unwrap_or_default();
    protocol == 6 && payload.starts_with(b"HTTP/1.") && payload.get(8..13) == Some(b" 206 ")
}

fn work(protocol: u8, rest: &[u8]) -> u64 {
    match protocol {
        6 => {
            let header = rest.get(12).map_or(20, |b| usize::from(b >> 4) * 4);
            let payload = rest.len().saturating_sub(header) as u64;
            let begins = rest.get(13).is_some_and(|flags| flags & 2 != 0);
            cost::FRAME
                + cost::SEGMENT
                + u64::from(begins) * cost::BEGINNING
                + u64::from(payload > 0) * cost::PAYLOAD
                + payload * cost::BYTE
        }
        17 => cost::FRAME + cost::DATAGRAM,
        _ => cost::FRAME,
    }
}

fn is_plain(protocol: u8, rest: &[u8], tunnel_ports: &[u16]) -> bool {
    match protocol {
        6 => true,
        17 => [0, 2].iter().all(|at| u16_at(rest, *at).is_some_and(|port| !tunnel_ports.contains(&port))),
        _ => false,
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ipv4(src: [u8; 4], dst: [u8; 4], protocol: u8, flags: u16, rest: &[u8]) -> Vec<u8> {
        let len = u16::try_from(20 + rest.len()).unwrap();
        let mut p = vec![0x45, 0];
        p.extend(len.to_be_bytes());
        p.extend([0, 7]);
        p.extend(flags.to_be_bytes());
        p.extend([64, protocol, 0, 0]);
        p.extend(src);
        p.extend(dst);
        p.extend(rest);
        p
    }

    fn udp(ports: [u16; 2], data: &[u8]) -> Vec<u8> {
        let len = u16::try_from(8 + data.len()).unwrap();
        let mut p: Vec<u8> = [ports[0], ports[1], len, 0].iter().flat_map(|n| n.to_be_bytes()).collect();
        p.extend(data);
        p
    }

    const A: [u8; 4] = [10, 0, 0, 1];
    const B: [u8; 4] = [192, 0, 2, 9];
    const R: [u8; 4] = [203, 0, 113, 1];

    #[test]
    fn both_directions_and_fragments_meet() {
        let mut dealer = Dealer::new(&DecodeConfig::default());
        let there = ipv4(A, B, 17, 0, &udp([4000, 53], b"x"));
        let back = ipv4(B, A, 17, 0, &udp([53, 4000], b"x"));
        let piece = ipv4(B, A, 17, 0x2000, &[0; 16]);
        for n in 0..200u8 {
            let other = ipv4([10, 9, n, 1], B, 17, 0, &udp([4000, 53], b"x"));
            dealer.see(Timestamp::EPOCH, LinkType::RAW, &other);
        }
        let deal = dealer.deal(4);
        let of = |f: &[u8]| deal.engine_of(LinkType::RAW, f);
        assert_eq!(of(&there), of(&back));
        assert_eq!(of(&there), of(&piece));
        let all: std::collections::BTreeSet<usize> =
            (0..200u8).map(|n| of(&ipv4([10, 9, n, 1], B, 17, 0, &[]))).collect();
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn tunnels_and_errors_meet_what_they_speak_of() {
        let inner = ipv4(A, B, 17, 0, &udp([4000, 53], b"x"));
        let frames = [
            ipv4(R, [198, 51, 100, 7], 4, 0, &inner),
            ipv4(R, A, 1, 0, &[&[3, 1, 0, 0, 0, 0, 0, 0], inner.as_slice()].concat()),
            inner.clone(),
        ];
        for engines in 2..9 {
            let mut dealer = Dealer::new(&DecodeConfig::default());
            for f in &frames {
                dealer.see(Timestamp::EPOCH, LinkType::RAW, f);
            }
            let deal = dealer.deal(engines);
            let of: Vec<usize> = frames.iter().map(|f| deal.engine_of(LinkType::RAW, f)).collect();
            assert!(of.iter().all(|n| *n == of[0] && *n < engines), "{of:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_have_a_place(link in 0..300i32, bytes in proptest::collection::vec(0u8.., 0..200)) {
            let mut dealer = Dealer::new(&DecodeConfig::default());
            dealer.see(Timestamp::EPOCH, LinkType(link), &bytes);
            proptest::prop_assert!(dealer.deal(3).engine_of(LinkType(link), &bytes) < 3);
        }
    }
}
