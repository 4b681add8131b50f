//! What a gateway saw, as evidence: names, numbers, addresses; never content (GW-05).

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use mimamori_base::{Timestamp, Zone};
use serde::{Deserialize, Serialize};

use crate::coded::coded;
use crate::ids::DetectionId;
use crate::text::Line;

coded!(
    /// The kind of a detection, as the portal counts it.
    DetectionKind {
        /// A signature of an attack.
        Threat = "threat", "攻撃の通信";
        MalwareFile = "malware_file", "危険なファイル（ウイルス）";
        CommandAndControl = "c2", "攻撃者の指令サーバーとの通信";
        Phishing = "phishing", "偽サイト（フィッシングサイト）";
        BadSite = "bad_site", "危険なサイト";
        Scan = "scan", "弱点を探す通信（スキャン）";
        Anomaly = "anomaly", "通常と異なる通信";
        Policy = "policy", "利用ルールに関わる通信";
    }
);

coded!(
    /// What the gateway did about it.
    Outcome {
        Blocked = "blocked", "遮断しました";
        Neutralised = "neutralised", "無害化しました";
        Allowed = "allowed", "記録のみ（止めていません）";
    }
);

impl Outcome {
    #[must_use]
    pub const fn stopped(self) -> bool {
        matches!(self, Outcome::Blocked | Outcome::Neutralised)
    }
}

coded!(
    /// Which way the traffic went, seen from the customer's network.
    TrafficDirection {
        Inbound = "inbound", "外部から社内へ";
        Outbound = "outbound", "社内から外部へ";
        Internal = "internal", "社内どうし";
    }
);

coded!(
    /// Why a name or address is on a list.
    ReputationKind {
        Malware = "malware", "ウイルス配布";
        CommandAndControl = "c2", "攻撃者の指令サーバー";
        Phishing = "phishing", "偽サイト";
        Other = "other", "危険なサイト";
    }
);

coded!(
    /// What the file scanners said.
    FileVerdict {
        Malicious = "malicious", "有害";
        Suspicious = "suspicious", "疑わしい";
        NotInspected = "not_inspected", "検査できず";
    }
);

/// One detection. `count` packets or attempts between `at` and `last_at`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Detection {
    pub id: DetectionId,
    pub at: Timestamp,
    pub last_at: Timestamp,
    pub count: u32,
    pub kind: DetectionKind,
    pub outcome: Outcome,
    pub direction: TrafficDirection,
    /// The customer's device: not the other side.
    pub device: Device,
    pub source: Endpoint,
    pub destination: Endpoint,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Line>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Line>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileEvidence>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reputation: Option<Reputation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_proto: Option<Line>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_zone: Option<Zone>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_zone: Option<Zone>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow_id: Option<u64>,
}

/// How far a gateway's clock may be ahead of the cloud's before its times are not believed.
const AHEAD_MAX: Duration = Duration::from_secs(300);

impl Detection {
    /// Brings times that lie in the future, or end before they begin, back to `received`: a
    /// gateway whose clock is wrong must not hide its detections from every period shown.
    #[must_use]
    pub fn with_sane_times(mut self, received: Timestamp) -> Self {
        if self.at > received + AHEAD_MAX {
            self.at = received;
        }
        if self.last_at > received + AHEAD_MAX {
            self.last_at = received;
        }
        self.last_at = self.last_at.max(self.at);
        self
    }

    /// The other side of the traffic.
    #[must_use]
    pub fn peer(&self) -> Endpoint {
        match self.direction {
            TrafficDirection::Inbound => self.source,
            TrafficDirection::Outbound | TrafficDirection::Internal => self.destination,
        }
    }

    /// The other side in words: host name if known, else the address.
    #[must_use]
    pub fn peer_text(&self) -> String {
        match &self.host {
            Some(host) => host.to_string(),
            None => self.peer().to_string(),
        }
    }
}

/// One side of a flow.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Endpoint {
    pub ip: IpAddr,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.ip, self.port) {
            (ip, None) => write!(f, "{ip}"),
            (IpAddr::V4(ip), Some(port)) => write!(f, "{ip}:{port}"),
            (IpAddr::V6(ip), Some(port)) => write!(f, "[{ip}]:{port}"),
        }
    }
}

/// A device of the customer, as far as the gateway knows it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Device {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddress>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_name: Option<Line>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker: Option<Line>,
}

impl Device {
    /// What makes it the same device: its MAC address, or its IP address where no MAC is known.
    #[must_use]
    pub fn key(&self) -> DeviceKey {
        DeviceKey(match (self.mac, self.ip) {
            (Some(mac), _) => format!("mac:{mac}"),
            (None, Some(ip)) => format!("ip:{ip}"),
            (None, None) => "unknown".to_owned(),
        })
    }

    /// The name that a person would use: 「KEIRI-PC」, or the address.
    #[must_use]
    pub fn display_name(&self) -> String {
        match (&self.host_name, self.ip, self.mac) {
            (Some(name), _, _) if !name.is_empty() => name.to_string(),
            (_, Some(ip), _) => ip.to_string(),
            (_, None, Some(mac)) => mac.to_string(),
            (_, None, None) => "不明な機器".to_owned(),
        }
    }

    /// Takes over what `newer` knows and this does not, or knows better.
    pub fn learn(&mut self, newer: &Device) {
        for (mine, theirs) in [(&mut self.host_name, &newer.host_name), (&mut self.maker, &newer.maker)] {
            if theirs.is_some() {
                mine.clone_from(theirs);
            }
        }
        self.ip = newer.ip.or(self.ip);
        self.mac = newer.mac.or(self.mac);
    }
}

/// Identity of a device within one gateway.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeviceKey(pub String);

/// Why a text is not a MAC address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a MAC address is six bytes in hexadecimal with colons")]
pub struct InvalidMac;

/// A hardware address, written `00:11:22:33:44:55`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    pub fn parse(text: &str) -> Result<Self, InvalidMac> {
        let mut bytes = [0u8; 6];
        let mut parts = text.split([':', '-']);
        for b in &mut bytes {
            let part = parts.next().filter(|p| p.len() == 2).ok_or(InvalidMac)?;
            *b = u8::from_str_radix(part, 16).map_err(|_| InvalidMac)?;
        }
        if parts.next().is_some() { Err(InvalidMac) } else { Ok(MacAddress(bytes)) }
    }
}

impl TryFrom<String> for MacAddress {
    type Error = InvalidMac;
    fn try_from(text: String) -> Result<Self, InvalidMac> {
        MacAddress::parse(&text)
    }
}

impl From<MacAddress> for String {
    fn from(mac: MacAddress) -> String {
        mac.to_string()
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// The rule that fired, with the metadata that ratings look at.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Signature {
    pub gid: u32,
    pub sid: u32,
    pub rev: u32,
    pub msg: Line,
    /// `classtype` of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_type: Option<Line>,
    /// 1 (highest) to 4, 0 if unknown: the priority of the class.
    pub severity: u8,
    /// `signature_severity`: Critical, Major, Minor, Informational.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature_severity: Option<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attack_target: Option<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malware_family: Option<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mitre_tactic: Option<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mitre_technique: Option<Line>,
}

/// A file that was seen in transit: its name and hashes, never its content.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FileEvidence {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// Lower-case hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub md5: Option<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<FileVerdict>,
    /// What the scanner calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threat_name: Option<Line>,
}

/// The list entry that a name or address was found on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reputation {
    pub kind: ReputationKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<Line>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_known_by_its_mac_first() {
        let mac = MacAddress::parse("00-11-22-AA-bb-cc").unwrap();
        let mut device = Device { mac: Some(mac), ip: "10.0.0.1".parse().ok(), ..Device::default() };
        assert_eq!(device.key().0, "mac:00:11:22:aa:bb:cc");
        assert_eq!(device.display_name(), "10.0.0.1");
        device.learn(&Device { host_name: Some("KEIRI-PC".into()), ..Device::default() });
        assert_eq!(device.display_name(), "KEIRI-PC");
        assert_eq!(device.ip, "10.0.0.1".parse().ok());
        assert!(MacAddress::parse("00:11:22:33:44").is_err());
    }
}
