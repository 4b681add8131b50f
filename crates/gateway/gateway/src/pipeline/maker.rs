//! The maker of a network interface, by the beginning of its MAC address.
//!
//! Holds always: the longest listed prefix decides (blocks of 36, 28 or 24 bits).

use std::sync::OnceLock;

/// Lengths of prefixes in hexadecimal digits, the longest first.
const DIGITS: [usize; 3] = [9, 7, 6];

/// Prefix with its length, and the maker.
type Entry = ((u64, usize), &'static str);

/// `None` for unknown ones and for addresses that a device made up itself (privacy feature of
/// phones), which say nothing about the maker.
#[must_use]
pub fn maker(mac: [u8; 6]) -> Option<&'static str> {
    if mac[0] & 0x02 != 0 && mac[..3] != [0x52, 0x54, 0x00] {
        return None;
    }
    let whole = mac.iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
    let table = table();
    DIGITS.iter().find_map(|digits| {
        let key = (whole >> (4 * (12 - digits)), *digits);
        let at = table.binary_search_by_key(&key, |(k, _)| *k).ok()?;
        table.get(at).map(|(_, name)| *name)
    })
}

fn table() -> &'static [Entry] {
    static TABLE: OnceLock<Vec<Entry>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut all: Vec<Entry> = lines()
            .flat_map(|(name, prefixes)| prefixes.split(' ').map(move |p| (name, p)))
            .filter_map(|(name, p)| Some(((u64::from_str_radix(p, 16).ok()?, p.len()), name)))
            .collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    })
}

fn lines() -> impl Iterator<Item = (&'static str, &'static str)> {
    include_str!("../../data/oui.tsv")
        .lines()
        .filter(|l| !l.starts_with('#'))
        .filter_map(|l| l.split_once('\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gw_14_known_unknown_and_made_up_addresses() {
        assert_eq!(maker([0x00, 0x0b, 0x5d, 1, 2, 3]), Some("富士通"));
        assert_eq!(maker([0x52, 0x54, 0x00, 1, 2, 3]), Some("QEMU（仮想）"));
        assert_eq!(maker([0xfc, 0xff, 0xff, 1, 2, 3]), None);
        assert_eq!(maker([0x02, 0x0b, 0x5d, 1, 2, 3]), None);
    }

    #[test]
    fn every_line_of_the_table_is_a_name_and_prefixes() {
        let (mut prefixes, mut makers) = (0, 0);
        for (name, list) in lines() {
            makers += 1;
            assert!(!name.trim().is_empty() && name.len() <= 64, "{name}");
            for p in list.split(' ') {
                prefixes += 1;
                assert!(DIGITS.contains(&p.len()) && p.bytes().all(|b| b.is_ascii_hexdigit()), "{name} {p}");
            }
        }
        assert_eq!(table().len(), prefixes);
        assert!(makers > 10_000 && prefixes > 40_000, "{makers} {prefixes}");
    }
}
