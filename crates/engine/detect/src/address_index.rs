//! Signatures by address: which of many short address lists hold an address.
//!
//! Holds always: a look-up is one binary search; the answer is every signature filed with a
//! range that holds the address, in order.

use std::net::IpAddr;

use mimamori_rules::AddressSet;

use crate::signature::SigIndex;

/// Address ranges with the signatures that cover them.
#[derive(Debug, Default)]
pub struct AddressIndex {
    v4: Intervals<u32>,
    v6: Intervals<u128>,
}

#[derive(Debug)]
struct Intervals<T> {
    /// Where each elementary interval begins, sorted; it lasts until the next begins.
    begins: Vec<T>,
    starts: Vec<u32>,
    signatures: Vec<SigIndex>,
}

impl<T> Default for Intervals<T> {
    fn default() -> Self {
        Intervals { begins: Vec::new(), starts: Vec::new(), signatures: Vec::new() }
    }
}

impl<T: Ord + Copy> Intervals<T> {
    fn build(mut edges: Vec<(T, bool, SigIndex)>) -> Self {
        // At one place, endings come before beginnings.
        edges.sort_unstable_by_key(|(at, begins, sig)| (*at, *begins, *sig));
        let mut built = Intervals::default();
        let mut open: Vec<SigIndex> = Vec::new();
        let mut at = 0;
        while let Some((place, _, _)) = edges.get(at).copied() {
            while let Some((p, begins, sig)) = edges.get(at).copied() {
                if p != place {
                    break;
                }
                match open.binary_search(&sig) {
                    Ok(i) if !begins => {
                        open.remove(i);
                    }
                    Err(i) if begins => open.insert(i, sig),
                    _ => {}
                }
                at += 1;
            }
            built.begins.push(place);
            built.starts.push(u32::try_from(built.signatures.len()).unwrap_or(u32::MAX));
            built.signatures.extend_from_slice(&open);
        }
        built.starts.push(u32::try_from(built.signatures.len()).unwrap_or(u32::MAX));
        built
    }

    fn find(&self, address: T) -> &[SigIndex] {
        let after = self.begins.partition_point(|b| *b <= address);
        let Some(at) = after.checked_sub(1) else { return &[] };
        let (Some(from), Some(to)) = (self.starts.get(at), self.starts.get(at + 1)) else {
            return &[];
        };
        self.signatures.get(*from as usize..*to as usize).unwrap_or_default()
    }
}

impl AddressIndex {
    #[must_use]
    pub fn build(sets: &[(SigIndex, &AddressSet)]) -> Self {
        let mut v4 = Vec::new();
        let mut v6 = Vec::new();
        for (sig, set) in sets {
            for (from, to) in &set.v4 {
                v4.push((*from, true, *sig));
                if let Some(after) = to.checked_add(1) {
                    v4.push((after, false, *sig));
                }
            }
            for (from, to) in &set.v6 {
                v6.push((*from, true, *sig));
                if let Some(after) = to.checked_add(1) {
                    v6.push((after, false, *sig));
                }
            }
        }
        AddressIndex { v4: Intervals::build(v4), v6: Intervals::build(v6) }
    }

    #[must_use]
    pub fn find(&self, address: IpAddr) -> &[SigIndex] {
        match address {
            IpAddr::V4(a) => self.v4.find(u32::from(a)),
            IpAddr::V6(a) => self.v6.find(u128::from(a)),
        }
    }
}

/// Rough number of addresses of a set, to choose the narrower of two; IPv6 counts networks.
#[must_use]
pub fn breadth(set: &AddressSet) -> u64 {
    let v4: u64 = set.v4.iter().map(|(a, b)| u64::from(b - a) + 1).sum();
    let v6: u128 = set.v6.iter().map(|(a, b)| ((b - a) >> 64) + 1).sum();
    v4.saturating_add(u64::try_from(v6).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_lists_are_all_found() {
        let a = AddressSet { v4: vec![(10, 20), (30, 30)], v6: vec![], negated: false };
        let b = AddressSet { v4: vec![(15, u32::MAX)], v6: vec![(5, 6)], negated: false };
        let index = AddressIndex::build(&[(SigIndex(1), &a), (SigIndex(2), &b)]);
        let at = |n: u32| index.find(IpAddr::V4(n.into())).to_vec();
        assert_eq!(at(9), vec![]);
        assert_eq!(at(10), vec![SigIndex(1)]);
        assert_eq!(at(15), vec![SigIndex(1), SigIndex(2)]);
        assert_eq!(at(21), vec![SigIndex(2)]);
        assert_eq!(at(30), vec![SigIndex(1), SigIndex(2)]);
        assert_eq!(at(31), vec![SigIndex(2)]);
        assert_eq!(at(u32::MAX), vec![SigIndex(2)]);
        assert_eq!(index.find(IpAddr::V6(6u128.into())), [SigIndex(2)]);
        assert_eq!(index.find(IpAddr::V6(7u128.into())), []);
    }
}
