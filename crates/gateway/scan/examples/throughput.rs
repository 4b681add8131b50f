//! How fast files are judged: `throughput [YARA_FILE_OR_FOLDER…]`. One thread; each line beside
//! SHA-256 alone over the same bytes in the same run.
//!
//! Rules given are compiled first: how many can be used, how many are refused, how long it takes.

use std::fs;
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use mimamori_definitions::FileHashesBuilder;
use mimamori_scan::{Finding, Knowledge, Limits, Scanner, compile_yara};
use sha2::{Digest, Sha256};

const FILES: usize = 32;
const FILE_BYTES: usize = 1 << 20;
const WORDS: [&str; 12] = [
    "invoice",
    "office",
    "the",
    "of",
    "Sub AutoOpen",
    "http://",
    "powershell",
    "value",
    "\r\n",
    "table",
    "MZ",
    "function(",
];

/// Bytes that neither compress nor repeat, the same on every run.
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..FILE_BYTES / 8).flat_map(|_| next().to_le_bytes()).collect()
}

fn text(seed: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(FILE_BYTES);
    for byte in noise(seed) {
        out.extend_from_slice(WORDS[usize::from(byte) % WORDS.len()].as_bytes());
        out.push(b' ');
        if out.len() >= FILE_BYTES {
            break;
        }
    }
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn sources(paths: &[String]) -> Vec<(String, String)> {
    let mut files: Vec<PathBuf> = Vec::new();
    let mut folders: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
    while let Some(path) = folders.pop() {
        if path.is_dir() {
            folders.extend(fs::read_dir(&path).expect("readable").flatten().map(|e| e.path()));
        } else if path.extension().is_some_and(|e| e == "yar" || e == "yara") {
            files.push(path);
        }
    }
    files.sort();
    let named = |path: &Path| path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let read = |path: &PathBuf| String::from_utf8_lossy(&fs::read(path).expect("readable")).into_owned();
    files.iter().map(|path| (named(path), read(path))).collect()
}

fn hashes() -> Arc<[u8]> {
    let mut list = FileHashesBuilder::default();
    for number in 0..100_000_u64 {
        let sum: String = Sha256::digest(number.to_le_bytes()).iter().map(|b| format!("{b:02x}")).collect();
        list.add(&sum, "listed");
    }
    list.build().into()
}

/// Megabytes (unpacked) a second of each kind of file, and what SHA-256 alone does.
fn measure(name: &str, knowledge: &Knowledge, kinds: &[(&str, Vec<Vec<u8>>)]) {
    print!("{name:<34}");
    for (_, files) in kinds {
        let mut scanner = Scanner::new(knowledge);
        let began = Instant::now();
        let found = files.iter().filter(|f| scanner.judge(f, true) != Finding::Clean).count();
        let seconds = began.elapsed().as_secs_f64();
        print!(" {:>8.0}{}", (FILES * FILE_BYTES) as f64 / 1e6 / seconds, if found > 0 { "!" } else { " " });
    }
    println!();
}

fn main() {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let all = |make: &dyn Fn(u64) -> Vec<u8>| (1..=FILES as u64).map(make).collect::<Vec<_>>();
    let kinds = [
        ("noise", all(&|n| noise(n * 77))),
        ("text", all(&|n| text(n * 77))),
        ("text.gz", all(&|n| gzip(&text(n * 77)))),
    ];
    println!(
        "MB/s of {FILES} files of {FILE_BYTES} bytes (packed ones: unpacked), one thread; `!`: not all clean"
    );
    println!("{:<34} {:>8} {:>8} {:>8}", "", kinds[0].0, kinds[1].0, kinds[2].0);
    print!("{:<34}", "SHA-256 alone (packed ones as they are)");
    for (_, files) in &kinds {
        let began = Instant::now();
        for file in files {
            black_box(Sha256::digest(file));
        }
        let bytes: usize = files.iter().map(Vec::len).sum();
        print!(" {:>8.0} ", bytes as f64 / 1e6 / began.elapsed().as_secs_f64());
    }
    println!();
    let know = |yara: Option<&[u8]>, hashes: Vec<Arc<[u8]>>| {
        Knowledge::new(yara, hashes, None, Limits::default()).expect("knowledge")
    };
    let list = hashes();
    measure("100,000 hashes", &know(None, vec![list.clone()]), &kinds);
    let starter = include_str!("../../../../definitions/starter/mimamori.yar").to_owned();
    let (compiled, ..) = compile_yara(&[("starter".to_owned(), starter)]);
    measure("hashes and the starter's rules", &know(Some(&compiled), vec![list.clone()]), &kinds);
    if paths.is_empty() {
        return;
    }
    let sources = sources(&paths);
    let began = Instant::now();
    let (compiled, rules, refused) = compile_yara(&sources);
    let took = began.elapsed();
    println!(
        "{} files: {rules} rules compiled in {took:.1?} to {} bytes, {} refused",
        sources.len(),
        compiled.len(),
        refused.len()
    );
    for (name, line, reason) in &refused {
        println!("  {name}:{line}: {reason}");
    }
    let began = Instant::now();
    let knowledge = know(Some(&compiled), vec![list]);
    println!("loaded in {:.1?}", began.elapsed());
    measure("hashes and the given rules", &knowledge, &kinds);
}
