//! `mimamori serve`: the service as configured, until it is asked to stop.

use std::sync::Arc;

use anyhow::Context;
use mimamori_base::SystemRng;
use mimamori_ingest::{Ingest, IngestConfig};
use mimamori_jobs::{Jobs, JobsConfig};
use mimamori_notify::WebhookPump;
use mimamori_service::Service;
use mimamori_web::{Options, Portal};
use tokio::sync::watch;

use crate::cli::ServeArgs;
use crate::config::Config;
use crate::{bounces, cloud, config, listen, logs, metrics, signals};

pub async fn run(args: ServeArgs) -> anyhow::Result<()> {
    let config = config::load(&args.config)?;
    cloud::load_policy(config.policy.as_deref())?;
    if args.check {
        println!("設定ファイル {} に問題はありません。", args.config.display());
        return Ok(());
    }
    logs::to_stderr(config.log.json);
    serve(config).await
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let portal_port = listen::bind("ポータル", config.portal.listen)?;
    let service = cloud::open_service(&config).await?;
    service.refresh_policy().await.context("判定ポリシーを読めません")?;
    let (stop, stopping) = watch::channel(false);
    let rng = Arc::new(SystemRng);
    let portal = Portal::new(service.clone(), rng, options(&config), None);
    let ingest = Ingest::bind(
        gateway_api(&config),
        cloud::open_ca(&config.state_dir)?,
        Arc::new(service.clone()),
        Arc::new(mimamori_base::SystemClock),
        Arc::new(SystemRng),
    )
    .await
    .context("UTM装置の受付を始められません")?;
    let mut jobs = JobsConfig { node: node_name(&config), ..JobsConfig::default() };
    jobs.mail_connections = config.mail.connections.unwrap_or(jobs.mail_connections);
    let jobs = Jobs::new(service.clone(), cloud::mail_sender(&config.mail)?, jobs)
        .with_sms(cloud::sms_pump(config.sms.as_ref(), &service)?)
        .with_webhooks(WebhookPump::new(service.clone()).context("Webhookを送る準備ができません")?);
    let background = tokio::spawn(jobs.run(stopping.clone()));
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(ingest_task(ingest, stopping.clone()));
    if let Some(address) = config.mail.bounces_listen {
        tasks.spawn(bounces::run(address, service.clone(), stopping.clone()));
    }
    if let Some(address) = config.metrics {
        let port = listen::bind("メトリクス", address)?;
        let app = metrics::router(service.clone());
        tasks.spawn(listen::serve(port, None, app, stopping.clone()));
    }
    let tls = config.portal.tls.clone();
    let app = mimamori_web::router(&portal);
    tasks.spawn(async move { listen::serve(portal_port, tls.as_ref(), app, stopping).await });
    tracing::info!(
        portal = %config.portal.public_url,
        gateways = %config.gateways.listen,
        database = ?config.database,
        "serving"
    );
    let failed = tokio::select! {
        () = signals::asked_to_stop() => None,
        ended = tasks.join_next() => ended,
    };
    tracing::info!("stopping");
    let _ = stop.send(true);
    while tasks.join_next().await.is_some() {}
    background.await.context("定期の仕事が突然終わりました")?;
    service.close().await;
    tracing::info!("stopped");
    match failed {
        Some(ended) => ended.context("待ち受けが突然終わりました")?,
        None => Ok(()),
    }
}

fn gateway_api(config: &Config) -> IngestConfig {
    let mut api = IngestConfig::new(config.gateways.listen, config.gateways.names.clone());
    api.definitions = Some(cloud::definitions_folder(&config.state_dir));
    api
}

/// Unique among nodes that share a database, and the same after a restart.
fn node_name(config: &Config) -> String {
    format!("{} {}", config.state_dir.display(), config.gateways.listen)
}

async fn ingest_task(ingest: Ingest<Service>, stop: watch::Receiver<bool>) -> anyhow::Result<()> {
    ingest.serve(stop).await;
    Ok(())
}

fn options(config: &Config) -> Options {
    let contact = &config.portal.contact;
    Options {
        https: config.portal.https(),
        behind_proxy: config.portal.behind_proxy,
        contact: mimamori_web::view::Contact::new(&contact.name, &contact.phone, &contact.hours),
    }
}
