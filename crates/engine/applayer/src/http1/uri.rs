//! Request targets: taking them apart and normalising them for `http.uri`.
//!
//! The normal form: percent encodings undone once (twice where configured), backslashes and
//! encoded slashes as `/`, runs of slashes as one, `.` and `..` segments resolved; the query
//! decoded too, its `+` kept. The raw form stays beside it.

use super::line::starts_with_nocase;

/// How to normalise.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct UriRules {
    pub double_decode_path: bool,
    pub double_decode_query: bool,
    pub plus_is_space: bool,
    pub include_all: bool,
}

/// A request target taken apart. Empty parts were absent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Target<'a> {
    pub scheme: &'a [u8],
    /// `user:password@host:port`
    pub authority: &'a [u8],
    pub path: &'a [u8],
    pub query: Option<&'a [u8]>,
    pub fragment: Option<&'a [u8]>,
}

impl<'a> Target<'a> {
    /// `connect`: the target is an authority and nothing else.
    pub(crate) fn parse(raw: &'a [u8], connect: bool) -> Self {
        let mut target = Target::default();
        if connect && raw.first() != Some(&b'/') {
            target.authority = raw;
            return target;
        }
        let mut rest = raw;
        if let Some(at) = scheme_len(raw) {
            target.scheme = raw.get(..at).unwrap_or_default();
            let after = raw.get(at + 3..).unwrap_or_default();
            let end =
                after.iter().position(|b| matches!(b, b'/' | b'?' | b'#' | b'\\')).unwrap_or(after.len());
            (target.authority, rest) = after.split_at_checked(end).unwrap_or((after, &[]));
        }
        let cut = |s: &'a [u8], mark: u8| -> (&'a [u8], Option<&'a [u8]>) {
            match s.iter().position(|b| *b == mark) {
                Some(at) => (s.get(..at).unwrap_or_default(), s.get(at + 1..)),
                None => (s, None),
            }
        };
        (rest, target.fragment) = cut(rest, b'#');
        (target.path, target.query) = cut(rest, b'?');
        target
    }

    /// Host and port of the authority, without user and password.
    pub(crate) fn host_port(&self) -> &'a [u8] {
        let at = self.authority.iter().rposition(|b| *b == b'@').map_or(0, |i| i + 1);
        self.authority.get(at..).unwrap_or_default()
    }
}

/// Length of the scheme where `raw` begins with `scheme://`.
fn scheme_len(raw: &[u8]) -> Option<usize> {
    let at = raw.iter().take(32).position(|b| *b == b':')?;
    let scheme = raw.get(..at)?;
    let valid = !scheme.is_empty() && scheme.iter().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b));
    (valid && starts_with_nocase(raw.get(at..)?, b"://")).then_some(at)
}

/// The normal form of a target, and of its path alone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Normalised {
    pub uri: Vec<u8>,
    pub path: Vec<u8>,
    /// A second decoding changed something (noticed only where double decoding is on).
    pub double_encoded: bool,
}

pub(crate) fn normalise(target: &Target<'_>, rules: UriRules) -> Normalised {
    let mut double_encoded = false;
    let mut path = decode(target.path, Plus::Keep, true);
    if rules.double_decode_path {
        let again = decode(&path, Plus::Keep, true);
        double_encoded |= again.len() < path.len();
        path = again;
    }
    let path = resolve_segments(&path);
    let mut uri = Vec::with_capacity(path.len() + 64);
    if rules.include_all && !target.authority.is_empty() {
        if !target.scheme.is_empty() {
            uri.extend_from_slice(target.scheme);
            uri.extend_from_slice(b"://");
        }
        uri.extend_from_slice(target.authority);
    }
    uri.extend_from_slice(&path);
    if let Some(query) = target.query {
        let plus = if rules.plus_is_space { Plus::Space } else { Plus::Keep };
        let mut decoded = decode(query, plus, false);
        if rules.double_decode_query {
            let again = decode(&decoded, plus, false);
            double_encoded |= again.len() < decoded.len();
            decoded = again;
        }
        uri.push(b'?');
        uri.extend_from_slice(&decoded);
    }
    if let Some(fragment) = target.fragment {
        uri.push(b'#');
        uri.extend_from_slice(fragment);
    }
    Normalised { uri, path, double_encoded }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Plus {
    Keep,
    Space,
}

fn hex(b: u8) -> Option<u8> {
    char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// Undoes percent encodings; broken ones stay as they are. In a path backslashes become `/`.
fn decode(text: &[u8], plus: Plus, path: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((b, after)) = rest.split_first() {
        rest = after;
        let mut byte = *b;
        if byte == b'%' {
            let digits = (rest.first().and_then(|b| hex(*b)), rest.get(1).and_then(|b| hex(*b)));
            if let (Some(high), Some(low)) = digits {
                byte = high << 4 | low;
                rest = rest.get(2..).unwrap_or_default();
            }
        } else if byte == b'+' && plus == Plus::Space {
            byte = b' ';
        }
        out.push(if path && byte == b'\\' { b'/' } else { byte });
    }
    out
}

/// Runs of `/` become one; `.` and `..` segments are resolved (RFC 3986 5.2.4), never above
/// the root.
fn resolve_segments(path: &[u8]) -> Vec<u8> {
    let Some((b'/', inner)) = path.split_first() else { return path.to_vec() };
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut ends_with_slash = true;
    for segment in inner.split(|b| *b == b'/') {
        ends_with_slash = false;
        match segment {
            b"" | b"." => ends_with_slash = true,
            b".." => {
                kept.pop();
                ends_with_slash = true;
            }
            other => kept.push(other),
        }
    }
    let mut out = Vec::with_capacity(path.len());
    for segment in &kept {
        out.push(b'/');
        out.extend_from_slice(segment);
    }
    if ends_with_slash || out.is_empty() {
        out.push(b'/');
    }
    out
}

/// Host in normal form (lower case, no trailing dots) and the port, of `host:port`.
pub(crate) fn split_host(host_port: &[u8]) -> (Vec<u8>, Option<u16>, bool) {
    let host_port = super::line::trim_blank(host_port);
    let (host, port) = if let Some(close) =
        host_port.first().filter(|b| **b == b'[').and_then(|_| host_port.iter().position(|b| *b == b']'))
    {
        let (host, rest) = host_port.split_at_checked(close + 1).unwrap_or((host_port, &[]));
        (host, rest.strip_prefix(b":"))
    } else {
        match host_port.iter().position(|b| *b == b':') {
            Some(at) => (host_port.get(..at).unwrap_or_default(), host_port.get(at + 1..)),
            None => (host_port, None),
        }
    };
    let mut host = host;
    while let Some((b'.', rest)) = host.split_last() {
        host = rest;
    }
    let number = port
        .and_then(|p| std::str::from_utf8(p).ok())
        .and_then(|p| p.trim().parse::<u16>().ok())
        .filter(|p| *p != 0);
    let bad_port = port.is_some() && number.is_none();
    (host.to_ascii_lowercase(), number, bad_port)
}

/// Whether a host name holds only what host names hold.
pub(crate) fn is_valid_host(host: &[u8]) -> bool {
    if host.first() == Some(&b'[') {
        return host.last() == Some(&b']');
    }
    !host.is_empty()
        && host.len() <= 255
        && host.split(|b| *b == b'.').all(|label| {
            (1..=63).contains(&label.len())
                && label.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(raw: &str, rules: UriRules) -> String {
        let n = normalise(&Target::parse(raw.as_bytes(), false), rules);
        String::from_utf8_lossy(&n.uri).into_owned()
    }

    #[test]
    fn normal_forms() {
        for (raw, want) in [
            ("/", "/"),
            ("/a%2fb/%41", "/a/b/A"),
            ("/a\\b//c", "/a/b/c"),
            ("//index.php?page=../../etc/passwd", "/index.php?page=../../etc/passwd"),
            ("/a/../b/./c/..", "/b/"),
            ("/../../etc", "/etc"),
            ("/%2e%2e/x", "/x"),
            ("/bad%zz%4", "/bad%zz%4"),
            ("/evil%2527sqli", "/evil%27sqli"),
            ("/q?a=%20b+c", "/q?a= b+c"),
            ("http://user@host:80/p%61th?x#f", "/path?x#f"),
            ("http://host", ""),
            ("*", "*"),
        ] {
            assert_eq!(uri(raw, UriRules::default()), want, "{raw}");
        }
    }

    #[test]
    fn double_decoding_is_noticed() {
        let rules = UriRules { double_decode_path: true, ..UriRules::default() };
        let n = normalise(&Target::parse(b"/evil%2527sqli", false), rules);
        assert_eq!((n.uri.as_slice(), n.double_encoded), (&b"/evil'sqli"[..], true));
    }

    #[test]
    fn hosts() {
        assert_eq!(split_host(b"WWW.Example.com.:8080"), (b"www.example.com".to_vec(), Some(8080), false));
        assert_eq!(split_host(b"[::1]:81"), (b"[::1]".to_vec(), Some(81), false));
        assert_eq!(split_host(b"a:99999"), (b"a".to_vec(), None, true));
        let t = Target::parse(b"http://u:p@h:1/x", false);
        assert_eq!(t.host_port(), b"h:1");
        assert!(is_valid_host(b"a-b.example") && !is_valid_host(b"a b"));
    }
}
