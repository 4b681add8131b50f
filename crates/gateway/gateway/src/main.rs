//! The `mimamori-gateway` program: one subcommand a module of [`mimamori_gateway::cmd`].

use std::process::ExitCode;

use clap::Parser;
use mimamori_gateway::cli::Cli;

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
