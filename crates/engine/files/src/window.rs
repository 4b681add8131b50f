//! The part of a streamed body that inspection looks at.
//!
//! Bytes come in; [`Window::views`] gives the parts to look at now, with enough of the bytes before
//! the new ones that a pattern cut by the transport is still whole. Holds always: where the settled
//! views begin and end hangs on the body alone, not on how its bytes were cut; at most `limit` bytes
//! are ever offered, and what is kept after [`Window::inspected`] is at most what no settled view
//! has shown yet and `lookback` before it. Deliberately not here: who inspects.

/// The first settled view of a body that is not held back ends here.
const FIRST_VIEW_BYTES: u64 = 32 * 1024;
/// The least number of new bytes in each later settled view.
const MIN_STRIDE_BYTES: u64 = 4096;
/// Bytes before the new ones that a search for literals goes back: longer than any literal.
const LITERAL_OVERLAP_BYTES: u64 = 1024;

/// Sizes of a body window, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WindowConfig {
    /// Bytes of the body that are inspected at all; 0 for no limit.
    pub limit: u64,
    /// Hold inspection back until so many bytes are there, unless the body ends first.
    pub minimal_inspect: u64,
    /// Inspected bytes that stay in view before the new ones.
    pub lookback: u64,
    /// Show, besides, what has come since the last settled view.
    pub early: bool,
}

impl WindowConfig {
    /// Keeps nothing.
    pub const NONE: WindowConfig =
        WindowConfig { limit: u64::MAX, minimal_inspect: u64::MAX, lookback: 0, early: false };

    /// Everything up to `limit` bytes, at once and for good.
    #[must_use]
    pub const fn whole(limit: u64) -> Self {
        WindowConfig { limit, minimal_inspect: limit, lookback: limit, early: true }
    }

    /// What has come is shown at once, up to `limit` bytes.
    #[must_use]
    pub const fn at_once(limit: u64, lookback: u64) -> Self {
        WindowConfig { limit, minimal_inspect: 0, lookback, early: true }
    }

    const fn keeps_nothing(&self) -> bool {
        self.minimal_inspect == u64::MAX
    }

    /// Where the first settled view ends.
    const fn first(&self) -> u64 {
        if self.minimal_inspect == 0 { FIRST_VIEW_BYTES } else { self.minimal_inspect }
    }

    /// New bytes in each later settled view.
    const fn stride(&self) -> u64 {
        if self.lookback < MIN_STRIDE_BYTES { MIN_STRIDE_BYTES } else { self.lookback }
    }
}

/// Bytes to look at: `bytes` begin at `offset` of the body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct View<'a> {
    pub offset: u64,
    pub bytes: &'a [u8],
    /// Nothing follows: the body has ended or passed its limit.
    pub end: bool,
    /// The same bytes are shown however the body was cut. What is not settled will be part of a
    /// settled view.
    pub settled: bool,
    /// `bytes` before this have been searched for literals.
    pub fresh: usize,
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
    /// Where the last settled view ended that inspection has seen; none since a gap: [`None`].
    settled: Option<u64>,
    /// Lost bytes between those kept, which count for the limit.
    skipped: u64,
    ended: bool,
}

impl Window {
    #[must_use]
    pub const fn new(config: WindowConfig) -> Self {
        Window { config, bytes: Vec::new(), start: 0, inspected: 0, settled: None, skipped: 0, ended: false }
    }

    /// The next bytes of the body. Bytes past the limit are not kept.
    pub fn append(&mut self, new: &[u8]) {
        if !self.ended {
            self.bytes.extend_from_slice(new.get(..self.room()).unwrap_or(new));
        }
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
            self.settled = None;
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

    /// The bytes kept, whether they wait for more or not.
    #[must_use]
    pub fn kept(&self) -> View<'_> {
        View {
            offset: self.start,
            bytes: &self.bytes,
            end: self.ended || self.is_full(),
            settled: false,
            fresh: 0,
        }
    }

    /// How many more bytes the limit leaves room for.
    #[must_use]
    pub fn room(&self) -> usize {
        if self.config.keeps_nothing() {
            return 0;
        }
        if self.config.limit == 0 {
            return usize::MAX;
        }
        usize::try_from(self.config.limit.saturating_sub(self.total())).unwrap_or(usize::MAX)
    }

    /// Where the settled view after the one that ended at `settled` ends.
    fn next_boundary(&self, settled: Option<u64>) -> u64 {
        let next = match settled {
            Some(at) => at.saturating_add(self.config.stride()),
            // After a gap the body is long enough already.
            None if self.start > 0 => self.start.saturating_add(self.config.stride()),
            None => self.config.first().saturating_sub(self.skipped).max(1),
        };
        // At the limit the last view begins.
        match self.config.limit {
            0 => next,
            limit => next.min(limit.saturating_sub(self.skipped).max(1)),
        }
    }

    /// Shows the parts to look at now, until `visit` says that it is enough. Nothing while
    /// inspection is held back for more, and nothing for a body without bytes.
    pub fn views(&self, visit: &mut dyn FnMut(View<'_>) -> bool) {
        if self.bytes.is_empty() {
            return;
        }
        let seen_end = self.seen_end();
        let over = self.ended || self.is_full();
        let mut settled = self.settled;
        loop {
            let next = self.next_boundary(settled);
            // Lost bytes may have moved the limit to before what was settled.
            let moves_on = next > settled.unwrap_or(self.start);
            if !moves_on || next > seen_end || (over && next == seen_end) {
                break;
            }
            if !visit(self.part(settled, next, false, true)) {
                return;
            }
            settled = Some(next);
        }
        if over {
            visit(self.part(settled, seen_end, true, true));
        } else if self.config.early && settled.is_none_or(|at| at < seen_end) {
            visit(self.part(settled, seen_end, false, false));
        }
    }

    /// The view from `lookback` before `settled` to `to`.
    fn part(&self, settled: Option<u64>, to: u64, end: bool, is_settled: bool) -> View<'_> {
        let from = settled.map_or(self.start, |at| at.saturating_sub(self.config.lookback)).max(self.start);
        let index = |at: u64| usize::try_from(at.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let bytes = self.bytes.get(index(from)..index(to)).unwrap_or_default();
        let fresh_from = self.inspected.saturating_sub(LITERAL_OVERLAP_BYTES).max(from);
        let fresh = index(fresh_from).saturating_sub(index(from)).min(bytes.len());
        View { offset: from, bytes, end, settled: is_settled, fresh }
    }

    /// What [`Window::views`] gave has been inspected: lets go of bytes no longer needed.
    pub fn inspected(&mut self) {
        let (mut shown, mut settled) = (None, self.settled);
        self.views(&mut |view| {
            let end = view.offset.saturating_add(view.bytes.len() as u64);
            shown = Some(end);
            if view.settled && !view.end {
                settled = Some(end);
            }
            true
        });
        let Some(shown) = shown else { return };
        self.inspected = shown;
        self.settled = settled;
        let Some(settled) = settled else { return };
        let keep_from = settled.saturating_sub(self.config.lookback);
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

    const LIMIT: usize = 40_000;
    const HELD: WindowConfig =
        WindowConfig { limit: LIMIT as u64, minimal_inspect: 8_000, lookback: 5_000, early: false };
    const AT_ONCE: WindowConfig = WindowConfig::at_once(LIMIT as u64, 5_000);

    /// Offset, length and end of each view.
    fn shown(w: &Window) -> Vec<(u64, usize, bool)> {
        let mut all = Vec::new();
        w.views(&mut |v| {
            all.push((v.offset, v.bytes.len(), v.end));
            true
        });
        all
    }

    /// The settled views of a body that comes in pieces and is inspected after each.
    fn settled(config: WindowConfig, body: &[u8], piece: usize) -> Vec<(u64, Vec<u8>, bool)> {
        let mut w = Window::new(config);
        let mut all = Vec::new();
        let mut early = Vec::new();
        let mut look = |w: &mut Window| {
            w.views(&mut |v| {
                let (from, to) = (v.offset, v.offset + v.bytes.len() as u64);
                if v.settled {
                    early.retain(|(f, t)| *f < from || *t > to);
                    if all.last().is_none_or(|(o, b, e): &(u64, Vec<u8>, bool)| {
                        (*o, b.len(), *e) != (v.offset, v.bytes.len(), v.end)
                    }) {
                        all.push((v.offset, v.bytes.to_vec(), v.end));
                    }
                } else {
                    early.push((from, to));
                }
                true
            });
            w.inspected();
        };
        for part in body.chunks(piece) {
            w.append(part);
            look(&mut w);
        }
        w.end();
        look(&mut w);
        assert_eq!(early, [], "what was shown early is part of a settled view");
        all
    }

    #[test]
    fn held_back_until_enough_or_ended() {
        let mut w = Window::new(HELD);
        w.append(&[1; 7_999]);
        assert_eq!(shown(&w), []);
        let mut ended = w.clone();
        ended.end();
        assert_eq!(shown(&ended), [(0, 7_999, true)]);
        w.append(b"xy");
        assert_eq!(shown(&w), [(0, 8_000, false)]);
    }

    #[test]
    fn slides_with_lookback_and_stops_at_the_limit() {
        let mut w = Window::new(HELD);
        w.append(&[1; 14_000]);
        assert_eq!(shown(&w), [(0, 8_000, false), (3_000, 10_000, false)]);
        w.inspected();
        assert_eq!((shown(&w), w.kept().offset), (Vec::new(), 8_000));
        w.append(&[2; 100_000]);
        assert_eq!(w.total(), LIMIT as u64);
        assert_eq!(shown(&w).last(), Some(&(33_000, 7_000, true)));
        w.append(b"more");
        assert_eq!((w.total(), w.room()), (LIMIT as u64, 0));
    }

    #[test]
    fn lost_bytes_that_reach_past_the_limit_end_the_views() {
        for limit in [20_000, LIMIT as u64] {
            for config in [HELD, AT_ONCE].map(|c| WindowConfig { limit, ..c }) {
                for (before, lost, inspect) in [
                    (9_000, 1 << 20, true),
                    (33_000, 100_000, false),
                    (100, 19_950, true),
                    (15_000, 4_000, true),
                ] {
                    let mut w = Window::new(config);
                    w.append(&vec![1; before]);
                    if inspect {
                        w.inspected();
                    }
                    w.append(&[2; 10]);
                    w.gap(lost);
                    w.append(&[3; 9_000]);
                    for _ in 0..2 {
                        let views = shown(&w);
                        assert!(views.len() < 20, "{limit} {before} {lost}: {views:?}");
                        w.inspected();
                    }
                    w.end();
                    assert_eq!(shown(&w).iter().filter(|v| v.2).count(), 1, "{limit} {before} {lost}");
                }
            }
        }
    }

    #[test]
    fn settled_views_do_not_hang_on_the_cut() {
        for config in [HELD, AT_ONCE, WindowConfig { limit: 0, ..HELD }] {
            for len in [1, 7_999, 8_000, 8_001, 13_000, 30_000, 39_999, 40_000, 40_001, 70_000] {
                let body: Vec<u8> = (0..len).map(|n| u8::try_from(n % 251).unwrap_or(0)).collect();
                let whole = settled(config, &body, len);
                for piece in [1_460, 4_096, 8_000, 9_001] {
                    assert_eq!(settled(config, &body, piece), whole, "{len} bytes in pieces of {piece}");
                }
            }
        }
    }

    #[test]
    fn what_came_is_shown_at_once_where_asked() {
        let mut w = Window::new(AT_ONCE);
        w.append(b"abc");
        let mut seen = None;
        w.views(&mut |v| {
            seen = Some((v.bytes.to_vec(), v.settled, v.end));
            true
        });
        assert_eq!(seen, Some((b"abc".to_vec(), false, false)));
    }

    #[test]
    fn gap_separates() {
        let mut w = Window::new(HELD);
        w.append(&[1; 8_000]);
        w.inspected();
        w.gap(3);
        assert_eq!(shown(&w), []);
        w.append(b"x");
        w.end();
        assert_eq!(shown(&w), [(8_003, 1, true)]);
    }

    #[test]
    fn what_was_not_inspected_before_a_gap_still_is() {
        let mut w = Window::new(HELD);
        w.append(&[1; 7_000]);
        w.inspected();
        w.gap(900);
        w.append(&[2; 99]);
        assert_eq!(shown(&w), []);
        w.append(&[2; 2]);
        assert_eq!((w.total(), shown(&w)), (8_001, vec![(0, 7_100, false)]));
    }
}
