//! Records of web and application use (GW-04): sums per device, category and span of time.

use std::net::IpAddr;

use mimamori_base::Timestamp;

use crate::schema::message;
use crate::text::{MacAddr, Text};

message! {
    pub struct UsageRecord {
        /// Start of the span.
        pub at: Timestamp,
        pub span_seconds: u32,
        pub device: IpAddr,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub mac: Option<MacAddr>,
        /// Identifier of the catalogue, not free text of the traffic.
        pub category: Text<64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub application: Option<Text<64>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub host: Option<Text<255>>,
        pub flows: u32,
        pub bytes_up: u64,
        pub bytes_down: u64,
    }
}
