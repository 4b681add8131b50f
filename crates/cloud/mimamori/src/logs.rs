//! Structured logs on stderr.

use std::fs::File;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Mutex;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

const LEVELS: &str = "info,sqlx=warn,hyper=warn,rustls=warn";

/// For `serve`: one line an event, as text or as JSON.
pub fn to_stderr(json: bool) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(LEVELS))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(true);
    if json {
        builder.json().init();
    } else {
        builder.init();
    }
}

/// For `demo`: into a file, so that the screen stays readable.
pub fn to_file(path: &Path) -> anyhow::Result<()> {
    let file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("ログ {} に書けません", path.display()))?;
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(LEVELS))
        .with_writer(Mutex::new(file))
        .with_ansi(false)
        .init();
    Ok(())
}
