//! The gateway's way to the cloud: reports kept on disk, then delivered exactly once in effect.
//!
//! Responsible for the spool ([`spool`]), enrolment and the device's key ([`identity`]), the
//! mutual-TLS client ([`client`]) and the loop that delivers, beats and obeys ([`agent`]).
//! Deliberately not here: what is worth reporting (crate `gateway`).
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod agent;
pub mod backoff;
pub mod client;
mod fetch;
pub mod identity;
pub mod reporter;
pub mod spool;

pub use agent::{Agent, AgentConfig, CommandOutcome, Host, UplinkState, UplinkStatus};
pub use client::{ClientError, Cloud, CloudAddress};
pub use identity::{EnrolError, Enrolment, Identity, IdentityError};
pub use reporter::Reporter;
pub use spool::{Spool, SpoolConfig, SpoolError, SpoolStats};
