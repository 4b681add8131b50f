//! Questions and answers between gateway and cloud, beside the batches of reports.
//!
//! Paths, all under the gateways' own port: `POST /v1/enrol` (server TLS only),
//! `POST /v1/renew`, `POST /v1/reports`, `POST /v1/heartbeat`, `GET /v1/definitions/…` (mutual TLS).

use std::fmt;

use mimamori_base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::schema::choice;
use crate::text::{List, MacAddr, Pem, Sha256, Text};

/// Content type of a batch of reports.
pub const BATCH_CONTENT_TYPE: &str = "application/vnd.mimamori.reports.v1+zstd";

/// How far the cloud has committed this gateway's reports: everything up to and including
/// `seq` of `epoch` is stored for good and may be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cursor {
    pub epoch: u64,
    pub seq: u64,
}

/// Secrets are redacted in `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub struct EnrolRequest {
    pub serial: Text<64>,
    /// The one-time secret printed with the device.
    pub secret: Text<128>,
    /// PKCS#10 request in PEM; the key never leaves the device.
    pub csr_pem: Pem,
    pub software: Text<32>,
}

impl fmt::Debug for EnrolRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrolRequest").field("serial", &self.serial).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EnrolAnswer {
    /// The gateway's id in the cloud.
    pub gateway: Text<64>,
    pub certificate_pem: Pem,
    /// When to ask for a new one.
    pub renew_after: Timestamp,
    pub time: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RenewRequest {
    pub csr_pem: Pem,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RenewAnswer {
    pub certificate_pem: Pem,
    pub renew_after: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportsAnswer {
    pub committed: Cursor,
    /// Records of this batch that could not be understood; they count as committed.
    pub quarantined: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeartbeatAnswer {
    pub time: Timestamp,
    #[serde(default)]
    pub commands: List<Command, 16>,
    /// What may pass in spite of lists and rules, all of it: it takes the place of what the
    /// gateway had. Absent: nothing changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exceptions: Option<List<Exempt, 1000>>,
    /// The definition set that the cloud hands out. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definitions: Option<DefinitionOffer>,
}

/// A definition set that a gateway may fetch, in pieces of at most [`DEFINITION_PIECE`] bytes:
/// `GET /v1/definitions/{sha256}/{from}`. Whether it is used, its signature and version decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefinitionOffer {
    /// How people call it: `starter-12`.
    pub label: Text<80>,
    pub bytes: u64,
    pub sha256: Sha256,
}

/// Most bytes of one piece of a definition set.
pub const DEFINITION_PIECE: u64 = 1 << 20;

/// 「これは業務です」: one exception as a gateway keeps it. What is named has to fit; an
/// exception for both a rule and a host only keeps alerts quiet, which the cloud does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exempt {
    pub id: Text<64>,
    /// Absent: every device of the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<MacAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<u32>,
    /// A name with the names under it, an address, a network or a URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Text<1024>>,
    pub until: Timestamp,
}

choice! {
    pub enum CommandKind {
        Restart = "restart",
        ReloadDefinitions = "reload_definitions",
        #[serde(other)]
        Unknown = "unknown",
    }
}

/// An order of the operator. Done or refused is told by a [`crate::GatewayEvent`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command {
    pub id: Text<32>,
    pub kind: CommandKind,
    /// Who ordered it.
    pub by: Text<255>,
    pub at: Timestamp,
}

choice! {
    /// Why the cloud says no; the gateway decides by this word, not by the sentence.
    pub enum RefusalCode {
        /// Serial unknown, secret wrong, expired or used: never told apart to the outside.
        EnrolmentRefused = "enrolment_refused",
        CertificateUnknown = "certificate_unknown",
        TooLarge = "too_large",
        Malformed = "malformed",
        /// Try again after the time told in `Retry-After`.
        Busy = "busy",
        #[serde(other)]
        Other = "other",
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    pub code: RefusalCode,
    pub message: Text<500>,
}
