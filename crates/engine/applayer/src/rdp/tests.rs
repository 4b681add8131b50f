use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::config::AppLayerConfig;

const REQUEST: &[u8] =
    b"\x03\x00\x00\x28\x23\xe0\x00\x00\x00\x00\x00Cookie: mstshash=jo\r\n\x01\x00\x08\x00\x03\x00\x00\x00";
const CONFIRM: &[u8] = b"\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x02\x09\x08\x00\x02\x00\x00\x00";
const REFUSED: &[u8] = b"\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x03\x00\x08\x00\x05\x00\x00\x00";

fn connect() -> Vec<u8> {
    let mut core = Vec::new();
    core.extend(0x8_0004u32.to_le_bytes());
    core.extend([0, 5, 0x20, 3]);
    core.extend([1, 0xca, 3, 0xaa]);
    core.extend(0x411u32.to_le_bytes());
    core.extend(7601u32.to_le_bytes());
    core.extend("PC1".encode_utf16().flat_map(u16::to_le_bytes).chain(std::iter::repeat(0)).take(32));
    core.extend(7u32.to_le_bytes());
    let net = [&2u32.to_le_bytes()[..], b"rdpdr\0\0\0", &[0; 4], b"cliprdr\0", &[0; 4]].concat();
    let block = |kind: u16, body: &[u8]| {
        let length = u16::try_from(body.len() + 4).expect("short");
        [&kind.to_le_bytes()[..], &length.to_le_bytes(), body].concat()
    };
    let blocks = [block(0xc001, &core), block(0xc003, &net)].concat();
    let length = u16::try_from(blocks.len()).expect("short") | 0x8000;
    let body = [&b"\x02\xf0\x80\x7f\x65\x82\x01\x00Duca"[..], &length.to_be_bytes(), &blocks].concat();
    let all = u16::try_from(body.len() + 4).expect("short");
    [&[3, 0][..], &all.to_be_bytes(), &body].concat()
}

fn run(pieces: &[(Direction, &[u8])]) -> (Vec<Value>, Outcome) {
    let mut parser = RdpParser::new(&AppLayerConfig::default().tls, 16);
    let mut outcome = Outcome::Continue;
    for (dir, piece) in pieces {
        if outcome != Outcome::Continue {
            break;
        }
        outcome = parser.feed(*dir, Input::Data(piece), Timestamp::EPOCH);
    }
    let records = parser.txs.iter().map(|tx| {
        let mut out = Map::new();
        tx.log(&mut out);
        out.remove("rdp").expect("written")
    });
    (records.collect(), outcome)
}

#[test]
fn a_session_in_clear_is_told_however_it_is_cut() {
    use Direction::{ToClient, ToServer};
    let connect = connect();
    let want = [
        json!({"tx_id": 0, "event_type": "initial_request", "cookie": "jo"}),
        json!({"tx_id": 1, "event_type": "initial_response", "protocol": "hybrid",
               "server_supports": ["extended_client_data", "restricted_admin"]}),
        json!({"tx_id": 2, "event_type": "connect_request", "channels": ["rdpdr", "cliprdr"],
               "client": {"version": "5", "desktop_width": 1280, "desktop_height": 800,
                          "color_depth": 8, "keyboard_layout": "ja-JP", "build": "Windows 7",
                          "client_name": "PC1", "keyboard_type": "jp"}}),
    ];
    for cut in 0..connect.len() {
        let pieces = [
            (ToServer, REQUEST),
            (ToClient, CONFIRM),
            (ToServer, &connect[..cut]),
            (ToServer, &connect[cut..]),
        ];
        assert_eq!(run(&pieces).0, want, "cut at {cut}");
    }
}

#[test]
fn a_refusal_says_why() {
    let (records, _) = run(&[(Direction::ToClient, REFUSED)]);
    assert_eq!(
        (&records[0]["error_code"], &records[0]["reason"]),
        (&json!(5), &json!("hybrid required by server"))
    );
}

#[test]
fn what_follows_the_beginning_is_left_alone() {
    let (records, outcome) =
        run(&[(Direction::ToServer, REQUEST), (Direction::ToServer, b"\x44\x04\x01\x02")]);
    assert_eq!((records.len(), outcome), (1, Outcome::Opaque));
}

proptest! {
    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), client in any::<bool>()) {
        let dir = if client { Direction::ToServer } else { Direction::ToClient };
        run(&[(dir, &bytes)]);
    }

    #[test]
    fn never_panics_on_near_misses(at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let mut bytes = connect();
        let at = at.index(bytes.len());
        bytes[at] = with;
        run(&[(Direction::ToServer, &bytes)]);
    }
}
