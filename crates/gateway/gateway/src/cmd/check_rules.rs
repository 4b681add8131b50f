//! `check-rules`: reads rule files as the engine would, and lists every refused rule.
//!
//! One line a refused rule, `FILE:LINE:COLUMN: sid N: reason`, then the totals. The exit code is
//! 0 when every rule was taken, 1 otherwise.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use mimamori_detect::{DetectOptions, Detector, ReputationFiles, Surroundings};
use mimamori_rules::{
    ParseContext, Refusal, Rule, Severity, parse_classifications, parse_rules, parse_thresholds,
};

use crate::list_files::ListFolders;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Rule files, one rule a line.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Classes of rules, instead of the standard ones.
    #[arg(long, value_name = "FILE")]
    classification: Option<PathBuf>,
    /// Thresholds and suppressions to check too.
    #[arg(long, value_name = "FILE")]
    threshold: Option<PathBuf>,
    /// Folder of list files that are not beside the rules.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Categories of `iprep`.
    #[arg(long, value_name = "FILE")]
    reputation_categories: Option<String>,
    /// Values of addresses for `iprep`; may be repeated.
    #[arg(long, value_name = "FILE")]
    reputation: Vec<String>,
    /// A variable of addresses or ports, such as HOME_NET=10.0.0.0/8. May be repeated.
    #[arg(long = "var", value_name = "NAME=VALUE")]
    vars: Vec<String>,
    /// Show doubtful things in rules that were taken.
    #[arg(long)]
    warnings: bool,
    /// Compile every regular expression now: slower, and tells which ones are too large.
    #[arg(long)]
    deep: bool,
    /// Print only the totals.
    #[arg(long, short)]
    quiet: bool,
}

/// Counts over all files.
#[derive(Debug, Default)]
struct Totals {
    loaded: usize,
    invalid: usize,
    unsupported: usize,
    left_out: usize,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let context = context(&args)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut totals = Totals::default();
    let mut bad_config = 0;
    if let Some(path) = &args.threshold {
        let (_, bad) = parse_thresholds(&read(path)?, &context.vars);
        for line in &bad {
            writeln!(out, "{}:{}: {}", path.display(), line.line, line.reason)?;
        }
        bad_config = bad.len();
    }
    for file in &args.files {
        check(file, &args, &context, &mut totals, &mut out)?;
    }
    let refused = totals.invalid + totals.unsupported + totals.left_out;
    writeln!(
        out,
        "{} rules loaded, {refused} refused ({} invalid, {} not supported, {} left out by their own `requires`)",
        totals.loaded, totals.invalid, totals.unsupported, totals.left_out
    )?;
    out.flush()?;
    Ok(if refused + bad_config == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn check(
    file: &Path,
    args: &Args,
    context: &ParseContext,
    totals: &mut Totals,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let set = parse_rules(&read(file)?, context);
    let mut refused = set.refused;
    let parsed = set.rules.len();
    let files = ListFolders::beside(&[file.to_owned()], args.data_dir.as_deref());
    let around = Surroundings {
        files: &files,
        thresholds: &[],
        reputation: ReputationFiles {
            categories: args.reputation_categories.clone(),
            files: args.reputation.clone(),
        },
    };
    let not_compiled = compile(set.rules, args.deep, &around);
    totals.loaded += parsed - not_compiled.len();
    refused.extend(not_compiled);
    refused.sort_by_key(|r| (r.line, r.column));
    for r in &refused {
        match r.severity {
            Severity::Invalid => totals.invalid += 1,
            Severity::Unsupported => totals.unsupported += 1,
            Severity::Requires => totals.left_out += 1,
        }
        if !args.quiet {
            let sid = r.sid.map_or_else(|| "sid ?".to_owned(), |sid| format!("sid {sid}"));
            writeln!(out, "{}:{}:{}: {sid}: {}", file.display(), r.line, r.column, r.reason)?;
        }
    }
    if args.warnings {
        for w in &set.warnings {
            writeln!(out, "{}:{}: sid {}: warning: {}", file.display(), w.line, w.sid, w.text)?;
        }
    }
    Ok(())
}

/// What the compiler refuses of rules that the parser took.
fn compile(rules: Vec<Rule>, deep: bool, around: &Surroundings<'_>) -> Vec<Refusal> {
    let mut refused = Vec::new();
    if deep {
        for rule in &rules {
            if let Some(reason) = bad_expression(rule) {
                refused.push(unsupported(rule.id.sid, rule.line, 1, reason));
            }
        }
    }
    let detector = Detector::build_with(rules, &DetectOptions::default(), around);
    for r in detector.refused() {
        if !refused.iter().any(|known| known.sid == Some(r.sid)) {
            refused.push(unsupported(r.sid, r.line, r.column, r.reason.clone()));
        }
    }
    refused
}

fn bad_expression(rule: &Rule) -> Option<String> {
    rule.buffers.iter().find_map(|b| {
        let compiled = mimamori_detect::matcher::CompiledMatches::compile(&b.matches);
        compiled.and_then(|m| m.check_expressions()).err().map(|e| e.to_string())
    })
}

fn unsupported(sid: u32, line: u32, column: u32, reason: String) -> Refusal {
    Refusal { sid: Some(sid), line, column, reason, severity: Severity::Unsupported }
}

fn context(args: &Args) -> anyhow::Result<ParseContext> {
    let mut context = ParseContext::default();
    if let Some(path) = &args.classification {
        let (classes, bad) = parse_classifications(&read(path)?);
        if let Some(line) = bad.first() {
            anyhow::bail!("{}:{}: {}", path.display(), line.line, line.reason);
        }
        context.classifications = classes;
    }
    for var in &args.vars {
        let (name, value) =
            var.split_once('=').with_context(|| format!("--var {var}: expected NAME=VALUE"))?;
        let name = name.trim_start_matches('$').to_owned();
        let ports = name.ends_with("_PORTS") || name.ends_with("_PORT");
        let vars = if ports { &mut context.vars.ports } else { &mut context.vars.addresses };
        vars.insert(name, value.to_owned());
    }
    Ok(context)
}

/// A file of text; bytes that are no UTF-8 become replacement characters.
fn read(path: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
