//! What is known to be bad by name or address: phishing sites, malware hosts, control servers.
//!
//! Responsible for building and looking up the lists. Holds always: a domain covers its
//! sub-domains; a look-up allocates nothing and takes at most [`MAX_LABELS`] probes; the hash
//! key is given by the owner, so collisions cannot be prepared. Deliberately not here: where
//! lists come from, what happens after a hit.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod list;

pub use list::{Kind, ListError, MAX_LABELS, Reputation, ReputationBuilder};
