//! Packet and payload within alerts, where the owner of the traffic asks for it (replay).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mimamori_base::Direction;
use mimamori_detect::{Alert, Input};
use mimamori_flow::Flow;

use crate::event::Event;
use crate::flow_data::FlowData;

/// Bytes of payload in one alert.
const MAX_PAYLOAD_BYTES: usize = 4_096;

/// Adds `packet`, `payload` and `payload_printable`.
pub(crate) fn add(
    input: &Input<'_>,
    alert: &Alert,
    flow: Option<(&Flow<FlowData>, Direction)>,
    event: &mut Event,
) {
    if !input.pseudo {
        event.more.insert("packet".to_owned(), STANDARD.encode(input.packet.data).into());
    }
    let stream = flow
        .and_then(|(f, dir)| f.tcp.as_deref().map(|t| t.stream(dir)))
        .filter(|_| alert.stream || input.pseudo || alert.tx.is_some());
    let payload = match stream {
        Some(s) => s.window(0).1,
        None => input.packet.payload,
    };
    let payload = payload.get(..payload.len().min(MAX_PAYLOAD_BYTES)).unwrap_or_default();
    if payload.is_empty() {
        return;
    }
    event.more.insert("payload".to_owned(), STANDARD.encode(payload).into());
    event.more.insert("payload_printable".to_owned(), printable(payload).into());
}

fn printable(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|b| match b {
            b'\n' | b'\r' | b'\t' | 0x20..=0x7e => char::from(*b),
            _ => '.',
        })
        .collect()
}
