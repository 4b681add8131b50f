//! Section A but for fragments: what lies around an IP packet.

use mimamori_base::Timestamp;
use mimamori_engine::{EventKind, FrameAction};

use crate::frame::{ACK, CLIENT6, Ip4, SERVER6, Segment, datagram, ethernet, ip4, ip6, len16, udp, udp6};
use crate::office::{Office, PATTERN, RULES};

fn plain() -> Vec<u8> {
    ip4(17, &udp(9_999, PATTERN))
}

/// A VLAN tag before what has the type `kind`.
fn tagged(outer: u16, tags: &[u16], kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (n, tag) in tags.iter().enumerate() {
        body.extend(tag.to_be_bytes());
        let next = if n + 1 == tags.len() { kind } else { 0x8100 };
        body.extend(next.to_be_bytes());
    }
    body.extend(payload);
    ethernet(outer, &body)
}

fn seen(frame: &[u8]) -> Vec<u32> {
    let mut office = Office::new(RULES);
    office.frame(true, frame);
    office.alerts()
}

#[test]
fn tags_and_pppoe_hide_nothing() {
    assert_eq!(seen(&ethernet(0x800, &plain())), [2], "no tag");
    assert_eq!(seen(&tagged(0x8100, &[5], 0x800, &plain())), [2], "one tag");
    assert_eq!(seen(&tagged(0x88a8, &[5, 6], 0x800, &plain())), [2], "QinQ");
    assert_eq!(seen(&tagged(0x88a8, &[5, 6, 7], 0x800, &plain())), [2], "three tags");
    let session = |inside: &[u8]| {
        let mut p = vec![0x11, 0, 0, 9];
        p.extend(len16(inside.len() + 2));
        p.extend([0, 0x21]);
        p.extend(inside);
        p
    };
    assert_eq!(seen(&ethernet(0x8864, &session(&plain()))), [2], "PPPoE");
    assert_eq!(seen(&tagged(0x8100, &[5], 0x8864, &session(&plain()))), [2], "PPPoE in a VLAN");
}

#[test]
fn a_tag_too_many_is_told() {
    let mut office =
        Office::new("alert pkthdr any any -> any any (decode-event:vlan.too_many_layers; sid:9;)");
    office.frame(true, &tagged(0x8100, &[1, 2, 3, 4], 0x800, &plain()));
    assert_eq!(office.alerts(), [9]);
    assert_eq!(office.engine.stats().decode.invalid, 1);
}

#[test]
fn cut_off_headers_are_told_and_survived() {
    let whole = ethernet(0x800, &Segment::new(true, ACK, 1, 1, PATTERN).bytes());
    let frames = [
        ethernet(0x800, &plain()),
        Segment::new(true, ACK, 1, 1, PATTERN).frame(),
        tagged(0x88a8, &[5, 6], 0x800, &plain()),
        ethernet(0x86dd, &ip6(17, &udp6(9_999, PATTERN))),
        whole,
    ];
    for frame in &frames {
        for len in 0..frame.len() {
            let mut office = Office::new(RULES);
            office.frame(true, &frame[..len]);
            assert!(office.alerts().is_empty(), "{len} of {}", frame.len());
        }
    }
    let rules = "alert pkthdr any any -> any any (decode-event:ipv4.trunc_pkt; sid:9;)\n\
        alert pkthdr any any -> any any (decode-event:ipv4.pkt_too_small; sid:8;)";
    for (len, sid) in [(40, 9), (24, 8)] {
        let mut office = Office::new(rules);
        office.frame(true, &ethernet(0x800, &plain())[..len]);
        assert_eq!(office.alerts(), [sid]);
    }
}

#[test]
fn bytes_after_the_packet_are_no_part_of_it() {
    let mut padded = ethernet(0x800, &ip4(17, &udp(9_999, b"harmless")));
    padded.extend(PATTERN);
    assert!(seen(&padded).is_empty());
    // A datagram that ends before its packet does: the rest is nobody's.
    let mut bytes = udp(9_999, b"harmless");
    bytes.extend(PATTERN);
    assert!(seen(&ethernet(0x800, &ip4(17, &bytes))).is_empty());
    // One that says to be longer than its packet is no datagram.
    let mut long = udp(9_999, PATTERN);
    long[4..6].copy_from_slice(&len16(200));
    assert!(seen(&ethernet(0x800, &ip4(17, &long))).is_empty());
}

#[test]
fn options_of_ip_do_not_hide_the_rest() {
    for options in [vec![1, 1, 1, 0], vec![7, 7, 4, 0, 0, 0, 0, 0], vec![0x83, 3, 4, 0], vec![0x94, 4, 0, 0]]
    {
        let ip = Ip4 { options: options.clone(), ..Ip4::default() };
        assert_eq!(seen(&ip.frame(17, true, &udp(9_999, PATTERN))), [2], "{options:?}");
    }
    let rules = "alert ip any any -> any any (ipopts:lsrr; sid:9;)\n\
        alert pkthdr any any -> any any (decode-event:ipv4.opt_invalid_len; sid:8;)";
    for (options, sid) in [(vec![0x83, 7, 4, 1, 2, 3, 4, 0], 9), (vec![7, 1, 0, 0], 8)] {
        let mut office = Office::new(rules);
        office.frame(true, &Ip4 { options, ..Ip4::default() }.frame(17, true, &udp(9_999, b"x")));
        assert_eq!(office.alerts(), [sid]);
    }
}

#[test]
fn reserved_flags_change_nothing() {
    // The reserved bit of the fragment field, and all of TCP's.
    let ip = Ip4 { place: 0x8000, ..Ip4::default() };
    assert_eq!(seen(&ip.frame(17, true, &udp(9_999, PATTERN))), [2]);
    let mut office = Office::open();
    office.segment(Segment::new(true, ACK | 0xc0, 1_001, 5_001, PATTERN));
    assert_eq!(office.alerts(), [1]);
    office.check();
}

/// Extension headers before what has the number `last`; each with the number of the one after it.
fn extended(chain: &[(u8, Vec<u8>)], last: u8, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (n, (_, header)) in chain.iter().enumerate() {
        let next = chain.get(n + 1).map_or(last, |h| h.0);
        body.push(next);
        body.extend(&header[1..]);
    }
    body.extend(payload);
    ethernet(0x86dd, &ip6(chain.first().map_or(last, |h| h.0), &body))
}

const HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION: u8 = 60;

fn padding() -> Vec<u8> {
    vec![0, 0, 1, 4, 0, 0, 0, 0]
}

#[test]
fn chains_of_extension_headers_are_followed() {
    let datagram = udp6(9_999, PATTERN);
    assert_eq!(seen(&extended(&[], 17, &datagram)), [2]);
    let routing = vec![0, 0, 2, 0, 0, 0, 0, 0];
    let atomic = vec![0, 0, 0, 0, 0, 0, 0, 7];
    let chains = [
        vec![(HOP, padding())],
        vec![(ROUTING, routing.clone())],
        vec![(DESTINATION, padding())],
        vec![(FRAGMENT, atomic.clone())],
        vec![(HOP, padding()), (DESTINATION, padding()), (ROUTING, routing), (FRAGMENT, atomic)],
    ];
    for chain in chains {
        let names: Vec<u8> = chain.iter().map(|h| h.0).collect();
        assert_eq!(seen(&extended(&chain, 17, &datagram)), [2], "{names:?}");
    }
}

#[test]
fn data_in_options_of_ipv6_is_told() {
    let rules = "alert pkthdr any any -> any any (decode-event:ipv6.dstopts_unknown_opt; sid:9;)\n\
        alert pkthdr any any -> any any (decode-event:ipv6.hopopts_unknown_opt; sid:8;)\n\
        alert pkthdr any any -> any any (decode-event:ipv6.exthdr_dupl_dh; sid:7;)";
    let covert = vec![0, 1, 0x1e, 12, b'd', b'a', b't', b'a', b'd', b'a', b't', b'a', b'd', b'a', b't', b'a'];
    for (kind, sid) in [(DESTINATION, 9), (HOP, 8)] {
        let mut office = Office::new(rules);
        office.frame(true, &extended(&[(kind, covert.clone())], 17, &udp6(9_999, b"x")));
        assert_eq!(office.alerts(), [sid]);
    }
    let mut office = Office::new(rules);
    let three = [(DESTINATION, padding()), (DESTINATION, padding()), (DESTINATION, padding())];
    office.frame(true, &extended(&three, 17, &udp6(9_999, b"x")));
    assert_eq!(office.alerts(), [7]);
}

#[test]
fn a_chain_that_ends_nowhere_is_survived() {
    let whole = extended(&[(HOP, padding()), (DESTINATION, padding())], 17, &udp6(9_999, PATTERN));
    for len in 0..whole.len() {
        let mut office = Office::new(RULES);
        office.frame(true, &whole[..len]);
        assert!(office.alerts().is_empty());
    }
    let many: Vec<(u8, Vec<u8>)> = (0..60).map(|_| (DESTINATION, padding())).collect();
    let mut office = Office::new(RULES);
    office.frame(true, &extended(&many, 17, &udp6(9_999, PATTERN)));
    let stats = office.engine.stats();
    assert!(office.alerts() == [2] || stats.decode.too_deep + stats.decode.invalid > 0, "seen or counted");
}

/// The pattern in a datagram inside each kind of tunnel.
fn tunnels() -> Vec<(&'static str, Vec<u8>)> {
    let (four, six) = (plain(), ip6(17, &udp6(9_999, PATTERN)));
    let inner = ethernet(0x800, &four);
    let gre = |kind: u16, inside: &[u8]| [&[0, 0][..], &kind.to_be_bytes(), inside].concat();
    let over = |port: u16, head: &[u8], inside: &[u8]| {
        ethernet(0x800, &ip4(17, &udp(port, &[head, inside].concat())))
    };
    let v4 = |protocol: u8, inside: &[u8]| ethernet(0x800, &ip4(protocol, inside));
    let erspan = [&[0x10, 1, 0, 0, 0, 0, 0, 0][..], &inner].concat();
    let erspan = [&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1][..], &erspan].concat();
    vec![
        ("IP in IP", v4(4, &four)),
        ("6in4", v4(41, &six)),
        ("4in6", ethernet(0x86dd, &ip6(4, &four))),
        ("GRE", v4(47, &gre(0x800, &four))),
        ("GRE, IPv6", v4(47, &gre(0x86dd, &six))),
        ("GRE, Ethernet", v4(47, &gre(0x6558, &inner))),
        ("ERSPAN II", v4(47, &erspan)),
        ("Teredo", over(3_544, &[], &six)),
        ("VXLAN", over(4_789, &[8, 0, 0, 0, 0, 0, 5, 0], &inner)),
        ("GENEVE", over(6_081, &[0, 0, 0x65, 0x58, 0, 0, 5, 0], &inner)),
    ]
}

#[test]
fn tunnels_are_looked_into() {
    for (name, frame) in tunnels() {
        assert_eq!(seen(&frame), [2], "{name}");
    }
}

#[test]
fn a_drop_inside_a_tunnel_stops_the_frame_around_it() {
    for (name, frame) in tunnels() {
        let mut office = Office::new("drop udp any any -> any 9999 (content:\"attack-pattern\"; sid:2;)");
        assert_eq!(office.frame(true, &frame).action, FrameAction::Drop, "{name}");
    }
}

#[test]
fn tunnels_in_tunnels_end_at_a_depth_that_is_told() {
    let mut packet = plain();
    let mut within = Vec::new();
    for _ in 0..12 {
        within.push(packet.clone());
        packet = ip4(4, &packet);
    }
    for (depth, packet) in within.iter().enumerate() {
        let mut office = Office::new(RULES);
        office.frame(true, &ethernet(0x800, packet));
        let told = office.events.iter().any(|e| e.kind == EventKind::Anomaly);
        let seen = office.alerts() == [2];
        assert!(seen || (depth >= 8 && told), "{depth}: {:?}", office.anomalies());
    }
    // A bottomless one costs no more than that.
    let mut office = Office::new(RULES);
    for _ in 0..60 {
        packet = ip4(4, &packet);
    }
    office.frame(true, &ethernet(0x800, &packet));
    assert_eq!(office.engine.stats().decode.too_deep, 1);
}

#[test]
fn what_leaves_the_office_keeps_both_addresses() {
    // The engine names inner flows by their inner addresses, whichever way they go.
    let mut office = Office::new("alert udp [2001:db8::5] any -> [2001:db8:9::9] any (sid:9;)");
    office.frame(true, &ethernet(0x800, &ip4(41, &ip6(17, &udp6(9_999, b"x")))));
    assert_eq!(office.alerts(), [9]);
    assert_ne!(CLIENT6, SERVER6);
    let answer = Ip4::default().packet(17, false, &datagram(false, 40_000, 9_999, b"x"));
    office.frame(false, &ethernet(0x800, &answer));
    assert_eq!(office.alert_count(9), 1);
    office.engine.finish(Timestamp(office.clock), &mut office.events);
}
