//! Handing bytes to the protocol, and following what protocols announce.
//!
//! Holds always: an announced data flow is remembered for [`EXPECT_SECS`] seconds at most, and
//! at most [`MAX_EXPECTED`] of them; the oldest goes first.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mimamori_applayer::parser::Expectation;
use mimamori_applayer::session::Transport;
use mimamori_applayer::{AppLayerConfig, Input, Session};
use mimamori_base::{Direction, Timestamp};
use mimamori_flow::{Chunk, Flow, FlowKey};
use mimamori_rules::FilestoreScope;

use crate::flow_data::FlowData;
use crate::usage;

/// Announced flows that are remembered.
pub(crate) const MAX_EXPECTED: usize = 1_024;

/// How long an announcement holds.
pub(crate) const EXPECT_SECS: u64 = 30;

/// Data flows that are expected.
#[derive(Debug, Default)]
pub(crate) struct Expectations {
    list: VecDeque<Expected>,
}

#[derive(Debug)]
struct Expected {
    client: IpAddr,
    listener: IpAddr,
    port: u16,
    until: Timestamp,
    what: Expectation,
}

impl Expected {
    fn is_of(&self, key: &FlowKey) -> bool {
        self.listener == key.dst && self.client == key.src && self.port == key.dst_port
    }
}

impl Expectations {
    /// Takes the announcements of a flow.
    pub(crate) fn take(&mut self, flow: &mut Flow<FlowData>, now: Timestamp) {
        let key = flow.key;
        let Some(session) = flow.data.session.as_deref_mut() else { return };
        for what in session.take_expectations() {
            let (listener, client) = match what.listener {
                Direction::ToServer => (key.dst, key.src),
                Direction::ToClient => (key.src, key.dst),
            };
            if self.list.len() >= MAX_EXPECTED {
                self.list.pop_front();
            }
            let until = now + Duration::from_secs(EXPECT_SECS);
            self.list.push_back(Expected { client, listener, port: what.port, until, what });
        }
    }

    /// What was announced for the new flow `key`.
    pub(crate) fn find(&mut self, key: &FlowKey, now: Timestamp) -> Option<Expectation> {
        if self.list.is_empty() {
            return None;
        }
        self.list.retain(|e| e.until >= now);
        let at = self.list.iter().position(|e| e.is_of(key) || e.is_of(&key.reversed()))?;
        self.list.remove(at).map(|e| e.what)
    }

    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// A session for a flow of TCP or UDP.
pub(crate) fn new_session(key: &FlowKey, app: &Arc<AppLayerConfig>) -> Option<Session> {
    let transport = match key.protocol {
        6 => Transport::Tcp,
        17 => Transport::Udp,
        _ => return None,
    };
    Some(Session::new(app.clone(), transport, key.src_port, key.dst_port))
}

/// Feeds what both streams have released. A packet's acknowledgement releases the other side's
/// bytes, so that side goes first. Stops where the protocol changes; call again after
/// [`Session::proceed`]. Stops, too, where the bytes show that client and server are the other
/// way round: `true`, and the flow's sides have been exchanged; call again with the packet's new
/// direction.
pub(crate) fn streams(
    flow: &mut Flow<FlowData>,
    app: &Arc<AppLayerConfig>,
    now: Timestamp,
    direction: Direction,
) -> bool {
    let Some(tcp) = flow.tcp.as_deref_mut() else { return false };
    let midstream = tcp.midstream;
    for dir in [direction.reverse(), direction] {
        while let Some(chunk) = tcp.stream_mut(dir).next_chunk() {
            if flow.data.session.is_none() {
                flow.data.session = new_session(&flow.key, app).map(|mut s| {
                    s.set_midstream(midstream);
                    Box::new(s)
                });
            }
            let Some(session) = flow.data.session.as_deref_mut() else { return false };
            if let (Chunk::Data { bytes, .. }, Some(state)) = (&chunk, flow.data.usage.as_deref_mut()) {
                usage::stream_bytes(state, dir, bytes);
            }
            let input = match chunk {
                Chunk::Data { bytes, .. } => Input::Data(bytes),
                Chunk::Gap { len, .. } => Input::Gap(len),
                Chunk::DepthReached | Chunk::End => Input::End,
            };
            session.feed(dir, input, now);
            if session.take_reversed() {
                flow.swap_sides();
                usage::swap(flow);
                return true;
            }
            if session.change_pending() {
                return false;
            }
        }
    }
    false
}

/// Feeds one datagram. `true`: it showed that client and server are the other way round, and the
/// flow's sides have been exchanged.
pub(crate) fn datagram(
    flow: &mut Flow<FlowData>,
    app: &Arc<AppLayerConfig>,
    payload: &[u8],
    now: Timestamp,
    direction: Direction,
) -> bool {
    if flow.data.session.is_none() {
        flow.data.session = new_session(&flow.key, app).map(Box::new);
    }
    if payload.is_empty() {
        return false;
    }
    let Some(session) = flow.data.session.as_deref_mut() else { return false };
    session.feed(direction, Input::Data(payload), now);
    let reversed = session.take_reversed();
    if reversed {
        flow.swap_sides();
        usage::swap(flow);
    }
    reversed
}

/// Marks the files that rules asked to keep.
pub(crate) fn mark_files(
    session: &mut Session,
    direction: Direction,
    stores: &[(Option<u64>, FilestoreScope, u32)],
) {
    let count = session.transactions().len();
    for index in 0..count {
        let Some(tx) = session.tx_mut(index) else { continue };
        for (id, scope, sid) in stores {
            let here = match scope {
                FilestoreScope::Flow => true,
                FilestoreScope::File | FilestoreScope::Tx => id.is_none_or(|id| id == tx.id()),
            };
            if !here {
                continue;
            }
            for dir in Direction::BOTH {
                if *scope == FilestoreScope::File && dir != direction {
                    continue;
                }
                for file in tx.files_mut(dir) {
                    file.stored = true;
                    file.mark_sid(*sid);
                }
            }
        }
    }
}
