//! `mimamori-gateway scan-worker`: the process that looks into files.

use std::process::ExitCode;

use anyhow::Context;
use mimamori_scan::Sockets;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// clamd is reached over the network, not by a path.
    #[arg(long)]
    inet: bool,
    /// clamd is reached by a path.
    #[arg(long, conflicts_with = "inet")]
    local: bool,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let sockets = match (args.inet, args.local) {
        (true, _) => Sockets::Inet,
        (false, true) => Sockets::Local,
        (false, false) => Sockets::None,
    };
    mimamori_scan::run_worker(sockets).context("scan worker")?;
    Ok(ExitCode::SUCCESS)
}
