//! A replay on several engines writes, byte for byte, what one writes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use mimamori_base::Timestamp;
use mimamori_capture::PcapWriter;

/// Rules whose state crosses flows and hosts in every way there is.
const RULES: &str = r#"
alert tcp any any -> any any (msg:"limit src"; flow:established; content:"e"; threshold:type limit, track by_src, count 3, seconds 60; sid:1;)
alert tcp any any -> any any (msg:"threshold dst"; flow:established; content:"a"; threshold:type threshold, track by_dst, count 5, seconds 30; sid:2;)
alert tcp any any -> any any (msg:"both"; flow:established; content:"o"; threshold:type both, track by_both, count 2, seconds 60; sid:3;)
alert tcp any any -> any any (msg:"filter"; flow:established; content:"i"; detection_filter:track by_src, count 4, seconds 60; sid:4;)
alert ip any any -> any any (msg:"rule"; threshold:type limit, track by_rule, count 1, seconds 5; sid:5;)
alert tcp any any -> any any (msg:"set src"; flow:established,to_server; content:"GET"; xbits:set,seen,track ip_src,expire 20; sid:6;)
alert tcp any any -> any any (msg:"isset dst"; flow:established,to_client; content:"200"; xbits:isset,seen,track ip_dst; sid:7;)
alert udp any any -> any any (msg:"set dst"; xbits:toggle,asked,track ip_dst; content:"|01 00|"; sid:8;)
alert udp any any -> any any (msg:"isset src"; xbits:isset,asked,track ip_src; sid:9;)
alert http any any -> any any (msg:"new host"; http.host; dataset:set,hosts,type string; sid:10;)
alert dns any any -> any any (msg:"new name"; dns.query; dataset:set,names,type string; sid:11;)
alert tcp any any -> any any (msg:"flow limit"; flow:established; content:"t"; threshold:type limit, track by_flow, count 2, seconds 60; sid:12;)
drop tcp any any -> any any (msg:"drop some"; flow:established; content:"Q"; threshold:type both, track by_src, count 7, seconds 60; sid:13;)
pass tcp any any -> any any (msg:"pass some"; flow:established; content:"ZZ"; detection_filter:track by_dst, count 2, seconds 60; sid:14;)
alert icmp any any -> any any (msg:"icmp"; threshold:type backoff, track by_src, count 1, multiplier 2; sid:15;)
alert http any any -> any any (msg:"file"; file.data; content:"whole-file"; sid:16;)
"#;

fn gateway(pcap: &Path, rules: &Path, out: &Path, threads: usize, more: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mimamori-gateway"));
    command.args(["replay", "--set", "checksum=none", "--threads", &threads.to_string()]);
    command.arg("--pcap").arg(pcap).arg("--rules").arg(rules).arg("--eve").arg(out).args(more);
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::read_to_string(out).unwrap()
}

/// Replays on one, two, three and four engines; all must write the same lines in the same order.
fn same_on_all(pcap: &Path, rules: &Path, more: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let one = gateway(pcap, rules, &folder.path().join("1"), 1, more);
    for threads in [2, 3, 4] {
        let many = gateway(pcap, rules, &folder.path().join("n"), threads, more);
        if many != one {
            let differing = one.lines().zip(many.lines()).position(|(a, b)| a != b);
            let at = differing.unwrap_or_else(|| one.lines().count().min(many.lines().count()));
            panic!(
                "{threads} engines differ in line {at}:\n{:?}\n{:?}",
                one.lines().nth(at),
                many.lines().nth(at)
            );
        }
    }
    one
}

fn sids(log: &str) -> BTreeSet<u64> {
    log.lines()
        .map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap())
        .filter_map(|v| v["alert"]["signature_id"].as_u64())
        .collect()
}

type Records = Vec<(Timestamp, Vec<u8>)>;

/// The Ethernet captures of a folder, each beginning a second after the one before has ended;
/// two at a time run side by side, so that frames of different hosts alternate.
fn join(folder: &Path, take: impl Fn(usize) -> bool) -> Records {
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    names.sort();
    let mut all: Records = Vec::new();
    let mut now = Timestamp::from_secs(1_700_000_000);
    let chosen: Vec<&PathBuf> = names.iter().enumerate().filter(|(n, _)| take(*n)).map(|(_, p)| p).collect();
    for pair in chosen.chunks(2) {
        let mut together: Records = Vec::new();
        for path in pair {
            let Ok(mut reader) = mimamori_capture::CaptureReader::open(path) else { continue };
            let mut first = None;
            while let Ok(Some(frame)) = reader.next_frame() {
                if frame.link_type != 1 {
                    break;
                }
                let first = *first.get_or_insert(frame.at);
                together.push((now + frame.at.since(first), frame.bytes.to_vec()));
            }
        }
        together.sort_by_key(|(at, _)| *at);
        now = together.last().map_or(now, |(at, _)| *at + std::time::Duration::from_secs(1));
        all.append(&mut together);
    }
    all
}

fn write(path: &Path, records: &Records) {
    let file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let mut writer = PcapWriter::new(file, 1).unwrap();
    for (at, frame) in records {
        writer.write(*at, frame).unwrap();
    }
    std::io::Write::flush(&mut writer.into_inner()).unwrap();
}

#[test]
fn captures_joined_give_the_same_lines() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/conformance/pcaps");
    if !folder.exists() {
        println!("skipped: no {}", folder.display());
        return;
    }
    let work = tempfile::tempdir().unwrap();
    let (pcap, rules) = (work.path().join("joined.pcap"), work.path().join("rules"));
    write(&pcap, &join(&folder, |n| n % 11 == 0));
    std::fs::write(&rules, RULES).unwrap();
    let log = same_on_all(&pcap, &rules, &[]);
    let sids = sids(&log);
    for sid in 1..=13 {
        assert!(sids.contains(&sid), "rule {sid} raised nothing: {sids:?}");
    }
    assert!(log.contains(r#""alerted":true"#) && log.contains(r#""alerted":false"#));
}

#[test]
fn inline_and_with_counters_too() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/conformance/pcaps");
    if !folder.exists() {
        println!("skipped: no {}", folder.display());
        return;
    }
    let work = tempfile::tempdir().unwrap();
    let (pcap, rules) = (work.path().join("joined.pcap"), work.path().join("rules"));
    let mut records = join(&folder, |n| n % 23 == 5);
    // A clock that steps back, and fragments that never find their rest.
    let later = records.len() / 2;
    for (at, _) in records.iter_mut().skip(later) {
        *at = Timestamp(at.0 - 90_000_000);
    }
    write(&pcap, &records);
    std::fs::write(&rules, RULES).unwrap();
    let log = same_on_all(&pcap, &rules, &["--set", "simulate-ips=true"]);
    assert!(!log.is_empty());
}
