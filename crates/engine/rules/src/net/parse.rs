//! Addresses and ports as rules write them: variables, lists, nesting, negation, ranges.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::ranges::{complement, intersect, normalise};
use super::{AddressSet, PortSet};
use crate::error::{Result, RuleError, bail};

/// Variables inside variables inside lists.
const MAX_DEPTH: u8 = 16;

/// A kind of set that lists can be made of.
trait Set: Sized {
    fn none() -> Self;
    fn all() -> Self;
    fn atom(text: &str) -> Result<Self>;
    fn union(self, other: Self) -> Self;
    fn minus(&self, other: &Self) -> Self;
    fn is_none(&self) -> bool;
    const WHAT: &'static str;
}

/// Resolves an address text such as `[$HOME_NET,!10.1.0.0/16]`.
///
/// # Errors
/// On an unknown variable, a wrong address, or a set that is empty.
pub fn parse_addresses(text: &str, vars: &BTreeMap<String, String>) -> Result<AddressSet> {
    let (mut set, negated) = parse_set::<AddressSet>(text, vars)?;
    set.negated = negated;
    Ok(set)
}

/// Resolves a port text such as `[80,8000:8100,!8080]`.
///
/// # Errors
/// On an unknown variable, a wrong port, or a set that is empty.
pub fn parse_ports(text: &str, vars: &BTreeMap<String, String>) -> Result<PortSet> {
    Ok(parse_set(text, vars)?.0)
}

fn parse_set<S: Set>(text: &str, vars: &BTreeMap<String, String>) -> Result<(S, bool)> {
    let mut reader = Reader { vars, negated: false };
    let (positive, negative) = reader.item::<S>(text.trim(), MAX_DEPTH)?;
    let set = resolve(positive, negative);
    if set.is_none() {
        bail!("{} `{text}` leave nothing to match", S::WHAT);
    }
    Ok((set, reader.negated))
}

/// Only negations mean "any but".
fn resolve<S: Set>(positive: Option<S>, negative: Option<S>) -> S {
    let positive = positive.unwrap_or_else(S::all);
    match negative {
        Some(n) => positive.minus(&n),
        None => positive,
    }
}

struct Reader<'a> {
    vars: &'a BTreeMap<String, String>,
    negated: bool,
}

impl Reader<'_> {
    /// The positive and the negative part of one item.
    fn item<S: Set>(&mut self, text: &str, depth: u8) -> Result<(Option<S>, Option<S>)> {
        let Some(depth) = depth.checked_sub(1) else {
            bail!("{} are nested too deeply", S::WHAT);
        };
        if let Some(rest) = text.strip_prefix('!') {
            self.negated = true;
            let rest = rest.trim();
            if rest.starts_with('!') {
                bail!("double negation in {}", S::WHAT);
            }
            if rest.eq_ignore_ascii_case("any") {
                bail!("`!any` matches nothing");
            }
            let (p, n) = self.item(rest, depth)?;
            return Ok((None, Some(resolve(p, n))));
        }
        if let Some(inner) = text.strip_prefix('[') {
            let Some(inner) = inner.strip_suffix(']') else {
                bail!("missing `]` in {} `{text}`", S::WHAT);
            };
            return self.list(inner, depth);
        }
        if let Some(name) = text.strip_prefix('$') {
            let Some(value) = self.vars.get(name) else {
                bail!("variable `${name}` is not defined");
            };
            let value = value.clone();
            return self.item(value.trim(), depth);
        }
        if text.contains(',') && !text.contains('[') {
            return self.list(text, depth);
        }
        if text.contains(['[', ']']) {
            bail!("unbalanced brackets in {} `{text}`", S::WHAT);
        }
        Ok((Some(S::atom(text)?), None))
    }

    fn list<S: Set>(&mut self, inner: &str, depth: u8) -> Result<(Option<S>, Option<S>)> {
        let (mut positive, mut negative) = (None::<S>, None::<S>);
        for part in split_list(inner)? {
            if part.is_empty() {
                bail!("empty entry in {} `[{inner}]`", S::WHAT);
            }
            let (p, n) = self.item::<S>(part, depth)?;
            // A nested list is worked out on its own before it joins.
            let (p, n) = if p.is_some() && n.is_some() { (Some(resolve(p, n)), None) } else { (p, n) };
            positive = merge(positive, p);
            negative = merge(negative, n);
        }
        Ok((positive, negative))
    }
}

fn merge<S: Set>(a: Option<S>, b: Option<S>) -> Option<S> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.union(b)),
        (a, b) => a.or(b),
    }
}

/// Cuts at commas outside brackets.
fn split_list(inner: &str) -> Result<Vec<&str>> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0u32, 0usize);
    for (i, c) in inner.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => match depth.checked_sub(1) {
                Some(d) => depth = d,
                None => bail!("unbalanced brackets in `[{inner}]`"),
            },
            ',' if depth == 0 => {
                parts.push(inner.get(start..i).unwrap_or("").trim());
                start = i + 1;
            }
            _ => {}
        }
    }
    if depth != 0 {
        bail!("unbalanced brackets in `[{inner}]`");
    }
    parts.push(inner.get(start..).unwrap_or("").trim());
    Ok(parts)
}

impl Set for AddressSet {
    const WHAT: &'static str = "addresses";

    fn none() -> Self {
        AddressSet::default()
    }

    fn all() -> Self {
        AddressSet::any()
    }

    fn atom(text: &str) -> Result<Self> {
        if text.eq_ignore_ascii_case("any") {
            return Ok(AddressSet::any());
        }
        let mut set = AddressSet::none();
        match address_range(text).ok_or_else(|| RuleError::invalid(format!("wrong address `{text}`")))? {
            Range::V4(lo, hi) => set.v4.push((lo, hi)),
            Range::V6(lo, hi) => set.v6.push((lo, hi)),
        }
        Ok(set)
    }

    fn union(mut self, mut other: Self) -> Self {
        self.v4.append(&mut other.v4);
        self.v6.append(&mut other.v6);
        AddressSet { v4: normalise(self.v4), v6: normalise(self.v6), negated: false }
    }

    fn minus(&self, other: &Self) -> Self {
        AddressSet {
            v4: intersect(&self.v4, &complement(&other.v4)),
            v6: intersect(&self.v6, &complement(&other.v6)),
            negated: false,
        }
    }

    fn is_none(&self) -> bool {
        self.is_empty()
    }
}

enum Range {
    V4(u32, u32),
    V6(u128, u128),
}

/// `10.0.0.1`, `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `10.0.0.1-10.0.0.9`, and the same for v6.
fn address_range(text: &str) -> Option<Range> {
    if let Some((lo, hi)) = text.split_once('-') {
        return match (lo.trim().parse().ok()?, hi.trim().parse().ok()?) {
            (IpAddr::V4(a), IpAddr::V4(b)) if a <= b => Some(Range::V4(a.into(), b.into())),
            (IpAddr::V6(a), IpAddr::V6(b)) if a <= b => Some(Range::V6(a.into(), b.into())),
            _ => None,
        };
    }
    let (address, prefix) = match text.split_once('/') {
        Some((a, p)) => (a.trim(), Some(p.trim())),
        None => (text, None),
    };
    match address.parse().ok()? {
        IpAddr::V4(a) => {
            let mask = match prefix {
                None => u32::MAX,
                Some(p) if p.contains('.') => p.parse::<Ipv4Addr>().ok()?.into(),
                Some(p) => {
                    let p: u32 = p.parse().ok().filter(|p| *p <= 32)?;
                    u32::MAX.checked_shl(32 - p).unwrap_or(0)
                }
            };
            let lo = u32::from(a) & mask;
            Some(Range::V4(lo, lo | !mask))
        }
        IpAddr::V6(a) => {
            let p: u32 = prefix.map_or(Some(128), |p| p.parse().ok()).filter(|p| *p <= 128)?;
            let mask = u128::MAX.checked_shl(128 - p).unwrap_or(0);
            let lo = u128::from(a) & mask;
            Some(Range::V6(lo, lo | !mask))
        }
    }
}

impl Set for PortSet {
    const WHAT: &'static str = "ports";

    fn none() -> Self {
        PortSet::default()
    }

    fn all() -> Self {
        PortSet::any()
    }

    fn atom(text: &str) -> Result<Self> {
        if text.eq_ignore_ascii_case("any") {
            return Ok(PortSet::any());
        }
        let port =
            |t: &str| t.trim().parse::<u16>().map_err(|_| RuleError::invalid(format!("wrong port `{text}`")));
        let (lo, hi) = match text.split_once(':') {
            None => {
                let p = port(text)?;
                (p, p)
            }
            Some((lo, "")) => (port(lo)?, u16::MAX),
            Some(("", hi)) => (0, port(hi)?),
            Some((lo, hi)) => (port(lo)?, port(hi)?),
        };
        if lo > hi {
            bail!("port range `{text}` is upside down");
        }
        Ok(PortSet { ranges: vec![(lo, hi)] })
    }

    fn union(mut self, mut other: Self) -> Self {
        self.ranges.append(&mut other.ranges);
        PortSet { ranges: normalise(self.ranges) }
    }

    fn minus(&self, other: &Self) -> Self {
        PortSet { ranges: intersect(&self.ranges, &complement(&other.ranges)) }
    }

    fn is_none(&self) -> bool {
        self.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars() -> BTreeMap<String, String> {
        [("HOME_NET", "[192.168.0.0/16,10.0.0.0/8]"), ("EXTERNAL_NET", "!$HOME_NET"), ("LOOP", "$LOOP")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into()
    }

    fn has(text: &str, ip: &str) -> bool {
        parse_addresses(text, &vars()).unwrap().contains(ip.parse().unwrap())
    }

    #[test]
    fn addresses_resolve() {
        assert!(has("any", "1.2.3.4") && has("any", "::1"));
        assert!(has("$HOME_NET", "10.1.1.1") && !has("$HOME_NET", "11.0.0.1"));
        assert!(has("$EXTERNAL_NET", "8.8.8.8") && has("$EXTERNAL_NET", "2001:db8::1"));
        assert!(!has("$EXTERNAL_NET", "192.168.3.4"));
        assert!(!has("!$EXTERNAL_NET", "8.8.8.8") && has("!$EXTERNAL_NET", "10.0.0.1"));
        assert!(
            has("[10.0.0.0/8,!10.1.0.0/16]", "10.2.0.1") && !has("[10.0.0.0/8,!10.1.0.0/16]", "10.1.0.1")
        );
        assert!(has("[$HOME_NET, ![10.0.0.0/8, !10.0.0.7]]", "10.0.0.7"));
        assert!(has("1.2.3.0/255.255.255.0", "1.2.3.200") && has("1.1.1.1-1.1.1.9", "1.1.1.5"));
        assert!(has("2001:db8::/32", "2001:db8:1::9") && !has("2001:db8::/32", "1.2.3.4"));
    }

    #[test]
    fn wrong_addresses_are_refused() {
        for t in [
            "",
            "1.2.3",
            "1.2.3.4/33",
            "$NOPE",
            "!any",
            "[1.2.3.4",
            "1.2.3.4]",
            "[1.2.3.4,]",
            "[10.0.0.0/8,!10.0.0.0/8]",
            "$LOOP",
            "!!1.2.3.4",
            "9.9.9.9-1.1.1.1",
            "[[1.1.1.1]]]",
        ] {
            assert!(parse_addresses(t, &vars()).is_err(), "{t}");
        }
    }

    #[test]
    fn ports_resolve() {
        let p = |t: &str| parse_ports(t, &vars()).map(|s| s.ranges).ok();
        assert_eq!(p("80"), Some(vec![(80, 80)]));
        assert_eq!(p("[80,81:90,!85]"), Some(vec![(80, 84), (86, 90)]));
        assert_eq!(p("1024:"), Some(vec![(1024, 65535)]));
        assert_eq!(p(":1023"), Some(vec![(0, 1023)]));
        assert_eq!(p("!80"), Some(vec![(0, 79), (81, 65535)]));
        for t in ["", "65536", "90:80", "a", "[80", "!any", "[80,!80]"] {
            assert_eq!(p(t), None, "{t}");
        }
    }
}
