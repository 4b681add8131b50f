//! Literal matchers beside each other, on a rule file's literals and a capture's bytes.
//!
//!     cargo run --release -p mimamori-gateway --example matchers -- RULES CAPTURE
//!
//! The longest content of each rule, in either case; literals with 20,000 and more hits are left
//! out (the engine does not search for such either). Bytes are the capture's frames in pieces of
//! 1,460 bytes, 40 MB of them at most. All find the same number of hits, or the program says so.

use std::collections::BTreeMap;
use std::time::Instant;

use mimamori_capture::CaptureReader;
use mimamori_detect::literals::{Literal, LiteralSet};

const MAX_BYTES: usize = 40 << 20;
const TOO_MANY: u64 = 20_000;

fn main() {
    let mut args = std::env::args().skip(1);
    let (Some(rules), Some(capture)) = (args.next(), args.next()) else {
        println!("usage: matchers RULES CAPTURE");
        return;
    };
    let text = String::from_utf8_lossy(&std::fs::read(rules).unwrap_or_default()).into_owned();
    let mut all: Vec<Vec<u8>> = text.lines().filter_map(longest).filter(|l| l.len() >= 2).collect();
    all.sort();
    all.dedup();
    let bytes = bytes(&capture);
    let pieces: Vec<&[u8]> = bytes.chunks(1_460).collect();
    let (_, counts) = ours(&all, &pieces);
    let rare: Vec<Vec<u8>> = (0u32..)
        .zip(all)
        .filter(|(id, _)| counts.get(id).copied().unwrap_or(0) < TOO_MANY)
        .map(|(_, literal)| literal)
        .collect();
    println!("{} literals, {} MB", rare.len(), bytes.len() >> 20);
    for count in [100, 1_000, 6_600, rare.len()] {
        // Spread over the whole list: neighbours begin alike.
        let step = (rare.len() / count.max(1)).max(1);
        let chosen: Vec<Vec<u8>> = rare.iter().step_by(step).take(count).cloned().collect();
        let mut hits = Vec::new();
        for (name, run) in [("ours", ours as Run), ("aho-corasick", aho), ("daachorse", daachorse)] {
            let (f, counts) = run(&chosen, &pieces);
            let rate = bytes.len() as f64 / f.seconds / 1e6;
            println!(
                "{count:6} {name:13} {rate:6.0} MB/s, {:6} kB, built in {:.0} ms",
                f.memory / 1024,
                f.build * 1e3
            );
            hits.push(counts.values().sum::<u64>());
        }
        if hits.iter().any(|h| Some(h) != hits.first()) {
            println!("hits differ: {hits:?}");
        }
    }
}

type Run = fn(&[Vec<u8>], &[&[u8]]) -> (Figures, BTreeMap<u32, u64>);

struct Figures {
    seconds: f64,
    build: f64,
    memory: usize,
}

/// Looks through one piece and names each literal found.
type Scan<'a> = &'a mut dyn FnMut(&[u8], &mut dyn FnMut(u32));

/// Times `scan` over all pieces, the better of two runs.
fn timed(build: f64, memory: usize, pieces: &[&[u8]], scan: Scan<'_>) -> (Figures, BTreeMap<u32, u64>) {
    let mut seconds = f64::MAX;
    let mut counts = BTreeMap::new();
    for _ in 0..2 {
        counts.clear();
        let mut hits = Vec::new();
        let begun = Instant::now();
        for piece in pieces {
            scan(piece, &mut |id| hits.push(id));
        }
        seconds = seconds.min(begun.elapsed().as_secs_f64());
        for id in hits {
            *counts.entry(id).or_default() += 1;
        }
    }
    (Figures { seconds, build, memory }, counts)
}

fn ours(literals: &[Vec<u8>], pieces: &[&[u8]]) -> (Figures, BTreeMap<u32, u64>) {
    let begun = Instant::now();
    let set = LiteralSet::build((0..).zip(literals).map(|(id, bytes)| Literal {
        id,
        bytes: bytes.clone(),
        nocase: true,
        min_start: 0,
        max_end: u32::MAX,
    }));
    let build = begun.elapsed().as_secs_f64();
    timed(build, set.memory_bytes(), pieces, &mut |piece, hit| set.scan(piece, hit))
}

fn aho(literals: &[Vec<u8>], pieces: &[&[u8]]) -> (Figures, BTreeMap<u32, u64>) {
    let begun = Instant::now();
    let built = aho_corasick::AhoCorasick::builder().ascii_case_insensitive(true).build(literals);
    let build = begun.elapsed().as_secs_f64();
    let Ok(set) = built else { return timed(0.0, 0, &[], &mut |_, _| {}) };
    timed(build, set.memory_usage(), pieces, &mut |piece, hit| {
        for found in set.find_overlapping_iter(piece) {
            hit(found.pattern().as_u32());
        }
    })
}

/// Knows no case: the bytes are made small first, which is part of the time.
fn daachorse(literals: &[Vec<u8>], pieces: &[&[u8]]) -> (Figures, BTreeMap<u32, u64>) {
    let begun = Instant::now();
    let built = ::daachorse::DoubleArrayAhoCorasick::<u32>::new(literals);
    let build = begun.elapsed().as_secs_f64();
    let Ok(set) = built else { return timed(0.0, 0, &[], &mut |_, _| {}) };
    let mut small = Vec::new();
    timed(build, set.heap_bytes(), pieces, &mut |piece, hit| {
        small.clear();
        small.extend(piece.iter().map(u8::to_ascii_lowercase));
        for found in set.find_overlapping_iter(&small) {
            hit(found.value());
        }
    })
}

fn bytes(path: &str) -> Vec<u8> {
    let mut all = Vec::new();
    if let Ok(mut reader) = CaptureReader::open(path.as_ref()) {
        while let Ok(Some(frame)) = reader.next_frame() {
            all.extend_from_slice(frame.bytes.get(54..).unwrap_or_default());
            if all.len() > MAX_BYTES {
                break;
            }
        }
    }
    all
}

/// The longest content of a rule, in small letters.
fn longest(rule: &str) -> Option<Vec<u8>> {
    rule.split("content:\"").skip(1).filter_map(|rest| literal(rest.split_once('"')?.0)).max_by_key(Vec::len)
}

fn literal(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for (n, part) in text.split('|').enumerate() {
        if n % 2 == 0 {
            out.extend(part.bytes().filter(|b| *b != b'\\').map(|b| b.to_ascii_lowercase()));
        } else {
            for byte in part.split_whitespace() {
                out.push(u8::from_str_radix(byte, 16).ok()?.to_ascii_lowercase());
            }
        }
    }
    Some(out)
}
