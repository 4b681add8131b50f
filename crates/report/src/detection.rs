//! A detection: what was seen, where, on which device, and what was done about it (GW-03, GW-05).

use std::net::IpAddr;

use mimamori_base::{Timestamp, Zone};

use crate::schema::{choice, message};
use crate::text::{MacAddr, Md5, Sha256, Text};

choice! {
    /// What kind of thing was detected, in the words of the portal's counters.
    pub enum DetectionKind {
        /// Attack traffic: exploit attempts, shellcode, brute force (IPS).
        Attack = "attack",
        /// A device inside talks to an attacker's control server, or behaves as malware does.
        CommandAndControl = "command_and_control",
        /// A harmful file was being transferred.
        MalwareFile = "malware_file",
        /// A site that steals credentials.
        PhishingSite = "phishing_site",
        /// A site that infects on viewing or serves malware.
        MalwareSite = "malware_site",
        /// Probing of ports, hosts or weaknesses.
        Scan = "scan",
        /// Traffic that breaks its protocol's rules.
        Anomaly = "anomaly",
        /// Not harmful by itself, but unwanted in an office (file sharing, remote control, miners).
        Policy = "policy",
        /// Anything else; also what a newer gateway may say.
        #[serde(other)]
        Other = "other",
    }
}

choice! {
    /// What happened to the traffic.
    pub enum Outcome {
        /// It did not reach its receiver.
        Blocked = "blocked",
        /// It reached its receiver overwritten, so that it does nothing.
        Neutralised = "neutralised",
        /// It was only seen.
        Allowed = "allowed",
    }
}

choice! {
    /// Severity as the signature's author meant it; unrelated to the customer's stars.
    pub enum Severity {
        Critical = "critical",
        Major = "major",
        Minor = "minor",
        #[serde(other)]
        Informational = "informational",
    }
}

choice! {
    /// Which way the detected traffic went, seen from the office.
    pub enum Traffic {
        /// From the WAN zone to a device.
        Inbound = "inbound",
        /// From a device to the WAN zone.
        Outbound = "outbound",
        /// Between two inner zones.
        #[serde(other)]
        Internal = "internal",
    }
}

choice! {
    pub enum Transport {
        Tcp = "tcp",
        Udp = "udp",
        Icmp = "icmp",
        Icmp6 = "icmp6",
        #[serde(other)]
        Other = "other",
    }
}

message! {
    /// One end of the communication.
    pub struct Endpoint {
        pub ip: IpAddr,
        /// 0 where the transport has no ports.
        pub port: u16,
        pub zone: Zone,
    }
}

message! {
    /// The customer's own device that is concerned.
    pub struct Device {
        pub ip: IpAddr,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub mac: Option<MacAddr>,
        /// From DHCP or mDNS.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub host_name: Option<Text<255>>,
        /// Maker of the network interface, by the first half of its MAC address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub maker: Option<Text<64>>,
    }
}

message! {
    /// The rule that matched.
    pub struct Signature {
        pub gid: u32,
        pub sid: u32,
        pub rev: u32,
        pub message: Text<255>,
        /// `classtype` of the rule, `trojan-activity`, or its long form where only that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub class: Option<Text<128>>,
        /// 1 (high) to 255.
        pub priority: u8,
        #[serde(default)]
        pub metadata: SignatureMetadata,
    }
}

message! {
    /// The part of a rule's `metadata` that helps to judge.
    #[derive(Default)]
    pub struct SignatureMetadata {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub severity: Option<Text<32>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub confidence: Option<Text<32>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub attack_target: Option<Text<64>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub affected_product: Option<Text<128>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub malware_family: Option<Text<64>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub mitre_tactic: Option<Text<64>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub mitre_technique: Option<Text<64>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub cve: Option<Text<32>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub deployment: Option<Text<64>>,
    }
}

message! {
    /// A file, told by name, size and hash; never by content.
    pub struct FileEvidence {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub name: Option<Text<255>>,
        /// Bytes seen; the whole size unless the transfer was cut.
        pub size_bytes: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub sha256: Option<Sha256>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub md5: Option<Md5>,
        /// Type by the file's first bytes, `PE32 executable`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub magic: Option<Text<128>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub verdict: Option<FileVerdict>,
        /// What the scanner or the rule calls it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub threat_name: Option<Text<128>>,
    }
}

choice! {
    /// What the file scanners said.
    pub enum FileVerdict {
        Malicious = "malicious",
        Suspicious = "suspicious",
        #[serde(other)]
        NotInspected = "not_inspected",
    }
}

choice! {
    /// Why a name or address is on a list.
    pub enum ReputationKind {
        Malware = "malware",
        CommandAndControl = "command_and_control",
        Phishing = "phishing",
        #[serde(other)]
        Other = "other",
    }
}

message! {
    /// The list entry that a name or address was found on.
    pub struct Reputation {
        pub kind: ReputationKind,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub family: Option<Text<64>>,
    }
}

message! {
    /// One detection, or several equal ones within a short time (`count`, `first`, `last`).
    pub struct Detection {
        /// Time of the packet that completed the (first) match.
        pub at: Timestamp,
        pub kind: DetectionKind,
        pub severity: Severity,
        pub outcome: Outcome,
        pub traffic: Traffic,
        pub source: Endpoint,
        pub destination: Endpoint,
        pub transport: Transport,
        /// `http`, `tls`, `dns`, … where recognised.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub app_protocol: Option<Text<32>>,
        /// Absent when neither end is inside.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub device: Option<Device>,
        /// Absent for detections that do not come from a rule (bad site list, file scan).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub signature: Option<Signature>,
        /// HTTP host, TLS server name or queried DNS name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub host: Option<Text<255>>,
        /// Without user name and password, if it held any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub url: Option<Text<1024>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub file: Option<FileEvidence>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub reputation: Option<Reputation>,
        /// The EVE `flow_id`, to find the same flow in the gateway's own log.
        pub flow_id: u64,
        pub count: u32,
        pub first: Timestamp,
        pub last: Timestamp,
    }
}
