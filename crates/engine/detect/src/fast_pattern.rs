//! Which literal of a rule goes to the prefilter.
//!
//! Holds always: a literal that is chosen occurs in every buffer that the rule's list can
//! match. Deliberately not here: the matcher itself.

use mimamori_applayer::FieldKind;
use mimamori_rules::{Absent, Buffer, Content, FastPattern, Match, Selector};

use crate::literals::Literal;

/// The literal to look for, and in which buffer of the rule.
#[derive(Debug)]
pub struct Choice {
    pub buffer: usize,
    pub bytes: Vec<u8>,
    pub nocase: bool,
    pub min_start: u32,
    pub max_end: u32,
}

impl Choice {
    #[must_use]
    pub fn literal(&self, id: u32) -> Literal {
        Literal {
            id,
            bytes: self.bytes.clone(),
            nocase: self.nocase,
            min_start: self.min_start,
            max_end: self.max_end,
        }
    }
}

/// Chooses among the buffers that `eligible` admits: a marked content, else the strongest.
#[must_use]
pub fn choose(buffers: &[Buffer], eligible: impl Fn(&Selector) -> bool) -> Option<Choice> {
    choose_in(buffers, eligible, |selector| !is_stream(selector))
}

/// As [`choose`]; `whole` tells which buffers are always seen whole, so that places in them count
/// from their begin.
#[must_use]
pub fn choose_in(
    buffers: &[Buffer],
    eligible: impl Fn(&Selector) -> bool,
    whole: impl Fn(&Selector) -> bool,
) -> Option<Choice> {
    let mut best: Option<(i64, usize, &Content)> = None;
    for (index, buffer) in buffers.iter().enumerate() {
        if buffer.absent != Absent::No || !eligible(&buffer.selector) {
            continue;
        }
        for content in contents(&buffer.matches) {
            let marked = content.fast_pattern != FastPattern::No;
            let score = strength(content, &buffer.selector) + if marked { 1 << 30 } else { 0 };
            if best.as_ref().is_none_or(|(s, _, _)| score > *s) {
                best = Some((score, index, content));
            }
        }
    }
    let (_, buffer, content) = best?;
    let bounded = buffers.get(buffer).is_some_and(|b| whole(&b.selector));
    Some(build(buffer, content, bounded))
}

fn contents(matches: &[Match]) -> impl Iterator<Item = &Content> {
    matches.iter().filter_map(|m| match m {
        Match::Content(c) if !c.negated => Some(c),
        _ => None,
    })
}

fn is_stream(selector: &Selector) -> bool {
    match selector {
        Selector::Field(f) => f.info().kind == FieldKind::Stream,
        Selector::Payload => true,
        Selector::Packet(_) => false,
    }
}

/// Longer is rarer; repeated bytes and what every text holds count less; bodies cost more to
/// search than headers.
fn strength(content: &Content, selector: &Selector) -> i64 {
    let mut seen = [false; 256];
    let mut score: i64 = 0;
    for b in content.pattern.iter().take(32) {
        let worth = match *b {
            0x00 | 0xff | b' ' => 1,
            b'a'..=b'z' | b'A'..=b'Z' => 3,
            b'0'..=b'9' => 4,
            _ => 4,
        };
        let fresh = seen.get_mut(usize::from(*b)).is_some_and(|s| !std::mem::replace(s, true));
        score += if fresh { worth * 2 } else { worth };
    }
    if content.pattern.len() < 4 {
        score /= 2;
    }
    match selector {
        Selector::Field(f) if f.info().kind == FieldKind::Stream => score - 4,
        _ => score,
    }
}

fn build(buffer: usize, content: &Content, bounded: bool) -> Choice {
    let mut choice = Choice {
        buffer,
        bytes: content.pattern.to_vec(),
        nocase: content.nocase,
        min_start: 0,
        max_end: u32::MAX,
    };
    if let FastPattern::Chop { offset, length } = content.fast_pattern {
        let from = usize::from(offset);
        let to = from + usize::from(length);
        if let Some(part) = content.pattern.get(from..to) {
            choice.bytes = part.to_vec();
            return choice;
        }
    }
    if bounded && !content.is_relative() {
        let offset = content.offset.map_or(Some(0), |v| v.constant());
        let depth = content.depth.map_or(Some(None), |v| v.constant().map(Some));
        if let (Some(offset), Some(depth)) = (offset, depth) {
            let clamp = |n: i64| u32::try_from(n.max(0)).unwrap_or(u32::MAX);
            choice.min_start = clamp(offset);
            let own = i64::try_from(content.pattern.len()).ok().filter(|_| content.startswith);
            if let Some(depth) = depth.into_iter().chain(own).min() {
                choice.max_end = clamp(offset.saturating_add(depth));
            }
        }
    }
    choice
}
