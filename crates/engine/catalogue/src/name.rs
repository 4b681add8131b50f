//! Host names and their parents.

/// Labels of a host name that are looked at, from the right.
pub const MAX_LABELS: usize = 24;

/// Without port, brackets and trailing dot.
pub(crate) fn bare(host: &[u8]) -> &[u8] {
    let host = match host.strip_prefix(b"[") {
        Some(inner) => inner.split(|b| *b == b']').next().unwrap_or_default(),
        None => match host.iter().position(|b| *b == b':') {
            Some(at) if host.iter().filter(|b| **b == b':').count() == 1 => host.get(..at).unwrap_or(host),
            _ => host,
        },
    };
    host.strip_suffix(b".").unwrap_or(host)
}

/// The name and its parents, the whole name first; of very deep names only the last labels.
pub(crate) fn parents(host: &[u8]) -> impl Iterator<Item = &[u8]> {
    let dots = host.iter().filter(|b| **b == b'.').count();
    let skip = (dots + 1).saturating_sub(MAX_LABELS);
    std::iter::once(0)
        .chain(host.iter().enumerate().filter(|(_, b)| **b == b'.').map(|(at, _)| at + 1))
        .skip(skip)
        .filter_map(|at| host.get(at..))
        .filter(|rest| !rest.is_empty())
}

/// As lists write names: letters, digits, `-`, `_`, dots between labels, UTF-8 for IDN.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && !text.starts_with('.')
        && !text.ends_with('.')
        && !text.contains("..")
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b) || b >= 0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_name_comes_first_and_ports_do_not_matter() {
        let all: Vec<_> = parents(b"a.b.example").collect();
        assert_eq!(all, [&b"a.b.example"[..], b"b.example", b"example"]);
        assert_eq!(bare(b"a.example.:8080"), b"a.example");
        assert_eq!(bare(b"[2001:db8::1]:443"), b"2001:db8::1");
        assert_eq!(bare(b"2001:db8::1"), b"2001:db8::1");
        let deep = "a.".repeat(100) + "example";
        assert_eq!(parents(deep.as_bytes()).count(), MAX_LABELS);
        assert_eq!(parents(deep.as_bytes()).last(), Some(&b"example"[..]));
    }
}
