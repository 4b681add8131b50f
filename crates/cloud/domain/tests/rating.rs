//! The shipped policy on the situations that the requirements name, and the checker of policies.

use mimamori_base::{SeededRng, Timestamp};
use mimamori_domain::assess::Origin;
use mimamori_domain::detection::MacAddress;
use mimamori_domain::{
    Alert, AlertState, Changes, CustomerId, Detection, DetectionId, DetectionKind, Device, Endpoint,
    GatewayId, Line, Name, NoticeKind, Outcome, Policy, ScanOutcome, ScanReport, Signature, Standing,
    StarRating, TrafficDirection, assess,
};

fn at(minute: i64) -> Timestamp {
    Timestamp::from_secs(1_795_496_700 + minute * 60)
}

fn detection(kind: DetectionKind, minute: i64) -> Detection {
    let ip = |s: &str| Endpoint { ip: s.parse().unwrap(), port: Some(80) };
    Detection {
        id: DetectionId::generate(at(minute), &SeededRng::new(minute.unsigned_abs())),
        at: at(minute),
        last_at: at(minute),
        count: 1,
        kind,
        outcome: Outcome::Blocked,
        direction: TrafficDirection::Outbound,
        device: Device {
            mac: Some(MacAddress([0, 0x11, 0x22, 0x33, 0x44, 0x55])),
            host_name: Some("KEIRI-PC".into()),
            ..Device::default()
        },
        source: ip("192.168.1.23"),
        destination: ip("203.0.113.9"),
        signature: None,
        host: None,
        url: None,
        file: None,
        reputation: None,
        app_proto: None,
        from_zone: None,
        to_zone: None,
        flow_id: None,
    }
}

fn run(detections: &[Detection], standing: Standing, minute: i64) -> Changes {
    let origin = Origin { customer: CustomerId([1; 16]), gateway: GatewayId([2; 16]), now: at(minute) };
    assess(&Policy::builtin().unwrap(), origin, detections, standing, &SeededRng::new(1))
}

fn standing_after(changes: &Changes) -> Standing {
    let mut standing = Standing::default();
    for (key, kind, at) in &changes.activity {
        standing.activity.entry(key.clone()).or_default().note(*kind, *at);
    }
    standing.alerts = changes.raised.iter().chain(&changes.updated).cloned().collect();
    standing
}

#[test]
fn the_shipped_policy_is_sound() {
    if let Err(errors) = Policy::builtin() {
        panic!("{errors}");
    }
}

#[test]
fn rt_03_download_then_control_server_is_one_infection_of_three_stars() {
    let first = run(&[detection(DetectionKind::MalwareFile, 0)], Standing::default(), 0);
    assert_eq!(first.raised.len(), 1);
    assert_eq!(first.raised[0].rating, StarRating::One);

    let second = run(&[detection(DetectionKind::CommandAndControl, 30)], standing_after(&first), 30);
    assert!(second.raised.is_empty(), "one infection is one alert");
    let alert = &second.updated[0];
    assert_eq!((alert.rating, alert.count), (StarRating::Three, 2));
    assert_eq!(alert.history.len(), 2);
    assert_eq!(alert.history[1].rule.0, "malware-download-and-control-server");
    assert_eq!(
        second.notices[0].kind,
        NoticeKind::AlertRose { alert: alert.id, from: StarRating::One, to: StarRating::Three }
    );
    assert_eq!(second.notices[0].due_at, at(30), "three stars go at once");
}

#[test]
fn rt_03_four_hundred_detections_are_one_alert_and_one_notice() {
    let many: Vec<_> = (0..400).map(|_| detection(DetectionKind::CommandAndControl, 0)).collect();
    let changes = run(&many, Standing::default(), 0);
    assert_eq!((changes.raised.len(), changes.notices.len()), (1, 1));
    assert_eq!(changes.raised[0].count, 400);
    assert!(changes.raised[0].evidence.len() <= 10);
    assert_eq!(changes.alert_of.len(), 400);
}

#[test]
fn blocked_phishing_is_one_star_and_waits_for_the_first_deadline() {
    let mut standing = Standing { waiting_deadline: Some(at(0)), ..Standing::default() };
    standing.waiting_deadline = Some(Timestamp(at(0).micros() + 7));
    let changes = run(&[detection(DetectionKind::Phishing, 0)], standing, 0);
    assert_eq!(changes.raised[0].rating, StarRating::One);
    assert_eq!(changes.notices[0].due_at, Timestamp(at(0).micros() + 7), "never pushed back");
    let changes = run(&[detection(DetectionKind::Phishing, 0)], Standing::default(), 0);
    assert_eq!(changes.notices[0].due_at, at(1));
}

#[test]
fn a_stopped_scan_from_outside_is_not_important() {
    let mut scan = detection(DetectionKind::Scan, 0);
    scan.direction = TrafficDirection::Inbound;
    let changes = run(&[scan], Standing::default(), 0);
    assert!(changes.raised.is_empty() && changes.notices.is_empty());
    assert_eq!(changes.alert_of, vec![None]);
}

#[test]
fn severe_and_unrated_is_under_investigation_by_signature() {
    let severe = |sid, minute| Detection {
        signature: Some(Signature { sid, severity: 1, msg: "X".into(), ..Signature::default() }),
        outcome: Outcome::Allowed,
        ..detection(DetectionKind::Threat, minute)
    };
    let changes = run(&[severe(1, 0), severe(2, 0), severe(1, 1)], Standing::default(), 1);
    let ratings: Vec<_> = changes.raised.iter().map(|a| a.rating).collect();
    assert_eq!(ratings, [StarRating::UnderInvestigation; 2]);
    assert_eq!(changes.raised[0].cause.0, "threat:1");
}

#[test]
fn a_late_report_is_judged_and_marked_late() {
    let changes = run(&[detection(DetectionKind::Phishing, 0)], Standing::default(), 5_000);
    assert!(changes.raised[0].late);
}

#[test]
fn a_closed_alert_takes_no_more() {
    let first = run(&[detection(DetectionKind::Phishing, 0)], Standing::default(), 0);
    let mut standing = standing_after(&first);
    let by = mimamori_domain::alert::Actor {
        account: mimamori_domain::AccountId([3; 16]),
        name: Name::parse("竹原").unwrap(),
    };
    let alert: Alert = standing.alerts.remove(0);
    assert!(alert.clone().close(at(1), by.clone()).is_err(), "not acknowledged yet");
    let alert = alert.acknowledge(at(1), by.clone()).unwrap();
    assert!(alert.clone().acknowledge(at(1), by.clone()).is_err());
    let report = ScanReport {
        at: at(2),
        by,
        outcome: ScanOutcome::Clean,
        product: Line::clip("X"),
        note: Line::default(),
    };
    let alert = alert.scanned(report).unwrap();
    assert!(matches!(alert.state, AlertState::Scanned { .. }));
    standing.alerts.push(alert);
    let next = run(&[detection(DetectionKind::Phishing, 3)], standing, 3);
    assert_eq!(next.raised.len(), 1);
}

#[test]
fn rt_02_a_wrong_policy_names_line_and_reason() {
    let cases = [
        (
            "version = \"1\"\n\n[[rule]]\nid = \"A\"\nrating = \"none\"\ncause = \"x\"\ntitle = \"t\"\nreason = \"r\"\n",
            4,
            "id に使えるのは",
        ),
        (
            "version = \"1\"\n[[rule]]\nid = \"a\"\nrating = \"four\"\ncause = \"x\"\ntitle = \"t\"\nreason = \"r\"\n",
            4,
            "rating は",
        ),
        (
            "version = \"1\"\n[[rule]]\nid = \"a\"\nrating = \"two\"\ncause = \"x\"\ntitle = \"t\"\nreason = \"r\"\n",
            3,
            "actions",
        ),
        (
            "version = \"1\"\n[[rule]]\nid = \"a\"\nwhen = { kind = [\"c3\"] }\nrating = \"none\"\ncause = \"x\"\ntitle = \"t\"\nreason = \"r\"\n",
            4,
            "c3",
        ),
        (
            "version = \"1\"\n[[rule]]\nid = \"a\"\ncolour = 1\nrating = \"none\"\ncause = \"x\"\ntitle = \"t\"\nreason = \"r\"\n",
            4,
            "colour",
        ),
    ];
    assert!(Policy::parse("version = 1 2").unwrap_err().to_string().starts_with("1 行目: 書き方"));
    for (source, line, words) in cases {
        let errors = Policy::parse(source).unwrap_err();
        assert!(errors.0.iter().any(|e| e.line == line && e.reason.contains(words)), "{source}\n{errors:?}");
    }
}

#[test]
fn a_gateway_whose_clock_is_ahead_hides_nothing() {
    let mut d = detection(DetectionKind::Phishing, 0);
    d.at = at(10_000);
    d.last_at = at(9_000);
    let d = d.with_sane_times(at(5));
    assert_eq!((d.at, d.last_at), (at(5), at(5)));
    let d = detection(DetectionKind::Phishing, 3).with_sane_times(at(0));
    assert_eq!(d.at, at(3), "three minutes ahead is believed");
}
