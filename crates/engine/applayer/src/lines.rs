//! A stream cut into lines.
//!
//! Holds always: at most `limit` bytes are kept; a longer line comes in pieces.

/// Cuts one side's stream into lines ended by LF or CRLF.
#[derive(Debug)]
pub struct LineReader {
    kept: Vec<u8>,
    limit: usize,
    /// The pieces before were of the same line.
    inside: bool,
}

/// A line, or a piece of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line<'a> {
    /// Without the line break.
    pub bytes: &'a [u8],
    /// The line ends here; otherwise the next piece goes on.
    pub ended: bool,
    pub crlf: bool,
    /// An earlier piece of the same line came before.
    pub continues: bool,
}

impl LineReader {
    #[must_use]
    pub fn new(limit: usize) -> Self {
        LineReader { kept: Vec::new(), limit, inside: false }
    }

    /// Takes the first line out of `input`; calls `with` for it and says how many bytes of
    /// `input` are used up. Without a whole line everything is kept and `with` may not be called.
    pub fn next<T>(&mut self, input: &[u8], with: impl FnOnce(Line<'_>) -> T) -> (usize, Option<T>) {
        let end = memchr::memchr(b'\n', input).map(|at| at + 1);
        let take = end.unwrap_or(input.len());
        let continues = self.inside;
        if self.too_long(input.get(..take).unwrap_or_default(), end.is_some()) {
            let room = self.limit.saturating_sub(self.kept.len());
            self.kept.extend_from_slice(input.get(..room).unwrap_or_default());
            self.inside = true;
            let later = self.kept.split_off(self.limit.min(self.kept.len()));
            let piece = std::mem::replace(&mut self.kept, later);
            let result = with(Line { bytes: &piece, ended: false, crlf: false, continues });
            return (room, Some(result));
        }
        let tail = input.get(..take).unwrap_or_default();
        if end.is_none() {
            self.kept.extend_from_slice(tail);
            return (take, None);
        }
        self.inside = false;
        let result = if self.kept.is_empty() {
            with(ended_line(tail, continues))
        } else {
            self.kept.extend_from_slice(tail);
            let kept = std::mem::take(&mut self.kept);
            with(ended_line(&kept, continues))
        };
        (take, Some(result))
    }

    /// Whether what was kept and `tail` are more than a line may be, its line break aside.
    fn too_long(&self, tail: &[u8], ended: bool) -> bool {
        let total = self.kept.len() + tail.len();
        if !ended {
            // One byte more may be the CR of the line break.
            return total > self.limit + 1;
        }
        let before_lf = match tail.len() {
            0 | 1 => self.kept.last(),
            n => tail.get(n - 2),
        };
        let line_break = if before_lf == Some(&b'\r') { 2 } else { 1 };
        total - line_break > self.limit
    }

    /// Forgets what was kept.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.inside = false;
    }

    /// The line that has not ended, when the stream does.
    #[must_use]
    pub fn unfinished(&self) -> &[u8] {
        &self.kept
    }
}

fn ended_line(bytes: &[u8], continues: bool) -> Line<'_> {
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let (line, crlf) = line.strip_suffix(b"\r").map_or((line, false), |l| (l, true));
    Line { bytes: line, ended: true, crlf, continues }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(limit: usize, pieces: &[&[u8]]) -> Vec<(Vec<u8>, bool, bool)> {
        let mut reader = LineReader::new(limit);
        let mut lines = Vec::new();
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() {
                let (used, line) = reader.next(rest, |l| (l.bytes.to_vec(), l.ended, l.continues));
                lines.extend(line);
                rest = &rest[used..];
            }
        }
        lines
    }

    #[test]
    fn long_lines_come_in_pieces() {
        let lines = all(4, &[b"abcdefghij\r\nx\n"]);
        assert_eq!(
            lines,
            [
                (b"abcd".to_vec(), false, false),
                (b"efgh".to_vec(), false, true),
                (b"ij".to_vec(), true, true),
                (b"x".to_vec(), true, false)
            ]
        );
    }

    proptest! {
        #[test]
        fn lines_are_the_same_in_any_cut(data in proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'\r'), Just(b'\n')], 0..64), cuts in proptest::collection::vec(0usize..64, 0..6)) {
            let whole = all(5, &[&data]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(data.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for c in cuts { pieces.push(&data[from..c]); from = c; }
            pieces.push(&data[from..]);
            let cut = all(5, &pieces);
            let join = |lines: &[(Vec<u8>, bool, bool)]| -> Vec<(Vec<u8>, bool)> {
                lines.iter().map(|(b, e, _)| (b.clone(), *e)).collect()
            };
            prop_assert_eq!(join(&whole), join(&cut));
        }
    }
}
