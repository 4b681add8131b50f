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
pub mod kind;
pub mod net;
mod set;

pub use ast::*;
pub use kind::Kind;
pub use net::{AddressSet, PortSet};
pub use set::{ParseContext, Refusal, RuleSet, Severity, Vars, Warning, parse_rules};
