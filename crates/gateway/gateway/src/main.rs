//! The `mimamori-gateway` program: one subcommand a module of [`mimamori_gateway::cmd`].

use std::process::ExitCode;

use clap::Parser;
use mimamori_gateway::cli::Cli;

/// Gives memory back that another thread took: a new rule set is made on one thread and let go of
/// on another, engines side by side pass frames and lines on.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command.run() {
        Ok(code) => code,
        Err(error) => {
            // One message with its causes, then the exit code that scripts look at.
            eprintln!("mimamori-gateway: {error:#}");
            ExitCode::from(2)
        }
    }
}
