//! The path of a URL in the one form that lists are kept in.
//!
//! Holds always: spellings that a server takes for the same (RFC 3986 section 6.2.2: escapes of
//! plain characters, case of escapes, dot segments, doubled slashes) give the same bytes.

/// Longest target that is looked at; what follows is cut.
pub const MAX_TARGET_BYTES: usize = 8192;

/// Path and query of a request target or of what follows the host in a URL.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Target {
    /// Begins with `/` unless it is the root, which is empty; never ends with `/`.
    pub path: Vec<u8>,
    /// Without `?`.
    pub query: Option<Vec<u8>>,
}

impl Target {
    #[must_use]
    pub fn parse(text: &[u8]) -> Target {
        let text = text.get(..MAX_TARGET_BYTES).unwrap_or(text);
        let text = text.split(|b| *b == b'#').next().unwrap_or_default();
        let mut parts = text.splitn(2, |b| *b == b'?');
        let path = unescape(parts.next().unwrap_or_default());
        Target { path: without_dots(&path), query: parts.next().map(unescape) }
    }

    /// The path cut at each `/`, the shortest (the root, empty) first, the whole path last.
    pub fn prefixes(&self) -> impl Iterator<Item = &[u8]> {
        let cuts = self.path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at);
        let whole = (!self.path.is_empty()).then_some(self.path.len());
        cuts.chain(whole).chain(self.path.is_empty().then_some(0)).filter_map(|end| self.path.get(..end))
    }
}

/// Escapes of unreserved characters as the characters, others in upper case.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&b) = text.get(at) {
        let escaped = (b == b'%').then(|| Some((digit(*text.get(at + 1)?)?, digit(*text.get(at + 2)?)?)));
        if let Some(Some((high, low))) = escaped {
            let value = high * 16 + low;
            if value.is_ascii_alphanumeric() || b"-._~".contains(&value) {
                out.push(value);
            } else {
                out.push(b'%');
                out.extend(text.iter().skip(at + 1).take(2).map(u8::to_ascii_uppercase));
            }
            at += 3;
        } else {
            out.push(b);
            at += 1;
        }
    }
    out
}

fn digit(b: u8) -> Option<u8> {
    char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

fn without_dots(path: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(path.len());
    for segment in path.split(|b| *b == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => {
                let end = out.iter().rposition(|b| *b == b'/').unwrap_or(0);
                out.truncate(end);
            }
            _ => {
                out.push(b'/');
                out.extend_from_slice(segment);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> String {
        String::from_utf8(Target::parse(text.as_bytes()).path).unwrap()
    }

    #[test]
    fn equal_paths_have_one_form() {
        for text in ["/a/b", "/a/b/", "//a///b", "/a/./b", "/x/../a/b", "/%61/%62", "/a/b#top", "/a/b?q"] {
            assert_eq!(path(text), "/a/b", "{text}");
        }
        assert_eq!(path("/%e3%81%82"), "/%E3%81%82");
        assert_eq!(path("/../.."), "");
        assert_eq!(path("/a%2fb"), "/a%2Fb", "an escaped slash separates nothing");
        assert_eq!(path("/A"), "/A", "paths keep their case");
        assert_eq!(path("/100%"), "/100%");
    }

    #[test]
    fn prefixes_end_at_segments() {
        let t = Target::parse(b"/a/bc/d");
        let all: Vec<&[u8]> = t.prefixes().collect();
        assert_eq!(all, [b"".as_slice(), b"/a", b"/a/bc", b"/a/bc/d"]);
        assert_eq!(Target::parse(b"/").prefixes().collect::<Vec<_>>(), [b"".as_slice()]);
    }
}
