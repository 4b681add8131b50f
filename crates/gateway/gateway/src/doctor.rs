//! The checks behind `doctor` (GW-06): each row in plain words, with what to do.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use mimamori_base::{Clock, SystemClock, SystemRng};
use mimamori_capture::Interface;
use mimamori_uplink::{ClientError, Cloud, Identity, IdentityError};
use tokio::net::{TcpStream, UdpSocket};

use crate::cmd::status::zone_name;
use crate::config::{CloudConfig, GatewayConfig};
use crate::definitions::Definitions;

const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Good,
    /// Worth knowing; works all the same.
    Note,
    Bad,
}

#[derive(Clone, Debug)]
pub struct Finding {
    pub what: String,
    pub words: String,
    pub verdict: Verdict,
}

fn finding(what: &str, verdict: Verdict, words: impl Into<String>) -> Finding {
    Finding { what: what.to_owned(), words: words.into(), verdict }
}

pub async fn examine(config: &GatewayConfig) -> Vec<Finding> {
    let mut all = ports(config);
    all.push(definitions(config));
    all.push(clock());
    all.push(state_dir(&config.state_dir));
    all.extend(dns().await);
    match &config.cloud {
        Some(cloud) => all.extend(way_to_cloud(config, cloud).await),
        None => all.push(finding(
            "見守りシステム",
            Verdict::Note,
            "[cloud] が設定されていません。検知はこの装置だけに残ります",
        )),
    }
    all
}

fn ports(config: &GatewayConfig) -> Vec<Finding> {
    if config.ports.is_empty() {
        return vec![finding(
            "端子",
            Verdict::Bad,
            "設定に [[port]] がありません。wan と lan の端子を書いてください",
        )];
    }
    let mut all = Vec::new();
    let mut mtus = Vec::new();
    for port in &config.ports {
        let what = format!("端子 {}（{}）", port.interface, zone_name(port.zone));
        all.push(match Interface::read(&port.interface) {
            Err(error) => finding(&what, Verdict::Bad, error.to_string()),
            Ok(interface) => {
                mtus.push(interface.mtu);
                if interface.up {
                    finding(&what, Verdict::Good, "つながっています")
                } else {
                    finding(
                        &what,
                        Verdict::Bad,
                        "つながっていません。ケーブルと相手の機器の電源を確かめてください",
                    )
                }
            }
        });
    }
    if mtus.windows(2).any(|w| w.first() != w.last()) {
        all.push(finding(
            "MTU",
            Verdict::Bad,
            "端子ごとに MTU が違います。大きなパケットが失われるので、同じ値にしてください",
        ));
    }
    all
}

fn definitions(config: &GatewayConfig) -> Finding {
    match Definitions::load(&config.rules, &config.lists, &config.engine, &SystemRng) {
        Err(error) => finding("定義", Verdict::Bad, error.to_string()),
        Ok(d) if d.refused() > 0 => finding(
            "定義",
            Verdict::Note,
            format!(
                "ルール {}件を使います。{}件は使えません（`check-rules` で理由が分かります）",
                d.loaded(),
                d.refused()
            ),
        ),
        Ok(d) => finding("定義", Verdict::Good, format!("ルール {}件を使います", d.loaded())),
    }
}

fn clock() -> Finding {
    // Older than this program: a machine whose clock battery is empty.
    if SystemClock.now().secs() < 1_760_000_000 {
        return finding("時計", Verdict::Bad, "日時が合っていません。NTP（123/UDP）が通るか確かめてください");
    }
    finding("時計", Verdict::Good, "合っているようです")
}

fn state_dir(dir: &Path) -> Finding {
    let probe = dir.join(".probe");
    let written = std::fs::create_dir_all(dir).and_then(|()| std::fs::write(&probe, b"x"));
    let _ = std::fs::remove_file(probe);
    match written {
        Ok(()) => finding("保存領域", Verdict::Good, format!("{} に書けます", dir.display())),
        Err(error) => finding("保存領域", Verdict::Bad, format!("{} に書けません: {error}", dir.display())),
    }
}

/// 53/UDP to each name server of this machine.
async fn dns() -> Vec<Finding> {
    let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let servers: Vec<IpAddr> =
        text.lines().filter_map(|l| l.strip_prefix("nameserver ")?.trim().parse().ok()).take(3).collect();
    if servers.is_empty() {
        return vec![finding(
            "名前解決（53/UDP）",
            Verdict::Note,
            "DNSサーバーが設定されていません。DHCP（67/UDP）で届いていないかもしれません",
        )];
    }
    let mut all = Vec::new();
    for server in servers {
        let what = format!("名前解決（53/UDP {server}）");
        all.push(if ask(server).await {
            finding(&what, Verdict::Good, "答えがあります")
        } else {
            finding(
                &what,
                Verdict::Bad,
                "答えがありません。ルーターの設定で 53/UDP が止められていないか確かめてください",
            )
        });
    }
    all
}

/// A query for the root's name servers: every resolver answers it somehow.
async fn ask(server: IpAddr) -> bool {
    let query = [0x4d, 0x4d, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1];
    let local: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let talk = async {
        let socket = UdpSocket::bind(local).await.ok()?;
        socket.send_to(&query, (server, 53)).await.ok()?;
        let mut answer = [0u8; 512];
        let (len, _) = socket.recv_from(&mut answer).await.ok()?;
        (len >= 2 && answer.starts_with(&[0x4d, 0x4d])).then_some(())
    };
    tokio::time::timeout(TIMEOUT, talk).await.is_ok_and(|a| a.is_some())
}

async fn way_to_cloud(config: &GatewayConfig, cloud: &CloudConfig) -> Vec<Finding> {
    let mut all = Vec::new();
    let what = format!("見守りシステム（{}/TCP {}）", cloud.address.port(), cloud.address.host());
    let connected =
        tokio::time::timeout(TIMEOUT, TcpStream::connect((cloud.address.host(), cloud.address.port()))).await;
    match connected {
        Ok(Ok(_)) => all.push(finding(&what, Verdict::Good, "届きます")),
        Ok(Err(error)) => {
            all.push(finding(&what, Verdict::Bad, format!("届きません（{error}）。インターネットにつながっているか、ルーターで止められていないか確かめてください")));
            return all;
        }
        Err(_) => {
            all.push(finding(
                &what,
                Verdict::Bad,
                "返事がありません。ルーターやファイアウォールで止められていないか確かめてください",
            ));
            return all;
        }
    }
    let pem = match std::fs::read_to_string(&cloud.ca_file) {
        Ok(pem) => pem,
        Err(error) => {
            all.push(finding(
                "証明書",
                Verdict::Bad,
                format!("{} を読めません: {error}", cloud.ca_file.display()),
            ));
            return all;
        }
    };
    all.push(match Identity::load(&config.state_dir) {
        Err(IdentityError::NotEnrolled) => finding(
            "登録",
            Verdict::Bad,
            "まだ登録されていません。`mimamori-gateway enrol` を実行してください",
        ),
        Err(error) => finding("登録", Verdict::Bad, error.to_string()),
        Ok(identity) => greet(cloud, &pem, &identity).await,
    });
    all
}

/// Shows the certificate; an unreadable heartbeat is refused as such only after we are known.
async fn greet(cloud: &CloudConfig, pem: &str, identity: &Identity) -> Finding {
    let answer = match Cloud::new(cloud.address.clone(), pem, Some(identity)) {
        Ok(mut client) => client.post("/v1/heartbeat", "application/json", b"{}".to_vec()).await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(_) | Err(ClientError::Refused { code: mimamori_report::RefusalCode::Malformed, .. }) => {
            finding("登録", Verdict::Good, format!("登録済みです（{}）", identity.serial()))
        }
        Err(error) => finding("登録", Verdict::Bad, error.to_string()),
    }
}
