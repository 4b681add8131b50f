//! From header lists to the two sides of a transaction.

use mimamori_base::Direction;

use super::events;
use crate::field::http_step;
use crate::http1::Http1Config;
use crate::http1::disposition::file_name;
use crate::http1::framing::codings;
use crate::http1::line::is_token;
use crate::http1::message::FileMode;
use crate::http1::tx::HttpTx;
use crate::http1::uri::{Target, UriRules, normalise, split_host};

/// The last weight that a side gave its stream.
pub(super) fn set_priority(tx: &mut HttpTx, dir: Direction, weight: Option<u8>) {
    if let Some(slot) = tx.stream.as_mut().and_then(|s| s.priority.get_mut(dir.index())) {
        *slot = weight;
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

/// The last window update of a side.
pub(super) fn set_window(tx: &mut HttpTx, dir: Direction, payload: &[u8]) {
    if let Some(window) = payload.first_chunk::<4>()
        && let Some(slot) = tx.stream.as_mut().and_then(|s| s.window.get_mut(dir.index()))
    {
        *slot = Some(u32::from_be_bytes(*window) & 0x7fff_ffff);
    }
}

fn pseudo(tx: &HttpTx, dir: Direction, name: &[u8]) -> Option<Vec<u8>> {
    tx.side(dir).headers.value(name).map(<[u8]>::to_vec)
}
