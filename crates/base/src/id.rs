//! Typed identifiers: 16 random-or-time-ordered bytes, written as 32 hexadecimal digits.

use crate::rng::Rng;
use crate::time::Timestamp;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id is 32 hexadecimal digits")]
pub struct InvalidId;

/// Makes an id type of its own for each kind of thing, so that ids cannot be mixed up.
#[macro_export]
macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// A new id: 48 bits of milliseconds, then 80 random bits, so that ids sort by time.
            pub fn generate(now: $crate::Timestamp, rng: &dyn $crate::Rng) -> Self {
                Self($crate::id::time_ordered(now, rng))
            }

            pub fn parse(text: &str) -> Result<Self, $crate::id::InvalidId> {
                $crate::id::from_hex(text).map(Self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                for b in self.0 {
                    write!(f, "{b:02x}")?;
                }
                Ok(())
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::id::InvalidId;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::id::InvalidId;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }
    };
}

/// 16 bytes whose first six are the milliseconds of `now`, big-endian.
pub fn time_ordered(now: Timestamp, rng: &dyn Rng) -> [u8; 16] {
    let mut id = [0u8; 16];
    rng.fill(&mut id);
    let ms = now.micros().div_euclid(1_000).to_be_bytes();
    for (to, from) in id.iter_mut().zip(ms.iter().skip(2)) {
        *to = *from;
    }
    id
}

pub fn from_hex(text: &str) -> Result<[u8; 16], InvalidId> {
    let digits = text.as_bytes();
    if digits.len() != 32 {
        return Err(InvalidId);
    }
    let mut id = [0u8; 16];
    for (to, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        let mut value = 0u8;
        for d in pair {
            let nibble = (*d as char).to_digit(16).ok_or(InvalidId)?;
            value = (value << 4) | u8::try_from(nibble).map_err(|_| InvalidId)?;
        }
        *to = value;
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SeededRng;

    typed_id!(ThingId);

    #[test]
    fn ids_round_trip_and_sort_by_time() {
        let rng = SeededRng::new(7);
        let a = ThingId::generate(Timestamp::from_secs(10), &rng);
        let b = ThingId::generate(Timestamp::from_secs(11), &rng);
        assert!(a < b);
        assert_eq!(ThingId::parse(&a.to_string()), Ok(a));
        assert_eq!(ThingId::parse("xyz"), Err(InvalidId));
        assert_eq!(ThingId::parse(&"g".repeat(32)), Err(InvalidId));
    }
}
