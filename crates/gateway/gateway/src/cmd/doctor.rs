//! `doctor`: checks machine, cables and the way to the cloud, and says what to do.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::config::GatewayConfig;
use crate::doctor::{self, Verdict};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// 設定ファイル（TOML）
    #[arg(long, value_name = "FILE", default_value = "/etc/mimamori/gateway.toml")]
    pub config: PathBuf,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = match GatewayConfig::load(&args.config) {
        Ok(config) => config,
        Err(error) => {
            println!("× 設定ファイル: {error}");
            return Ok(ExitCode::from(1));
        }
    };
    println!("○ 設定ファイル: {} を読めました", args.config.display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut bad = 0;
    for finding in runtime.block_on(doctor::examine(&config)) {
        let mark = match finding.verdict {
            Verdict::Good => "○",
            Verdict::Note => "△",
            Verdict::Bad => "×",
        };
        bad += u32::from(finding.verdict == Verdict::Bad);
        println!("{mark} {}: {}", finding.what, finding.words);
    }
    if bad == 0 {
        println!("問題は見つかりませんでした。");
        Ok(ExitCode::SUCCESS)
    } else {
        println!("直すところが {bad} 件あります。上の × を順に確かめてください。");
        Ok(ExitCode::from(1))
    }
}
