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
    fn finds_links_and_paths() {
        let line = "see [a](docs/a.md#x) and `crates/base/src/lib.rs`, not `a b` or [w](https://e.example)";
        assert_eq!(links(line).collect::<Vec<_>>(), ["docs/a.md"]);
        assert_eq!(code_paths(line).collect::<Vec<_>>(), ["crates/base/src/lib.rs"]);
    }
}
