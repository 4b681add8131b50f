//! `mimamori admin`: registering and looking up, on the machine itself.

use std::path::Path;

use anyhow::{Context, bail};
use mimamori_domain::account::Belongs;
use mimamori_domain::{
    CustomerId, EmailAddress, GatewayId, LoginName, Name, NotifyAddresses, ResellerId, Role, Serial, jst,
};
use mimamori_service::generate::Plan;
use mimamori_service::{Actor, NewAccount, NewCustomer, NewGateway, NewReseller, Service, ServiceError};

use crate::cli::{AdminArgs, AdminCommand, RoleName};
use crate::{cloud, config, generate};

pub async fn run(args: AdminArgs) -> anyhow::Result<()> {
    let config = config::load(&args.config)?;
    if let AdminCommand::PutDefinitions { set, key } = &args.command {
        return put_definitions(&config.state_dir, set, key);
    }
    let service = cloud::open_service(&config).await?;
    let done = carry_out(&service, args.command).await;
    service.close().await;
    done
}

async fn carry_out(service: &Service, command: AdminCommand) -> anyhow::Result<()> {
    let console = service.console();
    match command {
        AdminCommand::AddReseller { name, phone, hours } => {
            let new = NewReseller {
                name: named("--name", &name)?,
                desk_phone: named("--phone", &phone)?,
                desk_hours: named("--hours", &hours)?,
            };
            let made = service.create_reseller(&console, new).await.map_err(people)?;
            println!("再販事業者を登録しました。\n  番号: {}", made.id);
        }
        AdminCommand::AddCustomer { reseller, name, mails } => {
            let new = NewCustomer {
                reseller: ResellerId::parse(&reseller).context("--reseller の番号を読めません")?,
                name: named("--name", &name)?,
                addresses: addresses(&mails)?,
            };
            let made = service.create_customer(&console, new).await.map_err(people)?;
            println!("お客様を登録しました。\n  番号: {}", made.id);
        }
        AdminCommand::AddGateway { customer, serial, name } => {
            let new = NewGateway {
                customer: CustomerId::parse(&customer).context("--customer の番号を読めません")?,
                serial: Serial::parse(&serial).context("--serial は英数字とハイフンで4文字から32文字です")?,
                name: named("--name", &name)?,
            };
            let (made, secret) = service.create_gateway(&console, new).await.map_err(people)?;
            println!("UTM装置を登録しました。\n  番号: {}", made.id);
            println!("  登録用の番号（1回だけ使えます。今だけ表示されます）: {}", secret.reveal());
        }
        AdminCommand::NewSecret { gateway } => {
            let id = GatewayId::parse(&gateway).context("--gateway の番号を読めません")?;
            let secret = service.reissue_secret(&console, id).await.map_err(people)?;
            println!("登録用の番号（1回だけ使えます。今だけ表示されます）: {}", secret.reveal());
        }
        AdminCommand::PlanOutage { gateway, minutes } => {
            let id = GatewayId::parse(&gateway).context("--gateway の番号を読めません")?;
            let length = std::time::Duration::from_secs(minutes.min(120) * 60);
            service.plan_outage(&console, id, length).await.map_err(people)?;
            println!("計画停止を記録しました（今から{}分）。", minutes.min(120));
        }
        AdminCommand::AddAccount { user, name, mail, role, customer, reseller } => {
            let new = NewAccount {
                login: login(&user)?,
                name: named("--name", &name)?,
                email: EmailAddress::parse(&mail).context("--mail はメールアドレスの形で書いてください")?,
                role: role.into(),
                belongs: belongs(role, customer.as_deref(), reseller.as_deref())?,
            };
            let (_, password) = service.create_account(&console, new).await.map_err(people)?;
            println!(
                "アカウントを登録しました。はじめてログインしたときに、パスワードを変えていただきます。"
            );
            println!("  ユーザーID: {user}\n  仮のパスワード（今だけ表示されます）: {}", password.reveal());
        }
        AdminCommand::ResetPassword { user } => {
            let password = service.reset_password(&console, &login(&user)?).await.map_err(people)?;
            println!("仮のパスワードを作りました。ログイン中の画面は終了しました。");
            println!("  ユーザーID: {user}\n  仮のパスワード（今だけ表示されます）: {}", password.reveal());
        }
        AdminCommand::Generate { customers, days, heavy, full, seed, into_existing } => {
            let plan = Plan { heavy, full_hours: full, ..Plan::new(seed, days, service.now()) };
            generate::run(service, plan, customers, into_existing).await?;
        }
        // Needs no database.
        AdminCommand::PutDefinitions { .. } => {}
        AdminCommand::List => list(service, &console).await?,
    }
    Ok(())
}

/// A set goes out only if the gateways could read it: signed with the key given, and whole.
fn put_definitions(state_dir: &Path, set: &Path, key: &Path) -> anyhow::Result<()> {
    let label = mimamori_gateway::definitions::verified_label(set, key)?;
    let folder = cloud::definitions_folder(state_dir);
    let offer = mimamori_ingest::offers::put_up(&folder, set, &label).context("定義ファイルを置けません")?;
    println!(
        "定義 {label} を置きました（{} バイト）。UTM装置は次の連絡のときから取りに来ます。",
        offer.bytes
    );
    println!("  SHA-256: {}", offer.sha256);
    Ok(())
}

async fn list(service: &Service, console: &Actor) -> anyhow::Result<()> {
    let resellers = service.resellers(console).await.map_err(people)?;
    let customers = service.customers(console).await.map_err(people)?;
    let accounts = service.accounts(console).await.map_err(people)?;
    if resellers.is_empty() {
        println!("まだ何も登録されていません。mimamori admin add-reseller から始めてください。");
    }
    for r in &resellers {
        println!("再販事業者 {}  {}（{} {}）", r.id, r.name, r.desk_phone, r.desk_hours);
        for c in customers.iter().filter(|c| c.customer.reseller == r.id) {
            println!("  お客様 {}  {}", c.customer.id, c.customer.name);
            for address in c.customer.addresses.as_slice() {
                println!("    お知らせの宛先  {address}");
            }
            for g in service.gateways(console, c.customer.id).await.map_err(people)? {
                let seen =
                    g.gateway.last_seen.map(jst::date_time).unwrap_or_else(|| "まだ連絡なし".to_owned());
                let (g, state) = (&g.gateway, g.gateway.state.label());
                println!(
                    "    UTM装置 {}  {}（装置ID {}、{state}、最後の連絡 {seen}）",
                    g.id, g.name, g.serial
                );
            }
        }
    }
    for a in &accounts {
        println!("アカウント {}  {}（{}）", a.login, a.name, a.role.label());
    }
    Ok(())
}

fn belongs(role: RoleName, customer: Option<&str>, reseller: Option<&str>) -> anyhow::Result<Belongs> {
    match (role, customer, reseller) {
        (RoleName::CustomerAdmin | RoleName::CustomerViewer, Some(id), None) => {
            Ok(Belongs::Customer(CustomerId::parse(id).context("--customer の番号を読めません")?))
        }
        (RoleName::CustomerAdmin | RoleName::CustomerViewer, ..) => {
            bail!("お客様の役割には --customer だけを付けてください")
        }
        (RoleName::HelpDesk | RoleName::Reseller, None, Some(id)) => {
            Ok(Belongs::Reseller(ResellerId::parse(id).context("--reseller の番号を読めません")?))
        }
        (RoleName::HelpDesk | RoleName::Reseller, ..) => {
            bail!("相談窓口・再販事業者の役割には --reseller だけを付けてください")
        }
        (RoleName::Operator | RoleName::Analyst, None, None) => Ok(Belongs::Operation),
        (RoleName::Operator | RoleName::Analyst, ..) => {
            bail!("運営者・分析担当の役割には --customer も --reseller も付けません")
        }
    }
}

impl From<RoleName> for Role {
    fn from(role: RoleName) -> Role {
        match role {
            RoleName::CustomerAdmin => Role::CustomerAdmin,
            RoleName::CustomerViewer => Role::CustomerViewer,
            RoleName::HelpDesk => Role::HelpDesk,
            RoleName::Reseller => Role::Reseller,
            RoleName::Operator => Role::Operator,
            RoleName::Analyst => Role::Analyst,
        }
    }
}

fn login(user: &str) -> anyhow::Result<LoginName> {
    LoginName::parse(user).context("ユーザーIDは、英小文字・数字・._-@+ で3文字から64文字です")
}

fn named(option: &str, text: &str) -> anyhow::Result<Name> {
    Name::parse(text).with_context(|| format!("{option} は1文字から80文字で、1行で書いてください"))
}

fn addresses(mails: &[String]) -> anyhow::Result<NotifyAddresses> {
    let parsed: Result<Vec<_>, _> = mails.iter().map(|m| EmailAddress::parse(m)).collect();
    let parsed = parsed.context("--mail はメールアドレスの形で書いてください")?;
    NotifyAddresses::new(parsed).context("--mail は、違うアドレスを3件まで書けます")
}

/// What the operator reads; the cause stays in the chain.
pub fn people(error: ServiceError) -> anyhow::Error {
    let words = match &error {
        ServiceError::NotFound => "その番号のものは登録されていません。admin list で確かめてください",
        ServiceError::Duplicate => "同じものがすでに登録されています",
        other => other.for_people(),
    };
    let words = words.to_owned();
    anyhow::Error::new(error).context(words)
}
