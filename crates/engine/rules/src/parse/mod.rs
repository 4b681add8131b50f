//! One rule's text into a checked [`Rule`].

mod app;
mod builder;
mod field_rules;
mod finish;
mod header;
mod keyword;
mod kind;
mod limits;
pub(crate) mod value;

use crate::ast::Rule;
use crate::error::{Result, RuleError};
use crate::lex::{split_options, split_rule};
use crate::set::{ParseContext, SetCache};

pub(crate) use builder::Builder;
pub use keyword::dataset_type;
pub(crate) use keyword::{threshold_kind, track};

/// A refusal, with the sid as far as the rule got.
pub(crate) struct Refused {
    pub sid: Option<u32>,
    pub error: RuleError,
}

/// Parses and checks one rule.
pub(crate) fn parse_rule(
    text: &str,
    line: u32,
    context: &ParseContext,
    cache: &mut SetCache,
) -> std::result::Result<(Rule, Vec<String>), Refused> {
    let refuse = |error| Refused { sid: find_sid(text), error };
    let (words, body) = split_rule(text).map_err(refuse)?;
    let header = header::parse(&words, context, cache).map_err(refuse)?;
    let mut builder = Builder::new(header, context, text);
    run(&mut builder, body).map_err(refuse)?;
    let warnings = std::mem::take(&mut builder.warnings);
    let mut rule = finish::finish(builder, line).map_err(refuse)?;
    if context.keep_text {
        rule.text = Some(text.into());
    }
    Ok((rule, warnings))
}

fn run(builder: &mut Builder<'_>, body: crate::lex::Word<'_>) -> Result<()> {
    for option in split_options(body) {
        let option = option?;
        builder.at = option.at;
        keyword::apply(builder, &option).map_err(|e| e.at(option.at))?;
    }
    Ok(())
}

/// The sid of a rule that may be broken.
pub(crate) fn find_sid(text: &str) -> Option<u32> {
    let mut rest = text;
    while let Some(at) = rest.find("sid") {
        let before = rest.get(..at).and_then(|b| b.chars().next_back());
        rest = rest.get(at + 3..)?;
        if !before.is_none_or(|c| c == '(' || c == ';' || c.is_whitespace()) {
            continue;
        }
        if let Some(value) = rest.trim_start().strip_prefix(':') {
            let digits: String = value.trim_start().chars().take_while(char::is_ascii_digit).collect();
            if let Ok(sid) = digits.parse() {
                return Some(sid);
            }
        }
    }
    None
}
