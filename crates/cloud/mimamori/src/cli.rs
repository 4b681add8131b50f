//! The command line. Help is for operators, so it is Japanese.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

const TEMPLATE: &str = "{about}\n\n使い方: {usage}\n\n{all-args}{after-help}";

/// みまもり: サイバーセキュリティ見守りサービスのクラウド側（ポータル、受付、判定、お知らせ）
#[derive(Debug, Parser)]
#[command(name = "mimamori", version, about, long_about = None, disable_help_subcommand = true)]
#[command(after_help = "はじめての方は:  mimamori demo", help_template = TEMPLATE)]
#[command(disable_help_flag = true, disable_version_flag = true)]
#[command(
    subcommand_help_heading = "コマンド",
    subcommand_value_name = "コマンド",
    next_help_heading = "オプション"
)]
pub struct Cli {
    /// この説明を表示します
    #[arg(long, short, global = true, action = ArgAction::Help, display_order = 900)]
    help: Option<bool>,
    /// 版を表示します
    #[arg(long, short = 'V', action = ArgAction::Version, display_order = 901)]
    version: Option<bool>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// 設定ファイルにしたがって、サービスを動かします
    Serve(ServeArgs),
    /// 1台の機械の中で、UTM装置3台の会社を体験します（準備は要りません）
    Demo(DemoArgs),
    /// お客様・UTM装置・アカウントを登録し、確かめます
    Admin(AdminArgs),
    /// UTM装置のプログラム（demo --live が中で使います）
    #[command(hide = true)]
    Gateway {
        #[command(subcommand)]
        command: mimamori_gateway::cli::Command,
    },
    /// ファイルを検査するプロセス（動いているUTM装置のプログラムが自分で始めます）
    #[command(hide = true)]
    ScanWorker(mimamori_gateway::cmd::scan_worker::Args),
}

#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, next_help_heading = "オプション")]
pub struct ServeArgs {
    /// 設定ファイル（TOML）。見本: docs/mimamori.example.toml
    #[arg(long, value_name = "ファイル")]
    pub config: PathBuf,
    /// 設定を確かめるだけで、動かしません
    #[arg(long)]
    pub check: bool,
}

#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, next_help_heading = "オプション")]
pub struct DemoArgs {
    /// データを置くフォルダー。同じフォルダーで始めると、続きから動きます
    #[arg(long, value_name = "フォルダー", default_value = "demo-data")]
    pub data: PathBuf,
    /// ポータルのポート番号。使われているときは、次の番号を探します
    #[arg(long, value_name = "番号", default_value_t = 8080)]
    pub port: u16,
    /// 記録した通信を何倍の速さで流すか（1 は実際の速さ）
    #[arg(long, value_name = "倍率", default_value_t = 4.0, value_parser = speed)]
    pub speed: f64,
    /// 本物の通信で試します（Linuxのroot権限が要ります）
    #[arg(long)]
    pub live: bool,
    /// ログを画面に出します
    #[arg(long, short)]
    pub verbose: bool,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(n) if (0.1..=1000.0).contains(&n) => Ok(n),
        _ => Err("0.1 から 1000 の数を書いてください".to_owned()),
    }
}

#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, next_help_heading = "オプション", subcommand_help_heading = "コマンド", subcommand_value_name = "コマンド")]
pub struct AdminArgs {
    /// 設定ファイル（serve と同じもの）
    #[arg(long, value_name = "ファイル", global = true, default_value = "mimamori.toml")]
    pub config: PathBuf,
    #[command(subcommand)]
    pub command: AdminCommand,
}

#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// 再販事業者を登録します
    AddReseller {
        /// 会社の名前
        #[arg(long)]
        name: String,
        /// 相談窓口の電話番号
        #[arg(long)]
        phone: String,
        /// 相談窓口の受付時間
        #[arg(long, default_value = "平日 9:00–18:00")]
        hours: String,
    },
    /// お客様を登録します
    AddCustomer {
        /// 再販事業者の番号（admin list で分かります）
        #[arg(long)]
        reseller: String,
        /// お客様の名前
        #[arg(long)]
        name: String,
        /// お知らせメールの宛先（3件まで、くり返し書けます）
        #[arg(long = "mail", value_name = "アドレス", required = true)]
        mails: Vec<String>,
    },
    /// UTM装置を登録し、1回だけ使える番号を出します
    AddGateway {
        /// お客様の番号
        #[arg(long)]
        customer: String,
        /// 装置ID（本体のラベルにあります）
        #[arg(long)]
        serial: String,
        /// 装置の名前（置く場所など）
        #[arg(long)]
        name: String,
    },
    /// UTM装置の、1回だけ使える番号を作り直します
    NewSecret {
        /// UTM装置の番号
        #[arg(long)]
        gateway: String,
    },
    /// UTM装置に配る定義ファイルを置きます（UTM装置は次の連絡のときから取りに来ます）
    PutDefinitions {
        /// 定義ファイル（mimamori-gateway definitions build で作ったもの）
        #[arg(long, value_name = "ファイル")]
        set: PathBuf,
        /// 署名を確かめる公開鍵のファイル
        #[arg(long, value_name = "ファイル")]
        key: PathBuf,
    },
    /// UTM装置の計画停止（更新や工事）を記録します。その間の停止はお知らせしません
    PlanOutage {
        /// UTM装置の番号
        #[arg(long)]
        gateway: String,
        /// 今から何分か（最長120。0 は取り消し）
        #[arg(long, value_name = "分")]
        minutes: u64,
    },
    /// アカウントを登録し、仮のパスワードを出します
    AddAccount {
        /// ユーザーID
        #[arg(long)]
        user: String,
        /// 使う人の名前
        #[arg(long)]
        name: String,
        /// 使う人のメールアドレス
        #[arg(long)]
        mail: String,
        /// 役割
        #[arg(long, value_enum)]
        role: RoleName,
        /// お客様の番号（お客様の役割のとき）
        #[arg(long)]
        customer: Option<String>,
        /// 再販事業者の番号（相談窓口・再販事業者の役割のとき）
        #[arg(long)]
        reseller: Option<String>,
    },
    /// 仮のパスワードを作り直します（ログイン中の画面は終了します）
    ResetPassword {
        /// ユーザーID
        #[arg(long)]
        user: String,
    },
    /// 架空のお客様を作ります（速さの測定と練習のため。空のデータベースに限ります）
    Generate {
        /// お客様の数
        #[arg(long, value_name = "社", default_value_t = 100)]
        customers: u64,
        /// 何日分か（最長90）
        #[arg(long, value_name = "日", default_value_t = 90, value_parser = clap::value_parser!(i64).range(1..=90))]
        days: i64,
        /// 1社目の検知の数（大きなお客様での速さを見るため）
        #[arg(long, value_name = "件", default_value_t = 20_000)]
        heavy: u64,
        /// 利用の記録を全期間そろえるお客様の数（ほかは最後の6時間だけ）
        #[arg(long, value_name = "社", default_value_t = 20)]
        full: u64,
        /// 乱数の種。同じ種からは同じものができます
        #[arg(long, value_name = "番号", default_value_t = 1)]
        seed: u64,
        /// 空でないデータベースにも書きます（本物のお客様がいるところでは使わないでください）
        #[arg(long)]
        into_existing: bool,
    },
    /// 登録されているものの一覧
    List,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RoleName {
    /// お客様管理者
    CustomerAdmin,
    /// 閲覧者
    CustomerViewer,
    /// 相談窓口
    HelpDesk,
    /// 再販事業者
    Reseller,
    /// 運営者
    Operator,
    /// 分析担当
    Analyst,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
