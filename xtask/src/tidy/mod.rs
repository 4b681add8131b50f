//! `cargo xtask tidy`: the structure as the style card and ARCHITECTURE.md state it.
//!
//! Each check returns what it found as lines `place: what is wrong`; none stops the others.

mod arrows;
mod docs;
mod evasions;
mod sizes;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

pub fn run(root: &Path) -> Result<()> {
    let files = tracked_files(root)?;
    let mut findings = arrows::check(root)?;
    findings.extend(sizes::check(root, &files)?);
    findings.extend(docs::check(root, &files)?);
    findings.extend(evasions::check(root, &files)?);
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        println!("tidy: {} files, nothing to mend", files.len());
        return Ok(());
    }
    bail!("tidy: {} findings", findings.len())
}

/// Files that git tracks or would track, relative to the root.
fn tracked_files(root: &Path) -> Result<Vec<PathBuf>> {
    let out = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("git ls-files")?;
    if !out.status.success() {
        bail!("git ls-files: {}", String::from_utf8_lossy(&out.stderr));
    }
    Ok(String::from_utf8_lossy(&out.stdout)
        .lines()
        .map(PathBuf::from)
        .filter(|f| root.join(f).is_file())
        .collect())
}
