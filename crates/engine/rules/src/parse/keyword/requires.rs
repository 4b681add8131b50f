//! `requires`: rules that bring their own conditions for being loaded.

use crate::error::{Result, RuleError, bail};
use crate::lex::RawOption;
use crate::parse::Builder;
use crate::parse::value::{parts, required};
use crate::set::Severity;

/// The version of the rule language that is spoken here.
const VERSION: [u32; 3] = [9, 0, 0];

pub fn requires(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    for part in parts(required(o)?) {
        let (what, rest) = part.split_once(char::is_whitespace).unwrap_or((part, ""));
        let rest = rest.trim();
        let met = match what {
            "feature" => b.context.features.contains(rest),
            "keyword" => super::is_known(rest),
            "version" => version_met(rest)?,
            _ => return unmet(format!("`requires: {part}` is a requirement that is not known")),
        };
        if !met {
            return unmet(format!("the rule requires {part}"));
        }
    }
    Ok(())
}

fn unmet(reason: String) -> Result<()> {
    Err(RuleError { at: None, reason, severity: Severity::Requires })
}

/// `>= 7.0.4 < 8 | >= 8.0.1`
fn version_met(text: &str) -> Result<bool> {
    for alternative in text.split('|') {
        let spaced = alternative.replace(">=", " >=").replace('<', " < ").replace("< =", "<=");
        let mut words = spaced.split_whitespace().peekable();
        if words.peek().is_none() {
            bail!("`requires: version` needs a comparison and a version");
        }
        let mut all = true;
        while let Some(word) = words.next() {
            let op_end = word.find(|c: char| c.is_ascii_digit()).unwrap_or(word.len());
            let (op, version) = word.split_at(op_end);
            let version = if version.is_empty() { words.next().unwrap_or("") } else { version };
            let version = parse_version(version)?;
            all &= match op {
                ">=" => VERSION >= version,
                ">" => VERSION > version,
                "<=" => VERSION <= version,
                "<" => VERSION < version,
                other => bail!("`{other}` is no comparison of versions"),
            };
        }
        if all {
            return Ok(true);
        }
    }
    Ok(false)
}

fn parse_version(text: &str) -> Result<[u32; 3]> {
    let core = text.split(['-', '+']).next().unwrap_or("");
    let mut out = [0u32; 3];
    let mut numbers = core.split('.');
    for slot in &mut out {
        if let Some(n) = numbers.next() {
            *slot = n.parse().map_err(|_| RuleError::invalid(format!("`{text}` is no version")))?;
        }
    }
    match numbers.next() {
        Some(_) => bail!("`{text}` is no version"),
        None => Ok(out),
    }
}

#[cfg(test)]
mod tests {
    use super::version_met;

    #[test]
    fn versions() {
        for (text, met) in [
            (">= 8.0.5", true),
            (">=9", true),
            ("  >= 9.0.1", false),
            ("< 8", false),
            (">= 7.0.3 < 8 | >= 8.0.1", true),
            (">= 10 | < 9", false),
        ] {
            assert_eq!(version_met(text).unwrap(), met, "{text}");
        }
        assert!(version_met("").is_err() && version_met(">= x").is_err());
    }
}
