//! Algebra of sorted, disjoint, inclusive ranges.

/// A type whose values can be stepped.
pub trait Step: Ord + Copy {
    const MIN: Self;
    const MAX: Self;
    fn up(self) -> Option<Self>;
    fn down(self) -> Option<Self>;
}

macro_rules! step {
    ($($t:ty),+) => {$(
        impl Step for $t {
            const MIN: Self = <$t>::MIN;
            const MAX: Self = <$t>::MAX;
            fn up(self) -> Option<Self> { self.checked_add(1) }
            fn down(self) -> Option<Self> { self.checked_sub(1) }
        }
    )+};
}
step!(u16, u32, u128);

pub fn contains<T: Step>(ranges: &[(T, T)], x: T) -> bool {
    let after = ranges.partition_point(|r| r.0 <= x);
    after.checked_sub(1).and_then(|i| ranges.get(i)).is_some_and(|r| x <= r.1)
}

/// Sorted and merged; adjacent ranges become one.
pub fn normalise<T: Step>(mut ranges: Vec<(T, T)>) -> Vec<(T, T)> {
    ranges.sort_unstable();
    let mut out: Vec<(T, T)> = Vec::with_capacity(ranges.len());
    for (lo, hi) in ranges {
        match out.last_mut() {
            Some(last) if last.1.up().is_none_or(|next| lo <= next) => last.1 = last.1.max(hi),
            _ => out.push((lo, hi)),
        }
    }
    out
}

/// What `ranges` (normalised) leave out.
pub fn complement<T: Step>(ranges: &[(T, T)]) -> Vec<(T, T)> {
    let mut out = Vec::with_capacity(ranges.len() + 1);
    let mut next = Some(T::MIN);
    for &(lo, hi) in ranges {
        if let (Some(from), Some(to)) = (next, lo.down())
            && from <= to
        {
            out.push((from, to));
        }
        next = hi.up();
    }
    if let Some(from) = next {
        out.push((from, T::MAX));
    }
    out
}

/// What both have in common (both normalised).
pub fn intersect<T: Step>(a: &[(T, T)], b: &[(T, T)]) -> Vec<(T, T)> {
    let mut out = Vec::new();
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
        let (lo, hi) = (x.0.max(y.0), x.1.min(y.1));
        if lo <= hi {
            out.push((lo, hi));
        }
        if x.1 < y.1 {
            a.next();
        } else {
            b.next();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn algebra_agrees_with_sets(a in prop::collection::vec((0u16..40, 0u16..8), 0..6),
                                    b in prop::collection::vec((0u16..40, 0u16..8), 0..6)) {
            let a = normalise(a.into_iter().map(|(l, n)| (l, l + n)).collect());
            let b = normalise(b.into_iter().map(|(l, n)| (l, l + n)).collect());
            let both = intersect(&a, &b);
            let not_a = complement(&a);
            for x in 0u16..60 {
                prop_assert_eq!(contains(&both, x), contains(&a, x) && contains(&b, x));
                prop_assert_eq!(contains(&not_a, x), !contains(&a, x));
            }
            prop_assert_eq!(complement(&not_a), a);
        }
    }

    #[test]
    fn ends_of_the_type_are_kept() {
        assert_eq!(complement::<u16>(&[]), vec![(0, u16::MAX)]);
        assert_eq!(complement(&[(0u16, u16::MAX)]), vec![]);
        assert_eq!(complement(&[(5u16, u16::MAX)]), vec![(0, 4)]);
    }
}
