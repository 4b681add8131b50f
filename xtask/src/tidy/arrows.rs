//! Which crate may import which (ARCHITECTURE.md, "Arrows").

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

/// Every crate of the workspace with the workspace crates it may import. Dev-dependencies are
/// free: tests may look from anywhere.
const ARROWS: &[(&str, &[&str])] = &[
    ("mimamori-base", &[]),
    ("mimamori-report", &["mimamori-base"]),
    ("mimamori-packet", &["mimamori-base"]),
    ("mimamori-flow", &["mimamori-base", "mimamori-packet"]),
    ("mimamori-files", &["mimamori-base"]),
    ("mimamori-applayer", &["mimamori-base", "mimamori-files"]),
    ("mimamori-rules", &["mimamori-base", "mimamori-applayer"]),
    (
        "mimamori-detect",
        &[
            "mimamori-base",
            "mimamori-packet",
            "mimamori-flow",
            "mimamori-files",
            "mimamori-applayer",
            "mimamori-rules",
        ],
    ),
    ("mimamori-catalogue", &[]),
    ("mimamori-reputation", &["mimamori-base"]),
    (
        "mimamori-engine",
        &[
            "mimamori-base",
            "mimamori-packet",
            "mimamori-flow",
            "mimamori-files",
            "mimamori-applayer",
            "mimamori-rules",
            "mimamori-detect",
            "mimamori-reputation",
        ],
    ),
    ("mimamori-capture", &["mimamori-base"]),
    ("mimamori-definitions", &["mimamori-base", "mimamori-rules", "mimamori-reputation"]),
    ("mimamori-scan", &["mimamori-definitions"]),
    ("mimamori-uplink", &["mimamori-base", "mimamori-report"]),
    (
        "mimamori-gateway",
        &[
            "mimamori-base",
            "mimamori-report",
            "mimamori-rules",
            "mimamori-detect",
            "mimamori-reputation",
            "mimamori-catalogue",
            "mimamori-engine",
            "mimamori-capture",
            "mimamori-definitions",
            "mimamori-scan",
            "mimamori-uplink",
        ],
    ),
    ("mimamori-domain", &["mimamori-base"]),
    ("mimamori-store", &["mimamori-base", "mimamori-domain"]),
    ("mimamori-service", &["mimamori-base", "mimamori-domain", "mimamori-store"]),
    ("mimamori-ingest", &["mimamori-base", "mimamori-report", "mimamori-domain", "mimamori-service"]),
    ("mimamori-notify", &["mimamori-base", "mimamori-domain", "mimamori-service"]),
    ("mimamori-paper", &["mimamori-base", "mimamori-domain"]),
    ("mimamori-web", &["mimamori-base", "mimamori-domain", "mimamori-service", "mimamori-paper"]),
    (
        "mimamori-jobs",
        &["mimamori-base", "mimamori-domain", "mimamori-service", "mimamori-notify", "mimamori-paper"],
    ),
    (
        "mimamori",
        &[
            "mimamori-base",
            "mimamori-report",
            "mimamori-domain",
            "mimamori-store",
            "mimamori-service",
            "mimamori-ingest",
            "mimamori-notify",
            "mimamori-web",
            "mimamori-jobs",
            "mimamori-gateway",
        ],
    ),
    ("xtask", &[]),
];

/// Crates that no engine crate may depend on, directly: the engine does no I/O.
const BANNED_IN_ENGINE: &[&str] = &["tokio", "sqlx", "axum", "hyper", "libc", "rustix"];

pub fn check(root: &Path) -> Result<Vec<String>> {
    let out = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(root)
        .output()
        .context("cargo metadata")?;
    anyhow::ensure!(out.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&out.stderr));
    let meta: Value = serde_json::from_slice(&out.stdout).context("cargo metadata's JSON")?;
    let packages = meta["packages"].as_array().cloned().unwrap_or_default();
    Ok(packages.iter().flat_map(check_package).collect())
}

fn check_package(package: &Value) -> Vec<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let manifest = package["manifest_path"].as_str().unwrap_or_default();
    let Some((_, allowed)) = ARROWS.iter().find(|(n, _)| *n == name) else {
        return vec![format!("{name}: not in ARROWS of xtask/src/tidy/arrows.rs: say what it may import")];
    };
    let in_engine = manifest.contains("/crates/engine/");
    let mut findings = Vec::new();
    for dep in package["dependencies"].as_array().into_iter().flatten() {
        let dep_name = dep["name"].as_str().unwrap_or_default();
        if dep["kind"].as_str() == Some("dev") {
            continue;
        }
        let ours = dep_name == "mimamori" || dep_name.starts_with("mimamori-");
        if ours && !allowed.contains(&dep_name) {
            findings.push(format!("{name}: may not import {dep_name} (ARCHITECTURE.md, Arrows)"));
        }
        if in_engine && BANNED_IN_ENGINE.contains(&dep_name) {
            findings.push(format!("{name}: engine crates do no I/O, so not {dep_name}"));
        }
    }
    findings
}
