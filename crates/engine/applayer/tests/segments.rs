//! The same bytes cut into any segments give the same transactions, and no bytes at all make a
//! parser panic.

#[path = "segments/capture.rs"]
mod capture;
#[path = "segments/talks.rs"]
mod talks;

use std::sync::Arc;

use mimamori_applayer::parser::{Expectation, ExpectationContext};
use mimamori_applayer::{AppLayerConfig, AppProto, Field, FieldKind, Input, Session, Transport};
use mimamori_base::{Direction, Timestamp};
use proptest::prelude::*;
use serde_json::{Map, Value};

/// One side's turn in a conversation.
#[derive(Clone, Debug)]
pub enum Turn {
    Bytes(Direction, Vec<u8>),
    Gap(Direction, u64),
}

/// Everything that rules and logs can see of a session.
fn picture(session: &mut Session, seen: &mut Vec<Value>) {
    let txs = session.transactions();
    for tx in txs.iter() {
        let mut log = Map::new();
        tx.log(&mut log);
        let events: Vec<&str> = tx.events().to_vec();
        let mut fields = Map::new();
        for dir in Direction::BOTH {
            for field in Field::ALL {
                let name = format!("{field:?} {dir:?}");
                let mut values: Vec<Value> = Vec::new();
                match field.info().kind {
                    FieldKind::Bytes | FieldKind::MultiBytes => {
                        tx.bytes(*field, dir, &mut |b| values.push(Value::String(format!("{b:02x?}"))));
                    }
                    FieldKind::Number => tx.numbers(*field, dir, &mut |n| values.push(n.into())),
                    FieldKind::Stream => {}
                }
                if !values.is_empty() {
                    fields.insert(name, Value::Array(values));
                }
            }
            let files: Vec<Value> = tx
                .files(dir)
                .iter()
                .map(|f| {
                    format!("{:?} {} {:?} {:?}", f.name(), f.size(), f.state(), f.hashes().sha256).into()
                })
                .collect();
            if !files.is_empty() {
                fields.insert(format!("files {dir:?}"), Value::Array(files));
            }
        }
        seen.push(serde_json::json!({"id": tx.id(), "log": log, "events": events, "fields": fields}));
    }
}

fn step(session: &mut Session, seen: &mut Vec<Value>) {
    while session.change_pending() {
        picture(session, seen);
        session.proceed(Timestamp::EPOCH);
    }
}

fn run(mut session: Session, turns: &[Turn], cut: &mut dyn FnMut(usize) -> usize) -> Value {
    let mut seen = Vec::new();
    for turn in turns {
        match turn {
            Turn::Gap(dir, n) => session.feed(*dir, Input::Gap(*n), Timestamp::EPOCH),
            Turn::Bytes(dir, bytes) => {
                let mut rest: &[u8] = bytes;
                while !rest.is_empty() {
                    let n = cut(rest.len()).clamp(1, rest.len());
                    session.feed(*dir, Input::Data(&rest[..n]), Timestamp::EPOCH);
                    step(&mut session, &mut seen);
                    rest = &rest[n..];
                }
            }
        }
        step(&mut session, &mut seen);
    }
    for dir in Direction::BOTH {
        session.feed(dir, Input::End, Timestamp::EPOCH);
        step(&mut session, &mut seen);
    }
    picture(&mut session, &mut seen);
    serde_json::json!({"proto": session.proto().name(), "events": session.events(), "txs": seen})
}

/// Where two pictures differ first.
fn difference(a: &Value, b: &Value, path: &str) -> Option<String> {
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            let keys: std::collections::BTreeSet<&String> = x.keys().chain(y.keys()).collect();
            keys.into_iter().find_map(|k| {
                let (p, q) = (x.get(k).unwrap_or(&Value::Null), y.get(k).unwrap_or(&Value::Null));
                difference(p, q, &format!("{path}.{k}"))
            })
        }
        (Value::Array(x), Value::Array(y)) if x.len() == y.len() => {
            x.iter().zip(y).enumerate().find_map(|(i, (p, q))| difference(p, q, &format!("{path}[{i}]")))
        }
        _ if a == b => None,
        _ => {
            let short = |v: &Value| v.to_string().chars().take(400).collect::<String>();
            Some(format!("{path}: {} / {}", short(a), short(b)))
        }
    }
}

fn config() -> Arc<AppLayerConfig> {
    Arc::new(AppLayerConfig::default())
}

fn fresh(port: u16) -> Session {
    Session::new(config(), Transport::Tcp, 40_000, port)
}

#[test]
fn conversations_are_understood() {
    for talk in talks::all() {
        let picture = run(fresh(talk.port), &talk.turns, &mut |n| n);
        assert_eq!(picture["proto"], talk.proto.name(), "{}", talk.name);
        let text = picture.to_string();
        for want in talk.wants {
            assert!(text.contains(want), "{}: {want} is missing in {text}", talk.name);
        }
    }
}

#[test]
fn one_byte_at_a_time_gives_the_same() {
    for talk in talks::all() {
        let whole = run(fresh(talk.port), &talk.turns, &mut |n| n);
        let bytes = run(fresh(talk.port), &talk.turns, &mut |_| 1);
        assert_eq!(difference(&whole, &bytes, ""), None, "{}", talk.name);
    }
}

/// Real captures, if they are there: small ones, in three cuts each.
#[test]
fn captures_give_the_same_in_any_cut() {
    let Some(flows) = capture::flows() else {
        println!("skipped: ../shared/conformance/pcaps is not here");
        return;
    };
    let mut understood = 0;
    let mut differ = Vec::new();
    for flow in flows {
        let session = || fresh_ports(flow.ports);
        let whole = run(session(), &flow.turns, &mut |n| n);
        for size in [1usize, 7, 100] {
            let cut = run(session(), &flow.turns, &mut |_| size);
            if let Some(at) = difference(&whole, &cut, "") {
                differ.push(format!("{} in pieces of {size}: {at}", flow.name));
            }
        }
        understood += usize::from(!whole["txs"].as_array().is_none_or(Vec::is_empty));
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    assert!(understood > 50, "only {understood} flows were understood");
}

fn fresh_ports([client, server]: [u16; 2]) -> Session {
    Session::new(config(), Transport::Tcp, client, server)
}

const PARSED: &[AppProto] = &[
    AppProto::Http1,
    AppProto::Http2,
    AppProto::Tls,
    AppProto::Dns,
    AppProto::Smtp,
    AppProto::Ftp,
    AppProto::FtpData,
    AppProto::Pop3,
    AppProto::Imap,
    AppProto::Smb,
    AppProto::DceRpc,
    AppProto::Ssh,
    AppProto::Quic,
    AppProto::Dhcp,
    AppProto::Ldap,
    AppProto::Rfb,
    AppProto::Nfs,
    AppProto::Ike,
];

fn forced(proto: AppProto, transport: Transport) -> Session {
    let context = ExpectationContext::default();
    let expectation = Expectation { proto, listener: Direction::ToServer, port: 1, context };
    Session::new(config(), transport, 40_000, 1).expected(&expectation)
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let dir = prop_oneof![Just(Direction::ToServer), Just(Direction::ToClient)];
    let bytes = proptest::collection::vec(any::<u8>(), 0..200);
    let turn = prop_oneof![
        9 => (dir.clone(), bytes).prop_map(|(d, b)| Turn::Bytes(d, b)),
        1 => (dir, 1u64..5000).prop_map(|(d, n)| Turn::Gap(d, n)),
    ];
    proptest::collection::vec(turn, 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_a_parser_panic(turns in turns(), udp in any::<bool>()) {
        let transport = if udp { Transport::Udp } else { Transport::Tcp };
        for proto in PARSED {
            run(forced(*proto, transport), &turns, &mut |n| n);
        }
    }

    #[test]
    fn broken_conversations_give_the_same_in_any_cut(
        which in 0usize..100, flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4), sizes in proptest::collection::vec(1usize..40, 1..20)
    ) {
        let talks = talks::all();
        let talk = &talks[which % talks.len()];
        let mut turns = talk.turns.clone();
        for (at, value) in flips {
            let turn = at.index(turns.len());
            if let Turn::Bytes(_, bytes) = &mut turns[turn]
                && !bytes.is_empty()
            {
                let i = at.index(bytes.len());
                bytes[i] ^= value;
            }
        }
        let whole = run(forced(talk.proto, Transport::Tcp), &turns, &mut |n| n);
        let mut at = 0;
        let cut = run(forced(talk.proto, Transport::Tcp), &turns, &mut |_| { at += 1; sizes[at % sizes.len()] });
        prop_assert_eq!(difference(&whole, &cut, ""), None, "{}", talk.name);
    }
}
