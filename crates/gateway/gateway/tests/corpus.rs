//! What the gateway reports for each capture of the corpus, as one line a detection (golden).

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use mimamori_base::{SeededRng, Zone};
use mimamori_capture::CaptureReader;
use mimamori_engine::Engine;
use mimamori_gateway::definitions::Definitions;
use mimamori_gateway::judge::OwnJudge;
use mimamori_gateway::pipeline::Pipeline;
use mimamori_report::Detection;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../corpus")
}

fn zones(frame: &[u8]) -> (Zone, Zone) {
    // The router 192.168.1.1 and everything beyond it lie on the WAN side.
    let office = match frame.get(12..14) {
        Some([0x08, 0x00]) => {
            matches!(frame.get(26..30), Some([192, 168, 1, h]) if *h != 1)
                || frame.get(26..30) == Some(&[0; 4])
        }
        Some([0x08, 0x06]) => matches!(frame.get(28..32), Some([192, 168, 1, h]) if *h != 1),
        _ => matches!(frame.get(22), Some(0xfd | 0xfe)),
    };
    if office { (Zone::Lan, Zone::Wan) } else { (Zone::Wan, Zone::Lan) }
}

fn detections(capture: &Path) -> Vec<Detection> {
    let config = mimamori_gateway::pipeline::inline_engine();
    let definitions = Definitions::starter(&config, &SeededRng::new(1)).unwrap();
    let mut engine = Engine::new(config, definitions.rules, definitions.reputation);
    engine.judge_files(Box::new(OwnJudge::of_set(&definitions.set).unwrap()));
    let mut pipeline = Pipeline::new(engine, definitions.knowledge.clone(), None, None);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = seen.clone();
    pipeline.watch(Box::new(move |d| sink.lock().unwrap().push(d.clone())));
    let mut reader = CaptureReader::open(capture).unwrap();
    let mut now = mimamori_base::Timestamp::EPOCH;
    while let Some(frame) = reader.next_frame().unwrap() {
        now = frame.at;
        let (from, to) = zones(frame.bytes);
        pipeline.frame(now, from, Some(to), frame.bytes);
    }
    pipeline.finish(now);
    drop(pipeline);
    Arc::into_inner(seen).unwrap().into_inner().unwrap()
}

fn line(d: &Detection) -> String {
    let mut out = format!("{} {} {} {} x{}", d.kind, d.severity, d.outcome, d.traffic, d.count);
    let device = d.device.as_ref().map_or("-".into(), |d| {
        format!(
            "{}/{}/{}",
            d.ip,
            d.host_name.as_ref().map_or("-", |n| n.as_str()),
            d.maker.as_ref().map_or("-", |n| n.as_str())
        )
    });
    let _ = write!(out, " device={device}");
    if let Some(s) = &d.signature {
        let _ = write!(out, " sid={} class={}", s.sid, s.class.as_ref().map_or("-", |c| c.as_str()));
    }
    if let Some(h) = &d.host {
        let _ = write!(out, " host={h}");
    }
    if let Some(u) = &d.url {
        let _ = write!(out, " url={u}");
    }
    if let Some(f) = &d.file {
        let _ = write!(out, " file={}", f.name.as_ref().map_or("-", |n| n.as_str()));
    }
    out
}

#[test]
fn what_is_reported_for_each_capture() {
    let mut found = String::new();
    let mut cases: Vec<PathBuf> = fs::read_dir(corpus())
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.join("capture.pcap").exists())
        .collect();
    cases.sort();
    assert!(!cases.is_empty());
    for case in cases {
        let _ = writeln!(found, "# {}", case.file_name().unwrap().to_string_lossy());
        for d in detections(&case.join("capture.pcap")) {
            let _ = writeln!(found, "{}", line(&d));
        }
    }
    let golden = include_str!("corpus.golden");
    assert!(
        found == golden,
        "reports have changed; if rightly so, put this into tests/corpus.golden:\n{found}"
    );
}
