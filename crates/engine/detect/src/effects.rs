//! What a matching rule leaves behind: bits, numbers, captured values, marks.

use mimamori_rules::{BitChange, BitScope, FlowintOp, PcreCapture, Tag, TagScope};

use crate::checks::{int_value, owners};
use crate::inspect::Run;
use crate::matcher::Captured;
use crate::signature::{SigEffect, SigIndex, Signature};

/// Applies the effects of `sig`. `tx` is the transaction that matched.
pub(crate) fn apply(
    _at: SigIndex,
    sig: &Signature,
    run: &mut Run<'_, '_>,
    tx: Option<u64>,
    captures: Vec<Captured>,
) {
    for captured in captures {
        if let (PcreCapture::Flow(name), Some(flow)) = (&captured.to, run.flow.as_deref_mut()) {
            flow.set_var(name, &captured.value);
        }
    }
    for effect in &sig.effects {
        match effect {
            SigEffect::Bit { scope, change, bit, expire_secs } => {
                bit_change(run, *scope, *change, *bit, *expire_secs);
            }
            SigEffect::Flowint { var, op, value } => {
                if let Some(flow) = run.flow.as_deref_mut()
                    && let Some(operand) = int_value(*value, flow)
                {
                    let have = flow.int(*var);
                    let next = match op {
                        FlowintOp::Set => operand,
                        FlowintOp::Add => have.unwrap_or(0).wrapping_add(operand),
                        FlowintOp::Sub => have.unwrap_or(0).wrapping_sub(operand),
                    };
                    flow.set_int(*var, next);
                }
            }
            SigEffect::Bypass => run.bypass = true,
            SigEffect::NoLog(_) => {
                if let (Some(flow), Some(id)) = (run.flow.as_deref_mut(), tx)
                    && let Some(t) = flow.tx_mut(id)
                {
                    t.no_log = true;
                }
            }
            SigEffect::Filestore(scope) => run.stores.push((tx, *scope, sig.info.id.sid)),
            SigEffect::Tag(tag) => set_tag(run, sig.info.id.sid, *tag),
        }
    }
}

fn set_tag(run: &mut Run<'_, '_>, sid: u32, tag: Tag) {
    let now = run.input.now;
    let ends = run.input.packet.addresses();
    let host = match (tag.scope, ends) {
        (TagScope::Session, _) => {
            if let Some(flow) = run.flow.as_deref_mut() {
                flow.tags.set(sid, tag, now);
            }
            return;
        }
        (TagScope::HostSrc, Some((src, _))) => src,
        (TagScope::HostDst, Some((_, dst))) => dst,
        (_, None) => return,
    };
    run.state.ask(|state| state.host_tags.set(host, sid, tag, now));
}

fn bit_change(run: &mut Run<'_, '_>, scope: BitScope, change: BitChange, bit: u32, expire: Option<u32>) {
    if scope == BitScope::Flow {
        if let Some(flow) = run.flow.as_deref_mut() {
            let set = match change {
                BitChange::Set => true,
                BitChange::Unset => false,
                BitChange::Toggle => !flow.has_bit(bit),
            };
            if set { flow.set_bit(bit) } else { flow.unset_bit(bit) }
        }
        return;
    }
    let now = run.input.now;
    for owner in owners(scope, run.input).into_iter().flatten() {
        run.state.ask(|state| {
            let hosts = &mut state.host_bits;
            let set = match change {
                BitChange::Set => true,
                BitChange::Unset => false,
                BitChange::Toggle => !hosts.is_set(owner, bit, now),
            };
            if set { hosts.set(owner, bit, expire, now) } else { hosts.unset(owner, bit) }
        });
    }
}
