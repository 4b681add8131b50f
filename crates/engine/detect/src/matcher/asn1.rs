//! Malformed ASN.1 (BER) that attacks decoders: `asn1`.

use mimamori_rules::Asn1;

/// Elements that are looked at, nested ones included.
const MAX_ELEMENTS: usize = 64;

/// Whether any of what the rule asks for is found.
pub fn holds(a: &Asn1, buffer: &[u8], anchor: usize) -> bool {
    let base = if a.relative { i64::try_from(anchor).unwrap_or(i64::MAX) } else { 0 };
    let start = usize::try_from(base.saturating_add(a.offset.into())).unwrap_or(usize::MAX);
    let mut rest = buffer.get(start..).unwrap_or(&[]);
    for _ in 0..MAX_ELEMENTS {
        let Some(element) = Element::read(rest) else {
            return false;
        };
        if element.is_attack(a) {
            return true;
        }
        let skip = if element.constructed { 0 } else { element.length };
        let Some(next) = usize::try_from(skip).ok().and_then(|n| element.content.get(n..)) else {
            return false;
        };
        rest = next;
    }
    false
}

struct Element<'a> {
    tag: u8,
    constructed: bool,
    length: u64,
    /// From the first byte of the content to the buffer's end.
    content: &'a [u8],
}

impl<'a> Element<'a> {
    fn read(bytes: &'a [u8]) -> Option<Element<'a>> {
        let (first, rest) = bytes.split_first()?;
        let (length, mut content) = rest.split_first()?;
        let mut value = u64::from(*length);
        if *length & 0x80 != 0 {
            value = 0;
            for _ in 0..*length & 0x7f {
                let (b, next) = content.split_first()?;
                value = value.checked_shl(8).filter(|_| value >> 56 == 0)? | u64::from(*b);
                content = next;
            }
        }
        Some(Element { tag: first & 0x1f, constructed: first & 0x20 != 0, length: value, content })
    }

    fn is_attack(&self, a: &Asn1) -> bool {
        let too_long = a.oversize_length.is_some_and(|max| self.length > u64::from(max));
        // Bit string with more unused bits than a byte has.
        let bitstring = a.bitstring_overflow
            && self.tag == 3
            && !self.constructed
            && self.content.first().is_some_and(|unused| *unused > 7 || self.length == 0);
        // A real number in text form that is longer than any number.
        let double = a.double_overflow
            && self.tag == 9
            && self.length > 256
            && self.content.first().is_some_and(|form| form & 0xc0 == 0);
        too_long || bitstring || double
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_each_attack() {
        let long = Asn1 { oversize_length: Some(100), ..Asn1::default() };
        assert!(holds(&long, &[0x30, 0x82, 1, 0, 0], 0));
        assert!(!holds(&long, &[0x30, 3, 1, 1, 0], 0));
        let bits = Asn1 { bitstring_overflow: true, ..Asn1::default() };
        assert!(holds(&bits, &[0x30, 4, 0x03, 2, 9, 0], 0));
        assert!(!holds(&bits, &[0x30, 4, 0x03, 2, 1, 0], 0));
    }
}
