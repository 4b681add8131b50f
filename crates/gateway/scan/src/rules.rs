//! YARA rules: compiled when a definition set is built, used when files are judged.

use std::sync::Arc;
use std::time::Duration;

use yara_x::{Compiler, MetaValue, Rules, SourceCode};

/// A rule that could not be used.
pub type RefusedRule = (String, usize, String);

/// Compiled rules, how many they are, and those refused (source, line, reason).
pub type Compiled = (Vec<u8>, u64, Vec<RefusedRule>);

/// Compiles rules of several sources (name, text). A rule with an error is left out, the others
/// stay.
#[must_use]
pub fn compile_yara(sources: &[(String, String)]) -> Compiled {
    let mut compiler = Compiler::new();
    compiler.enable_includes(false);
    compiler.switch_all_warnings(false);
    let mut refused = Vec::new();
    for (index, (name, text)) in sources.iter().enumerate() {
        // The same rule may stand in two sources.
        compiler.new_namespace(&format!("s{index}"));
        let before = compiler.errors().len();
        let source = SourceCode::from(text.as_str()).with_origin(name.as_str());
        if compiler.add_source(source).is_err() {
            for error in compiler.errors().iter().skip(before) {
                refused.push((name.clone(), line_of(&error.to_string()), error.title().to_owned()));
            }
        }
    }
    let rules = compiler.build();
    let count = rules.iter().len() as u64;
    (rules.serialize().unwrap_or_default(), count, refused)
}

/// Rules ready to be used; cheap to clone.
#[derive(Clone)]
pub(crate) struct YaraRules(Arc<Rules>);

impl YaraRules {
    pub(crate) fn read(compiled: &[u8]) -> Result<Self, String> {
        Rules::deserialize(compiled).map(|rules| YaraRules(Arc::new(rules))).map_err(|e| e.to_string())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.iter().len()
    }
}

/// Looks at one file after the other.
pub(crate) struct Matcher<'r>(yara_x::Scanner<'r>);

impl<'r> Matcher<'r> {
    pub(crate) fn new(rules: &'r YaraRules, longest: Duration) -> Self {
        let mut scanner = yara_x::Scanner::new(&rules.0);
        scanner.set_timeout(longest);
        scanner.max_matches_per_pattern(64);
        Matcher(scanner)
    }

    /// The family that the first matching rule names, or the rule's own name.
    pub(crate) fn family(&mut self, bytes: &[u8]) -> Option<String> {
        let results = self.0.scan(bytes).ok()?;
        let rule = results.matching_rules().next()?;
        let named = rule.metadata().find_map(|(key, value)| match value {
            MetaValue::String(text) if matches!(key, "family" | "malware" | "malware_family") => {
                Some(text.to_owned())
            }
            _ => None,
        });
        Some(named.unwrap_or_else(|| rule.identifier().to_owned()))
    }
}

/// The line that the compiler's report points at (`--> origin:3:5`).
fn line_of(report: &str) -> usize {
    let Some((_, place)) = report.split_once("--> ") else { return 0 };
    let place = place.lines().next().unwrap_or_default();
    place.rsplit(':').nth(1).and_then(|n| n.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_rule_is_refused_alone() {
        let text = "rule good { condition: true }\nrule bad { condition: nothing_here }\nrule fine { strings: $a = \"x\" condition: $a }\n";
        let (bytes, count, refused) = compile_yara(&[("a.yar".into(), text.into())]);
        assert_eq!(count, 2);
        assert_eq!(refused.len(), 1);
        assert_eq!((refused[0].0.as_str(), refused[0].1), ("a.yar", 2));
        assert!(!bytes.is_empty());
        let (_, both, none) = compile_yara(&[
            ("a".into(), "rule same { condition: true }".into()),
            ("b".into(), "rule same { condition: true }".into()),
        ]);
        assert_eq!((both, none.len()), (2, 0));
    }
}
