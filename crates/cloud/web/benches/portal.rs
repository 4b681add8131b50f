//! Server time of the portal's pages with 50 people at once, on generated databases: one of them
//! ten times as large as the other, on SQLite and on PostgreSQL.
//!
//! `cargo bench -p mimamori-web --bench portal -- folder=FOLDER customers=10000 heavy=1000000`
//! `only=sqlite`, `only=postgres`: one of the two. `beside=0`: without the smaller database. SQLite's
//! files in the folder are used again; PostgreSQL keeps its own below `TMPDIR` and forgets them.
//! Prints a table; asserts only that every page is there.

#[path = "../../store/tests/support/mod.rs"]
mod postgres;
#[path = "../tests/support/mod.rs"]
#[expect(dead_code, reason = "only the browser is used here")]
mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use mimamori_base::{SeededRng, VirtualClock};
use mimamori_domain::account::Belongs;
use mimamori_domain::{EmailAddress, LoginName, Name, Policy, Role};
use mimamori_service::generate::{Made, PER_RESELLER, Plan};
use mimamori_service::{ClientInfo, Config, NewAccount, Parts, PasswordCost, Service};
use mimamori_store::{PostgresStore, SqliteStore, Store};
use mimamori_web::{Options, Portal, view::Contact};
use support::{Browser, NOW, PASSWORD};

/// How often a person opens a page.
const THINKS: Duration = Duration::from_secs(1);

const PAGES: &[(&str, &str)] = &[
    ("状態", "/?days=30"),
    ("状態, 90 days", "/?days=90"),
    ("アラート", "/alerts?show=all"),
    ("検知", "/detections"),
    ("検知, kind", "/detections?days=90&kind=c2"),
    ("検知, text", "/detections?days=90&q=bank-login"),
    ("検知, text that is nowhere", "/detections?days=90&q=nowhere"),
    ("検知, oldest first", "/detections?days=90&order=oldest"),
    ("くらべる, 7 days", "/compare?from=2026-11-17&until=2026-11-23"),
    ("くらべる, 30 days", "/compare"),
    ("くらべる, 90 days", "/compare?from=2026-08-26&until=2026-11-23"),
    ("アプリ利用", "/usage/apps?days=30"),
    ("ウェブ利用, 90 days", "/usage/web?days=90"),
    ("端末", "/usage/devices"),
    ("UTM装置", "/gateways"),
];

struct Wanted {
    folder: PathBuf,
    customers: u64,
    heavy: u64,
    /// Customers with use of every hour.
    full: u64,
    users: usize,
    seconds: u64,
    only: String,
    /// Whether a database of a tenth of the customers is measured beside it.
    beside: bool,
}

impl Wanted {
    fn from_args() -> Self {
        let given: BTreeMap<String, String> = std::env::args()
            .skip(1)
            .filter_map(|a| a.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned())))
            .collect();
        let number = |name: &str, or: u64| given.get(name).map_or(or, |v| v.parse().expect("a number"));
        Wanted {
            folder: given.get("folder").map_or_else(std::env::temp_dir, PathBuf::from),
            customers: number("customers", 1_000),
            heavy: number("heavy", 100_000),
            full: number("full", 20),
            users: number("users", 50) as usize,
            seconds: number("seconds", 5),
            only: given.get("only").cloned().unwrap_or_default(),
            beside: number("beside", 1) == 1,
        }
    }
}

fn service(store: Arc<dyn Store>) -> Service {
    let config = Config {
        password_cost: PasswordCost::cheap_for_tests(),
        staff_second_factor: false,
        ..Config::default()
    };
    Service::new(Parts {
        store,
        clock: Arc::new(VirtualClock::at(NOW)),
        rng: Arc::new(SeededRng::new(
            Instant::now().elapsed().as_nanos() as u64 ^ u64::from(std::process::id()),
        )),
        policy: Policy::builtin().expect("policy"),
        config,
    })
    .expect("a service")
}

async fn fill(service: &Service, plan: Plan, customers: u64) {
    let console = service.console();
    if !service.is_empty(&console).await.expect("asked") {
        return;
    }
    let prepared = service.prepare_generation(&console, plan).await.expect("prepared");
    let started = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    let (mut made, mut done) = (Made::default(), 0);
    let mut took = |one: Made| {
        made += one;
        done += PER_RESELLER.min(customers);
        if done % 1_000 == 0 {
            let secs = started.elapsed().as_secs();
            eprintln!("{done} customers, {} events, {secs} s", made.events());
        }
    };
    for first in (0..customers).step_by(PER_RESELLER as usize) {
        let (service, console) = (service.clone(), console.clone());
        let some = first..(first + PER_RESELLER).min(customers);
        running.spawn(async move { service.generate(&console, plan, some).await });
        if running.len() >= 4 {
            took(running.join_next().await.expect("one").expect("no panic").expect("made"));
        }
    }
    while let Some(one) = running.join_next().await {
        took(one.expect("no panic").expect("made"));
    }
    service.finish_generation(&console, prepared).await.expect("finished");
    let generated = started.elapsed();
    let periods = service.publish_comparison().await.expect("published");
    eprintln!(
        "{customers} customers generated in {} s; {periods} periods to compare published in {} s",
        generated.as_secs(),
        (started.elapsed() - generated).as_secs()
    );
    let bytes = service.database_bytes(&console).await.expect("asked");
    eprintln!("{made:?}; {bytes} bytes, {} an event", bytes / made.events().max(1));
}

/// People of the first customers, each logged in; the first one's company is the largest.
async fn people(service: &Service, router: &Router, plan: Plan, count: usize) -> Vec<Browser> {
    let mut all = Vec::new();
    let run = std::process::id();
    for n in 0..count as u64 {
        let login = LoginName::parse(&format!("bench-{run}-{n}")).expect("a login");
        let new = NewAccount {
            login: login.clone(),
            name: Name::parse("担当").expect("a name"),
            email: EmailAddress::parse("t@example.jp").expect("an address"),
            role: Role::CustomerAdmin,
            belongs: Belongs::Customer(plan.customer(n)),
        };
        let (_, temporary) = service.create_account(&service.console(), new).await.expect("an account");
        let from =
            ClientInfo { ip: [127, 0, 0, (n % 250) as u8].into(), user_agent: "b".into(), browser: None };
        let fresh = service.login(login.as_str(), temporary.reveal(), &from).await.expect("logged in");
        service.change_password(&fresh.actor, &fresh.token, temporary.reveal(), PASSWORD).await.expect("set");
        let mut browser = Browser::on(router.clone());
        let answer = browser.log_in(login.as_str(), PASSWORD).await;
        assert!(answer.status.is_redirection(), "{}", answer.body);
        all.push(browser);
    }
    all
}

struct Figure {
    p50: Duration,
    p99: Duration,
    /// Alone, the largest customer.
    alone: Duration,
    bytes: usize,
}

async fn measure(people: &mut Vec<Browser>, path: &'static str, seconds: u64) -> Figure {
    let mut alone = Duration::MAX;
    let mut bytes = 0;
    for _ in 0..3 {
        let begun = Instant::now();
        let answer = people[0].get(path).await;
        alone = alone.min(begun.elapsed());
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        bytes = answer.body.len();
    }
    let count = people.len();
    let mut running = tokio::task::JoinSet::new();
    for (i, mut browser) in std::mem::take(people).into_iter().enumerate() {
        running.spawn(async move {
            tokio::time::sleep(THINKS * i as u32 / count as u32).await;
            let mut times = Vec::new();
            let mut tick = tokio::time::interval(THINKS);
            for _ in 0..seconds {
                tick.tick().await;
                let begun = Instant::now();
                let answer = browser.get(path).await;
                times.push(begun.elapsed());
                assert_eq!(answer.status, 200, "{path}: {}", answer.body);
            }
            (i, browser, times)
        });
    }
    let (mut times, mut back) = (Vec::new(), BTreeMap::new());
    while let Some(done) = running.join_next().await {
        let (i, browser, some) = done.expect("no panic");
        back.insert(i, browser);
        times.extend(some);
    }
    people.extend(back.into_values());
    times.sort_unstable();
    let share = |of: usize| times[(times.len() * of / 100).min(times.len() - 1)];
    Figure { p50: share(50), p99: share(99), alone, bytes }
}

async fn run(store: Arc<dyn Store>, customers: u64, wanted: &Wanted) -> Vec<Figure> {
    let service = service(store);
    let plan = Plan { heavy: wanted.heavy, full_hours: wanted.full, ..Plan::new(7, 90, NOW) };
    fill(&service, plan, customers).await;
    let options = Options {
        https: false,
        behind_proxy: false,
        contact: Contact::new("相談窓口", "0120-000-000", "平日 9:00–18:00"),
    };
    let rng = Arc::new(SeededRng::new(u64::from(std::process::id())));
    let portal = Portal::new(service.clone(), rng, options, None);
    let router = mimamori_web::router(&portal);
    let mut people = people(&service, &router, plan, wanted.users.min(customers as usize)).await;
    let mut figures = Vec::new();
    for (_, path) in PAGES {
        figures.push(measure(&mut people, path, wanted.seconds).await);
    }
    service.close().await;
    figures
}

fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1_000.0
}

fn print(backend: &str, small: &[Figure], large: &[Figure], sizes: (u64, u64)) {
    println!("\n{backend}: {} and {} customers", sizes.0, sizes.1);
    println!("| page | p50 | p99 | largest customer, alone | p99 with a tenth of the customers | bytes |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for (i, ((name, _), large)) in PAGES.iter().zip(large).enumerate() {
        println!(
            "| {name} | {:.1} ms | {:.1} ms | {:.1} ms | {} | {} |",
            ms(large.p50),
            ms(large.p99),
            ms(large.alone),
            small.get(i).map_or_else(|| "–".to_owned(), |small| format!("{:.1} ms", ms(small.p99))),
            large.bytes
        );
    }
}

async fn sqlite(folder: &Path, customers: u64, wanted: &Wanted) -> Vec<Figure> {
    let file = folder.join(format!("portal-{customers}.db"));
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&file).await.expect("a store"));
    let figures = run(store, customers, wanted).await;
    let bytes = std::fs::metadata(&file).map_or(0, |m| m.len());
    eprintln!("SQLite, {customers} customers: {} MB on disk", bytes / 1_000_000);
    figures
}

async fn on_postgres(server: &postgres::Server, customers: u64, wanted: &Wanted) -> Vec<Figure> {
    let name = format!("portal_{customers}");
    let store: Arc<dyn Store> =
        Arc::new(PostgresStore::open(&server.database(&name), 16).await.expect("a store"));
    let figures = run(store, customers, wanted).await;
    let asked = "SELECT sum(pg_table_size(inhrelid)) || ' in tables, ' || sum(pg_indexes_size(inhrelid)) || \
                 ' in indexes for ' || (SELECT count(*) FROM detections) FROM pg_inherits \
                 WHERE inhparent = 'detections'::regclass";
    eprintln!("PostgreSQL, {customers} customers: bytes of detections: {:?}", server.psql(&name, asked));
    let asked = "SELECT pg_size_pretty(pg_database_size(current_database()))";
    eprintln!("PostgreSQL, {customers} customers: {:?} altogether", server.psql(&name, asked));
    figures
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let wanted = Wanted::from_args();
    let sizes = (wanted.customers / 10, wanted.customers);
    println!(
        "{} people, each opening a page every second for {} s; 90 days; the largest customer has {} detections",
        wanted.users, wanted.seconds, wanted.heavy
    );
    if wanted.only != "postgres" {
        let small = match wanted.beside {
            true => sqlite(&wanted.folder, sizes.0, &wanted).await,
            false => Vec::new(),
        };
        let large = sqlite(&wanted.folder, sizes.1, &wanted).await;
        print("SQLite", &small, &large, sizes);
    }
    if wanted.only != "sqlite"
        && let Some(server) = postgres::server()
    {
        let small = match wanted.beside {
            true => on_postgres(server, sizes.0, &wanted).await,
            false => Vec::new(),
        };
        let large = on_postgres(server, sizes.1, &wanted).await;
        print("PostgreSQL", &small, &large, sizes);
        server.stop();
    }
}
