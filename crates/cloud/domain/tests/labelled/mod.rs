//! The labelled captures of `corpus/`, judged by the shipped policy from what gateways report of
//! them. Shared by a test and an example.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use mimamori_base::{SeededRng, Timestamp};
use mimamori_domain::assess::Origin;
use mimamori_domain::{
    CustomerId, Detection, DetectionId, DetectionKind, Device, Endpoint, GatewayId, Line, Outcome, Policy,
    Signature, Standing, StarRating, TrafficDirection, assess,
};

const AT: Timestamp = Timestamp::from_secs(1_795_496_700);

/// One capture.
pub struct Case {
    pub name: String,
    pub label: Option<StarRating>,
    /// The worst alert, if any.
    pub rated: Option<StarRating>,
    pub alerts: usize,
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every capture that gateways are tried on; one without a label is a fault.
pub fn cases() -> Vec<Case> {
    let labels: BTreeMap<String, String> = toml::from_str(&read("corpus/stars.toml")).unwrap();
    let golden = read("crates/gateway/gateway/tests/corpus.golden");
    let mut reports: BTreeMap<&str, Vec<Detection>> = BTreeMap::new();
    let mut case = "";
    for (n, line) in golden.lines().enumerate() {
        match line.strip_prefix("# ") {
            Some(name) => {
                case = name;
                reports.entry(case).or_default();
            }
            None if line.trim().is_empty() => {}
            None => reports.entry(case).or_default().push(detection(line, n as u64)),
        }
    }
    for name in labels.keys() {
        assert!(reports.contains_key(name.as_str()), "{name} has a label and no reports");
    }
    let policy = Policy::builtin().unwrap();
    let origin = Origin { customer: CustomerId([1; 16]), gateway: GatewayId([2; 16]), now: AT };
    let judge = |(name, detections): (&str, Vec<Detection>)| {
        let label = labels.get(name).unwrap_or_else(|| panic!("{name} has no label in corpus/stars.toml"));
        let label = (label != "none").then(|| StarRating::from_code(label).unwrap());
        let changes = assess(&policy, origin, &detections, Standing::default(), &SeededRng::new(1));
        let rated = changes.raised.iter().map(|a| a.rating).max();
        Case { name: name.to_owned(), label, rated, alerts: changes.raised.len() }
    };
    reports.into_iter().map(judge).collect()
}

/// The table of docs/rating.md.
pub fn table(cases: &[Case]) -> String {
    let mut text =
        "| Stars | Captures with this label | Rated so | Rightly | Precision | Recall |\n| --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    let rows = [
        Some(StarRating::Three),
        Some(StarRating::Two),
        Some(StarRating::One),
        Some(StarRating::UnderInvestigation),
        None,
    ];
    for row in rows {
        let labelled: Vec<&str> = cases.iter().filter(|c| c.label == row).map(|c| c.name.as_str()).collect();
        let rated = cases.iter().filter(|c| c.rated == row).count();
        let rightly = cases.iter().filter(|c| c.rated == row && c.label == row).count();
        let share = |of: usize| match of {
            0 => "–".to_owned(),
            of => format!("{:.2}", rightly as f64 / of as f64),
        };
        let word = match row {
            Some(StarRating::UnderInvestigation) => "調査中",
            Some(rating) => rating.stars(),
            None => "no alert",
        };
        let names = if labelled.is_empty() { String::new() } else { format!(" ({})", labelled.join(", ")) };
        let (precision, recall) = (share(rated), share(labelled.len()));
        let n = labelled.len();
        writeln!(text, "| {word} | {n}{names} | {rated} | {rightly} | {precision} | {recall} |").unwrap();
    }
    text
}

/// One line of `corpus.golden` as the cloud gets it.
fn detection(line: &str, n: u64) -> Detection {
    let words: Vec<&str> = line.split(' ').collect();
    let field = |name: &str| words.iter().find_map(|w| w.strip_prefix(name)).map(str::to_owned);
    let at = AT;
    let kind = match words[0] {
        "command_and_control" => DetectionKind::CommandAndControl,
        "malware_file" => DetectionKind::MalwareFile,
        "phishing_site" => DetectionKind::Phishing,
        "scan" => DetectionKind::Scan,
        "attack" => DetectionKind::Threat,
        other => panic!("the golden file has a kind that this test does not know: {other}"),
    };
    let end = |ip: &str| Endpoint { ip: ip.parse().unwrap(), port: Some(80) };
    let device = field("device=").unwrap();
    let severity = match words[1] {
        "critical" => 1,
        "major" => 2,
        _ => 3,
    };
    Detection {
        id: DetectionId::generate(at, &SeededRng::new(n)),
        at,
        last_at: at,
        count: words[4].trim_start_matches('x').parse().unwrap(),
        kind,
        outcome: Outcome::from_code(words[2]).unwrap(),
        direction: TrafficDirection::from_code(words[3]).unwrap(),
        device: Device { ip: device.split('/').next().unwrap().parse().ok(), ..Device::default() },
        source: end("192.168.1.1"),
        destination: end("203.0.113.9"),
        signature: field("sid=").map(|sid| Signature {
            sid: sid.parse().unwrap(),
            severity,
            class_type: field("class=").map(|c| Line::clip(&c)),
            ..Signature::default()
        }),
        host: field("host=").map(|h| Line::clip(&h)),
        url: field("url=").map(|u| Line::clip(&u)),
        file: None,
        reputation: None,
        // A name without a URL was asked for over DNS in these captures.
        app_proto: Some(if field("url=").is_some() { "http" } else { "dns" }.into()),
        from_zone: None,
        to_zone: None,
        flow_id: None,
    }
}
