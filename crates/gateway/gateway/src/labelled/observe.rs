//! What our engine and catalogue say of the flows of a capture.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use mimamori_catalogue::{Catalogue, Evidence};
use mimamori_engine::{Engine, EngineConfig, Event, EventSink, FlowUse, Reputation, Ruleset};

use crate::pipeline::usage::facts_of;
use crate::replaying::replay_file;

/// What was said of flows with the same ends.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub hosts: Vec<String>,
    pub ja4: Vec<String>,
    /// The same as the labels' author writes it.
    pub ja4_ndpi: Vec<String>,
    /// Identifiers of applications and protocols, with what gave them.
    pub applications: Vec<(String, Evidence)>,
    pub protocols: Vec<(String, Evidence)>,
    pub app_proto: &'static str,
    pub first_bytes: [Vec<u8>; 2],
}

/// Every flow of a capture by transport protocol and ends.
pub type Observed = HashMap<(u8, (SocketAddr, SocketAddr)), Seen>;

/// Replays a capture. Checksums are not looked at and sessions may begin in the middle, as
/// captures for others' tests have it.
pub fn observe(capture: &Path, catalogue: &Catalogue) -> anyhow::Result<Observed> {
    let mut config = EngineConfig::default();
    for (key, value) in [("checksum", "none"), ("stream.midstream", "yes"), ("stream.async-oneside", "yes")] {
        config.set(key, value)?;
    }
    config.log.usage = true;
    config.log.transactions = false;
    config.log.flows = false;
    let rules = Ruleset::compile("", &config);
    let mut engine = Engine::new(config, rules, Arc::new(Reputation::default()));
    let mut sink = Gather { catalogue, seen: Observed::new() };
    // A capture that is cut off still has its flows.
    let _ = replay_file(&mut engine, capture, &mut sink, &mut |_| {});
    Ok(sink.seen)
}

struct Gather<'c> {
    catalogue: &'c Catalogue,
    seen: Observed,
}

impl EventSink for Gather<'_> {
    fn event(&mut self, _event: Event) {}

    fn used(&mut self, piece: &FlowUse<'_>) {
        let ported = matches!(piece.protocol, 6 | 17 | 132);
        let end = |e: mimamori_engine::Endpoint| SocketAddr::new(e.ip, if ported { e.port } else { 0 });
        let (a, b) = (end(piece.client), end(piece.server));
        let seen = self.seen.entry((piece.protocol, (a.min(b), a.max(b)))).or_default();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        push(&mut seen.hosts, piece.told.host.as_deref().map(text));
        push(&mut seen.ja4, piece.told.ja4.clone());
        push(&mut seen.ja4_ndpi, piece.told.ja4_ndpi.clone());
        let found = self.catalogue.look_up(&facts_of(piece));
        let name = |(id, evidence)| self.catalogue.app(id).map(|a| (a.id.clone(), evidence));
        push(&mut seen.applications, found.application.and_then(name));
        push(&mut seen.protocols, found.protocol.and_then(name));
        seen.app_proto = piece.app_proto;
        for (slot, head) in seen.first_bytes.iter_mut().zip(piece.heads) {
            if slot.is_empty() {
                slot.clone_from(&head.bytes);
            }
        }
    }
}

fn push<T: PartialEq>(list: &mut Vec<T>, value: Option<T>) {
    list.extend(value.filter(|v| !list.contains(v)));
}
