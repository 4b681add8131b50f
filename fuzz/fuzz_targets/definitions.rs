//! Any bytes as a list of every format, as a list of file hashes, as a table of names and as a
//! set: nothing panics, and a list read twice says the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mimamori_base::{SeededRng, Timestamp};
use mimamori_definitions::FileHashes;
use mimamori_definitions::build::{Format, List, SetBuilder, read_list};
use mimamori_reputation::host::Host;
use mimamori_reputation::{Kind, Seen, Table};

fuzz_target!(|data: &[u8]| {
    let Some((&first, bytes)) = data.split_first() else { return };
    let (_, format) = Format::ALL[usize::from(first) % Format::ALL.len()];
    let list = List { name: "fuzzed", format, kind: Kind::Malware, family: "x" };
    let now = Timestamp::from_secs(1_800_000_000);
    let mut seen = Vec::new();
    read_list(bytes, &list, now, &mut |line, item| seen.push((line, item)));
    let mut again = 0;
    read_list(bytes, &list, now, &mut |line, item| {
        assert_eq!(seen.get(again), Some(&(line, item)));
        again += 1;
    });
    if format != Format::Rules {
        let mut builder = SetBuilder::new(&SeededRng::new(1), now);
        builder.add(bytes, &list, &mut |_| {});
        let (parts, _) = builder.finish();
        assert!(parts.iter().all(|p| p.entries > 0));
    }
    if let Some(hashes) = FileHashes::open(bytes) {
        let _ = (hashes.md5(&[1; 16]), hashes.sha1(&[1; 20]), hashes.sha256(&[1; 32]));
    }
    if let Some(table) = Table::open(bytes)
        && let Some(host) = Host::parse(b"a.b.example")
    {
        let _ = table.host(&host, Some(80), Seen::NameOnly).map(|id| table.value(id).len());
        let _ = table.url(&host, Some(80), bytes);
    }
});
