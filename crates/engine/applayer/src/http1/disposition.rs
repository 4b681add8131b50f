//! Names in header parameters: `filename=` of Content-Disposition, `boundary=` of
//! Content-Type.

use super::line::{starts_with_nocase, trim_blank};

/// Longest file name kept.
pub(crate) const MAX_NAME_BYTES: usize = 1024;

/// The value of parameter `name` in `header`: quoted or bare. Anything before the first `;`
/// is the header's own value.
pub(crate) fn parameter<'a>(header: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = header;
    while let Some(at) = next_separator(rest) {
        rest = trim_blank(rest.get(at + 1..)?);
        if !starts_with_nocase(rest, name) {
            continue;
        }
        let after = trim_blank(rest.get(name.len()..)?);
        let Some(value) = after.strip_prefix(b"=") else { continue };
        return Some(unquote(trim_blank(value)));
    }
    None
}

/// Where the next `;` outside of quotes is.
fn next_separator(text: &[u8]) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, b) in text.iter().enumerate() {
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b';' if !quoted => return Some(at),
            _ => {}
        }
    }
    // An unclosed quote hides nothing.
    if quoted { text.iter().position(|b| *b == b';') } else { None }
}

fn unquote(value: &[u8]) -> &[u8] {
    match value.split_first() {
        Some((b'"', inner)) => {
            let mut escaped = false;
            let end = inner.iter().position(|b| {
                let closes = *b == b'"' && !escaped;
                escaped = *b == b'\\' && !escaped;
                closes
            });
            inner.get(..end.unwrap_or(inner.len())).unwrap_or_default()
        }
        _ => {
            let end = value.iter().position(|b| matches!(b, b';' | b' ' | b'\t' | b','));
            value.get(..end.unwrap_or(value.len())).unwrap_or_default()
        }
    }
}

/// The file name that a Content-Disposition gives, if any; cut to a bound.
pub(crate) fn file_name(header: &[u8]) -> Option<Vec<u8>> {
    let value = parameter(header, b"filename")
        .map(<[u8]>::to_vec)
        .or_else(|| parameter(header, b"filename*").map(extended_value))?;
    let mut value: Vec<u8> = value;
    value.truncate(MAX_NAME_BYTES);
    (!value.is_empty()).then_some(value)
}

/// `charset'language'percent-encoded` (RFC 8187), its bytes decoded.
fn extended_value(value: &[u8]) -> Vec<u8> {
    let encoded = value.splitn(3, |b| *b == b'\'').nth(2).unwrap_or(value);
    let mut out = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((b, after)) = rest.split_first() {
        rest = after;
        let pair = rest.get(..2).and_then(|p| std::str::from_utf8(p).ok());
        match pair.and_then(|p| u8::from_str_radix(p, 16).ok()) {
            Some(byte) if *b == b'%' => {
                out.push(byte);
                rest = rest.get(2..).unwrap_or_default();
            }
            _ => out.push(*b),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (header, want) in [
            ("attachment; filename=\"eicar.txt\"", Some("eicar.txt")),
            ("attachment;FileName = a.exe ; x=y", Some("a.exe")),
            ("form-data; name=\"f;ilename=no\"; filename=\"a \\\" b.txt\"", Some("a \\\" b.txt")),
            ("attachment; filename=\"open", Some("open")),
            ("attachment; filename*=UTF-8''%e2%82%ac.txt", Some("€.txt")),
            ("attachment", None),
            ("attachment; filename=", None),
        ] {
            let name = file_name(header.as_bytes());
            assert_eq!(name.as_deref(), want.map(str::as_bytes), "{header}");
        }
        assert_eq!(parameter(b"multipart/form-data; boundary=xyz", b"boundary"), Some(&b"xyz"[..]));
    }
}
