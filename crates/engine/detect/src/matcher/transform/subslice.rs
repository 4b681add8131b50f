//! `subslice`: a part of the buffer.

/// The part from `offset`, `length` long. Negative numbers count from the end (a negative length
/// is where the part ends). Outside the buffer: empty, or cut to fit with `truncate`.
pub fn apply(b: &[u8], offset: i64, length: Option<i64>, truncate: bool) -> &[u8] {
    let total = i64::try_from(b.len()).unwrap_or(i64::MAX);
    let from_end = |n: i64| if n < 0 { total.saturating_add(n) } else { n };
    let start = from_end(offset);
    let start = if start < 0 && truncate { 0 } else { start };
    let end = match length {
        None => total,
        Some(n) if n < 0 => total.saturating_add(n),
        Some(n) => start.saturating_add(n),
    };
    let end = if end > total && truncate { total } else { end };
    match (usize::try_from(start), usize::try_from(end)) {
        (Ok(start), Ok(end)) => b.get(start..end).unwrap_or(&[]),
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::apply;

    #[test]
    fn signs_and_truncation() {
        let b = b"curl/7.64.1";
        for (offset, length, truncate, want) in [
            (2, None, false, "rl/7.64.1"),
            (-6, None, false, "7.64.1"),
            (-10, Some(3), false, "url"),
            (0, Some(13), false, ""),
            (1, Some(-3), false, "url/7.6"),
            (1, Some(30), true, "url/7.64.1"),
            (-20, Some(5), true, "curl/"),
            (-20, None, false, ""),
            (0, Some(-30), true, ""),
            (20, None, true, ""),
        ] {
            assert_eq!(apply(b, offset, length, truncate), want.as_bytes(), "{offset} {length:?}");
        }
    }
}
