//! Which signatures can concern a transaction.

use hashbrown::HashMap;
use mimamori_applayer::{AppProto, Field, FieldKind};
use mimamori_base::Direction;
use mimamori_rules::{Check, Rule, Selector, Transform};

use crate::compile::field_directions;
use crate::fast_pattern;
use crate::matcher::CompiledTransforms;
use crate::prefilter::{Prefilter, PrefilterBuilder};
use crate::signature::{SigIndex, Signature, TxPart};

/// The literals to look for in one field, transformed.
#[derive(Debug)]
pub struct FieldFilter {
    pub field: Field,
    pub kind: FieldKind,
    pub progress: u8,
    pub transforms: CompiledTransforms,
    pub filter: Prefilter,
}

/// What concerns transactions of one protocol.
#[derive(Debug, Default)]
pub struct ProtoTx {
    /// Indexes of [`TxGroup::filters`].
    pub filters: Vec<u16>,
    /// Signatures without a literal.
    pub plain: Vec<SigIndex>,
    /// Signatures that wait for an event.
    pub events: HashMap<Box<str>, Vec<SigIndex>>,
}

/// Transaction rules of one direction.
#[derive(Debug, Default)]
pub struct TxGroup {
    pub filters: Vec<FieldFilter>,
    by_proto: HashMap<AppProto, ProtoTx>,
}

impl TxGroup {
    #[must_use]
    pub fn of(&self, proto: AppProto) -> Option<&ProtoTx> {
        self.by_proto.get(&proto)
    }

    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.filters.iter().map(|f| f.filter.memory_bytes()).sum()
    }
}

/// Collects rules for a [`TxGroup`].
#[derive(Debug, Default)]
pub struct TxGroupBuilder {
    filters: HashMap<(Field, Vec<Transform>), PrefilterBuilder>,
    by_proto: HashMap<AppProto, ProtoTx>,
}

/// Protocols that carry transactions of any kind, for rules that name none.
fn protos_of(sig: &Signature) -> Vec<AppProto> {
    let of_app = |p: &AppProto| sig.app.is_none_or(|protos| protos.contains(p));
    let mut found: Option<Vec<AppProto>> = None;
    for part in &sig.tx {
        if let TxPart::Buffer { field, .. } = part {
            let of_field = field.info().protos;
            found = Some(match found {
                None => of_field.iter().copied().filter(of_app).collect(),
                Some(have) => have.into_iter().filter(|p| of_field.contains(p)).collect(),
            });
        }
    }
    match (found, sig.app) {
        (Some(found), _) => found,
        (None, Some(app)) => app.to_vec(),
        (None, None) => AppProto::ALL.to_vec(),
    }
}

impl TxGroupBuilder {
    pub fn add(&mut self, at: SigIndex, sig: &Signature, rule: &Rule, dir: Direction) {
        let choice = fast_pattern::choose(&rule.buffers, |s| match s {
            Selector::Field(f) => field_directions(*f).has(dir) && f.info().kind != FieldKind::Number,
            Selector::Payload | Selector::Packet(_) => false,
        });
        if let Some(choice) = choice
            && let Some(buffer) = rule.buffers.get(choice.buffer)
            && let Selector::Field(field) = buffer.selector
        {
            self.filters.entry((field, buffer.transforms.clone())).or_default().add(choice.literal(0), at);
            return;
        }
        // A rule over both sides whose literal lies on the other side waits to be found there.
        if sig.transactional
            && fast_pattern::choose(&rule.buffers, |s| matches!(s, Selector::Field(_))).is_some()
        {
            return;
        }
        let event = rule.checks.iter().find_map(|c| match c {
            Check::AppEvent(name) => Some(name.clone()),
            _ => None,
        });
        for proto in protos_of(sig) {
            let group = self.by_proto.entry(proto).or_default();
            match &event {
                Some(name) => group.events.entry(name.clone()).or_default().push(at),
                None => group.plain.push(at),
            }
        }
    }

    #[must_use]
    pub fn finish(self) -> TxGroup {
        let mut group = TxGroup { filters: Vec::new(), by_proto: self.by_proto };
        let mut filters: Vec<_> = self.filters.into_iter().collect();
        filters.sort_by_key(|((field, _), _)| (field.info().progress, *field));
        for ((field, transforms), builder) in filters {
            let Ok(compiled) = CompiledTransforms::compile(&transforms) else { continue };
            let index = u16::try_from(group.filters.len()).unwrap_or(u16::MAX);
            for proto in field.info().protos {
                group.by_proto.entry(*proto).or_default().filters.push(index);
            }
            group.filters.push(FieldFilter {
                field,
                kind: field.info().kind,
                progress: field.info().progress,
                transforms: compiled,
                filter: builder.build(),
            });
        }
        group
    }
}
