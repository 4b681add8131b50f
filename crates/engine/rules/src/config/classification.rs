//! classification.config, and the classes that every rule set knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{BadLine, lines};
use crate::ast::Classification;

/// Name, sentence and priority of the field's standard classes.
const STANDARD: &[(&str, &str, u8)] = &[
    ("not-suspicious", "Not Suspicious Traffic", 3),
    ("unknown", "Unknown Traffic", 3),
    ("bad-unknown", "Potentially Bad Traffic", 2),
    ("attempted-recon", "Attempted Information Leak", 2),
    ("successful-recon-limited", "Information Leak", 2),
    ("successful-recon-largescale", "Large Scale Information Leak", 2),
    ("attempted-dos", "Attempted Denial of Service", 2),
    ("successful-dos", "Denial of Service", 2),
    ("attempted-user", "Attempted User Privilege Gain", 1),
    ("unsuccessful-user", "Unsuccessful User Privilege Gain", 1),
    ("successful-user", "Successful User Privilege Gain", 1),
    ("attempted-admin", "Attempted Administrator Privilege Gain", 1),
    ("successful-admin", "Successful Administrator Privilege Gain", 1),
    ("rpc-portmap-decode", "Decode of an RPC Query", 2),
    ("shellcode-detect", "Executable code was detected", 1),
    ("string-detect", "A suspicious string was detected", 3),
    ("suspicious-filename-detect", "A suspicious filename was detected", 2),
    ("suspicious-login", "An attempted login using a suspicious username was detected", 2),
    ("system-call-detect", "A system call was detected", 2),
    ("tcp-connection", "A TCP connection was detected", 4),
    ("trojan-activity", "A Network Trojan was detected", 1),
    ("unusual-client-port-connection", "A client was using an unusual port", 2),
    ("network-scan", "Detection of a Network Scan", 3),
    ("denial-of-service", "Detection of a Denial of Service Attack", 2),
    ("non-standard-protocol", "Detection of a non-standard protocol or event", 2),
    ("protocol-command-decode", "Generic Protocol Command Decode", 3),
    ("web-application-activity", "access to a potentially vulnerable web application", 2),
    ("web-application-attack", "Web Application Attack", 1),
    ("misc-activity", "Misc activity", 3),
    ("misc-attack", "Misc Attack", 2),
    ("icmp-event", "Generic ICMP event", 3),
    ("inappropriate-content", "Inappropriate Content was Detected", 1),
    ("policy-violation", "Potential Corporate Privacy Violation", 1),
    ("default-login-attempt", "Attempt to login by a default username and password", 2),
    ("targeted-activity", "Targeted Malicious Activity was Detected", 1),
    ("exploit-kit", "Exploit Kit Activity Detected", 1),
    ("external-ip-check", "Device Retrieving External IP Address Detected", 2),
    ("domain-c2", "Domain Observed Used for C2 Detected", 1),
    ("pup-activity", "Possibly Unwanted Program Detected", 2),
    ("credential-theft", "Successful Credential Theft Detected", 1),
    ("social-engineering", "Possible Social Engineering Attempted", 2),
    ("coin-mining", "Crypto Currency Mining Activity Detected", 2),
    ("command-and-control", "Malware Command and Control Activity Detected", 1),
];

/// The standard classes by name.
#[must_use]
pub fn default_classifications() -> BTreeMap<String, Arc<Classification>> {
    STANDARD
        .iter()
        .map(|(name, description, priority)| {
            let class = Classification {
                name: (*name).into(),
                description: (*description).into(),
                priority: *priority,
            };
            ((*name).to_owned(), Arc::new(class))
        })
        .collect()
}

/// Reads `config classification: name,sentence,priority` lines.
#[must_use]
pub fn parse_classifications(text: &str) -> (BTreeMap<String, Arc<Classification>>, Vec<BadLine>) {
    let mut classes = BTreeMap::new();
    let mut bad = Vec::new();
    for (line, text) in lines(text) {
        match one(text) {
            Some(class) => {
                classes.insert(class.name.to_ascii_lowercase(), Arc::new(class));
            }
            None => bad.push(BadLine {
                line,
                reason: "expected `config classification: name,sentence,priority`".into(),
            }),
        }
    }
    (classes, bad)
}

fn one(text: &str) -> Option<Classification> {
    let rest = text.strip_prefix("config")?.trim_start().strip_prefix("classification")?;
    let mut parts = rest.trim_start().strip_prefix(':')?.splitn(3, ',').map(str::trim);
    let (name, description) = (parts.next()?, parts.next()?);
    let priority = parts.next()?.parse().ok()?;
    if name.is_empty() || name.contains(char::is_whitespace) {
        return None;
    }
    Some(Classification { name: name.into(), description: description.into(), priority })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lines_and_reports_bad_ones() {
        let (classes, bad) = parse_classifications(
            "# c\nconfig classification: my-class,My sentence,2\nconfig classification: x\n",
        );
        assert_eq!(classes["my-class"].priority, 2);
        assert_eq!(bad.len(), 1);
        assert_eq!(bad[0].line, 3);
        assert_eq!(default_classifications()["trojan-activity"].priority, 1);
    }
}
