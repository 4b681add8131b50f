//! From header lists to the two sides of a transaction.

use mimamori_base::Direction;

use super::events;
use super::frame::{GOAWAY, PRIORITY_FRAME, RST_STREAM, SETTINGS, WINDOW_UPDATE};
use crate::field::http_step;
use crate::http1::Http1Config;
use crate::http1::disposition::file_name;
use crate::http1::framing::codings;
use crate::http1::line::is_token;
use crate::http1::message::FileMode;
use crate::http1::tx::{HttpTx, StreamSide};
use crate::http1::uri::{Target, UriRules, normalise, split_host};

/// At most so many settings of a frame are kept.
const MAX_SETTINGS: usize = 64;

/// What the frames of a side have said about their stream.
pub(super) fn stream_side(tx: &mut HttpTx, dir: Direction) -> Option<&mut StreamSide> {
    tx.stream.as_mut()?.sides.get_mut(dir.index())
}

/// The last weight that a side gave its stream.
pub(super) fn set_priority(tx: &mut HttpTx, dir: Direction, weight: Option<u8>) {
    if let Some(side) = stream_side(tx, dir) {
        side.priority = weight;
    }
}

/// Notes a frame of `kind`, and what is read of it beside headers and body.
pub(super) fn note_frame(tx: &mut HttpTx, dir: Direction, kind: u8, payload: &[u8]) {
    let Some(side) = stream_side(tx, dir) else { return };
    side.frames |= 1u16.checked_shl(u32::from(kind)).unwrap_or(0);
    let number = |at: usize| payload.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes);
    match kind {
        PRIORITY_FRAME => side.priority = payload.get(4).copied(),
        RST_STREAM => side.error = number(0),
        GOAWAY => side.error = number(4),
        WINDOW_UPDATE => side.window = number(0).map(|n| n & 0x7fff_ffff).or(side.window),
        SETTINGS => {
            for setting in payload.chunks_exact(6).take(MAX_SETTINGS) {
                if let [k0, k1, v0, v1, v2, v3] = *setting {
                    side.settings.push((u16::from_be_bytes([k0, k1]), u32::from_be_bytes([v0, v1, v2, v3])));
                }
            }
        }
        _ => {}
    }
}

/// Fills the request side from the headers that came.
pub(super) fn take_request(tx: &mut HttpTx, config: &Http1Config) {
    let get = |tx: &HttpTx, name: &[u8]| pseudo(tx, Direction::ToServer, name);
    tx.method = get(tx, b":method").unwrap_or_default();
    tx.uri_raw = get(tx, b":path").unwrap_or_default();
    tx.request.protocol = b"HTTP/2".to_vec();
    let rules = UriRules {
        double_decode_path: config.double_decode_path,
        double_decode_query: config.double_decode_query,
        plus_is_space: config.plus_is_space,
        include_all: false,
    };
    tx.uri = normalise(&Target::parse(&tx.uri_raw, false), rules);
    let authority = get(tx, b":authority");
    let host = get(tx, b"host");
    if let (Some(a), Some(h)) = (&authority, &host)
        && !a.eq_ignore_ascii_case(h)
    {
        tx.request.event(events::HOST_MISMATCH);
    }
    if authority.as_ref().is_some_and(|a| a.contains(&b'@')) {
        tx.request.event(events::USERINFO);
    }
    if let Some(raw) = authority.or(host) {
        let (host, port, _) = split_host(&raw);
        tx.host = Some(host);
        tx.port = port;
        tx.host_raw = Some(raw);
    }
    if !tx.method.iter().all(|b| is_token(*b)) {
        tx.request.event(events::INVALID_HEADER);
    }
    tx.request.line = [&tx.method[..], b" ", &tx.uri_raw, b" HTTP/2\r\n"].concat();
    tx.request.file_mode = FileMode::Whole { name: tx.uri_raw.clone(), range: None };
    tx.request.reach(http_step::LINE);
}

/// Fills the response side from the headers that came.
pub(super) fn take_response(tx: &mut HttpTx, config: &Http1Config) {
    let code = pseudo(tx, Direction::ToClient, b":status").unwrap_or_default();
    tx.status = std::str::from_utf8(&code).ok().and_then(|s| s.parse().ok()).unwrap_or(0);
    tx.response.protocol = b"HTTP/2".to_vec();
    tx.response.line = [b"HTTP/2 ", &code[..], b"\r\n"].concat();
    tx.status_code = code;
    tx.response.reach(http_step::LINE);
    let found = codings(&tx.response.headers, config.max_layers, config.lzma);
    tx.response.decode_with(&found.undo, config);
    let name = tx
        .response
        .headers
        .value(b"content-disposition")
        .and_then(file_name)
        .unwrap_or_else(|| tx.uri_raw.clone());
    tx.response.file_mode = FileMode::Whole { name, range: tx.response_range() };
}

fn pseudo(tx: &HttpTx, dir: Direction, name: &[u8]) -> Option<Vec<u8>> {
    tx.side(dir).headers.value(name).map(<[u8]>::to_vec)
}
