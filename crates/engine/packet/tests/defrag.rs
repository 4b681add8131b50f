//! Fragments: order, overlap, holes, caps, timeouts.

use std::time::Duration;

use mimamori_base::Timestamp;
use mimamori_packet::{DecodeConfig, DecodeEvent, Decoder, LinkType, Origin};
use proptest::prelude::*;

fn ipv4(id: u16, offset: usize, more: bool, data: &[u8]) -> Vec<u8> {
    let total = u16::try_from(20 + data.len()).expect("short");
    let field = u16::try_from(offset / 8).expect("short") | if more { 0x2000 } else { 0 };
    let mut p = vec![0x45, 0];
    p.extend(total.to_be_bytes());
    p.extend(id.to_be_bytes());
    p.extend(field.to_be_bytes());
    p.extend([64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    p.extend(data);
    p
}

fn ipv6(id: u32, offset: usize, more: bool, data: &[u8]) -> Vec<u8> {
    let len = u16::try_from(8 + data.len()).expect("short");
    let mut p = vec![0x60, 0, 0, 0];
    p.extend(len.to_be_bytes());
    p.extend([44, 64]);
    p.extend([0x20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    p.extend([0x20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    p.extend([17, 0]);
    p.extend((u16::try_from(offset).expect("short") | u16::from(more)).to_be_bytes());
    p.extend(id.to_be_bytes());
    p.extend(data);
    p
}

fn udp(payload: &[u8]) -> Vec<u8> {
    let mut d = vec![0x10, 0, 0x20, 0];
    d.extend(u16::try_from(8 + payload.len()).expect("short").to_be_bytes());
    d.extend([0, 0]);
    d.extend(payload);
    d
}

struct Run {
    decoder: Decoder,
    joined: Vec<Vec<u8>>,
    events: Vec<DecodeEvent>,
    conflicts: usize,
}

impl Run {
    fn new(change: impl FnOnce(&mut DecodeConfig)) -> Run {
        let mut config = DecodeConfig::default();
        change(&mut config);
        Run { decoder: Decoder::new(config), joined: Vec::new(), events: Vec::new(), conflicts: 0 }
    }

    fn at(&mut self, seconds: i64, packet: &[u8]) {
        self.decoder.decode(Timestamp::from_secs(seconds), LinkType::RAW, packet, &mut |p| {
            if p.origin == Origin::Defragmented {
                assert!(p.udp().is_some() && !p.is_fragment);
                assert_ne!(p.ipv4_checksum_ok(), Some(false));
                self.joined.push(p.payload.to_vec());
            }
            self.events.extend(p.events.iter());
            self.conflicts += usize::from(p.conflicting_fragment);
        });
    }
}

#[test]
fn overlaps_in_ipv4_keep_the_first_copy_and_are_marked() {
    let whole = udp(b"0123456789abcdef");
    let mut r = Run::new(|_| ());
    r.at(0, &ipv4(1, 0, true, &whole[..16]));
    let mut evil = whole[8..24].to_vec();
    evil[..8].copy_from_slice(b"XXXXXXXX");
    r.at(0, &ipv4(1, 8, false, &evil));
    assert_eq!(r.joined, [b"0123456789abcdef".to_vec()]);
    assert_eq!((r.events.as_slice(), r.conflicts), (&[DecodeEvent::Ipv4FragOverlap][..], 1));
}

#[test]
fn overlaps_in_ipv6_spoil_the_packet() {
    let whole = udp(b"0123456789abcdef");
    let mut r = Run::new(|_| ());
    r.at(0, &ipv6(1, 0, true, &whole[..16]));
    r.at(0, &ipv6(1, 8, false, &whole[8..]));
    r.at(0, &ipv6(1, 16, false, &whole[16..]));
    assert!(r.joined.is_empty());
    assert!(r.events.contains(&DecodeEvent::Ipv6FragOverlap));
}

#[test]
fn an_end_inside_what_is_known_never_completes_wrongly() {
    // Teardrop: the last fragment ends before an earlier one does.
    let whole = udp(b"0123456789abcdef");
    let mut r = Run::new(|_| ());
    r.at(0, &ipv4(1, 0, true, &whole[..24]));
    r.at(0, &ipv4(1, 8, false, &whole[8..12]));
    assert!(r.joined.is_empty());
    assert_eq!(r.conflicts, 1);
}

#[test]
fn another_vlan_depth_or_id_is_another_packet() {
    let whole = udp(b"0123456789abcdef");
    let mut r = Run::new(|_| ());
    r.at(0, &ipv4(1, 0, true, &whole[..16]));
    r.at(0, &ipv4(2, 16, false, &whole[16..]));
    assert!(r.joined.is_empty());
    assert_eq!(r.decoder.defrag().waiting(), 2);
}

#[test]
fn a_packet_incomplete_for_too_long_is_given_up() {
    let whole = udp(b"0123456789abcdef");
    let mut r = Run::new(|c| c.defrag.timeout = Duration::from_secs(30));
    r.at(0, &ipv4(1, 0, true, &whole[..16]));
    r.at(31, &ipv4(1, 16, false, &whole[16..]));
    assert!(r.joined.is_empty());
    assert_eq!(r.decoder.defrag().stats().timeouts, 1);
}

#[test]
fn a_full_table_gives_up_the_oldest() {
    let whole = udp(b"0123456789abcdef");
    let mut r = Run::new(|c| c.defrag.max_trackers = 3);
    for id in 0..10 {
        r.at(0, &ipv4(id, 0, true, &whole[..16]));
    }
    assert_eq!((r.decoder.defrag().waiting(), r.decoder.defrag().stats().evicted), (3, 7));
    r.at(0, &ipv4(9, 16, false, &whole[16..]));
    assert_eq!(r.joined.len(), 1);

    let mut r = Run::new(|c| c.defrag.memcap_bytes = 1000);
    for id in 0..100 {
        r.at(0, &ipv4(id, 0, true, &whole[..16]));
    }
    assert!(r.decoder.defrag().held_bytes() <= 1000);
    assert!(r.decoder.defrag().stats().evicted > 80);
}

#[test]
fn a_packet_longer_than_possible_is_refused() {
    let mut r = Run::new(|_| ());
    r.at(0, &ipv4(1, 65_512, false, &[0; 64]));
    assert_eq!(r.events, [DecodeEvent::Ipv4FragPktTooLarge]);
    assert_eq!(r.decoder.defrag().waiting(), 0);
}

proptest! {
    /// Any cut at multiples of eight, in any order: one packet, the same bytes.
    #[test]
    fn any_order_joins_to_the_same(
        payload in proptest::collection::vec(any::<u8>(), 30..600),
        cuts in proptest::collection::vec(1usize..10, 1..20),
        order in proptest::collection::vec(any::<u16>(), 21),
        v6 in any::<bool>(),
    ) {
        let whole = udp(&payload);
        let mut pieces = Vec::new();
        let mut at = 0;
        for cut in cuts {
            let end = at + cut * 8;
            if end >= whole.len() { break; }
            pieces.push((at, end, true));
            at = end;
        }
        prop_assume!(at != 0);
        pieces.push((at, whole.len(), false));
        let mut numbered: Vec<_> = order.into_iter().zip(pieces).collect();
        numbered.sort_by_key(|(n, _)| *n);
        let mut r = Run::new(|_| ());
        for (_, (a, b, more)) in numbered {
            let data = &whole[a..b];
            r.at(0, &if v6 { ipv6(7, a, more, data) } else { ipv4(7, a, more, data) });
        }
        prop_assert_eq!(&r.joined, &[payload]);
        prop_assert_eq!(r.decoder.defrag().held_bytes(), 0);
    }

    /// No bytes make it panic, at any link type; views stay inside the frame.
    #[test]
    fn any_bytes_are_survived(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
        link in proptest::sample::select(vec![0, 1, 9, 12, 101, 104, 108, 113, 204, 228, 276, 999]),
        head in proptest::sample::select(vec![
            vec![], vec![0x45], vec![0x60], vec![0x45, 0, 0, 60, 0, 0, 0, 0, 64, 47],
            vec![0x45, 0, 0, 80, 0, 0, 0x20, 0, 64, 6], vec![0x60, 0, 0, 0, 0, 60, 0, 64],
            vec![0; 12], [vec![0; 12], vec![0x81, 0]].concat(), [vec![0; 12], vec![0x88, 0x64]].concat(),
        ]),
    ) {
        for (to, from) in bytes.iter_mut().zip(&head) { *to = *from; }
        let mut decoder = Decoder::new(DecodeConfig::default());
        decoder.decode(Timestamp::EPOCH, LinkType(link), &bytes, &mut |p| {
            assert!(p.payload_offset + p.payload.len() <= p.data.len() || p.payload.is_empty());
            let _ = (p.transport_checksum_ok(), p.ipv4_checksum_ok(), p.ports(), p.ttl());
        });
    }
}
