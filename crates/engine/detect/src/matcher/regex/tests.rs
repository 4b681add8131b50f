use super::*;
use crate::matcher::NoDatasets;

fn hit(pattern: &str, flags: &str, text: &[u8]) -> Option<(usize, usize)> {
    let p = Pcre {
        pattern: pattern.into(),
        nocase: flags.contains('i'),
        dot_all: flags.contains('s'),
        multiline: flags.contains('m'),
        extended: flags.contains('x'),
        anchored: flags.contains('A'),
        dollar_end_only: flags.contains('E'),
        ungreedy: flags.contains('G'),
        relative_next: true,
        ..Pcre::default()
    };
    let e = Expression::new(&p).unwrap();
    e.check().unwrap();
    let mut sets = NoDatasets;
    match e.look(text, 0, None, &mut EvalContext::new(&mut sets)) {
        Hit::At { start, end } => Some((start, end)),
        _ => None,
    }
}

#[test]
fn pcre_syntax_means_what_it_means_there() {
    for (pattern, flags, text, want) in [
        ("a.c", "", "xabc", Some((1, 4))),
        ("a.c", "", "a\nc", None),
        ("a.c", "s", "a\nc", Some((0, 3))),
        ("A b # c\n c", "xi", "abc", Some((0, 3))),
        ("^b", "m", "a\nb", Some((2, 3))),
        ("^b", "", "a\nb", None),
        ("b$", "E", "b\n", None),
        ("[]a]+", "", "x]a]", Some((1, 4))),
        ("[^\\]]+", "", "]ab]", Some((1, 3))),
        ("[[:digit:]a-c-]+", "", "x1-b", Some((1, 4))),
        ("[a\\]b]", "", "]", Some((0, 1))),
        ("[&&x~~[]+", "", "&[~", Some((0, 3))),
        ("a{2,3}", "", "aaaa", Some((0, 3))),
        ("a{,3}", "", "a{,3}", Some((0, 5))),
        ("a{x", "", "a{x", Some((0, 3))),
        ("a+?", "", "aaa", Some((0, 1))),
        ("a+", "G", "aaa", Some((0, 1))),
        ("\\x41\\x{42}\\103\\/\\-\\_\\<", "", "ABC/-_<", Some((0, 7))),
        ("\\Qa.b\\E+", "", "a.bb", Some((0, 4))),
        ("\\bfoo\\b", "", "a foo", Some((2, 5))),
        ("(?i)foo(?-i)bar", "", "FOObar", Some((0, 6))),
        ("(?i:foo)bar", "", "FOObar", Some((0, 6))),
        ("(?:a|b)(?#no)c", "", "bc", Some((0, 2))),
        ("(?=b)b", "", "ab", Some((1, 2))),
        ("(?<!a)b", "", "abb", Some((2, 3))),
        ("(a|b)\\1", "", "abb", Some((1, 3))),
        ("(?P<q>['\"]).*?(?P=q)", "", "x'a'b'", Some((1, 4))),
        ("a++b", "", "aab", Some((0, 3))),
        ("(?>a+)a", "", "aaa", None),
        ("\\s\\S\\d\\D\\w\\W", "", " a1b_.", Some((0, 6))),
        ("a|", "", "b", Some((0, 0))),
        ("b", "A", "ab", None),
    ] {
        assert_eq!(hit(pattern, flags, text.as_bytes()), want, "{pattern} /{flags}");
    }
}

#[test]
fn bytes_are_bytes() {
    assert_eq!(hit("\\xff[\\x80-\\xfe]", "", &[1, 0xff, 0x90]), Some((1, 3)));
    assert_eq!(hit("(?<=\\xff)[^\\x00]$", "", &[1, 0xff, 0x90]), Some((2, 3)));
    assert_eq!(hit("[^a]", "i", b"aA\xe9"), Some((2, 3)));
}

#[test]
fn wrong_expressions_are_refused() {
    for pattern in ["(", ")", "[a", "*a", "a**", "(?P<a", "\\", "(?&x)", "(*UTF8)a", "[z-a]", "\\p{L}"] {
        let p = Pcre { pattern: pattern.into(), ..Pcre::default() };
        let wrong = Expression::new(&p).and_then(|e| e.check());
        assert!(wrong.is_err(), "{pattern}");
    }
}

proptest::proptest! {
    #[test]
    fn no_expression_panics(pattern in "[a-c0-9\\\\\\[\\](){}?*+|.^$<>=!:#&xQEPdws, -]{0,40}", text in ".{0,40}") {
        let p = Pcre { pattern: pattern.into(), relative_next: true, ..Pcre::default() };
        if let Ok(e) = Expression::new(&p) {
            let mut sets = NoDatasets;
            let _ = e.look(text.as_bytes(), 0, None, &mut EvalContext::new(&mut sets));
        }
    }
}
