//! Section H: rules that would run for ever, take all memory, stop what they must not or hide others.

use mimamori_engine::{EngineConfig, FrameAction, Ruleset};

use crate::frame::{ACK, Ip4, Segment, datagram, ethernet, ip4, udp};
use crate::office::{Office, PATTERN, talk};

fn datagrams(rules: &str, payloads: &[&[u8]]) -> Office {
    let mut office = Office::new(rules);
    for payload in payloads {
        office.frame(true, &ethernet(0x800, &ip4(17, &udp(9_999, payload))));
    }
    office
}

#[test]
fn expressions_that_explode_end() {
    let text = [&b"a".repeat(1_300)[..], b"!"].concat();
    for pcre in ["/^(a+)+$/", "/(a|a)*b/", "/(a*)*c/", "/^(?=(a+)+$)(a|aa)+$/", "/(.*)(.*)(.*)(.*)(.*)[^a!]/"]
    {
        let rules = format!(
            "alert udp any any -> any any (pcre:\"{pcre}\"; sid:1;)\nalert udp any any -> any any (content:\"!\"; sid:2;)"
        );
        assert_eq!(datagrams(&rules, &[&text]).alerts(), [2], "{pcre}");
    }
}

#[test]
fn a_negated_expression_does_not_loop() {
    let rules = "alert udp any any -> any any (content:\"a\"; pcre:!\"/a\\s+b/R\"; sid:1;)\n\
        alert udp any any -> any any (content:\"a\"; pcre:!\"/^b/R\"; content:\"zz\"; distance:0; sid:2;)";
    assert_eq!(datagrams(rules, &[&b"a".repeat(1_300)]).alerts(), [1]);
}

#[test]
fn contents_that_match_everywhere_end() {
    let chain: String = (0..24).map(|_| "content:\"a\"; distance:0; ".to_owned()).collect();
    let rules = format!(
        "alert udp any any -> any any ({chain}content:\"never\"; distance:0; sid:1;)\n\
         alert udp any any -> any any (content:\"aaaa\"; sid:2;)"
    );
    assert_eq!(datagrams(&rules, &[&b"a".repeat(1_300)]).alerts(), [2]);
}

#[test]
fn division_by_zero_and_numbers_out_of_range() {
    let rules = "alert udp any any -> any any (byte_math:bytes 1,offset 0,oper /,rvalue 0,result r; sid:1;)\n\
        alert udp any any -> any any (byte_extract:1,0,z; byte_math:bytes 1,offset 1,oper /,rvalue z,result r; content:\"x\"; offset:r; sid:2;)\n\
        alert udp any any -> any any (byte_math:bytes 4,offset 0,oper <<,rvalue 31,result r; byte_jump:4,0,relative,multiplier 65535; sid:3;)\n\
        alert udp any any -> any any (content:\"end\"; sid:9;)";
    let config = EngineConfig::default();
    let set = Ruleset::compile(rules, &config);
    let refused: Vec<&str> = set.report().refused.iter().map(|_| "refused").collect();
    // A constant zero is refused at load; one from the packet counts as not matching.
    assert!(refused.len() <= 1, "{:?}", set.report().refused);
    let kept: Vec<&str> = rules.lines().skip(1).collect();
    let mut office = datagrams(&kept.join("\n"), &[b"\0\x05xxx end", b"\xff\xff\xff\xff\xff end"]);
    office.finish();
    assert!(office.alerts().contains(&9));
    assert!(!office.alerts().contains(&1));
}

#[test]
fn decoding_asks_for_no_more_than_there_is() {
    let rules = "alert udp any any -> any any (base64_decode:bytes 4294967295, offset 0, relative; base64_data; content:\"attack\"; sid:1;)\n\
        alert udp any any -> any any (base64_decode:offset 4294967295; base64_data; content:\"x\"; sid:2;)";
    let set = Ruleset::compile(rules, &EngineConfig::default());
    let bad = set.report().refused.len();
    if bad == 0 {
        assert_eq!(datagrams(rules, &[b"YXR0YWNrLXBhdHRlcm4="]).alerts(), [1]);
    }
    let fine = "alert udp any any -> any any (base64_decode:bytes 65535, offset 0; base64_data; content:\"attack\"; sid:1;)";
    assert_eq!(datagrams(fine, &[b"YXR0YWNrLXBhdHRlcm4="]).alerts(), [1]);
}

#[test]
fn transforms_of_long_buffers_need_no_stack() {
    let body = b"a b%41 ".repeat(200_000);
    let rules = "alert http any any -> any any (file.data; strip_whitespace; content:\"ab%41\"; sid:1;)\n\
        alert http any any -> any any (file.data; compress_whitespace; url_decode; to_lowercase; content:\"ba\"; sid:2;)\n\
        alert http any any -> any any (file.data; xor:\"0d0a0d0a\"; to_sha256; to_md5; to_sha1; content:!\"x\"; sid:3;)";
    let mut office = Office::at_port(rules, 80);
    office.say(true, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    office.say(false, format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
    office.say(false, &body);
    office.close();
    office.finish();
    assert!(office.alerts().contains(&1) && office.alerts().contains(&2), "{:?}", office.alerts());
}

#[test]
fn rules_that_only_set_a_bit_never_drop() {
    for action in ["drop", "reject"] {
        let rules = format!(
            "{action} udp any any -> any any (content:\"attack\"; flowbits:set,x; flowbits:noalert; sid:1;)\n\
             {action} udp any any -> any any (content:\"attack\"; xbits:set,y,track ip_src; flowbits:noalert; sid:2;)"
        );
        let mut office = Office::new(&rules);
        let verdict = office.frame(true, &ethernet(0x800, &ip4(17, &udp(9_999, PATTERN))));
        assert_eq!((verdict.action, office.alerts()), (FrameAction::Forward, vec![]), "{action}");
        let verdict = office.frame(true, &ethernet(0x800, &ip4(17, &udp(9_999, b"more"))));
        assert_eq!(verdict.action, FrameAction::Forward, "{action}, the next packet");
    }
}

#[test]
fn many_alerts_on_one_packet_do_not_hide_a_drop() {
    let mut rules: String = (1..=200)
        .map(|sid| format!("alert udp any any -> any any (content:\"attack\"; priority:2; sid:{sid};)\n"))
        .collect();
    rules.push_str("drop udp any any -> any any (content:\"pattern\"; priority:3; sid:999;)\n");
    let mut office = Office::new(&rules);
    let verdict = office.frame(true, &ethernet(0x800, &ip4(17, &udp(9_999, PATTERN))));
    assert_eq!(verdict.action, FrameAction::Drop);
    let alerts = office.alerts().len();
    assert!(alerts <= 16, "{alerts}");
    assert!(office.engine.stats().alerts_suppressed > 100);
}

#[test]
fn thresholds_keep_counting_when_their_table_is_full() {
    let rules = "alert udp any any -> any any (content:\"attack\"; threshold:type limit,track by_src,count 1,seconds 60; sid:1;)";
    let mut office = Office::new(rules);
    for n in 0..140_000u32 {
        let mut frame = ethernet(0x800, &ip4(17, &udp(9_999, b"attack")));
        // Another source each time; the sums go along.
        let [_, a, b, c] = n.to_be_bytes();
        frame[26..30].copy_from_slice(&[10, a, b, c]);
        frame[24..26].fill(0);
        let sum = frame[14..34].chunks(2).fold(0u32, |s, p| s + (u32::from(p[0]) << 8 | u32::from(p[1])));
        let sum = (sum & 0xffff) + (sum >> 16);
        let sum = !(((sum & 0xffff) + (sum >> 16)) as u16);
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
        frame[40..42].fill(0);
        office.frame(true, &frame);
        if n % 1_000 == 0 {
            office.wait(1);
        }
        // Flows' records are not what this is about.
        office.events.retain(|e| e.alert.is_some());
    }
    let each = office.events.len();
    assert!(each >= 140_000, "no source was left out: {each}");
}

#[test]
fn prepared_addresses_do_not_collide() {
    // Under another key the same packets fall into other places: the key is the process's own.
    use mimamori_base::{Timestamp, Zone};
    for seed in [(1u64, 2u64), (3, 4)] {
        let mut config = EngineConfig::default();
        config.set("checksum", "none").expect("an option");
        config.flow.hash_seed = seed;
        let set = Ruleset::compile("", &config);
        let mut engine = mimamori_engine::Engine::new(config, set, std::sync::Arc::default());
        let mut events = Vec::new();
        for port in 1..3_000u16 {
            let bytes = datagram(true, port, port, b"x");
            let frame = Ip4::default().frame(17, true, &bytes);
            engine.process(Timestamp(i64::from(port)), Zone::Lan, Some(Zone::Wan), &frame, &mut events);
        }
        assert_eq!(engine.stats().flow.active, 2_999);
        engine.finish(Timestamp(1_000_000), &mut events);
        let mut ids: Vec<u64> = events.iter().filter_map(|e| e.flow_id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 2_999, "each flow has a name of its own");
    }
}

#[test]
fn a_protocol_in_the_clothes_of_another() {
    let rules = "alert http any any -> any any (http.uri; content:\"/attack-pattern\"; sid:1;)\n\
        alert tcp any any -> any any (flow:to_server; content:\"attack-pattern\"; sid:2;)\n\
        alert ip any any -> any any (app-layer-event:applayer_mismatch_protocol_both_directions; sid:3;)";
    let get: &[u8] = b"GET /attack-pattern HTTP/1.1\r\nHost: h\r\n\r\n";
    let ok: &[u8] = b"HTTP/1.1 204 No\r\n\r\n";
    // On the ports of others; the server first; each side another protocol.
    for port in [53u16, 25, 443, 22, 50_000] {
        let sids = talk(rules, port, &[(true, get), (false, ok)]);
        assert!(sids.contains(&1) && sids.contains(&2), "port {port}: {sids:?}");
    }
    let sids = talk(rules, 80, &[(true, get), (false, b"SSH-2.0-x\r\n")]);
    assert!(sids.contains(&2), "{sids:?}");
    let sids = talk(rules, 80, &[(false, b"220 ready\r\n"), (true, get), (false, ok)]);
    assert!(sids.contains(&2), "{sids:?}");
}

#[test]
fn a_change_of_protocol_in_the_middle() {
    let rules = "alert http2 any any -> any any (http.uri; content:\"/up\"; sid:1;)\n\
        alert tls any any -> any any (tls.sni; content:\"bad.example\"; sid:2;)\n\
        alert tcp any any -> any any (flow:to_server; content:\"attack-pattern\"; sid:3;)";
    let hello = crate::tls::handshake(1, &crate::tls::hello(&[crate::tls::sni(b"bad.example")]));
    let record = [&[22u8, 3, 1][..], &crate::frame::len16(hello.len()), &hello].concat();
    let connect: &[u8] = b"CONNECT bad.example:443 HTTP/1.1\r\nHost: bad.example\r\n\r\n";
    let turns: [(bool, &[u8]); 4] = [
        (true, connect),
        (false, b"HTTP/1.1 200 OK\r\n\r\n"),
        (true, &record),
        (false, b"\x15\x03\x01\0\x02\x02\x28"),
    ];
    assert_eq!(talk(rules, 80, &turns), [2], "TLS after CONNECT");
    let upgrade: &[u8] =
        b"GET /up HTTP/1.1\r\nHost: h\r\nUpgrade: nothing-known\r\nConnection: upgrade\r\n\r\n";
    let turns: [(bool, &[u8]); 3] = [
        (true, upgrade),
        (false, b"HTTP/1.1 101 Switching\r\nUpgrade: nothing-known\r\n\r\n"),
        (true, PATTERN),
    ];
    assert_eq!(talk(rules, 80, &turns), [3], "something unknown after an upgrade");
}

#[test]
fn one_bad_rule_stops_no_other() {
    let rules = "alert tcp any any -> any any (nonsense:1; sid:1;)\n\
        this is no rule\n\
        alert tcp any any -> any any (content:\"unfinished; sid:2;)\n\
        alert udp any any -> any any (content:\"attack\"; sid:3;)\n\
        alert udp any any -> any any (pcre:\"/(/\"; sid:4;)\n\
        alert udp $NOBODY any -> any any (content:\"x\"; sid:5;)\n";
    let config = EngineConfig::default();
    let set = Ruleset::compile(rules, &config);
    assert_eq!((set.report().loaded, set.report().refused.len()), (1, 5), "{:?}", set.report().refused);
    let sids: Vec<Option<u32>> = set.report().refused.iter().map(|r| r.sid).collect();
    assert!(sids.contains(&Some(1)) && sids.contains(&Some(4)) && sids.contains(&Some(5)), "{sids:?}");
    let mut engine = mimamori_engine::Engine::new(config, set, std::sync::Arc::default());
    let mut events = Vec::new();
    let frame = ethernet(0x800, &ip4(17, &udp(9_999, PATTERN)));
    engine.frame(mimamori_base::Timestamp(1), mimamori_engine::LinkType::ETHERNET, None, &frame, &mut events);
    assert_eq!(events.iter().filter_map(|e| e.alert.as_ref()).map(|a| a.sid).collect::<Vec<_>>(), [3]);
}

#[test]
fn what_a_pass_lets_through_is_only_its_own() {
    let rules = "pass tcp any any -> any 80 (flow:to_server; content:\"trusted\"; sid:1;)\n\
        drop tcp any any -> any any (flow:to_server; content:\"attack-pattern\"; sid:2;)";
    let mut office = Office::at_port(rules, 80);
    assert_eq!(office.put(1_001, PATTERN).action, FrameAction::Drop);
    let mut other = Office::at_port(rules, 81);
    other.put(1_001, b"trusted");
    let mut segment = Segment::new(true, ACK, 1_008, 5_001, PATTERN);
    segment.port = 81;
    assert_eq!(other.segment(segment).action, FrameAction::Drop);
}

#[test]
fn new_rules_keep_what_the_old_ones_counted_and_marked() {
    let rules = "alert udp any any -> any any (content:\"attack\"; threshold:type limit,track by_src,count 1,seconds 3600; sid:1;)\n\
        alert udp any any -> any any (content:\"mark\"; xbits:set,seen,track ip_src; sid:2;)\n\
        alert udp any any -> any any (content:\"ask\"; xbits:isset,seen,track ip_src; sid:3;)\n\
        alert udp any any -> any any (content:\"thrice\"; threshold:type threshold,track by_flow,count 3,seconds 3600; sid:4;)\n";
    let mut office = Office::new(rules);
    let send = |office: &mut Office, payload: &[u8]| {
        office.frame(true, &ethernet(0x800, &ip4(17, &udp(9_999, payload))));
    };
    for payload in [&b"attack"[..], b"mark", b"thrice", b"thrice"] {
        send(&mut office, payload);
    }
    assert_eq!(office.alerts(), [1, 2]);
    // Others come first now, so that every rule and bit has another place.
    let before = "alert udp any any -> any any (content:\"x\"; xbits:set,other,track ip_src; sid:90;)\n\
        drop udp any any -> any any (content:\"y\"; sid:91;)\n";
    let mut config = EngineConfig::default();
    config.set("simulate-ips", "true").expect("an option");
    office.engine.replace_rules(Ruleset::compile(&format!("{before}{rules}"), &config));
    office.events.clear();
    for payload in [&b"attack"[..], b"ask", b"thrice"] {
        send(&mut office, payload);
    }
    assert_eq!(office.alerts(), [3, 4], "a limit holds on, a bit is still set, a count goes on");
}
