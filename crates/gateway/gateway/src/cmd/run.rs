//! `run`: inspects live traffic between the configured zones and reports to the cloud.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use mimamori_base::{Clock, SystemClock, SystemRng};

use crate::config::GatewayConfig;
use crate::live::{self, Ended};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// 設定ファイル（TOML）
    #[arg(long, value_name = "FILE", default_value = "/etc/mimamori/gateway.toml")]
    pub config: PathBuf,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = GatewayConfig::load(&args.config)?;
    start_log();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("非同期処理を始められません")?;
    let stop = Arc::new(AtomicBool::new(false));
    let reload = Arc::new(AtomicBool::new(false));
    runtime.spawn(signals(stop.clone(), reload.clone()));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ended = live::run(&config, &runtime, clock, Arc::new(SystemRng), stop, reload)?;
    drop(runtime);
    match ended {
        Ended::Stopped => Ok(ExitCode::SUCCESS),
        Ended::Restart => restart(),
    }
}

/// Starts this program anew in the same process (GW-09): a supervisor sees no difference.
fn restart() -> anyhow::Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    let program = std::env::current_exe().context("自分のプログラムの場所が分かりません")?;
    let error = std::process::Command::new(program).args(std::env::args_os().skip(1)).exec();
    Err(error).context("再起動できません")
}

async fn signals(stop: Arc<AtomicBool>, reload: Arc<AtomicBool>) {
    use tokio::signal::unix::{SignalKind, signal};
    let all =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()));
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = all else {
        tracing::error!("signals cannot be received");
        return;
    };
    loop {
        tokio::select! {
            _ = interrupt.recv() => stop.store(true, Ordering::SeqCst),
            _ = terminate.recv() => stop.store(true, Ordering::SeqCst),
            _ = hangup.recv() => reload.store(true, Ordering::SeqCst),
        }
    }
}

fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // No colour codes in a log that is a file or the journal.
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
}
