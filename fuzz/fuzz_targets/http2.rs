//! Frames of HTTP/2, wild: nothing panics.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use mimamori_applayer::Input;
use mimamori_applayer::http1::Http1Config;
use mimamori_applayer::http2::Http2Parser;
use mimamori_applayer::parser::Parser;
use mimamori_base::{Direction, Timestamp};

fuzz_target!(|data: &[u8]| {
    let mut p = Http2Parser::new(Arc::new(Http1Config::default()));
    p.feed(Direction::ToServer, Input::Data(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Timestamp::EPOCH);
    let mut rest = data;
    // Direction, kind, flags, stream, length, payload.
    while let [how, kind, flags, stream, len, after @ ..] = rest {
        let len = usize::from(*len).min(after.len());
        let (payload, later) = after.split_at(len);
        let dir = if how & 1 == 0 { Direction::ToServer } else { Direction::ToClient };
        let mut frame = vec![0, 0, u8::try_from(len).unwrap_or(0), kind % 12, *flags, 0, 0, 0, stream % 8];
        frame.extend(payload);
        if how & 2 != 0 {
            frame.truncate(frame.len() / 2);
        }
        p.feed(dir, Input::Data(&frame), Timestamp::EPOCH);
        if how & 0x84 == 0x84 {
            p.feed(dir, Input::Gap(u64::from(*how)), Timestamp::EPOCH);
        }
        rest = later;
    }
    for dir in Direction::BOTH {
        p.feed(dir, Input::End, Timestamp::EPOCH);
    }
});
