//! Section A, fragments: what was put together is what any receiver can put together.

use std::collections::BTreeMap;

use mimamori_base::Rng as _;
use mimamori_base::SeededRng;
use mimamori_engine::FrameAction;

use crate::frame::{Ip4, SYN, Segment, ethernet, ip6, len16, udp, udp6};
use crate::office::{Office, PATTERN, RULES};

/// The part of `whole` from unit `from` to unit `to` (of eight bytes) as a fragment.
fn part(id: u16, whole: &[u8], from: usize, to: usize) -> Vec<u8> {
    let end = (to * 8).min(whole.len());
    let more = if end < whole.len() { 0x2000 } else { 0 };
    let place = u16::try_from(from).expect("short") | more;
    Ip4 { id, place, ..Ip4::default() }.frame(17, true, &whole[from * 8..end])
}

/// A datagram of seven units whose pattern lies across two of them.
fn whole() -> Vec<u8> {
    let mut text = vec![b'.'; 48];
    text[10..24].copy_from_slice(PATTERN);
    udp(9_999, &text)
}

#[test]
fn any_order_and_repetition_is_put_together() {
    let whole = whole();
    let rng = SeededRng::new(3);
    for round in 0..200u64 {
        let mut office = Office::new(RULES);
        let mut parts: Vec<usize> = (0..7).chain((0..3).map(|_| (rng.next_u64() % 7) as usize)).collect();
        for i in (1..parts.len()).rev() {
            parts.swap(i, (rng.next_u64() % (i as u64 + 1)) as usize);
        }
        for unit in &parts {
            office.frame(true, &part(7, &whole, *unit, unit + 1));
        }
        assert_eq!(office.alerts(), [2], "round {round}: {parts:?}");
    }
}

#[test]
fn a_tiny_first_fragment_hides_no_header() {
    let syn = Segment::new(true, SYN, 1_000, 0, b"").bytes();
    let mut office = Office::new("alert tcp any any -> any 80 (flags:S; sid:9;)");
    office.frame(true, &Ip4 { id: 4, place: 0x2000, ..Ip4::default() }.frame(6, true, &syn[..8]));
    assert!(office.alerts().is_empty());
    office.frame(true, &Ip4 { id: 4, place: 1, ..Ip4::default() }.frame(6, true, &syn[8..]));
    assert_eq!(office.alerts(), [9]);
}

/// What a receiver may have at each place, over all fragments that went through.
fn receive(got: &mut BTreeMap<usize, u8>, frame: &[u8]) -> bool {
    let at = usize::from(u16::from_be_bytes([frame[20], frame[21]]) & 0x1fff) * 8;
    let mut agreed = true;
    for (n, byte) in frame[34..].iter().enumerate() {
        agreed &= got.insert(at + n, *byte).is_none_or(|before| before == *byte);
    }
    agreed
}

/// All pairs and all triplets of overlapping pieces of four units, each with bytes of its own, then
/// the honest pieces: no two different copies of a byte go through, and what can be read is alerted.
#[test]
fn no_pair_or_triplet_of_overlaps_lets_two_versions_through() {
    let intervals: Vec<(usize, usize)> =
        (1..5).flat_map(|from| (from + 1..6).map(move |to| (from, to))).collect();
    let honest = whole();
    let mut cases = 0;
    for a in &intervals {
        for b in &intervals {
            for c in std::iter::once(None).chain(intervals.iter().map(Some)) {
                let mut office = Office::new(RULES);
                let mut got = BTreeMap::new();
                let pieces = [Some(a), Some(b), c];
                let mut send = |office: &mut Office, frame: &[u8]| {
                    let verdict = office.frame(true, frame);
                    match verdict.action {
                        FrameAction::Forward => receive(&mut got, frame),
                        FrameAction::Replace(other) => receive(&mut got, &other),
                        _ => true,
                    }
                };
                for (n, (from, to)) in pieces.into_iter().flatten().enumerate() {
                    let mut own = honest.clone();
                    own[8..].fill(b'A' + u8::try_from(n).expect("three"));
                    // The second piece tells the truth, so that there is something to be found.
                    let bytes = if n == 1 { &honest } else { &own };
                    assert!(send(&mut office, &part(7, bytes, *from, *to)), "{pieces:?}");
                }
                for unit in 0..7 {
                    assert!(send(&mut office, &part(7, &honest, unit, unit + 1)), "{pieces:?}");
                }
                let text: Vec<u8> = got.values().copied().collect();
                let complete = got.len() == honest.len();
                let readable = complete && text.windows(PATTERN.len()).any(|w| w == PATTERN);
                assert!(!readable || office.alerts() == [2], "{pieces:?}");
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 10 * 10 * 11);
}

#[test]
fn teardrop_and_a_hole_at_the_end_make_no_packet() {
    let whole = whole();
    // The second begins within the first and ends there too.
    let mut office = Office::new(RULES);
    office.frame(true, &part(7, &whole, 0, 3));
    let inner = Ip4 { id: 7, place: 1, ..Ip4::default() }.frame(17, true, &whole[8..16]);
    office.frame(true, &inner);
    assert!(office.alerts().is_empty() && office.engine.stats().defrag.ipv4_reassembled == 0);
    // The last is there and the one before it is not: nothing is complete.
    let mut office = Office::new(RULES);
    for (from, to) in [(0, 4), (5, 7)] {
        office.frame(true, &part(8, &whole, from, to));
    }
    assert_eq!(office.engine.stats().defrag.ipv4_reassembled, 0);
    office.frame(true, &part(8, &whole, 4, 5));
    assert_eq!((office.engine.stats().defrag.ipv4_reassembled, office.alerts()), (1, vec![2]));
}

#[test]
fn two_ends_never_make_a_packet_with_holes() {
    // A last piece, then one that claims a later end, then as many bytes as the first end needs.
    let whole = whole();
    let mut office = Office::new(RULES);
    office.frame(true, &Ip4 { id: 7, place: 3, ..Ip4::default() }.frame(17, true, &whole[24..32]));
    office.frame(true, &Ip4 { id: 7, place: 6, ..Ip4::default() }.frame(17, true, &whole[48..56]));
    office.frame(true, &part(7, &whole, 0, 2));
    assert_eq!(office.engine.stats().defrag.ipv4_reassembled, 0);
}

#[test]
fn a_packet_longer_than_any_is_refused_to_the_byte() {
    for (length, fits) in [(65_535 - 20, true), (65_535 - 20 + 1, false)] {
        let mut office =
            Office::new("alert pkthdr any any -> any any (decode-event:ipv4.frag_pkt_too_large; sid:9;)");
        let last = 8_180;
        let rest = length - last * 8;
        for unit in (0..last).step_by(60) {
            let units = 60.min(last - unit);
            let place = u16::try_from(unit).expect("short") | 0x2000;
            office.frame(true, &Ip4 { id: 7, place, ..Ip4::default() }.frame(1, true, &vec![8; units * 8]));
        }
        let place = u16::try_from(last).expect("short");
        office.frame(true, &Ip4 { id: 7, place, ..Ip4::default() }.frame(1, true, &vec![8; rest]));
        assert_eq!(office.alerts().is_empty(), fits, "{length}");
        assert_eq!(office.engine.stats().defrag.ipv4_reassembled, u64::from(fits), "{length}");
    }
}

#[test]
fn an_id_used_again_begins_anew() {
    let whole = whole();
    let mut harmless = whole.clone();
    harmless[18..32].fill(b'-');
    harmless[6..8].fill(0);
    let mut office = Office::new(RULES);
    for bytes in [&harmless, &whole, &harmless, &whole] {
        for (from, to) in [(0, 3), (3, 7)] {
            office.frame(true, &part(7, bytes, from, to));
        }
    }
    assert_eq!(office.engine.stats().defrag.ipv4_reassembled, 4);
    assert_eq!(office.alert_count(2), 2);
    // Another protocol with the same id is another packet.
    let mut office = Office::new(RULES);
    office.frame(true, &part(7, &whole, 0, 3));
    office.frame(true, &Ip4 { id: 7, place: 3, ..Ip4::default() }.frame(6, true, &whole[24..]));
    assert_eq!(office.engine.stats().defrag.ipv4_reassembled, 0);
    office.frame(true, &part(7, &whole, 3, 7));
    assert_eq!(office.alerts(), [2]);
}

#[test]
fn late_fragments_do_not_join_old_ones() {
    let whole = whole();
    let mut office = Office::new(RULES);
    office.frame(true, &part(7, &whole, 0, 3));
    office.wait(120);
    office.frame(true, &part(7, &whole, 3, 7));
    assert!(office.alerts().is_empty() && office.engine.stats().defrag.ipv4_reassembled == 0);
    office.frame(true, &part(7, &whole, 0, 3));
    assert_eq!(office.alerts(), [2], "the new ones join each other");
}

#[test]
fn another_vlan_or_tunnel_is_another_packet() {
    let whole = whole();
    let tag = |vlan: u16, frame: &[u8]| {
        let mut body = vlan.to_be_bytes().to_vec();
        body.extend(&frame[12..]);
        ethernet(0x8100, &body)
    };
    let first = part(7, &whole, 0, 3);
    let second = part(7, &whole, 3, 7);
    let mut office = Office::new(RULES);
    office.frame(true, &tag(1, &first));
    office.frame(true, &tag(2, &second));
    office.frame(true, &second);
    office.frame(true, &ethernet(0x800, &Ip4::default().packet(4, true, &second[14..])));
    assert!(office.alerts().is_empty());
    office.frame(true, &tag(1, &second));
    assert_eq!(office.alerts(), [2]);
}

fn part6(id: u32, whole: &[u8], from: usize, to: usize, more: bool) -> Vec<u8> {
    let mut p = vec![17, 0];
    p.extend((u16::try_from(from * 8).expect("short") | u16::from(more)).to_be_bytes());
    p.extend(id.to_be_bytes());
    p.extend(&whole[from * 8..(to * 8).min(whole.len())]);
    ethernet(0x86dd, &ip6(44, &p))
}

#[test]
fn overlaps_in_ipv6_spoil_the_whole_packet() {
    let mut text = vec![b'.'; 48];
    text[10..24].copy_from_slice(PATTERN);
    let whole = udp6(9_999, &text);
    let mut office = Office::new(RULES);
    for (from, to, more) in [(0, 3, true), (3, 7, false)] {
        office.frame(true, &part6(9, &whole, from, to, more));
    }
    assert_eq!(office.alerts(), [2], "without an overlap");
    let mut office = Office::new(RULES);
    let mut through = 0;
    for (from, to, more) in [(0, 3, true), (2, 5, true), (3, 7, false), (5, 7, false)] {
        let verdict = office.frame(true, &part6(9, &whole, from, to, more));
        through += usize::from(verdict.action == FrameAction::Forward && from >= 2);
    }
    assert!(office.alerts() == [2] || through <= 1, "seen, or nothing to put together: {through}");
}

#[test]
fn malformed_fragments_of_ipv6_are_told() {
    let whole = udp6(9_999, &[b'.'; 48]);
    let rules = "alert pkthdr any any -> any any (decode-event:ipv6.frag_invalid_length; sid:9;)\n\
        alert pkthdr any any -> any any (decode-event:ipv6.exthdr_useless_fh; sid:8;)";
    // Not the last and no multiple of eight; one that need not be.
    let mut odd = part6(9, &whole, 0, 3, true);
    odd.truncate(odd.len() - 3);
    odd[18..20].copy_from_slice(&len16(8 + 21));
    for (frame, sid) in [(odd, 9), (part6(9, &whole, 0, 7, false), 8)] {
        let mut office = Office::new(rules);
        office.frame(true, &frame);
        assert_eq!(office.alerts(), [sid]);
    }
}
