//! The parser as a whole: ordinary traffic, evasions by class, any segmentation.

use std::sync::Arc;

use mimamori_base::{Direction, Timestamp};
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::evasions::evasions;
use super::{Http1Config, Http1Parser};
use crate::field::Field;
use crate::parser::{Outcome, Parser};
use crate::session::Input;

const TS: Direction = Direction::ToServer;
const TC: Direction = Direction::ToClient;

use super::evasions::EICAR;

fn parser() -> Http1Parser {
    Http1Parser::new(Arc::new(Http1Config { max_layers: 3, ..Http1Config::default() }))
}

fn feed(p: &mut Http1Parser, dir: Direction, bytes: &[u8]) -> Outcome {
    p.feed(dir, Input::Data(bytes), Timestamp::EPOCH)
}

fn end(p: &mut Http1Parser) {
    p.feed(TS, Input::End, Timestamp::EPOCH);
    p.feed(TC, Input::End, Timestamp::EPOCH);
}

/// Everything to be seen of transaction `index`.
fn show(p: &Http1Parser, index: usize) -> Vec<String> {
    let tx = p.tx(index).expect("a transaction");
    let mut out = Vec::new();
    for dir in Direction::BOTH {
        for field in Field::ALL {
            tx.bytes(*field, dir, &mut |b| {
                out.push(format!("{dir:?} {field:?} {}", String::from_utf8_lossy(b)));
            });
            tx.body(*field, dir, &mut |b| {
                out.push(format!("{dir:?} {field:?} {}", String::from_utf8_lossy(b.bytes)));
                true
            });
        }
        for f in tx.files(dir) {
            let name = String::from_utf8_lossy(f.name()).into_owned();
            out.push(format!("{dir:?} file {name} {} {}", f.size(), f.state().name()));
        }
        out.push(format!("{dir:?} complete {} {}", tx.is_complete(dir), tx.progress(dir)));
    }
    let mut events = tx.events().to_vec();
    events.sort_unstable();
    out.push(format!("{events:?}"));
    let mut log = Map::new();
    tx.log(&mut log);
    out.push(Value::Object(log).to_string());
    out
}

fn field(p: &Http1Parser, index: usize, field: Field, dir: Direction) -> Option<String> {
    let mut found = None;
    let tx = p.tx(index)?;
    tx.bytes(field, dir, &mut |b| found = Some(String::from_utf8_lossy(b).into_owned()));
    tx.body(field, dir, &mut |b| {
        found.get_or_insert_with(|| String::from_utf8_lossy(b.bytes).into_owned());
        true
    });
    found
}

#[test]
fn an_ordinary_exchange() {
    let mut p = parser();
    feed(
        &mut p,
        TS,
        b"GET /a%20b?x=1 HTTP/1.1\r\nHost: WWW.example.com:8080\r\nUser-Agent: t\r\nCookie: c=1\r\n\r\n",
    );
    feed(&mut p, TC, b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=x\r\nSet-Cookie: s\r\nContent-Length: 5\r\n\r\nhello");
    let get = |f, d| field(&p, 0, f, d).unwrap_or_default();
    assert_eq!(get(Field::HttpUri, TS), "/a b?x=1");
    assert_eq!(get(Field::HttpUriRaw, TS), "/a%20b?x=1");
    assert_eq!(get(Field::HttpHost, TS), "www.example.com");
    assert_eq!(get(Field::HttpHostRaw, TS), "WWW.example.com:8080");
    assert_eq!(get(Field::HttpHeader, TS), "Host: WWW.example.com:8080\r\nUser-Agent: t\r\n");
    assert_eq!(get(Field::HttpHeaderNames, TS), "\r\nHost\r\nUser-Agent\r\nCookie\r\n\r\n");
    assert_eq!(get(Field::HttpCookie, TC), "s");
    assert_eq!(get(Field::HttpRequestLine, TS), "GET /a%20b?x=1 HTTP/1.1");
    assert_eq!(get(Field::FileData, TC), "hello");
    assert!(p.tx(0).unwrap().is_complete(TC) && p.tx(0).unwrap().is_complete(TS));
    let mut log = Map::new();
    p.tx(0).unwrap().log(&mut log);
    assert_eq!(
        Value::Object(log),
        serde_json::json!({"http": {
            "hostname": "www.example.com", "http_port": 8080, "url": "/a%20b?x=1",
            "http_user_agent": "t", "http_method": "GET", "protocol": "HTTP/1.1",
            "http_content_type": "text/html", "status": 200, "length": 5
        }})
    );
}

const GET: &[u8] = b"GET /x/eicar.txt HTTP/1.1\r\nHost: h\r\n\r\n";

#[test]
fn every_evasion_is_seen_through() {
    for (name, response) in evasions() {
        let mut p = parser();
        feed(&mut p, TS, GET);
        feed(&mut p, TC, &response);
        end(&mut p);
        let body = field(&p, 0, Field::FileData, TC).unwrap_or_default();
        assert!(body.as_bytes().windows(EICAR.len()).any(|w| w == EICAR), "{name}: {body:?}");
        assert_eq!(p.tx(0).unwrap().files(TC).len(), 1, "{name}");
        let file = p.tx(0).unwrap().files(TC)[0].name().to_vec();
        assert!(file == b"/x/eicar.txt" || file == b"a.exe", "{name}");
    }
}

#[test]
fn pipelined_exchanges_match() {
    let mut p = parser();
    feed(&mut p, TS, b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
    feed(&mut p, TC, b"HTTP/1.1 200 A\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 B\r\nContent-Length: 9\r\n\r\nHTTP/1.1 404 C\r\nContent-Length: 1\r\n\r\nc");
    let messages: Vec<_> = (0..3).map(|i| field(&p, i, Field::HttpStatMsg, TC).unwrap()).collect();
    assert_eq!(messages, ["A", "B", "C"]);
    assert_eq!(field(&p, 2, Field::FileData, TC).as_deref(), Some("c"));
}

#[test]
fn uploads_are_files() {
    let mut p = parser();
    let body = b"--b\r\nContent-Disposition: form-data; name=f; filename=\"a.exe\"\r\n\r\nMZ\r\n--b--\r\n";
    let head = format!(
        "POST /up HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    feed(&mut p, TS, head.as_bytes());
    feed(&mut p, TS, body);
    feed(&mut p, TS, b"PUT /dir/file.bin HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
    let file = &p.tx(0).unwrap().files(TS)[0];
    assert_eq!((file.name(), file.size(), file.state().name()), (&b"a.exe"[..], 2, "CLOSED"));
    let file = &p.tx(1).unwrap().files(TS)[0];
    assert_eq!((file.name(), file.size()), (&b"/dir/file.bin"[..], 3));
    assert_eq!(field(&p, 1, Field::FileData, TS).as_deref(), Some("abc"));
}

#[test]
fn no_number_of_oddities_hides_the_next() {
    let odd = "odd\n".repeat(60);
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{odd} folded\r\n\r\n");
    for piece in [1, 50, usize::MAX] {
        let mut p = parser();
        for part in request.as_bytes().chunks(piece) {
            feed(&mut p, Direction::ToServer, part);
        }
        let events = p.tx(0).map(|t| t.events().to_vec()).unwrap_or_default();
        assert!(events.contains(&"http.invalid_request_field_folding"), "{piece}: {events:?}");
    }
}

#[test]
fn tunnels_hand_over() {
    let mut p = parser();
    assert_eq!(feed(&mut p, TS, b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n\x16\x03"), Outcome::Continue);
    let out = feed(&mut p, TC, b"HTTP/1.1 200 OK\r\n\r\nrest");
    assert!(matches!(out, Outcome::Change { to: None, consumed: 19, .. }), "{out:?}");
    let mut p = parser();
    feed(&mut p, TS, b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n");
    assert_eq!(feed(&mut p, TC, b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"), Outcome::Continue);
    feed(&mut p, TS, GET);
    assert_eq!(p.tx_count(), 2);
}

#[test]
fn a_response_alone_and_a_request_without_protocol() {
    let mut p = parser();
    feed(&mut p, TC, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(field(&p, 0, Field::HttpUri, TS), None);
    assert!(p.tx(0).unwrap().events().contains(&"http.unable_to_match_response_to_request"));
    let mut p = parser();
    feed(&mut p, TS, b"GET /x\r\nHost: h\r\nUser-Agent: z\r\n\r\n");
    assert_eq!(field(&p, 0, Field::HttpUserAgent, TS).as_deref(), Some("z"));
    let mut p = parser();
    feed(&mut p, TS, b"GET /x\r\n");
    feed(&mut p, TC, b"raw bytes\n");
    end(&mut p);
    assert_eq!(field(&p, 0, Field::FileData, TC).as_deref(), Some("raw bytes\n"));
}

#[test]
fn gaps_in_bodies_are_survived() {
    let mut p = parser();
    feed(&mut p, TS, b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
    feed(&mut p, TC, b"HTTP/1.1 200 A\r\nContent-Length: 10\r\n\r\nab");
    p.feed(TC, Input::Gap(5), Timestamp::EPOCH);
    feed(&mut p, TC, b"xyz");
    feed(&mut p, TS, b"GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
    feed(&mut p, TC, b"HTTP/1.1 200 B\r\nContent-Length: 1\r\n\r\nq");
    let file = &p.tx(0).unwrap().files(TC)[0];
    assert_eq!((file.size(), file.has_gaps(), file.state().name()), (10, true, "TRUNCATED"));
    assert_eq!(field(&p, 1, Field::FileData, TC).as_deref(), Some("q"));
}

#[test]
fn transactions_have_a_cap() {
    let mut p = parser();
    let mut outcome = Outcome::Continue;
    for _ in 0..600 {
        outcome = feed(&mut p, TS, GET);
        if outcome == Outcome::Failed {
            break;
        }
    }
    assert_eq!((outcome, p.tx_count()), (Outcome::Failed, 512));
}

fn pieces(data: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let mut cuts: Vec<usize> = cuts.iter().map(|c| c % (data.len() + 1)).collect();
    cuts.extend([0, data.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|w| data[w[0]..w[1]].to_vec()).collect()
}

fn whole(request: &[Vec<u8>], response: &[Vec<u8>]) -> Vec<Vec<String>> {
    let mut p = parser();
    for r in request {
        feed(&mut p, TS, r);
    }
    for r in response {
        feed(&mut p, TC, r);
    }
    end(&mut p);
    (0..p.tx_count()).map(|i| show(&p, i)).collect()
}

const POST: &[u8] = b"POST /up?q=%41 HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=b\r\n\
    Transfer-Encoding: chunked\r\n\r\n47\r\n--b\r\nContent-Disposition: form-data; name=f; filename=\"a.exe\"\r\n\r\nMZxx\r\n\r\n9\r\n--b--\r\n\r\n\r\n0\r\n\r\n\
    GET /2 HTTP/1.1\r\nHost: h\r\nX: y\r\n z\r\n\r\nlate=body\r\nFOO /3 HTTP/1.1\r\n\r\nGET /4 HTTP/1.0\r\n\r\n";

proptest! {
    #[test]
    fn any_cut_gives_the_same(
        which in 0..60_usize,
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
        request_cuts in proptest::collection::vec(any::<usize>(), 0..12),
    ) {
        let all = evasions();
        let response = &all[which % all.len()].1;
        let cut = whole(&pieces(POST, &request_cuts), &pieces(response, &cuts));
        prop_assert_eq!(cut, whole(&[POST.to_vec()], std::slice::from_ref(response)));
    }

    #[test]
    fn no_input_panics(
        request in proptest::collection::vec(any::<u8>(), 0..200),
        response in proptest::collection::vec(any::<u8>(), 0..200),
        head in any::<bool>(),
        gap in 0..50_u64,
    ) {
        let mut p = parser();
        if head {
            feed(&mut p, TS, b"POST / HTTP/1.1\r\nContent-Length: 30\r\n");
            feed(&mut p, TC, b"HTTP/1.1 200 ok\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip, br\r\n");
        }
        feed(&mut p, TS, &request);
        p.feed(TC, Input::Gap(gap), Timestamp::EPOCH);
        feed(&mut p, TC, &response);
        p.feed(TS, Input::Gap(gap), Timestamp::EPOCH);
        feed(&mut p, TS, &request);
        feed(&mut p, TC, &response);
        end(&mut p);
    }
}

#[test]
fn a_file_fetched_in_parts_is_put_together() {
    let config = Arc::new(Http1Config::default());
    let part = |request: &str, start: usize, end: usize| {
        let mut p = Http1Parser::new(config.clone());
        feed(&mut p, TS, request.as_bytes());
        let head = format!(
            "HTTP/1.1 206 Partial\r\nContent-Length: {}\r\nContent-Range: bytes {start}-{end}/68\r\n\r\n",
            end - start + 1
        );
        feed(&mut p, TC, head.as_bytes());
        feed(&mut p, TC, &EICAR[start..=end]);
        p
    };
    let get = "GET /eicar HTTP/1.1\r\nHost: h\r\n\r\n";
    let first = part(get, 30, 67);
    assert_eq!(first.tx(0).unwrap().files(TC)[0].range(), Some((30, 67)));
    part("GET /other HTTP/1.1\r\nHost: h\r\n\r\n", 0, 29);
    let last = part(get, 0, 40);
    let files = last.tx(0).unwrap().files(TC);
    assert_eq!((files.len(), files[1].size(), files[1].name()), (2, 68, &b"/eicar"[..]));
    assert_eq!(field(&last, 0, Field::FileData, TC), Some(String::from_utf8_lossy(EICAR).into_owned()));
}

#[test]
fn after_the_servers_end_requests_do_not_wait() {
    let mut p = parser();
    feed(&mut p, TS, GET);
    p.feed(TC, Input::End, Timestamp::EPOCH);
    feed(&mut p, TS, GET);
    assert!(p.tx(0).unwrap().ready_to_log() && p.tx(1).unwrap().ready_to_log());
}

/// What any cut into pieces of one size shows, with lines of at most 200 bytes.
fn in_pieces(request: &[u8], response: &[u8], piece: usize) -> Vec<Vec<String>> {
    let mut p = Http1Parser::new(Arc::new(Http1Config { max_line_bytes: 200, ..Http1Config::default() }));
    for (dir, bytes) in [(TS, request), (TC, response)] {
        bytes.chunks(piece).for_each(|part| {
            feed(&mut p, dir, part);
        });
    }
    end(&mut p);
    (0..p.tx_count()).map(|i| show(&p, i)).collect()
}

#[test]
fn lines_near_their_limit_are_the_same_in_any_cut() {
    let odd = [&b"\xff\x0b@\xfd"[..], &[0x0b; 33], &[b'O'; 60], &[0xae; 52], &[b'O'; 40], b"\x0b\x0c\x0c\n"]
        .concat();
    for len in [190usize, 198, 199, 200, 201, 202, 210, 300] {
        for end in ["\r\n", "\n", "\r\r\n", "\r", ""] {
            let fill = |head: &str| format!("{head}{}{end}", "x".repeat(len - head.len()));
            let requests =
                [fill("GET /"), format!("{}Host: h{end}{end}", fill("GET / HTTP/1.1 ")), "ZWS".to_owned()];
            let responses = [
                format!("{}A: b{end}{end}body", fill("HTTP/1.1 200 ")).into_bytes(),
                format!("{}HTTP/1.1 200 ok\r\n\r\nbody", fill("junk")).into_bytes(),
                format!("{}{end}HTTP/1.1 200 ok\r\n\r\nbody", " ".repeat(len)).into_bytes(),
                odd.clone(),
            ];
            for (request, response) in requests.iter().flat_map(|a| responses.iter().map(move |b| (a, b))) {
                let whole = in_pieces(request.as_bytes(), response, usize::MAX);
                for piece in [1, 7, 10, 200] {
                    assert_eq!(
                        in_pieces(request.as_bytes(), response, piece),
                        whole,
                        "{len} {end:?} {piece}"
                    );
                }
            }
        }
    }
}
