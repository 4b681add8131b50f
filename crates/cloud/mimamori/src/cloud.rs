//! Opens what the cloud consists of: database, policy, CA, service. `serve`, `admin` and `demo`
//! share it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use mimamori_base::{Clock, SystemClock, SystemRng};
use mimamori_domain::{EmailAddress, Name, Policy};
use mimamori_ingest::DeviceCa;
use mimamori_notify::{Credentials, DkimKey, Security, Sender, SmsPump, SmtpConfig, TwilioSms};
use mimamori_service::{Keyring, Parts, Service};
use mimamori_store::{PostgresStore, SqliteStore, Store, StoreError};

use crate::config::{self, Config, Database, MailSecurity};

/// For connecting to the mail server, and for each of its answers.
const MAIL_TIMEOUT: Duration = Duration::from_secs(30);

/// Name of the file of keys within the state folder.
const KEYS: &str = "sealing.keys";

/// Where the definition set lies that gateways are handed.
pub fn definitions_folder(state_dir: &Path) -> PathBuf {
    state_dir.join("definitions")
}

/// The service as the configuration describes it.
pub async fn open_service(config: &Config) -> anyhow::Result<Service> {
    std::fs::create_dir_all(&config.state_dir).with_context(|| {
        format!(
            "フォルダー {} を作れません。state_dir の場所と権限を確かめてください",
            config.state_dir.display()
        )
    })?;
    let made = !config.state_dir.join(KEYS).exists();
    let keys = open_keys(&config.state_dir)?;
    let store = open_store(&config.database).await?;
    let service = service(
        store,
        load_policy(config.policy.as_deref())?,
        mimamori_service::Config {
            portal_url: config.portal.public_url.clone(),
            mail_domain: config.mail.domain.clone(),
            sms: config.sms.is_some(),
            keys: Some(keys),
            ..mimamori_service::Config::default()
        },
    )?;
    let resealed = match service.reseal().await {
        Ok(resealed) => resealed,
        Err(error) => {
            if made {
                // A new key must not stand where the old one belongs.
                let _ = std::fs::remove_file(config.state_dir.join(KEYS));
            }
            service.close().await;
            return Err(error).context(lost_keys(&config.state_dir, made));
        }
    };
    if resealed > 0 {
        tracing::info!(resealed, "データベースの秘密を、今の鍵で封じ直しました");
    }
    Ok(service)
}

/// What to do when the database holds secrets that no key opens.
fn lost_keys(state_dir: &Path, missing: bool) -> String {
    let path = state_dir.join(KEYS);
    if missing {
        format!(
            "データベースの秘密を守る鍵のファイル {} がありません。バックアップから戻してから、もう一度始めてください",
            path.display()
        )
    } else {
        format!(
            "データベースの秘密を鍵で開けません。{} に、以前の鍵の行が残っているか確かめてください",
            path.display()
        )
    }
}

/// The keys that seal the database's secrets, made at the first start. They stand beside the
/// database, not in it: whoever has only a copy of the database reads no secret.
pub fn open_keys(state_dir: &Path) -> anyhow::Result<Keyring> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let path = state_dir.join(KEYS);
    let what = || format!("データベースの秘密を守る鍵のファイル {} を使えません", path.display());
    let new = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    match new {
        Ok(mut file) => {
            writeln!(file, "{}", Keyring::fresh_line(&SystemRng)).with_context(what)?;
            file.sync_all().with_context(what)?;
        }
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(e).with_context(what),
    }
    let text = std::fs::read_to_string(&path).with_context(what)?;
    Keyring::parse(&text).with_context(what)
}

pub fn service(
    store: Arc<dyn Store>,
    policy: Policy,
    config: mimamori_service::Config,
) -> anyhow::Result<Service> {
    let parts = Parts { store, clock: Arc::new(SystemClock), rng: Arc::new(SystemRng), policy, config };
    Service::new(parts).context("パスワードを守る仕組みを準備できません")
}

pub async fn open_store(database: &Database) -> anyhow::Result<Arc<dyn Store>> {
    match database {
        Database::Sqlite(path) => {
            if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
                std::fs::create_dir_all(folder)
                    .with_context(|| format!("データベースのフォルダー {} を作れません", folder.display()))?;
            }
            let store = SqliteStore::open(path).await.map_err(|e| explain(e, &path.display().to_string()))?;
            Ok(Arc::new(store))
        }
        Database::Postgres { url, connections } => {
            let store = PostgresStore::open(url, *connections).await.map_err(|e| explain(e, "PostgreSQL"))?;
            Ok(Arc::new(store))
        }
    }
}

/// Why a database cannot be opened, and what to do.
fn explain(error: StoreError, which: &str) -> anyhow::Error {
    let words = match &error {
        StoreError::Unavailable(_) | StoreError::Busy(_) => {
            "つながりません。データベースが動いているか、設定の database のアドレスが正しいかを確かめてください"
        }
        StoreError::DiskFull(_) => "ディスクの空きがありません。空きを作ってから、もう一度始めてください",
        StoreError::Refused(_) => {
            "断られました。ファイルの場所と権限、またはユーザー名とパスワードを確かめてください"
        }
        _ => "開けません",
    };
    anyhow::Error::new(error).context(format!("データベース {which}: {words}"))
}

/// The rating policy of a file, or the one that ships with the program.
pub fn load_policy(path: Option<&Path>) -> anyhow::Result<Policy> {
    let Some(path) = path else {
        return Policy::builtin().map_err(|e| anyhow::anyhow!("組み込みの判定ポリシーを読めません: {e}"));
    };
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("判定ポリシー {} を読めません", path.display()))?;
    Policy::parse(&text)
        .map_err(|e| anyhow::anyhow!("判定ポリシー {} に誤りがあります。\n{e}", path.display()))
}

/// The CA of the gateways, made at the first start.
pub fn open_ca(state_dir: &Path) -> anyhow::Result<Arc<DeviceCa>> {
    let folder = state_dir.join("ca");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("フォルダー {} を作れません", folder.display()))?;
    let ca = DeviceCa::open_or_create(&folder, SystemClock.now())
        .context("UTM装置のための認証局（CA）を開けません")?;
    Ok(Arc::new(ca))
}

/// The way out for mails.
pub fn mail_sender(mail: &config::Mail) -> anyhow::Result<Sender> {
    let bad = "メールを送る準備ができません";
    let mut relays = mail.relays.iter();
    let first = relays.next().context("mail.server を書いてください")?;
    let mut sender = Sender::new(smtp(mail, first)?).context(bad)?;
    for fallback in relays {
        sender = sender.with_fallback(smtp(mail, fallback)?).context(bad)?;
    }
    let each: Vec<_> = mail.relays.iter().map(|r| r.per_minute).collect();
    Ok(sender.paced(mail.per_minute, &each))
}

/// The way out for short messages, if there is one.
pub fn sms_pump(config: Option<&config::Sms>, service: &Service) -> anyhow::Result<Option<SmsPump>> {
    let Some(sms) = config else { return Ok(None) };
    let provider = TwilioSms::new(sms.twilio()).context("SMSを送る準備ができません")?;
    Ok(Some(SmsPump::new(service.clone(), Arc::new(provider), sms.per_minute)))
}

fn smtp(mail: &config::Mail, relay: &config::MailRelay) -> anyhow::Result<SmtpConfig> {
    let address = |text: &String, key: &str| {
        EmailAddress::parse(text).with_context(|| format!("{key} はメールアドレスの形で書いてください"))
    };
    let keys = mail.dkim.iter().map(|d| DkimKey::from_pem(&mail.domain, &d.selector, &d.pem));
    Ok(SmtpConfig {
        host: relay.server.clone(),
        port: relay.port,
        security: match relay.security {
            MailSecurity::StartTls => Security::StartTls,
            MailSecurity::Tls => Security::ImplicitTls,
            MailSecurity::None => Security::PlainLoopback,
        },
        credentials: relay
            .login
            .as_ref()
            .map(|l| Credentials { user: l.user.clone(), password: l.password.clone() }),
        from_name: Name::parse(&mail.from_name)
            .context("mail.from_name は1文字から80文字で書いてください")?,
        from: address(&mail.from, "mail.from")?,
        reply_to: None,
        bounces: mail.bounces.as_ref().map(|b| address(b, "mail.bounces")).transpose()?,
        dkim: keys.collect::<Result<_, _>>().context("mail.dkim の鍵を読めません")?,
        hello_name: mail.domain.clone(),
        timeout: MAIL_TIMEOUT,
        extra_root_pem: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mimamori_domain::NotifyAddresses;
    use mimamori_service::{NewCustomer, NewReseller};

    fn config(folder: &Path) -> Config {
        let text = format!(
            "database = \"sqlite:{0}/m.db\"\nstate_dir = \"{0}/state\"\n\
             [portal]\nlisten = \"127.0.0.1:1\"\npublic_url = \"http://localhost:1\"\n\
             contact = {{ phone = \"0120\", hours = \"平日\" }}\n\
             [gateways]\nlisten = \"127.0.0.1:2\"\nnames = [\"localhost\"]\n\
             [mail]\nserver = \"localhost\"\nsecurity = \"none\"\nport = 1\nfrom = \"a@example.jp\"\n",
            folder.display()
        );
        config::parse(&folder.join("m.toml"), &text).expect("a configuration")
    }

    /// Something sealed in the database.
    async fn seal_something(service: &Service) {
        let console = service.console();
        let name = |text| Name::parse(text).expect("a name");
        let reseller =
            NewReseller { name: name("販売店"), desk_phone: name("0120"), desk_hours: name("平日") };
        let reseller = service.create_reseller(&console, reseller).await.expect("a reseller").id;
        let addresses = NotifyAddresses::default();
        let customer = NewCustomer { reseller, name: name("竹原商店"), addresses };
        let customer = service.create_customer(&console, customer).await.expect("a customer").id;
        service.create_webhook(&console, customer, "https://hooks.example.jp/").await.expect("a webhook");
    }

    #[tokio::test]
    async fn the_keys_open_after_a_restart_are_changed_and_missed_with_clear_words() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = config(folder.path());
        let keys = config.state_dir.join(KEYS);
        let service = open_service(&config).await.expect("the first start makes a key");
        seal_something(&service).await;
        service.close().await;
        let old = std::fs::read_to_string(&keys).expect("the key");
        open_service(&config).await.expect("again with the same key").close().await;

        std::fs::remove_file(&keys).expect("lost");
        let refused = format!("{:#}", open_service(&config).await.expect_err("the key is missing"));
        assert!(
            refused.contains("sealing.keys がありません") && refused.contains("バックアップ"),
            "{refused}"
        );
        assert!(!keys.exists(), "no new key stands where the old one belongs");

        let new = Keyring::fresh_line(&SystemRng);
        std::fs::write(&keys, &new).expect("written");
        let refused = format!("{:#}", open_service(&config).await.expect_err("the old line is missing"));
        assert!(refused.contains("以前の鍵の行"), "{refused}");
        std::fs::write(&keys, format!("{new}\n{old}")).expect("written");
        open_service(&config).await.expect("both").close().await;
        std::fs::write(&keys, &new).expect("written");
        open_service(&config).await.expect("sealed anew with the new key").close().await;

        std::fs::write(&keys, "abc").expect("written");
        let refused = format!("{:#}", open_service(&config).await.expect_err("no key"));
        assert!(refused.contains("sealing.keys") && refused.contains("使えません"), "{refused}");
    }
}
