//! The rule language: text in, checked rules out.
//!
//! Responsible for lexing, parsing and validating rules and the files beside them
//! (classification.config, reference.config, threshold.config). Holds always: one bad rule
//! never fails the set, it is refused with its sid, place and reason; no text makes the parser
//! panic. Deliberately not here: matching (crate `detect`), reading files, variables' origin.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod ast;
pub mod config;
mod error;
pub mod kind;
mod lex;
pub mod net;
mod parse;
mod set;
mod text;

pub use ast::*;
pub use config::{
    BadLine, ThresholdEntry, default_classifications, parse_classifications, parse_references,
    parse_thresholds,
};
pub use kind::Kind;
pub use net::{AddressSet, PortSet, parse_addresses, parse_ports};
pub use parse::dataset_type;
pub use set::{KnownDataset, ParseContext, Refusal, RuleSet, Severity, Vars, Warning, parse_rules};
