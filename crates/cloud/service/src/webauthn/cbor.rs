//! CBOR as authenticators write it (CTAP2 canonical form, RFC 8949): definite lengths only.
//!
//! Holds always: never panics, never reads past the end, never nests or grows beyond its caps.

/// Deepest nesting: an attestation's certificates lie three deep.
const DEPTH_MAX: u8 = 8;
/// Items of one message.
const ITEMS_MAX: u32 = 512;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    Int(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
    Array(Vec<Value<'a>>),
    Map(Vec<(Value<'a>, Value<'a>)>),
    Bool(bool),
    Null,
}

impl<'a> Value<'a> {
    /// The entry of a map under a text.
    #[must_use]
    pub fn named(&self, key: &str) -> Option<&Value<'a>> {
        self.entry(&Value::Text(key))
    }

    /// The entry of a map under a number.
    #[must_use]
    pub fn numbered(&self, key: i64) -> Option<&Value<'a>> {
        self.entry(&Value::Int(key))
    }

    fn entry(&self, key: &Value<'_>) -> Option<&Value<'a>> {
        let Value::Map(entries) = self else { return None };
        entries.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    #[must_use]
    pub const fn int(&self) -> Option<i64> {
        if let Value::Int(n) = self { Some(*n) } else { None }
    }

    #[must_use]
    pub const fn bytes(&self) -> Option<&'a [u8]> {
        if let Value::Bytes(b) = self { Some(b) } else { None }
    }
}

/// Reads one item from the front; answers it and what is left. `None`: not such CBOR.
#[must_use]
pub fn read(input: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let mut reader = Reader { rest: input, items: 0 };
    let value = reader.item(0)?;
    Some((value, reader.rest))
}

struct Reader<'a> {
    rest: &'a [u8],
    items: u32,
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(head)
    }

    /// The argument of an initial byte.
    fn argument(&mut self, info: u8) -> Option<u64> {
        let width = match info {
            0..=23 => return Some(u64::from(info)),
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => return None,
        };
        Some(self.take(width)?.iter().fold(0, |n, b| n << 8 | u64::from(*b)))
    }

    fn item(&mut self, depth: u8) -> Option<Value<'a>> {
        self.items += 1;
        if depth > DEPTH_MAX || self.items > ITEMS_MAX {
            return None;
        }
        let first = *self.take(1)?.first()?;
        let (major, info) = (first >> 5, first & 31);
        if major == 7 {
            return match info {
                20 => Some(Value::Bool(false)),
                21 => Some(Value::Bool(true)),
                22 => Some(Value::Null),
                _ => None,
            };
        }
        let n = self.argument(info)?;
        let length = usize::try_from(n).ok();
        match major {
            0 => i64::try_from(n).ok().map(Value::Int),
            1 => i64::try_from(n).ok().map(|n| Value::Int(-1 - n)),
            2 => self.take(length?).map(Value::Bytes),
            3 => std::str::from_utf8(self.take(length?)?).ok().map(Value::Text),
            4 => {
                let mut items = Vec::new();
                for _ in 0..n {
                    items.push(self.item(depth + 1)?);
                }
                Some(Value::Array(items))
            }
            5 => {
                let mut entries: Vec<(Value<'a>, Value<'a>)> = Vec::new();
                for _ in 0..n {
                    let key = self.item(depth + 1)?;
                    if !matches!(key, Value::Int(_) | Value::Text(_))
                        || entries.iter().any(|(k, _)| *k == key)
                    {
                        return None;
                    }
                    entries.push((key, self.item(depth + 1)?));
                }
                Some(Value::Map(entries))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 8949 appendix A.
    #[test]
    fn the_examples_of_the_rfc() {
        let one = |bytes: &'static [u8]| read(bytes).filter(|(_, rest)| rest.is_empty()).map(|(v, _)| v);
        assert_eq!(one(&[0x00]), Some(Value::Int(0)));
        assert_eq!(one(&[0x18, 0x64]), Some(Value::Int(100)));
        assert_eq!(one(&[0x1b, 0, 0, 0, 0xe8, 0xd4, 0xa5, 0x10, 0]), Some(Value::Int(1_000_000_000_000)));
        assert_eq!(one(&[0x39, 0x03, 0xe7]), Some(Value::Int(-1_000)));
        assert_eq!(one(&[0x44, 1, 2, 3, 4]), Some(Value::Bytes(&[1, 2, 3, 4])));
        assert_eq!(one(b"\x62\xc3\xbc\xff"), None);
        assert_eq!(one("\u{62}ü".as_bytes()), Some(Value::Text("ü")));
        assert_eq!(one(&[0xa1, 0x01, 0xf5]), Some(Value::Map(vec![(Value::Int(1), Value::Bool(true))])));
        for bad in
            [&[0x5f, 0x41, 0x01, 0xff][..], &[0x9f, 0xff], &[0xf9, 0, 0], &[0xa2, 1, 1, 1, 1], &[0xc0, 0x60]]
        {
            assert_eq!(read(bad), None, "{bad:?}: indefinite, floats, doubles, tags");
        }
    }

    #[test]
    fn depth_and_size_are_bounded() {
        assert_eq!(read(&[0x81; 100]), None);
        let mut wide = vec![0x99, 0x10, 0x00];
        wide.extend([0; 0x1000]);
        assert_eq!(read(&wide), None);
        assert_eq!(read(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]), None);
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
        }
    }
}
