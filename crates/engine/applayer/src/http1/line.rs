//! Lines: where they end, what request and status lines say.
//!
//! Clients and servers differ in what ends a line. In responses a lone CR ends one too, as
//! some browsers have it; in requests only LF does.

/// One line cut from the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Line<'a> {
    /// Without its terminator.
    pub content: &'a [u8],
    /// With its terminator.
    pub consumed: usize,
    /// Ended by CRLF or LF, nothing else.
    pub clean: bool,
}

/// Carriage returns looked past for the LF that may follow them.
const MAX_CR_RUN: usize = 64;

/// The first line of `data`; `None` while its end has not come. At `eof` the rest is a line.
pub(crate) fn next_line(data: &[u8], lone_cr: bool, eof: bool) -> Option<Line<'_>> {
    let found = if lone_cr { memchr::memchr2(b'\n', b'\r', data) } else { memchr::memchr(b'\n', data) };
    let Some(at) = found else {
        return (eof && !data.is_empty()).then(|| Line {
            content: trim_cr(data),
            consumed: data.len(),
            clean: false,
        });
    };
    let content = data.get(..at)?;
    if data.get(at) == Some(&b'\n') {
        let trimmed = trim_cr(content);
        let clean = content.len() - trimmed.len() <= 1;
        return Some(Line { content: trimmed, consumed: at + 1, clean });
    }
    let run = data.get(at..)?.iter().take(MAX_CR_RUN).take_while(|b| **b == b'\r').count();
    match data.get(at + run) {
        Some(b'\n') => Some(Line { content, consumed: at + run + 1, clean: run == 1 }),
        None if !eof && run < MAX_CR_RUN => None,
        _ => Some(Line { content, consumed: at + 1, clean: false }),
    }
}

/// The first line of a message, as far as it has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FirstLine<'a> {
    Whole(Line<'a>),
    /// Longer than allowed: so many bytes of it are there, its end not among them.
    TooLong(usize),
    Wait,
}

/// The first line of `data`, of at most `max` bytes. Says the same however the stream is cut: a line
/// beyond the limit is one whether its end has come or not.
pub(crate) fn first_line(data: &[u8], lone_cr: bool, eof: bool, max: usize) -> FirstLine<'_> {
    match next_line(data, lone_cr, eof) {
        Some(line) if line.content.len() <= max => FirstLine::Whole(line),
        Some(line) => FirstLine::TooLong(line.content.len()),
        // A run of CRs may still belong to the line's end.
        None => match trim_cr(data).len() {
            len if len > max => FirstLine::TooLong(len),
            _ => FirstLine::Wait,
        },
    }
}

fn trim_cr(mut line: &[u8]) -> &[u8] {
    while let Some((b'\r', rest)) = line.split_last() {
        line = rest;
    }
    line
}

/// White space as HTTP parsers in the field take it, NUL included.
pub(crate) fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | 0x0b | 0x0c | b'\r' | b'\n' | 0)
}

pub(crate) fn trim_blank(mut s: &[u8]) -> &[u8] {
    while let Some((b, rest)) = s.split_first()
        && is_blank(*b)
    {
        s = rest;
    }
    while let Some((b, rest)) = s.split_last()
        && is_blank(*b)
    {
        s = rest;
    }
    s
}

/// A character of a header name or method, RFC 9110 5.6.2.
pub(crate) fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

/// A request line taken apart. Borrowed from the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct RequestLine<'a> {
    pub method: &'a [u8],
    pub uri: &'a [u8],
    /// Empty: none was given (HTTP/0.9).
    pub protocol: &'a [u8],
    pub leading_blank: bool,
    /// Separated by something else than one space.
    pub odd_delimiter: bool,
}

/// Takes a request line apart. A URI may hold spaces: the protocol is the last word if it
/// looks like one.
pub(crate) fn parse_request_line(line: &[u8]) -> RequestLine<'_> {
    let blank = |b: &u8| matches!(*b, b' ' | b'\t' | 0x0b | 0x0c | 0);
    let start = line.iter().position(|b| !blank(b)).unwrap_or(line.len());
    let body = line.get(start..).unwrap_or_default();
    let end = body.iter().position(blank).unwrap_or(body.len());
    let (method, rest) = body.split_at_checked(end).unwrap_or((body, &[]));
    let gap = rest.iter().take_while(|b| blank(b)).count();
    let odd_delimiter = gap > 1 || rest.first().is_some_and(|b| *b != b' ');
    let mut uri = trim_end_blank(rest.get(gap..).unwrap_or_default());
    let mut protocol: &[u8] = &[];
    if let Some(at) = uri.iter().rposition(blank) {
        let word = uri.get(at + 1..).unwrap_or_default();
        if starts_with_nocase(word, b"HTTP/") {
            protocol = word;
            uri = trim_end_blank(uri.get(..at).unwrap_or_default());
        }
    } else if starts_with_nocase(uri, b"HTTP/") && uri.len() <= 8 {
        protocol = uri;
        uri = &[];
    }
    RequestLine { method, uri, protocol, leading_blank: start > 0, odd_delimiter }
}

fn trim_end_blank(mut s: &[u8]) -> &[u8] {
    while let Some((b, rest)) = s.split_last()
        && matches!(*b, b' ' | b'\t' | 0x0b | 0x0c | 0 | b'\r')
    {
        s = rest;
    }
    s
}

pub(crate) fn starts_with_nocase(s: &[u8], prefix: &[u8]) -> bool {
    s.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

/// A status line taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct StatusLine<'a> {
    pub protocol: &'a [u8],
    pub code: &'a [u8],
    pub message: &'a [u8],
}

impl StatusLine<'_> {
    /// The code as a number; 0 where it is none.
    pub(crate) fn status(&self) -> u16 {
        std::str::from_utf8(self.code)
            .ok()
            .and_then(|s| s.parse().ok())
            .filter(|n| (100..1000).contains(n))
            .unwrap_or(0)
    }
}

pub(crate) fn parse_status_line(line: &[u8]) -> StatusLine<'_> {
    let (protocol, rest) = word(line);
    let (code, rest) = word(rest);
    StatusLine { protocol, code, message: trim_blank(rest) }
}

/// The first word of `s` and what follows it.
fn word(s: &[u8]) -> (&[u8], &[u8]) {
    let start = s.iter().position(|b| !is_blank(*b)).unwrap_or(s.len());
    let s = s.get(start..).unwrap_or_default();
    let end = s.iter().position(|b| is_blank(*b)).unwrap_or(s.len());
    s.split_at_checked(end).unwrap_or((s, &[]))
}

/// Whether `line` begins like a status line, blanks and NULs aside.
pub(crate) fn is_status_line(line: &[u8]) -> bool {
    starts_with_nocase(trim_blank(line), b"HTTP")
}

/// Methods that mark the begin of a request.
const METHODS: &[&str] = &[
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "CONNECT",
    "OPTIONS",
    "TRACE",
    "PATCH",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "VERSION-CONTROL",
    "CHECKOUT",
    "UNCHECKOUT",
    "CHECKIN",
    "UPDATE",
    "LABEL",
    "REPORT",
    "MKWORKSPACE",
    "MKACTIVITY",
    "BASELINE-CONTROL",
    "MERGE",
    "SEARCH",
    "BMOVE",
    "BDELETE",
    "BPROPFIND",
    "BPROPPATCH",
    "NOTIFY",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "POLL",
    "RPC_IN_DATA",
    "RPC_OUT_DATA",
    "M-SEARCH",
    "PURGE",
    "QUERY",
];

/// Whether `data` begins with a known method; `None` if it is too short to say.
pub(crate) fn begins_with_method(data: &[u8]) -> Option<bool> {
    let data = match data.iter().position(|b| !is_blank(*b)) {
        Some(at) => data.get(at..).unwrap_or_default(),
        None => return None,
    };
    let end = data.iter().position(|b| !is_token(*b)).unwrap_or(data.len());
    let word = data.get(..end).unwrap_or_default();
    if end < data.len() {
        return Some(METHODS.iter().any(|m| m.as_bytes() == word));
    }
    if METHODS.iter().any(|m| m.as_bytes().starts_with(word)) { None } else { Some(false) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(data: &[u8], lone_cr: bool) -> Option<(&[u8], usize, bool)> {
        next_line(data, lone_cr, false).map(|l| (l.content, l.consumed, l.clean))
    }

    #[test]
    fn ends_of_lines() {
        assert_eq!(line(b"ab\r\ncd", false), Some((&b"ab"[..], 4, true)));
        assert_eq!(line(b"ab\ncd", true), Some((&b"ab"[..], 3, true)));
        assert_eq!(line(b"ab\r\r\ncd", true), Some((&b"ab"[..], 5, false)));
        assert_eq!(line(b"a\rb\r\n", false), Some((&b"a\rb"[..], 5, true)));
        assert_eq!(line(b"a\rb\r\n", true), Some((&b"a"[..], 2, false)));
        assert_eq!(line(b"ab\r", true), None);
        assert_eq!(line(b"ab", true), None);
        assert_eq!(next_line(b"ab\r", true, true).unwrap().content, b"ab");
    }

    #[test]
    fn request_lines() {
        let l = parse_request_line(b"GET /a b HTTP/1.1");
        assert_eq!((l.method, l.uri, l.protocol), (&b"GET"[..], &b"/a b"[..], &b"HTTP/1.1"[..]));
        let l = parse_request_line(b"GET /a b");
        assert_eq!((l.uri, l.protocol), (&b"/a b"[..], &b""[..]));
        let l = parse_request_line(b" \tGET\t /a  HTTP/1.1 ");
        assert_eq!((l.method, l.uri, l.protocol), (&b"GET"[..], &b"/a"[..], &b"HTTP/1.1"[..]));
        assert!(l.leading_blank && l.odd_delimiter);
        assert_eq!(parse_request_line(b"").method, b"");
    }

    #[test]
    fn status_lines() {
        let l = parse_status_line(b"HTTP/1.1  200  all is well ");
        assert_eq!((l.protocol, l.status(), l.message), (&b"HTTP/1.1"[..], 200, &b"all is well"[..]));
        assert_eq!(parse_status_line(b"HTTP/1.1 2xx ok").status(), 0);
        assert_eq!(parse_status_line(b"HTTP/1.1").code, b"");
        assert!(is_status_line(b"\0 http/1.0"));
        assert!(!is_status_line(b"SIP/2.0 200"));
    }

    #[test]
    fn methods_at_the_begin() {
        assert_eq!(begins_with_method(b"GET /"), Some(true));
        assert_eq!(begins_with_method(b"GE"), None);
        assert_eq!(begins_with_method(b"login=foo"), Some(false));
        assert_eq!(begins_with_method(b"\r\n"), None);
    }
}
