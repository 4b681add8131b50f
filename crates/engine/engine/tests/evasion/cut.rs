//! The same bytes raise the same alerts however they are cut, whatever a rule asks of a body.

use crate::office::Office;

/// Each asks something that more bytes could take back, but for the last three.
const RULES: &str = "\
alert http any any -> any any (flow:to_client; file.data; content:\"begin\"; content:!\"middle\"; sid:1;)
alert http any any -> any any (flow:to_client; file.data; content:\"begin\"; content:!\"late\"; sid:2;)
alert http any any -> any any (flow:to_client; file.data; bsize:>60000; sid:3;)
alert http any any -> any any (flow:to_client; file.data; bsize:5; sid:4;)
alert http any any -> any any (flow:to_client; file.data; content:\"a\"; endswith; sid:5;)
alert http any any -> any any (flow:to_client; file.data; pcre:\"/xx$/\"; sid:6;)
alert http any any -> any any (flow:to_client; file.data; content:\"middle\"; isdataat:!9,relative; sid:7;)
alert http any any -> any any (flow:to_client; file.data; pcre:!\"/middle/\"; content:\"begin\"; sid:8;)
alert http any any -> any any (flow:to_client; file.data; to_md5; content:\"|00|\"; sid:9;)
alert http any any -> any any (flow:to_server; http.request_body; content:\"begin\"; content:!\"middle\"; sid:10;)
alert http any any -> any any (flow:to_client; file.data; content:\"begin\"; content:\"middle\"; distance:0; sid:11;)
alert http any any -> any any (flow:to_client; file.data; content:\"late\"; sid:12;)
alert http any any -> any any (flow:to_server; http.request_body; content:\"middle\"; pcre:\"/x{3}/R\"; sid:13;)
";

fn alerts(inline: &str, request: &[u8], response: &[u8], size: usize) -> Vec<u32> {
    let mut office = Office::with(RULES, &[("simulate-ips", inline), ("stream.reassembly.depth", "0")]);
    office.shake();
    office.say_in(true, request, size);
    office.say_in(false, response, size);
    office.close();
    office.finish();
    office.alerts()
}

fn message(first: &str, length: usize, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{first}\r\nHost: h.example\r\nContent-Length: {length}\r\n\r\n").into_bytes();
    bytes.extend(body);
    bytes
}

/// "begin", then `x` up to `length` with "middle" at `middle`.
fn body(length: usize, middle: usize) -> Vec<u8> {
    let mut body = vec![b'x'; length];
    body[..5].copy_from_slice(b"begin");
    if let Some(part) = body.get_mut(middle..middle + 6) {
        part.copy_from_slice(b"middle");
    }
    body
}

fn same_on_every_cut(request: &[u8], response: &[u8], sizes: &[usize]) -> Vec<u32> {
    let mut found = None;
    for inline in ["no", "yes"] {
        for size in sizes {
            let alerts = alerts(inline, request, response, *size);
            let first = found.get_or_insert_with(|| alerts.clone());
            assert_eq!(&alerts, first, "inline {inline}, pieces of {size}");
        }
    }
    found.expect("a run")
}

#[test]
fn bytes_after_the_body_change_nothing_that_the_body_said() {
    let request = message("POST / HTTP/1.1", 5, b"begin");
    let response = message("HTTP/1.1 200 OK", 5, b"beginlate\nlate\nmiddle");
    let found = same_on_every_cut(&request, &response, &[1_400, 1, 2, 3, 5, 7, 11, 64, 100]);
    assert_eq!(found, [1, 2, 4, 7, 8, 10, 12]);
}

#[test]
fn long_bodies() {
    for (length, middle) in [(30_000, 29_990), (60_000, 41_000), (60_000, 56_317), (120_000, 70_000)] {
        let request = message("POST / HTTP/1.1", length, &body(length, middle));
        let response = message("HTTP/1.1 200 OK", length, &body(length, middle));
        let found = same_on_every_cut(&request, &response, &[1_400, 536, 8_000]);
        assert!(found.contains(&13), "{length} {middle}: {found:?}");
    }
}
