//! Files carried by flows: tracking, hashes, body windows, decompression with limits.
//!
//! Responsible for [`File`] (what is known of a file seen in a transaction), [`Window`] (the
//! part of a streamed body that inspection looks at) and [`decode`] (push decoders for
//! compressed bodies). Holds always: no input panics or makes memory grow past the limits
//! given; a file's hashes are those of its bytes in order, and a file with a gap has none.
//! Deliberately not here: protocols, rules, files on disk.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod decode;
mod file;
mod hash;
mod magic;
mod range;
mod tap;
mod window;

pub use file::{File, FileConfig, FileState, MAX_SIDS_PER_FILE};
pub use hash::{FileHashes, HashKinds};
pub use magic::magic;
pub use range::{RangeLimits, RangeStore};
pub use tap::{MAX_TAP_BYTES, Tapped, Written};
pub use window::{View, Window, WindowConfig};
