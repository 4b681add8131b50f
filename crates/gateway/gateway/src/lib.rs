//! The appliance program: inspects what passes between zones and reports it to the cloud.
//!
//! Responsible for configuration, the subcommands, and joining capture, engine and uplink.
//! Deliberately not here: inspection itself (crate `mimamori-engine`).

pub mod cli;
pub mod cmd;
pub mod conformance;
pub mod definitions;
pub mod demo;
pub mod eve;
pub mod health;
pub mod pipeline;
pub mod replaying;
