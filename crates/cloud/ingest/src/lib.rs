//! The gateways' API of the cloud: enrolment, reports, heartbeats over mutual TLS.
//!
//! Responsible for the device CA ([`ca`]), the TLS listener ([`server`]), limits ([`limits`]),
//! turning reports into domain types ([`map`]), and the definition set that
//! gateways are handed ([`offers`]). Holds always: who a gateway is comes from
//! its certificate, never from what it sends; nothing is acknowledged that the store has not
//! committed. Deliberately not here: what a report means for the customer (crates `domain` and
//! `service`).
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod backend;
pub mod ca;
mod cloud;
pub mod limits;
pub mod map;
pub mod offers;
mod peer;
mod routes;
pub mod server;
pub mod unpack;
mod usage;

pub use backend::{Backend, BackendError, Item};
pub use ca::{CaError, DeviceCa};
pub use server::{Ingest, IngestConfig, IngestError};
