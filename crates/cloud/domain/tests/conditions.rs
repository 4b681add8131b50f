//! Every condition that a policy can name: that it tells detections apart, and that the schema
//! (docs/policy.schema.json) says of it what the program does.

use std::collections::BTreeSet;

use mimamori_base::{SeededRng, Timestamp};
use mimamori_domain::{
    Detection, DetectionId, DetectionKind, Device, Endpoint, FileEvidence, FileVerdict, Outcome, Policy,
    Reputation, ReputationKind, Signature, StarRating, TrafficDirection,
    policy::{Activity, BUILTIN},
};
use serde_json::Value;

/// Has something of everything.
fn detection() -> Detection {
    let at = Timestamp::from_secs(1_795_496_700);
    let end = |ip: &str| Endpoint { ip: ip.parse().unwrap(), port: Some(80) };
    Detection {
        id: DetectionId::generate(at, &SeededRng::new(1)),
        at,
        last_at: at,
        count: 5,
        kind: DetectionKind::Threat,
        outcome: Outcome::Allowed,
        direction: TrafficDirection::Outbound,
        device: Device {
            host_name: Some("KEIRI-PC".into()),
            maker: Some("富士通".into()),
            ..Device::default()
        },
        source: end("192.168.1.1"),
        destination: end("203.0.113.9"),
        signature: Some(Signature {
            sid: 9,
            severity: 2,
            class_type: Some("trojan-activity".into()),
            signature_severity: Some("Major".into()),
            attack_target: Some("Client_Endpoint".into()),
            deployment: Some("Perimeter".into()),
            malware_family: Some("Emotet".into()),
            mitre_tactic: Some("TA0011".into()),
            mitre_technique: Some("T1071".into()),
            ..Signature::default()
        }),
        host: None,
        url: None,
        file: Some(FileEvidence { verdict: Some(FileVerdict::Suspicious), ..FileEvidence::default() }),
        reputation: Some(Reputation { kind: ReputationKind::Malware, family: Some("Qakbot".into()) }),
        app_proto: Some("tls".into()),
        from_zone: None,
        to_zone: None,
        flow_id: None,
    }
}

/// Of each condition, a value that holds for [`detection`] and one that does not.
const CONDITIONS: [(&str, &str, &str); 21] = [
    ("kind", "['scan', 'threat']", "['scan']"),
    ("direction", "['outbound']", "['inbound', 'internal']"),
    ("outcome", "['allowed']", "['blocked', 'neutralised']"),
    ("class_type", "['TROJAN-activity']", "['trojan']"),
    ("sid", "[8, 9]", "[8]"),
    ("signature_severity", "['major']", "['Critical']"),
    ("attack_target", "['Client_Endpoint']", "['Server']"),
    ("deployment", "['Perimeter']", "['Internal']"),
    ("app_proto", "['tls']", "['dns']"),
    ("malware_family", "['emotet']", "['qakbot']"),
    ("has_malware_family", "true", "false"),
    ("mitre_tactic", "['TA0011']", "['TA0001']"),
    ("mitre_technique", "['T1071']", "['T1']"),
    ("reputation_family", "['Qakbot']", "['Emotet']"),
    ("device_name", "['keiri-pc']", "['keiri']"),
    ("device_maker", "['富士通']", "['NEC']"),
    ("severity_at_most", "2", "1"),
    ("reputation", "['malware']", "['phishing']"),
    ("file_verdict", "['suspicious']", "['malicious']"),
    ("count_at_least", "5", "6"),
    ("also", "{ kind = ['phishing'], within_minutes = 10 }", "{ kind = ['threat'], within_minutes = 10 }"),
];

fn judged(condition: &str, value: &str) -> bool {
    let source = format!(
        "version = 'x'\n[[rule]]\nid = 'it'\nwhen = {{ {condition} = {value} }}\nrating = 'two'\n\
         cause = 'c'\ntitle = 't'\nreason = 'r'\nactions = ['a']\n"
    );
    let policy = Policy::parse(&source).unwrap_or_else(|e| panic!("{source}\n{e}"));
    let d = detection();
    let mut activity = Activity::default();
    activity.note(d.kind, d.last_at);
    activity.note(DetectionKind::Phishing, d.at - std::time::Duration::from_secs(540));
    policy.judge(&d, &activity).rating == Some(StarRating::Two)
}

#[test]
fn rt_01_each_condition_tells_detections_apart() {
    for (condition, holds, does_not) in CONDITIONS {
        assert!(judged(condition, holds), "{condition} = {holds}");
        assert!(!judged(condition, does_not), "{condition} = {does_not}");
    }
    assert!(!judged("also", "{ kind = ['phishing'], within_minutes = 8 }"), "too long ago");
}

fn schema() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/policy.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn keys(of: &Value) -> BTreeSet<String> {
    of.as_object().unwrap().keys().cloned().collect()
}

/// What the checker says can stand there.
fn known(source: &str) -> BTreeSet<String> {
    let said = Policy::parse(source).unwrap_err().to_string();
    let list = said.split_once("使えるのは ").unwrap().1.strip_suffix(" です").unwrap();
    list.split([',', '、']).map(|k| k.trim().to_owned()).collect()
}

#[test]
fn rt_02_the_schema_is_what_the_checker_takes() {
    let schema = schema();
    let rule = &schema["properties"]["rule"]["items"]["properties"];
    let when = &rule["when"]["properties"];
    let tried: BTreeSet<String> = CONDITIONS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(keys(when), tried, "every condition is tried above");
    assert_eq!(known("version = 'x'\n[[rule]]\nwhen = { colour = 1 }\n"), tried);
    assert_eq!(known("version = 'x'\n[[rule]]\ncolour = 1\n"), keys(rule));
    assert_eq!(known("colour = 'x'\n"), keys(&schema["properties"]));
    for condition in ["kind", "direction", "outcome", "reputation", "file_verdict"] {
        let values = when[condition]["items"]["enum"].as_array().unwrap();
        let values: BTreeSet<String> = values.iter().map(|v| v.as_str().unwrap().to_owned()).collect();
        let source = format!(
            "version = 'x'\n[[rule]]\nid = 'a'\nwhen = {{ {condition} = ['?'] }}\nrating = 'none'\n\
             cause = 'c'\ntitle = 't'\nreason = 'r'\n"
        );
        assert_eq!(known(&source), values, "{condition}");
    }
    let ratings = rule["rating"]["enum"].as_array().unwrap();
    for rating in ratings {
        let rating = rating.as_str().unwrap();
        assert!(rating == "none" || StarRating::from_code(rating).is_ok(), "{rating}");
    }
    assert_eq!(ratings.len(), StarRating::ALL.len() + 1);
    Policy::parse(BUILTIN).unwrap();
}
