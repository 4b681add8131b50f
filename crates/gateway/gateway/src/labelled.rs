//! Captures whose flows others have labelled, compared with what we say of the same flows.
//!
//! Responsible for reading the label files (nDPI's result format), replaying the captures, and
//! counting agreement of host name, JA4 and kind of application. Deliberately not here: tuning;
//! a difference is printed to be judged by a person.

mod labels;
mod measure;
mod observe;

pub use labels::{Label, read_labels};
pub use measure::{Difference, Figures, Score, measure};
pub use observe::{Observed, Seen};
