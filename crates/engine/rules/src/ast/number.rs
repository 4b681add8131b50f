//! Comparisons of numbers.

use mimamori_applayer::Field;

/// Unsigned comparison. Ranges are exclusive on both sides, as the rule language has it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NumberCmp {
    Eq(u64),
    Ne(u64),
    Lt(u64),
    Le(u64),
    Gt(u64),
    Ge(u64),
    /// `a<>b`: a < n < b.
    Between(u64, u64),
    /// `!a<>b`
    NotBetween(u64, u64),
    /// `&m=v`: (n & m) == v
    MaskEq(u64, u64),
    /// `&m!=v`
    MaskNe(u64, u64),
}

impl NumberCmp {
    #[must_use]
    pub const fn test(self, n: u64) -> bool {
        match self {
            NumberCmp::Eq(v) => n == v,
            NumberCmp::Ne(v) => n != v,
            NumberCmp::Lt(v) => n < v,
            NumberCmp::Le(v) => n <= v,
            NumberCmp::Gt(v) => n > v,
            NumberCmp::Ge(v) => n >= v,
            NumberCmp::Between(a, b) => n > a && n < b,
            NumberCmp::NotBetween(a, b) => !(n > a && n < b),
            NumberCmp::MaskEq(m, v) => n & m == v,
            NumberCmp::MaskNe(m, v) => n & m != v,
        }
    }
}

/// Comparison of fractions (`entropy`).
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum FloatCmp {
    Eq(f64),
    Ne(f64),
    Lt(f64),
    Le(f64),
    Gt(f64),
    Ge(f64),
    /// Exclusive.
    Between(f64, f64),
    NotBetween(f64, f64),
}

impl FloatCmp {
    #[must_use]
    pub fn test(self, n: f64) -> bool {
        match self {
            FloatCmp::Eq(v) => (n - v).abs() < 1e-9,
            FloatCmp::Ne(v) => (n - v).abs() >= 1e-9,
            FloatCmp::Lt(v) => n < v,
            FloatCmp::Le(v) => n <= v,
            FloatCmp::Gt(v) => n > v,
            FloatCmp::Ge(v) => n >= v,
            FloatCmp::Between(a, b) => n > a && n < b,
            FloatCmp::NotBetween(a, b) => !(n > a && n < b),
        }
    }
}

/// Which of several numbers of a field must compare.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Which {
    /// At least one.
    #[default]
    Any,
    /// All, and there is at least one.
    All,
    /// All, if there is any.
    AllOrAbsent,
    /// The one at this place; negative counts from the end.
    Index(i32),
    /// How many there are compares, not their values.
    Count,
    /// How many compare with the inner comparison.
    Counted,
}

/// A number field of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NumberCheck {
    pub field: Field,
    pub cmp: NumberCmp,
    pub which: Which,
}
