//! The end of a flow: its last bytes, their inspection, its records.

use mimamori_base::{Direction, Timestamp};
use mimamori_flow::Flow;
use mimamori_packet::{Decoder, LinkType};

use crate::core::{Core, FrameContext};
use crate::event::EventSink;
use crate::flow_data::FlowData;
use crate::{app_feed, community, flow_log, pseudo, raw, tx_log, usage};

/// Stretches between gaps that are looked at for one packet, or when a flow ends, in each direction.
pub(crate) const MAX_PARTS: usize = 32;

/// Finishes `flow`, which has left the table.
pub(crate) fn finish(core: &mut Core, flow: &mut Flow<FlowData>, out: &mut dyn EventSink) {
    if !flow.bypassed && !flow.dropped {
        let last = flow.last_seen;
        last_bytes(core, flow, last);
        for dir in Direction::BOTH {
            // Gaps part the stream: each part is looked at by itself.
            for _ in 0..MAX_PARTS {
                if !is_due(flow, dir) {
                    break;
                }
                let bytes = pseudo::packet_bytes(&flow.key, dir);
                let mut decoder = Decoder::new(core.config().decode.clone());
                let at = flow.last_seen;
                decoder.decode(at, LinkType::RAW, &bytes, &mut |packet| {
                    core.inspect_end(flow, packet, dir, at, out);
                });
            }
        }
    }
    core.forget_files(flow);
    let log = core.config().log.clone();
    let context = FrameContext::new(flow.last_seen, 0, None);
    tx_log::write_ended(flow, &context, &log, out);
    if log.usage {
        usage::ended(flow, out);
    }
    if log.flows {
        let mut event = flow_log::flow_event(flow, &core.rules.detector);
        if let Some(seed) = log.community_id {
            event.more.insert("community_id".to_owned(), community::id(&flow.key, seed).into());
        }
        if !log.ethernet {
            event.more.remove("ether");
        }
        out.event(event);
    }
}

fn last_bytes(core: &Core, flow: &mut Flow<FlowData>, now: Timestamp) {
    let app = core.app_config();
    // Each change of protocol may leave bytes for the next one; a handful is plenty.
    for _ in 0..8 {
        if app_feed::streams(flow, &app, now, Direction::ToClient) {
            continue;
        }
        let Some(session) = flow.data.session.as_deref_mut() else { return };
        if !session.change_pending() {
            break;
        }
        session.proceed(now);
    }
    if let Some(session) = flow.data.session.as_deref_mut() {
        for dir in Direction::BOTH {
            session.feed(dir, mimamori_applayer::Input::End, now);
        }
    }
}

/// Whether something of the flow waits for a packet of this direction.
fn is_due(flow: &Flow<FlowData>, dir: Direction) -> bool {
    let raw = flow.tcp.as_deref().is_some_and(|t| raw::due(t.stream(dir), false, || true, 0).is_some());
    let txs = flow
        .data
        .session
        .as_deref()
        .is_some_and(|s| s.transactions().iter().any(|t| !flow.data.detect.is_inspected(t.id(), dir)));
    raw || (txs && flow.key.protocol == 6)
}
