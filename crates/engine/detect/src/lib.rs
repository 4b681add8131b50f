//! Detection: rules compiled into groups, asked of packets, streams and transactions.
//!
//! Responsible for which rules match, in which order, and what they leave behind (alerts,
//! bits, verdicts). Holds always: a [`Detector`] never changes and is shared; all state lies in
//! [`FlowDetect`] (a flow's) and [`DetectState`] (an engine's), each bounded. Deliberately not
//! here: parsing rules, following flows, parsing protocols, writing events.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod address_index;
mod alert;
mod checks;
mod compile;
mod datasets;
mod detector;
mod effects;
mod fast_pattern;
mod flow_state;
mod groups;
mod header;
mod input;
mod inspect;
mod lists;
pub mod literals;
pub mod matcher;
mod names;
mod needs;
mod order;
mod payload;
mod prefilter;
mod renumber;
mod scratch;
mod signature;
mod state;
mod tags;
mod threshold;
mod tuning;
mod tx;
mod tx_checks;
mod tx_facts;
mod tx_groups;
mod tx_parts;

pub use alert::{Alert, DEFAULT_MAX_ALERTS, Decision, Waiting};
pub use compile::NotCompiled;
pub use datasets::{DatasetStore, SavedSet};
pub use detector::{DetectOptions, Detector};
pub use flow_state::{FlowDetect, TxDetect};
pub use input::{FlowInput, Input, RawWindow};
pub use lists::{IpReputation, ListFileError, ListFiles, Lists, NoFiles, ReputationFiles, Surroundings};
pub use needs::Needs;
pub use order::{ActionKind, ActionOrder};
pub use renumber::{Renumber, Renumbering};
pub use scratch::Scratch;
pub use signature::{SigIndex, SigInfo, Signature};
pub use state::{CrossFlow, DetectState, HostBits};
pub use tags::{HostTags, Tags};
