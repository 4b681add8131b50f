//! Flows: the table of conversations, their timeouts, and TCP streams put in order.
//!
//! Responsible for finding the flow of a packet, following TCP sessions, handing stream bytes
//! out in order, and (inline) refusing packets that would make a stream ambiguous.
//! Holds always: every table and buffer has a cap, a counter and a policy when full; the same
//! packets give the same flows, ids and bytes. Deliberately not here: what the bytes mean.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod config;
pub mod flow;
pub mod key;
mod lists;
pub mod table;
pub mod tcp;

pub use config::{FlowConfig, FlowTimeouts, StreamConfig, Timeouts, UrgentPolicy};
pub use flow::{EndReason, Flow, FlowState, Traffic};
pub use key::FlowKey;
pub use table::{Association, FlowHandle, FlowStats, FlowTable};
pub use tcp::{
    Chunk, DropReason, Midstream, Stream, StreamEvent, StreamEvents, TcpOutcome, TcpSession, TcpState,
};
