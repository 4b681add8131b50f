//! A case folder as data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Map, Value};

/// One case of a conformance folder.
#[derive(Debug, Clone, Deserialize)]
pub struct Case {
    pub name: String,
    pub tier: String,
    /// Path of the capture below the conformance folder.
    pub pcap: PathBuf,
    /// Rule files beside `case.json`.
    pub rules: Vec<PathBuf>,
    /// Differences from the defaults, by the reference's option names.
    pub settings: BTreeMap<String, Value>,
    /// Exact number of alerts by signature id; a missing one means none at all.
    pub alerts: BTreeMap<u64, u64>,
    /// Dropped packets, compared in IPS mode.
    pub drops: u64,
    pub events: Vec<Expectation>,
    /// The folder that holds the case.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// So many records of the log must match all fields.
#[derive(Debug, Clone, Deserialize)]
pub struct Expectation {
    pub count: u64,
    #[serde(rename = "match")]
    pub matching: Map<String, Value>,
}

impl Case {
    pub fn read(folder: &Path) -> anyhow::Result<Case> {
        let file = folder.join("case.json");
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let mut case: Case =
            serde_json::from_str(&text).with_context(|| format!("{} is not a case", file.display()))?;
        case.folder = folder.to_owned();
        Ok(case)
    }

    /// Whether the number of drops is part of the verdict. Cases whose log had no drop records
    /// say 0 although their rules drop: those say nothing about drops.
    pub fn compares_drops(&self) -> anyhow::Result<bool> {
        if !self.settings.contains_key("simulate-ips") {
            return Ok(false);
        }
        let named =
            self.events.iter().any(|e| e.matching.get("event_type").and_then(Value::as_str) == Some("drop"));
        let stopping = self.rule_text()?.lines().any(|l| {
            let action = l.split_whitespace().next().unwrap_or("");
            action == "drop" || action.starts_with("reject")
        });
        Ok(self.drops > 0 || named || !stopping)
    }

    /// The text of all rule files, one after the other.
    pub fn rule_text(&self) -> anyhow::Result<String> {
        let mut all = String::new();
        for name in &self.rules {
            let file = self.folder.join(name);
            let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            all.push_str(&String::from_utf8_lossy(&bytes));
            all.push('\n');
        }
        Ok(all)
    }
}

/// All cases below `dir/cases`, by name.
pub fn read_all(dir: &Path) -> anyhow::Result<Vec<Case>> {
    let cases = dir.join("cases");
    let entries = std::fs::read_dir(&cases).with_context(|| {
        format!("cannot list {}: give a folder that holds cases/ and pcaps/", cases.display())
    })?;
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot list {}", cases.display()))?.path();
        if path.join("case.json").is_file() {
            folders.push(path);
        }
    }
    folders.sort();
    folders.iter().map(|f| Case::read(f)).collect()
}
