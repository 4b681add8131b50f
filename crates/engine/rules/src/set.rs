//! A text of rules in, a set of rules and refusals out.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ast::{Classification, Rule};

/// Address and port variables: `HOME_NET` → `[192.168.0.0/16,10.0.0.0/8]`, without `$`.
#[derive(Clone, Debug, Default)]
pub struct Vars {
    pub addresses: BTreeMap<String, String>,
    pub ports: BTreeMap<String, String>,
}

/// What parsing needs to know from elsewhere.
#[derive(Clone, Debug)]
pub struct ParseContext {
    pub vars: Vars,
    /// By name, lower case.
    pub classifications: BTreeMap<String, Arc<Classification>>,
    /// Prefixes by reference kind, lower case.
    pub references: BTreeMap<String, String>,
    /// Keep each rule's text.
    pub keep_text: bool,
}

impl Default for ParseContext {
    fn default() -> ParseContext {
        ParseContext {
            vars: Vars::default(),
            classifications: BTreeMap::new(),
            references: BTreeMap::new(),
            keep_text: false,
        }
    }
}

/// Why a rule was not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// Where the rule got far enough to have one.
    pub sid: Option<u32>,
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters of the rule's first line and its continuations.
    pub column: u32,
    pub reason: String,
    pub severity: Severity,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// The rule is wrong.
    Invalid,
    /// The rule may be right, but asks for what this engine does not do.
    Unsupported,
    /// The rule asks (`requires`) for what is not here, and is silently left out.
    Requires,
}

/// Something doubtful in a rule that was taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Warning {
    pub sid: u32,
    pub line: u32,
    pub text: String,
}

#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    pub rules: Vec<Rule>,
    pub refused: Vec<Refusal>,
    pub warnings: Vec<Warning>,
}

/// Parses a text of rules, one a line (`\` continues).
#[must_use]
pub fn parse_rules(text: &str, context: &ParseContext) -> RuleSet {
    let _ = (text, context);
    RuleSet::default()
}
