//! The inspection of one packet in its flow.
//!
//! Responsible for the order: once-a-flow rules, packet and stream rules, transactions, then
//! alerts. Holds always: rules are asked in their evaluation order within each step, so that a
//! bit set by one is seen by the next.

use mimamori_base::Direction;
use mimamori_packet::Transport;

use crate::alert::{self, Decision, Hit, Queue};
use crate::checks::{self, Bits};
use crate::detector::Detector;
use crate::effects;
use crate::flow_state::FlowDetect;
use crate::groups::{AddressSplit, Carrier, PlainSplit};
use crate::header;
use crate::input::Input;
use crate::payload;
use crate::scratch::Scratch;
use crate::signature::{Level, SigIndex, Signature};
use crate::state::CrossFlow;
use crate::tx;

/// Everything one inspection reads and changes.
pub(crate) struct Run<'r, 'a> {
    pub detector: &'r Detector,
    pub input: &'r Input<'a>,
    pub flow: Option<&'r mut FlowDetect>,
    pub state: &'r mut CrossFlow,
    pub scratch: &'r mut Scratch,
    pub queue: Queue,
    pub bypass: bool,
    pub stores: Vec<Store>,
}

/// A file mark that a rule asked for: transaction, scope, rule.
pub(crate) type Store = (Option<u64>, mimamori_rules::FilestoreScope, u32);

impl Detector {
    /// Inspects one packet. `flow` is what an earlier inspection left with the packet's flow.
    pub fn inspect(
        &self,
        input: &Input<'_>,
        flow: Option<&mut FlowDetect>,
        state: &mut CrossFlow,
        scratch: &mut Scratch,
    ) -> Decision {
        let mut run = Run {
            detector: self,
            input,
            flow,
            state,
            scratch,
            queue: Queue::new(self.max_alerts()),
            bypass: false,
            stores: Vec::new(),
        };
        if input.packet.invalid && !input.packet.is_ip() {
            run.packet_events();
            run.packet_rules();
        } else {
            run.once_a_flow();
            run.packet_events();
            run.gather_packet();
            run.packet_rules();
            tx::inspect(&mut run);
        }
        let Run { flow, queue, bypass, stores, state, .. } = run;
        if queue.is_empty() {
            return Decision { bypass, stores, ..Decision::default() };
        }
        let mut decision = alert::finalize(queue, self.signatures(), input, flow, state);
        decision.bypass = bypass;
        decision.stores = stores;
        decision
    }
}

impl Run<'_, '_> {
    fn once_a_flow(&mut self) {
        let dir = self.input.direction();
        let groups = self.detector.groups();
        let fresh = match (dir, self.flow.as_deref_mut()) {
            (Some(dir), Some(flow)) => {
                flow.ip_only_done.get_mut(dir.index()).is_some_and(|done| !std::mem::replace(done, true))
            }
            _ => true,
        };
        if fresh && !self.input.pseudo {
            self.gather_addresses(&groups.ip_only);
            self.packet_rules();
        }
        if groups.proto_detection.is_empty() {
            return;
        }
        let Some(dir) = dir else { return };
        let known = self.input.flow.as_ref().and_then(|f| f.session).is_some_and(|s| {
            !s.is_forced(dir)
                && (s.proto() != mimamori_applayer::AppProto::Unknown
                    || s.proto_of(dir) != mimamori_applayer::AppProto::Unknown)
        });
        let due = known
            && self.flow.as_deref_mut().is_some_and(|f| {
                f.proto_done.get_mut(dir.index()).is_some_and(|done| !std::mem::replace(done, true))
            });
        if due {
            for sig in &groups.proto_detection {
                self.scratch.add(*sig);
            }
            self.packet_rules();
        }
    }

    fn gather_addresses(&mut self, split: &AddressSplit) {
        for sig in &split.any {
            self.scratch.add(*sig);
        }
        if let Some((src, dst)) = self.input.packet.addresses() {
            for sig in split.src.find(src).iter().chain(split.dst.find(dst)) {
                self.scratch.add(*sig);
            }
        }
    }

    fn packet_events(&mut self) {
        let groups = self.detector.groups();
        if !self.input.packet.events.is_empty() && groups.has_decode_events() {
            for (event, sigs) in groups.decode_event_rules() {
                if self.input.packet.events.contains(*event) {
                    for sig in sigs {
                        self.scratch.add(*sig);
                    }
                }
            }
        }
        for event in self.input.stream_events.iter() {
            for sig in groups.of_stream_event(event) {
                self.scratch.add(*sig);
            }
        }
        if let Some(flow) = &self.input.flow {
            for event in flow.app_events {
                for sig in groups.of_app_event(event) {
                    self.scratch.add(*sig);
                }
            }
        }
    }

    fn gather_packet(&mut self) {
        let input = self.input;
        let carrier = match input.packet.transport {
            Transport::Tcp(_) => Carrier::Tcp,
            Transport::Udp(_) => Carrier::Udp,
            _ => Carrier::Other,
        };
        // Without a flow only rules that do not care about direction remain, and those stand
        // in both groups.
        let dir = input.direction().unwrap_or(Direction::ToServer);
        let Some(group) = self.detector.groups().packet(carrier, dir) else { return };
        let (src, dst) = input.packet.ports();
        let scratch = &mut *self.scratch;
        let mut found = |sig: SigIndex| scratch.add(sig);
        let no_payload = input.flow.as_ref().is_some_and(|f| f.no_payload);
        {
            let payload = input.packet.payload;
            if !no_payload && !payload.is_empty() && !input.pseudo {
                group.payload.scan(src, dst, payload, &mut found);
                if input.flow.as_ref().is_none_or(|f| !f.in_stream) {
                    group.stream.scan(src, dst, payload, &mut found);
                }
            }
            if let Some(raw) = input.raw() {
                group.stream.scan(src, dst, raw.bytes, &mut found);
            }
        }
        self.gather_plain(&group.plain, src, dst);
    }

    fn gather_plain(&mut self, plain: &PlainSplit, src: u16, dst: u16) {
        let lists = [
            Some(&plain.any),
            plain.by_dst.get(&dst),
            plain.by_src.get(&src),
            plain.by_app.get(&self.input.app_proto()),
        ];
        for sig in lists.into_iter().flatten().flatten() {
            self.scratch.add(*sig);
        }
        self.gather_addresses(&plain.addresses);
    }

    /// Asks the gathered packet rules.
    fn packet_rules(&mut self) {
        let list = self.scratch.take();
        for at in &list {
            let Some(sig) = self.detector.signature(*at) else { continue };
            self.packet_rule(*at, sig);
        }
        self.scratch.give_back(list);
    }

    fn packet_rule(&mut self, at: SigIndex, sig: &Signature) {
        // The packet at the end of a flow is no packet: only what speaks of stream or protocol
        // looks at it.
        if self.input.pseudo && sig.payload.is_empty() && sig.app.is_none() {
            return;
        }
        if !self.head_holds(sig) {
            return;
        }
        let Some(found) = payload::matches(sig, self) else { return };
        effects::apply(at, sig, self, None, found.captures);
        self.hit(at, sig, None, found.stream);
    }

    /// Header, flow, application protocol and checks.
    pub(crate) fn head_holds(&self, sig: &Signature) -> bool {
        if sig.level != Level::Tx && !self.app_holds(sig) {
            return false;
        }
        checks::flow_holds(sig, self.input)
            && header::matches(sig, self.input.packet)
            && checks::all_hold(
                sig,
                self.input,
                &Bits { flow: self.flow.as_deref(), state: self.state, lists: self.detector.lists() },
            )
    }

    fn app_holds(&self, sig: &Signature) -> bool {
        sig.app.is_none() || sig.covers_app(self.input.app_proto())
    }

    pub(crate) fn hit(&mut self, at: SigIndex, sig: &Signature, tx: Option<u64>, stream: bool) {
        if !sig.noalert || sig.acts_quietly {
            self.queue.push(Hit { sig: at, tx, stream });
        }
    }
}
