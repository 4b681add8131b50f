//! Conformance cases: what a reference engine raised on a capture, and whether this one does.
//!
//! Responsible for reading cases, running each in an engine of its own, and comparing.
//! Holds always: a case that panics is a failed case and no other case notices.

pub mod alternatives;
pub mod case;
pub mod golden;
pub mod log_options;
pub mod matching;
pub mod outcome;
pub mod runner;

pub use case::Case;
pub use outcome::{Outcome, Tally};
