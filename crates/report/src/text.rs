//! Texts, lists, hashes and addresses whose size is part of their type.
//!
//! Holds always: a [`Text`] is at most `MAX` bytes of UTF-8 without control or
//! direction-changing characters, however it was made. Constructors cut and escape (the
//! gateway reports hostile names); reading from the wire refuses instead (the cloud trusts nobody).

use std::fmt;

use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::schema::{Reportable, Shape};

/// Why a text from the wire is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    #[error("text of {got} bytes where {max} are allowed")]
    TooLong { max: usize, got: usize },
    #[error("text holds a control or direction-changing character")]
    Unprintable,
    #[error("expected {0} hexadecimal digits")]
    NotHex(usize),
}

/// UTF-8 text of at most `MAX` bytes, printable.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// Escapes what is not printable and cuts at `MAX` bytes, ending in `…` when cut.
    #[must_use]
    pub fn new(raw: &str) -> Self {
        let mut out = String::with_capacity(raw.len().min(MAX));
        // End of the last whole character or escape after which the ellipsis still fits.
        let mut cut_at = None;
        for c in raw.chars() {
            let fits = if is_printable(c) {
                push(&mut out, c.encode_utf8(&mut [0; 4]), MAX)
            } else {
                push(&mut out, &escape(c), MAX)
            };
            if !fits {
                if let Some(end) = cut_at {
                    out.truncate(end);
                    out.push('…');
                }
                break;
            }
            if out.len() + '…'.len_utf8() <= MAX {
                cut_at = Some(out.len());
            }
        }
        Text(out)
    }

    /// As [`Text::new`], for bytes of unknown encoding: what is not UTF-8 becomes `\xNN`.
    #[must_use]
    pub fn from_bytes(raw: &[u8]) -> Self {
        // Four output bytes per input byte are enough to fill any text.
        let mut text = String::new();
        for chunk in raw.get(..raw.len().min(MAX + 4)).unwrap_or(raw).utf8_chunks() {
            text.push_str(chunk.valid());
            for b in chunk.invalid() {
                text.push_str(&format!("\\x{b:02x}"));
            }
        }
        Self::new(&text)
    }

    /// Refuses what [`Text::new`] would have to change.
    pub fn parse(text: String) -> Result<Self, TextError> {
        if text.len() > MAX {
            return Err(TextError::TooLong { max: MAX, got: text.len() });
        }
        if !text.chars().all(is_printable) {
            return Err(TextError::Unprintable);
        }
        Ok(Text(text))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

fn push(out: &mut String, s: &str, max: usize) -> bool {
    let fits = out.len() + s.len() <= max;
    if fits {
        out.push_str(s);
    }
    fits
}

/// No controls, no line or paragraph separators, no bidirectional overrides, no invisible
/// joiners: a file name must look in the portal like what it is.
fn is_printable(c: char) -> bool {
    !(c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'))
}

fn escape(c: char) -> String {
    if c.is_ascii() { format!("\\x{:02x}", c as u32) } else { format!("\\u{{{:x}}}", c as u32) }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<const MAX: usize> From<&str> for Text<MAX> {
    fn from(raw: &str) -> Self {
        Self::new(raw)
    }
}

impl<const MAX: usize> Serialize for Text<MAX> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Text::parse(String::deserialize(d)?).map_err(de::Error::custom)
    }
}

impl<const MAX: usize> Reportable for Text<MAX> {
    fn shape() -> Shape {
        Shape::Text { max_bytes: MAX }
    }
}

/// A certificate or certificate request in PEM, at most 8 KiB of printable ASCII lines.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Pem(String);

impl Pem {
    pub const MAX_BYTES: usize = 8 << 10;

    pub fn parse(text: String) -> Result<Self, TextError> {
        if text.len() > Self::MAX_BYTES {
            return Err(TextError::TooLong { max: Self::MAX_BYTES, got: text.len() });
        }
        let plain = |b: u8| matches!(b, b' '..=b'~' | b'\n' | b'\r');
        if !text.bytes().all(plain) {
            return Err(TextError::Unprintable);
        }
        Ok(Pem(text))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pem({} bytes)", self.0.len())
    }
}

impl<'de> Deserialize<'de> for Pem {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Pem::parse(String::deserialize(d)?).map_err(de::Error::custom)
    }
}

/// At most `MAX` items; more are dropped when made, refused when read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct List<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> List<T, MAX> {
    #[must_use]
    pub fn new(items: impl IntoIterator<Item = T>) -> Self {
        List(items.into_iter().take(MAX).collect())
    }

    /// Appends unless full; tells whether it did.
    pub fn push(&mut self, item: T) -> bool {
        let room = self.0.len() < MAX;
        if room {
            self.0.push(item);
        }
        room
    }
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        List(Vec::new())
    }
}

impl<T, const MAX: usize> std::ops::Deref for List<T, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Items<T, const MAX: usize>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Items<T, MAX> {
            type Value = List<T, MAX>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MAX} items")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    if items.len() == MAX {
                        return Err(de::Error::custom(format!("more than {MAX} items")));
                    }
                    items.push(item);
                }
                Ok(List(items))
            }
        }
        d.deserialize_seq(Items::<T, MAX>(std::marker::PhantomData))
    }
}

impl<T: Reportable, const MAX: usize> Reportable for List<T, MAX> {
    fn shape() -> Shape {
        Shape::List { max: MAX, of: Box::new(T::shape()) }
    }
}

/// Makes a fixed number of bytes that are written as lower-case hexadecimal digits.
macro_rules! hex_bytes {
    ($(#[$doc:meta])* $name:ident, $len:literal, $sep:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; $len]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                for (i, b) in self.0.iter().enumerate() {
                    if i > 0 {
                        f.write_str($sep)?;
                    }
                    write!(f, "{b:02x}")?;
                }
                Ok(())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = TextError;
            fn from_str(text: &str) -> Result<Self, TextError> {
                parse_hex(text, $sep).map($name)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(de::Error::custom)
            }
        }

        impl Reportable for $name {
            fn shape() -> Shape {
                Shape::Hex { bytes: $len }
            }
        }
    };
}

hex_bytes!(
    /// A hardware address, `00:11:22:33:44:55`.
    MacAddr, 6, ":"
);
hex_bytes!(
    /// SHA-256 of a file.
    Sha256, 32, ""
);
hex_bytes!(
    /// MD5 of a file: only for looking it up elsewhere.
    Md5, 16, ""
);

fn parse_hex<const N: usize>(text: &str, sep: &str) -> Result<[u8; N], TextError> {
    let digits = if sep.is_empty() { text.to_owned() } else { text.replace(sep, "") };
    let bytes = digits.as_bytes();
    if bytes.len() != 2 * N {
        return Err(TextError::NotHex(2 * N));
    }
    let mut out = [0u8; N];
    for (to, pair) in out.iter_mut().zip(bytes.chunks_exact(2)) {
        let mut value = 0u32;
        for d in pair {
            value = value * 16 + (*d as char).to_digit(16).ok_or(TextError::NotHex(2 * N))?;
        }
        *to = u8::try_from(value).map_err(|_| TextError::NotHex(2 * N))?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_names_are_escaped_and_cut() {
        let name = Text::<34>::new("請求書\u{202e}fdp.exe\r\nX-Evil: 1");
        assert_eq!(name.as_str(), "請求書\\u{202e}fdp.exe\\x0d…");
        assert_eq!(Text::<255>::from_bytes(b"a\xff\0b").as_str(), "a\\xff\\x00b");
        assert_eq!(Text::<4>::new("abcde").as_str(), "a…");
        assert_eq!(Text::<2>::new("abcde").as_str(), "ab");
    }

    #[test]
    fn the_wire_refuses_what_the_constructor_would_change() {
        assert!(serde_json::from_str::<Text<3>>("\"abcd\"").is_err());
        assert!(serde_json::from_str::<Text<30>>("\"a\\nb\"").is_err());
        assert!(serde_json::from_str::<List<u8, 2>>("[1,2,3]").is_err());
        assert!(serde_json::from_str::<MacAddr>("\"00:11:22:33:44\"").is_err());
        let mac: MacAddr = serde_json::from_str("\"00:11:22:33:44:5f\"").unwrap();
        assert_eq!(mac, MacAddr([0, 0x11, 0x22, 0x33, 0x44, 0x5f]));
    }

    proptest! {
        #[test]
        fn every_text_made_here_is_accepted_there(raw in proptest::collection::vec(any::<u8>(), 0..80)) {
            let text = Text::<24>::from_bytes(&raw);
            prop_assert!(text.as_str().len() <= 24);
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(serde_json::from_str::<Text<24>>(&json).unwrap(), text);
        }
    }
}
