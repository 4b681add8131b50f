//! Which signatures can concern a packet, a stream or a transaction.
//!
//! Responsible for the indexes built at load. Holds always: a signature that could match is
//! found; most that cannot are not. Deliberately not here: asking a signature.

use hashbrown::HashMap;
use mimamori_applayer::AppProto;
use mimamori_base::Direction;
use mimamori_flow::StreamEvent;
use mimamori_packet::DecodeEvent;
use mimamori_rules::{AddressSet, Check, PortSet, RuleProto, Selector};

use crate::address_index::{AddressIndex, breadth};
use crate::compile::Compiled;
use crate::fast_pattern;
use crate::prefilter::{Prefilter, PrefilterBuilder};
use crate::signature::{Level, SigCheck, SigIndex, Signature};
use crate::tx_groups::TxGroup;

/// Port lists with more ports than this are looked at after the hit, not before.
const NARROW_PORTS: usize = 32;
/// Address lists with more addresses than this do not serve as an index.
const NARROW_ADDRESSES: u64 = 1 << 16;

/// The transports that have groups of their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Carrier {
    Tcp,
    Udp,
    Other,
}

impl Carrier {
    const ALL: [Carrier; 3] = [Carrier::Tcp, Carrier::Udp, Carrier::Other];

    const fn index(self) -> usize {
        match self {
            Carrier::Tcp => 0,
            Carrier::Udp => 1,
            Carrier::Other => 2,
        }
    }

    fn carries(self, proto: &RuleProto) -> bool {
        match proto {
            RuleProto::Ip | RuleProto::Ipv4 | RuleProto::Ipv6 | RuleProto::PktHdr | RuleProto::Ether => true,
            RuleProto::Tcp | RuleProto::TcpPkt | RuleProto::TcpStream => self == Carrier::Tcp,
            RuleProto::Udp => self == Carrier::Udp,
            RuleProto::App(..) => self != Carrier::Other,
            _ => self == Carrier::Other,
        }
    }
}

/// All indexes.
#[derive(Debug, Default)]
pub struct Groups {
    /// By carrier and direction.
    packet: [[PacketGroup; 2]; 3],
    pub tx: [TxGroup; 2],
    pub ip_only: AddressSplit,
    pub proto_detection: Vec<SigIndex>,
    decode_events: HashMap<DecodeEvent, Vec<SigIndex>>,
    stream_events: HashMap<StreamEvent, Vec<SigIndex>>,
    pub engine_events: Vec<SigIndex>,
    app_events: HashMap<Box<str>, Vec<SigIndex>>,
}

/// Packet and stream rules of one carrier and direction.
#[derive(Debug, Default)]
pub struct PacketGroup {
    /// Searched in the payload of packets.
    pub payload: PortSplit,
    /// Searched in the stream, and in payloads that are not part of it.
    pub stream: PortSplit,
    /// Without a literal.
    pub plain: PlainSplit,
}

#[derive(Debug, Default)]
pub struct PortSplit {
    any: Prefilter,
    by_dst: HashMap<u16, Prefilter>,
    by_src: HashMap<u16, Prefilter>,
}

impl PortSplit {
    pub fn scan(&self, src: u16, dst: u16, bytes: &[u8], found: &mut dyn FnMut(SigIndex)) {
        self.any.scan(bytes, found);
        if let Some(p) = self.by_dst.get(&dst) {
            p.scan(bytes, found);
        }
        if let Some(p) = self.by_src.get(&src) {
            p.scan(bytes, found);
        }
    }

    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.any.memory_bytes()
            + self.by_dst.values().chain(self.by_src.values()).map(Prefilter::memory_bytes).sum::<usize>()
    }
}

/// Signatures without a literal, by what is cheap to know.
#[derive(Debug, Default)]
pub struct PlainSplit {
    pub any: Vec<SigIndex>,
    pub by_dst: HashMap<u16, Vec<SigIndex>>,
    pub by_src: HashMap<u16, Vec<SigIndex>>,
    pub by_app: HashMap<AppProto, Vec<SigIndex>>,
    pub addresses: AddressSplit,
}

/// Signatures by their narrower address list.
#[derive(Debug, Default)]
pub struct AddressSplit {
    pub any: Vec<SigIndex>,
    pub src: AddressIndex,
    pub dst: AddressIndex,
}

impl Groups {
    #[must_use]
    pub fn build(compiled: &Compiled) -> Groups {
        let mut b = Builder::default();
        for (index, (sig, rule)) in compiled.signatures.iter().zip(&compiled.rules).enumerate() {
            let at = SigIndex(u32::try_from(index).unwrap_or(u32::MAX));
            b.add(at, sig, rule);
        }
        b.finish(&compiled.signatures)
    }

    #[must_use]
    pub fn packet(&self, carrier: Carrier, dir: Direction) -> Option<&PacketGroup> {
        self.packet.get(carrier.index()).and_then(|d| d.get(dir.index()))
    }

    #[must_use]
    pub fn tx(&self, dir: Direction) -> Option<&TxGroup> {
        self.tx.get(dir.index())
    }

    #[must_use]
    pub fn has_decode_events(&self) -> bool {
        !self.decode_events.is_empty()
    }

    pub fn decode_event_rules(&self) -> impl Iterator<Item = (&DecodeEvent, &Vec<SigIndex>)> {
        self.decode_events.iter()
    }

    #[must_use]
    pub fn of_stream_event(&self, event: StreamEvent) -> &[SigIndex] {
        self.stream_events.get(&event).map_or(&[], Vec::as_slice)
    }

    /// Rules on anomalies of a flow's protocol as a whole (`applayer_…`).
    #[must_use]
    pub fn of_app_event(&self, event: &str) -> &[SigIndex] {
        self.app_events.get(event).map_or(&[], Vec::as_slice)
    }

    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let packet: usize =
            self.packet.iter().flatten().map(|g| g.payload.memory_bytes() + g.stream.memory_bytes()).sum();
        packet + self.tx.iter().map(TxGroup::memory_bytes).sum::<usize>()
    }
}

#[derive(Default)]
struct SplitBuilder {
    any: PrefilterBuilder,
    by_dst: HashMap<u16, PrefilterBuilder>,
    by_src: HashMap<u16, PrefilterBuilder>,
}

impl SplitBuilder {
    fn add(&mut self, sig: &Signature, choice: &fast_pattern::Choice, at: SigIndex) {
        let literal = choice.literal(0);
        if let Some(ports) = narrow(&sig.dst_ports) {
            for port in ports {
                self.by_dst.entry(port).or_default().add(literal.clone(), at);
            }
        } else if let Some(ports) = narrow(&sig.src_ports) {
            for port in ports {
                self.by_src.entry(port).or_default().add(literal.clone(), at);
            }
        } else {
            self.any.add(literal, at);
        }
    }

    fn finish(self) -> PortSplit {
        let build =
            |m: HashMap<u16, PrefilterBuilder>| m.into_iter().map(|(port, b)| (port, b.build())).collect();
        PortSplit { any: self.any.build(), by_dst: build(self.by_dst), by_src: build(self.by_src) }
    }
}

#[derive(Default)]
struct PlainBuilder {
    split: PlainSplit,
    src: Vec<SigIndex>,
    dst: Vec<SigIndex>,
}

impl PlainBuilder {
    fn add(&mut self, sig: &Signature, at: SigIndex) {
        if let Some(protos) = sig.app {
            for proto in protos {
                self.split.by_app.entry(*proto).or_default().push(at);
            }
        } else if is_narrow(&sig.src) {
            self.src.push(at);
        } else if is_narrow(&sig.dst) {
            self.dst.push(at);
        } else if let Some(ports) = narrow(&sig.dst_ports) {
            for port in ports {
                self.split.by_dst.entry(port).or_default().push(at);
            }
        } else if let Some(ports) = narrow(&sig.src_ports) {
            for port in ports {
                self.split.by_src.entry(port).or_default().push(at);
            }
        } else {
            self.split.any.push(at);
        }
    }

    fn finish(mut self, signatures: &[Signature]) -> PlainSplit {
        self.split.addresses = address_split(Vec::new(), &self.src, &self.dst, signatures);
        self.split
    }
}

fn address_split(
    any: Vec<SigIndex>,
    src: &[SigIndex],
    dst: &[SigIndex],
    signatures: &[Signature],
) -> AddressSplit {
    fn sets<'s>(
        list: &[SigIndex],
        signatures: &'s [Signature],
        of: impl Fn(&'s Signature) -> &'s AddressSet,
    ) -> AddressIndex {
        let pairs: Vec<_> =
            list.iter().filter_map(|at| signatures.get(at.at()).map(|s| (*at, of(s)))).collect();
        AddressIndex::build(&pairs)
    }
    AddressSplit { any, src: sets(src, signatures, |s| &s.src), dst: sets(dst, signatures, |s| &s.dst) }
}

#[derive(Default)]
struct Builder {
    payload: [[SplitBuilder; 2]; 3],
    stream: [[SplitBuilder; 2]; 3],
    plain: [[PlainBuilder; 2]; 3],
    tx: [crate::tx_groups::TxGroupBuilder; 2],
    ip_any: Vec<SigIndex>,
    ip_src: Vec<SigIndex>,
    ip_dst: Vec<SigIndex>,
    groups: Groups,
}

impl Builder {
    fn add(&mut self, at: SigIndex, sig: &Signature, rule: &mimamori_rules::Rule) {
        match sig.level {
            Level::IpOnly => self.add_ip_only(at, sig),
            Level::ProtocolDetection => self.groups.proto_detection.push(at),
            Level::Tx => {
                for dir in Direction::BOTH {
                    if sig.directions.has(dir)
                        && let Some(g) = self.tx.get_mut(dir.index())
                    {
                        g.add(at, sig, rule, dir);
                    }
                }
            }
            Level::Packet => self.add_packet(at, sig, rule),
        }
    }

    fn add_ip_only(&mut self, at: SigIndex, sig: &Signature) {
        if sig.src.is_any() && sig.dst.is_any() {
            self.ip_any.push(at);
        } else if breadth(&sig.src) <= breadth(&sig.dst) {
            self.ip_src.push(at);
        } else {
            self.ip_dst.push(at);
        }
    }

    fn add_packet(&mut self, at: SigIndex, sig: &Signature, rule: &mimamori_rules::Rule) {
        if self.add_event(at, sig) {
            return;
        }
        let plain =
            |c: &fast_pattern::Choice| rule.buffers.get(c.buffer).is_some_and(|b| b.transforms.is_empty());
        let is_payload = |s: &Selector| *s == Selector::Payload;
        let choice = fast_pattern::choose(&rule.buffers, is_payload).filter(plain);
        // A packet's own payload is seen whole.
        let in_packet = fast_pattern::choose_in(&rule.buffers, is_payload, |_| true).filter(plain);
        for carrier in Carrier::ALL {
            if !carrier.carries(&sig.proto) {
                continue;
            }
            let c = carrier.index();
            for dir in Direction::BOTH {
                if !sig.directions.has(dir) {
                    continue;
                }
                let d = dir.index();
                match (&choice, &in_packet) {
                    (Some(choice), Some(in_packet)) => {
                        let stream = sig.needs_stream && carrier == Carrier::Tcp;
                        if (sig.needs_packet || !stream)
                            && let Some(b) = self.payload.get_mut(c).and_then(|x| x.get_mut(d))
                        {
                            b.add(sig, in_packet, at);
                        }
                        if stream && let Some(b) = self.stream.get_mut(c).and_then(|x| x.get_mut(d)) {
                            b.add(sig, choice, at);
                        }
                    }
                    _ => {
                        if let Some(b) = self.plain.get_mut(c).and_then(|x| x.get_mut(d)) {
                            b.add(sig, at);
                        }
                    }
                }
            }
        }
    }

    /// Files rules that ask for an event under it.
    fn add_event(&mut self, at: SigIndex, sig: &Signature) -> bool {
        for check in &sig.checks {
            match check {
                SigCheck::DecodeEvent(e) => {
                    self.groups.decode_events.entry(*e).or_default().push(at);
                    return true;
                }
                SigCheck::Other(Check::StreamEvent(name)) => {
                    if let Some(e) = StreamEvent::from_name(name) {
                        self.groups.stream_events.entry(e).or_default().push(at);
                    }
                    return true;
                }
                SigCheck::Other(Check::AppEvent(name)) => {
                    self.groups.app_events.entry(name.clone()).or_default().push(at);
                    return true;
                }
                SigCheck::Other(Check::EngineEvent(_)) => {
                    self.groups.engine_events.push(at);
                    return true;
                }
                _ => {}
            }
        }
        false
    }

    fn finish(self, signatures: &[Signature]) -> Groups {
        let mut groups = self.groups;
        groups.ip_only = address_split(self.ip_any, &self.ip_src, &self.ip_dst, signatures);
        groups.tx = self.tx.map(crate::tx_groups::TxGroupBuilder::finish);
        let mut packet: [[PacketGroup; 2]; 3] = Default::default();
        let parts = self.payload.into_iter().zip(self.stream).zip(self.plain);
        for (slot, ((payload, stream), plain)) in packet.iter_mut().zip(parts) {
            for (slot, ((payload, stream), plain)) in
                slot.iter_mut().zip(payload.into_iter().zip(stream).zip(plain))
            {
                *slot = PacketGroup {
                    payload: payload.finish(),
                    stream: stream.finish(),
                    plain: plain.finish(signatures),
                };
            }
        }
        groups.packet = packet;
        groups
    }
}

/// The ports of a short list, one by one.
fn narrow(set: &PortSet) -> Option<Vec<u16>> {
    let count: usize = set.ranges.iter().map(|(a, b)| usize::from(b - a) + 1).sum();
    (count <= NARROW_PORTS).then(|| set.ranges.iter().flat_map(|(a, b)| *a..=*b).collect())
}

fn is_narrow(set: &AddressSet) -> bool {
    breadth(set) <= NARROW_ADDRESSES
}
