//! Three gateways, each a task: they enrol, inspect, report.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use mimamori_base::{SystemClock, SystemRng};
use mimamori_gateway::demo::{self, Progress, ProgressFn, ReplayConfig};
use mimamori_report::{Detection, DetectionKind, Outcome};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::captures;
use super::screen::Screen;
use super::setup::{Gateway, State};
use crate::cli::DemoArgs;
use crate::live::{self, LiveGateway};

const BETWEEN_CASES: Duration = Duration::from_secs(2);
const REPEAT_AFTER: Duration = Duration::from_secs(600);
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Starts them all; each goes on until `stop`.
pub fn start(
    args: &DemoArgs,
    state: &State,
    cloud: SocketAddr,
    ca_pem: &str,
    screen: &Screen,
    stop: &watch::Receiver<bool>,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for (place, gateway) in state.gateways.iter().enumerate() {
        // With --live, the first one stands in the laboratory instead.
        if args.live && place == 0 {
            tasks.spawn(in_laboratory(args, gateway, cloud, ca_pem, screen, stop));
            continue;
        }
        let config = ReplayConfig {
            state_dir: args.data.join("gateways").join(&gateway.serial),
            cloud_url: format!("https://{cloud}"),
            pinned_ca_pem: ca_pem.to_owned(),
            serial: gateway.serial.clone(),
            secret: Some(gateway.secret.clone()),
            cases: captures::of(place),
            pace: args.speed,
            pause: BETWEEN_CASES,
            repeat_after: Some(REPEAT_AFTER),
            heartbeat_every: HEARTBEAT,
            wan_hosts: router(),
        };
        let (name, screen, stop) = (gateway.name.clone(), screen.clone(), stop.clone());
        tasks.spawn(async move {
            let progress = progress(name.clone(), screen.clone());
            let done = demo::run(config, Arc::new(SystemClock), Arc::new(SystemRng), stop, progress).await;
            if let Err(error) = done {
                tracing::error!(gateway = %name, %error, "a gateway of the demonstration ended");
                screen.say(&name, &format!("止まりました: {error}"));
            }
        });
    }
    tasks
}

/// Future of the gateway that bridges real traffic.
fn in_laboratory(
    args: &DemoArgs,
    gateway: &Gateway,
    cloud: SocketAddr,
    ca_pem: &str,
    screen: &Screen,
    stop: &watch::Receiver<bool>,
) -> impl Future<Output = ()> + Send + use<> {
    let live = LiveGateway {
        serial: gateway.serial.clone(),
        secret: gateway.secret.clone(),
        state_dir: args.data.join("gateways").join(&gateway.serial),
    };
    let (name, screen, stop, pem) = (gateway.name.clone(), screen.clone(), stop.clone(), ca_pem.to_owned());
    async move {
        if let Err(error) = live::run(live, cloud, pem, screen.clone(), stop).await {
            tracing::error!(gateway = %name, %error, "the laboratory ended");
            screen.say(&name, &format!("止まりました: {error:#}"));
        }
    }
}

fn progress(name: String, screen: Screen) -> ProgressFn {
    Arc::new(move |what| match what {
        Progress::Enrolled { serial } => {
            screen.say(&name, &format!("登録が済み、証明書を受け取りました（装置ID {serial}）"));
        }
        Progress::CaseStarted { name: case } => {
            screen.say_once(&name, &format!("検査を始めました: {}", captures::title(&case)));
        }
        Progress::Detected(d) => {
            screen.say_once(&name, &words(&d));
        }
        Progress::CaseDone { name: case, frames, detections } => {
            let title = captures::title(&case);
            screen.say_once(
                &name,
                &format!("検査が済みました: {title}（{frames}パケット、検知 {detections}件）"),
            );
        }
        Progress::AllDone => screen.say_once(&name, "ひととおり済みました。10分ごとにくり返します。"),
    })
}

/// `攻撃の通信を止めました（機器 KEIRI-PC）`.
fn words(d: &Detection) -> String {
    let kind = match d.kind {
        DetectionKind::Attack => "攻撃の通信",
        DetectionKind::CommandAndControl => "攻撃者の指令サーバーとの通信",
        DetectionKind::MalwareFile => "危険なファイル",
        DetectionKind::PhishingSite => "偽サイトへの通信",
        DetectionKind::MalwareSite => "危険なサイトへの通信",
        DetectionKind::Scan => "弱点を探す通信",
        DetectionKind::Anomaly => "通常と異なる通信",
        DetectionKind::Policy => "利用ルールに関わる通信",
        DetectionKind::Other => "そのほかの通信",
    };
    let done = match d.outcome {
        Outcome::Blocked => "を止めました",
        Outcome::Neutralised => "を書きかえて無害にしました",
        Outcome::Allowed => "を記録しました",
    };
    let device = d.device.as_ref().map_or_else(
        || d.destination.ip.to_string(),
        |device| device.host_name.as_ref().map_or_else(|| device.ip.to_string(), ToString::to_string),
    );
    format!("{kind}{done}（機器 {device}）")
}

/// The router of the captures' laboratory, by each of its addresses.
fn router() -> Vec<IpAddr> {
    let v6 = [[0xfd00, 1, 0, 0, 0, 0, 0, 1], [0xfe80, 0, 0, 0, 0x200, 0x5eff, 0xfe00, 0x5301]];
    v6.into_iter().map(IpAddr::from).chain([IpAddr::from([192, 168, 1, 1])]).collect()
}
