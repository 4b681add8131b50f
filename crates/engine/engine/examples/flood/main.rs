//! A mixed flood against the engine as it stands in a gateway: `flood SECONDS [RULES…]`.
//!
//! Answers three questions: does memory stay flat, are honest conversations served, is what is bad
//! in them still found. Ends with an error when one of the answers is no. A frame is 5 µs of the
//! engine's time: 200,000 frames a second, whatever this machine manages.

mod attacks;
mod frames;
mod office;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use attacks::Attacks;
use frames::Frame;
use mimamori_base::{Timestamp, Zone};
use mimamori_engine::{
    Engine, EngineConfig, Event, EventKind, EventSink, FrameAction, InlineGuards, Reputation, Ruleset,
};
use office::{Office, Tally};

const FRAME: Duration = Duration::from_micros(5);

#[derive(Default)]
struct Alerts {
    all: u64,
    bench: bool,
}

impl EventSink for Alerts {
    fn event(&mut self, event: Event) {
        if event.kind == EventKind::Alert {
            self.all += 1;
            self.bench |= event.alert.is_some_and(|a| a.sid / 100 == 99_000);
        }
    }
}

struct Run {
    engine: Engine,
    now: Timestamp,
    count: u64,
    alerts: Alerts,
}

impl Run {
    /// Whether the frame passed as it was.
    fn send(&mut self, frame: &Frame) -> bool {
        self.count += 1;
        self.now = self.now + FRAME;
        self.alerts.bench = false;
        let (from, to) = if frame.from_wan { (Zone::Wan, Zone::Lan) } else { (Zone::Lan, Zone::Wan) };
        let verdict = self.engine.process(self.now, from, Some(to), &frame.bytes, &mut self.alerts);
        verdict.action == FrameAction::Forward
    }
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let Some(seconds) = args.next().and_then(|a| a.parse::<u64>().ok()) else {
        eprintln!("usage: flood SECONDS [RULES...]");
        return ExitCode::from(2);
    };
    let mut text = office::RULES.to_owned();
    for path in args {
        match std::fs::read(&path) {
            Ok(bytes) => text.push_str(&String::from_utf8_lossy(&bytes)),
            Err(error) => {
                eprintln!("{path}: {error}");
                return ExitCode::from(2);
            }
        }
    }
    let engine = engine(&text);
    let mut run =
        Run { engine, now: Timestamp::from_secs(1_800_000_000), count: 0, alerts: Alerts::default() };
    let (tally, rss) = flood(&mut run, Duration::from_secs(seconds));
    judge(tally, &rss)
}

fn engine(rules: &str) -> Engine {
    let mut config = EngineConfig { ips: true, skip_past_depth: true, ..EngineConfig::default() };
    config.flow.stream.inline = true;
    config.flow.stream.midstream = true;
    config.decode.refuse_wrong_header_checksum = true;
    config.guards = InlineGuards::ALL;
    // As a gateway does: keys that nobody outside knows.
    let seed = u64::from(std::process::id()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    config.flow.hash_seed = (seed, !seed);
    config.decode.defrag.hash_seed = (!seed, seed);
    let rules = Ruleset::compile(rules, &config);
    println!("{} rules", rules.report().loaded);
    Engine::new(config, rules, Arc::new(Reputation::default()))
}

fn flood(run: &mut Run, duration: Duration) -> (Tally, Vec<u64>) {
    let (mut attacks, mut office) = (Attacks::new(1), Office::new(2));
    let mut frames = Vec::new();
    let mut rss = Vec::new();
    let begin = Instant::now();
    let mut next_report = Duration::ZERO;
    println!(
        "seconds  frames  frames/s  flows  streams MB    fragments  stopped  alerts  RSS MB  served  hurt  found  missed"
    );
    while begin.elapsed() < duration {
        for _ in 0..1000 {
            attacks.next(&mut frames);
            for frame in frames.drain(..) {
                run.send(&frame);
            }
            if let Some((at, frame)) = office.next(run.count) {
                let passed = run.send(&frame);
                office.passed(at, passed, run.alerts.bench);
            }
        }
        if begin.elapsed() >= next_report {
            next_report = begin.elapsed() + duration / 60;
            rss.push(report(run, begin.elapsed(), office.tally));
        }
    }
    rss.push(report(run, begin.elapsed(), office.tally));
    (office.tally, rss)
}

/// Prints a line; gives the resident memory in bytes.
fn report(run: &Run, elapsed: Duration, t: Tally) -> u64 {
    let stats = run.engine.stats();
    let rss = resident_bytes();
    let rate = run.count as f64 / elapsed.as_secs_f64().max(0.001);
    println!(
        "{:7.0} {:8} {rate:9.0} {:6} {:10.1} {:11} {:8} {:7} {:7.1} {:7} {:5} {:6} {:7}",
        elapsed.as_secs_f64(),
        run.count,
        stats.flow.active,
        stats.flow.stream_memory_bytes as f64 / 1e6,
        stats.defrag.ipv4_fragments,
        stats.flow.starved,
        run.alerts.all,
        rss as f64 / 1e6,
        t.served,
        t.hurt,
        t.evil_found,
        t.evil_missed,
    );
    rss
}

fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = text.split(' ').nth(1).and_then(|p| p.parse().ok()).unwrap_or(0);
    pages * 4096
}

/// Flat: the last half's peak is no more than the second quarter's by a twentieth.
fn judge(t: Tally, rss: &[u64]) -> ExitCode {
    let peak = |from: usize, to: usize| rss.get(from..to).and_then(|r| r.iter().max()).copied().unwrap_or(0);
    let (quarter, half) = (rss.len() / 4, rss.len() / 2);
    let (early, late) = (peak(quarter, half), peak(half, rss.len()));
    println!(
        "peak of the second quarter {:.1} MB, of the second half {:.1} MB",
        early as f64 / 1e6,
        late as f64 / 1e6
    );
    let flat = late <= early + early / 20 + (4 << 20);
    let served = t.served > 0 && t.hurt == 0;
    let found = t.evil_found > 0 && t.evil_missed == 0;
    println!("memory flat: {flat}; honest conversations served: {served}; bad ones found: {found}");
    if flat && served && found { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
