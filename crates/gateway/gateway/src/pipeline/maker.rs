//! The maker of a network interface, by the first half of its MAC address.

/// `None` for unknown ones and for addresses that a device made up itself (privacy feature of
/// phones), which say nothing about the maker.
#[must_use]
pub fn maker(mac: [u8; 6]) -> Option<&'static str> {
    let [a, b, c, ..] = mac;
    if a & 0x02 != 0 && [a, b, c] != [0x52, 0x54, 0x00] {
        return None;
    }
    let prefix = format!("{a:02x}{b:02x}{c:02x}");
    include_str!("../../data/oui.tsv")
        .lines()
        .filter(|l| !l.starts_with('#'))
        .filter_map(|l| l.split_once('\t'))
        .find_map(|(key, name)| (key == prefix).then_some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_unknown_and_made_up_addresses() {
        assert_eq!(maker([0x00, 0x0b, 0x5d, 1, 2, 3]), Some("富士通"));
        assert_eq!(maker([0x52, 0x54, 0x00, 1, 2, 3]), Some("QEMU（仮想）"));
        assert_eq!(maker([0xfc, 0xff, 0xff, 1, 2, 3]), None);
        assert_eq!(maker([0x02, 0x0b, 0x5d, 1, 2, 3]), None);
    }

    #[test]
    fn every_line_of_the_table_is_a_prefix_and_a_name() {
        for line in include_str!("../../data/oui.tsv").lines().filter(|l| !l.starts_with('#')) {
            let (key, name) = line.split_once('\t').unwrap();
            assert!(key.len() == 6 && key.bytes().all(|b| b.is_ascii_hexdigit()), "{line}");
            assert!(!name.trim().is_empty(), "{line}");
        }
    }
}
