//! Why a rule is refused, and where in it.

use crate::set::Severity;

/// The reason for refusing one rule. `at` is a byte offset into the rule's text; the caller of
/// an option's parser fills it in when the parser cannot know it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{reason}")]
pub struct RuleError {
    pub at: Option<usize>,
    pub reason: String,
    pub severity: Severity,
}

impl RuleError {
    pub fn invalid(reason: impl Into<String>) -> RuleError {
        RuleError { at: None, reason: reason.into(), severity: Severity::Invalid }
    }

    pub fn unsupported(reason: impl Into<String>) -> RuleError {
        RuleError { at: None, reason: reason.into(), severity: Severity::Unsupported }
    }

    pub fn at(mut self, at: usize) -> RuleError {
        self.at.get_or_insert(at);
        self
    }
}

pub type Result<T> = std::result::Result<T, RuleError>;

/// `bail!("…")`: refuse as invalid.
macro_rules! bail {
    ($($arg:tt)*) => { return Err($crate::error::RuleError::invalid(format!($($arg)*))) };
}
pub(crate) use bail;
