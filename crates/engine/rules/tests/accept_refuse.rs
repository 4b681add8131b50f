//! Each keyword with values that are taken and values that are refused, and why.

use mimamori_rules::{ParseContext, parse_rules};

fn outcome(header: &str, options: &str) -> Result<(), String> {
    let text = format!("{header} ({options} sid:1;)");
    let set = parse_rules(&text, &ParseContext::default());
    match set.refused.first() {
        Some(r) => Err(r.reason.clone()),
        None => {
            assert_eq!(set.rules.len(), 1, "{text}");
            Ok(())
        }
    }
}

#[track_caller]
fn takes(header: &str, options: &[&str]) {
    for o in options {
        assert_eq!(outcome(header, o), Ok(()), "{o}");
    }
}

#[track_caller]
fn refuses(header: &str, options: &[(&str, &str)]) {
    for (o, why) in options {
        match outcome(header, o) {
            Ok(()) => panic!("taken: {o}"),
            Err(reason) => assert!(reason.contains(why), "{o}: {reason}"),
        }
    }
}

const TCP: &str = "alert tcp any any -> any any";
const UDP: &str = "alert udp any any -> any any";
const HTTP: &str = "alert http any any -> any any";
const DNS: &str = "alert dns any any -> any any";

#[test]
fn header() {
    for header in [
        "alert ip any any -> any any",
        "drop tcp $HOME_NET any <> !$HOME_NET [1:1024,!80]",
        "pass http1 any any -> any any",
        "rejectboth tcp-pkt any any -> any any",
        "alert http any any => any any",
        "alert icmpv6 any any -> any any",
    ] {
        takes(header, &["msg:\"x\";"]);
    }
    for (header, why) in [
        ("alarm tcp any any -> any any", "is no action"),
        ("alert foo any any -> any any", "is not known"),
        ("alert tcp $NOPE any -> any any", "not defined"),
        ("alert tcp any any <- any any", "no direction"),
        ("alert tcp any 99999 -> any any", "wrong port"),
        ("alert tcp any any -> any", "missing"),
        ("accept tcp any any -> any any", "firewall"),
        ("alert http1:request_started any any -> any any", "firewall"),
    ] {
        refuses(header, &[("", why)]);
    }
}

#[test]
fn meta() {
    takes(
        TCP,
        &[
            "msg:\"a \\\"quoted\\\" \\; text\";",
            "gid:3; rev:4; priority:2; classtype:trojan-activity;",
            "reference:url,example.com/a?b=c;",
            "metadata:created_at 2010_07_30, tag x;",
            "target:dest_ip;",
            "noalert;",
            "classtype:not-a-class;",
            "requires: version >= 8.0.1, keyword http.uri;",
        ],
    );
    refuses(
        TCP,
        &[
            ("msg:no quotes;", "double quotes"),
            ("msg:\"a\"; msg:\"b\";", "twice"),
            ("sid:2;", "twice"),
            ("priority:0;", "1 to 255"),
            ("reference:url;", "comma"),
            ("target:both;", "src_ip or dest_ip"),
            ("noalert:yes;", "takes no value"),
            ("nonsense:1;", "not known"),
            ("requires: version >= 99;", "requires"),
            ("requires: foo bar;", "not known"),
            (";", "empty option"),
        ],
    );
}

#[test]
fn content_and_modifiers() {
    takes(
        TCP,
        &[
            "content:\"a|20 0d|b\"; nocase; offset:3; depth:10;",
            "content:!\"a\"; within:9;",
            "content:\"a\"; content:\"b\"; distance:-3; within:20;",
            "content:\"ab\"; startswith; endswith;",
            "content:\"abcdef\"; fast_pattern:1,4;",
            "content:\"abcdef\"; fast_pattern:only;",
            "content:\"ab\"; rawbytes; replace:\"cd\";",
            "byte_extract:1,0,n; content:\"a\"; offset:n; depth:n;",
        ],
    );
    refuses(
        TCP,
        &[
            ("content:\"\";", "nothing between"),
            ("content:\"|4|\";", "two hex digits"),
            ("content:\"|41\";", "not closed"),
            ("content:\"|zz|\";", "hex digit"),
            ("content:abc;", "double quotes"),
            ("content:\"abc\"; depth:2;", "less than the pattern"),
            ("content:\"abc\"; within:2;", "less than the pattern"),
            ("content:\"a\"; depth:5; depth:6;", "twice"),
            ("content:\"a\"; offset:-1;", "below 0"),
            ("content:\"a\"; offset:1; distance:1;", "cannot be used with"),
            ("content:\"a\"; startswith; within:5;", "startswith"),
            ("nocase;", "needs a content"),
            ("content:\"a\"; nocase; nocase;", "twice"),
            ("content:\"a\"; fast_pattern; content:\"b\"; fast_pattern;", "twice"),
            ("content:\"abc\"; fast_pattern:2,5;", "within the pattern"),
            ("content:!\"abc\"; fast_pattern:only;", "negated"),
            ("content:\"a\"; offset:n;", "not made by"),
            ("content:\"a\"; replace:\"bb\";", "as long as"),
            ("content:\"abc\"; depth:99999999;", "beyond"),
        ],
    );
}

#[test]
fn buffers() {
    takes(
        HTTP,
        &[
            "http.uri; content:\"a\"; http.host; content:\"b\"; http.uri; content:\"c\";",
            "content:\"a\"; http_uri; content:\"b\"; http_header; nocase;",
            "file_data; content:\"a\"; pkt_data; content:\"b\";",
            "uricontent:\"a\"; urilen:>5,raw;",
            "http.host; content:\"example.com\"; nocase; pcre:\"/\\S+X/\";",
            "http.user_agent; absent;",
            "http.user_agent; absent: or_else; content:\"x\";",
            "http.uri; to_lowercase; dotprefix; content:\".a\";",
            "http.uri; bsize:10<>20;",
            "file.data; dataset:isset,names,type string,load x.lst;",
        ],
    );
    refuses(
        HTTP,
        &[
            ("http.uri;", "nothing to match"),
            ("http.uri; http.host; content:\"a\";", "nothing to match"),
            ("http.host; content:\"a\"; http_uri;", "cannot follow a sticky buffer"),
            ("http_uri;", "needs a content"),
            ("bsize:5;", "needs a sticky buffer"),
            ("http.uri; content:\"abcdef\"; bsize:3;", "need 6 bytes"),
            ("to_lowercase; content:\"a\";", "needs a sticky buffer"),
            ("http.uri; absent; content:\"x\";", "leaves nothing"),
            ("http.uri; content:\"x\"; http.stat_code; content:\"200\";", "different directions"),
            ("flow:to_client; http.uri; content:\"x\";", "of requests"),
            ("flow:to_server; http.stat_code; content:\"2\";", "of answers"),
            ("dns.query; content:\"x\";", "does not go with"),
            ("http.uri; subslice:1,0; content:\"x\";", "leaves nothing"),
            ("file.data; dataset:set,names,type string,save ../x;", "below the data folder"),
            ("http.host; content:\"Example.com\";", "lower case"),
            ("pcre:\"/Example/W\";", "lower case"),
            ("http.method; content:\"GET \";", "no blanks"),
            ("base64_data; content:\"a\";", "needs a base64_decode"),
        ],
    );
    takes("alert http any any => any any", &["http.uri; content:\"x\"; http.stat_code; content:\"200\";"]);
    refuses("alert tcp-pkt any any -> any any", &[("http.uri; content:\"x\";", "looks at packets")]);
    refuses(HTTP, &[("ipv4.hdr; content:\"x\";", "looks at packets")]);
}

#[test]
fn expressions() {
    takes(
        TCP,
        &[
            "pcre:\"/a\\;b/i\";",
            "pcre:/one/U;",
            "pcre:!\"/x/smi\";",
            "pcre:\"/(a)(b)/, flow:x, pkt:y\";",
            "content:\"a\"; pcre:\"/b/R\";",
            "pcre:\"/a\\/b/\";",
        ],
    );
    refuses(
        TCP,
        &[
            ("pcre:\"abc\";", "begins with"),
            ("pcre:\"/abc\";", "ends with"),
            ("pcre:\"/a/q\";", "no flag"),
            ("pcre:\"/a/UP\";", "one buffer only"),
            ("http.uri; pcre:\"/a/P\";", "another buffer"),
            ("pcre:\"/(a)/, x\";", "no capture"),
            ("pcre:!\"/(a)/, flow:x\";", "negated"),
        ],
    );
}

#[test]
fn numbers_in_buffers() {
    takes(
        TCP,
        &[
            "byte_test:4,>,1000,20;",
            "byte_test:1,!&,0x80,6,relative,bitmask 0xf0;",
            "byte_test:0,=,5,0,string,dec;",
            "byte_test:5,<,65537,0,string,dec,relative,little;",
            "byte_jump:2,-17,relative,from_beginning,little;",
            "byte_jump:4,0,multiplier 2,align,post_offset -4;",
            "byte_extract:2,0,len,relative; byte_test:1,=,len,0; content:\"a\"; within:len;",
            "byte_math:bytes 2, offset 0, oper +, rvalue 3, result sum; isdataat:sum;",
            "isdataat:!1,relative;",
            "base64_decode:bytes 12,offset 1,relative; base64_data; content:\"x\";",
            "asn1:oversize_length 500, relative_offset 7;",
            "entropy: offset 3, value > 4.5;",
        ],
    );
    refuses(
        TCP,
        &[
            ("byte_test:9,>,1,0;", "cannot be read"),
            ("byte_test:0,>,1,0;", "cannot be read"),
            ("byte_test:1,?,1,0;", "no operator"),
            ("byte_test:1,>,1;", "needs"),
            ("byte_test:1,>,x,0;", "not made by"),
            ("byte_test:1,>,1,0,hex;", "need `string`"),
            ("byte_test:1,>,1,0,little,big;", "twice"),
            ("byte_test:1,>,1,0,sideways;", "no flag"),
            ("byte_jump:4,0,multiplier 0;", "above 0"),
            ("byte_extract:4,0,9x;", "begins with a digit"),
            ("byte_math:bytes 2, offset 0, oper %, rvalue 3, result sum;", "no operator"),
            ("byte_math:bytes 2, offset 0, oper +, rvalue 0, result sum;", "above 0"),
            ("isdataat:x;", "not made by"),
            ("asn1:relative_offset 1;", "asks for nothing"),
            ("entropy: offset 3;", "needs `value`"),
        ],
    );
}

#[test]
fn packets() {
    takes(
        TCP,
        &[
            "flags:S,12;",
            "flags:+SA; seq:1; ack:0; window:!0;",
            "ttl:<5; tos:8; id:9; dsize:10<>20; fragbits:M+; fragoffset:>0;",
            "ip_proto:!tcp;",
            "ipopts:lsrr; sameip;",
            "tcp.mss:<536; tcpv4-csum:invalid;",
            "decode-event:ipv4.trunc_pkt;",
            "stream-event:3whs_syn_flood;",
        ],
    );
    takes("alert icmp any any -> any any", &["itype:8; icode:0; icmp_id:1; icmp_seq:2;"]);
    refuses(
        TCP,
        &[
            ("flags:Q;", "no TCP flag"),
            ("ttl:256;", "larger"),
            ("ttl:<0;", "below 0"),
            ("ttl:>255;", "above 255"),
            ("dsize:5<>5;", "lies between"),
            ("ipopts:foo;", "no IP option"),
            ("fragbits:X;", "fragmentation bit"),
            ("tcpv4-csum:maybe;", "valid or invalid"),
            ("ip_proto:foo;", "no number"),
        ],
    );
    refuses(UDP, &[("dsize:6; content:\"boom\"; content:\"loom\"; distance:3;", "need 11 bytes")]);
}

#[test]
fn flows_and_state() {
    takes(
        TCP,
        &[
            "flow:established,to_server;",
            "flow:from_client,not_established,no_stream;",
            "flowbits:set,a; flowbits:isset,b|c; flowbits:noalert;",
            "hostbits:set,a,dst,60;",
            "xbits:set,a,track ip_pair,expire 60;",
            "flowint:n,+,1; flowint:n,>,5; flowint:n,isset; flowint:n,=,other;",
            "stream_size:server,<,5;",
            "flow.age:>10; flow.pkts:either,>=2; flow.bytes_toserver:5;",
            "threshold:type limit, track by_src, count 1, seconds 60;",
            "threshold:type backoff, track by_flow, count 1, multiplier 10;",
            "detection_filter:track by_dst, count 5, seconds 6, unique_on src_port;",
            "tag:session,5,packets; tag:host,100,seconds,src;",
            "app-layer-protocol:!http,exact;",
            "iprep:dst,Botnet,>,30;",
            "bypass;",
        ],
    );
    refuses(
        TCP,
        &[
            ("flow:to_server,to_client;", "at once"),
            ("flow:established,stateless;", "exclude"),
            ("flow:sideways;", "no option"),
            ("flowbits:set;", "needs a name"),
            ("flowbits:frob,a;", "nothing that can be done"),
            ("flowbits:set,a|b;", "only isset"),
            ("flowbits:set,a b;", "one word"),
            ("xbits:set,a;", "needs `track`"),
            ("xbits:set,a,track ip_src,expire 0;", "above 0"),
            ("flowint:n,?,1;", "no operation"),
            ("threshold:type limit, track by_src, count 0, seconds 60;", "above 0"),
            ("threshold:type backoff, track by_src, count 1, multiplier 10;", "by_flow"),
            ("threshold:track by_src, count 1, seconds 60;", "needs"),
            (
                "detection_filter:track by_src,count 1,seconds 1; threshold:type limit,track by_src,count 1,seconds 1;",
                "together",
            ),
            ("tag:host,1,packets;", "src or dst"),
            ("stream_size:server,~,5;", "no comparison"),
            ("app-layer-protocol:foo;", "not known"),
            ("iprep:dst,Botnet,>,200;", "0 to 127"),
        ],
    );
    refuses(HTTP, &[("app-layer-protocol:tls;", "is one already")]);
    refuses(
        "alert ip any any -> any any",
        &[("detection_filter:track by_dst, count 5, seconds 6, unique_on src_port;", "with ports")],
    );
}

#[test]
fn transactions_and_files() {
    takes(
        DNS,
        &["dns.opcode:!0; dns.rcode:nxdomain;", "dns.query; content:\"x\"; dns.query; content:\"y\";"],
    );
    takes(
        TCP,
        &[
            "tls.version:1.2;",
            "ssl_version:tls1.0,!tls1.2; ssl_state:client_hello|server_hello;",
            "tls_cert_expired;",
            "tls_cert_notafter:<2024-06-01;",
            "dcerpc.iface:367abb81-9844-35f1-ad32-98f038001003,>1,any_frag; dcerpc.opnum:1,3-5;",
            "app-layer-event:http.missing_host_header;",
            "filename:\"x\"; fileext:!\"exe\"; filesize:>1kb; filemd5:list; filestore:both,flow;",
            "ftpbounce;",
        ],
    );
    refuses(
        TCP,
        &[
            ("tls.version:9;", "no TLS version"),
            ("dcerpc.iface:1234;", "no UUID"),
            ("dcerpc.opnum:5-3;", "no range"),
            ("app-layer-event:foo.bar;", "not known"),
            ("filename:x;", "double quotes"),
            ("filesize:x;", "no number"),
            ("tls_cert_notafter:<yesterday;", "no time"),
            ("tls.sni; content:\"a\"; http.uri; content:\"b\";", "does not go with"),
        ],
    );
}
