//! Thousands of YARA rules offered to a scan worker that is judging files: no file is lost, none
//! goes by unjudged, none waits longer than the policy lets it.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::office::{Office, SERVER, definitions};
use crate::scanner::{send, worker_pids};
use crate::wrap::is_harmful;

/// How long a file waits for its judgement.
pub const WAIT_MS: u64 = 9_000;
const RULES: usize = 6_000;
/// What one rule of the collection knows, and nothing else.
const MARKER: &str = "mimamori-collection-2741-marker";

/// What a stream of downloads saw.
#[derive(Default)]
struct Seen {
    files: usize,
    wrong: Vec<String>,
    longest: Duration,
}

pub fn under_traffic(office: &mut Office) {
    fs::write(office.work.join("files/good/marker.bin"), format!("some text, {MARKER}, more text\n"))
        .unwrap();
    let sources = collection(&office.work);
    let workers = worker_pids(&office.work);
    let before = arrives(office, "marker.bin");
    office.check("the marker is not known at first".into(), before, "it was stopped");
    let done = AtomicBool::new(false);
    let (known, took, seen) = std::thread::scope(|s| {
        let (office, done) = (&*office, &done);
        let streams: Vec<_> = ["good", "bad"].map(|kind| s.spawn(move || stream(office, kind, done))).into();
        let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
        definitions(&office.work, 2, &[], &sources);
        let began = Instant::now();
        send(office.gateway, "-HUP");
        let known = (0..600).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            !arrives(office, "marker.bin")
        });
        let took = began.elapsed();
        // Files go on for a while under the new rules.
        std::thread::sleep(Duration::from_secs(3));
        done.store(true, Ordering::Relaxed);
        (known, took, streams.into_iter().map(|s| s.join().unwrap()).collect::<Vec<_>>())
    });
    let label = office.status()["definitions"].as_str().unwrap_or_default().to_owned();
    office.check("the collection is in force".into(), known && label == "lab-2", &office.log());
    office.check(
        "the worker is the same".into(),
        worker_pids(&office.work) == workers,
        "it was started again",
    );
    for (kind, seen) in ["good", "bad"].into_iter().zip(seen) {
        println!(
            "{kind}: {} files, longest {:.1?}; rules in force after {took:.1?}",
            seen.files, seen.longest
        );
        office.check(format!("{kind} files flow"), seen.files >= 10, &seen.files.to_string());
        office.check(
            format!("{kind} files as they should be"),
            seen.wrong.is_empty(),
            &seen.wrong.join("\n"),
        );
        // The client's own time on a busy machine comes on top.
        let in_time = seen.longest < Duration::from_millis(2 * WAIT_MS);
        office.check(format!("no {kind} file waits too long"), in_time, &format!("{:?}", seen.longest));
    }
    // A file that waited longer than the policy lets it would be counted here.
    let unjudged = office.status()["blind_spots"]["files"]["no_scanner"].as_u64();
    office.check("none goes by unjudged".into(), unjudged == Some(0), &office.status().to_string());
}

/// Downloads until it is told to end.
fn stream(office: &Office, kind: &str, done: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let names = ["plain.zip", "nested.zip", "plain.tar.gz", "big.zip"];
    for name in names.iter().cycle() {
        let began = Instant::now();
        let (ok, got) = office.pc(&format!("curl -sS -f -m 30 http://{SERVER}:8081/{kind}/{name}"));
        seen.longest = seen.longest.max(began.elapsed());
        seen.files += 1;
        let whole = got == office.file(kind, name);
        let fine = if kind == "good" { ok && whole } else { !whole && !is_harmful(&got) };
        if !fine {
            seen.wrong.push(format!("{name}: {} bytes, client: {ok}; {}", got.len(), office.lately()));
        }
        if done.load(Ordering::Relaxed) {
            return seen;
        }
    }
    seen
}

fn arrives(office: &Office, name: &str) -> bool {
    let (ok, got) = office.pc(&format!("curl -sS -f -m 30 http://{SERVER}:8081/good/{name}"));
    ok && got == office.file("good", name)
}

/// Rules of the shape that collections have, made here; and a real collection where there is one.
fn collection(work: &Path) -> Vec<String> {
    let mut text = String::from("rule Collection_Test { strings: $a = \"");
    text.push_str(MARKER);
    text.push_str("\" condition: $a }\n");
    for n in 0..RULES {
        let _ = writeln!(
            text,
            "rule Made_{n} {{ meta: author = \"test\" score = {score} strings: $a = \"made-up-{n}-first\" ascii wide \
             $b = {{ 4D 5A {x:02X} {y:02X} ?? ?? 7E {z:02X} }} $c = /made-up-{n}-[a-f0-9]{{8,16}}/ nocase \
             condition: filesize < 5MB and ($b or ($a and $c)) }}",
            score = n % 100,
            x = n % 251,
            y = n / 251,
            z = n % 13
        );
    }
    fs::write(work.join("collection.yar"), text).unwrap();
    let mut sources = vec!["collection.yar".to_owned()];
    let real =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data/yara-signature-base.tar.xz");
    if real.exists() {
        fs::create_dir_all(work.join("real")).unwrap();
        let out =
            Command::new("tar").arg("-xJf").arg(&real).arg("-C").arg(work.join("real")).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        sources.push("real/yara".to_owned());
    } else {
        println!("the public collection is left out: it is not here");
    }
    sources
}
