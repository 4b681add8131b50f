//! What kind of thing a rule's alert is, in the report's words.
//!
//! In this order: the rule's own `metadata: kind`, its class, the words of its message as the
//! public rule sets write them. Deliberately not here: how bad it is for the customer (the
//! cloud's rating policy).

use mimamori_engine::AlertFacts;
use mimamori_report::{DetectionKind, Severity};

/// The first value of a metadata key.
pub(super) fn metadata<'a>(alert: &'a AlertFacts, key: &str) -> Option<&'a str> {
    alert.metadata.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
}

pub(super) fn kind(alert: &AlertFacts) -> DetectionKind {
    metadata(alert, "kind")
        .and_then(by_kind)
        .or_else(|| by_class(&alert.class_type))
        .or_else(|| by_message(&alert.msg))
        .unwrap_or(DetectionKind::Other)
}

fn by_kind(word: &str) -> Option<DetectionKind> {
    Some(match word {
        "malware_file" => DetectionKind::MalwareFile,
        "c2" => DetectionKind::CommandAndControl,
        "phishing" => DetectionKind::PhishingSite,
        "malware_site" => DetectionKind::MalwareSite,
        "exploit" | "attack" => DetectionKind::Attack,
        "scan" => DetectionKind::Scan,
        "policy" => DetectionKind::Policy,
        "anomaly" => DetectionKind::Anomaly,
        _ => return None,
    })
}

/// Classes whose name alone decides.
fn by_class(class: &str) -> Option<DetectionKind> {
    Some(match class {
        "command-and-control" | "domain-c2" => DetectionKind::CommandAndControl,
        "social-engineering" | "credential-theft" => DetectionKind::PhishingSite,
        "exploit-kit" => DetectionKind::MalwareSite,
        "network-scan" | "attempted-recon" | "successful-recon-limited" | "successful-recon-largescale" => {
            DetectionKind::Scan
        }
        "policy-violation" | "coin-mining" | "pup-activity" | "inappropriate-content" => {
            DetectionKind::Policy
        }
        "protocol-command-decode" | "unusual-client-port-connection" | "non-standard-protocol" => {
            DetectionKind::Anomaly
        }
        "trojan-activity" | "targeted-activity" | "external-ip-check" => return None,
        "attempted-admin"
        | "attempted-user"
        | "attempted-dos"
        | "successful-admin"
        | "successful-user"
        | "unsuccessful-user"
        | "web-application-attack"
        | "web-application-activity"
        | "shellcode-detect"
        | "denial-of-service"
        | "default-login-attempt"
        | "suspicious-login"
        | "rpc-portmap-decode" => DetectionKind::Attack,
        _ => return None,
    })
}

/// `ET MALWARE …`, `GPL SCAN …`: the second word is the rule file.
fn by_message(message: &str) -> Option<DetectionKind> {
    let group = message.split_ascii_whitespace().nth(1)?;
    Some(match group {
        "MALWARE" | "TROJAN" | "MOBILE_MALWARE" | "WORM" | "CNC" => DetectionKind::CommandAndControl,
        "PHISHING" => DetectionKind::PhishingSite,
        "EXPLOIT_KIT" | "CURRENT_EVENTS" => DetectionKind::MalwareSite,
        "SCAN" => DetectionKind::Scan,
        "POLICY" | "P2P" | "GAMES" | "CHAT" | "TOR" | "COINMINER" | "ADWARE_PUP" | "REMOTE_ACCESS"
        | "FILE_SHARING" => DetectionKind::Policy,
        "EXPLOIT" | "ATTACK_RESPONSE" | "WEB_SERVER" | "WEB_SPECIFIC_APPS" | "WEB_CLIENT" | "SHELLCODE"
        | "DOS" | "SQL" | "NETBIOS" | "RPC" | "ACTIVEX" | "VOIP" => DetectionKind::Attack,
        _ => return None,
    })
}

pub(super) fn severity(alert: &AlertFacts) -> Severity {
    match metadata(alert, "signature_severity") {
        Some("Critical") => Severity::Critical,
        Some("Major") => Severity::Major,
        Some("Minor") => Severity::Minor,
        Some("Informational") => Severity::Informational,
        _ => match alert.severity {
            1 => Severity::Major,
            2 => Severity::Minor,
            _ => Severity::Informational,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(msg: &str, class: &str, kind: Option<&str>) -> AlertFacts {
        AlertFacts {
            gid: 1,
            sid: 1,
            rev: 1,
            msg: msg.into(),
            class_type: class.into(),
            category: String::new(),
            severity: 2,
            blocked: false,
            metadata: kind.map(|k| ("kind".to_owned(), k.to_owned())).into_iter().collect(),
        }
    }

    #[test]
    fn metadata_then_class_then_message() {
        for (msg, class, meta, expected) in [
            ("MIMAMORI Test", "trojan-activity", Some("malware_file"), DetectionKind::MalwareFile),
            ("ET MALWARE Win32/X Checkin", "command-and-control", None, DetectionKind::CommandAndControl),
            ("ET MALWARE Win32/X Activity", "trojan-activity", None, DetectionKind::CommandAndControl),
            ("ET PHISHING Bank page", "social-engineering", None, DetectionKind::PhishingSite),
            ("ET SCAN Nmap", "web-application-attack", None, DetectionKind::Attack),
            ("ET SCAN Nmap", "misc-activity", None, DetectionKind::Scan),
            ("ET INFO Something", "misc-activity", None, DetectionKind::Other),
            ("SURICATA STREAM bad", "protocol-command-decode", None, DetectionKind::Anomaly),
        ] {
            assert_eq!(kind(&alert(msg, class, meta)), expected, "{msg} {class}");
        }
        assert_eq!(severity(&alert("", "", None)), Severity::Minor);
    }
}
