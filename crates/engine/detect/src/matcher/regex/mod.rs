//! `pcre`: expressions compiled at first use, on the engine that can do them.
//!
//! Most run on `regex` in linear time. Look-around, back references and possessive quantifiers
//! run on `fancy-regex` with a limit on its steps.

mod class;
mod escapes;
mod translate;

use std::sync::OnceLock;

use mimamori_rules::{Pcre, PcreCapture};

use super::context::{Captured, EvalContext};
use translate::{Options, Translated, translate};

/// Memory that one compiled expression may take.
const SIZE_LIMIT: usize = 4 << 20;
/// Memory of the states that one expression builds while it matches.
const DFA_LIMIT: usize = 512 << 10;
/// Steps back that an expression with look-around may take.
const BACKTRACK_LIMIT: usize = 50_000;
/// Bytes of a buffer that an expression with look-around is run on.
const FANCY_WINDOW: usize = 64 << 10;

/// One expression of a rule.
#[derive(Debug)]
pub struct Expression {
    translated: Translated,
    pub negated: bool,
    relative: bool,
    pub relative_next: bool,
    captures: Vec<(u16, PcreCapture)>,
    engine: OnceLock<Option<Engine>>,
}

#[derive(Debug)]
enum Engine {
    Linear(regex::bytes::Regex),
    Backtracking(Box<fancy_regex::Regex>),
}

/// What a look gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hit {
    At { start: usize, end: usize },
    RightlyAbsent,
    No,
}

/// An expression that a transform uses: first capture of the first match.
#[derive(Debug)]
pub struct Extractor(Expression);

impl Extractor {
    pub fn new(pattern: &str) -> Result<Extractor, String> {
        let pcre = Pcre { pattern: pattern.into(), ..Pcre::default() };
        Ok(Extractor(Expression::new(&pcre)?))
    }

    /// The first capture, when the expression matches and has it.
    pub fn extract(&self, buffer: &[u8]) -> Option<Vec<u8>> {
        let groups = self.0.engine()?.groups(buffer, 0, &[1])?;
        groups.values.into_iter().next().flatten()
    }
}

struct Groups {
    start: usize,
    end: usize,
    values: Vec<Option<Vec<u8>>>,
}

impl Expression {
    pub fn new(p: &Pcre) -> Result<Expression, String> {
        let options = Options {
            nocase: p.nocase,
            dot_all: p.dot_all,
            multiline: p.multiline,
            extended: p.extended,
            anchored: p.anchored,
            dollar_end_only: p.dollar_end_only,
            ungreedy: p.ungreedy,
        };
        Ok(Expression {
            translated: translate(&p.pattern, options)?,
            negated: p.negated,
            relative: p.relative,
            relative_next: p.relative_next,
            captures: p.captures.clone(),
            engine: OnceLock::new(),
        })
    }

    /// Compiles now.
    pub fn check(&self) -> Result<(), String> {
        compile(&self.translated).map(drop)
    }

    fn engine(&self) -> Option<&Engine> {
        self.engine.get_or_init(|| compile(&self.translated).ok()).as_ref()
    }

    /// Looks from `anchor` where relative, and from `again` when an earlier match led nowhere.
    pub fn look(&self, buffer: &[u8], anchor: usize, again: Option<usize>, ctx: &mut EvalContext<'_>) -> Hit {
        let base = if self.relative { anchor } else { 0 };
        let Some(part) = buffer.get(base..) else {
            return Hit::No;
        };
        if self.relative && part.is_empty() {
            return Hit::No;
        }
        let Some(engine) = self.engine() else {
            return Hit::No;
        };
        let from = again.map_or(0, |a| a.saturating_sub(base));
        if from > part.len() {
            return Hit::No;
        }
        ctx.spend(1 + (part.len() - from) / 128);
        if !self.captures.is_empty() {
            return self.capture(engine, part, from, base, ctx);
        }
        // Where it matched is asked for only when a later match counts from there.
        if !self.relative_next {
            return match (engine.is_match(part, from), self.negated) {
                (true, false) => Hit::At { start: base, end: base },
                (false, true) => Hit::RightlyAbsent,
                _ => Hit::No,
            };
        }
        match engine.find(part, from) {
            Some((start, end)) => Hit::At { start: base + start, end: base + end },
            None => Hit::No,
        }
    }

    fn capture(
        &self,
        engine: &Engine,
        part: &[u8],
        from: usize,
        base: usize,
        ctx: &mut EvalContext<'_>,
    ) -> Hit {
        let wanted: Vec<usize> = self.captures.iter().map(|(group, _)| usize::from(*group)).collect();
        let Some(groups) = engine.groups(part, from, &wanted) else {
            return Hit::No;
        };
        for ((_, to), value) in self.captures.iter().zip(groups.values) {
            if let Some(value) = value {
                ctx.captures.push(Captured { to: to.clone(), value: value.into() });
            }
        }
        Hit::At { start: base + groups.start, end: base + groups.end }
    }
}

fn compile(t: &Translated) -> Result<Engine, String> {
    if !t.needs_backtracking {
        let linear = regex::bytes::RegexBuilder::new(&t.pattern)
            .unicode(false)
            .size_limit(SIZE_LIMIT)
            .dfa_size_limit(DFA_LIMIT)
            .build();
        return linear.map(Engine::Linear).map_err(|e| e.to_string());
    }
    fancy_regex::RegexBuilder::new(&t.pattern)
        .bytes_mode(fancy_regex::BytesMode::Ascii)
        .backtrack_limit(BACKTRACK_LIMIT)
        .delegate_size_limit(SIZE_LIMIT)
        .delegate_dfa_size_limit(DFA_LIMIT)
        .build()
        .map(|r| Engine::Backtracking(Box::new(r)))
        .map_err(|e| e.to_string())
}

impl Engine {
    fn is_match(&self, part: &[u8], from: usize) -> bool {
        match self {
            Engine::Linear(r) => r.is_match_at(part, from),
            Engine::Backtracking(_) => self.find(part, from).is_some(),
        }
    }

    fn find(&self, part: &[u8], from: usize) -> Option<(usize, usize)> {
        match self {
            Engine::Linear(r) => r.find_at(part, from).map(|m| (m.start(), m.end())),
            Engine::Backtracking(r) => {
                let found = r.find_from_pos(fancy_window(part), from).ok()??;
                Some((found.start(), found.end()))
            }
        }
    }

    fn groups(&self, part: &[u8], from: usize, wanted: &[usize]) -> Option<Groups> {
        match self {
            Engine::Linear(r) => {
                let found = r.captures_at(part, from)?;
                let whole = found.get(0)?;
                let values = wanted.iter().map(|g| found.get(*g).map(|m| m.as_bytes().to_vec())).collect();
                Some(Groups { start: whole.start(), end: whole.end(), values })
            }
            Engine::Backtracking(r) => {
                let found = r.captures_from_pos(fancy_window(part), from).ok()??;
                let whole = found.get(0)?;
                let value =
                    |g: &usize| found.get(*g).and_then(|m| part.get(m.start()..m.end())).map(<[u8]>::to_vec);
                Some(Groups {
                    start: whole.start(),
                    end: whole.end(),
                    values: wanted.iter().map(value).collect(),
                })
            }
        }
    }
}

fn fancy_window(part: &[u8]) -> &[u8] {
    part.get(..FANCY_WINDOW.min(part.len())).unwrap_or(part)
}

#[cfg(test)]
mod tests;
