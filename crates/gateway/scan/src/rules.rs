//! YARA rules: compiled when a definition set is built, used when files are judged.

use yara_x::{Compiler, SourceCode};

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
