//! Section D: HTTP/2 and QUIC.

use crate::office::{Office, talk};

const RULES: &str = "\
alert http2 any any -> any any (http.uri; content:\"/attack-pattern\"; sid:2;)
alert http2 any any -> any any (http.host; content:\"bad.example\"; sid:3;)
alert http2 any any -> any any (file.data; content:\"attack-pattern\"; sid:1;)
alert http2 any any -> any any (http.user_agent; content:\"attack-pattern\"; sid:4;)
";

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&[len[1], len[2], len[3], kind, flags][..], &stream.to_be_bytes(), payload].concat()
}

/// A field that is not put into the table.
fn literal(name: &str, value: &str) -> Vec<u8> {
    let len = |n: usize| u8::try_from(n).expect("short");
    [&[0, len(name.len())][..], name.as_bytes(), &[len(value.len())], value.as_bytes()].concat()
}

/// One that is.
fn indexed(name: &str, value: &str) -> Vec<u8> {
    let mut field = literal(name, value);
    field[0] = 0x40;
    field
}

fn request(path: &str) -> Vec<u8> {
    [vec![0x82, 0x87], literal(":path", path), literal(":authority", "bad.example")].concat()
}

fn begin() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()
}

fn answer(stream: u32, body: &[u8]) -> Vec<u8> {
    [frame(HEADERS, END_HEADERS, stream, &[0x88]), frame(DATA, END_STREAM, stream, body)].concat()
}

fn with_settings(bytes: &[u8]) -> Vec<u8> {
    [&frame(SETTINGS, 0, 0, &[]), bytes].concat()
}

#[test]
fn headers_over_many_frames() {
    let block = request("/attack-pattern");
    for size in [1, 5, 30] {
        let mut client = begin();
        let last = block.chunks(size).count() - 1;
        for (n, piece) in block.chunks(size).enumerate() {
            let kind = if n == 0 { HEADERS } else { CONTINUATION };
            let end = if n == last { END_HEADERS } else { 0 };
            let close = if n == 0 { END_STREAM } else { 0 };
            client.extend(frame(kind, end | close, 1, piece));
        }
        let server = with_settings(&answer(1, b"attack-pattern"));
        assert_eq!(talk(RULES, 80, &[(true, &client), (false, &server)]), [1, 2, 3], "pieces of {size}");
    }
}

#[test]
fn padding_and_frames_of_other_streams_between() {
    let padded = [&[9u8][..], &request("/attack-pattern"), &[0; 9]].concat();
    let mut client = begin();
    client.extend(frame(0xfe, 0, 7, b"unknown kind"));
    client.extend(frame(HEADERS, 8 | END_HEADERS | END_STREAM, 1, &padded));
    client.extend(frame(8, 0, 0, &[0, 0, 0, 9]));
    let body = [
        frame(HEADERS, END_HEADERS, 1, &[0x88]),
        frame(DATA, 8, 1, &[&[3u8][..], b"attack-", &[0; 3]].concat()),
        frame(6, 0, 0, &[0; 8]),
        frame(DATA, END_STREAM, 1, b"pattern"),
    ]
    .concat();
    assert_eq!(talk(RULES, 80, &[(true, &client), (false, &with_settings(&body))]), [1, 2, 3]);
}

#[test]
fn fields_from_the_table_are_known() {
    let first =
        [vec![0x82, 0x87], indexed(":path", "/attack-pattern"), indexed("user-agent", "attack-pattern")];
    let mut client = begin();
    client.extend(frame(HEADERS, END_HEADERS | END_STREAM, 1, &request("/x")));
    client.extend(frame(HEADERS, END_HEADERS | END_STREAM, 3, &first.concat()));
    // The table has the user agent at 62 and the path at 63 now.
    client.extend(frame(HEADERS, END_HEADERS | END_STREAM, 5, &[0x82, 0x87, 0x80 | 63, 0x80 | 62]));
    let mut office = Office::at_port(RULES, 80);
    office.say(true, &client);
    office.say(false, &with_settings(&[answer(1, b""), answer(3, b""), answer(5, b"")].concat()));
    office.finish();
    assert_eq!((office.alert_count(2), office.alert_count(4)), (2, 2));
}

/// A stream of frames that never end a header block, a table that grows by references, and the same
/// field again and again: memory is bounded, and the session is given up with an event.
#[test]
fn header_bombs_end_at_a_cap() {
    let rules = "alert http2 any any -> any any (app-layer-event:http2.invalid_header; sid:8;)\n\
        alert http2 any any -> any any (app-layer-event:http2.reassembly_limit_reached; sid:9;)\n\
        alert http2 any any -> any any (app-layer-event:http2.too_many_streams; sid:10;)";
    let mut endless = begin();
    endless.extend(frame(HEADERS, END_STREAM, 1, &request("/")));
    for _ in 0..200 {
        endless.extend(frame(CONTINUATION, 0, 1, &literal("x", "y").repeat(1_000)));
    }
    let big = "v".repeat(120);
    let mut references = begin();
    for n in 0..60u32 {
        let block = [&indexed("x", &big)[..], &[0xbe; 8_000]].concat();
        references.extend(frame(HEADERS, END_HEADERS | END_STREAM, n * 2 + 1, &block));
    }
    let mut same = begin();
    same.extend(frame(HEADERS, END_HEADERS | END_STREAM, 1, &literal("cookie", "a=b").repeat(1_200)));
    for (name, bytes) in [("endless", endless), ("references", references), ("same", same)] {
        let mut office = Office::at_port(rules, 80);
        office.say(true, &bytes);
        office.finish();
        let known = ["endless", "references"].contains(&name);
        assert!(!known || !office.alerts().is_empty(), "{name}: {:?}", office.alerts());
    }
}

#[test]
fn streams_without_end_have_a_cap() {
    let rules = "alert http2 any any -> any any (http.uri; content:\"/a\"; sid:1;)";
    let mut office = Office::at_port(rules, 80);
    office.say(true, &begin());
    for n in 0..6_000u32 {
        office.say(true, &frame(HEADERS, END_HEADERS, n * 2 + 1, &request("/a")));
    }
    // Frames on stream 0 that want something to be finished, too.
    office.say(true, &frame(SETTINGS, 0, 0, &[]).repeat(3_000));
    office.say(true, &frame(HEADERS, END_HEADERS, 20_001, &request("/a")));
    office.finish();
    assert!(office.alert_count(1) >= 4_000, "{}", office.alert_count(1));
}

#[test]
fn frames_of_any_kind_and_length_are_survived() {
    for kind in 0..12u8 {
        for (len, flags) in [(0usize, 0xff), (1, 0xff), (5, 0x28), (9, 4), (300, 0)] {
            let mut office = Office::at_port(RULES, 80);
            office.say(true, &[begin(), frame(kind, flags, 1, &vec![0xff; len])].concat());
            office.say(true, &frame(HEADERS, END_HEADERS | END_STREAM, 3, &request("/x")));
            office.finish();
            office.check();
        }
    }
}

#[test]
fn names_asked_for_over_http_are_read() {
    // DNS over HTTPS whose encryption was taken off before: the question is in the path.
    let rules = "alert dns any any -> any any (dns.query; content:\"bad.example\"; sid:1;)\n\
        alert doh2 any any -> any any (dns.query; content:\"bad.example\"; sid:2;)";
    let query = "AAABAAABAAAAAAAAA2JhZAdleGFtcGxlAAABAAE";
    let block = [
        vec![0x82, 0x87],
        literal(":path", &format!("/dns-query?dns={query}")),
        literal("accept", "application/dns-message"),
    ]
    .concat();
    let mut client = begin();
    client.extend(frame(HEADERS, END_HEADERS | END_STREAM, 1, &block));
    let sids = talk(rules, 80, &[(true, &client), (false, &with_settings(&answer(1, b"")))]);
    assert!(!sids.is_empty());
}
