//! The reputation of addresses by category (`iprep`).
//!
//! Holds always: an address of its own comes before the networks around it, the narrowest
//! network that has a value in the category before wider ones.

use std::net::IpAddr;

use hashbrown::HashMap;
use mimamori_rules::{RepSide, RepTest};

use super::text::{BadListLine, lines};
use crate::datasets::compare;

/// Values by category number.
type Scores = Vec<(u8, u8)>;

/// Values of addresses and networks.
#[derive(Debug, Default)]
pub struct IpReputation {
    categories: HashMap<Box<str>, u8>,
    hosts: HashMap<IpAddr, Scores>,
    /// By length of the prefix, narrowest first.
    networks: Vec<(u8, HashMap<IpAddr, Scores>)>,
    values: usize,
}

impl IpReputation {
    /// Adds the lines `number,short name,description` of a file of categories.
    pub(crate) fn add_categories(&mut self, text: &[u8]) -> Result<(), BadListLine> {
        for (line, l) in lines(text) {
            let mut parts = l.splitn(3, ',').map(str::trim);
            let number = parts.next().and_then(|n| n.parse::<u8>().ok()).filter(|n| (1..60).contains(n));
            let name = parts.next().filter(|n| !n.is_empty());
            let (Some(number), Some(name)) = (number, name) else {
                return Err(BadListLine { line, reason: "expected `number,name,description`" });
            };
            self.categories.insert(name.into(), number);
        }
        Ok(())
    }

    /// Adds the lines `address or network,category,value` of a reputation file.
    pub(crate) fn add_values(&mut self, text: &[u8]) -> Result<(), BadListLine> {
        for (line, l) in lines(text) {
            let bad = |reason| BadListLine { line, reason };
            let mut parts = l.split(',').map(str::trim);
            let (Some(whom), Some(category), Some(value)) = (parts.next(), parts.next(), parts.next()) else {
                return Err(bad("expected `address,category,value`"));
            };
            let category = category.parse().map_err(|_| bad("the category is a number from 1 to 59"))?;
            let value: u8 = value.parse().map_err(|_| bad("the value is 0 to 127"))?;
            if value > 127 || !(1..60).contains(&category) {
                return Err(bad("the category is 1 to 59, the value 0 to 127"));
            }
            let scores = self.entry(whom).ok_or(bad("not an address or network"))?;
            match scores.iter_mut().find(|(c, _)| *c == category) {
                Some(have) => have.1 = value,
                None => {
                    scores.push((category, value));
                    self.values += 1;
                }
            }
        }
        Ok(())
    }

    fn entry(&mut self, whom: &str) -> Option<&mut Scores> {
        let Some((ip, bits)) = whom.split_once('/') else {
            return Some(self.hosts.entry(whom.parse().ok()?).or_default());
        };
        let (ip, bits) = (ip.parse::<IpAddr>().ok()?, bits.parse::<u8>().ok()?);
        let widest = if ip.is_ipv4() { 32 } else { 128 };
        if bits > widest {
            return None;
        }
        let at = match self.networks.binary_search_by(|(have, _)| bits.cmp(have)) {
            Ok(at) => at,
            Err(at) => {
                self.networks.insert(at, (bits, HashMap::new()));
                at
            }
        };
        let (_, map) = self.networks.get_mut(at)?;
        Some(map.entry(masked(ip, bits)).or_default())
    }

    #[must_use]
    pub fn category(&self, name: &str) -> Option<u8> {
        self.categories.get(name).copied()
    }

    /// Values loaded.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values == 0
    }

    /// The value of `ip` in `category`.
    #[must_use]
    pub fn value(&self, ip: IpAddr, category: u8) -> Option<u8> {
        let of = |scores: &Scores| scores.iter().find(|(c, _)| *c == category).map(|(_, v)| *v);
        self.hosts.get(&ip).and_then(of).or_else(|| {
            let widest = if ip.is_ipv4() { 32 } else { 128 };
            self.networks
                .iter()
                .filter(|(bits, _)| *bits <= widest)
                .find_map(|(bits, map)| map.get(&masked(ip, *bits)).and_then(of))
        })
    }

    /// Whether a packet from `src` to `dst` meets the test.
    pub(crate) fn holds(&self, side: RepSide, category: u8, test: RepTest, src: IpAddr, dst: IpAddr) -> bool {
        let one = |ip| match (test, self.value(ip, category)) {
            (RepTest::IsSet, have) => have.is_some(),
            (RepTest::IsNotSet, have) => have.is_none(),
            (RepTest::Compare(op, want), Some(have)) => compare(op, have.into(), want.into()),
            (RepTest::Compare(..), None) => false,
        };
        match side {
            RepSide::Any => one(src) || one(dst),
            RepSide::Src => one(src),
            RepSide::Dst => one(dst),
            RepSide::Both => one(src) && one(dst),
        }
    }
}

fn masked(ip: IpAddr, bits: u8) -> IpAddr {
    match ip {
        IpAddr::V4(a) => {
            let mask = u32::MAX.checked_shl(32u32.saturating_sub(bits.into())).unwrap_or(0);
            IpAddr::V4((u32::from(a) & mask).into())
        }
        IpAddr::V6(a) => {
            let mask = u128::MAX.checked_shl(128u32.saturating_sub(bits.into())).unwrap_or(0);
            IpAddr::V6((u128::from(a) & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mimamori_rules::RepOp;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_narrowest_entry_counts() {
        let mut rep = IpReputation::default();
        rep.add_categories(b"# number,name,text\n1,Bad,Bad hosts\n2,Good,Good hosts\n").unwrap();
        rep.add_values(
            b"10.0.0.0/8,1,10\n10.1.0.0/16,1,20\n10.1.2.3,1,30\n10.1.2.3,2,99\n2001:db8::/32,1,40\n",
        )
        .unwrap();
        assert_eq!((rep.category("Bad"), rep.category("bad")), (Some(1), None));
        assert_eq!(rep.value(ip("10.9.9.9"), 1), Some(10));
        assert_eq!(rep.value(ip("10.1.9.9"), 1), Some(20));
        assert_eq!(rep.value(ip("10.1.2.3"), 1), Some(30));
        assert_eq!(rep.value(ip("10.1.9.9"), 2), None);
        assert_eq!(rep.value(ip("2001:db8::9"), 1), Some(40));
        let (a, b) = (ip("10.1.2.3"), ip("8.8.8.8"));
        let above = RepTest::Compare(RepOp::Gt, 29);
        assert!(rep.holds(RepSide::Any, 1, above, b, a) && rep.holds(RepSide::Src, 1, above, a, b));
        assert!(!rep.holds(RepSide::Both, 1, above, a, b) && !rep.holds(RepSide::Dst, 1, above, a, b));
        assert!(rep.holds(RepSide::Dst, 1, RepTest::IsNotSet, a, b));
    }

    #[test]
    fn wrong_lines_are_named() {
        let mut rep = IpReputation::default();
        assert_eq!(rep.add_categories(b"1,a\nx,b").unwrap_err().line, 2);
        for wrong in
            ["10.0.0.1,1", "10.0.0.0/33,1,1", "10.0.0.1,1,128", "10.0.0.1,60,1", "host,1,1", "\u{e9}"]
        {
            assert!(rep.add_values(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
