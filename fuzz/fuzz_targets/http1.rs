//! Two streams of HTTP/1, wild: nothing panics, and any cut gives the same transactions.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use mimamori_applayer::http1::{Http1Config, Http1Parser};
use mimamori_applayer::parser::Parser;
use mimamori_applayer::{Field, Input};
use mimamori_base::{Direction, Timestamp};

fuzz_target!(|data: &[u8]| {
    let Some((cut, rest)) = data.split_first() else { return };
    let at = rest.iter().position(|b| *b == 0xff).unwrap_or(rest.len() / 2);
    let (request, response) = rest.split_at(at);
    let piece = usize::from(*cut % 32) + 1;
    let whole = run(request, response, usize::MAX);
    assert_eq!(run(request, response, piece), whole);
});

fn run(request: &[u8], response: &[u8], piece: usize) -> Vec<String> {
    let mut p = Http1Parser::new(Arc::new(Http1Config { max_line_bytes: 200, ..Http1Config::default() }));
    for (dir, bytes) in [(Direction::ToServer, request), (Direction::ToClient, response)] {
        for part in bytes.chunks(piece) {
            p.feed(dir, Input::Data(part), Timestamp::EPOCH);
        }
    }
    for dir in Direction::BOTH {
        p.feed(dir, Input::End, Timestamp::EPOCH);
    }
    (0..p.tx_count()).filter_map(|i| p.tx(i)).map(show).collect()
}

fn show(tx: &dyn mimamori_applayer::Transaction) -> String {
    let mut out = String::new();
    for dir in Direction::BOTH {
        for field in Field::ALL {
            tx.bytes(*field, dir, &mut |b| out += &format!("{field:?} {b:?}\n"));
            out += &format!("{:?}\n", tx.body(*field, dir).map(|b| (b.offset, b.bytes.to_vec(), b.end)));
        }
        for f in tx.files(dir) {
            out += &format!("{:?} {} {:?}\n", f.name(), f.size(), f.state());
        }
    }
    let mut events = tx.events().to_vec();
    events.sort_unstable();
    out + &format!("{events:?}")
}
