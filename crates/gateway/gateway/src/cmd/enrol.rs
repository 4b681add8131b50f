//! `enrol`: obtains this gateway's certificate with its serial and one-time secret (GW-10).

use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use mimamori_uplink::{Enrolment, Identity};

use crate::config::GatewayConfig;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// 設定ファイル（TOML）
    #[arg(long, value_name = "FILE", default_value = "/etc/mimamori/gateway.toml")]
    pub config: PathBuf,
    /// 装置のシリアル番号
    #[arg(long)]
    pub serial: String,
    /// 一度だけ使えるシークレットを書いたファイル。省くと標準入力から読む
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
    /// 登録済みでも、もう一度登録する
    #[arg(long)]
    pub again: bool,
}

const MAX_SECRET_BYTES: u64 = 1024;

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = GatewayConfig::load(&args.config)?;
    let cloud = config.cloud.as_ref().context("設定に [cloud] がありません。url と ca を書いてください")?;
    if let Ok(identity) = Identity::load(&config.state_dir)
        && !args.again
    {
        println!("すでに登録されています（{}）。やり直すには --again を付けてください。", identity.serial());
        return Ok(ExitCode::SUCCESS);
    }
    let secret = match &args.secret_file {
        Some(path) => {
            std::fs::read_to_string(path).with_context(|| format!("{} を読めません", path.display()))?
        }
        None => {
            eprintln!("シークレットを入力してください:");
            let mut text = String::new();
            // A person ends it with Enter, a pipe with its end.
            std::io::BufRead::read_line(&mut std::io::stdin().lock().take(MAX_SECRET_BYTES), &mut text)?;
            text
        }
    };
    let enrolment = Enrolment {
        address: cloud.address.clone(),
        pinned_ca_pem: std::fs::read_to_string(&cloud.ca_file)
            .with_context(|| format!("{} を読めません", cloud.ca_file.display()))?,
        serial: args.serial,
        secret: secret.trim().to_owned(),
        software: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let identity = runtime
        .block_on(enrolment.run(&config.state_dir))
        .with_context(|| format!("{} に登録できませんでした", cloud.address))?;
    println!("登録しました。装置ID {}。`mimamori-gateway run` で見守りを始めます。", identity.gateway());
    Ok(ExitCode::SUCCESS)
}
