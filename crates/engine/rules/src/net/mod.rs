//! Sets of addresses and ports, resolved.

mod parse;
mod ranges;

use std::net::IpAddr;

pub use parse::{parse_addresses, parse_ports};
use ranges::contains;

/// Addresses as sorted, disjoint, inclusive ranges: negation and nesting are worked out.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct AddressSet {
    pub v4: Vec<(u32, u32)>,
    pub v6: Vec<(u128, u128)>,
    /// The text negated something: such rules are not "IP-only" for the field.
    pub negated: bool,
}

/// Ports as sorted, disjoint, inclusive ranges.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct PortSet {
    pub ranges: Vec<(u16, u16)>,
}

impl AddressSet {
    #[must_use]
    pub fn any() -> AddressSet {
        AddressSet { v4: vec![(0, u32::MAX)], v6: vec![(0, u128::MAX)], negated: false }
    }

    #[must_use]
    pub fn is_any(&self) -> bool {
        self.v4.as_slice() == [(0, u32::MAX)] && self.v6.as_slice() == [(0, u128::MAX)]
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(a) => contains(&self.v4, u32::from(a)),
            IpAddr::V6(a) => contains(&self.v6, u128::from(a)),
        }
    }
}

impl PortSet {
    #[must_use]
    pub fn any() -> PortSet {
        PortSet { ranges: vec![(0, u16::MAX)] }
    }

    #[must_use]
    pub fn is_any(&self) -> bool {
        self.ranges.as_slice() == [(0, u16::MAX)]
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        contains(&self.ranges, port)
    }
}
