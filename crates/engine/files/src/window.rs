//! The part of a streamed body that inspection looks at.
//!
//! Bytes come in; [`Window::view`] gives those to look at now, with enough of the bytes before
//! them that a pattern cut by the transport is still whole. Holds always: at most
//! `limit` bytes are ever offered, and what is kept after [`Window::inspected`] is at most the
//! new bytes and `lookback` before them. Deliberately not here: who inspects.

/// Sizes of a body window, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WindowConfig {
    /// Bytes of the body that are inspected at all; 0 for no limit.
    pub limit: u64,
    /// Hold inspection back until so many bytes are there, unless the body ends first.
    pub minimal_inspect: u64,
    /// Inspected bytes that stay in view before the new ones.
    pub lookback: u64,
}

impl WindowConfig {
    /// Keeps nothing.
    pub const NONE: WindowConfig = WindowConfig { limit: u64::MAX, minimal_inspect: u64::MAX, lookback: 0 };

    /// Everything up to `limit` bytes, at once and for good.
    #[must_use]
    pub const fn whole(limit: u64) -> Self {
        WindowConfig { limit, minimal_inspect: 0, lookback: limit }
    }

    const fn keeps_nothing(&self) -> bool {
        self.minimal_inspect == u64::MAX
    }
}

/// Bytes to look at: `bytes` begin at `offset` of the body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct View<'a> {
    pub offset: u64,
    pub bytes: &'a [u8],
    /// Nothing follows: the body has ended or passed its limit.
    pub end: bool,
}

/// A sliding window over a body.
#[derive(Clone, Debug)]
pub struct Window {
    config: WindowConfig,
    bytes: Vec<u8>,
    /// Offset of `bytes[0]` in the body.
    start: u64,
    /// Bytes of the body that inspection has seen.
    inspected: u64,
    /// Lost bytes between those kept, which count for the limit.
    skipped: u64,
    ended: bool,
}

impl Window {
    #[must_use]
    pub const fn new(config: WindowConfig) -> Self {
        Window { config, bytes: Vec::new(), start: 0, inspected: 0, skipped: 0, ended: false }
    }

    /// The next bytes of the body. Bytes past the limit are not kept.
    pub fn append(&mut self, new: &[u8]) {
        if self.ended || self.config.keeps_nothing() {
            return;
        }
        let room = if self.config.limit == 0 {
            new.len()
        } else {
            usize::try_from(self.config.limit.saturating_sub(self.total())).unwrap_or(usize::MAX)
        };
        self.bytes.extend_from_slice(new.get(..room).unwrap_or(new));
    }

    /// Bytes that came after the body's end and still may belong to it: kept in view with it.
    pub fn append_late(&mut self, new: &[u8]) {
        let ended = std::mem::take(&mut self.ended);
        self.append(new);
        self.ended = ended;
    }

    /// Bytes of the body were lost. What came before and was inspected is not joined with what
    /// follows; what still waits for its inspection stays in view before it.
    pub fn gap(&mut self, len: u64) {
        if self.config.keeps_nothing() {
            return;
        }
        if self.inspected < self.seen_end() {
            self.skipped = self.skipped.saturating_add(len);
        } else {
            self.start = self.seen_end().saturating_add(len);
            self.inspected = self.start;
            self.bytes.clear();
        }
    }

    /// No byte follows.
    pub fn end(&mut self) {
        self.ended = true;
    }

    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// Bytes of the body so far, up to the limit.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.seen_end().saturating_add(self.skipped)
    }

    /// Where the kept bytes end, as views count.
    fn seen_end(&self) -> u64 {
        self.start.saturating_add(self.bytes.len() as u64)
    }

    fn is_full(&self) -> bool {
        self.config.limit != 0 && self.total() >= self.config.limit
    }

    /// The bytes to look at now. Nothing while inspection is held back for more, and nothing
    /// for a body without bytes.
    #[must_use]
    pub fn view(&self) -> Option<View<'_>> {
        let end = self.ended || self.is_full();
        if self.bytes.is_empty() || (!end && self.total() < self.config.minimal_inspect) {
            return None;
        }
        Some(View { offset: self.start, bytes: &self.bytes, end })
    }

    /// What [`Window::view`] gave has been inspected: lets go of bytes no longer needed.
    pub fn inspected(&mut self) {
        if self.view().is_none() {
            return;
        }
        self.inspected = self.seen_end();
        let keep_from = self.inspected.saturating_sub(self.config.lookback);
        // The head stays until the window has grown past what is held back for.
        if self.inspected <= self.config.minimal_inspect.max(self.config.lookback) {
            return;
        }
        let drop = usize::try_from(keep_from.saturating_sub(self.start)).unwrap_or(0);
        if drop > 0 {
            let drop = drop.min(self.bytes.len());
            self.bytes.drain(..drop);
            self.start = self.start.saturating_add(drop as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: WindowConfig = WindowConfig { limit: 20, minimal_inspect: 8, lookback: 4 };

    #[test]
    fn held_back_until_enough_or_ended() {
        let mut w = Window::new(SMALL);
        w.append(b"abc");
        assert_eq!(w.view(), None);
        let mut ended = w.clone();
        ended.end();
        assert_eq!(ended.view(), Some(View { offset: 0, bytes: b"abc", end: true }));
        w.append(b"defgh");
        assert_eq!(w.view(), Some(View { offset: 0, bytes: b"abcdefgh", end: false }));
    }

    #[test]
    fn slides_with_lookback_and_stops_at_the_limit() {
        let mut w = Window::new(SMALL);
        w.append(b"abcdefghij");
        w.inspected();
        w.append(b"kl");
        assert_eq!(w.view(), Some(View { offset: 6, bytes: b"ghijkl", end: false }));
        w.inspected();
        w.append(b"mnopqrstuvwxyz");
        assert_eq!(w.view(), Some(View { offset: 8, bytes: b"ijklmnopqrst", end: true }));
        w.append(b"more");
        assert_eq!(w.total(), 20);
    }

    #[test]
    fn gap_separates() {
        let mut w = Window::new(SMALL);
        w.append(b"abcdefgh");
        w.inspected();
        w.gap(3);
        assert_eq!(w.view(), None);
        w.append(b"x");
        w.end();
        assert_eq!(w.view(), Some(View { offset: 11, bytes: b"x", end: true }));
    }

    #[test]
    fn what_was_not_inspected_before_a_gap_still_is() {
        let mut w = Window::new(SMALL);
        w.append(b"abc");
        w.inspected();
        w.gap(2);
        w.append(b"x");
        assert_eq!(w.view(), None);
        w.append(b"yz");
        assert_eq!((w.total(), w.view()), (8, Some(View { offset: 0, bytes: b"abcxyz", end: false })));
    }
}
