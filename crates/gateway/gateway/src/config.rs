//! The gateway's one configuration file (TOML): as written, then validated.
//!
//! Holds always: a wrong key or value is an error that names file, line and key and says what
//! would be right. What the file does not say has the default written at the field.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mimamori_base::Zone;
use mimamori_capture::PortConfig;
use mimamori_definitions::VerifyingKey;
use mimamori_engine::{DnsAnswer, EngineConfig, JudgePolicy, Unjudged};
use mimamori_uplink::{CloudAddress, SpoolConfig};
use serde::Deserialize;
use toml::Spanned;

use crate::definitions::sets::SetConfig;
use crate::judge::ScanConfig;

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("設定ファイル {path} を読めません: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("設定ファイル {path} の {line} 行目: {message}")]
    Line { path: PathBuf, line: usize, message: String },
    #[error("設定ファイル {path}: {message}")]
    Whole { path: PathBuf, message: String },
}

/// What happens to traffic when inspection dies (GW-13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailPolicy {
    /// It stops until inspection is back: the default, as the contract says.
    #[default]
    Stop,
    /// It passes uninspected, and the cloud is told.
    Pass,
}

#[derive(Clone, Debug)]
pub struct CloudConfig {
    pub address: CloudAddress,
    pub ca_file: PathBuf,
    pub heartbeat_every: Duration,
}

#[derive(Clone, Debug)]
pub struct EveConfig {
    pub path: PathBuf,
    pub max_bytes: u64,
    pub keep: u32,
}

/// The validated configuration.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    pub state_dir: PathBuf,
    pub cloud: Option<CloudConfig>,
    pub ports: Vec<PortConfig>,
    pub engine: EngineConfig,
    pub rules: Vec<PathBuf>,
    pub lists: Vec<PathBuf>,
    /// A signed definition set instead of files.
    pub set: Option<SetConfig>,
    pub fail: FailPolicy,
    /// A look at one frame that takes longer counts as hanging.
    pub hang_limit: Duration,
    pub scan: ScanConfig,
    pub eve: Option<EveConfig>,
    pub spool: SpoolConfig,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    /// Where identity, spool and status are kept.
    state_dir: Option<PathBuf>,
    cloud: Option<RawCloud>,
    #[serde(default)]
    port: Vec<RawPort>,
    #[serde(default)]
    inspection: RawInspection,
    #[serde(default)]
    scan: RawScan,
    eve: Option<RawEve>,
    #[serde(default)]
    spool: RawSpool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCloud {
    url: Spanned<String>,
    ca: PathBuf,
    heartbeat_seconds: Option<Spanned<u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPort {
    interface: Spanned<String>,
    zone: Zone,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInspection {
    #[serde(default)]
    rules: Vec<PathBuf>,
    #[serde(default)]
    lists: Vec<PathBuf>,
    /// A signed definition set, and the public keys that are trusted.
    set: Option<Spanned<PathBuf>>,
    #[serde(default)]
    set_keys: Vec<Spanned<String>>,
    /// Addresses of the block page, given as answers in DNS for listed names.
    #[serde(default)]
    block_page: Vec<Spanned<IpAddr>>,
    #[serde(default)]
    fail: FailPolicy,
    hang_milliseconds: Option<Spanned<u64>>,
    home_net: Option<Vec<Spanned<String>>>,
    /// Engine options by their names, as `replay --set` takes them.
    #[serde(default)]
    options: std::collections::BTreeMap<Spanned<String>, Spanned<toml::Value>>,
}

/// Files in transit.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScan {
    enabled: Option<bool>,
    #[serde(default)]
    yara: Vec<PathBuf>,
    #[serde(default)]
    hashes: Vec<PathBuf>,
    clamd: Option<Spanned<String>>,
    max_file_megabytes: Option<Spanned<u64>>,
    wait_ms: Option<Spanned<u64>>,
    /// What cannot be looked into: password, too deep, too large, broken.
    #[serde(default)]
    uninspectable: FailPolicyOrPass,
    /// The scanner is dead or slow.
    #[serde(default)]
    no_scanner: FailPolicyOrPass,
}

/// As [`FailPolicy`], but passing is the default.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FailPolicyOrPass {
    #[default]
    Pass,
    Stop,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEve {
    path: PathBuf,
    max_megabytes: Option<u64>,
    keep: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSpool {
    max_megabytes: Option<Spanned<u64>>,
}

/// Knows where in the file a value stands.
struct Checker<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Checker<'_> {
    fn at(&self, offset: usize, message: String) -> ConfigError {
        let line = self.text.get(..offset).unwrap_or(self.text).matches('\n').count() + 1;
        ConfigError::Line { path: self.path.to_owned(), line, message }
    }

    fn whole(&self, message: &str) -> ConfigError {
        ConfigError::Whole { path: self.path.to_owned(), message: message.to_owned() }
    }
}

impl GatewayConfig {
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let check = Checker { path, text };
        let raw: Raw = toml::from_str(text).map_err(|e| {
            let message = e.message().to_owned();
            match e.span() {
                Some(span) => check.at(span.start, message),
                None => check.whole(&message),
            }
        })?;
        let state_dir = raw.state_dir.unwrap_or_else(|| PathBuf::from("/var/lib/mimamori-gateway"));
        Ok(GatewayConfig {
            set: set(&check, &raw.inspection, &state_dir)?,
            state_dir,
            cloud: raw.cloud.map(|c| cloud(&check, c)).transpose()?,
            ports: ports(&check, raw.port)?,
            engine: engine(&check, &raw.inspection)?,
            rules: raw.inspection.rules,
            lists: raw.inspection.lists,
            fail: raw.inspection.fail,
            hang_limit: hang_limit(&check, raw.inspection.hang_milliseconds)?,
            scan: scan(&check, raw.scan)?,
            eve: raw.eve.map(|e| EveConfig {
                path: e.path,
                max_bytes: e.max_megabytes.unwrap_or(100).max(1) << 20,
                keep: e.keep.unwrap_or(5),
            }),
            spool: spool(&check, raw.spool)?,
        })
    }
}

fn cloud(check: &Checker<'_>, raw: RawCloud) -> Result<CloudConfig, ConfigError> {
    let address = CloudAddress::parse(raw.url.get_ref()).map_err(|_| {
        check.at(
            raw.url.span().start,
            format!("[cloud] url: 「{}」は https://名前:8443 の形ではありません", raw.url.get_ref()),
        )
    })?;
    let seconds = raw.heartbeat_seconds.as_ref().map_or(60, |s| *s.get_ref());
    if !(5..=3600).contains(&seconds) {
        let at = raw.heartbeat_seconds.map_or(0, |s| s.span().start);
        return Err(check.at(at, "[cloud] heartbeat_seconds: 5 から 3600 までにしてください".into()));
    }
    Ok(CloudConfig { address, ca_file: raw.ca, heartbeat_every: Duration::from_secs(seconds) })
}

fn ports(check: &Checker<'_>, raw: Vec<RawPort>) -> Result<Vec<PortConfig>, ConfigError> {
    let mut ports: Vec<PortConfig> = Vec::new();
    for port in raw {
        let at = port.interface.span().start;
        let name = port.interface.into_inner();
        if ports.iter().any(|p| p.interface == name) {
            return Err(check.at(at, format!("[[port]] interface: 「{name}」が2回書かれています")));
        }
        ports.push(PortConfig { interface: name, zone: port.zone });
    }
    if ports.is_empty() {
        return Ok(ports);
    }
    if !ports.iter().any(|p| p.zone == Zone::Wan) {
        return Err(
            check.whole("zone = \"wan\" の [[port]] がありません。ルーターにつなぐ端子を wan にしてください")
        );
    }
    if ports.iter().all(|p| p.zone == Zone::Wan) {
        return Err(
            check.whole("wan 以外の [[port]] がありません。社内の機器をつなぐ端子を lan などにしてください")
        );
    }
    Ok(ports)
}

fn engine(check: &Checker<'_>, raw: &RawInspection) -> Result<EngineConfig, ConfigError> {
    let mut config = crate::pipeline::inline_engine();
    let mut block_page = DnsAnswer::default();
    // An inline device sees flows that were there before it: they pass, inspected from here on.
    let mut set = |key: &str, value: &str| config.set(key, value);
    let mut apply = |at: usize, key: &str, value: &str| {
        set(key, value).map_err(|e| check.at(at, format!("[inspection] {key}: {e}")))
    };
    apply(0, "stream.midstream", "yes")?;
    for page in &raw.block_page {
        match *page.get_ref() {
            IpAddr::V4(ip) => block_page.v4 = Some(ip),
            IpAddr::V6(ip) => block_page.v6 = Some(ip),
        }
    }
    if let Some(nets) = &raw.home_net {
        for net in nets {
            let (address, bits) = net.get_ref().split_once('/').unwrap_or((net.get_ref(), "32"));
            let fine = address.parse::<IpAddr>().is_ok() && bits.parse::<u8>().is_ok_and(|b| b <= 128);
            if !fine {
                return Err(check.at(
                    net.span().start,
                    format!(
                        "[inspection] home_net: 「{}」は 192.168.1.0/24 の形ではありません",
                        net.get_ref()
                    ),
                ));
            }
        }
        let at = nets.first().map_or(0, |n| n.span().start);
        let list: Vec<&str> = nets.iter().map(|n| n.get_ref().as_str()).collect();
        apply(at, "vars.address-groups.HOME_NET", &format!("[{}]", list.join(",")))?;
    }
    for (key, value) in &raw.options {
        let text = match value.get_ref() {
            toml::Value::String(s) => s.clone(),
            other => other.to_string(),
        };
        apply(key.span().start, key.get_ref(), &text)?;
    }
    config.dns_answer = block_page;
    Ok(config)
}

fn scan(check: &Checker<'_>, raw: RawScan) -> Result<ScanConfig, ConfigError> {
    let clamd = raw.clamd.map(|text| {
        let at = text.span().start;
        text.get_ref().parse().map_err(|_| {
            check.at(
                at,
                format!(
                    "[scan] clamd: 「{}」は /run/clamav/clamd.ctl か 127.0.0.1:3310 の形ではありません",
                    text.get_ref()
                ),
            )
        })
    });
    let number =
        |value: Option<Spanned<u64>>, key: &str, range: std::ops::RangeInclusive<u64>, default: u64| {
            let Some(value) = value else { return Ok(default) };
            let at = value.span().start;
            let value = value.into_inner();
            if range.contains(&value) {
                return Ok(value);
            }
            Err(check
                .at(at, format!("[scan] {key}: {} から {} までにしてください", range.start(), range.end())))
        };
    let unjudged = |policy| match policy {
        FailPolicyOrPass::Pass => Unjudged::Pass,
        FailPolicyOrPass::Stop => Unjudged::Stop,
    };
    let policy = JudgePolicy {
        file_bytes: number(raw.max_file_megabytes, "max_file_megabytes", 1..=128, 32)? << 20,
        wait: Duration::from_millis(number(raw.wait_ms, "wait_ms", 100..=60_000, 4_000)?),
        uninspectable: unjudged(raw.uninspectable),
        no_scanner: unjudged(raw.no_scanner),
        ..JudgePolicy::default()
    };
    Ok(ScanConfig {
        enabled: raw.enabled.unwrap_or(true),
        yara: raw.yara,
        hashes: raw.hashes,
        clamd: clamd.transpose()?,
        policy,
        ..ScanConfig::default()
    })
}

/// The signed set with its keys; rule and list files beside it would be a contradiction.
fn set(check: &Checker<'_>, raw: &RawInspection, state_dir: &Path) -> Result<Option<SetConfig>, ConfigError> {
    let Some(path) = &raw.set else { return Ok(None) };
    let at = path.span().start;
    if !raw.rules.is_empty() || !raw.lists.is_empty() {
        return Err(check.at(at, "[inspection] set と rules・lists は一緒に使えません".into()));
    }
    if raw.set_keys.is_empty() {
        return Err(check.at(at, "[inspection] set_keys: 署名を確かめる公開鍵を書いてください".into()));
    }
    let mut keys = Vec::new();
    for text in &raw.set_keys {
        keys.push(VerifyingKey::parse(text.get_ref()).map_err(|_| {
            check.at(text.span().start, "[inspection] set_keys: 公開鍵は16進数64文字です".into())
        })?);
    }
    Ok(Some(SetConfig { path: path.get_ref().clone(), keys, kept: state_dir.join("definitions") }))
}

fn hang_limit(check: &Checker<'_>, raw: Option<Spanned<u64>>) -> Result<Duration, ConfigError> {
    let Some(value) = raw else { return Ok(Duration::from_secs(1)) };
    let at = value.span().start;
    let ms = value.into_inner();
    if !(100..=60_000).contains(&ms) {
        return Err(check.at(at, "[inspection] hang_milliseconds: 100 から 60000 までにしてください".into()));
    }
    Ok(Duration::from_millis(ms))
}

fn spool(check: &Checker<'_>, raw: RawSpool) -> Result<SpoolConfig, ConfigError> {
    let Some(megabytes) = raw.max_megabytes else { return Ok(SpoolConfig::default()) };
    let at = megabytes.span().start;
    let megabytes = megabytes.into_inner();
    if !(1..=65_536).contains(&megabytes) {
        return Err(check.at(at, "[spool] max_megabytes: 1 から 65536 までにしてください".into()));
    }
    let max_bytes = megabytes << 20;
    Ok(SpoolConfig { max_bytes, segment_bytes: (max_bytes / 64).clamp(64 << 10, 4 << 20) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<GatewayConfig, String> {
        GatewayConfig::parse(Path::new("gateway.toml"), text).map_err(|e| e.to_string())
    }

    const GOOD: &str = r#"
state_dir = "/tmp/x"
[cloud]
url = "https://cloud.example:8443"
ca = "/etc/ca.pem"
[[port]]
interface = "eth0"
zone = "wan"
[[port]]
interface = "eth1"
zone = "lan"
[inspection]
home_net = ["192.168.1.0/24"]
fail = "pass"
[inspection.options]
"stream.reassembly.depth" = "1mb"
[eve]
path = "/var/log/eve.json"
"#;

    #[test]
    fn a_whole_file_is_read() {
        let config = parse(GOOD).unwrap();
        assert_eq!(config.ports.len(), 2);
        assert_eq!(config.fail, FailPolicy::Pass);
        assert_eq!(config.cloud.unwrap().heartbeat_every, Duration::from_secs(60));
        assert_eq!(config.eve.unwrap().max_bytes, 100 << 20);
        assert_eq!(parse("").unwrap().fail, FailPolicy::Stop, "GW-13: the default is to stop");
    }

    #[test]
    fn the_documented_example_is_valid() {
        let config = parse(include_str!("../../../../docs/gateway.example.toml")).unwrap();
        assert!(config.cloud.is_some() && config.ports.len() == 2);
    }

    #[test]
    fn errors_name_line_and_key() {
        for (wrong, line, word) in [
            (GOOD.replace("zone = \"lan\"", "zone = \"lann\""), 11, "lann"),
            (GOOD.replace("fail = \"pass\"", "fial = \"pass\""), 14, "fial"),
            (GOOD.replace("https://cloud", "http://cloud"), 4, "url"),
            (GOOD.replace("eth1", "eth0"), 10, "eth0"),
            (GOOD.replace("192.168.1.0/24", "192.168.1"), 13, "home_net"),
            (GOOD.replace("\"1mb\"", "\"many\""), 16, "stream.reassembly.depth"),
            (GOOD.replace("[eve]", "[eve"), 17, "expected"),
            (format!("{GOOD}\n[spool]\nmax_megabytes = 0\n"), 21, "max_megabytes"),
        ] {
            let error = parse(&wrong).unwrap_err();
            assert!(error.contains(&format!("{line} 行目")), "{error} (line {line})");
            assert!(error.contains(word), "{error} ({word})");
        }
        assert!(parse(&GOOD.replace("\"wan\"", "\"lan\"")).unwrap_err().contains("wan"));
    }
}
