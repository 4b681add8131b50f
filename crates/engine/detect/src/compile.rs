//! Rules to signatures.
//!
//! Responsible for sorting rules into evaluation order, expanding `<>`, interning names, and
//! deciding how often a signature is asked. Holds always: a rule that cannot be inspected is
//! refused with the reason, and the set goes on.

use std::sync::Arc;

use mimamori_applayer::{AppProto, Field};
use mimamori_base::Direction;
use mimamori_rules::{self as ast, Check, Effect, Rule, RuleProto, Selector};

use crate::lists::{Lists, Loader, Surroundings};
use crate::matcher::{CompiledMatches, CompiledTransforms};
use crate::names::Names;
use crate::order::{self, ActionOrder};
use crate::signature::{
    Directions, IntValue, Level, PayloadPart, SigCheck, SigEffect, SigInfo, Signature, TxCheck, TxPart,
};
use crate::tuning::{self, Tuned};
use crate::tx_facts;

/// Why a rule is not inspected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotCompiled {
    pub sid: u32,
    pub line: u32,
    /// 1-based place in the rule.
    pub column: u32,
    pub reason: String,
}

/// Signatures in evaluation order with the rule that each came from, and what was refused.
#[derive(Debug, Default)]
pub struct Compiled {
    pub signatures: Vec<Signature>,
    /// For each signature its fast pattern candidates: index into the sorted rules.
    pub rules: Vec<Arc<Rule>>,
    pub bits: Names,
    pub ints: Names,
    pub refused: Vec<NotCompiled>,
    pub lists: Lists,
}

/// Compiles `rules` with what stands around them.
#[must_use]
pub fn compile(rules: Vec<Rule>, order: &ActionOrder, around: &Surroundings<'_>) -> Compiled {
    let mut rules: Vec<Arc<Rule>> = rules.into_iter().map(Arc::new).collect();
    rules.sort_by_key(|r| order::key(r, order));
    let mut out = Compiled::default();
    let mut loader = Loader::new(around);
    for rule in rules {
        let loaded = loader.rule(&rule).map_err(|bad| (bad.column, bad.reason));
        let done = loaded.and_then(|()| one(&rule, loader.lists(), around, &mut out).map_err(|r| (1, r)));
        if let Err((column, reason)) = done {
            out.refused.push(NotCompiled { sid: rule.id.sid, line: rule.line, column, reason });
        }
    }
    out.lists = loader.into_lists();
    out
}

fn one(rule: &Arc<Rule>, lists: &Lists, around: &Surroundings<'_>, out: &mut Compiled) -> Result<(), String> {
    let tuned = tuning::tune(rule, around.thresholds);
    let info = Arc::new(SigInfo {
        id: rule.id,
        msg: rule.msg.clone(),
        class: rule.class.clone(),
        priority: rule.priority,
        references: rule.references.clone(),
        metadata: rule.metadata.clone(),
        target: rule.target,
        vars: rule.vars.clone(),
    });
    let forward = signature(rule, &info, false, &tuned, out_names(out, lists))?;
    out.signatures.push(forward);
    out.rules.push(rule.clone());
    let same = rule.header.src == rule.header.dst && rule.header.src_ports == rule.header.dst_ports;
    if rule.header.bidirectional && !same {
        let backward = signature(rule, &info, true, &tuned, out_names(out, lists))?;
        out.signatures.push(backward);
        out.rules.push(rule.clone());
    }
    Ok(())
}

struct NamesMut<'a> {
    bits: &'a mut Names,
    ints: &'a mut Names,
    lists: &'a Lists,
}

fn out_names<'a>(out: &'a mut Compiled, lists: &'a Lists) -> NamesMut<'a> {
    NamesMut { bits: &mut out.bits, ints: &mut out.ints, lists }
}

fn signature(
    rule: &Rule,
    info: &Arc<SigInfo>,
    reversed: bool,
    tuned: &Tuned,
    mut names: NamesMut<'_>,
) -> Result<Signature, String> {
    let h = &rule.header;
    let (src, src_ports, dst, dst_ports) = if reversed {
        (&h.dst, &h.dst_ports, &h.src, &h.src_ports)
    } else {
        (&h.src, &h.src_ports, &h.dst, &h.dst_ports)
    };
    let flow = rule.flow().copied().unwrap_or_default();
    let checks = packet_checks(rule, &mut names)?;
    let payload = payload_parts(rule)?;
    let transactional = h.transactional;
    let tx = tx_parts(rule, !payload.is_empty())?;
    let level = level(rule, &tx, !payload.is_empty());
    let directions = directions(&flow, &tx, transactional);
    if !directions.to_server && !directions.to_client {
        return Err("its buffers and its flow direction exclude one another".to_owned());
    }
    let (needs_packet, needs_stream) = payload_sources(rule, &flow, !payload.is_empty());
    Ok(Signature {
        info: info.clone(),
        action: h.action,
        noalert: rule.noalert,
        acts_quietly: acts_quietly(rule),
        proto: h.proto.clone(),
        app: h.proto.app().or_else(|| app_of_fields(&tx)),
        src: src.clone(),
        dst: dst.clone(),
        src_ports: src_ports.clone(),
        dst_ports: dst_ports.clone(),
        level,
        kind: rule.kind,
        directions,
        flow,
        needs_flow: rule
            .flow()
            .is_some_and(|f| f.to_server || f.to_client || f.established || f.not_established),
        checks,
        payload,
        tx,
        effects: effects(rule, &mut names),
        thresholds: tuned.thresholds.clone(),
        suppressions: tuned.suppressions.clone(),
        needs_packet,
        needs_stream,
        transactional,
        pass_alerts: rule.pass_alerts,
    })
}

/// Whether a rule with `noalert` still stops: never one that keeps state by bits.
fn acts_quietly(rule: &Rule) -> bool {
    let keeps_state = rule.effects.iter().any(|e| matches!(e, Effect::Bit { .. }))
        || rule.checks.iter().any(|c| matches!(c, Check::Bit(_)));
    matches!(rule.header.action, ast::Action::Drop | ast::Action::Reject(_)) && !keeps_state
}

/// Protocols that all buffers of a rule without an application protocol have in common.
fn app_of_fields(tx: &[TxPart]) -> Option<&'static [AppProto]> {
    tx.iter().find_map(|p| match p {
        TxPart::Buffer { field, .. } => Some(field.info().protos),
        TxPart::Check(_) | TxPart::Payload => None,
    })
}

fn level(rule: &Rule, tx: &[TxPart], has_payload: bool) -> Level {
    if !tx.is_empty() {
        return Level::Tx;
    }
    match rule.kind {
        ast::Kind::IpOnly | ast::Kind::LikeIpOnly if !has_payload => Level::IpOnly,
        ast::Kind::ProtocolDetection => Level::ProtocolDetection,
        _ => Level::Packet,
    }
}

fn directions(flow: &ast::Flow, tx: &[TxPart], transactional: bool) -> Directions {
    let mut d = Directions { to_server: !flow.to_client, to_client: !flow.to_server };
    if transactional {
        return Directions { to_server: true, to_client: true };
    }
    for part in tx {
        let of = match part {
            TxPart::Buffer { directions, .. } => *directions,
            TxPart::Check(c) => c.directions,
            TxPart::Payload => continue,
        };
        d.to_server &= of.to_server;
        d.to_client &= of.to_client;
    }
    d
}

/// Whether the packet's payload and whether the stream are asked, for rules on payload.
fn payload_sources(rule: &Rule, flow: &ast::Flow, has_payload: bool) -> (bool, bool) {
    let tcp = match &rule.header.proto {
        RuleProto::Tcp => true,
        RuleProto::TcpPkt => return (true, false),
        RuleProto::TcpStream => return (false, true),
        RuleProto::Ip | RuleProto::Ipv4 | RuleProto::Ipv6 | RuleProto::App(..) => true,
        _ => false,
    };
    if !tcp || !has_payload || flow.no_stream {
        return (true, false);
    }
    if flow.only_stream {
        return (false, true);
    }
    // What speaks of single packets looks at single packets.
    let packet_only = rule.checks.iter().any(is_packet_check)
        || rule.buffers.iter().any(|b| matches!(b.selector, Selector::Packet(_)))
        || flow.only_frag
        || flow.no_frag;
    if packet_only {
        return (true, false);
    }
    let anchored = rule
        .buffers
        .iter()
        .filter(|b| b.selector == Selector::Payload)
        .flat_map(|b| &b.matches)
        .any(|m| matches!(m, ast::Match::Content(c) if c.offset.is_some() || c.depth.is_some() || c.startswith));
    (anchored, true)
}

fn is_packet_check(check: &Check) -> bool {
    check.is_packet_header() || matches!(check, Check::StreamEvent(_) | Check::EngineEvent(_))
}

fn packet_checks(rule: &Rule, names: &mut NamesMut<'_>) -> Result<Box<[SigCheck]>, String> {
    let mut out = Vec::new();
    for check in &rule.checks {
        match check {
            Check::Flow(_) | Check::Threshold(_) => {}
            Check::Bit(b) => out.push(SigCheck::Bit {
                scope: b.scope,
                bits: b.names.iter().map(|n| names.bits.intern(n)).collect(),
                set: b.set,
            }),
            Check::Flowint { name, op, value } => out.push(SigCheck::Flowint {
                var: names.ints.intern(name),
                op: *op,
                value: int_value(value, names),
            }),
            Check::FlowintIsSet { name, set } => {
                out.push(SigCheck::FlowintIsSet { var: names.ints.intern(name), set: *set });
            }
            Check::DecodeEvent(name) => out.push(SigCheck::DecodeEvent(
                mimamori_packet::DecodeEvent::from_name(name)
                    .ok_or_else(|| format!("decode-event {name:?} does not exist here"))?,
            )),
            Check::IpRep { side, category, test, .. } => out.push(SigCheck::IpRep {
                side: *side,
                category: names
                    .lists
                    .iprep
                    .category(category)
                    .ok_or("its category of addresses is not known")?,
                test: *test,
            }),
            check if tx_facts::of_check(check).is_some() => {}
            check => out.push(SigCheck::Other(check.clone())),
        }
    }
    // Bits across flows last: engines side by side wait for each other to ask them.
    out.sort_by_key(|c| matches!(c, SigCheck::Bit { scope, .. } if *scope != ast::BitScope::Flow));
    Ok(out.into())
}

fn int_value(value: &ast::FlowintValue, names: &mut NamesMut<'_>) -> IntValue {
    match value {
        ast::FlowintValue::Const(n) => IntValue::Const(*n),
        ast::FlowintValue::Var(name) => IntValue::Var(names.ints.intern(name)),
    }
}

fn effects(rule: &Rule, names: &mut NamesMut<'_>) -> Box<[SigEffect]> {
    let mut out = Vec::new();
    for effect in &rule.effects {
        match effect {
            Effect::Bit { scope, change, name, expire_secs } => out.push(SigEffect::Bit {
                scope: *scope,
                change: *change,
                bit: names.bits.intern(name),
                expire_secs: *expire_secs,
            }),
            Effect::Flowint { name, op, value } => out.push(SigEffect::Flowint {
                var: names.ints.intern(name),
                op: *op,
                value: int_value(value, names),
            }),
            Effect::Tag(tag) => out.push(SigEffect::Tag(*tag)),
            Effect::Filestore { scope } => out.push(SigEffect::Filestore(*scope)),
            Effect::Bypass => out.push(SigEffect::Bypass),
            Effect::Config { logging: false, scope, .. } => out.push(SigEffect::NoLog(*scope)),
            Effect::Config { .. } | Effect::TlsStore => {}
        }
    }
    out.into()
}

fn payload_parts(rule: &Rule) -> Result<Box<[PayloadPart]>, String> {
    let mut out = Vec::new();
    for b in &rule.buffers {
        if matches!(b.selector, Selector::Payload | Selector::Packet(_)) {
            out.push(PayloadPart { selector: b.selector, transforms: transforms(b)?, matches: matches(b)? });
        }
    }
    Ok(out.into())
}

fn transforms(b: &ast::Buffer) -> Result<CompiledTransforms, String> {
    CompiledTransforms::compile(&b.transforms).map_err(|e| e.to_string())
}

fn matches(b: &ast::Buffer) -> Result<CompiledMatches, String> {
    CompiledMatches::compile(&b.matches).map_err(|e| e.to_string())
}

fn tx_parts(rule: &Rule, has_payload: bool) -> Result<Box<[TxPart]>, String> {
    let mut out = Vec::new();
    for b in &rule.buffers {
        if let Selector::Field(field) = b.selector {
            let info = field.info();
            out.push(TxPart::Buffer {
                field,
                transforms: transforms(b)?,
                matches: matches(b)?,
                absent: b.absent,
                directions: match b.side {
                    Some(Direction::ToServer) => Directions { to_server: true, to_client: false },
                    Some(Direction::ToClient) => Directions { to_server: false, to_client: true },
                    None => field_directions(field),
                },
                kind: info.kind,
            });
        }
    }
    for check in &rule.checks {
        if let Some(facts) = tx_facts::of_check(check) {
            if let Some(reason) = facts.unsupported {
                return Err(reason.to_owned());
            }
            out.push(TxPart::Check(TxCheck {
                check: check.clone(),
                directions: facts.directions,
                progress: facts.progress,
            }));
        }
    }
    if !out.is_empty() && has_payload {
        out.push(TxPart::Payload);
    }
    Ok(out.into())
}

/// The directions in which a field can be seen.
#[must_use]
pub fn field_directions(field: Field) -> Directions {
    use mimamori_applayer::field::Sides;
    match field.info().sides {
        Sides::ToServer => Directions { to_server: true, to_client: false },
        Sides::ToClient => Directions { to_server: false, to_client: true },
        Sides::Both => Directions { to_server: true, to_client: true },
    }
}
