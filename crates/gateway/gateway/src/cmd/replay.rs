//! `replay`: a capture through the engine, its events into a file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use mimamori_base::{Clock, SystemClock, Timestamp};
use mimamori_engine::{Engine, EngineConfig, EngineStats, Event, EventSink, Reputation, Ruleset};

use crate::list_files::{self, ListFolders};
use crate::parallel;
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
    /// Engines that share the hosts, each on a thread of its own; the events stay the same.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Payload past a stream's depth is counted and not looked at, as in the gateway.
    #[arg(long)]
    skip_bulk: bool,
    /// Only alerts and drops: no records of transactions, files and flows.
    #[arg(long)]
    alerts_only: bool,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        (1..=parallel::MAX_ENGINES).contains(&args.threads),
        "--threads {}: 1 to {} are possible",
        args.threads,
        parallel::MAX_ENGINES
    );
    let config = configure(&args)?;
    if args.threads > 1 {
        return run_beside(&args, config);
    }
    let rules = load_rules(&args.rules, &config)?;
    let data_folder = config.rule_files.data_folder.clone();
    let lists = Arc::new(load_lists(&args.lists)?);
    let mut sink = EveFile::create(&args.eve)?;
    let mut engine = Engine::new(config, rules, lists);
    eprintln!("replaying {} ...", args.pcap.display());
    let begun = SystemClock.now();
    let result = replay_file(&mut engine, &args.pcap, &mut sink, &mut progress);
    let events = sink.close()?;
    say(&args, &engine.stats(), events, begun);
    if let Some(folder) = &data_folder {
        list_files::save(Path::new(folder), &engine.datasets_to_save()).context("cannot write data sets")?;
    }
    result?;
    Ok(ExitCode::SUCCESS)
}

/// The same on several engines.
fn run_beside(args: &Args, config: EngineConfig) -> anyhow::Result<ExitCode> {
    // The capture is looked over while the rules load.
    let (deal, rules) = std::thread::scope(|scope| {
        let deal = scope.spawn(|| parallel::deal(&config, &args.pcap, args.threads));
        let rules = load_rules(&args.rules, &config);
        (deal.join(), rules)
    });
    let deal = deal.map_err(|_| anyhow::anyhow!("cannot look over the capture"))?;
    let data_folder = config.rule_files.data_folder.clone();
    let job = parallel::Job {
        config,
        rules: rules?,
        reputation: Arc::new(load_lists(&args.lists)?),
        capture: &args.pcap,
        deal,
        engines: args.threads,
    };
    eprintln!("replaying {} on {} threads ...", args.pcap.display(), args.threads);
    let begun = SystemClock.now();
    let done = parallel::replay(&job, &mut || open(&args.eve), args.eve.as_os_str() != "-", &progress)?;
    say(args, &done.stats, done.lines, begun);
    if let Some(folder) = &data_folder {
        list_files::save(Path::new(folder), &done.to_save).context("cannot write data sets")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn say(args: &Args, stats: &EngineStats, events: u64, begun: Timestamp) {
    let secs = SystemClock.now().since(begun).as_secs_f64();
    eprintln!(
        "{} frames, {} flows, {} alerts, {} events written to {}, {:.2} s",
        stats.frames,
        stats.flow.created,
        stats.alerts,
        events,
        args.eve.display(),
        secs
    );
    if stats.uninspected_bytes > 0 {
        let (seen, passed) = (stats.inspected_bytes, stats.uninspected_bytes);
        eprintln!("{seen} bytes of payload inspected, {passed} not (encrypted, or past a stream's depth)");
    }
}

fn progress(done: &Replayed) {
    eprintln!("  {} frames, {} MB", done.frames, done.bytes / 1_000_000);
}

fn configure(args: &Args) -> anyhow::Result<EngineConfig> {
    let mut config = EngineConfig { skip_past_depth: args.skip_bulk, ..EngineConfig::default() };
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
    let rules = Ruleset::compile_with(&text, config, &ListFolders::of(config, files));
    let report = rules.report();
    if !files.is_empty() {
        eprintln!("{} rules loaded, {} refused", report.loaded, report.refused.len());
    }
    for problem in &report.problems {
        eprintln!("  {problem}");
    }
    for refusal in report.refused.iter().take(20) {
        let (sid, line, column) = (refusal.sid.unwrap_or(0), refusal.line, refusal.column);
        eprintln!("  refused: sid {sid} ({line}:{column}): {}", refusal.reason);
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

fn open(path: &Path) -> anyhow::Result<Box<dyn Write + Send>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufWriter::new(std::io::stdout())));
    }
    let file = File::create(path).with_context(|| format!("cannot write events to {}", path.display()))?;
    Ok(Box::new(BufWriter::with_capacity(1 << 20, file)))
}

/// Writes events as JSON lines; the first failure ends the writing and is told at the end.
struct EveFile {
    out: Box<dyn Write + Send>,
    line: Vec<u8>,
    written: u64,
    failure: Option<std::io::Error>,
}

impl EveFile {
    fn create(path: &Path) -> anyhow::Result<EveFile> {
        Ok(EveFile { out: open(path)?, line: Vec::new(), written: 0, failure: None })
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
