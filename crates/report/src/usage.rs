//! Records of web and application use (GW-04) and of what could not be looked into: sums per
//! device and span of time, never content, never a host name.

use std::net::IpAddr;

use mimamori_base::Timestamp;

use crate::schema::{choice, message};
use crate::text::{List, MacAddr, Text};

choice! {
    /// What a line of use counts. A flow may count in several web categories.
    pub enum UseOf {
        WebCategory = "web_category",
        Application = "application",
    }
}

message! {
    pub struct UseLine {
        pub of: UseOf,
        /// Identifier of the catalogue, not free text of the traffic.
        pub id: Text<64>,
        /// How the catalogue of the definitions in force names it.
        pub name: Text<96>,
        /// The sort of application, by the catalogue's identifier; empty for categories.
        pub kind: Text<32>,
        pub flows: u64,
        pub bytes_up: u64,
        pub bytes_down: u64,
    }
}

message! {
    /// What one device did within a span.
    pub struct UsageRecord {
        /// Start of the span, a whole hour.
        pub at: Timestamp,
        pub span_seconds: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub device: Option<IpAddr>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub mac: Option<MacAddr>,
        pub lines: List<UseLine, 16>,
    }
}

choice! {
    /// How traffic was looked into, or why it was not.
    pub enum Inspected {
        /// Content and names.
        Fully = "fully",
        /// TLS: the name, the certificate, the fingerprint.
        Tls = "tls",
        Quic = "quic",
        /// Another encrypted protocol that is known by its beginning: SSH, DTLS.
        Encrypted = "encrypted",
        /// Known by its first bytes; rules search the bytes, but nothing parses them.
        NoParser = "no_parser",
        UnknownProtocol = "unknown_protocol",
        Tunnel = "tunnel",
        EncryptedDns = "encrypted_dns",
        /// The name itself is encrypted.
        HiddenName = "hidden_name",
        PastDepth = "past_depth",
        /// A rule or an exception let it pass.
        Excepted = "excepted",
        FileTooLarge = "file_too_large",
        ArchivePassword = "archive_password",
        ArchiveTooDeep = "archive_too_deep",
        /// The file scanner was busy, slow or down, and the policy lets pass.
        ScannerBusy = "scanner_busy",
        /// Tables were full.
        Limits = "limits",
        #[serde(other)]
        Other = "other",
    }
}

/// How deep a look was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Depth {
    Fully,
    NameOnly,
    NotAtAll,
}

impl Inspected {
    #[must_use]
    pub const fn depth(self) -> Depth {
        match self {
            Inspected::Fully => Depth::Fully,
            Inspected::Tls | Inspected::Quic | Inspected::Encrypted | Inspected::NoParser => Depth::NameOnly,
            _ => Depth::NotAtAll,
        }
    }
}

message! {
    pub struct InspectionLine {
        pub how: Inspected,
        pub flows: u64,
        pub bytes: u64,
    }
}

message! {
    /// How deep one device's traffic was looked into within a span. Each byte of a flow is in one
    /// line; files that were not judged are told beside them.
    pub struct InspectionRecord {
        /// Start of the span, a whole hour.
        pub at: Timestamp,
        pub span_seconds: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub device: Option<IpAddr>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub mac: Option<MacAddr>,
        pub lines: List<InspectionLine, 17>,
    }
}
