//! How long a body is and how it is encoded, from the headers.
//!
//! RFC 9112 6.3, with the field's leniency: a message that contradicts itself is read in the
//! way that shows most of it.

use mimamori_files::decode::Coding;

use super::chunk::Chunked;
use super::headers::Headers;

/// How the end of a body is found.
#[derive(Clone, Debug)]
pub(crate) enum Framing {
    None,
    /// Bytes still to come.
    Length(u64),
    Chunked(Chunked),
    UntilClose,
}

/// What Content-Length says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Length {
    pub bytes: Option<u64>,
    /// Not a plain number.
    pub invalid: bool,
    pub duplicate: bool,
}

pub(crate) fn content_length(headers: &Headers) -> Length {
    let Some(header) = headers.get(b"content-length") else { return Length::default() };
    let mut numbers = header
        .value
        .split(|b| !b.is_ascii_digit())
        .filter(|s| !s.is_empty())
        .map(|s| std::str::from_utf8(s).ok().and_then(|t| t.parse::<u64>().ok()));
    let first = numbers.next().flatten();
    // A fraction is not another length.
    let fraction = header.value.contains(&b'.');
    let bytes = if fraction { first } else { numbers.flatten().chain(first).max() };
    let invalid = !header.repeated && !header.value.iter().all(u8::is_ascii_digit);
    Length { bytes, invalid: invalid || bytes.is_none(), duplicate: header.repeated }
}

/// Whether `haystack` holds `needle`, NULs and case aside.
pub(crate) fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    let clean: Vec<u8> = haystack.iter().filter(|b| **b != 0).map(u8::to_ascii_lowercase).collect();
    memchr::memmem::find(&clean, needle).is_some()
}

/// The codings that Content-Encoding declares, outermost first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Codings {
    pub undo: Vec<Coding>,
    /// A word that is no coding.
    pub abnormal: bool,
    pub too_many: bool,
}

pub(crate) fn codings(headers: &Headers, max_layers: usize, lzma: bool) -> Codings {
    let mut found = Codings::default();
    for name in [&b"content-encoding"[..], b"transfer-encoding"] {
        let Some(value) = headers.value(name) else { continue };
        let transfer = name.starts_with(b"transfer");
        for word in value.split(|b| *b == b',') {
            let coding = if holds(word, b"gzip") || holds(word, b"deflate") {
                Coding::Inflate
            } else if holds(word, b"lzma") && lzma {
                Coding::Lzma
            } else if !transfer && is_word(word, b"br") {
                Coding::Brotli
            } else {
                found.abnormal |= !transfer && !is_plain(word);
                continue;
            };
            if found.undo.len() < max_layers {
                found.undo.push(coding);
            } else {
                found.too_many = true;
            }
        }
    }
    found.undo.reverse();
    found
}

fn is_word(text: &[u8], word: &[u8]) -> bool {
    let clean: Vec<u8> =
        text.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
    clean == word
}

fn is_plain(word: &[u8]) -> bool {
    is_word(word, b"") || is_word(word, b"identity") || is_word(word, b"none") || is_word(word, b"lzma")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&str, &str)]) -> Headers {
        let mut h = Headers::default();
        for (name, value) in list {
            h.push(name.as_bytes(), value.as_bytes());
        }
        h
    }

    fn length(values: &[&str]) -> (Option<u64>, bool, bool) {
        let list: Vec<(&str, &str)> = values.iter().map(|v| ("Content-Length", *v)).collect();
        let l = content_length(&headers(&list));
        (l.bytes, l.invalid, l.duplicate)
    }

    #[test]
    fn lengths_are_read_to_show_most() {
        assert_eq!(length(&["68"]), (Some(68), false, false));
        assert_eq!(length(&["34", "68"]), (Some(68), false, true));
        assert_eq!(length(&["34( 68)"]), (Some(68), true, false));
        assert_eq!(length(&["68.9"]), (Some(68), true, false));
        assert_eq!(length(&["68A"]), (Some(68), true, false));
        assert_eq!(length(&["x"]), (None, true, false));
        assert_eq!(length(&[]), (None, false, false));
    }

    #[test]
    fn codings_are_undone_in_reverse() {
        let c = codings(&headers(&[("Content-Encoding", "gzip, br ,identity")]), 2, false);
        assert_eq!(c, Codings { undo: vec![Coding::Brotli, Coding::Inflate], ..Codings::default() });
        let c =
            codings(&headers(&[("Content-Encoding", "gzip"), ("Content-Encoding", "x-deflate;")]), 1, false);
        assert_eq!((c.undo.len(), c.too_many, c.abnormal), (1, true, false));
        assert!(codings(&headers(&[("Content-Encoding", "foo")]), 2, false).abnormal);
        assert!(holds(b"xchu\0NKed", b"chunked"));
    }
}
