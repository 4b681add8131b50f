//! `conformance DIR`: runs the cases of a folder and says which pass.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::{Value, json};

use mimamori_engine::EngineConfig;

use super::replay::load_rules;
use crate::conformance::{Outcome, Tally, case, golden, runner};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder that holds cases/ and pcaps/.
    dir: PathBuf,
    /// Only cases of this tier; may be given several times. A trailing `*` matches any ending.
    #[arg(long = "tier", value_name = "T")]
    tiers: Vec<String>,
    /// Only cases whose name contains this text; may be given several times.
    #[arg(long = "case", value_name = "NAME")]
    cases: Vec<String>,
    /// Write the outcomes as JSON.
    #[arg(long, value_name = "OUT")]
    json: Option<PathBuf>,
    /// Print only the names of failing cases.
    #[arg(long)]
    list_failing: bool,
    /// Print the whole log of each case run, one record a line.
    #[arg(long)]
    print_log: bool,
    /// Instead of cases: run each capture of this list against --rules and compare the alerts.
    #[arg(long, value_name = "TSV", requires = "rules")]
    golden: Option<PathBuf>,
    /// Rule files for --golden.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    rules: Vec<PathBuf>,
    /// Cases that run at the same time.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    if let Some(list) = &args.golden {
        return run_golden(&args, list);
    }
    let mut cases = case::read_all(&args.dir)?;
    cases.retain(|c| args.tiers.is_empty() || args.tiers.iter().any(|t| is_tier(t, &c.tier)));
    cases.retain(|c| args.cases.is_empty() || args.cases.iter().any(|n| c.name.contains(n.as_str())));
    anyhow::ensure!(!cases.is_empty(), "no case matches; look at --tier and --case");
    if args.print_log {
        for case in &cases {
            for event in runner::log_of(&args.dir, case)?.log {
                println!("{event}");
            }
        }
    }
    let outcomes = runner::run_all(&args.dir, &cases, args.threads);
    for outcome in outcomes.iter().filter(|o| !o.passed()) {
        print_failure(outcome, args.list_failing);
    }
    let tallies = tallies(&outcomes);
    if let Some(path) = &args.json {
        write_json(path, &outcomes, &tallies)?;
    }
    for (tier, t) in &tallies {
        println!(
            "{tier}: {} of {} passed; alerts exact: {}, events: {} of {}",
            t.passed, t.cases, t.alerts_exact, t.events_met, t.events_wanted
        );
    }
    let two_versions: usize = tallies.values().map(|t| t.two_versions).sum();
    if two_versions > 0 {
        println!("of these {two_versions} list records of two versions, of which one was found");
    }
    let passed = outcomes.iter().filter(|o| o.passed()).count();
    let failed = outcomes.len() - passed;
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_golden(args: &Args, list: &std::path::Path) -> anyhow::Result<ExitCode> {
    let golden = golden::read(list)?;
    let mut config = EngineConfig::default();
    config.set("checksum", "none")?;
    let rules = load_rules(&args.rules, &config)?;
    let differences = golden::run(&args.dir, &golden, &config, &rules, args.threads);
    for difference in &differences {
        println!("{}: {}", difference.capture, difference.lines.join("; "));
    }
    println!("{} passed, {} failed", golden.len() - differences.len(), differences.len());
    Ok(if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn is_tier(wanted: &str, tier: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(prefix) => tier.starts_with(prefix),
        None => wanted == tier,
    }
}

fn print_failure(outcome: &Outcome, name_only: bool) {
    if name_only {
        println!("{} [{}]", outcome.name, outcome.tier);
        return;
    }
    println!("FAIL {} [{}]", outcome.name, outcome.tier);
    for line in &outcome.differences {
        println!("    {line}");
    }
}

fn tallies(outcomes: &[Outcome]) -> BTreeMap<String, Tally> {
    let mut all: BTreeMap<String, Tally> = BTreeMap::new();
    for outcome in outcomes {
        all.entry(outcome.tier.clone()).or_default().add(outcome);
    }
    all
}

fn write_json(path: &PathBuf, outcomes: &[Outcome], tallies: &BTreeMap<String, Tally>) -> anyhow::Result<()> {
    let tiers: BTreeMap<&str, Value> = tallies
        .iter()
        .map(|(tier, t)| {
            let value = json!({
                "cases": t.cases,
                "passed": t.passed,
                "alerts_exact": t.alerts_exact,
                "events_met": t.events_met,
                "events_wanted": t.events_wanted,
            });
            (tier.as_str(), value)
        })
        .collect();
    let passed = outcomes.iter().filter(|o| o.passed()).count();
    let all = json!({
        "passed": passed,
        "failed": outcomes.len() - passed,
        "tiers": tiers,
        "cases": outcomes.iter().map(Outcome::to_json).collect::<Vec<_>>(),
    });
    std::fs::write(path, format!("{all:#}\n")).with_context(|| format!("cannot write {}", path.display()))
}
