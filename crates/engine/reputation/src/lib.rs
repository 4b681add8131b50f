//! What is known about names and addresses: phishing sites, malware hosts, control servers, and
//! by the same table what category a site belongs to.
//!
//! Responsible for the canonical form of hosts and URLs, for the table and its look-up
//! ([`table`]), and for the meaning of bad-name lists ([`Reputation`]). Holds always: a domain
//! covers its sub-domains; the table is looked up where it lies (a mapped file), in at most
//! [`MAX_LABELS`] probes a name; any bytes can be looked up in without a panic. Deliberately not
//! here: where lists come from (crate `definitions`), what happens after a hit (crate `engine`).
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod build;
mod exceptions;
pub mod host;
mod indicator;
pub mod path;
mod probe;
mod reputation;
pub mod table;

pub use build::{MAX_VALUES, Several, TableBuilder};
pub use exceptions::{Devices, Excepted, Exception, Exceptions, MAX_EXCEPTIONS};
pub use host::Host;
pub use indicator::{Indicator, IndicatorError};
pub use reputation::{
    Kind, ListError, Listed, Reputation, ReputationBuilder, Shared, SharedBytes, list_line, rank, value_text,
};
pub use table::{MAX_LABELS, Seen, Table};
