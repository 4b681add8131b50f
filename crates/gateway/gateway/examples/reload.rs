//! Rule sets taken over under traffic: peak memory, the longest wait of a frame, nothing lost.
//!
//!     cargo run --release -p mimamori-gateway --example reload -- RULES CAPTURE [RELOADS]
//!
//! One thread inspects the capture's frames over and over, as fast as it can; another compiles
//! RULES again, RELOADS times (5), hands each set over, and lets go of the old one. As the gateway
//! does it (`live.rs` of the program). The wait of a frame is from the end of the one before to its
//! own end. Frames are read before; a capture of some 100 MB at most.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use mimamori_base::Timestamp;
use mimamori_capture::CaptureReader;
use mimamori_engine::{Engine, EngineConfig, LinkType, NoSink, Reputation, Ruleset};

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn memory_kb(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with(key)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
}

fn compile(path: &str, config: &EngineConfig) -> Ruleset {
    let bytes = std::fs::read(path).unwrap_or_default();
    Ruleset::compile(&String::from_utf8_lossy(&bytes), config)
}

struct Frames {
    list: Vec<(Timestamp, LinkType, Vec<u8>)>,
    span: Duration,
}

fn frames(path: &str) -> Frames {
    let mut list = Vec::new();
    let Ok(mut reader) = CaptureReader::open(path.as_ref()) else {
        println!("cannot read {path}");
        return Frames { list, span: Duration::from_secs(1) };
    };
    while let Ok(Some(f)) = reader.next_frame() {
        list.push((f.at, LinkType(i32::try_from(f.link_type).unwrap_or(-1)), f.bytes.to_vec()));
    }
    let ends = list.iter().map(|f| f.0);
    let span = ends.clone().max().zip(ends.min()).map_or(Duration::ZERO, |(z, a)| z.since(a));
    Frames { list, span: span + Duration::from_secs(1) }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let (Some(rules), Some(capture)) = (args.next(), args.next()) else {
        println!("usage: reload RULES CAPTURE [RELOADS]");
        return;
    };
    let reloads: usize = args.next().and_then(|n| n.parse().ok()).unwrap_or(5);
    let mut config =
        EngineConfig { ips: true, skip_past_depth: true, ends_per_frame: 8, ..EngineConfig::default() };
    config.flow.stream.inline = true;
    config.flow.stream.check_checksums = false;
    let first = compile(&rules, &config);
    let (loaded, resident) = (first.report().loaded, memory_kb("VmRSS"));
    let frames = frames(&capture);
    println!("{loaded} rules, {} MB resident after the load", resident / 1024);
    println!("{} frames in memory besides: {} MB resident", frames.list.len(), memory_kb("VmRSS") / 1024);
    let frames_kb = memory_kb("VmRSS").saturating_sub(resident);
    let mut engine = Engine::new(config.clone(), first, Arc::new(Reputation::default()));
    let (give, take) = sync_channel(1);
    let (give_old, take_old) = sync_channel::<Ruleset>(2);
    let over = Arc::new(AtomicBool::new(false));
    let done = over.clone();
    let loader = std::thread::spawn(move || {
        for _ in 0..reloads {
            std::thread::sleep(Duration::from_millis(300));
            if give.send(compile(&rules, &config)).is_err() {
                return;
            }
            drop(take_old.recv());
        }
        done.store(true, Ordering::SeqCst);
    });
    let (mut seen, mut swaps) = (0u64, 0u32);
    let (mut longest, mut longest_swap) = (Duration::ZERO, Duration::ZERO);
    let mut shift = Duration::ZERO;
    let mut before = Instant::now();
    while !over.load(Ordering::SeqCst) {
        for (at, link, bytes) in &frames.list {
            let swapped = if let Ok(new) = take.try_recv() {
                let _ = give_old.try_send(engine.replace_rules(new));
                swaps += 1;
                true
            } else {
                false
            };
            engine.frame(*at + shift, *link, None, bytes, &mut NoSink);
            seen += 1;
            let now = Instant::now();
            let wait = now - before;
            before = now;
            longest = longest.max(wait);
            if swapped {
                longest_swap = longest_swap.max(wait);
            }
        }
        shift += frames.span;
    }
    let _ = loader.join();
    let stats = engine.stats();
    println!("{swaps} rule sets taken over; {seen} frames given, {} inspected", stats.frames);
    println!("{} flows ended to make room", stats.flow.evicted);
    println!("longest wait of a frame at a swap: {longest_swap:?}; of any frame: {longest:?}");
    let peak = memory_kb("VmHWM");
    println!("peak {} MB, {} MB without the frames", peak / 1024, peak.saturating_sub(frames_kb) / 1024);
}
