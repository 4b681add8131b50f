//! The four zones of a gateway (GW-01) and the inspection matrix (GW-02).

use serde::{Deserialize, Serialize};

/// A zone of the gateway: one or more network interfaces with one level of trust.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Zone {
    Wan,
    Lan,
    PrimarySsid,
    SecondarySsid,
}

impl Zone {
    pub const ALL: [Zone; 4] = [Zone::Wan, Zone::Lan, Zone::PrimarySsid, Zone::SecondarySsid];

    /// Whether traffic from `self` to `to` is inspected: between two different zones, always
    /// (spec 3.3(3)); inside one zone, never.
    #[must_use]
    pub fn inspected_towards(self, to: Zone) -> bool {
        self != to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gw_02_exactly_the_off_diagonal_cells_are_inspected() {
        let inspected = Zone::ALL
            .iter()
            .flat_map(|a| Zone::ALL.iter().map(move |b| (*a, *b)))
            .filter(|(a, b)| a.inspected_towards(*b))
            .count();
        assert_eq!(inspected, 12);
        assert!(!Zone::Lan.inspected_towards(Zone::Lan));
        assert!(Zone::PrimarySsid.inspected_towards(Zone::SecondarySsid));
    }
}
