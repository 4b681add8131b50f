//! The evaluation of a match list: in order, with a way back.
//!
//! A match that a later one is relative to is tried at each of its occurrences until the rest
//! of the list is met. A match that depends on nothing before it ends the search when it fails:
//! no other occurrence could change that.

use mimamori_rules::IsDataAt;

use super::content::Found;
use super::context::{EvalContext, Window};
use super::regex::Hit;
use super::{Step, asn1, base64, entropy, math, number};

/// How a list, or the rest of one, ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Met,
    /// Not met from here; another occurrence of an earlier match may do.
    Missed,
    /// Not met, and no other occurrence changes that.
    Hopeless,
}

/// Runs `steps` on `buffer`; `anchor` is the end of the match before.
pub fn run(steps: &[Step], buffer: &[u8], mut anchor: usize, ctx: &mut EvalContext<'_>) -> Outcome {
    let mut rest = steps;
    while let Some((step, next)) = rest.split_first() {
        rest = next;
        ctx.spend(1);
        if ctx.steps == 0 {
            return Outcome::Hopeless;
        }
        match step {
            Step::Content(c) if c.relative_next && !c.negated => {
                return occurrences(c, rest, buffer, anchor, ctx);
            }
            Step::Content(c) => match c.look(buffer, anchor, None, ctx) {
                Found::At { end, .. } => anchor = end,
                Found::RightlyAbsent => {}
                Found::No if c.is_relative() => return Outcome::Missed,
                Found::No => return Outcome::Hopeless,
            },
            Step::Pcre(p) if p.relative_next && !p.negated => {
                return expression_occurrences(p, rest, buffer, anchor, ctx);
            }
            Step::Pcre(p) => match p.look(buffer, anchor, None, ctx) {
                Hit::At { end, .. } => anchor = end,
                Hit::RightlyAbsent => {}
                Hit::No => return Outcome::Missed,
            },
            Step::Base64(spec, data) => match base64::decode_at(buffer, anchor, spec) {
                Some(decoded) if !data.is_empty() => {
                    let outer = std::mem::replace(&mut ctx.window, Window::WHOLE);
                    let met = run(&data.steps, &decoded, 0, ctx);
                    ctx.window = outer;
                    // base64_data ends the list.
                    return if met == Outcome::Met { Outcome::Met } else { Outcome::Missed };
                }
                Some(_) => {}
                None => return Outcome::Missed,
            },
            other => match simple(other, buffer, anchor, ctx) {
                Some(place) => anchor = place,
                None => return Outcome::Missed,
            },
        }
    }
    Outcome::Met
}

/// The steps that either hold or do not. The new anchor when they hold.
fn simple(step: &Step, buffer: &[u8], anchor: usize, ctx: &mut EvalContext<'_>) -> Option<usize> {
    match step {
        Step::ByteTest(t) => number::test(t, buffer, anchor, ctx).then_some(anchor),
        Step::ByteJump(j) => number::jump(j, buffer, anchor, ctx),
        Step::ByteExtract(e) => math::extract(e, buffer, anchor, ctx),
        Step::ByteMath(m) => math::math(m, buffer, anchor, ctx),
        Step::IsDataAt(d) => is_data_at(d, buffer.len(), anchor, ctx).then_some(anchor),
        Step::Bsize(cmp) => bsize(*cmp, buffer.len(), ctx.window).then_some(anchor),
        Step::Entropy(e) => entropy::holds(e, buffer).then_some(anchor),
        Step::Dataset(d) => ctx.datasets.lookup(d, buffer).then_some(anchor),
        Step::Asn1(a) => asn1::holds(a, buffer, anchor).then_some(anchor),
        Step::Content(_) | Step::Pcre(_) | Step::Base64(..) => None,
    }
}

/// Each occurrence of a content that the next match is relative to.
fn occurrences(
    c: &super::content::Needle,
    rest: &[Step],
    buffer: &[u8],
    anchor: usize,
    ctx: &mut EvalContext<'_>,
) -> Outcome {
    let (vars, replacements) = (ctx.vars, ctx.replacements.len());
    let captures = ctx.captures.len();
    let mut again = None;
    loop {
        let Found::At { start, end } = c.look(buffer, anchor, again, ctx) else {
            return if c.is_relative() { Outcome::Missed } else { Outcome::Hopeless };
        };
        match run(rest, buffer, end, ctx) {
            Outcome::Missed => {}
            decided => return decided,
        }
        if ctx.steps == 0 {
            return Outcome::Hopeless;
        }
        ctx.vars = vars;
        ctx.captures.truncate(captures);
        ctx.replacements.truncate(replacements);
        ctx.spend(1);
        again = Some(start + 1);
    }
}

/// Each occurrence of an expression that the next match is relative to.
fn expression_occurrences(
    p: &super::regex::Expression,
    rest: &[Step],
    buffer: &[u8],
    anchor: usize,
    ctx: &mut EvalContext<'_>,
) -> Outcome {
    let vars = ctx.vars;
    let captures = ctx.captures.len();
    let mut again = None;
    loop {
        let Hit::At { start, end } = p.look(buffer, anchor, again, ctx) else {
            return Outcome::Missed;
        };
        match run(rest, buffer, end, ctx) {
            Outcome::Missed => {}
            decided => return decided,
        }
        if ctx.steps == 0 {
            return Outcome::Hopeless;
        }
        ctx.vars = vars;
        ctx.captures.truncate(captures);
        ctx.spend(1);
        again = Some(start + 1);
    }
}

/// `isdataat:n` asks for a byte at n; relative, for n bytes from the anchor.
fn is_data_at(d: &IsDataAt, len: usize, anchor: usize, ctx: &EvalContext<'_>) -> bool {
    let at = usize::try_from(ctx.value(d.at)).unwrap_or(usize::MAX);
    let there = if d.relative { anchor.saturating_add(at) <= len } else { at < len };
    there != d.negated
}

/// The length of the whole, which is known at the end only; "longer than" is known earlier.
fn bsize(cmp: mimamori_rules::NumberCmp, len: usize, window: Window) -> bool {
    use mimamori_rules::NumberCmp::{Ge, Gt};
    let total = window.offset.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
    if window.end || matches!(cmp, Gt(_) | Ge(_)) { cmp.test(total) } else { false }
}
