//! Judging files: harmful or not, by hash lists, YARA rules and clamd, inside archives too.
//!
//! Responsible for opinions on bytes, for the process they are formed in, and for the queue to
//! it. Holds always: no input makes it panic or grow past [`Limits`]; what cannot be looked into
//! is told with its reason, never passed over in silence; the caller never waits ([`Remote`]).
//! Deliberately not here: packets, what follows from an opinion, where definitions come from.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod clamd;
mod local;
mod pool;
mod remote;
#[cfg_attr(not(feature = "yara"), path = "no_rules.rs")]
mod rules;
mod sandbox;
mod scanner;
mod sniff;
pub mod unpack;
mod wire;
mod worker;

pub use clamd::{ClamdAddress, ClamdError};
pub use local::Local;
pub use pool::{Answer, Question};
pub use remote::{Remote, RemoteStats, State};
/// Built with YARA.
pub const HAS_YARA: bool = cfg!(feature = "yara");

pub use rules::{Compiled, RefusedRule, compile_yara};
pub use sandbox::Sockets;
pub use scanner::{Finding, Knowledge, KnowledgeError, Limits, Scanner, Why};
pub use sniff::{Kind, sniff};
pub use wire::Setup;
pub use worker::run as run_worker;
