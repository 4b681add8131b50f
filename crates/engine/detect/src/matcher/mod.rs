//! Whether a buffer meets the matches of a rule.
//!
//! Responsible for the evaluation of one match list on one buffer, and for transforming
//! buffers. Holds always: bounded steps on any buffer; no panic. Deliberately not here: which
//! buffers, which rules, and the prefilter.

mod context;

pub use context::{Captured, Datasets, EvalContext, MAX_VARS, NoDatasets, Window};

use mimamori_rules::{Match, Transform};

/// Why a match list cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    #[error("regular expression: {0}")]
    Regex(String),
}

/// A match list, ready for evaluation. Immutable; regular expressions compile at first use.
#[derive(Debug)]
pub struct CompiledMatches {}

impl CompiledMatches {
    /// # Errors
    /// When an expression of the list cannot be understood.
    pub fn compile(matches: &[Match]) -> Result<CompiledMatches, CompileError> {
        let _ = matches;
        Ok(CompiledMatches {})
    }

    /// Whether `buffer` meets the list. Leaves variables and captures in `ctx` when it does.
    #[must_use]
    pub fn evaluate(&self, buffer: &[u8], ctx: &mut EvalContext<'_>) -> bool {
        let _ = (buffer, ctx);
        false
    }
}

/// Transforms of a buffer, ready for use.
#[derive(Debug)]
pub struct CompiledTransforms {}

impl CompiledTransforms {
    /// # Errors
    /// When an expression of a transform cannot be understood.
    pub fn compile(transforms: &[Transform]) -> Result<CompiledTransforms, CompileError> {
        let _ = transforms;
        Ok(CompiledTransforms {})
    }

    #[must_use]
    pub fn is_identity(&self) -> bool {
        true
    }

    /// The transformed buffer into `out` (cleared first). `false`: the buffer vanishes.
    #[must_use]
    pub fn apply(&self, buffer: &[u8], out: &mut Vec<u8>) -> bool {
        out.clear();
        out.extend_from_slice(buffer);
        true
    }
}
