//! Section G: DNS over UDP and TCP, and its relatives.

use crate::frame::{Ip4, datagram};
use crate::office::{Office, talk};

const RULES: &str = "\
alert dns any any -> any any (dns.query; content:\"bad.example\"; nocase; sid:1;)
alert dns any any -> any any (app-layer-event:dns.malformed_data; sid:8;)
";

fn name(text: &str) -> Vec<u8> {
    let labels = text.split('.').filter(|l| !l.is_empty());
    let mut out: Vec<u8> =
        labels.flat_map(|l| [&[u8::try_from(l.len()).expect("short")][..], l.as_bytes()].concat()).collect();
    out.push(0);
    out
}

/// A message with the questions and what follows them.
fn message(id: u16, flags: u16, counts: [u16; 4], body: &[u8]) -> Vec<u8> {
    let counts: Vec<u8> = counts.iter().flat_map(|c| c.to_be_bytes()).collect();
    [&id.to_be_bytes()[..], &flags.to_be_bytes(), &counts, body].concat()
}

fn question(text: &str) -> Vec<u8> {
    [name(text), vec![0, 1, 0, 1]].concat()
}

fn query(text: &str) -> Vec<u8> {
    message(7, 0x100, [1, 0, 0, 0], &question(text))
}

fn send(office: &mut Office, from_client: bool, port: u16, bytes: &[u8]) {
    let bytes = datagram(from_client, 40_000, port, bytes);
    office.frame(from_client, &Ip4::default().frame(17, from_client, &bytes));
}

fn seen(rules: &str, port: u16, messages: &[(bool, Vec<u8>)]) -> Vec<u32> {
    let mut office = Office::new(rules);
    for (from_client, bytes) in messages {
        send(&mut office, *from_client, port, bytes);
    }
    office.finish();
    office.alerts()
}

#[test]
fn names_in_any_case_and_with_extensions() {
    assert_eq!(seen(RULES, 53, &[(true, query("www.bad.example"))]), [1]);
    assert_eq!(seen(RULES, 53, &[(true, query("wWw.BaD.eXamPle"))]), [1], "0x20");
    let edns = [question("bad.example"), vec![0, 0, 41, 0x10, 0, 0, 0, 0x80, 0, 0, 0]].concat();
    assert_eq!(seen(RULES, 53, &[(true, message(7, 0x120, [1, 0, 0, 1], &edns))]), [1], "EDNS");
    let two = [question("good.example"), question("bad.example")].concat();
    assert_eq!(seen(RULES, 53, &[(true, message(7, 0x100, [2, 0, 0, 0], &two))]), [1], "second question");
    assert_eq!(
        seen(
            RULES,
            5_300,
            &[
                (true, query("bad.example")),
                (false, message(7, 0x8180, [1, 0, 0, 0], &question("bad.example")))
            ]
        ),
        [1],
        "another port"
    );
}

#[test]
fn over_tcp_in_any_cut() {
    let framed = |m: &[u8]| [&u16::try_from(m.len()).expect("short").to_be_bytes()[..], m].concat();
    let two = [framed(&query("good.example")), framed(&query("bad.example"))].concat();
    assert_eq!(talk(RULES, 53, &[(true, &two), (false, b"")]), [1]);
}

#[test]
fn pointers_that_loop_end() {
    // To itself, to each other, to what comes later, and a chain of hundreds.
    let loops = [
        vec![0xc0, 12, 0, 1, 0, 1],
        vec![1, b'a', 0xc0, 16, 0xc0, 12, 0, 1, 0, 1],
        vec![0xc0, 200, 0, 1, 0, 1],
    ];
    for body in loops {
        let answer = message(7, 0x8180, [1, 1, 0, 0], &body);
        let sids = seen(RULES, 53, &[(true, query("bad.example")), (false, answer)]);
        assert!(sids.contains(&1), "the question before it: {body:?}");
    }
    let mut chain = Vec::new();
    for n in 0..400u16 {
        chain.extend((0xc000 | (12 + n * 2 + 2)).to_be_bytes());
    }
    chain.extend([0, 0, 1, 0, 1]);
    seen(RULES, 53, &[(true, message(7, 0x100, [1, 0, 0, 0], &chain))]);
}

#[test]
fn a_small_message_does_not_make_a_long_log() {
    // Two thousand records whose names all point at one long name.
    let long = name(&["a".repeat(60).as_str(); 4].join("."));
    let mut body = [long, vec![0, 1, 0, 1]].concat();
    for _ in 0..2_000 {
        body.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 2, 0xc0, 12]);
    }
    let answer = message(7, 0x8180, [1, 2_000, 0, 0], &body);
    let mut office = Office::new(RULES);
    send(&mut office, true, 53, &query("x.example"));
    send(&mut office, false, 53, &answer);
    office.finish();
    let longest = office.events.iter().map(|e| e.to_eve().to_string().len()).max().unwrap_or(0);
    assert!(longest < 4 << 20, "{longest}");
}

#[test]
fn rubbish_before_the_question() {
    assert_eq!(
        seen(
            RULES,
            53,
            &[(true, vec![0; 3]), (true, b"no dns at all".to_vec()), (true, query("bad.example"))]
        ),
        [1]
    );
}

#[test]
fn a_flood_of_answers_is_told_and_bounded() {
    let mut office = Office::new(RULES);
    for id in 0..9_000u16 {
        send(&mut office, false, 53, &message(id, 0x8180, [1, 0, 0, 0], &question("x.example")));
    }
    for id in 0..9_000u16 {
        send(&mut office, true, 53, &message(id, 0x100, [1, 0, 0, 0], &question("x.example")));
    }
    send(&mut office, true, 53, &query("bad.example"));
    office.finish();
    assert!(office.alerts().contains(&1));
}

#[test]
fn long_names_of_tunnels_can_be_ruled_on() {
    let rules = "alert dns any any -> any any (dns.query; bsize:>60; pcre:\"/^[a-z0-9]{40,}/\"; sid:1;)\n\
        alert dns any any -> any any (dns.opcode:0; dns.rrtype:16; threshold:type both,track by_src,count 50,seconds 60; sid:2;)";
    let mut office = Office::new(rules);
    for n in 0..60 {
        let text = format!("{}{n}.t.example", "q1w2e3r4t5".repeat(6));
        let body = [name(&text), vec![0, 16, 0, 1]].concat();
        send(&mut office, true, 53, &message(n, 0x100, [1, 0, 0, 0], &body));
    }
    office.finish();
    assert_eq!((office.alert_count(1), office.alert_count(2)), (60, 1));
}

#[test]
fn names_on_the_local_net_are_read() {
    let rules = "alert llmnr any any -> any any (llmnr.queries.rrname; content:\"bad.example\"; sid:1;)";
    assert_eq!(
        seen(rules, 5_355, &[(true, message(7, 0, [1, 0, 0, 0], &question("bad.example")))]),
        [1],
        "LLMNR"
    );
    let rules = "alert mdns any any -> any any (mdns.queries.rrname; content:\"bad.example\"; sid:1;)";
    assert_eq!(
        seen(rules, 5_353, &[(true, message(0, 0, [1, 0, 0, 0], &question("bad.example")))]),
        [1],
        "mDNS"
    );
}
