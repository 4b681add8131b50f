//! `demo --live`: one of the gateways bridges real traffic between network namespaces.
//!
//! The gateway is the real program in a namespace of its own, started from this binary; it
//! enrols, inspects with AF_PACKET and reports over mutual TLS to the cloud of the
//! demonstration. Real clients then try what must pass and what must be stopped. Deliberately
//! not here: how namespaces and servers are built (`mimamori_gateway::lab`).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use mimamori_gateway::lab::{self, CLOUD_IP, Check, Lab};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::demo::Screen;

const WHO: &str = "実通信";
const PREFIX: &str = "mml";
const REPEAT_AFTER: Duration = Duration::from_secs(300);
const MAX_CONNECTIONS: usize = 16;

/// The gateway that is to stand in the laboratory.
#[derive(Clone)]
pub struct LiveGateway {
    pub serial: String,
    pub secret: String,
    pub state_dir: PathBuf,
}

/// Said before anything is started.
pub fn check() -> anyhow::Result<()> {
    match lab::obstacle() {
        None => Ok(()),
        Some(obstacle) => anyhow::bail!(
            "--live を使うには、{obstacle} が要ります。--live を付けなければ、そのまま始められます"
        ),
    }
}

/// Names that the cloud's certificate must carry beside its own.
#[must_use]
pub fn certificate_name() -> String {
    CLOUD_IP.to_owned()
}

/// Builds the laboratory and tries everything, again and again until `stop`.
pub async fn run(
    gateway: LiveGateway,
    cloud: SocketAddr,
    ca_pem: String,
    screen: Screen,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    screen.say(WHO, "ネットワーク名前空間に、パソコン2台・UTM装置・インターネットを作っています…");
    let work = gateway.state_dir.join("lab");
    std::fs::create_dir_all(&gateway.state_dir)
        .with_context(|| format!("{} を作れません", gateway.state_dir.display()))?;
    let lab = blocking(move || Lab::build(PREFIX, &work)).await?.context("実験環境を作れません")?;
    let mut forwarding = JoinSet::new();
    let port = forward(&mut forwarding, cloud).await?;
    let config = configure(&lab, &gateway, port, &ca_pem)?;
    let (lab, started) = {
        let (config, gateway) = (config.clone(), gateway.clone());
        blocking(move || {
            let mut lab = lab;
            let started = enrol_and_start(&mut lab, &gateway, &config);
            (lab, started)
        })
        .await?
    };
    started?;
    let (lab, up) = blocking(move || {
        let up = lab.wait_for_gateway(Duration::from_secs(60)) && lab.lease().is_ok();
        (lab, up)
    })
    .await?;
    anyhow::ensure!(
        up,
        "UTM装置を通信が通りません。{} を見てください",
        lab.work().join("mimamori.log").display()
    );
    screen.say(WHO, "UTM装置がAF_PACKETでブリッジを始めました。本物の通信を流します。");
    let mut lab = lab;
    while !*stop.borrow() {
        let (back, checks) = blocking(move || {
            let checks = lab.checks();
            (lab, checks)
        })
        .await?;
        lab = back;
        for check in checks.context("通信を試せません")? {
            show(&screen, &check);
        }
        screen.say_once(WHO, "検知はポータルに届きます。5分ごとにくり返します。");
        tokio::select! {
            () = tokio::time::sleep(REPEAT_AFTER) => {}
            _ = stop.wait_for(|s| *s) => {}
        }
    }
    screen.say(WHO, "実験環境を片づけています…");
    // The gateway delivers its last reports while it ends, so the way stays open until then.
    blocking(move || drop(lab)).await?;
    forwarding.shutdown().await;
    Ok(())
}

fn show(screen: &Screen, check: &Check) {
    if check.passed {
        screen.say_once(WHO, &format!("○ {}", check.what));
    } else {
        screen.say(WHO, &format!("× {}: {}", check.what, check.detail.trim()));
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.context("処理が途中で止まりました")
}

fn configure(lab: &Lab, gateway: &LiveGateway, port: u16, ca_pem: &str) -> anyhow::Result<PathBuf> {
    let work = absolute(lab.work())?;
    let ca = work.join("cloud-ca.pem");
    std::fs::write(&ca, ca_pem)?;
    let state = absolute(&gateway.state_dir)?;
    let ports: String = [("wan0", "wan"), ("lan0", "lan"), ("lan1", "lan")]
        .iter()
        .map(|(interface, zone)| format!("[[port]]\ninterface = \"{interface}\"\nzone = \"{zone}\"\n"))
        .collect();
    let text = format!(
        "state_dir = {state:?}\n[cloud]\nurl = \"https://{CLOUD_IP}:{port}\"\nca = {ca:?}\nheartbeat_seconds = 10\n{ports}[eve]\npath = {eve:?}\n",
        eve = work.join("eve.json"),
    );
    let path = work.join("gateway.toml");
    std::fs::write(&path, text)?;
    Ok(path)
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("{} の場所が分かりません", path.display()))
}

fn enrol_and_start(lab: &mut Lab, gateway: &LiveGateway, config: &Path) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("自分のプログラムの場所が分かりません")?;
    let (program, config) = (program.to_string_lossy().into_owned(), config.to_string_lossy().into_owned());
    let secret = absolute(lab.work())?.join("secret");
    std::fs::write(&secret, &gateway.secret)?;
    let secret_file = secret.to_string_lossy().into_owned();
    let out = lab.on(
        "gw",
        &[
            &program,
            "gateway",
            "enrol",
            "--config",
            &config,
            "--serial",
            &gateway.serial,
            "--secret-file",
            &secret_file,
        ],
    )?;
    let _ = std::fs::remove_file(secret);
    anyhow::ensure!(
        out.status.success(),
        "UTM装置を登録できません: {}",
        String::from_utf8_lossy(&out.stderr).trim()
    );
    lab.start("gw", &[&program, "gateway", "run", "--config", &config])?;
    Ok(())
}

/// Passes connections from the gateway's namespace on to the cloud, which listens on loopback
/// only; TLS goes through untouched.
async fn forward(tasks: &mut JoinSet<()>, cloud: SocketAddr) -> anyhow::Result<u16> {
    let listener = TcpListener::bind((CLOUD_IP, 0)).await.context("UTM装置からの受付を始められません")?;
    let port = listener.local_addr()?.port();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut from, _)) = listener.accept().await {
            while connections.len() >= MAX_CONNECTIONS {
                connections.join_next().await;
            }
            connections.spawn(async move {
                if let Ok(mut to) = TcpStream::connect(cloud).await {
                    let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
                }
            });
        }
    });
    Ok(port)
}
