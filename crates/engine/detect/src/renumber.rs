//! What flows and hosts remember of one rule set, carried over to the next.
//!
//! Holds always: bits and numbers that both sets know by name stay; what named rules by their
//! place is forgotten, for places have changed.

use crate::detector::Detector;
use crate::flow_state::FlowDetect;
use crate::names::Names;

/// From one rule set's numbers of names to another's.
#[derive(Debug, Default)]
pub struct Renumber {
    bits: Vec<Option<u32>>,
    ints: Vec<Option<u32>>,
}

impl Renumber {
    /// Everything keeps its number.
    pub(crate) fn changes_no_bit(&self) -> bool {
        (0..).zip(&self.bits).all(|(n, to)| *to == Some(n))
    }

    #[must_use]
    pub fn between(old: &Detector, new: &Detector) -> Renumber {
        let map = |old: &Names, new: &Names| old.all().map(|name| new.number(name)).collect();
        Renumber { bits: map(old.bits(), new.bits()), ints: map(old.ints(), new.ints()) }
    }

    pub(crate) fn bit(&self, old: u32) -> Option<u32> {
        self.bits.get(usize::try_from(old).ok()?).copied().flatten()
    }

    pub(crate) fn int(&self, old: u32) -> Option<u32> {
        self.ints.get(usize::try_from(old).ok()?).copied().flatten()
    }
}

/// How flows get from the rule set they were last inspected with to the one in force.
#[derive(Debug, Default)]
pub struct Renumbering {
    /// The rule set in force, counted from 0.
    serial: u32,
    /// The latest steps; the last leads to `serial`.
    steps: std::collections::VecDeque<Renumber>,
}

/// Steps that are kept; a flow that slept through more forgets its bits.
const MAX_STEPS: usize = 8;

impl Renumbering {
    pub fn push(&mut self, step: Renumber) {
        self.serial = self.serial.wrapping_add(1);
        if self.steps.len() >= MAX_STEPS {
            self.steps.pop_front();
        }
        self.steps.push_back(step);
    }

    #[must_use]
    pub fn serial(&self) -> u32 {
        self.serial
    }

    /// Brings a flow, inspected last by the rule set `of`, to the one in force.
    pub fn carry(&self, of: &mut u32, flow: &mut FlowDetect) {
        if *of == self.serial {
            return;
        }
        let missed = usize::try_from(self.serial.wrapping_sub(*of)).unwrap_or(usize::MAX);
        match self.steps.len().checked_sub(missed) {
            Some(skip) => self.steps.iter().skip(skip).for_each(|step| flow.renumber(step)),
            None => flow.renumber(&Renumber::default()),
        }
        *of = self.serial;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::DetectOptions;

    fn rules(names: &[&str]) -> Detector {
        let text: String = names
            .iter()
            .zip(1..)
            .map(|(n, sid)| format!("alert tcp any any -> any any (flowbits:set,{n}; sid:{sid};)\n"))
            .collect();
        let set = mimamori_rules::parse_rules(&text, &mimamori_rules::ParseContext::default());
        assert!(set.refused.is_empty());
        Detector::build(set.rules, &DetectOptions::default())
    }

    #[test]
    fn bits_keep_their_names_and_nothing_else_stays() {
        let sets = [rules(&["a", "b", "c"]), rules(&["x", "c", "a"]), rules(&["c"])];
        let bit = |of: usize, name| sets[of].bits().number(name).unwrap();
        let mut flow = FlowDetect::default();
        flow.set_bit(bit(0, "a"));
        flow.set_bit(bit(0, "b"));
        flow.set_bit(bit(0, "c"));
        let mut all = Renumbering::default();
        let mut of = 0;
        all.push(Renumber::between(&sets[0], &sets[1]));
        all.carry(&mut of, &mut flow);
        let mut have = flow.bits().to_vec();
        have.sort_unstable();
        let mut want = vec![bit(1, "a"), bit(1, "c")];
        want.sort_unstable();
        assert_eq!(have, want);
        all.push(Renumber::between(&sets[1], &sets[2]));
        all.carry(&mut of, &mut flow);
        assert_eq!(flow.bits(), [bit(2, "c")]);
        for _ in 0..20 {
            all.push(Renumber::between(&sets[2], &sets[2]));
        }
        all.carry(&mut of, &mut flow);
        assert!(flow.bits().is_empty());
    }
}
