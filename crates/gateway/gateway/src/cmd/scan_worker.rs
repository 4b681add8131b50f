//! `mimamori-gateway scan-worker`: the process that looks into files.

use std::process::ExitCode;

use anyhow::Context;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// clamd is reached over the network, not by a path.
    #[arg(long)]
    inet: bool,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    mimamori_scan::run_worker(args.inet).context("scan worker")?;
    Ok(ExitCode::SUCCESS)
}
