//! From hits to alerts and to what happens to packet and flow.
//!
//! Holds always: at most `max_alerts` hits a packet are kept, the foremost rules first; a rule
//! with `noalert` neither alerts nor acts.

use mimamori_rules::{Action, RejectTo};

use crate::flow_state::FlowDetect;
use crate::input::Input;
use crate::signature::{SigIndex, Signature};
use crate::state::DetectState;
use crate::threshold::{Subject, Verdict};

/// Hits kept for one packet.
pub const DEFAULT_MAX_ALERTS: usize = 15;

/// A rule that matched.
#[derive(Debug, Clone)]
pub(crate) struct Hit {
    pub sig: SigIndex,
    pub tx: Option<u64>,
    /// Found in the reassembled stream.
    pub stream: bool,
}

/// An alert to be reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    pub sig: SigIndex,
    pub action: Action,
    pub tx: Option<u64>,
    pub stream: bool,
}

/// What detection says of a packet.
#[derive(Debug, Clone, Default)]
pub struct Decision {
    pub alerts: Vec<Alert>,
    /// The first rule that drops the packet (in IPS mode).
    pub drop: Option<SigIndex>,
    pub drop_flow: bool,
    pub pass: bool,
    pub pass_flow: bool,
    pub reject: Option<RejectTo>,
    pub bypass: bool,
    /// Hits that found no room.
    pub overflow: u32,
    /// Files that rules marked: transaction, scope, rule.
    pub stores: Vec<(Option<u64>, mimamori_rules::FilestoreScope, u32)>,
}

/// Keeps the foremost hits.
#[derive(Debug)]
pub(crate) struct Queue {
    hits: Vec<Hit>,
    max: usize,
    overflow: u32,
}

impl Queue {
    pub(crate) fn new(max: usize) -> Self {
        Queue { hits: Vec::new(), max, overflow: 0 }
    }

    pub(crate) fn push(&mut self, hit: Hit) {
        if self.hits.len() < self.max {
            self.hits.push(hit);
            return;
        }
        self.overflow = self.overflow.saturating_add(1);
        // Full: the hindmost makes room for one before it.
        if let Some(last) = self.hits.iter_mut().max_by_key(|h| h.sig)
            && hit.sig < last.sig
        {
            *last = hit;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.hits.is_empty()
    }
}

/// Turns hits into alerts, first rule first.
pub(crate) fn finalize(
    queue: Queue,
    signatures: &[Signature],
    input: &Input<'_>,
    mut flow: Option<&mut FlowDetect>,
    state: &mut DetectState,
) -> Decision {
    let mut decision = Decision { overflow: queue.overflow, ..Decision::default() };
    let mut hits = queue.hits;
    hits.sort_by_key(|h| h.sig);
    let (src, dst) = input.addresses();
    let (src_port, dst_port) = input.packet.ports();
    let subject = Subject { src, dst, src_port, dst_port };
    for hit in hits {
        let Some(sig) = signatures.get(hit.sig.at()) else { continue };
        let mut verdict = Verdict::Alert;
        for (index, threshold) in sig.thresholds.iter().enumerate() {
            let counters = flow.as_deref_mut().map(|f| &mut f.thresholds);
            let which = (hit.sig, u8::try_from(index).unwrap_or(u8::MAX));
            let one = state.thresholds.check(which, threshold, &subject, counters, input.now);
            verdict = verdict.max(one);
            if verdict == Verdict::NoMatch {
                break;
            }
        }
        if verdict == Verdict::NoMatch {
            continue;
        }
        let on_flow = input.flow.is_some() && applies_to_flow(sig, &hit);
        match sig.action {
            Action::Pass => {
                decision.pass = true;
                decision.pass_flow |= on_flow;
            }
            Action::Drop | Action::Reject(_) => {
                decision.drop.get_or_insert(hit.sig);
                decision.drop_flow |= on_flow;
                if let Action::Reject(to) = sig.action {
                    decision.reject.get_or_insert(to);
                }
            }
            Action::Alert | Action::Config => {}
        }
        let quiet = verdict == Verdict::Silent
            || sig.noalert
            || sig.action == Action::Config
            || (sig.action == Action::Pass && !sig.pass_alerts);
        if !quiet {
            decision.alerts.push(Alert { sig: hit.sig, action: sig.action, tx: hit.tx, stream: hit.stream });
        }
        if sig.action == Action::Pass {
            break;
        }
    }
    decision
}

fn applies_to_flow(sig: &Signature, hit: &Hit) -> bool {
    use crate::signature::Level;
    match sig.level {
        Level::IpOnly | Level::ProtocolDetection | Level::Tx => true,
        // A rule on nothing but addresses and ports speaks of the flow; one that looks at a packet
        // speaks of that packet.
        Level::Packet => {
            hit.stream
                || sig.kind == mimamori_rules::Kind::AppLayer
                || (sig.payload.is_empty() && sig.checks.is_empty())
        }
    }
}
