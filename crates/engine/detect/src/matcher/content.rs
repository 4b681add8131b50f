//! One content on a buffer: where it may be, and whether it is there.

use mimamori_rules::{Content, Value};

use super::context::EvalContext;
use super::literal::{find, rarest, same};

/// A content, ready to be looked for.
#[derive(Debug)]
pub struct Needle {
    pattern: Box<[u8]>,
    rare: usize,
    nocase: bool,
    pub negated: bool,
    depth: Option<Value>,
    offset: Option<Value>,
    distance: Option<Value>,
    within: Option<Value>,
    startswith: bool,
    endswith: bool,
    pub relative_next: bool,
    replace: Option<Box<[u8]>>,
}

/// What a look gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// Bytes `start..end` of the buffer.
    At {
        start: usize,
        end: usize,
    },
    /// A negated content is not there: the list goes on.
    RightlyAbsent,
    No,
}

/// The part of the buffer that may hold the content: `lo..hi`.
enum Bounds {
    Part {
        lo: usize,
        hi: usize,
    },
    /// No place at all: a negated content is met.
    Nowhere,
    /// Not to be decided on this window: not even a negated content is met.
    Never,
}

impl Needle {
    pub fn new(c: &Content) -> Needle {
        Needle {
            rare: rarest(&c.pattern),
            pattern: c.pattern.clone(),
            nocase: c.nocase,
            negated: c.negated,
            depth: c.depth,
            offset: c.offset,
            distance: c.distance,
            within: c.within,
            startswith: c.startswith,
            endswith: c.endswith,
            relative_next: c.relative_next,
            replace: c.replace.clone(),
        }
    }

    pub fn is_relative(&self) -> bool {
        self.distance.is_some() || self.within.is_some()
    }

    /// Looks from `anchor` (the end of the match before), or from `again` when an earlier
    /// occurrence led nowhere.
    pub fn look(
        &self,
        buffer: &[u8],
        anchor: usize,
        again: Option<usize>,
        ctx: &mut EvalContext<'_>,
    ) -> Found {
        let absent = if self.negated { Found::RightlyAbsent } else { Found::No };
        let (lo, hi) = match self.bounds(buffer.len(), anchor, ctx) {
            Bounds::Part { lo, hi } => (again.unwrap_or(lo), hi),
            Bounds::Nowhere => return absent,
            Bounds::Never => return Found::No,
        };
        let Some(part) = buffer.get(lo..hi) else {
            return absent;
        };
        let found = if self.endswith {
            self.at_end(part, hi == buffer.len())
        } else if self.startswith {
            part.get(..self.pattern.len()).filter(|p| same(p, &self.pattern, self.nocase)).map(|_| 0)
        } else {
            ctx.spend(1 + part.len() / 512);
            find(part, &self.pattern, self.rare, self.nocase)
        };
        match found {
            None => absent,
            Some(_) if self.negated => Found::No,
            Some(at) => {
                let start = lo + at;
                if let Some(replace) = &self.replace {
                    ctx.replacements.push((start, replace.clone()));
                }
                Found::At { start, end: start + self.pattern.len() }
            }
        }
    }

    /// At the very end of the buffer, which `part` must reach.
    fn at_end(&self, part: &[u8], reaches_end: bool) -> Option<usize> {
        let at = part.len().checked_sub(self.pattern.len()).filter(|_| reaches_end)?;
        (!self.startswith || at == 0).then_some(())?;
        part.get(at..).filter(|p| same(p, &self.pattern, self.nocase)).map(|_| at)
    }

    fn bounds(&self, len: usize, anchor: usize, ctx: &EvalContext<'_>) -> Bounds {
        let len_i = signed(len);
        let (lo, hi) = if self.is_relative() {
            match self.relative_bounds(len_i, signed(anchor), ctx) {
                Some(b) => b,
                None => return Bounds::Never,
            }
        } else {
            match self.absolute_bounds(len_i, ctx) {
                Some(b) => b,
                None => return Bounds::Never,
            }
        };
        let (lo, hi) = (lo.max(0), hi.min(len_i));
        match (usize::try_from(lo), usize::try_from(hi)) {
            (Ok(lo), Ok(hi)) if lo <= hi && hi > 0 => Bounds::Part { lo, hi },
            _ => Bounds::Nowhere,
        }
    }

    fn relative_bounds(&self, len: i64, anchor: i64, ctx: &EvalContext<'_>) -> Option<(i64, i64)> {
        let distance = self.distance.map_or(0, |v| ctx.value(v));
        let lo = anchor.saturating_add(distance).max(0);
        let Some(within) = self.within else {
            return Some((lo, len));
        };
        let hi = anchor.saturating_add(distance).saturating_add(ctx.value(within));
        if anchor == 0 { Some((lo, in_window(hi, len, ctx)?)) } else { Some((lo, hi)) }
    }

    fn absolute_bounds(&self, len: i64, ctx: &EvalContext<'_>) -> Option<(i64, i64)> {
        let lo = self.offset.map_or(0, |v| ctx.value(v));
        let hi = if self.startswith {
            in_window(signed(self.pattern.len()), len, ctx)?
        } else {
            match self.depth {
                Some(depth) => in_window(lo.saturating_add(ctx.value(depth)), len, ctx)?,
                None => len,
            }
        };
        Some((lo, hi))
    }
}

/// A limit that counts from the stream's begin, in a window that begins later.
fn in_window(hi: i64, len: i64, ctx: &EvalContext<'_>) -> Option<i64> {
    let offset = i64::try_from(ctx.window.offset).unwrap_or(i64::MAX);
    if offset == 0 {
        return Some(hi);
    }
    if hi <= offset {
        return None;
    }
    Some(if hi >= offset.saturating_add(len) { len } else { hi - offset })
}

fn signed(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
