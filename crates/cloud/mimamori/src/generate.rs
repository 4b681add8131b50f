//! `mimamori admin generate`: made-up customers, quickly, into an empty database.

use std::time::Instant;

use anyhow::bail;
use mimamori_domain::account::Belongs;
use mimamori_domain::jst::thousands;
use mimamori_domain::{EmailAddress, LoginName, Name, Role};
use mimamori_service::generate::{Made, PER_RESELLER, Plan};
use mimamori_service::{NewAccount, Service};
use tokio::task::JoinSet;

use crate::admin::people;

/// Resellers (each with its customers) that are made side by side. SQLite writes one at a time.
const AT_ONCE: usize = 4;
/// The login that sees the first, largest customer.
const LOGIN: &str = "generated-1";

/// Makes customers `0..customers` and a login for the first; says how many rows and how long.
pub async fn run(service: &Service, plan: Plan, customers: u64, into_existing: bool) -> anyhow::Result<()> {
    let console = service.console();
    if !into_existing && !service.is_empty(&console).await.map_err(people)? {
        bail!(
            "このデータベースには、すでに登録があります。何も書いていません。架空のお客様は空のデータベースに作ってください（練習用と分かっているときだけ --into-existing を付けます）"
        );
    }
    let prepared = service.prepare_generation(&console, plan).await.map_err(people)?;
    let started = Instant::now();
    let (mut made, mut done, mut next) = (Made::default(), 0, 0);
    let mut running: JoinSet<Result<(u64, Made), mimamori_service::ServiceError>> = JoinSet::new();
    loop {
        while running.len() < AT_ONCE && next < customers {
            let some = next..(next + PER_RESELLER).min(customers);
            next = some.end;
            let (service, console) = (service.clone(), console.clone());
            running.spawn(async move {
                let count = some.end - some.start;
                Ok((count, service.generate(&console, plan, some).await?))
            });
        }
        let Some(one) = running.join_next().await else { break };
        let (count, one) = one?.map_err(people)?;
        done += count;
        made += one;
        if done % 1_000 < PER_RESELLER || done == customers {
            println!("{}社まで作りました（{}秒）", thousands(done), started.elapsed().as_secs());
        }
    }
    service.finish_generation(&console, prepared).await.map_err(people)?;
    let periods = service.publish_comparison().await.map_err(people)?;
    println!(
        "架空のお客様{}社を作りました: 検知{}件、アラート{}件、利用と検査の記録{}件、稼働{}時間、比較の期間{}通り（{}秒）",
        thousands(customers),
        thousands(made.detections),
        thousands(made.alerts),
        thousands(made.lines),
        thousands(made.hours),
        thousands(periods),
        started.elapsed().as_secs()
    );
    let bytes = service.database_bytes(&console).await.map_err(people)?;
    println!(
        "データベースの大きさ: {}バイト。検知と利用・検査の記録1件あたり{}バイト",
        thousands(bytes),
        thousands(bytes / made.events().max(1))
    );
    let new = NewAccount {
        login: LoginName::parse(LOGIN)?,
        name: Name::parse("架空 太郎")?,
        email: EmailAddress::parse("taro@customer.example")?,
        role: Role::CustomerAdmin,
        belongs: Belongs::Customer(plan.customer(0)),
    };
    let (_, password) = service.create_account(&console, new).await.map_err(people)?;
    println!("1社目を見るには: ユーザーID {LOGIN}  仮のパスワード {}", password.reveal());
    Ok(())
}
