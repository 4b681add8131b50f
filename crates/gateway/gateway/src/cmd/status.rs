//! `status`: what the running gateway is doing, for the installer.

use std::path::PathBuf;
use std::process::ExitCode;

use mimamori_base::{Clock, SystemClock, Zone};

use crate::config::GatewayConfig;
use crate::status::{CloudState, Status, read};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// 設定ファイル（TOML）
    #[arg(long, value_name = "FILE", default_value = "/etc/mimamori/gateway.toml")]
    pub config: PathBuf,
    /// JSON で書く
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = GatewayConfig::load(&args.config)?;
    let now = SystemClock.now();
    let Some(status) = read(&config.state_dir, now) else {
        println!("検査プログラムは動いていません。`mimamori-gateway run` で始めてください。");
        return Ok(ExitCode::from(3));
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&status)?);
    } else {
        print!("{}", text(&status, now.since(status.started).as_secs()));
    }
    Ok(ExitCode::SUCCESS)
}

/// What a zone is called on the box.
#[must_use]
pub fn zone_name(zone: Zone) -> &'static str {
    match zone {
        Zone::Wan => "WAN",
        Zone::Lan => "LAN",
        Zone::PrimarySsid => "プライマリSSID",
        Zone::SecondarySsid => "セカンダリSSID",
    }
}

fn text(s: &Status, uptime_seconds: u64) -> String {
    let mut out = format!(
        "動作中（{}時間{}分）  ソフトウェア {}  定義 {}（ルール {}件、使えないもの {}件）\n",
        uptime_seconds / 3600,
        uptime_seconds / 60 % 60,
        s.software,
        s.definitions,
        s.rules_loaded,
        s.rules_refused
    );
    for (name, zone, up) in &s.links {
        let state = if *up { "接続" } else { "未接続（ケーブルを確かめてください）" };
        out.push_str(&format!("端子 {name}（{}）: {state}\n", zone_name(*zone)));
    }
    out.push_str(&format!(
        "パケット: 受信 {}件、検査 {}件、遮断 {}件、取りこぼし {}件  機器 {}台  検知 {}件\n",
        s.received, s.inspected, s.dropped, s.lost, s.devices, s.detections
    ));
    let f = &s.blind_spots.files;
    out.push_str(&format!(
        "ファイル: 検査 {}件、うち危険 {}件  検査できず: パスワード {}件、入れ子が深い {}件、大きすぎる {}件、読めない形 {}件、検査の遅れや停止 {}件\n",
        f.judged, f.harmful, f.locked, f.too_deep, f.too_large, f.unreadable, f.no_scanner
    ));
    if s.passing_uninspected {
        out.push_str("注意: 検査機能が止まっており、通信は検査なしで通っています。\n");
    }
    out.push_str(&match &s.cloud {
        CloudState::NotConfigured => {
            "見守りシステム: 設定されていません（検知はこの装置だけに残ります）\n".to_owned()
        }
        CloudState::Connecting => "見守りシステム: 接続しています\n".to_owned(),
        CloudState::Online { delivered } => format!("見守りシステム: 接続済み（送信 {delivered}件）\n"),
        CloudState::Offline { reason } => format!(
            "見守りシステム: つながりません（記録は装置に残り、あとで送られます）\n  理由: {reason}\n"
        ),
    });
    out.push_str(&format!("送信待ち {}件、破棄 {}件\n", s.waiting_reports, s.dropped_reports));
    out
}
