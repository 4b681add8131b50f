//! The gateway's health at a steady interval (GW-11), and the devices behind it (GW-14).

use std::net::IpAddr;

use mimamori_base::{Timestamp, Zone};

use crate::schema::message;
use crate::text::{List, MacAddr, Text};

message! {
    pub struct Versions {
        pub software: Text<32>,
        /// Of the definition set in force.
        pub definitions: Text<64>,
        pub rules_loaded: u32,
        pub rules_refused: u32,
    }
}

message! {
    /// One port of the bridge.
    pub struct Link {
        pub name: Text<15>,
        pub zone: Zone,
        pub up: bool,
    }
}

message! {
    /// Since the gateway's start.
    #[derive(Default)]
    pub struct PacketCounters {
        pub received: u64,
        pub inspected: u64,
        pub dropped_by_verdict: u64,
        /// Lost because the box was too slow.
        pub lost: u64,
        pub bytes: u64,
    }
}

message! {
    /// What could not be inspected, since the gateway's start: shown to the customer as a fact.
    #[derive(Default)]
    pub struct BlindSpots {
        pub flows: u64,
        pub flows_encrypted: u64,
        pub bytes_encrypted: u64,
        pub bytes_beyond_depth: u64,
        pub flows_refused_by_limits: u64,
        pub packets_uninspected: u64,
        #[serde(default)]
        pub files: FileSpots,
    }
}

message! {
    /// Files in transit: how many were judged, and how many were not and why.
    #[derive(Default)]
    pub struct FileSpots {
        pub judged: u64,
        pub harmful: u64,
        /// Behind a lock that only the receiver opens.
        pub locked: u64,
        pub too_deep: u64,
        pub too_large: u64,
        pub unreadable: u64,
        /// The scanner was slow, busy or gone.
        pub no_scanner: u64,
    }
}

message! {
    pub struct DeviceSeen {
        pub mac: MacAddr,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub ip: Option<IpAddr>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub host_name: Option<Text<255>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub maker: Option<Text<64>>,
        pub zone: Zone,
        pub first_seen: Timestamp,
        pub last_seen: Timestamp,
    }
}

message! {
    pub struct Heartbeat {
        pub at: Timestamp,
        pub started: Timestamp,
        pub versions: Versions,
        /// Load of one minute, in thousandths.
        pub load_milli: u32,
        pub memory_used_bytes: u64,
        pub memory_total_bytes: u64,
        pub packets: PacketCounters,
        pub blind_spots: BlindSpots,
        pub links: List<Link, 16>,
        pub devices: List<DeviceSeen, 256>,
        /// Devices that did not fit into `devices`.
        pub devices_omitted: u32,
        pub spool_records: u64,
        pub spool_bytes: u64,
        /// Records given up because the spool was full, since its creation.
        pub spool_dropped: u64,
        /// Whether traffic passes uninspected at the moment (GW-13).
        pub passing_uninspected: bool,
    }
}
