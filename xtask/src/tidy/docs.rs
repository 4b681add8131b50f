//! Docs name only what exists: links and code-formatted paths of Markdown files.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Top folders whose mention in backticks must be a real path.
const CHECKED_PREFIXES: &[&str] =
    &["crates/", "docs/", "corpus/", "definitions/", "fuzz/", "benches/", "e2e/", "xtask/"];

pub fn check(root: &Path, files: &[PathBuf]) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "md")) {
        let place = file.display();
        let text = std::fs::read_to_string(root.join(file)).with_context(|| format!("read {place}"))?;
        let folder = file.parent().unwrap_or(Path::new(""));
        findings.extend(missing_tests(root, &place.to_string(), &text)?);
        for (index, line) in text.lines().enumerate() {
            let missing_links =
                links(line).filter(|target| !root.join(folder).join(target).exists()).map(str::to_owned);
            let missing_paths = code_paths(line).filter(|path| !root.join(path).exists()).map(str::to_owned);
            for missing in missing_links.chain(missing_paths) {
                findings.push(format!("{place}:{}: names {missing}, which is not there", index + 1));
            }
        }
    }
    Ok(findings)
}

/// Functions named behind a Rust file, as in "`crates/x/src/y.rs` some_test, other_test", that are
/// not in it.
fn missing_tests(root: &Path, place: &str, text: &str) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for (path, names) in tests_named(line) {
            let Ok(source) = std::fs::read_to_string(root.join(path)) else { continue };
            let missing = names.into_iter().filter(|name| !source.contains(&format!("fn {name}(")));
            findings.extend(missing.map(|name| format!("{place}:{}: {path} has no {name}", index + 1)));
        }
    }
    Ok(findings)
}

/// Each Rust file between backticks with the names that follow it, up to the next thing.
fn tests_named(line: &str) -> Vec<(&str, Vec<&str>)> {
    let parts: Vec<&str> = line.split('`').collect();
    let files = parts.iter().enumerate().skip(1).step_by(2);
    files
        .filter(|(_, code)| code.ends_with(".rs") && CHECKED_PREFIXES.iter().any(|p| code.starts_with(p)))
        .map(|(at, code)| {
            let after = parts.get(at + 1).and_then(|rest| rest.split(['|', ';', '.', '(', ':']).next());
            let words = after.unwrap_or_default().split([',', ' ']).filter(|word| is_test_name(word));
            (*code, words.collect())
        })
        .collect()
}

/// Words of prose have no underscore.
fn is_test_name(word: &str) -> bool {
    word.contains('_') && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Targets of `[text](target)` that are files of the project.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| {
        let target = rest.split([')', '#', ' ']).next()?;
        let outside = target.is_empty() || target.contains("://") || target.starts_with("mailto:");
        (!outside).then_some(target)
    })
}

/// Paths between backticks that begin with one of our folders and hold no pattern.
fn code_paths(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2).filter(|code| {
        CHECKED_PREFIXES.iter().any(|p| code.starts_with(p)) && !code.contains(['*', '{', '<', ' ', '…', ':'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_tests_that_a_line_names() {
        let line = "| a_b | `crates/x.rs` one_test, other_test and prose; `docs/y.rs` third_one | not_this |";
        let named = tests_named(line);
        assert_eq!(
            named,
            [("crates/x.rs", vec!["one_test", "other_test"]), ("docs/y.rs", vec!["third_one"])]
        );
    }

    #[test]
    fn finds_links_and_paths() {
        let line = "see [a](docs/a.md#x) and `crates/base/src/lib.rs`, not `a b` or [w](https://e.example)";
        assert_eq!(links(line).collect::<Vec<_>>(), ["docs/a.md"]);
        assert_eq!(code_paths(line).collect::<Vec<_>>(), ["crates/base/src/lib.rs"]);
    }
}
