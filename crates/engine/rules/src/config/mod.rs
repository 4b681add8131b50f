//! The files beside rules: classification.config, reference.config, threshold.config.

mod classification;
mod reference;
mod threshold;

pub use classification::{default_classifications, parse_classifications};
pub use reference::parse_references;
pub use threshold::{ThresholdEntry, parse_thresholds};

/// A line of such a file that was not understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadLine {
    /// 1-based.
    pub line: u32,
    pub reason: String,
}

/// Lines with something on them, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (u32, &str)> {
    (1u32..)
        .zip(text.lines())
        .map(|(n, l)| (n, l.trim()))
        .filter(|(_, l)| !l.is_empty() && !l.starts_with('#'))
}
