//! Two streams handed to one protocol's parser: nothing panics, any cut gives the same.

use std::sync::Arc;

use mimamori_applayer::parser::{Expectation, ExpectationContext};
use mimamori_applayer::{AppLayerConfig, AppProto, Field, Input, Session, Transport};
use mimamori_base::{Direction, Timestamp};
use serde_json::Map;

/// The first byte says how to cut; 0xff ends a turn and gives the word to the other side.
pub fn streams(proto: AppProto, data: &[u8]) {
    let Some((cut, rest)) = data.split_first() else { return };
    let piece = usize::from(*cut % 32) + 1;
    let whole = run(proto, Transport::Tcp, rest, usize::MAX);
    assert_eq!(run(proto, Transport::Tcp, rest, piece), whole);
}

/// Turns are datagrams.
pub fn datagrams(proto: AppProto, data: &[u8]) {
    run(proto, Transport::Udp, data, usize::MAX);
}

/// No protocol is said: the bytes must tell.
pub fn any(port: u16, data: &[u8]) {
    for transport in [Transport::Tcp, Transport::Udp] {
        let session = Session::new(Arc::new(AppLayerConfig::default()), transport, 40_000, port);
        talk(session, data, usize::MAX);
    }
}

fn run(proto: AppProto, transport: Transport, data: &[u8], piece: usize) -> Vec<String> {
    let context = ExpectationContext::default();
    let expectation = Expectation { proto, listener: Direction::ToServer, port: 1, context };
    let session = Session::new(Arc::new(AppLayerConfig::default()), transport, 40_000, 1);
    talk(session.expected(&expectation), data, piece)
}

fn talk(mut session: Session, data: &[u8], piece: usize) -> Vec<String> {
    let mut seen = Vec::new();
    let mut dir = Direction::ToServer;
    for turn in data.split(|b| *b == 0xff) {
        for part in turn.chunks(piece) {
            session.feed(dir, Input::Data(part), Timestamp::EPOCH);
            while session.change_pending() {
                show(&session, &mut seen);
                session.proceed(Timestamp::EPOCH);
            }
        }
        dir = dir.reverse();
    }
    for dir in Direction::BOTH {
        session.feed(dir, Input::End, Timestamp::EPOCH);
    }
    show(&session, &mut seen);
    seen
}

fn show(session: &Session, seen: &mut Vec<String>) {
    for tx in session.transactions().iter() {
        let mut log = Map::new();
        tx.log(&mut log);
        let mut out = format!("{log:?} {:?}", tx.events());
        for dir in Direction::BOTH {
            for field in Field::ALL {
                tx.bytes(*field, dir, &mut |b| out += &format!("{field:?} {b:?}\n"));
                tx.numbers(*field, dir, &mut |n| out += &format!("{field:?} {n}\n"));
            }
            for f in tx.files(dir) {
                out += &format!("{:?} {} {:?}\n", f.name(), f.size(), f.state());
            }
        }
        seen.push(out);
    }
}
