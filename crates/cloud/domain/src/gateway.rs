//! The appliance as the cloud knows it.

use std::fmt;
use std::net::IpAddr;

use mimamori_base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{CustomerId, GatewayId};
use crate::text::{Line, Name};

/// Most devices that one heartbeat may list (GW-14 speaks of about 100).
pub const DEVICES_MAX: usize = 512;

/// An appliance that belongs to a customer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Gateway {
    pub id: GatewayId,
    pub customer: CustomerId,
    pub serial: Serial,
    pub name: Name,
    pub state: GatewayState,
    /// Last report or heartbeat that arrived.
    pub last_seen: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// Where a gateway stands in its life.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum GatewayState {
    /// Prepared: its one-time secret has not been used.
    Prepared { secret_expires: Timestamp },
    /// Enrolled and heard of, as far as the cloud can tell.
    Online { enrolled_at: Timestamp },
    /// Judged stopped (NT-04); silent since then.
    Stopped { enrolled_at: Timestamp, since: Timestamp },
}

impl GatewayState {
    /// The stable code: what is stored.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            GatewayState::Prepared { .. } => "prepared",
            GatewayState::Online { .. } => "online",
            GatewayState::Stopped { .. } => "stopped",
        }
    }

    /// What a person reads.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            GatewayState::Prepared { .. } => "設置待ち",
            GatewayState::Online { .. } => "稼働中",
            GatewayState::Stopped { .. } => "停止",
        }
    }
}

/// Why a text is not a [`Serial`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a serial is 4 to 32 of A-Z a-z 0-9 -")]
pub struct InvalidSerial;

/// The number on the appliance's label.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Serial(String);

impl Serial {
    pub fn parse(text: &str) -> Result<Self, InvalidSerial> {
        let text = text.trim();
        let ok =
            (4..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if ok { Ok(Serial(text.to_owned())) } else { Err(InvalidSerial) }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Serial {
    type Error = InvalidSerial;
    fn try_from(text: String) -> Result<Self, InvalidSerial> {
        Serial::parse(&text)
    }
}

impl From<Serial> for String {
    fn from(serial: Serial) -> String {
        serial.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a gateway says about its own health (GW-11).
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Heartbeat {
    /// The gateway's own clock.
    pub at: Timestamp,
    pub software: Line,
    pub rule_set: Line,
    pub rules_loaded: u32,
    pub uptime_secs: u64,
    /// Hundredths of the machine, 0..=100.
    pub cpu_percent: u8,
    pub memory_percent: u8,
    pub packets_inspected: u64,
    pub packets_dropped: u64,
    pub bytes_inspected: u64,
    /// Bytes that could not be looked into (TLS after the handshake, tunnels).
    pub bytes_uninspected: u64,
    pub files: FileCounts,
    /// Reports still waiting on the gateway's disk.
    pub spool_depth: u64,
    pub own_ip: Option<IpAddr>,
    pub links: Vec<Link>,
    pub devices: Vec<SeenDevice>,
}

impl Heartbeat {
    /// Cuts lists to their caps.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.devices.truncate(DEVICES_MAX);
        self.links.truncate(16);
        self.cpu_percent = self.cpu_percent.min(100);
        self.memory_percent = self.memory_percent.min(100);
        self
    }
}

/// Files in transit since the gateway's start: judged, and not inspected by reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FileCounts {
    pub judged: u64,
    /// Of those that were judged.
    pub harmful: u64,
    /// Behind a password that only the receiver has.
    pub locked: u64,
    pub too_deep: u64,
    pub too_large: u64,
    pub unreadable: u64,
    /// The scanner was slow, busy or gone.
    pub no_scanner: u64,
}

impl FileCounts {
    #[must_use]
    pub fn not_inspected(&self) -> u64 {
        [self.locked, self.too_deep, self.too_large, self.unreadable, self.no_scanner]
            .into_iter()
            .fold(0, u64::saturating_add)
    }
}

/// One network port of the gateway.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Link {
    pub name: Line,
    pub zone: mimamori_base::Zone,
    pub up: bool,
}

/// One device behind the gateway (GW-14).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SeenDevice {
    pub device: crate::detection::Device,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
}
