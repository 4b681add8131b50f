//! The command line of `mimamori-gateway`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::cmd;

/// Inspects what passes between an office's zones and reports it to the cloud.
#[derive(Debug, Parser)]
#[command(name = "mimamori-gateway", version, about)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Inspect live traffic between the configured zones.
    Run(cmd::run::Args),
    /// Obtain this gateway's certificate with its serial and one-time secret.
    Enrol(cmd::enrol::Args),
    /// Check the machine and the configuration, and say what to do.
    Doctor(cmd::doctor::Args),
    /// Show what the running gateway is doing.
    Status(cmd::status::Args),
    /// Read rule files and list every refused rule with the reason.
    CheckRules(cmd::check_rules::Args),
    /// Make, check, show and compare signed definition sets.
    Definitions(cmd::definitions::Args),
    /// Inspect a capture file and write the events.
    Replay(cmd::replay::Args),
    /// Compare what we say of flows with labels that others gave them.
    Labelled(cmd::labelled::Args),
    /// Run the conformance cases of a folder.
    Conformance(cmd::conformance::Args),
    /// Judge files for the running gateway, which starts this itself.
    #[command(hide = true)]
    ScanWorker(cmd::scan_worker::Args),
}

impl Command {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Command::Run(args) => cmd::run::run(args),
            Command::Enrol(args) => cmd::enrol::run(args),
            Command::Doctor(args) => cmd::doctor::run(args),
            Command::Status(args) => cmd::status::run(args),
            Command::CheckRules(args) => cmd::check_rules::run(args),
            Command::Definitions(args) => cmd::definitions::run(args),
            Command::Replay(args) => cmd::replay::run(args),
            Command::Labelled(args) => cmd::labelled::run(args),
            Command::Conformance(args) => cmd::conformance::run(args),
            Command::ScanWorker(args) => cmd::scan_worker::run(&args),
        }
    }
}
