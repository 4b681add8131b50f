//! The shape of every message, so that a test can read what may leave a site (GW-05).
//!
//! Holds always: [`Reportable`] is implemented for numbers, booleans, addresses, times, hashes,
//! bounded texts, bounded lists, closed enumerations and structs of these. `String`, `Vec` and
//! byte slices have no implementation and must never get one.

use std::net::IpAddr;

use mimamori_base::{Timestamp, Zone};

/// What a field can hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    Number,
    Flag,
    Address,
    Hex { bytes: usize },
    Text { max_bytes: usize },
    Choice { names: &'static [&'static str] },
    Optional(Box<Shape>),
    List { max: usize, of: Box<Shape> },
    Object { name: &'static str, fields: Vec<(&'static str, Shape)> },
    OneOf(Vec<Shape>),
}

impl Shape {
    /// Upper bound of the free text inside, in bytes: what a message could smuggle at most.
    #[must_use]
    pub fn max_text_bytes(&self) -> usize {
        match self {
            Shape::Number | Shape::Flag | Shape::Address | Shape::Hex { .. } | Shape::Choice { .. } => 0,
            Shape::Text { max_bytes } => *max_bytes,
            Shape::Optional(inner) => inner.max_text_bytes(),
            Shape::List { max, of } => max.saturating_mul(of.max_text_bytes()),
            Shape::Object { fields, .. } => fields.iter().map(|(_, s)| s.max_text_bytes()).sum(),
            Shape::OneOf(all) => all.iter().map(Shape::max_text_bytes).max().unwrap_or(0),
        }
    }

    /// One line a leaf: `detection.file.name: text ≤ 255`.
    #[must_use]
    pub fn leaves(&self) -> Vec<String> {
        let mut out = Vec::new();
        self.walk("", &mut out);
        out
    }

    fn walk(&self, path: &str, out: &mut Vec<String>) {
        match self {
            Shape::Number => out.push(format!("{path}: number")),
            Shape::Flag => out.push(format!("{path}: flag")),
            Shape::Address => out.push(format!("{path}: address")),
            Shape::Hex { bytes } => out.push(format!("{path}: {bytes} bytes in hex")),
            Shape::Text { max_bytes } => out.push(format!("{path}: text ≤ {max_bytes}")),
            Shape::Choice { names } => out.push(format!("{path}: {}", names.join(" | "))),
            Shape::Optional(inner) => inner.walk(&format!("{path}?"), out),
            Shape::List { max, of } => of.walk(&format!("{path}[≤{max}]"), out),
            Shape::Object { name, fields } => {
                let base = if path.is_empty() { *name } else { path };
                for (field, shape) in fields {
                    shape.walk(&format!("{base}.{field}"), out);
                }
            }
            Shape::OneOf(all) => all.iter().for_each(|s| s.walk(path, out)),
        }
    }
}

/// A type that may stand in a report.
pub trait Reportable {
    fn shape() -> Shape;
}

macro_rules! plain {
    ($shape:ident: $($t:ty),*) => { $(impl Reportable for $t { fn shape() -> Shape { Shape::$shape } })* };
}
plain!(Number: u8, u16, u32, u64, i64, Timestamp);
plain!(Flag: bool);
plain!(Address: IpAddr);

impl Reportable for Zone {
    fn shape() -> Shape {
        Shape::Choice { names: &["wan", "lan", "primary_ssid", "secondary_ssid"] }
    }
}

impl<T: Reportable> Reportable for Option<T> {
    fn shape() -> Shape {
        Shape::Optional(Box::new(T::shape()))
    }
}

/// Declares a message struct together with its [`Shape`].
macro_rules! message {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$fmeta:meta])* pub $field:ident: $ty:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct $name { $($(#[$fmeta])* pub $field: $ty,)* }

        impl $crate::schema::Reportable for $name {
            fn shape() -> $crate::schema::Shape {
                $crate::schema::Shape::Object {
                    name: stringify!($name),
                    fields: vec![$((stringify!($field), <$ty as $crate::schema::Reportable>::shape()),)*],
                }
            }
        }
    };
}

/// Declares a closed enumeration. The last variant takes whatever a newer gateway may send.
macro_rules! choice {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::schema::Reportable for $name {
            fn shape() -> $crate::schema::Shape {
                $crate::schema::Shape::Choice { names: &[$($word,)*] }
            }
        }
    };
}

pub(crate) use {choice, message};
