//! Transforms of HTTP header blocks.

/// Lines with their line feeds.
fn lines(b: &[u8]) -> impl Iterator<Item = &[u8]> {
    b.split_inclusive(|b| *b == b'\n')
}

/// The names before the colons in lower case.
pub fn lowercase_names(b: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(b.len());
    for line in lines(b) {
        let colon = line.iter().position(|b| *b == b':').unwrap_or(line.len());
        let (name, value) = line.split_at_checked(colon).unwrap_or((line, &[]));
        out.extend(name.iter().map(u8::to_ascii_lowercase));
        out.extend_from_slice(value);
    }
    out
}

/// Without the lines of HTTP/2's pseudo headers.
pub fn strip_pseudo(b: &[u8]) -> Vec<u8> {
    lines(b).filter(|l| !l.starts_with(b":")).flatten().copied().collect()
}
