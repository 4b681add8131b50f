//! The stars that the shipped policy gives to what gateways report of the corpus' captures
//! (docs/rating.md has the table).

use std::collections::BTreeMap;
use std::path::Path;

use mimamori_base::{SeededRng, Timestamp};
use mimamori_domain::assess::Origin;
use mimamori_domain::{
    CustomerId, Detection, DetectionId, DetectionKind, Device, Endpoint, GatewayId, Line, Outcome, Policy,
    Signature, Standing, StarRating, TrafficDirection, assess,
};

/// What each capture is, told by who recorded it (corpus/*/README.md).
const LABELS: [(&str, Option<StarRating>); 9] = [
    ("dns-tunnel", Some(StarRating::Two)),
    ("eicar-download", Some(StarRating::One)),
    ("eicar-mail", Some(StarRating::One)),
    ("infected-pc", Some(StarRating::Three)),
    ("office-mail", None),
    ("office-web", None),
    ("phishing-names", Some(StarRating::One)),
    ("port-scan", None),
    ("web-attack", None),
];

/// One line of `corpus.golden` as the cloud gets it.
fn detection(line: &str, n: u64) -> Detection {
    let words: Vec<&str> = line.split(' ').collect();
    let field = |name: &str| words.iter().find_map(|w| w.strip_prefix(name)).map(str::to_owned);
    let at = Timestamp::from_secs(1_795_496_700);
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

#[test]
fn each_capture_gets_the_stars_of_what_it_is() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../gateway/gateway/tests/corpus.golden");
    let golden = std::fs::read_to_string(golden).unwrap();
    let mut cases: BTreeMap<&str, Vec<Detection>> = BTreeMap::new();
    let mut case = "";
    for (n, line) in golden.lines().enumerate() {
        match line.strip_prefix("# ") {
            Some(name) => {
                case = name;
                cases.entry(case).or_default();
            }
            None if line.trim().is_empty() => {}
            None => cases.entry(case).or_default().push(detection(line, n as u64)),
        }
    }
    let policy = Policy::builtin().unwrap();
    for (name, label) in LABELS {
        let detections = cases.get(name).unwrap_or_else(|| panic!("{name} is not in the golden file"));
        let now = Timestamp::from_secs(1_795_496_700);
        let origin = Origin { customer: CustomerId([1; 16]), gateway: GatewayId([2; 16]), now };
        let changes = assess(&policy, origin, detections, Standing::default(), &SeededRng::new(1));
        let worst = changes.raised.iter().map(|a| a.rating).max();
        assert_eq!(worst, label, "{name}");
        assert!(changes.raised.len() <= 1, "{name}: one cause is one alert");
    }
}
