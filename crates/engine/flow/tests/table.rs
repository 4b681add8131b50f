//! The flow table: identity, timeouts, the cap.

use mimamori_base::{Direction, Timestamp};
use mimamori_flow::{Association, EndReason, FlowConfig, FlowHandle, FlowTable};
use mimamori_packet::{DecodeConfig, Decoder, LinkType};

fn ip(protocol: u8, src: u8, dst: u8, payload: &[u8]) -> Vec<u8> {
    let total = u16::try_from(20 + payload.len()).expect("short");
    let mut p = vec![0x45, 0];
    p.extend(total.to_be_bytes());
    p.extend([0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, src, 10, 0, 0, dst]);
    p.extend(payload);
    p
}

fn udp(src: u8, sport: u16, dst: u8, dport: u16) -> Vec<u8> {
    let mut u = Vec::new();
    u.extend(sport.to_be_bytes());
    u.extend(dport.to_be_bytes());
    u.extend([0, 12, 0, 0, 1, 2, 3, 4]);
    ip(17, src, dst, &u)
}

fn see(table: &mut FlowTable<u32>, seconds: i64, link: LinkType, frame: &[u8]) -> Association {
    let mut found = Association::None;
    let now = Timestamp::from_secs(seconds);
    Decoder::new(DecodeConfig::default()).decode(now, link, frame, &mut |p| {
        found = table.associate(now, p, |_| 7);
    });
    found
}

fn flow(a: Association) -> (FlowHandle, Direction, bool, bool) {
    match a {
        Association::Flow { handle, direction, is_new, established } => {
            (handle, direction, is_new, established)
        }
        Association::None => panic!("no flow"),
    }
}

#[test]
fn both_directions_are_one_flow_and_counted() {
    let mut t = FlowTable::new(FlowConfig::default());
    let (first, direction, new, established) = flow(see(&mut t, 0, LinkType::RAW, &udp(1, 5000, 2, 53)));
    assert_eq!((direction, new, established), (Direction::ToServer, true, false));
    let (second, direction, new, established) = flow(see(&mut t, 1, LinkType::RAW, &udp(2, 53, 1, 5000)));
    assert_eq!((direction, new, established), (Direction::ToClient, false, true));
    assert_eq!(first, second);
    let f = t.get(first).expect("a flow");
    assert_eq!((f.traffic[0].packets, f.traffic[1].packets, f.traffic[0].bytes), (1, 1, 32));
    assert_eq!(f.data, 7);
}

#[test]
fn the_vlan_is_part_of_the_identity_unless_told_otherwise() {
    let tagged = |id: u8| {
        let mut f = vec![0; 12];
        f.extend([0x81, 0, 0, id, 8, 0]);
        f.extend(udp(1, 5000, 2, 53));
        f
    };
    for (use_vlan, flows) in [(true, 2), (false, 1)] {
        let mut t = FlowTable::new(FlowConfig { use_vlan, ..FlowConfig::default() });
        see(&mut t, 0, LinkType::ETHERNET, &tagged(1));
        see(&mut t, 0, LinkType::ETHERNET, &tagged(2));
        assert_eq!(t.len(), flows);
    }
}

#[test]
fn an_icmp_error_belongs_to_the_flow_it_is_about() {
    let mut t = FlowTable::new(FlowConfig::default());
    let original = udp(1, 5000, 2, 53);
    let (handle, ..) = flow(see(&mut t, 0, LinkType::RAW, &original));
    let mut error = vec![3, 3, 0, 0, 0, 0, 0, 0];
    error.extend(&original);
    let (found, direction, new, _) = flow(see(&mut t, 1, LinkType::RAW, &ip(1, 2, 1, &error)));
    assert_eq!((found, direction, new), (handle, Direction::ToClient, false));
    // About a flow that is not known: no flow at all.
    let mut error = vec![3, 3, 0, 0, 0, 0, 0, 0];
    error.extend(udp(1, 5001, 2, 53));
    assert_eq!(see(&mut t, 1, LinkType::RAW, &ip(1, 2, 1, &error)), Association::None);
}

#[test]
fn idle_flows_time_out_by_their_state() {
    let mut t = FlowTable::new(FlowConfig::default());
    see(&mut t, 0, LinkType::RAW, &udp(1, 1, 2, 53));
    see(&mut t, 0, LinkType::RAW, &udp(1, 2, 2, 53));
    see(&mut t, 0, LinkType::RAW, &udp(2, 53, 1, 2));
    t.expire(Timestamp::from_secs(31), usize::MAX);
    let ended = t.take_ended().expect("the one-sided flow");
    assert_eq!((ended.key.src_port, ended.end_reason), (1, Some(EndReason::Timeout)));
    assert!(t.take_ended().is_none());
    t.expire(Timestamp::from_secs(301), usize::MAX);
    assert_eq!(t.take_ended().map(|f| f.key.src_port), Some(2));
    assert!(t.is_empty());
}

#[test]
fn a_full_table_ends_the_flow_idle_longest() {
    let mut t = FlowTable::new(FlowConfig { max_flows: 3, ..FlowConfig::default() });
    for port in 1..=3 {
        see(&mut t, i64::from(port), LinkType::RAW, &udp(1, port, 2, 53));
    }
    see(&mut t, 4, LinkType::RAW, &udp(1, 1, 2, 53));
    let stale = flow(see(&mut t, 5, LinkType::RAW, &udp(1, 4, 2, 53))).0;
    let ended = t.take_ended().expect("one made room");
    assert_eq!((ended.key.src_port, ended.end_reason), (2, Some(EndReason::Forced)));
    assert_eq!((t.len(), t.stats().evicted), (3, 1));
    t.end_all();
    assert!(t.get(stale).is_none());
}

#[test]
fn a_flood_of_beginnings_pushes_out_no_conversation() {
    let mut t = FlowTable::new(FlowConfig { max_flows: 10, ..FlowConfig::default() });
    let talk = flow(see(&mut t, 0, LinkType::RAW, &udp(1, 5000, 2, 53))).0;
    see(&mut t, 0, LinkType::RAW, &udp(2, 53, 1, 5000));
    for port in 1..=100 {
        see(&mut t, 1, LinkType::RAW, &udp(3, port, 2, 53));
    }
    assert!(t.get(talk).is_some(), "idle longest, but answered");
    assert_eq!((t.len(), t.stats().evicted), (10, 91));
    // Where conversations are the most, it is the one idle longest that goes, so that new ones
    // have a chance to be answered.
    for port in 200..=220 {
        see(&mut t, 2, LinkType::RAW, &udp(4, port, 5, 53));
        see(&mut t, 2, LinkType::RAW, &udp(5, 53, 4, port));
    }
    assert!(t.get(talk).is_none());
}

#[test]
fn ids_are_the_same_in_every_run() {
    let ids = || {
        let mut t = FlowTable::new(FlowConfig::default());
        (1..20)
            .map(|port| {
                let handle = flow(see(&mut t, 0, LinkType::RAW, &udp(1, port, 2, 53))).0;
                t.get(handle).expect("a flow").id
            })
            .collect::<Vec<_>>()
    };
    let (a, b) = (ids(), ids());
    assert_eq!(a, b);
    let mut unique = a.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), a.len());
}
