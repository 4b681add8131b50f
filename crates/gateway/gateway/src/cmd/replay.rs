//! `replay`: a capture through the engine, its events into a file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use mimamori_engine::{Engine, EngineConfig, Event, EventSink, Reputation, Ruleset};

use crate::replaying::{Replayed, replay_file};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Capture to read (pcap or pcapng).
    #[arg(long, value_name = "FILE")]
    pcap: PathBuf,
    /// Rule file; may be given several times.
    #[arg(long = "rules", value_name = "FILE", num_args = 1..)]
    rules: Vec<PathBuf>,
    /// Option by the reference engine's name, such as `checksum=none`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    options: Vec<String>,
    /// List of bad names and addresses: NAME, a tab, and phishing, malware or c2.
    #[arg(long = "list", value_name = "FILE")]
    lists: Vec<PathBuf>,
    /// Where events go, one JSON object a line; `-` is the standard output.
    #[arg(long, value_name = "OUT")]
    eve: PathBuf,
    /// Engines that share the flows. One engine only so far: state across flows (thresholds, host
    /// bits) must not depend on how flows are dealt out.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Only alerts and drops: no records of transactions, files and flows.
    #[arg(long)]
    alerts_only: bool,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        args.threads == 1,
        "--threads {}: a replay runs on one engine so far; leave the option out",
        args.threads
    );
    let config = configure(&args)?;
    let rules = load_rules(&args.rules, &config)?;
    let lists = Arc::new(load_lists(&args.lists)?);
    let mut sink = EveFile::create(&args.eve)?;
    let mut engine = Engine::new(config, rules, lists);
    eprintln!("replaying {} ...", args.pcap.display());
    let result = replay_file(&mut engine, &args.pcap, &mut sink, &mut progress);
    let events = sink.close()?;
    let stats = engine.stats();
    eprintln!(
        "{} frames, {} flows, {} alerts, {} events written to {}",
        stats.frames,
        stats.flow.created,
        stats.alerts,
        events,
        args.eve.display()
    );
    result?;
    Ok(ExitCode::SUCCESS)
}

fn progress(done: &Replayed) {
    eprintln!("  {} frames, {} MB", done.frames, done.bytes / 1_000_000);
}

fn configure(args: &Args) -> anyhow::Result<EngineConfig> {
    let mut config = EngineConfig::default();
    if args.alerts_only {
        config.log.transactions = false;
        config.log.files = false;
        config.log.flows = false;
        config.log.anomalies = false;
    }
    for option in &args.options {
        let (key, value) =
            option.split_once('=').with_context(|| format!("--set {option:?}: expected KEY=VALUE"))?;
        config.set(key.trim(), value)?;
    }
    Ok(config)
}

/// Reads and compiles rule files; says how many are loaded and which are refused.
pub fn load_rules(files: &[PathBuf], config: &EngineConfig) -> anyhow::Result<Ruleset> {
    let mut text = String::new();
    for file in files {
        let bytes =
            std::fs::read(file).with_context(|| format!("cannot read the rule file {}", file.display()))?;
        text.push_str(&String::from_utf8_lossy(&bytes));
        text.push('\n');
    }
    let rules = Ruleset::compile(&text, config);
    let report = rules.report();
    if !files.is_empty() {
        eprintln!("{} rules loaded, {} refused", report.loaded, report.refused.len());
    }
    for refusal in report.refused.iter().take(20) {
        eprintln!("  refused: sid {}: {}", refusal.sid.unwrap_or(0), refusal.reason);
    }
    if report.refused.len() > 20 {
        eprintln!("  and {} more; `check-rules` lists them all", report.refused.len() - 20);
    }
    Ok(rules)
}

fn load_lists(files: &[PathBuf]) -> anyhow::Result<Reputation> {
    let mut builder = Reputation::builder((0, 0));
    for file in files {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the list {}", file.display()))?;
        builder.text(&text).with_context(|| format!("in the list {}", file.display()))?;
    }
    Ok(builder.build())
}

/// Writes events as JSON lines; the first failure ends the writing and is told at the end.
struct EveFile {
    out: Box<dyn Write>,
    line: Vec<u8>,
    written: u64,
    failure: Option<std::io::Error>,
}

impl EveFile {
    fn create(path: &PathBuf) -> anyhow::Result<EveFile> {
        let out: Box<dyn Write> = if path.as_os_str() == "-" {
            Box::new(BufWriter::new(std::io::stdout()))
        } else {
            let file =
                File::create(path).with_context(|| format!("cannot write events to {}", path.display()))?;
            Box::new(BufWriter::with_capacity(1 << 20, file))
        };
        Ok(EveFile { out, line: Vec::new(), written: 0, failure: None })
    }

    fn close(mut self) -> anyhow::Result<u64> {
        match self.failure {
            Some(error) => Err(error).context("cannot write events"),
            None => {
                self.out.flush().context("cannot write events")?;
                Ok(self.written)
            }
        }
    }
}

impl EventSink for EveFile {
    fn event(&mut self, event: Event) {
        if self.failure.is_some() {
            return;
        }
        self.line.clear();
        event.write_eve_line(&mut self.line);
        match self.out.write_all(&self.line) {
            Ok(()) => self.written += 1,
            Err(error) => self.failure = Some(error),
        }
    }
}
