//! Section B: handshakes, copies and ends of TCP sessions.

use mimamori_base::Rng as _;
use mimamori_base::SeededRng;
use mimamori_engine::FrameAction;

use crate::frame::{ACK, FIN, Ip4, RST, SYN, Segment};
use crate::office::{Office, PATTERN, RULES};

fn segment(from_client: bool, flags: u8, seq: u32, ack: u32, data: &[u8]) -> Segment {
    Segment::new(from_client, flags, seq, ack, data)
}

/// Every pair and triplet of overlapping pieces, each with bytes of its own, then the honest stream.
#[test]
fn no_pair_or_triplet_of_overlaps_lets_two_versions_through() {
    let intervals: Vec<(u32, u32)> =
        (0..5u32).flat_map(|from| (from + 1..6).map(move |to| (from * 4, to * 4))).collect();
    let mut honest = vec![b'.'; 20];
    honest[3..17].copy_from_slice(PATTERN);
    let slice = |bytes: &[u8], from: u32, to: u32| bytes[from as usize..to as usize].to_vec();
    for a in &intervals {
        for b in &intervals {
            for c in std::iter::once(None).chain(intervals.iter().map(Some)) {
                let mut office = Office::open();
                let pieces = [Some(a), Some(b), c];
                for (n, (from, to)) in pieces.into_iter().flatten().enumerate() {
                    let own = vec![b'A' + u8::try_from(n).expect("three"); 20];
                    let bytes = if n == 1 { &honest } else { &own };
                    office.put(1_001 + from, &slice(bytes, *from, *to));
                }
                for at in (0..20).step_by(4) {
                    office.put(1_001 + at, &slice(&honest, at, at + 4));
                }
                office.check();
                office.finish();
                office.check();
            }
        }
    }
}

#[test]
fn a_copy_that_differs_is_told() {
    let mut office =
        Office::new("alert tcp any any -> any any (stream-event:reassembly_overlap_different_data; sid:9;)");
    office.shake();
    office.put(1_001, b"harmless-bytes");
    office.put(1_001, PATTERN);
    assert_eq!(office.alerts(), [9]);
}

#[test]
fn retransmissions_cut_otherwise_pass_and_change_nothing() {
    let text = [&b"0123456789"[..], PATTERN, b"0123456789"].concat();
    let mut office = Office::open();
    assert_eq!(office.put(1_001, &text).action, FrameAction::Forward);
    for size in [1, 3, 11] {
        for (n, piece) in text.chunks(size).enumerate() {
            let at = 1_001 + u32::try_from(n * size).expect("short");
            assert_eq!(office.put(at, piece).action, FrameAction::Forward);
        }
    }
    assert_eq!(office.alert_count(1), 1);
    office.check();
}

#[test]
fn a_second_syn_with_another_number() {
    // The server answers either; whichever it answers is the session.
    for answered in [1_000u32, 7_000] {
        for order in [[1_000u32, 7_000], [7_000, 1_000]] {
            let mut office = Office::new(RULES);
            for seq in order {
                office.segment(segment(true, SYN, seq, 0, b""));
            }
            office.segment(segment(false, SYN | ACK, 5_000, answered + 1, b""));
            office.segment(segment(true, ACK, answered + 1, 5_001, b""));
            office.segment(segment(true, ACK, answered + 1, 5_001, PATTERN));
            assert_eq!(office.alerts(), [1], "{order:?}, answered {answered}");
            office.check();
        }
    }
}

#[test]
fn an_acknowledgement_in_the_syn_is_nothing() {
    let mut office = Office::new(RULES);
    office.segment(segment(true, SYN, 1_000, 77_777, b""));
    office.segment(segment(false, SYN | ACK, 5_000, 1_001, b""));
    office.segment(segment(true, ACK, 1_001, 5_001, b""));
    office.put(1_001, PATTERN);
    assert_eq!(office.alerts(), [1]);
    // A false answer to the SYN does not make a session of its own.
    let mut office = Office::new(RULES);
    office.segment(segment(true, SYN, 1_000, 0, b""));
    office.segment(segment(false, SYN | ACK, 6_000, 99, b""));
    office.segment(segment(false, SYN | ACK, 5_000, 1_001, b""));
    office.segment(segment(true, ACK, 1_001, 5_001, b""));
    office.put(1_001, PATTERN);
    assert_eq!(office.alerts(), [1]);
    office.check();
}

const COOKIE: [u8; 12] = [34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1];

#[test]
fn data_on_the_syn() {
    // Taken by the server, taken in part, not taken and sent again; with and without the cookie.
    for options in [&COOKIE[..], &[]] {
        for taken in [PATTERN.len(), 4, 0] {
            let mut office = Office::new(RULES);
            office.segment(segment(true, SYN, 1_000, 0, PATTERN).options(options));
            let ack = 1_001 + u32::try_from(taken).expect("short");
            office.segment(segment(false, SYN | ACK, 5_000, ack, b""));
            office.segment(segment(true, ACK, ack, 5_001, b""));
            office.put(ack, &PATTERN[taken..]);
            office.finish();
            office.check();
            assert_eq!(office.alerts(), [1], "{taken} taken, {} of options", options.len());
        }
    }
}

#[test]
fn data_on_the_syn_that_differs_from_what_follows() {
    let mut office = Office::new(RULES);
    office.segment(segment(true, SYN, 1_000, 0, b"harmless-bytes").options(&COOKIE));
    office.segment(segment(false, SYN | ACK, 5_000, 1_001, b""));
    office.segment(segment(true, ACK, 1_001, 5_001, b""));
    office.put(1_001, PATTERN);
    office.finish();
    office.check();
}

#[test]
fn split_handshakes_in_four_and_five_steps() {
    // SYN; ACK; SYN; ACK (the server's SYN apart), with and without the first ACK.
    for with_ack in [true, false] {
        let mut office = Office::new(RULES);
        office.segment(segment(true, SYN, 1_000, 0, b""));
        if with_ack {
            office.segment(segment(false, ACK, 5_000, 1_001, b""));
        }
        office.segment(segment(false, SYN, 5_000, 0, b""));
        office.segment(segment(true, SYN | ACK, 1_000, 5_001, b""));
        office.segment(segment(false, ACK, 5_001, 1_001, b""));
        office.put(1_001, PATTERN);
        office.segment(segment(false, ACK, 5_001, 1_015, PATTERN));
        office.segment(segment(true, ACK, 1_015, 5_015, b""));
        office.finish();
        office.check();
        // Who is the server may be read either way round; the bytes of both are looked at.
        assert_eq!(office.alerts(), [1, 3], "with ACK {with_ack}");
    }
}

#[test]
fn both_open_at_once() {
    let mut office = Office::new(RULES);
    office.segment(segment(true, SYN, 1_000, 0, b""));
    office.segment(segment(false, SYN, 5_000, 0, b""));
    office.segment(segment(true, SYN | ACK, 1_000, 5_001, b""));
    office.segment(segment(false, SYN | ACK, 5_000, 1_001, b""));
    office.put(1_001, PATTERN);
    office.segment(segment(false, ACK, 5_001, 1_015, b""));
    office.finish();
    office.check();
    assert!(!office.alerts().is_empty());
}

#[test]
fn data_on_the_answer_to_the_syn() {
    let mut office = Office::new(RULES);
    office.segment(segment(true, SYN, 1_000, 0, b""));
    office.segment(segment(false, SYN | ACK, 5_000, 1_001, PATTERN));
    office.segment(segment(true, ACK, 1_001, 5_015, b""));
    office.finish();
    office.check();
    assert_eq!(office.alerts(), [3]);
}

#[test]
fn the_last_step_of_the_handshake_may_be_lost() {
    let mut office = Office::new(RULES);
    office.segment(segment(true, SYN, 1_000, 0, b""));
    office.segment(segment(false, SYN | ACK, 5_000, 1_001, b""));
    office.put(1_001, PATTERN);
    assert_eq!(office.alerts(), [1]);
    office.check();
}

#[test]
fn a_packet_pushed_in_after_the_handshake() {
    // The server's side says something with a number or an acknowledgement that cannot be.
    for (seq, ack) in [(5_001, 900_000), (900_000_000, 1_001), (5_001, 0)] {
        let mut office = Office::open();
        office.segment(segment(false, ACK, seq, ack, b"HTTP/1.1 200 OK\r\n\r\n"));
        office.put(1_001, PATTERN);
        office.segment(segment(false, ACK, 5_001, 1_015, PATTERN));
        office.segment(segment(true, ACK, 1_015, 5_015, b""));
        office.check();
        // An old acknowledgement is none that a client refuses: then the first copy stands.
        let expected = if ack == 0 { &[1][..] } else { &[1, 3] };
        assert_eq!(office.alerts(), expected, "{seq} {ack}");
    }
}

const MD5: [u8; 20] = [19, 18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1];

#[test]
fn resets_that_no_receiver_takes_end_nothing() {
    // A wrong number, a wrong number with data, one that expires on the way, one with a signature.
    let resets = [
        segment(true, RST, 900_000_000, 0, b""),
        segment(true, RST | ACK, 900_000_000, 5_001, b"bye"),
        segment(true, RST, 1_003, 0, b""),
        segment(true, RST | ACK, 1_001, 5_001, b"").options(&MD5),
        segment(true, RST | ACK, 1_001, 5_001, PATTERN),
        segment(false, RST, 4_000, 0, b""),
    ];
    for (n, reset) in resets.iter().enumerate() {
        let mut office = Office::open();
        office.segment(reset.clone());
        office.frame(true, &Ip4 { ttl: 1, ..Ip4::default() }.frame(6, true, &reset.bytes()));
        office.put(1_001, PATTERN);
        office.segment(segment(false, ACK, 5_001, 1_015, b""));
        office.finish();
        office.check();
        assert!(office.alerts().contains(&1) || office.stopped > 0, "{n}");
    }
}

#[test]
fn bytes_after_the_end_are_looked_at_or_stopped() {
    let mut office = Office::open();
    office.say(true, b"GET / HTTP/1.1\r\n");
    office.segment(segment(true, FIN | ACK, office.client_seq, 5_001, b""));
    // After the FIN, in front of it, and by the other side, which may go on.
    office.put(office.client_seq + 1, PATTERN);
    office.put(office.client_seq, PATTERN);
    office.check();
    office.segment(segment(false, ACK, 5_001, office.client_seq + 1, PATTERN));
    office.segment(segment(true, ACK, office.client_seq + 1, 5_015, b""));
    office.check();
    assert!(office.alerts().contains(&3));
    // A FIN with a wrong number ends nothing.
    let mut office = Office::open();
    office.segment(segment(true, FIN | ACK, 800_000, 5_001, b""));
    office.put(1_001, PATTERN);
    office.check();
    assert_eq!(office.alerts(), [1]);
}

#[test]
fn one_side_alone_is_looked_at() {
    let mut office = Office::with(RULES, &[("stream.async-oneside", "true")]);
    office.segment(segment(true, SYN, 1_000, 0, b""));
    office.segment(segment(true, ACK, 1_001, 5_001, b""));
    for (n, piece) in PATTERN.chunks(5).enumerate() {
        office.put(1_001 + u32::try_from(n * 5).expect("short"), piece);
    }
    office.finish();
    office.check();
    assert_eq!(office.alerts(), [1]);
}

#[test]
fn sessions_are_picked_up_in_the_middle() {
    // As after a restart of the gateway: they go on, and are looked at from there.
    for from_client in [true, false] {
        let mut office = Office::new(RULES);
        let ack = if from_client { 5_001 } else { 1_001 };
        let seq = if from_client { 1_001 } else { 5_001 };
        for (n, piece) in PATTERN.chunks(5).enumerate() {
            let at = seq + u32::try_from(n * 5).expect("short");
            let verdict = office.segment(segment(from_client, ACK, at, ack, piece));
            assert_eq!(verdict.action, FrameAction::Forward);
        }
        office.segment(segment(!from_client, ACK, ack, seq + 14, b""));
        office.finish();
        assert_eq!(office.alerts().len(), 1, "from client {from_client}");
    }
}

#[test]
fn segments_of_one_byte_in_any_order() {
    let text = [&b"GET /"[..], PATTERN, b" HTTP/1.1\r\n\r\n"].concat();
    let rng = SeededRng::new(5);
    for _ in 0..50 {
        let mut order: Vec<usize> = (0..text.len()).collect();
        for i in (1..order.len()).rev() {
            order.swap(i, (rng.next_u64() % (i as u64 + 1)) as usize);
        }
        let mut office = Office::open();
        for at in order {
            office.put(1_001 + u32::try_from(at).expect("short"), &text[at..=at]);
        }
        office.segment(segment(false, ACK, 5_001, 1_001 + u32::try_from(text.len()).expect("short"), b""));
        assert_eq!(office.alerts(), [1]);
        office.check();
    }
}

#[test]
fn a_reset_that_is_stopped_acknowledges_nothing() {
    let mut office = Office::open();
    office.put(1_006, b"tack-pattern");
    let stopped = office.segment(segment(false, RST | ACK, 5_001, 1_018, b"text"));
    assert_eq!(stopped.action, FrameAction::Drop);
    // Another copy of what has passed: old it would be had the acknowledgement counted.
    assert_eq!(office.put(1_005, b"XXX").action, FrameAction::Drop);
    office.finish();
    office.check();
}

#[test]
fn bytes_in_a_reset_do_not_pass() {
    // At exactly the next number, where a receiver could take them for another copy of the stream.
    for flags in [RST, RST | ACK] {
        let mut office = Office::open();
        office.put(1_003, b"tack-pattern");
        assert_eq!(office.segment(segment(true, flags, 1_001, 5_001, b"atXX")).action, FrameAction::Drop);
        assert_eq!(office.put(1_001, b"at").action, FrameAction::Drop, "the session is over here");
        assert_eq!(office.segment(segment(true, flags, 1_001, 5_001, b"")).action, FrameAction::Forward);
        office.finish();
        office.check();
    }
}
