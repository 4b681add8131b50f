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
    /// At least one, or there is none.
    OrAbsent,
    /// The one at this place; negative counts from the end.
    Index(i32),
    /// The same, and it holds too where there is no such place (`oob_or`).
    IndexOrOutside(i32),
    /// How many there are compares, not their values.
    Count,
    /// How many compare with the inner comparison (`nb`).
    Counted(NumberCmp),
}

/// What must hold of a list of numbers: which of them, and of which stretch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NumbersTest {
    pub cmp: NumberCmp,
    pub which: Which,
    /// Begin and end (exclusive) of the stretch; negative counts from the end. A place outside
    /// the list leaves nothing.
    pub slice: Option<(i32, i32)>,
}

impl NumbersTest {
    /// Any number compares.
    #[must_use]
    pub const fn any(cmp: NumberCmp) -> NumbersTest {
        NumbersTest { cmp, which: Which::Any, slice: None }
    }

    /// Whether the answer can only be given once the list is complete.
    #[must_use]
    pub const fn waits(self) -> bool {
        matches!(self.which, Which::All | Which::AllOrAbsent | Which::Count | Which::Counted(_))
    }

    #[must_use]
    pub fn holds(self, all: &[u64]) -> bool {
        let have = match self.slice {
            None => all,
            Some((begin, end)) => place(all, begin)
                .zip(place(all, end))
                .and_then(|(begin, end)| all.get(begin..end))
                .unwrap_or_default(),
        };
        let test = |n: &u64| self.cmp.test(*n);
        match self.which {
            Which::Any => have.iter().any(test),
            Which::All => !have.is_empty() && have.iter().all(test),
            Which::AllOrAbsent => have.iter().all(test),
            Which::OrAbsent => have.is_empty() || have.iter().any(test),
            Which::Index(i) => at(have, i).is_some_and(test),
            Which::IndexOrOutside(i) => at(have, i).is_none_or(test),
            Which::Count => self.cmp.test(have.len() as u64),
            Which::Counted(times) => times.test(have.iter().filter(|n| test(n)).count() as u64),
        }
    }
}

fn at(list: &[u64], index: i32) -> Option<&u64> {
    list.get(place(list, index)?)
}

/// The place that `index` means, which may be just behind the last.
fn place(list: &[u64], index: i32) -> Option<usize> {
    let distance = usize::try_from(index.unsigned_abs()).ok()?;
    if index < 0 { list.len().checked_sub(distance) } else { Some(distance).filter(|at| *at <= list.len()) }
}

/// A number field of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NumberCheck {
    pub field: Field,
    pub test: NumbersTest,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_numbers_are_meant() {
        let holds =
            |which, slice, have: &[u64]| NumbersTest { cmp: NumberCmp::Gt(3), which, slice }.holds(have);
        let all = [1, 2, 3, 4, 5, 6];
        assert!(holds(Which::Any, None, &all) && !holds(Which::All, None, &all));
        assert!(holds(Which::All, None, &[4, 9]) && !holds(Which::All, None, &[]));
        assert!(holds(Which::AllOrAbsent, None, &[]) && holds(Which::OrAbsent, None, &[]));
        assert!(!holds(Which::OrAbsent, None, &[1]) && holds(Which::OrAbsent, None, &[1, 4]));
        assert!(holds(Which::Index(3), None, &all) && holds(Which::Index(-1), None, &all));
        assert!(!holds(Which::Index(2), None, &all) && !holds(Which::Index(6), None, &all));
        assert!(holds(Which::IndexOrOutside(6), None, &all) && !holds(Which::IndexOrOutside(0), None, &all));
        assert!(holds(Which::Counted(NumberCmp::Eq(3)), None, &all));
        assert!(!holds(Which::Counted(NumberCmp::Gt(3)), None, &all));
        assert!(holds(Which::Count, None, &all) && !holds(Which::Count, None, &[9, 9, 9]));
    }

    /// The examples of the user guide, over [1, 2, 3, 4, 5, 6].
    #[test]
    fn stretches_of_a_list() {
        let all = [1, 2, 3, 4, 5, 6];
        for (slice, have) in
            [((2, 4), vec![3, 4]), ((-4, -1), vec![3, 4, 5]), ((3, -1), vec![4, 5]), ((-4, 4), vec![3, 4])]
        {
            for n in all {
                let test = NumbersTest { cmp: NumberCmp::Eq(n), which: Which::Any, slice: Some(slice) };
                assert_eq!(test.holds(&all), have.contains(&n), "{n} in {slice:?}");
            }
        }
        let outside = NumbersTest { cmp: NumberCmp::Ge(0), which: Which::Any, slice: Some((0, 9)) };
        assert!(!outside.holds(&all));
    }
}
