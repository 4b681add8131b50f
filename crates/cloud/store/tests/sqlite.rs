//! The suite on SQLite, and what only SQLite has.

mod suite;

use std::sync::Arc;

use mimamori_domain::DetectionKind;
use mimamori_store::{SqliteOptions, SqliteStore, Store, StoreError};

pub struct Fresh {
    pub store: Arc<dyn Store>,
    _dir: tempfile::TempDir,
}

async fn fresh(_name: &str) -> Option<Fresh> {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("cloud.db")).await.unwrap();
    Some(Fresh { store: Arc::new(store), _dir: dir })
}

run_suite!(fresh);

#[tokio::test]
async fn a_path_that_cannot_be_opened_says_which() {
    let e = SqliteStore::open(std::path::Path::new("/nonexistent/x/cloud.db")).await.unwrap_err();
    assert!(e.to_string().contains("/nonexistent/x/cloud.db"), "{e}");
}

#[tokio::test]
async fn what_was_stored_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cloud.db");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).await.unwrap());
    suite::fixture::World::new(store.clone()).await;
    store.close().await;
    assert!(store.customers(suite::fixture::SYSTEM).await.is_err(), "closed");
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(store.customers(suite::fixture::SYSTEM).await.unwrap().len(), 2);
}

/// A full disk refuses reports, says so, keeps what it has, and takes more once there is room.
#[tokio::test]
async fn a_full_disk_loses_nothing_and_the_service_goes_on_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cloud.db");
    let limits = SqliteOptions { max_bytes: Some(1024 * 1024) };
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open_with(&path, limits).await.unwrap());
    let w = suite::fixture::World::new(store.clone()).await;
    let mut stored = 0;
    let refused = loop {
        let batch: Vec<_> = (0..50).map(|_| w.detection(DetectionKind::CommandAndControl, 0)).collect();
        match w.report(0, stored + 1, 10, batch).await {
            Ok(done) => stored = done.cursor.seq,
            Err(e) => break e,
        }
        assert!(stored < 100_000, "the limit holds");
    };
    assert!(matches!(refused, StoreError::DiskFull(_)), "{refused:?}");
    assert!(refused.is_temporary() && refused.to_string().contains("disk"), "{refused}");
    assert!(stored > 0);
    let cursor = store.cursor(suite::fixture::SYSTEM, w.gateways[0]).await.unwrap();
    assert_eq!(cursor.seq, stored, "the cursor stands where the data ends");
    let stats = store.stats(suite::fixture::SYSTEM).await.unwrap();
    assert_eq!(stats.detections, stored);
    store.close().await;
    // Somebody made room.
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).await.unwrap());
    let w = suite::fixture::World { store: store.clone(), ..w };
    let batch: Vec<_> = (0..50).map(|_| w.detection(DetectionKind::CommandAndControl, 0)).collect();
    w.report(0, stored + 1, 10, batch).await.unwrap();
    assert_eq!(store.stats(suite::fixture::SYSTEM).await.unwrap().detections, stored + 50);
}

async fn raw(path: &std::path::Path, sql: &'static str) {
    use sqlx::{ConnectOptions as _, Connection as _};
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut conn = options.connect().await.unwrap();
    sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

#[tokio::test]
async fn a_file_of_an_older_version_is_brought_up_to_date_and_of_a_newer_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cloud.db");
    raw(&path, concat!(include_str!("../migrations/sqlite/0001.sql"), "PRAGMA user_version = 1;")).await;
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).await.unwrap());
    suite::outbox::two_workers_take_different_deliveries(store.clone()).await;
    store.close().await;
    raw(&path, "PRAGMA user_version = 99").await;
    let e = SqliteStore::open(&path).await.unwrap_err();
    assert!(matches!(e, StoreError::Refused(_)) && e.to_string().contains("newer version"), "{e}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("letter.txt");
    let letter = "拝啓 ".repeat(500);
    std::fs::write(&path, &letter).unwrap();
    let e = SqliteStore::open(&path).await.unwrap_err();
    assert!(e.to_string().contains("letter.txt") && e.to_string().contains("not a database"), "{e}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), letter);
}
