//! The appliance program: inspects what passes between zones and reports it to the cloud.
//!
//! Responsible for configuration, the subcommands, and joining capture, engine and uplink.
//! Deliberately not here: inspection itself (crate `mimamori-engine`).

pub mod cli;
pub mod cmd;
pub mod config;
pub mod conformance;
pub mod definitions;
pub mod demo;
pub mod doctor;
pub mod eve;
pub mod exceptions;
pub mod guard;
pub mod health;
pub mod judge;
pub mod lab;
pub mod labelled;
pub mod list_files;
pub mod live;
pub mod parallel;
pub mod pipeline;
pub mod replaying;
mod scanner_told;
pub mod status;
pub mod watchdog;
