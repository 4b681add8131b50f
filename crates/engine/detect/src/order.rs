//! The order in which rules are asked and act.
//!
//! By action (configurable), then writers of a bit before its readers, then priority, then
//! order of loading.

use mimamori_rules::{Action, BitScope, Check, Effect, Rule};

/// The four actions, first to last. Default: pass, drop, reject, alert.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ActionOrder(pub [ActionKind; 4]);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ActionKind {
    Pass,
    Drop,
    Reject,
    Alert,
}

impl Default for ActionOrder {
    fn default() -> Self {
        ActionOrder([ActionKind::Pass, ActionKind::Drop, ActionKind::Reject, ActionKind::Alert])
    }
}

impl ActionKind {
    #[must_use]
    pub fn of(action: Action) -> ActionKind {
        match action {
            Action::Pass => ActionKind::Pass,
            Action::Drop => ActionKind::Drop,
            Action::Reject(_) => ActionKind::Reject,
            Action::Alert | Action::Config => ActionKind::Alert,
        }
    }
}

impl ActionOrder {
    #[must_use]
    pub fn rank(&self, action: Action) -> u8 {
        let kind = ActionKind::of(action);
        let at = self.0.iter().position(|k| *k == kind).unwrap_or(self.0.len());
        u8::try_from(at).unwrap_or(u8::MAX)
    }
}

/// Sort key of a rule; ties keep the order of loading.
#[must_use]
pub fn key(rule: &Rule, order: &ActionOrder) -> (u8, u8, u8, u8, u8, u8) {
    (
        order.rank(rule.header.action),
        bits(rule, |s| s == BitScope::Flow),
        flowints(rule),
        bits(rule, |s| matches!(s, BitScope::HostSrc | BitScope::HostDst | BitScope::HostBoth)),
        bits(rule, |s| matches!(s, BitScope::IpSrc | BitScope::IpDst | BitScope::IpPair)),
        rule.priority,
    )
}

/// 0: only writes, 1: reads and writes, 2: only reads, 3: neither.
fn rank(reads: bool, writes: bool) -> u8 {
    match (reads, writes) {
        (false, true) => 0,
        (true, true) => 1,
        (true, false) => 2,
        (false, false) => 3,
    }
}

fn bits(rule: &Rule, of: impl Fn(BitScope) -> bool) -> u8 {
    let reads = rule.checks.iter().any(|c| matches!(c, Check::Bit(b) if of(b.scope)));
    let writes = rule.effects.iter().any(|e| matches!(e, Effect::Bit { scope, .. } if of(*scope)));
    rank(reads, writes)
}

fn flowints(rule: &Rule) -> u8 {
    let reads = rule.checks.iter().any(|c| matches!(c, Check::Flowint { .. } | Check::FlowintIsSet { .. }));
    let writes = rule.effects.iter().any(|e| matches!(e, Effect::Flowint { .. }));
    rank(reads, writes)
}
