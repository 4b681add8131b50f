//! The suite on SQLite, and what only SQLite has.

mod suite;

use std::sync::Arc;

use mimamori_store::{SqliteStore, Store};

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
