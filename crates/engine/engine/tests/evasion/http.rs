//! Section C: HTTP/1 as clients and servers understand it, however it is put.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use crate::office::{Office, PATTERN, talk};

const RULES: &str = "\
alert http any any -> any any (file.data; content:\"attack-pattern\"; sid:1;)
alert http any any -> any any (http.uri; content:\"/attack-pattern\"; sid:2;)
alert http any any -> any any (http.host; content:\"bad.example\"; sid:3;)
alert http any any -> any any (http.header; content:\"X-Mark: attack-pattern\"; sid:4;)
alert http any any -> any any (http.request_body; content:\"attack-pattern\"; sid:5;)
";

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h.example\r\n\r\n";

fn response(head: &str, body: &[u8]) -> Vec<u32> {
    let mut bytes = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").into_bytes();
    bytes.extend(body);
    talk(RULES, 80, &[(true, GET), (false, &bytes)])
}

fn request(bytes: &[u8]) -> Vec<u32> {
    talk(RULES, 80, &[(true, bytes), (false, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")])
}

fn chunks(end: &str, size: impl Fn(usize) -> String) -> Vec<u8> {
    let mut out = Vec::new();
    for part in PATTERN.chunks(5) {
        out.extend(size(part.len()).into_bytes());
        out.extend(end.as_bytes());
        out.extend(part);
        out.extend(b"\r\n");
    }
    out.extend(b"0\r\n\r\n");
    out
}

fn gz(data: &[u8]) -> Vec<u8> {
    let mut e = GzEncoder::new(Vec::new(), Compression::default());
    e.write_all(data).expect("memory");
    e.finish().expect("memory")
}

fn deflate(data: &[u8]) -> Vec<u8> {
    let mut e = DeflateEncoder::new(Vec::new(), Compression::default());
    e.write_all(data).expect("memory");
    e.finish().expect("memory")
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut e = ZlibEncoder::new(Vec::new(), Compression::default());
    e.write_all(data).expect("memory");
    e.finish().expect("memory")
}

#[test]
fn chunks_of_every_spelling() {
    let te = "Transfer-Encoding: chunked";
    let hex = |n: usize| format!("{n:x}");
    let all = [
        ("plain", chunks("\r\n", hex)),
        ("extension", chunks(";a=b\r\n", hex)),
        ("leading zeros", chunks("\r\n", |n| format!("000000{n:X}"))),
        ("blanks", chunks(" \t\r\n", hex)),
        ("LF only", chunks("\n", hex)),
        ("blank before", chunks("\r\n", |n| format!(" {n:x}"))),
    ];
    for (name, body) in all {
        assert_eq!(response(te, &body), [1], "{name}");
    }
    for te in ["transfer-encoding:chunked", "Transfer-Encoding:\tchunked", "Transfer-Encoding: x, chunked"] {
        assert_eq!(response(te, &chunks("\r\n", hex)), [1], "{te}");
    }
}

#[test]
fn contradicting_lengths_show_the_most() {
    let chunked = chunks("\r\n", |n| format!("{n:x}"));
    for head in [
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Content-Length: 500\r\nTransfer-Encoding: chunked",
    ] {
        assert_eq!(response(head, &chunked), [1], "{head}");
    }
    for head in ["Content-Length: 5\r\nContent-Length: 14", "Content-Length: 14\r\nContent-Length: 5"] {
        assert_eq!(response(head, PATTERN), [1], "{head}");
    }
}

#[test]
fn codings_alone_and_one_on_another() {
    let mut named = vec![0x1f, 0x8b, 8, 0x1c, 0, 0, 0, 0, 0, 3, 4, 0, b'a', b'b', b'c', b'd'];
    named.extend(b"name\0comment\0");
    named.extend(deflate(PATTERN));
    named.extend([0; 8]);
    let brotli = [&[0x60, 0, 0x10][..], b"attack-", &[0x30, 0, 8], b"pattern", &[3]].concat();
    let all = [
        ("gzip", gz(PATTERN)),
        ("x-gzip", gz(PATTERN)),
        ("gzip", named),
        ("deflate", deflate(PATTERN)),
        ("deflate", zlib(PATTERN)),
        ("br", brotli),
        ("gzip, gzip", gz(&gz(PATTERN))),
        ("deflate, gzip", gz(&deflate(PATTERN))),
        ("lzma", unhex(LZMA)),
    ];
    for (coding, body) in all {
        let head = format!("Content-Encoding: {coding}\r\nContent-Length: {}", body.len());
        assert_eq!(response(&head, &body), [1], "{coding}");
        let head = format!("Content-Encoding: {coding}");
        assert_eq!(response(&head, &body), [1], "{coding}, until the end");
    }
}

const LZMA: &str = "5d00000100ffffffffffffffff00309b80051279cb0a30c5b5f184682a8c3f00660595ac1bbadeff62c54000";

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|p| u8::from_str_radix(std::str::from_utf8(p).expect("ASCII"), 16).expect("hex"))
        .collect()
}

#[test]
fn lies_about_the_coding() {
    for (coding, body) in [
        ("gzip", PATTERN.to_vec()),
        ("br", PATTERN.to_vec()),
        ("deflate", gz(PATTERN)),
        ("gzip, gzip", gz(PATTERN)),
        ("unknown", PATTERN.to_vec()),
    ] {
        let head = format!("Content-Encoding: {coding}\r\nContent-Length: {}", body.len());
        assert_eq!(response(&head, &body), [1], "{coding}");
    }
}

#[test]
fn a_body_that_ends_early_is_looked_at() {
    let long = gz(&[PATTERN, &[b'.'; 3_000]].concat());
    assert_eq!(response("Content-Length: 9000", PATTERN), [1]);
    assert_eq!(response("Transfer-Encoding: chunked", b"1000\r\nattack-pattern"), [1]);
    assert_eq!(response("Content-Encoding: gzip", &long[..long.len() - 9]), [1]);
}

#[test]
fn interim_answers_before_the_answer() {
    let mut bytes = Vec::new();
    for _ in 0..20 {
        bytes.extend(b"HTTP/1.1 100 Continue\r\n\r\n");
    }
    bytes.extend(b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n");
    bytes.extend(PATTERN);
    assert_eq!(talk(RULES, 80, &[(true, GET), (false, &bytes)]), [1]);
}

#[test]
fn headers_folded_and_deformed() {
    for head in ["X-Mark:\r\n attack-pattern", "X-Mark: \r\n\tattack-pattern"] {
        let bytes = format!("GET / HTTP/1.1\r\nHost: h\r\n{head}\r\n\r\n");
        assert!(request(bytes.as_bytes()).contains(&4), "{head:?}");
    }
    let chunked = chunks("\r\n", |n| format!("{n:x}"));
    for head in [
        "Transfer-Encoding : chunked",
        "Transfer\0-Encoding: chunked",
        "Transfer-Encoding:\r\n chunked",
        "X: y\r\n Transfer-Encoding: chunked",
    ] {
        assert_eq!(response(head, &chunked), [1], "{head:?}");
    }
}

#[test]
fn lines_that_end_otherwise() {
    assert_eq!(request(b"GET /attack-pattern HTTP/1.1\nHost: bad.example\n\n"), [2, 3]);
    assert_eq!(request(b"\r\n\r\nGET /attack-pattern HTTP/1.1\r\nHost: bad.example\r\n\r\n"), [2, 3]);
    assert_eq!(request(b"GET  /attack-pattern  HTTP/1.1\r\nHost: bad.example\r\n\r\n"), [2, 3]);
    assert_eq!(request(b"GET\t/attack-pattern\tHTTP/1.1\r\nHost: bad.example\r\n\r\n"), [2, 3]);
}

#[test]
fn http_without_a_version() {
    assert_eq!(talk(RULES, 80, &[(true, b"GET /attack-pattern\r\n"), (false, b"hello")]), [2]);
    assert_eq!(talk(RULES, 80, &[(true, b"GET /\r\n"), (false, PATTERN)]), [1]);
}

#[test]
fn many_requests_at_once() {
    let mut requests = Vec::new();
    let mut answers = Vec::new();
    for _ in 0..30 {
        requests.extend(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
        answers.extend(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
    requests.extend(b"GET /attack-pattern HTTP/1.1\r\nHost: h\r\n\r\n");
    answers.extend(b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\nattack-pattern");
    assert_eq!(talk(RULES, 80, &[(true, &requests), (false, &answers)]), [1, 2]);
}

/// Each message that some server takes for two is looked at as both.
#[test]
fn smuggled_requests() {
    let hidden = "GET /attack-pattern HTTP/1.1\r\nHost: bad.example\r\n\r\n";
    let chunked = format!("0\r\n\r\n{hidden}");
    for head in [
        format!("Content-Length: {}\r\nTransfer-Encoding: chunked", chunked.len()),
        "Transfer-Encoding: chunked\r\nContent-Length: 4".to_owned(),
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity".to_owned(),
        "Transfer-Encoding:\x0bchunked".to_owned(),
    ] {
        let bytes = format!("POST / HTTP/1.1\r\nHost: h\r\n{head}\r\n\r\n{chunked}");
        let sids = request(bytes.as_bytes());
        assert!(sids.contains(&2) || sids.contains(&5), "{head:?}: {sids:?}");
    }
    // Of two lengths the body is the longer part, or a second request.
    let bytes = format!(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: {}\r\n\r\n{hidden}",
        hidden.len()
    );
    let sids = request(bytes.as_bytes());
    assert!(sids.contains(&2) || sids.contains(&5), "{sids:?}");
}

#[test]
fn files_fetched_in_parts_are_put_together() {
    let rules = "alert http any any -> any any (file.data; content:\"attack-pattern\"; sid:1;)";
    let part = |from: usize, bytes: &[u8]| {
        let head = format!(
            "HTTP/1.1 206 Partial\r\nContent-Range: bytes {from}-{}/28\r\nContent-Length: {}\r\n\r\n",
            from + bytes.len() - 1,
            bytes.len()
        );
        [head.as_bytes(), bytes].concat()
    };
    let whole = [PATTERN, &[b'.'; 14]].concat();
    let get = b"GET /f.bin HTTP/1.1\r\nHost: h\r\nRange: bytes=0-\r\n\r\n".as_slice();
    for order in [[0usize, 1, 2, 3], [2, 0, 3, 1]] {
        let parts: Vec<Vec<u8>> = order.iter().map(|n| part(n * 7, &whole[n * 7..n * 7 + 7])).collect();
        let turns: Vec<(bool, &[u8])> =
            parts.iter().flat_map(|p| [(true, get), (false, p.as_slice())]).collect();
        assert_eq!(talk(rules, 80, &turns), [1], "{order:?}");
    }
}

#[test]
fn encodings_of_the_path() {
    for path in [
        "/attack-pattern",
        "/%61ttack%2dpattern",
        "/%41ttack-pattern".replace("41", "61").as_str(),
        "/x/../attack-pattern",
        "/./attack-pattern",
        "//attack-pattern",
        "/attack%2Dpattern?x=%",
        "http://h/attack-pattern",
    ] {
        let bytes = format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(request(bytes.as_bytes()), [2], "{path}");
    }
}

#[test]
fn a_path_encoded_twice_is_told() {
    let rules = "alert http any any -> any any (app-layer-event:http.double_encoded_uri; sid:9;)";
    let option = "app-layer.protocols.http.libhtp.default-config.double-decode-path";
    let mut office = Office::with(rules, &[(option, "yes")]);
    office.shake();
    office.say(true, b"GET /%2561ttack-pattern HTTP/1.1\r\nHost: h\r\n\r\n");
    office.say(false, b"HTTP/1.1 204 No\r\n\r\n");
    assert_eq!(office.alerts(), [9]);
}

#[test]
fn hosts_that_do_not_agree() {
    let rules = "alert http any any -> any any (app-layer-event:http.host_header_ambiguous; sid:9;)\n\
        alert http any any -> any any (http.host; content:\"bad.example\"; sid:3;)";
    let bytes = b"GET http://bad.example/ HTTP/1.1\r\nHost: good.example\r\n\r\n";
    assert_eq!(talk(rules, 80, &[(true, bytes), (false, b"HTTP/1.1 204 No\r\n\r\n")]), [3, 9]);
    for host in ["BAD.example", "bad.example:8080", "bad.example"] {
        let bytes = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(request(bytes.as_bytes()), [3], "{host}");
    }
}

#[test]
fn other_character_sets_are_searched_as_they_are() {
    let wide: Vec<u8> = "attack-pattern".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bom = [&[0xff, 0xfe][..], &wide].concat();
    let rules = "alert http any any -> any any (file.data; content:\"a|00|t|00|t|00|a|00|c|00|k\"; sid:1;)";
    let mut bytes = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-16\r\n\r\n".to_vec();
    bytes.extend(&bom);
    assert_eq!(talk(rules, 80, &[(true, GET), (false, &bytes)]), [1]);
    assert_eq!(response("Content-Type: text/html", &[&[0xef, 0xbb, 0xbf][..], PATTERN].concat()), [1], "BOM");
}

#[test]
fn a_decompression_bomb_ends_with_an_event() {
    let bomb = gz(&gz(&vec![0; 60 << 20]));
    let rules = "alert http any any -> any any (app-layer-event:http.compression_bomb; sid:9;)";
    let mut office = Office::at_port(rules, 80);
    office.say(true, GET);
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: {}\r\n\r\n", bomb.len());
    office.say(false, head.as_bytes());
    office.say(false, &bomb);
    assert_eq!(office.alerts(), [9]);
}

/// A megabyte of headers of each kind that once took time with the square of its length: bounded by
/// the caps, and the request after it is looked at all the same.
#[test]
fn floods_of_headers_end_at_a_cap() {
    let folded = format!("X: y\r\n{}", " z\r\n".repeat(200_000));
    let many: String = (0..4_000).map(|n| format!("H{n}: v\r\n")).collect();
    let same = "X: y\r\n".repeat(60_000);
    let bare = "no colon here\r\n".repeat(60_000);
    let rules = "alert http any any -> any any (app-layer-event:http.request_header_repetition; sid:8;)\n\
        alert http any any -> any any (app-layer-event:http.request_too_many_headers; sid:9;)\n\
        alert tcp any any -> any any (flow:to_server; content:\"attack-pattern\"; sid:1;)";
    for (name, head) in [("folded", folded), ("many", many), ("same", same), ("bare", bare)] {
        let mut office = Office::at_port(rules, 80);
        office.say(true, format!("GET / HTTP/1.1\r\n{head}\r\n").as_bytes());
        office.say(true, b"GET /attack-pattern HTTP/1.1\r\nHost: h\r\n\r\n");
        office.finish();
        assert!(office.alerts().contains(&1), "{name}: {:?}", office.alerts());
        assert!(
            name != "many" || office.alerts().contains(&9),
            "{name}: {:?} {:?}",
            office.alerts(),
            office.anomalies()
        );
    }
}

#[test]
fn requests_without_an_answer_have_a_cap() {
    let mut office = Office::at_port(
        "alert http any any -> any any (app-layer-event:http.too_many_requests; sid:9;)\n\
        alert http any any -> any any (http.uri; content:\"/a\"; sid:1;)",
        80,
    );
    for _ in 0..200 {
        office.say(true, &b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n".repeat(10));
    }
    office.finish();
    let seen = office.alert_count(1);
    assert!((100..=2_000).contains(&seen), "{seen}");
}

#[test]
fn answers_without_a_protocol_are_bounded() {
    // A first line that never becomes one, byte by byte (once quadratic).
    let mut office = Office::at_port(crate::office::RULES, 80);
    office.say(true, GET);
    office.say(false, &vec![b' '; 300_000]);
    office.say(false, b"\r\n\r\n");
    office.finish();
    let mut office = Office::at_port(crate::office::RULES, 80);
    office.say(true, &b"\r\n".repeat(100_000));
    office.say(true, b"GET /attack-pattern HTTP/1.1\r\nHost: h\r\n\r\n");
    office.finish();
    office.check();
}
