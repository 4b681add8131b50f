//! Finding one literal in a buffer.
//!
//! The byte of the literal that is rarest in traffic is looked for with `memchr`, and the rest
//! compared there. Where that byte is common after all, the search changes to a linear one.

use memchr::{memchr, memchr2, memmem};

/// Candidates that may fail before the search changes.
const PATIENCE: usize = 32;

/// Where `needle` begins first in `hay`. `nocase`: ASCII letters are the same in both cases.
#[must_use]
pub fn find(hay: &[u8], needle: &[u8], rare: usize, nocase: bool) -> Option<usize> {
    let byte = *needle.get(rare)?;
    if hay.len() < needle.len() {
        return None;
    }
    // The rare byte of a match lies in this part.
    let last = hay.len() - needle.len() + rare;
    let part = hay.get(..=last)?;
    let mut from = rare;
    let mut failed = 0usize;
    let (lower, upper) = (byte.to_ascii_lowercase(), byte.to_ascii_uppercase());
    while let Some(rest) = part.get(from..) {
        let hit = if nocase && lower != upper { memchr2(lower, upper, rest)? } else { memchr(byte, rest)? };
        let start = from + hit - rare;
        if let Some(candidate) = hay.get(start..start + needle.len())
            && same(candidate, needle, nocase)
        {
            return Some(start);
        }
        failed += 1;
        from += hit + 1;
        if failed > PATIENCE && failed * 8 > from {
            let base = from - rare;
            return linear(hay.get(base..)?, needle, nocase).map(|at| base + at);
        }
    }
    None
}

fn linear(hay: &[u8], needle: &[u8], nocase: bool) -> Option<usize> {
    if nocase {
        let lower = hay.to_ascii_lowercase();
        memmem::find(&lower, &needle.to_ascii_lowercase())
    } else {
        memmem::find(hay, needle)
    }
}

/// Equal, with or without regard to case.
pub fn same(a: &[u8], b: &[u8], nocase: bool) -> bool {
    if nocase { a.eq_ignore_ascii_case(b) } else { a == b }
}

/// The place of the byte of `needle` that is rarest in traffic.
#[must_use]
pub fn rarest(needle: &[u8]) -> usize {
    let best = needle.iter().enumerate().min_by_key(|(_, b)| frequency(**b));
    best.map_or(0, |(i, _)| i)
}

/// How common a byte is in text protocols, roughly: higher is more common.
const fn frequency(b: u8) -> u8 {
    match b {
        b' ' | b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' | 0 => 9,
        b'h' | b'l' | b'd' | b'c' | b'u' | b'm' | b'p' | b'\r' | b'\n' | b'/' | b'.' | b'-' => 8,
        b'f' | b'g' | b'w' | b'y' | b'b' | b'v' | b'0' | b'1' | b'2' | b':' | b'=' | b'"' | 0xff => 7,
        b'3'..=b'9' | b'k' | b';' | b',' | b'&' | b'?' | b'<' | b'>' | b'T' | b'A' | b'E' | b'S' => 6,
        b'x' | b'j' | b'q' | b'z' | b'(' | b')' | b'_' | b'%' | b'+' => 4,
        b'B' | b'C' | b'D' | b'F'..=b'R' | b'U' | b'V' | b'W' => 5,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(hay: &[u8], needle: &[u8], nocase: bool) -> Option<usize> {
        hay.windows(needle.len()).position(|w| same(w, needle, nocase))
    }

    proptest! {
        #[test]
        fn agrees_with_a_naive_search(hay in "[abAB ]{0,200}", needle in "[abAB]{1,5}", nocase: bool) {
            let (hay, needle) = (hay.as_bytes(), needle.as_bytes());
            prop_assert_eq!(find(hay, needle, rarest(needle), nocase), naive(hay, needle, nocase));
        }
    }

    #[test]
    fn a_common_byte_does_not_make_it_slow() {
        let hay = vec![b'a'; 200_000];
        let mut needle = vec![b'a'; 500];
        needle.push(b'A');
        let rare = 0;
        assert_eq!(find(&hay, &needle, rare, false), None);
    }
}
