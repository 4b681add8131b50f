//! `mimamori demo`: a whole company with three gateways on one machine, nothing installed.
//!
//! Holds always: everything listens on loopback only; everything written is in the data folder;
//! a second start with the same folder goes on. Deliberately not here: anything made up. The
//! gateways inspect recorded traffic with the real engine, enrol and report as real ones do, and
//! the mail goes over SMTP.

mod captures;
mod gateways;
mod mailbox;
mod screen;
mod setup;
mod watch;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use mimamori_base::{SystemClock, SystemRng};
use mimamori_ingest::{Ingest, IngestConfig};
use mimamori_jobs::{Jobs, JobsConfig};
use mimamori_notify::{Receiver, WebhookPump};
use mimamori_service::Service;
use mimamori_web::{Options, Portal, view::Contact};
use tokio::sync::watch as signal;

use crate::cli::DemoArgs;
use crate::config::{Database, Mail, MailRelay, MailSecurity};
use crate::{cloud, listen, live, logs, signals};
pub use screen::Screen;

/// Wished ports of the gateways' API and of the mail server.
const GATEWAY_PORT: u16 = 8443;
const MAIL_PORT: u16 = 2525;

pub async fn run(args: DemoArgs) -> anyhow::Result<()> {
    if args.live {
        live::check()?;
    }
    let screen = Screen::new();
    screen.title();
    std::fs::create_dir_all(&args.data).with_context(|| {
        format!("フォルダー {} を作れません。--data で別の場所を選んでください", args.data.display())
    })?;
    let _lock = lock(&args.data)?;
    if args.verbose {
        logs::to_stderr(false);
    } else {
        logs::to_file(&args.data.join("demo.log"))?;
    }
    let demo = Demo::start(&args, screen.clone()).await?;
    demo.until_stopped(&args).await
}

/// One demonstration at a time in a folder.
fn lock(data: &Path) -> anyhow::Result<std::fs::File> {
    let path = data.join("demo.lock");
    let file = std::fs::File::create(&path).with_context(|| format!("{} を作れません", path.display()))?;
    file.try_lock().map_err(|_| {
        anyhow::anyhow!(
            "フォルダー {} では、体験版がもう動いています。そちらを終えるか、--data で別のフォルダーを選んでください",
            data.display()
        )
    })?;
    Ok(file)
}

/// Everything that runs.
struct Demo {
    screen: Screen,
    service: Service,
    receiver: Receiver,
    cloud: tokio::task::JoinSet<anyhow::Result<()>>,
    gateways: tokio::task::JoinSet<()>,
    stop_cloud: signal::Sender<bool>,
    stop_gateways: signal::Sender<bool>,
}

impl Demo {
    async fn start(args: &DemoArgs, screen: Screen) -> anyhow::Result<Self> {
        let portal_port = listen::bind_near(args.port)?;
        let portal_at = portal_port.local_addr()?;
        let portal_url = format!("http://localhost:{}", portal_at.port());
        let known = setup::read(&args.data)?;
        screen.say(
            "準備",
            &match &known {
                Some(_) => format!("前回の続きから始めます（{}）", args.data.display()),
                None => format!("データは {} に置きます", args.data.display()),
            },
        );
        let service = open(&args.data, known.is_none(), &portal_url).await?;
        let receiver = mailbox::start(&args.data, MAIL_PORT).await?;
        screen.port("メールサーバー（受信箱）", receiver.address(), MAIL_PORT);
        let state = match known {
            Some(state) => state,
            None => setup::provision(&service, &args.data, &screen).await?,
        };
        let ca = cloud::open_ca(&args.data)?;
        let (stop_cloud, cloud_stopping) = signal::channel(false);
        let (stop_gateways, gateways_stopping) = signal::channel(false);
        let ingest = bind_ingest(ca.clone(), &service).await?;
        let gateway_at = ingest.local_addr()?;
        screen.port("UTM装置の受付", gateway_at, GATEWAY_PORT);
        let mut tasks = tokio::task::JoinSet::new();
        let stopping = cloud_stopping.clone();
        tasks.spawn(async move {
            ingest.serve(stopping).await;
            Ok(())
        });
        let sender = cloud::mail_sender(&own_mail(receiver.address()))?;
        let config =
            JobsConfig { node: "demo".to_owned(), every: Duration::from_secs(1), ..JobsConfig::default() };
        let jobs = Jobs::new(service.clone(), sender, config)
            .with_webhooks(WebhookPump::new(service.clone()).context("Webhookを送る準備ができません")?);
        let stopping = cloud_stopping.clone();
        tasks.spawn(async move {
            jobs.run(stopping).await;
            Ok(())
        });
        let inbox = mailbox::Inbox::new(&receiver);
        tasks.spawn(watch::run(
            service.clone(),
            receiver.mailbox(),
            args.data.clone(),
            screen.clone(),
            cloud_stopping.clone(),
        ));
        let app = mimamori_web::router(&portal(&service, inbox));
        tasks.spawn(listen::serve(portal_port, None, app, cloud_stopping));
        screen.port("ポータル", portal_at, args.port);
        screen.invitation(&portal_url, &state.user, &state.password);
        let gateways = gateways::start(args, &state, gateway_at, ca.pem(), &screen, &gateways_stopping);
        Ok(Demo { screen, service, receiver, cloud: tasks, gateways, stop_cloud, stop_gateways })
    }

    async fn until_stopped(mut self, args: &DemoArgs) -> anyhow::Result<()> {
        let failed = tokio::select! {
            () = signals::asked_to_stop() => None,
            ended = self.cloud.join_next() => ended,
        };
        self.screen.say("終了", "UTM装置を止め、残りの記録を届けています…");
        let _ = self.stop_gateways.send(true);
        while self.gateways.join_next().await.is_some() {}
        let _ = self.stop_cloud.send(true);
        while self.cloud.join_next().await.is_some() {}
        self.receiver.stop().await;
        self.service.close().await;
        self.screen.say(
            "終了",
            &format!(
                "終わりました。データは {} に残っています（次の起動で続きから動きます）。",
                args.data.display()
            ),
        );
        match failed {
            Some(ended) => ended.context("体験版の一部が突然終わりました")?,
            None => Ok(()),
        }
    }
}

async fn open(data: &Path, first: bool, portal_url: &str) -> anyhow::Result<Service> {
    let path = data.join("demo.db");
    if first {
        setup::discard_unfinished(data)?;
    }
    let store = cloud::open_store(&Database::Sqlite(path)).await?;
    let config = mimamori_service::Config {
        portal_url: portal_url.to_owned(),
        mail_domain: "mimamori.example".to_owned(),
        // Everything here is made up and on this machine only.
        staff_second_factor: false,
        loopback_webhooks: true,
        keys: Some(cloud::open_keys(data)?),
        ..mimamori_service::Config::default()
    };
    cloud::service(store, cloud::load_policy(None)?, config)
}

async fn bind_ingest(
    ca: Arc<mimamori_ingest::DeviceCa>,
    service: &Service,
) -> anyhow::Result<Ingest<Service>> {
    // The port is looked for first, as the listener is bound inside.
    let port = listen::bind_near(GATEWAY_PORT)?.local_addr()?.port();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let config = IngestConfig::new(
        address,
        vec!["127.0.0.1".to_owned(), "localhost".to_owned(), live::certificate_name()],
    );
    Ingest::bind(config, ca, Arc::new(service.clone()), Arc::new(SystemClock), Arc::new(SystemRng))
        .await
        .context("UTM装置の受付を始められません")
}

fn own_mail(server: SocketAddr) -> Mail {
    Mail {
        relays: vec![MailRelay {
            server: server.ip().to_string(),
            port: server.port(),
            security: MailSecurity::None,
            login: None,
            per_minute: None,
        }],
        bounces: None,
        bounces_listen: None,
        dkim: Vec::new(),
        from: "oshirase@mimamori.example".to_owned(),
        from_name: "みまもり".to_owned(),
        domain: "mimamori.example".to_owned(),
        per_minute: None,
        connections: None,
    }
}

fn portal(service: &Service, inbox: mailbox::Inbox) -> Portal {
    let options = Options {
        https: false,
        behind_proxy: false,
        contact: Contact::new("相談窓口", setup::DESK_PHONE, setup::DESK_HOURS),
    };
    Portal::new(service.clone(), Arc::new(SystemRng), options, Some(Arc::new(inbox)))
}
