//! The cloud program: `serve`, `demo`, `admin`.
//!
//! Responsible for choosing the backends and joining the crates; the only place where the
//! cloud's clock, randomness, database and sockets are picked. Deliberately not here: anything
//! that has rules of its own.

mod admin;
mod bounces;
mod cli;
mod cloud;
mod config;
mod demo;
mod generate;
mod listen;
mod live;
mod logs;
mod metrics;
mod serve;
mod signals;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    // All TLS of the process uses ring; a second call (never made) would be the only error.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // The gateway's programs have a runtime of their own, or none.
    let command = match cli.command {
        Command::Gateway { command } => return exit_of(command.run()),
        Command::ScanWorker(args) => return exit_of(mimamori_gateway::cmd::scan_worker::run(&args)),
        other => other,
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("エラー: 動きはじめられません（{e}）。");
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(async {
        match command {
            Command::Serve(args) => serve::run(args).await,
            Command::Demo(args) => demo::run(args).await,
            Command::Admin(args) => admin::run(args).await,
            // Handled above.
            Command::Gateway { .. } | Command::ScanWorker(_) => Ok(()),
        }
    });
    // Hashing and other blocking work under way must not hold the exit.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("エラー: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn exit_of(result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        eprintln!("エラー: {error:#}");
        ExitCode::from(2)
    })
}
