//! The subcommands, one module each: `Args` as clap reads them and `run`.

pub mod check_rules;
pub mod conformance;
pub mod definitions;
pub mod doctor;
pub mod enrol;
pub mod labelled;
pub mod replay;
pub mod run;
pub mod scan_worker;
pub mod status;
