//! Build time, file size, load time, memory and look-up time of a set with very many names.
//!
//! `cargo run --release -p mimamori-definitions --example five_million [COUNT] [LIST FORMAT]…`;
//! with lists (such as maltrail's), these are read after the generated names. Look-ups are told
//! beside those of a `HashMap` of the standard library that holds the same names as texts.

use std::collections::HashMap;
use std::time::Instant;

use mimamori_base::{SystemRng, Timestamp};
use mimamori_definitions::build::{Format, List, SetBuilder};
use mimamori_definitions::{DefinitionSet, PartKind, SetWriter, SigningKey};
use mimamori_reputation::{Kind, Reputation, Shared};

fn main() {
    let mut args = std::env::args().skip(1);
    let count: u64 = args.next().and_then(|a| a.parse().ok()).unwrap_or(5_000_000);
    let key = SigningKey::from_seed([7; 32]).expect("a key");
    let dir = std::env::temp_dir().join(format!("mimamori-five-million-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a folder");
    let path = dir.join("set.mds");

    let text: String = (0..count).map(|n| format!("{}\n", name(n))).collect();
    let start = Instant::now();
    let mut builder = SetBuilder::new(&SystemRng, Timestamp::EPOCH);
    let list = List { name: "generated", format: Format::Plain, kind: Kind::Malware, family: "Generated" };
    builder.add(text.as_bytes(), &list, &mut |_| {});
    while let (Some(file), Some(format)) = (args.next(), args.next()) {
        let format = Format::parse(&format).expect("a format");
        let bytes = std::fs::read(&file).expect("a list");
        let before = Instant::now();
        builder.add(&bytes, &List { name: &file, format, kind: Kind::Malware, family: "" }, &mut |_| {});
        println!("{file}: {} ms", before.elapsed().as_millis());
    }
    for s in builder.sources() {
        println!("{} ({}): {} taken, {} refused", s.name, s.format, s.taken, s.refused);
    }
    println!("read: {} ms", start.elapsed().as_millis());
    let (parts, sources) = builder.finish();
    let set = SetWriter { channel: "bench".into(), version: 1, created: Timestamp::EPOCH, parts, sources };
    set.write(&path, &key).expect("written");
    let processor = processor_ns() / 1_000_000;
    println!(
        "built and written: {} ms in all, {processor} ms of processor time",
        start.elapsed().as_millis()
    );
    println!("file: {} bytes", std::fs::metadata(&path).expect("a file").len());
    drop((set, text));

    let (start, before) = (Instant::now(), memory());
    let set = DefinitionSet::open(&path, &[key.verifying()]).expect("a good set");
    println!("opened and verified: {} ms", start.elapsed().as_millis());
    let names = set.part(PartKind::Names).expect("names");
    let table: Shared = std::sync::Arc::new(names);
    let lists = Reputation::of_tables([table]).expect("a table");
    let (anonymous, mapped) = (memory().0.saturating_sub(before.0), memory().1);
    println!("memory: {anonymous} KiB of its own, {mapped} KiB of mapped file in memory");
    let ours = |host: &str| lists.host(host.as_bytes(), Some(443)).is_some();
    let table = both("table", &ours, count);
    let (_, before) = (std::fs::remove_dir_all(dir), memory());
    let map: HashMap<Box<str>, u16> = (0..count).map(|n| (name(n).into(), 0)).collect();
    println!("HashMap of the standard library: {} KiB", memory().0.saturating_sub(before.0));
    let theirs = |host: &str| suffixes(host).any(|suffix| map.contains_key(suffix));
    let theirs = both("HashMap", &theirs, count);
    let ratio = |ours: u64, theirs: u64| theirs as f64 / ours.max(1) as f64;
    let (listed, not) = (ratio(table.0, theirs.0), ratio(table.1, theirs.1));
    println!("times as quick as the HashMap: listed {listed:.2}, not listed {not:.2}");
}

/// The name and its parents, which cover it.
fn suffixes(host: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(host), |rest| rest.split_once('.').map(|(_, parent)| parent))
}

fn both(how: &str, find: &dyn Fn(&str) -> bool, count: u64) -> (u64, u64) {
    let listed = look_up(find, count, &format!("{how}, listed"), |n| format!("www.{}", name(n)), true);
    let other = |n| format!("www.{}", name(n + count));
    (listed, look_up(find, count, &format!("{how}, not listed"), other, false))
}

fn look_up(
    find: &dyn Fn(&str) -> bool,
    count: u64,
    what: &str,
    name: impl Fn(u64) -> String,
    listed: bool,
) -> u64 {
    // Spread over the whole table, so that the processor's caches do not help.
    let step = 7_919;
    let asked: Vec<String> = (0..1_000_000u64).map(|n| name(n * step % count.max(1))).collect();
    let start = processor_ns();
    let hits = asked.iter().filter(|host| find(host)).count();
    let each = (processor_ns() - start) / asked.len() as u64;
    println!("{what}: {each} ns of processor time a look-up ({hits} hits)");
    assert_eq!(hits, if listed { asked.len() } else { 0 });
    each
}

/// A name like those that malware makes up.
fn name(n: u64) -> String {
    let mixed = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{:x}-{n:x}.example{}.net", mixed >> 40, n % 977)
}

/// Time that the processor gave to this program: other work on the machine does not count.
fn processor_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Anonymous and file-mapped memory in KiB.
fn memory() -> (u64, u64) {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = |key: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix(key));
        line.and_then(|l| l.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
    };
    (kib("RssAnon:"), kib("RssFile:"))
}
