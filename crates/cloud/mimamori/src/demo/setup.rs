//! The company of the demonstration, made once, and remembered in `demo.toml`.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use anyhow::Context;
use mimamori_domain::account::Belongs;
use mimamori_domain::contract::Agreed;
use mimamori_domain::{
    AnnouncementKind, Contract, CustomerId, EmailAddress, LoginName, Name, NotifyAddresses, Role, Serial,
};
use mimamori_service::{
    ClientInfo, NewAccount, NewAnnouncement, NewCustomer, NewGateway, NewReseller, Service,
};
use serde::{Deserialize, Serialize};

use super::screen::Screen;

pub const DESK_PHONE: &str = "0120-000-000";
pub const DESK_HOURS: &str = "平日 9:00–18:00";
const USER: &str = "takehara";
const MAIL: &str = "kanri@takehara.example";

/// Name and serial of each gateway; the order is that of the captures.
const GATEWAYS: [(&str, &str); 3] =
    [("本店1階", "c025a28b0a41"), ("倉庫", "c025a28b0a44"), ("駅前店", "c025a28b0a47")];

/// What a second start has to know.
#[derive(Clone, Deserialize, Serialize)]
pub struct State {
    pub user: String,
    pub password: String,
    pub gateways: Vec<Gateway>,
}

#[derive(Clone, Deserialize, Serialize)]
pub struct Gateway {
    pub name: String,
    pub serial: String,
    /// One-time: worth nothing after enrolment.
    pub secret: String,
}

fn state_path(data: &Path) -> PathBuf {
    data.join("demo.toml")
}

/// What the last start left, if it got that far.
pub fn read(data: &Path) -> anyhow::Result<Option<State>> {
    let path = state_path(data);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let state = toml::from_str(&text).with_context(|| {
                format!(
                    "{} を読めません。フォルダーを消すか、--data で別のフォルダーを選んでください",
                    path.display()
                )
            })?;
            Ok(Some(state))
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).with_context(|| format!("{} を読めません", path.display())),
    }
}

/// Removes the database of a first start that did not get through; nothing was shown from it.
pub fn discard_unfinished(data: &Path) -> anyhow::Result<()> {
    for name in ["demo.db", "demo.db-wal", "demo.db-shm"] {
        match std::fs::remove_file(data.join(name)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(e).with_context(|| format!("{name} を消せません"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Makes reseller, customer, gateways and administrator, and remembers them.
pub async fn provision(service: &Service, data: &Path, screen: &Screen) -> anyhow::Result<State> {
    let console = service.console();
    let reseller = NewReseller {
        name: Name::parse("瀬戸内商工会議所")?,
        desk_phone: Name::parse(DESK_PHONE)?,
        desk_hours: Name::parse(DESK_HOURS)?,
    };
    let reseller = service.create_reseller(&console, reseller).await?;
    let customer = NewCustomer {
        reseller: reseller.id,
        name: Name::parse("竹原商店")?,
        addresses: NotifyAddresses::new(vec![EmailAddress::parse(MAIL)?])?,
    };
    let customer = service.create_customer(&console, customer).await?;
    let mut gateways = Vec::new();
    for (name, serial) in GATEWAYS {
        let new =
            NewGateway { customer: customer.id, serial: Serial::parse(serial)?, name: Name::parse(name)? };
        let (_, secret) = service.create_gateway(&console, new).await?;
        gateways.push(Gateway {
            name: name.to_owned(),
            serial: serial.to_owned(),
            secret: secret.reveal().to_owned(),
        });
    }
    papers(service, customer.id).await?;
    let password = administrator(service, customer.id).await?;
    let state = State { user: USER.to_owned(), password, gateways };
    write(data, &state)?;
    screen.say("登録", "再販事業者「瀬戸内商工会議所」、お客様「竹原商店」、UTM装置3台、管理者1名");
    Ok(state)
}

/// What a customer finds to read from the first day on.
async fn papers(service: &Service, customer: CustomerId) -> anyhow::Result<()> {
    let console = service.console();
    let contract = Contract {
        customer,
        number: "M-0001".into(),
        started_on: None,
        free_until: None,
        ends_on: None,
        agreed: vec![Agreed {
            document: "サービス仕様書".into(),
            version: "1.0".into(),
            at: service.now(),
            by: "竹原 一郎".into(),
        }],
    };
    service.put_contract(&console, contract).await?;
    let welcome = NewAnnouncement {
        kind: AnnouncementKind::News,
        title: "みまもりへようこそ".to_owned(),
        text: "ご利用ありがとうございます。\n「状態」のページで、問題があるかどうかがすぐに分かります。くわしい使い方は、「その他」の「書類」にある説明書をご覧ください。\nお困りのときは、「お問合せ」からいつでもお送りください。".to_owned(),
        important: true,
        by_mail: false,
        starts_at: None,
        ends_at: None,
    };
    service.publish(&console, welcome).await?;
    Ok(())
}

/// An administrator whose password is already his own, so that the first look is the portal.
async fn administrator(service: &Service, customer: CustomerId) -> anyhow::Result<String> {
    let new = NewAccount {
        login: LoginName::parse(USER)?,
        name: Name::parse("竹原 一郎")?,
        email: EmailAddress::parse(MAIL)?,
        role: Role::CustomerAdmin,
        belongs: Belongs::Customer(customer),
    };
    let (_, secret) = service.create_account(&service.console(), new).await?;
    let from =
        ClientInfo { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), user_agent: "mimamori demo".into(), browser: None };
    let session = service.login(USER, secret.reveal(), &from).await?;
    // Half of it is still 50 random bits, and shorter to type.
    let own: String = secret.reveal().chars().take(11).collect();
    service.change_password(&session.actor, &session.token, secret.reveal(), &own).await?;
    service.logout(&session.token).await?;
    Ok(own)
}

/// Whole or not at all, and for this user only.
fn write(data: &Path, state: &State) -> anyhow::Result<()> {
    let path = state_path(data);
    let new = data.join("demo.toml.new");
    let text = format!("# 体験版の覚え書き。消すと、はじめからになります。\n{}", toml::to_string(state)?);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new).with_context(|| format!("{} に書けません", new.display()))?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&new, &path).with_context(|| format!("{} に書けません", path.display()))
}
