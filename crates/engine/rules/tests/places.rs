//! Refusals say where they are, and one bad rule never fails the set.

use mimamori_rules::{Kind, ParseContext, Severity, parse_rules};

#[test]
fn a_bad_rule_is_named_and_the_rest_loads() {
    let text = "# comment\n\
        alert tcp any any -> any any (msg:\"one\"; sid:1;)\n\
        alert tcp any any -> any any (msg:\"two\"; content:\"abc\"; depth:1; sid:2;)\n\
        alert tcp any any -> any any \\\n  (msg:\"three\"; \\\n  content:\"x\"; sid:3;)\n\
        alert tcp any any -> any any (msg:\"four\";)\n";
    let set = parse_rules(text, &ParseContext::default());
    assert_eq!(set.rules.iter().map(|r| (r.id.sid, r.line)).collect::<Vec<_>>(), [(1, 2), (3, 4)]);
    let places: Vec<_> = set.refused.iter().map(|r| (r.sid, r.line, r.column)).collect();
    assert_eq!(places, [(Some(2), 3, 57), (None, 7, 1)]);
    assert!(set.refused.iter().all(|r| r.severity == Severity::Invalid));
}

#[test]
fn the_higher_revision_of_a_rule_wins() {
    let rule = |rev, msg| format!("alert ip any any -> any any (msg:\"{msg}\"; sid:7; rev:{rev};)\n");
    let text = rule(1, "old") + &rule(3, "new") + &rule(2, "older");
    let set = parse_rules(&text, &ParseContext::default());
    assert_eq!(set.rules.len(), 1);
    assert_eq!(&*set.rules[0].msg, "new");
    assert_eq!(set.refused.len(), 1);
}

#[test]
fn kinds_follow_the_user_guide() {
    let kind = |rule: &str| {
        let set = parse_rules(rule, &ParseContext::default());
        set.rules.first().map(|r| r.kind).unwrap_or_else(|| panic!("{rule}: {:?}", set.refused))
    };
    for (rule, want) in [
        ("alert udp any any -> any any (sid:1;)", Kind::IpOnly),
        ("alert tcp-stream any any -> any any (sid:1;)", Kind::IpOnly),
        ("alert ip any any -> any any (hostbits:set,myflow2; sid:1;)", Kind::IpOnly),
        ("alert tcp $HOME_NET any -> ![1.1.1.1] any (sid:1;)", Kind::LikeIpOnly),
        ("alert udp any any -> any any (flow:to_server; sid:1;)", Kind::Packet),
        ("alert tcp any any -> any any (ttl:123; sid:1;)", Kind::Packet),
        ("alert tcp-pkt any any -> any any (content:\"abc\"; startswith; sid:1;)", Kind::Packet),
        ("alert tcp any any -> any any (content:\"abc\"; startswith; sid:1;)", Kind::PacketStream),
        ("alert http any any -> any any (content:\"abc\"; depth:30; sid:1;)", Kind::PacketStream),
        ("alert http any any -> any any (content:\"abc\"; sid:1;)", Kind::Stream),
        (
            "alert tcp any any -> any 443 (flow:to_server; content:\"abc\"; flowbits:set,x; sid:1;)",
            Kind::Stream,
        ),
        (
            "alert tcp any any -> any any (byte_extract:4,0,var,dce; byte_test:4,>,var,4,little; sid:1;)",
            Kind::Stream,
        ),
        ("alert dns any any -> any any (sid:1;)", Kind::AppLayer),
        ("alert tls any any -> any any (flowint:tls_error_int,=,0; sid:1;)", Kind::AppLayer),
        ("alert http any any -> any any (flow:established; sid:1;)", Kind::Packet),
        ("alert tcp any any -> any any (app-layer-protocol:!http; sid:1;)", Kind::ProtocolDetection),
        (
            "alert tcp any any -> any any (app-layer-protocol:dns; flow:to_server; sid:1;)",
            Kind::ProtocolDetection,
        ),
        ("alert pkthdr any any -> any any (decode-event:ipv6.exthdr_dupl_hh; sid:1;)", Kind::DecodeEvent),
        ("alert tcp any any -> any any (app-layer-event:http.file_name_too_long; sid:1;)", Kind::AppTx),
        ("alert http any any -> any any (http.method; content:\"GET\"; sid:1;)", Kind::AppTx),
    ] {
        assert_eq!(kind(rule), want, "{rule}");
    }
}
