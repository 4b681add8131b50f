//! Just enough BER (X.690) for the protocols that are written in it.
//!
//! Holds always: definite lengths only, at most four length bytes, never past the buffer.

/// One element: tag byte and content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Element<'a> {
    pub tag: u8,
    pub content: &'a [u8],
}

/// Tag and length at the start of an element that may not have come whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    pub tag: u8,
    pub header_bytes: usize,
    pub content_bytes: usize,
}

/// Reads tag and length.
#[must_use]
pub fn header(bytes: &[u8]) -> Option<Header> {
    let (tag, at) = tag(bytes)?;
    let first = *bytes.get(at)?;
    if first < 0x80 {
        return Some(Header { tag, header_bytes: at + 1, content_bytes: usize::from(first) });
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 4 {
        return None;
    }
    let digits = bytes.get(at + 1..at + 1 + count)?;
    let length = digits.iter().fold(0u64, |n, b| (n << 8) | u64::from(*b));
    Some(Header { tag, header_bytes: at + 1 + count, content_bytes: usize::try_from(length).ok()? })
}

/// The tag as one byte, and its length. A small number in the long form (8.1.2.4) is the same
/// tag: readers take both. Larger numbers than 30 stay 31.
fn tag(bytes: &[u8]) -> Option<(u8, usize)> {
    const LONG: u8 = 0x1f;
    let first = *bytes.first()?;
    if first & LONG != LONG {
        return Some((first, 1));
    }
    match *bytes.get(1)? {
        number @ 0..LONG => Some((first & !LONG | number, 2)),
        LONG..0x80 => Some((first, 2)),
        _ => {
            let more = bytes.get(2..6.min(bytes.len()))?.iter().position(|b| *b < 0x80)?;
            Some((first, 3 + more))
        }
    }
}

impl<'a> Element<'a> {
    /// The first element of `bytes`, and what follows it.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<(Element<'a>, &'a [u8])> {
        let h = header(bytes)?;
        let end = h.header_bytes.checked_add(h.content_bytes)?;
        let content = bytes.get(h.header_bytes..end)?;
        Some((Element { tag: h.tag, content }, bytes.get(end..)?))
    }

    /// The elements inside, until one cannot be read.
    pub fn children(&self) -> impl Iterator<Item = Element<'a>> + use<'a> {
        let mut rest = self.content;
        std::iter::from_fn(move || {
            let (element, after) = Element::read(rest)?;
            rest = after;
            Some(element)
        })
    }

    /// The content as an unsigned number of at most eight bytes.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        (self.content.len() <= 8).then(|| self.content.iter().fold(0, |n, b| (n << 8) | u64::from(*b)))
    }

    /// The content as an object identifier, dotted.
    #[must_use]
    pub fn oid(&self) -> String {
        let mut parts: Vec<u64> = Vec::new();
        let mut value = 0u64;
        for b in self.content {
            value = (value << 7) | u64::from(b & 0x7f);
            if b & 0x80 == 0 {
                if parts.is_empty() {
                    let first = (value / 40).min(2);
                    parts.push(first);
                    parts.push(value - first * 40);
                } else {
                    parts.push(value);
                }
                value = 0;
            }
        }
        parts.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_tag_number_may_be_written_long() {
        let (short, _) = Element::read(&[0xa4, 1, 7]).expect("an element");
        let (long, rest) = Element::read(&[0xbf, 4, 1, 7, 9]).expect("an element");
        assert_eq!(short, long);
        assert_eq!(rest, [9]);
    }

    #[test]
    fn a_large_tag_number_is_passed_over() {
        let (element, rest) = Element::read(&[0xbf, 0x81, 0x01, 2, 7, 8]).expect("an element");
        assert_eq!((element.tag, element.content), (0xbf, &[7, 8][..]));
        assert!(rest.is_empty());
        assert_eq!(Element::read(&[0xbf, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 7]), None);
        assert_eq!(Element::read(&[0xbf]), None);
    }
}
