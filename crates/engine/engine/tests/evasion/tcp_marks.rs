//! Section B: urgent bytes, time stamps, windows, gaps, and streams that want memory.

use mimamori_base::Rng as _;
use mimamori_base::SeededRng;
use mimamori_engine::FrameAction;

use crate::frame::{ACK, PSH, SYN, Segment, URG, stamps};
use crate::office::{Office, PATTERN, RULES};

fn segment(from_client: bool, flags: u8, seq: u32, ack: u32, data: &[u8]) -> Segment {
    Segment::new(from_client, flags, seq, ack, data)
}

#[test]
fn the_urgent_byte_is_no_part_of_what_is_read() {
    // `attack-` `X` (urgent) `pattern`: a receiver that takes the urgent byte out reads the pattern.
    let mut office = Office::open();
    let mut urgent = segment(true, ACK | URG, 1_001, 5_001, b"attack-X");
    urgent.urgent = 8;
    office.segment(urgent);
    office.put(1_009, b"pattern");
    assert_eq!(office.alerts(), [1]);
}

#[test]
fn urgent_pointers_to_nowhere_are_survived() {
    for urgent in [0u16, 1, 13, 14, 15, 1_000, 0xffff] {
        let mut office = Office::open();
        let mut marked = segment(true, ACK | URG | PSH, 1_001, 5_001, PATTERN);
        marked.urgent = urgent;
        office.segment(marked);
        let mut plain = segment(true, ACK, 1_015, 5_001, b"rest");
        plain.urgent = urgent;
        office.segment(plain);
        office.segment(segment(false, ACK, 5_001, 1_019, b""));
        office.finish();
        let inside = (1..=14).contains(&urgent);
        assert!(office.alerts() == [1] || inside, "pointer {urgent}");
    }
}

/// A session with time stamps on both sides.
fn stamped() -> Office {
    let mut office = Office::new(RULES);
    office.segment(segment(true, SYN, 1_000, 0, b"").options(&stamps(100_000, 0)));
    office.segment(segment(false, SYN | ACK, 5_000, 1_001, b"").options(&stamps(7_000, 100_000)));
    office.segment(segment(true, ACK, 1_001, 5_001, b"").options(&stamps(100_001, 7_000)));
    office
}

#[test]
fn a_segment_with_an_old_time_stamp_does_not_take_the_place() {
    // A receiver throws the first away (PAWS) and reads the second.
    for old in [1u32, 99_999, 100_000u32.wrapping_sub(1 << 30)] {
        let mut office = stamped();
        office.segment(segment(true, ACK, 1_001, 5_001, b"harmless-bytes").options(&stamps(old, 7_000)));
        office.segment(segment(true, ACK, 1_001, 5_001, PATTERN).options(&stamps(100_002, 7_000)));
        office.check();
        // Without time stamps where there were some.
        let mut office = stamped();
        office.segment(segment(true, ACK, 1_001, 5_001, b"harmless-bytes"));
        office.segment(segment(true, ACK, 1_001, 5_001, PATTERN).options(&stamps(100_002, 7_000)));
        office.check();
    }
    let mut office = stamped();
    office.segment(segment(true, ACK, 1_001, 5_001, PATTERN).options(&stamps(100_002, 7_000)));
    assert_eq!(office.alerts(), [1], "the honest one");
}

#[test]
fn keep_alives_and_window_probes_change_nothing() {
    let mut office = Office::open();
    office.say(true, b"attack-");
    // A keep-alive has the byte before the next, some with rubbish in it; a probe has the next one.
    office.put(office.client_seq - 1, b"");
    office.put(office.client_seq - 1, b"\0");
    office.segment(segment(false, ACK, 5_001, office.client_seq, b""));
    let mut closed = segment(false, ACK, 5_001, office.client_seq, b"");
    closed.window = 0;
    office.segment(closed);
    office.put(office.client_seq, b"p");
    office.segment(segment(false, ACK, 5_001, office.client_seq, b""));
    office.put(office.client_seq, b"pattern");
    office.segment(segment(false, ACK, 5_001, office.client_seq + 7, b""));
    assert_eq!(office.alerts(), [1]);
    office.check();
}

#[test]
fn what_lies_outside_the_window_counts_for_nothing() {
    for seq in [1_001u32 + 900_000_000, 1_001u32.wrapping_sub(900_000_000), 1_001 + 3_000_000] {
        let mut office = Office::open();
        office.put(seq, b"harmless-bytes");
        office.put(1_001, b"attack-");
        office.put(seq.wrapping_add(3), b"nothing");
        office.put(1_008, b"pattern");
        office.segment(segment(false, ACK, 5_001, 1_015, b""));
        assert_eq!(office.alerts(), [1], "{seq}");
        office.check();
    }
}

#[test]
fn data_into_a_closed_window_is_looked_at() {
    let mut office = Office::open();
    let mut closed = segment(false, ACK, 5_001, 1_001, b"");
    closed.window = 0;
    office.segment(closed);
    office.put(1_001, b"harmless-bytes");
    office.put(1_001, PATTERN);
    office.segment(segment(false, ACK, 5_001, 1_001, b""));
    office.put(1_001, PATTERN);
    office.check();
}

#[test]
fn selective_acknowledgements_of_anything_are_survived() {
    let sack = |blocks: &[(u32, u32)]| {
        let mut o = vec![1, 1, 5, u8::try_from(2 + blocks.len() * 8).expect("short")];
        for (left, right) in blocks {
            o.extend(left.to_be_bytes());
            o.extend(right.to_be_bytes());
        }
        o
    };
    for blocks in [
        &[(1_008, 1_015)][..],
        &[(1_015, 1_008)],
        &[(0, u32::MAX), (7, 7), (1_001, 900_000_000)],
        &[(1_001, 1_002), (1_003, 1_004), (1_005, 1_006), (1_007, 1_008)],
    ] {
        let mut office = Office::open();
        office.put(1_008, b"pattern");
        office.segment(segment(false, ACK, 5_001, 1_001, b"").options(&sack(blocks)));
        office.put(1_001, b"attack-");
        office.segment(segment(false, ACK, 5_001, 1_015, b""));
        assert_eq!(office.alerts(), [1], "{blocks:?}");
        office.check();
    }
}

#[test]
fn options_cut_off_or_endless_are_survived() {
    for options in [[8u8, 0, 0, 0], [8, 1, 1, 1], [5, 200, 1, 1], [1, 1, 1, 3], [254, 4, 0, 0]] {
        let mut office = Office::open();
        office.segment(segment(true, ACK, 1_001, 5_001, PATTERN).options(&options));
        office.check();
        assert!(office.alerts() == [1] || office.stopped == 1, "{options:?}");
    }
}

#[test]
fn after_lost_segments_the_rest_is_looked_at() {
    // The server acknowledges what was never seen here (another way, or lost in the capture).
    let mut office = Office::open();
    office.put(1_001, b"GET / HTTP/1.1\r\n");
    office.segment(segment(false, ACK, 5_001, 3_001, b""));
    office.put(3_001, PATTERN);
    office.segment(segment(false, ACK, 5_001, 3_015, b""));
    office.finish();
    assert_eq!(office.alerts(), [1], "{:?}", office.events);
}

#[test]
fn a_gap_in_http_hides_neither_what_is_before_nor_after() {
    let rules = "alert http any any -> any any (http.uri; content:\"/first\"; sid:1;)\n\
        alert http any any -> any any (http.uri; content:\"/second\"; sid:2;)\n\
        alert http any any -> any any (file.data; content:\"attack-pattern\"; sid:3;)";
    let mut office = Office::at_port(rules, 80);
    office.say(true, b"GET /first HTTP/1.1\r\nHost: h\r\n\r\n");
    office.say(false, b"HTTP/1.1 200 OK\r\nContent-Length: 1028\r\n\r\nattack-pattern");
    // A thousand bytes that only the client has seen.
    office.server_seq += 1_000;
    let (ack, seq) = (office.server_seq, office.client_seq);
    office.segment(segment(true, ACK, seq, ack, b""));
    office.say(false, b"attack-pattern");
    office.say(true, b"GET /second HTTP/1.1\r\nHost: h\r\n\r\n");
    office.say(false, b"HTTP/1.1 204 No Content\r\n\r\n");
    office.finish();
    assert_eq!(office.alerts(), [1, 2, 3]);
}

/// Every second byte only: each is a piece of its own that waits for its neighbours.
#[test]
fn endless_holes_hold_a_bounded_memory() {
    let mut office = Office::open();
    for n in 0..20_000u32 {
        office.put(1_002 + n * 2, b"x");
    }
    let held = office.engine.stats().flow.stream_memory_bytes;
    assert!(held < 4 << 20, "{held}");
    assert!(office.stopped > 0, "beyond the cap the sender has to repeat");
    // It repeats in order, and everything is looked at.
    let mut text = vec![b'x'; 40_002];
    text[20_001..20_015].copy_from_slice(PATTERN);
    let mut office = Office::open();
    for n in (0..20_000usize).filter(|n| !(9_999..10_009).contains(n)) {
        office.put(1_002 + u32::try_from(n * 2).expect("short"), b"x");
    }
    for (n, piece) in text.chunks(1_000).enumerate() {
        office.put(1_001 + u32::try_from(n * 1_000).expect("short"), piece);
    }
    office.segment(segment(false, ACK, 5_001, 1_001 + 40_002, b""));
    assert_eq!(office.alerts(), [1]);
    office.check();
}

#[test]
fn many_streams_with_holes_share_one_memory() {
    let mut office = Office::with(RULES, &[("stream.memcap", "256kb")]);
    let mut most = 0;
    for port in 1..400u16 {
        let talk = |flags, seq, ack, data: &[u8], from_client| {
            let mut s = segment(from_client, flags, seq, ack, data);
            s.client_port = 10_000 + port;
            s
        };
        office.segment(talk(SYN, 1_000, 0, b"", true));
        office.segment(talk(SYN | ACK, 5_000, 1_001, b"", false));
        office.segment(talk(ACK, 1_001, 5_001, b"", true));
        for n in 1..8u32 {
            office.segment(talk(ACK, 1_001 + n * 2_000, 5_001, &[b'x'; 1_000], true));
        }
        most = most.max(office.engine.stats().flow.stream_memory_bytes);
    }
    assert!(most <= 256 << 10, "{most}");
    // Others are still looked at while it is full.
    office.wait(5);
    office.client_seq = 1_001;
    office.shake();
    office.say(true, PATTERN);
    assert!(office.alerts().contains(&1));
}

/// Whatever is sent, in whatever order: what the server can read was looked at.
#[test]
fn wild_sessions_keep_the_promise() {
    let rng = SeededRng::new(17);
    let roll = |below: u32| u32::try_from(rng.next_u64() % u64::from(below)).unwrap_or(0);
    for _ in 0..400 {
        // What comes after an end belongs to no session: it is not picked up in the middle here.
        let mut office = Office::with(RULES, &[("stream.midstream", "no")]);
        office.shake();
        for _ in 0..40 {
            let at = roll(30);
            let len = 1 + roll(14) as usize;
            let mut text = [&[b'.'; 8][..], PATTERN, &[b'.'; 30]].concat();
            if roll(3) == 0 {
                text.fill(b'A' + u8::try_from(roll(20)).unwrap_or(0));
            }
            let flags = [ACK, ACK, ACK, ACK | PSH, 4, 1 | ACK, 4 | ACK][roll(7) as usize];
            let from_client = roll(5) > 0;
            let data = &text[at as usize..at as usize + len];
            let seq = if from_client { 1_001 } else { 5_001 } + at;
            let ack = if from_client { 5_001 } else { 1_001 } + roll(40);
            let data: &[u8] = if flags & 4 != 0 { b"" } else { data };
            office.segment(segment(from_client, flags, seq, ack, data));
        }
        office.finish();
        office.check();
    }
}

#[test]
fn a_stopped_flow_stays_stopped() {
    let mut office =
        Office::new("drop tcp any any -> any any (flow:to_server; content:\"attack-pattern\"; sid:1;)");
    office.shake();
    assert_eq!(office.put(1_001, PATTERN).action, FrameAction::Drop);
    assert_eq!(office.put(1_015, b"more").action, FrameAction::Drop);
    assert_eq!(office.segment(segment(false, ACK, 5_001, 1_001, b"HTTP/1.1")).action, FrameAction::Drop);
    assert!(!office.readable(true));
}
