//! A database of the schema before the newest, with rows in it, is brought up to date by opening
//! it, on both databases, and everything is still there.

#[path = "suite/fixture.rs"]
#[expect(dead_code, reason = "only some of it is used here")]
mod fixture;
#[expect(dead_code, reason = "ending the server is for postgres_down")]
mod support;

use std::path::Path;

use fixture::{SYSTEM, World, at};
use mimamori_domain::jst::JstDay;
use mimamori_domain::usage::UseSubject;
use mimamori_domain::{DetectionKind, Period};
use mimamori_store::views::{DetectionFilter, UsageBy, UsageFilter};
use mimamori_store::{PostgresStore, Scope, SqliteStore, Store};
use sqlx::{AssertSqlSafe, Connection as _};

/// The migrations of a database, without the newest.
fn earlier(database: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(database);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    files.pop();
    assert!(files.len() >= 10, "{files:?}");
    files.iter().map(|f| std::fs::read_to_string(f).unwrap()).collect()
}

/// Rows as the program before wrote them. `hex`: how the database writes bytes.
fn rows(w: &World, hex: impl Fn(&[u8]) -> String) -> String {
    let [r, k, g] = [hex(&w.resellers[0].0), hex(&w.customers[0].0), hex(&w.gateways[0].0)];
    let now = at(0).micros();
    let day = JstDay::of(at(0)).0;
    let hour = now / 3_600_000_000 * 3_600_000_000;
    let mut sql = format!(
        "INSERT INTO resellers VALUES ({r}, '商工会', '0120', '平日', {now});
         INSERT INTO customers (id, reseller_id, name, addresses, created_at) VALUES ({k}, {r}, '商店', '[]', {now});
         INSERT INTO gateways (id, customer_id, serial, name, state, enrolled_at, created_at)
             VALUES ({g}, {k}, 'MG-1', '本店', 'online', {now}, {now});
         INSERT INTO rollups VALUES ({k}, {day}, {g}, 'c2', 2, 2);
         INSERT INTO uptime (gateway_id, hour, customer_id, beats) VALUES ({g}, {hour}, {k}, 60);"
    );
    for (secs, device) in [(0, "mac:02:00:00:00:00:01"), (60, "mac:02:00:00:00:00:02")] {
        let d = w.detection(DetectionKind::CommandAndControl, secs);
        let body = serde_json::to_string(&d).unwrap();
        sql += &format!(
            "INSERT INTO detections (id, customer_id, gateway_id, received_at, at, kind, device_key, body)
                 VALUES ({}, {k}, {g}, {now}, {}, 'c2', '{device}', {});
             INSERT INTO usage_days (customer_id, day, gateway_id, device_key, subject, item, kind, title, flows, bytes_up, bytes_down)
                 VALUES ({k}, {day}, {g}, '{device}', 'app', 'zoom', 'chat', 'Zoom', 1, 10, 100);",
            hex(&d.id.0),
            d.at.micros(),
            hex(body.as_bytes())
        );
    }
    sql
}

/// What the program of today says of the rows.
async fn everything_is_there(store: &dyn Store, w: &World) {
    let scope = Scope::customer(w.customers[0]);
    let customer = w.customers[0];
    assert_eq!(store.customer(scope, customer).await.unwrap().customer.name.to_string(), "商店");
    let period = Period::last_days(7, at(0));
    for text in [None, Some("update-check".to_owned()), Some("203.0.113.9".to_owned())] {
        let filter = DetectionFilter {
            customer: Some(customer),
            period: Some(period),
            text: text.clone(),
            ..DetectionFilter::default()
        };
        let page = store.detections(scope, filter).await.unwrap();
        assert_eq!(page.items.len(), 2, "{text:?}");
        assert!(page.items[0].detection.at > page.items[1].detection.at, "newest first");
    }
    let other = Scope::customer(w.customers[1]);
    assert!(store.customer(other, customer).await.is_err(), "only theirs");
    assert_eq!(store.counts(scope, customer, period).await.unwrap()[0].total, 2);
    let usage = UsageFilter {
        customer,
        period,
        subject: UseSubject::Application,
        gateway: None,
        device: None,
        item: None,
    };
    for by in [UsageBy::Item, UsageBy::Kind, UsageBy::Day] {
        let sums = store.usage(scope, usage.clone(), by).await.unwrap();
        assert_eq!((sums.len(), sums[0].bytes_down, sums[0].devices), (1, 200, 2), "{by:?}: {sums:?}");
    }
    assert_eq!(store.usage(scope, usage, UsageBy::Device).await.unwrap().len(), 2);
    assert_eq!(store.uptime(scope, w.gateways[0], period).await.unwrap().len(), 1);
    // And it goes on: what comes now stands beside what was there.
    let detection = w.detection(DetectionKind::CommandAndControl, 120);
    let commit = mimamori_store::views::CommitBatch {
        gateway: w.gateways[0],
        epoch: 1,
        items: vec![(1, mimamori_store::views::ReportItem::Detection(Box::new(detection)))],
        now: at(120),
    };
    store.commit(SYSTEM, commit, w.policy.clone(), w.rng.clone()).await.unwrap();
    assert_eq!(store.stats(SYSTEM).await.unwrap().detections, 3);
}

/// Ids and detections to write; its own store is only there to have made them.
async fn world(folder: &Path) -> World {
    World::new(std::sync::Arc::new(SqliteStore::open(&folder.join("other.db")).await.unwrap())).await
}

#[tokio::test]
async fn a_sqlite_file_of_the_schema_before_is_brought_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let w = world(dir.path()).await;
    let path = dir.path().join("cloud.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut conn = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    let migrations = earlier("sqlite");
    let count = migrations.len();
    let mark = format!("PRAGMA user_version = {count}");
    let rows = rows(&w, |bytes| format!("x'{}'", hex(bytes)));
    for sql in migrations.into_iter().chain([mark, rows]) {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
    }
    conn.close().await.unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    everything_is_there(&store, &w).await;
}

#[tokio::test]
async fn a_postgresql_database_of_the_schema_before_is_brought_up_to_date() {
    let Some(server) = support::server() else { return };
    let dir = tempfile::tempdir().unwrap();
    let w = world(dir.path()).await;
    let url = server.database("upgrade");
    let mut conn = sqlx::PgConnection::connect(&url).await.unwrap();
    let migrations = earlier("postgres");
    let count = migrations.len();
    let mark = format!(
        "CREATE TABLE schema_version (version BIGINT PRIMARY KEY); \
         INSERT INTO schema_version SELECT generate_series(1, {count})"
    );
    let rows = rows(&w, |bytes| format!("decode('{}', 'hex')", hex(bytes)));
    for sql in migrations.into_iter().chain([mark, rows]) {
        // As the program does it: each in one transaction.
        let mut tx = conn.begin().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }
    conn.close().await.unwrap();
    let store = PostgresStore::open(&url, 4).await.unwrap();
    everything_is_there(&store, &w).await;
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
