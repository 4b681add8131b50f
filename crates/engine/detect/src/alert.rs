//! From hits to alerts and to what happens to packet and flow.
//!
//! Holds always: at most `max_alerts` hits a packet are kept, the foremost rules first; a rule
//! with `noalert` neither alerts nor acts.

use mimamori_base::Timestamp;
use mimamori_packet::Packet;
use mimamori_rules::{Action, RejectTo, ThresholdKind, Track};

use crate::detector::Detector;
use crate::flow_state::FlowDetect;
use crate::input::Input;
use crate::signature::{SigIndex, Signature};
use crate::state::{CrossFlow, DetectState};
use crate::threshold::{Counted, FlowThreshold, Subject, Verdict};
use crate::tuning;

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
    /// Its thresholds are still to be asked, in the order of all engines' alerts.
    pub waiting: Option<Waiting>,
}

/// An alert whose thresholds wait until everything before it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    sig: SigIndex,
    subject: Subject,
    now: Timestamp,
}

impl Waiting {
    /// Whether the alert is raised. To be asked in the order in which one engine alone would.
    #[must_use]
    pub fn is_raised(&self, detector: &Detector, state: &CrossFlow) -> bool {
        let Some(sig) = detector.signature(self.sig) else { return false };
        let (verdict, _) = state.peek(|s| judge(s, sig, &self.subject, None, self.now));
        verdict == Verdict::Alert
    }
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
    state: &CrossFlow,
) -> Decision {
    let mut decision = Decision { overflow: queue.overflow, ..Decision::default() };
    let mut hits = queue.hits;
    hits.sort_by_key(|h| h.sig);
    let (src, dst) = input.addresses();
    let (src_port, dst_port) = input.packet.ports();
    let subject = Subject { src, dst, src_port, dst_port };
    for hit in hits {
        let Some(sig) = signatures.get(hit.sig.at()) else { continue };
        let waits = state.is_shared() && can_wait(sig);
        let (verdict, action) = if sig.thresholds.is_empty() || waits {
            (Verdict::Alert, sig.action)
        } else {
            let counters = flow.as_deref_mut().map(|f| &mut f.thresholds);
            let judged = |s: &mut DetectState| judge(s, sig, &subject, counters, input.now);
            if sig.thresholds.iter().any(|t| t.track != Track::Flow) {
                state.ask(judged)
            } else {
                state.peek(judged)
            }
        };
        if verdict == Verdict::NoMatch {
            continue;
        }
        let verdict = verdict.max(tuning::suppression(sig, src, dst));
        let on_flow = input.flow.is_some() && applies_to_flow(sig, &hit, input.packet);
        match action {
            Action::Pass => {
                decision.pass = true;
                decision.pass_flow |= on_flow;
            }
            Action::Drop | Action::Reject(_) => {
                decision.drop.get_or_insert(hit.sig);
                decision.drop_flow |= on_flow;
                if let Action::Reject(to) = action {
                    decision.reject.get_or_insert(to);
                }
            }
            Action::Alert | Action::Config => {}
        }
        let quiet = verdict == Verdict::Silent
            || sig.noalert
            || action == Action::Config
            || (action == Action::Pass && !sig.pass_alerts);
        if !quiet {
            let waiting = waits.then_some(Waiting { sig: hit.sig, subject, now: input.now });
            let (tx, stream) = (hit.tx, hit.stream);
            decision.alerts.push(Alert { sig: hit.sig, action, tx, stream, waiting });
        }
        if action == Action::Pass {
            break;
        }
    }
    decision
}

/// Asks all thresholds of `sig`; the strictest answer holds. With it the action, which a rate
/// filter may have changed.
fn judge(
    state: &mut DetectState,
    sig: &Signature,
    subject: &Subject,
    mut counters: Option<&mut Vec<(Counted, FlowThreshold)>>,
    now: Timestamp,
) -> (Verdict, Action) {
    let mut verdict = Verdict::Alert;
    let mut action = sig.action;
    for (index, threshold) in sig.thresholds.iter().enumerate() {
        let which = (sig.info.id, u8::try_from(index).unwrap_or(u8::MAX));
        if let ThresholdKind::Rate { .. } = threshold.kind {
            action = state.thresholds.rate(which, threshold, subject, now).unwrap_or(action);
            continue;
        }
        let one = state.thresholds.check(which, threshold, subject, counters.as_deref_mut(), now);
        verdict = verdict.max(one);
        if verdict == Verdict::NoMatch {
            break;
        }
    }
    (verdict, action)
}

/// Whether nothing but the alert itself hangs on the thresholds of `sig`, so that they can be
/// asked later.
fn can_wait(sig: &Signature) -> bool {
    sig.action == Action::Alert
        && !sig.thresholds.is_empty()
        && sig.thresholds.iter().all(|t| {
            t.track != Track::Flow
                && matches!(
                    t.kind,
                    ThresholdKind::Limit
                        | ThresholdKind::Threshold
                        | ThresholdKind::Both
                        | ThresholdKind::Backoff { .. }
                        | ThresholdKind::DetectionFilter
                        | ThresholdKind::Suppress
                )
        })
}

fn applies_to_flow(sig: &Signature, hit: &Hit, packet: &Packet<'_>) -> bool {
    use crate::signature::Level;
    match sig.level {
        Level::IpOnly | Level::ProtocolDetection | Level::Tx => true,
        // A rule on nothing but addresses and ports speaks of the flow; one that looks at a packet
        // speaks of that packet.
        Level::Packet => {
            // Whether the server takes data on a SYN for the stream is not known yet.
            (hit.stream && !packet.tcp().is_some_and(|t| t.flags().syn()))
                || sig.kind == mimamori_rules::Kind::AppLayer
                || (sig.payload.is_empty() && sig.checks.is_empty())
        }
    }
}
