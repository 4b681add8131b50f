//! Lines of the catalogue's files.

/// A line that was left out, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct BadLine {
    pub line: usize,
    pub reason: String,
}

impl BadLine {
    pub(crate) fn new(line: usize, reason: impl Into<String>) -> Self {
        BadLine { line, reason: reason.into() }
    }
}

/// Lines that say something, with their numbers from 1.
pub(crate) fn told(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line.trim_end()))
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
}

/// An identifier: lower-case letters, digits and hyphens, at most 64 bytes.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
