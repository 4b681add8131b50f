//! Whether a buffer meets the matches of a rule.
//!
//! Responsible for the evaluation of one match list on one buffer, and for transforming
//! buffers. Holds always: bounded steps on any buffer; no panic. Deliberately not here: which
//! buffers, which rules, and the prefilter.

mod asn1;
mod base64;
mod content;
mod context;
mod entropy;
mod eval;
mod literal;
mod math;
mod number;
mod regex;
mod transform;

#[cfg(test)]
mod tests;

pub use context::{Captured, Datasets, EvalContext, MAX_VARS, NoDatasets, Window};
pub use literal::find as find_literal;
pub use transform::CompiledTransforms;

use mimamori_rules::{
    Asn1, Base64Decode, ByteExtract, ByteJump, ByteMath, ByteTest, Content, Dataset, Entropy,
};
use mimamori_rules::{IsDataAt, JumpFrom, Match, NumberCmp};

use regex::Expression;

/// Why a match list cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    #[error("regular expression: {0}")]
    Regex(String),
}

/// A match list, ready for evaluation. Immutable; regular expressions compile at first use.
#[derive(Debug, Default)]
pub struct CompiledMatches {
    steps: Box<[Step]>,
    grows_only: bool,
}

/// One match, compiled.
#[derive(Debug)]
enum Step {
    Content(Box<content::Needle>),
    Pcre(Box<Expression>),
    ByteTest(Box<ByteTest>),
    ByteJump(Box<ByteJump>),
    ByteExtract(ByteExtract),
    ByteMath(Box<ByteMath>),
    IsDataAt(IsDataAt),
    Bsize(NumberCmp),
    Base64(Base64Decode, CompiledMatches),
    Entropy(Box<Entropy>),
    Dataset(Box<Dataset>),
    Asn1(Asn1),
}

impl CompiledMatches {
    /// # Errors
    /// When an expression of the list cannot be understood.
    pub fn compile(matches: &[Match]) -> Result<CompiledMatches, CompileError> {
        let steps = matches.iter().map(Step::compile).collect::<Result<_, _>>()?;
        Ok(CompiledMatches { steps, grows_only: matches.iter().all(grows_only) })
    }

    /// Whether `buffer` meets the list. Leaves variables and captures in `ctx` when it does.
    #[must_use]
    pub fn evaluate(&self, buffer: &[u8], ctx: &mut EvalContext<'_>) -> bool {
        let (captures, replacements) = (ctx.captures.len(), ctx.replacements.len());
        let met = eval::run(&self.steps, buffer, 0, ctx) == eval::Outcome::Met;
        if !met {
            ctx.captures.truncate(captures);
            ctx.replacements.truncate(replacements);
        }
        met
    }

    /// Compiles every expression now, to tell which ones the engines refuse.
    ///
    /// # Errors
    /// The first refusal.
    pub fn check_expressions(&self) -> Result<(), CompileError> {
        self.steps.iter().try_for_each(|s| match s {
            Step::Pcre(p) => p.check().map_err(CompileError::Regex),
            Step::Base64(_, data) => data.check_expressions(),
            _ => Ok(()),
        })
    }

    /// Bytes that follow cannot undo that the list is met.
    #[must_use]
    pub fn grows_only(&self) -> bool {
        self.grows_only
    }

    /// The list asks for nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

impl Step {
    fn compile(m: &Match) -> Result<Step, CompileError> {
        Ok(match m {
            Match::Content(c) => Step::Content(Box::new(needle(c))),
            Match::Pcre(p) => Step::Pcre(Box::new(Expression::new(p).map_err(CompileError::Regex)?)),
            Match::ByteTest(t) => Step::ByteTest(Box::new(t.clone())),
            Match::ByteJump(j) => Step::ByteJump(Box::new(j.clone())),
            Match::ByteExtract(e) => Step::ByteExtract(e.clone()),
            Match::ByteMath(m) => Step::ByteMath(Box::new(m.clone())),
            Match::IsDataAt(d) => Step::IsDataAt(d.clone()),
            Match::Bsize(c) => Step::Bsize(*c),
            Match::Base64Decode(b) => {
                let data = CompiledMatches::compile(&b.data)?;
                Step::Base64(Base64Decode { data: Vec::new(), ..b.clone() }, data)
            }
            Match::Entropy(e) => Step::Entropy(Box::new(e.clone())),
            Match::Dataset(d) => Step::Dataset(d.clone()),
            Match::Asn1(a) => Step::Asn1(*a),
        })
    }
}

/// Whether a match that is met stays met with any bytes that follow.
fn grows_only(m: &Match) -> bool {
    match m {
        Match::Content(c) => !c.negated && !c.endswith,
        Match::Pcre(p) => !p.negated && !looks_ahead(&p.pattern),
        Match::ByteJump(j) => j.from != JumpFrom::End,
        Match::ByteTest(_) | Match::ByteExtract(_) | Match::ByteMath(_) => true,
        Match::IsDataAt(d) => !d.negated,
        Match::Bsize(c) => matches!(c, NumberCmp::Gt(_) | NumberCmp::Ge(_)),
        Match::Base64Decode(_) | Match::Entropy(_) | Match::Dataset(_) | Match::Asn1(_) => false,
    }
}

/// Ends, edges of words, negated look-around and what gives nothing back hang on what follows.
fn looks_ahead(pattern: &str) -> bool {
    ["$", "\\z", "\\Z", "\\b", "\\B", "(?!", "(?<!", "(?>", "++", "*+", "?+", "}+"]
        .iter()
        .any(|w| pattern.contains(w))
}

fn needle(c: &Content) -> content::Needle {
    content::Needle::new(c)
}
