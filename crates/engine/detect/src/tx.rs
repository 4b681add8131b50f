//! The inspection of transactions.
//!
//! Responsible for finding and asking the rules of each live transaction, side by side with
//! its progress. Holds always: a rule alerts at most once for a transaction and direction; a
//! rule whose buffers arrive at different times waits and is asked again. Deliberately not
//! here: packet rules.

use mimamori_applayer::field::Sides;
use mimamori_applayer::{AppProto, FieldKind, Session, Transaction};
use mimamori_base::Direction;

use crate::effects;
use crate::flow_state::{Pending, TxSide};
use crate::inspect::Run;
use crate::payload;
use crate::signature::{SigIndex, Signature};
use crate::tx_checks::Standing;
use crate::tx_groups::{FieldFilter, ProtoTx, TxGroup};
use crate::tx_parts::{self, Asked};

/// Inspects the live transactions in the packet's direction.
pub(crate) fn inspect(run: &mut Run<'_, '_>) {
    let Some(flow_in) = &run.input.flow else { return };
    let Some(session) = flow_in.session else { return };
    if flow_in.failed_before || flow_in.transactions_unchanged {
        return;
    }
    let dir = flow_in.direction;
    let Some(flow) = run.flow.as_deref_mut() else { return };
    if flow.generation != session.generation() {
        flow.generation = session.generation();
        flow.txs.clear();
    }
    let proto = session.proto();
    if matches!(proto, AppProto::Unknown | AppProto::Failed) {
        return;
    }
    let detector = run.detector;
    let Some(group) = detector.groups().tx(dir) else { return };
    let of_proto = group.of(proto);
    for tx in session.transactions().iter() {
        if !has_side(tx, dir) {
            continue;
        }
        let Some(flow) = run.flow.as_deref_mut() else { return };
        let Some(state) = flow.tx_mut(tx.id()) else { continue };
        let Some(slot) = state.sides.get_mut(dir.index()) else { continue };
        if slot.finished {
            continue;
        }
        let mut side = std::mem::take(slot);
        if let Some(of_proto) = of_proto {
            let step = Step { group, of_proto, tx, dir, session };
            step.inspect(run, &mut side);
        }
        side.finished = tx.is_complete(dir);
        if side.finished {
            side.pending.clear();
        }
        if let Some(flow) = run.flow.as_deref_mut()
            && let Some(state) = flow.tx_mut(tx.id())
            && let Some(slot) = state.sides.get_mut(dir.index())
        {
            *slot = side;
        }
    }
}

fn has_side(tx: &dyn Transaction, dir: Direction) -> bool {
    matches!(
        (tx.sides(), dir),
        (Sides::Both, _) | (Sides::ToServer, Direction::ToServer) | (Sides::ToClient, Direction::ToClient)
    )
}

struct Step<'s> {
    group: &'s TxGroup,
    of_proto: &'s ProtoTx,
    tx: &'s dyn Transaction,
    dir: Direction,
    session: &'s Session,
}

impl Step<'_> {
    fn inspect(&self, run: &mut Run<'_, '_>, side: &mut TxSide) {
        self.gather(run, side);
        for pending in &side.pending {
            run.scratch.add(pending.sig);
        }
        let list = run.scratch.take();
        for at in &list {
            if side.done.contains(at) {
                continue;
            }
            if let Some(sig) = run.detector.signature(*at) {
                self.ask(run, side, *at, sig);
            }
        }
        run.scratch.give_back(list);
    }

    fn gather(&self, run: &mut Run<'_, '_>, side: &mut TxSide) {
        if !side.started {
            side.started = true;
            for sig in &self.of_proto.plain {
                run.scratch.add(*sig);
            }
        }
        let events = self.tx.events();
        if !self.of_proto.events.is_empty() {
            for event in events.get(side.events..).unwrap_or_default() {
                for sig in self.of_proto.events.get(*event).into_iter().flatten() {
                    run.scratch.add(*sig);
                }
            }
        }
        side.events = events.len();
        let complete = self.tx.is_complete(self.dir);
        let reached = if complete { u8::MAX } else { self.tx.progress(self.dir) };
        for index in &self.of_proto.filters {
            let Some(filter) = self.group.filters.get(usize::from(*index)) else { continue };
            self.search(run, side, *index, filter, reached);
        }
        side.progress = if complete { u8::MAX } else { reached.saturating_add(1) };
    }

    /// Searches one field, where it has something new.
    fn search(
        &self,
        run: &mut Run<'_, '_>,
        side: &mut TxSide,
        index: u16,
        filter: &FieldFilter,
        reached: u8,
    ) {
        match filter.kind {
            FieldKind::Bytes => {
                if filter.progress > reached || filter.progress < side.progress {
                    return;
                }
            }
            // Instances may come one after the other until the side is complete.
            FieldKind::MultiBytes => {
                if filter.progress > reached && self.tx.progress(self.dir) < filter.progress {
                    return;
                }
            }
            FieldKind::Number => return,
            FieldKind::Stream => {
                let mark = tx_parts::stream_mark(self.tx, filter.field, self.dir);
                match side.searched.iter_mut().find(|(i, _)| *i == index) {
                    Some((_, seen)) if *seen == mark => return,
                    Some((_, seen)) => *seen = mark,
                    None => side.searched.push((index, mark)),
                }
            }
        }
        let mut transformed = std::mem::take(&mut run.scratch.transformed);
        let scratch = &mut *run.scratch;
        tx_parts::each_buffer(self.tx, filter.field, filter.kind, self.dir, &mut |buffer, part| {
            if filter.transforms.is_identity() {
                let fresh = buffer.get(part.fresh..).unwrap_or_default();
                filter.filter.scan(fresh, &mut |sig| scratch.add(sig));
            } else if filter.transforms.apply(buffer, &mut transformed) {
                filter.filter.scan(&transformed, &mut |sig| scratch.add(sig));
            }
            true
        });
        run.scratch.transformed = transformed;
    }

    fn ask(&self, run: &mut Run<'_, '_>, side: &mut TxSide, at: SigIndex, sig: &Signature) {
        let waiting = side.pending.iter().position(|p| p.sig == at);
        let met = waiting.and_then(|i| side.pending.get(i)).map_or(0, |p| p.met);
        if waiting.is_none() && !(sig.covers_app(self.session.proto()) && run.head_holds(sig)) {
            return;
        }
        let asked = self.ask_parts(run, sig, met);
        match asked.standing {
            Standing::NotYet => match waiting.and_then(|i| side.pending.get_mut(i)) {
                Some(p) => p.met = asked.met,
                None => side.pending.push(Pending { sig: at, met: asked.met }),
            },
            standing => {
                if let Some(i) = waiting {
                    side.pending.swap_remove(i);
                }
                side.done.push(at);
                if standing == Standing::Met {
                    if sig.transactional {
                        self.done_on_other_side(run, at);
                    }
                    let stream = false;
                    effects::apply(at, sig, run, Some(self.tx.id()), asked.captures);
                    run.hit(at, sig, Some(self.tx.id()), stream);
                }
            }
        }
    }

    /// A rule over both sides alerts once for the transaction, whichever side completed it.
    fn done_on_other_side(&self, run: &mut Run<'_, '_>, at: SigIndex) {
        let state = run.flow.as_deref_mut().and_then(|f| f.tx_mut(self.tx.id()));
        if let Some(other) = state.and_then(|s| s.sides.get_mut(self.dir.reverse().index())) {
            other.done.push(at);
            other.pending.retain(|p| p.sig != at);
        }
    }

    fn ask_parts(&self, run: &mut Run<'_, '_>, sig: &Signature, met: u64) -> Asked {
        let payload_met = sig.tx.iter().any(|p| matches!(p, crate::signature::TxPart::Payload))
            && payload::matches(sig, run).is_some();
        tx_parts::ask(sig, self.tx, self.dir, met, payload_met, run)
    }
}
