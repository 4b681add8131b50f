//! Chores of the project: checks of its structure, recordings for its corpus.

mod record;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "xtask", about = "Chores of the Mimamori project")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check arrows between crates, file and function sizes, banned markers, and that docs
    /// name only what exists.
    Tidy,
    /// Record the corpus from real clients and servers in network namespaces (Linux, root).
    Record {
        /// Cases to record; all of them without.
        cases: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let root = workspace_root()?;
    match Args::parse().command {
        Command::Tidy => tidy::run(&root),
        Command::Record { cases } => record::run(&root, &cases),
    }
}

fn workspace_root() -> Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_path_buf)
        .context("xtask lies one folder below the workspace")
}
