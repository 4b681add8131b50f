//! The file as it is written, and the checks that make it a [`Config`].

#[path = "sms.rs"]
mod sms;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::{
    Config, ConfigError, Contact, Database, Dkim, Gateways, Log, Mail, MailLogin, MailRelay, MailSecurity,
    Place, Portal, TlsFiles,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    database: Spanned<String>,
    #[serde(default = "connections")]
    database_connections: Spanned<u32>,
    state_dir: PathBuf,
    portal: RawPortal,
    gateways: RawGateways,
    mail: RawMail,
    sms: Option<sms::RawSms>,
    metrics: Option<RawMetrics>,
    rating: Option<RawRating>,
    #[serde(default)]
    log: RawLog,
}

fn connections() -> Spanned<u32> {
    Spanned::new(0..0, 16)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPortal {
    listen: Spanned<String>,
    public_url: Spanned<String>,
    tls_certificate: Option<Spanned<PathBuf>>,
    tls_key: Option<Spanned<PathBuf>>,
    #[serde(default)]
    behind_proxy: bool,
    contact: RawContact,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawContact {
    #[serde(default = "desk")]
    name: String,
    phone: String,
    hours: String,
}

fn desk() -> String {
    "相談窓口".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGateways {
    listen: Spanned<String>,
    names: Spanned<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMail {
    server: Spanned<String>,
    port: Option<u16>,
    security: Spanned<String>,
    user: Option<Spanned<String>>,
    password_file: Option<Spanned<PathBuf>>,
    from: Spanned<String>,
    #[serde(default = "sender")]
    from_name: String,
    per_minute: Option<Spanned<u32>>,
    total_per_minute: Option<Spanned<u32>>,
    connections: Option<Spanned<u32>>,
    bounces: Option<Spanned<String>>,
    bounces_listen: Option<Spanned<String>>,
    #[serde(default)]
    fallback: Vec<RawRelay>,
    #[serde(default)]
    dkim: Vec<RawDkim>,
}

/// A further mail server, for when those before it cannot be reached.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRelay {
    server: Spanned<String>,
    port: Option<u16>,
    security: Spanned<String>,
    user: Option<Spanned<String>>,
    password_file: Option<Spanned<PathBuf>>,
    per_minute: Option<Spanned<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDkim {
    selector: Spanned<String>,
    key_file: Spanned<PathBuf>,
}

fn sender() -> String {
    "みまもり".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMetrics {
    listen: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRating {
    policy: Spanned<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLog {
    #[serde(default)]
    json: bool,
}

pub(super) fn check(at: &Place<'_>, raw: Raw) -> Result<Config, ConfigError> {
    let beside = |path: &Path| at.path.parent().unwrap_or(Path::new(".")).join(path);
    Ok(Config {
        database: database(at, &raw)?,
        state_dir: beside(&raw.state_dir),
        portal: portal(at, raw.portal)?,
        gateways: gateways(at, &raw.gateways)?,
        mail: mail(at, raw.mail)?,
        sms: raw.sms.map(|s| sms::check(at, &s)).transpose()?,
        metrics: raw.metrics.map(|m| address_of(at, "metrics.listen", &m.listen)).transpose()?,
        policy: raw.rating.map(|r| existing(at, "rating.policy", &r.policy)).transpose()?,
        log: Log { json: raw.log.json },
    })
}

fn database(at: &Place<'_>, raw: &Raw) -> Result<Database, ConfigError> {
    let url = raw.database.get_ref();
    if let Some(path) = url.strip_prefix("sqlite:") {
        let path = path.trim_start_matches("//");
        if path.is_empty() {
            return Err(at.wrong(
                "database",
                &raw.database,
                "sqlite: のあとにファイルの場所を書いてください",
            ));
        }
        return Ok(Database::Sqlite(at.path.parent().unwrap_or(Path::new(".")).join(path)));
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        let connections = *raw.database_connections.get_ref();
        if !(2..=500).contains(&connections) {
            let key = "database_connections";
            return Err(at.wrong(key, &raw.database_connections, "2 から 500 の数を書いてください"));
        }
        return Ok(Database::Postgres { url: url.clone(), connections });
    }
    Err(at.wrong("database", &raw.database, "sqlite:ファイル または postgres://… を書いてください"))
}

fn portal(at: &Place<'_>, raw: RawPortal) -> Result<Portal, ConfigError> {
    let listen = address_of(at, "portal.listen", &raw.listen)?;
    let tls = match (&raw.tls_certificate, &raw.tls_key) {
        (Some(certificate), Some(key)) => Some(TlsFiles {
            certificate: existing(at, "portal.tls_certificate", certificate)?,
            key: existing(at, "portal.tls_key", key)?,
        }),
        (None, None) => None,
        (Some(one), None) => {
            return Err(at.wrong("portal.tls_certificate", one, "tls_key もいっしょに書いてください"));
        }
        (None, Some(one)) => {
            return Err(at.wrong("portal.tls_key", one, "tls_certificate もいっしょに書いてください"));
        }
    };
    let key = "portal.public_url";
    let public_url = raw.public_url.get_ref().trim_end_matches('/').to_owned();
    let host = public_url.strip_prefix("https://").or_else(|| public_url.strip_prefix("http://"));
    let host = host.filter(|h| !h.is_empty() && !h.contains(['/', ' ', '?', '#', '@']));
    let Some(host) = host else {
        let reason = "https://ホスト名 の形で書いてください（お客様が開くアドレスです）";
        return Err(at.wrong(key, &raw.public_url, reason));
    };
    let plain = public_url.starts_with("http://");
    if plain && !is_loopback(host) {
        let reason = "http:// は、この機械の中（localhost）だけで使えます。https:// にしてください";
        return Err(at.wrong(key, &raw.public_url, reason));
    }
    if plain && tls.is_some() {
        return Err(at.wrong(key, &raw.public_url, "証明書を使うときは https:// にしてください"));
    }
    if !plain && tls.is_none() && !raw.behind_proxy {
        let reason = "https には tls_certificate と tls_key が要ります。手前のプロキシが https を受けるときは behind_proxy = true としてください";
        return Err(at.wrong(key, &raw.public_url, reason));
    }
    let contact = Contact { name: raw.contact.name, phone: raw.contact.phone, hours: raw.contact.hours };
    Ok(Portal { listen, public_url, tls, behind_proxy: raw.behind_proxy, contact })
}

fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

fn gateways(at: &Place<'_>, raw: &RawGateways) -> Result<Gateways, ConfigError> {
    let listen = address_of(at, "gateways.listen", &raw.listen)?;
    let names = raw.names.get_ref();
    let ok = !names.is_empty()
        && names
            .iter()
            .all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:".contains(&b)));
    if !ok {
        let reason = "UTM装置がつなぐ名前かIPアドレスを、1つ以上書いてください（ポート番号は付けません）";
        return Err(at.wrong("gateways.names", &raw.names, reason));
    }
    Ok(Gateways { listen, names: names.clone() })
}

fn mail(at: &Place<'_>, raw: RawMail) -> Result<Mail, ConfigError> {
    let from = raw.from.get_ref().trim().to_owned();
    let Ok(address) = mimamori_domain::EmailAddress::parse(&from) else {
        return Err(at.wrong(
            "mail.from",
            &raw.from,
            "メールアドレスだけを書いてください（名前は from_name に）",
        ));
    };
    let domain = address.as_str().rsplit('@').next().unwrap_or_default().to_owned();
    let first = RawRelay {
        server: raw.server,
        port: raw.port,
        security: raw.security,
        user: raw.user,
        password_file: raw.password_file,
        per_minute: raw.per_minute,
    };
    let mut relays = vec![relay(at, &first)?];
    for fallback in &raw.fallback {
        relays.push(relay(at, fallback)?);
    }
    let bounces = raw.bounces.map(|b| {
        let text = b.get_ref().trim().to_owned();
        match mimamori_domain::EmailAddress::parse(&text) {
            Ok(address) if !address.as_str().contains('+') => Ok(text),
            _ => Err(at.wrong(
                "mail.bounces",
                &b,
                "「+」のないメールアドレスを書いてください。例: \"bounce@example.jp\"",
            )),
        }
    });
    let dkim = raw.dkim.iter().map(|d| dkim(at, d)).collect::<Result<_, _>>()?;
    Ok(Mail {
        relays,
        bounces: bounces.transpose()?,
        bounces_listen: raw.bounces_listen.map(|l| address_of(at, "mail.bounces_listen", &l)).transpose()?,
        dkim,
        from,
        from_name: raw.from_name,
        domain,
        per_minute: rate(at, "mail.total_per_minute", raw.total_per_minute.as_ref())?,
        connections: conversations(at, raw.connections.as_ref())?,
    })
}

fn relay(at: &Place<'_>, raw: &RawRelay) -> Result<MailRelay, ConfigError> {
    let server = raw.server.get_ref().trim().to_owned();
    if server.is_empty() || server.contains([' ', '/', ':']) {
        let reason = "メールサーバーの名前だけを書いてください（ポートは port に書きます）";
        return Err(at.wrong("mail.server", &raw.server, reason));
    }
    let security = match raw.security.get_ref().as_str() {
        "starttls" => MailSecurity::StartTls,
        "tls" => MailSecurity::Tls,
        "none" if is_loopback(&server) => MailSecurity::None,
        "none" => {
            let reason = "暗号化なしは、この機械の中のメールサーバー（localhost）だけで使えます";
            return Err(at.wrong("mail.security", &raw.security, reason));
        }
        _ => {
            return Err(at.wrong(
                "mail.security",
                &raw.security,
                "\"starttls\"、\"tls\"、\"none\" のどれかです",
            ));
        }
    };
    let port = raw.port.unwrap_or(match security {
        MailSecurity::StartTls => 587,
        MailSecurity::Tls => 465,
        MailSecurity::None => 25,
    });
    let per_minute = rate(at, "mail.per_minute", raw.per_minute.as_ref())?;
    Ok(MailRelay { server, port, security, login: login(at, raw)?, per_minute })
}

fn rate(at: &Place<'_>, key: &str, value: Option<&Spanned<u32>>) -> Result<Option<u32>, ConfigError> {
    match value {
        Some(n) if !(1..=1_000_000).contains(n.get_ref()) => {
            Err(at.wrong(key, n, "1分間に送る数を、1 から 1000000 で書いてください"))
        }
        other => Ok(other.map(|n| *n.get_ref())),
    }
}

fn conversations(at: &Place<'_>, value: Option<&Spanned<u32>>) -> Result<Option<usize>, ConfigError> {
    match value {
        Some(n) if !(1..=50).contains(n.get_ref()) => {
            Err(at.wrong("mail.connections", n, "同時につなぐ数を、1 から 50 で書いてください"))
        }
        other => Ok(other.and_then(|n| usize::try_from(*n.get_ref()).ok())),
    }
}

fn login(at: &Place<'_>, raw: &RawRelay) -> Result<Option<MailLogin>, ConfigError> {
    match (&raw.user, &raw.password_file) {
        (None, None) => Ok(None),
        (Some(user), Some(file)) => {
            let password = secret(at, "mail.password_file", file)?;
            let password = password.trim_end_matches(['\r', '\n']).to_owned();
            Ok(Some(MailLogin { user: user.get_ref().clone(), password }))
        }
        (Some(user), None) => Err(at.wrong("mail.user", user, "password_file もいっしょに書いてください")),
        (None, Some(file)) => Err(at.wrong("mail.password_file", file, "user もいっしょに書いてください")),
    }
}

fn dkim(at: &Place<'_>, raw: &RawDkim) -> Result<Dkim, ConfigError> {
    let pem = secret(at, "mail.dkim.key_file", &raw.key_file)?;
    let selector = raw.selector.get_ref().clone();
    match mimamori_notify::DkimKey::from_pem("example.jp", &selector, &pem) {
        Ok(_) => Ok(Dkim { selector, pem }),
        Err(mimamori_notify::DkimKeyError::BadName) => {
            Err(at.wrong("mail.dkim.selector", &raw.selector, "a-z 0-9 . - で書いてください"))
        }
        Err(e) => {
            let reason =
                format!("RSA（2048ビット以上）か Ed25519 の秘密鍵（PKCS#8 の PEM）ではありません（{e}）");
            Err(at.wrong("mail.dkim.key_file", &raw.key_file, reason))
        }
    }
}

/// A small file that stays secret.
fn secret(at: &Place<'_>, key: &str, file: &Spanned<PathBuf>) -> Result<String, ConfigError> {
    let path = existing(at, key, file)?;
    std::fs::read_to_string(&path).map_err(|e| at.wrong(key, file, format!("読めません（{e}）")))
}

fn address_of(at: &Place<'_>, key: &str, value: &Spanned<String>) -> Result<SocketAddr, ConfigError> {
    value
        .get_ref()
        .parse()
        .map_err(|_| at.wrong(key, value, "「アドレス:ポート」の形で書いてください。例: \"0.0.0.0:8443\""))
}

fn existing(at: &Place<'_>, key: &str, value: &Spanned<PathBuf>) -> Result<PathBuf, ConfigError> {
    let path = at.path.parent().unwrap_or(Path::new(".")).join(value.get_ref());
    if path.is_file() {
        Ok(path)
    } else {
        Err(at.wrong(key, value, format!("ファイル {} がありません", path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    const GOOD: &str = r#"database = "sqlite:mimamori.db"
state_dir = "state"

[portal]
listen = "127.0.0.1:8080"
public_url = "http://localhost:8080/"
contact = { phone = "0120-000-000", hours = "平日 9:00–18:00" }

[gateways]
listen = "0.0.0.0:8443"
names = ["gw.example.jp"]

[mail]
server = "localhost"
security = "none"
from = "noreply@example.jp"
"#;

    fn error(text: &str) -> ConfigError {
        parse(Path::new("/x/m.toml"), text).expect_err("refused")
    }

    #[test]
    fn a_good_file_is_taken_and_paths_are_beside_it() {
        let config = parse(Path::new("/x/m.toml"), GOOD).expect("good");
        assert_eq!(config.database, Database::Sqlite(PathBuf::from("/x/mimamori.db")));
        assert_eq!(config.portal.public_url, "http://localhost:8080");
        assert_eq!((config.mail.relays[0].port, config.mail.domain.as_str()), (25, "example.jp"));
    }

    #[test]
    fn every_error_names_its_line_and_key() {
        let cases = [
            ("listen = \"127.0.0.1:8080\"", "listn = \"127.0.0.1:8080\"", 5, "listn"),
            ("listen = \"127.0.0.1:8080\"", "listen = \"8080\"", 5, "portal.listen"),
            ("\"http://localhost:8080/\"", "\"http://portal.example.jp\"", 6, "portal.public_url"),
            ("\"http://localhost:8080/\"", "\"https://portal.example.jp\"", 6, "portal.public_url"),
            ("\"sqlite:mimamori.db\"", "\"mysql://x\"", 1, "database"),
            ("names = [\"gw.example.jp\"]", "names = []", 11, "gateways.names"),
            ("names = [\"gw.example.jp\"]", "names = 5", 11, "names"),
            ("security = \"none\"", "security = \"plain\"", 15, "mail.security"),
            ("server = \"localhost\"", "server = \"mail.example.jp\"", 15, "mail.security"),
            ("from = \"noreply@example.jp\"", "from = \"みまもり <a@b.example>\"", 16, "mail.from"),
            ("from = \"noreply@example.jp\"", "from = \"a@b.example", 16, "from"),
            ("security = \"none\"", "security = \"none\"\nuser = \"x\"", 16, "mail.user"),
        ];
        for (from, to, line, key) in cases {
            assert!(GOOD.contains(from), "{from}");
            let e = error(&GOOD.replacen(from, to, 1));
            assert_eq!((e.line, e.key.as_str()), (line, key), "{to}: {e}");
        }
        let e = error(&GOOD.replace("state_dir = \"state\"\n", ""));
        assert_eq!(e.key, "state_dir");
    }

    #[test]
    fn secrets_do_not_show() {
        let text = GOOD.replace("sqlite:mimamori.db", "postgres://u:geheim@db/m");
        let config = parse(Path::new("/x/m.toml"), &text).expect("good");
        assert!(!format!("{config:?}").contains("geheim"));
    }
}
