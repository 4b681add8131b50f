//! Comparing a company with all the others so that no other can be told from it (PT-05).
//!
//! Holds always: a cell is made of at least [`K`] companies; who stands behind cells changes only
//! by groups of [`K`] or more; the largest values of a class are cut to one that several have, and
//! its sum carries noise as large as the most that any company adds, so that differences of cells
//! (two periods, two classes, two months) tell less than one company's share. Deliberately not
//! here: reading counts and keeping cells (`store`), when cells are made (`service`).
//!
//! Why this is enough, and what it does not keep: docs/comparison.md.

use std::collections::{BTreeMap, BTreeSet};

use mimamori_base::Rng;
use serde::{Deserialize, Serialize};

use crate::coded::coded;
use crate::detection::DetectionKind;
use crate::ids::CustomerId;

/// Companies that must stand behind every cell, and that join or leave together at least.
pub const K: usize = 10;
/// The longest period, and how long a company takes part before it is counted.
pub const DAYS_MAX: i64 = 90;
/// Companies that are counted at most; later ones wait.
pub const COHORT_MAX: usize = 20_000;

coded!(
    /// How large a company is, by the devices behind its gateways.
    SizeClass {
        UpTo9 = "upto9", "機器9台まで";
        UpTo29 = "upto29", "機器10〜29台";
        UpTo99 = "upto99", "機器30〜99台";
        Over99 = "over99", "機器100台以上";
    }
);

impl SizeClass {
    #[must_use]
    pub const fn of(devices: u64) -> Self {
        match devices {
            0..=9 => SizeClass::UpTo9,
            10..=29 => SizeClass::UpTo29,
            30..=99 => SizeClass::UpTo99,
            _ => SizeClass::Over99,
        }
    }
}

/// What is counted: one kind of detection, all of them, or alerts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Measure {
    Detections,
    Alerts,
    Kind(DetectionKind),
}

impl Measure {
    /// All of them, in the order of pages.
    pub fn all() -> impl Iterator<Item = Measure> {
        [Measure::Detections, Measure::Alerts]
            .into_iter()
            .chain(DetectionKind::ALL.iter().map(|kind| Measure::Kind(*kind)))
    }

    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Measure::Detections => "detections",
            Measure::Alerts => "alerts",
            Measure::Kind(kind) => kind.code(),
        }
    }

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Measure::Detections => "検知の合計",
            Measure::Alerts => "アラート",
            Measure::Kind(kind) => kind.label(),
        }
    }
}

/// One company that is counted, and as which size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Member {
    pub customer: CustomerId,
    pub class: SizeClass,
}

/// The companies counted from now on: those of `now`, moved towards `wanted` (who could be
/// counted, by today's size) only by groups of [`K`] or more that go the same way, and so that
/// every class keeps nobody or [`K`]. Whoever does not fit waits.
#[must_use]
pub fn next_cohort(now: &[Member], wanted: &[Member]) -> Vec<Member> {
    let mut classes: BTreeMap<CustomerId, SizeClass> = now.iter().map(|m| (m.customer, m.class)).collect();
    let target: BTreeMap<CustomerId, SizeClass> = wanted.iter().map(|m| (m.customer, m.class)).collect();
    let mut flows: BTreeMap<(Option<SizeClass>, Option<SizeClass>), Vec<CustomerId>> = BTreeMap::new();
    let everybody: BTreeSet<CustomerId> = classes.keys().chain(target.keys()).copied().collect();
    for customer in everybody {
        let (from, to) = (classes.get(&customer).copied(), target.get(&customer).copied());
        if from != to {
            flows.entry((from, to)).or_default().push(customer);
        }
    }
    for ((from, to), mut group) in flows {
        if from.is_none() {
            group.truncate(COHORT_MAX.saturating_sub(classes.len()));
        }
        let left = from.map_or(0, |class| classes.values().filter(|c| **c == class).count() - group.len());
        if group.len() < K || (left != 0 && left < K) {
            continue;
        }
        for customer in group {
            match to {
                Some(class) => classes.insert(customer, class),
                None => classes.remove(&customer),
            };
        }
    }
    classes.into_iter().map(|(customer, class)| Member { customer, class }).collect()
}

/// What may be shown of many companies, in hundredths.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "[u64; 4]", into = "[u64; 4]")]
pub struct Cell {
    pub mean: u64,
    pub lower: u64,
    pub median: u64,
    pub upper: u64,
}

impl From<[u64; 4]> for Cell {
    fn from([mean, lower, median, upper]: [u64; 4]) -> Self {
        Cell { mean, lower, median, upper }
    }
}

impl From<Cell> for [u64; 4] {
    fn from(c: Cell) -> Self {
        [c.mean, c.lower, c.median, c.upper]
    }
}

/// Of one period and class, or of all classes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Cells {
    /// Rounded down to tens.
    pub companies: u64,
    pub per_company: BTreeMap<String, Cell>,
    pub per_gateway: BTreeMap<String, Cell>,
}

/// The values of one class for one measure, on their way to cells.
#[derive(Debug)]
pub struct ClassSum {
    sorted: Vec<u64>,
    /// Cut and with noise.
    total: u64,
}

impl ClassSum {
    /// `None`: fewer than [`K`] companies.
    #[must_use]
    pub fn new(mut values: Vec<u64>, rng: &dyn Rng) -> Option<Self> {
        if values.len() < K {
            return None;
        }
        values.sort_unstable();
        let n = values.len();
        // At least two companies have more than, or as much as, what values are cut to.
        let cut = values.get(n - 1 - (n / 100).max(2)).copied().unwrap_or(0);
        let total: u64 = values.iter().map(|v| (*v).min(cut)).fold(0, u64::saturating_add);
        let noise = rng.next_u64() % (cut.saturating_mul(2).saturating_add(1));
        let total = total.saturating_add(noise).saturating_sub(cut);
        Some(ClassSum { sorted: values, total })
    }
}

/// The cell of several classes together; of one class if there is one. Made from the same cut
/// and noisy sums, so that classes and their union tell no more together.
#[must_use]
pub fn cell(classes: &[&ClassSum]) -> Option<Cell> {
    let mut all: Vec<u64> = classes.iter().flat_map(|c| c.sorted.iter().copied()).collect();
    if all.len() < K {
        return None;
    }
    if classes.len() > 1 {
        all.sort_unstable();
    }
    let n = u64::try_from(all.len()).unwrap_or(u64::MAX);
    let total = classes.iter().map(|c| c.total).fold(0, u64::saturating_add);
    Some(Cell {
        mean: rounded(total / n),
        lower: rounded(quantile(&all, 1)),
        median: rounded(quantile(&all, 2)),
        upper: rounded(quantile(&all, 3)),
    })
}

/// The value below which `quarters` quarters lie, between two neighbours in proportion.
fn quantile(sorted: &[u64], quarters: usize) -> u64 {
    let place = sorted.len().saturating_sub(1) * quarters;
    let (index, rest) = (place / 4, u64::try_from(place % 4).unwrap_or(0));
    let low = sorted.get(index).copied().unwrap_or(0);
    let high = sorted.get(index + 1).copied().unwrap_or(low);
    low + (high - low) / 4 * rest + (high - low) % 4 * rest / 4
}

/// To two digits: `12,345` becomes `12,000`.
fn rounded(value: u64) -> u64 {
    let mut unit = 1_u64;
    while value / unit >= 100 {
        unit = unit.saturating_mul(10);
    }
    (value.saturating_add(unit / 2) / unit).saturating_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mimamori_base::{SeededRng, Timestamp};
    use proptest::prelude::*;

    fn companies(n: usize, class: SizeClass, seed: u64) -> Vec<Member> {
        let rng = SeededRng::new(seed);
        (0..n)
            .map(|_| Member { customer: CustomerId::generate(Timestamp::from_secs(0), &rng), class })
            .collect()
    }

    fn size(cohort: &[Member], class: SizeClass) -> usize {
        cohort.iter().filter(|m| m.class == class).count()
    }

    #[test]
    fn nine_wait_and_ten_come_together() {
        let nine = companies(9, SizeClass::UpTo9, 1);
        assert_eq!(next_cohort(&[], &nine), vec![]);
        let ten = companies(10, SizeClass::UpTo9, 1);
        let cohort = next_cohort(&[], &ten);
        assert_eq!(cohort.len(), 10);
        // One more waits; one that left stays until others leave with it.
        let eleven = companies(11, SizeClass::UpTo9, 1);
        assert_eq!(next_cohort(&cohort, &eleven).len(), 10);
        assert_eq!(next_cohort(&cohort, &nine).len(), 10);
        // All ten leave.
        assert!(next_cohort(&cohort, &[]).is_empty());
    }

    #[test]
    fn a_class_is_not_left_with_a_few() {
        let fifteen = next_cohort(&[], &companies(15, SizeClass::UpTo9, 1));
        let mut grown = fifteen.clone();
        for m in grown.iter_mut().take(10) {
            m.class = SizeClass::UpTo29;
        }
        let next = next_cohort(&fifteen, &grown);
        assert_eq!(
            (size(&next, SizeClass::UpTo9), size(&next, SizeClass::UpTo29)),
            (15, 0),
            "five would be left"
        );
        for m in &mut grown {
            m.class = SizeClass::UpTo29;
        }
        assert_eq!(size(&next_cohort(&fifteen, &grown), SizeClass::UpTo29), 15);
    }

    #[test]
    fn one_giant_moves_the_cell_by_no_more_than_the_third_largest() {
        let of = |giant: u64| {
            let mut values: Vec<u64> = (1..=30).map(|n| n * 100).collect();
            values.push(giant);
            cell(&[&ClassSum::new(values, &SeededRng::new(5)).expect("enough")]).expect("enough")
        };
        assert_eq!(of(1_000_000), of(1_000_000_000), "its size shows nowhere");
        assert!(of(1_000_000).mean < 3_000);
    }

    #[test]
    fn nothing_is_told_of_nine() {
        assert!(ClassSum::new(vec![100; 9], &SeededRng::new(1)).is_none());
        assert!(cell(&[]).is_none());
    }

    #[test]
    fn quarters_lie_where_they_should() {
        let sums = ClassSum::new((0..=20).map(|n| n * 100).collect(), &SeededRng::new(1)).expect("enough");
        let cell = cell(&[&sums]).expect("enough");
        assert_eq!((cell.lower, cell.median, cell.upper), (500, 1_000, 1_500));
        assert_eq!([rounded(99), rounded(104), rounded(12_345), rounded(0)], [99, 100, 12_000, 0]);
    }

    /// Total of a cell as an attacker who knows the number of companies works it out.
    fn total(values: &[u64], rng: &SeededRng) -> i128 {
        i128::from(ClassSum::new(values.to_vec(), rng).expect("enough").total)
    }

    proptest! {
        /// Somebody sees two cells that differ by one company, which must not happen, and
        /// subtracts: the difference says no more than what chance alone makes of it.
        #[test]
        fn the_difference_of_two_cells_does_not_tell_whether_one_company_had_any(
            others in proptest::collection::vec(0_u64..2_000, 12..60),
            seed in any::<u64>(),
            secret in 0_u64..1_000_000,
        ) {
            let mut sorted = others.clone();
            sorted.sort_unstable();
            let most = i128::from(sorted[sorted.len() - 2]);
            let mut with = others.clone();
            with.push(secret);
            let rng = SeededRng::new(seed);
            let told = total(&with, &rng) - total(&others, &rng);
            // What one company can add is at most `most` more; noise of both is that large.
            prop_assert!(told.abs() <= 4 * most + 4);
        }

        #[test]
        fn every_step_moves_ten_or_nobody(
            before in proptest::collection::vec(0_usize..4, 0..80),
            after in proptest::collection::vec(proptest::option::of(0_usize..4), 80),
        ) {
            let class = |i: usize| SizeClass::ALL[i];
            let all = companies(80, SizeClass::UpTo9, 7);
            let first: Vec<Member> =
                before.iter().zip(&all).map(|(c, m)| Member { class: class(*c), ..*m }).collect();
            let now = next_cohort(&[], &first);
            let wanted: Vec<Member> = after
                .iter()
                .zip(&all)
                .filter_map(|(c, m)| Some(Member { class: class((*c)?), ..*m }))
                .collect();
            let next = next_cohort(&now, &wanted);
            let mut moves: BTreeMap<_, usize> = BTreeMap::new();
            for m in &all {
                let of = |c: &[Member]| c.iter().find(|x| x.customer == m.customer).map(|x| x.class);
                if of(&now) != of(&next) {
                    *moves.entry((of(&now), of(&next))).or_default() += 1;
                }
            }
            prop_assert!(moves.values().all(|n| *n >= K), "{moves:?}");
            for class in SizeClass::ALL {
                let n = size(&next, *class);
                prop_assert!(n == 0 || n >= K, "{class:?} has {n}");
            }
        }
    }
}
