//! Signed definition sets: everything that detection rests on, in one file (GW-07).
//!
//! Responsible for the set's layout ([`Manifest`], [`PartKind`]), its signature, writing and
//! opening it ([`SetWriter`], [`DefinitionSet`]) and the list of file hashes inside it
//! ([`FileHashes`]). Holds always: bytes are handed out only after the signature and each part's
//! SHA-256 were found right; a file is replaced whole or not at all. Deliberately not here: what
//! the parts mean to the engine, compiling YARA rules (crate `scan`).
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod build;
mod file;
mod hashes;
mod key;
mod manifest;
mod map;
mod set;
mod store;

pub use file::{NewPart, SetWriter, WriteError};
pub use hashes::{FileHashes, FileHashesBuilder, HashHit};
pub use key::{KeyError, SigningKey, VerifyingKey};
pub use manifest::{FORMAT, Manifest, PartEntry, PartKind, Source};
pub use set::{DefinitionSet, OpenError, PartBytes};
pub use store::{Candidate, InstallError, Kept, SetStore};
