use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{Literal, LiteralSet};

fn literal(id: u32, bytes: &[u8]) -> Literal {
    Literal { id, bytes: bytes.to_vec(), nocase: false, min_start: 0, max_end: u32::MAX }
}

fn found(set: &LiteralSet, buffer: &[u8]) -> BTreeSet<u32> {
    let mut ids = BTreeSet::new();
    set.scan(buffer, &mut |id| {
        ids.insert(id);
    });
    ids
}

fn naive(literals: &[Literal], buffer: &[u8]) -> BTreeSet<u32> {
    let occurs = |l: &Literal| {
        buffer.windows(l.bytes.len()).enumerate().any(|(at, w)| {
            let equal = if l.nocase { w.eq_ignore_ascii_case(&l.bytes) } else { w == l.bytes.as_slice() };
            equal && at >= l.min_start as usize && at + w.len() <= l.max_end as usize
        })
    };
    literals.iter().filter(|l| !l.bytes.is_empty() && occurs(l)).map(|l| l.id).collect()
}

#[test]
fn finds_literals_of_every_length_and_case() {
    let mut all: Vec<Literal> = [&b"a"[..], b"GE", b"abc", b"EICAR", b"/etc/passwd", b"aaaaaaaa"]
        .iter()
        .zip(0..)
        .map(|(b, id)| literal(id, b))
        .collect();
    all.push(Literal { nocase: true, ..literal(9, b"User-Agent") });
    let set = LiteralSet::build(all.clone());
    for text in ["", "a", "xGEy", "GET /etc/passwd", "uSER-aGENT: EICAR", "aaaaaaaaa", "eicar"] {
        assert_eq!(found(&set, text.as_bytes()), naive(&all, text.as_bytes()), "{text}");
    }
}

#[test]
fn bounds_count_from_the_buffer_start() {
    let set = LiteralSet::build([
        Literal { max_end: 4, ..literal(1, b"GET ") },
        Literal { min_start: 4, ..literal(2, b"GET ") },
        Literal { max_end: 1, ..literal(3, b"G") },
    ]);
    assert_eq!(found(&set, b"GET /"), BTreeSet::from([1, 3]));
    assert_eq!(found(&set, b"XGET GET "), BTreeSet::from([2]));
}

#[test]
fn an_empty_set_and_an_empty_literal_find_nothing() {
    assert!(LiteralSet::build([]).is_empty());
    assert!(found(&LiteralSet::build([literal(1, b"")]), b"anything").is_empty());
}

#[test]
fn ten_thousand_literals_stay_small() {
    let set = LiteralSet::build((0..10_000).map(|n| literal(n, format!("x{n:05}-evil").as_bytes())));
    assert!(found(&set, b"GET /x00042-evil").contains(&42));
    assert!(set.memory_bytes() < 10_000 * 110, "{} bytes", set.memory_bytes());
}

/// Near the begin, or anywhere: the two are searched differently.
fn bounds() -> impl Strategy<Value = u32> {
    prop_oneof![3u32..40, Just(u32::MAX)]
}

proptest! {
    #[test]
    fn agrees_with_the_naive_search(
        words in prop::collection::vec(("[abAB\\x00\\xff]{1,7}", any::<bool>(), 0u32..4, bounds()), 1..30),
        text in "[abAB\\x00\\xff]{0,40}",
    ) {
        let literals: Vec<Literal> = words
            .into_iter()
            .zip(0..)
            .map(|((w, nocase, min_start, max_end), id)| Literal {
                id, bytes: w.into_bytes(), nocase, min_start, max_end,
            })
            .collect();
        let set = LiteralSet::build(literals.clone());
        prop_assert_eq!(found(&set, text.as_bytes()), naive(&literals, text.as_bytes()));
    }
}
