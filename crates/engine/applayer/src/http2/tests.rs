//! The parser as a whole: an exchange, continuation, padding, push, any segmentation.

use std::sync::Arc;

use mimamori_base::{Direction, Timestamp};
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::Http2Parser;
use crate::field::Field;
use crate::http1::Http1Config;
use crate::parser::Parser;
use crate::session::Input;

const TS: Direction = Direction::ToServer;
const TC: Direction = Direction::ToClient;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut out = vec![len[1], len[2], len[3], kind, flags];
    out.extend(stream.to_be_bytes());
    out.extend(payload);
    out
}

fn literal(name: &str, value: &str) -> Vec<u8> {
    let mut out = vec![0x00, u8::try_from(name.len()).unwrap()];
    out.extend(name.bytes());
    out.push(u8::try_from(value.len()).unwrap());
    out.extend(value.bytes());
    out
}

fn request() -> Vec<u8> {
    let mut block = vec![0x82, 0x87];
    block.extend(literal(":path", "/a%41?q"));
    block.extend(literal(":authority", "Example.com"));
    block.extend(literal("cookie", "c"));
    block.extend(literal("user-agent", "t"));
    let (first, second) = block.split_at(7);
    let mut priority = vec![0, 0, 0, 0, 250];
    priority.extend(first);
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(4, 0, 0, &[]),
        frame(1, 0x21, 1, &priority),
        frame(9, 0x4, 1, second),
    ]
    .concat()
}

fn response() -> Vec<u8> {
    let mut block = vec![0x88];
    block.extend(literal("content-type", "text/plain"));
    [
        frame(4, 0, 0, &[]),
        frame(1, 0x4, 1, &block),
        frame(0, 0, 1, b"hel"),
        frame(0, 0x9, 1, &[&[2][..], b"lo", &[0, 0]].concat()),
    ]
    .concat()
}

fn run(client: &[Vec<u8>], server: &[Vec<u8>]) -> Http2Parser {
    let mut p = Http2Parser::new(Arc::new(Http1Config::default()));
    for b in client {
        p.feed(TS, Input::Data(b), Timestamp::EPOCH);
    }
    for b in server {
        p.feed(TC, Input::Data(b), Timestamp::EPOCH);
    }
    p
}

fn show(p: &Http2Parser) -> String {
    let mut out = String::new();
    for i in 0..p.tx_count() {
        let tx = p.tx(i).unwrap();
        for dir in Direction::BOTH {
            for f in Field::ALL {
                tx.bytes(*f, dir, &mut |b| out += &format!("{dir:?} {f:?} {}\n", String::from_utf8_lossy(b)));
            }
            let mut body = None;
            tx.body(Field::FileData, dir, &mut |b| {
                body = Some(b.bytes.to_vec());
                true
            });
            out += &format!("{dir:?} {body:?} {}\n", tx.is_complete(dir));
        }
        out += &format!("{:?}\n", tx.events());
    }
    out
}

#[test]
fn an_exchange() {
    let p = run(&[request()], &[response()]);
    // The first is the frame of settings.
    let tx = p.tx(1).unwrap();
    let mut log = Map::new();
    tx.log(&mut log);
    assert_eq!(
        Value::Object(log),
        serde_json::json!({"http": {
            "version": "2", "http_method": "GET", "url": "/a%41?q", "hostname": "example.com",
            "http_user_agent": "t", "http_content_type": "text/plain", "protocol": "HTTP/2",
            "status": 200, "length": 5,
            "request_headers": [{"name": "cookie", "value": "c"}, {"name": "user-agent", "value": "t"}],
            "response_headers": [{"name": "content-type", "value": "text/plain"}],
            "http2": {"stream_id": 1, "request": {"priority": 250}, "response": {}}
        }})
    );
    let text = show(&p);
    assert!(text.contains("ToServer HttpUri /aA?q\n"), "{text}");
    assert!(text.contains("ToServer HttpCookie c\n"), "{text}");
    let mut body = Vec::new();
    tx.body(Field::FileData, TC, &mut |b| {
        body.push(b.bytes.to_vec());
        true
    });
    assert_eq!(body, [b"hello".to_vec()]);
    assert!(tx.is_complete(TS) && tx.is_complete(TC));
    assert_eq!(tx.files(TC)[0].size(), 5);
}

#[test]
fn a_promise_and_a_reset() {
    let mut promise = 2_u32.to_be_bytes().to_vec();
    promise.extend([0x82, 0x86, 0x84]);
    let p = run(&[request()], &[frame(5, 0x4, 1, &promise), frame(3, 0, 2, &[0; 4])]);
    assert_eq!(p.tx_count(), 3);
    let tx = p.tx(2).unwrap();
    let mut method = Vec::new();
    tx.bytes(Field::HttpMethod, TS, &mut |b| method = b.to_vec());
    assert_eq!(method, b"GET");
    assert!(tx.is_complete(TC));
}

fn pieces(data: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let mut cuts: Vec<usize> = cuts.iter().map(|c| c % (data.len() + 1)).collect();
    cuts.extend([0, data.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|w| data[w[0]..w[1]].to_vec()).collect()
}

proptest! {
    #[test]
    fn any_cut_gives_the_same(
        a in proptest::collection::vec(any::<usize>(), 0..12),
        b in proptest::collection::vec(any::<usize>(), 0..12),
    ) {
        let cut = show(&run(&pieces(&request(), &a), &pieces(&response(), &b)));
        prop_assert_eq!(cut, show(&run(&[request()], &[response()])));
    }

    #[test]
    fn no_input_panics(
        client in proptest::collection::vec(any::<u8>(), 0..200),
        kind in 0..10_u8, flags in any::<u8>(), stream in 0..4_u32,
        server in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut p = run(
            &[request(), frame(kind, flags, stream, &client), client.clone()],
            &[frame(kind, flags, stream, &server), server.clone()],
        );
        p.feed(TC, Input::Gap(3), Timestamp::EPOCH);
        p.feed(TS, Input::End, Timestamp::EPOCH);
        p.feed(TC, Input::End, Timestamp::EPOCH);
    }
}

/// All numbers of `field` in `dir`, over all transactions.
fn numbers_of(parser: &Http2Parser, field: Field, dir: Direction) -> Vec<u64> {
    let mut out = Vec::new();
    for i in 0..parser.tx_count() {
        if let Some(tx) = parser.tx(i) {
            tx.numbers(field, dir, &mut |n| out.push(n));
        }
    }
    out
}

#[test]
fn frames_of_the_connection_are_transactions_of_their_own() {
    let mut parser = Http2Parser::new(Arc::new(Http1Config::default()));
    parser.feed(TS, Input::Data(&request()), Timestamp::EPOCH);
    let frames = [
        frame(4, 0, 0, &[0, 3, 0, 0, 0, 100]),
        frame(7, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 12]),
        frame(3, 0, 1, &[0, 0, 0, 8]),
    ];
    parser.feed(TC, Input::Data(&frames.concat()), Timestamp::EPOCH);
    assert_eq!(numbers_of(&parser, Field::Http2FrameType, TC), [3, 4, 7]);
    assert_eq!(numbers_of(&parser, Field::Http2FrameType, TS), [4, 1, 9]);
    assert_eq!(numbers_of(&parser, Field::Http2Settings, TC), [3 << 32 | 100]);
    assert_eq!(numbers_of(&parser, Field::Http2ErrorCode, TC), [8, 12]);
    let logged = (0..parser.tx_count()).filter(|i| parser.tx(*i).and_then(|t| t.event_type()).is_some());
    assert_eq!(logged.count(), 1, "frames of the connection are not logged");
}
