//! Match lists against an oracle that tries every choice of places.

use mimamori_rules::{Content, Match, ParseContext, parse_rules};
use proptest::prelude::*;

use super::*;

fn list(options: &str) -> Vec<Match> {
    let set =
        parse_rules(&format!("alert tcp any any -> any any ({options} sid:1;)"), &ParseContext::default());
    assert_eq!(set.refused, [], "{options}");
    set.rules[0].buffers[0].matches.clone()
}

fn met_in(options: &str, buffer: &[u8], window: Window) -> bool {
    let mut sets = NoDatasets;
    let mut ctx = EvalContext::new(&mut sets);
    ctx.window = window;
    CompiledMatches::compile(&list(options)).unwrap().evaluate(buffer, &mut ctx)
}

fn met(options: &str, buffer: &[u8]) -> bool {
    met_in(options, buffer, Window::WHOLE)
}

/// Whether some choice of places meets the contents from `index` on.
fn oracle(contents: &[&Content], buffer: &[u8], anchor: usize) -> bool {
    let Some((c, rest)) = contents.split_first() else {
        return true;
    };
    let number = |v: Option<mimamori_rules::Value>| v.and_then(|v| v.constant());
    let len = c.pattern.len();
    let fits = |at: usize| {
        let (at_i, end_i, anchor) = (at as i64, (at + len) as i64, anchor as i64);
        let offset = number(c.offset).unwrap_or(0);
        let distance = number(c.distance).unwrap_or(0);
        let relative = c.is_relative();
        let after = if relative { at_i >= (anchor + distance).max(0) } else { at_i >= offset };
        let before = match (relative, number(c.within), number(c.depth)) {
            (true, Some(within), _) => end_i <= anchor + distance + within,
            (false, _, Some(depth)) => end_i <= offset + depth,
            _ => true,
        };
        let text = &buffer[at..at + len];
        let same = if c.nocase { text.eq_ignore_ascii_case(&c.pattern) } else { *text == *c.pattern };
        after && before && same && (!c.startswith || at == 0) && (!c.endswith || at + len == buffer.len())
    };
    let places: Vec<usize> = (0..(buffer.len() + 1).saturating_sub(len)).filter(|at| fits(*at)).collect();
    if c.negated {
        return places.is_empty() && oracle(rest, buffer, anchor);
    }
    places.iter().any(|at| oracle(rest, buffer, at + len))
}

fn content_text() -> impl Strategy<Value = String> {
    let place = prop_oneof![
        Just(String::new()),
        (0..4).prop_map(|n| format!("offset:{n};")),
        (3..8).prop_map(|n| format!("depth:{n};")),
        (0..4, 3..6).prop_map(|(o, d)| format!("offset:{o}; depth:{d};")),
        (-3..4).prop_map(|n| format!("distance:{n};")),
        (3..7).prop_map(|n| format!("within:{n};")),
        (-2..4, 3..6).prop_map(|(d, w)| format!("distance:{d}; within:{w};")),
        Just("startswith;".to_owned()),
        Just("endswith;".to_owned()),
    ];
    ("[abA]{1,3}", place, any::<bool>()).prop_map(|(p, place, nocase)| {
        format!("content:\"{p}\"; {place} {}", if nocase { "nocase;" } else { "" })
    })
}

proptest! {
    #[test]
    fn contents_agree_with_the_oracle(
        contents in prop::collection::vec(content_text(), 1..5),
        negated_last: bool,
        buffer in "[abAB]{0,14}",
    ) {
        let mut contents = contents;
        if negated_last {
            let last = contents.len() - 1;
            contents[last] = contents[last].replacen("content:", "content:!", 1);
        }
        let options = contents.join(" ");
        let list = list(&options);
        let contents: Vec<&Content> = list
            .iter()
            .map(|m| match m { Match::Content(c) => c, other => panic!("{other:?}") })
            .collect();
        prop_assert_eq!(met(&options, buffer.as_bytes()), oracle(&contents, buffer.as_bytes(), 0), "{}", options);
    }

    #[test]
    fn steps_are_bounded(buffer in "a{0,3000}") {
        // Each content is tried at each place of the one before: without a bound, a cubic search.
        let options = "content:\"a\"; content:\"a\"; distance:1; content:\"a\"; distance:1; content:\"b\"; distance:1;";
        prop_assert!(!met(options, buffer.as_bytes()));
    }
}

#[test]
fn numbers_move_and_fill() {
    for (options, buffer, want) in [
        ("byte_test:2,=,0x4142,0;", &b"AB"[..], true),
        ("byte_test:2,=,0x4241,0,little;", b"AB", true),
        ("byte_test:2,=,1,1;", b"AB", false),
        ("byte_test:1,!=,0x41,0;", b"A", false),
        ("byte_test:1,&,0x40,0;", b"A", true),
        ("byte_test:1,!&,0x80,0;", b"A", true),
        ("byte_test:1,=,4,0,bitmask 0xf0;", b"A", true),
        ("content:\"n=\"; byte_test:0,>,99,0,relative,string,dec;", b"n=100;", true),
        ("content:\"x\"; byte_test:1,=,2,-1,relative;", b"x\x02", false),
        ("content:\"L\"; byte_jump:1,0,relative; content:\"E\"; within:1;", b"L\x02abE", true),
        ("content:\"L\"; byte_jump:1,0,relative; content:\"E\"; within:1;", b"L\x03abE", false),
        ("byte_jump:1,0,from_beginning; content:\"E\"; within:1;", b"\x03..E", true),
        ("byte_jump:1,0,align; content:\"E\"; within:1;", b"\x02....E", true),
        ("byte_jump:0,0,from_end,post_offset -1; content:\"E\"; within:1;", b"abcE", true),
        ("byte_extract:1,0,n; content:\"E\"; offset:n;", b"\x03..E", true),
        ("byte_extract:1,0,n; content:\"E\"; offset:n;", b"\x04..E", false),
        ("byte_extract:1,0,n,multiplier 2; byte_test:1,=,n,1;", b"\x03\x06", true),
        ("byte_math:bytes 1, offset 0, oper *, rvalue 3, result n; byte_test:1,=,n,1;", b"\x02\x06", true),
        ("content:\"a\"; isdataat:!1,relative;", b"ba", true),
        ("content:\"a\"; isdataat:!1,relative;", b"ab", false),
        ("content:\"a\"; isdataat:!1,relative;", b"aba", true),
        ("isdataat:2;", b"abc", true),
        ("isdataat:3;", b"abc", false),
        (
            "content:\"b=\"; base64_decode:relative; base64_data; content:\"foo\"; startswith;",
            b"b=Zm9vYg==",
            true,
        ),
        ("content:\"a\"; pcre:\"/^b+c/R\";", b"axabbc", true),
        ("pcre:\"/a./\"; content:\"c\"; within:1;", b"ab axc", true),
        ("content:\"a\"; content:!\"b\"; within:1;", b"abac", true),
        ("content:\"a\"; content:!\"b\"; within:1;", b"abab", false),
    ] {
        assert_eq!(met(options, buffer), want, "{options} on {buffer:?}");
    }
}

#[test]
fn a_window_knows_its_place() {
    let later = Window { offset: 10, end: false };
    assert!(met_in("content:\"b\"; depth:13;", b"ab", later));
    assert!(!met_in("content:\"b\"; depth:10;", b"ab", later));
    assert!(!met_in("content:!\"x\"; depth:5;", b"ab", later));
    assert!(met_in("content:\"b\";", b"ab", later));
}
