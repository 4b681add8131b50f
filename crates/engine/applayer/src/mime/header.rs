//! Header lines and their parameters (RFC 5322, 2045, 2231).

/// Finds the value of a header's parameter, putting RFC 2231 pieces together.
///
/// `name*0="a"; name*1="b"` gives `ab`; `name*=utf-8''a%20b` gives `a b`.
#[must_use]
pub fn parameter(value: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let mut whole: Option<Vec<u8>> = None;
    let mut pieces: Vec<(u32, Vec<u8>)> = Vec::new();
    for (key, content) in parameters(value) {
        let Some(suffix) = strip_prefix_nocase(&key, name) else { continue };
        match suffix {
            b"" => {
                whole.get_or_insert(content);
            }
            b"*" => whole = Some(extended(&content, true)),
            _ => {
                if let Some((number, encoded)) = piece_number(suffix) {
                    let first = number == 0;
                    pieces.push((number, if encoded { extended(&content, first) } else { content }));
                }
            }
        }
    }
    if whole.is_none() && !pieces.is_empty() {
        pieces.sort_by_key(|(number, _)| *number);
        whole = Some(pieces.into_iter().flat_map(|(_, content)| content).collect());
    }
    whole
}

/// Whether a line begins like a header: a name of visible characters, then a colon.
#[must_use]
pub fn is_header_line(line: &[u8]) -> bool {
    let colon = memchr::memchr(b':', line);
    colon.is_some_and(|at| at > 0 && line.iter().take(at).all(u8::is_ascii_graphic))
}

/// The value without its parameters, lower case.
#[must_use]
pub fn main_value(value: &[u8]) -> Vec<u8> {
    let end = memchr::memchr(b';', value).unwrap_or(value.len());
    value.get(..end).unwrap_or_default().trim_ascii().to_ascii_lowercase()
}

fn strip_prefix_nocase<'a>(bytes: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, tail) = bytes.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
}

/// `*3` and `*3*`: the number, and whether the piece is percent-encoded.
fn piece_number(suffix: &[u8]) -> Option<(u32, bool)> {
    let digits = suffix.strip_prefix(b"*")?;
    let (digits, encoded) = digits.strip_suffix(b"*").map_or((digits, false), |d| (d, true));
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((number, encoded))
}

/// Undoes `charset'language'` (in the first piece) and percent encoding.
fn extended(content: &[u8], first: bool) -> Vec<u8> {
    let mut rest = content;
    if first {
        let mut quotes = content.iter().enumerate().filter(|(_, b)| **b == b'\'').map(|(at, _)| at);
        if let (Some(_), Some(second)) = (quotes.next(), quotes.next()) {
            rest = content.get(second + 1..).unwrap_or_default();
        }
    }
    let mut out = Vec::with_capacity(rest.len());
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%'
            && let Some((pair, tail)) = after.split_first_chunk::<2>()
        {
            let digits = std::str::from_utf8(pair).ok().and_then(|t| u8::from_str_radix(t, 16).ok());
            if let Some(byte) = digits {
                out.push(byte);
                rest = tail;
                continue;
            }
        }
        out.push(*first);
    }
    out
}

/// The `key=value` parts after the first `;`, quotes and escapes undone.
fn parameters(value: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    for part in split_unquoted(value, b';').into_iter().skip(1) {
        let Some(at) = memchr::memchr(b'=', part) else { continue };
        let key = part.get(..at).unwrap_or_default().trim_ascii();
        let content = part.get(at + 1..).unwrap_or_default().trim_ascii();
        found.push((key.to_vec(), unquoted(content)));
    }
    found
}

/// Cuts at `separator` where it stands outside double quotes.
#[must_use]
pub fn split_unquoted(value: &[u8], separator: u8) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, b) in value.iter().enumerate() {
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b if *b == separator && !quoted => {
                parts.push(value.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(value.get(start..).unwrap_or_default());
    parts
}

fn unquoted(content: &[u8]) -> Vec<u8> {
    let Some(inner) = content.strip_prefix(b"\"") else { return content.to_vec() };
    let mut out = Vec::with_capacity(inner.len());
    let mut escaped = false;
    for b in inner {
        match b {
            _ if escaped => {
                escaped = false;
                out.push(*b);
            }
            b'\\' => escaped = true,
            b'"' => break,
            _ => out.push(*b),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_every_spelling() {
        let plain = b"attachment; filename=\"a;b.exe\"; size=3";
        assert_eq!(parameter(plain, b"filename").as_deref(), Some(&b"a;b.exe"[..]));
        let pieces = b"attachment; filename*1=\"lo.zip\"; filename*0=\"hel\"";
        assert_eq!(parameter(pieces, b"filename").as_deref(), Some(&b"hello.zip"[..]));
        let encoded = b"attachment; filename*=utf-8'en'a%20b.txt";
        assert_eq!(parameter(encoded, b"filename").as_deref(), Some(&b"a b.txt"[..]));
        assert_eq!(parameter(b"text/plain", b"name"), None);
        assert_eq!(main_value(b"Text/Plain; charset=x"), b"text/plain");
    }
}
