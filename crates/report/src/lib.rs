//! What a gateway may tell the cloud, and how it is put on the wire.
//!
//! Holds always (GW-05): no message has a field that could carry a file's content or a mail's
//! body. Every field is a number, a closed enumeration, a hash, an address or a text whose
//! length is part of its type; [`schema::Reportable`] is implemented for nothing else, so a
//! `String` or `Vec<u8>` in a message does not compile, and `tests/schema.rs` pins the whole
//! list of fields. Deliberately not here: transport (crate `uplink`), storage, judgement.

pub mod api;
pub mod batch;
pub mod detection;
pub mod event;
pub mod heartbeat;
pub mod schema;
pub mod text;
pub mod usage;

use mimamori_base::Timestamp;
use serde::{Deserialize, Serialize};

pub use api::{
    Command, CommandKind, Cursor, DEFINITION_PIECE, DefinitionOffer, EnrolAnswer, EnrolRequest, Exempt,
    HeartbeatAnswer, Refusal, RefusalCode, RenewAnswer, RenewRequest, ReportsAnswer,
};
pub use batch::{Batch, BatchError, Line, MAX_BATCH_BYTES, MAX_BATCH_RECORDS, MAX_RECORD_BYTES, Undecodable};
pub use detection::{
    Detection, DetectionKind, Device, Endpoint, FileEvidence, FileVerdict, Outcome, Reputation,
    ReputationKind, Severity, Signature, SignatureMetadata, Traffic, Transport,
};
pub use event::{GatewayEvent, GatewayEventKind};
pub use heartbeat::{BlindSpots, DeviceSeen, FileSpots, Heartbeat, Link, PacketCounters, Versions};
pub use schema::{Reportable, Shape};
pub use text::{List, MacAddr, Md5, Pem, Sha256, Text, TextError};
pub use usage::{Depth, Inspected, InspectionLine, InspectionRecord, UsageRecord, UseLine, UseOf};

/// Version of the protocol between gateway and cloud; part of every path (`/v1/…`).
pub const PROTOCOL_VERSION: u16 = 1;

/// One thing that a gateway reports through its spool. Heartbeats travel beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Report {
    Detection(Box<Detection>),
    Event(GatewayEvent),
    Usage(Box<UsageRecord>),
    Inspection(Box<InspectionRecord>),
}

impl Report {
    /// When it happened, on the gateway's clock.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Report::Detection(d) => d.at,
            Report::Event(e) => e.at,
            Report::Usage(u) => u.at,
            Report::Inspection(i) => i.at,
        }
    }

    /// What must be kept longest when the spool is full (GW-12).
    #[must_use]
    pub fn value(&self) -> Value {
        match self {
            Report::Usage(_) | Report::Inspection(_) => Value::Low,
            Report::Event(_) => Value::High,
            Report::Detection(d) => match (d.kind, d.severity) {
                (_, Severity::Critical | Severity::Major) => Value::High,
                (
                    DetectionKind::CommandAndControl
                    | DetectionKind::MalwareFile
                    | DetectionKind::PhishingSite
                    | DetectionKind::MalwareSite,
                    _,
                ) => Value::High,
                _ => Value::Normal,
            },
        }
    }
}

impl Reportable for Report {
    fn shape() -> Shape {
        Shape::OneOf(vec![
            Detection::shape(),
            GatewayEvent::shape(),
            UsageRecord::shape(),
            InspectionRecord::shape(),
        ])
    }
}

/// How much a report is worth keeping: the spool drops from the bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    Low,
    Normal,
    High,
}
