//! The inspection engine as one thing: frames in, verdicts and events out.
//!
//! Responsible for joining decoding, flows, protocols, detection and reputation in the right
//! order, and for the shape of events. Holds always: deterministic — the same frames at the
//! same times with the same options give the same events; no clock, no files, no threads.
//! Deliberately not here: capturing, writing logs, configuration files.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod alert_log;
mod alert_payload;
mod app_feed;
mod community;
mod config;
mod core;
mod deal;
mod device_names;
mod dns_v2;
mod drop_object;
mod engine;
mod eve_line;
mod event;
mod flow_data;
mod flow_end;
mod flow_log;
mod inject;
mod judge;
mod judging;
mod listed;
mod options;
mod pseudo;
mod raw;
mod rule_files;
mod ruleset;
mod smb_kinds;
mod stats;
mod tagged;
mod time_text;
mod tunnels;
mod tx_log;
mod usage;
mod usage_names;
mod verdict;

pub use community::community_id;
pub use config::{
    DnsAnswer, DnsVersion, DropLog, EngineConfig, ExceptionDefault, ExceptionPolicy, InlineGuards,
    LogOptions, default_vars,
};
pub use deal::{Deal, Dealer};
pub use device_names::device_name;
pub use engine::{Engine, Shared, Tick};
pub use event::{
    AlertFacts, DeviceFacts, Endpoint, Event, EventKind, EventSink, NoSink, Open, ReputationFacts,
    address_text, mac_text,
};
pub use judge::{
    FileId, FileJudge, FileOutcome, Harm, JudgePolicy, JudgeStats, Judgement, MalwareFacts, NotInspected,
    Opinion, Unjudged,
};
pub use mimamori_applayer::Told;
pub use mimamori_detect::Waiting;
pub use mimamori_detect::{ListFileError, ListFiles, NoFiles, SavedSet};
pub use mimamori_flow::Traffic;
pub use mimamori_packet::LinkType;
pub use mimamori_reputation::{Exceptions, Kind as ReputationKind, Reputation};
pub use options::{NO_EFFECT, OptionError};
pub use rule_files::{FileProblem, RuleFiles};
pub use ruleset::{LoadReport, Ruleset};
pub use smb_kinds::{SMB_KINDS, SmbKinds, smb_kind};
pub use stats::EngineStats;
pub use time_text::eve_time;
pub use usage::{FlowUse, HEAD_BYTES, Head};
pub use verdict::{FrameAction, Injection, Path, Release, ReleaseAction, Verdict};
