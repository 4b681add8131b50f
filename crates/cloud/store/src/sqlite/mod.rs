//! SQLite: the embedded default (SC-01). WAL, `synchronous=FULL`, many readers, one writer task
//! that puts the work of several callers into one commit.

mod dialect;
mod migrate;
mod writer;

#[path = "../sql/mod.rs"]
mod sql;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};

use crate::error::{Result, StoreError};
use crate::scope::Scope;

pub(crate) type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'c>>;

/// Connections for reading.
const READERS: u32 = 4;

/// A store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    readers: SqlitePool,
    writer: writer::Writer,
}

/// What an operator may choose.
#[derive(Clone, Copy, Debug, Default)]
pub struct SqliteOptions {
    /// The file grows no larger; beyond it every write fails as on a full disk.
    pub max_bytes: Option<u64>,
}

/// SQLite's default; what `max_page_count` counts in.
const PAGE_BYTES: u64 = 4_096;

impl SqliteStore {
    /// Opens or creates the file, brings its tables up to date and starts the writer.
    pub async fn open(path: &Path) -> Result<Self> {
        SqliteStore::open_with(path, SqliteOptions::default()).await
    }

    /// As [`SqliteStore::open`], with a limit on the size.
    pub async fn open_with(path: &Path, chosen: SqliteOptions) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
            .pragma("cache_size", "-16384")
            .pragma("temp_store", "MEMORY");
        let options = match chosen.max_bytes {
            Some(bytes) => options.pragma("max_page_count", (bytes / PAGE_BYTES).max(1).to_string()),
            None => options,
        };
        let explain = |e: StoreError| match e {
            StoreError::Unavailable(cause) | StoreError::Database(cause) => {
                StoreError::Refused(format!("cannot open {}: {cause}", path.display()))
            }
            other => other,
        };
        let writer = writer::Writer::start(&options).await.map_err(explain)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(Duration::from_secs(10))
            .connect_lazy_with(options);
        Ok(SqliteStore { readers, writer })
    }

    async fn read<T, F>(&self, _scope: Scope, work: F) -> Result<T>
    where
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send,
        T: Send,
    {
        let mut tx = self.readers.begin().await?;
        let out = work(&mut tx).await?;
        tx.commit().await?;
        Ok(out)
    }

    async fn write<T, F>(&self, _scope: Scope, work: F) -> Result<T>
    where
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
        T: Send + 'static,
    {
        self.writer.run(work).await
    }

    async fn check(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        Ok(())
    }

    async fn shut_down(&self) {
        self.writer.stop().await;
        self.readers.close().await;
    }
}
