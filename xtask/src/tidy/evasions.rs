//! `docs/evasions.md` names tests that are there: each line has one that holds it, or leads to what
//! happens instead.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const TABLE: &str = "docs/evasions.md";

pub fn check(root: &Path, files: &[PathBuf]) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(root.join(TABLE)).with_context(|| format!("read {TABLE}"))?;
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, l)| is_row(l)) {
        let place = format!("{TABLE}:{}", index + 1);
        if tests(line).next().is_none() && anchors(line).next().is_none() {
            findings.push(format!("{place}: neither a test nor what happens instead"));
        }
        for (end, name) in tests(line) {
            let found = is_test(root, files, end, name)?;
            if !found {
                findings.push(format!("{place}: {end} has no test {name}"));
            }
        }
        for (page, anchor) in anchors(line) {
            let path = root.join("docs").join(page);
            let page_text = std::fs::read_to_string(&path).with_context(|| format!("read docs/{page}"))?;
            if !page_text.lines().any(|l| l.starts_with('#') && slug(l) == anchor) {
                findings.push(format!("{place}: {page} has no heading {anchor}"));
            }
        }
    }
    Ok(findings)
}

/// A line of a table that is neither its head nor the rule below it.
fn is_row(line: &str) -> bool {
    line.starts_with("| ") && !line.starts_with("| ---") && !line.starts_with("| Evasion |")
}

/// Named as `end/of/path.rs::test`.
fn tests(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.split('`').skip(1).step_by(2).filter_map(|code| code.split_once(".rs::"))
}

/// `page.md#heading` of the links.
fn anchors(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next()?.split_once('#'))
}

/// A heading as links spell it.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    text.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect()
}

/// Whether exactly one file ends so, and has a test of that name that is not left out.
fn is_test(root: &Path, files: &[PathBuf], end: &str, name: &str) -> Result<bool> {
    let end = format!("{end}.rs");
    let mut those = files.iter().filter(|f| f.ends_with(&end));
    let (Some(file), None) = (those.next(), those.next()) else { return Ok(false) };
    let text =
        std::fs::read_to_string(root.join(file)).with_context(|| format!("read {}", file.display()))?;
    Ok(has_test(&text, name))
}

fn has_test(text: &str, name: &str) -> bool {
    let start = format!("fn {name}(");
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let Some(at) = lines.iter().position(|l| l.starts_with(&start)) else { return false };
    let marks: Vec<&&str> =
        lines.iter().take(at).rev().take_while(|l| l.starts_with("#[") || l.starts_with("//")).collect();
    // Properties stand inside `proptest! {`, with or without a mark of their own.
    let marked = marks.iter().any(|l| l.contains("test")) || text.contains("proptest! {");
    marked && !marks.iter().any(|l| l.starts_with("#[ignore"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_and_anchors_of_a_row() {
        let line = "| A | `evasion/tcp.rs::one`, `a/b.rs::two` | see [limits](limits.md#what-is-not-held) |";
        assert!(is_row(line) && !is_row("| --- | --- | --- |"));
        assert_eq!(tests(line).collect::<Vec<_>>(), [("evasion/tcp", "one"), ("a/b", "two")]);
        assert_eq!(anchors(line).collect::<Vec<_>>(), [("limits.md", "what-is-not-held")]);
        assert_eq!(slug("# What is not held"), "what-is-not-held");
    }

    #[test]
    fn a_test_is_marked_and_not_left_out() {
        assert!(has_test("#[test]\nfn a() {}\n", "a"));
        assert!(!has_test("fn a() {}\n", "a"));
        assert!(!has_test("#[test]\n#[ignore = \"later\"]\nfn a() {}\n", "a"));
        assert!(!has_test("#[test]\nfn ab() {}\n", "a"));
    }
}
