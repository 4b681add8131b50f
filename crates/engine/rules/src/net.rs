//! Sets of addresses and ports, resolved.

use std::net::IpAddr;

/// Addresses as sorted, disjoint, inclusive ranges: negation and nesting are worked out.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct AddressSet {
    pub v4: Vec<(u32, u32)>,
    pub v6: Vec<(u128, u128)>,
}

/// Ports as sorted, disjoint, inclusive ranges.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct PortSet {
    pub ranges: Vec<(u16, u16)>,
}

impl AddressSet {
    #[must_use]
    pub fn any() -> AddressSet {
        AddressSet { v4: vec![(0, u32::MAX)], v6: vec![(0, u128::MAX)] }
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
            IpAddr::V4(a) => in_ranges(&self.v4, u32::from(a)),
            IpAddr::V6(a) => in_ranges(&self.v6, u128::from(a)),
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
        in_ranges(&self.ranges, port)
    }
}

fn in_ranges<T: Ord + Copy>(ranges: &[(T, T)], x: T) -> bool {
    let after = ranges.partition_point(|r| r.0 <= x);
    after.checked_sub(1).and_then(|i| ranges.get(i)).is_some_and(|r| x <= r.1)
}
